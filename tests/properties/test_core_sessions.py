"""Laws of the calendar for any date and any set of overrides."""

from datetime import date, time

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.core.sessions import Calendar

CALENDAR = Calendar.exchange()
SESSIONS = CALENDAR.between(*CALENDAR.covered)
DAYS = st.dates(date(1990, 2, 1), date(2028, 11, 30))
CLOSES = st.one_of(st.none(), st.times(time(9, 31), time(12, 59)))


@given(DAYS)
def test_next_and_previous_are_inverse(day: date):
    after, before = CALENDAR.next(day), CALENDAR.previous(day)
    assert before < day < after
    assert CALENDAR.is_session(after) and CALENDAR.is_session(before)
    inside = CALENDAR.between(before, after)
    assert inside == ([before, day, after] if CALENDAR.is_session(day) else [before, after])
    assert CALENDAR.next(before) == (day if CALENDAR.is_session(day) else after)


@given(DAYS, DAYS)
def test_between_is_exactly_the_sessions_in_range(one: date, other: date):
    first, last = sorted((one, other))
    assert CALENDAR.between(first, last) == [day for day in SESSIONS if first <= day <= last]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(SESSIONS), CLOSES), max_size=5))
def test_withdrawing_every_override_brings_the_table_back(decisions: list[tuple[date, time | None]]):
    calendar = CALENDAR
    for day, close in decisions:
        calendar = calendar.with_override(day, close, "drill", approved_by=("ivy", "sam"))
    in_force = dict(decisions)
    for day, close in in_force.items():
        assert calendar.is_session(day) == (close is not None)
    assert calendar.between(*calendar.covered) == [day for day in SESSIONS if in_force.get(day, time(16)) is not None]
    for day in in_force:
        calendar = calendar.without_override(day, "drill over", approved_by=("ivy", "sam"))
    assert calendar.between(*calendar.covered) == SESSIONS
    assert all(calendar.session(day) == CALENDAR.session(day) for day in in_force)
    assert len(calendar.overrides) == len(decisions) + len(in_force)
