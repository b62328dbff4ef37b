"""What callers may write in paths, queries and headers: exact forms, and nothing the route does not know."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from fastapi import Header, Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from daymark.http.pagination import DEFAULT_LIMIT, MAX_LIMIT

FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2100, 12, 31)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _calendar_date(value: object) -> date:
    """An ISO date in range; numbers, times and other scripts' digits are refused, because a guess would be silent."""
    if not isinstance(value, str) or _ISO_DATE.fullmatch(value) is None:
        raise ValueError("must be a date written YYYY-MM-DD")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("is no day of the calendar") from None
    if not FIRST_DATE <= day <= LAST_DATE:
        raise ValueError(f"must lie between {FIRST_DATE} and {LAST_DATE}")
    return day


CalendarDate = Annotated[
    date, BeforeValidator(_calendar_date), WithJsonSchema({"type": "string", "format": "date", "examples": ["2018-02-05"]})
]

_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
PortfolioId = Annotated[str, Path(pattern=_ID, description="A portfolio's id.", examples=["NS-001"])]
SessionDate = Annotated[CalendarDate, Path(description="The trading day.")]
Subject = Annotated[str, Path(pattern=_ID, description="A portfolio's id, or `operations` for the day's operations report.")]
TaskName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="A task of the phase.", examples=["mark_portfolios"])]
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="Your own name for this call. Sending the same call again under the same name has no second effect.",
    ),
]


class Query(BaseModel):
    """A route's query parameters; an unknown one is refused by name, because a misspelt filter must not be ignored."""

    model_config = ConfigDict(extra="forbid")


class PagedQuery(Query):
    """A list's query parameters."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Rows on one page.")
    cursor: str | None = Field(default=None, min_length=1, max_length=512, description="`next_cursor` of the page before.")
