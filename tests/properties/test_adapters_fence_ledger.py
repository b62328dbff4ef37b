"""Whatever openers and claimers do in between each other's calls: one content per key, and nothing for a superseded epoch.

Every actor is a process of its own: a ledger over one shared table, stopped before each of its calls until it is given its turn,
and perhaps never given another. The table evaluates the ledger's own expressions, one call at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Semaphore, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.adapters.dynamodb import fence_ledger
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.core.errors import Conflict, DaymarkError, StaleFence
from daymark.core.fence import Fence
from tests.properties.fence_table import FenceTable

REGIONS = st.sampled_from(["us-east-1", "us-west-2"])
SCOPE = "2018-02-05/MARKET_CLOSE"


class Killed(BaseException):
    """The actor's process ended here."""


@dataclass
class Actor:
    """One process: it does its steps, stopping before each call to the table."""

    world: World
    steps: list[tuple[Any, ...]]
    turn: Semaphore = field(default_factory=lambda: Semaphore(0))
    stopped: Semaphore = field(default_factory=lambda: Semaphore(0))
    over: bool = False
    killed: bool = False

    def __post_init__(self) -> None:
        self.ledger = DynamoFenceLedger("fence", self, workers=1)
        self.thread = Thread(target=self.run, daemon=True)
        self.thread.start()
        self.stopped.acquire()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.pause()
            return getattr(self.world.table, name)(**arguments)

        return call

    def pause(self) -> None:
        self.stopped.release()
        self.turn.acquire()
        if self.killed:
            raise Killed

    def go_on(self) -> None:
        if not self.over:
            self.turn.release()
            self.stopped.acquire()

    def run(self) -> None:
        try:
            self.pause()
            for step in self.steps:
                self.world.perform(self.ledger, *step)
        except Killed:
            pass
        except BaseException as defect:  # shown by the test's own thread
            self.world.defects.append(defect)
        finally:
            self.over = True
            self.stopped.release()


@dataclass
class World:
    """The shared table, and what the outside learnt: fences handed out, openings that returned, batches that were granted."""

    table: FenceTable = field(default_factory=FenceTable)
    fences: list[Fence] = field(default_factory=list)
    returned: list[tuple[int, int]] = field(default_factory=list)
    granted: list[tuple[dict[str, str], Fence]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    defects: list[BaseException] = field(default_factory=list)

    def perform(self, ledger: DynamoFenceLedger, what: str, *details: Any) -> None:
        if what == "open":
            fence = ledger.open(SCOPE, details[0])
            self.returned.append((self.table.calls, fence.epoch))
            self.fences.append(fence)
        elif what == "look":
            # A fence in force although its opener may not have returned, nor ever will.
            self.fences.append(ledger.current(SCOPE))
        else:
            batch, which = details
            fence = self.fences[which % len(self.fences)]
            try:
                ledger.claim(batch, fence)
                self.granted.append((batch, fence))
            except Conflict as conflict:
                self.refused.append((conflict.context["key"], batch[conflict.context["key"]]))
            except StaleFence:
                pass


BATCHES = st.dictionaries(st.sampled_from("abcdefg"), st.sampled_from("12"), min_size=1, max_size=7)
STEPS = st.one_of(
    st.tuples(st.just("open"), REGIONS),
    st.tuples(st.just("look")),
    st.tuples(st.just("claim"), BATCHES, st.sampled_from([-1, -1, -2, 0])),
)
PROGRAMS = st.lists(st.lists(STEPS, min_size=1, max_size=5), min_size=2, max_size=4)


@settings(max_examples=80, deadline=None)
@given(PROGRAMS, st.lists(st.integers(0, 3), max_size=60), st.sets(st.integers(0, 3)))
def test_interleaved_actors_never_put_two_contents_under_a_key_nor_claim_under_a_superseded_epoch(
    programs: list[list[tuple[Any, ...]]], turns: list[int], victims: set[int]
) -> None:
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fence_ledger, "ITEMS_PER_SCOPE", 3)
        patch.setattr(fence_ledger, "KEYS_PER_UPDATE", 2)
        # One fence is out before the others begin; they open, look and claim in between each other's calls.
        world.perform(DynamoFenceLedger("fence", world.table, workers=1), "open", "us-east-1")
        actors = [Actor(world, steps) for steps in programs]
        for turn in turns:
            actors[turn % len(actors)].go_on()
        for number, actor in enumerate(actors):
            actor.killed = number in victims
        while not all(actor.over for actor in actors):
            for actor in actors:
                actor.go_on()
        if world.defects:
            raise world.defects[0]
        check(world)


def check(world: World) -> None:
    held: dict[str, str] = {}
    for item in world.table.items.values():
        for name in (name for name in item if name.startswith("claim_")):
            assert name not in held, "a key is claimed in two items"
            held[name] = item[name]["S"]
    for batch, _ in world.granted:
        assert {fence_ledger.claim_name(key): content for key, content in batch.items()}.items() <= held.items()
    for key, content in world.refused:
        assert held[fence_ledger.claim_name(key)] != content, "a conflict named a key that holds the same content"
    for call, epoch, name in world.table.claims:
        assert not any(opened < call and epoch < later for opened, later in world.returned), f"{name} claimed under a stale epoch"
    assert len({epoch for _, epoch in world.returned}) == len(world.returned), "two openings returned one epoch"
    # Whatever was left half-way, the epoch in force can be used, and the next one takes over: what stands is a repeat, other
    # content a conflict, and free keys are free.
    ledger = DynamoFenceLedger("fence", world.table, workers=1)
    contents = {key: held.get(fence_ledger.claim_name(key), "new") for key in "abcdefg"}
    ledger.claim(contents, ledger.current(SCOPE))
    fence = ledger.open(SCOPE, "us-west-2")
    for key, standing in contents.items():
        ledger.claim({key: standing}, fence)
        with pytest.raises(Conflict):
            ledger.claim({key: standing + "?"}, fence)


OPEN = st.tuples(st.just("open"), REGIONS)
CLAIM = st.tuples(st.just("claim"), st.sampled_from("abc"), st.sampled_from("12"), REGIONS, st.integers(1, 4))


def answer(call: Callable[..., object], *arguments: object) -> object:
    try:
        return call(*arguments)
    except DaymarkError as refused:
        return type(refused)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(OPEN, CLAIM), min_size=1, max_size=10))
def test_stored_and_remembered_ledgers_answer_alike(steps: list[tuple[str, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fence_ledger, "ITEMS_PER_SCOPE", 2)
        stored, remembered = DynamoFenceLedger("fence", FenceTable(), workers=1), MemoryFenceLedger()
        for step in steps:
            if step[0] == "open":
                assert stored.open("s", step[1]) == remembered.open("s", step[1])
            else:
                _, key, fingerprint, region, epoch = step
                fence = Fence("s", region, int(epoch))
                answers = [answer(ledger.claim, {key: fingerprint}, fence) for ledger in (stored, remembered)]
                assert answers[0] == answers[1], step
            assert answer(stored.current, "s") == answer(remembered.current, "s")
