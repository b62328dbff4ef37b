"""Tax losses by hand: what may be taken, what is refused and why, and whose lots are looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind, Portfolio, PortfolioRecord
from daymark.core.errors import InvalidInput
from daymark.core.lots import Disposal, Lot, Term
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice
from daymark.operations.tax_losses import PlannedPurchase, TaxLosses, as_body, find_tax_losses

CLOSE, ON = date(2018, 2, 2), date(2018, 2, 5)


def record(name: str, *lots: Lot, account: AccountKind = AccountKind.TAXABLE, household: str = "h") -> PortfolioRecord:
    return PortfolioRecord(Portfolio("t", name, household, "a", name, account, CLOSE, "us-east-1", ()), lots, ())


def lot(name: str, cost: str, acquired: date = date(2016, 1, 4), *sold: Disposal, portfolio: str = "hers", instrument: str = "GE") -> Lot:
    return Lot(name, portfolio, instrument, acquired, Decimal(10), Decimal(cost), sold)


def close(instrument: str, price: str, label: PriceLabel = PriceLabel.ADJUSTED_CLOSE) -> ClosingPrice:
    return ClosingPrice(instrument, Decimal(price), CLOSE, label)


CLOSES = {"GE": close("GE", "15"), "GE-B": close("GE-B", "15"), "KO": close("KO", "40")}


def find(*household: PortfolioRecord, **options: object) -> TaxLosses:
    """The answer for the portfolio named ``hers``."""
    return find_tax_losses(household, CLOSES, ON, CLOSE, **options)["hers"]


def reason(*household: PortfolioRecord, **options: object) -> str:
    (refusal,) = [row for row in find(*household, **options).refused if row.lot_id == "old"]
    return refusal.reason


def test_losses_by_hand() -> None:
    """10 units at 15 are worth 150: bought at 400 (long) and 300 (short) the losses are 250 and 150; 249 is 99, below 100; KO gains."""
    lots = (
        lot("long", "400"),
        lot("short", "300", date(2017, 9, 1)),
        lot("small", "249.99"),
        lot("gain", "100"),
        lot("ko", "399", instrument="KO"),
    )
    assert as_body(find(record("hers", *lots))) == {
        "as_of": "2018-02-02",
        "candidates": [
            {
                "lot_id": "long",
                "instrument_id": "GE",
                "quantity": "10",
                "basis": "400.00",
                "value": "150.00",
                "loss": "250.00",
                "term": "long",
            },
            {
                "lot_id": "short",
                "instrument_id": "GE",
                "quantity": "10",
                "basis": "300.00",
                "value": "150.00",
                "loss": "150.00",
                "term": "short",
            },
        ],
        "refused": [],
        "total_loss": "400.00",
    }


def test_the_threshold_itself_is_enough() -> None:
    assert [row.lot_id for row in find(record("hers", lot("old", "250"))).candidates] == ["old"]


@pytest.mark.parametrize(("days", "is_refused"), [(0, True), (30, True), (31, False)])
def test_a_purchase_of_the_last_thirty_days_refuses(days: int, is_refused: bool) -> None:
    recent = lot("recent", "100", ON - timedelta(days=days))
    answer = find(record("hers", lot("old", "400"), recent))
    assert bool(answer.refused) is is_refused
    assert bool(answer.candidates) is not is_refused


@pytest.mark.parametrize("account", list(AccountKind))
def test_a_purchase_anywhere_in_the_household_refuses(account: AccountKind) -> None:
    other = record("his", lot("recent", "100", date(2018, 1, 20), portfolio="his"), account=account)
    assert reason(record("hers", lot("old", "400")), other) == "GE was bought in his on 2018-01-20"


@pytest.mark.parametrize(("days", "is_refused"), [(-30, True), (0, True), (30, True), (31, False), (-31, False)])
def test_a_planned_purchase_refuses(days: int, is_refused: bool) -> None:
    plan = PlannedPurchase("his", "GE", ON + timedelta(days=days), "dividend reinvestment")
    answer = find(record("hers", lot("old", "400")), record("his"), planned=[plan])
    assert bool(answer.refused) is is_refused
    if is_refused:
        assert answer.refused[0].reason == f"dividend reinvestment buys GE in his on {plan.on}"


def test_a_planned_purchase_of_something_else_does_not_matter() -> None:
    plan = PlannedPurchase("hers", "KO", ON, "rebalancing proposal")
    assert find(record("hers", lot("old", "400")), planned=[plan]).refused == ()


def test_identical_groups_reach_across_instruments() -> None:
    recent = lot("recent", "100", date(2018, 1, 20), instrument="GE-B")
    household = record("hers", lot("old", "400"), recent)
    assert find(household).refused == ()
    assert reason(household, identical={"GE": "g", "GE-B": "g"}) == "GE-B was bought in hers on 2018-01-20"
    plan = PlannedPurchase("hers", "GE-B", ON, "recurring order")
    assert reason(record("hers", lot("old", "400")), planned=[plan], identical={"GE-B": "GE"}).startswith("recurring order buys GE-B")


def test_a_recent_lot_does_not_refuse_itself() -> None:
    """Sold whole within 30 days of its own purchase: no other unit is left to replace it."""
    answer = find(record("hers", lot("recent", "400", date(2018, 1, 20))))
    assert [row.lot_id for row in answer.candidates] == ["recent"]


def test_two_recent_lots_refuse_each_other() -> None:
    answer = find(record("hers", lot("a", "400", date(2018, 1, 20)), lot("b", "400", date(2018, 1, 22))))
    assert [row.reason for row in answer.refused] == ["GE was bought in hers on 2018-01-22", "GE was bought in hers on 2018-01-20"]


def test_a_purchase_that_has_washed_a_loss_already_refuses_nothing() -> None:
    """Reg. 1.1091-1(e): the ten bought on 20 January took over the loss of 100 of 10 January: basis 200 + 100."""
    washed = lot("washed", "300", date(2016, 3, 1), Disposal(date(2018, 1, 10), Decimal(10), Decimal(200)))
    recent = lot("recent", "200", date(2018, 1, 20))
    answer = find(record("hers", lot("old", "400"), washed, recent))
    assert [(row.lot_id, row.basis, row.term) for row in answer.candidates] == [("old", 400, Term.LONG), ("recent", 300, Term.LONG)]


def test_a_sale_of_the_same_day_refuses() -> None:
    """The loss of ``today`` (bought 2017) is matched with ``recent``; ``old`` (bought 2016) would come before it and wash itself."""
    today = lot("today", "300", date(2017, 6, 1), Disposal(ON, Decimal(10), Decimal(150)))
    recent = lot("recent", "150", date(2018, 1, 20))
    assert reason(record("hers", lot("old", "400"), today, recent)) == "GE was already sold in hers on 2018-02-05"


def test_units_with_a_gain_bar_those_behind_them() -> None:
    """4 of 10 units took over a loss of 1 a unit: blocks of 4 x 24 and 6 x 23 at 15 are two candidates of one lot."""
    washed = Lot("w", "hers", "GE", date(2017, 12, 1), Decimal(4), Decimal(64), (Disposal(date(2018, 1, 10), Decimal(4), Decimal(60)),))
    recent = lot("recent", "230", date(2018, 1, 20))
    answer = find(record("hers", washed, recent), minimum_loss=Decimal(1))
    assert [(row.lot_id, row.quantity, row.basis, row.loss) for row in answer.candidates] == [("recent", 4, 96, 36), ("recent", 6, 138, 48)]
    cheap = replace(recent, cost_basis=Decimal(140))
    answer = find(record("hers", washed, cheap), minimum_loss=Decimal(1))
    # 4 x 15 = 60 against 56 + 4 = 60: no loss in front, and 6 x 14 gains.
    assert answer.candidates == ()


def test_units_behind_a_loss_that_have_a_gain_are_kept() -> None:
    """4 of 10 units at 13 took over a loss of 20: 72 against 60 is a loss of 12; the other 6, 78 against 90, are kept."""
    washed = Lot("w", "hers", "GE", date(2017, 12, 1), Decimal(4), Decimal(80), (Disposal(date(2018, 1, 10), Decimal(4), Decimal(60)),))
    answer = find(record("hers", washed, lot("recent", "130", date(2018, 1, 20))), minimum_loss=Decimal(1))
    assert [(row.quantity, row.basis, row.loss) for row in answer.candidates] == [(4, 72, 12)]


def test_a_lot_already_being_sold_is_refused() -> None:
    household = record("hers", lot("old", "400"))
    assert reason(household, being_sold={("hers", "old")}) == "today's rebalancing already sells from this lot"
    assert find(household, being_sold={("his", "old")}).refused == ()


def test_a_quarantined_price_is_no_ground_for_a_sale() -> None:
    closes = {"GE": close("GE", "15", PriceLabel.LAST_GOOD)}
    answer = find_tax_losses([record("hers", lot("old", "400"))], closes, ON, CLOSE)["hers"]
    assert answer.refused[0].reason == "the price of GE was quarantined"


def test_what_comes_after_the_day_is_not_known() -> None:
    later = lot("later", "100", date(2018, 2, 6))
    sold_later = lot("old", "400", date(2016, 1, 4), Disposal(date(2018, 2, 6), Decimal(10), Decimal(1)))
    assert [row.lot_id for row in find(record("hers", sold_later, later)).candidates] == ["old"]


def test_only_taxable_portfolios_have_an_answer() -> None:
    household = [record("hers"), record("ira", lot("old", "400", portfolio="ira"), account=AccountKind.ROTH_IRA)]
    assert find_tax_losses(household, {}, ON, CLOSE) == {"hers": TaxLosses("hers", CLOSE, (), ())}
    assert find_tax_losses([], {}, ON, CLOSE) == {}


def test_bad_input_is_refused_by_field() -> None:
    mine = record("hers", lot("old", "400"))
    plan = PlannedPurchase("stranger", "GE", ON, "recurring order")
    for household, closes, options, field in (
        ([mine, record("his", household="other")], CLOSES, {}, "household"),
        ([mine], CLOSES, {"planned": [plan]}, "planned"),
        ([mine], CLOSES, {"minimum_loss": Decimal(0)}, "minimum_loss"),
        ([mine], {}, {}, "closes[GE]"),
        ([mine], {"GE": close("GE", "0")}, {}, "closes[GE]"),
        ([mine], {"GE": close("GE", "NaN")}, {}, "closes[GE]"),
    ):
        with pytest.raises(InvalidInput) as refused:
            find_tax_losses(household, closes, ON, CLOSE, **options)
        assert refused.value.field == field
