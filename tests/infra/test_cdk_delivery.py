"""Delivery: a pipeline only where it is asked for; checks before it deploys, goes region by region, and may do no more than it must."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks

from cdk import app as application
from cdk.constructs.acknowledgements import RULES, copies, delivery, executions, key_prefixes, named_by_aws
from cdk.constructs.buckets import KEPT_DAYS
from cdk.delivery_settings import DeliverySettings
from cdk.recovery_settings import RecoverySettings
from cdk.settings import DeploymentSettings
from cdk.stacks.delivery import WATCHED
from cdk.stages.delivery import DeliveryStage
from daymark.core.errors import InvalidInput
from tests.infra.conftest import ACCOUNT, PROJECT, Assembly

CONNECTION = "arn:aws:codeconnections:us-east-1:111122223333:connection/01234567-89ab-cdef-0123-456789abcdef"
SOURCE = {"source_connection": CONNECTION, "source_repository": "owner/daymark"}
REGIONS = ("us-west-2", "us-east-1")
ROLE = "arn:aws:iam::111122223333:role/cdk-hnb659fds-{kind}-role-111122223333-{region}"


def synthesised(folder: Path, today: str) -> tuple[dict[str, Any], list[Any]]:
    """The stack alone, and what the rule pack finds in it on a day."""
    defaults = (
        json.loads((PROJECT / "cdk.json").read_text())["context"] | {"target": "cloud", "layers": "declared", "today": today} | SOURCE
    )
    app = App(context=defaults, outdir=str(folder), analytics_reporting=False, tree_metadata=False)
    settings = DeploymentSettings.read(app.node.try_get_context, {"CDK_DEFAULT_ACCOUNT": ACCOUNT})
    packs = (AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks)
    Validations.of(app).add_plugins(*(pack(app, verbose=True) for pack in packs))
    DeliveryStage(app, settings)
    with suppress(RuntimeError):  # findings end the synthesis; its report tells them
        app.synth()
    (template,) = folder.glob("assembly-delivery/*.template.json")
    report = folder / "validation-report.json"
    found = json.loads(report.read_text())["pluginReports"] if report.is_file() else []
    return json.loads(template.read_text()), [violation for one in found for violation in one["violations"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Any]]:
    return synthesised(tmp_path_factory.mktemp("delivery"), "2026-11-23")


@pytest.fixture(scope="module")
def resources(made: tuple[dict[str, Any], list[Any]]) -> dict[str, Any]:
    return made[0]["Resources"]


def of(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


def stages(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (pipeline,) = of(resources, "AWS::CodePipeline::Pipeline").values()
    return {stage["Name"]: stage for stage in pipeline["Stages"]}


def commands(resources: dict[str, Any], project: str) -> str:
    (found,) = [each for each in of(resources, "AWS::CodeBuild::Project").values() if each["Name"] == f"daymark-{project}"]
    return "\n".join(json.loads(found["Source"]["BuildSpec"])["phases"]["build"]["commands"])


def granted(resources: dict[str, Any], project: str) -> dict[str, list[str]]:
    """What a project's role may do: resources as texts by action."""
    (role,) = [name for name in of(resources, "AWS::IAM::Role") if name.lower().startswith(f"{project}role")]
    found: dict[str, list[str]] = {}
    for policy in of(resources, "AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Roles"]:
            for each in policy["PolicyDocument"]["Statement"]:
                assert each["Effect"] == "Allow"
                for action in [each["Action"]] if isinstance(each["Action"], str) else each["Action"]:
                    where = each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]]
                    found.setdefault(action, []).extend(each if isinstance(each, str) else json.dumps(each) for each in where)
    return found


OWN = {"logs:CreateLogStream", "logs:PutLogEvents"}
HANDING = {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}
CLONING = {"codeconnections:UseConnection", "codestar-connections:UseConnection"}
STEP = OWN | HANDING | CLONING
PROJECTS = {
    "lint": set(),
    "test": set(),
    "synth": set(),
    "rights": {"cloudformation:GetTemplate"},
    "calm": {"cloudwatch:DescribeAlarms"},
    **{f"deploy{region}": {"sts:AssumeRole"} for region in ("uswest2", "useast1")},
    **{f"bake{region}": {"cloudwatch:DescribeAlarms"} for region in ("uswest2", "useast1")},
}


# ---- whether


def test_there_is_none_unless_it_is_asked_for(cloud: Assembly, local: Assembly) -> None:
    assert not [where for where in cloud.templates if where[0] == "delivery"]
    assert not [where for where in local.templates if where[0] == "delivery"]


def test_the_application_has_it_when_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(application, "RegionStage", lambda *given: None)
    monkeypatch.setattr(application, "DeliveryStage", lambda *given: made.append("delivery"))
    context = {"target": "cloud", "layers": "declared", "today": "2026-11-23"}
    application.build({"CDK_DEFAULT_ACCOUNT": ACCOUNT}, context=context)
    assert made == []
    application.build({"CDK_DEFAULT_ACCOUNT": ACCOUNT}, context=context | SOURCE)
    assert made == ["delivery"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"source_connection": CONNECTION}, "source_repository"),
        ({"source_repository": "owner/daymark"}, "source_connection"),
        (SOURCE | {"source_connection": "arn:aws:iam::111122223333:role/x"}, "source_connection"),
        (SOURCE | {"source_repository": "daymark"}, "source_repository"),
        (SOURCE | {"source_branch": "-x"}, "source_branch"),
        ({"bake_minutes": "14"}, "bake_minutes"),
        ({"bake_minutes": "421"}, "bake_minutes"),
        ({"bake_minutes": "soon"}, "bake_minutes"),
    ],
)
def test_settings_that_are_none_are_refused(said: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        DeliverySettings.read(said.get)
    assert refused.value.field == field


def test_settings_are_read() -> None:
    said = SOURCE | {"source_branch": "release/1", "bake_minutes": "60"}
    assert DeliverySettings.read(said.get) == DeliverySettings(CONNECTION, "owner/daymark", "release/1", 60)
    assert DeliverySettings.read({}.get) == DeliverySettings()


# ---- rules


def test_the_rule_pack_finds_nothing(made: tuple[dict[str, Any], list[Any]]) -> None:
    assert [(found["ruleName"], found["violatingConstructs"]) for found in made[1]] == []


def test_cfn_lint_finds_no_error(made: tuple[dict[str, Any], list[Any]], tmp_path: Path) -> None:
    template = tmp_path / "delivery.template.json"
    template.write_text(json.dumps(made[0]))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json", "--regions", "us-east-1", "--", str(template)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 4), done.stderr
    assert [(found["Rule"]["Id"], found["Message"]) for found in json.loads(done.stdout or "[]") if found["Level"] == "Error"] == []


def test_every_acknowledgement_covers_something_and_ends_on_its_day(tmp_path: Path) -> None:
    _, violations = synthesised(tmp_path, "2027-12-01")
    environment = DeploymentSettings(ACCOUNT, date(2026, 11, 23)).environment("us-east-1")
    found = {re.sub(r"<ArtifactsHanded\w+\.Arn>", "<Handed>", violation["ruleName"]) for violation in violations}

    assert found == {each.finding for each in delivery(environment, "us-west-2", "<Handed>/daymark-delivery/*")}


def test_with_it_the_decisions_are_still_few() -> None:
    environment = DeploymentSettings(ACCOUNT, date(2026, 11, 23)).environment("us-east-1")
    prefixes = key_prefixes({name: name for name in ("prices", "documents", "seals", "ticks", "live")})
    everything = [*RULES, *prefixes, *executions(environment), *copies(environment, "us-west-2"), *named_by_aws(environment)]
    assert len({each.reason for each in [*everything, *delivery(environment, "us-west-2", "x")]}) <= 25


# ---- order


def test_a_change_is_checked_synthesised_and_judged_before_any_region_has_it(resources: dict[str, Any]) -> None:
    assert list(stages(resources)) == ["Source", "Check", "Synth", "Gate", "us-west-2", "us-east-1"]
    steps = {name: [(action["Name"], action.get("RunOrder")) for action in stage["Actions"]] for name, stage in stages(resources).items()}
    assert steps["Check"] == [("Lint", 1), ("Test", 1)]
    assert steps["Gate"] == [("Rights", 1), ("Calm", 1)]
    for region in REGIONS:
        # First deploy, then watch.
        assert steps[region] == [("Deploy", 1), ("Bake", 2)]
    assert commands(resources, "lint") == "make lint"
    assert commands(resources, "test") == "make test"
    assert "cdk synth --quiet" in commands(resources, "synth") and "make sbom" in commands(resources, "synth")


def test_the_source_is_the_branch_that_was_named_with_its_history(resources: dict[str, Any]) -> None:
    (action,) = stages(resources)["Source"]["Actions"]
    assert action["Configuration"] == {
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "owner/daymark",
        "BranchName": "main",
        "DetectChanges": "true",
        "OutputArtifactFormat": "CODEBUILD_CLONE_REF",
    }


def test_what_is_deployed_is_what_was_judged(resources: dict[str, Any]) -> None:
    (synth,) = stages(resources)["Synth"]["Actions"]
    assert {each["Name"] for each in synth["OutputArtifacts"]} == {"Assembly", "Bill"}
    handed = json.loads(
        next(each for each in of(resources, "AWS::CodeBuild::Project").values() if each["Name"] == "daymark-synth")["Source"]["BuildSpec"]
    )
    assert handed["artifacts"]["secondary-artifacts"]["Assembly"] == {"base-directory": "cdk.out", "files": ["**/*"]}
    assert handed["artifacts"]["secondary-artifacts"]["Bill"]["files"] == ["sbom.json"]
    rights = stages(resources)["Gate"]["Actions"][0]
    for action in (rights, *(stages(resources)[region]["Actions"][0] for region in REGIONS)):
        assert [each["Name"] for each in action["InputArtifacts"]] == ["Source", "Assembly"]
        assert action["Configuration"]["PrimarySource"] == "Source"
    assert 'cdk.iam_diff deployed --head "$CODEBUILD_SRC_DIR_Assembly"' in commands(resources, "rights")
    for region in REGIONS:
        said = commands(resources, f"deploy{region.replace('-', '')}")
        assert f"--app \"$CODEBUILD_SRC_DIR_Assembly\" --require-approval never '{region}/*'" in said
        assert "synth" not in said


def test_a_region_that_fails_goes_back_and_nothing_else_does(resources: dict[str, Any]) -> None:
    assert {
        name: stage.get("OnFailure", {}).get("Result") for name, stage in stages(resources).items() if "OnFailure" in stage
    } == dict.fromkeys(REGIONS, "ROLLBACK")


def test_each_region_is_watched_by_pages_that_exist(resources: dict[str, Any], cloud: Assembly) -> None:
    assert len(WATCHED) == 5
    for region in REGIONS:
        said = commands(resources, f"bake{region.replace('-', '')}")
        assert f"cdk.rollout.bake {region} --minutes 30 {' '.join(WATCHED)}" in said
        assert f"cdk.rollout.bake {region} --minutes 0 {' '.join(WATCHED)}" in commands(resources, "calm")
        existing = {body["Properties"]["AlarmName"] for _, body in cloud.resources("AWS::CloudWatch::CompositeAlarm", region)}
        assert set(WATCHED) <= existing


def test_a_step_has_time_for_what_it_does(resources: dict[str, Any]) -> None:
    minutes = {each["Name"]: each["TimeoutInMinutes"] for each in of(resources, "AWS::CodeBuild::Project").values()}
    assert minutes["daymark-bakeuswest2"] == minutes["daymark-bakeuseast1"] == 50


# ---- rights


@pytest.mark.parametrize("project", PROJECTS)
def test_a_step_may_do_what_it_does_and_nothing_else(resources: dict[str, Any], project: str) -> None:
    assert set(granted(resources, project)) == STEP | PROJECTS[project]


def test_no_step_is_missing_from_the_list(resources: dict[str, Any]) -> None:
    names = {each["Name"].removeprefix("daymark-") for each in of(resources, "AWS::CodeBuild::Project").values()}
    assert names == set(PROJECTS) | {"drift"}


@pytest.mark.parametrize("region", REGIONS)
def test_a_deployment_is_made_by_the_bootstraps_roles_of_its_region_alone(resources: dict[str, Any], region: str) -> None:
    may = granted(resources, f"deploy{region.replace('-', '')}")
    assert set(may["sts:AssumeRole"]) == {ROLE.format(kind=kind, region=region) for kind in ("deploy", "file-publishing", "lookup")}


def test_templates_are_read_of_our_stacks_and_drift_under_roles_that_read(resources: dict[str, Any]) -> None:
    assert set(granted(resources, "rights")["cloudformation:GetTemplate"]) == {
        f"arn:aws:cloudformation:{region}:111122223333:stack/daymark-*/*" for region in REGIONS
    }
    drift = granted(resources, "drift")
    assert set(drift) == OWN | {"sts:AssumeRole"}
    assert set(drift["sts:AssumeRole"]) == {ROLE.format(kind="lookup", region=region) for region in REGIONS}


def test_roles_are_taken_on_for_this_account_and_this_project_alone(resources: dict[str, Any]) -> None:
    for name, role in of(resources, "AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}, name
        if statement["Principal"]["Service"] != "scheduler.amazonaws.com":
            assert statement["Condition"]["ArnLike"]["aws:SourceArn"].startswith("arn:aws:code"), name
        assert "ManagedPolicyArns" not in role


def test_the_pipeline_starts_its_own_projects_and_takes_its_own_source(resources: dict[str, Any]) -> None:
    (policy,) = [each for name, each in of(resources, "AWS::IAM::Policy").items() if name.startswith("DeliveryRole")]
    by_action = {
        action: each["Resource"]
        for each in policy["PolicyDocument"]["Statement"]
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }

    assert sorted(by_action["codebuild:StartBuild"]) == sorted(
        f"arn:aws:codebuild:us-east-1:111122223333:project/daymark-{name}" for name in PROJECTS
    )
    assert by_action["codeconnections:UseConnection"] == CONNECTION
    assert not [action for action in by_action if action.startswith(("iam:", "sts:", "cloudformation:")) or "*" in action]


def test_nothing_that_goes_through_it_deploys_it(resources: dict[str, Any]) -> None:
    assert not [name for name in PROJECTS if "delivery/" in commands(resources, name)]


# ---- kept, and told


def test_what_is_handed_on_and_logged_is_encrypted_and_kept(resources: dict[str, Any]) -> None:
    groups = of(resources, "AWS::Logs::LogGroup")
    assert {group["LogGroupName"] for group in groups.values()} == {f"/aws/codebuild/daymark-{name}" for name in (*PROJECTS, "drift")}
    assert all(group["RetentionInDays"] == 365 and "KmsKeyId" in group for group in groups.values())
    for project in of(resources, "AWS::CodeBuild::Project").values():
        assert "EncryptionKey" in project and project["Environment"]["PrivilegedMode"] is False
    (pipeline,) = of(resources, "AWS::CodePipeline::Pipeline").values()
    assert pipeline["PipelineType"] == "V2" and pipeline["ArtifactStore"]["EncryptionKey"]["Type"] == "KMS"
    for name, each in resources.items():
        if each["Type"] in ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup"):
            assert each["DeletionPolicy"] == each["UpdateReplacePolicy"] == "Retain", name


def test_drift_is_looked_for_every_day_and_told(resources: dict[str, Any]) -> None:
    (schedule,) = of(resources, "AWS::Scheduler::Schedule").values()
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == ("cron(0 5 * * ? *)", "America/New_York")
    assert json.loads(schedule["Target"]["Input"]) == {"ProjectName": "daymark-drift"}
    assert (PROJECT / "cdk" / "rollout" / "drift.sh").read_text() in commands(resources, "drift")
    alarms = {each["AlarmName"]: each for each in of(resources, "AWS::CloudWatch::Alarm").values()}
    found, absent = alarms["daymark-drift-found"], alarms["daymark-drift-not-looked"]
    assert (found["MetricName"], found["TreatMissingData"]) == ("FailedBuilds", "notBreaching")
    assert (absent["MetricName"], absent["Period"], absent["TreatMissingData"]) == ("Builds", 86400, "breaching")
    assert all(
        each["Dimensions"] == [{"Name": "ProjectName", "Value": "daymark-drift"}] and each["AlarmActions"] for each in alarms.values()
    )


def test_a_stage_that_fails_is_told(resources: dict[str, Any]) -> None:
    (rule,) = of(resources, "AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail"] == {"pipeline": ["daymark-delivery"], "state": ["FAILED"]}
    (topic,) = of(resources, "AWS::SNS::TopicPolicy").values()
    allowed = [each for each in topic["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert {each["Principal"]["Service"] for each in allowed} == {"events.amazonaws.com", "cloudwatch.amazonaws.com"}


# ---- what is locked


def test_two_places_are_locked_and_no_other(cloud: Assembly) -> None:
    for region in REGIONS:
        locked = [where[2] for where, body in cloud.resources("AWS::S3::Bucket", region) if body["Properties"].get("ObjectLockEnabled")]
        assert len(locked) == 1 and locked[0].startswith("Seals")
        assert len(list(cloud.resources("AWS::Backup::BackupVault", region))) == 1


def test_the_page_on_retention_says_what_the_code_does() -> None:
    page, recovery = (PROJECT / "docs" / "retention-and-erasure.md").read_text(), RecoverySettings()
    assert KEPT_DAYS == recovery.backup_archive_days == 2557
    assert page.count("2,557 days") >= 4
    assert f"daily ones {recovery.backup_days} days" in page
    for path in re.findall(r"tests/[\w/]+\.py", page):
        assert (PROJECT / path).is_file(), path
