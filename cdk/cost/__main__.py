"""``python -m cdk.cost``: prints what the deployment costs a month, or renews the figures of the scale paper."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path

from cdk.cost import report, scale_paper, synthesis
from cdk.cost.assumptions import Assumptions
from cdk.cost.estimate import estimate
from cdk.cost.live_path import Scale
from cdk.cost.price_list import PriceList

# Symbols in play if none are said: what a book of a few portfolios holds, or all US stocks.
FEW, MANY, MANY_TICKS = Decimal(500), Decimal(10_000), Decimal(100_000)


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 if a type of resource has no price."""
    asked = _parser().parse_args(arguments)
    context = dict(each.split("=", 1) for each in asked.context)
    with tempfile.TemporaryDirectory() as folder, silenced():
        templates = synthesis.templates(Path(folder), context)
    prices, said = PriceList.load(), Assumptions.load()
    if asked.write_paper:
        scale_paper.write(templates, prices, said, asked.live_region)
        return 0
    usual = MANY if asked.ticks >= MANY_TICKS else FEW
    symbols = usual if asked.symbols is None else asked.symbols
    found = estimate(templates, prices, said, Scale(asked.portfolios, asked.ticks, symbols), asked.live_region)
    sys.stdout.write((report.as_json(found, prices) if asked.json else report.text(found, prices, asked.all)) + "\n")
    return 1 if found.unpriced else 0


@contextmanager
def silenced() -> Iterator[None]:
    """Keep what Node writes to standard error, findings of the rule packs above all, to itself unless the synthesis fails."""
    sys.stderr.flush()
    own = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(own, kept.read())
            raise
        finally:
            os.dup2(own, 2)
            os.close(own)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cdk.cost", description=__doc__)
    parser.add_argument("--portfolios", type=_amount, default=Decimal(1000))
    parser.add_argument("--ticks", type=_amount, default=Decimal(1000), help="ticks a second during sessions")
    parser.add_argument("--symbols", type=_amount, default=None, help="symbols the ticks are of")
    parser.add_argument("--live-region", default="us-east-1", help="where the ticks and the users are")
    parser.add_argument("--context", action="append", default=[], metavar="NAME=VALUE", help="a setting of the deployment")
    parser.add_argument("--all", action="store_true", help="print lines that cost nothing too")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write-paper", action="store_true", help="renew the figures in docs/scale.md")
    return parser


def _amount(said: str) -> Decimal:
    try:
        amount = Decimal(said)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and amount >= 0):
        raise argparse.ArgumentTypeError(f"must be a number from zero, got {said}")
    return amount


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
