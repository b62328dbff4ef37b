"""GPU machines that exist only while a job waits or runs: compute environment, queue, image repository, and a role for each part.

Machines are in the isolated subnets, have no public address, encrypted disks, and metadata for sessions alone (IMDSv2). Their disks hold
the image and scratch arrays and are under AWS's own key for EBS: with a key of ours, Auto Scaling's role would need a grant on it.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.compute_settings import ComputeSettings
from cdk.constructs.function import LOG_RETENTION, Placement
from cdk.constructs.keys import KEY_USE

NAME = "daymark-gpu"
DISK_GIGABYTES = 100
ATTEMPTS = 3
# What jobs read and write: their inputs and their results.
PREFIX = "simulations/"
# Nobody's but the image's: it has to have this user.
USER = "10001:10001"
SCRATCH_MEGABYTES = 1024
_AGENT = (
    "ecs:DeregisterContainerInstance",
    "ecs:Poll",
    "ecs:RegisterContainerInstance",
    "ecs:StartTelemetrySession",
    "ecs:SubmitAttachmentStateChanges",
    "ecs:SubmitContainerStateChange",
    "ecs:SubmitTaskStateChange",
    "ecs:UpdateContainerInstancesState",
)
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
# These two know no resource.
_ANYWHERE = ("ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint")
_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


def agent_resources(scope: Construct) -> list[str]:
    """The cluster that Batch makes for the environment, and its machines; Batch ends their names with letters of its own."""
    form = Stack.of(scope).format_arn
    return [
        form(service="ecs", resource=kind, resource_name=f"AWSBatch-{NAME}-*", arn_format=ArnFormat.SLASH_RESOURCE_NAME)
        for kind in ("cluster", "container-instance")
    ]


class GpuMachines(Construct):
    """The queue and what serves it. Jobs are defined by :meth:`define`."""

    def __init__(
        self, scope: Construct, construct_id: str, compute: ComputeSettings, placement: Placement, log_key: kms.IKey, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        self._compute, self._key = compute, key
        self.images = ecr.Repository(
            self,
            "Images",
            repository_name=NAME,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=key,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            lifecycle_rules=[
                ecr.LifecycleRule(rule_priority=1, tag_status=ecr.TagStatus.UNTAGGED, max_image_age=Duration.days(1)),
                ecr.LifecycleRule(rule_priority=2, tag_status=ecr.TagStatus.ANY, max_image_count=20),
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.log_group = logs.LogGroup(self, "Logs", encryption_key=log_key, retention=LOG_RETENTION, removal_policy=RemovalPolicy.RETAIN)
        environment = self._environment(placement)
        self.queue = batch.CfnJobQueue(
            self,
            "Queue",
            job_queue_name=NAME,
            priority=1,
            state="ENABLED",
            compute_environment_order=[
                batch.CfnJobQueue.ComputeEnvironmentOrderProperty(order=1, compute_environment=environment.attr_compute_environment_arn)
            ],
        )

    def define(self, bucket: s3.IBucket) -> batch.CfnJobDefinition:
        """The job: one GPU, the image of the setting's tag, its own key prefix of one bucket. A machine taken away is no failure of it."""
        compute, container = self._compute, batch.CfnJobDefinition
        needs = {"GPU": 1, "VCPU": compute.gpu_job_cpus, "MEMORY": compute.gpu_job_megabytes}
        writes_logs = container.LogConfigurationProperty(
            log_driver="awslogs", options={"awslogs-group": self.log_group.log_group_name, "awslogs-region": Stack.of(self).region}
        )
        scratch = container.TmpfsProperty(container_path="/tmp", size=SCRATCH_MEGABYTES, mount_options=["rw", "nosuid", "nodev"])  # noqa: S108
        return batch.CfnJobDefinition(
            self,
            "Job",
            job_definition_name=NAME,
            type="container",
            platform_capabilities=["EC2"],
            propagate_tags=True,
            container_properties=container.ContainerPropertiesProperty(
                image=self.images.repository_uri_for_tag(compute.gpu_image),
                job_role_arn=self._job_role(bucket).role_arn,
                resource_requirements=[container.ResourceRequirementProperty(type=kind, value=str(value)) for kind, value in needs.items()],
                readonly_root_filesystem=True,
                privileged=False,
                user=USER,
                linux_parameters=container.LinuxParametersProperty(init_process_enabled=True, tmpfs=[scratch]),
                log_configuration=writes_logs,
            ),
            timeout=container.TimeoutProperty(attempt_duration_seconds=compute.gpu_job_minutes * 60),
            retry_strategy=container.RetryStrategyProperty(
                attempts=ATTEMPTS,
                evaluate_on_exit=[
                    container.EvaluateOnExitProperty(action="RETRY", on_status_reason="Host EC2*"),
                    container.EvaluateOnExitProperty(action="EXIT", on_reason="*"),
                ],
            ),
        )

    def _environment(self, placement: Placement) -> batch.CfnComputeEnvironment:
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self._machine_role().role_name])
        disk = ec2.CfnLaunchTemplate.EbsProperty(encrypted=True, volume_size=DISK_GIGABYTES, volume_type="gp3", delete_on_termination=True)
        template = ec2.CfnLaunchTemplate(
            self,
            "Machine",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                block_device_mappings=[ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(device_name="/dev/xvda", ebs=disk)],
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                    http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
                ),
                monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=True),
            ),
        )
        resources = batch.CfnComputeEnvironment
        return batch.CfnComputeEnvironment(
            self,
            "Environment",
            compute_environment_name=NAME,
            type="MANAGED",
            state="ENABLED",
            replace_compute_environment=False,
            compute_resources=resources.ComputeResourcesProperty(
                type="EC2",
                allocation_strategy="BEST_FIT_PROGRESSIVE",
                minv_cpus=0,
                maxv_cpus=self._compute.gpu_most_cpus,
                instance_types=list(self._compute.gpu_types),
                instance_role=profile.attr_arn,
                subnets=list(placement.subnet_ids),
                security_group_ids=list(placement.security_group_ids),
                launch_template=resources.LaunchTemplateSpecificationProperty(
                    launch_template_id=template.ref, version=template.attr_latest_version_number
                ),
                ec2_configuration=[resources.Ec2ConfigurationObjectProperty(image_type="ECS_AL2023_NVIDIA")],
                update_to_latest_image_version=True,
                tags={"project": "daymark"},
            ),
        )

    def _machine_role(self) -> iam.Role:
        role = iam.Role(
            self, "MachineRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"), description="A machine's agent: joins, pulls, logs"
        )
        for actions, resources in (
            (_AGENT, agent_resources(self)),
            (_PULL, [self.images.repository_arn]),
            (_ANYWHERE, ["*"]),
            (_LOG, [self.log_group.log_group_arn]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
        return role

    def _job_role(self, bucket: s3.IBucket) -> iam.Role:
        account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        role = iam.Role(
            self,
            "JobRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com", conditions=account),
            description="What a job may touch",
        )
        for actions, resource in (
            (("s3:GetObject", "s3:PutObject"), bucket.arn_for_objects(f"{PREFIX}*")),
            (KEY_USE, self._key.key_arn),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))
        return role
