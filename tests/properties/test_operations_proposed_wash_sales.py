"""Proposed wash sales for any household: bounded by the loss and by what is bought, and only of lots that were said to wash."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PortfolioRecord, PositionMark, Target
from daymark.core.instruments import AssetClass
from daymark.core.lots import Lot
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice
from daymark.operations.proposed_wash_sales import proposed_wash_sales, washed_lots
from daymark.operations.rebalancing import RebalancingProposal, Side, propose_rebalancing

DAY = date(2018, 2, 5)
ACCOUNTS = {"hers": AccountKind.TAXABLE, "his": AccountKind.TAXABLE, "ira": AccountKind.ROTH_IRA}
PRICES = {"A": Decimal(10), "B": Decimal(4)}
CLOSES = {name: ClosingPrice(name, price, DAY, PriceLabel.ADJUSTED_CLOSE) for name, price in PRICES.items()}


@st.composite
def households(draw: st.DrawFn) -> list[PortfolioRecord]:
    """Three accounts in two instruments, bought around the window's edge or long ago, at a loss or a gain, with any targets."""
    records = []
    for name, account in ACCOUNTS.items():
        lots = tuple(
            Lot(
                f"{name}-{number}",
                name,
                draw(st.sampled_from(list(PRICES))),
                DAY - timedelta(days=draw(st.one_of(st.integers(0, 33), st.just(400)))),
                Decimal(draw(st.integers(1, 8))),
                Decimal(draw(st.integers(0, 12_000))) / 100,
            )
            for number in range(draw(st.integers(0, 4)))
        )
        shares = draw(st.tuples(st.integers(0, 5), st.integers(0, 5)))
        targets = tuple(Target(instrument, Decimal(share) / 10) for instrument, share in zip(PRICES, shares, strict=True))
        owner = Portfolio("t", name, "h", "a", name, account, DAY, "us-east-1", targets, minimum_trade=Decimal(0))
        records.append(PortfolioRecord(owner, lots, ()))
    return records


def propose(record: PortfolioRecord, household: list[PortfolioRecord]) -> RebalancingProposal:
    positions = tuple(
        PositionMark(name, AssetClass.EQUITY, units, price, units * price, Decimal(0), DAY, PriceLabel.ADJUSTED_CLOSE)
        for name, price in PRICES.items()
        if (units := sum((lot.quantity for lot in record.lots if lot.instrument_id == name), Decimal(0)))
    )
    value = Decimal(60) + sum((row.value for row in positions), Decimal(0))
    book = PortfolioMark("t", record.portfolio.portfolio_id, DAY, Decimal(60), positions, value)
    return propose_rebalancing(record.portfolio, book, record.lots, CLOSES, DAY, washed=washed_lots(household, DAY, DAY))


@settings(max_examples=150, deadline=None)
@given(households())
def test_what_washes_is_bounded_by_the_units_bought_and_by_the_loss(household: list[PortfolioRecord]) -> None:
    proposals = [propose(record, household) for record in household]
    washes = [wash for found in proposed_wash_sales(proposals, household, DAY, DAY).values() for wash in found]
    lots = {lot.lot_id: lot for record in household for lot in record.lots}
    for name in PRICES:
        bought = sum((lot.quantity for lot in lots.values() if lot.instrument_id == name and (DAY - lot.acquired).days <= 30), Decimal(0))
        for proposal in proposals:
            bought += sum(
                (trade.quantity for trade in proposal.trades if (trade.side, trade.instrument_id) == (Side.BUY, name)), Decimal(0)
            )
        assert sum((wash.quantity for wash in washes if lots[wash.lot_id].instrument_id == name), Decimal(0)) <= bought
    for wash in washes:
        lot = lots[wash.lot_id]
        assert ACCOUNTS[wash.portfolio_id] is AccountKind.TAXABLE
        assert wash.is_permanent is (wash.replacement_portfolio_id == "ira")
        loss = wash.quantity * (lot.cost_basis / lot.quantity - PRICES[lot.instrument_id])
        # Cents are shared out over the units of a lot and of a sale, so each may be one off.
        assert 0 < wash.disallowed <= loss + Decimal("0.05")


@settings(max_examples=150, deadline=None)
@given(households())
def test_without_purchases_of_the_day_only_lots_said_to_wash_do(household: list[PortfolioRecord]) -> None:
    """Nothing was sold before, so a lot is said to wash exactly if another of its instrument was bought in the 30 days: brute force."""
    said = washed_lots(household, DAY, DAY)
    lots = [lot for record in household for lot in record.lots]
    assert said == {
        (lot.portfolio_id, lot.lot_id)
        for lot in lots
        if lot.portfolio_id != "ira"
        and any(other is not lot and other.instrument_id == lot.instrument_id and (DAY - other.acquired).days <= 30 for other in lots)
    }
    sales_only = [
        RebalancingProposal(
            one.portfolio_id, DAY, "", tuple(trade for trade in one.trades if trade.side is Side.SELL), Decimal(0), Decimal(0), ()
        )
        for one in (propose(record, household) for record in household)
    ]
    washes = proposed_wash_sales(sales_only, household, DAY, DAY)
    assert {(wash.portfolio_id, wash.lot_id) for found in washes.values() for wash in found} <= said


@settings(max_examples=100, deadline=None)
@given(households())
def test_a_loss_that_counts_is_sold_before_one_that_washes_and_that_before_a_gain(household: list[PortfolioRecord]) -> None:
    washed = washed_lots(household, DAY, DAY)
    for record in household[:2]:
        lots = {lot.lot_id: lot for lot in record.lots}
        for trade in propose(record, household).trades:
            ranks = []
            sold = {part.lot_id: part.quantity for part in trade.lots}
            for lot in lots.values():
                if trade.side is Side.BUY or lot.instrument_id != trade.instrument_id:
                    continue
                gain = trade.price - lot.cost_basis / lot.quantity
                rank = 1 if gain < 0 and (lot.portfolio_id, lot.lot_id) in washed else (0 if gain < 0 else 2 if gain > 0 else 1)
                ranks.append((rank, sold.get(lot.lot_id, Decimal(0)), lot.quantity))
            # No lot of a later rank is touched while one of an earlier rank has units left.
            for rank, taken, _ in ranks:
                assert not taken or all(part == whole for other, part, whole in ranks if other < rank)
