"""``/v1/operations/reports``: the reports a day published, and links to read them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from daymark.book.ports import DayRecord, RecordKind
from daymark.core.entitlement import Action, Resource, may, require
from daymark.core.errors import NotFound
from daymark.core.tenancy import SHARED_TENANT, Principal
from daymark.http.authentication import CurrentPrincipal
from daymark.http.book.router import visible_portfolio
from daymark.http.operations.models import ReportBody, ReportLinksBody
from daymark.http.pagination import Page, after_position
from daymark.http.parameters import CalendarDate, PagedQuery, SessionDate, Subject
from daymark.http.services import CurrentOperations, CurrentServices, Services
from daymark.operations.day_results import attempt_of

router = APIRouter(prefix="/v1/operations", tags=["operations"])

LINK_SECONDS = 300
OPERATIONS = "operations"
_SHARED = Resource(SHARED_TENANT)


class ReportsQuery(PagedQuery):
    """Which day's reports."""

    session_date: CalendarDate = Field(description="The trading day.")


@router.get("/reports", summary="A day's reports")
def list_reports(principal: CurrentPrincipal, services: CurrentServices, query: Annotated[ReportsQuery, Query()]) -> Page[ReportBody]:
    """Reports of the portfolios you may see, and for staff the day's operations report; sorted by subject."""
    asked = {"session_date": query.session_date}
    position = services.cursors.position(query.cursor, principal, "reports", asked) if query.cursor else None
    reports = _visible_reports(services, principal, query.session_date)
    rows, last = after_position(reports, lambda report: report.subject, position, query.limit)
    cursor = services.cursors.after(last, principal, "reports", asked) if last else None
    return Page(items=list(rows), next_cursor=cursor)


def _visible_reports(services: Services, principal: Principal, session_date: date) -> list[ReportBody]:
    portfolios = {each.portfolio_id: each for each in services.book.portfolios(principal.tenant)}
    found = [
        _report(record, record.subject)
        for record in services.records.find(principal.tenant, session_date, RecordKind.REPORT)
        if record.subject in portfolios and may(principal, Action.READ, portfolios[record.subject].resource)
    ]
    if may(principal, Action.READ, _SHARED):
        found += [_report(record, OPERATIONS) for record in _operations_reports(services, session_date)[-1:]]
    return sorted(found, key=lambda report: report.subject)


def _operations_reports(services: Services, session_date: date) -> list[DayRecord]:
    """The day's operations reports, the latest attempt's last: a rerun of the phase tells another story and has its own."""
    return sorted(services.records.find(SHARED_TENANT, session_date, RecordKind.REPORT), key=lambda record: attempt_of(record.subject))


def _report(record: DayRecord, subject: str) -> ReportBody:
    body = record.body
    return ReportBody(
        session_date=record.session_date, subject=subject, sha256_html=str(body["sha256_html"]), sha256_pdf=str(body["sha256_pdf"])
    )


@router.get("/reports/{session_date}/{subject}", summary="Links to one report")
def read_report(
    principal: CurrentPrincipal, services: CurrentServices, operations: CurrentOperations, session_date: SessionDate, subject: Subject
) -> ReportLinksBody:
    """Addresses of the HTML and PDF that need no sign-in and work for five minutes."""
    if subject == OPERATIONS:
        require(principal, Action.READ, _SHARED, "report")
        found = _operations_reports(services, session_date)
    else:
        portfolio = visible_portfolio(services.book, principal, subject)
        found = list(services.records.find(portfolio.tenant, session_date, RecordKind.REPORT, portfolio.portfolio_id))
    if not found:
        raise NotFound("no such report")
    record = found[-1]
    return ReportLinksBody(
        **_report(record, subject).model_dump(),
        html=operations.documents.link(str(record.body["html"]), LINK_SECONDS),
        pdf=operations.documents.link(str(record.body["pdf"]), LINK_SECONDS),
        expires_in_seconds=LINK_SECONDS,
    )
