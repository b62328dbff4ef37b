"""The one map from the DaymarkError tree to HTTP: problem details as RFC 9457 has them.

A "not found" says the same for what does not exist, what belongs to somebody else and what no route serves: one body, byte
for byte. A bad request names the field at fault. Anything outside the tree is a defect: 500, without a word about its insides.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from daymark.core.errors import (
    Conflict,
    DaymarkError,
    Forbidden,
    InvalidInput,
    NotASession,
    NotFound,
    NotPublished,
    QualityBlocked,
    RateLimited,
    StaleFence,
    Unauthenticated,
    Unavailable,
    own_words,
    stack_of,
)

MEDIA_TYPE = "application/problem+json"
_LOGGER = logging.getLogger(__name__)

# Looked up along the class's own order of ancestors, so a new leaf of the tree inherits its parent's status.
STATUS: Mapping[type[DaymarkError], tuple[int, str]] = {
    InvalidInput: (400, "Bad request"),
    Unauthenticated: (401, "Not signed in"),
    Forbidden: (403, "Not allowed"),
    NotFound: (404, "Not found"),
    Conflict: (409, "Conflict"),
    StaleFence: (409, "Superseded"),
    NotASession: (422, "Not a session"),
    NotPublished: (422, "Not published"),
    QualityBlocked: (422, "Prices blocked"),
    RateLimited: (429, "Too many requests"),
    Unavailable: (503, "Try again later"),
    DaymarkError: (500, "Internal error"),
}
_FRAMEWORK_CODES = {
    400: InvalidInput.code,
    401: Unauthenticated.code,
    404: NotFound.code,
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


class FieldError(BaseModel):
    """One input at fault."""

    field: str = Field(description="Where the input stands: `query.on`, `body.session_date`, `path.portfolio_id`.", examples=["query.on"])
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """What went wrong, as RFC 9457 writes it."""

    type: str = Field(description="Stable name of the kind of problem.", examples=["urn:daymark:problem:not_found"])
    title: str = Field(description="The kind of problem in two words.", examples=["Not found"])
    status: int = Field(description="The HTTP status again.", examples=[404])
    detail: str = Field(description="What happened and how to mend it.")
    code: str = Field(description="The last part of `type`.", examples=["not_found"])
    field: str | None = Field(default=None, description="The first input at fault.")
    errors: list[FieldError] | None = Field(default=None, description="Every input at fault.")
    context: dict[str, Any] | None = Field(default=None, description="Facts that help, such as the nearest sessions.")


class ProblemResponse(JSONResponse):
    """A problem body: ASCII, so that odd input echoed in a message can never break the answer."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """JSON without NaN; anything JSON does not know becomes text."""
        return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=str).encode("ascii")


def _problem(
    status: int,
    title: str,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> ProblemResponse:
    body = {"type": f"urn:daymark:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    extras = {"field": field, **members}
    return ProblemResponse({**body, **{name: value for name, value in extras.items() if value}}, status, headers=dict(headers or {}))


def _not_found() -> ProblemResponse:
    return _problem(404, "Not found", NotFound.code, "There is no such thing, or none that you may see.")


def too_large() -> ProblemResponse:
    """The answer to a body above the limit."""
    return _problem(413, "Request refused", "too_large", "Request body too large", field="body")


def internal_error() -> ProblemResponse:
    """The answer to a defect."""
    return _problem(500, "Internal error", "internal", "Something went wrong on our side. The event is logged.")


def problem_of(error: DaymarkError) -> ProblemResponse:
    """The answer to an error Daymark raised on purpose.

    >>> problem_of(InvalidInput("limit must be at most 200", field="query.limit")).status_code
    400
    """
    status, title = next(STATUS[ancestor] for ancestor in type(error).__mro__ if ancestor in STATUS)
    if status == 500:
        return internal_error()
    if status == 404:
        return _not_found()
    later = str(error.context.get("retry_after_seconds", 5))
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": later}, 503: {"Retry-After": later}}.get(status)
    return _problem(status, title, error.code, error.message, field=error.field, headers=headers, context=error.context)


def _path(location: Sequence[str | int]) -> str:
    """``("body", "tasks", 3, "name")`` as ``body.tasks[3].name``.

    >>> _path(("body", "tasks", 3, "name"))
    'body.tasks[3].name'
    """
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def problem_of_validation(error: RequestValidationError) -> ProblemResponse:
    """The answer to a request that does not fit the route: 400 with every field at fault, never the values sent."""
    faults = [{"field": _path(_location(fault)), "message": own_words(str(fault["msg"]))} for fault in error.errors()]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults[:3])
    return _problem(400, "Bad request", InvalidInput.code, detail, field=faults[0]["field"] if faults else None, errors=faults)


def _location(fault: Mapping[str, Any]) -> Sequence[str | int]:
    """Where the fault lies; a body that is no JSON has a character offset there, which names no field."""
    location: Sequence[str | int] = fault["loc"]
    return location[:1] if fault["type"] == "json_invalid" else location


def log_defect(error: Exception) -> None:
    """Tell of a defect by its class and where it was raised."""
    _LOGGER.error("unhandled %s\n%s", type(error).__name__, stack_of(error))


def install_problem_details(app: FastAPI) -> None:
    """Answer every error of the app as a problem."""

    @app.exception_handler(DaymarkError)
    def on_daymark_error(_: Request, error: DaymarkError) -> ProblemResponse:
        answer = problem_of(error)
        if answer.status_code == 500:
            log_defect(error)
        return answer

    @app.exception_handler(RequestValidationError)
    def on_validation_error(_: Request, error: RequestValidationError) -> ProblemResponse:
        return problem_of_validation(error)

    @app.exception_handler(HTTPException)
    def on_http_exception(_: Request, error: HTTPException) -> ProblemResponse:
        if error.status_code == 404:
            return _not_found()
        code = _FRAMEWORK_CODES.get(error.status_code, "http_error")
        field = "body" if error.status_code in (400, 413, 415) else None
        return _problem(error.status_code, "Request refused", code, str(error.detail), field=field, headers=error.headers)

    @app.exception_handler(Exception)
    def on_defect(_: Request, error: Exception) -> ProblemResponse:
        log_defect(error)
        return internal_error()
