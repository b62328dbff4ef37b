"""The desk on real prices: what is used, what stands in, what is refused, and that nothing is seen before its time."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from daymark.adapters.memory.price_archive import MemoryPriceArchive
from daymark.book.models import AccountKind, CashEntry, CashKind, Portfolio, PortfolioRecord
from daymark.book.performance import performance_history
from daymark.book.valuation import mark
from daymark.contracts.price_files import CloseBlock, DailySeries, encode_vendor_file
from daymark.core.errors import InvalidInput, NotASession, NotFound, NotPublished, QualityBlocked
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.core.lots import Lot
from daymark.core.sessions import Calendar
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import Defect
from daymark.market_data.official_closes import official_document
from daymark.market_data.price_desk import PriceDesk
from tests.market_data_world import BEFORE_CRASH, CRASH, desk, history, published, sessions, universe, vendor_file


def archive_with(**closes: str) -> MemoryPriceArchive:
    """The real archive, in which the crash day's file was delivered with some closes changed."""
    archive = history().archive()
    archive.deliver(CRASH, encode_vendor_file([replace(row, close=closes.get(row.instrument_id, row.close)) for row in vendor_file(CRASH)]))
    return archive


def archive_without(name: str, days: int, through: date) -> MemoryPriceArchive:
    """The real archive with one instrument's closes missing for some sessions up to a date."""
    block = history().block
    closes = block.closes.copy()
    end = sessions().index(through) + 1
    closes[end - days : end, block.instrument_ids.index(name)] = np.nan
    return MemoryPriceArchive(CloseBlock(block.sessions, block.instrument_ids, closes), history().series)


def test_a_clean_session_prices_the_whole_universe_as_published():
    gated = desk(history().archive()).closing_prices(CRASH)
    assert list(gated.closes) == list(universe())
    for name, text in published(CRASH).items():
        price = gated.closes[name]
        assert (price.price, price.as_of, price.label) == (Decimal(text), CRASH, PriceLabel.ADJUSTED_CLOSE)
    assert gated.quarantined == frozenset()
    assert gated.closes["BOND-AAA"].label is PriceLabel.FROM_YIELD_SERIES


def test_a_quarantined_price_gives_way_to_the_last_good_one_with_its_date_and_label():
    gated = desk(archive_with(KO="NaN")).closing_prices(CRASH)
    assert gated.quarantined == {"KO"}
    stand_in = gated.closes["KO"]
    assert (stand_in.price, stand_in.as_of, stand_in.label) == (Decimal(published(BEFORE_CRASH)["KO"]), BEFORE_CRASH, PriceLabel.LAST_GOOD)
    assert [(item.instrument_id, item.defect) for item in gated.findings] == [("KO", Defect.NOT_A_NUMBER)]


def test_a_quarter_of_the_universe_may_be_bad_and_not_one_more():
    names = list(published(CRASH))
    assert len(desk(archive_with(**dict.fromkeys(names[:5], "0"))).closing_prices(CRASH).quarantined) == 5
    with pytest.raises(QualityBlocked) as refusal:
        desk(archive_with(**dict.fromkeys(names[:6], "0"))).closing_prices(CRASH)
    assert refusal.value.field == "vendor_file"
    assert len(refusal.value.context["findings"]) == 6


def test_a_held_instrument_without_a_recent_good_close_blocks_and_one_not_held_is_left_out():
    broken = archive_without("KO", 6, CRASH)
    with pytest.raises(QualityBlocked) as refusal:
        desk(broken).closing_prices(CRASH)
    assert refusal.value.field == "KO"
    assert "KO" not in desk(broken).closing_prices(CRASH, held=["XOM"]).closes
    # One session less: the close of five sessions before the crash is just recent enough.
    stand_in = desk(archive_without("KO", 5, CRASH)).closing_prices(CRASH).closes["KO"]
    assert (stand_in.as_of, stand_in.price) == (date(2018, 1, 29), Decimal(published(date(2018, 1, 29))["KO"]))


def test_cash_is_priced_at_one():
    cash = Instrument("CASH", InstrumentKind.CASH, "US dollar", AssetClass.CASH)
    price_desk = PriceDesk(history().archive(), {**universe(), "CASH": cash}, Calendar.exchange())
    assert price_desk.closing_prices(CRASH).closes["CASH"].price == Decimal(1)
    assert price_desk.panel(["CASH"], CRASH, 2).closes.tolist() == [[1.0], [1.0]]


def test_a_day_without_trading_is_refused_with_its_neighbours():
    with pytest.raises(NotASession) as refusal:
        desk(history().archive()).closing_prices(date(2018, 2, 3))
    assert refusal.value.context["previous"] == "2018-02-02"


def test_the_panel_is_the_published_closes_with_the_gated_ones_last():
    panel = desk(archive_with(KO="4487")).panel(["XOM", "KO", "BOND-BAA"], CRASH, 3)
    assert panel.sessions == (date(2018, 2, 1), BEFORE_CRASH, CRASH)
    assert panel.column("XOM").tolist() == [float(published(day)["XOM"]) for day in panel.sessions]
    earlier = [float(published(day)["KO"]) for day in panel.sessions[:2]]
    assert panel.column("KO").tolist() == [*earlier, earlier[-1]]
    assert panel.labels == {
        "XOM": PriceLabel.ADJUSTED_CLOSE,
        "KO": PriceLabel.LAST_GOOD,
        "BOND-BAA": PriceLabel.FROM_YIELD_SERIES,
    }


def test_a_hole_in_the_panel_takes_the_close_before_it():
    block = history().block
    closes = block.closes.copy()
    row, column = sessions().index(BEFORE_CRASH), block.instrument_ids.index("KO")
    for hole in (np.nan, np.inf, 0.0, -1.0):
        closes[row, column] = hole
        archive = MemoryPriceArchive(CloseBlock(block.sessions, block.instrument_ids, closes), history().series)
        panel = desk(archive).panel(["KO"], CRASH, 3)
        first, last = float(published(date(2018, 2, 1))["KO"]), float(published(CRASH)["KO"])
        assert panel.closes[:, 0].tolist() == [first, first, last]


def test_a_panel_that_begins_with_a_hole_is_refused():
    with pytest.raises(QualityBlocked) as refusal:
        desk(archive_without("KO", 3, BEFORE_CRASH)).panel(["KO"], CRASH, 3)
    assert refusal.value.field == "KO"


def test_a_panel_longer_than_the_history_and_an_unknown_instrument_are_refused():
    with pytest.raises(NotPublished):
        desk(history().archive()).panel(["KO"], CRASH, 9000)
    with pytest.raises(InvalidInput) as refusal:
        desk(history().archive()).panel(["KO", "GOLD"], CRASH, 5)
    assert refusal.value.field == "instrument_ids"


def moved(name: str, month: str, by: float) -> MemoryPriceArchive:
    """The real archive with the yields of one series raised from a month on."""
    series = history().series[name]
    values = series.values + np.where(series.dates >= np.datetime64(month, "D"), by, 0.0)
    return MemoryPriceArchive(history().block, {**history().series, name: DailySeries(name, series.dates, values, series.source)})


def test_a_bond_is_priced_from_the_month_before_and_never_from_its_own():
    real = desk(history().archive()).closing_prices(CRASH).closes["BOND-AAA"].price
    assert desk(moved("AAA", "2018-02-01", 1.0)).closing_prices(CRASH).closes["BOND-AAA"].price == real
    assert desk(moved("AAA", "2018-01-01", 1.0)).closing_prices(CRASH).closes["BOND-AAA"].price < real


def test_a_yield_series_that_has_ended_prices_nothing():
    # The series ends with 2018-12: March 2019 is the last month it may serve.
    desk(history().archive()).closing_prices(date(2019, 3, 29))
    with pytest.raises(NotPublished) as refusal:
        desk(history().archive()).closing_prices(date(2019, 4, 1))
    assert refusal.value.field in {"AAA", "BAA"}


def test_prices_before_the_first_yield_are_not_published():
    archive = MemoryPriceArchive(
        history().block, {**history().series, "AAA": DailySeries("AAA", np.array(["2018-02-01"], "datetime64[D]"), np.array([3.5]), "s")}
    )
    with pytest.raises(NotPublished):
        desk(archive).closing_prices(CRASH)


def test_the_benchmark_needs_an_aaa_bond_and_index_closes():
    stocks = {name: item for name, item in universe().items() if item.bond is None}
    with pytest.raises(NotFound):
        PriceDesk(history().archive(), stocks, Calendar.exchange()).benchmark_returns(CRASH)
    with pytest.raises(NotPublished):
        desk(history().archive()).benchmark_returns(date(2023, 1, 5))


def test_benchmark_returns_are_price_changes_plus_coupons():
    # The bond pays 2 on 15 March 2018 (a Thursday) at an unchanged yield: the full price falls by about the coupon, the return does not.
    returns = desk(history().archive()).benchmark_returns(date(2018, 3, 15))
    assert returns.previous == date(2018, 3, 14)
    assert 0 < returns.bond < 0.0005
    price_desk = desk(history().archive())
    before, after = (price_desk.closing_prices(day).closes["BOND-AAA"].price for day in (returns.previous, date(2018, 3, 15)))
    assert returns.bond == pytest.approx(float((after + 2) / before - 1), abs=1e-12)


class Published:
    """An archive with one session's official closes, as they were gated before anything was sent again; tells what was looked up."""

    def __init__(self, archive: MemoryPriceArchive, before: MemoryPriceArchive, leave_out: str | None = None):
        closes = desk(before).closing_prices(CRASH).closes.values()
        self._archive = archive
        self._document = official_document(CRASH, [close for close in closes if close.instrument_id != leave_out])
        self.looked_up: list[tuple[str, date]] = []

    def __getattr__(self, name: str):
        return getattr(self._archive, name)

    def official_closes(self, session_date: date):
        self.looked_up.append(("official", session_date))
        return self._document if session_date == CRASH else None

    def vendor_file(self, session_date: date):
        self.looked_up.append(("vendor", session_date))
        return self._archive.vendor_file(session_date)


NAMES = ["XOM", "KO", "BOND-AAA"]


def test_scenarios_and_history_end_on_the_official_closes_whatever_the_vendor_sends_later():
    resent = Published(archive_with(KO="44.1", XOM="NaN"), before=history().archive())
    panel, returns = desk(resent).panel(NAMES, CRASH, 3), desk(resent).returns(NAMES, CRASH, 2)
    for column, name in enumerate(("XOM", "KO")):
        last, before = (float(published(day)[name]) for day in (CRASH, BEFORE_CRASH))
        assert panel.column(name)[-1] == last
        assert returns[-1, column] == pytest.approx(last / before - 1, abs=1e-15)
    assert panel.labels == {"XOM": PriceLabel.ADJUSTED_CLOSE, "KO": PriceLabel.ADJUSTED_CLOSE, "BOND-AAA": PriceLabel.FROM_YIELD_SERIES}


def test_a_price_that_was_quarantined_when_published_stays_so_after_a_good_one_came():
    corrected = Published(history().archive(), before=archive_with(KO="NaN"))
    panel = desk(corrected).panel(["KO"], CRASH, 3)
    assert panel.closes[-2:, 0].tolist() == [float(published(BEFORE_CRASH)["KO"])] * 2
    assert panel.labels == {"KO": PriceLabel.LAST_GOOD}


def test_a_bond_too_ends_on_its_official_close_after_its_yields_were_revised():
    revised = Published(moved("AAA", "2018-01-01", 0.1), before=history().archive())
    official = desk(history().archive()).closing_prices(CRASH).closes["BOND-AAA"].price
    panel, returns = desk(revised).panel(["BOND-AAA"], CRASH, 2).closes[:, 0], desk(revised).returns(["BOND-AAA"], CRASH, 1)
    assert panel[-1] == float(official)
    # No coupon falls between the two days: 15 March and 15 September.
    assert returns[-1, 0] == pytest.approx(float(official) / panel[0] - 1, abs=1e-15)


def test_an_instrument_without_an_official_close_is_refused_by_name():
    with pytest.raises(QualityBlocked) as refusal:
        desk(Published(history().archive(), history().archive(), leave_out="KO")).panel(NAMES, CRASH, 3)
    assert refusal.value.field == "KO"
    assert desk(Published(history().archive(), history().archive(), leave_out="GE")).panel(NAMES, CRASH, 3).sessions[-1] == CRASH


def test_however_long_the_panel_only_its_last_session_is_looked_up_once():
    archive = Published(history().archive(), before=history().archive())
    desk(archive).panel(NAMES, CRASH, 505)
    assert archive.looked_up == [("official", CRASH)]
    archive.looked_up.clear()
    # Nothing is published of the session before: its file is gated.
    desk(archive).panel(NAMES, BEFORE_CRASH, 505)
    assert archive.looked_up == [("official", BEFORE_CRASH), ("vendor", BEFORE_CRASH)]


def test_a_portfolio_is_worth_the_same_in_its_mark_its_scenarios_and_its_history():
    """The file is sent again after publication: 100 KO, 10 bonds and 50.00 of cash keep the value they were marked at."""
    price_desk = desk(Published(archive_with(KO="44.1"), before=history().archive()))
    owner = Portfolio("t", "p", "h", "a", "P", AccountKind.TAXABLE, date(2017, 1, 3), "us-east-1", ())
    bought = date(2017, 1, 3)
    lots = tuple(Lot(name, "p", name, bought, Decimal(units), Decimal(0)) for name, units in (("KO", 100), ("BOND-AAA", 10)))
    record = PortfolioRecord(owner, lots, (CashEntry("c", "p", bought, CashKind.DEPOSIT, Decimal("50.00")),))
    value = mark(record, price_desk.marking_closes(CRASH), universe(), CRASH).value
    panel = price_desk.panel(["KO", "BOND-AAA"], CRASH, 505)
    # 100 x the published close; the bond's four decimals times ten are rounded to the cent.
    assert abs(value - Decimal(published(CRASH)["KO"]) * 100 - Decimal(str(panel.closes[-1, 1])) * 10 - 50) <= Decimal("0.005")
    base = panel.closes[-1] @ [100.0, 10.0] + 50.0
    assert base == pytest.approx(float(value), abs=0.0051)
    assert performance_history(record, panel).values[-1] == pytest.approx(float(value), abs=0.0051)
