"""Observability: a topic for pages, a topic for tickets, and an alarm on everything that can fail."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.constructs.alarms import Alarms
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.market_data import MarketDataStack
from cdk.stacks.monitoring import MonitoringStack
from cdk.stacks.operations import OperationsStack


class ObservabilityStack(Stack):
    """Alarms of the functions, the phase machines, the streams, the tables and the queues of what could not be delivered.

    Both topics are for whoever subscribes to them. Nothing here rings the pages' topic: that is the watch stack's, in the cloud.
    """

    def __init__(
        self,
        scope: Construct,
        data: DataStack,
        operations: OperationsStack,
        market_data: MarketDataStack,
        monitoring: MonitoringStack,
        api: ApiStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, "Observability", stack_name="daymark-observability", **options)
        self.pages = sns.Topic(self, "Pages", master_key=data.log_key, enforce_ssl=True, display_name="Daymark pages")
        self.tickets = sns.Topic(self, "Tickets", master_key=data.log_key, enforce_ssl=True, display_name="Daymark tickets")
        # A policy of one's own, such as the one for TLS alone, takes the place of SNS's, by which alarms may publish.
        self._let_publish(self.pages, "AlarmsOfThisAccount", "cloudwatch")
        self._let_publish(self.tickets, "AlarmsOfThisAccount", "cloudwatch")
        self._let_publish(self.pages, "EventsOfThisAccount", "events")
        self.alarms = alarms = Alarms(self, "Alarms", self.tickets)
        for function in (*operations.functions, *market_data.functions, *monitoring.functions, *api.functions):
            alarms.watch_function(function)
        alarms.watch_concurrency()
        for machine in operations.machines:
            alarms.watch_machine(machine)
        alarms.watch_queue(operations.dead_letters, "A phase was not woken: start it by hand")
        alarms.watch_queue(monitoring.dead_letters, "Progress was not told to the WebSocket: clients lag behind the journal")
        alarms.watch_queue(monitoring.untold_marks, "Marks were not told to the WebSocket: clients lag behind the boards")
        for reader in (*market_data.readers, *monitoring.readers):
            lost = f"{reader.reading.stream}: records were given up; read them again while the stream keeps them"
            alarms.watch_reader(reader, lost)
        for function in api.functions:
            alarms.watch_uncounted(function)
        for name, stream in data.stores.streams.items():
            alarms.watch_stream(name, stream)
        for name, table in data.stores.tables.items():
            alarms.watch_table(name, table.table_name)
        CfnOutput(self, "PagesTopicArn", value=self.pages.topic_arn)
        CfnOutput(self, "TicketsTopicArn", value=self.tickets.topic_arn)

    def _let_publish(self, topic: sns.Topic, sid: str, service: str) -> None:
        """Let one of AWS's services publish on behalf of this account."""
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
