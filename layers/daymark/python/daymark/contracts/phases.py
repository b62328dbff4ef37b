"""Messages of the phase state machine, version 1: plain JSON, the same for every producer and consumer.

The machine's loop is ``open -> (plan -> Map of perform -> record -> plan ...) -> end``. Readers ignore fields they do not
know and refuse a missing or wrong required one by name. ``operations/messages.py`` maps these shapes to the models.

**Wake-up** (into *open*): from the scheduler, or by hand for one run::

    {"version": 1, "phase": "MARKET_CLOSE", "wake": "2018-02-05T21:00:00+00:00", "driver": "<execution id>"}
    {"version": 1, "run_id": "2018-02-05/MARKET_CLOSE#1", "take_over": false, "driver": "<execution id>"}
    {"version": 1, "run_id": "2018-02-05/MARKET_CLOSE#2", "redo": "gate_prices", "driver": "<execution id>"}

``wake`` is the scheduled instant. ``driver`` (optional, should be the execution's id) makes a repeated *open* of the same driver
harmless: it gets its ticket again. ``take_over`` (optional) resumes a run whose driver is known to be dead; without it another
driver's run answers ``HELD`` until it is overdue. Naming the next attempt of an ended run starts it anew as a whole; with
``redo`` it keeps what succeeded before, except that task and what depends on it.

**Reply** (out of *open*, *plan* and *record*). *open* and *record* answer ``plan`` (go to *plan* with this very document) or
``end``; *plan* answers ``dispatch``, ``wait`` or ``end``. ``run_id``, ``epoch`` and ``region`` are the ticket that the next
step must carry; only an end that opened nothing lacks an epoch (0) and perhaps a run (empty text)::

    {"version": 1, "kind": "plan", "run_id": "2018-02-05/MARKET_CLOSE#1", "epoch": 1, "region": "us-east-1"}
    {"version": 1, "kind": "dispatch", "run_id": "...#1", "epoch": 1, "region": "us-east-1", "commands": [<command>, ...]}
    {"version": 1, "kind": "wait", "run_id": "...#1", "epoch": 1, "region": "us-east-1", "seconds": 4}
    {"version": 1, "kind": "end", "run_id": "...#1", "epoch": 1, "region": "us-east-1", "status": "DEGRADED", "reason": "..."}

``status`` of an end: ``SUCCEEDED``, ``DEGRADED``, ``FAILED`` (the run's own final status; only ``FAILED`` should fail the
execution), ``NOT_DUE`` (the wake-up belongs to no phase of a session), ``HELD`` (another driver runs it now) or ``SUPERSEDED``
(another driver took it over).

**Task command** (one Map item, into *perform*; ``function`` chooses the deployed function)::

    {"version": 1, "run_id": "2018-02-05/MARKET_CLOSE#1", "task": "mark_portfolios", "function": "value_portfolios",
     "try_number": 1, "epoch": 1, "region": "us-east-1", "timeout_seconds": 60}

**Task outcome** (out of *perform*; business failures are outcomes, never raised)::

    {"version": 1, "task": "mark_portfolios", "try_number": 1, "succeeded": true, "retryable": false,
     "started_at": "2018-02-05T21:00:01+00:00", "ended_at": "2018-02-05T21:00:02+00:00",
     "report": {"measures": {"portfolios": 26}, "by_tenant": {}, "warnings": []}, "error": null}
    {"version": 1, "task": "gate_prices", "try_number": 1, "succeeded": false, "retryable": false,
     "started_at": "...", "ended_at": "...", "report": null,
     "error": {"code": "quality_blocked", "message": "...", "field": null, "context": {}}}

**Crashed outcome**: what the state machine's Catch builds when the function gave no answer (crash, memory, time limit). It is
a failed try that may be retried; only the error's name is kept, never its cause::

    {"version": 1, "task": "mark_portfolios", "try_number": 1, "crashed": "States.Timeout"}

**Record command** (into *record*): the ticket and the Map's results in any order::

    {"version": 1, "run_id": "2018-02-05/MARKET_CLOSE#1", "epoch": 1, "region": "us-east-1", "outcomes": [<outcome>, ...]}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from daymark.core.errors import InvalidInput

VERSION = 1


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object read field by field; what is missing or of the wrong type is refused by its path.

    >>> Fields.of({"version": 1, "epoch": "two"}, "reply").whole("epoch")
    Traceback (most recent call last):
    daymark.core.errors.InvalidInput: reply.epoch must be a whole number, got 'two'

    Attributes:
        echoes: Whether a refusal repeats the value it refuses; not of a message that anybody may have written.
    """

    document: Mapping[str, Any]
    path: str
    echoes: bool = True

    @classmethod
    def of(cls, document: object, path: str, *, echoes: bool = True) -> Fields:
        """Accept a JSON object of this version; an absent version means this one."""
        if not isinstance(document, Mapping):
            raise InvalidInput(f"{path} must be a JSON object, got {type(document).__name__}", field=path)
        version = document.get("version", VERSION)
        if version != VERSION or isinstance(version, bool):
            other = f"version {version!r}" if echoes else "another version"
            raise InvalidInput(f"{path} has {other}; this reader knows {VERSION}", field=f"{path}.version")
        return cls(document, path, echoes)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.document.get(name) is not None

    def refused(self, name: str, wanted: str) -> InvalidInput:
        """The error for a field that is missing or wrong."""
        field = f"{self.path}.{name}"
        if name not in self.document:
            return InvalidInput(f"{field} is missing; it must be {wanted}", field=field)
        got = f", got {str(self.document[name])[:80]!r}" if self.echoes else ""
        return InvalidInput(f"{field} must be {wanted}{got}", field=field)

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.document.get(name)
        if not isinstance(value, str) or not value:
            raise self.refused(name, "a text that is not empty")
        return value

    def whole(self, name: str, at_least: int = 1) -> int:
        """A whole number, not below ``at_least``. ``2.0`` counts, as JSONata may write it so."""
        value = self.document.get(name)
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refused(name, "a whole number")
        if value < at_least:
            raise self.refused(name, f"at least {at_least}")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """True or false; ``default`` stands in when the field is absent."""
        value = self.document.get(name, default)
        if not isinstance(value, bool):
            raise self.refused(name, "true or false")
        return value

    def instant(self, name: str) -> datetime:
        """An ISO 8601 instant with a time zone."""
        try:
            value = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise self.refused(name, "an ISO 8601 instant") from None
        if value.tzinfo is None:
            raise self.refused(name, "an instant with a time zone")
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A JSON object; an absent or null one is empty."""
        value = self.document.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.refused(name, "a JSON object")
        return value

    def items(self, name: str) -> list[Any]:
        """A JSON array."""
        value = self.document.get(name)
        if not isinstance(value, list | tuple):
            raise self.refused(name, "a JSON array")
        return list(value)
