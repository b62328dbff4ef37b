"""Break the guards: ``python -m tests.mutation [--sample 40] [--seed 1] [--shard k/n] [module ...]``.

Prints each module's score and every mutant that no test noticed. One that changes nothing a caller can see is explained in
``survivors.toml``; any other ends the run with 1, as does an explanation of a mutant that no longer exists.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.judging import TIMED_OUT, judge, load_common, source_of
from tests.mutation.mutants import Mutant, broken, mutants
from tests.shards import Shard

HERE = Path(__file__).parent
WHOLE_SECONDS = 600.0
PATIENCE_SECONDS = 10.0


@dataclass
class Score:
    """What became of a module's mutants."""

    module: str
    existing: int
    noticed: int = 0
    timed_out: int = 0
    explained: list[Mutant] = field(default_factory=list)
    survivors: list[Mutant] = field(default_factory=list)

    def line(self) -> str:
        """Tried, noticed and survived, as one row."""
        tried = self.noticed + self.timed_out + len(self.explained) + len(self.survivors)
        judged = tried - len(self.explained)
        score = f"{(self.noticed + self.timed_out) / judged:.1%}" if judged else "-"
        return (
            f"{self.module:<42}{tried:>6} of {self.existing:<5}{self.noticed:>8}{self.timed_out:>10}"
            f"{len(self.explained):>10}{len(self.survivors):>10}{score:>9}"
        )


HEADING = f"{'module':<42}{'tried':>14}{'noticed':>8}{'timed out':>10}{'explained':>10}{'survived':>10}{'score':>9}"


def explanations() -> dict[str, str]:
    """Why a mutant may survive, by its name."""
    return {row["mutant"]: row["reason"] for row in tomllib.loads((HERE / "survivors.toml").read_text()).get("survivor", ())}


def guards() -> dict[str, tuple[str, ...]]:
    """The guard modules and the tests that judge each."""
    return {row["module"]: tuple(row["judges"]) for row in tomllib.loads((HERE / "guards.toml").read_text())["guard"]}


def chosen(module: str, existing: Sequence[Mutant], sample: int, seed: int, shard: Shard) -> list[Mutant]:
    """A seeded sample of a shard's mutants; all of them when ``sample`` is 0."""
    held = [mutant for mutant in existing if shard.holds(mutant.name)]
    if not sample or sample >= len(held):
        return held
    return sorted(random.Random(f"{seed}/{module}").sample(held, sample), key=lambda mutant: mutant.index)


def try_module(module: str, judges: Sequence[str], wanted: tuple[int, int, Shard], reasons: Mapping[str, str], jobs: int) -> Score:
    """Break a module in every chosen way."""
    source = source_of(module).read_text()
    existing = list(mutants(module, source))
    score = Score(module, len(existing))
    started = time.monotonic()
    for _, result in judge(module, [None], judges, WHOLE_SECONDS):
        if result:
            raise SystemExit(f"{module}: its judges fail without any mutant (exit {result}): {' '.join(judges)}")
    limit = 3 * (time.monotonic() - started) * jobs + PATIENCE_SECONDS
    tried = chosen(module, existing, *wanted)
    for place, result in judge(module, (broken(source, mutant) for mutant in tried), judges, limit, jobs):
        mutant = tried[place]
        if result == TIMED_OUT:
            score.timed_out += 1
        elif result:
            score.noticed += 1
        elif mutant.name in reasons:
            score.explained.append(mutant)
        else:
            score.survivors.append(mutant)
            print(f"  survived, line {mutant.line}: {mutant.name}", flush=True)
    return score


def main(arguments: Sequence[str]) -> int:
    """Run, print, and say whether every survivor is explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Break the guards; some test must fail.")
    parser.add_argument("modules", nargs="*", metavar="module", help="guard modules (default: all)")
    parser.add_argument("--sample", type=int, default=0, help="mutants of each module (0: all)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the sample")
    parser.add_argument("--shard", default="", metavar="k/n", help="one part of n")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    given = parser.parse_args(arguments)
    known, reasons = guards(), explanations()
    try:
        shard = Shard.parse(given.shard)
    except ValueError as wrong:
        parser.error(str(wrong))
    if strange := sorted(set(given.modules) - set(known)):
        parser.error(f"no guard module: {', '.join(strange)}; the guards are {', '.join(known)}")
    started, scores = time.monotonic(), []
    load_common()
    for module in given.modules or known:
        scores.append(try_module(module, known[module], (given.sample, given.seed, shard), reasons, given.jobs))
        print(f"  {module}: {time.monotonic() - started:.0f} s", flush=True)
    print("\n".join([HEADING, *(score.line() for score in scores)]))
    existing = {mutant.name for module in known for mutant in mutants(module, source_of(module).read_text())}
    for name in (gone := sorted(set(reasons) - existing)):
        print(f"explained, but no such mutant exists: {name}")
    survived = sum(len(score.survivors) for score in scores)
    print(f"{survived} survived without an explanation; seed {given.seed}, {time.monotonic() - started:.0f} s")
    return int(bool(survived or gone))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
