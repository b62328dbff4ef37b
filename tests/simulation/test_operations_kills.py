"""The process is killed at every persisted transition, claim and effect of a full trading day, and resumed: same ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest

from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.core.clock import FixedClock
from daymark.core.errors import StaleFence, Unavailable
from daymark.core.fence import Fence
from daymark.core.sessions import Calendar
from daymark.operations.catalogue import trading_day
from daymark.operations.cycle import PhaseCycle
from daymark.operations.models import OperationPhase, RunId, TaskReport
from daymark.operations.planning import Limits
from daymark.operations.steps import open_step, perform_step, plan_step, record_step

DAY = date(2018, 2, 5)
PORTFOLIOS = ("P-1", "P-2", "P-3", "P-4", "P-5")
FLAKY = {"gate_prices", "verify_restore"}


class Kill(BaseException):
    """The process dies here."""


@dataclass
class Day:
    """A day's stores, which survive the process, and the process, which dies at its ``kill_at``-th chance."""

    kill_at: int | None = None
    chances: int = 0
    rows: dict = field(default_factory=dict)
    sent: list = field(default_factory=list)

    def __post_init__(self):
        self.journal, self.ledger = MemoryRunJournal(), MemoryFenceLedger()
        self.clock = FixedClock(datetime(2018, 2, 5, 9, 0, tzinfo=UTC))

    def chance(self):
        self.chances += 1
        if self.chances == self.kill_at:
            raise Kill

    def cycle(self):
        day = self

        class Journal:
            read, latest = staticmethod(day.journal.read), staticmethod(day.journal.latest)

            def append(self, run, transitions):
                day.chance()
                day.journal.append(run, transitions)
                day.chance()

        class Ledger:
            current = staticmethod(day.ledger.current)

            def open(self, scope, region):
                day.chance()
                fence = day.ledger.open(scope, region)
                day.chance()
                return fence

        return PhaseCycle(trading_day(), Journal(), Ledger(), day.clock, Calendar.exchange(), "us-east-1", Limits(cap=3))

    def work(self, command):
        """Each task writes a row per portfolio behind a claim, and tells the outside once; some fail at first."""
        fence = Fence(command.run.scope, command.region, command.epoch)
        for portfolio in PORTFOLIOS:
            key = f"{command.run.scope}/{command.task}/{portfolio}"
            self.chance()
            self.ledger.claim({key: f"marked {key}"}, fence)
            self.chance()
            # A claim whose row never came is repaired by replay; a row that stands is not written again.
            if key not in self.rows:
                self.rows[key] = f"marked {key}"
                self.sent.append(key)
            self.chance()
        if command.task in FLAKY and command.try_number == 1:
            raise Unavailable("no answer the first time")
        return TaskReport(measures={"rows": len(PORTFOLIOS)})

    def drive(self, run, take_over):
        """The machine's loop in one process: any kill ends all of it."""
        cycle = self.cycle()
        ticket = reply = open_step(cycle, {"run_id": str(run), "take_over": take_over})
        while reply["kind"] != "end":
            reply = plan_step(cycle, ticket)
            if reply["kind"] == "wait":
                self.clock.advance(timedelta(seconds=reply["seconds"]))
            for command in reply.get("commands", ()):
                outcome = perform_step(command, self.work, self.ledger, self.clock)
                self.clock.advance(timedelta(seconds=1))
                record_step(cycle, {**ticket, "outcomes": [outcome]})
        return reply["status"]

    def phase(self, phase):
        """Drive a phase; if the process dies, another resumes."""
        run = RunId(DAY, phase)
        try:
            return self.drive(run, take_over=False)
        except Kill:
            return self.drive(run, take_over=True)

    def again(self, kill_at):
        """The same stores as they are now, and a process that will die."""
        day = Day(kill_at)
        day.rows, day.sent, day.clock = dict(self.rows), list(self.sent), FixedClock(self.clock.now())
        day.journal._journals = dict(self.journal._journals)
        day.ledger._fences, day.ledger._claims = dict(self.ledger._fences), dict(self.ledger._claims)
        return day

    def hash(self) -> str:
        """Of every row that money and people would see."""
        assert sorted(self.sent) == sorted(self.rows), "an effect was doubled"
        finals = {
            str(run): {name: str(task.status) for name, task in self.cycle().state(run).tasks.items()} for run in self.journal.runs(DAY)
        }
        return sha256(json.dumps([self.rows, finals], sort_keys=True).encode()).hexdigest()


def test_every_kill_point_of_a_day_resumes_to_the_same_ledger(tell):
    """Each phase is killed at each of its points, from the stores as the phases before left them; a sample runs on to the evening."""
    phases = list(OperationPhase)
    morning, points, resumed = Day(), 0, 0
    evening = morning.again(None)
    assert [evening.phase(phase) for phase in phases] == ["SUCCEEDED"] * 5
    assert len(evening.rows) == sum(len(trading_day().tasks(phase)) for phase in phases) * len(PORTFOLIOS)
    for place, phase in enumerate(phases):
        undisturbed = morning.again(None)
        assert undisturbed.phase(phase) == "SUCCEEDED"
        for point in range(1, undisturbed.chances + 1):
            day = morning.again(point)
            assert day.phase(phase) == "SUCCEEDED", f"{phase} killed at {point}"
            assert day.hash() == undisturbed.hash(), f"{phase} killed at {point}"
            resumed += any(str(line.kind) == "taken_over" for line in day.journal.read(RunId(DAY, phase)))
            if point % 10 == 0:
                assert [day.phase(later) for later in phases[place + 1 :]] == ["SUCCEEDED"] * (4 - place)
                assert day.hash() == evening.hash(), f"{phase} killed at {point}"
        points += undisturbed.chances
        morning = undisturbed
    tell([f"killed at each of {points} points of the day; {resumed} runs resumed by takeover, all to one ledger"])
    assert points >= 500


def test_a_stale_execution_cannot_write():
    day = Day()
    run = RunId(DAY, OperationPhase.PRE_MARKET)
    cycle = day.cycle()
    old = open_step(cycle, {"run_id": str(run)})
    command = plan_step(cycle, old)["commands"][0]
    new = open_step(cycle, {"run_id": str(run), "take_over": True})
    assert new["epoch"] == old["epoch"] + 1
    with pytest.raises(StaleFence):
        day.ledger.claim({"row": "content"}, Fence(run.scope, "us-east-1", old["epoch"]))
    late = perform_step(command, day.work, day.ledger, day.clock)
    assert not late["succeeded"]
    assert late["error"]["code"] == "stale_fence"
    before = day.journal.read(run)
    assert record_step(cycle, {**old, "outcomes": [late]})["status"] == "SUPERSEDED"
    assert plan_step(cycle, old)["status"] == "SUPERSEDED"
    assert day.journal.read(run) == before
    assert not day.rows


def test_the_ledger_hash_sees_a_doubled_effect():
    day = Day()
    day.phase(OperationPhase.PRE_MARKET)
    day.sent.append(day.sent[0])
    with pytest.raises(AssertionError, match="doubled"):
        day.hash()
