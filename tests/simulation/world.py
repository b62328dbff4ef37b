"""A seeded world: virtual time, competing drivers, a store that fails in every way, and tasks that do too.

It runs the production cycle, steps and memory adapters. Every random choice comes from one seeded generator and events are
taken in one order, so a seed names a run. Time is virtual: nothing here sleeps.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.core.sessions import Calendar
from daymark.operations.catalogue import Catalogue
from daymark.operations.models import TaskDefinition, TaskPriority
from daymark.operations.planning import Limits
from tests.simulation.driver import Driver
from tests.simulation.faults import CLOSE, MOST_SKEW, RUN, Kill, SimJournal, SimLedger, Weather
from tests.simulation.witness import Violation, Witness

MOST_EVENTS = 12_000


@dataclass
class Guards:
    """Adapters the world is built with; a test puts weakened ones in."""

    ledger: type = MemoryFenceLedger
    journal: type = MemoryRunJournal


def random_graph(rng: random.Random) -> list[TaskDefinition]:
    """1 to 200 tasks, mostly few; each waits for up to three tasks, in an order that catalogue order does not follow."""
    size = min(200, max(1, int(rng.paretovariate(1.25) * 2.5)))
    names = [f"t{number}" for number in range(size)]
    tasks = []
    density = rng.random()
    for place, name in enumerate(names):
        after = rng.sample(names[:place], min(place, rng.choice((0, 1, 1, 2, 3)))) if rng.random() < density else []
        priority = rng.choice(list(TaskPriority))
        timeout = timedelta(seconds=rng.choice((10, 60, 240)))
        tasks.append(TaskDefinition(name, RUN.phase, "work", priority, tuple(after), timeout, rng.choice((1, 2, 3, 4, 4))))
    rng.shuffle(tasks)
    return tasks


@dataclass
class World:
    """One seed's world and its run."""

    seed: int
    guards: Guards = field(default_factory=Guards)
    faults: Counter = field(default_factory=Counter)

    def __post_init__(self):
        rng = self.rng = random.Random(self.seed)
        self.weather = Weather.of(rng)
        self.tasks = random_graph(rng)
        self.catalogue = Catalogue(self.tasks)
        budget = timedelta(seconds=rng.choice((60, 600, 3600))) if rng.random() < 0.2 else None
        self.limits = Limits(cap=rng.choice((1, 2, 3, 8, 40)), budget=budget)
        graph = {task.name: (str(task.priority), task.after, task.tries) for task in self.tasks}
        self.witness = Witness(graph, self.limits.cap, budget, self.limits.hold, MOST_SKEW)
        self.journal, self.ledger = SimJournal(self, self.guards.journal()), SimLedger(self, self.guards.ledger())
        self.calendar = Calendar.exchange()
        self.at, self.events, self.order = CLOSE, [], count()
        self.actor: Driver | None = None
        self.step, self.depth, self.kills, self.steps, self.repaired = "open", 0, 0, 0, 0
        self.behaviours: dict = {}
        self.streaming = rng.random() < 0.5
        self.drivers = 0

    def later(self, seconds, action):
        heapq.heappush(self.events, (self.at + timedelta(seconds=seconds), next(self.order), action))

    def run(self) -> World:
        """Fire the phase, let everything happen, repair what kills left, and hear the witness at the end."""
        for _ in range(self.rng.choice((1, 1, 2, 3, 5))):
            self.fire(self.rng.uniform(0, 20), {"phase": str(RUN.phase), "wake": CLOSE.isoformat()})
        if self.weather.store and self.rng.random() < 0.5:
            # An operator who believes the driver dead although it lives: two drivers act at once.
            self.fire(self.rng.uniform(1, 90), {"run_id": str(RUN), "take_over": True})
        self.drain()
        if self.witness.final is None and not self.kills:
            raise Violation("nobody was killed, yet the run never ended")
        while self.witness.final is None and self.repaired < 3:
            self.repaired += 1
            self.weather = Weather(0.0, 0.0, 0.0, 0.0)
            self.fire(1, {"run_id": str(RUN), "take_over": True})
            self.drain()
        self.witness.at_the_end(self.effects)
        return self

    def fire(self, seconds, wake_up):
        driver = Driver(self, self.drivers, wake_up)
        self.drivers += 1
        self.later(seconds, driver.open)

    def drain(self, until: datetime | None = None):
        while self.events and (until is None or self.events[0][0] <= until):
            self.next_event()

    def next_event(self):
        self.steps += 1
        if self.steps > MOST_EVENTS:
            raise Violation("the run does not come to an end")
        at, _, action = heapq.heappop(self.events)
        self.at = max(self.at, at)
        action()

    def chance(self, rate) -> bool:
        return rate > 0 and self.rng.random() < rate

    def kill(self, kind):
        if self.chance(self.weather.kill):
            self.fault(kind)
            raise Kill

    def fault(self, kind):
        self.faults[kind, self.step] += 1

    @contextmanager
    def elsewhere(self):
        """Let other machines act in the middle of this one's step."""
        kept = self.actor, self.step
        self.depth += 1
        try:
            yield
        finally:
            self.actor, self.step = kept
            self.depth -= 1

    def race(self):
        soon = self.events and self.events[0][0] <= self.at + timedelta(seconds=3)
        if self.depth < 3 and soon and self.chance(self.weather.race):
            self.fault("other machine first")
            with self.elsewhere():
                self.next_event()

    def effects(self, task):
        return [f"{task}/row{number}" for number in range(1 + sum(map(ord, task)) % 2)]

    def behaviour(self, task, try_number):
        """How a try goes, the same whoever performs it."""
        key = task, try_number
        if key not in self.behaviours:
            bad = ("retryable", "fatal", "defect", "slow", "crash", "silent", "late success", "paused", "twice", "restating")
            self.behaviours[key] = self.rng.choice(bad) if self.chance(self.weather.tasks) else "well"
        return self.behaviours[key]
