"""Wash sales for any history: parity with a simulator that moves single shares, conservation, bounds, invariance to order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.core.lots import Disposal, Lot
from daymark.core.wash_sales import HouseholdLot, WashSales, wash_sales

START = date(2018, 1, 1)
GROUPS = {"KO-A": "KO", "KO-B": "KO"}


@st.composite
def histories(draw: st.DrawFn, *, whole_prices: bool = True) -> list[HouseholdLot]:
    """Two to seven lots of a household: small quantities and dates so close that washes, chains and ties are common."""
    rows = []
    for number in range(draw(st.integers(2, 7))):
        portfolio = draw(st.sampled_from(["hers", "his", "ira"]))
        acquired = START + timedelta(days=draw(st.integers(0, 90)))
        units = draw(st.integers(1, 6))
        cost = draw(st.integers(1, 5)) * units if whole_prices else draw(st.integers(1, 999))
        left, disposals = units, []
        for _ in range(draw(st.integers(0, 2))):
            if left:
                sold = draw(st.integers(1, left))
                left -= sold
                proceeds = draw(st.integers(1, 5)) * sold if whole_prices else draw(st.integers(0, 999))
                day = acquired + timedelta(days=draw(st.integers(0, 50)))
                disposals.append(Disposal(day, Decimal(sold), Decimal(proceeds) / 100))
        instrument = draw(st.sampled_from(["KO-A", "KO-B", "PG"]))
        lot = Lot(f"lot-{number}", portfolio, instrument, acquired, Decimal(units), Decimal(cost) / 100, tuple(disposals))
        rows.append(HouseholdLot(lot, portfolio != "ira"))
    return rows


@dataclass
class Share:
    row: HouseholdLot
    basis: Decimal
    held_since: date
    is_sold: bool = False
    matched_as: int | None = None


Totals = tuple[Decimal, Decimal, Decimal]


def sale_totals(result: WashSales, lot_id: str, day: date) -> Totals:
    """Basis, deferred and lost of everything sold of one lot on one day."""
    sales = [sale for sale in result.sales if (sale.lot_id, sale.disposed) == (lot_id, day)]
    return (
        sum((sale.basis for sale in sales), Decimal(0)),
        sum((sale.deferred for sale in sales), Decimal(0)),
        sum((sale.permanently_lost for sale in sales), Decimal(0)),
    )


def simulate(rows: list[HouseholdLot]) -> tuple[dict[tuple[str, date], Totals], Counter[tuple[object, ...]]]:
    """The rule one share at a time, by search over all shares: no blocks, no cents to apportion.

    Returns basis, deferred and lost by (lot, day), and a count of the shares still held by (lot, basis, holding date, matched).
    """
    rows = sorted(rows, key=lambda row: (row.lot.acquired, not row.is_taxable, row.lot.portfolio_id, row.lot.lot_id))
    shares = [Share(row, row.lot.cost_basis / row.lot.quantity, row.lot.acquired) for row in rows for _ in range(int(row.lot.quantity))]
    sold: dict[tuple[str, date], Totals] = {}
    matched = 0
    for offset in range(200):
        today, leaving = START + timedelta(days=offset), []
        for row in rows:
            for disposal in sorted(row.lot.disposals, key=lambda sale: (sale.quantity, sale.proceeds)):
                if disposal.disposed == today:
                    mine = [share for share in shares if share.row is row and not share.is_sold]
                    mine.sort(key=lambda share: 10**6 if share.matched_as is None else share.matched_as)
                    for share in mine[: int(disposal.quantity)]:
                        share.is_sold = True
                        leaving.append((share, disposal.proceeds / disposal.quantity))
        for share, price in leaving:
            if not share.row.is_taxable:
                continue
            loss, deferred, lost = share.basis - price, Decimal(0), Decimal(0)
            for other in shares if loss > 0 else []:
                if (
                    other.row is not share.row
                    and other.matched_as is None
                    and not other.is_sold
                    and abs((other.row.lot.acquired - today).days) <= 30
                    and GROUPS.get(other.row.lot.instrument_id) == GROUPS.get(share.row.lot.instrument_id)
                ):
                    matched += 1
                    other.matched_as = matched
                    if other.row.is_taxable:
                        deferred, other.basis = loss, other.basis + loss
                        other.held_since -= today - share.held_since
                    else:
                        lost = loss
                    break
            basis_so_far, deferred_so_far, lost_so_far = sold.get((share.row.lot.lot_id, today), (Decimal(0),) * 3)
            sold[share.row.lot.lot_id, today] = (basis_so_far + share.basis, deferred_so_far + deferred, lost_so_far + lost)
    held = Counter(
        (share.row.lot.lot_id, share.basis, share.held_since, share.matched_as is not None) for share in shares if not share.is_sold
    )
    return sold, held


@settings(max_examples=300, deadline=None)
@given(histories())
def test_parity_with_a_share_by_share_simulator(rows: list[HouseholdLot]) -> None:
    result = wash_sales(rows, GROUPS)
    sold, held = simulate(rows)
    assert {(sale.lot_id, sale.disposed): sale_totals(result, sale.lot_id, sale.disposed) for sale in result.sales} == sold
    blocks: Counter[tuple[object, ...]] = Counter()
    for block in result.open_blocks:
        unit_basis = block.basis / block.quantity
        blocks[block.lot_id, unit_basis, block.held_since, block.is_replacement] += int(block.quantity)
    assert blocks == held


def taxed(rows: list[HouseholdLot]) -> list[Lot]:
    return [row.lot for row in rows if row.is_taxable]


def check_conserved(rows: list[HouseholdLot], result: WashSales) -> None:
    """What is recognised = proceeds - cost + basis still open + what an IRA swallowed: nothing else exists to hold a loss."""
    proceeds = sum((sale.proceeds for lot in taxed(rows) for sale in lot.disposals), Decimal(0))
    cost = sum((lot.cost_basis for lot in taxed(rows)), Decimal(0))
    still_open = sum((block.basis for block in result.open_blocks if block.portfolio_id != "ira"), Decimal(0))
    assert result.recognised == proceeds - cost + still_open + result.permanently_lost
    for lot in (row.lot for row in rows if not row.is_taxable):
        in_ira = sum((block.basis for block in result.open_blocks if block.lot_id == lot.lot_id), Decimal(0))
        assert in_ira <= lot.cost_basis


@settings(max_examples=200, deadline=None)
@given(histories(whole_prices=False))
def test_economic_loss_is_allowed_deferred_or_lost_to_the_cent(rows: list[HouseholdLot]) -> None:
    result = wash_sales(rows, GROUPS)
    check_conserved(rows, result)
    for sale in result.sales:
        disallowed = sale.deferred + sale.permanently_lost
        assert 0 <= disallowed <= max(-sale.gain, Decimal(0))
        assert sale.basis == sale.basis.quantize(Decimal("0.01"))


@settings(max_examples=200, deadline=None)
@given(histories(whole_prices=False))
def test_every_match_is_lawful(rows: list[HouseholdLot]) -> None:
    result = wash_sales(rows, GROUPS)
    lots = {row.lot.lot_id: row for row in rows}
    bitten: Counter[str] = Counter()
    for match in result.matches:
        replacement = lots[match.replacement_lot_id]
        assert abs((match.replacement_acquired - match.disposed).days) <= 30
        assert match.lot_id != match.replacement_lot_id
        assert lots[match.lot_id].is_taxable
        assert match.is_permanent is not replacement.is_taxable
        bitten[match.replacement_lot_id] += int(match.quantity)
    for lot_id, units in bitten.items():
        assert units <= lots[lot_id].lot.quantity
    assert sum(match.disallowed for match in result.matches) == sum(sale.deferred + sale.permanently_lost for sale in result.sales)


@settings(max_examples=150, deadline=None)
@given(st.data(), histories(whole_prices=False))
def test_order_of_rows_changes_nothing(data: st.DataObject, rows: list[HouseholdLot]) -> None:
    shuffled = data.draw(st.permutations(rows))
    assert wash_sales(shuffled, GROUPS) == wash_sales(rows, GROUPS)
