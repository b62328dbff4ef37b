"""No guard is idle: with any one of them switched off, some seed within 200 breaks a rule the witness knows."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.core.errors import DaymarkError
from daymark.operations import cycle, performing, planning
from daymark.operations.cycle import PhaseCycle
from daymark.operations.journal import RunState
from daymark.operations.models import TaskStatus
from tests.simulation.witness import Violation
from tests.simulation.world import Guards, World

SEEDS = 200


class EveryEpochWrites(MemoryFenceLedger):
    """Claims are granted whatever the epoch."""

    def claim(self, fingerprints, fence):
        super().claim(fingerprints, self.current(fence.scope))


class ForgetsClaims(MemoryFenceLedger):
    """Claims are not remembered."""

    def claim(self, fingerprints, fence):
        self._claims.clear()
        super().claim(fingerprints, fence)


class TakeoverKeepsEpoch(MemoryFenceLedger):
    """Taking a scope over hands out the epoch in force."""

    def open(self, scope, region):
        return self._fences[scope] if scope in self._fences else super().open(scope, region)


class LastWriterWins(MemoryRunJournal):
    """Appends overwrite what another writer put there."""

    def append(self, run, transitions):
        first = transitions[0].sequence
        self._journals[run] = (*self._journals.get(run, ())[:first], *transitions)


def no_op(*_):
    return None


def without_cap(patch):
    true = planning._dispatch
    patch.setattr(planning, "_dispatch", lambda draft, cap: true(draft, cap + len(draft.state.running())))


def without_dependencies(patch):
    def ready(state, now):
        return [name for name, task in state.tasks.items() if task.status is TaskStatus.PENDING]

    patch.setattr(planning, "_ready", ready)


def without_backoff(patch):
    true = planning._ready

    def ready(state, now):
        waiting = [name for name, task in state.tasks.items() if task.status is TaskStatus.RETRYING]
        return [*(name for name in true(state, now) if name not in waiting), *waiting]

    patch.setattr(planning, "_ready", ready)


def without_priority(patch):
    true = planning._ready
    patch.setattr(planning, "_ready", lambda state, now: true(state, now)[::-1])


def settling(change):
    def patching(patch):
        true = planning.settle
        for module in (planning, cycle):
            patch.setattr(module, "settle", lambda draft, outcome: true(draft, change(outcome)))

    return patching


class EndlessTries(dict):
    """Definitions that grant every task a hundred tries."""

    def __getitem__(self, name):
        definition = replace(super().__getitem__(name))
        object.__setattr__(definition, "tries", 100)
        return definition


def without_retry_limit(patch):
    true = cycle.fold
    patch.setattr(cycle, "fold", lambda run, definitions, lines: true(run, EndlessTries(definitions), lines))


def any_try_counts(patch):
    def awaits(state, outcome):
        task = state.tasks.get(outcome.task)
        return task is not None and task.status is TaskStatus.RUNNING

    true = planning.settle
    patch.setattr(cycle, "awaits", awaits)
    patch.setattr(cycle, "settle", lambda draft, outcome: true(draft, replace(outcome, try_number=draft.state.tasks[outcome.task].tries)))


def any_status_counts(patch):
    def awaits(state, outcome):
        task = state.tasks.get(outcome.task)
        return task is not None and task.tries == outcome.try_number

    patch.setattr(cycle, "awaits", awaits)


def patched(target, name, value):
    return lambda patch: patch.setattr(target, name, value)


GUARDS = {
    "fence of claims": Guards(ledger=EveryEpochWrites),
    "memory of claims": Guards(ledger=ForgetsClaims),
    "epoch on takeover": Guards(ledger=TakeoverKeepsEpoch),
    "append conflict": Guards(journal=LastWriterWins),
    "epoch before work": patched(performing, "_require_epoch", no_op),
    "outcome of an older try": any_try_counts,
    "outcome of a settled task": any_status_counts,
    "cap": without_cap,
    "dependencies": without_dependencies,
    "backoff": without_backoff,
    "priority order": without_priority,
    "retry limit": without_retry_limit,
    "fatal not retried": settling(lambda outcome: replace(outcome, retryable=True)),
    "retryable retried": settling(lambda outcome: replace(outcome, retryable=False)),
    "skip of dependants": patched(planning, "_skip_dependants", no_op),
    "lost tries given up": patched(planning, "_give_up_lost", no_op),
    "budget": patched(planning, "_stop_at_budget", no_op),
    "an ended run stays ended": patched(RunState, "is_open", property(lambda state: state.status is not None)),
    "only the driver writes": patched(PhaseCycle, "_driving", lambda self, ticket, decide: self._deciding(ticket.run, decide)),
    "hold against duplicates": patched(cycle, "is_quiet", lambda *_: True),
    "driver known again": patched(PhaseCycle, "_is_own", lambda *_: False),
    "own line recognised": patched(cycle, "_stand", lambda *_: False),
}


@pytest.fixture(autouse=True)
def quiet_log():
    logging.getLogger("daymark.operations.performing").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("daymark.operations.performing").setLevel(logging.NOTSET)


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_switched_off_is_noticed(name, monkeypatch):
    guard, weakened = GUARDS[name], Guards()
    if isinstance(guard, Guards):
        weakened = guard
    else:
        guard(monkeypatch)
    for seed in range(SEEDS):
        try:
            World(seed, weakened).run()
        except (Violation, DaymarkError):
            return
    pytest.fail(f"{name}: {SEEDS} seeds without it and nobody noticed")
