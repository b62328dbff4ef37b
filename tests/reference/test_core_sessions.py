"""The packaged session table against the exchange's published lists, day by day, and against its generator's checksum."""

import csv
import gzip
import hashlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import exchange_calendars
import pytest

from daymark.core.errors import NotASession
from daymark.core.sessions import Calendar
from tests.reference import generate_sessions
from tests.reference.published_holidays import HALF_DAYS, HOLIDAYS, ONE_OFF_CLOSURES

CALENDAR = Calendar.exchange()


def dates(by_year: dict[int, str]) -> set[date]:
    return {date(year, *map(int, entry.split("/"))) for year, entries in by_year.items() for entry in entries.split()}


def every_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def is_daylight_saving(day: date) -> bool:
    """Energy Policy Act of 2005, in force since 2007: from the second Sunday of March to the first Sunday of November, New York."""
    march = [date(day.year, 3, number) for number in range(8, 15)]
    november = [date(day.year, 11, number) for number in range(1, 8)]
    (start,) = (sunday for sunday in march if sunday.isoweekday() == 7)
    (end,) = (sunday for sunday in november if sunday.isoweekday() == 7)
    return start <= day < end


def test_every_calendar_day_2007_to_2028_agrees_with_the_published_lists():
    closed = dates(HOLIDAYS) | {date.fromisoformat(day) for day in ONE_OFF_CLOSURES}
    half = dates(HALF_DAYS)
    differences = []
    for day in every_day(date(2007, 1, 1), date(2028, 12, 31)):
        open_expected = day.isoweekday() <= 5 and day not in closed
        if not open_expected:
            if CALENDAR.is_session(day):
                differences.append((day, "is a session, published as closed"))
            continue
        if not CALENDAR.is_session(day):
            differences.append((day, "is no session, published as open"))
            continue
        session = CALENDAR.session(day)
        offset = timedelta(hours=4 if is_daylight_saving(day) else 5)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + offset
        expected = (midnight + timedelta(hours=9.5), midnight + timedelta(hours=13 if day in half else 16), day in half)
        if (session.open, session.close, session.is_half_day) != expected:
            differences.append((day, session, expected))
    assert differences == []


def test_published_lists_are_whole():
    # Nine holidays a year, ten with Juneteenth since 2022, one less where New Year's Day falls on a Saturday.
    for year, entries in HOLIDAYS.items():
        assert len(entries.split()) == 9 + (year >= 2022) - (year in (2011, 2022, 2028)), year
    # Hand count over the 22 lines of HALF_DAYS: 3 dates in nine years, 2 in seven, 1 in six.
    assert Counter(len(entries.split()) for entries in HALF_DAYS.values()) == {3: 9, 2: 7, 1: 6}
    assert all(day.isoweekday() <= 5 for day in dates(HOLIDAYS) | dates(HALF_DAYS))
    assert not dates(HOLIDAYS) & dates(HALF_DAYS)


@pytest.mark.parametrize(
    "year, sessions",
    # Published counts of trading days: 2008 253, 2012 250 (Sandy), 2018 251 (Bush), 2019 252, 2020 253, 2024 252, 2025 250 (Carter).
    [(2008, 253), (2012, 250), (2018, 251), (2019, 252), (2020, 253), (2024, 252), (2025, 250)],
)
def test_number_of_sessions_in_a_year(year: int, sessions: int):
    assert len(CALENDAR.between(date(year, 1, 1), date(year, 12, 31))) == sessions


def test_one_off_closures_say_why():
    for day, reason in ONE_OFF_CLOSURES.items():
        with pytest.raises(NotASession) as refused:
            CALENDAR.session(date.fromisoformat(day))
        person_or_storm = reason.rsplit(" ", maxsplit=1)[-1]
        assert person_or_storm in refused.value.message


@pytest.mark.filterwarnings("ignore:Series.values returning")
def test_table_is_what_its_generator_wrote():
    content = files("daymark.core").joinpath("data/xnys_sessions.csv").read_bytes()
    recorded = Path(generate_sessions.__file__).with_name("xnys_sessions.sha256").read_text(encoding="utf-8")
    assert recorded == f"{hashlib.sha256(content).hexdigest()}  xnys_sessions.csv\n"
    assert generate_sessions.render() == content


def test_every_row_that_is_not_a_regular_session_is_explained():
    rows = files("daymark.core").joinpath("data/xnys_sessions.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "date,close,reason"
    # 1990-2028 is 39 years with ten leap days = 14,245 days = 2,035 whole weeks, so 5 x 2,035 rows.
    assert len(rows) - 1 == 5 * 2035
    for row in rows[1:]:
        _, close, reason = row.split(",", 2)
        assert (close == "16:00") == (reason == ""), row


@pytest.mark.parametrize(
    "distribution, path, form",
    [("skfolio", "skfolio/datasets/data/sp500_dataset.csv.gz", "%Y-%m-%d"), ("arch", "arch/data/sp500/sp500.csv.gz", "%m/%d/%Y")],
)
def test_sessions_are_the_dates_on_which_prices_were_made(distribution: str, path: str, form: str):
    # Dates of real prices, 1990-2022 and 1999-2018: what was traded is independent of any calendar.
    with gzip.open(metadata.distribution(distribution).locate_file(path), "rt", encoding="utf-8") as rows:
        traded = [datetime.strptime(row["Date"], form).date() for row in csv.DictReader(rows)]  # noqa: DTZ007 - only its date is kept
    assert len(traded) > 5000
    assert CALENDAR.between(traded[0], traded[-1]) == traded


@pytest.mark.filterwarnings("ignore:Series.values returning")
def test_closes_before_2007_agree_with_exchange_calendars():
    # Not independent of the table's dates, but of our clock changes: before 2007 they fell on other Sundays.
    oracle = exchange_calendars.get_calendar("XNYS", start="1990-01-01", end="2006-12-31")
    closes = {stamp.date(): close.to_pydatetime() for stamp, close in oracle.closes.items()}
    days = CALENDAR.between(date(1990, 1, 1), date(2006, 12, 31))
    assert days == list(closes)
    assert [CALENDAR.session(day).close for day in days] == [close.astimezone(UTC) for close in closes.values()]
