"""Connections: found by id and by room, limited in what they hold, forgotten as a whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from daymark.core.errors import Conflict
from daymark.core.tenancy import Principal, Role
from daymark.monitoring.models import NOTHING_SENT, Connection, Subscription, Topic
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


# Two portfolios of one bucket, and one of another.
FIRST, SECOND = (Topic("portfolio", "northstar", name, "live/bucket-0007") for name in ("NS-1", "NS-2"))
ELSEWHERE = Topic("portfolio", "northstar", "NS-3", "live/bucket-0008")


def watchers(backend, topic: Topic, now: datetime) -> list[Connection]:
    return [each.connection for each in backend.connections.subscribers(topic.room, now) if each.topic == topic]


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
    assert watchers(backend, MONDAY, end - timedelta(seconds=1)) == [connection("c1")]
    assert watchers(backend, MONDAY, end) == []


def test_each_topic_has_its_own_subscribers(backend):
    for name in ("c2", "c1", "c3"):
        backend.connections.open(connection(name))
    for name, topic in (("c2", MONDAY), ("c1", MONDAY), ("c1", TUESDAY), ("c1", MONDAY), ("c3", OURS)):
        backend.connections.subscribe(connection(name), topic, 5)
    assert watchers(backend, MONDAY, NOW) == [connection("c1"), connection("c2")]
    assert watchers(backend, TUESDAY, NOW) == [connection("c1")]
    assert watchers(backend, OURS, NOW) == [connection("c3")]
    assert watchers(backend, THEIRS, NOW) == []


def test_unsubscribing_ends_one_topic_and_repeats_are_harmless(backend):
    backend.connections.open(connection("c1"))
    backend.connections.subscribe(connection("c1"), MONDAY, 5)
    backend.connections.subscribe(connection("c1"), TUESDAY, 5)
    for _ in range(2):
        backend.connections.unsubscribe("c1", MONDAY)
    backend.connections.unsubscribe("nobody", MONDAY)
    assert watchers(backend, MONDAY, NOW) == []
    assert watchers(backend, TUESDAY, NOW) == [connection("c1")]
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
        assert watchers(backend, topic, NOW) == [connection("c2")]


def test_nothing_is_added_to_a_connection_that_has_been_closed(backend):
    backend.connections.open(connection("c1"))
    backend.connections.close("c1")
    with pytest.raises(Gone):
        backend.connections.subscribe(connection("c1"), MONDAY, 5)
    assert watchers(backend, MONDAY, NOW) == []


def test_a_connection_holds_so_many_topics_and_no_more(backend):
    backend.connections.open(connection("c1"))
    for topic in (MONDAY, TUESDAY):
        backend.connections.subscribe(connection("c1"), topic, 2)
    with pytest.raises(Conflict) as refused:
        backend.connections.subscribe(connection("c1"), OURS, 2)
    assert (refused.value.field, refused.value.context) == ("message.channel", {"limit": 2})
    assert watchers(backend, OURS, NOW) == []
    backend.connections.subscribe(connection("c1"), TUESDAY, 2)
    backend.connections.unsubscribe("c1", MONDAY)
    backend.connections.subscribe(connection("c1"), OURS, 2)
    assert watchers(backend, OURS, NOW) == [connection("c1")]


def held(backend, room: str) -> list[tuple[str, str, int]]:
    return [(each.connection.connection_id, each.topic.name, each.sent) for each in backend.connections.subscribers(room, NOW)]


def test_a_room_gives_all_its_subscriptions_connection_by_connection(backend):
    for name in ("c2", "c1"):
        backend.connections.open(connection(name))
        for topic in (SECOND, ELSEWHERE, FIRST):
            backend.connections.subscribe(connection(name), topic, 5)
    found = list(backend.connections.subscribers("live/bucket-0007", NOW))
    assert found == [Subscription(connection(name), topic, NOTHING_SENT) for name in ("c1", "c2") for topic in (FIRST, SECOND)]
    assert held(backend, "live/bucket-0008") == [("c1", "NS-3", -1), ("c2", "NS-3", -1)]
    assert held(backend, "live/bucket-0009") == []
    backend.connections.unsubscribe("c1", SECOND)
    backend.connections.close("c2")
    assert held(backend, "live/bucket-0007") == [("c1", "NS-1", -1)]
    assert held(backend, "live/bucket-0008") == [("c1", "NS-3", -1)]


def test_what_was_sent_only_rises(backend):
    backend.connections.open(connection("c1"))
    for topic in (FIRST, SECOND):
        backend.connections.subscribe(connection("c1"), topic, 5)
    asked = Subscription(connection("c1"), FIRST)
    backend.connections.note_sent(asked, 10)
    assert held(backend, FIRST.room) == [("c1", "NS-1", 10), ("c1", "NS-2", -1)]
    # Two publishers that both had read 10: the one that sent less comes last.
    read = Subscription(connection("c1"), FIRST, 10)
    backend.connections.note_sent(read, 12)
    backend.connections.note_sent(read, 11)
    assert held(backend, FIRST.room)[0] == ("c1", "NS-1", 12)
    # And a third one, that sent more.
    backend.connections.note_sent(read, 13)
    assert held(backend, FIRST.room)[0] == ("c1", "NS-1", 13)
    # Subscribing again, the client says that it may have nothing.
    backend.connections.subscribe(connection("c1"), FIRST, 5)
    assert held(backend, FIRST.room)[0] == ("c1", "NS-1", -1)


def test_whoever_read_what_stands_may_begin_the_count_anew(backend):
    backend.connections.open(connection("c1"))
    backend.connections.subscribe(connection("c1"), FIRST, 5)
    backend.connections.note_sent(Subscription(connection("c1"), FIRST), 100)
    backend.connections.note_sent(Subscription(connection("c1"), FIRST, 100), 3)
    assert held(backend, FIRST.room) == [("c1", "NS-1", 3)]


def test_a_note_about_what_has_ended_makes_no_row(backend):
    backend.connections.open(connection("c1"))
    backend.connections.subscribe(connection("c1"), FIRST, 5)
    backend.connections.unsubscribe("c1", FIRST)
    for name in ("c1", "nobody"):
        backend.connections.note_sent(Subscription(connection(name), FIRST), 5)
    assert held(backend, FIRST.room) == []


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
    assert sum(len(watchers(racing, topic, NOW)) for topic in topics) == 3


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
    assert watchers(aws, MONDAY, NOW) == [connection("c1")]
    aws.connections.unsubscribe("c1", MONDAY)
    assert watchers(aws, MONDAY, NOW) == []
    assert aws.dynamodb.scan(TableName=aws.table("connections"))["Items"] == []


def test_work_that_a_crash_cut_short_is_completed_by_doing_it_again(aws):
    def work(backend, subject):
        backend.connections.open(connection(subject))
        backend.connections.subscribe(connection(subject), MONDAY, 5)
        backend.connections.close(subject)

    def check(backend, subject, done):
        if done:
            assert backend.connections.find(subject, NOW) is None
            assert watchers(backend, MONDAY, NOW) == []

    # Put, transaction, and two deletes: each cut short before and after it took effect.
    assert crash_everywhere(aws, work, check) == 8
