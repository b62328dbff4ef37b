"""RunJournal: append-only, without gaps, one writer at each place."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from daymark.core.errors import Conflict, InvalidInput
from daymark.operations.models import OperationPhase, RunId, Transition, TransitionKind
from tests.contracts.backends import CrashingClient, crash_everywhere
from tests.contracts.samples import DAY

RUN = RunId(DAY, OperationPhase.MARKET_CLOSE)
AT = datetime(2018, 2, 5, 21, 0, 0, 123456, tzinfo=UTC)


def lines(first: int, count: int, size: int = 0) -> list[Transition]:
    body = {"reason": "x" * size, "seconds": 0.1} if size else {"seconds": 0.1}
    return [
        Transition(number, TransitionKind.DISPATCHED, AT + timedelta(seconds=number), f"task {number}", 1, body)
        for number in range(first, first + count)
    ]


def test_a_run_never_opened_is_empty(backend):
    assert list(backend.journal.read(RUN)) == []
    assert list(backend.journal.runs(DAY)) == []
    assert backend.journal.latest(DAY, OperationPhase.MARKET_CLOSE) is None
    assert list(backend.journal.session_dates(5)) == []


def test_appends_follow_each_other_and_come_back_exactly(backend):
    backend.journal.append(RUN, lines(0, 2))
    backend.journal.append(RUN, [])
    backend.journal.append(RUN, lines(2, 1))
    backend.journal.append(RUN, lines(3, 4))
    assert list(backend.journal.read(RUN)) == lines(0, 7)


@pytest.mark.parametrize("first", [0, 1, 2, 4, 9])
def test_an_append_anywhere_but_at_the_end_is_a_conflict_and_stores_nothing(backend, first):
    backend.journal.append(RUN, lines(0, 3))
    with pytest.raises(Conflict):
        backend.journal.append(RUN, lines(first, 2))
    assert list(backend.journal.read(RUN)) == lines(0, 3)


def test_the_first_append_begins_at_zero(backend):
    with pytest.raises(Conflict):
        backend.journal.append(RUN, lines(1, 1))
    assert list(backend.journal.runs(DAY)) == []


def test_the_same_append_again_is_a_conflict_for_it_may_be_another_writers(backend):
    backend.journal.append(RUN, lines(0, 2))
    with pytest.raises(Conflict):
        backend.journal.append(RUN, lines(0, 2))


def test_sequences_with_a_hole_or_backwards_are_refused(backend):
    for bad in (lines(0, 1) + lines(2, 1), lines(0, 2)[::-1], lines(0, 1) * 2):
        with pytest.raises(InvalidInput):
            backend.journal.append(RUN, bad)
    assert list(backend.journal.read(RUN)) == []


def test_more_transitions_than_one_transaction_has_actions(backend):
    backend.journal.append(RUN, lines(0, 350))
    backend.journal.append(RUN, lines(350, 1))
    assert list(backend.journal.read(RUN)) == lines(0, 351)


def test_a_journal_longer_than_a_page_is_read_to_its_end(backend):
    backend.journal.append(RUN, lines(0, 120, size=10_000))
    assert list(backend.journal.read(RUN)) == lines(0, 120, size=10_000)


def test_runs_in_phase_order_then_by_attempt(backend):
    runs = [RunId(DAY, phase, attempt) for phase in OperationPhase for attempt in (1, 2, 10)]
    for run in reversed(runs):
        backend.journal.append(run, lines(0, 1))
    assert list(backend.journal.runs(DAY)) == runs
    assert backend.journal.latest(DAY, OperationPhase.PRE_MARKET) == RunId(DAY, OperationPhase.PRE_MARKET, 10)


def test_session_dates_newest_first(backend):
    days = [date(2017, 12, 29), date(2018, 1, 2), DAY]
    for day in days:
        for phase in (OperationPhase.PRE_MARKET, OperationPhase.MID_DAY):
            backend.journal.append(RunId(day, phase), lines(0, 1))
    assert list(backend.journal.session_dates(10)) == days[::-1]
    assert list(backend.journal.session_dates(1)) == [DAY]
    assert list(backend.journal.session_dates(5, before=DAY)) == days[1::-1]
    assert list(backend.journal.session_dates(1, before=date(2018, 1, 3))) == [days[1]]
    assert list(backend.journal.session_dates(0)) == []


def test_an_append_larger_than_a_transaction_is_refused_by_name(aws):
    with pytest.raises(InvalidInput, match="more than one transaction takes"):
        aws.journal.append(RUN, lines(0, 40, size=100_000))
    with pytest.raises(InvalidInput, match="at most 409600 fit"):
        aws.journal.append(RUN, lines(0, 1, size=410_000))
    assert list(aws.journal.read(RUN)) == []


def test_a_crash_stores_all_of_an_append_or_nothing(aws):
    def work(backend, subject):
        run = RunId(DAY, OperationPhase.MID_DAY, _attempt(subject))
        held = len(backend.journal.read(run))
        if held < 3:
            backend.journal.append(run, lines(held, 3 - held))

    def check(backend, subject, done):
        held = list(backend.journal.read(RunId(DAY, OperationPhase.MID_DAY, _attempt(subject))))
        assert held == lines(0, 3) if done else held in ([], lines(0, 3))

    assert crash_everywhere(aws, work, check) == 4


def _attempt(subject: str) -> int:
    when, _, number = subject.partition("-")
    return int(number) + (100 if when == "after" else 0)


def test_the_end_is_moved_in_the_same_transaction(aws):
    client = CrashingClient(aws.dynamodb, 0, after=False)
    aws.build(client, aws.s3)
    aws.journal.append(RUN, lines(0, 5))
    aws.journal.append(RUN, lines(5, 5))
    assert client.calls == ["transact_write_items"] * 2
