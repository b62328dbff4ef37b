"""A region is watched after a deployment: a page that rings after the first minutes ends the watch as a failure.

``python -m cdk.rollout.bake REGION --minutes 30 ALARM...``. An alarm that does not exist fails it too: it could not have rung. With
``--minutes 0`` it looks once, which is how a deployment asks whether a region is well before it begins.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from daymark.core.errors import DaymarkError, NotFound, Unavailable

# While functions change, and while what was rolled back recovers, a page may ring: it counts if it still does after these.
SETTLE_SECONDS = 300
EVERY_SECONDS = 30
# A question that AWS does not answer is asked again; so many failures on end are an answer.
MOST_FAILURES = 5

# The states of the alarms that exist, by name.
Look = Callable[[], dict[str, str]]


def bake(look: Look, alarms: Sequence[str], seconds: float, sleep: Callable[[float], None], now: Callable[[], float]) -> list[str]:
    """The alarms that ring after the settling time within ``seconds``; empty if the region stayed well.

    Args:
        look: Tells the states of the alarms that exist.
        alarms: The names of the alarms that must not ring.
        seconds: How long; 0 looks once, and no settling time is given.
        sleep: Waits.
        now: Seconds of a clock that only goes forward.

    Raises:
        NotFound: an alarm does not exist.
        Unavailable: AWS did not answer several times on end.
    """
    begun, failures = now(), 0
    while True:
        try:
            states = look()
            failures = 0
        except Unavailable:
            failures += 1
            if failures == MOST_FAILURES:
                raise
            states = None
        passed = now() - begun
        if states is not None:
            missing = sorted(set(alarms) - set(states))
            if missing:
                raise NotFound(f"no such alarms: {', '.join(missing)}", field="alarms")
            ringing = sorted(name for name in alarms if states[name] == "ALARM")
            if ringing and (passed >= SETTLE_SECONDS or seconds == 0):
                return ringing
            if passed >= seconds:
                return ringing
        sleep(EVERY_SECONDS)


def looking(region: str, alarms: Sequence[str], run: Callable[[Sequence[str]], subprocess.CompletedProcess[str]]) -> Look:
    """A look through the AWS command line. Composite alarms are told only to who asks for that type."""

    def look() -> dict[str, str]:
        asked = ["aws", "cloudwatch", "describe-alarms", "--region", region, "--output", "json"]
        answer = run([*asked, "--alarm-types", "CompositeAlarm", "MetricAlarm", "--alarm-names", *alarms])
        if answer.returncode:
            raise Unavailable(answer.stderr.strip() or "the AWS command line failed", field="region")
        found = json.loads(answer.stdout)
        return {each["AlarmName"]: each["StateValue"] for each in [*found.get("CompositeAlarms", []), *found.get("MetricAlarms", [])]}

    return look


def main(arguments: Sequence[str]) -> int:
    """Watch: 0 if the region stayed well, 1 if it did not or could not be seen."""
    parser = argparse.ArgumentParser(prog="python -m cdk.rollout.bake", description=__doc__)
    parser.add_argument("region")
    parser.add_argument("alarms", nargs="+")
    parser.add_argument("--minutes", type=int, required=True)
    asked = parser.parse_args(arguments)
    try:
        ringing = bake(looking(asked.region, asked.alarms, _run), asked.alarms, asked.minutes * 60, time.sleep, time.monotonic)
    except DaymarkError as wrong:
        sys.stderr.write(f"{asked.region}: {wrong}\n")
        return 1
    sys.stdout.write(f"{asked.region}: {', '.join(ringing) + ' rang' if ringing else 'no page rang'}\n")
    return 1 if ringing else 0


def _run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
