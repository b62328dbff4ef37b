"""The custodian's file and each kind of break, by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PositionMark
from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass, Identifier, IdentifierScheme, Instrument, InstrumentKind
from daymark.market_data.labels import PriceLabel
from daymark.operations.custodian_statement import parse_statement
from daymark.operations.reconciliation import reconcile

D = Decimal
SESSION = date(2018, 2, 5)
HEADER = "account,record_type,identifier,quantity,price,amount,currency,as_of"
INSTRUMENTS = {
    name: Instrument(name, InstrumentKind.EQUITY, name, AssetClass.EQUITY, identifiers=identifiers)
    for name, identifiers in {
        "AAPL": (Identifier(IdentifierScheme.CUSIP, "037833100"), Identifier(IdentifierScheme.TICKER, "AAPL")),
        "KO": (Identifier(IdentifierScheme.TICKER, "KO"),),
        "XOM": (),
    }.items()
}
ONE = Portfolio("t", "P-1", "H", "a", "One", AccountKind.TAXABLE, SESSION, "us-east-1", (), custodian_account="ACC-1")
TWO = replace(ONE, portfolio_id="P-2", custodian_account="ACC-2")


def position(name, quantity, price, value):
    return PositionMark(name, AssetClass.EQUITY, D(quantity), D(price), D(value), D("1"), SESSION, PriceLabel.ADJUSTED_CLOSE)


def marked(portfolio, cash, *rows):
    return portfolio, PortfolioMark("t", portfolio.portfolio_id, SESSION, D(cash), rows, D(cash) + sum((row.value for row in rows), D(0)))


BOOK = [
    marked(ONE, "100.00", position("AAPL", "10", "156.492", "1564.92"), position("KO", "5.5", "43.01", "236.56")),
    marked(TWO, "0.00", position("KO", "7", "43.01", "301.07")),
]
CLEAN = [
    "ACC-1,HOLDING,037833100,10,156.492,1564.92,USD,2018-02-05",
    "ACC-1,HOLDING,KO,5.5000,43.010,236.56,USD,2018-02-05",
    "ACC-1,CASH,,,,100.00,USD,2018-02-05",
    "ACC-2,HOLDING,KO,7,43.01,301.07,USD,2018-02-05",
]


def file_of(*lines, newline="\n"):
    return newline.join([HEADER, *lines]).encode() + newline.encode()


def run(*lines, book=BOOK):
    return reconcile(book, parse_statement(file_of(*lines), SESSION), INSTRUMENTS, SESSION)


def found(result):
    return [(one.portfolio_id, b.kind.value, b.instrument_id, b.ours, b.custodian) for one in result.portfolios for b in one.breaks]


def test_an_equal_statement_has_no_breaks_in_any_order():
    for lines in (CLEAN, CLEAN[::-1]):
        result = run(*lines)
        assert found(result) == [] and result.homeless == () and result.break_count == 0
        # Two holdings and cash; one holding and cash of nothing, which needs no line.
        assert [one.matched for one in result.portfolios] == [3, 2]


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        (0, "ACC-1,HOLDING,AAPL,11,156.492,1721.41,USD,2018-02-05", [("P-1", "QUANTITY", "AAPL", "10", "11.0000")]),
        (0, "ACC-1,HOLDING,AAPL,10,156.498,1564.98,USD,2018-02-05", [("P-1", "PRICE", "AAPL", "156.492", "156.498")]),
        # Quantity and price agree, the amount is a hundred too much.
        (0, "ACC-1,HOLDING,AAPL,10,156.492,1664.92,USD,2018-02-05", [("P-1", "PRICE", "AAPL", "1564.92", "1664.92")]),
        (2, "ACC-1,CASH,,,,100.01,USD,2018-02-05", [("P-1", "CASH", None, "100.00", "100.01")]),
        (0, "ACC-1,HOLDING,AAPL,10,156.492,1564.92,USD,2018-02-02", [("P-1", "LATE", "AAPL", "2018-02-05", "2018-02-02")]),
        (2, "ACC-1,CASH,,,,100.00,USD,2018-02-02", [("P-1", "LATE", None, "2018-02-05", "2018-02-02")]),
        (0, "ACC-1,HOLDING,AAPL,10,156.492,1564.92,CHF,2018-02-05", [("P-1", "CURRENCY", "AAPL", "USD", "CHF")]),
        (
            3,
            "ACC-1,HOLDING,XOM,7,43.01,301.07,USD,2018-02-05",
            [("P-1", "UNKNOWN_AT_CUSTODIAN", "XOM", None, "7.0000"), ("P-2", "MISSING_AT_CUSTODIAN", "KO", "7", None)],
        ),
    ],
)
def test_one_changed_line_is_one_break(line, text, expected):
    lines = [*CLEAN]
    lines[line] = text
    assert found(run(*lines)) == expected


def test_a_cent_of_rounding_in_the_price_is_no_break():
    assert found(run("ACC-1,HOLDING,AAPL,10,156.49,1564.90,USD,2018-02-05", *CLEAN[1:])) == []


def test_a_line_left_out_is_missing_and_a_line_too_many_is_named():
    assert found(run(*CLEAN[1:])) == [("P-1", "MISSING_AT_CUSTODIAN", "AAPL", "10", None)]
    assert found(run(*CLEAN[:2], CLEAN[3])) == [("P-1", "MISSING_AT_CUSTODIAN", None, "100.00", None)]
    assert found(run(*CLEAN, CLEAN[0])) == [("P-1", "DUPLICATE_LINE", "AAPL", None, "10.0000")]
    assert found(run(*CLEAN, CLEAN[2])) == [("P-1", "DUPLICATE_LINE", None, None, "100.00")]
    unknown = run(*CLEAN, "ACC-1,HOLDING,ZZZ,1,1,1.00,USD,2018-02-05")
    assert found(unknown) == [("P-1", "UNKNOWN_AT_CUSTODIAN", None, None, "1.0000")]
    assert [one.matched for one in unknown.portfolios] == [3, 2]


def test_of_two_lines_the_right_one_speaks_whatever_comes_first():
    other = "ACC-1,HOLDING,AAPL,3,156.492,469.48,USD,2018-02-05"
    late = "ACC-1,HOLDING,AAPL,10,156.492,1564.92,USD,2018-02-02"
    for lines in ([other, *CLEAN], [*CLEAN, other], [late, *CLEAN]):
        assert [row[1] for row in found(run(*lines))] == ["DUPLICATE_LINE"]


def test_a_line_under_another_account_is_paired_and_both_hear_of_it():
    moved = "ACC-2,HOLDING,AAPL,10,156.492,1564.92,USD,2018-02-05"
    assert found(run(moved, *CLEAN[1:])) == [
        ("P-1", "WRONG_ACCOUNT", "AAPL", "10", None),
        ("P-2", "WRONG_ACCOUNT", "AAPL", None, "10.0000"),
    ]
    nobody = run("ACC-9,HOLDING,AAPL,10,156.492,1564.92,USD,2018-02-05", *CLEAN[1:])
    assert found(nobody) == [("P-1", "WRONG_ACCOUNT", "AAPL", "10", None)] and nobody.homeless == ()
    stranger = run(*CLEAN, "ACC-9,HOLDING,AAPL,1,156.492,156.49,USD,2018-02-05")
    assert found(stranger) == [] and [b.kind for b in stranger.homeless] == ["WRONG_ACCOUNT"] and stranger.break_count == 1
    # The receiver holds some itself: 5.5 KO moved to ACC-2, beside its own 7.
    beside = run(CLEAN[0], CLEAN[2], CLEAN[3], "ACC-2,HOLDING,KO,5.5,43.01,236.56,USD,2018-02-05")
    assert [row[:3] for row in found(beside)] == [("P-1", "WRONG_ACCOUNT", "KO"), ("P-2", "WRONG_ACCOUNT", "KO")]


def test_nothing_on_both_sides_agrees():
    assert found(run(*CLEAN, "ACC-2,HOLDING,AAPL,0,156.492,0.00,USD,2018-02-05", "ACC-2,CASH,,,,0.00,USD,2018-02-05")) == []
    assert reconcile([], parse_statement(file_of(), SESSION), INSTRUMENTS, SESSION).portfolios == ()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("ACC-1,HOLDING,AAPL,10,156.492,1564.92,USD", "line"),
        ("ACC-1,HOLDING,AAPL,10,156.492,1564.92,USD,2018-02-05,x", "line"),
        ('ACC-1,HOLDING,"AAPL,10,156.492,1564.92,USD,2018-02-05', "line"),
        (",HOLDING,AAPL,10,156.492,1564.92,USD,2018-02-05", "account"),
        ("ACC-1,SHORT,AAPL,10,156.492,1564.92,USD,2018-02-05", "record_type"),
        ("ACC-1,HOLDING,,10,156.492,1564.92,USD,2018-02-05", "identifier"),
        ("ACC-1,HOLDING,AAPL,ten,156.492,1564.92,USD,2018-02-05", "quantity"),
        ("ACC-1,HOLDING,AAPL,-10,156.492,1564.92,USD,2018-02-05", "quantity"),
        ("ACC-1,HOLDING,AAPL,NaN,156.492,1564.92,USD,2018-02-05", "quantity"),
        ("ACC-1,HOLDING,AAPL,0.00001,156.492,1564.92,USD,2018-02-05", "quantity"),
        ("ACC-1,HOLDING,AAPL,10,0,1564.92,USD,2018-02-05", "price"),
        ("ACC-1,HOLDING,AAPL,10,inf,1564.92,USD,2018-02-05", "price"),
        ("ACC-1,HOLDING,AAPL,10,156.492,1564.921,USD,2018-02-05", "amount"),
        ("ACC-1,HOLDING,AAPL,10,156.492,,USD,2018-02-05", "amount"),
        ("ACC-1,HOLDING,AAPL,10,156.492,1564.92,usd,2018-02-05", "currency"),
        ("ACC-1,HOLDING,AAPL,10,156.492,1564.92,US,2018-02-05", "currency"),
        ("ACC-1,HOLDING,AAPL,10,156.492,1564.92,USD,05.02.2018", "as_of"),
        ("ACC-1,HOLDING,AAPL,10,156.492,1564.92,USD,2018-02-06", "as_of"),
    ],
)
def test_a_malformed_line_is_quarantined_by_number_and_field(text, field):
    statement = parse_statement(file_of(CLEAN[1], text, CLEAN[2]), SESSION)
    assert [(line.line, line.field) for line in statement.quarantined] == [(3, field)]
    assert [line.line for line in statement.lines] == [2, 4]


def test_bytes_that_are_no_text_spoil_their_own_line_only():
    content = file_of(CLEAN[1]) + b"ACC-1,HOLDING,\xff\xfe,1,1,1,USD,2018-02-05\n" + CLEAN[2].encode()
    statement = parse_statement(content, SESSION)
    assert [(line.line, line.field) for line in statement.quarantined] == [(3, "line")] and len(statement.lines) == 2


def test_windows_line_ends_a_byte_order_mark_and_empty_lines_are_read():
    content = b"\xef\xbb\xbf" + file_of(CLEAN[0], "", CLEAN[2], newline="\r\n")
    assert [line.line for line in parse_statement(content, SESSION).lines] == [2, 4]


@pytest.mark.parametrize("content", [b"", b"account,amount\n", CLEAN[0].encode()])
def test_a_file_without_the_header_is_refused_whole(content):
    with pytest.raises(InvalidInput) as caught:
        parse_statement(content, SESSION)
    assert caught.value.field == "header"


def test_a_book_that_cannot_be_told_apart_is_refused():
    empty = parse_statement(file_of(), SESSION)
    no_account = marked(replace(ONE, custodian_account=""), "1.00")
    for book in ([no_account], [BOOK[0], marked(replace(TWO, custodian_account="ACC-1"), "1.00")]):
        with pytest.raises(InvalidInput) as caught:
            reconcile(book, empty, INSTRUMENTS, SESSION)
        assert caught.value.field == "custodian_account"
    with pytest.raises(InvalidInput) as caught:
        reconcile([(ONE, BOOK[1][1])], empty, INSTRUMENTS, SESSION)
    assert caught.value.field == "mark"
    twins = INSTRUMENTS | {"KO2": replace(INSTRUMENTS["KO"], instrument_id="KO2")}
    with pytest.raises(InvalidInput) as caught:
        reconcile(BOOK, empty, twins, SESSION)
    assert caught.value.field == "identifiers"
