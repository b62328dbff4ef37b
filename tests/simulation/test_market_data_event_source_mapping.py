"""The simulator of event source mappings keeps AWS's rules, case by case as the developer guide states them."""

from __future__ import annotations

import random

import pytest

from tests.simulation.event_source_mapping import EventSourceMapping, Sent, Settings, Shard, Throttled, first_failed, kinesis_event


class AllAtOnce(random.Random):
    """Polls as many records as the batch size allows."""

    def randint(self, _, most):
        return most


def deliver(settings, function, shards=None, steps=50):
    """Sequence numbers of every invocation, in order, and the mapping."""
    shards = shards or [Shard("shardId-0", records=[Sent(number, f"key-{number % 3}", b"x") for number in range(1, 9)])]
    calls = []

    def invoke(event):
        calls.append([int(record["kinesis"]["sequenceNumber"]) for record in event["Records"]])
        return function(calls[-1])

    mapping = EventSourceMapping(shards, settings, invoke, AllAtOnce(1))
    for _ in range(steps):
        if ready := mapping.ready():
            mapping.step(ready[0])
    return calls, mapping


def failing(sequence, times=10**6):
    left = [times]

    def function(batch):
        if sequence in batch and left[0]:
            left[0] -= 1
            raise ValueError

    return function


def test_without_failure_every_record_comes_once_and_in_order():
    calls, mapping = deliver(Settings(batch_size=3), lambda _: None)
    assert calls == [[1, 2, 3], [4, 5, 6], [7, 8]]
    assert mapping.discarded == []


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (None, None),
        ({}, None),
        ({"batchItemFailures": None}, None),
        ({"batchItemFailures": []}, None),
        ({"batchItemFailure": [{"itemIdentifier": "2"}]}, None),  # a misspelt key is an absent list: success, and silent loss
        ({"batchItemFailures": [{"itemIdentifier": "2"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}, 1),  # the lowest is the checkpoint
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 0),
        ({"batchItemFailures": [{"itemIdentifer": "2"}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": "9"}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "9"}]}, 0),
        ("done", 0),
    ],
)
def test_how_an_answer_is_read(answer, place):
    assert first_failed(answer, [Sent(number, "key", b"") for number in (1, 2, 3)]) == place


def test_what_was_reported_comes_again_and_nothing_before_it():
    answers = iter([{"batchItemFailures": [{"itemIdentifier": "3"}]}, None])
    calls, _ = deliver(Settings(batch_size=8), lambda _: next(answers))
    assert calls == [[1, 2, 3, 4, 5, 6, 7, 8], [3, 4, 5, 6, 7, 8]]


def test_reports_are_not_read_unless_the_mapping_says_so():
    calls, _ = deliver(Settings(batch_size=8, report_failures=False), lambda _: {"batchItemFailures": [{"itemIdentifier": "3"}]})
    assert calls == [[1, 2, 3, 4, 5, 6, 7, 8]]


def test_bisecting_isolates_a_poison_record_without_using_up_its_retries():
    calls, mapping = deliver(Settings(batch_size=8, bisect=True, max_retries=1), failing(6))
    assert calls == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [5, 6, 7, 8], [5, 6], [5], [6], [6], [7, 8]]
    assert [(pointer.first, pointer.last, pointer.size, pointer.condition) for pointer in mapping.discarded] == [
        (6, 6, 1, "RetryAttemptsExhausted")
    ]


def test_without_bisecting_the_whole_batch_is_given_up_after_its_retries():
    calls, mapping = deliver(Settings(batch_size=4, max_retries=2), failing(2))
    assert calls == [[1, 2, 3, 4]] * 3 + [[5, 6, 7, 8]]
    assert [(pointer.first, pointer.last, pointer.size) for pointer in mapping.discarded] == [(1, 4, 4)]


def test_without_a_limit_a_poison_record_holds_its_shard_up_for_ever():
    calls, mapping = deliver(Settings(batch_size=4), failing(2))
    assert calls == [[1, 2, 3, 4]] * 50
    assert mapping.discarded == []


def test_records_grow_too_old():
    calls, mapping = deliver(Settings(batch_size=4, max_age=5), failing(2))
    assert [pointer.condition for pointer in mapping.discarded] == ["RecordAgeExceeded"] * 2
    assert len(calls) == 5


def test_a_throttled_function_was_not_tried():
    left = [5]

    def function(batch):
        left[0] -= 1
        if left[0] > 0:
            raise Throttled

    calls, mapping = deliver(Settings(batch_size=8, max_retries=0), function)
    assert len(calls) == 5
    assert mapping.discarded == []


def test_lanes_of_a_shard_keep_the_order_of_each_key():
    calls, mapping = deliver(Settings(batch_size=2, parallelisation=4), lambda _: None)
    assert len(mapping.lanes) == 4
    for key in range(3):
        assert [number for batch in calls for number in batch if number % 3 == key] == [n for n in range(1, 9) if n % 3 == key]


def test_a_child_shard_waits_for_its_parents():
    parents = (Shard("shardId-0", records=[Sent(1, "a", b""), Sent(2, "a", b"")]), Shard("shardId-1", records=[Sent(3, "b", b"")]))
    child = Shard("shardId-2", parents, [Sent(4, "a", b""), Sent(5, "b", b"")])
    empty = Shard("shardId-3", (child,))
    grandchild = Shard("shardId-4", (empty,), [Sent(6, "a", b"")])
    calls, _ = deliver(Settings(batch_size=1), lambda _: None, [grandchild, child, *parents, empty])
    assert [batch[0] for batch in calls][3:] == [4, 5, 6]


def test_an_invocation_that_is_timed_out_is_not_heard_any_more():
    mapping = EventSourceMapping([Shard("shardId-0", records=[Sent(1, "a", b"")])], Settings(), lambda _: None, AllAtOnce(1))
    (lane,) = mapping.ready()
    mapping.invoke = lambda _: mapping.time_out(lane)
    mapping.step(lane)
    assert [record.sequence for record in lane.batches[0].records] == [1]


def test_the_event_is_the_documented_one():
    (record,) = kinesis_event("shardId-000000000006", [Sent(7, "AAPL", b"Hello")])["Records"]
    assert (record["eventID"], record["eventSource"], record["kinesis"]["data"]) == ("shardId-000000000006:7", "aws:kinesis", "SGVsbG8=")
