"""Daily profit and loss, its parts, returns, attribution and the benchmark against hand arithmetic."""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from daymark.book.attribution import attribute
from daymark.book.benchmark import compare, describe
from daymark.book.models import AccountKind, CashEntry, CashKind, Portfolio, PortfolioMark, PortfolioRecord
from daymark.book.performance import day_return, link_returns, performance_history
from daymark.book.profit_and_loss import ProfitAndLoss, profit_and_loss, results_in_cents, unpaid_changes
from daymark.book.valuation import mark
from daymark.core.errors import InvalidInput, NotPublished
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.market_data.benchmark_returns import BenchmarkReturns
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice, PricePanel

D = Decimal
FRIDAY, SATURDAY, MONDAY = date(2018, 2, 2), date(2018, 2, 3), date(2018, 2, 5)
INSTRUMENTS = {name: Instrument(name, InstrumentKind.EQUITY, name, AssetClass.EQUITY) for name in ("AAPL", "KO", "XOM")}
PORTFOLIO = Portfolio("northstar", "P-1", "H-1", "adviser", "Growth", AccountKind.TAXABLE, date(2017, 1, 3), "us-east-1", ())
# Friday: 10 AAPL, 5 KO, 300.00 cash. Monday: 2 AAPL bought at 101, 5 KO sold at 41, a coupon on XOM that is not held any more.
RECORD = PortfolioRecord(
    PORTFOLIO,
    lots=(
        Lot("L1", "P-1", "AAPL", date(2017, 1, 3), D("10"), D("800.00")),
        Lot("L2", "P-1", "AAPL", MONDAY, D("2"), D("202.00")),
        Lot("L3", "P-1", "KO", date(2017, 1, 3), D("5"), D("150.00"), (Disposal(MONDAY, D("5"), D("205.00")),)),
    ),
    cash=(
        CashEntry("C1", "P-1", date(2017, 1, 3), CashKind.DEPOSIT, D("300.00")),
        CashEntry("C2", "P-1", MONDAY, CashKind.BUY, D("-202.00"), "AAPL"),
        CashEntry("C3", "P-1", MONDAY, CashKind.SELL, D("205.00"), "KO"),
        CashEntry("C4", "P-1", MONDAY, CashKind.COUPON, D("3.50"), "XOM"),
        CashEntry("C5", "P-1", MONDAY, CashKind.FEE, D("-1.25")),
        CashEntry("C6", "P-1", MONDAY, CashKind.FEE, D("-0.75"), "AAPL"),
        CashEntry("C7", "P-1", SATURDAY, CashKind.DEPOSIT, D("500.00")),
        CashEntry("C8", "P-1", MONDAY, CashKind.WITHDRAWAL, D("-100.00")),
    ),
)


def closes(session, **prices):
    return {name: ClosingPrice(name, D(price), session, PriceLabel.ADJUSTED_CLOSE) for name, price in prices.items()}


PRIOR = mark(RECORD, closes(FRIDAY, AAPL="100", KO="40"), INSTRUMENTS, FRIDAY)
CURRENT = mark(RECORD, closes(MONDAY, AAPL="99", KO="41.5"), INSTRUMENTS, MONDAY)


def test_profit_and_loss_by_hand():
    result = profit_and_loss(RECORD, PRIOR, CURRENT)
    # Friday 1,000 + 200 + 300 = 1,500.00. Monday 12 x 99 = 1,188.00; cash 300 - 202 + 205 + 3.50 - 1.25 - 0.75 + 500 - 100 = 704.50.
    assert (result.prior_value, result.value) == (D("1500.00"), D("1892.50"))
    assert (result.flows, result.inflows) == (D("400.00"), D("500.00"))
    # 1,892.50 - 1,500.00 - 400.00
    assert result.pnl == D("-7.50")
    # AAPL 1,188 - 1,000 - 202 - 0.75 = -14.75; KO 0 - 200 + 205 = 5; XOM 3.50; the account fee names nothing.
    assert result.by_position == {"AAPL": D("-14.75"), "KO": D("5.00"), "XOM": D("3.50")}
    assert result.other == D("-1.25")


def test_a_restated_prior_value_is_no_result_by_hand():
    # Reported on Friday before a fee of 4.00 was taken back: 1,496.00, so 4.00 is restated; the result stays -7.50.
    reported = replace(PRIOR, cash=PRIOR.cash - 4, value=PRIOR.value - 4, attempt=3)
    result = profit_and_loss(RECORD, PRIOR, CURRENT, reported)
    assert (result.reported_prior_value, result.restatement, result.prior_value) == (D("1496.00"), D("4.00"), D("1500.00"))
    assert (result.flows, result.pnl) == (D("400.00"), D("-7.50"))
    assert replace(result, restatement=D(0)) == profit_and_loss(RECORD, PRIOR, CURRENT)
    assert profit_and_loss(RECORD, PRIOR, CURRENT).reported_prior_value == D("1500.00")


def test_only_the_prior_sessions_own_mark_was_reported_for_it():
    for reported in (CURRENT, replace(PRIOR, portfolio_id="P-2"), replace(PRIOR, tenant="t")):
        with pytest.raises(InvalidInput) as caught:
            profit_and_loss(RECORD, PRIOR, CURRENT, reported)
        assert caught.value.field == "reported"


def test_the_day_before_the_first_deposit_is_worth_nothing():
    before = mark(RECORD, {}, INSTRUMENTS, date(2017, 1, 2))
    first = mark(RECORD, closes(date(2017, 1, 3), AAPL="80", KO="30"), INSTRUMENTS, date(2017, 1, 3))
    assert before.value == 0
    assert profit_and_loss(RECORD, before, first).flows == D("300.00")


@pytest.mark.parametrize(
    ("prior", "current", "field"),
    [
        (CURRENT, CURRENT, "prior"),
        (CURRENT, PRIOR, "prior"),
        (replace(PRIOR, portfolio_id="P-2"), CURRENT, "prior"),
        (PRIOR, replace(CURRENT, tenant="harbor"), "current"),
        (PRIOR, PortfolioMark("northstar", "P-1", MONDAY, D("704.51"), (), D("704.51")), "cash"),
    ],
)
def test_marks_that_do_not_fit_are_refused(prior, current, field):
    with pytest.raises(InvalidInput) as caught:
        profit_and_loss(RECORD, prior, current)
    assert caught.value.field == field


def test_parts_that_do_not_sum_are_refused():
    with pytest.raises(InvalidInput) as caught:
        ProfitAndLoss("P-1", MONDAY, D(10), D(0), D(0), D(0), D(10), {"AAPL": D(9)}, D(0))
    assert caught.value.field == "by_position"


def test_units_nobody_paid_for_are_named():
    assert unpaid_changes(RECORD, FRIDAY, MONDAY) == ()
    unpaid = replace(RECORD, cash=tuple(entry for entry in RECORD.cash if entry.kind is not CashKind.BUY))
    assert unpaid_changes(unpaid, FRIDAY, MONDAY) == ("AAPL",)
    unsold = replace(RECORD, cash=tuple(entry for entry in RECORD.cash if entry.kind is not CashKind.SELL))
    assert unpaid_changes(unsold, FRIDAY, MONDAY) == ("KO",)
    assert unpaid_changes(unsold, MONDAY, date(2018, 2, 6)) == ()
    gifts = tuple(Lot(name, "P-1", name, MONDAY, D(1), D(1)) for name in ("N7", "N3", "N5", "N1", "N6", "N2"))
    assert unpaid_changes(replace(RECORD, lots=gifts, cash=()), FRIDAY, MONDAY) == ("N1", "N2", "N3", "N5", "N6", "N7")


def test_the_kernel_gives_the_same_results_as_the_rule():
    # AAPL and KO of the hand example, in ten-thousandths, with the cash each moved in cents.
    results = results_in_cents([100_000, 50_000], [1_000_000, 400_000], [120_000, 0], [990_000, 415_000], [-20_275, 20_500])
    assert results.tolist() == [-1475, 500]


def test_the_kernel_refuses_what_does_not_fit():
    with pytest.raises(InvalidInput) as caught:
        results_in_cents([1], [1], [1], [1], [2**62 + 1])
    assert caught.value.field == "position_cash_cents"
    with pytest.raises(InvalidInput) as caught:
        results_in_cents([1, 2], [1], [1, 2], [1], [1, 2, 3])
    assert caught.value.field == "position_cash_cents"
    with pytest.raises(InvalidInput):
        results_in_cents([1], [1], [1], [1], [0.5])
    with pytest.raises(InvalidInput):
        results_in_cents([1], [1], [1], [1], [-(2**62) - 1])
    assert results_in_cents([], [], [], [], []).shape == (0,)
    for before, after in (((2**40, 2**40), (1, 1)), ((1, 1), (2**40, 2**40))):
        with pytest.raises(InvalidInput) as caught:
            results_in_cents([before[0]], [before[1]], [after[0]], [after[1]], [0])
        assert caught.value.field == "quantities_1e4"


def test_day_return_measures_on_prior_value_and_deposits():
    # 12 on 1,000 + 200 deposited = 1%; a withdrawal does not shrink the capital.
    assert day_return(D(12), D(1000), D(200)) == 0.01
    assert day_return(D(-10), D(1000)) == -0.01
    assert day_return(D(0), D(0)) == 0.0
    for prior, inflows, field in ((D(0), D(0), "prior_value"), (D(-5), D(5), "prior_value"), (D(5), D(-1), "inflows")):
        with pytest.raises(InvalidInput) as caught:
            day_return(D(1), prior, inflows)
        assert caught.value.field == field
    # Nothing earned is zero only where nothing was there; on less than nothing it is as undefined as anything else.
    for prior, inflows, field in ((D(-5), D(0), "prior_value"), (D(0), D(-1), "inflows")):
        with pytest.raises(InvalidInput) as caught:
            day_return(D(0), prior, inflows)
        assert caught.value.field == field


def test_contributions_by_hand():
    # -14.75, 5.00, 3.50 and -1.25 on 1,500 + 500 = 2,000.
    result = attribute(profit_and_loss(RECORD, PRIOR, CURRENT))
    assert result.contributions == {"AAPL": -0.007375, "KO": 0.0025, "XOM": 0.00175}
    assert result.other == -0.000625
    assert result.day_return == -0.00375


def test_nothing_earned_on_nothing_is_attributed():
    empty = ProfitAndLoss("P-1", MONDAY, D(0), D(0), D(0), D(0), D(0), {"AAPL": D(0)}, D(0))
    assert attribute(empty).contributions == {"AAPL": 0.0}
    offset = replace(empty, by_position={"AAPL": D(1), "KO": D(-1)})
    with pytest.raises(InvalidInput):
        attribute(offset)


def benchmark_of(equity, bond):
    return BenchmarkReturns(MONDAY, FRIDAY, equity, bond)


def test_the_benchmark_is_a_fixed_mix():
    # 0.6 x -4% + 0.4 x 0.5% = -2.2%; -2% is 0.2% ahead.
    result = compare(-0.02, benchmark_of(-0.04, 0.005), D("0.60"))
    assert math.isclose(result.benchmark_return, -0.022, abs_tol=1e-15)
    assert math.isclose(result.excess, 0.002, abs_tol=1e-15)
    assert result.benchmark == "60% S&P 500 price index, 40% Aaa bond (synthetic: priced from a monthly yield series)"
    assert describe(D("1")) == "100% S&P 500 price index"
    assert describe(D("0")).startswith("100% Aaa bond")
    assert [compare(0.0, benchmark_of(-0.04, 0.005), D(weight)).benchmark_return for weight in (0, 1)] == [0.005, -0.04]


@pytest.mark.parametrize(
    ("day", "equity", "bond", "weight", "field"),
    [
        (math.nan, 0.0, 0.0, "0.6", "portfolio_return"),
        (0.0, math.inf, 0.0, "0.6", "equity"),
        (0.0, 0.0, math.nan, "0.6", "bond"),
        (0.0, 0.0, 0.0, "1.01", "equity_weight"),
        (0.0, 0.0, 0.0, "-0.01", "equity_weight"),
    ],
)
def test_a_bad_benchmark_input_is_refused_by_name(day, equity, bond, weight, field):
    with pytest.raises(InvalidInput) as caught:
        compare(day, benchmark_of(equity, bond), D(weight))
    assert caught.value.field == field


def test_history_values_each_session_and_links_returns():
    panel = PricePanel((FRIDAY, MONDAY), ("AAPL", "KO"), np.array([[100.0, 40.0], [99.0, np.nan]]))
    history = performance_history(RECORD, panel)
    # As in the hand example: 1,500.00 then 1,892.50, of which 400.00 flowed in; -7.50 on 2,000. KO is sold, so its gap is no gap.
    assert history.values.tolist() == [1500.0, 1892.5]
    assert np.allclose(history.returns, [0.0, -0.00375], atol=1e-15)
    assert np.allclose(history.index, [1.0, 0.99625], atol=1e-15)
    assert np.allclose(history.drawdowns, [0.0, -0.00375], atol=1e-15)


def test_history_is_the_same_in_any_order_of_entries_and_lots():
    panel = PricePanel((FRIDAY, SATURDAY, MONDAY), ("AAPL", "KO"), np.array([[100.0, 40.0], [100.0, 40.0], [99.0, 41.5]]))
    turned = replace(RECORD, cash=tuple(reversed(RECORD.cash)), lots=tuple(reversed(RECORD.lots)))
    expected = [1500.0, 2000.0, 1892.5]
    assert [performance_history(record, panel).values.tolist() for record in (RECORD, turned)] == [expected, expected]


def test_what_was_sold_before_the_history_begins_needs_no_price():
    gone = Lot("L9", "P-1", "XOM", date(2017, 1, 3), D(1), D("80.00"), (Disposal(date(2018, 2, 1), D(1), D("90.00")),))
    panel = PricePanel((FRIDAY, MONDAY), ("AAPL", "KO"), np.array([[100.0, 40.0], [99.0, 41.5]]))
    record = replace(RECORD, lots=(gone, *RECORD.lots))
    assert performance_history(record, panel).values.tolist() == [1500.0, 1892.5]


def test_of_many_unpriced_holdings_the_first_by_name_is_told():
    names = [f"N{number}" for number in range(8)]
    lots = tuple(Lot(name, "P-1", name, FRIDAY, D(1), D(1)) for name in reversed(names))
    with pytest.raises(NotPublished) as caught:
        performance_history(replace(RECORD, lots=lots), PricePanel((FRIDAY,), (), np.empty((1, 0))))
    assert caught.value.field == "closes[N0]"


def test_history_refuses_an_unpriced_holding():
    for panel in (
        PricePanel((FRIDAY,), ("AAPL",), np.array([[100.0]])),
        PricePanel((FRIDAY,), ("AAPL", "KO"), np.array([[100.0, np.nan]])),
    ):
        with pytest.raises(NotPublished) as caught:
            performance_history(RECORD, panel)
        assert caught.value.field == "closes[KO]"


def test_linking_refuses_what_has_no_return():
    zero = np.zeros(2)
    with pytest.raises(InvalidInput) as caught:
        link_returns(np.array([0.0, 1.0]), zero, zero)
    assert caught.value.field == "values[1]"
    ones, bad, three = np.ones(2), np.array([1.0, np.nan]), np.zeros(3)
    for values, flows, inflows in (
        (bad, zero, zero), (ones, bad, zero), (ones, zero, bad), (ones, three, zero), (ones, zero, three), (np.ones((2, 1)),) * 3,
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            link_returns(values, flows, inflows)
    returns, index = link_returns(np.array([0.0, 0.0, 5.0]), np.array([0.0, 0.0, 5.0]), np.array([0.0, 0.0, 5.0]))
    assert returns.tolist() == [0.0, 0.0, 0.0] and index.tolist() == [1.0, 1.0, 1.0]
    assert [part.size for part in link_returns(np.array([]), np.array([]), np.array([]))] == [0, 0]
