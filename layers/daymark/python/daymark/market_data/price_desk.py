"""The price desk: a session is priced at its official closes once they are published, until then at the vendor's file after the gate.

Whoever prices a session asks here, so marks, risk scenarios and histories end on the same closes, whatever the vendor sends later.
Only the session asked about is looked up among the official closes. The sessions before it, which only returns are drawn from, are
the vendor's archive as it stands: it is adjusted as one series, and an official close of years ago would break it at every later
split or dividend.

A price that fails the gate is quarantined and the last good close stands in, no older than five sessions and labelled so. The desk
refuses the whole session instead when a held instrument has no such close, or when more than a quarter of the universe is quarantined:
then the file is at fault, not a price in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from daymark.core.errors import InvalidInput, NotFound, QualityBlocked
from daymark.core.instruments import BondTerms, Instrument, InstrumentKind
from daymark.core.sessions import Calendar
from daymark.market_data.benchmark_returns import BOND_SERIES, INDEX_SERIES, BenchmarkReturns, benchmark_returns
from daymark.market_data.bond_closes import bond_closes, bond_returns
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice, FloatArray, PricePanel, QualityFinding, Severity
from daymark.market_data.official_closes import closes_of
from daymark.market_data.ports import PriceArchive
from daymark.market_data.quality import WINDOW, gate_closes
from daymark.market_data.regime import RegimeReading, read_regime
from daymark.quant.returns import simple_returns

VENDOR_PRICED = frozenset({InstrumentKind.EQUITY, InstrumentKind.FUND})
LARGEST_QUARANTINED_SHARE = 0.25
OLDEST_LAST_GOOD = 5


@dataclass(frozen=True)
class GatedCloses:
    """A session's prices after the gate.

    Attributes:
        closes: By instrument id; a quarantined instrument's is its last good close, or absent if there is none and it is not held.
        findings: Everything the gate found, warnings too.
        quarantined: Instruments whose own price of the session was not used.
    """

    session_date: date
    closes: Mapping[str, ClosingPrice]
    findings: tuple[QualityFinding, ...]
    quarantined: frozenset[str]


class PriceDesk:
    """Prices, gated and labelled.

    Args:
        archive: The vendor's archive.
        instruments: The universe by id; equities and funds must be in the vendor's file, bonds are priced from their yield series.
        calendar: The exchange's sessions.
    """

    def __init__(self, archive: PriceArchive, instruments: Mapping[str, Instrument], calendar: Calendar) -> None:
        self._archive = archive
        self._instruments = instruments
        self._calendar = calendar
        self._currencies = {name: str(item.currency) for name, item in instruments.items() if item.kind in VENDOR_PRICED}

    def closing_prices(self, session_date: date, held: Collection[str] | None = None) -> GatedCloses:
        """Every instrument's close of a session.

        Args:
            session_date: A session.
            held: Instruments that must have a price; the whole universe if not given.

        Raises:
            NotASession: the exchange does not trade on the date.
            NotPublished: no vendor file, or not enough history before it.
            QualityBlocked: the file may not be used; the context lists the blocking findings.
        """
        self._calendar.session(session_date)
        names = list(self._currencies)
        sessions, past = self._archive.closes(names, self._calendar.previous(session_date), WINDOW + 1)
        history = PricePanel(sessions, tuple(names), past, dict.fromkeys(names, PriceLabel.ADJUSTED_CLOSE))
        gated = gate_closes(self._archive.vendor_file(session_date), session_date, history, self._currencies)
        closes = {name: ClosingPrice(name, price, session_date, PriceLabel.ADJUSTED_CLOSE) for name, price in gated.accepted.items()}
        quarantined = frozenset(names) - closes.keys()
        for name in quarantined:
            stand_in = _last_good(name, history)
            if stand_in is not None:
                closes[name] = stand_in
        needed = set(self._instruments if held is None else held)
        self._refuse_if_blocked(session_date, gated.findings, quarantined, needed & quarantined - closes.keys())
        return GatedCloses(session_date, self._in_universe_order(closes, session_date), gated.findings, quarantined)

    def marking_closes(self, session_date: date, held: Collection[str] | None = None) -> Mapping[str, ClosingPrice]:
        """The closes a session's books are marked with: the official ones once published, until then :meth:`closing_prices`.

        Raises:
            NotASession: the exchange does not trade on the date.
            InvalidInput: the published document cannot be read.
            NotPublished, QualityBlocked: nothing is published yet; see :meth:`closing_prices`.
        """
        self._calendar.session(session_date)
        document = self._archive.official_closes(session_date)
        return self.closing_prices(session_date, held).closes if document is None else closes_of(document, session_date)

    def panel(self, instrument_ids: Sequence[str], through: date, sessions: int) -> PricePanel:
        """Closes of the last ``sessions`` sessions up to ``through``, without holes, ending on what books are marked with.

        The last row is :meth:`marking_closes` of ``through``, bonds and all, in one look-up; the rows before it are the vendor's
        archive, in which a hole takes the close before it. The labels are those of the last row: a stand-in is labelled so.

        Raises:
            NotASession, NotPublished: see :meth:`marking_closes`.
            QualityBlocked: the last session is blocked, an instrument has no official close on it, or none to begin with.
            InvalidInput: an id is unknown or given twice, or the published document cannot be read.
        """
        for name in instrument_ids:
            self._require_known(name)
        listed = [name for name in instrument_ids if name in self._currencies]
        last = self.marking_closes(through, held=instrument_ids)
        for name in instrument_ids:
            if name not in last:
                raise QualityBlocked(f"the official closes of {through} have none of {name}", field=name)
        dates, listed_closes = self._archive.closes(listed, through, sessions)
        closes = np.empty((sessions, len(instrument_ids)))
        for column, name in enumerate(instrument_ids):
            instrument = self._instruments[name]
            if instrument.bond is not None:
                own = self._bond_closes(instrument.bond, dates)
            elif name in self._currencies:
                own = listed_closes[:, listed.index(name)].copy()
            else:
                own = np.ones(sessions)
            own[-1] = float(last[name].price)
            closes[:, column] = _filled(own, name, dates[0])
        return PricePanel(dates, tuple(instrument_ids), closes, {name: last[name].label for name in instrument_ids})

    def returns(self, instrument_ids: Sequence[str], through: date, sessions: int) -> FloatArray:
        """Total returns of the last ``sessions`` sessions up to ``through``, as fractions: ``(sessions, n)``.

        Adjusted closes hold their dividends already; a bond's coupon is added to the close of the session it is paid by.

        Raises:
            NotASession, NotPublished, QualityBlocked, InvalidInput: see :meth:`panel`.
        """
        panel = self.panel(instrument_ids, through, sessions + 1)
        returns = simple_returns(panel.closes)
        for column, name in enumerate(instrument_ids):
            terms = self._instruments[name].bond
            if terms is not None:
                returns[:, column] = bond_returns(terms, panel.closes[:, column], panel.sessions)
        return returns

    def regime(self, session_date: date) -> RegimeReading:
        """The volatility regime at a session's close.

        Raises:
            NotASession: the exchange does not trade on the date.
            NotPublished: no measure reaches the session.
        """
        self._calendar.session(session_date)
        return read_regime(session_date, self._archive.series("VIX"), self._archive.series(INDEX_SERIES))

    def benchmark_returns(self, session_date: date) -> BenchmarkReturns:
        """The benchmark's two parts from the session before to this one.

        Raises:
            NotASession: the exchange does not trade on the date.
            NotPublished: a close or yield is missing.
            NotFound: the universe has no bond priced from the Aaa series.
        """
        self._calendar.session(session_date)
        terms = next((item.bond for item in self._instruments.values() if item.bond and item.bond.yield_series == BOND_SERIES), None)
        if terms is None:
            raise NotFound(f"no bond is priced from the series {BOND_SERIES}", field="instruments")
        index, yields = self._archive.series(INDEX_SERIES), self._archive.series(BOND_SERIES)
        return benchmark_returns(index, terms, yields, self._calendar.previous(session_date), session_date)

    def _in_universe_order(self, closes: Mapping[str, ClosingPrice], session_date: date) -> dict[str, ClosingPrice]:
        """Vendor closes joined by bonds and cash, in the universe's order."""
        ordered = {}
        for name, instrument in self._instruments.items():
            if instrument.bond is not None:
                price = Decimal(repr(float(self._bond_closes(instrument.bond, [session_date])[0])))
                ordered[name] = ClosingPrice(name, price, session_date, PriceLabel.FROM_YIELD_SERIES)
            elif instrument.kind is InstrumentKind.CASH:
                ordered[name] = ClosingPrice(name, Decimal(1), session_date, PriceLabel.CASH)
            elif name in closes:
                ordered[name] = closes[name]
        return ordered

    def _bond_closes(self, terms: BondTerms, sessions: Sequence[date]) -> FloatArray:
        return bond_closes(terms, self._archive.series(terms.yield_series), sessions)

    def _require_known(self, instrument_id: str) -> None:
        if instrument_id not in self._instruments:
            raise InvalidInput(f"unknown instrument {instrument_id}", field="instrument_ids")

    def _refuse_if_blocked(
        self, session_date: date, findings: Sequence[QualityFinding], quarantined: frozenset[str], unpriced: set[str]
    ) -> None:
        blocking = [f"{item.instrument_id}: {item.defect} ({item.detail})" for item in findings if item.severity is Severity.BLOCK]
        if unpriced:
            names = ", ".join(sorted(unpriced))
            raise QualityBlocked(
                f"no usable close on {session_date} and no good one within {OLDEST_LAST_GOOD} sessions: {names}",
                field=sorted(unpriced)[0],
                findings=blocking,
            )
        if len(quarantined) > LARGEST_QUARANTINED_SHARE * len(self._currencies):
            raise QualityBlocked(
                f"{len(quarantined)} of {len(self._currencies)} closes of {session_date} are quarantined, "
                f"more than {LARGEST_QUARANTINED_SHARE:.0%}: the file is not to be used",
                field="vendor_file",
                findings=blocking,
            )


def _last_good(instrument_id: str, history: PricePanel) -> ClosingPrice | None:
    """The latest usable close of the last few sessions, in the digits it was published with."""
    column = history.column(instrument_id)[-OLDEST_LAST_GOOD:]
    good = np.flatnonzero(np.isfinite(column) & (column > 0))
    if len(good) == 0:
        return None
    place = len(history.sessions) - len(column) + int(good[-1])
    price = Decimal(repr(float(column[good[-1]])))
    return ClosingPrice(instrument_id, price, history.sessions[place], PriceLabel.LAST_GOOD)


def _filled(closes: FloatArray, instrument_id: str, first: date) -> FloatArray:
    """Each hole (missing, infinite, not above zero) takes the close before it."""
    good = np.isfinite(closes) & (closes > 0)
    if not good[0]:
        raise QualityBlocked(f"{instrument_id} has no close on {first} to begin the panel with", field=instrument_id)
    return closes[np.maximum.accumulate(np.where(good, np.arange(len(closes)), 0))]
