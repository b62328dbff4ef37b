"""Builds the named layers, or all of them: ``python -m cdk.layer_build [--here] [LAYER ...]``."""

from __future__ import annotations

import argparse
import sys

from cdk.layer_build.build import Workplace, build
from cdk.layer_build.targets import LAMBDA, this_machine
from daymark.core.errors import DaymarkError


def main() -> int:
    """Print each layer's size; 1 and what is wrong when one cannot be built."""
    place = Workplace()
    parser = argparse.ArgumentParser(prog="python -m cdk.layer_build", description="Build dependency layers into build/layers.")
    parser.add_argument("--here", action="store_true", help="for this machine's Python and processor, into build/layers-here")
    parser.add_argument("layers", nargs="*", metavar="LAYER", choices=[[], *place.names()], help=f"of {', '.join(place.names())}")
    given = parser.parse_args()
    try:
        for layer in given.layers or place.names():
            built = build(layer, this_machine() if given.here else LAMBDA, place)
            sys.stdout.write(f"{layer}: {len(built['packages'])} packages, {built['bytes'] / 2**20:.1f} MB\n")
    except DaymarkError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
