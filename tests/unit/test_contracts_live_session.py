"""The documents of the live path, the session, a bucket's book, its board and its event, come back whole or are refused by name."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.bucket_book import BucketBook, book_key, decode_book, encode_book
from daymark.contracts.live_board import LiveBoard, decode_board, encode_board
from daymark.contracts.live_session import LiveSession, bucket_key, bucket_of, decode_live_session, encode_live_session, session_key
from daymark.contracts.marks_moved import MarksMoved, read_marks_moved
from daymark.contracts.packed_arrays import pack, unpack
from daymark.core.errors import InvalidInput

DAY = date(2018, 2, 5)
SESSION = LiveSession(
    session_date=DAY,
    opened_at=datetime(2018, 2, 5, 9, 0, 1, 250, tzinfo=UTC),
    session_start=1_517_841_000_000_000_000,
    session_end=1_517_864_400_000_000_000,
    publishers=(1, 39),
    synthetic=True,
    groups=16,
    references={"KO": 46_080_000_000, "XOM": 79_000_000_000},
    buckets={"KO": (1, 3), "XOM": ()},
    books={1: "books/2018-02-05/bucket-0001-aa", 3: "books/2018-02-05/bucket-0003-bb"},
)


def whole(*numbers):
    return np.array(numbers, np.int64)


BOOK = BucketBook(
    session_date=DAY,
    bucket=3,
    owners=(("harbor", "HB-P01"), ("northstar", "NS-P02")),
    symbols=("BOND-AAA", "KO", "XOM"),
    class_names=("bond", "equity"),
    instruments=whole(0, 1, 1, 2),
    portfolios=whole(0, 0, 1, 1),
    quantities_1e4=whole(1, -2, 3, 2**62),
    classes=whole(0, 1, 1),
    prices_1e4=whole(1_000_000, 460_800, 790_000),
    cash_cents=whole(5, -7),
    opening_cents=whole(100, 200),
    high_water_cents=whole(110, 220),
    targets_1e9=np.array([[4 * 10**8, 6 * 10**8], [0, 10**9]]),
)
BOARD = LiveBoard(
    session_date=DAY,
    bucket=3,
    revision=1042,
    as_of=1_517_841_000_000_000_007,
    synthetic=True,
    position=10**55,
    covered={"ticks-0000": 10**55 + 1, "ticks-0001": 7},
    names=("harbor/HB-P01", "northstar/NS-P02"),
    columns=("value", "cash", "opening"),
    cells=np.arange(6).reshape(3, 2),
    changed=np.arange(6, 12).reshape(3, 2),
    prices_1e4=whole(460_800, 790_000),
)


def same(left, right):
    """Whether every field is the same; arrays by type, shape and bytes."""

    def plain(value):
        return (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value

    return {name: plain(value) for name, value in vars(left).items()} == {name: plain(value) for name, value in vars(right).items()}


def test_a_session_comes_back_and_its_document_is_plain():
    content = encode_live_session(SESSION)
    assert decode_live_session(content) == SESSION
    document = json.loads(content)
    assert (document["version"], document["session_date"], document["groups"]) == (1, "2018-02-05", 16)
    assert document["symbols"] == {
        "KO": {"reference": 46_080_000_000, "buckets": [1, 3]},
        "XOM": {"reference": 79_000_000_000, "buckets": []},
    }
    assert document["books"]["3"] == "books/2018-02-05/bucket-0003-bb"
    turned = replace(SESSION, references=dict(reversed(SESSION.references.items())), books=dict(reversed(SESSION.books.items())))
    assert encode_live_session(turned) == content
    assert session_key(DAY) == "sessions/2018-02-05.json"


def test_a_session_may_start_at_the_first_instant():
    assert replace(SESSION, session_start=0).session_start == 0


def test_the_smallest_price_is_a_reference():
    assert replace(SESSION, references={"KO": 1, "XOM": 1}).references["KO"] == 1


def test_the_market_hears_of_every_symbol():
    assert (SESSION.buckets_to_tell("KO"), SESSION.buckets_to_tell("XOM")) == ((0, 1, 3), (0,))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"opened_at": datetime(2018, 2, 5, tzinfo=UTC).replace(tzinfo=None)}, "opened_at"),
        ({"session_start": 1_517_864_400_000_000_000}, "session_start"),
        ({"session_start": -1}, "session_start"),
        ({"references": {"KO": 1}}, "buckets"),
        ({"references": {"KO": 0, "XOM": 1}}, "references.KO"),
        ({"buckets": {"KO": (1, 2), "XOM": ()}}, "buckets.KO"),
    ],
)
def test_a_session_that_contradicts_itself_is_refused(change, field):
    with pytest.raises(InvalidInput) as refused:
        replace(SESSION, **change)
    assert refused.value.field == field


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_a_session_of_another_version_is_refused(version):
    document = json.loads(encode_live_session(SESSION)) | {"version": version}
    with pytest.raises(InvalidInput) as refused:
        decode_live_session(json.dumps(document).encode())
    assert refused.value.field == "version"


@pytest.mark.parametrize("name", json.loads(encode_live_session(SESSION)))
def test_a_session_without_one_of_its_members_is_refused(name):
    document = json.loads(encode_live_session(SESSION))
    del document[name]
    with pytest.raises(InvalidInput):
        decode_live_session(json.dumps(document).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"7", b'"text"', b"\xff", b"[" * 100_000])
def test_what_is_no_session_is_refused(content):
    with pytest.raises(InvalidInput):
        decode_live_session(content)


def test_a_cut_session_is_refused_and_a_damaged_one_never_crashes():
    """The text has no checksum: a changed digit is another price. Whatever cannot be one is refused, with nothing else raised."""
    content = encode_live_session(SESSION)
    for size in range(len(content)):
        with pytest.raises(InvalidInput):
            decode_live_session(content[:size])
    for place in range(len(content)):
        for byte in b'\x00"e.-9}\xff':
            with suppress(InvalidInput):
                decode_live_session(content[:place] + bytes([byte]) + content[place + 1 :])


def test_an_infinite_number_is_no_price():
    content = encode_live_session(SESSION).replace(b'"reference":46080000000', b'"reference":1e999')
    with pytest.raises(InvalidInput):
        decode_live_session(content)


def test_buckets_are_spread_by_the_digest():
    """SHA-256 of northstar/NS-P01 begins with hexadecimal f: the last of sixteen; of others the first digit plus one."""
    for tenant, portfolio_id in (("northstar", "NS-P01"), ("harbor", "HB-P01")):
        digit = int(hashlib.sha256(f"{tenant}/{portfolio_id}".encode()).hexdigest()[0], 16)
        assert bucket_of(tenant, portfolio_id, 16) == digit + 1
    assert {bucket_of("t", str(number), 3) for number in range(60)} == {1, 2, 3}
    assert (bucket_key(0), bucket_key(10_000)) == ("bucket-0000", "bucket-10000")
    assert {bucket_of("t", str(number), 1) for number in range(9)} == {1}
    assert 1 <= bucket_of("t", "p", 10_000) <= 10_000
    for buckets in (0, 10_001):
        with pytest.raises(InvalidInput):
            bucket_of("t", "p", buckets)


def test_a_book_comes_back_under_a_key_of_its_content():
    content = encode_book(BOOK)
    assert same(decode_book(content), BOOK)
    assert encode_book(decode_book(content)) == content
    assert book_key(DAY, 3, content) == f"books/2018-02-05/bucket-0003-{hashlib.sha256(content).hexdigest()[:16]}"


def test_a_board_comes_back():
    content = encode_board(BOARD)
    assert same(decode_board(content), BOARD)
    assert encode_board(decode_board(content)) == content
    market = replace(BOARD, bucket=0, prices_1e4=whole())
    assert same(decode_board(encode_board(market)), market)
    assert (BOARD.is_market, market.is_market) == (False, True)


@settings(max_examples=60)
@given(st.integers(0, 4), st.integers(0, 3), st.integers(-1, 2**180), st.integers(0, 2**63 - 1), st.data())
def test_any_board_comes_back(rows, width, position, as_of, data):
    numbers = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=rows * width, max_size=rows * width)
    cells, changed = (np.array(data.draw(numbers), np.int64).reshape(width, rows) for _ in range(2))
    names, columns = tuple(f"t/{number}" for number in range(rows)), tuple(f"class:{number}" for number in range(width))
    board = LiveBoard(DAY, 1, 0, as_of, False, position, {}, names, columns, cells, changed)
    assert same(decode_board(encode_board(board)), board)


@pytest.mark.parametrize(("decode", "content"), [(decode_book, encode_book(BOOK)), (decode_board, encode_board(BOARD))])
def test_damage_at_any_byte_is_refused(decode, content):
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(InvalidInput):
            decode(bytes(damaged))
        with pytest.raises(InvalidInput):
            decode(content[:place])


@pytest.mark.parametrize(
    ("decode", "content", "magic", "name"),
    [(decode_book, encode_book(BOOK), b"DMBB", "book"), (decode_board, encode_board(BOARD), b"DMLB", "board")],
)
def test_another_version_kind_or_header_is_refused(decode, content, magic, name):
    header, arrays = unpack(magic, 1, content, name)
    assert same(decode(pack(magic, 1, header, arrays)), decode(content))
    with pytest.raises(InvalidInput) as refused:
        decode(pack(magic, 2, header, arrays))
    assert refused.value.field == f"{name}.version"
    with pytest.raises(InvalidInput) as refused:
        decode(pack(b"DMIS", 1, header, arrays))
    assert refused.value.field == f"{name}.magic"
    for member in header:
        kept = {key: value for key, value in header.items() if key != member}
        for changed in (kept, {**kept, member: None}, {**kept, member: {"x": "y"}}):
            with pytest.raises(InvalidInput):
                decode(pack(magic, 1, changed, arrays))
    for array in arrays:
        with pytest.raises(InvalidInput):
            decode(pack(magic, 1, header, {key: value for key, value in arrays.items() if key != array and array != "prices_1e4"}))
        longer = np.concatenate([arrays[array], arrays[array][:1]])
        if name == "book" or array not in ("prices_1e4", "names"):
            with pytest.raises(InvalidInput):
                decode(pack(magic, 1, header, {**arrays, array: longer}))
    with pytest.raises(InvalidInput):
        decode(pack(magic, 1, header, {**arrays, "more": whole(1)}))


@pytest.mark.parametrize(
    ("decode", "content", "magic", "name"),
    [(decode_book, encode_book(BOOK), b"DMBB", "book"), (decode_board, encode_board(BOARD), b"DMLB", "board")],
)
def test_an_infinite_number_of_a_header_is_refused(decode, content, magic, name, monkeypatch):
    header, arrays = unpack(magic, 1, content, name)
    # As another writer's JSON may hold it: ours refuses to write it.
    monkeypatch.setattr("daymark.contracts.packed_arrays.canonical_json", json.dumps)
    for endless in (float("inf"), float("-inf"), float("nan")):
        with pytest.raises(InvalidInput) as refused:
            decode(pack(magic, 1, header | {"bucket": endless}, arrays))
        assert refused.value.field == f"{name}.header"


@pytest.mark.parametrize("said", ["false", "true", 0, 1, None, [], {}])
def test_whether_ticks_are_synthetic_is_true_or_false_and_nothing_that_counts_as_either(said):
    document = json.loads(encode_live_session(SESSION)) | {"synthetic": said}
    with pytest.raises(InvalidInput) as refused:
        decode_live_session(json.dumps(document).encode())
    assert refused.value.field == "synthetic"
    header, arrays = unpack(b"DMLB", 1, encode_board(BOARD), "board")
    with pytest.raises(InvalidInput) as refused:
        decode_board(pack(b"DMLB", 1, header | {"synthetic": said}, arrays))
    assert refused.value.field == "synthetic"
    # Both truths are read as what they are.
    for told in (False, True):
        assert decode_live_session(json.dumps(document | {"synthetic": told}).encode()).synthetic is told
        assert decode_board(pack(b"DMLB", 1, header | {"synthetic": told}, arrays)).synthetic is told


@pytest.mark.parametrize("kind", ["|b1", "|u1", "<u2", "<u4", "<u8", "<f8"])
@pytest.mark.parametrize(
    ("decode", "content", "magic", "name"),
    [(decode_book, encode_book(BOOK), b"DMBB", "book"), (decode_board, encode_board(BOARD), b"DMLB", "board")],
)
def test_columns_of_another_type_are_refused_by_name(decode, content, magic, name, kind):
    """Half a share as a double would be cut to none, and a negative cent as an unsigned number be a fortune."""
    header, arrays = unpack(magic, 1, content, name)
    for array in arrays.keys() - {"names"}:
        with pytest.raises(InvalidInput) as refused:
            decode(pack(magic, 1, header, arrays | {array: arrays[array].astype(kind)}))
        assert refused.value.field == array
    if "names" in arrays and kind != "|u1":
        with pytest.raises(InvalidInput) as refused:
            decode(pack(magic, 1, header, arrays | {"names": np.zeros(1, kind)}))
        assert refused.value.field == "names"


@pytest.mark.parametrize(
    ("column", "count"),
    [("instruments", len(BOOK.symbols)), ("portfolios", len(BOOK.owners)), ("classes", len(BOOK.class_names))],
)
@pytest.mark.parametrize("place", [0, -1])
def test_a_book_numbers_nothing_that_it_does_not_have(column, count, place):
    header, arrays = unpack(b"DMBB", 1, encode_book(BOOK), "book")
    for number in (-1, count, -(2**63), 2**63 - 1):
        changed = arrays[column].copy()
        changed[place] = number
        with pytest.raises(InvalidInput) as refused:
            decode_book(pack(b"DMBB", 1, header, arrays | {column: changed}))
        assert refused.value.field == f"{column}[{place % len(changed)}]"
    changed = arrays[column].copy()
    changed[place] = count - 1
    assert getattr(decode_book(pack(b"DMBB", 1, header, arrays | {column: changed})), column)[place] == count - 1


def test_a_market_board_has_no_prices_of_a_book():
    given = {name: value for name, value in vars(BOARD).items() if name != "prices_1e4"}
    assert len(LiveBoard(**given | {"bucket": 0}).prices_1e4) == 0
    with pytest.raises(InvalidInput) as refused:
        replace(BOARD, bucket=0)
    assert refused.value.field == "prices_1e4"


def test_an_event_of_marks_is_read_as_the_bus_delivers_it():
    event = {"source": "daymark.monitoring", "detail-type": "MarksMoved", "detail": {"version": 1, "bucket": 7, "revision": 1042}}
    assert read_marks_moved(event) == MarksMoved(7, 1042)
    assert MarksMoved(7, 1042).as_detail() == event["detail"]
    assert read_marks_moved({**event, "detail": {**event["detail"], "bucket": 0}}) == MarksMoved(0, 1042)
    wrong = [{**event, "source": "daymark.operations"}, {**event, "detail-type": "RunProgressed"}, {}, {**event, "detail": None}]
    wrong += [
        {**event, "detail": {**event["detail"], name: value}} for name in ("version", "bucket", "revision") for value in ("7", None, 1.5)
    ]
    wrong += [{**event, "detail": {**event["detail"], "version": 2}}]
    for each in wrong:
        with pytest.raises(InvalidInput):
            read_marks_moved(each)


@pytest.mark.parametrize("names", [("northstar/P1", ""), ("northstar/P1", "a\nb")])
def test_a_boards_row_is_named_in_one_line(names):
    with pytest.raises(InvalidInput) as refused:
        encode_board(replace(BOARD, names=names))
    assert refused.value.field == "names"


def test_a_board_may_have_no_rows():
    empty = replace(BOARD, names=(), cells=np.empty((3, 0), np.int64), changed=np.empty((3, 0), np.int64))
    assert decode_board(encode_board(empty)).names == ()
