"""The alarm budget: which kinds of alarm get somebody out of bed, which wait for the morning, and who answers for each.

An alarm's kind is its runbook. What a kind's severity says is where it is told: a ticket is told as it is; the causes of a page are
tickets too, and one composite alarm for each system rings for all of them, so that one failure with twenty symptoms is one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether somebody is called at once."""

    PAGE = "page"
    TICKET = "ticket"


class System(StrEnum):
    """What a page is about. Data first: when it is ill the rest is too, and only data rings. Region last: the world does not reach it."""

    DATA = "data"
    DAY = "day"
    STREAM = "stream"
    PUSH = "push"
    API = "api"
    REGION = "region"


PLATFORM, OPERATIONS, MARKET_DATA, MONITORING = (
    "platform engineering",
    "operations engineering",
    "market data engineering",
    "monitoring engineering",
)


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """What all alarms of one runbook have in common."""

    severity: Severity
    system: System
    owner: str


_PAGE, _TICKET = Severity.PAGE, Severity.TICKET

# By runbook: docs/runbooks/<name>.md.
BUDGET: Mapping[str, AlarmKind] = {
    # The day's work is not done, and clients' figures are late tomorrow morning.
    "phase-absent": AlarmKind(_PAGE, System.DAY, OPERATIONS),
    "phase-failed": AlarmKind(_PAGE, System.DAY, OPERATIONS),
    "phase-timed-out": AlarmKind(_PAGE, System.DAY, OPERATIONS),
    "missed-wake-ups": AlarmKind(_PAGE, System.DAY, OPERATIONS),
    # Live figures stand still, or records are about to be lost.
    "ingest-ticks-late": AlarmKind(_PAGE, System.STREAM, MARKET_DATA),
    "mark-portfolios-late": AlarmKind(_PAGE, System.STREAM, MONITORING),
    "records-given-up": AlarmKind(_PAGE, System.STREAM, MARKET_DATA),
    # Users are turned away.
    "rest-failing": AlarmKind(_PAGE, System.API, PLATFORM),
    "socket-failing": AlarmKind(_PAGE, System.PUSH, MONITORING),
    "region-unreachable": AlarmKind(_PAGE, System.REGION, PLATFORM),
    "table-failing": AlarmKind(_PAGE, System.DATA, PLATFORM),
    # The rest is repaired by retries, or hurts only if it lasts.
    "function-errors": AlarmKind(_TICKET, System.API, PLATFORM),
    "function-throttles": AlarmKind(_TICKET, System.API, PLATFORM),
    "function-duration": AlarmKind(_TICKET, System.API, PLATFORM),
    "concurrency": AlarmKind(_TICKET, System.API, PLATFORM),
    "stream-full": AlarmKind(_TICKET, System.STREAM, MARKET_DATA),
    "cache-full": AlarmKind(_TICKET, System.STREAM, MARKET_DATA),
    "untold-progress": AlarmKind(_TICKET, System.PUSH, MONITORING),
    "untold-marks": AlarmKind(_TICKET, System.PUSH, MONITORING),
    "firewall-blocks": AlarmKind(_TICKET, System.API, PLATFORM),
    "calls-uncounted": AlarmKind(_TICKET, System.API, PLATFORM),
    "rest-slow": AlarmKind(_TICKET, System.API, PLATFORM),
    "table-throttled": AlarmKind(_TICKET, System.DATA, PLATFORM),
    "replica-late": AlarmKind(_TICKET, System.DATA, PLATFORM),
    "copies-late": AlarmKind(_TICKET, System.DATA, PLATFORM),
    "backup-failed": AlarmKind(_TICKET, System.DATA, PLATFORM),
}
