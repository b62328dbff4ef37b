"""What functions, machines, schedules, the bus and batch jobs use."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cdk.cost import trading_day
from cdk.cost.deployment import Resource
from cdk.cost.live_path import KB
from cdk.cost.load import Load
from cdk.cost.usage import Usage
from daymark.operations.models import OperationPhase


def function(resource: Resource, load: Load) -> Sequence[Usage]:
    """A function by its memory: calls, GB-seconds, traces and its own metrics."""
    used = load.calls(resource.function)
    memory = Decimal(int(resource.properties.get("MemorySize", 128))) / KB
    memory_text = f"{used.why}; {used.each_seconds:.3f} s of {memory:.3f} GB each"
    lines = [
        Usage("calls", "lambda.request", used.count, used.why),
        Usage("time", "lambda.gb_second", used.count * used.each_seconds * memory, memory_text),
    ]
    if resource.properties.get("TracingConfig", {}).get("Mode") == "Active":
        lines.append(Usage("traces", "xray.trace", used.count * load.said["traced_share"], load.said.bases["traced_share"]))
    if resource.function and used.count:
        lines.append(Usage("metrics", "cloudwatch.metric", load.said["metrics_a_function"], load.said.bases["metrics_a_function"]))
    return lines


def machine(resource: Resource, load: Load) -> Sequence[Usage]:
    """A phase's machine when nothing fails; another machine is taken not to run."""
    phases = {f"daymark-{phase.lower().replace('_', '-')}": phase for phase in OperationPhase}
    phase = phases.get(str(resource.properties.get("StateMachineName")))
    if phase is None:
        return [Usage("transitions", "stepfunctions.transition", Decimal(0), "runs in an emergency or a drill only")]
    idle = load.said["weekdays_a_month"] - load.sessions
    count = load.sessions * trading_day.transitions(phase) + idle * trading_day.NOT_DUE
    why = f"{trading_day.transitions(phase)} transitions a session without a retry"
    return [
        Usage("transitions", "stepfunctions.transition", count, why),
        Usage("traces", "xray.trace", load.said["weekdays_a_month"], "an execution a weekday"),
    ]


def schedule(resource: Resource, load: Load) -> Sequence[Usage]:
    """A schedule that is enabled wakes once a weekday."""
    enabled = resource.properties.get("State", "ENABLED") == "ENABLED"
    count = load.said["weekdays_a_month"] if enabled else Decimal(0)
    return [Usage("wake-ups", "scheduler.invocation", count, "once a weekday" if enabled else "disabled")]


def bus(resource: Resource, load: Load) -> Sequence[Usage]:
    """Custom events, each below 64 KB. The bus caches its data key: no request for each event."""
    del resource
    return [
        Usage(
            "events", "eventbridge.event", load.events, f"{load.live.board_saves:.1f} boards moved a second in sessions, and steps of runs"
        )
    ]


def batch(resource: Resource, load: Load) -> Sequence[Usage]:
    """GPU instances exist while jobs run: none when idle."""
    del resource
    return [Usage("instances", "batch.gpu_instance_hour", load.said["gpu_hours"], load.said.bases["gpu_hours"])]


def images(resource: Resource, load: Load) -> Sequence[Usage]:
    """A repository of images."""
    del resource
    return [Usage("images", "ecr.storage", load.said["image_gb"], load.said.bases["image_gb"])]


def pipeline(resource: Resource, load: Load) -> Sequence[Usage]:
    """A pipeline's action minutes."""
    del resource
    minutes = load.said["deployments"] * load.said["deployment_minutes"]
    return [Usage("actions", "codepipeline.action_minute", minutes, f"{load.said['deployments']} deployments a month")]


def build(resource: Resource, load: Load) -> Sequence[Usage]:
    """A build project's minutes."""
    del resource
    minutes = load.said["deployments"] * load.said["deployment_minutes"] / 3
    return [Usage("builds", "codebuild.minute", minutes, f"{load.said['deployments']} builds a month, a third of a deployment each")]


def experiment(resource: Resource, load: Load) -> Sequence[Usage]:
    """An experiment template, run by hand."""
    del resource
    return [Usage("actions", "fis.action_minute", load.said["chaos_minutes"], load.said.bases["chaos_minutes"])]
