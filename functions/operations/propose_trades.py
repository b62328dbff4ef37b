"""Drift, rebalancing proposals and tax losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext
from daymark.operations.catalogue import PROPOSE_TRADES
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.trades import TradeTasks

from .bootstrap import answer, task_stores
from .price_bootstrap import price_desk


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(PROPOSE_TRADES, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    stores = task_stores()
    return stores.perform(command, TradeTasks(price_desk(), stores.book, stores.records))
