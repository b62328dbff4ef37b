"""Rebalancing by hand: what is traded, from which lots, with what cash, and what is left and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PositionMark, Target
from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass
from daymark.core.lots import Disposal, Lot
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice
from daymark.operations.rebalancing import LeftOutside, RebalancingProposal, as_body, propose_rebalancing

DAY, NEXT = date(2018, 2, 2), date(2018, 2, 5)
ADJUSTED = PriceLabel.ADJUSTED_CLOSE


def portfolio(targets: Mapping[str, str], account: AccountKind = AccountKind.TAXABLE, minimum: str = "100") -> Portfolio:
    rows = tuple(Target(name, Decimal(weight)) for name, weight in targets.items())
    return Portfolio("t", "p", "h", "a", "P", account, DAY, "us-east-1", rows, minimum_trade=Decimal(minimum))


def lot(name: str, instrument: str, units: str, cost: str, acquired: date = date(2016, 1, 4), *sold: Disposal) -> Lot:
    return Lot(name, "p", instrument, acquired, Decimal(units), Decimal(cost), sold)


def close(instrument: str, price: str, label: PriceLabel = ADJUSTED) -> ClosingPrice:
    return ClosingPrice(instrument, Decimal(price), DAY, label)


def marked(cash: str, lots: list[Lot], closes: Mapping[str, ClosingPrice]) -> PortfolioMark:
    held: dict[str, Decimal] = {}
    for row in lots:
        if quantity := row.open_quantity(DAY):
            held[row.instrument_id] = held.get(row.instrument_id, Decimal(0)) + quantity
    positions = tuple(
        PositionMark(name, AssetClass.EQUITY, units, closes[name].price, units * closes[name].price, Decimal(0), DAY, closes[name].label)
        for name, units in held.items()
    )
    return PortfolioMark("t", "p", DAY, Decimal(cash), positions, Decimal(cash) + sum(row.value for row in positions))


def propose(owner: Portfolio, cash: str, lots: list[Lot], *prices: ClosingPrice) -> RebalancingProposal:
    closes = {price.instrument_id: price for price in prices}
    return propose_rebalancing(owner, marked(cash, lots, closes), lots, closes, NEXT)


def traded(proposal: RebalancingProposal) -> list[tuple[str, str, Decimal]]:
    return [(trade.side.value, trade.instrument_id, trade.quantity) for trade in proposal.trades]


def test_a_rebalancing_by_hand() -> None:
    """Of 10,000: KO 60 x 100 = 6,000 against 50 %: sell 10. PG 2,900 against 30 %: inside. GE 0 against 15 %: 1,500 / 20 = buy 75.

    Cash 1,100 + 1,000 - 1,500 = 600. Turnover (1,000 + 1,500) / 20,000. The lot at 110 has a loss of 10 a share and goes first.
    """
    lots = [lot("cheap", "KO", "50", "2500"), lot("dear", "KO", "10", "1100"), lot("pg", "PG", "29", "2000")]
    owner = portfolio({"KO": "0.5", "PG": "0.3", "GE": "0.15"})
    proposal = propose(owner, "1100", lots, close("KO", "100"), close("PG", "100"), close("GE", "20"))
    assert as_body(proposal) == {
        "as_of": "2018-02-02",
        "price_label": "adjusted daily close",
        "trades": [
            {
                "side": "SELL",
                "instrument_id": "KO",
                "quantity": "10",
                "price": "100",
                "amount": "1000.00",
                "lots": [{"lot_id": "dear", "quantity": "10"}],
                "realised_gain": "-100.00",
                "wash_sales": [],
            },
            {
                "side": "BUY",
                "instrument_id": "GE",
                "quantity": "75",
                "price": "20",
                "amount": "1500.00",
                "lots": [],
                "realised_gain": "0.00",
                "wash_sales": [],
            },
        ],
        "cash_after": "600.00",
        "turnover": 0.125,
        "left_outside": [],
    }


@pytest.mark.parametrize(
    ("account", "first"),
    [
        (AccountKind.TAXABLE, "dear"),
        (AccountKind.TRADITIONAL_IRA, "cheap"),
        (AccountKind.ROTH_IRA, "cheap"),
        (AccountKind.PENSION, "cheap"),
    ],
)
def test_only_taxable_accounts_choose_lots_by_tax(account: AccountKind, first: str) -> None:
    lots = [lot("cheap", "KO", "50", "2500"), lot("dear", "KO", "10", "1100", date(2016, 3, 1))]
    proposal = propose(portfolio({"KO": "0.5"}, account), "4000", lots, close("KO", "100"))
    assert [part.lot_id for part in proposal.trades[0].lots] == [first]


def test_inside_the_band_nothing_is_traded() -> None:
    """53 % against 50 % is on the edge."""
    proposal = propose(portfolio({"KO": "0.5"}), "4700", [lot("a", "KO", "53", "1")], close("KO", "100"))
    assert (proposal.trades, proposal.cash_after, proposal.turnover) == ((), 4700, 0)


def test_units_are_the_nearest_whole_number_and_a_half_goes_down() -> None:
    """Of 1,000 at a price of 40: 500 short is 12.5 units -> 12; of 1,000 at 30: 16.67 -> 17 (510 of the 1,000 in cash)."""
    assert propose(portfolio({"KO": "0.5"}), "1000", [], close("KO", "40")).trades[0].quantity == 12
    assert propose(portfolio({"KO": "0.5"}), "1000", [], close("KO", "30")).trades[0].quantity == 17


def test_purchases_take_the_largest_shortfall_first_and_stop_at_the_cash() -> None:
    """Of 1,000, 700 in XOM inside its band: 300 in cash; KO 20 % and GE 10 % short: KO takes 200, GE 100 / 30 = 3 units of 90."""
    lots = [lot("x", "XOM", "7", "1")]
    owner = portfolio({"XOM": "0.68", "KO": "0.2", "GE": "0.12"})
    proposal = propose(owner, "300", lots, close("XOM", "100"), close("KO", "10"), close("GE", "30"))
    assert [(trade.instrument_id, trade.quantity) for trade in proposal.trades] == [("KO", 20)]
    # 90 would be below the minimum of 100, and it is cash, not the target, that is short.
    assert proposal.left_outside == (("GE", LeftOutside.CASH),)
    owner = replace(owner, minimum_trade=Decimal(90))
    proposal = propose(owner, "300", lots, close("XOM", "100"), close("KO", "10"), close("GE", "30"))
    assert [(trade.instrument_id, trade.quantity) for trade in proposal.trades] == [("KO", 20), ("GE", 3)]
    assert proposal.cash_after == 10
    # 90 of 120: still 3 % short, the edge, so nothing is left outside.
    assert proposal.left_outside == ()


def test_part_of_a_purchase_that_leaves_it_outside_says_so() -> None:
    """Of 1,000: XOM 25 % against 22 % and GE 50 % against 48 % are inside; KO wants 300, cash is 250."""
    lots = [lot("x", "XOM", "25", "1"), lot("g", "GE", "50", "1")]
    owner = portfolio({"XOM": "0.22", "GE": "0.48", "KO": "0.30"})
    proposal = propose(owner, "250", lots, close("XOM", "10"), close("GE", "10"), close("KO", "10"))
    # 5 % short remains.
    assert [(trade.instrument_id, trade.quantity) for trade in proposal.trades] == [("KO", 25)]
    assert proposal.left_outside == (("KO", LeftOutside.CASH),)


def test_below_the_minimum_trade_is_left() -> None:
    proposal = propose(portfolio({"KO": "0.5"}, minimum="250"), "440", [lot("a", "KO", "56", "1")], close("KO", "10"))
    assert (proposal.trades, proposal.left_outside) == ((), (("KO", LeftOutside.MINIMUM_TRADE),))


def test_a_price_too_large_for_a_whole_unit_is_left() -> None:
    """Of 1,000: 400 short at a price of 900 is 0.44 of a unit."""
    proposal = propose(portfolio({"KO": "0.4"}), "1000", [], close("KO", "900"))
    assert (proposal.trades, proposal.left_outside) == ((), (("KO", LeftOutside.WHOLE_UNITS),))


def test_a_fraction_of_a_unit_stays_when_the_rest_is_sold() -> None:
    """10.6 units without a target: 10 are sold; 0.6 x 100 of 1,560 is 3.8 % and stays outside."""
    proposal = propose(portfolio({}), "500", [lot("a", "KO", "10.6", "1")], close("KO", "100"))
    assert (proposal.trades[0].quantity, proposal.left_outside) == (10, (("KO", LeftOutside.WHOLE_UNITS),))


def test_overdrawn_cash_buys_nothing() -> None:
    """Of 1,000: three positions 3 % too heavy, on the edge of their bands, cash is -20, and GE is 7 % short.

    What would raise cash are sales of 30, below the minimum of 50; for a minimum of 1 they cover the 20 and the 70 exactly.
    """
    lots = [lot("a", "KO", "33", "1"), lot("b", "PG", "33", "1"), lot("c", "XOM", "36", "1")]
    owner = portfolio({"KO": "0.30", "PG": "0.30", "XOM": "0.33", "GE": "0.07"}, minimum="50")
    closes = [close(name, "10") for name in ("KO", "PG", "XOM", "GE")]
    proposal = propose(owner, "-20", lots, *closes)
    assert (proposal.trades, proposal.left_outside) == ((), (("GE", LeftOutside.CASH),))
    proposal = propose(replace(owner, minimum_trade=Decimal(1)), "-20", lots, *closes)
    assert traded(proposal) == [("SELL", "KO", 3), ("SELL", "PG", 3), ("SELL", "XOM", 3), ("BUY", "GE", 7)]
    assert (proposal.cash_after, proposal.left_outside) == (0, ())


def test_idle_cash_goes_to_what_is_furthest_below_target_and_no_further() -> None:
    """Of 10,000: targets 50, 25 and 20 %, so 5 % cash. Held 48 %, 22.5 % and 20.5 %: all inside; cash is 9 %: 400 above its target.

    PG is short by 250, KO by 200: PG takes its 250 in 12 units of 20 (the half down), KO 160 of the rest in one unit of 100.
    """
    lots = [lot("k", "KO", "48", "1"), lot("p", "PG", "112.5", "1"), lot("g", "GE", "205", "1")]
    owner = portfolio({"KO": "0.5", "PG": "0.25", "GE": "0.2"})
    closes = [close("KO", "100"), close("PG", "20"), close("GE", "10")]
    proposal = propose(owner, "900", lots, *closes)
    assert traded(proposal) == [("BUY", "PG", 12), ("BUY", "KO", 1)]
    assert (proposal.cash_after, proposal.left_outside) == (560, ())
    # On the edge of its band, at 8 %, cash stays as it is.
    assert propose(owner, "800", [*lots[:2], lot("g", "GE", "215", "1")], *closes).trades == ()


def test_cash_below_its_band_is_raised_from_what_is_furthest_above_target() -> None:
    """Of 10,000: KO 52 % and PG 43.5 % against 50 and 41 %, so 9 % cash, of which 4.5 % is there: 450 short.

    PG is 250 above: 2 units of 100 (the half down); KO is 200 above: 2 units, 200 of the 250 still short.
    """
    lots = [lot("k", "KO", "52", "1"), lot("p", "PG", "43.5", "1")]
    proposal = propose(portfolio({"KO": "0.5", "PG": "0.41"}), "450", lots, close("KO", "100"), close("PG", "100"))
    assert traded(proposal) == [("SELL", "PG", 2), ("SELL", "KO", 2)]
    assert proposal.cash_after == 850


def test_raising_cash_stops_at_its_target() -> None:
    """Of 10,000: KO, PG and GE are 2.9, 2 and 1 % above target, cash is 590 below its 10 %: 300, 200, and 90 of GE's 100."""
    lots = [lot("k", "KO", "32.9", "1"), lot("p", "PG", "32", "1"), lot("g", "GE", "310", "1")]
    owner = portfolio({"KO": "0.3", "PG": "0.3", "GE": "0.3"}, minimum="1")
    closes = [close("KO", "100"), close("PG", "100"), close("GE", "10")]
    proposal = propose(owner, "410", lots, *closes)
    assert traded(proposal) == [("SELL", "KO", 3), ("SELL", "PG", 2), ("SELL", "GE", 9)]
    assert proposal.cash_after == 1000
    # 590 is 410 short of 1,000, but XOM, 5 % without a target, is sold anyway: nothing else need be.
    other = [lot("k", "KO", "32", "1"), lot("p", "PG", "30", "1"), lot("g", "GE", "271", "1"), lot("x", "XOM", "5", "1")]
    assert traded(propose(owner, "590", other, *closes, close("XOM", "100"))) == [("SELL", "XOM", 5)]


def test_a_loss_that_a_recent_purchase_washes_is_not_sold_for_its_tax() -> None:
    """Three lots of KO at 100: a loss of 30 a share, one of 10, a gain of 20. Without the wash the large loss goes first."""
    lots = [lot("deep", "KO", "10", "1300"), lot("small", "KO", "10", "1100"), lot("gain", "KO", "40", "3200")]
    owner = portfolio({"KO": "0.5"})

    def sold(units: int, *washed: str) -> list[tuple[str, Decimal]]:
        book = marked(str(12000 - 200 * units - 6000), lots, {"KO": close("KO", "100")})
        keys = {("p", name) for name in washed} | {("q", "small")}
        proposal = propose_rebalancing(owner, book, lots, {"KO": close("KO", "100")}, NEXT, washed=keys)
        return [(part.lot_id, part.quantity) for part in proposal.trades[0].lots]

    # Of 60 x 100 + cash half is kept, so 6,000 - 200 n of cash sells n units.
    assert sold(15) == [("deep", 10), ("small", 5)]
    assert sold(15, "deep") == [("small", 10), ("deep", 5)]
    # A washed loss costs no tax, a gain does.
    assert sold(25, "deep", "small") == [("deep", 10), ("small", 10), ("gain", 5)]
    exempt = replace(owner, account=AccountKind.ROTH_IRA)
    book = marked("3000", lots, {"KO": close("KO", "100")})
    proposal = propose_rebalancing(exempt, book, lots, {"KO": close("KO", "100")}, NEXT, washed={("p", "deep")})
    assert proposal.trades[0].lots[0].lot_id == "deep"


def test_a_quarantined_price_is_not_traded_on() -> None:
    proposal = propose(portfolio({"KO": "0.5"}), "400", [lot("a", "KO", "60", "1")], close("KO", "10", PriceLabel.LAST_GOOD))
    assert (proposal.trades, proposal.left_outside) == ((), (("KO", LeftOutside.QUARANTINED_PRICE),))


def test_an_empty_portfolio_has_no_trades() -> None:
    proposal = propose(portfolio({"KO": "1"}), "0", [])
    assert (proposal.trades, proposal.cash_after, proposal.turnover, proposal.price_label) == ((), 0, 0, "")


def test_what_happened_after_the_mark_is_not_looked_at() -> None:
    """A lot bought and a sale made on the next day change nothing."""
    after = [lot("late", "KO", "30", "1", NEXT), lot("a", "KO", "60", "3000", date(2016, 1, 4), Disposal(NEXT, Decimal(60), Decimal(1)))]
    proposal = propose(portfolio({"KO": "0.5"}), "4000", after, close("KO", "100"))
    assert [(part.lot_id, part.quantity) for part in proposal.trades[0].lots] == [("a", 10)]


def test_labels_of_all_prices_used_are_shown() -> None:
    bond = close("BOND-AAA", "98.5", PriceLabel.FROM_YIELD_SERIES)
    proposal = propose(portfolio({"KO": "0.5", "BOND-AAA": "0.3"}), "5000", [lot("a", "KO", "50", "1")], close("KO", "100"), bond)
    assert proposal.price_label == "adjusted daily close; synthetic: priced from a monthly yield series"


def test_contradictions_and_gaps_are_refused_by_field() -> None:
    lots, closes = [lot("a", "KO", "60", "1")], {"KO": close("KO", "100")}
    owner, book = portfolio({"KO": "0.5"}), marked("4000", lots, closes)
    cases = (
        (owner, book, [], closes, NEXT, "lots"),
        (owner, book, [replace(lots[0], portfolio_id="q")], closes, NEXT, "lots"),
        (owner, book, lots, {"KO": close("KO", "101")}, NEXT, "closes[KO]"),
        (owner, book, lots, {}, NEXT, "closes[KO]"),
        (portfolio({"KO": "0.5", "PG": "0.4"}), book, lots, closes | {"PG": close("PG", "0")}, NEXT, "closes[PG]"),
        (portfolio({"KO": "0.5", "PG": "0.4"}), book, lots, closes | {"PG": close("PG", "NaN")}, NEXT, "closes[PG]"),
        (owner, book, lots, closes, date(2018, 2, 1), "trade_date"),
        (owner, replace(book, portfolio_id="q"), lots, closes, NEXT, "mark"),
    )
    for who, what, whose, prices, when, field in cases:
        with pytest.raises(InvalidInput) as refused:
            propose_rebalancing(who, what, whose, prices, when)
        assert refused.value.field == field, field
