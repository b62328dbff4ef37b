"""Is there a session, did its prices arrive, are they fit for use, and which are official?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext
from daymark.operations.catalogue import CHECK_PRICES
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.prices import PriceTasks

from .bootstrap import answer, task_stores
from .price_bootstrap import price_archive, price_desk


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(CHECK_PRICES, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    stores = task_stores()
    return stores.perform(command, PriceTasks(price_desk(), price_archive(), stores.book, stores.records))
