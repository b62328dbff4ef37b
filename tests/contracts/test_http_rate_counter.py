"""Counts of calls: one by one up to the limit and not beyond, each subject and window by itself, also when many count at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from daymark.adapters.dynamodb.errors import Misconfigured
from daymark.adapters.dynamodb.rate_counter import DynamoRateCounter

START = datetime(2018, 2, 5, 21, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def count(backend, subject="northstar/book/read", start=START, limit=3):
    return backend.rates.count(subject, start, start + MINUTE, limit)


def test_calls_are_counted_up_to_the_limit_and_refused_from_there(backend):
    assert [count(backend) for _ in range(5)] == [1, 2, 3, None, None]


def test_a_refused_call_takes_no_room_from_a_limit_that_is_raised(backend):
    assert [count(backend, limit=1) for _ in range(3)] == [1, None, None]
    assert [count(backend, limit=3) for _ in range(3)] == [2, 3, None]


@pytest.mark.parametrize("other", ["harbor/book/read", "northstar/operations/read", "northstar/book/effect", "northstar2/book/read"])
def test_no_other_subjects_calls_count(backend, other):
    assert [count(backend, limit=2) for _ in range(3)] == [1, 2, None]
    assert [count(backend, other, limit=2) for _ in range(3)] == [1, 2, None]


def test_every_window_begins_at_nothing_and_the_one_before_stays_full(backend):
    assert [count(backend, limit=1) for _ in range(2)] == [1, None]
    assert [count(backend, start=START + MINUTE, limit=1) for _ in range(2)] == [1, None]
    # A function whose clock is a little behind still asks for the window before.
    assert count(backend, start=START + MINUTE, limit=1) is None


def test_windows_that_overlap_are_counted_apart(backend):
    assert [count(backend, limit=1) for _ in range(2)] == [1, None]
    assert [count(backend, start=START + MINUTE / 2, limit=1) for _ in range(2)] == [1, None]
    assert count(backend, limit=1) is None


def test_fifty_that_count_at_once_admit_exactly_the_limit(racing):
    with ThreadPoolExecutor(50) as callers:
        counted = list(callers.map(lambda _: count(racing, limit=20), range(50)))

    assert sorted(each for each in counted if each is not None) == list(range(1, 21))
    assert counted.count(None) == 30


def test_the_table_knows_when_a_count_is_of_no_use_any_more(aws):
    count(aws)
    count(aws)
    (item,) = aws.dynamodb.scan(TableName=aws.table("rates"))["Items"]

    assert (item["pk"], item["sk"]) == ({"S": "RATE#northstar/book/read"}, {"S": "WINDOW#1517864400"})
    assert (item["used"], item["version"]) == ({"N": "2"}, {"N": "1"})
    # An hour after the window: 1517864400 is 2018-02-05T21:00:00Z.
    assert item["expires_at"] == {"N": str(1517864400 + 60 + 3600)}


def test_a_table_that_is_not_there_says_so(aws):
    with pytest.raises(Misconfigured):
        DynamoRateCounter("nowhere", aws.dynamodb).count("northstar/book/read", START, START + MINUTE, 1)
