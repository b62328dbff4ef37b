"""Connections: found by id and by topic, limited in what they hold, forgotten as a whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from daymark.core.errors import Conflict
from daymark.core.tenancy import Principal, Role
from daymark.monitoring.models import Connection, Topic
from daymark.monitoring.ports import Gone
from tests.contracts.backends import crash_everywhere

NOW = datetime(2018, 2, 5, 21, 0, 0, 500, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)
RISK = Principal("risk.ray.northstar", "northstar", Role.RISK)
ADA = Principal("client.ada.northstar", "northstar", Role.CLIENT, "H-1")
MONDAY, TUESDAY = Topic("day", "shared", "2018-02-05"), Topic("day", "shared", "2018-02-06")
# Two tenants' portfolios of one name.
OURS, THEIRS = Topic("portfolio", "northstar", "NS-1"), Topic("portfolio", "harbor", "NS-1")


def connection(name: str, principal: Principal = RISK) -> Connection:
    return Connection(name, principal, NOW + timedelta(hours=1), NOW)


def test_a_connection_comes_back_exactly_and_only_by_its_id(backend):
    backend.connections.open(connection("c1"))
    backend.connections.open(connection("c2=", ADA))
    assert backend.connections.find("c1", NOW) == connection("c1")
    assert backend.connections.find("c2=", LATER) == connection("c2=", ADA)
    assert backend.connections.find("c3", NOW) is None


def test_past_its_two_hours_a_connection_is_none_although_its_row_may_stand(backend):
    backend.connections.open(connection("c1"))
    backend.connections.subscribe(connection("c1"), MONDAY, 5)
    end = NOW + timedelta(hours=2)
    assert backend.connections.find("c1", end - timedelta(seconds=1)) == connection("c1")
    assert backend.connections.find("c1", end) is None
    assert list(backend.connections.subscribers(MONDAY, end - timedelta(seconds=1))) == [connection("c1")]
    assert list(backend.connections.subscribers(MONDAY, end)) == []


def test_each_topic_has_its_own_subscribers(backend):
    for name in ("c2", "c1", "c3"):
        backend.connections.open(connection(name))
    for name, topic in (("c2", MONDAY), ("c1", MONDAY), ("c1", TUESDAY), ("c1", MONDAY), ("c3", OURS)):
        backend.connections.subscribe(connection(name), topic, 5)
    assert list(backend.connections.subscribers(MONDAY, NOW)) == [connection("c1"), connection("c2")]
    assert list(backend.connections.subscribers(TUESDAY, NOW)) == [connection("c1")]
    assert list(backend.connections.subscribers(OURS, NOW)) == [connection("c3")]
    assert list(backend.connections.subscribers(THEIRS, NOW)) == []


def test_unsubscribing_ends_one_topic_and_repeats_are_harmless(backend):
    backend.connections.open(connection("c1"))
    backend.connections.subscribe(connection("c1"), MONDAY, 5)
    backend.connections.subscribe(connection("c1"), TUESDAY, 5)
    for _ in range(2):
        backend.connections.unsubscribe("c1", MONDAY)
    backend.connections.unsubscribe("nobody", MONDAY)
    assert list(backend.connections.subscribers(MONDAY, NOW)) == []
    assert list(backend.connections.subscribers(TUESDAY, NOW)) == [connection("c1")]
    assert backend.connections.find("nobody", NOW) is None


def test_closing_forgets_the_connection_and_all_it_held(backend):
    for name in ("c1", "c2"):
        backend.connections.open(connection(name))
        for topic in (MONDAY, TUESDAY):
            backend.connections.subscribe(connection(name), topic, 5)
    for _ in range(2):
        backend.connections.close("c1")
    assert backend.connections.find("c1", NOW) is None
    for topic in (MONDAY, TUESDAY):
        assert list(backend.connections.subscribers(topic, NOW)) == [connection("c2")]


def test_nothing_is_added_to_a_connection_that_has_been_closed(backend):
    backend.connections.open(connection("c1"))
    backend.connections.close("c1")
    with pytest.raises(Gone):
        backend.connections.subscribe(connection("c1"), MONDAY, 5)
    assert list(backend.connections.subscribers(MONDAY, NOW)) == []


def test_a_connection_holds_so_many_topics_and_no_more(backend):
    backend.connections.open(connection("c1"))
    for topic in (MONDAY, TUESDAY):
        backend.connections.subscribe(connection("c1"), topic, 2)
    with pytest.raises(Conflict) as refused:
        backend.connections.subscribe(connection("c1"), OURS, 2)
    assert (refused.value.field, refused.value.context) == ("message.channel", {"limit": 2})
    assert list(backend.connections.subscribers(OURS, NOW)) == []
    backend.connections.subscribe(connection("c1"), TUESDAY, 2)
    backend.connections.unsubscribe("c1", MONDAY)
    backend.connections.subscribe(connection("c1"), OURS, 2)
    assert list(backend.connections.subscribers(OURS, NOW)) == [connection("c1")]


def test_messages_of_one_connection_that_meet_keep_the_limit(racing):
    racing.connections.open(connection("c1"))
    topics = [Topic("day", "shared", f"2018-02-{day:02}") for day in range(1, 9)]

    def subscribe(topic: Topic) -> bool:
        try:
            racing.connections.subscribe(connection("c1"), topic, 3)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as racers:
        assert sum(racers.map(subscribe, topics)) == 3
    assert sum(len(racing.connections.subscribers(topic, NOW)) for topic in topics) == 3


def test_rows_end_with_the_connections_life(aws):
    aws.connections.open(connection("c1"))
    aws.connections.subscribe(connection("c1"), MONDAY, 5)
    items = aws.dynamodb.scan(TableName=aws.table("connections"))["Items"]
    # Two hours after the connection, in whole seconds, not a moment sooner.
    assert {item["expires_at"]["N"] for item in items} == {str(int(NOW.timestamp()) + 7200 + 1)}
    assert len(items) == 2
    aws.connections.close("c1")
    assert aws.dynamodb.scan(TableName=aws.table("connections"))["Items"] == []


def test_a_subscription_that_outlived_its_connection_can_be_ended(aws):
    aws.connections.open(connection("c1"))
    aws.connections.subscribe(connection("c1"), MONDAY, 5)
    key = {"pk": {"S": "CONNECTION#c1"}, "sk": {"S": "CONNECTION"}}
    aws.dynamodb.delete_item(TableName=aws.table("connections"), Key=key)
    assert list(aws.connections.subscribers(MONDAY, NOW)) == [connection("c1")]
    aws.connections.unsubscribe("c1", MONDAY)
    assert list(aws.connections.subscribers(MONDAY, NOW)) == []
    assert aws.dynamodb.scan(TableName=aws.table("connections"))["Items"] == []


def test_work_that_a_crash_cut_short_is_completed_by_doing_it_again(aws):
    def work(backend, subject):
        backend.connections.open(connection(subject))
        backend.connections.subscribe(connection(subject), MONDAY, 5)
        backend.connections.close(subject)

    def check(backend, subject, done):
        if done:
            assert backend.connections.find(subject, NOW) is None
            assert list(backend.connections.subscribers(MONDAY, NOW)) == []

    # Put, transaction, and two deletes: each cut short before and after it took effect.
    assert crash_everywhere(aws, work, check) == 8
