"""What the routes work with: the ports of the systems, chosen once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

from fastapi import Depends, Request

from daymark.core.clock import Clock
from daymark.core.errors import InvalidInput
from daymark.http.authentication import Identity
from daymark.http.pagination import Cursors
from daymark.http.tenant_rates import TenantRates

if TYPE_CHECKING:
    # A function that serves the book alone loads nothing of operations.
    from daymark.book.ports import BookStore, DayRecords, MarkStore
    from daymark.http.idempotency import IdempotencyKeys
    from daymark.monitoring.tickets import TicketDesk
    from daymark.operations.cycle import PhaseCycle
    from daymark.operations.models import RunId
    from daymark.operations.ports import Documents, RunJournal


class PhaseStarter(Protocol):
    """Starts the state machine that drives one run; starting or resuming the same run again is harmless."""

    def start(self, run: RunId, redo: str | None = None) -> str:
        """Start the run's machine and return the execution's address.

        With ``redo``, the run keeps what succeeded in the attempt before, except that task and what depends on it.
        """
        ...

    def resume(self, run: RunId, driver: str | None) -> str:
        """Drive on a run that is open and return the execution's address: the driver's own while it lives, else a new one's."""
        ...


@dataclass(frozen=True, slots=True)
class OperationsServices:
    """The collaborators that only the operations routes have."""

    journal: RunJournal
    cycle: PhaseCycle
    starter: PhaseStarter
    documents: Documents
    keys: IdempotencyKeys


@dataclass(frozen=True, slots=True)
class MonitoringServices:
    """The collaborators that only the monitoring routes have: who issues tickets, and where they are good."""

    tickets: TicketDesk
    websocket_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontServices:
    """The collaborators of every application; ``monitoring`` where those routes are served."""

    identity: Identity
    rates: TenantRates
    clock: Clock
    monitoring: MonitoringServices | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(FrontServices):
    """The collaborators of the routes that read the book; ``operations`` where those are served."""

    book: BookStore
    marks: MarkStore
    records: DayRecords
    cursors: Cursors
    operations: OperationsServices | None = None


def current_monitoring(request: Request) -> MonitoringServices:
    """The app's collaborators for monitoring."""
    front: FrontServices = request.app.state.services
    if front.monitoring is None:
        raise InvalidInput("this application serves no monitoring", field="systems")
    return front.monitoring


def current_services(request: Request) -> Services:
    """The app's collaborators."""
    services: Services = request.app.state.services
    return services


def current_operations(request: Request) -> OperationsServices:
    """The app's collaborators for operations."""
    operations = current_services(request).operations
    if operations is None:
        raise InvalidInput("this application serves no operations", field="systems")
    return operations


CurrentMonitoring = Annotated[MonitoringServices, Depends(current_monitoring)]
CurrentServices = Annotated[Services, Depends(current_services)]
CurrentOperations = Annotated[OperationsServices, Depends(current_operations)]
