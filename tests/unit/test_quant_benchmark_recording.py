"""Benchmark rows as files: the schema, the ratio's direction, the machine's name."""

import json
from pathlib import Path

import pytest

from benchmarks.recording import BenchmarkRow, Peer, machine_name, record
from daymark.core.errors import InvalidInput


def row(value: float = 10.0, better: str = "lower", **peers: float) -> BenchmarkRow:
    return BenchmarkRow("r", value, "ms", better, "c", 20.0, {name: Peer(peer, "1.0") for name, peer in peers.items()}, "n")


def test_a_row_is_written_in_the_published_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAYMARK_BENCH_MACHINE", "Desk (R) No. 7")
    path = record("quant", [row(numpy=30.0, loop=50.0)], tmp_path)
    assert path == tmp_path / "desk-no-7" / "quant.json"
    assert json.loads(path.read_text()) == [
        {
            "name": "r",
            "value": 10.0,
            "unit": "ms",
            "better": "lower",
            "claim": "c",
            "limit": 20.0,
            "peers": {"numpy": {"value": 30.0, "version": "1.0"}, "loop": {"value": 50.0, "version": "1.0"}},
            "note": "n",
            "ratio_to_best_peer": 3.0,
        }
    ]


def test_a_ratio_above_one_leads_whichever_way_is_better():
    assert row(10.0, "higher", slow=2.0, fast=5.0).ratio_to_best_peer == 2.0
    assert row(10.0, "lower", slow=9.0, fast=5.0).ratio_to_best_peer == 0.5
    assert row().ratio_to_best_peer is None


def test_a_machine_without_a_given_name_is_named_after_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DAYMARK_BENCH_MACHINE", raising=False)
    assert machine_name().endswith("cores")
    assert set(machine_name()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize("rows", [[], [row(), row()]])
def test_no_rows_and_two_of_one_name_are_refused(rows: list[BenchmarkRow], tmp_path: Path):
    with pytest.raises(InvalidInput):
        record("quant", rows, tmp_path)
    assert list(tmp_path.iterdir()) == []
