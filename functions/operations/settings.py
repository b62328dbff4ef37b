"""Settings of the operations functions, composed per function from what it touches."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from daymark.adapters.environment import Settings
from daymark.adapters.rate_settings import RateSettings


class PhaseSettings(Settings):
    """What every step of a run needs: the run journal and the fence."""

    region: str
    operations_table: str
    fence_table: str


class StepSettings(PhaseSettings):
    """A step that writes the journal: it tells on the event bus that the run went on."""

    event_bus: str


class TaskSettings(PhaseSettings):
    """What every task needs besides: the book and the audit trail."""

    book_table: str
    audit_table: str


class PriceSettings(TaskSettings):
    """A task that reads the vendor's prices."""

    prices_bucket: str


class DocumentSettings(TaskSettings):
    """A task that reads or writes files."""

    documents_bucket: str


class SealSettings(TaskSettings):
    """The task that seals: its seals stand in a bucket of their own, where nothing can be replaced or deleted."""

    seals_bucket: str


class ReportSettings(PriceSettings, DocumentSettings):
    """A task that writes files about prices."""


class LiveSessionSettings(PriceSettings):
    """The task that opens a session's live streams.

    Attributes:
        live_bucket: Where sessions are opened and the buckets' books stand.
        tick_groups: Over how many partition keys symbols are spread.
        portfolio_buckets: Over how many buckets portfolios are spread.
        tick_publishers: Known publisher numbers, with commas between them.
        synthetic_ticks: Whether the ticks are none that a market made.
    """

    live_bucket: str
    tick_groups: int
    portfolio_buckets: int
    tick_publishers: str = Field(pattern=r"^[0-9]+(,[0-9]+)*$")
    synthetic_ticks: bool


class ApiSettings(PhaseSettings, RateSettings):
    """The operations API: it reads the book and the reports, starts the phase machines and checks who calls.

    Attributes:
        phase_machines: ARN of the state machine of each phase.
        identity_clients: App client by issuer: whose ID tokens are accepted.
        cursor_secret: ARN of the secret that signs the cursors of paged lists.
    """

    book_table: str
    documents_bucket: str
    phase_machines: Mapping[str, str]
    identity_clients: Mapping[str, str]
    cursor_secret: str
