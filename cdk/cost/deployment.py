"""What the templates say of the live path: groups, buckets, batches and how streams are read and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daymark.core.errors import InvalidInput

Template = Mapping[str, Any]
# By region and stack.
Templates = Mapping[tuple[str, str], Template]

# CloudFormation's logical ids end with eight hexadecimal digits of a hash, but for those of a construct at the top of its stack.
_HASH = 8


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a template."""

    region: str
    stack: str
    name: str
    kind: str
    properties: Mapping[str, Any]

    @property
    def path(self) -> str:
        """The logical id without its hash: what the constructs call it.

        >>> Resource("us-east-1", "Data", "TickRecords5AAD7791", "AWS::Kinesis::Stream", {}).path
        'TickRecords'
        >>> Resource("us-east-1", "Operations", "Events", "AWS::Events::EventBus", {}).path
        'Events'
        """
        tail = self.name[-_HASH:]
        hashed = len(self.name) > _HASH and all(each in "0123456789ABCDEF" for each in tail)
        return self.name[:-_HASH] if hashed else self.name

    @property
    def function(self) -> str:
        """The name of a function, from its handler: the last module, or the system's for an API; empty without a handler.

        >>> Resource("us-east-1", "Api", "X", "AWS::Lambda::Function", {"Handler": "book.api.handler"}).function
        'book_api'
        """
        parts = str(self.properties.get("Handler", "")).split(".")
        if len(parts) < 3:
            return ""
        return f"{parts[-3]}_api" if parts[-2] == "api" else parts[-2]


def resources(templates: Templates) -> Iterator[Resource]:
    """Every resource, by stack in the templates' order."""
    for (region, stack), template in templates.items():
        for name, body in template.get("Resources", {}).items():
            yield Resource(region, stack, name, body["Type"], body.get("Properties", {}))


@dataclass(frozen=True, slots=True)
class Batches:
    """How a function reads a stream; ``window_seconds`` is how long a batch waits to be filled."""

    records: int
    at_once: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """The settings of the live path, as deployed.

    Attributes:
        groups: Partition keys of the ``ticks`` stream.
        buckets: Lanes of portfolios.
        memory_mb: Of every function, by name.
        timeout_seconds: Of every function, by name.
        fan_out: Whether functions get the streams pushed.
    """

    groups: int
    buckets: int
    ticks: Batches
    quotes: Batches
    memory_mb: Mapping[str, int]
    timeout_seconds: Mapping[str, int]
    fan_out: bool

    @classmethod
    def read(cls, templates: Templates, region: str) -> Deployment:
        """The settings of a region.

        Raises:
            InvalidInput: its templates have no live path.
        """
        found = [each for each in resources(templates) if each.region == region]
        functions = {each.function: each for each in found if each.kind == "AWS::Lambda::Function" and each.function}
        variables: dict[str, Any] = {}
        for each in functions.values():
            variables |= each.properties.get("Environment", {}).get("Variables", {})
        mappings = {_reader(each): each for each in found if each.kind == "AWS::Lambda::EventSourceMapping"}
        try:
            return cls(
                groups=int(variables["DAYMARK_TICK_GROUPS"]),
                buckets=int(variables["DAYMARK_PORTFOLIO_BUCKETS"]),
                ticks=_batches(mappings["IngestTicks"]),
                quotes=_batches(mappings["MarkPortfolios"]),
                memory_mb={name: int(each.properties.get("MemorySize", 128)) for name, each in functions.items()},
                timeout_seconds={name: int(each.properties.get("Timeout", 3)) for name, each in functions.items()},
                fan_out=any(each.kind == "AWS::Kinesis::StreamConsumer" for each in found),
            )
        except KeyError as missing:
            raise InvalidInput(f"the templates of {region} have no live path: {missing}", field="templates") from None


def _reader(mapping: Resource) -> str:
    reference = mapping.properties["FunctionName"]
    name = reference["Ref"] if isinstance(reference, Mapping) and "Ref" in reference else str(reference)
    return str(name).partition("Function")[0]


def _batches(mapping: Resource) -> Batches:
    said = mapping.properties
    return Batches(int(said["BatchSize"]), int(said.get("ParallelizationFactor", 1)), int(said.get("MaximumBatchingWindowInSeconds", 0)))
