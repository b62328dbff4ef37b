"""What the pipeline runs besides the CDK: the watch over a region, and the look for drift, each against an AWS of its own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cdk.rollout.bake import EVERY_SECONDS, MOST_FAILURES, SETTLE_SECONDS, bake, looking
from daymark.core.errors import NotFound, Unavailable

PAGES = ("daymark-page-data", "daymark-page-api")
SCRIPT = Path(__file__).resolve().parents[2] / "cdk" / "rollout" / "drift.sh"


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Region:
    """Alarms that ring from one second to another; seconds in which AWS does not answer."""

    def __init__(
        self, clock: Clock, ringing: tuple[float, float] = (-1, -1), deaf: tuple[float, float] = (-1, -1), missing: str = ""
    ) -> None:
        self.clock, self.ringing, self.deaf, self.missing = clock, ringing, deaf, missing

    def look(self) -> dict[str, str]:
        if self.deaf[0] <= self.clock.seconds < self.deaf[1]:
            raise Unavailable("throttled")
        rings = self.ringing[0] <= self.clock.seconds < self.ringing[1]
        states = dict.fromkeys(PAGES, "OK") | {PAGES[1]: "ALARM" if rings else "INSUFFICIENT_DATA"}
        return {name: state for name, state in states.items() if name != self.missing}


def watch(seconds: float = 1800, **region: Any) -> tuple[list[str], float]:
    clock = Clock()
    return bake(Region(clock, **region).look, PAGES, seconds, clock.sleep, clock.now), clock.seconds


def test_a_region_that_stays_well_is_watched_to_the_end() -> None:
    assert watch() == ([], 1800)


def test_a_page_that_rings_ends_the_watch_at_once() -> None:
    found, seconds = watch(ringing=(900, 930))
    assert (found, seconds) == ([PAGES[1]], 900)


def test_a_page_that_rings_at_the_very_end_counts() -> None:
    assert watch(ringing=(1790, 9999))[0] == [PAGES[1]]


def test_a_page_is_waited_out_while_the_region_settles_and_counts_when_it_goes_on() -> None:
    assert watch(ringing=(0, SETTLE_SECONDS)) == ([], 1800)
    assert watch(ringing=(0, SETTLE_SECONDS + EVERY_SECONDS)) == ([PAGES[1]], SETTLE_SECONDS)


def test_a_look_before_a_deployment_waits_for_nothing() -> None:
    assert watch(0) == ([], 0)
    assert watch(0, ringing=(0, 10)) == ([PAGES[1]], 0)


def test_an_alarm_that_is_not_there_fails_the_watch() -> None:
    with pytest.raises(NotFound, match="daymark-page-data"):
        watch(missing=PAGES[0])


def test_a_short_silence_of_aws_is_borne_and_a_long_one_is_not() -> None:
    assert watch(deaf=(600, 600 + EVERY_SECONDS * (MOST_FAILURES - 1))) == ([], 1800)
    with pytest.raises(Unavailable):
        watch(deaf=(600, 600 + EVERY_SECONDS * MOST_FAILURES))


def test_silences_that_are_not_on_end_are_borne_however_many() -> None:
    clock, looks = Clock(), iter(range(10_000))

    def every_other() -> dict[str, str]:
        if next(looks) % 2:
            raise Unavailable("throttled")
        return dict.fromkeys(PAGES, "OK")

    assert bake(every_other, PAGES, 1800, clock.sleep, clock.now) == []


def test_the_watch_does_not_end_well_while_aws_is_silent() -> None:
    found, seconds = watch(deaf=(1790, 1850), ringing=(1860, 9999))
    assert (found, seconds) == ([PAGES[1]], 1860)


def test_composite_alarms_are_asked_for_by_their_type() -> None:
    asked: list[Sequence[str]] = []

    def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        answer = {"CompositeAlarms": [{"AlarmName": PAGES[0], "StateValue": "ALARM"}], "MetricAlarms": []}
        return subprocess.CompletedProcess(arguments, 0, json.dumps(answer), "")

    assert looking("us-west-2", PAGES, run)() == {PAGES[0]: "ALARM"}
    arguments = list(asked[0])
    assert arguments[arguments.index("--alarm-types") + 1] == "CompositeAlarm"
    assert arguments[arguments.index("--region") + 1] == "us-west-2"
    assert arguments[-2:] == list(PAGES)
    with pytest.raises(Unavailable, match="denied"):
        looking("us-west-2", PAGES, lambda each: subprocess.CompletedProcess(each, 255, "", "denied"))()


# ---- drift

AWS = """#!/usr/bin/env bash
said="$*"
echo "$said" >> "$CALLS"
case $said in
  *assume-role*) [ "$DENIED" = yes ] && exit 254; echo "id secret token" ;;
  *describe-stacks*) [ "$AWS_SESSION_TOKEN" = token ] || exit 254; echo -e "$STACKS" ;;
  *detect-stack-drift*) [ "$REFUSED" = yes ] && exit 254; echo detection ;;
  *DetectionStatus) echo "$PROGRESS" ;;
  *StackDriftStatus) echo "$STATE" ;;
  *describe-stack-resource-drifts*) echo "Role AWS::IAM::Role MODIFIED" ;;
  *) exit 99 ;;
esac
"""


def drift(folder: Path, regions: Sequence[str] = ("us-west-2", "us-east-1"), **told: str) -> tuple[int, str, list[str]]:
    """The script's end, what it said, and what it asked of an AWS that answers as told."""
    fake = folder / "aws"
    fake.write_text(AWS)
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    calls = folder / "calls"
    calls.write_text("")
    answers = {"STACKS": "daymark-data\\tdaymark-api", "PROGRESS": "DETECTION_COMPLETE", "STATE": "IN_SYNC", "DENIED": "", "REFUSED": ""}
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls), "DRIFT_WAIT": "0", **answers, **told}
    pairs = [f"{region}=arn:aws:iam::111122223333:role/reader-{region}" for region in regions]
    done = subprocess.run(["bash", str(SCRIPT), *pairs], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, calls.read_text().splitlines()


def test_what_is_as_it_was_deployed_passes_in_both_regions(tmp_path: Path) -> None:
    code, said, calls = drift(tmp_path)

    assert code == 0
    assert said.splitlines() == [
        f"{region} {stack}: DETECTION_COMPLETE IN_SYNC"
        for region in ("us-west-2", "us-east-1")
        for stack in ("daymark-data", "daymark-api")
    ]
    assert len([call for call in calls if "detect-stack-drift" in call]) == 4
    assert [call for call in calls if "assume-role" in call and "reader-us-east-1" in call]


@pytest.mark.parametrize(
    "told",
    [
        {"STATE": "DRIFTED"},
        {"PROGRESS": "DETECTION_FAILED"},
        {"PROGRESS": "DETECTION_IN_PROGRESS"},
        {"STACKS": ""},
        {"DENIED": "yes"},
        {"REFUSED": "yes"},
    ],
    ids=lambda told: "-".join(told.values()) or "none",
)
def test_whatever_is_not_surely_as_it_was_fails(tmp_path: Path, told: dict[str, str]) -> None:
    assert drift(tmp_path, ["us-west-2"], **told)[0] == 1


def test_what_drifted_is_named(tmp_path: Path) -> None:
    assert "Role AWS::IAM::Role MODIFIED" in drift(tmp_path, ["us-west-2"], STATE="DRIFTED")[1]


def test_one_region_that_drifted_is_enough(tmp_path: Path) -> None:
    code, said, _ = drift(tmp_path, STATE="DRIFTED", STACKS="daymark-data")
    assert code == 1
    assert "us-east-1 daymark-data" in said
