"""cdk-nag (AwsSolutions, NIST 800-53 r5, Serverless) and cfn-lint find nothing; what is acknowledged has a reason, an owner and an end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from cdk.constructs.acknowledgements import RULES, copies, executions, key_prefixes, named_by_aws
from cdk.settings import DeploymentSettings

MOST = 25
BUCKETS = {name: name for name in ("prices", "documents", "seals", "ticks", "live")}
CONNECTIONS = r"AwsSolutions-IAM5\[Resource::arn:aws:execute-api:us-(east-1|west-2):111122223333:<\w+>/live/(POST|DELETE)/@connections/\*\]"


def test_the_rule_pack_finds_nothing(cloud):
    assert [(found["ruleName"], found["violatingConstructs"]) for found in cloud.violations] == []


def test_every_acknowledgement_covers_something_and_ends_on_its_day(without_acknowledgements):
    found = {violation["ruleName"] for violation in without_acknowledgements.violations}
    connections = {finding for finding in found if re.fullmatch(CONNECTIONS, finding)}
    prefixes = {finding for finding in found if re.fullmatch(r"AwsSolutions-IAM5\[Resource::daymark-data:[^/]*(/[a-z]+)+/\*\]", finding)}

    regions = [DeploymentSettings("111122223333", date(2026, 11, 22)).environment(region) for region in ("us-east-1", "us-west-2")]
    looked_at = {rule.finding for region in regions for rule in (*executions(region), *named_by_aws(region))}
    # Only the primary's buckets are copied from the first deployment on.
    looked_at |= {rule.finding for rule in copies(regions[0], "us-west-2")}
    # Posting and closing, in each region.
    assert len(connections) == 4
    assert found - prefixes - connections == {rule.finding for rule in RULES} | looked_at
    assert {finding.partition("/")[2] for finding in prefixes} == {each.finding.partition("/")[2] for each in key_prefixes(BUCKETS)}


def test_acknowledgements_are_few_and_complete():
    region = DeploymentSettings("111122223333", date(2026, 11, 22)).environment("us-east-1")
    everything = [*RULES, *key_prefixes(BUCKETS), *executions(region), *copies(region, "us-west-2"), *named_by_aws(region)]
    decisions = {each.reason for each in everything}
    print(f"\n{len(decisions)} decisions acknowledge {len(everything)} findings")  # noqa: T201

    # One decision may cover the same finding on several key prefixes, buckets or policies.
    assert len(decisions) <= MOST
    assert len({(each.finding, each.stacks) for each in everything}) == len(everything)
    for each in everything:
        assert len(each.reason) > 20
        assert each.owner
        assert date(2026, 11, 22) < each.expires <= date(2027, 11, 30)


def test_cfn_lint_finds_no_error(cloud):
    templates = [str(path) for path in Path(cloud.folder).glob("assembly-*/*.template.json")]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json", "--regions", "us-east-1", "us-west-2", "--", *templates],
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [found for found in json.loads(done.stdout) if found["Level"] == "Error"]

    assert len(templates) == len(cloud.templates) == 26
    # Of its exit code, 1 is a fatal error and 2 an error; warnings are 4.
    assert done.returncode & 3 == 0, done.stderr
    assert [(found["Rule"]["Id"], found["Message"], found["Location"]["Path"]["CfnPath"]) for found in errors] == []
