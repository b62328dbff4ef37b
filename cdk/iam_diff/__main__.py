"""``python -m cdk.iam_diff BASE``: prints what a change lets somebody do that nobody could do before; 1 if there is something, else 0.

``BASE`` is a folder with an assembly, a revision of the repository, or ``deployed``, which asks AWS.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdk.iam_diff import sources
from cdk.iam_diff.accepted import PATH, accepted, fingerprint
from cdk.iam_diff.broadening import broadenings
from daymark.core.errors import InvalidInput


def main(arguments: Sequence[str], run: sources.Run = sources.command) -> int:
    """Run the command: 0 if nothing is broader or it was accepted, 1 if something is, 2 if it cannot be told."""
    asked = _parser().parse_args(arguments)
    try:
        after = _after(asked)
        before = _before(asked, after, run)
        reasons = accepted(asked.accepted)
    except InvalidInput as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    found = broadenings(before, after)
    for each in found:
        sys.stdout.write(f"{each}\n")
    if not found:
        sys.stdout.write(f"Nobody may do more: {len(before)} stacks before, {len(after)} now.\n")
        return 0
    digest = fingerprint(found)
    if digest in reasons:
        sys.stdout.write(f"{len(found)} broadenings, accepted: {reasons[digest]}\n")
        return 0
    sys.stdout.write(f"{len(found)} broadenings. If they are meant, accept them in {PATH.name} with fingerprint {digest}\n")
    return 1


def _after(asked: argparse.Namespace) -> dict[tuple[str, str], Mapping[str, Any]]:
    if asked.head:
        return sources.assembly(asked.head)
    with tempfile.TemporaryDirectory() as out:
        return sources.synthesised(sources.PROJECT, Path(out), _context(asked))


def _before(
    asked: argparse.Namespace, after: Mapping[tuple[str, str], Mapping[str, Any]], run: sources.Run
) -> dict[tuple[str, str], Mapping[str, Any]]:
    if asked.base == sources.DEPLOYED:
        return sources.deployed(after, run)
    if Path(asked.base).is_dir():
        return sources.assembly(Path(asked.base))
    return sources.revision(asked.base, _context(asked))


def _context(asked: argparse.Namespace) -> dict[str, str]:
    return dict(each.split("=", 1) for each in asked.context)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cdk.iam_diff", description=__doc__)
    parser.add_argument("base", help="a folder with an assembly, a revision of the repository, or 'deployed'")
    parser.add_argument("--head", type=Path, default=None, help="a folder with the new assembly; without it the checkout is synthesised")
    parser.add_argument("--context", action="append", default=[], metavar="NAME=VALUE", help="a setting of the deployment")
    parser.add_argument("--accepted", type=Path, default=PATH, help="what was decided for")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
