"""Operations: the functions of the day, the machine of each phase and its schedule."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from cdk.constructs.event_bus import DaymarkBus
from cdk.constructs.function import DaymarkFunction
from cdk.constructs.layers import Layers
from cdk.constructs.phase_machine import DeadLetters, PhaseMachine, PhaseSchedule
from cdk.functions import STEPS, TASKS
from cdk.settings import DeploymentSettings
from cdk.stacks.data import DataStack
from daymark.operations.models import OperationPhase


class OperationsStack(Stack):
    """Everything that runs the five phases."""

    def __init__(self, scope: Construct, settings: DeploymentSettings, data: DataStack, **options: Any) -> None:
        super().__init__(scope, "Operations", stack_name="daymark-operations", **options)
        layers = Layers(self, "Layers", settings)
        self.events = DaymarkBus(self, "Events", data.log_key)
        values = data.stores.names() | settings.live.values() | {"region": self.region, "event_bus": self.events.attr_name}
        self.functions = [DaymarkFunction.create(self, definition, values, layers, data.log_key) for definition in (*STEPS, *TASKS)]
        for function in self.functions:
            data.stores.grant(function)
            if function.definition in STEPS:
                self.events.let_tell(function.role)
        by_name = {function.definition.name: function.function for function in self.functions}
        self.machines = [PhaseMachine(self, phase, by_name, data.log_key) for phase in OperationPhase]
        self.dead_letters = DeadLetters(self, "MissedWakeUps", data.log_key)
        group = scheduler.ScheduleGroup(self, "Schedules", schedule_group_name="daymark-phases")
        for machine in self.machines:
            PhaseSchedule(self, machine, settings, group, data.log_key, self.dead_letters)
        CfnOutput(self, "PhaseMachines", value=json.dumps(self.machine_arns()))

    def machine_arns(self) -> dict[str, str]:
        """ARN of each phase's machine, by phase."""
        return {str(machine.phase): machine.machine.state_machine_arn for machine in self.machines}
