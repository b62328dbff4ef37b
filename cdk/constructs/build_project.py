"""A step of the pipeline that runs commands: on a machine of CodeBuild, under a role of its own, its output kept for a year.

The processor is x86-64 whatever the functions run on: layers are made of wheels that are fetched for arm64 by their hashes, and nothing of
theirs is run here that would need it. The tests' Redis is published as a wheel for x86-64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.constructs.function import LOG_RETENTION

IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
PYTHON = "3.12"
# What CodePipeline puts before the keys of a pipeline's artifacts: the beginning of its name, which is this short.
PREFIX = "daymark-delivery"
ARTIFACT_KEY_USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")


@dataclass(frozen=True, slots=True)
class Commands:
    """What a project runs.

    Attributes:
        minutes: After so many it is ended.
        large: Whether it gets eight processors and not four.
        artifacts: Folders that are handed on, by the artifact's name.
        alone: Whether it needs no source.
    """

    run: Sequence[str]
    minutes: int
    large: bool = False
    artifacts: Mapping[str, tuple[str, Sequence[str]]] = field(default_factory=dict)
    alone: bool = False

    def specification(self) -> dict[str, Any]:
        """As CodeBuild takes it."""
        phases: dict[str, Any] = {"build": {"commands": list(self.run)}}
        if not self.alone:
            phases["install"] = {"runtime-versions": {"python": PYTHON}}
        found: dict[str, Any] = {"version": "0.2", "env": {"shell": "bash"}, "phases": phases}
        if self.artifacts:
            folders = {name: {"base-directory": folder, "files": list(files)} for name, (folder, files) in self.artifacts.items()}
            found["artifacts"] = {"secondary-artifacts": folders}
        return found


class BuildProject(Construct):
    """One project and its role, which writes its own log and, in the pipeline, reads and writes the pipeline's artifacts."""

    def __init__(
        self, scope: Construct, construct_id: str, purpose: str, commands: Commands, log_key: kms.IKey, key: kms.IKey, bucket: s3.IBucket
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self.project_name = f"daymark-{construct_id.lower()}"
        self.arn: str = stack.format_arn(service="codebuild", resource="project", resource_name=self.project_name)
        group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/codebuild/{self.project_name}",
            encryption_key=log_key,
            retention=LOG_RETENTION,
            removal_policy=RemovalPolicy.RETAIN,
        )
        own = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": self.arn}}
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com", conditions=own),
            description=f"{purpose}, and nothing else",
        )
        self.allow(("logs:CreateLogStream", "logs:PutLogEvents"), [group.log_group_arn])
        if not commands.alone:
            self.allow(("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"), [bucket.arn_for_objects(f"{PREFIX}/*")])
            self.allow(ARTIFACT_KEY_USE, [key.key_arn])
        kind = "NO_SOURCE" if commands.alone else "CODEPIPELINE"
        project = codebuild.CfnProject
        self.project = project(
            self,
            "Project",
            name=self.project_name,
            description=purpose,
            service_role=self.role.role_arn,
            encryption_key=key.key_arn,
            timeout_in_minutes=commands.minutes,
            queued_timeout_in_minutes=60,
            artifacts=project.ArtifactsProperty(type="NO_ARTIFACTS" if commands.alone else "CODEPIPELINE"),
            source=project.SourceProperty(type=kind, build_spec=stack.to_json_string(commands.specification())),
            environment=project.EnvironmentProperty(
                type="LINUX_CONTAINER",
                image=IMAGE,
                image_pull_credentials_type="CODEBUILD",
                compute_type="BUILD_GENERAL1_LARGE" if commands.large else "BUILD_GENERAL1_MEDIUM",
                privileged_mode=False,
            ),
            logs_config=project.LogsConfigProperty(
                cloud_watch_logs=project.CloudWatchLogsConfigProperty(status="ENABLED", group_name=group.log_group_name)
            ),
        )

    def allow(self, actions: Sequence[str], resources: Sequence[str]) -> None:
        """Give its role more."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def bootstrap_roles(account: str, region: str, kinds: Sequence[str]) -> list[str]:
    """The roles that the CDK's bootstrap made in a region, by ARN: ``deploy``, ``file-publishing``, ``lookup``."""
    return [f"arn:aws:iam::{account}:role/cdk-{QUALIFIER}-{kind}-role-{account}-{region}" for kind in kinds]


# The bootstrap's own name for itself, unless somebody chose another.
QUALIFIER = "hnb659fds"
