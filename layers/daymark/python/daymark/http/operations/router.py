"""``/v1/operations``: the day's runs and tasks to read, start, resume and retry, and the day as one document.

A day's runs belong to the shared tenant: staff may read them, its own operations staff and administrators may start them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from daymark.core.entitlement import Action, Resource, may, require
from daymark.core.errors import Conflict, NotFound
from daymark.core.tenancy import SHARED_TENANT, Principal
from daymark.http.authentication import CurrentPrincipal
from daymark.http.idempotency import payload_hash, scope_of
from daymark.http.operations.day import DATA_LABEL, portfolio_days
from daymark.http.operations.models import DayBody, JobBody, MaySee, PhaseBody, RunBody, RunList, StartRun, TaskBody, TaskList
from daymark.http.parameters import CalendarDate, IdempotencyKey, SessionDate, TaskName
from daymark.http.parameters import Query as StrictQuery
from daymark.http.services import CurrentOperations, CurrentServices, OperationsServices
from daymark.operations.models import OperationPhase, OperationSummary, RunId

router = APIRouter(prefix="/v1/operations", tags=["operations"])

RUNS = Resource(SHARED_TENANT)


class DayQuery(StrictQuery):
    """Which day."""

    session_date: CalendarDate = Field(description="The trading day.")


class AttemptQuery(StrictQuery):
    """Which attempt of a run."""

    attempt: int | None = Field(default=None, ge=1, le=9999, description="The attempt; the latest if absent.")


def own_tenants(principal: Principal) -> MaySee:
    """Which tenants' parts of a task's report the caller may read."""
    return lambda tenant: may(principal, Action.READ, Resource(tenant))


def _named_run(operations: OperationsServices, session_date: date, phase: OperationPhase, attempt: int | None = None) -> OperationSummary:
    """An attempt of a phase, the latest unless one is named.

    Raises:
        NotFound: it was never opened.
    """
    run = operations.journal.latest(session_date, phase) if attempt is None else RunId(session_date, phase, attempt)
    if run is None:
        raise NotFound("no such run")
    return operations.cycle.summary(run)


@router.get("/runs", summary="A day's runs")
def list_runs(principal: CurrentPrincipal, operations: CurrentOperations, query: Annotated[DayQuery, Query()]) -> RunList:
    """Every attempt of every phase, in phase order."""
    require(principal, Action.READ, RUNS, "run")
    return RunList(items=[RunBody.of(operations.cycle.summary(run)) for run in operations.journal.runs(query.session_date)])


@router.get("/runs/{session_date}/{phase}", summary="One run with its tasks")
def read_run(
    principal: CurrentPrincipal,
    operations: CurrentOperations,
    session_date: SessionDate,
    phase: OperationPhase,
    query: Annotated[AttemptQuery, Query()],
) -> PhaseBody:
    """Its status, times and tasks."""
    require(principal, Action.READ, RUNS, "run")
    return PhaseBody.with_tasks(_named_run(operations, session_date, phase, query.attempt), own_tenants(principal))


@router.get("/runs/{session_date}/{phase}/tasks", summary="The tasks of a run")
def list_tasks(
    principal: CurrentPrincipal,
    operations: CurrentOperations,
    session_date: SessionDate,
    phase: OperationPhase,
    query: Annotated[AttemptQuery, Query()],
) -> TaskList:
    """Each task's status, tries, times, measures and error."""
    require(principal, Action.READ, RUNS, "run")
    summary = _named_run(operations, session_date, phase, query.attempt)
    return TaskList(items=[TaskBody.of(task, own_tenants(principal)) for task in summary.tasks])


@router.post("/runs", status_code=202, summary="Start a phase by hand")
def start_run(
    principal: CurrentPrincipal, operations: CurrentOperations, body: StartRun, key: IdempotencyKey, response: Response
) -> JobBody:
    """Open the phase's next attempt. A dry run answers what would run, in order, and starts nothing."""
    require(principal, Action.OPERATE, RUNS, "run")

    def job() -> JobBody:
        waves = operations.cycle.dry_run(RunId(body.session_date, body.phase))
        latest = operations.journal.latest(body.session_date, body.phase)
        if body.dry_run:
            return JobBody.of(RunId(body.session_date, body.phase, latest.attempt + 1 if latest else 1), waves=waves)
        return JobBody.of(operations.cycle.next_attempt(latest) if latest else RunId(body.session_date, body.phase))

    call = payload_hash("start_run", body.model_dump(mode="json"))
    return _accept(operations, scope_of(principal), key, call, job, response)


@router.post("/runs/{session_date}/{phase}/resume", status_code=202, summary="Drive an interrupted run on")
def resume_run(
    principal: CurrentPrincipal,
    operations: CurrentOperations,
    session_date: SessionDate,
    phase: OperationPhase,
    key: IdempotencyKey,
    response: Response,
) -> JobBody:
    """Take over the phase's latest attempt, which has not ended but whose driver died; what was done stays done.

    While the driver lives, it goes on and nothing else happens. A run that has ended is started or retried instead.
    """
    require(principal, Action.OPERATE, RUNS, "run")

    def job() -> JobBody:
        latest = operations.journal.latest(session_date, phase)
        if latest is None:
            raise NotFound("no such run")
        if not operations.cycle.state(latest).is_open:
            raise Conflict(f"{latest} has ended; start the phase again instead", field="run_id")
        return JobBody.of(latest)

    def resume(answer: JobBody) -> None:
        state = operations.cycle.state(RunId.parse(answer.run_id))
        if state.is_open:
            operations.starter.resume(state.run, state.driver)

    call = payload_hash("resume_run", {"session_date": session_date.isoformat(), "phase": str(phase)})
    return _accept(operations, scope_of(principal), key, call, job, response, resume)


@router.post("/runs/{session_date}/{phase}/tasks/{task}/retry", status_code=202, summary="Do a task again")
def retry_task(
    principal: CurrentPrincipal,
    operations: CurrentOperations,
    session_date: SessionDate,
    phase: OperationPhase,
    task: TaskName,
    key: IdempotencyKey,
    response: Response,
) -> JobBody:
    """Open the phase's next attempt: it does this task, what depends on it and what did not succeed, and keeps the rest.

    The run before must have ended; while it runs, it retries by itself.
    """
    require(principal, Action.OPERATE, RUNS, "run")

    def job() -> JobBody:
        latest = operations.journal.latest(session_date, phase)
        if latest is None or task not in operations.cycle.catalogue.tasks(phase):
            raise NotFound("no such task")
        return JobBody.of(operations.cycle.next_attempt(latest, redo=task), redo=task)

    call = payload_hash("retry_task", {"session_date": session_date.isoformat(), "phase": str(phase), "task": task})
    return _accept(operations, scope_of(principal), key, call, job, response)


@router.get("/days/{session_date}", summary="A trading day in one document", response_model_by_alias=True)
def read_day(principal: CurrentPrincipal, services: CurrentServices, operations: CurrentOperations, session_date: SessionDate) -> DayBody:
    """Of its phases and portfolios, what you may see: value, profit and loss, risk, drift and breaks.

    A date on which the exchange does not trade is refused with the nearest sessions.
    """
    operations.cycle.calendar.session(session_date)
    phases = []
    if may(principal, Action.READ, RUNS):
        latest = {run.phase: run for run in operations.journal.runs(session_date)}
        phases = [PhaseBody.with_tasks(operations.cycle.summary(run), own_tenants(principal)) for run in latest.values()]
    visible = [each for each in services.book.portfolios(principal.tenant) if may(principal, Action.READ, each.resource)]
    rows = portfolio_days(visible, services.records, session_date)
    return DayBody(session_date=session_date, data_label=DATA_LABEL, phases=phases, portfolios=rows)


def _accept(
    operations: OperationsServices,
    scope: str,
    key: str,
    call: str,
    job: Callable[[], JobBody],
    response: Response,
    effect: Callable[[JobBody], None] | None = None,
) -> JobBody:
    """Claim the key for an answer, then have the effect; whoever repeats the call gets the first answer again.

    The effect, to start the run if no other is given, is asked for on a repeat too: starting or resuming the same run twice is
    harmless, and a crash after the claim is mended.
    """
    stands = operations.keys.answer(scope, key, call)
    if stands is None:
        stands = operations.keys.claim(scope, key, call, job().model_dump(mode="json"))
    answer = JobBody.model_validate(stands)
    if effect is not None:
        effect(answer)
    elif not answer.dry_run:
        operations.starter.start(RunId.parse(answer.run_id), answer.redo)
    if not answer.dry_run:
        response.headers["Location"] = answer.status_url
    return answer
