"""The application behind API Gateway: a REST proxy event in, its answer out, and nothing that a caller wrote in a log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from mangum import Mangum
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daymark.http.app import MAX_BODY_BYTES
from daymark.http.problem_details import MEDIA_TYPE, ProblemResponse, internal_error, log_defect, too_large

# The adapter reads a port out of the first two as a number, whatever a caller wrote there; no route asks on which host it is. A length
# is what the body has, and one that is only said would have the framework take a call's answer back after its effect.
_UNREAD = frozenset({"host", "x-forwarded-port", "content-length"})


def behind_gateway(app: FastAPI) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for the application.

    Problem details are named as text, because what the adapter takes for binary it encodes in base64, and the gateway would
    hand that to the caller as it is.
    """
    # It tells every path, and an error with its message: both may hold what nobody else is to read.
    logging.getLogger("mangum.http").disabled = True
    adapter = Mangum(_Contained(app), lifespan="off", text_mime_types=["text/", "application/json", MEDIA_TYPE])

    def answer(event: dict[str, Any], context: Any) -> dict[str, Any]:
        if _is_too_large(event.get("body") or ""):
            return _as_answer(too_large())
        readable = _without_unread(event)
        try:
            response: dict[str, Any] = adapter(readable, context)
        except UnicodeEncodeError:
            # Half a surrogate pair stands somewhere in the text; nothing of the application has run.
            response = adapter(_whole(readable), context)
        return response

    return answer


def _is_too_large(body: str) -> bool:
    """Whether a body is above the limit: asked before anything runs, because a route without a body never reads one."""
    return len(body) > MAX_BODY_BYTES or len(body.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES


def _as_answer(problem: ProblemResponse) -> dict[str, Any]:
    headers = {"content-type": MEDIA_TYPE}
    body = bytes(problem.body).decode("ascii")
    return {"statusCode": problem.status_code, "headers": headers, "multiValueHeaders": {}, "body": body, "isBase64Encoded": False}


def _without_unread(event: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        part: {name: value for name, value in (event.get(part) or {}).items() if name.lower() not in _UNREAD}
        for part in ("headers", "multiValueHeaders")
    }
    return {**event, **kept}


def _whole(value: Any) -> Any:
    r"""The same with a question mark for each half of a surrogate pair.

    >>> _whole({"path": ["/\ud800x", 1]})
    {'path': ['/?x', 1]}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_whole(name): _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


class _Contained:
    """Ends here what the application raises: it has answered by then, or is answered for as a defect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            # Whoever answered has told it in the log.
            if not begun:
                log_defect(error)
                await internal_error()(scope, receive, send)
