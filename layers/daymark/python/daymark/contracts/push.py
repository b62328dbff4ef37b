"""Messages of the WebSocket channel, version 1: plain JSON text, both directions.

**From the client**; ``id`` (optional, at most 64 visible characters) is the client's own name for the message and comes back in
the answer. A message has at most 4,096 bytes::

    {"version": 1, "action": "subscribe", "channel": "day/2018-02-05", "id": "1"}
    {"version": 1, "action": "unsubscribe", "channel": "day/2018-02-05"}
    {"version": 1, "action": "ping"}

**To the client**; each names its ``type``::

    {"version": 1, "type": "snapshot", "channel": "day/2018-02-05", "sequence": 12, "phases": [<phase>, ...], "id": "1"}
    {"version": 1, "type": "progress", "channel": "day/2018-02-05", "sequence": 14, "phases": [<phase>, ...]}
    {"version": 1, "type": "unsubscribed", "channel": "day/2018-02-05"}
    {"version": 1, "type": "pong"}
    {"version": 1, "type": "expired"}
    {"version": 1, "type": "error", "error": {"code": "not_found", "message": "...", "field": "message.channel", "context": {}}}

A phase is ``{"run_id": "2018-02-05/MARKET_CLOSE#1", "status": "RUNNING", "tasks": [{"task", "status", "try"}, ...]}``.

Snapshots and updates carry a channel's whole state, so a message that never came is made good by the next. They may overtake
each other: keep the one with the highest ``sequence`` and drop the rest. After ``expired`` the connection is closed; the
client signs in again, takes a new ticket and subscribes anew. After ``error`` the connection stays. The gateway closes a
connection after ten minutes of silence, which a ping breaks, and after two hours in any case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daymark.contracts.phases import VERSION, Fields
from daymark.core.errors import Conflict, DaymarkError, InvalidInput, NotFound, Unavailable

MAX_MESSAGE_BYTES = 4096
_ID = re.compile(r"[\x21-\x7e]{1,64}")


class ClientAction(StrEnum):
    """What a client may ask for."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    PING = "ping"


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """One message of a client; ``channel`` is empty for a ping."""

    action: ClientAction
    channel: str = ""
    message_id: str | None = None


class BadMessage(InvalidInput):
    """A client's message that cannot be read; ``message_id`` is its name as far as that could be."""

    def __init__(self, message: str, *, field: str | None = None, message_id: str | None = None, **context: Any) -> None:
        super().__init__(message, field=field, **context)
        self.message_id = message_id


def read_message(text: str) -> ClientMessage:
    """Read a client's message.

    Raises:
        BadMessage: it is too long, no JSON object, of another version, or a field is missing or wrong; the field is named.

    >>> read_message('{"version": 1, "action": "ping", "id": "7"}')
    ClientMessage(action=<ClientAction.PING: 'ping'>, channel='', message_id='7')
    >>> read_message('{"version": 1, "action": "shout"}')
    Traceback (most recent call last):
    daymark.contracts.push.BadMessage: message.action must be one of subscribe, unsubscribe, ping, got 'shout'
    """
    message_id: str | None = None
    try:
        document = _parsed(text)
        if isinstance(document, Mapping):
            message_id = _message_id(document)
        fields = Fields.of(document, "message")
        if not fields.has("version"):
            raise fields.refused("version", str(VERSION))
        try:
            action = ClientAction(fields.text("action"))
        except ValueError:
            raise fields.refused("action", f"one of {', '.join(ClientAction)}") from None
        channel = "" if action is ClientAction.PING else fields.text("channel")
    except InvalidInput as refused:
        raise BadMessage(refused.message, field=refused.field, message_id=message_id, **refused.context) from None
    return ClientMessage(action, channel, message_id)


def _parsed(text: str) -> object:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_MESSAGE_BYTES:
        raise InvalidInput(f"a message has at most {MAX_MESSAGE_BYTES} bytes", field="message", limit=MAX_MESSAGE_BYTES)
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("message must be JSON", field="message") from None
    return document


def _message_id(document: Mapping[str, Any]) -> str | None:
    given = document.get("id")
    if given is None:
        return None
    if not isinstance(given, str) or _ID.fullmatch(given) is None:
        raise InvalidInput("message.id must be 1 to 64 visible ASCII characters", field="message.id")
    return given


def state_message(kind: str, channel: str, sequence: int, body: Mapping[str, Any], message_id: str | None = None) -> str:
    """A snapshot or an update of a channel."""
    return _text(kind, message_id, {"channel": channel, "sequence": sequence, **body})


def unsubscribed_message(channel: str, message_id: str | None = None) -> str:
    """The channel sends nothing more."""
    return _text("unsubscribed", message_id, {"channel": channel})


def pong_message(message_id: str | None = None) -> str:
    """The answer to a ping."""
    return _text("pong", message_id, {})


def expired_message() -> str:
    """The token behind the connection has expired; the connection is about to be closed."""
    return _text("expired", None, {})


def error_message(error: DaymarkError, message_id: str | None = None) -> str:
    """An error as the client may know it: what its message got wrong, or that something on our side did."""
    match error:
        case NotFound():
            document = NotFound("there is no such channel, or none that you may see", field="message.channel").as_document()
        case InvalidInput() | Conflict():
            document = error.as_document()
        case Unavailable():
            document = Unavailable("this did not work just now; send the message again").as_document()
        case _:
            document = {"code": "internal", "message": "something went wrong on our side", "field": None, "context": {}}
    return _text("error", message_id, {"error": dict(document)})


def _text(kind: str, message_id: str | None, members: Mapping[str, Any]) -> str:
    document: dict[str, Any] = {"version": VERSION, "type": kind, **members}
    if message_id is not None:
        document["id"] = message_id
    return json.dumps(document, allow_nan=False, separators=(",", ":"))
