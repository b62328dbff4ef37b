"""MarkStore: one mark per portfolio, session and attempt, append-only, fenced; the latest attempt's is the session's mark."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from daymark.adapters.dynamodb import table
from daymark.core.errors import Conflict, InvalidInput, StaleFence
from tests.contracts.backends import Crash, CrashingClient, crash_everywhere
from tests.contracts.samples import DAY, mark

SCOPE = "2018-02-05/MARKET_CLOSE"


@pytest.fixture
def fence(backend):
    return backend.ledger.open(SCOPE, "us-east-1")


def test_a_mark_comes_back_exactly_and_none_where_there_is_none(backend, fence):
    backend.marks.save([mark(), mark("P2")], fence)
    assert backend.marks.mark("northstar", "P1", DAY) == mark()
    assert repr(backend.marks.mark("northstar", "P1", DAY)) == repr(mark())
    assert backend.marks.mark("northstar", "P1", date(2018, 2, 2)) is None
    assert backend.marks.mark("harbor", "P1", DAY) is None
    backend.marks.save([], fence)


def test_a_repeat_is_harmless_and_another_mark_a_conflict(backend, fence):
    backend.marks.save([mark(), mark("P2")], fence)
    backend.marks.save([mark(), mark("P2")], fence)
    backend.marks.save([mark()], fence)
    for batch in ([mark(cash="99.99")], [mark("P3"), mark(cash="99.99")], [mark(cash="99.99"), mark("P2")]):
        with pytest.raises(Conflict):
            backend.marks.save(batch, fence)
    assert backend.marks.mark("northstar", "P1", DAY) == mark()
    assert backend.marks.mark("northstar", "P3", DAY) is None  # nothing half-written


def test_another_scope_cannot_replace_a_mark(backend, fence):
    backend.marks.save([mark()], fence)
    with pytest.raises(Conflict):
        backend.marks.save([mark(cash="99.99")], backend.ledger.open("another scope", "us-east-1"))


def test_the_claim_alone_keeps_other_content_out(backend, fence):
    backend.ledger.claim({_claimed_key(backend): "the content of a writer that died"}, fence)
    with pytest.raises(Conflict):
        backend.marks.save([mark()], fence)
    assert backend.marks.mark("northstar", "P1", DAY) is None


def _claimed_key(backend):
    return "northstar#P1#2018-02-05#0001" if backend.name == "memory" else "TENANT#northstar#PORTFOLIO#P1 MARK#2018-02-05#0001"


def test_one_batch_names_a_mark_once(backend, fence):
    with pytest.raises(InvalidInput):
        backend.marks.save([mark(), mark()], fence)
    assert backend.marks.mark("northstar", "P1", DAY) is None


def test_a_stale_fence_writes_nothing(backend, fence):
    backend.marks.save([mark()], fence)
    backend.ledger.open(SCOPE, "us-west-2")
    for batch in ([mark()], [mark("P2")], [mark("P3"), mark("P4")]):
        with pytest.raises(StaleFence):
            backend.marks.save(batch, fence)
    assert backend.marks.mark("northstar", "P2", DAY) is None
    assert backend.marks.mark("northstar", "P3", DAY) is None


def test_history_is_newest_first_and_strictly_before(backend, fence):
    days = [DAY + timedelta(days=number) for number in range(8)]
    backend.marks.save([mark(day=day) for day in days], fence)
    backend.marks.save([mark("P10", day) for day in days], fence)

    def seen(limit, before=None):
        return [found.session_date for found in backend.marks.history("northstar", "P1", limit, before)]

    assert seen(100) == days[::-1]
    assert seen(3) == days[:4:-1]
    assert seen(3, days[5]) == [days[4], days[3], days[2]]
    assert seen(100, days[0]) == []
    assert seen(1, DAY + timedelta(days=100)) == [days[7]]
    with pytest.raises(InvalidInput):
        seen(0)


def test_a_later_attempt_restates_and_the_earlier_one_does_not_come_back(backend, fence):
    restated, latest = mark(cash="13.30", attempt=2), mark(cash="14.30", attempt=10)
    for one in (latest, mark(), restated):
        backend.marks.save([one], fence)
    backend.marks.save([restated], fence)
    assert backend.marks.mark("northstar", "P1", DAY) == latest
    assert backend.marks.mark("northstar", "P1", DAY).attempt == 10
    assert list(backend.marks.history("northstar", "P1", 9)) == [latest]
    for attempt in (1, 2, 10):
        with pytest.raises(Conflict):
            backend.marks.save([mark(cash="99.99", attempt=attempt)], fence)
    for attempt in (0, 10_000):
        with pytest.raises(InvalidInput) as refused:
            backend.marks.save([mark(attempt=attempt)], fence)
        assert refused.value.field == "attempt"


def test_history_counts_sessions_not_attempts(backend, fence):
    days = [DAY + timedelta(days=number) for number in range(6)]
    attempts = dict(zip(days, (3, 1, 5, 2, 1, 4), strict=True))
    backend.marks.save([mark(day=day, attempt=attempt) for day, last in attempts.items() for attempt in range(1, last + 1)], fence)

    for limit in range(1, 8):
        for before in (None, *days, DAY + timedelta(days=9)):
            expected = [(day, attempts[day]) for day in reversed(days) if before is None or day < before][:limit]
            found = backend.marks.history("northstar", "P1", limit, before)
            assert [(one.session_date, one.attempt) for one in found] == expected, (limit, before)


def test_history_reads_no_more_rows_than_it_was_asked_for_and_what_they_hide(aws):
    """Nine sessions of ten attempts each: one session asked for is one query of two rows, however long the history."""
    fence = aws.ledger.open(SCOPE, "us-east-1")
    days = [DAY + timedelta(days=number) for number in range(9)]
    aws.marks.save([mark(day=day, attempt=attempt) for day in days for attempt in range(1, 11)], fence)
    client = CrashingClient(aws.dynamodb, 0, after=False)
    read = []
    client.query = lambda **named: read.append(aws.dynamodb.query(**named)) or read[-1]
    aws.build(client, aws.s3)
    assert [one.session_date for one in aws.marks.history("northstar", "P1", 1)] == [days[-1]]
    assert [page["Count"] for page in read] == [2]
    read.clear()
    assert aws.marks.mark("northstar", "P1", days[0]).attempt == 10
    assert [page["Count"] for page in read] == [2]
    read.clear()
    assert [one.session_date for one in aws.marks.history("northstar", "P1", 3)] == days[:5:-1]
    assert sum(page["Count"] for page in read) <= 3 * 4


def test_more_marks_than_one_transaction_takes(backend, fence):
    marks = [mark(f"P{number:03d}") for number in range(130)]
    backend.marks.save(marks, fence)
    backend.marks.save(marks, fence)
    assert all(backend.marks.mark("northstar", f"P{number:03d}", DAY) for number in (0, 99, 100, 129))


def test_a_conflict_late_in_a_long_batch_leaves_nothing_of_it(backend, fence):
    backend.marks.save([mark("P129", cash="99.99")], fence)
    with pytest.raises(Conflict):
        backend.marks.save([mark(f"P{number:03d}") for number in range(130)], fence)
    assert backend.marks.mark("northstar", "P000", DAY) is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_crash_anywhere_is_completed_by_replay(aws, count, monkeypatch):
    monkeypatch.setattr(table, "ACTIONS_PER_TRANSACTION", 2)
    fence = aws.ledger.open(SCOPE, "us-east-1")

    def batch(subject):
        return [mark(f"P{number}", tenant=subject) for number in range(count)]

    def work(backend, subject):
        backend.marks.save(batch(subject), fence)

    def check(backend, subject, done):
        found = [backend.marks.mark(subject, f"P{number}", DAY) for number in (0, count - 1)]
        assert all(found) if done else True
        assert all(one is None or one.tenant == subject for one in found)

    # What fits one transaction: claim, write. What takes two: claim, a comparing read, two writes. A batch's claims may take several
    # calls: they are spread by the hash of their keys.
    assert crash_everywhere(aws, work, check) >= (8 if count == 3 else 4)


def test_a_claim_comes_before_any_row(aws):
    fence = aws.ledger.open(SCOPE, "us-east-1")
    client = CrashingClient(aws.dynamodb, 3, after=False)
    aws.build(client, aws.s3)
    with pytest.raises(Crash):
        aws.marks.save([mark()], fence)
    aws.build(aws.dynamodb, aws.s3)
    assert client.calls == ["get_item", "update_item", "put_item"]
    assert aws.marks.mark("northstar", "P1", DAY) is None
    with pytest.raises(Conflict):  # the claim without a row stands: only the same content may complete it
        aws.marks.save([mark(cash="99.99")], fence)
    aws.marks.save([mark()], fence)
    assert aws.marks.mark("northstar", "P1", DAY) == mark()
