"""Watch: what rings, and what is seen at a glance. In the cloud only: the embedded one has no composite alarms and no metric math."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from constructs import Construct

from cdk.constructs import rate_alarms, rest_api, websocket_api
from cdk.constructs.alarm_budget import System
from cdk.constructs.alarms import LATE_MILLISECONDS, Alarms
from cdk.constructs.cache import CACHE_NAME
from cdk.constructs.dashboards import Board, Dashboards, Graph
from cdk.constructs.function import DaymarkFunction
from cdk.constructs.paging import Paging
from cdk.constructs.tables import EVENTUAL
from cdk.settings import DeploymentSettings
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.edge import EdgeStack
from cdk.stacks.failover import FailoverStack
from cdk.stacks.market_data import MarketDataStack
from cdk.stacks.monitoring import MonitoringStack
from cdk.stacks.observability import ObservabilityStack
from cdk.stacks.operations import OperationsStack
from cdk.stacks.recovery import RecoveryStack

Alarmed = EdgeStack | FailoverStack | RecoveryStack


class WatchStack(Stack):
    """Alarms of rates and absences, the composite alarms that page, and one dashboard for each system; deployed last, over all others."""

    def __init__(
        self,
        scope: Construct,
        settings: DeploymentSettings,
        data: DataStack,
        operations: OperationsStack,
        market_data: MarketDataStack,
        monitoring: MonitoringStack,
        api: ApiStack,
        observability: ObservabilityStack,
        others: Sequence[Alarmed],
        **options: Any,
    ) -> None:
        super().__init__(scope, "Watch", stack_name="daymark-watch", **options)
        self.alarms = alarms = Alarms(self, "Alarms", observability.tickets)
        for machine in operations.machines:
            rate_alarms.watch_absence(alarms, machine)
        rate_alarms.watch_rest(alarms, api.api.rest_api_name, rest_api.STAGE)
        rate_alarms.watch_socket(alarms, monitoring.socket.api_id, websocket_api.STAGE)
        rate_alarms.watch_cache(alarms, CACHE_NAME, settings.live.cache_gigabytes)
        other = settings.other(self.region)
        for name, table in data.stores.tables.items():
            rate_alarms.watch_table_failures(alarms, name, table.table_name)
            # A strongly consistent replica is never behind.
            if name in EVENTUAL:
                rate_alarms.watch_replica(alarms, name, table.table_name, other)
        paging = Paging(self, "Paging", observability.pages)
        every = [observability.alarms, alarms, *(each.alarms for each in others)]
        paging.ring(_together(*(each.causes for each in every)))
        paging.watch_keys([data.stores.key.key_arn, data.log_key.key_arn])
        dashboards = Dashboards(self, "Dashboards")
        for board in (_day(operations), _stream(data, market_data, monitoring), _push(monitoring), _api(api), _data(data)):
            dashboards.show(board)
        dashboards.show_alarms(_together(*(each.names for each in every)))
        # A composite alarm is refused while an alarm of its rule does not exist.
        for stack in (observability, *others):
            self.add_stack_dependency(stack)


def _together(*parts: Mapping[System, Sequence[str]]) -> dict[System, list[str]]:
    found = {system: [name for part in parts for name in part.get(system, ())] for system in System}
    return {system: names for system, names in found.items() if names}


def _functions(functions: Sequence[DaymarkFunction]) -> dict[str, dict[str, str]]:
    return {each.definition.name: {"FunctionName": each.function.function_name} for each in functions}


def _calls(functions: Sequence[DaymarkFunction]) -> tuple[Graph, Graph, Graph]:
    series = _functions(functions)
    return (
        Graph("Calls", "AWS/Lambda", "Invocations", series),
        Graph("Crashes", "AWS/Lambda", "Errors", series, limit=0),
        Graph("Slowest percentile, ms", "AWS/Lambda", "Duration", series, "p99"),
    )


def _day(operations: OperationsStack) -> Board:
    machines = {str(each.phase): {"StateMachineArn": each.machine.state_machine_arn} for each in operations.machines}
    missed = {"wake-ups": {"QueueName": operations.dead_letters.queue_name}}
    return Board(
        "day",
        "Five phases start on every weekday, none fails, nothing waits in the queue of missed wake-ups.",
        (
            tuple(
                Graph(f"Phases {word}", "AWS/States", f"Executions{word.capitalize()}", machines)
                for word in ("started", "succeeded", "failed")
            ),
            (
                Graph("Time of a phase, ms", "AWS/States", "ExecutionTime", machines, "Maximum"),
                Graph("Missed wake-ups", "AWS/SQS", "ApproximateNumberOfMessagesVisible", missed, "Maximum", 0),
            ),
            _calls(operations.functions),
        ),
    )


def _stream(data: DataStack, market_data: MarketDataStack, monitoring: MonitoringStack) -> Board:
    streams = {name: {"StreamName": stream.stream_name} for name, stream in data.stores.streams.items()}
    readers = (*market_data.readers, *monitoring.readers)
    given_up = {each.reading.stream: {"QueueName": each.given_up.queue_name} for each in readers}
    ages = _functions([each.function for each in readers])
    cache = {"quotes": {"clusterId": CACHE_NAME}}
    return Board(
        "stream",
        "During the session records come in all the time and are read within a second; nothing is given up.",
        (
            (
                Graph("Records in", "AWS/Kinesis", "IncomingRecords", streams),
                Graph("Age of what is read, ms", "AWS/Lambda", "IteratorAge", ages, "Maximum", LATE_MILLISECONDS),
                Graph("Given up", "AWS/SQS", "ApproximateNumberOfMessagesVisible", given_up, "Maximum", 0),
            ),
            (
                Graph("Turned away by full shards", "AWS/Kinesis", "WriteProvisionedThroughputExceeded", streams, limit=0),
                Graph("Bytes in the cache", "AWS/ElastiCache", "BytesUsedForCache", cache, "Maximum"),
                Graph("Throttled by the cache", "AWS/ElastiCache", "ThrottledCmds", cache, limit=0),
            ),
            _calls([each.function for each in readers]),
        ),
    )


def _push(monitoring: MonitoringStack) -> Board:
    socket = {"push": {"ApiId": monitoring.socket.api_id, "Stage": websocket_api.STAGE}}
    queues = {"progress": monitoring.dead_letters, "marks": monitoring.untold_marks}
    untold = {name: {"QueueName": queue.queue_name} for name, queue in queues.items()}
    return Board(
        "push",
        "Messages flow, none fails, and whatever happens is told.",
        (
            (
                Graph("Connections opened", "AWS/ApiGateway", "ConnectCount", socket),
                Graph("Messages", "AWS/ApiGateway", "MessageCount", socket),
                Graph("Failed", "AWS/ApiGateway", "IntegrationError", socket, limit=0),
            ),
            (Graph("Not told", "AWS/SQS", "ApproximateNumberOfMessagesVisible", untold, "Maximum", 0),),
            _calls(monitoring.functions),
        ),
    )


def _api(api: ApiStack) -> Board:
    rest = {"rest": {"ApiName": api.api.rest_api_name, "Stage": rest_api.STAGE}}
    slow = rate_alarms.SLOW_MILLISECONDS
    return Board(
        "api",
        "Requests are answered within two seconds, and failures are the callers' own.",
        (
            (
                Graph("Requests", "AWS/ApiGateway", "Count", rest),
                Graph("Refused", "AWS/ApiGateway", "4XXError", rest),
                Graph("Failed", "AWS/ApiGateway", "5XXError", rest),
                Graph("Slowest percentile, ms", "AWS/ApiGateway", "Latency", rest, "p99", slow),
            ),
            _calls(api.functions),
        ),
    )


def _data(data: DataStack) -> Board:
    tables = {name: {"TableName": table.table_name} for name, table in data.stores.tables.items()}
    return Board(
        "data",
        "Nothing is throttled, and the other region is seconds behind at most.",
        (
            tuple(Graph(f"{word} used", "AWS/DynamoDB", f"Consumed{word}CapacityUnits", tables) for word in ("Read", "Write")),
            tuple(Graph(f"{word}s throttled", "AWS/DynamoDB", f"{word}ThrottleEvents", tables, limit=0) for word in ("Read", "Write")),
        ),
    )
