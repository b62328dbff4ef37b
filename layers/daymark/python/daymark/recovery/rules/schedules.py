"""Rule: both regions' schedules fire alike, and only the holder of the fence acts; what cannot be delivered is kept.

A schedule that were off in the standby would have to be enabled during a switch, by a control plane. So both are on, and the machine that
a schedule wakes must have a function that may claim in the fence table: without it two regions run the same phase.
"""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.rules.roles import grants
from daymark.recovery.rules.tables import FENCE
from daymark.recovery.templates import Deployment, Resource

SCHEDULE = "AWS::Scheduler::Schedule"
CLAIM = "dynamodb:UpdateItem"
Found = Iterator[Breach | Unknown]


def unequal_schedules(deployment: Deployment, _: Situation) -> Found:
    """Schedules that are missing or fire otherwise in the secondary."""
    for schedule in deployment.every(SCHEDULE, region=deployment.primary):
        there = deployment.counterpart(schedule)
        if there is None:
            yield Breach(
                deployment.secondary, schedule.stack, schedule.name, "", "the schedule is missing in this region", "declare it in both"
            )
            continue
        for path in deployment.differences(schedule, there, ("State", "Tags", "Description")):
            yield Breach.at(there, path, f"{path} is other than in {schedule.region}", "let both regions fire alike")


def sleeping_schedules(deployment: Deployment, _: Situation) -> Found:
    """Schedules that are off, and would have to be enabled during a switch."""
    for schedule in deployment.every(SCHEDULE):
        if schedule.at("State") == "DISABLED":
            wrong = "the schedule is off: after a switch nobody wakes the phase"
            yield Breach.at(schedule, "State", wrong, "enable it in both regions: the fence lets only one act")


def unfenced_schedules(deployment: Deployment, _: Situation) -> Found:
    """Schedules that wake, in both regions, what claims nothing."""
    for schedule in deployment.every(SCHEDULE):
        machine = deployment.target(schedule, schedule.at("Target", "Arn"))
        if machine is None:
            yield Unknown(f"{schedule.region} {schedule.stack}/{schedule.name}", "its target, which is in no template")
        elif not any(_claims(deployment, function) for function in _called(deployment, machine)):
            wrong = f"wakes {machine.stack}/{machine.name}, of whose functions none may claim in the fence table: both regions would act"
            yield Breach.at(schedule, "Target.Arn", wrong, f"let the function that opens a run {CLAIM} the fence table")


def _called(deployment: Deployment, machine: Resource) -> list[Resource]:
    if machine.kind == "AWS::Lambda::Function":
        return [machine]
    substituted = machine.at("DefinitionSubstitutions")
    found = [deployment.target(machine, each) for each in substituted.values()] if isinstance(substituted, dict) else []
    return [each for each in found if each]


def _claims(deployment: Deployment, function: Resource) -> bool:
    role = deployment.target(function, function.at("Role"))
    held = grants(deployment, role) if role else ()
    return any(each.allows and each.action == CLAIM and each.resource.lower().endswith(FENCE) for each in held)


def undelivered(deployment: Deployment, _: Situation) -> Found:
    """Schedules whose lost wake-ups nobody hears of."""
    for schedule in deployment.every(SCHEDULE):
        if not schedule.at("Target", "DeadLetterConfig", "Arn"):
            yield Breach.at(schedule, "Target.DeadLetterConfig", "a wake-up that cannot be delivered is gone", "name a dead-letter queue")


RULES = (
    Rule("schedule", "Schedules fire alike in both regions", Severity.BLOCKS, (SCHEDULE,), unequal_schedules, needed=True),
    Rule("schedule-on", "Schedules are on in both regions", Severity.BLOCKS, (SCHEDULE,), sleeping_schedules),
    Rule("schedule-fence", "What a schedule wakes claims in the fence before it acts", Severity.BLOCKS, (SCHEDULE,), unfenced_schedules),
    Rule("schedule-dead-letters", "Wake-ups that cannot be delivered are kept", Severity.WARNS, (SCHEDULE,), undelivered),
)
