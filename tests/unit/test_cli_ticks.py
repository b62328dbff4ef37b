"""``daymark ticks replay``: files that Databento's own reader takes, counts, and refusals before anything is written."""

from __future__ import annotations

import gzip
import json
from importlib.metadata import distribution
from pathlib import Path

import databento_dbn
import pytest
import zstandard
from typer.testing import CliRunner

from daymark.cli.main import app
from daymark.contracts.dbn import read_dbn
from daymark.contracts.dbn_records import RecordType
from daymark.contracts.ticks import Ticks


def replay(*arguments: str) -> tuple[int, dict]:
    result = CliRunner().invoke(app, ["ticks", "replay", *arguments, "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize("name", ["day.dbn", "day.dbn.zst"])
def test_the_file_is_what_databentos_reader_takes_and_ends_on_the_closes(tmp_path: Path, name: str):
    code, told = replay("2018-02-05", "--out", str(tmp_path / name), "--per-symbol", "250")
    content = (tmp_path / name).read_bytes()
    assert (code, told["ticks"], told["bytes"]) == (0, 5_500, len(content))
    assert told["label"].startswith("synthetic")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    plain = content if name.endswith(".dbn") else zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(content)
    decoder = databento_dbn.DBNDecoder()
    decoder.write(plain)
    metadata, *records = decoder.decode()
    assert (metadata.dataset, str(metadata.schema)) == ("SYNTHETIC.REPLAY", "mbp-1")
    assert len(metadata.symbols) == 22
    assert len(records) == 5_500
    (number,) = [interval["symbol"] for interval in metadata.mappings["AAPL"]]
    apple = [record for record in records if record.instrument_id == int(number)]
    assert len(apple) == 250
    level = apple[-1].levels[0]
    # The adjusted close of AAPL on 5 February 2018 in the published file.
    assert level.bid_px + level.ask_px == 2 * apple[-1].price == 2 * _close_of_apple()
    ours = Ticks.from_mbp1(read_dbn(content).records[RecordType.MBP_1])
    assert [record.ts_event for record in records] == ours.ts_event.tolist()
    assert [record.sequence for record in records] == ours.sequence.tolist()


def _close_of_apple() -> int:
    path = str(distribution("skfolio").locate_file("skfolio/datasets/data/sp500_dataset.csv.gz"))
    header, *lines = gzip.decompress(Path(path).read_bytes()).decode().splitlines()
    (line,) = [line for line in lines if line.startswith("2018-02-05")]
    whole, _, part = line.split(",")[header.split(",").index("AAPL")].partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0"))


def test_without_a_file_ticks_are_counted_at_the_speed_asked_for():
    code, told = replay("2018-07-03", "--speed", "1e9", "--per-symbol", "250")
    assert (code, told["ticks"], told["symbols"], told["out"]) == (0, 5_500, 22, None)
    assert 0 < told["trades"] < 5_500


def test_in_words_it_says_that_the_ticks_are_synthetic():
    result = CliRunner().invoke(app, ["ticks", "replay", "2018-07-03", "--per-symbol", "250"])
    assert result.exit_code == 0
    assert "5,500 ticks of 22 symbols on 2018-07-03" in result.stdout
    assert "synthetic" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        (["2018-02-04"], "not_a_session", "session_date"),
        (["5 Feb 2018"], "invalid_input", "date"),
        (["2019-02-05"], "not_a_session", "date"),
        (["2018-02-05", "--speed", "0"], "invalid_input", "speed"),
        (["2018-02-05", "--speed", "nan"], "invalid_input", "speed"),
        (["2018-02-05", "--speed", "inf"], "invalid_input", "speed"),
        (["2018-02-05", "--per-symbol", "10"], "invalid_input", "ticks_per_symbol"),
        (["2018-02-05", "--out", "day.csv"], "invalid_input", "out"),
        (["2018-02-05", "--out", "missing/day.dbn"], "invalid_input", "out"),
    ],
)
def test_what_cannot_be_replayed_is_refused_and_nothing_is_written(tmp_path: Path, monkeypatch, arguments, code, field):
    monkeypatch.chdir(tmp_path)
    status, told = replay(*arguments)
    assert status == 1
    assert (told["error"]["code"], told["error"]["field"]) == (code, field)
    assert list(tmp_path.iterdir()) == []
