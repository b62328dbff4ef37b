"""Laws of push, whatever happens in whatever order: the highest sequence is the truth, and rights end with the token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.push import BadMessage, read_message
from daymark.core.errors import Unavailable
from daymark.monitoring.ports import Gone
from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase, RunId
from tests.unit.push_world import CLIENT, DAY, DISPATCHED, OPENED, RISK, SUCCEEDED, PushWorld

PHASES = (OperationPhase.PRE_MARKET, OperationPhase.MARKET_CLOSE)


def advance_a_run(world: PushWorld, phase: OperationPhase) -> None:
    """The next line of a phase's run: opened, or one of its first tasks dispatched and then succeeded."""
    run = RunId(DAY, phase)
    first = next(iter(trading_day().tasks(phase)))
    lines = [(OPENED, None), (DISPATCHED, first), (SUCCEEDED, first)]
    held = len(world.journal.read(run))
    if held < len(lines):
        world.write(run, lines[held])


STEPS = st.lists(st.sampled_from(["write 0", "write 1", "publish", "throttled", "subscribe"]), max_size=25)


@given(STEPS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_whatever_is_dropped_doubled_or_overtaken_the_highest_sequence_is_the_latest_state(steps, order):
    world = PushWorld()
    world.connect("c1")
    world.say("c1")
    for step in steps:
        if step.startswith("write"):
            advance_a_run(world, PHASES[int(step[-1])])
        elif step == "subscribe":
            world.say("c1")
        else:
            world.poster.failures["c1"] = [Unavailable("429")] * (4 if step == "throttled" else 0)
            world.publish()
    world.publish()
    told = [message for _, message in world.poster.posted]
    received = told + order.choices(told, k=3)
    order.shuffle(received)
    shown = max(received, key=lambda message: message["sequence"])

    lines = sum(len(world.journal.read(run)) for run in world.journal.runs(DAY))
    assert shown["sequence"] == lines
    assert [phase["run_id"] for phase in shown["phases"]] == [str(run) for run in world.journal.runs(DAY)]
    # One sequence is one state: what repeats it says the same.
    states = {}
    for message in told:
        assert states.setdefault(message["sequence"], message["phases"]) == message["phases"]


class TimedPushWorld(PushWorld):
    """Notes when each message was posted."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[tuple[datetime, str, dict[str, Any]]] = []
        post = self.poster.post

        def timed(connection_id: str, text: str) -> None:
            post(connection_id, text)
            self.posts.append((self.clock.now(), *self.poster.posted[-1]))

        self.poster.post = timed


NAMES = ("risk 5", "risk 50", "client 50")
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 20)),
        st.tuples(st.sampled_from(["subscribe", "ping", "publish", "gone", "leave"]), st.integers(0, 2)),
    ),
    max_size=30,
)


@given(EVENTS)
@settings(max_examples=100, deadline=None)
def test_nothing_but_the_farewell_reaches_a_connection_after_its_token_and_nothing_of_the_day_a_client(events):
    world, ends, forgotten = TimedPushWorld(), {}, set()
    for name in NAMES:
        minutes = int(name.split()[1])
        ends[name] = world.clock.now() + timedelta(minutes=minutes)
        world.connect(name, CLIENT if name.startswith("client") else RISK, minutes)
    for kind, number in events:
        name = NAMES[number % 3]
        if kind == "wait":
            world.clock.advance(timedelta(minutes=number))
        elif kind == "leave":
            world.desk.close(name)
            forgotten.add(name)
        elif kind == "gone":
            world.poster.failures[name] = [Gone("closed")]
        elif kind == "publish":
            world.publish()
        else:
            world.conversation.receive(name, f'{{"version": 1, "action": "{kind}", "channel": "day/2018-02-05"}}')
    for at, name, message in world.posts:
        if message["type"] != "expired":
            assert at < ends[name]
        if name.startswith("client"):
            assert message["type"] not in ("snapshot", "progress")
    for name in NAMES:
        left = world.connections.find(name, world.clock.now())
        assert left is None or name not in forgotten


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_message_or_refused_by_field(text):
    try:
        read_message(text)
    except BadMessage as refused:
        assert (refused.field or "").startswith("message")
