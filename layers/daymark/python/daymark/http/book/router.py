"""``/v1/book``: portfolios, and what they hold, bought and were worth."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from daymark.book.holdings import cash_balance, positions
from daymark.book.models import Portfolio
from daymark.book.ports import BookStore
from daymark.core.entitlement import Action, may, require
from daymark.core.errors import InvalidInput, NotFound
from daymark.core.lots import Lot
from daymark.core.sessions import Calendar
from daymark.core.tenancy import Principal
from daymark.http.authentication import CurrentPrincipal
from daymark.http.book.models import HoldingsBody, LotBody, MarkBody, MarkSummaryBody, PortfolioBody, PositionBody
from daymark.http.pagination import Page, after_position
from daymark.http.parameters import CalendarDate, PagedQuery, PortfolioId, SessionDate
from daymark.http.parameters import Query as StrictQuery
from daymark.http.services import CurrentServices

router = APIRouter(prefix="/v1/book", tags=["book"])


class HoldingsQuery(StrictQuery):
    """Which day's holdings."""

    on: CalendarDate | None = Field(default=None, description="The day at whose end holdings are stated; today if absent.")


class LotsQuery(PagedQuery):
    """Which lots."""

    on: CalendarDate | None = Field(default=None, description="The day at whose end lots are stated; today if absent.")
    open: bool | None = Field(default=None, description="Only lots with units left (`true`) or without (`false`).")


def visible_portfolio(book: BookStore, principal: Principal, portfolio_id: str) -> Portfolio:
    """The portfolio, if the caller may read it; only the caller's own tenant is ever looked into.

    Raises:
        NotFound: no such portfolio, or not the caller's to see.
    """
    portfolio = book.portfolio(principal.tenant, portfolio_id)
    require(principal, Action.READ, portfolio.resource, "portfolio")
    return portfolio


@router.get("/portfolios", summary="Portfolios you may see")
def list_portfolios(principal: CurrentPrincipal, services: CurrentServices, query: Annotated[PagedQuery, Query()]) -> Page[PortfolioBody]:
    """A client's own household's, an adviser's own book, everybody else's whole tenant; sorted by id."""
    visible = [each for each in services.book.portfolios(principal.tenant) if may(principal, Action.READ, each.resource)]
    position = services.cursors.position(query.cursor, principal, "portfolios", {}) if query.cursor else None
    rows, last = after_position(visible, lambda each: each.portfolio_id, position, query.limit)
    cursor = services.cursors.after(last, principal, "portfolios", {}) if last else None
    return Page(items=[PortfolioBody.of(each) for each in rows], next_cursor=cursor)


@router.get("/portfolios/{portfolio_id}", summary="One portfolio")
def read_portfolio(principal: CurrentPrincipal, services: CurrentServices, portfolio_id: PortfolioId) -> PortfolioBody:
    """Who owns and advises it, how it is taxed, its targets and limits."""
    return PortfolioBody.of(visible_portfolio(services.book, principal, portfolio_id))


@router.get("/portfolios/{portfolio_id}/positions", summary="Positions and cash on a day")
def list_positions(
    principal: CurrentPrincipal, services: CurrentServices, portfolio_id: PortfolioId, query: Annotated[HoldingsQuery, Query()]
) -> HoldingsBody:
    """What the lots and cash entries up to that day add up to."""
    visible_portfolio(services.book, principal, portfolio_id)
    on = query.on or services.clock.now().date()
    record = services.book.record(principal.tenant, portfolio_id)
    instruments = services.book.instruments()
    held = [PositionBody.of(each, instruments[each.instrument_id]) for each in positions(record, instruments, on)]
    return HoldingsBody(portfolio_id=portfolio_id, on=on, cash=cash_balance(record, on), items=held)


@router.get("/portfolios/{portfolio_id}/lots", summary="Lots on a day")
def list_lots(
    principal: CurrentPrincipal, services: CurrentServices, portfolio_id: PortfolioId, query: Annotated[LotsQuery, Query()]
) -> Page[LotBody]:
    """Every purchase made up to that day, with what was sold of it up to that day; sorted by lot id."""
    visible_portfolio(services.book, principal, portfolio_id)
    on = query.on or services.clock.now().date()
    asked = {"portfolio_id": portfolio_id, "on": query.on, "open": query.open}
    position = services.cursors.position(query.cursor, principal, "lots", asked) if query.cursor else None
    lots = [lot for lot in services.book.record(principal.tenant, portfolio_id).lots if _is_asked_for(lot, on, query.open)]
    rows, last = after_position(sorted(lots, key=lambda lot: lot.lot_id), lambda lot: lot.lot_id, position, query.limit)
    cursor = services.cursors.after(last, principal, "lots", asked) if last else None
    return Page(items=[LotBody.of(lot, on) for lot in rows], next_cursor=cursor)


def _is_asked_for(lot: Lot, on: date, is_open: bool | None) -> bool:
    return lot.acquired <= on and (is_open is None or (lot.open_quantity(on) > 0) is is_open)


@router.get("/portfolios/{portfolio_id}/marks", summary="Closing values, newest first")
def list_marks(
    principal: CurrentPrincipal, services: CurrentServices, portfolio_id: PortfolioId, query: Annotated[PagedQuery, Query()]
) -> Page[MarkSummaryBody]:
    """The portfolio's value at each session's close."""
    visible_portfolio(services.book, principal, portfolio_id)
    asked = {"portfolio_id": portfolio_id}
    before = None
    if query.cursor:
        before = _date(services.cursors.position(query.cursor, principal, "marks", asked))
    rows = services.marks.history(principal.tenant, portfolio_id, query.limit + 1, before)
    page = rows[: query.limit]
    cursor = services.cursors.after(page[-1].session_date.isoformat(), principal, "marks", asked) if len(rows) > query.limit else None
    return Page(items=[MarkSummaryBody.of(mark) for mark in page], next_cursor=cursor)


def _date(position: str) -> date:
    try:
        return date.fromisoformat(position)
    except ValueError:
        raise InvalidInput("cursor is not one that this query returned to you", field="query.cursor") from None


@router.get("/portfolios/{portfolio_id}/marks/{session_date}", summary="One closing value, position by position")
def read_mark(principal: CurrentPrincipal, services: CurrentServices, portfolio_id: PortfolioId, session_date: SessionDate) -> MarkBody:
    """Each position at its price, with the label that says what the price truly is.

    A date on which the exchange does not trade is refused with the nearest sessions.
    """
    visible_portfolio(services.book, principal, portfolio_id)
    mark = services.marks.mark(principal.tenant, portfolio_id, session_date)
    if mark is None:
        Calendar.exchange().session(session_date)
        raise NotFound("no such mark")
    return MarkBody.of(mark)
