"""The pipeline: its stages in order, the role it runs under, and the key and bucket of what one stage hands to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.constructs.buckets import DataBucket, LogBucket
from cdk.constructs.build_project import ARTIFACT_KEY_USE, PREFIX, BuildProject
from cdk.delivery_settings import DeliverySettings

NAME = PREFIX
SOURCE = "Source"
# How long an earlier assembly can be gone back to.
KEPT_DAYS = 365


class Artifacts(Construct):
    """The bucket of artifacts, under a key of its own."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self, "Key", description="Daymark: what the pipeline hands on", enable_key_rotation=True, removal_policy=RemovalPolicy.RETAIN
        )
        rule = s3.LifecycleRule(expiration=Duration.days(KEPT_DAYS), noncurrent_version_expiration=Duration.days(30))
        self.bucket = DataBucket(self, "Handed", self.key, LogBucket(self, "Logs"), [rule])


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a stage.

    Attributes:
        takes: Artifacts it is given, the one that holds its commands first.
        makes: Artifacts it hands on.
        order: Actions of one order run side by side.
    """

    name: str
    project: BuildProject
    takes: Sequence[str] = (SOURCE,)
    makes: Sequence[str] = ()
    order: int = 1


@dataclass(frozen=True, slots=True)
class PipelineStage:
    """Some steps. A stage that can go back is done again with what the last good execution handed it, if one of its steps fails."""

    name: str
    steps: Sequence[Step]
    goes_back: bool = False


class DeliveryPipeline(Construct):
    """A pipeline of type V2: one change at a time, each stage taken by the newest that waits for it."""

    def __init__(
        self, scope: Construct, construct_id: str, delivery: DeliverySettings, artifacts: Artifacts, stages: Sequence[PipelineStage]
    ) -> None:
        super().__init__(scope, construct_id)
        self._stack = Stack.of(self)
        self.arn: str = self._stack.format_arn(service="codepipeline", resource=NAME)
        pipeline = codepipeline.CfnPipeline
        self.pipeline = pipeline(
            self,
            "Pipeline",
            name=NAME,
            pipeline_type="V2",
            execution_mode="SUPERSEDED",
            restart_execution_on_update=False,
            role_arn=self._role(delivery, artifacts, stages).role_arn,
            artifact_store=pipeline.ArtifactStoreProperty(
                type="S3",
                location=artifacts.bucket.bucket_name,
                encryption_key=pipeline.EncryptionKeyProperty(type="KMS", id=artifacts.key.key_arn),
            ),
            stages=[self._source(delivery), *(self._stage(stage) for stage in stages)],
        )

    def _role(self, delivery: DeliverySettings, artifacts: Artifacts, stages: Sequence[PipelineStage]) -> iam.Role:
        own = {"StringEquals": {"aws:SourceAccount": self._stack.account}, "ArnLike": {"aws:SourceArn": self.arn}}
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com", conditions=own),
            description="Takes the source and starts the steps",
        )
        projects = sorted({step.project.arn for stage in stages for step in stage.steps})
        for actions, resources in (
            (("codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"), projects),
            (("codeconnections:UseConnection", "codestar-connections:UseConnection"), [delivery.source_connection]),
            (("s3:GetBucketVersioning",), [artifacts.bucket.bucket_arn]),
            (("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"), [artifacts.bucket.arn_for_objects(f"{PREFIX}/*")]),
            (ARTIFACT_KEY_USE, [artifacts.key.key_arn]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
        return role

    @staticmethod
    def _source(delivery: DeliverySettings) -> codepipeline.CfnPipeline.StageDeclarationProperty:
        pipeline = codepipeline.CfnPipeline
        return pipeline.StageDeclarationProperty(
            name=SOURCE,
            actions=[
                pipeline.ActionDeclarationProperty(
                    name=SOURCE,
                    action_type_id=pipeline.ActionTypeIdProperty(
                        category="Source", owner="AWS", provider="CodeStarSourceConnection", version="1"
                    ),
                    configuration={
                        "ConnectionArn": delivery.source_connection,
                        "FullRepositoryId": delivery.source_repository,
                        "BranchName": delivery.source_branch,
                        "DetectChanges": "true",
                        # With its history: the tests ask git which files are the project's.
                        "OutputArtifactFormat": "CODEBUILD_CLONE_REF",
                    },
                    output_artifacts=[pipeline.OutputArtifactProperty(name=SOURCE)],
                )
            ],
        )

    @staticmethod
    def _stage(stage: PipelineStage) -> codepipeline.CfnPipeline.StageDeclarationProperty:
        pipeline = codepipeline.CfnPipeline
        actions = [
            pipeline.ActionDeclarationProperty(
                name=step.name,
                run_order=step.order,
                action_type_id=pipeline.ActionTypeIdProperty(category="Build", owner="AWS", provider="CodeBuild", version="1"),
                configuration={"ProjectName": step.project.project_name, "PrimarySource": step.takes[0]},
                input_artifacts=[pipeline.InputArtifactProperty(name=name) for name in step.takes],
                output_artifacts=[pipeline.OutputArtifactProperty(name=name) for name in step.makes],
            )
            for step in stage.steps
        ]
        back = pipeline.FailureConditionsProperty(result="ROLLBACK") if stage.goes_back else None
        return pipeline.StageDeclarationProperty(name=stage.name, actions=actions, on_failure=back)
