"""Tickets: kept until they are taken or expire, and taken by one caller at most."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from daymark.core.errors import Conflict
from daymark.core.tenancy import Principal, Role
from daymark.monitoring.models import Grant

NOW = datetime(2018, 2, 5, 21, tzinfo=UTC)
CLIENT = Grant(Principal("client.ada.northstar", "northstar", Role.CLIENT, "H-1"), NOW + timedelta(hours=1, microseconds=7))
RISK = Grant(Principal("risk.ray.northstar", "northstar", Role.RISK), NOW + timedelta(minutes=5))


def test_a_ticket_is_taken_once_and_stands_for_exactly_what_it_was_put_for(backend):
    backend.tickets.put("aa", CLIENT, NOW + timedelta(seconds=30))
    backend.tickets.put("bb", RISK, NOW + timedelta(seconds=30))
    assert backend.tickets.take("aa", NOW) == CLIENT
    assert backend.tickets.take("aa", NOW) is None
    assert backend.tickets.take("bb", NOW + timedelta(seconds=29)) == RISK


def test_there_is_no_ticket_that_was_never_put(backend):
    assert backend.tickets.take("aa", NOW) is None


@pytest.mark.parametrize("seconds", [30, 31, 3600])
def test_an_expired_ticket_is_none_although_its_row_may_still_stand(backend, seconds):
    backend.tickets.put("aa", CLIENT, NOW + timedelta(seconds=30))
    assert backend.tickets.take("aa", NOW + timedelta(seconds=seconds)) is None


def test_a_digest_is_put_once(backend):
    backend.tickets.put("aa", CLIENT, NOW + timedelta(seconds=30))
    with pytest.raises(Conflict):
        backend.tickets.put("aa", RISK, NOW + timedelta(seconds=30))
    assert backend.tickets.take("aa", NOW) == CLIENT


def test_of_many_that_show_one_ticket_one_gets_it(racing):
    for number in range(5):
        racing.tickets.put(f"t{number}", RISK, NOW + timedelta(seconds=30))
        with ThreadPoolExecutor(8) as racers:
            got = list(racers.map(lambda _racer, name=f"t{number}": racing.tickets.take(name, NOW), range(8)))
        assert sorted(grant is not None for grant in got) == [False] * 7 + [True]


def test_the_table_knows_when_a_ticket_ends(aws):
    aws.tickets.put("aa", CLIENT, NOW + timedelta(seconds=30))
    (item,) = aws.dynamodb.scan(TableName=aws.table("connections"))["Items"]
    assert item["pk"] == {"S": "TICKET#aa"}
    assert item["expires_at"] == {"N": str(int(NOW.timestamp()) + 30)}
