"""Kinesis Data Streams: of ticks, who is refused and whether an answer came is told as it is; of quotes, each bucket keeps its order."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3

from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.dynamodb.errors import translated
from daymark.contracts.live_session import bucket_key
from daymark.core.errors import Unavailable
from daymark.core.retry import full_jitter
from daymark.market_data.tick_ports import MAX_CALL_BYTES, MAX_CALL_RECORDS, PutRecord, PutResult, TickStream, check_call

# The first wait before a refused record comes again, the longest one, and how often in a row a call may fall short.
_BASE_SECONDS, _CAP_SECONDS, _RETRIES = 0.05, 1.0, 5


def kinesis_client(region: str, *, connect_seconds: float = 1.0, read_seconds: float = 5.0) -> Any:
    """A Kinesis client. One attempt per call: who puts retries, knowing which records a key waits for."""
    return boto3.client("kinesis", config=client_settings(region, connect_seconds, read_seconds, attempts=1))


class KinesisTickStream:
    """``TickStream`` over one stream."""

    def __init__(self, stream: str, client: Any) -> None:
        self._stream = stream
        self._client = client

    def put(self, records: Sequence[PutRecord]) -> Sequence[PutResult]:
        """See ``TickStream.put``.

        Raises:
            InvalidInput: no record, more than 500, or more than 5 MiB.
            Unavailable: the call was throttled or not answered, or its answer does not fit it.
            Misconfigured: there is no such stream, or it may not be written to.
        """
        check_call(records)
        entries = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        with translated(f"putting records into stream {self._stream}"):
            answer = self._client.put_records(StreamName=self._stream, Records=entries)
        results = [_result(entry) for entry in answer.get("Records", ())]
        # Taking an answer that is too short, or says nothing of a record, for success would lose records in silence.
        if len(results) != len(records) or not all(result.error_code or result.sequence_number for result in results):
            raise Unavailable(f"putting records into stream {self._stream}: the answer does not tell what became of each")
        return results


class KinesisQuoteStream:
    """``QuoteStream`` over one stream.

    A call that puts several records may take a later one and refuse an earlier one. So a call holds at most one block of a bucket,
    and the bucket's next follows only when that one has been taken: blocks of a bucket never overtake one another.

    Args:
        stream: The stream.
        client: A Kinesis client that makes one attempt per call.
        uniform: Draws from ``[0, 1)`` that spread the waits.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        stream: str,
        client: Any,
        uniform: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stream: TickStream = KinesisTickStream(stream, client)
        self._uniform, self._sleep = uniform, sleep

    def put(self, blocks: Sequence[tuple[int, bytes]]) -> None:
        """Append quote blocks, each with its portfolio bucket; blocks of one bucket keep their order.

        Raises:
            InvalidInput: a block is empty or has more than 1 MiB; nothing was put.
            Unavailable: not all were confirmed; any of them may have been appended, and may come again.
            Misconfigured: there is no such stream, or it may not be written to.
        """
        waiting: dict[int, deque[PutRecord]] = {}
        for bucket, block in blocks:
            waiting.setdefault(bucket, deque()).append(PutRecord(bucket_key(bucket), block))
        retries = 0
        while waiting:
            short = self._put_first(waiting)
            if short is None:
                retries = 0
                continue
            retries += 1
            if retries > _RETRIES:
                raise Unavailable(f"putting quote blocks: not all were taken after {_RETRIES} retries: {short}")
            self._sleep(full_jitter(_BASE_SECONDS, _CAP_SECONDS, retries, self._uniform))

    def _put_first(self, waiting: dict[int, deque[PutRecord]]) -> str | None:
        """Put the first block of as many buckets as a call may hold, and say why not all were taken; ``None`` when they were."""
        call = _first_of_each(waiting)
        try:
            results = self._stream.put(list(call.values()))
        except Unavailable as lost:
            return lost.message
        short = None
        for bucket, result in zip(call, results, strict=True):
            if not result.is_taken:
                short = result.error_code
                continue
            waiting[bucket].popleft()
            if not waiting[bucket]:
                del waiting[bucket]
        return short


def _first_of_each(waiting: Mapping[int, deque[PutRecord]]) -> dict[int, PutRecord]:
    """The first record of each bucket, in the order of the buckets, as far as one call may hold them."""
    call: dict[int, PutRecord] = {}
    size = 0
    for bucket, records in waiting.items():
        size += records[0].size
        if len(call) == MAX_CALL_RECORDS or size > MAX_CALL_BYTES:
            break
        call[bucket] = records[0]
    return call


def _result(entry: dict[str, Any]) -> PutResult:
    if entry.get("ErrorCode"):
        return PutResult(error_code=str(entry["ErrorCode"]))
    return PutResult(str(entry.get("SequenceNumber") or ""), str(entry.get("ShardId") or ""))
