"""An independent witness of every journal line and every effect: it knows the rules, not the code that should keep them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta


class Violation(BaseException):
    """A rule of the day was broken. No production code may swallow it, so it is no ``Exception``."""


RANKS = {"CRITICAL": 0, "HIGH": 1, "MEDIUM": 2, "LOW": 3}
FINAL = {"SUCCEEDED", "FAILED", "SKIPPED"}
FATAL_CODES = {"conflict", "invalid_input", "internal"}


@dataclass
class Witness:
    """Follows one run. ``graph`` maps a task to (priority, what it waits for, tries)."""

    graph: dict
    cap: int
    budget: timedelta | None
    hold: timedelta
    most_skew: timedelta
    status: dict = field(default_factory=dict)
    tries: Counter = field(default_factory=Counter)
    not_before: dict = field(default_factory=dict)
    under: dict = field(default_factory=dict)
    epoch: int = 0
    opened_at: datetime | None = None
    final: str | None = None
    length: int = 0
    heard: datetime | None = None
    succeeded_tries: set = field(default_factory=set)
    excused: set = field(default_factory=set)
    claims: dict = field(default_factory=dict)
    rows: dict = field(default_factory=dict)
    true_epoch: int = 0
    tickets: dict = field(default_factory=dict)

    def __post_init__(self):
        self.status = dict.fromkeys(self.graph, "PENDING")

    def must(self, fact, what):
        if not fact:
            raise Violation(what)

    def lines(self, lines, actor_epoch, true_now):
        """One committed append."""
        self.must(self.final is None, "a line after the end")
        for line in lines:
            self.must(line.sequence == self.length, "the journal has a gap or an overwritten line")
            self.length += 1
            kind = str(line.kind)
            if kind in ("opened", "taken_over"):
                self.epoch_line(line, kind)
            else:
                self.must(actor_epoch == self.epoch, f"a driver of epoch {actor_epoch} wrote under epoch {self.epoch}")
                getattr(self, kind)(line)
        self.priorities([line for line in lines if str(line.kind) == "dispatched"])
        self.heard = true_now

    def epoch_line(self, line, kind):
        self.must((kind == "opened") == (self.epoch == 0), "a run is opened once")
        self.must(line.body["epoch"] > self.epoch, "a takeover kept the epoch")
        self.epoch = line.body["epoch"]
        if kind == "opened":
            self.opened_at = line.at

    def dispatched(self, line):
        task = line.task
        _, after, tries = self.graph[task]
        self.must(self.status[task] in ("PENDING", "RETRYING"), f"{task} started while {self.status[task]}")
        self.must(all(self.status[name] == "SUCCEEDED" for name in after), f"{task} started before what it waits for")
        self.tries[task] += 1
        self.must(line.try_number == self.tries[task] <= tries, f"{task} try {line.try_number} of {tries}")
        self.must(task not in self.not_before or line.at >= self.not_before[task], f"{task} did not wait for its retry")
        self.must(self.budget is None or line.at - self.opened_at < self.budget, f"{task} started after the budget")
        self.status[task], self.under[task] = "RUNNING", self.epoch
        self.must(list(self.status.values()).count("RUNNING") <= self.cap, "more tasks than the cap")

    def priorities(self, started):
        if not started:
            return
        ranks = [RANKS[self.graph[line.task][0]] for line in started]
        self.must(ranks == sorted(ranks), "tasks started out of priority order")
        at = started[0].at
        for task, (priority, after, _) in self.graph.items():
            ready = all(self.status[name] == "SUCCEEDED" for name in after) and (
                self.status[task] == "PENDING" or (self.status[task] == "RETRYING" and self.not_before[task] <= at)
            )
            self.must(not ready or RANKS[priority] >= ranks[-1], f"{task} was ready and more urgent than what started")

    def tried(self, line, status):
        task = line.task
        self.must(
            self.status[task] == "RUNNING" or (status == "FAILED" and self.status[task] == "RETRYING"), f"{task} ended while not running"
        )
        self.must(line.try_number == self.tries[task], f"{task} took the outcome of try {line.try_number}, not {self.tries[task]}")
        self.status[task] = status
        error = line.body["outcome"]["error"]
        if error and error["code"] == "lost":
            excused = (task, line.try_number) in self.excused or self.under[task] < self.epoch
            self.must(excused, f"{task} try {line.try_number} was lost without a fault")
        return error

    def succeeded(self, line):
        self.must(self.tried(line, "SUCCEEDED") is None, "a success with an error")
        self.must((line.task, line.try_number) in self.succeeded_tries, f"{line.task} succeeded, but its work did not")

    def retried(self, line):
        error = self.tried(line, "RETRYING")
        self.must(error["code"] not in FATAL_CODES, f"{line.task} is tried again after a fatal error")
        self.must(self.tries[line.task] < self.graph[line.task][2], f"{line.task} has no try left")
        self.not_before[line.task] = datetime.fromisoformat(line.body["not_before"])
        delay = (self.not_before[line.task] - line.at).total_seconds()
        self.must(0 <= delay < min(60, 2 ** self.tries[line.task]), "the delay is outside its bound")

    def failed(self, line):
        waited = self.status[line.task] == "RETRYING"
        error = self.tried(line, "FAILED")
        over = self.budget is not None and line.at - self.opened_at >= self.budget
        last = self.tries[line.task] == self.graph[line.task][2]
        self.must((waited and over) or last or error["code"] in FATAL_CODES | {"stale_fence"}, f"{line.task} failed with tries left")
        self.must(error["code"] != "stale_fence", f"{line.task} failed by a stale epoch")

    def skipped(self, line):
        self.must(self.status[line.task] == "PENDING", f"{line.task} skipped while {self.status[line.task]}")
        causes = [name for name in self.graph[line.task][1] if self.status[name] in ("FAILED", "SKIPPED")]
        over = self.budget is not None and line.at - self.opened_at >= self.budget
        self.must(causes or over, f"{line.task} skipped without a cause")
        self.must(over or any(name in line.body["reason"] for name in causes), "the reason names no cause")
        self.status[line.task] = "SKIPPED"

    def ended(self, line):
        self.must(set(self.status.values()) <= FINAL, "the run ended before its tasks")
        lost = [task for task, status in self.status.items() if status != "SUCCEEDED"]
        critical = any(self.graph[task][0] == "CRITICAL" for task in lost)
        self.must(line.body["status"] == ("FAILED" if critical else "DEGRADED" if lost else "SUCCEEDED"), "the wrong final status")
        self.final = line.body["status"]

    def taking(self, true_now):
        """A duplicate wake-up is about to take the next epoch: not from a driver that holds it and was heard of lately."""
        if self.epoch and self.epoch == self.true_epoch:
            silent = true_now - self.heard
            self.must(self.final is None, "a duplicate took over a run that had ended")
            self.must(silent >= self.hold - 2 * self.most_skew, f"a duplicate took over a driver heard {silent} ago")

    def ticket(self, driver, epoch):
        """A driver got a ticket: no two drivers hold one epoch."""
        self.must(self.tickets.setdefault(epoch, driver) == driver, f"two drivers hold epoch {epoch}")

    def started(self, command):
        self.must(command.epoch == self.true_epoch, f"work began under epoch {command.epoch} while {self.true_epoch} is in force")

    def claimed(self, contents, epoch):
        """A granted batch of claims: under the epoch in force, and each key for the content it was first granted for."""
        self.must(epoch == self.true_epoch, f"epoch {epoch} claimed while {self.true_epoch} is in force")
        for key, content in contents.items():
            self.must(self.claims.setdefault(key, content) == content, f"{key} was granted to two contents")

    def wrote(self, key, content):
        """A row behind its claim; the same row again is a repeat."""
        self.must(self.claims.get(key) == content, f"the row {key} has no claim")
        self.must(self.rows.setdefault(key, content) == content, f"the row {key} changed")

    def at_the_end(self, effects):
        """After everything: one final state each, and every row of what succeeded."""
        self.must(self.final is not None, "the run never ended")
        for task, status in self.status.items():
            if status == "SUCCEEDED":
                for key in effects(task):
                    self.must(key in self.rows, f"{key} was lost")
