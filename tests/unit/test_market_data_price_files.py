"""The archive's files: what is written is what is read, damage is refused by name, no line is lost."""

import io
import zipfile
from datetime import date

import numpy as np
import pytest

from daymark.contracts.price_files import (
    CloseBlock,
    DailySeries,
    VendorClose,
    closes_key,
    decode_closes,
    decode_official_closes,
    decode_series,
    decode_vendor_file,
    encode_closes,
    encode_official_closes,
    encode_series,
    encode_vendor_file,
    official_key,
    select_closes,
    series_key,
    vendor_key,
)
from daymark.core.errors import InvalidInput, NotPublished, QualityBlocked

DAY = date(2018, 2, 5)
HEADER = b"instrument_id,session_date,close,currency\n"


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


def block(*texts: str, ids: tuple[str, ...] = ("KO", "XOM")) -> CloseBlock:
    closes = np.arange(len(texts) * len(ids), dtype=float).reshape(len(texts), len(ids)) + 40.125
    return CloseBlock(days(*texts), ids, closes)


def test_keys_are_the_published_layout():
    keys = [closes_key(2018), vendor_key(DAY), series_key("VIX"), official_key(DAY, 2)]
    assert keys == ["closes/2018.npz", "vendor/2018-02-05.csv", "series/VIX.csv", "official/2018-02-05/0002.json"]


def test_closes_come_back_bit_for_bit_and_the_same_block_is_the_same_bytes():
    original = block("2018-02-02", "2018-02-05")
    original.closes[0, 1] = np.nan
    content = encode_closes(original)
    again = decode_closes(content, "closes/2018.npz")
    assert again.sessions.astype(str).tolist() == ["2018-02-02", "2018-02-05"]
    assert again.instrument_ids == ("KO", "XOM")
    np.testing.assert_array_equal(again.closes, [[40.125, np.nan], [42.125, 43.125]])
    assert encode_closes(original) == content
    # Not the time of writing, by which the same closes would differ from one minute to the next.
    assert {entry.date_time[:3] for entry in zipfile.ZipFile(io.BytesIO(content)).infolist()} == {(1980, 1, 1)}


@pytest.mark.parametrize("content", [b"", b"not a zip", encode_closes(block("2018-02-05"))[:-40]])
def test_a_damaged_closes_file_is_refused_by_its_key(content: bytes):
    with pytest.raises(QualityBlocked) as refusal:
        decode_closes(content, "closes/2018.npz")
    assert refusal.value.field == "closes/2018.npz"


def test_a_closes_file_without_an_array_or_with_pickled_objects_is_refused():
    for arrays in ({"sessions": days("2018-02-05")}, {"sessions": np.array([object()]), "instrument_ids": ["KO"], "closes": [[1.0]]}):
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        with pytest.raises(QualityBlocked):
            decode_closes(buffer.getvalue(), "closes/2018.npz")


def test_a_block_refuses_shapes_orders_and_ids_that_contradict():
    with pytest.raises(InvalidInput, match="shape"):
        CloseBlock(days("2018-02-05"), ("KO",), np.ones((2, 1)))
    with pytest.raises(InvalidInput, match="rising"):
        CloseBlock(days("2018-02-05", "2018-02-05"), ("KO",), np.ones((2, 1)))
    with pytest.raises(InvalidInput, match="unique"):
        CloseBlock(days("2018-02-05"), ("KO", "KO"), np.ones((1, 2)))


def test_the_last_sessions_are_taken_across_blocks_in_the_order_asked_for():
    blocks = [block("2017-12-28", "2017-12-29"), block("2018-01-02", "2018-01-03", ids=("XOM", "KO"))]
    dates, closes = select_closes(blocks, ["XOM", "NEW", "KO"], date(2018, 1, 2), 2)
    assert dates == (date(2017, 12, 29), date(2018, 1, 2))
    np.testing.assert_array_equal(closes, [[43.125, np.nan, 42.125], [40.125, np.nan, 41.125]])


def test_no_ids_give_dates_and_no_columns():
    dates, closes = select_closes([block("2018-02-02", "2018-02-05")], [], DAY, 2)
    assert len(dates) == 2
    assert closes.shape == (2, 0)


@pytest.mark.parametrize(
    ("through", "count", "field"), [(date(2018, 2, 4), 1, "through"), (date(2018, 2, 1), 1, "through"), (DAY, 3, "sessions")]
)
def test_sessions_that_are_not_there_are_not_published(through: date, count: int, field: str):
    with pytest.raises(NotPublished) as refusal:
        select_closes([block("2018-02-02", "2018-02-05")], ["KO"], through, count)
    assert refusal.value.field == field


def test_an_empty_archive_and_a_count_below_one_are_refused():
    with pytest.raises(NotPublished):
        select_closes([], ["KO"], DAY, 1)
    with pytest.raises(InvalidInput):
        select_closes([block("2018-02-05")], ["KO"], DAY, 0)


def test_a_vendor_file_comes_back_row_for_row_with_its_line_numbers():
    rows = (VendorClose("KO", DAY, "44.870", "USD", 2), VendorClose("XOM", DAY, "NaN", "GBP", 3))
    assert decode_vendor_file(encode_vendor_file(rows), DAY) == rows


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_change_nothing():
    content = b"\xef\xbb\xbf" + HEADER.replace(b"\n", b"\r\n") + b"KO,2018-02-05,44.87,USD\r\n\r\n"
    assert decode_vendor_file(content, DAY) == (VendorClose("KO", DAY, "44.87", "USD", 2),)


@pytest.mark.parametrize(
    ("line", "close"),
    [
        (b"KO,2018-02-05,44.87", "2018-02-05,44.87"),
        (b"KO,2018-02-05,44,87,USD", "2018-02-05,44,87,USD"),
        (b"KO,2018-13-45,44.87,USD", "2018-13-45,44.87,USD"),
        (b"KO", ""),
        (b'KO,"2018-02-05,44.87,USD', '"2018-02-05,44.87,USD'),
    ],
)
def test_a_line_that_cannot_be_split_comes_back_whole_and_spoils_no_other(line: bytes, close: str):
    rows = decode_vendor_file(HEADER + line + b"\nXOM,2018-02-05,79.72,USD\n", DAY)
    assert rows == (VendorClose("KO", DAY, close, "", 2), VendorClose("XOM", DAY, "79.72", "USD", 3))


def test_bytes_that_are_not_utf8_spoil_their_own_line_only():
    rows = decode_vendor_file(HEADER + b"KO,2018-02-05,4\xff.87,USD\nXOM,2018-02-05,79.72,USD\n", DAY)
    assert [row.close for row in rows] == ["4\ufffd.87", "79.72"]


@pytest.mark.parametrize("content", [b"", b"KO,2018-02-05,44.87,USD\n", b"instrument_id,close,session_date,currency\n"])
def test_a_vendor_file_without_its_header_is_refused(content: bytes):
    with pytest.raises(QualityBlocked) as refusal:
        decode_vendor_file(content, DAY)
    assert refusal.value.field == "header"


def test_a_series_comes_back_with_its_source():
    series = DailySeries("VIX", days("2018-02-02", "2018-02-05"), np.array([17.31, 37.32]), "somewhere")
    again = decode_series(encode_series(series), "VIX")
    assert (again.name, again.source, again.values.tolist()) == ("VIX", "somewhere", [17.31, 37.32])
    assert again.dates.astype(str).tolist() == ["2018-02-02", "2018-02-05"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"date,value\n2018-02-05,37.32\n",
        b"# s\ndate,value\n2018-02-05,nan\n",
        b"# s\ndate,value\n2018-02-05,x\n",
        b"# s\ndate,value\n2018-02-05\n",
        b"# s\ndate,value\n2018-02-05,1\n2018-02-05,1\n",
        b"# s\ndate,value\n2018-02-35,1\n",
    ],
)
def test_a_series_file_that_cannot_be_trusted_is_refused(content: bytes):
    with pytest.raises(QualityBlocked) as refusal:
        decode_series(content, "VIX")
    assert refusal.value.field == "series/VIX.csv"


def test_a_series_refuses_lengths_that_differ_and_a_source_of_two_lines():
    with pytest.raises(InvalidInput):
        DailySeries("VIX", days("2018-02-05"), np.array([1.0, 2.0]), "s")
    with pytest.raises(InvalidInput):
        encode_series(DailySeries("VIX", days("2018-02-05"), np.array([1.0]), "s\nt"))


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_official_closes_that_are_no_object_are_refused(content):
    with pytest.raises(InvalidInput) as refusal:
        decode_official_closes(content)
    assert refusal.value.field == "document"


def test_official_closes_are_canonical_and_never_hold_nan():
    assert encode_official_closes({"b": "1.10", "a": [1]}) == b'{"a":[1],"b":"1.10"}'
    with pytest.raises(InvalidInput):
        encode_official_closes({"a": float("nan")})
