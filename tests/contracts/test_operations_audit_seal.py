"""The audit seal over every store: what is gone, cut off, edited or taken away behind the adapters' backs is noticed."""

from __future__ import annotations

import json

import pytest

from daymark.core.audit import canonical_json
from tests.contracts.audit_day import CLOSE, PRE, SEAL, ended_day


@pytest.fixture
def day(backend):
    return ended_day(backend)


def test_a_chain_that_is_gone_or_cut_off_is_not_sealed_until_it_is_whole_again(day):
    pre, close = day.chain(PRE), day.chain(CLOSE)
    day.write_chain(PRE, [])
    assert "2018-02-05/PRE_MARKET lacks the entry of check_limits" in day.failure(day.seal())["message"]
    day.write_chain(PRE, pre)
    day.write_chain(CLOSE, close[:-1])
    assert "2018-02-05/MARKET_CLOSE lacks the entry of mark_portfolios" in day.failure(day.seal(2))["message"]
    assert day.recorded() == [] and day.backend.documents.keys("seals/northstar/2018-02-05/") == []
    day.write_chain(CLOSE, close)
    assert day.seal(3).report.warnings == ()
    assert [record.attempt for record in day.recorded()] == [3]


def test_a_seal_that_was_made_is_held_to_by_record_document_and_chain(day):
    assert day.seal().report.warnings == ()
    (record,) = day.recorded()
    content, chain = day.backend.documents.get(SEAL), day.chain(PRE)
    assert record.body["key"] == SEAL
    day.write_record({**record.body, "entries": 9})
    assert day.failure(day.seal(2))["field"] == "seal"
    day.write_record(record.body)
    day.write_document(canonical_json({**json.loads(content), "attempt": 7}).encode())
    assert day.failure(day.seal(3))["field"] == "seal"
    day.write_document(content)
    day.write_chain(PRE, chain[:-1])
    assert day.failure(day.seal(4))["field"] == "audit_chain"
    day.write_chain(PRE, chain)
    assert day.seal(5).report.warnings == ()
    assert [found.attempt for found in day.recorded()] == [1, 5]
