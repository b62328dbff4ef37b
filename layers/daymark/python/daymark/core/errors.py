"""One tree of errors: a stable code, a message a person can act on, the field at fault and its context.

Every front (REST, WebSocket, task outcomes) maps this tree once; an exception outside it is a defect and stays a 500.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, ClassVar


def own_words(message: str) -> str:
    """What a rule of ours said, without what the validation library writes before it.

    >>> own_words("Value error, must be a date written YYYY-MM-DD")
    'must be a date written YYYY-MM-DD'
    """
    return message.removeprefix("Value error, ")


def stack_of(error: BaseException) -> str:
    """Where an error was raised, for a log; without its message, which may hold what a client sent or what is a client's."""
    return "".join(traceback.format_tb(error.__traceback__))


class DaymarkError(Exception):
    """Base of every error Daymark raises on purpose.

    Args:
        message: What is wrong and how to mend it, in one sentence.
        field: Path of the input at fault (``"lots[3].quantity"``), or ``None``.
        context: Plain values that help the reader (nearest sessions, the limit that was passed).

    Attributes:
        by_tenant: What single tenants may be told besides. No part of the document: whoever shows it must know who asks.

    >>> error = InvalidInput("quantity must be above zero", field="lots[3].quantity", got="-1")
    >>> error.code, error.field, error.context
    ('invalid_input', 'lots[3].quantity', {'got': '-1'})
    >>> error.retryable
    False
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, field: str | None = None, **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.context: dict[str, Any] = context
        self.by_tenant: Mapping[str, Mapping[str, Any]] = {}

    def as_document(self) -> Mapping[str, Any]:
        """The error as plain data, the same for every front."""
        return {"code": self.code, "message": self.message, "field": self.field, "context": self.context}


class InvalidInput(DaymarkError):
    """The caller's input breaks a rule; the same call can never succeed."""

    code = "invalid_input"


class NotFound(DaymarkError):
    """No such thing, or none that this caller may know of: the two are told apart nowhere."""

    code = "not_found"


class Unauthenticated(DaymarkError):
    """No valid identity came with the call."""

    code = "unauthenticated"


class Forbidden(DaymarkError):
    """The caller may see this thing but not do that with it."""

    code = "forbidden"


class Conflict(DaymarkError):
    """The stored state contradicts the call: another writer came first, or the same key holds other content."""

    code = "conflict"


class StaleFence(DaymarkError):
    """The writer's epoch has been superseded: another region or run owns this work now."""

    code = "stale_fence"


class NotASession(DaymarkError):
    """The exchange does not trade on this date, or the data does not cover it."""

    code = "not_a_session"


class NotPublished(DaymarkError):
    """The authority has not published a value for this date."""

    code = "not_published"


class QualityBlocked(DaymarkError):
    """Data failed a blocking quality gate; what depends on it must not run."""

    code = "quality_blocked"


class RateLimited(DaymarkError):
    """The caller's own share is used up for now; the same call may succeed later. The context says after how many seconds."""

    code = "rate_limited"
    retryable = True


class Unavailable(DaymarkError):
    """A dependency did not answer in time or throttled; the same call may succeed later."""

    code = "unavailable"
    retryable = True
