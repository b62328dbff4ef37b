"""Records of a Kinesis batch as a function receives them, and the answer that tells Kinesis which of them to bring again.

Formats: AWS Lambda developer guide, "Using AWS Lambda with Amazon Kinesis" and "Reporting batch item failures".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from daymark.core.errors import InvalidInput

_SHARD = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SEQUENCE = re.compile(r"[0-9]{1,128}")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
# As many as Kinesis writes; keys then sort as their numbers do.
_SEQUENCE_DIGITS = 56
# The end of the year 9999.
_LAST_INSTANT = 253_402_300_800
FAILURES, IDENTIFIER = "batchItemFailures", "itemIdentifier"


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record of a stream.

    Attributes:
        shard: The shard's id.
        sequence: The record's number; rises within a partition key, also over a re-shard. Numbers are compared, never their texts.
        partition_key: By which the producer keeps the order.
        content: The record's data.
        identifier: The number as the stream wrote it, by which an answer must name the record; its plain digits when left out.
        arrived: Seconds since 1970 in UTC at which the stream took it; the same however often it is delivered.
    """

    shard: str
    sequence: int
    partition_key: str
    content: bytes
    identifier: str = ""
    arrived: float = 0.0

    def __post_init__(self) -> None:
        if not self.identifier:
            object.__setattr__(self, "identifier", str(self.sequence))

    @property
    def lane(self) -> str:
        """The name under which the state of the partition key is kept: the key itself, or its digest where it is no plain text.

        >>> StreamRecord("shardId-0", 1, "group-07", b"").lane
        'group-07'
        """
        if _PLAIN_KEY.fullmatch(self.partition_key):
            return self.partition_key
        return f"sha256-{hashlib.sha256(self.partition_key.encode('utf-8', 'surrogatepass')).hexdigest()}"

    def key(self, folder: str, session_date: date) -> str:
        """The key of the one object that this record may leave in a folder.

        >>> StreamRecord("shardId-0", 12, "a", b"").key("ticks", date(2018, 2, 5))[-30:]
        '000000000000000000000000000012'
        """
        return f"{folder}/{session_date.isoformat()}/{self.shard}/{self.sequence:0{_SEQUENCE_DIGITS}d}"


def records_of(event: Mapping[str, Any]) -> list[StreamRecord]:
    """The records of the event that Lambda receives from Kinesis, in its order.

    Raises:
        InvalidInput: this is no such event; the place is named.
    """
    listed = event.get("Records")
    if not isinstance(listed, list):
        raise InvalidInput("a Kinesis event has a list of Records", field="Records")
    return [_record(entry, f"Records[{place}]") for place, entry in enumerate(listed)]


def _record(entry: Any, field: str) -> StreamRecord:
    kinesis = entry.get("kinesis") if isinstance(entry, Mapping) else None
    if not isinstance(kinesis, Mapping):
        raise InvalidInput("a record of a Kinesis event has a kinesis part", field=f"{field}.kinesis")
    shard = _text(entry, "eventID", field).partition(":")[0]
    if not _SHARD.fullmatch(shard):
        raise InvalidInput(f"not the id of a shard: {shard[:140]!r}", field=f"{field}.eventID")
    sequence = _text(kinesis, "sequenceNumber", f"{field}.kinesis")
    if not _SEQUENCE.fullmatch(sequence):
        raise InvalidInput(f"not a sequence number: {sequence[:140]!r}", field=f"{field}.kinesis.sequenceNumber")
    try:
        content = base64.b64decode(_text(kinesis, "data", f"{field}.kinesis"), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("a record's data are base64", field=f"{field}.kinesis.data") from None
    key, arrived = _text(kinesis, "partitionKey", f"{field}.kinesis"), kinesis.get("approximateArrivalTimestamp", 0.0)
    if isinstance(arrived, bool) or not isinstance(arrived, int | float) or not 0 <= arrived < _LAST_INSTANT:
        raise InvalidInput("a record's arrival is in seconds since 1970", field=f"{field}.kinesis.approximateArrivalTimestamp")
    return StreamRecord(shard, int(sequence), key, content, sequence, float(arrived))


def _text(part: Mapping[str, Any], name: str, field: str) -> str:
    value = part.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"{field} has no text {name}", field=f"{field}.{name}")
    return value


def batch_answer(failed: StreamRecord | None) -> dict[str, Any]:
    """The answer: everything before ``failed`` is done, that record and all after it come again. ``None``: all is done.

    >>> batch_answer(None)
    {'batchItemFailures': []}
    >>> batch_answer(StreamRecord("shardId-0", 12, "a", b""))
    {'batchItemFailures': [{'itemIdentifier': '12'}]}
    """
    return {FAILURES: [] if failed is None else [{IDENTIFIER: failed.identifier}]}


def check_answer(answer: Any, records: Sequence[StreamRecord], failed: bool) -> None:
    """Refuse an answer that Lambda would read otherwise than it is meant.

    Lambda takes an unknown key for "all done", and forgets the records that failed; it takes an unknown identifier for "all failed".
    An exception in place of such an answer brings the whole batch again: nothing is lost.

    Args:
        answer: What would be returned.
        records: The batch.
        failed: Whether any record has to come again.

    Raises:
        InvalidInput: the answer has another form, names no record of the batch, or says other than ``failed``.
    """
    if not isinstance(answer, dict) or set(answer) != {FAILURES} or not isinstance(answer[FAILURES], list):
        raise InvalidInput(f"the answer must be a list under {FAILURES} alone", field="answer")
    known = {record.identifier for record in records}
    for place, item in enumerate(answer[FAILURES]):
        if not isinstance(item, dict) or set(item) != {IDENTIFIER} or item[IDENTIFIER] not in known:
            raise InvalidInput("a failure names a record of this batch", field=f"answer.{FAILURES}[{place}]")
    if bool(answer[FAILURES]) is not failed:
        raise InvalidInput("the answer hides a failure, or tells one that did not happen", field=f"answer.{FAILURES}")
