"""Live channels, asked for: who is answered what, where a resumed client goes on, and how little is read for it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from daymark.contracts.push import BadMessage, error_message, read_message
from daymark.core.errors import NotFound
from daymark.core.tenancy import Principal, Role
from daymark.local.sample_people import instruments
from daymark.monitoring.live_boards import LiveBoards
from daymark.monitoring.live_channels import PortfolioChannel, SymbolChannel, live_state
from daymark.monitoring.live_views import BoardView
from tests.unit.live_world import ADA, BEN, HOME, ROW, LiveWorld, moved, portfolios, two

NO_SUCH_CHANNEL = json.loads(error_message(NotFound("")))


@pytest.fixture
def world() -> LiveWorld:
    return LiveWorld.of_two()


def test_a_board_is_read_again_only_when_another_stands(world, monkeypatch):
    first, loads = world.show(two()), []
    load = world.snapshots.load
    monkeypatch.setattr(world.snapshots, "load", lambda name: loads.append(name) or load(name))
    monkeypatch.setattr(world.snapshots, "version", lambda name: (load(name) or (None, None))[1])
    boards = LiveBoards(world.snapshots, kept=1)
    assert [boards.read(1).board.revision for _ in range(3)] == [7, 7, 7]
    assert loads == ["bucket-0001"]
    world.show(moved(first, {}))
    assert boards.read(1).board.revision == 8
    assert boards.read(2) is None
    world.show(portfolios(2, {}))
    boards.read(2)
    boards.read(1)
    assert loads == ["bucket-0001", "bucket-0001", "bucket-0002", "bucket-0002", "bucket-0001"]


def test_a_board_that_is_read_again_takes_no_other_ones_place(world, monkeypatch):
    first, loads = world.show(two()), []
    world.show(portfolios(2, {}))
    boards = LiveBoards(world.snapshots, kept=2)
    for bucket in (1, 2):
        assert boards.read(bucket).board.bucket == bucket
    second = world.show(portfolios(2, {}, 2, as_of=0))
    assert boards.read(2).board.revision == second.revision == 2
    load = world.snapshots.load
    monkeypatch.setattr(world.snapshots, "load", loads.append)
    monkeypatch.setattr(world.snapshots, "version", lambda name: load(name)[1])
    assert boards.read(1).board.revision == first.revision
    assert loads == []


def test_resuming_brings_what_changed_and_another_client_nothing_but_what_it_lacks(world):
    world.show(moved(two(), {("cash", "northstar/NS-1"): 1}))
    world.connect("c1", BEN)
    resumed = world.say("c1", channel="portfolio/NS-1", resume="1-7")
    assert (resumed["type"], resumed["since"], resumed["sequence"], resumed["cash"]) == ("delta", 7, 8, "0.01")
    assert "value" not in resumed
    current = world.say("c1", channel="portfolio/NS-1", resume="1-8")
    assert (current["type"], current["since"], current["sequence"]) == ("delta", 8, 8)
    assert world.publish(1) == {}
    # From before the session everything is new.
    assert world.say("c1", channel="portfolio/NS-1", resume="1-6")["type"] == "snapshot"


def test_a_token_ahead_of_the_board_is_answered_with_a_new_beginning(world):
    world.connect("c1", BEN)
    assert world.say("c1", channel="portfolio/NS-1", resume="1-3") == {
        "version": 1, "type": "snapshot", "channel": "portfolio/NS-1", "sequence": 0, "live": False, "restart": True,
    }  # fmt: skip
    world.show(two())
    ahead = world.say("c1", channel="portfolio/NS-1", resume="1-8")
    assert (ahead["type"], ahead["sequence"], ahead["restart"], ahead["value"]) == ("snapshot", 7, True, "104523.10")


@pytest.mark.parametrize(
    "resume", ["", "7", "1-", "-7", "1-07", "01-7", "1-7 ", "1-7x", "１-7", "1--7", "123456-1", 7, True, ["1-7"], "1-" + "9" * 20]
)
def test_a_token_that_is_none_is_refused_by_name(resume):
    with pytest.raises(BadMessage) as refused:
        read_message(json.dumps({"version": 1, "action": "subscribe", "channel": "portfolio/NS-1", "resume": resume, "id": "m"}))
    assert (refused.value.field, refused.value.message_id) == ("message.resume", "m")


@pytest.mark.parametrize("channel", ["portfolio/NS-1", "symbol/AAPL", "day/2018-02-05"])
def test_a_token_of_another_channel_is_refused_by_name(world, channel):
    world.show(two())
    world.connect("c1", BEN)
    answer = world.say("c1", channel=channel, resume="9-7")
    assert (answer["type"], answer["error"]["code"], answer["error"]["field"]) == ("error", "invalid_input", "message.resume")
    # What was refused left no subscription: nothing is pushed to a client that was told it has none.
    topic = world.channels.topic(channel, BEN)
    assert world.connections.subscribers(topic.room, world.clock.now()) == []


THEIRS = Principal("adviser.ben", "harbor", Role.ADVISER)

OTHER_CLIENT = Principal("client.eve", "northstar", Role.CLIENT, "H-2")


@pytest.mark.parametrize(
    ("principal", "channel"),
    [
        (BEN, "portfolio/NS-9"), (THEIRS, "portfolio/NS-1"), (OTHER_CLIENT, "portfolio/NS-1"), (BEN, "portfolio/northstar/NS-1"),
        (BEN, "portfolio/"), (BEN, "portfolio/NS 1"), (BEN, "portfolio/../NS-1"), (BEN, "portfolio/" + "x" * 65), (BEN, "symbol/NONE"),
        (BEN, "symbol/"), (ADA, "symbol/AAPL"), (BEN, "symbols/AAPL"), (BEN, "portfolio"), (BEN, "live/bucket-0001"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("action", ["subscribe", "unsubscribe"])
def test_what_does_not_exist_and_what_is_not_theirs_get_one_answer(world, principal, channel, action):
    world.show(two())
    world.connect("c1", principal)
    assert world.say("c1", channel=channel, action=action) == NO_SUCH_CHANNEL
    assert world.publish(1) == {}


def test_a_household_sees_its_own_portfolio(world):
    world.show(two())
    world.connect("c1", ADA)
    assert world.say("c1", channel="portfolio/NS-1")["type"] == "snapshot"


def test_a_ping_is_answered(world):
    world.connect("c1", ADA)
    assert world.say("c1", action="ping") == {"version": 1, "type": "pong"}


def test_a_process_remembers_so_many_portfolios_and_no_more(world, monkeypatch):
    monkeypatch.setattr("daymark.monitoring.live_channels.PORTFOLIOS_KEPT", 1)
    read, portfolio = [], world.book.portfolio
    monkeypatch.setattr(world.book, "portfolio", lambda *named: read.append(named[1]) or portfolio(*named))
    world.connect("c1", BEN)
    for name in ("NS-1", "NS-1", "NS-2", "NS-2", "NS-1"):
        assert world.say("c1", channel=f"portfolio/{name}")["type"] == "snapshot"
    assert read == ["NS-1", "NS-2", "NS-1"]


def test_a_portfolio_is_looked_up_once_a_minute_and_those_read_last_are_remembered(world, monkeypatch):
    """Each letter is a portfolio, each number the second at which it is asked for; of three that are kept the oldest goes."""
    monkeypatch.setattr("daymark.monitoring.live_channels.PORTFOLIOS_KEPT", 3)
    for name in "ABCDE":
        world.own("northstar", name)
    channel, read, portfolio = PortfolioChannel(world.boards, world.book, 1, world.clock), [], world.book.portfolio
    monkeypatch.setattr(world.book, "portfolio", lambda *named: read.append(named[1]) or portfolio(*named))
    asked = [("A", 0), ("A", 59.999), ("A", 60), ("B", 70), ("C", 110), ("B", 129.999), ("B", 130), ("D", 131), ("E", 132), ("B", 133)]
    past = 0.0
    for name, at in asked:
        world.clock.advance(timedelta(seconds=at - past))
        past = at
        channel.topic(name, BEN)
    # A is read again at 60 and B at 130; then D takes A's place and E takes C's.
    assert "".join(read) == "AABCBDE"


@pytest.mark.parametrize(("since", "told"), [(-1, None), (0, 0), (1, 1), (None, None)])
def test_revision_nought_is_known_as_well_as_any_other(since, told):
    first = portfolios(1, {"northstar/NS-1": ROW}, 0)
    shown = BoardView(moved(moved(first, {("cash", "northstar/NS-1"): 1}), {("cash", "northstar/NS-1"): 2}))
    state = live_state(shown, "northstar/NS-1", 1, since)
    assert (state.sequence, state.since, "value" in state.body, state.body["cash"]) == (2, told, told is None, "0.02")


def test_instruments_are_looked_up_once_a_minute(world):
    channel = SymbolChannel(world.boards, world.book, world.clock)
    assert channel.topic("AAPL", BEN)[0].name == "AAPL"
    (apple,) = (one for one in instruments() if one.instrument_id == "AAPL")
    world.book.save_instruments([replace(apple, instrument_id="NEW")], HOME)
    world.clock.advance(timedelta(seconds=59, milliseconds=999))
    with pytest.raises(NotFound):
        channel.topic("NEW", BEN)
    world.clock.advance(timedelta(milliseconds=1))
    assert channel.topic("NEW", BEN)[0].name == "NEW"
