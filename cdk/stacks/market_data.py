"""Market data: ticks are read, judged and conflated; hot quotes go to the cache, blocks to the ``quotes`` stream."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from cdk.constructs.cache import QuoteCache
from cdk.constructs.function import DaymarkFunction
from cdk.constructs.layers import Layers
from cdk.constructs.network import DaymarkNetwork
from cdk.constructs.stream_reader import StreamReader
from cdk.functions import INGEST_TICKS, TICKS
from cdk.settings import DeploymentSettings
from cdk.stacks.data import DataStack


class MarketDataStack(Stack):
    """The function that reads the ``ticks`` stream, and in the cloud the cache beside it. Stateless: streams and objects are data's."""

    def __init__(
        self, scope: Construct, settings: DeploymentSettings, data: DataStack, network: DaymarkNetwork | None, **options: Any
    ) -> None:
        super().__init__(scope, "MarketData", stack_name="daymark-market-data", **options)
        live = settings.live
        redis_url = QuoteCache(self, "Quotes", network, data.stores.key, live).url if network else live.redis_url
        values = data.stores.names() | {"region": self.region, "redis_url": redis_url}
        layers = Layers(self, "Layers", settings)
        ingest = DaymarkFunction.create(self, INGEST_TICKS, values, layers, data.log_key, network.ingest if network else None)
        data.stores.grant(ingest)
        self.functions = [ingest]
        self.readers = [StreamReader(self, ingest, TICKS, data.stores.streams[TICKS.stream], data.log_key, live.fan_out)]
