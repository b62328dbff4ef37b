"""Wash sales against the published examples; every expected figure stands in the source named beside it.

Of Reg. 1.1091-1(h) only what others tell of it could be read: of example 2 the amounts and the 75 of 100 shares, of example 3 that
the first two of four equal purchases replace. Its other figures (example 1, the bases and dates) are the rule worked out by hand, and
rest on the share-by-share simulator of tests/properties/test_core_wash_sales.py.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from daymark.core.lots import Disposal, Lot, Term, holding_term
from daymark.core.wash_sales import HouseholdLot, WashSales, wash_sales


def lot(name: str, acquired: date, units: int, cost: str, *sold: tuple[date, int, str], portfolio: str = "joint") -> HouseholdLot:
    disposals = tuple(Disposal(day, Decimal(quantity), Decimal(proceeds)) for day, quantity, proceeds in sold)
    return HouseholdLot(
        Lot(name, portfolio, "M", acquired, Decimal(units), Decimal(cost), disposals), is_taxable=not portfolio.endswith("ira")
    )


def basis_of(result: WashSales, name: str) -> Decimal:
    return sum((block.basis for block in result.open_blocks if block.lot_id == name), Decimal(0))


def test_irs_training_case() -> None:
    """IRS Link & Learn, capital gain workout, case study 1 (apps.irs.gov, 10_04_011; also Pub. 550): 250 lost, new basis 1,050."""
    result = wash_sales(
        [lot("old", date(2018, 1, 2), 100, "1000", (date(2018, 3, 1), 100, "750")), lot("new", date(2018, 3, 20), 100, "800")]
    )
    (sale,) = result.sales
    assert (sale.gain, sale.deferred, sale.recognised) == (-250, 250, 0)
    assert basis_of(result, "new") == 1050


@pytest.mark.parametrize(("price", "basis"), [("90", 110), ("70", 90)])
def test_regulation_1_1091_2_examples_1_and_2(price: str, basis: int) -> None:
    """Reg. 1.1091-2(a), 26 CFR as of 2004-04-01: a share bought for 100 in 1935, sold for 80 on 1955-01-15; the next costs 90 or 70."""
    result = wash_sales([lot("old", date(1935, 6, 1), 1, "100", (date(1955, 1, 15), 1, "80")), lot("new", date(1955, 2, 1), 1, price)])
    assert basis_of(result, "new") == basis


def test_regulation_1_1091_1_example_1_bought_before_the_sale() -> None:
    """Reg. 1.1091-1(h) ex. 1: the purchase of 1954-12-15 makes the loss of 1,000 on 1955-01-03 not deductible."""
    result = wash_sales(
        [lot("first", date(1954, 12, 1), 100, "10000", (date(1955, 1, 3), 100, "9000")), lot("second", date(1954, 12, 15), 100, "9000")]
    )
    assert result.recognised == 0
    assert basis_of(result, "second") == 10_000


def test_regulation_1_1091_1_example_2_fewer_bought_than_sold() -> None:
    """Reg. 1.1091-1(h) ex. 2; Pub. 550, "More or less stock bought than sold": 750 of 1,000 disallowed, 250 allowed.

    Pub. 550's wording, with dates of 2009, stands at advisors4advisors.com/investing/strategies/article/13798. By hand: 50 x 10 and
    25 x 10 go into the bases, 2,750 + 500 and 1,125 + 250.
    """
    result = wash_sales(
        [
            lot("sold", date(1954, 9, 21), 100, "5000", (date(1955, 1, 3), 100, "4000")),
            lot("fifty", date(1954, 12, 21), 50, "2750"),
            lot("twenty-five", date(1954, 12, 27), 25, "1125"),
        ]
    )
    (sale,) = result.sales
    assert (sale.deferred, sale.recognised) == (750, -250)
    assert (basis_of(result, "fifty"), basis_of(result, "twenty-five")) == (3250, 1375)


def test_regulation_1_1091_1_example_3_first_hundred_bought_are_matched() -> None:
    """Reg. 1.1091-1(h) ex. 3: of 50 bought on each of four days, the first two days replace, and take over the holding period."""
    bought = [lot(f"day-{day}", date(1956, 2, day), 50, "2000") for day in (15, 16, 17, 18)]
    result = wash_sales([*bought, lot("sold", date(1954, 9, 15), 100, "5000", (date(1956, 2, 1), 100, "4000"))])
    assert [basis_of(result, row.lot.lot_id) for row in bought] == [2500, 2500, 2000, 2000]
    # 1954-09-15 to 1956-02-01 is 504 days: the replacement is long-term the day after it is bought.
    blocks = {block.lot_id: block for block in result.open_blocks}
    assert (blocks["day-15"].acquired - blocks["day-15"].held_since).days == (date(1956, 2, 1) - date(1954, 9, 15)).days
    assert holding_term(blocks["day-16"].held_since, date(1956, 2, 17)) is Term.LONG
    assert holding_term(blocks["day-17"].held_since, date(1956, 2, 18)) is Term.SHORT


def test_publication_550_loss_and_gain_on_the_same_day() -> None:
    """Pub. 550: three blocks of 1997 at 158, 100, 95; 300 sold at 125 on 2002-12-23; 250 bought on 2003-01-06.

    As quoted by Fairmark, "Same Day Rule for Wash Sales": the 33 a share is not deductible and does not reduce the gains of 25 and 30.
    """
    sale = date(2002, 12, 23)
    result = wash_sales(
        [
            lot("first", date(1997, 2, 3), 100, "15800", (sale, 100, "12500")),
            lot("second", date(1997, 4, 1), 100, "10000", (sale, 100, "12500")),
            lot("third", date(1997, 6, 2), 100, "9500", (sale, 100, "12500")),
            lot("new", date(2003, 1, 6), 250, "30000"),
        ]
    )
    assert [(row.lot_id, row.recognised) for row in result.sales] == [("first", 0), ("second", 2500), ("third", 3000)]
    assert basis_of(result, "new") == 30_000 + 3_300


@pytest.mark.parametrize("account", ["traditional-ira", "roth-ira"])
def test_revenue_ruling_2008_5_ira_purchase_loses_the_loss(account: str) -> None:
    """Rev. Rul. 2008-5: 100 shares with basis 1,000 sold for 600 on 2007-12-20, bought in an IRA or Roth IRA on 2007-12-21."""
    result = wash_sales(
        [
            lot("sold", date(2007, 1, 3), 100, "1000", (date(2007, 12, 20), 100, "600")),
            lot("bought", date(2007, 12, 21), 100, "600", portfolio=account),
        ]
    )
    (sale,) = result.sales
    assert (sale.recognised, sale.deferred, sale.permanently_lost) == (0, 0, 400)
    assert basis_of(result, "bought") == 600
    assert result.open_blocks[0].held_since == date(2007, 12, 21)


def test_tacking_method_of_a_broker() -> None:
    """Scottrade, "Wash Sales and Holding Period Calculations", tacking method.

    Held 2013-01-12 to 2013-01-20, bought back on 2013-02-02: counts from 2013-01-25, long-term on 2014-01-26.
    """
    result = wash_sales([lot("a", date(2013, 1, 12), 10, "100", (date(2013, 1, 20), 10, "90")), lot("b", date(2013, 2, 2), 10, "90")])
    (block,) = result.open_blocks
    assert block.held_since == date(2013, 1, 25)
    assert holding_term(block.held_since, date(2014, 1, 25)) is Term.SHORT
    assert holding_term(block.held_since, date(2014, 1, 26)) is Term.LONG


def test_fairmark_leap_day() -> None:
    """Fairmark, "Don't Sell on Leap Day" (2016-02-27): bought 2015-02-28, long-term only from 2016-03-01."""
    assert holding_term(date(2015, 2, 28), date(2016, 2, 29)) is Term.SHORT
    assert holding_term(date(2015, 2, 28), date(2016, 3, 1)) is Term.LONG


@pytest.mark.parametrize(
    ("bought", "first_long_day"),
    [
        # J.K. Lasser's Your Income Tax 2013, 5.9: bought September 19, 2012, "a sale on or after September 20, 2013" is long-term.
        (date(2012, 9, 19), date(2013, 9, 20)),
        # Rev. Rul. 66-7, 1966-1 C.B. 188: counted from the day after; what is bought on the last day of a month is held over a number of
        # months from the first of the month after them (then six: "April 30, 1963 ... not ... before November 1, 1963").
        (date(1963, 4, 30), date(1964, 5, 1)),
        (date(2015, 2, 28), date(2016, 3, 1)),
        (date(2016, 2, 29), date(2017, 3, 1)),
    ],
)
def test_first_long_term_day(bought: date, first_long_day: date) -> None:
    assert holding_term(bought, first_long_day) is Term.LONG
    assert holding_term(bought, first_long_day - timedelta(days=1)) is Term.SHORT


def test_lots_sold_together_within_thirty_days_are_no_wash() -> None:
    """The input of bbreslauer/wash-sale-tracker #5 under the rule of adlr/wash-sale-calculator #8.

    2 and 5 units bought on 2014-02-25 at 5,000 each, all sold on 2014-02-28 at half: the whole loss of 17,500 stands.
    """
    sold = date(2014, 2, 28)
    result = wash_sales(
        [
            lot("two", date(2014, 2, 25), 2, "10000", (sold, 2, "5000")),
            lot("five", date(2014, 2, 25), 5, "25000", (sold, 5, "12500")),
        ]
    )
    assert result.matches == ()
    assert result.recognised == -17_500
