"""Kinesis Data Streams: records are put in one call each way; who is refused, and whether an answer came, is told as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import boto3

from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.dynamodb.errors import translated
from daymark.core.errors import Unavailable
from daymark.market_data.tick_ports import PutRecord, PutResult, check_call


def kinesis_client(region: str, *, connect_seconds: float = 1.0, read_seconds: float = 5.0) -> Any:
    """A Kinesis client. One attempt per call: the producer retries, knowing which records a key waits for."""
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


def _result(entry: dict[str, Any]) -> PutResult:
    if entry.get("ErrorCode"):
        return PutResult(error_code=str(entry["ErrorCode"]))
    return PutResult(str(entry.get("SequenceNumber") or ""), str(entry.get("ShardId") or ""))
