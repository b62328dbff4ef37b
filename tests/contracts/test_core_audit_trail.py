"""AuditTrail: chains that hold, one entry per key."""

from __future__ import annotations

from decimal import Decimal

import pytest

from daymark.adapters.dynamodb.audit_trail import DynamoAuditTrail
from daymark.core.audit import verify
from daymark.core.errors import Conflict, InvalidInput
from tests.contracts.backends import CrashingClient, crash_everywhere
from tests.contracts.samples import DAY

CHAIN = ("northstar", DAY, "MARKET_CLOSE")


def test_entries_follow_each_other_and_the_chain_holds(backend):
    assert list(backend.trail.chain(*CHAIN)) == []
    entries = [backend.trail.append(*CHAIN, f"key {number}", "marked", {"count": number, "ratio": 0.1}) for number in range(12)]
    stored = list(backend.trail.chain(*CHAIN))
    assert stored == entries
    assert [entry.sequence for entry in stored] == list(range(12))
    assert verify(stored, entries[-1].hash) is None


def test_the_same_key_returns_the_entry_that_stands(backend):
    first = backend.trail.append(*CHAIN, "a", "marked", {"x": 1, "y": 2})
    backend.trail.append(*CHAIN, "b", "marked", {})
    assert backend.trail.append(*CHAIN, "a", "marked", {"y": 2, "x": 1}) == first
    for event, body in (("marked", {"x": 2, "y": 2}), ("sealed", {"x": 1, "y": 2})):
        with pytest.raises(Conflict):
            backend.trail.append(*CHAIN, "a", event, body)
    assert len(backend.trail.chain(*CHAIN)) == 2


def test_chains_are_apart(backend):
    for chain in (CHAIN, ("harbor", DAY, "MARKET_CLOSE"), ("northstar", DAY, "MID_DAY")):
        assert backend.trail.append(*chain, "a", "marked", {}).sequence == 0
        assert len(backend.trail.chain(*chain)) == 1


def test_what_is_not_plain_json_is_refused(backend):
    for body in ({"x": Decimal(1)}, {"x": float("nan")}):
        with pytest.raises(InvalidInput):
            backend.trail.append(*CHAIN, "a", "marked", body)
    assert list(backend.trail.chain(*CHAIN)) == []


class Rival(CrashingClient):
    """Another writer appends just before each of this one's first writes."""

    rivals = 0

    def __getattr__(self, name):
        method = super().__getattr__(name)
        if name != "transact_write_items" or self.rivals == 0:
            return method

        def call(**arguments):
            self.rivals -= 1
            self.other.append(*CHAIN, f"rival {self.rivals}", "marked", {})
            return method(**arguments)

        return call


@pytest.mark.parametrize("rivals", [1, 3])
def test_a_writer_that_lost_the_place_takes_the_next(aws, rivals):
    client = Rival(aws.dynamodb, 0, after=False)
    client.other, client.rivals = aws.trail, rivals
    waits: list[int] = []
    trail = DynamoAuditTrail(aws.table("audit"), client, wait=waits.append)
    assert trail.append(*CHAIN, "mine", "marked", {}).sequence == rivals
    assert waits == list(range(1, rivals + 1))
    assert verify(trail.chain(*CHAIN)) is None


def test_a_writer_that_always_loses_gives_up(aws):
    client = Rival(aws.dynamodb, 0, after=False)
    client.other, client.rivals = aws.trail, 99
    trail = DynamoAuditTrail(aws.table("audit"), client, wait=lambda retry: None)
    with pytest.raises(Conflict, match="8 times"):
        trail.append(*CHAIN, "mine", "marked", {})
    assert len(aws.trail.chain(*CHAIN)) == 8


def test_a_crash_anywhere_leaves_one_entry_after_replay(aws):
    def work(backend, subject):
        backend.trail.append(subject, DAY, "MID_DAY", "key", "marked", {})

    def check(backend, subject, done):
        chain = backend.trail.chain(subject, DAY, "MID_DAY")
        assert len(chain) == 1 if done else len(chain) <= 1
        assert verify(chain) is None

    assert crash_everywhere(aws, work, check) == 6
