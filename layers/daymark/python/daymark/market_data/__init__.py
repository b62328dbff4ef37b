"""Market data: daily prices with their provenance, and the gate that keeps bad ones out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daymark.market_data.labels import PriceLabel
    from daymark.market_data.models import ClosingPrice, Defect, PricePanel, QualityFinding, Severity
    from daymark.market_data.ports import PriceArchive
    from daymark.market_data.price_desk import GatedCloses, PriceDesk
    from daymark.market_data.quality import gate_closes
    from daymark.market_data.regime import read_regime

# Names are resolved on first use: a function that only stores prices must not load the numerics.
_HOME = {
    "PriceLabel": "labels",
    "ClosingPrice": "models",
    "Defect": "models",
    "PricePanel": "models",
    "QualityFinding": "models",
    "Severity": "models",
    "PriceArchive": "ports",
    "GatedCloses": "price_desk",
    "PriceDesk": "price_desk",
    "gate_closes": "quality",
    "read_regime": "regime",
}

__all__ = [
    "ClosingPrice",
    "Defect",
    "GatedCloses",
    "PriceArchive",
    "PriceDesk",
    "PriceLabel",
    "PricePanel",
    "QualityFinding",
    "Severity",
    "gate_closes",
    "read_regime",
]


def __getattr__(name: str) -> Any:
    """The public name from its own module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
