"""Run journals: each append is one transaction that moves the journal's end and adds its transitions behind it.

Layout of the operations table (partition key | sort key)::

    SESSIONS            | SESSION#<date>                 dates that have runs
    SESSION#<date>      | RUN#<phase order>#<attempt>    the run, and how many transitions its journal holds
    RUN#<run id>        | SEQUENCE#00000000              transitions from that sequence on, as many as one item takes

Two writers that read the same end both try to move it; one succeeds, the other gets a conflict and nothing of it is stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.errors import ConditionFailed
from daymark.adapters.dynamodb.items import Row, encode
from daymark.adapters.dynamodb.table import ACTIONS_PER_TRANSACTION, BYTES_PER_TRANSACTION, NOTHING_THERE, Table
from daymark.adapters.rows import decode_model, plain
from daymark.core.audit import canonical_json
from daymark.core.errors import Conflict, InvalidInput
from daymark.operations.models import OperationPhase, RunId, Transition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SESSIONS, LENGTH = "SESSIONS", "length"
ROW_BYTES = 256 * 1024


class DynamoRunJournal:
    """``RunJournal`` over the operations table.

    Args:
        table_name: The operations table.
        client: A DynamoDB client with bounded time-outs.
    """

    def __init__(self, table_name: str, client: DynamoDBClient) -> None:
        self._table = Table(table_name, client)

    def read(self, run: RunId) -> Sequence[Transition]:
        """The run's transitions in order; empty if it was never opened. Strongly consistent."""
        rows = self._table.query(_journal_key(run), "SEQUENCE#")
        return [decode_model(Transition, transition) for row in rows for transition in json.loads(row.body)]

    def append(self, run: RunId, transitions: Sequence[Transition]) -> None:
        """Append all or none; sequences continue the stored journal without a gap.

        Raises:
            Conflict: the journal's end is elsewhere: another writer appended first, or the sequences leave a gap.
            InvalidInput: the sequences do not follow each other, or the append is larger than one transaction.
        """
        if not transitions:
            return
        first = transitions[0].sequence
        if first < 0 or [transition.sequence for transition in transitions] != list(range(first, first + len(transitions))):
            raise InvalidInput("sequences must rise by one from zero or above", field="sequence")
        puts = [self._table.put(encode(row), NOTHING_THERE) for row in _rows(run, transitions)]
        end = Row(_session_key(run.session_date), _run_key(run), canonical_json({"run_id": str(run)}), {LENGTH: first + len(transitions)})
        if first == 0:
            # That nothing stands yet, the row of sequence 0 says.
            puts.append(self._table.put(encode(end)))
            # The same row from every run of the day: written again, not compared.
            puts.append(self._table.put(encode(Row(SESSIONS, f"SESSION#{run.session_date.isoformat()}", "{}"))))
        else:
            puts.append(self._table.put(encode(end), "#length = :before", {":before": {"N": str(first)}}, {"#length": LENGTH}))
        if len(puts) > ACTIONS_PER_TRANSACTION or sum(len(str(put["Item"]["body"]).encode()) for put in puts) > BYTES_PER_TRANSACTION:
            raise InvalidInput(f"{len(transitions)} transitions are more than one transaction takes", field="transitions")
        try:
            self._table.transact(puts)
        except ConditionFailed:
            raise Conflict(f"the journal of {run} does not end at {first}; read it again", field="sequence", run_id=str(run)) from None

    def runs(self, session_date: date) -> Sequence[RunId]:
        """Every run of a session, in phase order, then by attempt."""
        return [_run(row) for row in self._table.query(_session_key(session_date), "RUN#")]

    def latest(self, session_date: date, phase: OperationPhase) -> RunId | None:
        """The run with the highest attempt, or ``None``."""
        rows = self._table.query(_session_key(session_date), _phase_prefix(phase), newest_first=True, limit=1)
        return next((_run(row) for row in rows), None)

    def session_dates(self, limit: int, before: date | None = None) -> Sequence[date]:
        """Dates that have runs, newest first, strictly before ``before`` if given."""
        if limit < 1:
            return []
        end = None if before is None else before.isoformat()
        rows = self._table.query(SESSIONS, "SESSION#", before=end, newest_first=True, limit=limit)
        return [date.fromisoformat(row.sk.partition("#")[2]) for row in rows]


def _journal_key(run: RunId) -> str:
    return f"RUN#{run}"


def _session_key(session_date: date) -> str:
    return f"SESSION#{session_date.isoformat()}"


def _phase_prefix(phase: OperationPhase) -> str:
    return f"RUN#{list(OperationPhase).index(phase)}#"


def _run_key(run: RunId) -> str:
    return f"{_phase_prefix(run.phase)}{run.attempt:06d}"


def _run(row: Row) -> RunId:
    return RunId.parse(json.loads(row.body)["run_id"])


def _rows(run: RunId, transitions: Sequence[Transition]) -> Iterator[Row]:
    """Rows of at most ``ROW_BYTES`` of transitions each (or one transition, if that alone is larger)."""
    held: list[Any] = []
    first, size = transitions[0].sequence, 0
    for transition in transitions:
        entry = plain(Transition, transition)
        more = len(canonical_json(entry).encode()) + 1
        if held and size + more > ROW_BYTES:
            yield Row(_journal_key(run), f"SEQUENCE#{first:08d}", canonical_json(held))
            held, first, size = [], transition.sequence, 0
        held.append(entry)
        size += more
    yield Row(_journal_key(run), f"SEQUENCE#{first:08d}", canonical_json(held))
