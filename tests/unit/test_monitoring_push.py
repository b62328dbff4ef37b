"""The conversation and the push: who is told what, in which order, and whose connection ends."""

from __future__ import annotations

from datetime import date, timedelta
from typing import ClassVar

import pytest

from daymark.core.entitlement import Resource
from daymark.core.errors import InvalidInput, NotFound, Unauthenticated, Unavailable
from daymark.core.tenancy import SHARED_TENANT, Principal, Role
from daymark.monitoring.models import ChannelState, Topic
from daymark.monitoring.ports import Gone
from daymark.monitoring.push import wait_before
from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase, RunId
from tests.unit.push_world import (
    CHANNEL,
    CLIENT,
    CLOSE_RUN,
    DAY,
    DISPATCHED,
    NOW,
    OPENED,
    RISK,
    SUCCEEDED,
    PushWorld,
)

FIRST_TASK = next(iter(trading_day().tasks(OperationPhase.MARKET_CLOSE)))
NO_SUCH_CHANNEL = {
    "version": 1,
    "type": "error",
    "error": {
        "code": "not_found",
        "message": "there is no such channel, or none that you may see",
        "field": "message.channel",
        "context": {},
    },
}


@pytest.fixture
def world() -> PushWorld:
    return PushWorld()


def test_a_subscriber_sees_the_snapshot_and_then_every_change_in_rising_sequence(world):
    world.connect("c1")
    assert world.say("c1", id="m1") == {"version": 1, "type": "snapshot", "channel": CHANNEL, "sequence": 0, "phases": [], "id": "m1"}
    for lines in ([(OPENED, None)], [(DISPATCHED, FIRST_TASK)], [(SUCCEEDED, FIRST_TASK)]):
        world.write(CLOSE_RUN, *lines)
        assert world.publish() == {"sent": 1}
    told = world.poster.to("c1")[1:]
    assert [(message["type"], message["sequence"]) for message in told] == [("progress", 1), ("progress", 2), ("progress", 3)]
    assert [message["phases"][0]["tasks"][0] for message in told] == [
        {"task": FIRST_TASK, "status": "PENDING", "try": 0},
        {"task": FIRST_TASK, "status": "RUNNING", "try": 1},
        {"task": FIRST_TASK, "status": "SUCCEEDED", "try": 1},
    ]
    assert {(message["phases"][0]["run_id"], message["phases"][0]["status"]) for message in told} == {(str(CLOSE_RUN), "RUNNING")}


def test_the_state_has_the_latest_run_of_each_phase_and_counts_the_lines_of_all(world):
    second = RunId(DAY, OperationPhase.MARKET_CLOSE, 2)
    world.write(CLOSE_RUN, (OPENED, None), (DISPATCHED, FIRST_TASK))
    world.write(second, (OPENED, None))
    world.write(RunId(DAY, OperationPhase.PRE_MARKET), (OPENED, None))
    world.write(RunId(date(2018, 2, 6), OperationPhase.PRE_MARKET), (OPENED, None))
    world.connect("c1")
    snapshot = world.say("c1")
    assert [phase["run_id"] for phase in snapshot["phases"]] == ["2018-02-05/PRE_MARKET#1", "2018-02-05/MARKET_CLOSE#2"]
    assert snapshot["sequence"] == 2 + 1 + 1


def test_a_channel_is_heard_by_its_own_subscribers_alone(world):
    for name in ("c1", "c2", "c3"):
        world.connect(name)
    world.say("c1")
    world.say("c2")
    world.say("c3", channel="day/2018-02-06")
    assert world.publish() == {"sent": 2}
    assert world.publish(date(2018, 2, 6)) == {"sent": 1}
    assert world.publish(date(2018, 2, 7)) == {}
    world.say("c1", "unsubscribe")
    assert world.publish() == {"sent": 1}


def test_without_a_subscriber_nothing_is_read(world, monkeypatch):
    monkeypatch.setattr(world.journal, "runs", lambda _day: pytest.fail("the journal was read"))
    assert world.publish() == {}


@pytest.mark.parametrize(
    "channel",
    ["day/2018-02-04", "day/2018-12-25", "day/20180205", "day/2018-2-5", "day/", "day", "day/x", "day/2018-02-05/x", "day/2018-W06-1",
     "week/2018-02-05", "/", "day/1800-01-02", "DAY/2018-02-05", " day/2018-02-05", "day/2018-02-05 "],
)  # fmt: skip
@pytest.mark.parametrize("action", ["subscribe", "unsubscribe"])
def test_a_channel_that_does_not_exist_is_not_found(world, channel, action):
    world.connect("c1")
    assert world.say("c1", action, channel=channel) == NO_SUCH_CHANNEL


@pytest.mark.parametrize("action", ["subscribe", "unsubscribe"])
def test_a_client_gets_the_same_answer_for_the_days_progress(world, action):
    world.connect("c1", CLIENT)
    assert world.say("c1", action) == NO_SUCH_CHANNEL
    assert world.publish() == {}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CLIENT])
@pytest.mark.parametrize("tenant", ["northstar", SHARED_TENANT])
def test_staff_of_every_tenant_may_watch_the_day(world, role, tenant):
    world.connect("c1", Principal("someone", tenant, role))
    assert world.say("c1")["type"] == "snapshot"


def test_a_ping_is_answered(world):
    world.connect("c1", CLIENT)
    assert world.say("c1", "ping", id="7") == {"version": 1, "type": "pong", "id": "7"}


def test_a_bad_message_is_answered_and_the_connection_stays(world):
    world.connect("c1")
    world.conversation.receive("c1", "{")
    assert world.poster.to("c1")[-1]["error"]["field"] == "message"
    assert world.say("c1")["type"] == "snapshot"
    assert world.poster.hung_up == []


def test_a_connection_holds_so_many_channels():
    world = PushWorld(limit=2)
    world.connect("c1")
    assert world.say("c1", channel="day/2018-02-05")["type"] == "snapshot"
    assert world.say("c1", channel="day/2018-02-06")["type"] == "snapshot"
    refused = world.say("c1", channel="day/2018-02-07")
    assert (refused["error"]["code"], refused["error"]["field"]) == ("conflict", "message.channel")
    assert world.say("c1", channel="day/2018-02-06")["type"] == "snapshot"
    assert world.say("c1", "unsubscribe", channel="day/2018-02-06") == {"version": 1, "type": "unsubscribed", "channel": "day/2018-02-06"}
    assert world.say("c1", channel="day/2018-02-07")["type"] == "snapshot"


def test_no_connection_without_a_good_ticket(world):
    with pytest.raises(Unauthenticated):
        world.desk.open("c1", "a" * 43)
    assert world.connections.find("c1", NOW) is None


@pytest.mark.parametrize(("minutes", "alive"), [(9, True), (10, False), (11, False)])
def test_once_the_token_has_expired_nothing_is_pushed_and_the_connection_ends(world, minutes, alive):
    world.connect("c1", minutes=10)
    world.connect("c2", minutes=60)
    world.say("c1")
    world.say("c2")
    world.clock.advance(timedelta(minutes=minutes))
    assert world.publish() == ({"sent": 2} if alive else {"expired": 1, "sent": 1})
    if not alive:
        assert world.poster.to("c1")[-1] == {"version": 1, "type": "expired"}
        assert world.poster.hung_up == ["c1"]
        assert world.connections.find("c1", world.clock.now()) is None
        assert world.publish() == {"sent": 1}


SUBSCRIBE = f'{{"version": 1, "action": "subscribe", "channel": "{CHANNEL}"}}'


@pytest.mark.parametrize("text", ['{"version": 1, "action": "ping"}', "{", SUBSCRIBE])
def test_once_the_token_has_expired_a_message_ends_the_connection_and_nothing_is_done_for_it(world, text, monkeypatch):
    world.connect("c1", minutes=10)
    world.clock.advance(timedelta(minutes=10))
    monkeypatch.setattr(world.connections, "subscribe", lambda *_: pytest.fail("subscribed"))
    assert world.conversation.receive("c1", text) == "expired"
    assert world.poster.to("c1") == [{"version": 1, "type": "expired"}]
    assert world.poster.hung_up == ["c1"]


def test_a_connection_that_is_not_known_is_ended(world):
    assert world.conversation.receive("stranger", '{"version": 1, "action": "ping"}') == "expired"
    assert world.poster.hung_up == ["stranger"]


def test_a_gateway_that_does_not_hang_up_does_not_keep_the_connection_known(world):
    world.connect("c1", minutes=10)
    world.say("c1")
    world.clock.advance(timedelta(minutes=10))
    world.poster.at_hanging_up = Unavailable("throttled")
    assert world.publish() == {"expired": 1}
    assert world.publish() == {}


def test_a_closed_connection_is_forgotten_at_the_first_post_that_finds_it_gone(world):
    world.connect("c1")
    world.connect("c2")
    world.say("c1")
    world.say("c2")
    world.poster.failures["c1"] = [Gone("closed")]
    assert world.publish() == {"gone": 1, "sent": 1}
    assert world.connections.find("c1", NOW) is None
    assert world.publish() == {"sent": 1}


def test_a_subscription_that_outlived_its_connection_goes_with_it(world, monkeypatch):
    """A store whose closing forgot one half, as after a crash."""
    world.connect("c1")
    world.say("c1")
    world.poster.failures["c1"] = [Gone("closed")]
    monkeypatch.setattr(world.connections, "close", lambda _id: None)
    assert world.publish() == {"gone": 1}
    assert world.publish() == {}


def test_a_connection_that_cannot_be_forgotten_holds_up_no_other(world, monkeypatch):
    for name in ("c1", "c2"):
        world.connect(name)
        world.say(name)
    world.poster.failures["c1"] = [Gone("closed")]

    def throttled(_connection_id):
        raise Unavailable("throttled")

    monkeypatch.setattr(world.connections, "close", throttled)
    assert world.publish() == {"dropped": 1, "sent": 1}
    assert world.poster.to("c2")[-1]["type"] == "progress"


def test_a_throttled_post_is_tried_again_a_few_times(world):
    world.connect("c1")
    world.say("c1")
    world.poster.failures["c1"] = [Unavailable("429")] * 3
    assert world.publish() == {"sent": 1}
    assert world.waits == [1, 2, 3]


def test_the_wait_before_a_retry_is_drawn_below_a_bound_that_doubles(monkeypatch):
    slept = []
    monkeypatch.setattr("daymark.monitoring.push.time.sleep", slept.append)
    monkeypatch.setattr("daymark.monitoring.push.random.random", lambda: 0.5)
    for retry in (1, 2, 3):
        wait_before(retry)
    # Half of 50 ms, of 100 ms, of 200 ms.
    assert slept == [0.025, 0.05, 0.1]


def test_a_message_that_stays_throttled_is_dropped_and_the_next_carries_the_whole_state(world):
    world.connect("c1")
    world.say("c1")
    world.write(CLOSE_RUN, (OPENED, None))
    world.poster.failures["c1"] = [Unavailable("429")] * 4
    assert world.publish() == {"dropped": 1}
    assert world.waits == [1, 2, 3]
    world.write(CLOSE_RUN, (DISPATCHED, FIRST_TASK))
    assert world.publish() == {"sent": 1}
    assert world.poster.to("c1")[-1]["sequence"] == 2
    assert world.connections.find("c1", NOW) is not None


def test_a_connection_closed_while_it_subscribes_is_let_go(world, monkeypatch):
    world.connect("c1")

    def gone(*_arguments):
        raise Gone("closed")

    monkeypatch.setattr(world.connections, "subscribe", gone)
    assert world.conversation.receive("c1", SUBSCRIBE) == "gone"
    assert world.poster.posted == []


@pytest.mark.parametrize("times", [1, 2])
def test_a_connection_that_has_ended_is_forgotten_however_often_it_is_told(world, times):
    for name in ("c1", "c2"):
        world.connect(name)
        world.say(name)
    for _ in range(times):
        world.desk.close("c1")
    assert world.connections.find("c1", NOW) is None
    assert world.publish() == {"sent": 1}


def test_a_store_that_does_not_answer_is_told_without_its_name(world, monkeypatch):
    world.connect("c1")

    def unavailable(*_arguments):
        raise Unavailable("reading table daymark-operations: throttled")

    monkeypatch.setattr(world.journal, "runs", unavailable)
    assert world.say("c1")["error"] == {
        "code": "unavailable", "message": "this did not work just now; send the message again", "field": None, "context": {},
    }  # fmt: skip


def test_a_defect_is_not_swallowed(world, monkeypatch):
    world.connect("c1")
    monkeypatch.setattr(world.journal, "runs", lambda _day: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.say("c1")


class Portfolios:
    """A second kind, as a later system would add it: each tenant has an NS-1 of its own, shown to its adviser."""

    kind: ClassVar[str] = "portfolio"
    update: ClassVar[str] = "mark"
    advisers: ClassVar[dict[str, str]] = {}

    def topic(self, name, principal):
        topic = Topic(self.kind, principal.tenant, name)
        if name != "NS-1":
            raise NotFound("no such portfolio")
        return topic, Resource(principal.tenant, "H-1", self.advisers[principal.tenant])

    def state(self, topic, resume):
        return ChannelState(4, {"value": f"{topic.tenant}'s"})


BEN = Principal("adviser.ben", "northstar", Role.ADVISER)


def test_another_kind_of_channel_needs_nothing_but_itself():
    Portfolios.advisers = {"northstar": "adviser.ben", "harbor": "adviser.ben"}
    world = PushWorld([Portfolios()])
    theirs = Principal("adviser.ben", "harbor", Role.ADVISER)
    world.connect("ours", BEN)
    world.connect("theirs", theirs)
    assert world.say("ours", channel="portfolio/NS-1")["value"] == "northstar's"
    assert world.say("theirs", channel="portfolio/NS-1")["value"] == "harbor's"
    for name in ("NS-2", "", "no name", "x" * 65, "harbor/NS-1"):
        assert world.say("ours", channel=f"portfolio/{name}") == NO_SUCH_CHANNEL
    # Two tenants' portfolios of one name are two topics.
    assert dict(world.broadcast.publish(Topic("portfolio", "northstar", "NS-1"))) == {"sent": 1}
    assert world.poster.posted[-1] == (
        "ours", {"version": 1, "type": "mark", "channel": "portfolio/NS-1", "sequence": 4, "value": "northstar's"},
    )  # fmt: skip


def test_who_may_no_longer_see_a_channel_is_told_so_once_and_hears_no_more_of_it():
    Portfolios.advisers = {"northstar": "adviser.ben"}
    world = PushWorld([Portfolios()])
    world.connect("ours", BEN)
    world.say("ours", channel="portfolio/NS-1")
    Portfolios.advisers = {"northstar": "adviser.bea"}
    topic = Topic("portfolio", "northstar", "NS-1")
    assert dict(world.broadcast.publish(topic)) == {"forbidden": 1}
    assert world.poster.to("ours")[-1] == NO_SUCH_CHANNEL | {"channel": "portfolio/NS-1"}
    assert dict(world.broadcast.publish(topic)) == {}
    assert world.say("ours", "ping")["type"] == "pong"


class Shelves:
    """Channels that share a room."""

    kind: ClassVar[str] = "shelf"
    update: ClassVar[str] = "progress"

    def topic(self, name, principal):
        return Topic(self.kind, SHARED_TENANT, name, "library"), Resource(SHARED_TENANT)

    def state(self, topic, resume):
        return ChannelState(1, {})


def test_a_broadcast_reaches_its_own_topic_alone_although_others_share_the_room():
    world = PushWorld([Shelves()])
    for name in ("c1", "c2"):
        world.connect(name)
    world.say("c1", channel="shelf/1")
    world.say("c2", channel="shelf/2")
    assert dict(world.broadcast.publish(Topic("shelf", SHARED_TENANT, "1", "library"))) == {"sent": 1}
    assert world.poster.posted[-1][0] == "c1"
    assert world.say("c2", channel="shelf/2", resume="1-1")["type"] == "snapshot"


@pytest.mark.parametrize("room", ["a//b", "/", "a b", "a#b", "live/", "live/bucket 1"])
def test_a_room_is_plain_names(room):
    with pytest.raises(InvalidInput) as refused:
        Topic("day", "shared", "x", room)
    assert refused.value.field == "room"


@pytest.mark.parametrize("parts", [("day", "shared", ""), ("day", "sha/red", "x"), ("day", "shared", "x" * 65), ("day", "#", "x")])
def test_a_topics_parts_are_plain_names(parts):
    with pytest.raises(InvalidInput):
        Topic(*parts)


def test_a_topics_key_has_three_parts():
    with pytest.raises(InvalidInput):
        Topic.parse("day/2018-02-05")


def test_the_ticket_opens_with_the_rights_of_its_holder(world):
    world.connect("c1", RISK, minutes=20)
    found = world.connections.find("c1", NOW)
    assert found is not None
    assert (found.principal, found.token_expires_at, found.connected_at) == (RISK, NOW + timedelta(minutes=20), NOW)
