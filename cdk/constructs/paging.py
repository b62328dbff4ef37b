"""What gets somebody out of bed: one composite alarm for each system, and a call of AWS that would make the data unreadable.

While data is ill the other systems' symptoms ring nobody: their composite alarms are suppressed by data's. They wait two minutes for it
to speak first, and stay silent five minutes after it is well again, in which the backlog is worked off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.constructs.alarm_budget import PLATFORM, Severity, System
from cdk.constructs.alarms import alarm_name

WAIT_SECONDS = 120
EXTENSION_SECONDS = 300
# CloudWatch's own limit of a rule's length.
LONGEST_RULE = 10_240
# Calls after which nothing under a key can be read: at once, or after the days that a deletion waits.
AGAINST_KEYS = ("DisableKey", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial")


class Paging(Construct):
    """The composite alarms of one region, told to the pages' topic."""

    def __init__(self, scope: Construct, construct_id: str, pages: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self._pages = pages

    def ring(self, causes: Mapping[System, Sequence[str]]) -> None:
        """One alarm for each system that has causes; all but data's are suppressed by data's."""
        data = self._ring(System.DATA, causes[System.DATA]) if System.DATA in causes else None
        for system in System:
            if system is not System.DATA and system in causes:
                alarm = self._ring(system, causes[system])
                if data:
                    alarm.actions_suppressor = data.attr_arn
                    alarm.actions_suppressor_wait_period = WAIT_SECONDS
                    alarm.actions_suppressor_extension_period = EXTENSION_SECONDS

    def _ring(self, system: System, names: Sequence[str]) -> cloudwatch.CfnCompositeAlarm:
        rule = " OR ".join(f'ALARM("{name}")' for name in names)
        if len(rule) > LONGEST_RULE:
            raise ValueError(f"{system}: too many causes for one composite alarm")
        return cloudwatch.CfnCompositeAlarm(
            self,
            system.capitalize(),
            alarm_name=alarm_name(f"Page{system.capitalize()}"),
            alarm_description=f"Daymark's {system} is ill: see its alarms. Runbook: docs/runbooks/README.md",
            alarm_rule=rule,
            alarm_actions=[self._pages.topic_arn],
            ok_actions=[self._pages.topic_arn],
            tags=[{"key": "severity", "value": Severity.PAGE}, {"key": "owner", "value": PLATFORM}, {"key": "system", "value": system}],
        )

    def watch_keys(self, key_arns: Sequence[str]) -> None:
        """Ring when somebody disables one of our keys or has it deleted. The account's trail (CloudTrail) tells; KMS has no such metric."""
        events.CfnRule(
            self,
            "KeysInDanger",
            description="Somebody disables a key of Daymark or has it deleted",
            event_pattern={
                "source": ["aws.kms"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "account": [Stack.of(self).account],
                "detail": {"eventName": list(AGAINST_KEYS), "resources": {"ARN": list(key_arns)}},
            },
            targets=[events.CfnRule.TargetProperty(id="Pages", arn=self._pages.topic_arn)],
        )
