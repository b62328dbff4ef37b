"""Sample days for the report tests: invented figures, and the edges a renderer breaks at."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PositionMark, Target
from daymark.book.ports import RecordKind
from daymark.core.instruments import AssetClass, BondTerms, Instrument, InstrumentKind
from daymark.core.sessions import Calendar
from daymark.market_data.labels import PriceLabel
from daymark.operations.client_report import ClientDay
from daymark.operations.models import (
    OperationPhase,
    OperationSummary,
    RunId,
    RunStatus,
    TaskPriority,
    TaskReport,
    TaskResult,
    TaskStatus,
)

DAY = date(2018, 2, 5)
D = Decimal
K = RecordKind

# (id, name, units, price, basis, result of the day)
HOLDINGS: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("AAPL", "Apple Inc.", "420", "37.025", "11340.00", "-394.38"),
    ("MSFT", "Microsoft Corporation", "310.5", "82.487", "19871.22", "-1098.11"),
    ("JNJ", "Johnson & Johnson", "140", "111.923", "14002.80", "-878.22"),
    ("XOM", "Exxon Mobil Corporation", "95", "61.031", "7011.40", "-341.05"),
    ("WMT", "Walmart Inc.", "180", "90.118", "11802.60", "-722.70"),
    ("PG", "The Procter & Gamble Company", "205", "70.442", "15120.10", "-447.72"),
    ("RRC", "Range Resources Corporation", "700", "12.803", "14907.00", "112.40"),
    ("BOND-AAA", "Synthetic corporate bond, Moody's Aaa yield, 4.00% 2038", "400", "104.1527", "40811.00", "214.90"),
)


def client_day(
    holdings: tuple[tuple[str, str, str, str, str, str], ...] = HOLDINGS,
    *,
    cash: str = "12480.17",
    with_records: bool = True,
    sessions: int = 504,
    name: str = "Ada and Charles Lovell, joint account",
    household: str = "The Lovell family",
) -> ClientDay:
    """A portfolio's day whose figures agree with each other."""
    positions = tuple(_position(*row) for row in holdings)
    value = D(cash) + sum((position.value for position in positions), D(0))
    mark = PortfolioMark("northstar", "NS-001", DAY, D(cash), positions, value)
    targets = tuple(Target(position.instrument_id, D(1) / D(max(len(positions), 2) + 1)) for position in positions)
    portfolio = Portfolio(
        "northstar", "NS-001", "H-001", "adviser.ben.northstar", name, AccountKind.TAXABLE, date(2012, 3, 1), "us-east-1", targets
    )
    dates, values, drawdowns = _history(sessions, float(value))
    return ClientDay(
        portfolio, household, DAY, mark, {row[0]: _instrument(row[0], row[1]) for row in holdings},
        _bodies(positions, holdings, value, targets) if with_records else {}, dates, values, drawdowns,
    )  # fmt: skip


def _position(key: str, name: str, units: str, price: str, basis: str, pnl: str) -> PositionMark:
    is_bond = key.startswith("BOND")
    label = PriceLabel.FROM_YIELD_SERIES if is_bond else PriceLabel.ADJUSTED_CLOSE
    kind = AssetClass.FIXED_INCOME if is_bond else AssetClass.EQUITY
    value = (D(units) * D(price)).quantize(D("0.01"))
    return PositionMark(key, kind, D(units), D(price), value, D(basis), DAY, label)


def _instrument(key: str, name: str) -> Instrument:
    if key.startswith("BOND"):
        terms = BondTerms(D("0.04"), date(2038, 1, 15), "AAA")
        return Instrument(key, InstrumentKind.BOND, name, AssetClass.FIXED_INCOME, bond=terms)
    return Instrument(key, InstrumentKind.EQUITY, name, AssetClass.EQUITY, sector="Industrials")


def _history(count: int, last: float) -> tuple[tuple[date, ...], tuple[float, ...], tuple[float, ...]]:
    dates = tuple(Calendar.exchange().between(date(2015, 1, 1), DAY)[-count:]) if count else ()
    shape = [1 + 0.0006 * n + 0.03 * math.sin(n / 37) + 0.012 * math.sin(n / 5.3) - (0.055 if n > count - 4 else 0) for n in range(count)]
    values = tuple(last * level / shape[-1] for level in shape)
    peak, drawdowns = 0.0, []
    for level in values:
        peak = max(peak, level)
        drawdowns.append(level / peak - 1)
    return dates, values, tuple(drawdowns)


def _bodies(
    positions: tuple[PositionMark, ...],
    holdings: tuple[tuple[str, str, str, str, str, str], ...],
    value: Decimal,
    targets: tuple[Target, ...],
) -> dict[RecordKind, dict[str, Any]]:
    charge = D("-12.50")
    pnl = sum((D(row[5]) for row in holdings), charge)
    prior = value - pnl
    weight = {position.instrument_id: float(position.value / value) for position in positions}
    drifts = [
        {"instrument_id": each.instrument_id, "target": float(each.weight), "weight": weight[each.instrument_id],
         "drift": weight[each.instrument_id] - float(each.weight),
         "outside_band": abs(weight[each.instrument_id] - float(each.weight)) > 0.03}
        for each in targets
    ]  # fmt: skip
    rows = [{"instrument_id": row[0], "pnl": row[5], "contribution": float(D(row[5]) / prior)} for row in holdings]
    shortfall = {"var_95": 0.0113, "es_95": 0.0171, "var_99": 0.0214, "es_99": 0.0266}
    risk = {**shortfall, **{f"{name}_amount": str((value * D(str(loss))).quantize(D("0.01"))) for name, loss in shortfall.items()}}
    return {
        K.PROFIT_AND_LOSS: {"value": str(value), "prior_value": str(prior), "restatement": "0.00", "flows": "0.00", "pnl": str(pnl),
                            "return": float(pnl / prior), "by_position": rows, "other_pnl": str(charge)},
        K.BENCHMARK: {"portfolio_return": float(pnl / prior), "benchmark_return": -0.0237, "excess": float(pnl / prior) + 0.0237,
                      "benchmark": "60% S&P 500 index, 40% Aaa corporate bonds"},
        K.OVERNIGHT_RISK: {"value": str(prior), "sessions": 504, "as_of": "2018-02-02", **risk},
        K.LIMITS: {"breaches": [{"limit": "position", "name": "BOND-AAA", "weight": 0.2963, "maximum": 0.25}],
                   "largest_position": {"instrument_id": "BOND-AAA", "weight": 0.2963}, "as_of": "2018-02-05"},
        K.DRIFT: {"as_of": "2018-02-05", "rows": drifts, "cash_weight": 0.089, "largest_drift": 0.18},
        K.REBALANCING: {"as_of": "2018-02-02", "price_label": "adjusted daily close", "cash_after": "9310.55", "turnover": 0.0712,
                        "trades": [{"side": "SELL", "instrument_id": "BOND-AAA", "quantity": "95", "price": "103.6155", "amount": "9843.47",
                                    "lots": [{"lot_id": "L1", "quantity": "95"}], "realised_gain": "151.86"},
                                   {"side": "BUY", "instrument_id": "XOM", "quantity": "68", "price": "64.621", "amount": "4394.23",
                                    "lots": [], "realised_gain": "0.00"}]},
        K.TAX_LOSSES: {"as_of": "2018-02-02", "total_loss": "5825.70",
                       "candidates": [{"lot_id": "NS-001-RRC-2", "instrument_id": "RRC", "quantity": "700", "basis": "14907.00",
                                       "value": "8849.70", "loss": "-5825.70", "term": "long"}],
                       "refused": [{"lot_id": "NS-001-PG-3", "instrument_id": "PG", "loss": "-312.40",
                                    "reason": "23 shares were bought in the household's IRA on 22 January 2018"}]},
        K.RECONCILIATION: {"matched": 8, "breaks": [{"kind": "quantity", "instrument_id": "JNJ", "ours": "140", "custodian": "135",
                                                     "detail": "The custodian holds 5 fewer than the book."}]},
    }  # fmt: skip


LONG_NAME = " of a company whose registered name is quite unreasonably long, Incorporated"


def sixty_holdings() -> ClientDay:
    """Many holdings, some with names that are far too long, gains and losses of all sizes."""
    rows = [
        (f"STK{n:02d}", f"Holding number {n}" + (LONG_NAME if n % 7 == 0 else ""), str(10 + n * 3), f"{20 + (n * 37) % 190}.{n % 10}25",
         f"{400 + n * 211}.00", f"{((n * 7919) % 90001 - 45000) / 100:.2f}")
        for n in range(60)
    ]  # fmt: skip
    return client_day(tuple(rows), name="The Trustees of the Great Northern Railway Superannuation Fund for Salaried Staff (1887) — Growth")


def empty_portfolio() -> ClientDay:
    """Opened, never funded."""
    return client_day((), cash="0.00", with_records=False, sessions=0)


def only_cash() -> ClientDay:
    """Funded, nothing bought yet, every task done."""
    day = client_day((), cash="250000.00", sessions=1)
    day.bodies[K.LIMITS].update(breaches=[], largest_position=None)
    day.bodies[K.REBALANCING].update(trades=[])
    day.bodies[K.TAX_LOSSES].update(candidates=[], refused=[], total_loss="0.00")
    day.bodies[K.RECONCILIATION].update(breaks=[])
    return day


WARNING = "RRC: today's price is quarantined, the last good close stands in"


def runs() -> list[OperationSummary]:
    """Five phases, with a retry, a failure and what was skipped for it."""
    made = []
    plan = {
        OperationPhase.PRE_MARKET: ["check_session", "load_prices", "gate_prices", "assess_overnight_risk", "check_limits",
                                    "classify_regime"],
        OperationPhase.MARKET_OPEN: ["check_session", "measure_drift"],
        OperationPhase.MID_DAY: ["check_session", "propose_rebalancing", "find_tax_losses"],
        OperationPhase.MARKET_CLOSE: ["check_session", "load_prices", "gate_prices", "publish_official_closes", "mark_portfolios",
                                      "compute_profit_and_loss", "compare_benchmark", "check_limits", "measure_drift"],
        OperationPhase.POST_MARKET: ["check_session", "reconcile_custodian"],
    }  # fmt: skip
    for place, (phase, names) in enumerate(plan.items()):
        opened = datetime(2018, 2, 5, 9 + 3 * place, tzinfo=UTC)
        tasks, at = [], opened
        for number, name in enumerate(names):
            status = TaskStatus.FAILED if name == "propose_rebalancing" else TaskStatus.SUCCEEDED
            status = TaskStatus.SKIPPED if name == "find_tax_losses" else status
            begin, end = at + timedelta(milliseconds=40), at + timedelta(milliseconds=240 + 310 * (number % 4))
            ran = status is not TaskStatus.SKIPPED
            tasks.append(
                TaskResult(
                    name, name.replace("_", " ").capitalize(), TaskPriority.CRITICAL if number < 2 else TaskPriority.HIGH, status,
                    (4 if status is TaskStatus.FAILED else 1) if ran else 0, begin if ran else None, end if ran else None,
                    (end - begin) / timedelta(milliseconds=1) if ran else None,
                    TaskReport(warnings=(WARNING,) if name == "gate_prices" else ()),
                    {"code": "unavailable", "message": "the archive did not answer within 3 s"} if status is TaskStatus.FAILED else None,
                    "propose_rebalancing failed" if not ran else None,
                )
            )  # fmt: skip
            at = end
        status = RunStatus.DEGRADED if phase is OperationPhase.MID_DAY else RunStatus.SUCCEEDED
        made.append(OperationSummary(RunId(DAY, phase), status, opened, at, tuple(tasks), 3 * len(names)))
    return made


FINDING = {"instrument_id": "RRC", "defect": "scale", "severity": "block", "detail": "1280.3 is 100.4 times the close before (12.751)"}
QUALITY = {"sessions_checked": 1, "instruments": 22, "quarantined": ["RRC"], "as_of": "2018-02-05", "findings": [FINDING]}
REGIME = {"regime": "stressed", "measure": "VIX", "value": 0.3732, "as_of": "2018-02-05", "thresholds": {}}
