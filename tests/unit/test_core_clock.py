"""Clocks tell aware UTC instants and never run back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from daymark.core.clock import FixedClock, WallClock
from daymark.core.errors import InvalidInput


def test_wall_time_is_aware_utc_and_does_not_run_back():
    clock = WallClock()
    first, second = clock.now(), clock.now()
    assert first.tzinfo is UTC
    assert first <= second


def test_a_fixed_clock_moves_only_when_told():
    clock = FixedClock(datetime(2018, 2, 5, 16, tzinfo=timezone(timedelta(hours=-5))))
    assert clock.now() == clock.now() == datetime(2018, 2, 5, 21, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    clock.advance(timedelta(minutes=90))
    assert clock.now() == datetime(2018, 2, 5, 22, 30, tzinfo=UTC)
    clock.advance(timedelta(0))
    assert clock.now() == datetime(2018, 2, 5, 22, 30, tzinfo=UTC)


def test_a_fixed_clock_refuses_naive_instants_and_the_past():
    with pytest.raises(InvalidInput) as refused:
        FixedClock(datetime(2018, 2, 5, 16))  # noqa: DTZ001 - the defect under test
    assert refused.value.field == "instant"
    clock = FixedClock(datetime(2018, 2, 5, 21, tzinfo=UTC))
    with pytest.raises(InvalidInput) as refused:
        clock.advance(timedelta(microseconds=-1))
    assert refused.value.field == "by"
    assert clock.now() == datetime(2018, 2, 5, 21, tzinfo=UTC)
