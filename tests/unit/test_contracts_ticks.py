"""Ticks and their symbols: equal columns or a refusal by name, rows taken and joined, and to Databento's mbp-1 and back."""

import databento_dbn as oracle
import numpy as np
import pytest

from daymark.contracts.dbn_records import UNDEFINED_PRICE, RecordType, new_records
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import InvalidInput, NotFound


def ticks(count: int, first: int = 0) -> Ticks:
    """Rows whose columns all count up, each from a number of its own."""
    return Ticks(
        **{name: np.arange(first, first + count).astype(dtype) + dtype.type(place) for place, (name, dtype) in enumerate(COLUMNS.items())}
    )


def as_lists(rows: Ticks) -> dict[str, list[int]]:
    return {name: column.tolist() for name, column in rows.columns().items()}


def test_rows_are_taken_by_index_mask_and_slice():
    rows = ticks(5)
    assert len(rows) == 5
    assert rows.take(np.array([3, 0, 3])).instrument.tolist() == [3, 0, 3]
    assert rows.take(rows.instrument > 2).flags.tolist() == [15, 16]
    assert rows.take(slice(None, None, -2)).publisher.tolist() == [5, 3, 1]


def test_parts_are_joined_in_order():
    joined = Ticks.concatenate([ticks(2), Ticks.empty(), ticks(1, first=7)])
    assert joined.instrument.tolist() == [0, 1, 7]
    assert joined.ask.tolist() == [6, 7, 13]
    assert len(Ticks.concatenate([])) == 0


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(
    "wrong",
    [
        lambda column: column[:-1],
        lambda column: column.astype(np.float64),
        lambda column: column[:, np.newaxis],
        lambda column: np.repeat(column, 2)[::2],
        lambda column: column.tolist(),
        lambda column: column.astype(column.dtype.newbyteorder(">")) if column.itemsize > 1 else column.astype(np.uint16),
    ],
)
def test_columns_that_are_not_equal_are_refused_by_name(name, wrong):
    columns = dict(ticks(4).columns())
    columns[name] = wrong(columns[name])
    with pytest.raises(InvalidInput) as error:
        Ticks(**columns)
    # Of two lengths, the first column's is everyone's.
    assert error.value.field in (f"ticks.{name}", "ticks.publisher")


def test_mbp1_records_become_ticks_and_go_back():
    record = oracle.MBP1Msg(
        publisher_id=2,
        instrument_id=9,
        ts_event=10,
        price=12,
        size=13,
        action=oracle.Action.TRADE,
        side=oracle.Side.ASK,
        depth=1,
        ts_recv=11,
        flags=0xC0,
        ts_in_delta=5,
        sequence=14,
        levels=oracle.BidAskPair(bid_px=15, ask_px=UNDEFINED_PRICE, bid_sz=17, ask_sz=18, bid_ct=1, ask_ct=1),
    )
    records = np.frombuffer(bytes(record), new_records(RecordType.MBP_1, 0).dtype)

    rows = Ticks.from_mbp1(records, {9: 4, 3: 0})

    assert as_lists(rows) == {
        **{"instrument": [4], "publisher": [2], "sequence": [14], "ts_event": [10], "ts_recv": [11]},
        **{"bid": [15], "ask": [UNDEFINED_PRICE], "price": [12], "bid_size": [17], "ask_size": [18], "size": [13]},
        **{"action": [ord("T")], "flags": [0xC0]},
    }
    assert as_lists(Ticks.from_mbp1(records))["instrument"] == [9]
    back = rows.to_mbp1()
    assert as_lists(Ticks.from_mbp1(back)) == as_lists(rows)
    # What ticks do not hold is nothing: side N, no depth, no delta, no counts.
    assert [back[name][0] for name in ("side", "depth", "ts_in_delta", "bid_ct", "ask_ct")] == [ord("N"), 0, 0, 0, 0]
    assert back[["length", "rtype"]].tolist() == [(20, 1)]


def test_many_records_become_ticks_in_order():
    records = new_records(RecordType.MBP_1, 20_001)
    records["sequence"] = np.arange(20_001)
    records["ask_sz"] = np.arange(20_001)[::-1]
    rows = Ticks.from_mbp1(records)
    np.testing.assert_array_equal(rows.sequence, np.arange(20_001))
    np.testing.assert_array_equal(rows.ask_size, np.arange(20_001)[::-1])
    np.testing.assert_array_equal(rows.to_mbp1()["ask_sz"], records["ask_sz"])


@pytest.mark.parametrize("numbers", [{}, {8: 0}, {10: 0}, {8: 0, 10: 1}])
def test_an_instrument_without_a_symbol_is_refused(numbers):
    records = new_records(RecordType.MBP_1, 2)
    records["instrument_id"] = [8, 9] if 8 in numbers else [9, 9]
    with pytest.raises(InvalidInput) as error:
        Ticks.from_mbp1(records, numbers)
    assert (error.value.field, error.value.context["got"]) == (f"records[{int(8 in numbers)}].instrument_id", 9)
    assert len(Ticks.from_mbp1(records[:0], numbers)) == 0


def test_ticks_come_from_mbp1_alone():
    with pytest.raises(InvalidInput, match="mbp-1"):
        Ticks.from_mbp1(new_records(RecordType.TRADES, 1))


def test_a_symbol_s_number_is_its_place():
    table = SymbolTable.of(["XOM", "BRK.B", "KO", "XOM"])
    assert table.symbols == ("BRK.B", "KO", "XOM")
    assert [table.number(symbol) for symbol in table.symbols] == [0, 1, 2]
    with pytest.raises(NotFound, match="GE"):
        table.number("GE")
    assert SymbolTable.from_text(table.text) == table
    assert SymbolTable.from_text(b"") == SymbolTable(())


def test_equal_tables_have_equal_checksums():
    # printf 'KO\nXOM' | sha256sum: b0765583a636aaa3...
    assert SymbolTable.of(["XOM", "KO"]).checksum == int.from_bytes(bytes.fromhex("b0765583a636aaa3"), "little")
    assert SymbolTable(("KO", "XON")).checksum != SymbolTable(("KO", "XOM")).checksum


@pytest.mark.parametrize(
    ("symbols", "field"),
    [
        (("KO", "KO"), "symbols[1]"),
        (("A", "XOM", "KO"), "symbols[2]"),
        (("",), "symbols[0]"),
        (("KO", "X M"), "symbols[1]"),
        (("KO\n",), "symbols[0]"),
        (("A" * 72,), "symbols[0]"),
        (("Ü",), "symbols[0]"),
        (tuple(f"{number:06d}" for number in range((1 << 17) + 1)), "symbols"),
    ],
)
def test_symbols_that_are_no_table_are_refused(symbols, field):
    with pytest.raises(InvalidInput) as error:
        SymbolTable(symbols)
    assert error.value.field == field


@pytest.mark.parametrize("symbols", [("!", "~"), ("A" * 71,), tuple(f"{number:06d}" for number in range(1 << 17))])
def test_the_longest_and_the_outermost_symbols_are_a_table(symbols):
    assert SymbolTable(symbols).number(symbols[-1]) == len(symbols) - 1


@pytest.mark.parametrize("text", [b"KO\nKO", b"XOM\nKO", b"\xc3\xbc", b"KO\n\nXOM", b"KO\r\nXOM", b"KO\x0bXOM"])
def test_text_that_is_no_table_is_refused(text):
    with pytest.raises(InvalidInput):
        SymbolTable.from_text(text)
