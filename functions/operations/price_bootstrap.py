"""Composition root of the functions that read prices."""

from __future__ import annotations

import os
from functools import cache

from daymark.adapters.dynamodb.client import s3_client
from daymark.adapters.s3.price_archive import S3PriceArchive
from daymark.market_data.price_desk import PriceDesk

from .bootstrap import task_stores
from .settings import PriceSettings


@cache
def price_archive() -> S3PriceArchive:
    """The vendor's archive, publishing under the fence; it keeps the years it has read for the life of the process."""
    settings = PriceSettings.from_environment(os.environ)
    return S3PriceArchive(settings.prices_bucket, s3_client(settings.region), task_stores().fences)


def price_desk() -> PriceDesk:
    """A desk over the instruments as they stand now."""
    stores = task_stores()
    return PriceDesk(price_archive(), stores.book.instruments(), stores.calendar)
