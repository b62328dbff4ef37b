"""Prices as columns, each with the label that says what it truly is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput
from daymark.market_data.labels import PriceLabel

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PricePanel:
    """Closing prices of many instruments over many sessions.

    Attributes:
        sessions: ``(n_sessions,)`` dates, strictly rising.
        instrument_ids: ``(n_instruments,)`` ids, unique.
        closes: ``(n_sessions, n_instruments)`` float64 in the instrument's currency; NaN where no price was published.
        labels: What each instrument's price is; every id has one.

    An empty panel (no sessions) is allowed and has shape ``(0, n_instruments)``.
    """

    sessions: tuple[date, ...]
    instrument_ids: tuple[str, ...]
    closes: FloatArray
    labels: dict[str, PriceLabel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.closes.shape != (len(self.sessions), len(self.instrument_ids)):
            raise InvalidInput(
                f"closes has shape {self.closes.shape}, expected {(len(self.sessions), len(self.instrument_ids))}", field="closes"
            )
        if any(later <= earlier for earlier, later in zip(self.sessions, self.sessions[1:], strict=False)):
            raise InvalidInput("sessions must be strictly rising", field="sessions")
        if len(set(self.instrument_ids)) != len(self.instrument_ids):
            raise InvalidInput("instrument_ids must be unique", field="instrument_ids")

    def column(self, instrument_id: str) -> FloatArray:
        """The ``(n_sessions,)`` closes of one instrument."""
        if instrument_id not in self.instrument_ids:
            raise InvalidInput(f"no prices for {instrument_id}", field="instrument_id")
        return self.closes[:, self.instrument_ids.index(instrument_id)]


@dataclass(frozen=True, slots=True)
class ClosingPrice:
    """One instrument's price as used to mark a book: exact, dated and labelled.

    ``as_of`` is the session the price belongs to; older than the session asked for when the day's price was quarantined.
    """

    instrument_id: str
    price: Decimal
    as_of: date
    label: PriceLabel


class Severity(StrEnum):
    """Whether a finding stops what depends on the prices, or only marks them."""

    WARN = "warn"
    BLOCK = "block"


class Defect(StrEnum):
    """What can be wrong with a session's closing price."""

    NOT_A_NUMBER = "not_a_number"
    INFINITE = "infinite"
    ZERO = "zero"
    NEGATIVE = "negative"
    SCALE = "scale"  # off by a factor of about 100 or 1/100: pence against pounds
    SPLIT = "split"  # off by a split ratio that was not applied
    JUMP = "jump"  # a move no listed reason explains
    STALE = "stale"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    FUTURE = "future"
    CURRENCY = "currency"


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """One defect of one instrument's price, with the values that prove it."""

    instrument_id: str
    defect: Defect
    severity: Severity
    detail: str
