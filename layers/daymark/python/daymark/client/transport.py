"""Calls of the REST interface: signed in, repeated where that is harmless, and refused as an error that says what was wrong."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import httpx

from daymark.client.decoding import UnexpectedAnswer, decode

T = TypeVar("T")

TRIES = 4
# The call was not taken, or may be sent again as it was.
_AGAIN = {429, 502, 503, 504}
_LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FieldError:
    """One input at fault."""

    field: str
    message: str


class ProblemError(Exception):
    """The service refused a call: a problem as RFC 9457 writes it, or the gateway's own words.

    Attributes:
        status: The HTTP status; 0 if no answer came.
        code: Stable name of the kind of problem, such as ``not_found``.
        detail: What happened and how to mend it.
        field: The first input at fault.
        errors: Every input at fault.
        context: Facts that help, such as the nearest sessions.
        retry_after: Seconds to wait, where the service says so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        field: str | None = None,
        errors: tuple[FieldError, ...] = (),
        context: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.field = status, code, detail, field
        self.errors, self.context, self.retry_after = errors, context or {}, retry_after


def _pause(retry_number: int) -> float:
    """Full jitter below 0.2, 0.4 and 0.8 seconds."""
    return 0.1 * (1 << retry_number) * secrets.randbelow(1 << 30) / (1 << 30)


@dataclass(frozen=True)
class Transport:
    """Where the interface is and who calls it.

    Attributes:
        base_url: The interface's address up to ``/v1``, without a slash at its end.
        token: Gives the ID token for each call; it may sign in anew when the last one ends.
        http: The client that sends; its time-outs and extra headers are its owner's.
        tries: How often a call is sent at most. One whose first sending may have had an effect is repeated only if it has a key, or
            only reads.
        wait: Waits so many seconds before a call is sent again.
    """

    base_url: str
    token: Callable[[], str]
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))
    tries: int = TRIES
    wait: Callable[[float], None] = time.sleep

    def close(self) -> None:
        """Give up the connections that are held."""
        self.http.close()

    def call(
        self,
        answer: type[T],
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Send a call and read its answer.

        Args:
            answer: What a good answer holds.
            method: ``GET`` or ``POST``.
            path: Below the base address, with its parameters filled in.
            query: Parameters; those that are ``None`` are not sent.
            body: Sent as JSON, without members that are ``None``.
            headers: Sent besides the token.

        Raises:
            ProblemError: the service refused it, or did not answer.
            UnexpectedAnswer: the answer is not what the description says.
        """
        content = None if body is None else json.dumps({name: _plain(value) for name, value in body.items() if value is not None})
        sent = dict(headers or {}) | ({} if content is None else {"Content-Type": "application/json"})
        parameters = {name: _spelt(value) for name, value in (query or {}).items() if value is not None}
        harmless = method == "GET" or "Idempotency-Key" in sent
        for number in range(1, self.tries + 1):
            try:
                response = self.http.request(
                    method,
                    self.base_url + path,
                    params=parameters,
                    content=content,
                    headers=sent | {"Authorization": self.token()},
                )
            except httpx.TransportError as lost:
                problem = ProblemError(0, "no_answer", str(lost) or type(lost).__name__)
            else:
                if response.is_success:
                    return decode(answer, _json(response))
                problem = problem_of(response)
            # Of a call without a key only a throttled one is known to have had no effect.
            may_repeat = problem.status == 429 or (harmless and problem.status in _AGAIN | {0})
            if number == self.tries or not may_repeat or (problem.retry_after or 0) > _LONGEST_WAIT_SECONDS:
                raise problem
            self.wait(_pause(number) if problem.retry_after is None else problem.retry_after)
        raise AssertionError("unreachable")


def new_key() -> str:
    """A key for one call; keep it and give it again to send the same call again later."""
    return str(uuid.uuid4())


def _plain(value: Any) -> Any:
    """A value as JSON has it: a day as ISO text."""
    return value.isoformat() if isinstance(value, date) else value


def _spelt(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(_plain(value))


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise UnexpectedAnswer(f"{response.status_code} {response.request.url.path}: the answer is no JSON") from None


def problem_of(response: httpx.Response) -> ProblemError:
    """The error that a refusal stands for."""
    try:
        body = response.json()
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    said = response.headers.get("Retry-After", "")
    errors = body.get("errors") or []
    return ProblemError(
        response.status_code,
        str(body.get("code", "gateway")),
        str(body.get("detail") or body.get("message") or response.reason_phrase),
        body.get("field"),
        tuple(FieldError(str(each.get("field")), str(each.get("message"))) for each in errors if isinstance(each, dict)),
        body.get("context"),
        float(said) if said.isdigit() else None,
    )
