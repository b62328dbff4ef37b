"""Market data: daily prices with their provenance, and the gate that keeps bad ones out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daymark.market_data.ingest import Ingest, Outlets
    from daymark.market_data.labels import PriceLabel
    from daymark.market_data.models import ClosingPrice, Defect, PricePanel, QualityFinding, Severity
    from daymark.market_data.ports import PriceArchive
    from daymark.market_data.price_desk import GatedCloses, PriceDesk
    from daymark.market_data.quality import gate_closes
    from daymark.market_data.regime import read_regime
    from daymark.market_data.session_ingest import SessionIngest
    from daymark.market_data.stream_ports import HotQuote, HotQuoteStore
    from daymark.market_data.tick_ports import PutRecord, PutResult, TickStream
    from daymark.market_data.tick_producer import TickProducer
    from daymark.market_data.tick_producer_models import Overload, ProducerClosed, ProducerCounts, ProducerLimits
    from daymark.market_data.tick_replay import TickReplay, replay_closes
    from daymark.market_data.tick_session import TickSession
    from daymark.market_data.tick_shards import TickShards

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
    "HotQuote": "stream_ports",
    "HotQuoteStore": "stream_ports",
    "Ingest": "ingest",
    "Outlets": "ingest",
    "Overload": "tick_producer_models",
    "ProducerClosed": "tick_producer_models",
    "ProducerCounts": "tick_producer_models",
    "ProducerLimits": "tick_producer_models",
    "PutRecord": "tick_ports",
    "PutResult": "tick_ports",
    "SessionIngest": "session_ingest",
    "TickProducer": "tick_producer",
    "TickReplay": "tick_replay",
    "TickSession": "tick_session",
    "TickShards": "tick_shards",
    "TickStream": "tick_ports",
    "replay_closes": "tick_replay",
}

__all__ = [
    "ClosingPrice",
    "Defect",
    "GatedCloses",
    "HotQuote",
    "HotQuoteStore",
    "Ingest",
    "Outlets",
    "Overload",
    "PriceArchive",
    "PriceDesk",
    "PriceLabel",
    "PricePanel",
    "ProducerClosed",
    "ProducerCounts",
    "ProducerLimits",
    "PutRecord",
    "PutResult",
    "QualityFinding",
    "SessionIngest",
    "Severity",
    "TickProducer",
    "TickReplay",
    "TickSession",
    "TickShards",
    "TickStream",
    "gate_closes",
    "read_regime",
    "replay_closes",
]


def __getattr__(name: str) -> Any:
    """The public name from its own module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
