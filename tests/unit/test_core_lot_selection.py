"""Lot selection: the order of each method by hand, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from daymark.core.errors import InvalidInput, NotPublished
from daymark.core.lot_selection import GainRates, LotMethod, select_lots, top_federal_rates
from daymark.core.lots import Disposal, Lot, Term

ON = date(2018, 2, 5)


def lot(name: str, acquired: date, units: int, cost: str, *disposals: Disposal, **extra: str) -> Lot:
    return Lot(name, extra.get("portfolio", "p"), extra.get("instrument", "KO"), acquired, Decimal(units), Decimal(cost), disposals)


# Unit costs 40, 60, 45, 55; the first two are long-term on 2018-02-05.
LOTS = (
    lot("long-low", date(2015, 1, 5), 10, "400.00"),
    lot("long-high", date(2016, 1, 5), 10, "600.00"),
    lot("short-low", date(2017, 9, 5), 10, "450.00"),
    lot("short-high", date(2017, 10, 5), 10, "550.00"),
)


def order(method: LotMethod, price: str | None = None, quantity: int = 40) -> list[str]:
    sale = select_lots(LOTS, Decimal(quantity), method, ON, price=None if price is None else Decimal(price))
    return [part.lot_id for part in sale.parts]


def test_first_in_last_in_and_highest_cost() -> None:
    assert order(LotMethod.FIFO) == ["long-low", "long-high", "short-low", "short-high"]
    assert order(LotMethod.LIFO) == ["short-high", "short-low", "long-high", "long-low"]
    assert order(LotMethod.HIFO) == ["long-high", "short-high", "short-low", "long-low"]


def test_minimum_tax_weighs_gain_by_the_rate_of_its_term() -> None:
    """At 50, taxed at 40.8 % short and 23.8 % long: 10 x .238 = 2.38; -10 x .238 = -2.38; 5 x .408 = 2.04; -5 x .408 = -2.04."""
    assert order(LotMethod.MINIMUM_TAX, "50") == ["long-high", "short-high", "short-low", "long-low"]


def test_minimum_tax_prefers_a_short_loss_to_a_larger_long_one() -> None:
    """At 46: long-high -14 x .238 = -3.332, short-high -9 x .408 = -3.672: the smaller loss saves more."""
    assert order(LotMethod.MINIMUM_TAX, "46")[:2] == ["short-high", "long-high"]


@pytest.mark.parametrize("price", ["0", "0.50"])
def test_minimum_tax_of_units_worth_next_to_nothing(price: str) -> None:
    """At 0: -55 x .408 = -22.44; -45 x .408 = -18.36; -60 x .238 = -14.28; -40 x .238 = -9.52. Half a dollar changes no place."""
    assert order(LotMethod.MINIMUM_TAX, price) == ["short-high", "short-low", "long-high", "long-low"]


def test_minimum_tax_under_the_clients_own_rates() -> None:
    """Equal rates of 20 %: at 46 the larger loss comes first."""
    rates = GainRates(date(2018, 1, 1), Decimal("0.2"), Decimal("0.2"))
    sale = select_lots(LOTS, Decimal(20), LotMethod.MINIMUM_TAX, ON, price=Decimal(46), rates=rates)
    assert [part.lot_id for part in sale.parts] == ["long-high", "short-high"]


@pytest.mark.parametrize(
    ("on", "short", "long"),
    [
        (date(2011, 1, 1), "0.35", "0.15"),
        (date(2012, 12, 31), "0.35", "0.15"),
        (date(2013, 1, 1), "0.434", "0.238"),
        (date(2017, 12, 31), "0.434", "0.238"),
        (date(2018, 1, 1), "0.408", "0.238"),
    ],
)
def test_top_federal_rates_by_date(on: date, short: str, long: str) -> None:
    """35/15 through 2012, 39.6/20 plus 3.8 (IRC 1411) from 2013, 37/20 plus 3.8 from 2018.

    Read at: lexology.com (acf62312, P.L. 111-312: "35 percent ... 15 percent through December 31, 2012"); self-law.org, P.L. 112-240
    sec. 102 ("20 percent of the adjusted net capital gain", below it what is taxed under 39.6 percent); 131 Stat. 2055, P.L. 115-97
    ("37% of the excess over $600,000").
    """
    rates = top_federal_rates(on)
    assert (rates.of(Term.SHORT), rates.of(Term.LONG)) == (Decimal(short), Decimal(long))


def test_rates_before_the_table_are_not_published() -> None:
    with pytest.raises(NotPublished):
        top_federal_rates(date(2010, 12, 31))


def test_part_of_a_partly_sold_lot_gets_its_own_cents() -> None:
    """100.00 over 3 units goes 33.33, 33.34, 33.33: one is sold, so the next one's basis is 33.34."""
    held = lot("a", date(2017, 1, 3), 3, "100.00", Disposal(date(2017, 6, 1), Decimal(1), Decimal("40.00")))
    sale = select_lots([held], Decimal(1), LotMethod.FIFO, ON)
    assert sale.basis == Decimal("33.34")
    assert sale.gain(Decimal("50.00")) == Decimal("16.66")


def test_lots_not_open_on_the_day_are_passed_over() -> None:
    gone = lot("gone", date(2014, 1, 3), 5, "10.00", Disposal(ON, Decimal(5), Decimal("40.00")))
    later = lot("later", date(2018, 2, 6), 5, "10.00")
    sale = select_lots([later, gone, *LOTS], Decimal(1), LotMethod.FIFO, ON)
    assert [part.lot_id for part in sale.parts] == ["long-low"]


def test_holding_period_that_was_carried_in_decides_the_term() -> None:
    carried = Lot("a", "p", "KO", date(2018, 1, 3), Decimal(1), Decimal("10.00"), (), date(2016, 1, 4))
    assert select_lots([carried], Decimal(1), LotMethod.FIFO, ON).parts[0].term is Term.LONG


def test_specific_takes_what_was_chosen_in_order_of_acquisition() -> None:
    sale = select_lots(LOTS, Decimal(7), LotMethod.SPECIFIC, ON, chosen={"short-high": Decimal(4), "long-low": Decimal(3)})
    assert [(part.lot_id, part.quantity, part.basis) for part in sale.parts] == [("long-low", 3, 120), ("short-high", 4, 220)]
    half = select_lots(LOTS, Decimal("0.5"), LotMethod.SPECIFIC, ON, chosen={"long-low": Decimal("0.5")})
    assert [(part.quantity, part.basis) for part in half.parts] == [(Decimal("0.5"), 20)]


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"nobody": Decimal(7)}, "chosen[nobody]"),
        ({"long-low": Decimal(11)}, "chosen[long-low]"),
        ({"long-low": Decimal(0), "long-high": Decimal(7)}, "chosen[long-low]"),
        ({"long-low": Decimal(6)}, "chosen"),
        (None, "chosen"),
    ],
)
def test_choices_that_do_not_fit_are_refused(chosen: Mapping[str, Decimal] | None, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        select_lots(LOTS, Decimal(7), LotMethod.SPECIFIC, ON, chosen=chosen)
    assert refused.value.field == field


def test_selling_more_than_is_held_is_refused_with_both_numbers() -> None:
    with pytest.raises(InvalidInput, match="cannot sell 41 of 40 held on 2018-02-05") as refused:
        select_lots(LOTS, Decimal(41), LotMethod.FIFO, ON)
    assert (refused.value.field, refused.value.context) == ("quantity", {"held": "40", "asked": "41"})


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN"])
def test_nothing_to_sell_is_refused(quantity: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        select_lots(LOTS, Decimal(quantity), LotMethod.FIFO, ON)
    assert refused.value.field == "quantity"


def test_mixed_or_repeated_lots_are_refused() -> None:
    for other in (lot("x", ON, 1, "1", instrument="PG"), lot("x", ON, 1, "1", portfolio="q"), LOTS[0]):
        with pytest.raises(InvalidInput) as refused:
            select_lots([*LOTS, other], Decimal(1), LotMethod.FIFO, ON)
        assert refused.value.field == "lots"


@pytest.mark.parametrize("price", [None, "-1", "NaN"])
def test_minimum_tax_needs_a_price(price: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        order(LotMethod.MINIMUM_TAX, price)
    assert refused.value.field == "price"


def test_chosen_lots_with_another_method_are_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        select_lots(LOTS, Decimal(1), LotMethod.FIFO, ON, chosen={"long-low": Decimal(1)})
    assert refused.value.field == "chosen"
