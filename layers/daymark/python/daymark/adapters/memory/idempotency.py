"""Calls by idempotency key in memory: for tests, notebooks and one machine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from daymark.core.clock import Clock
from daymark.core.errors import Conflict

LIFETIME = timedelta(hours=24)


class MemoryIdempotencyKeys:
    """A thread-safe :class:`~daymark.http.idempotency.IdempotencyKeys` that lives as long as its process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, str], tuple[datetime, str, Mapping[str, Any]]] = {}
        self._lock = Lock()

    def answer(self, scope: str, key: str, payload_hash: str) -> Mapping[str, Any] | None:
        """The answer given before, or ``None``."""
        call = self._calls.get((scope, key))
        if call is None or call[0] <= self._clock.now():
            return None
        if call[1] != payload_hash:
            raise Conflict("this Idempotency-Key was used for another call", field="header.Idempotency-Key")
        return copy.deepcopy(call[2])

    def claim(self, scope: str, key: str, payload_hash: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Claim a key and return the answer that stands."""
        with self._lock:
            standing = self.answer(scope, key, payload_hash)
            if standing is not None:
                return standing
            self._calls[scope, key] = (self._clock.now() + LIFETIME, payload_hash, copy.deepcopy(answer))
            return copy.deepcopy(answer)
