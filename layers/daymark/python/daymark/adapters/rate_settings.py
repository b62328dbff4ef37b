"""Settings of the functions that count a tenant's calls."""

from __future__ import annotations

from collections.abc import Mapping

from daymark.adapters.environment import Settings


class RateSettings(Settings):
    """How many REST calls a tenant may make.

    Attributes:
        rates_table: Where they are counted.
        tenant_rates: Calls in a window: of any tenant by ``read`` and ``effect``, of one by ``<tenant>/read`` and ``<tenant>/effect``.
        tenant_window_seconds: The window.
    """

    region: str
    rates_table: str
    tenant_rates: Mapping[str, int]
    tenant_window_seconds: int
