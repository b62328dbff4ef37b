"""Every planted break is found under its kind, and nothing else is: thousands of random books, seeded, each with known plants."""

import random
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PositionMark
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.market_data.labels import PriceLabel
from daymark.operations.custodian_statement import HEADER, parse_statement
from daymark.operations.reconciliation import BreakKind, reconcile

D = Decimal
SESSION, BEFORE = date(2018, 2, 5), date(2018, 2, 2)
NAMES = [f"S{number}" for number in range(8)]
INSTRUMENTS = {name: Instrument(name, InstrumentKind.EQUITY, name, AssetClass.EQUITY) for name in NAMES}
PRICES = {name: D(1000 + 137 * place).scaleb(-3) + 40 for place, name in enumerate(NAMES)}


def cents(value):
    return value.quantize(D("0.01"))


def random_book(rng):
    """A book in which no two rows have the same quantity, so that a line in a wrong account has one home."""
    quantities = iter(rng.sample(range(1, 10**6), 64))
    book = []
    for number in range(rng.randint(1, 4)):
        portfolio = Portfolio(
            "t", f"P-{number}", "H", "a", "n", AccountKind.TAXABLE, SESSION, "us-east-1", (), custodian_account=f"A-{number}"
        )
        rows = []
        for name in sorted(rng.sample(NAMES, rng.randint(0, 6))):
            quantity = D(next(quantities)).scaleb(-rng.randint(0, 4))
            value = cents(quantity * PRICES[name])
            rows.append(PositionMark(name, AssetClass.EQUITY, quantity, PRICES[name], value, D(1), SESSION, PriceLabel.ADJUSTED_CLOSE))
        cash = D(next(quantities)).scaleb(-2) * rng.choice((1, 1, -1))
        total = cash + sum((row.value for row in rows), D(0))
        book.append((portfolio, PortfolioMark("t", portfolio.portfolio_id, SESSION, cash, tuple(rows), total)))
    return book


def line(account, row):
    return [account, "HOLDING", row.instrument_id, str(row.quantity), str(row.price), str(row.value), "USD", SESSION.isoformat()]


def cash_line(account, amount):
    return [account, "CASH", "", "", "", str(amount), "USD", SESSION.isoformat()]


def plant(rng, kind, account, cells, lines):
    """Change the statement so that one break of a kind arises; the expected (account, kind) pairs are returned."""
    is_cash = cells[1] == "CASH"
    if kind is BreakKind.QUANTITY:
        cells[3] = str(D(cells[3]) + D(rng.randint(1, 10**6)).scaleb(-4) + 10**7)
        cells[5] = str(cents(D(cells[3]) * D(cells[4])))
    elif kind is BreakKind.PRICE:
        cells[4] = str(D(cells[4]) + D(rng.randint(6, 10**5)).scaleb(-3))
        cells[5] = str(cents(D(cells[3]) * D(cells[4])))
    elif kind is BreakKind.CASH:
        cells[5] = str(D(cells[5]) + D(rng.choice((-1, 1)) * rng.randint(1, 10**5)).scaleb(-2))
    elif kind is BreakKind.MISSING_AT_CUSTODIAN:
        lines.remove(cells)
    elif kind is BreakKind.UNKNOWN_AT_CUSTODIAN:
        lines.append([account, "HOLDING", f"Z{rng.randint(0, 10**9)}", "1", "1", "1.00", "USD", SESSION.isoformat()])
    elif kind is BreakKind.DUPLICATE_LINE:
        lines.append([*cells])
    elif kind is BreakKind.WRONG_ACCOUNT:
        cells[0] = "A-NOBODY"
    elif kind is BreakKind.LATE:
        cells[7] = BEFORE.isoformat()
    elif kind is BreakKind.CURRENCY:
        cells[6] = "EUR"
    assert not (is_cash and kind in (BreakKind.QUANTITY, BreakKind.PRICE))
    return account, kind


def case(rng, *, plants):
    book = random_book(rng)
    lines = []
    for portfolio, mark in book:
        lines.append(cash_line(portfolio.custodian_account, mark.cash))
        lines += [line(portfolio.custodian_account, row) for row in mark.positions]
    expected = Counter()
    for cells in rng.sample(lines, min(len(lines), rng.randint(1, 4))) if plants else ():
        on_cash = {BreakKind.QUANTITY, BreakKind.PRICE, BreakKind.UNKNOWN_AT_CUSTODIAN}
        kinds = [k for k in BreakKind if (k not in on_cash if cells[1] == "CASH" else k is not BreakKind.CASH)]
        expected[plant(rng, rng.choice(kinds), cells[0], cells, lines)] += 1
    rng.shuffle(lines)
    content = "\n".join([",".join(HEADER), *(",".join(cells) for cells in lines)]).encode()
    statement = parse_statement(content, SESSION)
    assert not statement.quarantined
    return book, reconcile(book, statement, INSTRUMENTS, SESSION), expected


def breaks_of(book, result):
    accounts = {p.portfolio_id: p.custodian_account for p, _ in book}
    return Counter((accounts[one.portfolio_id], found.kind) for one in result.portfolios for found in one.breaks)


@pytest.mark.parametrize("block", range(4))
def test_planted_breaks_are_all_found_and_nothing_else(block):
    planted = Counter()
    for seed in range(block * 1200, (block + 1) * 1200):
        book, result, expected = case(random.Random(seed), plants=True)
        assert breaks_of(book, result) == expected and not result.homeless, seed
        rows = sum(len(mark.positions) + 1 for _, mark in book)
        not_about_a_row = sum(n for (_, k), n in expected.items() if k in (BreakKind.DUPLICATE_LINE, BreakKind.UNKNOWN_AT_CUSTODIAN))
        assert sum(one.matched for one in result.portfolios) == rows - (sum(expected.values()) - not_about_a_row), seed
        planted.update(kind for _, kind in expected.elements())
    # Each block of 1,200 books plants every kind often, so none passes by never having been tried.
    assert all(planted[kind] > 100 for kind in BreakKind), planted
    assert planted.total() > 2500


def test_clean_statements_have_no_breaks():
    for seed in range(3000):
        book, result, _ = case(random.Random(seed), plants=False)
        assert result.break_count == 0, seed
        assert sum(one.matched for one in result.portfolios) == sum(len(mark.positions) + 1 for _, mark in book)
