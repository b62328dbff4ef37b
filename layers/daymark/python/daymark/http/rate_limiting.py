"""Every route of a system asks for room in its tenant's window, after who calls is known; every answer tells what is left."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daymark.http.authentication import CurrentPrincipal
from daymark.http.tenant_rates import Allowance, CallKind, TenantRates


def admitted_to(system: str) -> Callable[..., None]:
    """The dependency of a system's routes; whoever is nobody has been refused before it counts."""

    def admit(request: Request, principal: CurrentPrincipal) -> None:
        rates: TenantRates = request.app.state.services.rates
        allowance = rates.ask(principal.tenant, system, CallKind.of(request.method))
        if allowance is not None:
            request.state.allowance = allowance
            allowance.require()

    return admit


class RateLimitHeaders:
    """Puts what is left of the window on every answer, whichever route or error handler made it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            allowance: Allowance | None = scope.get("state", {}).get("allowance")
            if message["type"] == "http.response.start" and allowance is not None:
                left = [(name.lower().encode(), value.encode()) for name, value in allowance.headers().items()]
                message["headers"] = [*message.get("headers", []), *left]
            await send(message)

        await self._app(scope, receive, send_with_headers)
