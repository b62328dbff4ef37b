"""The sample book: complete, deterministic, and a day on which flows, drift, limits and washes all have something to find."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest

from daymark.book.holdings import external_flows, positions
from daymark.book.models import AccountKind, CashKind
from daymark.core.errors import InvalidInput
from daymark.core.tenancy import Role
from daymark.local.custodian_feed import custodian_statement
from daymark.local.price_history import load_price_history
from daymark.local.sample_book import SHOWN_DAY, sample_book, sample_market
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice
from daymark.operations.reconciliation import BreakKind

# Recorded when the book was made; a change of seed, people, rules or prices must be deliberate.
FINGERPRINT = "fe217b20522c47c6b995f48703220f0a8dd10aa2ab73e1a7c8aa62ade55c88bc"


@pytest.fixture(scope="module")
def history():
    return load_price_history()


@pytest.fixture(scope="module")
def market(history):
    return sample_market(history)


@pytest.fixture(scope="module")
def book(history):
    return sample_book(history)


def test_it_is_the_same_book_every_time(history, book):
    assert book.fingerprint() == sample_book(history).fingerprint() == FINGERPRINT
    assert sample_book(history, seed=1).fingerprint() != FINGERPRINT


def test_it_is_as_large_as_promised(book):
    open_lots = sum(lot.open_quantity(SHOWN_DAY) > 0 for record in book.records for lot in record.lots)
    assert {record.portfolio.tenant for record in book.records} == {"northstar", "harbor", "summit"}
    assert len(book.records) >= 26
    assert open_lots >= 1000
    assert len(book.instruments) == 22
    assert {lot.instrument_id for record in book.records for lot in record.lots} == {one.instrument_id for one in book.instruments}
    assert AccountKind.PENSION in {record.portfolio.account for record in book.records if record.portfolio.tenant == "summit"}
    assert all(house.goals and "synthetic" in house.name for house in book.households)
    entries = [entry.booked for record in book.records for entry in record.cash]
    assert min(entries) == date(2010, 1, 4)
    assert date(2018, 10, 1) < max(entries) <= date(2018, 12, 31)


def test_every_purchase_was_paid_at_the_close_of_its_date(book, market):
    """Independent of the writer: cost and proceeds are recomputed from the published closes, as integers of a tenth of a cent."""
    for record in book.records:
        sold = Counter()
        for lot in record.lots:
            close = market.closes[lot.instrument_id][market.place(lot.acquired)]
            assert market.sessions[market.place(lot.acquired)] == lot.acquired
            assert abs(lot.cost_basis - close * lot.quantity) <= Decimal("0.005")
            assert lot.quantity == int(lot.quantity)
            for sale in lot.disposals:
                sold[sale.disposed, lot.instrument_id] += sale.proceeds
        booked = Counter()
        for entry in record.cash:
            if entry.kind is CashKind.SELL:
                booked[entry.booked, entry.instrument_id] += entry.amount
        assert sold == booked
        bought = sum(lot.cost_basis for lot in record.lots)
        assert bought == -sum(entry.amount for entry in record.cash if entry.kind is CashKind.BUY)


def test_cash_is_never_negative_after_any_entry(book):
    for record in book.records:
        balance = Decimal(0)
        assert [entry.booked for entry in record.cash] == sorted(entry.booked for entry in record.cash)
        for entry in record.cash:
            balance += entry.amount
            assert balance >= 0, entry


def test_lots_are_sold_first_in_first_out(book):
    """Nothing of a later lot is sold while an earlier one of the same instrument is still open."""
    for record in book.records:
        for later in record.lots:
            for sale in later.disposals:
                earlier = [lot for lot in record.lots if lot.instrument_id == later.instrument_id and lot.acquired < later.acquired]
                assert all(lot.open_quantity(sale.disposed) == 0 for lot in earlier)


def test_every_coupon_is_paid_to_who_held_the_bond_before_it(book):
    """Coupons by hand: 4 % of 100 face paid twice a year is 2.00 a unit, 5.25 % is 2.625."""
    per_unit = {"BOND-AAA": Decimal("2.00"), "BOND-BAA": Decimal("2.625")}
    months = {"BOND-AAA": (6, 12), "BOND-BAA": (3, 9)}
    for record in book.records:
        paid = {
            (entry.instrument_id, entry.booked.year, entry.booked.month): entry for entry in record.cash if entry.kind is CashKind.COUPON
        }
        for bond, amount in per_unit.items():
            for year in range(2010, 2019):
                for month in months[bond]:
                    due = date(year, month, 15)
                    held = sum(lot.open_quantity(due - timedelta(days=1)) for lot in record.lots if lot.instrument_id == bond)
                    entry = paid.pop((bond, year, month), None)
                    assert (entry.amount if entry else 0) == pytest.approx(amount * held, abs=Decimal("0.005"))
                    assert entry is None or due <= entry.booked <= due + timedelta(days=4)
        assert not paid


def test_the_shown_day_has_flows_and_trades_of_its_own(book):
    kinds = Counter(entry.kind for record in book.records for entry in record.cash if entry.booked == SHOWN_DAY)
    assert all(kinds[kind] >= 3 for kind in (CashKind.DEPOSIT, CashKind.WITHDRAWAL, CashKind.BUY, CashKind.SELL))
    assert sum(external_flows(record, SHOWN_DAY) != 0 for record in book.records) >= 6
    assert sum(external_flows(record, SHOWN_DAY) == 0 for record in book.records) >= 6


def weights(record, market):
    at = market.place(SHOWN_DAY)
    held = Counter()
    for lot in record.lots:
        held[lot.instrument_id] += lot.open_quantity(SHOWN_DAY) * market.closes[lot.instrument_id][at]
    whole = sum(held.values()) + sum(entry.amount for entry in record.cash if entry.booked <= SHOWN_DAY)
    return {name: value / whole for name, value in held.items()}


def test_some_portfolios_are_out_of_band_some_over_their_limit_and_some_neither(book, market):
    outside, over = [], []
    for record in book.records:
        found = weights(record, market)
        drift = max(abs(found.get(target.instrument_id, 0) - target.weight) for target in record.portfolio.targets)
        outside.append(drift > record.portfolio.drift_band)
        over.append(max(found.values()) > record.portfolio.position_limit)
    assert 5 <= sum(outside) <= len(outside) - 5
    assert 1 <= sum(over) <= len(over) - 5


def test_some_losses_would_wash_and_some_would_not(book, market):
    at = market.place(SHOWN_DAY)
    window = SHOWN_DAY - timedelta(days=30)
    washed = clean = across = 0
    for record in book.records:
        if record.portfolio.account is not AccountKind.TAXABLE:
            continue
        family = [one for one in book.records if one.portfolio.household_id == record.portfolio.household_id]
        recent = {(lot.portfolio_id, lot.instrument_id) for one in family for lot in one.lots if window <= lot.acquired <= SHOWN_DAY}
        for lot in record.lots:
            price = market.closes[lot.instrument_id][at]
            if lot.open_quantity(SHOWN_DAY) and lot.unit_cost() - price > 5 and lot.acquired < window:
                own = (lot.portfolio_id, lot.instrument_id) in recent
                other = any(name == lot.instrument_id for _, name in recent)
                washed, clean, across = washed + own, clean + (not own and not other), across + (other and not own)
    assert washed >= 5
    assert clean >= 5
    assert across >= 1  # only another account of the family bought


def test_every_portfolios_people_exist_in_its_tenant(book):
    users = {user.user_id: user for user in book.users}
    assert len(users) == len(book.users)
    households = {(house.tenant, house.household_id): house for house in book.households}
    for record in book.records:
        portfolio = record.portfolio
        adviser = users[portfolio.adviser_id]
        assert (adviser.tenant, adviser.role) == (portfolio.tenant, Role.ADVISER)
        assert households[portfolio.tenant, portfolio.household_id].adviser_id == portfolio.adviser_id
        clients = [user for user in book.users if (user.tenant, user.household_id) == (portfolio.tenant, portfolio.household_id)]
        assert [user.role for user in clients] == [Role.CLIENT]
    for tenant in ("northstar", "harbor", "summit"):
        assert {user.role for user in book.users if user.tenant == tenant} == set(Role)
    assert users["operations.daymark"].tenant == "shared"
    assert all(user.user_id.startswith(f"{user.role.value}.") for user in book.users)
    accounts = [record.portfolio.custodian_account for record in book.records]
    assert len(set(accounts)) == len(accounts)


@pytest.fixture(scope="module")
def closes(market):
    at = market.place(SHOWN_DAY)
    return {name: ClosingPrice(name, prices[at], SHOWN_DAY, PriceLabel.ADJUSTED_CLOSE) for name, prices in market.closes.items()}


def statement_rows(book, closes, **planting):
    records = [record for record in book.records if record.portfolio.tenant == "harbor"]
    statement = custodian_statement(records, closes, {one.instrument_id: one for one in book.instruments}, SHOWN_DAY, **planting)
    return records, statement, list(csv.DictReader(io.StringIO(statement.content.decode())))


def test_an_honest_statement_says_what_the_book_says(book, closes):
    records, statement, rows = statement_rows(book, closes, planted=())
    instruments = {one.instrument_id: one for one in book.instruments}
    assert statement.planted == ()
    held = sum(len(positions(record, instruments, SHOWN_DAY)) for record in records)
    assert len(rows) == held + len(records)
    cash = {row["account"]: Decimal(row["amount"]) for row in rows if row["record_type"] == "CASH"}
    for record in records:
        assert cash[record.portfolio.custodian_account] == sum(entry.amount for entry in record.cash if entry.booked <= SHOWN_DAY)
    assert {row["as_of"] for row in rows} == {"2018-02-05"}
    assert "037833100" in {row["identifier"] for row in rows}  # Apple's CUSIP, not our id


def test_planted_breaks_are_the_listed_ones_and_the_same_each_time(book, closes):
    _, honest, before = statement_rows(book, closes, planted=())
    _, statement, after = statement_rows(book, closes)
    assert statement == statement_rows(book, closes)[1]
    assert [found.kind for found in statement.planted] == [BreakKind.QUANTITY, BreakKind.CASH, BreakKind.MISSING_AT_CUSTODIAN]
    assert len({found.portfolio_id for found in statement.planted}) == 3
    gone = [row for row in before if row not in after]
    new = [row for row in after if row not in before]
    assert {row["account"] for row in gone} == {f"CUST-{found.portfolio_id}" for found in statement.planted}
    assert len(gone) == 3
    assert len(new) == 2
    assert honest.content != statement.content
    with pytest.raises(InvalidInput):
        statement_rows(book, closes, planted=[BreakKind.LATE])
