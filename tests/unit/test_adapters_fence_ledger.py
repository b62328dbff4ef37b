"""The stored ledger's arithmetic: how many calls, how large each, how many at once."""

from __future__ import annotations

import re
from collections import Counter
from threading import Barrier, Lock

import pytest

from daymark.adapters.dynamodb.fence_ledger import ITEMS_PER_SCOPE, KEYS_PER_UPDATE, DynamoFenceLedger, claim_update, place_of
from daymark.adapters.rows import fingerprint
from daymark.core.errors import InvalidInput
from daymark.core.fence import Fence
from tests.properties.fence_table import FenceTable

SCOPE = "2018-02-05/MARKET_CLOSE"


def keys(count: int) -> dict[str, str]:
    return {f"TENANT#northstar#PORTFOLIO#P{number} MARK#2018-02-05": fingerprint(str(number)) for number in range(count)}


@pytest.mark.parametrize("epoch", [1, 2, 10**9])
def test_a_full_update_stays_inside_the_services_limits(epoch: int):
    """The service takes 4,096 bytes of an expression and 300 operators and functions, here counted over both together."""
    update = claim_update(keys(KEYS_PER_UPDATE), Fence(SCOPE, "ap-southeast-2", epoch))
    expressions = update["UpdateExpression"], update["ConditionExpression"]
    assert all(len(expression.encode()) <= 4096 for expression in expressions)
    assert len(re.findall(r"=|<|>|\bAND\b|\bOR\b|attribute_not_exists", " ".join(expressions))) <= 300
    assert sum(name.startswith("claim_") for name in update["ExpressionAttributeNames"].values()) == KEYS_PER_UPDATE


def test_ten_thousand_keys_take_a_bounded_number_of_calls_and_each_its_claim():
    table = FenceTable()
    ledger, batch = DynamoFenceLedger("fence", table, workers=1), keys(10_000)
    fence = ledger.open(SCOPE, "us-east-1")
    assert table.calls == 1
    for claimed in (10_000, 0):  # the second time all are repeats
        table.calls, table.claims = 0, []
        ledger.claim(batch, fence)
        assert len(table.claims) == claimed
        # An item's keys leave at most one update that is not full.
        assert table.calls <= ITEMS_PER_SCOPE + 10_000 // KEYS_PER_UPDATE
    table.calls = 0
    ledger.open(SCOPE, "us-west-2")
    assert table.calls == ITEMS_PER_SCOPE


def test_keys_spread_evenly_over_a_scopes_items():
    held = Counter(map(place_of, keys(50_000)))
    # 781 to an item; the binomial deviation is 28, and five of them leave room for an unlucky item.
    assert set(held) == set(range(ITEMS_PER_SCOPE))
    assert all(abs(count - 50_000 / 64) < 5 * 28 for count in held.values())


class Meeting:
    """A client whose calls wait until so many are under way together; the first call, which decides the epoch, is alone."""

    def __init__(self, parties: int) -> None:
        self.barrier, self.lock = Barrier(parties, timeout=60), Lock()
        self.under_way, self.most, self.calls = 0, 0, 0

    def update_item(self, **call: object) -> dict[str, object]:
        with self.lock:
            self.calls += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        if "ReturnValues" not in call:
            self.barrier.wait()
        with self.lock:
            self.under_way -= 1
        return {"Attributes": {"epoch": {"N": "2"}}}


def test_a_scopes_items_are_written_several_at_once_but_never_more_than_there_are_workers():
    client = Meeting(3)  # 63 items beside the first: 21 meetings of three
    DynamoFenceLedger("fence", client, workers=3).open(SCOPE, "us-east-1")
    assert (client.calls, client.most) == (64, 3)


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_refused(workers: int):
    with pytest.raises(InvalidInput) as refused:
        DynamoFenceLedger("fence", Meeting(1), workers=workers)
    assert refused.value.field == "workers"
