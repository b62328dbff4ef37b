"""The REST application, for the systems one function serves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute

from daymark.core.clock import Clock, WallClock
from daymark.core.errors import InvalidInput
from daymark.http.authentication import Identity
from daymark.http.docs_page import docs_page
from daymark.http.pagination import Cursors
from daymark.http.problem_details import MEDIA_TYPE, install_problem_details
from daymark.http.rate_limiting import RateLimitHeaders, admitted_to
from daymark.http.services import FrontServices, MonitoringServices, OperationsServices, PhaseStarter, Services

if TYPE_CHECKING:
    from daymark.book.ports import BookStore, DayRecords, MarkStore
    from daymark.http.idempotency import IdempotencyKeys
    from daymark.http.tenant_rates import TenantRates
    from daymark.monitoring.tickets import TicketDesk
    from daymark.operations.cycle import PhaseCycle
    from daymark.operations.ports import Documents, RunJournal

MAX_BODY_BYTES = 64 * 1024
_ROUTERS = {
    "book": ("daymark.http.book.router",),
    "operations": ("daymark.http.operations.router", "daymark.http.operations.reports"),
    "monitoring": ("daymark.http.monitoring.router",),
}
SYSTEMS = tuple(_ROUTERS)
PROBLEM = "#/components/schemas/Problem"
_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A problem (RFC 9457)", "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}}}
}


def create_app(
    *,
    identity: Identity,
    rates: TenantRates,
    book: BookStore | None = None,
    marks: MarkStore | None = None,
    records: DayRecords | None = None,
    cursor_key: bytes | None = None,
    journal: RunJournal | None = None,
    cycle: PhaseCycle | None = None,
    starter: PhaseStarter | None = None,
    documents: Documents | None = None,
    keys: IdempotencyKeys | None = None,
    tickets: TicketDesk | None = None,
    websocket_url: str | None = None,
    clock: Clock | None = None,
    systems: Sequence[str] = SYSTEMS,
) -> FastAPI:
    """The application with its collaborators.

    Args:
        identity: Whose tokens are accepted.
        rates: How many calls each tenant may make.
        book: Portfolios, lots and cash; this and the next three are needed where the book or operations are served.
        marks: Closing marks.
        records: The results each day leaves behind.
        cursor_key: Secret of at least 32 bytes, the same in every instance, or cursors of one are refused by the other.
        journal: The runs' journals; this and the next four are needed where operations are served.
        cycle: Reads runs and checks what may be started.
        starter: Starts a phase's state machine.
        documents: Where reports lie.
        keys: Calls made, by idempotency key.
        tickets: Issues the WebSocket's tickets; this and the next are needed where monitoring is served.
        websocket_url: Where the WebSocket answers.
        clock: Wall time; the machine's if absent.
        systems: Which systems' routes this function serves.

    Raises:
        InvalidInput: an unknown system, a collaborator that is missing, or too short a key.
    """
    app = routes_of(systems)
    operations = _operations(journal, cycle, starter, documents, keys) if "operations" in systems else None
    monitoring = _monitoring(tickets, websocket_url) if "monitoring" in systems else None
    shared: dict[str, Any] = {"identity": identity, "rates": rates, "clock": clock or WallClock(), "monitoring": monitoring}
    if set(systems) <= {"monitoring"}:
        app.state.services = FrontServices(**shared)
        return app
    if book is None or marks is None or records is None or cursor_key is None:
        raise InvalidInput(f"{' and '.join(systems)} need book, marks, records and cursor_key", field="systems")
    app.state.services = Services(
        book=book,
        marks=marks,
        records=records,
        cursors=Cursors(cursor_key),
        operations=operations,
        **shared,
    )
    return app


def _operations(
    journal: RunJournal | None,
    cycle: PhaseCycle | None,
    starter: PhaseStarter | None,
    documents: Documents | None,
    keys: IdempotencyKeys | None,
) -> OperationsServices:
    if journal is None or cycle is None or starter is None or documents is None or keys is None:
        raise InvalidInput("operations need journal, cycle, starter, documents and keys", field="systems")
    return OperationsServices(journal, cycle, starter, documents, keys)


def _monitoring(tickets: TicketDesk | None, websocket_url: str | None) -> MonitoringServices:
    if tickets is None or websocket_url is None:
        raise InvalidInput("monitoring needs tickets and websocket_url", field="systems")
    return MonitoringServices(tickets, websocket_url)


def routes_of(systems: Sequence[str]) -> FastAPI:
    """The application without collaborators: enough to describe it.

    Raises:
        InvalidInput: an unknown system.
    """
    app = FastAPI(
        title="Daymark",
        summary="A wealth manager's trading day: portfolios, marks, runs and reports.",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        max_body_size=MAX_BODY_BYTES,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    install_problem_details(app)
    for system in systems:
        for router in _routers(system):
            app.include_router(router, responses=_PROBLEM, dependencies=[Depends(admitted_to(system))])
    app.add_middleware(RateLimitHeaders)
    app.add_api_route("/openapi.json", _read_openapi, include_in_schema=False)
    app.add_api_route("/docs", _read_docs, include_in_schema=False)
    return app


def _operation_id(route: APIRoute) -> str:
    """A route's name in the description, unique over all systems: ``book_list_portfolios``."""
    return "_".join(map(str, (*route.tags, route.name)))


def _routers(system: str) -> list[APIRouter]:
    """A system's routers, imported only by the function that serves them: a cold start pays for its own routes alone."""
    if system not in _ROUTERS:
        raise InvalidInput(f"no routes for {system}; known: {', '.join(SYSTEMS)}", field="systems")
    return [import_module(module).router for module in _ROUTERS[system]]


def checked_in_openapi() -> bytes:
    """The merged description of every system's routes, as packaged."""
    return files("daymark.http").joinpath("openapi.json").read_bytes()


def _read_openapi() -> JSONResponse:
    return JSONResponse(json.loads(checked_in_openapi()))


def _read_docs() -> HTMLResponse:
    page = docs_page(json.loads(checked_in_openapi()))
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})
