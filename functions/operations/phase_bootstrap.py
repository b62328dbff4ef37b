"""Composition root of the phase machine's three steps, apart from the tasks' so that a step loads no numerics."""

from __future__ import annotations

import os
from functools import cache

from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.events import AnnouncedJournal, RunEvents, events_client
from daymark.core.clock import WallClock
from daymark.core.sessions import Calendar
from daymark.operations.catalogue import trading_day
from daymark.operations.cycle import PhaseCycle
from daymark.operations.ports import RunJournal

from .settings import PhaseSettings, StepSettings


@cache
def phase_cycle() -> PhaseCycle:
    """The use case behind the steps; what they write, they tell on the event bus."""
    settings = StepSettings.from_environment(os.environ)
    events = RunEvents(settings.event_bus, events_client(settings.region))
    return cycle_of(settings, AnnouncedJournal(_journal(settings), events))


def _journal(settings: PhaseSettings) -> DynamoRunJournal:
    return DynamoRunJournal(settings.operations_table, dynamodb_client(settings.region))


def cycle_of(settings: PhaseSettings, journal: RunJournal | None = None) -> PhaseCycle:
    """The use case over the tables that the settings name, and over a journal that does more than keep, if one is given."""
    client = dynamodb_client(settings.region)
    return PhaseCycle(
        catalogue=trading_day(),
        journal=journal or _journal(settings),
        fences=DynamoFenceLedger(settings.fence_table, client),
        clock=WallClock(),
        calendar=Calendar.exchange(),
        region=settings.region,
    )
