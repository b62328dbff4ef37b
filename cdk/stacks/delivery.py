"""Delivery: the pipeline that checks a change, says what it lets somebody do that nobody could do before, and deploys it region by region.

It is a stage of its own and deployed by hand: no change that goes through it can widen its rights or leave one of its steps out. It
stands in the primary region and reaches both; if that region is lost, deployments are made by hand as the guide says (docs/deploy.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.constructs.alarm_budget import System
from cdk.constructs.alarms import alarm_name
from cdk.constructs.build_project import PREFIX, BuildProject, Commands, bootstrap_roles
from cdk.constructs.delivery_pipeline import SOURCE, Artifacts, DeliveryPipeline, PipelineStage, Step
from cdk.constructs.keys import LogKey
from cdk.settings import PROJECT, DeploymentSettings

ASSEMBLY, BILL = "Assembly", "Bill"
# Whose pages a region is watched by. The region's own is not among them: it is the world's view, and there only with a domain.
WATCHED = tuple(alarm_name(f"Page{system.capitalize()}") for system in System if system is not System.REGION)
DRIFT_SCHEDULE, TIME_ZONE = "cron(0 5 * * ? *)", "America/New_York"
# Beyond the time a region is watched: the machine's start, and the environment.
_SLACK_MINUTES = 20
_TOOLS = "make .venv/run.stamp node_modules/installed.stamp"
_NODE = 'export PATH="$PWD/.venv/bin:$PATH"'


class DeliveryStack(Stack):
    """The pipeline, the daily look for drift, and the topic that is told when either fails."""

    def __init__(self, scope: Construct, settings: DeploymentSettings, **options: Any) -> None:
        super().__init__(scope, "Delivery", stack_name="daymark-delivery", termination_protection=True, **options)
        self._settings, self._log_key = settings, LogKey(self, "LogKey")
        self._artifacts = Artifacts(self, "Artifacts")
        self.topic = sns.Topic(self, "Told", master_key=self._log_key, enforce_ssl=True, display_name="Daymark delivery")
        self.pipeline = DeliveryPipeline(self, "Delivery", settings.delivery, self._artifacts, self._stages())
        drift = self._drift()
        self._start_daily(drift)
        self._tell_failures(drift)
        CfnOutput(self, "DeliveryTopicArn", value=self.topic.topic_arn)

    def artifact_keys(self) -> str:
        """The keys of what the steps hand on, as the rule pack spells them."""
        arn = self.resolve(self._artifacts.bucket.bucket_arn)
        return f"<{'.'.join(arn['Fn::GetAtt'])}>/{PREFIX}/*"

    def _project(self, name: str, purpose: str, commands: Commands) -> BuildProject:
        project = BuildProject(self, name, purpose, commands, self._log_key, self._artifacts.key, self._artifacts.bucket)
        if not commands.alone:
            # The source is a reference, which each step clones.
            connection = [self._settings.delivery.source_connection]
            project.allow(("codeconnections:UseConnection", "codestar-connections:UseConnection"), connection)
        return project

    def _stages(self) -> Sequence[PipelineStage]:
        lint = self._project("Lint", "Checks style and types", Commands(["make lint"], 30))
        test = self._project("Test", "Runs the quick suite", Commands(["make test"], 60, large=True))
        synth = self._project(
            "Synth",
            "Builds the layers, synthesises both regions under the rule pack and lists what is in it",
            Commands(
                ["make layers", _TOOLS, _NODE, "node_modules/.bin/cdk synth --quiet", "make sbom"],
                45,
                artifacts={ASSEMBLY: ("cdk.out", ["**/*"]), BILL: ("build", ["sbom.json"])},
            ),
        )
        return [
            PipelineStage("Check", [Step("Lint", lint), Step("Test", test)]),
            PipelineStage("Synth", [Step("Synth", synth, makes=(ASSEMBLY, BILL))]),
            PipelineStage("Gate", [Step("Rights", self._rights(), (SOURCE, ASSEMBLY)), Step("Calm", self._calm())]),
            *(self._deployment(region) for region in self._settings.regions),
        ]

    def _rights(self) -> BuildProject:
        compare = f'.venv/bin/python -m cdk.iam_diff deployed --head "$CODEBUILD_SRC_DIR_{ASSEMBLY}"'
        rights = self._project("Rights", "Compares the rights of the new templates with those deployed", Commands([_TOOLS, compare], 30))
        rights.allow(("cloudformation:GetTemplate",), stack_arns(self._settings))
        return rights

    def _calm(self) -> BuildProject:
        looks = [_bake(region, 0) for region in self._settings.regions]
        calm = self._project("Calm", "Looks whether a page rings in a region", Commands([_TOOLS, *looks], 30))
        calm.allow(("cloudwatch:DescribeAlarms",), ["*"])
        return calm

    def _deployment(self, region: str) -> PipelineStage:
        """A region's turn: deploy, then watch its pages. If either fails, the assembly before is deployed and watched again."""
        minutes, name = self._settings.delivery.bake_minutes, "".join(part.capitalize() for part in region.split("-"))
        command = f"node_modules/.bin/cdk deploy --app \"$CODEBUILD_SRC_DIR_{ASSEMBLY}\" --require-approval never '{region}/*'"
        deploy = self._project(f"Deploy{name}", f"Deploys {region}", Commands([_TOOLS, _NODE, command], 240))
        deploy.allow(("sts:AssumeRole",), bootstrap_roles(self.account, region, ("deploy", "file-publishing", "lookup")))
        bake = self._project(f"Bake{name}", f"Watches {region}", Commands([_TOOLS, _bake(region, minutes)], minutes + _SLACK_MINUTES))
        bake.allow(("cloudwatch:DescribeAlarms",), ["*"])
        steps = [Step("Deploy", deploy, (SOURCE, ASSEMBLY)), Step("Bake", bake, order=2)]
        return PipelineStage(region, steps, goes_back=True)

    def _drift(self) -> BuildProject:
        regions = self._settings.regions
        readers = {region: bootstrap_roles(self.account, region, ("lookup",))[0] for region in regions}
        script = (PROJECT / "cdk" / "rollout" / "drift.sh").read_text(encoding="utf-8")
        pairs = " ".join(f"{region}={reader}" for region, reader in readers.items())
        commands = Commands([f"cat > drift.sh <<'END'\n{script}END\n", f"bash drift.sh {pairs}"], 240, alone=True)
        drift = self._project("Drift", "Looks whether what is deployed is as its templates say", commands)
        drift.allow(("sts:AssumeRole",), list(readers.values()))
        return drift

    def _start_daily(self, drift: BuildProject) -> None:
        account = {"StringEquals": {"aws:SourceAccount": self.account}}
        role = iam.Role(self, "StartsDrift", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=account))
        role.add_to_policy(iam.PolicyStatement(actions=["codebuild:StartBuild"], resources=[drift.arn]))
        scheduler.CfnSchedule(
            self,
            "DriftSchedule",
            name="daymark-drift",
            schedule_expression=DRIFT_SCHEDULE,
            schedule_expression_timezone=TIME_ZONE,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=f"arn:{self.partition}:scheduler:::aws-sdk:codebuild:startBuild",
                role_arn=role.role_arn,
                input=self.to_json_string({"ProjectName": drift.project_name}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_event_age_in_seconds=3600, maximum_retry_attempts=10),
            ),
        )

    def _tell_failures(self, drift: BuildProject) -> None:
        # A topic with a policy of its own takes nothing from alarms either, unless that says so.
        for sid, service in {"EventsOfThisAccount": "events", "AlarmsOfThisAccount": "cloudwatch"}.items():
            self.topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[self.topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": self.account}},
                )
            )
        events.CfnRule(
            self,
            "Failed",
            description="An execution of the pipeline failed, or a stage was rolled back",
            event_pattern={
                "source": ["aws.codepipeline"],
                "detail-type": ["CodePipeline Stage Execution State Change"],
                "detail": {"pipeline": [self.pipeline.pipeline.name], "state": ["FAILED"]},
            },
            targets=[events.CfnRule.TargetProperty(id="Told", arn=self.topic.topic_arn)],
        )
        day, action = Duration.days(1), cloudwatch_actions.SnsAction(self.topic)
        for name, metric_name, meaning, least in (
            ("DriftFound", "FailedBuilds", "What is deployed is not as its templates say, or could not be looked at", False),
            ("DriftNotLooked", "Builds", "Nobody looked for drift for a day", True),
        ):
            metric = cloudwatch.Metric(
                namespace="AWS/CodeBuild",
                metric_name=metric_name,
                dimensions_map={"ProjectName": drift.project_name},
                statistic="Sum",
                period=day if least else Duration.minutes(5),
            )
            alarm = cloudwatch.Alarm(
                self,
                name,
                alarm_name=alarm_name(name),
                alarm_description=f"{meaning}. See docs/delivery.md",
                metric=metric,
                threshold=1,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
                if least
                else cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.BREACHING if least else cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            alarm.add_alarm_action(action)


def stack_arns(settings: DeploymentSettings) -> list[str]:
    """Every stack of Daymark in either region; CloudFormation ends their ARNs with an id of its own."""
    return [f"arn:aws:cloudformation:{region}:{settings.account}:stack/daymark-*/*" for region in settings.regions]


def _bake(region: str, minutes: int) -> str:
    return f".venv/bin/python -m cdk.rollout.bake {region} --minutes {minutes} {' '.join(WATCHED)}"
