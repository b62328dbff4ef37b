"""The cron text, read by a reader of its own, enumerated over every day of 2007-2028 against the published holidays."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from daymark.core.sessions import Calendar
from daymark.operations.models import OperationPhase
from daymark.operations.schedule import CRON, TIME_ZONE, WAKES, phase_due, phase_instant
from tests.reference.published_holidays import HALF_DAYS, HOLIDAYS, ONE_OFF_CLOSURES

FIRST, LAST = date(2007, 1, 1), date(2028, 12, 31)
NEW_YORK = ZoneInfo("America/New_York")
DAY_NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]  # EventBridge counts from 1 = SUN


def read_field(text: str, lowest: int, highest: int, names: list[str]) -> set[int]:
    """One cron field: ``*``, ``?``, numbers or names, lists, ranges and steps."""
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            start, end = lowest, highest
        else:
            low, _, high = span.partition("-")
            start, end = (names.index(word) + lowest if word in names else int(word) for word in (low, high or low))
            if step and not high:
                end = highest
        if not lowest <= start <= end <= highest:
            raise ValueError(part)
        values.update(range(start, end + 1, int(step or 1)))
    return values


def read_cron(text: str) -> tuple[set[int], ...]:
    """minute, hour, day of month, month, day of week, year of an EventBridge Scheduler expression."""
    assert text.startswith("cron(") and text.endswith(")")
    fields = text[5:-1].split(" ")
    assert len(fields) == 6
    assert (fields[2] == "?") != (fields[4] == "?"), "exactly one of day of month and day of week must be '?'"
    bounds = [(0, 59, []), (0, 23, []), (1, 31, []), (1, 12, []), (1, 7, DAY_NAMES), (1970, 2199, [])]
    return tuple(read_field(field, *bound) for field, bound in zip(fields, bounds, strict=True))


def fires_of(text: str) -> Iterator[datetime]:
    """Every instant the expression fires in New York, as Scheduler does: a time that does not exist is skipped."""
    minutes, hours, days, months, weekdays, years = read_cron(text)
    day = FIRST
    while day <= LAST:
        if day.year in years and day.month in months and day.day in days and day.isoweekday() % 7 + 1 in weekdays:
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    local = datetime.combine(day, time(hour, minute), NEW_YORK)
                    instant = local.astimezone(UTC)
                    if instant.astimezone(NEW_YORK).replace(tzinfo=None) == local.replace(tzinfo=None):
                        yield instant
        day += timedelta(days=1)


def published_dates(by_year: dict[int, str]) -> set[date]:
    return {date(year, *map(int, entry.split("/"))) for year, entries in by_year.items() for entry in entries.split()}


def expected_fires() -> dict[datetime, tuple[date, OperationPhase]]:
    """What must run when, from the published lists and the phase times of the specification alone."""
    closed = published_dates(HOLIDAYS) | {date.fromisoformat(day) for day in ONE_OFF_CLOSURES}
    half = published_dates(HALF_DAYS)
    expected = {}
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        if day.isoweekday() > 5 or day in closed:
            continue
        times = (
            (time(4), time(9, 30), time(11), time(13), time(15)) if day in half else (time(4), time(9, 30), time(12), time(16), time(18))
        )
        for phase, at in zip(OperationPhase, times, strict=True):
            expected[datetime.combine(day, at, NEW_YORK).astimezone(UTC)] = (day, phase)
    return expected


def test_the_reader_reads_what_aws_documents():
    # Forms of the EventBridge Scheduler user guide's cron section; day 1 of the week is Sunday.
    assert read_cron("cron(15 10 ? * 6 2022-2023)")[4:] == ({6}, {2022, 2023})
    assert read_cron("cron(0/5 8-17 ? * MON-FRI *)")[0] == set(range(0, 60, 5))
    assert read_cron("cron(0 18 ? * MON-FRI *)")[4] == {2, 3, 4, 5, 6}
    with pytest.raises(AssertionError):
        read_cron("cron(0 18 * * MON-FRI *)")


def test_each_phase_of_each_session_is_due_at_exactly_one_fire():
    calendar = Calendar.exchange()
    fires = sorted({fire for text in CRON.values() for fire in fires_of(text)})
    due = {fire: runs for fire in fires if (runs := phase_due(calendar, fire))}
    expected = expected_fires()
    differences = {fire for fire in due.keys() | expected.keys() if due.get(fire) != [expected.get(fire)]}
    assert differences == set()
    assert max(Counter(run for runs in due.values() for run in runs).values()) == 1
    assert len(due) == 5 * len(calendar.between(FIRST, LAST))
    # Five of eight wakes of a session run something; the other three, and all on holidays, stand down.
    assert len(fires) == 8 * sum((FIRST + timedelta(days=number)).isoweekday() <= 5 for number in range((LAST - FIRST).days + 1))


def test_each_phase_is_due_at_a_fire_of_its_own_expression():
    # The schedule of a phase starts that phase alone: another phase's wake must not be the one that runs it.
    own = {phase: set(fires_of(text)) for phase, text in CRON.items()}
    assert all(fire in own[phase] for fire, (_, phase) in expected_fires().items())


def test_phase_instants_are_the_specified_times():
    calendar = Calendar.exchange()
    assert {run: phase_instant(calendar, *run) for run in expected_fires().values()} == {
        run: fire for fire, run in expected_fires().items()
    }


def test_no_expression_lies_where_clock_changes_skip_or_repeat_hours():
    for text in CRON.values():
        assert not read_cron(text)[1] & {1, 2}, text


def test_wakes_are_the_times_of_the_expressions():
    assert TIME_ZONE == "America/New_York"
    for phase, text in CRON.items():
        minutes, hours, *_ = read_cron(text)
        assert set(WAKES[phase]) == {time(hour, minute) for hour in hours for minute in minutes}
        assert list(WAKES[phase]) == sorted(WAKES[phase])
