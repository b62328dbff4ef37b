"""The deployed live path from the provider's stream to real WebSocket clients, which know the contract's rules and nothing else.

One session is opened, played with a disturbance of every kind in between, closed, and played once more.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from decimal import Decimal
from typing import Any

import boto3
import pytest

from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.adapters.kinesis import KinesisTickStream, kinesis_client
from daymark.client.book_models import Mark
from daymark.client.operations_models import PortfolioDay
from daymark.contracts.live_session import bucket_key
from daymark.contracts.tick_blocks import TickBlock, encode_block
from daymark.contracts.ticks import Ticks
from daymark.local.live_check import LaneState, LivePath, drained, total
from daymark.local.live_day import LiveStores, replay_of
from daymark.local.trading_day import TradingDay
from daymark.local.workspace import REGION
from daymark.operations.models import OperationPhase
from tests.local.conftest import Installation
from tests.local.live_screen import SECONDS, Screen, connected, fresh, timeless
from tests.local.live_session_world import AT_THE_CLOSE, FEED_SECONDS, LIVE_DAY, NEVER_OPENED, TICKS_PER_SYMBOL, LiveWorld
from tests.unit.live_world import Watcher

pytestmark = pytest.mark.emulator

# Ada's are the first household's portfolios, Ben's the first three households', Nia's the rest.
CLIENT, ADVISER = "client.ada.northstar", "adviser.ben.northstar"


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def run(installation: Installation, phase: OperationPhase) -> None:
    TradingDay(installation.workspace).run(LIVE_DAY, (phase,), lambda _summary: None)


@pytest.fixture(scope="module")
def world(installation: Installation) -> Iterator[LiveWorld]:
    """The session is open, no tick has come, and as on an installation's first day no board stands."""
    outputs = installation.workspace.outputs()
    dynamodb, s3 = dynamodb_client(REGION), boto3.client("s3")
    for entry in s3.list_objects_v2(Bucket=outputs["LiveBucket"], Prefix="boards/").get("Contents", []):
        s3.delete_object(Bucket=outputs["LiveBucket"], Key=entry["Key"])
    run(installation, OperationPhase.PRE_MARKET)
    book, records = DynamoBookStore(outputs["BookTable"], dynamodb), DynamoDayRecords(outputs["OperationsTable"], dynamodb)
    stores = LiveStores.deployed(outputs, book, records)
    assert stores is not None
    session = stores.sessions.session(LIVE_DAY)
    assert session is not None
    screens = {
        "adviser": Screen(installation, ADVISER, ("portfolio/NS-P01", "portfolio/NS-P04", "symbol/KO")),
        "client": Screen(installation, CLIENT, ("portfolio/NS-P01", "portfolio/NS-P02")),
        "risk": Screen(installation, "risk.ray.northstar", ("portfolio/NS-P08", "symbol/GE", "symbol/BOND-AAA")),
    }
    path = LivePath(session, stores.lanes, stores.boards)
    with ExitStack() as stack:
        for screen in screens.values():
            stack.callback(screen.leave)
        yield LiveWorld(installation, stores, path, replay_of(session, stores.desk, TICKS_PER_SYMBOL), screens)


@pytest.fixture(scope="module")
def played(world: LiveWorld) -> LiveWorld:
    """Everybody watches from before the first tick; the client leaves midway and returns, the adviser returns after the close."""
    adviser, client = world.screens["adviser"], world.screens["client"]
    world.first = {name: screen.open() for name, screen in world.screens.items()}
    before, rows = world.path.lane_states(), world.begin() + world.source.rows
    listen_until(world, lambda: all(screen.state(channel)["live"] for screen in world.screens.values() for channel in screen.channels))
    feed, started = world.feed(FEED_SECONDS), time.monotonic()
    feed.start()
    for screen in (adviser, client):
        screen.leave()
        world.left[screen.user] = dict(screen.kept.sequences)
    world.left_states = deepcopy(adviser.kept.states)
    disturb(world)
    listen_until(world, lambda: time.monotonic() > started + FEED_SECONDS / 2)
    world.resumed["client"] = client.open()
    listen_until(world, lambda: time.monotonic() > started + FEED_SECONDS)
    assert feed.finish(SECONDS).rows_sent == world.source.rows == TICKS_PER_SYMBOL * 22
    assert drained(world.path, before, rows, SECONDS)
    run(world.installation, OperationPhase.MARKET_CLOSE)
    world.resumed["adviser"] = adviser.open()
    world.shown = {name: fresh(screen) for name, screen in world.screens.items()}
    listen_until(world, lambda: all(timeless(screen.kept.states) == timeless(world.shown[name]) for name, screen in world.screens.items()))
    return world


def disturb(world: LiveWorld) -> None:
    """Put into one lane, in the midst of its ticks: a damaged block, something that is none, and one of a session never opened.

    And among the quotes of a bucket something that is no block.
    """
    symbols = world.source.symbols
    block = encode_block(TickBlock(Ticks.empty(), symbols, LIVE_DAY, synthetic=True))
    world.put("damaged", block[:-1] + bytes([block[-1] ^ 1]))
    world.put("no block", b"no block at all")
    world.put("never opened", encode_block(TickBlock(Ticks.empty(), symbols, NEVER_OPENED, synthetic=True)))
    quotes = KinesisTickStream(world.installation.workspace.outputs()["QuotesStream"], kinesis_client(REGION))
    world.put("no quotes", b"no block at all", quotes, bucket_key(1))


def listen_until(world: LiveWorld, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, {name: screen.kept.states for name, screen in world.screens.items()}
        for screen in world.screens.values():
            screen.listen(0.05)


def refusal(screen: Screen, channel: str, **members: Any) -> dict[str, Any]:
    answer = screen.say(action="subscribe", channel=channel, **members)
    assert answer["type"] == "error"
    return dict(answer["error"])


def test_what_is_not_ones_own_is_refused_as_what_does_not_exist(world: LiveWorld) -> None:
    with connected(world.installation, CLIENT) as client:
        nobodys = refusal(client, "portfolio/NS-P99")
        assert (nobodys["code"], nobodys["field"]) == ("not_found", "message.channel")
        # Another household's, another tenant's, a symbol and a day for a client, a kind that is none, no name at all.
        for channel in ("portfolio/NS-P04", "portfolio/HB-P01", "symbol/KO", f"day/{LIVE_DAY}", "basket/1", "portfolio/", "portfolio"):
            assert refusal(client, channel) == nobodys, channel
        # A token is looked at where there is something to see, and only there.
        assert refusal(client, "portfolio/NS-P04", resume="99-1") == nobodys
        assert client.say(action="ping") == {"version": 1, "type": "pong"}
    with connected(world.installation, ADVISER) as adviser:
        # A colleague's, another tenant's, a symbol that is none.
        for channel in ("portfolio/NS-P08", "portfolio/HB-P01", "symbol/NONE"):
            assert refusal(adviser, channel) == nobodys, channel


def test_a_token_that_is_none_is_refused_by_name_whatever_the_channel(world: LiveWorld) -> None:
    with connected(world.installation, CLIENT) as client:
        strange = refusal(client, "portfolio/NS-P01", resume="not a token")
        assert (strange["code"], strange["field"]) == ("invalid_input", "message.resume")
        for channel, resume in (("portfolio/NS-P01", "1-"), ("portfolio/NS-P04", "01-2"), ("portfolio/NS-P99", "1-2-3")):
            assert refusal(client, channel, resume=resume) == strange, (channel, resume)
        # No bucket has this number, so it is another channel's.
        assert refusal(client, "portfolio/NS-P01", resume="99-1") == strange


def test_before_the_first_tick_nothing_is_live(played: LiveWorld) -> None:
    for answers in played.first.values():
        for answer in answers:
            assert answer == {"version": 1, "type": "snapshot", "channel": answer["channel"], "sequence": 0, "live": False}


def test_whoever_watched_ends_on_what_the_close_says_to_the_cent(played: LiveWorld) -> None:
    client = played.client()
    results = {row.portfolio_id: row for row in client.operations.read_day(LIVE_DAY).portfolios}
    seen = 0
    for screen in played.screens.values():
        for channel, state in screen.kept.states.items():
            kind, _, name = channel.partition("/")
            assert (state["live"], state["session_date"], state["synthetic_ticks"]) == (True, LIVE_DAY.isoformat(), True)
            assert played.shown[role_of(screen)][channel]["as_of"] == AT_THE_CLOSE
            if kind == "portfolio":
                shows_the_close(state, client.book.read_mark(name, LIVE_DAY), results[name])
                seen += 1
    assert seen == 5


def shows_the_close(state: Mapping[str, Any], mark: Mark, result: PortfolioDay) -> None:
    """Value, cash, result and classes; a class is the sum of its positions, its weight their part of the whole."""
    assert (state["value"], state["cash"], state["profit_and_loss"]) == (str(mark.value), str(mark.cash), str(result.pnl))
    for name, shown in state["classes"].items():
        value = sum((each.value for each in mark.positions if each.asset_class.lower() == name), Decimal(0))
        assert Decimal(shown["value"]) == value
        assert shown["weight"] == pytest.approx(float(value / mark.value), abs=1e-12)
        assert shown["drift"] == pytest.approx(shown["weight"] - shown["target"], abs=1e-9)
    held = sum(Decimal(shown["value"]) for shown in state["classes"].values())
    assert held + Decimal(state["cash"]) == Decimal(state["value"])
    assert Decimal(state["high_water"]) >= Decimal(state["value"])


def test_symbols_end_on_the_official_closes(played: LiveWorld) -> None:
    """The price of the close's positions; the change is from the official close of the session before."""
    read_mark = played.client().book.read_mark
    marks = [read_mark(portfolio, LIVE_DAY) for portfolio in ("NS-P01", "NS-P02", "NS-P04", "NS-P06", "NS-P08")]
    closes = {position.instrument_id: position.price for mark in marks for position in mark.positions}
    for role, symbol in (("adviser", "KO"), ("risk", "GE"), ("risk", "BOND-AAA")):
        state = played.screens[role].state(f"symbol/{symbol}")
        assert (Decimal(state["price"]), state["publishers"]) == (closes[symbol], 3)
        assert (Decimal(state["bid"]) + Decimal(state["ask"])) / 2 == closes[symbol]
        assert state["change"] == pytest.approx(float(closes[symbol] / Decimal(state["reference"])) - 1, abs=1e-12)


def test_who_left_midway_is_told_only_what_was_missed(played: LiveWorld) -> None:
    for role in ("client", "adviser"):
        screen = played.screens[role]
        for channel, answer in zip(screen.channels, played.resumed[role], strict=True):
            assert (answer["type"], answer["since"]) == ("delta", played.left[screen.user][channel])
            # What does not change within a session is not told again.
            assert not {"cash", "reference"} & set(answer)
    # Whoever came back after the close has missed something, and was told all of it in these answers.
    assert all(answer["since"] < answer["sequence"] for answer in played.resumed["adviser"])
    adviser = Watcher(played.left_states, dict(played.left[ADVISER]))
    for answer in played.resumed["adviser"]:
        adviser.hear(answer)
    assert timeless(adviser.states) == timeless(played.shown["adviser"])


def test_a_token_that_is_ahead_of_the_board_begins_anew(played: LiveWorld) -> None:
    """As after a board was lost: the client is told to drop what it has, whatever its sequence."""
    risk = played.screens["risk"]
    for channel in risk.channels:
        bucket = str(risk.kept.resumes[channel]).partition("-")[0]
        answer = risk.say(action="subscribe", channel=channel, resume=f"{bucket}-{10**15}")
        assert (answer["type"], answer["restart"]) == ("snapshot", True)
    assert timeless(risk.kept.states) == timeless(played.shown["risk"])


def test_poison_is_kept_by_name_and_the_lane_goes_on(played: LiveWorld) -> None:
    kept = {
        "damaged": (f"quarantine/{LIVE_DAY}/", "invalid_input", "block.checksum"),
        "no block": ("quarantine/strays/", "invalid_input", "block.magic"),
        "never opened": ("quarantine/strays/", "not_found", "block.session"),
        "no quotes": ("quarantine/quotes/", "invalid_input", "block.magic"),
    }
    for name, (folder, code, named) in kept.items():
        record, result = played.poison[name]
        place = f"{result.shard_id}/{int(result.sequence_number):056d}"
        ((key, content),) = ((key, content) for key, content in played.objects(folder).items() if key.endswith(place))
        entry = json.loads(content)
        assert (entry["kind"], entry["partition_key"]) == ("record", record.partition_key), key
        assert (entry["reasons"]["code"], entry["reasons"]["field"]) == (code, named)
        assert base64.b64decode(entry["payload"]) == record.data
    assert not any(str(NEVER_OPENED) in key for key in played.objects("ticks/"))
    account = total(played.path.lane_states())
    # Records of no session belong to no lane, so only the damaged block counts.
    assert account.refused_records == 1
    # The first rows came twice.
    assert (account.rows, account.repeated, account.quarantined) == (played.source.rows + played.begun, played.begun, 0)
    assert account.applied + account.coalesced == played.source.rows
    assert played.path.lane_states()[played.lane].position > int(played.poison["never opened"][1].sequence_number)
    assert played.path.shown()[1].position > int(played.poison["no quotes"][1].sequence_number)


def test_the_same_ticks_once_more_move_nothing(played: LiveWorld) -> None:
    lanes, boards = played.path.lane_states(), played.boards()
    sequences = {name: dict(screen.kept.sequences) for name, screen in played.screens.items()}
    feed = played.feed(FEED_SECONDS / 10)
    feed.start()
    rows = feed.finish(SECONDS).rows_sent
    until(lambda: total(played.path.lane_states()).rows >= total(lanes).rows + rows)
    after: Mapping[str, LaneState] = played.path.lane_states()
    assert total(after).repeated == total(lanes).repeated + rows
    assert total(after).applied == total(lanes).applied
    assert all(after[lane].position > lanes[lane].position for lane in lanes)
    assert played.boards() == boards
    for name, screen in played.screens.items():
        assert screen.say(action="ping")["type"] == "pong"
        assert screen.kept.sequences == sequences[name]
        assert timeless(screen.kept.states) == timeless(played.shown[name])


def role_of(screen: Screen) -> str:
    return screen.user.partition(".")[0]
