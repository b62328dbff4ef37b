"""Rule: what feeds a function in the primary feeds its like in the secondary: the same way, switched on, and what fails is kept.

Streams are each region's own and run empty in the standby. A mapping that had to be made or enabled would need Lambda's control plane.
"""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment

MAPPING, STREAM = "AWS::Lambda::EventSourceMapping", "AWS::Kinesis::Stream"
Found = Iterator[Breach | Unknown]


def unequal_mappings(deployment: Deployment, _: Situation) -> Found:
    """Mappings that are missing or read otherwise in the secondary."""
    for mapping in deployment.every(MAPPING, region=deployment.primary):
        there = deployment.counterpart(mapping)
        if there is None:
            yield Breach(
                deployment.secondary, mapping.stack, mapping.name, "", "the mapping is missing in this region", "declare it in both"
            )
            continue
        # Whether it is on and what becomes of failures are rules of their own.
        for path in deployment.differences(mapping, there, ("Tags", "Enabled", "DestinationConfig")):
            yield Breach.at(there, path, f"{path} is other than in {mapping.region}", "let both regions read alike")


def disabled_mappings(deployment: Deployment, _: Situation) -> Found:
    """Mappings that are off."""
    for mapping in deployment.every(MAPPING):
        if mapping.at("Enabled") is False:
            yield Breach.at(mapping, "Enabled", "the mapping is off", "leave it on in both regions: an empty stream costs no calls")


def losing_mappings(deployment: Deployment, _: Situation) -> Found:
    """Mappings that forget what they gave up, or give up when the stream has let go of it."""
    for mapping in deployment.every(MAPPING):
        if not mapping.at("DestinationConfig", "OnFailure", "Destination"):
            path = "DestinationConfig.OnFailure.Destination"
            yield Breach.at(mapping, path, "what it gives up is gone without a trace", "name a queue for what is given up")
        consumer = deployment.target(mapping, mapping.at("EventSourceArn"))
        stream = consumer
        if consumer and consumer.kind == "AWS::Kinesis::StreamConsumer":
            stream = deployment.target(consumer, consumer.at("StreamARN"))
        if stream is None or stream.kind != STREAM:
            continue
        kept, given = stream.at("RetentionPeriodHours") or 24, mapping.at("MaximumRecordAgeInSeconds")
        if given is None or given < 0 or given >= kept * 3600:
            wrong = f"a record is given up when the stream, which keeps it {kept} hours, has let go of it"
            yield Breach.at(mapping, "MaximumRecordAgeInSeconds", wrong, "give up earlier than the stream forgets", Severity.WARNS)


RULES = (
    Rule("event-source", "Functions are fed alike in both regions", Severity.BLOCKS, (MAPPING,), unequal_mappings),
    Rule("event-source-on", "What feeds a function is on in both regions", Severity.BLOCKS, (MAPPING,), disabled_mappings),
    Rule("event-source-failures", "What could not be handled is kept where it is found", Severity.BLOCKS, (MAPPING,), losing_mappings),
)
