"""Messages of the WebSocket channel, version 1: plain JSON text, both directions.

**From the client**; ``id`` (optional, at most 64 visible characters) is the client's own name for the message and comes back in
the answer. A message has at most 4,096 bytes::

    {"version": 1, "action": "subscribe", "channel": "day/2018-02-05", "id": "1"}
    {"version": 1, "action": "subscribe", "channel": "portfolio/NS-P01", "resume": "7-1042"}
    {"version": 1, "action": "unsubscribe", "channel": "day/2018-02-05"}
    {"version": 1, "action": "ping"}

**To the client**; each names its ``type``::

    {"version": 1, "type": "snapshot", "channel": "day/2018-02-05", "sequence": 12, "phases": [<phase>, ...], "id": "1"}
    {"version": 1, "type": "progress", "channel": "day/2018-02-05", "sequence": 14, "phases": [<phase>, ...]}
    {"version": 1, "type": "snapshot", "channel": "portfolio/NS-P01", "sequence": 1042, "resume": "7-1042", <portfolio>, "id": "1"}
    {"version": 1, "type": "delta", "channel": "portfolio/NS-P01", "since": 1042, "sequence": 1050, "resume": "7-1050", <changes>}
    {"version": 1, "type": "updates", "updates": [<snapshot or delta>, ...]}
    {"version": 1, "type": "unsubscribed", "channel": "day/2018-02-05"}
    {"version": 1, "type": "pong"}
    {"version": 1, "type": "expired"}
    {"version": 1, "type": "error", "error": {"code": "not_found", "message": "...", "field": "message.channel", "context": {}}}

After ``expired`` the connection is closed; the client signs in again, takes a new ticket and subscribes anew. After ``error`` the
connection stays; one that names a ``channel`` and answers nothing says that this channel sends nothing more. The gateway closes a
connection after ten minutes of silence, which a ping breaks, and after two hours in any case.

**Day channels** carry their whole state in every message, so one that never came is made good by the next. They may overtake each
other: keep the one with the highest ``sequence`` and drop the rest. A phase is ``{"run_id": "2018-02-05/MARKET_CLOSE#1", "status":
"RUNNING", "tasks": [{"task", "status", "try"}, ...]}``.

**Live channels**, ``portfolio/<id>`` and ``symbol/<id>``, send a snapshot and then what changed. One message of type ``updates`` brings
what changed in several channels of a connection, each as a ``snapshot`` or ``delta`` without ``version``. A client keeps of each channel
a state, its ``sequence`` and its ``resume``, over its connections too, and follows four rules:

1. A snapshot whose ``sequence`` is not below its own, or that says ``"restart": true``, replaces its state. Another is dropped.
2. A delta with ``since <= own sequence < sequence`` is merged into the state by RFC 7396: members replace, objects merge, ``null`` removes.
3. A delta whose ``sequence`` is not above its own is dropped.
4. Any other delta shows a gap: subscribe again, with the own ``resume`` if there is one. So does a client that connects anew; the
   answer is a delta where that is enough, else a snapshot.

A portfolio; money is decimal text, ratios are numbers, a member that has no value is absent::

    {"live": true, "session_date": "2018-02-05", "as_of": "2018-02-05T15:30:00.123456789Z", "synthetic_ticks": true,
     "value": "104523.10", "cash": "6696.47", "profit_and_loss": "-310.25", "high_water": "110000.00", "drawdown": -0.04979,
     "classes": {"equity": {"value": "97826.63", "weight": 0.936, "target": 0.9, "drift": 0.036}}}

``profit_and_loss`` is of the session, external flows left out. ``as_of`` is the latest tick that went in; where only time went on,
nothing is sent. A symbol::

    {"live": true, "session_date": "2018-02-05", "as_of": "2018-02-05T15:30:00.12Z", "synthetic_ticks": true, "bid": "37.09",
     "ask": "37.10", "price": "37.094", "publishers": 3, "reference": "38.02", "change": -0.02436}

``price`` is the last trade, ``reference`` the official close of the session before, ``change`` the one against the other. What is not
in the session is ``{"live": false}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daymark.contracts.phases import VERSION, Fields
from daymark.core.errors import Conflict, DaymarkError, InvalidInput, NotFound, Unavailable

MAX_MESSAGE_BYTES = 4096
# One frame of the gateway: a longer message would be cut into several.
MAX_UPDATES_BYTES = 32 * 1024
_ID = re.compile(r"[\x21-\x7e]{1,64}")
_RESUME = re.compile(r"(0|[1-9][0-9]{0,4})-(0|[1-9][0-9]{0,18})")


class ClientAction(StrEnum):
    """What a client may ask for."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    PING = "ping"


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """Where a client stands in a live channel: the bucket whose board shows it, and the board's revision.

    >>> ResumeToken(7, 1042).text, ResumeToken.parse("7-1042")
    ('7-1042', ResumeToken(bucket=7, revision=1042))
    """

    bucket: int
    revision: int

    @property
    def text(self) -> str:
        """The token as clients keep it."""
        return f"{self.bucket}-{self.revision}"

    @classmethod
    def parse(cls, text: str) -> ResumeToken:
        """Read a :attr:`text` back.

        Raises:
            InvalidInput: it is none; the field is ``message.resume``.
        """
        match = _RESUME.fullmatch(text)
        if match is None:
            raise not_resumable()
        return cls(int(match[1]), int(match[2]))


def not_resumable() -> InvalidInput:
    """The error for a token that is none, or another channel's."""
    return InvalidInput("message.resume must be the token of this channel's last message", field="message.resume")


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """One message of a client; ``channel`` is empty for a ping."""

    action: ClientAction
    channel: str = ""
    message_id: str | None = None
    resume: ResumeToken | None = None


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
    ClientMessage(action=<ClientAction.PING: 'ping'>, channel='', message_id='7', resume=None)
    >>> read_message('{"version": 1, "action": "shout"}')
    Traceback (most recent call last):
    daymark.contracts.push.BadMessage: message.action must be one of subscribe, unsubscribe, ping
    """
    message_id: str | None = None
    try:
        document = _parsed(text)
        if isinstance(document, Mapping):
            message_id = _message_id(document)
        fields = Fields.of(document, "message", echoes=False)
        if not fields.has("version"):
            raise fields.refused("version", str(VERSION))
        try:
            action = ClientAction(fields.text("action"))
        except ValueError:
            raise fields.refused("action", f"one of {', '.join(ClientAction)}") from None
        channel = "" if action is ClientAction.PING else fields.text("channel")
        resume = _resume(fields) if action is ClientAction.SUBSCRIBE else None
    except InvalidInput as refused:
        raise BadMessage(refused.message, field=refused.field, message_id=message_id, **refused.context) from None
    return ClientMessage(action, channel, message_id, resume)


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


def _resume(fields: Fields) -> ResumeToken | None:
    return ResumeToken.parse(fields.text("resume")) if fields.has("resume") else None


def state_message(kind: str, channel: str, sequence: int, body: Mapping[str, Any], message_id: str | None = None) -> str:
    """A snapshot or an update of a channel that carries its whole state."""
    return _text(kind, message_id, {"channel": channel, "sequence": sequence, **body})


def live_members(
    channel: str, sequence: int, body: Mapping[str, Any], *, since: int | None, resume: str | None, restart: bool
) -> dict[str, Any]:
    """A snapshot, or with ``since`` a delta, of a channel, as it stands in its own message or among ``updates``."""
    members: dict[str, Any] = {"type": "snapshot" if since is None else "delta", "channel": channel}
    optional = {"since": since, "sequence": sequence, "resume": resume, "restart": True if restart else None}
    return members | {name: value for name, value in optional.items() if value is not None} | dict(body)


def live_message(members: Mapping[str, Any], message_id: str | None = None) -> str:
    """A snapshot or delta as a message of its own."""
    return _text(members["type"], message_id, {name: value for name, value in members.items() if name != "type"})


def updates_messages(updates: Sequence[str], limit: int = MAX_UPDATES_BYTES) -> Iterator[tuple[int, str]]:
    """As few messages of type ``updates`` as keep to the limit, in order, each with how many updates it brings.

    Args:
        updates: ASCII texts of :func:`live_members`. One that is too long for the limit gets a message of its own.
        limit: Most bytes of a message.

    >>> list(updates_messages(["{}", "{}", "{}"], 50))
    [(2, '{"version":1,"type":"updates","updates":[{},{}]}'), (1, '{"version":1,"type":"updates","updates":[{}]}')]
    """
    start, end = f'{{"version":{VERSION},"type":"updates","updates":[', "]}"
    group: list[str] = []
    size = len(start) + len(end)
    for update in updates:
        if group and size + len(update) + 1 > limit:
            yield len(group), start + ",".join(group) + end
            group, size = [], len(start) + len(end)
        size += len(update) + (1 if group else 0)
        group.append(update)
    if group:
        yield len(group), start + ",".join(group) + end


def update_text(members: Mapping[str, Any]) -> str:
    """One of the ``updates``, as ASCII text."""
    return json.dumps(members, allow_nan=False, separators=(",", ":"))


def unsubscribed_message(channel: str, message_id: str | None = None) -> str:
    """The channel sends nothing more."""
    return _text("unsubscribed", message_id, {"channel": channel})


def pong_message(message_id: str | None = None) -> str:
    """The answer to a ping."""
    return _text("pong", message_id, {})


def expired_message() -> str:
    """The token behind the connection has expired; the connection is about to be closed."""
    return _text("expired", None, {})


def error_message(error: DaymarkError, message_id: str | None = None, channel: str | None = None) -> str:
    """An error as the client may know it: what its message got wrong, or that something on our side did.

    Args:
        error: What happened.
        message_id: The client's name for the message that is answered.
        channel: For one that answers no message: the channel that sends nothing more.
    """
    match error:
        case NotFound():
            document = NotFound("there is no such channel, or none that you may see", field="message.channel").as_document()
        case InvalidInput() | Conflict():
            document = error.as_document()
        case Unavailable():
            document = Unavailable("this did not work just now; send the message again").as_document()
        case _:
            document = {"code": "internal", "message": "something went wrong on our side", "field": None, "context": {}}
    return _text("error", message_id, {"error": dict(document)} | ({} if channel is None else {"channel": channel}))


def _text(kind: str, message_id: str | None, members: Mapping[str, Any]) -> str:
    document: dict[str, Any] = {"version": VERSION, "type": kind, **members}
    if message_id is not None:
        document["id"] = message_id
    return json.dumps(document, allow_nan=False, separators=(",", ":"))
