"""The real history out of the wheels, and the archive in memory over it."""

from datetime import date

import numpy as np
import pytest

from daymark.contracts.price_files import decode_closes, decode_series, decode_vendor_file, encode_vendor_file
from daymark.core.errors import NotFound, NotPublished, QualityBlocked
from daymark.local import price_history
from daymark.local.price_history import read_columns
from tests.market_data_world import CRASH, history, published, sessions


def test_the_history_holds_every_close_of_the_wheel():
    assert len(sessions()) == 8313  # counted with wc -l, header off
    assert (sessions()[0], sessions()[-1]) == (date(1990, 1, 2), date(2022, 12, 28))
    row = sessions().index(CRASH)
    expected = {name: float(close) for name, close in published(CRASH).items()}
    assert dict(zip(history().block.instrument_ids, history().block.closes[row].tolist(), strict=True)) == expected


def test_blanks_of_the_volatility_index_are_no_values():
    vix = history().series["VIX"]
    assert np.datetime64("2014-01-20") not in vix.dates  # Martin Luther King day stands as '.'
    assert len(vix.dates) == 1305 - 46  # rows less blanks, counted in the file


def test_every_file_decodes_to_what_was_loaded():
    files = dict(history().files([CRASH]))
    assert {key.split("/")[0] for key in files} == {"closes", "series", "vendor"}
    blocks = [decode_closes(files[key], key) for key in sorted(files) if key.startswith("closes/")]
    np.testing.assert_array_equal(np.concatenate([block.closes for block in blocks]), history().block.closes)
    for name, series in history().series.items():
        np.testing.assert_array_equal(decode_series(files[f"series/{name}.csv"], name).values, series.values)
    rows = decode_vendor_file(files["vendor/2018-02-05.csv"], CRASH)
    assert {row.instrument_id: float(row.close) for row in rows} == {name: float(text) for name, text in published(CRASH).items()}


def test_the_archive_never_looks_ahead():
    dates, closes = history().archive().closes(["KO"], CRASH, 3)
    assert dates == (date(2018, 2, 1), date(2018, 2, 2), CRASH)
    assert closes[-1, 0] == float(published(CRASH)["KO"])


def test_a_delivered_file_stands_in_place_of_the_written_one():
    archive = history().archive()
    rows = archive.vendor_file(CRASH)[:2]
    archive.deliver(CRASH, encode_vendor_file(rows))
    assert archive.vendor_file(CRASH) == rows


def test_what_was_never_published_is_named():
    archive = history().archive()
    for saturday_or_later in (date(2018, 2, 3), date(2023, 1, 3)):
        with pytest.raises(NotPublished):
            archive.vendor_file(saturday_or_later)
    with pytest.raises(NotFound) as refusal:
        archive.series("GOLD")
    assert refusal.value.context["known"] == ["AAA", "BAA", "SP500", "VIX"]


def test_a_missing_close_has_no_vendor_row():
    block = history().block
    closes = block.closes[:1].copy()
    closes[0, 3] = np.nan
    rows = price_history.vendor_rows(type(block)(block.sessions[:1], block.instrument_ids, closes), sessions()[0], "USD")
    assert block.instrument_ids[3] not in {row.instrument_id for row in rows}
    assert len(rows) == 19


def test_lines_may_repeat_and_come_in_any_order():
    columns = read_columns("Date,a,b\n2018-02-05,1,.\n2/2/2018,3,4\n\n2018-02-05,1,.\n", "f")
    assert columns.dates.astype(str).tolist() == ["2018-02-02", "2018-02-05"]
    np.testing.assert_array_equal(columns.values, [[3, 4], [1, np.nan]])


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("2018-02-05,2", "f:3"),
        ("2018-02-06,1,2", "f:3"),
        ("2018-02-06", "f:3"),
        ("2018-02-30,1", "f:3"),
        ("13/40/2018,1", "f:3"),
        ("2018-02-06,abc", "f:2018-02-06"),
        ("2018-02-06,inf", "f:2018-02-06"),
    ],
)
def test_a_line_that_cannot_be_read_names_its_place(line: str, place: str):
    with pytest.raises(QualityBlocked) as refusal:
        read_columns(f"Date,a\n2018-02-05,1\n{line}\n", "f")
    assert refusal.value.field == place


def test_a_wheel_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(price_history, "_INDEX", "skfolio/nowhere.csv.gz")
    with pytest.raises(NotFound, match="install requirements"):
        price_history.load_price_history()
