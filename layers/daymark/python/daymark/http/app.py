"""The REST application, for the systems one function serves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

from daymark.book.ports import BookStore, DayRecords, MarkStore
from daymark.core.clock import Clock, WallClock
from daymark.core.errors import InvalidInput
from daymark.http.authentication import Identity
from daymark.http.book.router import router as book_router
from daymark.http.docs_page import docs_page
from daymark.http.idempotency import IdempotencyKeys
from daymark.http.operations.reports import router as reports_router
from daymark.http.operations.router import router as operations_router
from daymark.http.pagination import Cursors
from daymark.http.problem_details import MEDIA_TYPE, install_problem_details
from daymark.http.services import PhaseStarter, Services
from daymark.operations.cycle import PhaseCycle
from daymark.operations.ports import Documents, RunJournal

MAX_BODY_BYTES = 64 * 1024
SYSTEMS: Mapping[str, tuple[APIRouter, ...]] = {"book": (book_router,), "operations": (operations_router, reports_router)}
PROBLEM = "#/components/schemas/Problem"
_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A problem (RFC 9457)", "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}}}
}


def create_app(
    *,
    book: BookStore,
    marks: MarkStore,
    records: DayRecords,
    journal: RunJournal,
    cycle: PhaseCycle,
    starter: PhaseStarter,
    documents: Documents,
    keys: IdempotencyKeys,
    identity: Identity,
    cursor_key: bytes,
    clock: Clock | None = None,
    systems: Sequence[str] = tuple(SYSTEMS),
) -> FastAPI:
    """The application with its collaborators.

    Args:
        book: Portfolios, lots and cash.
        marks: Closing marks.
        records: The results each day leaves behind.
        journal: The runs' journals.
        cycle: Reads runs and checks what may be started.
        starter: Starts a phase's state machine.
        documents: Where reports lie.
        keys: Calls made, by idempotency key.
        identity: Whose tokens are accepted.
        cursor_key: Secret of at least 32 bytes, the same in every instance, or cursors of one are refused by the other.
        clock: Wall time; the machine's if absent.
        systems: Which systems' routes this function serves.

    Raises:
        InvalidInput: an unknown system, or too short a key.
    """
    unknown = [name for name in systems if name not in SYSTEMS]
    if unknown:
        raise InvalidInput(f"no routes for {unknown[0]}; known: {', '.join(SYSTEMS)}", field="systems")
    app = routes_of(systems)
    app.state.services = Services(
        book=book,
        marks=marks,
        records=records,
        journal=journal,
        cycle=cycle,
        starter=starter,
        documents=documents,
        keys=keys,
        cursors=Cursors(cursor_key),
        identity=identity,
        clock=clock or WallClock(),
    )
    return app


def routes_of(systems: Sequence[str]) -> FastAPI:
    """The application without collaborators: enough to describe it."""
    app = FastAPI(
        title="Daymark",
        summary="A wealth manager's trading day: portfolios, marks, runs and reports.",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        max_body_size=MAX_BODY_BYTES,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    install_problem_details(app)
    for system in systems:
        for router in SYSTEMS[system]:
            app.include_router(router, responses=_PROBLEM)
    app.add_api_route("/openapi.json", _read_openapi, include_in_schema=False)
    app.add_api_route("/docs", _read_docs, include_in_schema=False)
    return app


def checked_in_openapi() -> bytes:
    """The merged description of every system's routes, as packaged."""
    return files("daymark.http").joinpath("openapi.json").read_bytes()


def _read_openapi() -> JSONResponse:
    return JSONResponse(json.loads(checked_in_openapi()))


def _read_docs() -> HTMLResponse:
    page = docs_page(json.loads(checked_in_openapi()))
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})
