"""What goes wrong in the seeded world: wrong clocks, and stores that throttle, race, lose answers or outlive their callers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from daymark.core.errors import Conflict, Unavailable
from daymark.core.fence import Fence
from daymark.operations.models import OperationPhase, RunId

CLOSE = datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
RUN = RunId(date(2018, 2, 5), OperationPhase.MARKET_CLOSE)
MOST_SKEW = timedelta(seconds=120)


class Kill(BaseException):
    """The process of the acting driver dies here."""


@dataclass
class Weather:
    """How often each fault comes; a third of the seeds is calm, so that plain runs are tried too."""

    store: float
    tasks: float
    kill: float
    race: float

    @classmethod
    def of(cls, rng: random.Random) -> Weather:
        if rng.random() < 0.3:
            return cls(0.0, rng.choice((0.0, 0.2)), 0.0, 0.0)
        return cls(rng.choice((0.0, 0.03, 0.12)), rng.choice((0.1, 0.4)), rng.choice((0.0, 0.02)), rng.choice((0.0, 0.1)))


@dataclass
class SimClock:
    """World time seen through one machine's wrong clock."""

    world: Any
    skew: timedelta
    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.world.at + self.skew + self.ahead


class Unreliable:
    """A store call that may throttle, be raced, or lose its answer after it took effect; or its caller dies."""

    def __init__(self, world, inner):
        self.world, self.inner = world, inner

    def call(self, action, committed=lambda result: None, conflicts=False):
        world = self.world
        world.race()
        if world.chance(world.weather.store):
            world.fault("throttle")
            raise Unavailable("throttled")
        if conflicts and world.chance(world.weather.store):
            world.fault("conflict")
            raise Conflict("injected")
        world.kill("kill before commit")
        result = action()
        committed(result)
        world.kill("kill after commit")
        if world.chance(world.weather.store):
            world.fault("timeout after commit")
            raise Unavailable("no answer")
        if conflicts and world.chance(world.weather.store):
            world.fault("own repeat refused")
            raise Conflict("the adapter's own repeat met its first write")
        return result


class SimJournal(Unreliable):
    """The journal's adapter in this world."""

    def read(self, run):
        if self.world.chance(self.world.weather.store / 4):
            self.world.fault("throttle")
            raise Unavailable("throttled")
        return self.inner.read(run)

    def latest(self, session_date, phase):
        return self.inner.latest(session_date, phase)

    def append(self, run, transitions):
        world, actor = self.world, self.world.actor

        def seen(_):
            world.witness.lines(transitions, actor.epoch, world.at)
            actor.appended(transitions)

        self.call(lambda: self.inner.append(run, transitions), seen, conflicts=True)


class SimLedger(Unreliable):
    """The fence table's adapter in this world."""

    def current(self, scope) -> Fence:
        return self.inner.current(scope)

    def open(self, scope, region) -> Fence:
        def seen(fence):
            self.world.witness.true_epoch = max(self.world.witness.true_epoch + 1, fence.epoch)

        if self.world.actor.is_duplicate:
            self.world.witness.taking(self.world.at)
        return self.call(lambda: self.inner.open(scope, region), seen)

    def claim(self, fingerprints, fence) -> None:
        def seen(_):
            self.world.witness.claimed(fingerprints, fence.epoch)

        self.call(lambda: self.inner.claim(fingerprints, fence), seen)
