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
from daymark.operations.tasks.context import WHOLE

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
        shared = services.records.find(SHARED_TENANT, session_date, RecordKind.REPORT, WHOLE)
        found += [_report(record, OPERATIONS) for record in shared]
    return sorted(found, key=lambda report: report.subject)


def _report(record: DayRecord, subject: str) -> ReportBody:
    body = record.body
    return ReportBody(
        session_date=record.session_date,
        subject=subject,
        attempt=record.attempt,
        sha256_html=str(body["sha256_html"]),
        sha256_pdf=str(body["sha256_pdf"]),
    )


@router.get("/reports/{session_date}/{subject}", summary="Links to one report")
def read_report(
    principal: CurrentPrincipal, services: CurrentServices, operations: CurrentOperations, session_date: SessionDate, subject: Subject
) -> ReportLinksBody:
    """Addresses of the HTML and PDF that need no sign-in and work for five minutes."""
    if subject == OPERATIONS:
        require(principal, Action.READ, _SHARED, "report")
        owner, recorded = SHARED_TENANT, WHOLE
    else:
        owner, recorded = principal.tenant, visible_portfolio(services.book, principal, subject).portfolio_id
    found = services.records.find(owner, session_date, RecordKind.REPORT, recorded)
    if not found:
        raise NotFound("no such report")
    record = found[-1]
    return ReportLinksBody(
        **_report(record, subject).model_dump(),
        html=operations.documents.link(str(record.body["html"]), LINK_SECONDS),
        pdf=operations.documents.link(str(record.body["pdf"]), LINK_SECONDS),
        expires_in_seconds=LINK_SECONDS,
    )
