"""One region: every stack of it, wired by direct references. Nothing refers to another region's stacks."""

from __future__ import annotations

from aws_cdk import Stage, Tags
from constructs import Construct

from cdk.constructs.acknowledgements import RULES, acknowledge, connections, executions, key_prefixes
from cdk.settings import DeploymentSettings
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.identity import IdentityStack
from cdk.stacks.market_data import MarketDataStack
from cdk.stacks.monitoring import MonitoringStack
from cdk.stacks.network import NetworkStack
from cdk.stacks.observability import ObservabilityStack
from cdk.stacks.operations import OperationsStack


class RegionStage(Stage):
    """The stacks of one region, deployable together."""

    def __init__(self, scope: Construct, settings: DeploymentSettings, region: str) -> None:
        environment = settings.environment(region)
        super().__init__(scope, region, env=environment)
        data = DataStack(self, settings, region)
        identity = IdentityStack(self, settings)
        operations = OperationsStack(self, settings, data)
        network = None if settings.is_local else NetworkStack(self, data)
        market_data = MarketDataStack(self, settings, data, network.network if network else None)
        monitoring = MonitoringStack(self, settings, data, operations)
        api = ApiStack(self, settings, data, identity, operations, monitoring)
        observability = ObservabilityStack(self, data, operations, market_data, monitoring, api)
        Tags.of(self).add("project", "daymark")
        stacks = (data, identity, operations, market_data, monitoring, api, observability, *([network] if network else []))
        wildcards = (*key_prefixes(data.bucket_exports()), *executions(environment), *connections(monitoring.socket.connection_arns()))
        acknowledge(stacks, (*RULES, *wildcards), settings.today)
