"""What nobody can delete holds nobody's name: audit chains and seals. What passes by itself says when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from daymark.adapters.rows import encode_model
from daymark.book.models import Household, PortfolioRecord
from daymark.core.audit import AuditEntry
from daymark.core.errors import InvalidInput
from tests.contracts.audit_day import CLOSE, PRE, Day
from tests.contracts.backends import MemoryBackend
from tests.unit.item_world import AT, frozen, kind
from tests.unit.task_world import STATEMENTS, World, synthetic_records

# A person, in every field of the book that can tell of one. Synthetic.
PERSON = "Ada Byron-Lovelace"
MARKS = (PERSON, "HH-BYRON", "P-BYRON", "adviser.babbage", "ACC-BYRON")
# What an entry of the audit may say.
TOLD = {"task", "records", "sha256", "code"}


def byrons_book() -> list[PortfolioRecord]:
    """The synthetic book with one person's portfolio among it."""
    first, *others = synthetic_records()
    portfolio = replace(
        first.portfolio,
        portfolio_id="P-BYRON",
        household_id="HH-BYRON",
        adviser_id="adviser.babbage",
        name=f"{PERSON}: growth",
        custodian_account="ACC-BYRON",
    )
    lots = tuple(replace(lot, portfolio_id="P-BYRON") for lot in first.lots)
    return [PortfolioRecord(portfolio, lots, tuple(replace(each, portfolio_id="P-BYRON") for each in first.cash)), *others]


@pytest.fixture(scope="module")
def world() -> World:
    """A world after the whole day."""
    statements = {tenant: [line.replace("ACC-A1", "ACC-BYRON") for line in lines] for tenant, lines in STATEMENTS.items()}
    made = World().load(byrons_book(), statements)
    made.book.save_household(Household("alpha", "HH-BYRON", f"{PERSON} and family", "adviser.babbage"), made.loading)
    made.run_day()
    return made


def texts(value: Any) -> Iterator[str]:
    """Every text anywhere in plain data."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    else:
        yield str(value)


def test_the_person_is_in_what_the_day_left(world: World) -> None:
    # So that the absence below means something.
    assert any(PERSON in household.name for household in world.book.households("alpha"))
    assert list(world.documents.keys("backups/alpha/")) and list(world.marks.history("alpha", "P-BYRON", 1))


def test_no_entry_of_the_audit_names_a_person_or_what_is_theirs(world: World) -> None:
    entries = [entry for chain in world.trail._chains.values() for entry in chain]

    assert len(entries) > 20 and {entry.tenant for entry in entries} == {"alpha", "beta", "shared"}
    for entry in entries:
        written = encode_model(AuditEntry, entry)
        assert not [mark for mark in MARKS if mark.lower() in written.lower()], written
        assert set(entry.body) <= TOLD, entry


def test_no_seal_names_a_person_or_what_is_theirs(world: World) -> None:
    keys = list(world.seals.keys(""))

    assert len(keys) == 3
    for key in keys:
        written = world.seals.get(key).decode()
        assert not [mark for mark in MARKS if mark.lower() in (key + written).lower()], key
        # Hashes, dates, phases, numbers, the schema and the tenant: nothing else could have come in.
        said = json.loads(written)
        assert set(said) == {"schema", "version", "tenant", "session_date", "attempt", "merkle_root", "chains", "entries", "sealed"}
        assert all(set(row) == {"session_date", "phase", "entries", "last_hash"} for row in said["sealed"])


def test_a_failure_that_speaks_of_a_person_leaves_its_code_alone() -> None:
    day = Day(MemoryBackend())
    day.failing = InvalidInput(f"{PERSON} has no account ACC-BYRON", field="HH-BYRON")
    day.drive(PRE)
    entries = [entry for tenant in ("harbor", "northstar", "shared") for entry in day.chain(PRE, tenant)]

    assert [entry for entry in entries if entry.event == "task_failed"]
    for entry in entries:
        assert not [mark for mark in MARKS if mark in encode_model(AuditEntry, entry)]
        assert set(entry.body) <= TOLD
    assert not day.chain(CLOSE)


@pytest.mark.parametrize(
    ("what", "longest"),
    [
        ("connections CONNECTION CONNECTION", timedelta(hours=2)),
        ("connections ROOM CONNECTION TOPIC", timedelta(hours=2)),
        ("connections TICKET TICKET", timedelta(seconds=30)),
        ("operations CALLER CALL", timedelta(hours=24)),
        ("rates RATE WINDOW", timedelta(hours=1, minutes=1)),
    ],
)
def test_what_tells_of_who_was_here_ends_by_itself(what: str, longest: timedelta) -> None:
    rows = [row for tables in frozen().values() for table, held in tables.items() for row in held if kind(table, row) == what]

    assert rows
    for row in rows:
        # Rounded up to a second.
        assert AT.timestamp() < int(row["expires_at"]["N"]) <= (AT + longest).timestamp() + 1
