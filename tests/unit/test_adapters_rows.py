"""What every store asks of its rows before it writes one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace

import pytest

from daymark.adapters.rows import decode_model, document_key, link_seconds, phase_of, require_home_region, unique_contents
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.errors import InvalidInput, StaleFence
from daymark.core.fence import Fence
from daymark.operations.models import OperationPhase

WEEK = 7 * 24 * 60 * 60


@dataclass
class Stored:
    name: str
    counts: list[int]


def test_a_batch_keeps_every_content_under_its_key_and_names_one_twice():
    assert unique_contents([("a", "1"), ("b", "2")]) == {"a": "1", "b": "2"}
    with pytest.raises(InvalidInput, match="holds a twice") as refused:
        unique_contents([("a", "1"), ("b", "2"), ("a", "1")])
    assert (refused.value.field, refused.value.context) == ("key", {"key": "a"})


def test_what_does_not_fit_a_model_is_named_by_its_first_field():
    assert decode_model(Stored, '{"name": "x", "counts": [1]}') == Stored("x", [1])
    with pytest.raises(InvalidInput, match=r"^stored Stored cannot be read: counts\.1: [^\n]+$") as refused:
        decode_model(Stored, '{"name": "x", "counts": [1, "many"]}')
    assert refused.value.field == "counts.1"


def test_a_portfolio_is_written_by_its_home_region_alone():
    portfolio = SimpleNamespace(portfolio_id="NS-P01", home_region="us-west-2")
    require_home_region(portfolio, Fence("book", "us-west-2", 1))
    with pytest.raises(StaleFence, match="at home in us-west-2; us-east-1 may not") as refused:
        require_home_region(portfolio, Fence("book", "us-east-1", 1))
    assert refused.value.field == "home_region"


def test_a_record_is_of_one_of_the_five_phases():
    def record(phase: str) -> DayRecord:
        return DayRecord("northstar", date(2018, 2, 5), phase, RecordKind.DRIFT, "NS-P01", {})

    assert phase_of(record("MID_DAY")) is OperationPhase.MID_DAY
    with pytest.raises(InvalidInput) as refused:
        phase_of(record("LUNCH"))
    assert refused.value.field == "phase"


@pytest.mark.parametrize("key", ["a", "reports/northstar/NS-P01.pdf", "x" * 1024])
def test_a_plain_relative_path_is_a_document_key(key):
    assert document_key(key) == key


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "./a", "a/../b", "x" * 1025, "é" * 513])
def test_any_other_path_is_refused(key):
    with pytest.raises(InvalidInput) as refused:
        document_key(key)
    assert refused.value.field == "key"


@pytest.mark.parametrize("seconds", [1, WEEK])
def test_a_link_lives_a_second_to_a_week(seconds):
    assert link_seconds(seconds) == seconds


@pytest.mark.parametrize("seconds", [-1, 0, WEEK + 1])
def test_a_link_lives_no_other_time(seconds):
    with pytest.raises(InvalidInput) as refused:
        link_seconds(seconds)
    assert refused.value.field == "seconds"
