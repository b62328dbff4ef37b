"""Daily operations: the trading day's phases, planned by one brain and persisted after every transition."""

from daymark.operations.manager import DailyOperationsManager
from daymark.operations.models import (
    OperationPhase,
    OperationSummary,
    RunId,
    RunStatus,
    TaskPriority,
    TaskResult,
    TaskStatus,
)

__all__ = [
    "DailyOperationsManager",
    "OperationPhase",
    "OperationSummary",
    "RunId",
    "RunStatus",
    "TaskPriority",
    "TaskResult",
    "TaskStatus",
]
