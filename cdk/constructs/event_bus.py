"""The event bus: what a system tells others without knowing them."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class DaymarkBus(events.CfnEventBus):
    """One bus per region, encrypted under our key, whose policy lets the bus of this account use it."""

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey) -> None:
        super().__init__(scope, construct_id, name="daymark", description="What happens in Daymark", kms_key_identifier=key.key_arn)
        self.bus = events.EventBus.from_event_bus_arn(self, "Bus", self.attr_arn)

    def let_tell(self, role: iam.IRole) -> None:
        """Let a role put events on this bus and no other."""
        role.add_to_principal_policy(iam.PolicyStatement(actions=["events:PutEvents"], resources=[self.attr_arn]))
