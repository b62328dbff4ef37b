"""DayRecords: what a day leaves behind, found by kind, subject and phase; never changed, restated by later attempts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import product

import pytest

from daymark.book.ports import DayRecord, RecordKind
from daymark.core.errors import Conflict, InvalidInput, StaleFence
from tests.contracts.backends import crash_everywhere
from tests.contracts.samples import DAY

SCOPE = "2018-02-05/MARKET_CLOSE"
PHASES = ("MARKET_CLOSE", "PRE_MARKET")
KINDS = (RecordKind.DRIFT, RecordKind.LIMITS, RecordKind.PRICE_QUALITY)
SUBJECTS = ("-", "P1", "P10")


def row(kind=RecordKind.DRIFT, subject="P1", phase="MARKET_CLOSE", body=None, tenant="northstar", day=DAY, attempt=1):
    return DayRecord(tenant, day, phase, kind, subject, {"value": "1.10", "weight": 0.1} if body is None else body, attempt)


@pytest.fixture
def fence(backend):
    return backend.ledger.open(SCOPE, "us-east-1")


def test_every_question_finds_exactly_what_matches_in_order(backend, fence):
    stored = [row(kind, subject, phase) for phase, kind, subject in product(PHASES, KINDS, SUBJECTS)]
    backend.records.save(stored[::-1], fence)
    backend.records.save([row(tenant="harbor"), row(day=date(2018, 2, 6))], fence)
    for kind, subject, phase in product((None, *KINDS), (None, *SUBJECTS), (None, *PHASES)):
        expected = [one for one in stored if kind in (None, one.kind) and subject in (None, one.subject) and phase in (None, one.phase)]
        assert list(backend.records.find("northstar", DAY, kind, subject, phase)) == expected, (kind, subject, phase)
    assert list(backend.records.find("northstar", DAY, RecordKind.BACKUP)) == []
    assert list(backend.records.find("northstar", date(2018, 2, 7))) == []
    assert len(backend.records.find("harbor", DAY)) == 1


def test_a_later_attempt_restates_and_the_earlier_ones_stay_readable(backend, fence):
    first = [row(subject=subject, phase=phase) for phase, subject in product(PHASES, SUBJECTS)]
    second, tenth = row(body={"value": "2.20"}, attempt=2), row(body={"value": "10.00"}, attempt=10)
    backend.records.save([tenth], fence)
    backend.records.save(first, fence)
    backend.records.save([second], fence)
    expected = [tenth if (one.subject, one.phase) == ("P1", "MARKET_CLOSE") else one for one in first]
    for subject, phase in product((None, *SUBJECTS), (None, *PHASES)):
        matching = [one for one in expected if subject in (None, one.subject) and phase in (None, one.phase)]
        for kind in (None, RecordKind.DRIFT):
            assert list(backend.records.find("northstar", DAY, kind, subject, phase)) == matching, (kind, subject, phase)
    assert list(backend.records.history("northstar", DAY, RecordKind.DRIFT, "P1")) == [row(), second, tenth, row(phase="PRE_MARKET")]
    assert list(backend.records.history("northstar", DAY, RecordKind.DRIFT, "P10")) == [row(subject="P10", phase=each) for each in PHASES]
    for tenant, day, kind in (("harbor", DAY, RecordKind.DRIFT), ("northstar", date(2018, 2, 6), RecordKind.DRIFT)):
        assert list(backend.records.history(tenant, day, kind, "P1")) == []
    assert list(backend.records.history("northstar", DAY, RecordKind.LIMITS, "P1")) == []


def test_an_attempt_never_changes_its_own_record(backend, fence):
    backend.records.save([row(), row(attempt=2)], fence)
    backend.records.save([row(attempt=2)], fence)
    for attempt in (1, 2):
        with pytest.raises(Conflict):
            backend.records.save([row(body={"value": "2.20"}, attempt=attempt)], fence)
    assert list(backend.records.find("northstar", DAY)) == [row(attempt=2)]


def test_bodies_come_back_as_plain_json(backend, fence):
    body = {"rows": [{"weight": 0.30000000000000004, "outside": True, "name": "Ünïcode", "none": None}], "count": 3}
    backend.records.save([row(body=body)], fence)
    assert backend.records.find("northstar", DAY)[0].body == body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rows": [{"weight": float("nan")}]}, "body.rows[0].weight"),
        ({"weight": float("inf")}, "body.weight"),
        ({"value": Decimal("1.10")}, "body.value"),
        ({"as_of": DAY}, "body.as_of"),
        ({1: "key"}, "body"),
    ],
)
def test_what_is_not_plain_json_is_refused_by_path(backend, fence, body, field):
    with pytest.raises(InvalidInput) as refused:
        backend.records.save([row(subject="P2"), row(body=body)], fence)
    assert refused.value.field == field
    assert list(backend.records.find("northstar", DAY)) == []


def test_keys_are_checked(backend, fence):
    for bad in (row(phase="LUNCH"), row(subject="P#1"), row(subject=""), row(tenant="a#b")):
        with pytest.raises(InvalidInput):
            backend.records.save([bad], fence)
    for attempt in (0, -1, 10_000, 1.0, True):
        with pytest.raises(InvalidInput) as refused:
            backend.records.save([row(attempt=attempt)], fence)
        assert refused.value.field == "attempt"
    with pytest.raises(InvalidInput):
        backend.records.save([row(), row()], fence)
    assert list(backend.records.find("northstar", DAY)) == []


def test_repeat_conflict_and_stale_fence(backend, fence):
    backend.records.save([row(), row(subject="P2")], fence)
    backend.records.save([row(), row(subject="P2")], fence)
    backend.records.save([row(body={"weight": 0.1, "value": "1.10"})], fence)  # the order of members does not matter
    with pytest.raises(Conflict):
        backend.records.save([row(subject="P3"), row(body={"value": "2.20"})], fence)
    assert list(backend.records.find("northstar", DAY, subject="P3")) == []
    backend.ledger.open(SCOPE, "us-west-2")
    for batch in ([row()], [row(subject="P4")]):
        with pytest.raises(StaleFence):
            backend.records.save(batch, fence)
    assert list(backend.records.find("northstar", DAY)) == [row(), row(subject="P2")]


def test_an_item_over_400_kilobytes_is_refused_by_name_before_it_is_claimed(aws):
    fence = aws.ledger.open(SCOPE, "us-east-1")
    with pytest.raises(InvalidInput, match=r"drift#P1#MARKET_CLOSE#0001 has \d+ bytes; at most 409600 fit"):
        aws.records.save([row(body={"text": "x" * 410_000})], fence)
    aws.records.save([row()], fence)


def test_a_crash_anywhere_is_completed_by_replay(aws):
    fence = aws.ledger.open(SCOPE, "us-east-1")

    def work(backend, subject):
        backend.records.save([row(tenant=subject), row(tenant=subject, subject="P2")], fence)

    def check(backend, subject, done):
        found = len(backend.records.find(subject, DAY))
        assert found == 2 if done else found in (0, 2)

    assert crash_everywhere(aws, work, check) >= 4
