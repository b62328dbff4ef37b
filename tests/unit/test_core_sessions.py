"""Calendar queries, refusals and overrides."""

from datetime import UTC, date, datetime, time

import pytest

from daymark.core.errors import InvalidInput, NotASession
from daymark.core.sessions import Calendar, Override

CALENDAR = Calendar.exchange()
PEOPLE = ("operations.ivy", "risk.sam")
MONDAY = date(2018, 2, 5)


def test_a_session_carries_utc_instants():
    session = CALENDAR.session(MONDAY)
    # New York is five hours behind UTC in February: 09:30 -> 14:30, 16:00 -> 21:00.
    assert session.open == datetime(2018, 2, 5, 14, 30, tzinfo=UTC)
    assert session.close == datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
    assert session.open.tzinfo is UTC
    assert not session.is_half_day


@pytest.mark.parametrize(
    "day, close",
    # Clocks moved on 2018-03-11 and 2018-11-04.
    [(date(2018, 3, 9), 21), (date(2018, 3, 12), 20), (date(2018, 11, 2), 20), (date(2018, 11, 5), 21)],
)
def test_clock_changes_move_the_close_in_utc(day: date, close: int):
    assert CALENDAR.session(day).close == datetime(day.year, day.month, day.day, close, tzinfo=UTC)


@pytest.mark.parametrize(
    "day, previous, following, why",
    [
        (date(2018, 2, 4), "2018-02-02", "2018-02-05", "weekend"),
        (date(2018, 12, 25), "2018-12-24", "2018-12-26", "Christmas Day"),
        (date(2012, 10, 29), "2012-10-26", "2012-10-31", "Hurricane Sandy"),
        (date(1990, 1, 1), None, "1990-01-02", "New Year's Day"),
        (date(2028, 12, 31), "2028-12-29", None, "weekend"),
        (date(1989, 12, 29), None, "1990-01-02", "covers 1990-01-01 to 2028-12-31"),
        (date(2029, 1, 2), "2028-12-29", None, "covers 1990-01-01 to 2028-12-31"),
    ],
)
def test_a_date_without_a_session_is_refused_with_its_neighbours(day: date, previous: str | None, following: str | None, why: str):
    with pytest.raises(NotASession) as refused:
        CALENDAR.session(day)
    assert refused.value.context == {"previous": previous, "next": following}
    assert refused.value.field == "session_date"
    assert why in refused.value.message


def test_neighbours_are_strict():
    assert CALENDAR.previous(MONDAY) == date(2018, 2, 2)
    assert CALENDAR.next(MONDAY) == date(2018, 2, 6)
    assert CALENDAR.previous(date(2018, 2, 4)) == date(2018, 2, 2)
    assert CALENDAR.next(date(2018, 2, 4)) == MONDAY


def test_neighbours_beyond_the_table_are_refused():
    with pytest.raises(NotASession, match="nothing before"):
        CALENDAR.previous(date(1990, 1, 2))
    with pytest.raises(NotASession, match="nothing after"):
        CALENDAR.next(date(2028, 12, 29))


def test_between_includes_both_ends():
    assert CALENDAR.between(date(2018, 2, 2), date(2018, 2, 6)) == [date(2018, 2, 2), MONDAY, date(2018, 2, 6)]
    assert CALENDAR.between(date(2018, 2, 3), date(2018, 2, 4)) == []
    assert CALENDAR.between(MONDAY, date(2018, 2, 2)) == []


def test_no_question_outside_the_table_is_answered():
    for ask in (CALENDAR.is_session, CALENDAR.previous, CALENDAR.next, CALENDAR.why):
        with pytest.raises(NotASession):
            ask(date(2029, 1, 2))
    with pytest.raises(NotASession):
        CALENDAR.between(date(2028, 12, 1), date(2029, 1, 2))
    with pytest.raises(NotASession):
        CALENDAR.between(date(1989, 12, 1), date(1990, 1, 2))
    assert CALENDAR.covered == (date(1990, 1, 1), date(2028, 12, 31))


@pytest.mark.parametrize("day", [datetime(2018, 2, 5, tzinfo=UTC), "2018-02-05", None])
def test_a_session_is_named_by_a_date(day: object):
    with pytest.raises(InvalidInput) as refused:
        CALENDAR.is_session(day)
    assert refused.value.field == "session_date"


def test_the_table_is_read_once():
    assert Calendar.exchange() is CALENDAR


def test_a_closure_takes_the_session_away_and_back():
    closed = CALENDAR.with_override(MONDAY, None, "flooded exchange", approved_by=PEOPLE)
    assert not closed.is_session(MONDAY)
    assert closed.next(date(2018, 2, 2)) == date(2018, 2, 6)
    assert closed.previous(date(2018, 2, 6)) == date(2018, 2, 2)
    assert MONDAY not in closed.between(date(2018, 2, 2), date(2018, 2, 6))
    with pytest.raises(NotASession, match="flooded exchange") as refused:
        closed.session(MONDAY)
    assert refused.value.context == {"previous": "2018-02-02", "next": "2018-02-06"}

    again = closed.without_override(MONDAY, "water pumped out", approved_by=("operations.ivy", "administrator.kim"))
    assert again.session(MONDAY) == CALENDAR.session(MONDAY)
    assert again.overrides == (
        Override(MONDAY, None, "flooded exchange", PEOPLE),
        Override(MONDAY, None, "water pumped out", ("operations.ivy", "administrator.kim"), withdrawn=True),
    )
    assert CALENDAR.is_session(MONDAY), "the calendar it was made from must stay as it was"
    assert CALENDAR.overrides == ()


def test_an_early_close_makes_a_half_day_and_the_latest_decision_holds():
    early = CALENDAR.with_override(MONDAY, time(14, 30), "power cut", approved_by=PEOPLE)
    assert early.session(MONDAY).close == datetime(2018, 2, 5, 19, 30, tzinfo=UTC)
    assert early.session(MONDAY).is_half_day
    assert early.why(MONDAY) == "power cut"
    earlier = early.with_override(MONDAY, time(11, 0), "power cut spreads", approved_by=PEOPLE)
    assert earlier.session(MONDAY).close == datetime(2018, 2, 5, 16, 0, tzinfo=UTC)
    assert [entry.reason for entry in earlier.overrides] == ["power cut", "power cut spreads"]
    assert earlier.session(date(2018, 2, 6)) == CALENDAR.session(date(2018, 2, 6))


@pytest.mark.parametrize(
    "approved_by",
    [
        ("operations.ivy", "operations.ivy"),
        ("operations.ivy", " Operations.Ivy "),
        ("operations.ivy", ""),
        ("operations.ivy",),
        ("a", "b", "c"),
    ],
)
def test_an_override_needs_two_different_people(approved_by: tuple[str, str]):
    with pytest.raises(InvalidInput) as refused:
        CALENDAR.with_override(MONDAY, None, "flood", approved_by=approved_by)
    assert refused.value.field == "approved_by"
    closed = CALENDAR.with_override(MONDAY, None, "flood", approved_by=PEOPLE)
    with pytest.raises(InvalidInput) as refused:
        closed.without_override(MONDAY, "over", approved_by=approved_by)
    assert refused.value.field == "approved_by"


def test_an_override_needs_a_reason():
    with pytest.raises(InvalidInput) as refused:
        CALENDAR.with_override(MONDAY, None, "  ", approved_by=PEOPLE)
    assert refused.value.field == "reason"


@pytest.mark.parametrize("close", [time(9, 30), time(8, 0), time(16, 0), time(17, 0), time(13, 0, tzinfo=UTC)])
def test_an_early_close_lies_inside_the_session(close: time):
    with pytest.raises(InvalidInput) as refused:
        CALENDAR.with_override(MONDAY, close, "storm", approved_by=PEOPLE)
    assert refused.value.field == "close"


def test_an_early_close_on_a_half_day_must_be_earlier_still():
    half_day = date(2018, 7, 3)
    with pytest.raises(InvalidInput):
        CALENDAR.with_override(half_day, time(13, 0), "storm", approved_by=PEOPLE)
    early = CALENDAR.with_override(half_day, time(12, 59), "storm", approved_by=PEOPLE)
    assert early.session(half_day).close == datetime(2018, 7, 3, 16, 59, tzinfo=UTC)


def test_only_a_session_can_be_overridden():
    with pytest.raises(NotASession, match="nothing to override"):
        CALENDAR.with_override(date(2018, 2, 4), None, "flood", approved_by=PEOPLE)
    with pytest.raises(NotASession):
        CALENDAR.with_override(date(2029, 1, 2), None, "flood", approved_by=PEOPLE)
    with pytest.raises(InvalidInput) as refused:
        CALENDAR.without_override(MONDAY, "never was", approved_by=PEOPLE)
    assert refused.value.field == "day"
