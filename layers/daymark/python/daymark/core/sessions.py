"""Trading sessions: a date is a session if and only if the exchange's dated table, with its overrides, says so.

The packaged table holds every Monday-to-Friday date of 1990-2028 with its scheduled close in New York time; NYSE has announced
no later year. Nothing here reasons from the day of the week, and a date outside the table is refused rather than guessed.
"""

from __future__ import annotations

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from daymark.core.errors import InvalidInput, NotASession

OPEN = time(9, 30)
REGULAR_CLOSE = time(16, 0)


@dataclass(frozen=True, slots=True)
class Session:
    """One trading session; ``open`` and ``close`` are aware UTC instants."""

    session_date: date
    open: datetime
    close: datetime
    is_half_day: bool


@dataclass(frozen=True, slots=True)
class Override:
    """A departure from the table that two people decided, or the withdrawal of one.

    Attributes:
        close: The early close in New York time; ``None`` closes the exchange all day.
        withdrawn: Whether this entry puts the table back in force; ``close`` is then without meaning.
    """

    session_date: date
    close: time | None
    reason: str
    approved_by: tuple[str, str]
    withdrawn: bool = False

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidInput("an override needs a reason", field="reason")
        people = {person.strip().casefold() for person in self.approved_by} - {""}
        if len(self.approved_by) != 2 or len(people) != 2:
            raise InvalidInput("an override needs the approval of two different people", field="approved_by")


@cache
def exchange_zone() -> ZoneInfo:
    """New York's time zone, by which the exchange opens and closes."""
    return ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class _Table:
    """The packaged rows: every date covered, from first to last."""

    first: date
    last: date
    closes: Mapping[date, time]
    reasons: Mapping[date, str]


@cache
def _packaged_table() -> _Table:
    text = files("daymark.core").joinpath("data/xnys_sessions.csv").read_text(encoding="utf-8")
    closes: dict[date, time] = {}
    reasons: dict[date, str] = {}
    known = {"16:00": REGULAR_CLOSE}
    for row in csv.DictReader(text.splitlines()):
        day = date.fromisoformat(row["date"])
        if row["close"]:
            closes[day] = known.setdefault(row["close"], time.fromisoformat(row["close"]))
        if row["reason"]:
            reasons[day] = row["reason"]
    # Whole years are covered, although the first row is 1 January and the last a Friday.
    return _Table(date(min(closes).year, 1, 1), date(max(closes).year, 12, 31), closes, reasons)


@cache
def _exchange() -> Calendar:
    return Calendar(_packaged_table())


class Calendar:
    """The exchange's sessions. Never changed in place: an override makes a new calendar and both can be used side by side.

    >>> calendar = Calendar.exchange()
    >>> calendar.session(date(2018, 7, 3)).close.isoformat()
    '2018-07-03T17:00:00+00:00'
    >>> calendar.session(date(2018, 12, 5))
    Traceback (most recent call last):
    daymark.core.errors.NotASession: 2018-12-05 is no session (National day of mourning for George H. W. Bush)
    """

    def __init__(self, table: _Table, log: Sequence[Override] = ()) -> None:
        self._table = table
        self._log = tuple(log)
        self._overrides = {entry.session_date: entry for entry in self._log}
        for day in [day for day, entry in self._overrides.items() if entry.withdrawn]:
            del self._overrides[day]
        closed = {day for day, entry in self._overrides.items() if entry.close is None}
        self._dates = [day for day in table.closes if day not in closed]

    @classmethod
    def exchange(cls) -> Calendar:
        """The New York Stock Exchange by the packaged table, read once per process."""
        return _exchange()

    @property
    def covered(self) -> tuple[date, date]:
        """First and last date the table speaks of."""
        return self._table.first, self._table.last

    @property
    def overrides(self) -> tuple[Override, ...]:
        """Every override and withdrawal in the order they were decided, with reason and approvers."""
        return self._log

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on this date.

        Raises:
            NotASession: the table does not cover the date, so neither answer would be true.
        """
        self._require_covered(day)
        return self._is_listed(day)

    def session(self, day: date) -> Session:
        """The session of a date.

        Raises:
            NotASession: there is none; the context's ``previous`` and ``next`` are the nearest sessions (ISO dates or ``None``).
        """
        self._require_covered(day)
        if not self._is_listed(day):
            raise NotASession(f"{day} is no session ({self.why(day)})", field="session_date", **self._nearest(day))
        override = self._overrides.get(day)
        close = self._table.closes[day] if override is None or override.close is None else override.close
        return Session(day, self._instant(day, OPEN), self._instant(day, close), close < REGULAR_CLOSE)

    def previous(self, day: date) -> date:
        """The last session strictly before a date, itself a session or not.

        Raises:
            NotASession: the date lies outside the table, or nothing earlier stands in it.
        """
        self._require_covered(day)
        place = bisect_left(self._dates, day)
        if place == 0:
            raise NotASession(f"the session table has nothing before {day}", field="session_date", **self._nearest(day))
        return self._dates[place - 1]

    def next(self, day: date) -> date:
        """The first session strictly after a date, itself a session or not.

        Raises:
            NotASession: the date lies outside the table, or nothing later stands in it.
        """
        self._require_covered(day)
        place = bisect_right(self._dates, day)
        if place == len(self._dates):
            raise NotASession(f"the session table has nothing after {day}", field="session_date", **self._nearest(day))
        return self._dates[place]

    def between(self, first: date, last: date) -> list[date]:
        """Sessions from ``first`` to ``last``, both included, rising; empty if ``last`` is before ``first``.

        Raises:
            NotASession: either date lies outside the table.
        """
        self._require_covered(first)
        self._require_covered(last)
        return self._dates[bisect_left(self._dates, first) : bisect_right(self._dates, last)]

    def why(self, day: date) -> str:
        """Why a covered date is not a regular session, in the table's or the override's words; empty if it is regular."""
        self._require_covered(day)
        if day in self._overrides:
            return self._overrides[day].reason
        return self._table.reasons.get(day, "" if day in self._table.closes else "weekend")

    def with_override(self, day: date, close: time | None, reason: str, *, approved_by: tuple[str, str]) -> Calendar:
        """A calendar on which a session ends early, or does not take place.

        Args:
            day: A session of the table. The exchange may close when it meant to open, never the other way round.
            close: The early close in New York time, after the open and before the scheduled close; ``None`` for a closure.
            reason: Why; kept in :attr:`overrides`.
            approved_by: Two different people.

        Raises:
            NotASession: the table has no session on that date.
            InvalidInput: no reason, not two people, or a close that is not earlier; the field names which.
        """
        entry = Override(day, close, reason, approved_by)
        self._require_covered(day)
        if day not in self._table.closes:
            raise NotASession(f"{day} is no session ({self.why(day)}): there is nothing to override", field="day", **self._nearest(day))
        if close is not None and (close.tzinfo is not None or not OPEN < close < self._table.closes[day]):
            raise InvalidInput(
                f"an early close must lie between {OPEN:%H:%M} and {self._table.closes[day]:%H:%M} New York time, without a zone",
                field="close",
            )
        return Calendar(self._table, (*self._log, entry))

    def without_override(self, day: date, reason: str, *, approved_by: tuple[str, str]) -> Calendar:
        """A calendar on which the table is in force again for a date; the log keeps both decisions.

        Raises:
            InvalidInput: the date has no override in force, no reason, or not two people.
        """
        if day not in self._overrides:
            raise InvalidInput(f"{day} has no override in force", field="day")
        return Calendar(self._table, (*self._log, Override(day, None, reason, approved_by, withdrawn=True)))

    def _is_listed(self, day: date) -> bool:
        place = bisect_left(self._dates, day)
        return place < len(self._dates) and self._dates[place] == day

    def _require_covered(self, day: date) -> None:
        if isinstance(day, datetime) or not isinstance(day, date):
            raise InvalidInput(f"a session is named by a date, not by {type(day).__name__}", field="session_date")
        if not self._table.first <= day <= self._table.last:
            raise NotASession(
                f"{day} lies outside the session table, which covers {self._table.first} to {self._table.last}",
                field="session_date",
                **self._nearest(day),
            )

    def _nearest(self, day: date) -> dict[str, str | None]:
        before, after = bisect_left(self._dates, day), bisect_right(self._dates, day)
        return {
            "previous": self._dates[before - 1].isoformat() if before else None,
            "next": self._dates[after].isoformat() if after < len(self._dates) else None,
        }

    @staticmethod
    def _instant(day: date, at: time) -> datetime:
        return datetime.combine(day, at, exchange_zone()).astimezone(UTC)
