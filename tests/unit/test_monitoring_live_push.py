"""Live channels, step by step: what a subscriber is answered and pushed, what happens to those who are slow, gone or no longer allowed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from daymark.contracts.push import error_message, updates_messages
from daymark.core.errors import NotFound, Unavailable
from daymark.monitoring.live_push import LivePush
from daymark.monitoring.ports import Gone
from tests.mark_world import DAY, NEXT_DAY, ONE, Stores, block, quote, record
from tests.unit.live_world import BEN, RAY, ROW, LiveWorld, Watcher, moved, portfolios, symbols, two

UNDEFINED = 2**63 - 1
NO_SUCH_CHANNEL = json.loads(error_message(NotFound("")))


@pytest.fixture
def world() -> LiveWorld:
    return LiveWorld.of_two()


def test_a_subscriber_sees_the_whole_portfolio_and_then_what_changed(world):
    first = world.show(two())
    world.connect("c1", BEN)
    assert world.say("c1", channel="portfolio/NS-1", id="m1") == {
        "version": 1, "type": "snapshot", "channel": "portfolio/NS-1", "sequence": 7, "resume": "1-7", "id": "m1",
        "live": True, "session_date": "2018-02-05", "as_of": "2018-02-05T15:30:00Z", "synthetic_ticks": True,
        "value": "104523.10", "cash": "6696.47", "high_water": "110000.00",
        # 104523.10 - 104833.35, and -5476.90 / 110000.00.
        "profit_and_loss": "-310.25", "drawdown": -0.04979,
        # 97826.63 / 104523.10 = 0.93593311...
        "classes": {
            "equity": {"value": "97826.63", "weight": pytest.approx(0.9359331, abs=1e-7), "target": 0.9,
                       "drift": pytest.approx(0.0359331, abs=1e-7)},
            "fixed_income": {"value": "0.00", "weight": 0.0, "target": 0.05, "drift": -0.05},
        },
    }  # fmt: skip
    assert world.publish(1) == {}
    world.show(moved(first, {("cash", "northstar/NS-1"): 6_696_48}, as_of=first.as_of + 1))
    assert world.publish(1) == {"sent": 1}
    assert world.poster.to("c1")[-1] == {
        "version": 1, "type": "updates", "updates": [{
            "type": "delta", "channel": "portfolio/NS-1", "since": 7, "sequence": 8, "resume": "1-8", "cash": "6696.48",
            "live": True, "session_date": "2018-02-05", "as_of": "2018-02-05T15:30:00.000000001Z", "synthetic_ticks": True,
        }],
    }  # fmt: skip
    assert world.publish(1) == {}


def test_a_symbol_is_shown_to_staff_and_what_it_has_lost_is_taken_away(world):
    first = world.show(symbols({"AAPL": (37_090_000_000, 37_100_000_000, UNDEFINED, 0, 3, 38_020_000_000)}))
    world.connect("c1", RAY)
    about = {"live": True, "session_date": "2018-02-05", "synthetic_ticks": True}
    assert world.say("c1", channel="symbol/AAPL") == {
        "version": 1, "type": "snapshot", "channel": "symbol/AAPL", "sequence": 1, "resume": "0-1", **about,
        "bid": "37.09", "ask": "37.10", "publishers": 3, "reference": "38.02",
    }  # fmt: skip
    # 36.499200 / 38.02 - 1 = -0.04.
    world.show(moved(first, {("price", "AAPL"): 36_499_200_000, ("ask", "AAPL"): UNDEFINED, ("ts_event", "AAPL"): 10**18}))
    world.publish(0)
    (update,) = world.poster.to("c1")[-1]["updates"]
    assert update == {
        "type": "delta", "channel": "symbol/AAPL", "since": 1, "sequence": 2, "resume": "0-2", **about,
        "ask": None, "price": "36.4992", "change": -0.04, "as_of": "2001-09-09T01:46:40Z",
    }  # fmt: skip


def test_all_channels_of_a_connection_travel_together_and_only_those_that_changed(world):
    first = world.show(two())
    world.own("northstar", "NS-3")
    for name in ("c1", "c2"):
        world.connect(name, BEN)
    for channel in ("portfolio/NS-2", "portfolio/NS-1", "portfolio/NS-3"):
        world.say("c1", channel=channel)
    world.say("c2", channel="portfolio/NS-2")
    world.show(moved(first, {("cash", "northstar/NS-1"): 1, ("cash", "northstar/NS-2"): 2}))
    assert world.publish(1) == {"sent": 2}
    assert [update["channel"] for update in world.poster.to("c1")[-1]["updates"]] == ["portfolio/NS-1", "portfolio/NS-2"]
    assert [update["cash"] for update in world.poster.to("c2")[-1]["updates"]] == ["0.02"]


def test_messages_keep_to_a_frame_and_a_longer_update_goes_alone():
    updates = ["x" * length for length in (10, 20, 30, 200, 40, 7)]
    messages = list(updates_messages(updates, 120))
    frame = len('{"version":1,"type":"updates","updates":[]}')
    assert [count for count, _ in messages] == [3, 1, 2]
    assert [len(text) for _, text in messages] == [frame + 62, frame + 200, frame + 48]
    assert list(updates_messages([])) == []
    # Three of ten letters and two commas are 32; that each message says its frame anew is counted as well.
    assert [count for count, _ in updates_messages(["x" * 10] * 7, frame + 32)] == [3, 3, 1]
    assert [count for count, _ in updates_messages(["x" * 10] * 7, frame + 31)] == [2, 2, 2, 1]
    # 32 KiB to the byte.
    assert [count for count, _ in updates_messages(["x" * (32 * 1024 - frame - 2), "x"])] == [2]
    assert [count for count, _ in updates_messages(["x" * (32 * 1024 - frame - 1), "x"])] == [1, 1]


def test_many_channels_of_a_connection_are_sent_in_several_messages_and_each_is_noted(world, monkeypatch):
    monkeypatch.setattr("daymark.monitoring.live_push.updates_messages", lambda texts: updates_messages(texts, 300))
    first = world.show(two())
    world.connect("c1", BEN)
    for name in ("NS-1", "NS-2"):
        world.say("c1", channel=f"portfolio/{name}")
    world.show(moved(first, {("cash", "northstar/NS-1"): 1, ("cash", "northstar/NS-2"): 2}))
    world.poster.failures["c1"] = []
    assert world.publish(1) == {"sent": 2}
    assert world.publish(1) == {}


def test_before_there_is_a_board_nothing_is_live_and_the_first_is_sent_whole(world):
    world.connect("c1", BEN)
    assert world.say("c1", channel="portfolio/NS-1") == {
        "version": 1, "type": "snapshot", "channel": "portfolio/NS-1", "sequence": 0, "live": False,
    }  # fmt: skip
    assert world.publish(1) == {}
    world.show(portfolios(1, {"northstar/NS-1": ROW}, 0))
    assert world.publish(1) == {"sent": 1}
    assert [(update["type"], update["value"]) for update in world.poster.to("c1")[-1]["updates"]] == [("snapshot", "104523.10")]


def test_a_portfolio_that_is_not_in_the_session_is_told_so_once(world):
    first = world.show(two())
    world.own("northstar", "NS-3")
    world.connect("c1", BEN)
    for name in ("NS-1", "NS-3"):
        world.say("c1", channel=f"portfolio/{name}")
    assert world.poster.to("c1")[-1] == {
        "version": 1, "type": "snapshot", "channel": "portfolio/NS-3", "sequence": 7, "resume": "1-7", "live": False,
    }  # fmt: skip
    world.show(moved(first, {("cash", "northstar/NS-2"): 1}))
    assert world.publish(1) == {}
    # The next session is without NS-1 and with NS-3.
    world.show(portfolios(1, {"northstar/NS-2": ROW, "northstar/NS-3": ROW}, 9))
    assert world.publish(1) == {"sent": 1}
    told = {update["channel"]: update for update in world.poster.to("c1")[-1]["updates"]}
    assert told["portfolio/NS-1"] == {"type": "snapshot", "channel": "portfolio/NS-1", "sequence": 9, "resume": "1-9", "live": False}
    assert (told["portfolio/NS-3"]["type"], told["portfolio/NS-3"]["value"]) == ("snapshot", "104523.10")


def test_without_a_subscriber_not_even_the_board_is_read(world, monkeypatch):
    world.show(two())
    monkeypatch.setattr(world.snapshots, "load", lambda _name: pytest.fail("the board was read"))
    assert world.publish(1) == {}


def test_when_a_lane_began_anew_its_watchers_get_a_snapshot_that_says_so_once(world):
    first = world.show(two())
    world.connect("c1", BEN)
    world.say("c1", channel="portfolio/NS-1")
    again = world.show(portfolios(1, {"northstar/NS-1": ROW}, 2))
    assert world.publish(1) == {"sent": 1}
    (update,) = world.poster.to("c1")[-1]["updates"]
    assert (update["type"], update["sequence"], update["restart"]) == ("snapshot", 2, True)
    assert first.revision > again.revision
    assert world.publish(1) == {}
    world.show(moved(again, {("cash", "northstar/NS-1"): 1}))
    world.publish(1)
    (update,) = world.poster.to("c1")[-1]["updates"]
    assert (update["type"], update["since"], update.get("restart")) == ("delta", 2, None)


def test_whoever_lost_the_right_is_told_within_a_minute_and_hears_no_more(world):
    shown = world.show(two())
    world.connect("c1", BEN)
    for name in ("NS-1", "NS-2"):
        world.say("c1", channel=f"portfolio/{name}")
    world.own("northstar", "NS-1", adviser="adviser.bea")

    def both(cents: int) -> dict[tuple[str, str], int]:
        return {("cash", f"northstar/{name}"): cents for name in ("NS-1", "NS-2")}

    world.clock.advance(timedelta(seconds=59))
    shown = world.show(moved(shown, both(1)))
    assert world.publish(1) == {"sent": 1}
    assert len(world.poster.to("c1")[-1]["updates"]) == 2
    world.clock.advance(timedelta(seconds=1))
    shown = world.show(moved(shown, both(2)))
    assert world.publish(1) == {"forbidden": 1, "sent": 1}
    refused, update = world.poster.to("c1")[-2:]
    assert refused == NO_SUCH_CHANNEL | {"channel": "portfolio/NS-1"}
    assert [each["channel"] for each in update["updates"]] == ["portfolio/NS-2"]
    world.show(moved(shown, both(3)))
    assert world.publish(1) == {"sent": 1}


def test_a_throttled_connection_stays_behind_and_then_gets_all_it_missed(world):
    shown = world.show(two())
    for name in ("c1", "c2"):
        world.connect(name, BEN)
        world.say(name, channel="portfolio/NS-1")
    shown = world.show(moved(shown, {("cash", "northstar/NS-1"): 1}))
    world.poster.failures["c1"] = [Unavailable("429")] * 4
    assert world.publish(1) == {"dropped": 1, "sent": 1}
    assert world.waits == [1, 2, 3]
    world.show(moved(shown, {("opening", "northstar/NS-1"): 0}))
    assert world.publish(1) == {"sent": 2}
    behind, ahead = (world.poster.to(name)[-1]["updates"][0] for name in ("c1", "c2"))
    assert (behind["since"], behind["cash"], behind["profit_and_loss"]) == (7, "0.01", "104523.10")
    assert (ahead["since"], "cash" in ahead) == (8, False)


@pytest.mark.parametrize("end", [Gone("closed"), None])
def test_a_connection_that_cannot_be_forgotten_holds_up_no_other(world, monkeypatch, end):
    shown = world.show(two())
    for name in ("c1", "c2", "c3"):
        world.connect(name, BEN, minutes=10 if end is None and name == "c1" else 60)
        world.say(name, channel="portfolio/NS-1")
    world.clock.advance(timedelta(minutes=10))
    world.show(moved(shown, {("cash", "northstar/NS-1"): 1}))
    world.poster.failures["c1"] = [] if end is None else [end]
    close = world.connections.close

    def throttled(_connection_id):
        raise Unavailable("throttled")

    monkeypatch.setattr(world.connections, "close", throttled)
    # What is dropped makes the event come again.
    assert world.publish(1) == {"dropped": 1, "sent": 2}
    monkeypatch.setattr(world.connections, "close", close)
    world.poster.failures["c1"] = [] if end is None else [end]
    assert world.publish(1) == {"expired" if end is None else "gone": 1}
    assert world.publish(1) == {}


def test_a_message_that_could_not_be_noted_is_repeated(world, monkeypatch):
    shown = world.show(two())
    world.connect("c1", BEN)

    def unavailable(*_arguments):
        raise Unavailable("throttled")

    with monkeypatch.context() as patched:
        patched.setattr(world.connections, "note_sent", unavailable)
        assert world.say("c1", channel="portfolio/NS-1")["sequence"] == 7
        world.show(moved(shown, {("cash", "northstar/NS-1"): 1}))
        assert world.publish(1) == {"sent": 1}
    assert world.publish(1) == {"sent": 1}
    assert [update["sequence"] for update in world.poster.to("c1")[-1]["updates"]] == [8]
    assert world.publish(1) == {}


def test_an_answer_that_was_not_brought_is_not_counted_as_sent(world):
    world.show(two())
    world.connect("c1", BEN)
    world.poster.failures["c1"] = [Unavailable("429")] * 4
    world.conversation.receive("c1", '{"version": 1, "action": "subscribe", "channel": "portfolio/NS-1"}')
    assert world.poster.to("c1") == []
    assert world.publish(1) == {"sent": 1}
    assert world.poster.to("c1")[-1]["updates"][0]["type"] == "snapshot"


@pytest.mark.parametrize("forgetful", [False, True])
def test_a_closed_connection_is_forgotten_with_all_its_channels(world, monkeypatch, forgetful):
    world.show(two())
    world.connect("c1", BEN)
    for name in ("NS-1", "NS-2"):
        world.say("c1", channel=f"portfolio/{name}")
    world.show(moved(two(), {("cash", "northstar/NS-1"): 1, ("cash", "northstar/NS-2"): 1}))
    if forgetful:
        # A store whose closing forgot one half, as after a crash.
        monkeypatch.setattr(world.connections, "close", lambda _id: None)
    world.poster.failures["c1"] = [Gone("closed")]
    assert world.publish(1) == {"gone": 1}
    assert world.connections.subscribers("live/bucket-0001", world.clock.now()) == []


def test_once_the_token_has_expired_nothing_is_pushed_and_the_connection_ends(world):
    shown = world.show(two())
    world.connect("c1", BEN, minutes=10)
    world.say("c1", channel="portfolio/NS-1")
    world.clock.advance(timedelta(minutes=10))
    world.show(moved(shown, {("cash", "northstar/NS-1"): 1}))
    assert world.publish(1) == {"expired": 1}
    assert world.poster.to("c1")[-1] == {"version": 1, "type": "expired"}
    assert world.poster.hung_up == ["c1"]
    assert world.publish(1) == {}


def test_connections_are_served_several_at_a_time(world):
    shown = world.show(two())
    for number in range(40):
        world.connect(f"c{number}", BEN)
        world.say(f"c{number}", channel="portfolio/NS-1")
    world.show(moved(shown, {("cash", "northstar/NS-1"): 1}))
    with ThreadPoolExecutor(4) as workers:
        push = LivePush(world.connections, world.channels, world.push._courier, world.boards, world.clock, workers.map)
        assert dict(push.publish(1)) == {"sent": 40}
        assert dict(push.publish(1)) == {}
    assert all(world.poster.to(f"c{number}")[-1]["updates"][0]["cash"] == "0.01" for number in range(40))


def test_a_book_that_does_not_answer_stops_the_push_before_anything_is_sent(world, monkeypatch):
    shown = world.show(two())
    world.connect("c1", BEN)
    world.say("c1", channel="portfolio/NS-1")
    world.show(moved(shown, {("cash", "northstar/NS-1"): 1}))
    world.clock.advance(timedelta(seconds=60))

    def unavailable(*_arguments):
        raise Unavailable("throttled")

    monkeypatch.setattr(world.book, "portfolio", unavailable)
    with pytest.raises(Unavailable):
        world.publish(1)
    assert len(world.poster.to("c1")) == 1


def test_what_the_marking_shows_reaches_the_screen_over_two_sessions():
    """P10 holds 3 KO and 10.5 XOM and has 100.00 in cash; both closed at 50 the day before, and its day began at 10,000.00."""
    stores = Stores()
    world, watcher, marking = LiveWorld(snapshots=stores.boards), Watcher(), stores.worker()
    world.own("northstar", "P10")
    world.connect("c1", BEN)
    watcher.hear(world.say("c1", channel="portfolio/P10"))
    assert watcher.states["portfolio/P10"] == {"live": False}

    def take(sequence: int, **blocks) -> dict:
        marking.take([record(sequence, block(1, sequence, *blocks["quotes"], session_date=blocks.get("day", DAY)))])
        for told in stores.announcer.told:
            world.publish(told.bucket)
        watcher.hear(world.poster.to("c1")[-1])
        return watcher.states["portfolio/P10"]

    # 3 x 50 + 10.5 x 51 + 100, then 3 x 49 + 10.5 x 51 + 100.
    shown = take(1, quotes=[quote("XOM", price=51 * ONE)])
    assert (shown["value"], shown["profit_and_loss"], shown["high_water"], shown["drawdown"]) == ("785.50", "-9214.50", "785.50", 0.0)
    shown = take(2, quotes=[quote("KO", price=49 * ONE, at=2)])
    assert (shown["value"], shown["cash"], shown["high_water"], shown["drawdown"]) == ("782.50", "100.00", "785.50", -3 / 785.5)
    staples = shown["classes"]["Staples"]
    assert (staples["value"], staples["weight"], staples["target"]) == ("147.00", 147 / 782.5, 0.5)
    assert [update["type"] for update in world.poster.to("c1")[-1]["updates"]] == ["delta"]

    stores.sessions.open(NEXT_DAY)
    shown = take(3, day=NEXT_DAY, quotes=[quote("XOM", price=52 * ONE, at=86_400 * ONE)])
    assert (shown["session_date"], shown["value"]) == ("2018-02-06", "796.00")
    assert [update["type"] for update in world.poster.to("c1")[-1]["updates"]] == ["snapshot"]
    assert world.boards.read(1).body("northstar/P10") == shown
