"""A seeded world around the marking: workers that die, ports that fail in every way, flipped memory, and delivery by AWS's rules."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.objects import MemoryObjects
from daymark.contracts.live_board import LiveBoard, decode_board
from daymark.contracts.live_session import bucket_key
from daymark.market_data.quarantine import Quarantined
from daymark.monitoring import marking
from daymark.monitoring.board_lane import BoardLane
from daymark.monitoring.marking import Marking, MarkOutlets
from tests.simulation.event_source_mapping import EventSourceMapping, Settings
from tests.simulation.market_data_world import Port, Weather, World
from tests.simulation.marks_stream import HELD, MarksStream, Standing
from tests.simulation.witness import Violation

PORTS = {
    "sessions": ("session", "book"),
    "quarantine": ("put",),
    "announcer": ("announce",),
    "boards": ("version", "load", "save"),
}


def must(fact: bool, what: str) -> None:
    if not fact:
        raise Violation(what)


class HalfSeen(Port):
    """Sessions, of which a reader may not see one yet that others see."""

    def session(self, session_date: Any) -> Any:
        if self.world.chance("ports"):
            self.world.fault("not seen yet", "sessions.session")
            return None
        return self.__getattr__("session")(session_date)


class Speaker(Marking):
    """A worker; of a revision that the bus did not take, or was not asked to after it had been silent, nobody need have heard."""

    world: MarksWorld

    def _tell(self, lane: BoardLane) -> None:
        super()._tell(lane)
        if self._is_bus_silent and lane.is_untold and lane.shown is not None:
            unheard, bucket = self.world.unheard, lane.shown.bucket
            unheard[bucket] = max(unheard.get(bucket, 0), lane.revision)


class Watched:
    """The boards and the announcer: every board that comes to stand, and every word of it, is looked at."""

    def __init__(self, world: MarksWorld, boards: MemoryLaneSnapshots) -> None:
        self.world, self.boards = world, boards
        self.version, self.load = boards.version, boards.load

    def save(self, name: str, content: bytes, replaces: str | None) -> str:
        before = self.boards.load(name)
        version = self.boards.save(name, content, replaces)
        board = decode_board(content)
        must(before is None or board.revision >= decode_board(before[0]).revision, "a board went back")
        must(bucket_key(board.bucket) == name, "a board stands under another's name")
        if not self.world.flips:
            equal(board, self.world.stream.buckets[board.bucket].history.get(board.position))
        return version

    def announce(self, moved: Any) -> None:
        stored = self.boards.load(bucket_key(moved.bucket))
        must(stored is not None and moved.revision <= decode_board(stored[0]).revision, "a revision was told before it stood")
        told = self.world.told
        told[moved.bucket] = max(told.get(moved.bucket, 0), moved.revision)


def equal(board: LiveBoard, expected: Standing | None) -> None:
    """The board is, cell for cell and revision for revision, what the rules make of the records up to its position."""
    must(expected is not None, "a board stands at a position that is no record's")
    cells_equal(board, expected, board.columns)
    changed = {cell: value for cell, value in by_cell(board, board.changed).items() if value != expected.changed[cell]}
    must(not changed, f"cells carry other revisions than those of their changes: {changed}")
    must((board.revision, board.as_of) == (expected.revision, expected.as_of), "another revision, or of another instant")
    must(dict(board.covered) == expected.covered, "other ticks are covered")


def cells_equal(board: LiveBoard, expected: Standing, columns: Any) -> None:
    must(board.session_date == expected.session_date, "the board is of another session")
    shown = by_cell(board, board.cells)
    must(set(shown) == set(expected.cells), "other cells")
    wrong = {cell: value for cell, value in shown.items() if cell[0] in columns and value != expected.cells[cell]}
    must(not wrong, f"wrong cells: {wrong}")


def by_cell(board: LiveBoard, values: Any) -> dict[tuple[str, str], int]:
    return {
        (column, name): value
        for column, row in zip(board.columns, values.tolist(), strict=True)
        for name, value in zip(board.names, row, strict=True)
    }


@dataclass
class MarksWorld(World):
    """One seed's world; ``flips`` is whether the memory of workers goes wrong."""

    flips: bool = False
    boards: type = MemoryLaneSnapshots
    told: dict[int, int] = field(default_factory=dict)
    unheard: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = self.rng = random.Random(self.seed)
        self.weather = self.weather or Weather.of(rng)
        self.is_forgetful = False
        self.stream = MarksStream(
            rng, self.size or rng.choice((3, 6, 10)), rng.choice((0.0, 0.05, 0.2)) if self.poison is None else self.poison
        )
        for kind, number in self.stream.keys.reshards.items():
            self.faults["shard " + kind, "delivery"] += number
        for kind, number in self.stream.kinds.items():
            self.faults["poison: " + kind, "records"] += number
        settings = Settings(batch_size=rng.choice((1, 3, 8, 100)), parallelisation=rng.choice((1, 1, 2, 10)), bisect=rng.random() < 0.5)
        self.save_every = rng.choice((1, 2, 16))
        self.quarantine, self.stored = MemoryObjects(), self.boards()
        self.watched = Watched(self, self.stored)
        self.mapping = EventSourceMapping(self.stream.keys.shards, settings, self.invoke, rng)
        self.mapping.noted = lambda rule: self.fault(rule, "delivery")
        self.workers, self.busy, self.active = [], [], []
        self.kills = self.steps = 0

    def worker(self) -> Marking:
        """A warm worker or a cold one, as it happens."""
        free = [worker for worker in self.workers if worker not in self.busy]
        if free and self.rng.random() < 0.8:
            worker = self.rng.choice(free)
            self.flip(worker)
            return worker
        outlets = MarkOutlets(
            Port(self, "boards", self.watched), Port(self, "quarantine", self.quarantine), Port(self, "announcer", self.watched)
        )
        proofs = 10**9 if self.flips else self.rng.choice((1, 5, 1024))
        worker = Speaker(HalfSeen(self, "sessions", self.stream.sessions), outlets, self.save_every, proofs)
        worker.world = self
        self.workers.append(worker)
        return worker

    def flip(self, worker: Marking) -> None:
        """A kept value becomes a smaller one; the high-water mark stays what it is."""
        lanes = [lane for lane in worker._lanes.values() if lane.shown is not None and lane.shown.bucket]
        if self.flips and lanes and self.steps < self.weather.until:
            marks = self.rng.choice(lanes).shown.rows.marks
            self.fault("flipped", "memory")
            if self.rng.random() < 0.5:
                marks.value_cents[self.rng.randrange(len(marks.value_cents))] -= 1_000
            else:
                marks.class_cents[self.rng.randrange(len(marks.value_cents)), self.rng.randrange(2)] -= 1_000


def check(world: MarksWorld) -> None:
    """What must hold after all records have been delivered.

    Raises:
        Violation: a rule is broken.
    """
    for number in HELD:
        stored = world.stored.load(bucket_key(number))
        must(stored is not None, "a bucket has no board")
        board, history = decode_board(stored[0]), world.stream.buckets[number].history
        expected = history[max(history)]
        must(board.position == max(history), "the last record is not covered")
        if world.flips:
            cells_equal(board, expected, set(board.columns) - {"high_water"})
            must(dict(board.covered) == expected.covered, "other ticks are covered")
        else:
            equal(board, expected)
        # What the bus refused last of all is told with the next move alone.
        told = max(world.told.get(number, 0), world.unheard.get(number, 0))
        must(int(board.changed.max()) <= told, "a change that stands was never told")
    entries = [Quarantined.decode(world.quarantine.get(key)) for key in world.quarantine.keys("quarantine/")]
    must(len(entries) == len(world.stream.poison), "a record stands in quarantine twice, or not at all")
    must({entry.sequence: entry.payload for entry in entries} == world.stream.poison, "the quarantine is not of the poison records")


def remember_codecs(patch: Any) -> None:
    """Decode equal blocks once: the same records are taken many times over, and the codec is a pure function."""
    decode, known = marking.decode_quotes, {}
    patch.setattr(
        marking, "decode_quotes", lambda content: known[content] if content in known else known.setdefault(content, decode(content))
    )
