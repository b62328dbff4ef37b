"""The sample book: synthetic people who bought real stocks at their real adjusted closes, the same on every machine.

From 2010 to 2018 each account deposits, buys, tops up each quarter, pays its adviser, receives its bonds' coupons and sometimes
sells (first in, first out) or draws money. Whole units, whole cents; cash is never negative at the end of any entry.
2018-02-05, the default day, has flows and trades of its own, so that its result must be told apart from them.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, Decimal

import numpy as np

from daymark.adapters.rows import fingerprint, plain
from daymark.book.models import CashEntry, CashKind, Household, PortfolioRecord
from daymark.core.audit import canonical_json
from daymark.core.instruments import Instrument
from daymark.core.lots import Disposal, Lot
from daymark.core.money import to_cents
from daymark.core.tenancy import Principal
from daymark.local.price_history import PriceHistoryFiles
from daymark.local.sample_people import AccountPlan, account_plans, households, instruments, users
from daymark.market_data.bond_closes import bond_closes
from daymark.quant.bonds import coupon_dates

SEED = 20180205
FIRST, LAST = date(2010, 1, 4), date(2018, 12, 31)
SHOWN_DAY = date(2018, 2, 5)
YEARLY_FEE = Decimal("0.0060")
STAGES = {"invest a third": 3, "invest half": 2, "invest the rest": 1}
ZERO = Decimal(0)


@dataclass(frozen=True)
class SampleBook:
    """Everything a fresh installation is filled with. Synthetic, but for the instruments and the prices paid."""

    instruments: tuple[Instrument, ...]
    households: tuple[Household, ...]
    records: tuple[PortfolioRecord, ...]
    users: tuple[Principal, ...]

    def fingerprint(self) -> str:
        """SHA-256 over every record."""
        return fingerprint(canonical_json([plain(PortfolioRecord, record) for record in self.records]))


@dataclass(frozen=True)
class SampleMarket:
    """What the sample's people see: sessions, exact closes by instrument, and the coupons due on each session per unit."""

    sessions: tuple[date, ...]
    closes: Mapping[str, Sequence[Decimal]]
    coupons: Mapping[int, Sequence[tuple[str, Decimal]]]

    def place(self, day: date) -> int:
        """Index of the first session on or after a date."""
        return bisect_left(self.sessions, day)


def sample_book(history: PriceHistoryFiles, seed: int = SEED) -> SampleBook:
    """Build the sample book from the real history; the same seed and history give the same book."""
    market = sample_market(history)
    first_sessions: dict[int, date] = {}
    for session in market.sessions:
        first_sessions.setdefault(session.year, session)
    plans = account_plans(first_sessions)
    records = tuple(_live(plan, market, random.Random(f"{seed}/{plan.portfolio.portfolio_id}")) for plan in plans)  # noqa: S311 - a sample
    return SampleBook(instruments(), households(), records, users())


def sample_market(history: PriceHistoryFiles) -> SampleMarket:
    """Closes as exact decimals: the stocks' as published, the bonds' from their yield series."""
    block = history.block
    inside = (block.sessions >= np.datetime64(FIRST, "D")) & (block.sessions <= np.datetime64(LAST, "D"))
    sessions = tuple(block.sessions[inside].astype(object))
    rows = block.closes[inside]
    closes = {name: [Decimal(repr(float(close))) for close in rows[:, column]] for column, name in enumerate(block.instrument_ids)}
    coupons: dict[int, list[tuple[str, Decimal]]] = {}
    for instrument in instruments():
        terms = instrument.bond
        if terms is None:
            continue
        prices = bond_closes(terms, history.series[terms.yield_series], sessions)
        closes[instrument.instrument_id] = [Decimal(repr(float(price))) for price in prices]
        for due in coupon_dates(terms.maturity, FIRST, terms.payments_per_year).astype(object):
            if FIRST < due <= LAST:
                coupons.setdefault(bisect_left(sessions, due), []).append(
                    (instrument.instrument_id, terms.coupon * 100 / terms.payments_per_year)
                )
    return SampleMarket(sessions, closes, coupons)


@dataclass
class _OpenLot:
    instrument_id: str
    acquired: date
    quantity: int
    cost_basis: Decimal
    left: int
    disposals: list[Disposal] = field(default_factory=list)


class _Account:
    """One portfolio's books while its history is written. Every method leaves cash at zero or above."""

    def __init__(self, plan: AccountPlan, market: SampleMarket) -> None:
        self.plan = plan
        self.market = market
        self.cash = ZERO
        self.units: dict[str, int] = {}
        self._lots: list[_OpenLot] = []
        self._entries: list[CashEntry] = []

    def book(self, at: int, kind: CashKind, amount: Decimal, instrument_id: str | None = None) -> None:
        portfolio_id = self.plan.portfolio.portfolio_id
        if not amount:
            return
        self.cash += amount
        number = len(self._entries) + 1
        self._entries.append(
            CashEntry(f"{portfolio_id}-C{number:05d}", portfolio_id, self.market.sessions[at], kind, amount, instrument_id)
        )

    def buy(self, at: int, instrument_id: str, budget: Decimal) -> None:
        """As many whole units as the budget, and the cash there is, will pay."""
        price = self.market.closes[instrument_id][at]
        units = int((min(budget, self.cash) / price).to_integral_value(ROUND_FLOOR))
        if units <= 0:
            return
        # Cash is whole cents, so a cost below it stays below it when rounded.
        cost = to_cents(price * units)
        self._lots.append(_OpenLot(instrument_id, self.market.sessions[at], units, cost, units))
        self.units[instrument_id] = self.units.get(instrument_id, 0) + units
        self.book(at, CashKind.BUY, -cost, instrument_id)

    def sell(self, at: int, instrument_id: str, units: int) -> None:
        """Whole units, first in first out; no more than are held."""
        units = min(units, self.units.get(instrument_id, 0))
        price = self.market.closes[instrument_id][at]
        total, brought, left = to_cents(price * units), ZERO, units
        for lot in self._lots:
            if left == 0:
                break
            if lot.instrument_id != instrument_id or lot.left == 0:
                continue
            sold = min(lot.left, left)
            left -= sold
            proceeds = total - brought if left == 0 else to_cents(price * sold)
            brought += proceeds
            lot.left -= sold
            lot.disposals.append(Disposal(self.market.sessions[at], Decimal(sold), proceeds))
        if units:
            self.units[instrument_id] -= units
            self.book(at, CashKind.SELL, total, instrument_id)

    def value(self, at: int) -> Decimal:
        return self.cash + sum((self.worth(at, held) for held in self.units), ZERO)

    def worth(self, at: int, instrument_id: str) -> Decimal:
        return self.market.closes[instrument_id][at] * self.units.get(instrument_id, 0)

    def gaps(self, at: int) -> dict[str, Decimal]:
        """What each target lacks, in dollars; negative where too much is held."""
        whole = self.value(at)
        return {
            target.instrument_id: target.weight * whole - self.worth(at, target.instrument_id) for target in self.plan.portfolio.targets
        }

    def record(self) -> PortfolioRecord:
        portfolio_id = self.plan.portfolio.portfolio_id
        lots = tuple(
            Lot(
                f"{portfolio_id}-L{number:04d}",
                portfolio_id,
                lot.instrument_id,
                lot.acquired,
                Decimal(lot.quantity),
                lot.cost_basis,
                tuple(lot.disposals),
            )
            for number, lot in enumerate(self._lots, start=1)
        )
        return PortfolioRecord(self.plan.portfolio, lots, tuple(self._entries))


def _live(plan: AccountPlan, market: SampleMarket, rng: random.Random) -> PortfolioRecord:
    """One account's whole life, session by session."""
    account = _Account(plan, market)
    start = market.place(plan.portfolio.inception)
    account.book(start, CashKind.DEPOSIT, Decimal(plan.deposit))
    events = _calendar(plan, market, start, rng)
    for at in range(start, len(market.sessions)):
        for bond, coupon in market.coupons.get(at, ()):
            account.book(at, CashKind.COUPON, to_cents(coupon * account.units.get(bond, 0)), bond)
        for event in events.get(at, ()):
            _happen(event, account, at, rng)
    return account.record()


def _calendar(plan: AccountPlan, market: SampleMarket, start: int, rng: random.Random) -> Mapping[int, Sequence[str]]:
    """When what happens: by index of the session, in order.

    A third of the first deposit is invested at once and the rest over the following two months; habits begin after that.
    """
    events: dict[int, list[str]] = {start: ["invest a third"]}
    events[start + rng.randrange(10, 25)] = ["invest half"]
    events[start + rng.randrange(30, 45)] = ["invest the rest"]
    for year in range(market.sessions[start].year, LAST.year + 1):
        for quarter, month in enumerate((1, 4, 7, 10)):
            # Early in the month: what January 2018 buys lies more than 30 days before the shown day and washes nothing.
            at = market.place(date(year, month, 1)) + rng.randrange(0, 3)
            if at < start + 45:
                continue
            events.setdefault(at, []).append("quarter")
            if quarter == 0 and plan.rebalances:
                events.setdefault(at + 1, []).append("rebalance")
        if rng.random() < 0.6:
            events.setdefault(market.place(date(year, 11, 1)) + rng.randrange(0, 20), []).append("take profit")
    if plan.averages_down:
        events.setdefault(market.place(date(2018, 1, 17)) + rng.randrange(0, 9), []).append("average down")
    # On the default day: top-ups here, a draw there, a sale or a purchase elsewhere, by the account's number.
    habit = ("deposit", "withdraw", "trim", "nothing")[int(plan.portfolio.portfolio_id[-2:]) % 4]
    events.setdefault(market.place(SHOWN_DAY), []).append(habit)
    return events


def _happen(event: str, account: _Account, at: int, rng: random.Random) -> None:
    if event in STAGES:
        for instrument_id, gap in account.gaps(at).items():
            account.buy(at, instrument_id, gap / STAGES[event])
    elif event == "quarter":
        _quarter(account, at, rng)
    elif event == "rebalance":
        _rebalance(account, at)
    elif event in ("take profit", "trim"):
        held = sorted(account.units, key=lambda name: (account.worth(at, name), name))[-1]
        account.sell(at, held, account.units[held] // (12 if event == "trim" else rng.randrange(8, 20)))
    elif event == "average down":
        for instrument_id in ("GE", "RRC"):
            if account.units.get(instrument_id):
                account.buy(at, instrument_id, account.value(at) / 50)
    elif event == "deposit":
        amount = to_cents(account.value(at) / 40)
        account.book(at, CashKind.DEPOSIT, amount)
        _buy_what_lacks(account, at, amount / 2, 2)
    elif event == "withdraw":
        _withdraw(account, at, to_cents(account.value(at) / 80))


def _quarter(account: _Account, at: int, rng: random.Random) -> None:
    """The adviser's fee, then what the owner adds or draws; what is added is invested."""
    _raise_cash(account, at, account.value(at) / 100)
    account.book(at, CashKind.FEE, -min(account.cash, to_cents(account.value(at) * YEARLY_FEE / 4)))
    top_up = account.plan.top_up
    if top_up < 0:
        _withdraw(account, at, Decimal(-top_up))
        return
    account.book(at, CashKind.DEPOSIT, to_cents(Decimal(top_up) * rng.randrange(80, 121) / 100))
    spare = account.cash - account.value(at) / 50
    if spare > 0:
        _buy_what_lacks(account, at, spare, rng.randrange(2, 5))


def _buy_what_lacks(account: _Account, at: int, budget: Decimal, count: int) -> None:
    """Spend a budget in equal parts on the targets that lack most."""
    lacking = sorted(account.gaps(at).items(), key=lambda gap: (-gap[1], gap[0]))[:count]
    for instrument_id, _ in lacking:
        account.buy(at, instrument_id, budget / count)


def _rebalance(account: _Account, at: int) -> None:
    """Back to target: sell what is too much, then buy what lacks."""
    gaps = account.gaps(at)
    for instrument_id, gap in gaps.items():
        if gap < 0:
            account.sell(at, instrument_id, int(-gap / account.market.closes[instrument_id][at]))
    for instrument_id, gap in gaps.items():
        if gap > 0:
            account.buy(at, instrument_id, gap)


def _raise_cash(account: _Account, at: int, wanted: Decimal) -> None:
    """Sell of the largest holding until the cash is there."""
    if account.cash < wanted:
        held = max(sorted(account.units), key=lambda name: account.worth(at, name))
        account.sell(at, held, int((wanted - account.cash) / account.market.closes[held][at]) + 1)


def _withdraw(account: _Account, at: int, amount: Decimal) -> None:
    _raise_cash(account, at, amount)
    account.book(at, CashKind.WITHDRAWAL, -min(account.cash, amount))
