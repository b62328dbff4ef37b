"""One region: every stack of it, wired by direct references. Nothing refers to another region's stacks."""

from __future__ import annotations

from aws_cdk import Stack, Stage, Tags
from constructs import Construct

from cdk.constructs.acknowledgements import RULES, acknowledge, connections, copies, executions, key_prefixes, named_by_aws
from cdk.settings import DeploymentSettings
from cdk.stacks.api import ApiStack
from cdk.stacks.compute import ComputeStack
from cdk.stacks.data import DataStack
from cdk.stacks.edge import EdgeStack
from cdk.stacks.failover import FailoverStack
from cdk.stacks.identity import IdentityStack
from cdk.stacks.market_data import MarketDataStack
from cdk.stacks.monitoring import MonitoringStack
from cdk.stacks.network import NetworkStack
from cdk.stacks.observability import ObservabilityStack
from cdk.stacks.operations import OperationsStack
from cdk.stacks.recovery import RecoveryStack
from cdk.stacks.watch import Alarmed, WatchStack


class RegionStage(Stage):
    """The stacks of one region, deployable together."""

    def __init__(self, scope: Construct, settings: DeploymentSettings, region: str) -> None:
        environment = settings.environment(region)
        super().__init__(scope, region, env=environment)
        data = DataStack(self, settings, region)
        identity = IdentityStack(self, settings)
        operations = OperationsStack(self, settings, data)
        network = None if settings.is_local else NetworkStack(self, settings, data)
        market_data = MarketDataStack(self, settings, data, network.network if network else None)
        monitoring = MonitoringStack(self, settings, data, operations)
        api = ApiStack(self, settings, data, identity, operations, monitoring)
        observability = ObservabilityStack(self, data, operations, market_data, monitoring, api)
        cloud_only: list[Stack] = []
        if network:
            alarmed: list[Alarmed] = [
                EdgeStack(self, settings, data, api, observability),
                RecoveryStack(self, settings, data, network.network, observability),
            ]
            if settings.recovery.domain:
                alarmed.append(FailoverStack(self, settings, api, observability))
            watch = WatchStack(self, settings, data, operations, market_data, monitoring, api, observability, alarmed)
            cloud_only = [network, *alarmed, watch]
            if settings.compute.gpu:
                cloud_only.append(ComputeStack(self, settings, data, network.network))
        Tags.of(self).add("project", "daymark")
        stacks = (data, identity, operations, market_data, monitoring, api, observability, *cloud_only)
        other = settings.other(region)
        wildcards = (*copies(environment, other), *named_by_aws(environment)) if network else ()
        wildcards += (*key_prefixes(data.bucket_exports()), *executions(environment), *connections(monitoring.socket.connection_arns()))
        acknowledge(stacks, (*RULES, *wildcards), settings.today)
