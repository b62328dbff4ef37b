"""Two messages of one connection meet on its row: the loser tries again so many times, waiting in between, and then says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from daymark.adapters.dynamodb import connections
from daymark.adapters.dynamodb.connections import DynamoConnections
from daymark.core.errors import Unavailable
from daymark.core.tenancy import Principal, Role
from daymark.monitoring.models import Connection, Topic

NOW = datetime(2018, 2, 5, 21, tzinfo=UTC)
CONNECTION = Connection("c1", Principal("risk.ray.northstar", "northstar", Role.RISK), NOW + timedelta(hours=1), NOW)
MONDAY = Topic("day", "shared", "2018-02-05")


class Contended:
    """A client whose first transactions meet another one."""

    def __init__(self, times: int) -> None:
        self.left, self.calls = times, []

    def transact_write_items(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        self.left -= 1
        if self.left >= 0:
            answer: Any = {
                "Error": {"Code": "TransactionCanceledException", "Message": "no"},
                "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
            }
            raise ClientError(answer, "TransactWriteItems")
        return {}


@pytest.fixture
def waits(monkeypatch):
    waited = []
    monkeypatch.setattr(connections, "wait_before", waited.append)
    return waited


@pytest.mark.parametrize("times", [0, 1, 4])
def test_what_meets_another_transaction_is_tried_again_as_it_was(waits, times):
    client = Contended(times)
    DynamoConnections("connections", client).subscribe(CONNECTION, MONDAY, 5)
    assert client.calls == [client.calls[0]] * (times + 1)
    assert waits == list(range(1, times + 1))


def test_after_the_fifth_time_it_is_unavailable(waits):
    client = Contended(99)
    with pytest.raises(Unavailable):
        DynamoConnections("connections", client).unsubscribe("c1", MONDAY)
    assert (len(client.calls), waits) == (5, [1, 2, 3, 4])
