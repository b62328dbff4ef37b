"""A seeded world around the ingest: workers that die, ports that fail in every way, and a mapping that delivers by AWS's rules."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.contracts.stream_records import StreamRecord, records_of
from daymark.contracts.tick_blocks import TickBlock
from daymark.core.errors import DaymarkError, Unavailable
from daymark.market_data import ingest
from daymark.market_data.ingest import Ingest, Outlets
from daymark.market_data.ingest_lane import Lane
from daymark.market_data.ingest_snapshots import encode_snapshot, restore_snapshot
from tests.simulation.event_source_mapping import EventSourceMapping, Settings, Throttled, kinesis_event
from tests.simulation.event_source_mapping import Lane as DeliveryLane
from tests.simulation.market_data_ticks import DAY, KEYS, SESSION, TickStream
from tests.simulation.witness import Violation

PORTS = {
    "archive": ("put",),
    "quarantine": ("put",),
    "hot": ("merge",),
    "quotes": ("put",),
    "snapshots": ("version", "load", "save"),
}


class Kill(Exception):
    """The worker dies here; the mapping sees an invocation that failed."""


class Defect(BaseException):
    """An error that is none of the project's; nothing may take it for a failed delivery."""


@dataclass
class Weather:
    """How often each fault comes; all of them end after ``until`` steps, and from then on everything must come to its end."""

    ports: float
    kill: float
    race: float
    delivery: float
    until: int

    @classmethod
    def of(cls, rng: random.Random) -> Weather:
        if rng.random() < 0.1:
            return cls(0.0, 0.0, 0.0, 0.0, 0)
        ports = rng.choice((0.0, 0.02, 0.05, 0.2, 1.0))
        until = rng.randrange(10, 30) if ports == 1.0 else rng.randrange(20, 120)
        return cls(ports, rng.choice((0.0, 0.02, 0.08)), rng.choice((0.0, 0.03, 0.1)), rng.choice((0.0, 0.1, 0.3)), until)


@dataclass
class Invocation:
    """A call of the function under way; it is heard as long as the mapping waits for its answer."""

    lane: DeliveryLane
    token: int | None = None

    @property
    def is_heard(self) -> bool:
        return self.token == self.lane.token


class Port:
    """A port of a worker's, whose calls fail as networks fail."""

    def __init__(self, world: World, name: str, inner: Any) -> None:
        self.world, self.name, self.inner = world, name, inner

    def __getattr__(self, method: str) -> Any:
        action, world, state = getattr(self.inner, method), self.world, f"{self.name}.{method}"

        def call(*arguments: Any) -> Any:
            world.race(state)
            if world.chance("ports"):
                world.fault("throttled", state)
                raise Unavailable("throttled")
            world.kill("killed before", state)
            result = action(*arguments)
            world.kill("killed after", state)
            if world.chance("ports"):
                world.fault("timed out after commit", state)
                raise Unavailable("no answer")
            return result

        return call


class HalfPut(Port):
    """The quotes stream, which may also take a part of a call."""

    def __init__(self, world: World, inner: MemoryQuoteStream) -> None:
        super().__init__(world, "quotes", inner)

    def put(self, blocks: Any) -> None:
        if self.world.chance("ports") and len(blocks) > 1:
            self.world.fault("part of a call", "quotes.put")
            self.inner.put(blocks[: self.world.rng.randrange(1, len(blocks))])
            raise Unavailable("not all records were taken")
        self.__getattr__("put")(blocks)


@dataclass
class Guards:
    """Adapters the world is built with; a test puts weakened ones in."""

    hot: type = MemoryHotQuotes
    snapshots: type = MemoryLaneSnapshots


@dataclass
class World:
    """One seed's world."""

    seed: int
    guards: Guards = field(default_factory=Guards)
    faults: Counter = field(default_factory=Counter)
    poison: float | None = None
    size: int | None = None
    tolerant: bool = False
    weather: Weather | None = None

    def __post_init__(self) -> None:
        rng = self.rng = random.Random(self.seed)
        self.weather = self.weather or Weather.of(rng)
        self.is_forgetful = rng.random() < 0.12
        size = self.size or rng.choice((4, 12, 24))
        poison = rng.choice((0.0, 0.05, 0.2)) if self.poison is None else self.poison
        self.stream = TickStream(rng, size, poison, repeats=not self.is_forgetful)
        for kind, number in self.stream.keys.reshards.items():
            self.faults["shard " + kind, "delivery"] += number
        for kind, number in self.stream.fate.poison_kinds.items():
            self.faults["poison: " + kind, "records"] += number
        self.settings = Settings(
            batch_size=rng.choice((1, 3, 8, 100)),
            parallelisation=rng.choice((1, 1, 2, 10)),
            bisect=rng.random() < 0.5,
            max_retries=rng.choice((1, 3)) if self.is_forgetful else -1,
            max_age=rng.choice((-1, 60)) if self.is_forgetful else -1,
        )
        self.snapshot_every = rng.choice((1, 2, 16))
        self.archive, self.quarantine = MemoryObjects(), MemoryObjects()
        self.hot, self.quotes, self.snapshots = self.guards.hot(), MemoryQuoteStream(), self.guards.snapshots()
        self.mapping = EventSourceMapping(self.stream.keys.shards, self.settings, self.invoke, rng)
        self.mapping.noted = lambda rule: self.fault(rule, "delivery")
        self.workers: list[Ingest] = []
        self.busy: list[Ingest] = []
        self.active: list[Invocation] = []
        self.kills = self.steps = 0

    def run(self) -> World:
        """Deliver everything; once the weather is calm, nothing may need more than a few deliveries."""
        calm = self.weather.until + 200 + 20 * sum(len(shard.records) for shard in self.stream.keys.shards)
        while ready := self.mapping.ready():
            self.steps += 1
            if self.steps > calm:
                raise Violation("a shard stands still")
            self.deliver(self.rng.choice(ready))
        return self

    def deliver(self, lane: DeliveryLane) -> None:
        records = list(self.mapping.current(lane).records)
        self.active.append(Invocation(lane))
        self.mapping.step(lane)
        self.active.pop()
        if not self.is_forgetful and self.chance("delivery"):
            # The checkpoint was lost: records are handed over once more, whatever the mapping goes on with.
            self.fault("delivered again", "delivery")
            self.active.append(Invocation(lane, token=-1))
            with suppress(Exception):
                self.invoke(kinesis_event(lane.shard.shard_id, records[: self.rng.randint(1, len(records))]))
            self.active.pop()

    def invoke(self, event: dict[str, Any]) -> Any:
        invocation = self.active[-1]
        if invocation.token is None:
            invocation.token = invocation.lane.token
        if self.chance("delivery"):
            self.fault("function throttled", "handler")
            raise Throttled
        self.kill("killed before", "handler")
        worker = self.worker()
        self.busy.append(worker)
        try:
            answer = worker.take(records_of(event))
            self.kill("killed after", "handler")
        except Kill:
            self.workers.remove(worker)
            raise
        except DaymarkError as error:
            if not self.tolerant:
                raise Violation(f"the ingest refused a batch: {error.message}") from error
            raise
        except Exception as error:
            raise Defect(repr(error)) from error
        finally:
            self.busy.remove(worker)
        return answer

    def worker(self) -> Ingest:
        """A warm worker or a cold one, as it happens."""
        free = [worker for worker in self.workers if worker not in self.busy]
        if free and self.rng.random() < 0.8:
            return self.rng.choice(free)
        ports = {name: Port(self, name, getattr(self, name)) for name in PORTS if name != "quotes"}
        worker = Ingest(SESSION, Outlets(**ports, quotes=HalfPut(self, self.quotes)), self.snapshot_every)
        self.workers.append(worker)
        return worker

    def chance(self, kind: str) -> bool:
        rate = getattr(self.weather, kind)
        return rate > 0 and self.steps < self.weather.until and self.rng.random() < rate

    def kill(self, kind: str, state: str) -> None:
        if self.chance("kill"):
            self.kills += 1
            self.fault(kind, state)
            raise Kill

    def fault(self, kind: str, state: str) -> None:
        self.faults[kind, state] += 1

    def race(self, state: str) -> None:
        """Other machines act in the middle of a call; or this one is given up, its records go to others, and it lives on."""
        if len(self.active) >= 3 or not self.active or not self.chance("race"):
            return
        invocation = self.active[-1]
        if invocation.is_heard and self.rng.random() < 0.6:
            self.fault("given up, lives on", state)
            self.mapping.time_out(invocation.lane)
        else:
            self.fault("others first", state)
        for _ in range(self.rng.randint(1, 4)):
            heard = [invocation.lane for invocation in self.active if invocation.is_heard]
            ready = [lane for lane in self.mapping.ready() if all(lane is not other for other in heard)]
            if ready:
                self.deliver(self.rng.choice(ready))

    def state(self) -> dict[str, Lane]:
        """The state of every lane as a new worker would find it."""
        lanes = {}
        for key in KEYS:
            name = StreamRecord("any", 0, key, b"").lane
            lanes[key] = Lane(SESSION, key, name)
            stored = self.snapshots.load(f"{DAY}/{name}")
            if stored is not None:
                restore_snapshot(lanes[key], *stored)
        return lanes

    def state_hash(self) -> str:
        return sha256(b"".join(encode_snapshot(lane) for lane in self.state().values())).hexdigest()


def remember_codecs(patch: Any) -> None:
    """Encode and decode equal blocks once: the same records are taken many times over, and the codecs are pure functions."""
    encode, decode, known = ingest.encode_block, ingest.decode_block, {}

    def encoded(block: TickBlock) -> bytes:
        key = (block.symbols, block.session_date, block.synthetic, *(column.tobytes() for column in block.ticks.columns().values()))
        return known[key] if key in known else known.setdefault(key, encode(block))

    def decoded(content: bytes, **limits: int) -> TickBlock:
        return known[content] if content in known else known.setdefault(content, decode(content, **limits))

    patch.setattr(ingest, "encode_block", encoded)
    patch.setattr(ingest, "decode_block", decoded)


def without_faults(stream: TickStream) -> str:
    """The state's hash after one worker has taken each shard in one batch and nothing went wrong."""
    objects, snapshots = MemoryObjects(), MemoryLaneSnapshots()
    # Buckets are no part of the state.
    worker = Ingest(replace(SESSION, buckets={}), Outlets(objects, objects, MemoryHotQuotes(), MemoryQuoteStream(), snapshots))
    for shard in stream.keys.shards:
        worker.take(
            [StreamRecord(shard.shard_id, sent.sequence, sent.partition_key, sent.content, arrived=sent.arrived) for sent in shard.records]
        )
    world = World.__new__(World)
    world.snapshots = snapshots
    return world.state_hash()
