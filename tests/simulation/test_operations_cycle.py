"""The production cycle in the seeded world: every rule holds in every seed, and every fault was really injected."""

from __future__ import annotations

import logging
import os
from collections import Counter

import pytest

from tests.simulation.world import World

SEEDS = int(os.environ.get("DAYMARK_SEEDS", "1000"))
KINDS = {
    "throttle": ("open", "plan", "perform", "record"),
    "conflict": ("open", "plan", "record"),
    "timeout after commit": ("open", "plan", "perform", "record"),
    "own repeat refused": ("open", "plan", "record"),
    "other machine first": ("open", "plan", "perform", "record"),
    "kill before commit": ("open", "plan", "perform", "record"),
    "kill after commit": ("open", "plan", "perform", "record"),
    "kill before reply": ("open", "plan", "record"),
    "kill before row": ("perform",),
    "answer lost": ("open", "plan", "record"),
    **dict.fromkeys(
        ("retryable", "fatal", "defect", "slow", "late success", "crash", "silent", "paused", "twice", "restating"), ("perform",)
    ),
}


@pytest.fixture(autouse=True)
def quiet_log():
    logging.getLogger("daymark.operations.performing").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("daymark.operations.performing").setLevel(logging.NOTSET)


@pytest.mark.every_shard
def test_every_rule_holds_in_every_seed(tell, shard):
    seeds = shard.seeds(SEEDS)
    faults, ends, sizes = Counter(), Counter(), Counter()
    for seed in seeds:
        try:
            world = World(seed, faults=faults).run()
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        ends[world.witness.final] += 1
        sizes[min(len(str(len(world.tasks))), 3)] += 1
    table = [
        f"{kind:<24}" + "".join(f"{faults[kind, step] if step in steps else '-':>10}" for step in ("open", "plan", "perform", "record"))
        for kind, steps in KINDS.items()
    ]
    empty = [f"{kind} in {step}" for kind, steps in KINDS.items() for step in steps if not faults[kind, step]]
    heading = f"{len(seeds)} seeds; runs ended {dict(ends)}; faults injected by kind and step:"
    columns = f"{'':<24}{'open':>10}{'plan':>10}{'perform':>10}{'record':>10}"
    tell([heading, columns, *table, f"empty cells: {', '.join(empty) or 'none'}"])
    if len(seeds) >= 1000:
        assert not empty
        assert set(ends) == {"SUCCEEDED", "DEGRADED", "FAILED"}
        assert set(sizes) == {1, 2, 3}


def test_same_seed_same_run():
    first, second = World(7).run(), World(7).run()
    assert first.witness.rows == second.witness.rows
    assert list(first.journal.inner._journals.values()) == list(second.journal.inner._journals.values())
