"""What a function tells of a call: one JSON log line and one set of EMF metrics, without client data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Daymark"


class InvocationContext(Protocol):
    """The part of the Lambda context that is told: the request's own id."""

    aws_request_id: str


@cache
def logger() -> Logger:
    """The function's logger; its service name comes from the environment."""
    return Logger(location=None, log_uncaught_exceptions=True)


@contextmanager
def observed(call: str, context: InvocationContext, event: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Log how a call ended, with the named fields of its event and whatever the caller adds to the yielded facts.

    Only identifiers belong here: the fields are ids and task names, and an exception is logged by its class and stack.

    Args:
        call: What was called, for the log line and the metrics' dimension.
        context: The invocation.
        event: The event, of which only ``names`` are logged; the run's id also correlates the lines of one run.
        names: Fields of the event to log.
    """
    log = logger()
    facts: dict[str, Any] = {name: event[name] for name in names if name in event}
    log.set_correlation_id(str(event.get("run_id") or context.aws_request_id))
    started = time.perf_counter()
    failed = True
    try:
        yield facts
        failed = bool(facts.get("failed", False))
    finally:
        milliseconds = round((time.perf_counter() - started) * 1000, 3)
        log.info(call, extra={**facts, "failed": failed, "request_id": context.aws_request_id, "duration_ms": milliseconds})
        _measure(call, milliseconds, failed)


def _measure(call: str, milliseconds: float, failed: bool) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_dimension(name="call", value=call)
    metrics.add_metric(name="Duration", unit=MetricUnit.Milliseconds, value=milliseconds)
    metrics.add_metric(name="Failed", unit=MetricUnit.Count, value=int(failed))
    metrics.flush_metrics()


def admitted_uncounted(tenant: str, failure: Exception | None) -> None:
    """Tell that a tenant's call was admitted although it could not be counted; without a failure, because one came just before."""
    if failure is not None:
        logger().warning("admitted_uncounted", extra={"tenant": tenant, "error": type(failure).__name__}, exc_info=failure)
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_metric(name="AdmittedUncounted", unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


def observed_request(
    call: str, application: Callable[[dict[str, Any], Any], Mapping[str, Any]], event: dict[str, Any], context: InvocationContext
) -> Mapping[str, Any]:
    """Answer a gateway request, logging its method, route, status and request id; the path itself may name clients."""
    with observed(call, context, event, ("httpMethod", "resource")) as facts:
        response = application(event, context)
        facts["status"] = response["statusCode"]
        facts["failed"] = response["statusCode"] >= 500
        return response
