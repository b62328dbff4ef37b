"""Composition root of the phase machine's three steps, apart from the tasks' so that a step loads no numerics."""

from __future__ import annotations

import os
from functools import cache

from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.core.clock import WallClock
from daymark.core.sessions import Calendar
from daymark.operations.catalogue import trading_day
from daymark.operations.cycle import PhaseCycle

from .settings import PhaseSettings


@cache
def phase_cycle() -> PhaseCycle:
    """The use case behind the steps."""
    return cycle_of(PhaseSettings.from_environment(os.environ))


def cycle_of(settings: PhaseSettings) -> PhaseCycle:
    """The use case over the tables that the settings name."""
    client = dynamodb_client(settings.region)
    return PhaseCycle(
        catalogue=trading_day(),
        journal=DynamoRunJournal(settings.operations_table, client),
        fences=DynamoFenceLedger(settings.fence_table, client),
        clock=WallClock(),
        calendar=Calendar.exchange(),
        region=settings.region,
    )
