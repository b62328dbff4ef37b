"""When a wake counts: late ones, stray ones, half days and early closes decided during the day."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daymark.core.errors import InvalidInput, NotASession
from daymark.core.sessions import Calendar
from daymark.operations.models import OperationPhase
from daymark.operations.schedule import LATENESS, WAKES, phase_due, phase_instant

CALENDAR = Calendar.exchange()
MONDAY = date(2018, 2, 5)
PEOPLE = ("operations.ivy", "risk.sam")
CLOSE = datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def new_york(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An instant of 2018-02-05 by New York's clock, five hours behind UTC in February."""
    return datetime(2018, 2, 5, hour + 5, minute, second, tzinfo=UTC)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=61), LATENESS])
def test_a_wake_a_little_late_still_runs_the_phase(late: timedelta):
    assert phase_due(CALENDAR, CLOSE + late) == [(MONDAY, OperationPhase.MARKET_CLOSE)]


@pytest.mark.parametrize(
    "wake", [CLOSE - timedelta(microseconds=1), CLOSE + LATENESS + timedelta(microseconds=1), new_york(13), new_york(15)]
)
def test_any_other_wake_runs_nothing(wake: datetime):
    assert phase_due(CALENDAR, wake) == []


def test_lateness_is_the_callers():
    wake = CLOSE + timedelta(minutes=40)
    assert phase_due(CALENDAR, wake) == []
    assert phase_due(CALENDAR, wake, timedelta(minutes=59)) == [(MONDAY, OperationPhase.MARKET_CLOSE)]
    assert phase_due(CALENDAR, CLOSE + timedelta(seconds=1), timedelta(0)) == []


@pytest.mark.parametrize("lateness", [timedelta(seconds=-1), timedelta(hours=1)])
def test_lateness_never_reaches_the_next_fire(lateness: timedelta):
    with pytest.raises(InvalidInput) as refused:
        phase_due(CALENDAR, CLOSE, lateness)
    assert refused.value.field == "lateness"


def test_a_naive_wake_is_refused():
    with pytest.raises(InvalidInput) as refused:
        phase_due(CALENDAR, CLOSE.replace(tzinfo=None))
    assert refused.value.field == "wake"


def test_a_day_the_table_does_not_cover_is_loud():
    with pytest.raises(NotASession):
        phase_due(CALENDAR, datetime(2029, 1, 2, 21, tzinfo=UTC))


def test_the_date_is_new_yorks():
    # 23:00 UTC on Monday is 18:00 in New York the same day; 00:30 UTC on Tuesday is still Monday evening there.
    assert phase_due(CALENDAR, datetime(2018, 2, 5, 23, tzinfo=UTC)) == [(MONDAY, OperationPhase.POST_MARKET)]
    assert phase_due(CALENDAR, datetime(2018, 2, 6, 0, 30, tzinfo=UTC)) == []
    # The close again, by a clock in Tokyo, where it is Tuesday 06:00.
    assert phase_due(CALENDAR, datetime(2018, 2, 6, 6, tzinfo=timezone(timedelta(hours=9)))) == [(MONDAY, OperationPhase.MARKET_CLOSE)]


def test_half_day_of_2018_07_03():
    # Closes 13:00 in New York, four hours behind UTC in July.
    day = date(2018, 7, 3)
    instants = [phase_instant(CALENDAR, day, phase) for phase in OperationPhase]
    assert instants == [datetime(2018, 7, 3, *at, tzinfo=UTC) for at in ((8, 0), (13, 30), (15, 0), (17, 0), (19, 0))]


def test_no_phase_without_a_session():
    with pytest.raises(NotASession):
        phase_instant(CALENDAR, date(2018, 2, 4), OperationPhase.PRE_MARKET)
    assert phase_due(CALENDAR, datetime(2018, 2, 4, 21, tzinfo=UTC)) == []


def test_an_early_close_decided_during_the_day_runs_at_the_next_wake():
    calendar = CALENDAR.with_override(MONDAY, time(14, 0), "power cut", approved_by=PEOPLE)
    assert phase_instant(calendar, MONDAY, OperationPhase.MARKET_CLOSE) == new_york(14)
    assert phase_due(calendar, new_york(13)) == []
    assert phase_due(calendar, new_york(16)) == [(MONDAY, OperationPhase.MARKET_CLOSE)]
    # Close plus two hours is 16:00: the 15:00 wake is too early, the one at 18:00 runs it.
    assert phase_due(calendar, new_york(15)) == []
    assert phase_due(calendar, new_york(18)) == [(MONDAY, OperationPhase.POST_MARKET)]


def test_a_closure_decided_during_the_day_stands_every_phase_down():
    calendar = CALENDAR.with_override(MONDAY, None, "flood", approved_by=PEOPLE)
    for hour in range(4, 19):
        assert phase_due(calendar, new_york(hour)) == []


@given(st.times(time(9, 31), time(15, 59)))
def test_for_any_early_close_phases_keep_their_order_and_each_has_one_wake(close: time):
    calendar = CALENDAR.with_override(MONDAY, close, "drill", approved_by=PEOPLE)
    instants = [phase_instant(calendar, MONDAY, phase) for phase in OperationPhase]
    assert instants == sorted(set(instants))
    wakes = sorted(new_york(at.hour, at.minute) for times in WAKES.values() for at in times)
    runs = [(wake, phase) for wake in wakes for _, phase in phase_due(calendar, wake)]
    assert [phase for _, phase in runs] == list(OperationPhase)
    assert all(wake >= instant for (wake, _), instant in zip(runs, instants, strict=True))
