"""When phases run: each hangs on its session, cron only wakes, and ``phase_due`` decides whether a wake is the one.

The scheduler knows no holidays and no half days. It therefore wakes on every Monday to Friday at each time a phase may start,
and the first wake at or after the phase's instant is the one that runs it. An early close decided during the day needs no new
schedule for the same reason. No expression lies between 01:00 and 03:00 New York time, where clock changes skip or repeat hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from daymark.core.errors import InvalidInput
from daymark.core.sessions import Calendar, Session, exchange_zone
from daymark.operations.models import OperationPhase

TIME_ZONE = "America/New_York"

# EventBridge Scheduler fields: minute, hour, day of month, month, day of week, year. The second hour of a pair serves the other
# kind of day: mid-day 11:00, close 13:00 and post-market 15:00 on half days.
CRON: Mapping[OperationPhase, str] = {
    OperationPhase.PRE_MARKET: "cron(0 4 ? * MON-FRI *)",
    OperationPhase.MARKET_OPEN: "cron(30 9 ? * MON-FRI *)",
    OperationPhase.MID_DAY: "cron(0 11,12 ? * MON-FRI *)",
    OperationPhase.MARKET_CLOSE: "cron(0 13,16 ? * MON-FRI *)",
    OperationPhase.POST_MARKET: "cron(0 15,18 ? * MON-FRI *)",
}

# The same times for the decision; a test reads both and finds no difference.
WAKES: Mapping[OperationPhase, tuple[time, ...]] = {
    OperationPhase.PRE_MARKET: (time(4, 0),),
    OperationPhase.MARKET_OPEN: (time(9, 30),),
    OperationPhase.MID_DAY: (time(11, 0), time(12, 0)),
    OperationPhase.MARKET_CLOSE: (time(13, 0), time(16, 0)),
    OperationPhase.POST_MARKET: (time(15, 0), time(18, 0)),
}

AFTER_CLOSE = timedelta(hours=2)
LATENESS = timedelta(minutes=15)
# Wakes are never closer than this, so a wake within the lateness allowed belongs to one fire alone.
MOST_LATENESS = timedelta(hours=1)


def phase_instant(calendar: Calendar, session_date: date, phase: OperationPhase) -> datetime:
    """When a phase of a session starts, in UTC.

    PRE_MARKET 04:00 New York time; MARKET_OPEN at the open; MID_DAY 12:00, on half days 11:00 (or half-way to a still earlier
    close); MARKET_CLOSE at the close; POST_MARKET two hours after it.

    >>> phase_instant(Calendar.exchange(), date(2018, 2, 5), OperationPhase.POST_MARKET).isoformat()
    '2018-02-05T23:00:00+00:00'

    Raises:
        NotASession: the exchange does not trade on that date.
    """
    return _instant(calendar.session(session_date), phase)


def phase_due(calendar: Calendar, wake: datetime, lateness: timedelta = LATENESS) -> list[tuple[date, OperationPhase]]:
    """The phase that this wake is to run, as ``(session date, phase)``; empty when it is to run none.

    Args:
        calendar: Sessions with the overrides in force now.
        wake: The instant the scheduler meant (its scheduled time) or the present; aware. A wake is never early.
        lateness: How long after the fire instant a wake still counts; beyond it the phase is missed and is started by hand.

    Raises:
        InvalidInput: a naive wake, or a lateness that is negative or reaches the next fire.
        NotASession: the calendar does not cover the date: the table must be renewed, silence would stop every day.
    """
    if wake.tzinfo is None:
        raise InvalidInput("wake must carry a time zone", field="wake")
    if not timedelta(0) <= lateness < MOST_LATENESS:
        raise InvalidInput(f"lateness must be at least 0 and below {MOST_LATENESS}", field="lateness")
    day = wake.astimezone(exchange_zone()).date()
    if not calendar.is_session(day):
        return []
    session = calendar.session(day)
    due = []
    for phase, times in WAKES.items():
        instant = _instant(session, phase)
        fires = [fire for fire in (_local(day, at) for at in times) if fire >= instant]
        if fires and fires[0] <= wake <= fires[0] + lateness:
            due.append((day, phase))
    return due


def _instant(session: Session, phase: OperationPhase) -> datetime:
    match phase:
        case OperationPhase.PRE_MARKET:
            return _local(session.session_date, time(4, 0))
        case OperationPhase.MARKET_OPEN:
            return session.open
        case OperationPhase.MID_DAY:
            return _mid_day(session)
        case OperationPhase.MARKET_CLOSE:
            return session.close
        case OperationPhase.POST_MARKET:
            return session.close + AFTER_CLOSE


def _mid_day(session: Session) -> datetime:
    if not session.is_half_day:
        return _local(session.session_date, time(12, 0))
    return min(_local(session.session_date, time(11, 0)), session.open + (session.close - session.open) / 2)


def _local(day: date, at: time) -> datetime:
    return datetime.combine(day, at, exchange_zone()).astimezone(UTC)
