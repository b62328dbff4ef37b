"""The custodian's feed delivers each tenant's statement once, whatever closes are missing that nobody holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from daymark.adapters.dynamodb.client import dynamodb_client, s3_client
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.memory.book_store import MemoryBookStore
from daymark.adapters.s3.documents import S3Documents
from daymark.contracts.price_files import CloseBlock
from daymark.core.errors import QualityBlocked
from daymark.local.custodian_feed import deliver_statements
from daymark.local.sample_people import instruments
from tests.handlers.conftest import REGION, Services
from tests.unit.task_world import MONDAY, history, synthetic_records

KEYS = [f"statements/{tenant}/2018-02-05/0001.csv" for tenant in ("alpha", "beta")]


class Feed:
    """The feed over empty buckets and two synthetic tenants."""

    def __init__(self, services: Services, price_files: list[tuple[str, bytes]]) -> None:
        self.services = services
        self.ledger = DynamoFenceLedger("daymark-fence", dynamodb_client(REGION))
        self.documents = S3Documents("daymark-documents", s3_client(REGION), self.ledger)
        self.book, loading = MemoryBookStore(), self.ledger.open("load", REGION)
        self.book.save_instruments(instruments(), loading)
        for record in synthetic_records():
            self.book.save_record(record, loading)
        for key, content in price_files:
            services.s3.put_object(Bucket="daymark-prices", Key=key, Body=content)

    def deliver(self) -> dict[str, bytes]:
        """Everything that stands after a delivery."""
        deliver_statements(self.book, "daymark-prices", self.documents, self.ledger, MONDAY)
        return {key: self.services.object("documents", key) for key in self.services.keys("documents", "statements/")}


def files(*unpriced: str) -> list[tuple[str, bytes]]:
    """Real prices, and Monday's vendor file; some instruments have had no close since the beginning of 2016."""
    whole = history()
    closes, since = whole.block.closes.copy(), whole.block.sessions > np.datetime64("2016-01-01")
    for name in unpriced:
        closes[since, whole.block.instrument_ids.index(name)] = np.nan
    kept = replace(whole, block=CloseBlock(whole.block.sessions[since], whole.block.instrument_ids, closes[since]))
    return [(key, content) for key, content in kept.files([MONDAY]) if key < "closes/2019" or not key.startswith("closes/")]


def test_a_statement_is_delivered_once_and_never_replaced(services: Services) -> None:
    feed = Feed(services, files())
    first = feed.deliver()
    assert list(first) == KEYS
    services.s3.delete_object(Bucket="daymark-prices", Key=f"vendor/{MONDAY}.csv")
    assert feed.deliver() == first


def test_a_tenant_whose_statement_came_otherwise_keeps_it(services: Services) -> None:
    corrected = "statements/beta/2018-02-05/0002.csv"
    services.s3.put_object(Bucket="daymark-documents", Key=corrected, Body=b"by hand")
    delivered = Feed(services, files()).deliver()
    assert sorted(delivered) == [KEYS[0], corrected]
    assert delivered[corrected] == b"by hand"


def test_what_nobody_holds_may_lack_its_close(services: Services) -> None:
    delivered = Feed(services, files("GE")).deliver()
    assert list(delivered) == KEYS
    assert b"ACC-B1,CASH,,,,6000.00,USD,2018-02-05" in delivered[KEYS[1]]


def test_a_close_of_what_somebody_holds_must_be_there(services: Services) -> None:
    with pytest.raises(QualityBlocked) as blocked:
        Feed(services, files("XOM")).deliver()
    assert blocked.value.field == "XOM"
    assert services.keys("documents", "statements/") == []
