"""What AWS says, in Daymark's own words: one translation for DynamoDB, S3 and Step Functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as ConnectionLost

from daymark.core.errors import Conflict, DaymarkError, InvalidInput, NotFound, Unavailable

_TRY_AGAIN = frozenset(
    {
        "ConditionalRequestConflict",
        "ExecutionLimitExceeded",
        "InternalServerError",
        "KMSThrottlingException",
        "LimitExceededException",
        "OperationAborted",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledRequests",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_CONDITION_FAILED = frozenset({"ConditionalCheckFailedException", "PreconditionFailed", "412"})
_NO_SUCH_CONTENT = frozenset({"NoSuchKey", "404", "NotFound"})
_NO_SUCH_PLACE = frozenset({"ResourceNotFoundException", "NoSuchBucket", "StateMachineDoesNotExist"})
_NOT_ALLOWED = frozenset({"AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "403"})


class ConditionFailed(Conflict):
    """A conditional write was refused; ``item`` is what stands there, where the service told."""

    def __init__(self, message: str, *, field: str | None = None, item: Mapping[str, Any] | None = None, **context: Any) -> None:
        super().__init__(message, field=field, **context)
        self.item = item


class Contended(Unavailable):
    """Another transaction held one of the rows at that moment; botocore does not retry this one."""


class Misconfigured(DaymarkError):
    """The deployment lacks a table, bucket, state machine or permission: nothing the caller can mend."""

    code: ClassVar[str] = "misconfigured"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Run one AWS call; its failures leave as the project's errors, with the cause attached.

    Throttling, 5xx, time-outs and lost connections become ``Unavailable``; a refused condition ``ConditionFailed``; a missing key
    ``NotFound``; a missing table or permission ``Misconfigured``; an item that is too large ``InvalidInput``. Any other answer is
    a defect and passes through unchanged.

    Args:
        what: What was called on what, for the message (``"reading table daymark-book"``).
    """
    try:
        yield
    except ClientError as refused:
        error = _meaning(refused, what)
        if error is None:
            raise
        raise error from refused
    except (HTTPClientError, ConnectionLost) as lost:
        raise Unavailable(f"{what}: no answer ({type(lost).__name__})") from lost


def _meaning(refused: ClientError, what: str) -> DaymarkError | None:
    response: Mapping[str, Any] = refused.response
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("Error", {}).get("Message", ""))
    if code == "TransactionCanceledException":
        return _transaction_meaning(response, what)
    if code in _CONDITION_FAILED:
        return ConditionFailed(f"{what}: what stands there contradicts the write", item=response.get("Item"))
    if code in _NO_SUCH_CONTENT:
        return NotFound(f"{what}: nothing stands there")
    if code in _NO_SUCH_PLACE:
        return Misconfigured(f"{what}: {message or code}; has it been deployed?")
    if code in _NOT_ALLOWED:
        return Misconfigured(f"{what}: not allowed ({code})")
    if code in _TRY_AGAIN or int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500:
        return Unavailable(f"{what}: {code}")
    if code == "ValidationException" and "size" in message.lower():
        return InvalidInput(f"{what}: {message}", field="item")
    return None


def _transaction_meaning(response: Mapping[str, Any], what: str) -> DaymarkError | None:
    """A refused condition outweighs contention: only the latter is worth the same call again."""
    reasons = {str(reason.get("Code")) for reason in response.get("CancellationReasons", ())}
    if "ConditionalCheckFailed" in reasons:
        return ConditionFailed(f"{what}: what stands there contradicts the write")
    if reasons & {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}:
        return Contended(f"{what}: {', '.join(sorted(reasons))}")
    return None
