"""Settings of the book's API."""

from __future__ import annotations

from collections.abc import Mapping

from daymark.adapters.rate_settings import RateSettings


class BookApiSettings(RateSettings):
    """The tables it reads, the secret that signs its cursors, and whose ID tokens it accepts (app client by issuer)."""

    book_table: str
    operations_table: str
    identity_clients: Mapping[str, str]
    cursor_secret: str
