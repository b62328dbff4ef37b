"""``/v1/monitoring``: the ticket with which a signed-in user opens the WebSocket.

What may be subscribed to there is decided by entitlement, channel by channel; a ticket alone shows nothing.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from daymark.http.authentication import CurrentPrincipal, TokenExpiry
from daymark.http.monitoring.models import TicketBody
from daymark.http.services import CurrentMonitoring

router = APIRouter(prefix="/v1/monitoring", tags=["monitoring"])


@router.post("/tickets", status_code=201, summary="Get a ticket for the WebSocket")
def issue_ticket(
    principal: CurrentPrincipal, token_expires_at: TokenExpiry, monitoring: CurrentMonitoring, response: Response
) -> TicketBody:
    """A ticket for one connection within 30 seconds, with your rights and for as long as your token is valid.

    It takes no Idempotency-Key: an unused ticket is gone within seconds and changes nothing, so a repeated call may well get
    a second one, and no answer that holds a secret is kept for repeating.
    """
    ticket = monitoring.tickets.issue(principal, token_expires_at)
    response.headers["Cache-Control"] = "no-store"
    return TicketBody(ticket=ticket.text, expires_at=ticket.expires_at, url=monitoring.websocket_url)
