"""Every item that is stored says its version, and what version 1 and each later one wrote is read by the code of today."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from moto import mock_aws

from daymark.adapters import dynamodb
from daymark.adapters.dynamodb import items
from daymark.adapters.dynamodb.items import SCHEMA_VERSION
from daymark.adapters.dynamodb.tables import TABLES
from daymark.core.audit import verify
from daymark.core.errors import Conflict, InvalidInput
from daymark.core.fence import Fence
from daymark.operations.models import Transition, TransitionKind
from tests.unit.item_world import (
    AT,
    CONNECTION,
    DAY,
    FOLDER,
    GRANT,
    HOUSEHOLD,
    INSTRUMENTS,
    JOURNAL,
    MARK,
    PORTFOLIO,
    RECORD,
    REGION,
    RESULT,
    RUN,
    SCOPE,
    SUMS,
    TOPIC,
    Stores,
    frozen,
    kind,
    stored,
    stores,
    version_of,
    write_everything,
)


@pytest.fixture
def world() -> Iterator[Stores]:
    with mock_aws():
        yield stores()


@pytest.fixture(params=sorted({version_of(path) for path in FOLDER.glob("version-*.json")}))
def old(request: pytest.FixtureRequest, world: Stores) -> Stores:
    """The tables as a version left them."""
    for path, tables in frozen().items():
        if version_of(path) == request.param:
            for table, rows in tables.items():
                for row in rows:
                    world.client.put_item(TableName=table, Item=row)
    return world


# ---- what is written


def test_every_item_says_the_present_version(world: Stores) -> None:
    write_everything(world)

    written = [(table, row) for table, rows in stored(world).items() for row in rows]
    assert {table for table, _ in written} == set(TABLES)
    assert [(table, row) for table, row in written if row.get("version") != {"N": str(SCHEMA_VERSION)}] == []


def test_every_adapter_that_writes_is_among_those_asked() -> None:
    # A module that puts or updates items, or encodes rows for others to put, and is not in the world above would go unseen.
    here = Path(dynamodb.__file__).parent
    calls = {"put_item", "update_item", "transact_write_items", "encode", "append_claimed", "append"}
    writing = set()
    for path in here.glob("*.py"):
        tree = ast.parse(path.read_text())
        named = {
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
        }
        if named & calls and "Row" in path.read_text() + "Row" * ("update_item" in named):
            writing.add(path.stem)
    asked = {
        type(getattr(Stores(None), name)).__module__.rpartition(".")[2]
        for name, value in vars(Stores).items()
        if isinstance(value, property)
    }
    assert writing - {"items", "table"} == asked


def test_every_kind_that_is_written_is_frozen_in_its_version(world: Stores) -> None:
    write_everything(world)

    written = {kind(table, row) for table, rows in stored(world).items() for row in rows}
    held = {
        kind(table, row)
        for path, tables in frozen().items()
        if version_of(path) == SCHEMA_VERSION
        for table, rows in tables.items()
        for row in rows
    }
    assert len(written) == 18
    assert written - held == set()


def test_a_kind_writes_the_attributes_that_its_version_has(world: Stores) -> None:
    # Another attribute, or one fewer, is another schema: it needs another version.
    write_everything(world)
    have = {
        kind(table, row): {name for name in row if not name.startswith("claim_")} for table, rows in stored(world).items() for row in rows
    }
    had = {
        kind(table, row): {name for name in row if not name.startswith("claim_")}
        for path, tables in frozen().items()
        if version_of(path) == SCHEMA_VERSION
        for table, rows in tables.items()
        for row in rows
    }

    assert have == had


# ---- what was written once


def test_every_version_up_to_the_present_is_frozen_and_none_beyond() -> None:
    assert {version_of(path) for path in frozen()} == set(range(1, SCHEMA_VERSION + 1))
    for path, tables in frozen().items():
        assert {row["version"]["N"] for rows in tables.values() for row in rows} == {str(version_of(path))}


def test_what_is_frozen_was_never_changed() -> None:
    said = dict(reversed(line.split("  ")) for line in SUMS.read_text().splitlines())

    assert said == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in frozen()}


def test_the_book_is_read(old: Stores) -> None:
    assert list(old.book.tenants()) == ["northstar"]
    assert dict(old.book.instruments()) == INSTRUMENTS
    assert list(old.book.households("northstar")) == [HOUSEHOLD]
    assert list(old.book.portfolios("northstar")) == [PORTFOLIO]
    assert old.book.record("northstar", "P1") == RECORD


def test_marks_and_records_are_read(old: Stores) -> None:
    assert list(old.marks.history("northstar", "P1", 5)) == [MARK]
    assert list(old.records.find("northstar", DAY)) == [RESULT]


def test_the_journal_is_read_and_goes_on(old: Stores) -> None:
    assert tuple(old.journal.read(RUN)) == JOURNAL
    assert list(old.journal.runs(DAY)) == [RUN]
    assert list(old.journal.session_dates(5)) == [DAY]
    more = Transition(2, TransitionKind.SUCCEEDED, AT, "mark_portfolios", 1, {})
    old.journal.append(RUN, [more])
    assert tuple(old.journal.read(RUN)) == (*JOURNAL, more)


def test_the_chain_is_read_holds_and_goes_on(old: Stores) -> None:
    chain = old.trail.chain("northstar", DAY, "MARKET_CLOSE")

    assert [(entry.event, entry.body) for entry in chain] == [
        (event, {"task": "mark_portfolios", "records": 1}) for event in ("task_failed", "task_succeeded")
    ]
    assert verify(chain) is None
    repeated = old.trail.append(
        "northstar", DAY, "MARKET_CLOSE", "task_failed", "task_failed", {"task": "mark_portfolios", "records": 1}, Fence(SCOPE, REGION, 1)
    )
    assert repeated == chain[0]


def test_the_fence_is_read_and_keeps_its_claims(old: Stores) -> None:
    fence = old.ledger.current(SCOPE)

    assert fence == Fence(SCOPE, REGION, 1)
    old.ledger.claim({"marks/P1": "0" * 64}, fence)
    with pytest.raises(Conflict):
        old.ledger.claim({"marks/P1": "1" * 64}, fence)


def test_calls_and_their_counts_are_read(old: Stores) -> None:
    assert old.keys.answer("northstar/client.one", "key-1", "payload") == {"run_id": str(RUN)}
    # One was counted before.
    assert old.rates.count("northstar/book/read", AT, AT + timedelta(minutes=1), 10) == 2


def test_tickets_and_connections_are_read(old: Stores) -> None:
    assert old.connections.find("abc=", AT) == CONNECTION
    (subscription,) = old.connections.subscribers("live/bucket-0007", AT)
    assert (subscription.connection, subscription.topic) == (CONNECTION, TOPIC)
    assert old.tickets.take("digest", AT) == GRANT
    old.connections.close("abc=")
    assert old.connections.subscribers("live/bucket-0007", AT) == []


def test_without_its_version_or_with_a_later_one_nothing_is_read(old: Stores) -> None:
    row = next(each for each in stored(old)["book"] if each["sk"]["S"] == "HOUSEHOLD#H1")
    for spoilt in ({"N": str(SCHEMA_VERSION + 1)}, None):
        old.client.put_item(TableName="book", Item={name: value for name, value in (row | {"version": spoilt}).items() if value})
        with pytest.raises(InvalidInput) as refused:
            old.book.households("northstar")
        assert refused.value.field == "version"


def test_a_version_more_is_not_read_before_somebody_says_how(old: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    # What raising the version without an upgrade would do: the frozen items tell of it.
    monkeypatch.setattr(items, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(InvalidInput, match="nothing here can upgrade"):
        old.book.tenants()
