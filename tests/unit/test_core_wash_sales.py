"""Wash sales: the edges of the window, what may replace what, chains, groups and refusals."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from daymark.core.errors import InvalidInput
from daymark.core.lots import Disposal, Lot, Term
from daymark.core.wash_sales import HouseholdLot, wash_sales

SALE = date(2018, 6, 1)


def lot(name: str, acquired: date, units: int, cost: str, *sold: tuple[date, int, str], **extra: str) -> HouseholdLot:
    portfolio = extra.get("portfolio", "joint")
    disposals = tuple(Disposal(day, Decimal(quantity), Decimal(proceeds)) for day, quantity, proceeds in sold)
    return HouseholdLot(
        Lot(name, portfolio, extra.get("instrument", "KO"), acquired, Decimal(units), Decimal(cost), disposals), portfolio != "ira"
    )


def old(units: int = 10, cost: str = "1000", proceeds: str = "700") -> HouseholdLot:
    return lot("old", date(2016, 1, 4), units, cost, (SALE, units, proceeds))


@pytest.mark.parametrize(("days", "washed"), [(-31, False), (-30, True), (-1, True), (0, True), (1, True), (30, True), (31, False)])
def test_window_reaches_thirty_days_both_ways(days: int, washed: bool) -> None:
    result = wash_sales([old(), lot("other", SALE + timedelta(days=days), 10, "800")])
    assert bool(result.matches) is washed
    assert result.recognised == (0 if washed else -300)


def test_share_for_share_only_as_many_as_bought() -> None:
    """10 sold at a loss of 30 each; 4 bought: 120 deferred, 180 allowed."""
    result = wash_sales([old(), lot("new", SALE, 4, "300")])
    (sale,) = result.sales
    assert (sale.deferred, sale.recognised) == (120, -180)
    assert result.open_blocks[0].basis == 420


def test_one_purchase_absorbs_one_loss() -> None:
    """Reg. 1.1091-1(e): 10 bought; the earlier loss of 300 uses them up, the later loss of 200 is allowed."""
    later = lot("later", date(2016, 1, 5), 10, "900", (SALE + timedelta(days=2), 10, "700"))
    result = wash_sales([later, old(), lot("new", SALE + timedelta(days=5), 10, "800")])
    assert [(sale.lot_id, sale.recognised) for sale in result.sales] == [("old", 0), ("later", -200)]


def test_the_rest_of_the_same_purchase_is_no_replacement() -> None:
    """Rev. Rul. 56-602, 1956-2 C.B. 527 (text at taxnotes.com): a sale that reduces one purchase, ten days after it, is no wash."""
    result = wash_sales([lot("one", SALE - timedelta(days=10), 100, "1000", (SALE, 50, "400"))])
    assert (result.matches, result.recognised) == ((), -100)


def test_units_already_sold_cannot_replace() -> None:
    gone = lot("gone", SALE - timedelta(days=20), 10, "800", (SALE - timedelta(days=5), 10, "900"))
    assert wash_sales([old(), gone]).matches == ()


def test_part_sold_on_the_day_of_the_loss_cannot_replace_but_the_rest_can() -> None:
    """Of 10 bought before, 6 leave on the day itself: 4 can replace, 4 x 30 = 120."""
    recent = lot("recent", SALE - timedelta(days=20), 10, "500", (SALE, 6, "420"))
    result = wash_sales([old(), recent])
    assert [match.quantity for match in result.matches] == [4]
    assert sum(sale.deferred for sale in result.sales) == 120


def test_chained_washes_are_carried_through() -> None:
    """1,000 -> 700 (300 deferred into B: 800 + 300 = 1,100) -> 650 (450 deferred into C: 600 + 450 = 1,050) -> 1,000: 50 allowed.

    Economically: -300 - 150 + 400 = -50.
    """
    second, third = SALE + timedelta(days=10), SALE + timedelta(days=20)
    b = lot("b", second, 10, "800", (third, 10, "650"))
    c = lot("c", third + timedelta(days=15), 10, "600", (date(2019, 1, 2), 10, "1000"))
    result = wash_sales([c, old(), b])
    assert [(sale.lot_id, sale.gain, sale.recognised) for sale in result.sales] == [("old", -300, 0), ("b", -450, 0), ("c", -50, -50)]
    # Held 2016-01-04 to the first sale, so even C, held half a year itself, is long-term.
    assert result.sales[-1].term is Term.LONG


def test_a_deferred_loss_can_turn_a_gain_into_a_loss() -> None:
    """B costs 800, sold for 850 after 300 was carried in: the gain of 50 becomes a loss of 250."""
    b = lot("b", SALE + timedelta(days=10), 10, "800", (date(2019, 1, 2), 10, "850"))
    assert wash_sales([old(), b]).sales[-1].recognised == -250


def test_spouse_account_replaces_and_carries_the_basis() -> None:
    result = wash_sales([old(), lot("new", SALE, 10, "700", portfolio="spouse")])
    assert (result.matches[0].replacement_portfolio_id, result.open_blocks[0].basis) == ("spouse", 1000)


def test_taxable_purchase_goes_before_an_ira_purchase_of_the_same_day() -> None:
    ira, taxed = lot("a", SALE, 10, "700", portfolio="ira"), lot("z", SALE, 10, "700", portfolio="zeta")
    result = wash_sales([ira, taxed, old()])
    assert [(match.replacement_lot_id, match.is_permanent) for match in result.matches] == [("z", False)]


def test_sale_inside_an_ira_is_no_loss_but_uses_its_units_up() -> None:
    in_ira = lot("in", SALE - timedelta(days=9), 10, "900", (SALE - timedelta(days=2), 10, "700"), portfolio="ira")
    result = wash_sales([in_ira, old()])
    assert [sale.lot_id for sale in result.sales] == ["old"]
    assert result.permanently_lost == 0


@pytest.mark.parametrize(("groups", "washed"), [(None, False), ({"KO": "cola", "KO-B": "cola"}, True), ({"KO-B": "KO"}, True)])
def test_substantially_identical_is_a_configured_group(groups: dict[str, str] | None, washed: bool) -> None:
    result = wash_sales([old(), lot("new", SALE, 10, "800", instrument="KO-B")], groups)
    assert bool(result.matches) is washed


def test_a_gain_is_never_touched() -> None:
    result = wash_sales([old(proceeds="1300"), lot("new", SALE, 10, "800")])
    assert (result.matches, result.recognised) == ((), 300)


def test_losses_of_one_day_go_in_order_of_acquisition() -> None:
    """Reg. 1.1091-1(b): 10 bought replace the older of two losses of one day, whatever the ids."""
    younger = lot("a-younger", date(2017, 1, 4), 10, "900", (SALE, 10, "700"))
    result = wash_sales([younger, old(), lot("new", SALE, 10, "800")])
    assert [match.lot_id for match in result.matches] == ["old"]


def test_matched_units_of_a_lot_are_sold_first() -> None:
    """4 of 10 carry 120 (basis 40 x 4 + 120 = 280); 5 sold: those 4 and one of the rest: basis 280 + 40."""
    new = lot("new", SALE + timedelta(days=1), 10, "400", (date(2019, 3, 1), 5, "500"))
    result = wash_sales([old(4, "400", "280"), new])
    sold = [sale for sale in result.sales if sale.lot_id == "new"]
    assert [(sale.quantity, sale.basis, sale.proceeds, sale.term) for sale in sold] == [
        (4, 280, 400, Term.LONG),
        (1, 40, 100, Term.SHORT),
    ]


def test_order_of_one_lots_disposals_of_one_day_changes_nothing() -> None:
    """Units that carry a loss are in front of the others, so it must be settled which of two sales of a day takes them."""
    day = date(2019, 3, 1)
    sales = (day, 3, "90"), (day, 5, "500")
    results = [wash_sales([old(4, "400", "280"), lot("new", SALE, 10, "400", *order)]) for order in (sales, sales[::-1])]
    assert results[0] == results[1]


def test_the_same_lot_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="old of joint is given twice"):
        wash_sales([old(), old()])


def test_no_history_has_no_washes() -> None:
    result = wash_sales([])
    assert (result.sales, result.matches, result.open_blocks, result.recognised) == ((), (), (), 0)
