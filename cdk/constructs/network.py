"""A network without a way out: isolated subnets, S3 and Kinesis through endpoints, every flow logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs.function import LOG_RETENTION, Placement
from daymark.core.errors import InvalidInput

CACHE_PORTS = (6379, 6380)  # ElastiCache Serverless: primary and reader.
HTTPS = (443, 443)
ADDRESSES = "10.64.0.0/20"
# What a machine of Batch cannot do without where nothing leads out, S3 apart.
MACHINE_SERVICES = {
    "EcrApi": "ecr.api",
    "EcrImages": "ecr.dkr",
    "Ecs": "ecs",
    "EcsAgent": "ecs-agent",
    "EcsTelemetry": "ecs-telemetry",
    "Logs": "logs",
}
# Address ranges of the subnets: 254 interfaces each, less five that AWS keeps.
SUBNETS = ("10.64.0.0/24", "10.64.1.0/24", "10.64.2.0/24")


@dataclass(frozen=True, slots=True)
class Place:
    """What differs between regions.

    Attributes:
        zones: Ids of three zones that ElastiCache Serverless and Lambda both have. Ids, because a zone's name differs between accounts.
        s3_addresses: The prefix list of S3's addresses, which AWS keeps.
    """

    zones: tuple[str, str, str]
    s3_addresses: str


PLACES: Mapping[str, Place] = {
    "us-east-1": Place(("use1-az2", "use1-az4", "use1-az6"), "pl-63a5400a"),
    "us-west-2": Place(("usw2-az1", "usw2-az2", "usw2-az3"), "pl-68a54001"),
}


def place(region: str) -> Place:
    """The zones of a region.

    Raises:
        InvalidInput: no zones of it are listed.
    """
    if region not in PLACES:
        raise InvalidInput(f"no zones are listed for {region}: add it to cdk/constructs/network.py", field="region")
    return PLACES[region]


class DaymarkNetwork(Construct):
    """One VPC with three isolated subnets. Who is in a security group is told by who has it: nothing is allowed by address.

    Attributes:
        ingest: Where the one function that reaches the cache runs.
        machines: Where GPU machines run, if there are any.
        cache_group: What only that function may reach, on the cache's ports.
    """

    def __init__(self, scope: Construct, construct_id: str, log_key: kms.IKey) -> None:
        super().__init__(scope, construct_id)
        self._place = place(Stack.of(self).region)
        self._vpc = ec2.CfnVPC(self, "Vpc", cidr_block=ADDRESSES, enable_dns_hostnames=True, enable_dns_support=True)
        self._routes = ec2.CfnRouteTable(self, "Routes", vpc_id=self._vpc.ref)
        self.subnets = [self._subnet(number) for number in range(len(SUBNETS))]
        self.cache_group = self._group("Cache", "The cache: answers, asks nobody", [])
        self._endpoints = self._group("Endpoints", "Interface endpoints: answer, ask nobody", [])
        ingest = self._group("Ingest", "The function that reads ticks: the cache, Kinesis and S3", self._ways_out())
        self._admit(self.cache_group, ingest, CACHE_PORTS, "the cache")
        self._admit(self._endpoints, ingest, HTTPS, "Kinesis")
        self.ingest = Placement(tuple(subnet.ref for subnet in self.subnets), (ingest.attr_group_id,))
        self.machines = Placement((), ())
        self._log_flows(log_key)

    def reach_kinesis(self, stream_arn: str) -> None:
        """Let what is in the network put records into one stream."""
        self._interface("Kinesis", "kinesis-streams", self._policy({"kinesis:PutRecords": [stream_arn]}))

    def admit_machines(self) -> None:
        """Let GPU machines run here: their agent reaches ECS, their image comes from ECR, their logs leave; nothing else does.

        Six endpoints in three subnets cost 0.01 USD an hour each, used or not: 6 * 3 * 0.01 * 730 = 131 USD a month. That is why they
        are here only where machines are asked for.
        """
        group = self._group("Machines", "GPU machines: ECS, ECR, logs and S3", self._ways_out()[1:])
        self._admit(self._endpoints, group, HTTPS, "ECS, ECR and logs", "Machines")
        for name, service in MACHINE_SERVICES.items():
            self._interface(name, service)
        self.machines = Placement(self.ingest.subnet_ids, (group.attr_group_id,))

    def _interface(self, name: str, service: str, policy: iam.PolicyDocument | None = None) -> None:
        ec2.CfnVPCEndpoint(
            self,
            name,
            vpc_id=self._vpc.ref,
            service_name=f"com.amazonaws.{Stack.of(self).region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=[subnet.ref for subnet in self.subnets],
            security_group_ids=[self._endpoints.attr_group_id],
            policy_document=policy,
        )

    def reach_s3(self, bucket_arns: Sequence[str], with_images: bool = False) -> None:
        """Let what is in the network read and write some buckets and no others, of this account or another.

        With images, the layers that ECR keeps in a bucket of its own can be read too; whoever reads them there is ECR, not this account.
        """
        objects = [f"{arn}/*" for arn in bucket_arns]
        policy = self._policy({"s3:GetObject": objects, "s3:PutObject": objects, "s3:ListBucket": list(bucket_arns)})
        if with_images:
            layers = f"arn:aws:s3:::prod-{Stack.of(self).region}-starport-layer-bucket/*"
            policy.add_statements(iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=["s3:GetObject"], resources=[layers]))
        ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=self._vpc.ref,
            service_name=f"com.amazonaws.{Stack.of(self).region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[self._routes.ref],
            policy_document=policy,
        )

    def _subnet(self, number: int) -> ec2.CfnSubnet:
        subnet = ec2.CfnSubnet(
            self,
            f"Isolated{number + 1}",
            vpc_id=self._vpc.ref,
            cidr_block=SUBNETS[number],
            availability_zone_id=self._place.zones[number],
            map_public_ip_on_launch=False,
        )
        ec2.CfnSubnetRouteTableAssociation(self, f"Routes{number + 1}", route_table_id=self._routes.ref, subnet_id=subnet.ref)
        return subnet

    def _group(self, name: str, description: str, ways_out: list[ec2.CfnSecurityGroup.EgressProperty]) -> ec2.CfnSecurityGroup:
        # Without a rule AWS allows every way out; one that matches nothing takes its place.
        nowhere = ec2.CfnSecurityGroup.EgressProperty(
            ip_protocol="icmp", cidr_ip="255.255.255.255/32", from_port=252, to_port=86, description="Nowhere"
        )
        return ec2.CfnSecurityGroup(
            self, name, vpc_id=self._vpc.ref, group_description=description, security_group_egress=ways_out or [nowhere]
        )

    def _ways_out(self) -> list[ec2.CfnSecurityGroup.EgressProperty]:
        rule = ec2.CfnSecurityGroup.EgressProperty
        first, last = CACHE_PORTS
        return [
            rule(
                ip_protocol="tcp",
                from_port=first,
                to_port=last,
                destination_security_group_id=self.cache_group.attr_group_id,
                description="The cache",
            ),
            rule(
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                destination_security_group_id=self._endpoints.attr_group_id,
                description="Interface endpoints",
            ),
            rule(ip_protocol="tcp", from_port=443, to_port=443, destination_prefix_list_id=self._place.s3_addresses, description="S3"),
        ]

    def _admit(
        self, group: ec2.CfnSecurityGroup, source: ec2.CfnSecurityGroup, ports: tuple[int, int], what: str, who: str = "Ingest"
    ) -> None:
        first, last = ports
        ec2.CfnSecurityGroupIngress(
            self,
            f"{group.node.id}From{who}",
            group_id=group.attr_group_id,
            source_security_group_id=source.attr_group_id,
            ip_protocol="tcp",
            from_port=first,
            to_port=last,
            description=f"{who} to {what}",
        )

    def _policy(self, allowed: Mapping[str, list[str]]) -> iam.PolicyDocument:
        account = {"StringEquals": {"aws:PrincipalAccount": Stack.of(self).account}}
        return iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=[action], resources=resources, conditions=account)
                for action, resources in allowed.items()
            ]
        )

    def _log_flows(self, log_key: kms.IKey) -> None:
        group = logs.LogGroup(self, "FlowLogs", encryption_key=log_key, retention=LOG_RETENTION, removal_policy=RemovalPolicy.RETAIN)
        account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        role = iam.Role(
            self,
            "FlowLogsRole",
            assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com", conditions=account),
            description="Writes the network's flow logs",
        )
        group.grant_write(role)
        role.add_to_policy(iam.PolicyStatement(actions=["logs:DescribeLogStreams"], resources=[group.log_group_arn]))
        ec2.CfnFlowLog(
            self,
            "Flows",
            resource_type="VPC",
            resource_id=self._vpc.ref,
            traffic_type="ALL",
            max_aggregation_interval=60,
            log_destination_type="cloud-watch-logs",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        )
