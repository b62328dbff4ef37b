"""Proposed wash sales by hand: what would wash, whose purchase does it, for how much, and what the record of the proposal says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PortfolioRecord, PositionMark, Target
from daymark.core.instruments import AssetClass
from daymark.core.lots import Disposal, Lot
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice
from daymark.operations.proposed_wash_sales import proposed_wash_sales, washed_lots
from daymark.operations.rebalancing import RebalancingProposal, as_body, propose_rebalancing

DAY, NEXT, OLD = date(2018, 2, 2), date(2018, 2, 5), date(2016, 1, 4)


def lot(name: str, portfolio: str, units: int, cost: str, acquired: date = OLD, *sold: Disposal) -> Lot:
    return Lot(name, portfolio, "KO", acquired, Decimal(units), Decimal(cost), sold)


def record(name: str, target: str, *lots: Lot, account: AccountKind = AccountKind.TAXABLE) -> PortfolioRecord:
    targets = (Target("KO", Decimal(target)),) if target else ()
    return PortfolioRecord(Portfolio("t", name, "h", "a", name, account, OLD, "us-east-1", targets, minimum_trade=Decimal(1)), lots, ())


def propose(row: PortfolioRecord, cash: str, price: str = "10") -> RebalancingProposal:
    units = sum((lot.open_quantity(DAY) for lot in row.lots), Decimal(0))
    at, value = Decimal(price), (units * Decimal(price)).quantize(Decimal("0.01"))
    held = PositionMark("KO", AssetClass.EQUITY, units, at, value, Decimal(0), DAY, PriceLabel.ADJUSTED_CLOSE)
    book = PortfolioMark("t", row.portfolio.portfolio_id, DAY, Decimal(cash), (held,) if units else (), Decimal(cash) + value)
    closes = {"KO": ClosingPrice("KO", at, DAY, PriceLabel.ADJUSTED_CLOSE)}
    return propose_rebalancing(row.portfolio, book, row.lots, closes, NEXT)


HERS = record("hers", "", lot("old", "hers", 100, "1500.00"))


def test_a_purchase_of_the_last_thirty_days_washes_as_many_units_as_it_has() -> None:
    """All 100 go at a loss of 5 a unit; the spouse bought 40 on 6 January, 30 days before: 40 x 5 = 200 is deferred."""
    his = record("his", "1", lot("new", "his", 40, "390.00", date(2018, 1, 6)))
    (wash,) = proposed_wash_sales([propose(HERS, "0")], [HERS, his], DAY, NEXT)["hers"]
    assert (wash.lot_id, wash.quantity, wash.disallowed, wash.is_permanent) == ("old", 40, 200, False)
    assert (wash.replacement_portfolio_id, wash.replacement_acquired) == ("his", date(2018, 1, 6))
    assert washed_lots([HERS, his], DAY, NEXT) == {("hers", "old")}
    early = record("his", "1", lot("new", "his", 40, "390.00", date(2018, 1, 5)))
    assert proposed_wash_sales([propose(HERS, "0")], [HERS, early], DAY, NEXT) == {}
    assert washed_lots([HERS, early], DAY, NEXT) == frozenset()


def test_what_another_account_is_proposed_to_buy_the_same_day_washes_too() -> None:
    """The IRA is to hold half of its 600 in KO: 30 units, so 150 of the loss of 500 would be gone for good."""
    ira = record("ira", "0.5", account=AccountKind.TRADITIONAL_IRA)
    proposals = [propose(HERS, "0"), propose(ira, "600")]
    (wash,) = proposed_wash_sales(proposals, [HERS, ira], DAY, NEXT)["hers"]
    assert (wash.quantity, wash.disallowed, wash.is_permanent, wash.replacement_acquired) == (30, 150, True, NEXT)
    assert as_body(proposals[0], [wash])["trades"][0]["wash_sales"] == [
        {
            "lot_id": "old",
            "quantity": "30",
            "disallowed_loss": "150.00",
            "permanent": True,
            "bought_in": "ira",
            "bought": "2018-02-05",
        }
    ]
    # The purchase alone, and a sale inside the IRA, lose nothing.
    assert proposed_wash_sales([propose(ira, "600")], [HERS, ira], DAY, NEXT) == {}
    inside = record("ira", "", lot("in", "ira", 100, "1500.00"), account=AccountKind.TRADITIONAL_IRA)
    new = record("his", "1", lot("new", "his", 40, "390.00", date(2018, 1, 20)))
    assert proposed_wash_sales([propose(inside, "0")], [inside, new], DAY, NEXT) == {}
    assert washed_lots([inside, new], DAY, NEXT) == frozenset()


def test_a_sale_out_of_two_lots_shares_its_proceeds_by_units() -> None:
    """100 units of 1,500 and 20 of 210 sold for 1,200: losses of 500 and 10. 110 bought: 100 and 10 of them, so 500 and 5."""
    hers = record("hers", "", lot("old", "hers", 100, "1500.00"), lot("flat", "hers", 20, "210.00", date(2016, 1, 5)))
    his = record("his", "1", lot("new", "his", 110, "1000.00", date(2018, 1, 20)))
    washes = proposed_wash_sales([propose(hers, "0")], [hers, his], DAY, NEXT)["hers"]
    assert [(wash.lot_id, wash.quantity, wash.disallowed) for wash in washes] == [("flat", 10, 5), ("old", 100, 500)]


def test_proceeds_are_shared_out_to_the_cent() -> None:
    """Two units at 10.005 bring 20.01: 10.00 and 10.01, so of 15.00 each 5.00 and 4.99 are lost."""
    hers = record("hers", "", lot("a", "hers", 1, "15.00"), lot("b", "hers", 1, "15.00"))
    his = record("his", "1", lot("new", "his", 2, "20.00", date(2018, 1, 20)))
    washes = proposed_wash_sales([propose(hers, "0", "10.005")], [hers, his], DAY, NEXT)["hers"]
    assert [(wash.lot_id, wash.disallowed) for wash in washes] == [("a", Decimal("5.00")), ("b", Decimal("4.99"))]


def test_an_earlier_wash_of_the_same_lot_and_a_sale_of_the_day_are_not_told_of() -> None:
    """30 of the lot were sold on 2 January and met 30 bought on 6 January; 10 others went on the day itself, known by now."""
    earlier = replace(HERS.lots[0], disposals=(Disposal(date(2018, 1, 2), Decimal(30), Decimal("300.00")),))
    other = lot("other", "hers", 10, "150.00", date(2015, 1, 2), Disposal(NEXT, Decimal(10), Decimal("100.00")))
    hers = replace(HERS, lots=(earlier, other))
    his = record("his", "1", lot("new", "his", 60, "590.00", date(2018, 1, 6)))
    (wash,) = proposed_wash_sales([propose(replace(hers, lots=(earlier,)), "0")], [hers, his], NEXT, NEXT)["hers"]
    # 60 bought, less 30 then, less 10 of the older lot that day.
    assert (wash.lot_id, wash.disposed, wash.quantity) == ("old", NEXT, 20)


def test_only_the_proposed_sales_are_told_of() -> None:
    """Thirty sold at a loss on Friday met the same purchase first: that wash is not told of, and ten units are left for this one."""
    sold = Disposal(DAY, Decimal(30), Decimal("300.00"))
    hers = replace(HERS, lots=(*HERS.lots, lot("earlier", "hers", 30, "450.00", date(2015, 1, 2), sold)))
    his = record("his", "1", lot("new", "his", 40, "390.00", date(2018, 1, 20)))
    proposal = propose(replace(hers, lots=HERS.lots), "0")
    (wash,) = proposed_wash_sales([proposal], [hers, his], DAY, NEXT)["hers"]
    assert (wash.lot_id, wash.quantity, wash.disallowed) == ("old", 10, 50)


def test_a_purchase_that_washed_a_loss_before_is_spent_and_a_lot_is_not_its_own() -> None:
    """Reg. 1.1091-1(e): all 40 bought on 20 January met the loss of 10 January. 100 bought since by oneself do not meet themselves."""
    before = lot("gone", "his", 40, "600.00", OLD, Disposal(date(2018, 1, 10), Decimal(40), Decimal("400.00")))
    his = record("his", "1", before, lot("new", "his", 40, "390.00", date(2018, 1, 20)))
    assert washed_lots([HERS, his], DAY, NEXT) == frozenset()
    recent = record("hers", "", lot("one", "hers", 100, "1500.00", date(2018, 1, 20)))
    assert washed_lots([recent], DAY, NEXT) == frozenset()
    two = replace(recent, lots=(*recent.lots, lot("two", "hers", 1, "10.00", date(2018, 1, 22))))
    assert washed_lots([two], DAY, NEXT) == {("hers", "one"), ("hers", "two")}


@pytest.mark.parametrize("acquired", [NEXT, date(2018, 3, 1)])
def test_nothing_after_the_marks_is_looked_at(acquired: date) -> None:
    later = record("his", "1", lot("new", "his", 40, "390.00", acquired))
    assert washed_lots([HERS, later], DAY, NEXT) == frozenset()
    assert proposed_wash_sales([propose(HERS, "0")], [HERS, later], DAY, NEXT) == {}
    # Nor is a sale of the day itself, of units the proposal still counts on.
    gone = replace(HERS, lots=(replace(HERS.lots[0], disposals=(Disposal(NEXT, Decimal(60), Decimal("600.00")),)),))
    assert proposed_wash_sales([propose(gone, "0")], [gone], DAY, NEXT) == {}
