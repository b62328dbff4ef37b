"""Drivers of a run in the seeded world: the state machine's loop and its functions, each its own process."""

from __future__ import annotations

import json
from datetime import timedelta

from daymark.core.errors import InvalidInput, Unavailable
from daymark.core.fence import Fence
from daymark.operations.cycle import PhaseCycle
from daymark.operations.models import TaskReport
from daymark.operations.steps import open_step, perform_step, plan_step, record_step
from tests.simulation.faults import CLOSE, MOST_SKEW, RUN, Kill, SimClock

REGIONS = ("us-east-1", "us-west-2")


class Driver:
    """One firing: the state machine's loop, step by step, as its definition has it."""

    def __init__(self, world, number, wake_up):
        self.world, self.name = world, f"driver-{number}"
        self.region = REGIONS[number % 2]
        skew = timedelta(seconds=world.rng.uniform(-1, 1) * MOST_SKEW.total_seconds())
        self.clock = SimClock(world, skew)
        self.cycle = PhaseCycle(world.catalogue, world.journal, world.ledger, self.clock, world.calendar, self.region, world.limits)
        self.wake_up = {"version": 1, "driver": self.name, **wake_up}
        self.is_duplicate = "take_over" not in wake_up
        self.alive, self.epoch, self.ticket = True, 0, None
        self.at_work, self.inbox = 0, []
        self.unanswered: list = []

    def appended(self, transitions):
        """Lines of this driver stand: learn its epoch from them, and remember the tries they start."""
        for line in transitions:
            if str(line.kind) in ("opened", "taken_over"):
                self.epoch = line.body["epoch"]
        self.unanswered = [(line.task, line.try_number) for line in transitions if str(line.kind) == "dispatched"]

    def take(self, step, action, then):
        """One step in its own process: it may die, fail and be tried again, or lose its answer."""
        world = self.world
        if not self.alive:
            return
        world.actor, world.step = self, step
        try:
            reply = json.loads(json.dumps(action()))
            world.actor, world.step = self, step
            world.kill("kill before reply")
        except Kill:
            self.die()
            return
        except Unavailable:
            world.witness.excused.update(self.unanswered)
            world.later(world.rng.uniform(0, 5), lambda: self.take(step, action, then))
            return
        if world.chance(world.weather.store):
            world.fault("answer lost")
            world.witness.excused.update(self.unanswered)
            world.later(world.rng.uniform(0, 5), lambda: self.take(step, action, then))
            return
        world.later(world.rng.uniform(0, 1), lambda: self.alive and then(reply))

    def die(self):
        """The process is gone; somebody notices later: an operator, or the scheduler's next delivery."""
        world = self.world
        self.alive = False
        world.kills += 1
        world.witness.excused.update(self.unanswered)
        again = {"run_id": str(RUN), "take_over": True} if world.chance(0.5) else {"phase": str(RUN.phase), "wake": CLOSE.isoformat()}
        world.fire(world.rng.choice((5, 60, 700)), again)

    def open(self):
        self.take("open", lambda: open_step(self.cycle, self.wake_up), self.opened)

    def opened(self, reply):
        if reply["kind"] == "plan":
            self.ticket, self.epoch = reply, reply["epoch"]
            self.world.witness.ticket(self.name, reply["epoch"])
            self.plan()

    def plan(self):
        self.take("plan", lambda: plan_step(self.cycle, self.ticket), self.planned)

    def planned(self, reply):
        if reply["kind"] == "dispatch":
            self.unanswered = []
            for command in reply["commands"]:
                self.at_work += 1
                delay = self.world.rng.choice((0, 0.5, 3)) if self.world.rng.random() < 0.95 else 150
                if delay == 150:
                    self.world.witness.excused.add((command["task"], command["try_number"]))
                self.world.later(delay, Try(self, command).begin)
            # A streaming driver (the manager) plans again at once; the state machine waits for the whole wave.
            if self.world.streaming:
                self.plan()
        elif reply["kind"] == "wait" and not (self.world.streaming and (self.at_work or self.inbox)):
            self.world.later(reply["seconds"], self.plan)
        elif reply["kind"] == "wait":
            self.world.later(min(reply["seconds"], 5), self.next)

    def delivered(self, document):
        self.inbox.append(document)
        self.at_work -= 1
        if not self.world.streaming and not self.at_work:
            self.next()

    def next(self):
        if not self.inbox:
            self.plan()
            return
        documents, self.inbox = self.inbox, []
        self.world.rng.shuffle(documents)
        event = {**self.ticket, "outcomes": documents}
        self.take("record", lambda: record_step(self.cycle, event), self.recorded)

    def recorded(self, reply):
        if reply["kind"] == "plan":
            self.plan()


class Try:
    """One command on its way through a function of its own: it outlives its driver."""

    def __init__(self, driver, command):
        self.driver, self.world, self.command = driver, driver.world, command
        self.clock = SimClock(self.world, driver.clock.skew)
        self.how = self.world.behaviour(command["task"], command["try_number"])

    @property
    def key(self):
        return self.command["task"], self.command["try_number"]

    def begin(self):
        world = self.world
        world.actor, world.step = self.driver, "perform"
        try:
            document = json.loads(json.dumps(perform_step(self.command, self.work, world.ledger, self.clock)))
        except Kill:
            # The function's own process dies, its driver lives: the machine's Catch speaks for it.
            document = self.crashed("Lambda.Unknown")
        world.step = "perform"
        took = self.clock.ahead.total_seconds() + world.rng.uniform(0, 2)
        if self.how != "well":
            world.fault(self.how)
        if self.how == "crash":
            document = self.crashed("Lambda.Unknown")
        elif self.how == "silent":
            document, took = self.crashed("States.Timeout"), self.command["timeout_seconds"]
        elif self.how in ("slow", "late success"):
            world.witness.excused.add(self.key)
        elif self.how == "twice":
            self.again(document)
        if took + 5 > self.command["timeout_seconds"]:
            world.witness.excused.add(self.key)
        world.later(took, lambda: self.driver.delivered(document))

    def again(self, document):
        """The same outcome once more, much later, when a newer try may be at work."""
        self.driver.at_work += 1
        self.world.witness.excused.add(self.key)
        self.world.later(self.world.rng.choice((1, 20, 200)), lambda: self.driver.delivered(document))

    def crashed(self, name):
        return {"version": 1, "task": self.command["task"], "try_number": self.command["try_number"], "crashed": name}

    def work(self, command):
        """The task's own code: rows behind their claims, then whatever its behaviour says."""
        world, how = self.world, self.how
        world.witness.started(command)
        fence = Fence(command.run.scope, command.region, command.epoch)
        # Only the outermost step pauses: inside another machine's step it would hold that machine up as well.
        if how == "paused" and not world.depth:
            world.witness.excused.add(self.key)
            with world.elsewhere():
                world.drain(until=world.at + timedelta(seconds=world.rng.choice((10, 400))))
        # The inputs of a try that restates were changed under it: what it writes is not what an earlier try has claimed.
        source = f"try {command.try_number}" if how == "restating" else "inputs"
        contents = {key: f"content of {key} by {source}" for key in world.effects(command.task)}
        world.ledger.claim(contents, fence)
        for key, content in contents.items():
            world.kill("kill before row")
            world.witness.wrote(key, content)
        if how == "retryable":
            raise Unavailable("the provider did not answer")
        if how == "fatal":
            raise InvalidInput("the file is no CSV")
        if how == "defect":
            raise RuntimeError("a defect")
        if how in ("slow", "late success"):
            timeout = self.command["timeout_seconds"]
            self.clock.ahead = timedelta(seconds=timeout + (200 if how == "slow" else 20))
        world.witness.succeeded_tries.add((command.task, command.try_number))
        return TaskReport(measures={"rows": len(world.effects(command.task))})
