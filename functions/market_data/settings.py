"""Settings of the market data functions, composed per function from what it touches."""

from __future__ import annotations

from daymark.adapters.environment import Settings


class IngestSettings(Settings):
    """The ingest of the ticks stream.

    Attributes:
        ticks_bucket: Where ticks are archived, and what was refused is kept.
        live_bucket: Where sessions are opened, and the lanes' snapshots stand.
        quotes_stream: Name of the stream that quote blocks go to.
        redis_url: Address of the hot quotes.
    """

    region: str
    ticks_bucket: str
    live_bucket: str
    quotes_stream: str
    redis_url: str
