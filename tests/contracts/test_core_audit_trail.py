"""AuditTrail: chains that hold, one entry per key, none from a writer whose epoch is over."""

from __future__ import annotations

from decimal import Decimal

import pytest

from daymark.adapters.dynamodb.audit_trail import DynamoAuditTrail
from daymark.adapters.rows import audit_claim, claim_rows, natural_key
from daymark.core.audit import verify
from daymark.core.errors import Conflict, InvalidInput, StaleFence
from tests.contracts.backends import CrashingClient, crash_everywhere
from tests.contracts.samples import DAY

CHAIN = ("northstar", DAY, "MARKET_CLOSE")
SCOPE, REGION = "2018-02-05/MARKET_CLOSE", "us-east-1"


@pytest.fixture
def fence(request):
    """The right to write of the backend that the test uses."""
    used = request.getfixturevalue("aws" if "aws" in request.fixturenames else "backend")
    return used.ledger.open(SCOPE, REGION)


def test_entries_follow_each_other_and_the_chain_holds(backend, fence):
    assert list(backend.trail.chain(*CHAIN)) == []
    entries = [backend.trail.append(*CHAIN, f"key {number}", "marked", {"count": number, "ratio": 0.1}, fence) for number in range(12)]
    stored = list(backend.trail.chain(*CHAIN))
    assert stored == entries
    assert [entry.sequence for entry in stored] == list(range(12))
    assert verify(stored, entries[-1].hash) is None


def test_the_same_key_returns_the_entry_that_stands(backend, fence):
    first = backend.trail.append(*CHAIN, "a", "marked", {"x": 1, "y": 2}, fence)
    backend.trail.append(*CHAIN, "b", "marked", {}, fence)
    assert backend.trail.append(*CHAIN, "a", "marked", {"y": 2, "x": 1}, fence) == first
    for event, body in (("marked", {"x": 2, "y": 2}), ("sealed", {"x": 1, "y": 2})):
        with pytest.raises(Conflict):
            backend.trail.append(*CHAIN, "a", event, body, fence)
    assert len(backend.trail.chain(*CHAIN)) == 2


def test_chains_are_apart(backend, fence):
    for chain in (CHAIN, ("harbor", DAY, "MARKET_CLOSE"), ("northstar", DAY, "MID_DAY")):
        assert backend.trail.append(*chain, "a", "marked", {}, fence).sequence == 0
        assert len(backend.trail.chain(*chain)) == 1


def test_what_is_not_plain_json_is_refused(backend, fence):
    for body in ({"x": Decimal(1)}, {"x": float("nan")}):
        with pytest.raises(InvalidInput):
            backend.trail.append(*CHAIN, "a", "marked", body, fence)
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
            self.other.append(*CHAIN, f"rival {self.rivals}", "marked", {}, self.fence)
            return method(**arguments)

        return call


@pytest.mark.parametrize("rivals", [1, 3])
def test_a_writer_that_lost_the_place_takes_the_next(aws, fence, rivals):
    client = Rival(aws.dynamodb, 0, after=False)
    client.other, client.fence, client.rivals = aws.trail, fence, rivals
    waits: list[int] = []
    trail = DynamoAuditTrail(aws.table("audit"), client, aws.ledger, wait=waits.append)
    assert trail.append(*CHAIN, "mine", "marked", {}, fence).sequence == rivals
    assert waits == list(range(1, rivals + 1))
    assert verify(trail.chain(*CHAIN)) is None


def test_a_writer_that_always_loses_gives_up(aws, fence):
    client = Rival(aws.dynamodb, 0, after=False)
    client.other, client.fence, client.rivals = aws.trail, fence, 99
    trail = DynamoAuditTrail(aws.table("audit"), client, aws.ledger, wait=lambda retry: None)
    with pytest.raises(Conflict, match="8 times"):
        trail.append(*CHAIN, "mine", "marked", {}, fence)
    assert len(aws.trail.chain(*CHAIN)) == 8


def test_a_stale_writer_appends_nothing_not_even_a_repeat(backend, fence):
    backend.trail.append(*CHAIN, "a", "marked", {}, fence)
    current = backend.ledger.open(SCOPE, "us-west-2")
    for key in ("a", "b"):
        with pytest.raises(StaleFence):
            backend.trail.append(*CHAIN, key, "marked", {}, fence)
    assert [entry.key for entry in backend.trail.chain(*CHAIN)] == ["a"]
    # What the earlier driver left is a repeat for its successor.
    assert backend.trail.append(*CHAIN, "a", "marked", {}, current).sequence == 0


def test_a_key_that_was_claimed_but_never_appended_holds_its_content(backend, fence):
    claim = audit_claim(natural_key("CHAIN", *CHAIN[:1], DAY.isoformat(), CHAIN[2]), "a", "marked", {"x": 1})
    claim_rows(backend.ledger, claim, fence)
    with pytest.raises(Conflict):
        backend.trail.append(*CHAIN, "a", "marked", {"x": 2}, fence)
    assert list(backend.trail.chain(*CHAIN)) == []
    assert backend.trail.append(*CHAIN, "a", "marked", {"x": 1}, fence).sequence == 0


def test_a_crash_anywhere_leaves_one_entry_after_replay(aws, fence):
    def work(backend, subject):
        backend.trail.append(subject, DAY, "MID_DAY", "key", "marked", {}, fence)

    def check(backend, subject, done):
        chain = backend.trail.chain(subject, DAY, "MID_DAY")
        assert len(chain) == 1 if done else len(chain) <= 1
        assert verify(chain) is None

    # Claim, look for the key, look for the end, append: each died before and after.
    assert crash_everywhere(aws, work, check) >= 8
