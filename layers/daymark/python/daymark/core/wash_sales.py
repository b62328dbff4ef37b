"""Wash sales: a loss is not deductible as far as substantially identical units are acquired within 30 days of the sale.

Authority: IRC 1091(a), (d), 1223(3); Reg. 1.1091-1, 1.1091-2; Rev. Rul. 2008-5 (IRA, Roth IRA); IRS Pub. 550, "Wash Sales".
Only dates are known, not hours. Where the law leaves an order open, these choices hold, and they are the only ones:

- Units sold on or before the day of the loss cannot replace anything: units sold together never replace each other.
- What is left of a lot never replaces units sold out of it: a sale that reduces one purchase is no wash (Rev. Rul. 56-602).
- Losses of one day go in order of acquisition (Reg. 1.1091-1(b)); purchases of one day are matched taxable accounts first.
- Of a lot partly matched, matched units are sold first, in the order they were matched.
- The holding period tacks on in days: replacement's date less the days the sold units were held.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from daymark.core.errors import InvalidInput
from daymark.core.lots import Disposal, Lot, Term, apportion, holding_term

# IRC 1091(a): "a period beginning 30 days before the date of such sale or disposition and ending 30 days after such date".
WINDOW = timedelta(days=30)
_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class HouseholdLot:
    """A lot as bought, and whether its account is taxed: an IRA's purchase replaces too, but can carry no basis."""

    lot: Lot
    is_taxable: bool


@dataclass(frozen=True, slots=True)
class WashMatch:
    """Units sold at a loss matched with as many units acquired; ``is_permanent`` if the loss is gone for good."""

    portfolio_id: str
    lot_id: str
    disposed: date
    replacement_portfolio_id: str
    replacement_lot_id: str
    replacement_acquired: date
    quantity: Decimal
    disallowed: Decimal
    is_permanent: bool


@dataclass(frozen=True, slots=True)
class RealisedSale:
    """Units of one lot sold together from a taxable account; ``basis`` includes losses deferred into them."""

    portfolio_id: str
    lot_id: str
    instrument_id: str
    acquired: date
    disposed: date
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    term: Term
    deferred: Decimal
    permanently_lost: Decimal

    @property
    def gain(self) -> Decimal:
        """Proceeds less basis; negative for a loss."""
        return self.proceeds - self.basis

    @property
    def recognised(self) -> Decimal:
        """The gain, or the part of the loss that is allowed (negative)."""
        return self.gain + self.deferred + self.permanently_lost


@dataclass(frozen=True, slots=True)
class TaxBlock:
    """Units still held that share one basis and one holding period; a lot's blocks are in the order they will be sold."""

    portfolio_id: str
    lot_id: str
    instrument_id: str
    acquired: date
    held_since: date
    quantity: Decimal
    basis: Decimal
    is_replacement: bool


@dataclass(frozen=True, slots=True)
class WashSales:
    """What the rule makes of a household's history, in order of sale; open blocks in order of acquisition."""

    sales: tuple[RealisedSale, ...]
    matches: tuple[WashMatch, ...]
    open_blocks: tuple[TaxBlock, ...]

    @property
    def recognised(self) -> Decimal:
        """Gains less allowed losses."""
        return sum((sale.recognised for sale in self.sales), _NONE)

    @property
    def permanently_lost(self) -> Decimal:
        """Losses that no basis carries on."""
        return sum((sale.permanently_lost for sale in self.sales), _NONE)


def wash_sales(lots: Iterable[HouseholdLot], identical: Mapping[str, str] | None = None) -> WashSales:
    """Apply the rule to the whole history of one household (the taxpayer, spouse, controlled companies and their IRAs).

    Args:
        lots: Every lot of every account, as bought, in any order. A contract or option to acquire counts as a lot from the
            day it is entered into (Reg. 1.1091-1(f)). Sales out of untaxed accounts are no losses but use their units up.
        identical: Group of substantially identical securities by instrument id. An instrument without a group is identical
            to itself alone.

    Raises:
        InvalidInput: the same lot of the same portfolio twice.

    Bought 100 for 1,000, sold for 750, bought 100 for 800 (IRS training, Pub. 550): 250 disallowed, new basis 1,050:

    >>> old = Lot("a", "p", "X", date(2018, 1, 2), Decimal(100), Decimal("1000.00"),
    ...           (Disposal(date(2018, 3, 1), Decimal(100), Decimal("750.00")),))
    >>> new = Lot("b", "p", "X", date(2018, 3, 15), Decimal(100), Decimal("800.00"))
    >>> result = wash_sales([HouseholdLot(old, True), HouseholdLot(new, True)])
    >>> str(result.matches[0].disallowed), str(result.open_blocks[0].basis), str(result.recognised)
    ('250.00', '1050.00', '0.00')
    """
    groups: dict[str, list[_HeldLot]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for row in lots:
        key = (row.lot.portfolio_id, row.lot.lot_id)
        if key in seen:
            raise InvalidInput(f"lot {row.lot.lot_id} of {row.lot.portfolio_id} is given twice", field="lots")
        seen.add(key)
        group = (identical or {}).get(row.lot.instrument_id, row.lot.instrument_id)
        groups[group].append(_HeldLot.opened(row))
    sales: list[RealisedSale] = []
    matches: list[WashMatch] = []
    for members in groups.values():
        members.sort(key=_HeldLot.order)
        _wash(members, sales, matches)
    held = sorted((member for members in groups.values() for member in members), key=_HeldLot.order)
    return WashSales(
        tuple(sorted(sales, key=lambda sale: (sale.disposed, sale.acquired, sale.portfolio_id, sale.lot_id))),
        tuple(sorted(matches, key=lambda match: (match.disposed, match.portfolio_id, match.lot_id))),
        tuple(block for member in held for block in member.open_blocks()),
    )


@dataclass(slots=True)
class _Block:
    """Units of one basis and holding period, sold from the front; slices add up to the whole basis exactly."""

    whole: Decimal
    basis: Decimal
    held_since: date
    is_replacement: bool = False
    taken: Decimal = _NONE

    @property
    def left(self) -> Decimal:
        return self.whole - self.taken

    def take(self, units: Decimal) -> Decimal:
        """Take units off the front and return their basis."""
        basis = apportion(self.basis, self.taken, self.taken + units, self.whole)
        self.taken += units
        return basis


@dataclass(slots=True)
class _HeldLot:
    """A lot while its history is replayed: units matched as replacements so far, and the rest."""

    lot: Lot
    is_taxable: bool
    rest: _Block
    matched: list[_Block] = field(default_factory=list)

    @classmethod
    def opened(cls, row: HouseholdLot) -> _HeldLot:
        return cls(row.lot, row.is_taxable, _Block(row.lot.quantity, row.lot.cost_basis, row.lot.held_since))

    def order(self) -> tuple[date, bool, str, str]:
        return (self.lot.acquired, not self.is_taxable, self.lot.portfolio_id, self.lot.lot_id)

    def sell(self, units: Decimal) -> Iterator[tuple[Decimal, Decimal, date]]:
        """Units, basis and holding date of each block that a sale takes from."""
        for block in (*self.matched, self.rest):
            taken = min(units, block.left)
            if taken:
                units -= taken
                yield taken, block.take(taken), block.held_since

    def replace(self, units: Decimal, disallowed: Decimal, days_held: timedelta) -> None:
        """Mark units of the rest as replacements; a taxed account takes the loss into basis (IRC 1091(d), 1223(3))."""
        basis, held_since = self.rest.take(units), self.rest.held_since
        if self.is_taxable:
            basis, held_since = basis + disallowed, held_since - days_held
        self.matched.append(_Block(units, basis, held_since, is_replacement=True))

    def open_blocks(self) -> Iterator[TaxBlock]:
        lot = self.lot
        for block in (*self.matched, self.rest):
            if left := block.left:
                basis = apportion(block.basis, block.taken, block.whole, block.whole)
                place = (lot.portfolio_id, lot.lot_id, lot.instrument_id, lot.acquired)
                yield TaxBlock(*place, block.held_since, left, basis, block.is_replacement)


@dataclass(slots=True)
class _SoldUnits:
    """Units of one block sold on one day, while their loss is being matched."""

    held: _HeldLot
    disposed: date
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    held_since: date
    deferred: Decimal = _NONE
    permanently_lost: Decimal = _NONE

    def realised(self) -> RealisedSale:
        lot, term = self.held.lot, holding_term(self.held_since, self.disposed)
        place = (lot.portfolio_id, lot.lot_id, lot.instrument_id, lot.acquired, self.disposed)
        return RealisedSale(*place, self.quantity, self.proceeds, self.basis, term, self.deferred, self.permanently_lost)


def _wash(members: list[_HeldLot], sales: list[RealisedSale], matches: list[WashMatch]) -> None:
    """Replay one group of identical securities, ``members`` in order of acquisition, day by day.

    All of a day's sales leave their lots before any of its losses is matched.
    """
    days: dict[date, list[tuple[_HeldLot, Disposal]]] = defaultdict(list)
    for member in members:
        for disposal in sorted(member.lot.disposals, key=lambda sale: (sale.disposed, sale.quantity, sale.proceeds)):
            days[disposal.disposed].append((member, disposal))
    acquired = [member.lot.acquired for member in members]
    for day in sorted(days):
        sold_today = [units for member, disposal in days[day] for units in _sold(member, disposal)]
        window = members[bisect_left(acquired, day - WINDOW) : bisect_right(acquired, day + WINDOW)]
        for units in sold_today:
            if units.held.is_taxable:
                if units.basis > units.proceeds:
                    matches.extend(_match(units, window))
                sales.append(units.realised())


def _sold(member: _HeldLot, disposal: Disposal) -> Iterator[_SoldUnits]:
    first = _NONE
    for quantity, basis, held_since in member.sell(disposal.quantity):
        proceeds = apportion(disposal.proceeds, first, first + quantity, disposal.quantity)
        first += quantity
        yield _SoldUnits(member, disposal.disposed, quantity, proceeds, basis, held_since)


def _match(units: _SoldUnits, window: list[_HeldLot]) -> Iterator[WashMatch]:
    """Match a loss share for share with purchases in the window, earliest first (Reg. 1.1091-1(c)-(e))."""
    loss, first = units.basis - units.proceeds, _NONE
    for replacement in window:
        matched = min(units.quantity - first, replacement.rest.left)
        if replacement is units.held or not matched:
            continue
        disallowed = apportion(loss, first, first + matched, units.quantity)
        first += matched
        replacement.replace(matched, disallowed, units.disposed - units.held_since)
        if replacement.is_taxable:
            units.deferred += disallowed
        else:
            units.permanently_lost += disallowed
        yield WashMatch(
            units.held.lot.portfolio_id,
            units.held.lot.lot_id,
            units.disposed,
            replacement.lot.portfolio_id,
            replacement.lot.lot_id,
            replacement.lot.acquired,
            matched,
            disallowed,
            is_permanent=not replacement.is_taxable,
        )
