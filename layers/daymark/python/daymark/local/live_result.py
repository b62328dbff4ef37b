"""What the live path came to beside one run of the day, as data and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from daymark.core.errors import DaymarkError
from daymark.local.live_check import Difference
from daymark.market_data.ingest_lane import Account
from daymark.market_data.tick_replay import SYNTHETIC_TICKS


class LiveState(StrEnum):
    """What became of a session's ticks in this run."""

    PLAYED = "played"
    PLAYED_BEFORE = "played before"
    NOT_PLAYED = "not played"
    NOT_OPENED = "no live session was opened"
    SUPERSEDED = "a later session is live"


class LiveFailed(DaymarkError):
    """The live path did not come to what the close phase came to; the context names the first portfolio and both figures."""

    code = "live_failed"


@dataclass(frozen=True, slots=True)
class LiveResult:
    """What the live path came to.

    Attributes:
        state: Whether ticks were played.
        label: What the ticks are.
        ticks: Rows sent by this run, in ``records`` records of ``bytes`` bytes.
        account: What became of all rows of the session, this run's and earlier ones'.
        portfolios: How many portfolios were held against the close.
        differences: Every figure of theirs that is not the same.
        trouble: What went wrong on the way; ``None`` when nothing did.
    """

    state: LiveState
    label: str = SYNTHETIC_TICKS
    ticks: int = 0
    records: int = 0
    bytes: int = 0
    account: Account = field(default_factory=Account)
    portfolios: int = 0
    differences: tuple[Difference, ...] = ()
    trouble: str | None = None

    @property
    def equal(self) -> int:
        """How many portfolios have the same figures."""
        return self.portfolios - len({(item.tenant, item.portfolio_id) for item in self.differences})

    def as_document(self) -> dict[str, Any]:
        """The result as plain data; money as text."""
        account = asdict(self.account)
        return {
            "state": self.state.value,
            "label": self.label,
            "ticks": self.ticks,
            "records": self.records,
            "bytes": self.bytes,
            **{name: account[name] for name in ("applied", "coalesced", "quarantined", "repeated")},
            "portfolios": self.portfolios,
            "equal": self.equal,
            "differences": [
                asdict(item) | {name: None if (value := getattr(item, name)) is None else str(value) for name in ("live", "close")}
                for item in self.differences
            ],
            "trouble": self.trouble,
        }

    def failure(self) -> LiveFailed | None:
        """Why a command that ran this day must not end well; ``None`` if it may."""
        for item in self.differences:
            message = f"{item.tenant}/{item.portfolio_id}: live {item.figure} {item.live} is not the close's {item.close}"
            return LiveFailed(message, tenant=item.tenant, portfolio=item.portfolio_id, live=str(item.live), close=str(item.close))
        return None if self.trouble is None else LiveFailed(self.trouble)


def live_lines(document: Mapping[str, Any]) -> list[str]:
    """A result's document in a few lines for people."""
    state = LiveState(document["state"])
    if state is LiveState.SUPERSEDED and document["ticks"]:
        return [f"Live path: {document['ticks']:,} synthetic ticks were played, but {state.value} now: nothing was compared"]
    if state in (LiveState.NOT_OPENED, LiveState.SUPERSEDED):
        return [f"Live path: {state.value}, so no ticks were played"]
    sent = (
        f"{document['ticks']:,} synthetic ticks, {document['records']:,} records" if state is LiveState.PLAYED else f"ticks {state.value}"
    )
    counts = (
        f"{document['applied']:,} became a symbol's latest, {document['coalesced']:,} were superseded by a later one of their record, "
        f"{document['quarantined']:,} quarantined, {document['repeated']:,} repeated"
    )
    lines = [f"Live path: {sent}; {counts}"]
    if document["portfolios"]:
        equal = f"{document['equal']:,} of {document['portfolios']:,} portfolios"
        lines.append(f"{equal}: live mark and P&L equal the close's, to the cent")
    if document["trouble"]:
        lines.append(f"Live path: {document['trouble']}")
    return lines
