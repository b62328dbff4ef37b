"""Marks, profit and loss, and the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext
from daymark.operations.catalogue import VALUE_PORTFOLIOS
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.valuation import ValuationTasks

from .bootstrap import answer, task_stores
from .price_bootstrap import price_desk


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(VALUE_PORTFOLIOS, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    stores = task_stores()
    return stores.perform(command, ValuationTasks(price_desk(), stores.book, stores.marks, stores.records))
