"""The client's daily report: one portfolio's day, from the records its tasks left; no figure is computed anew here but weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from daymark.book.models import AccountKind, Portfolio, PortfolioMark
from daymark.book.ports import RecordKind
from daymark.core.instruments import Instrument
from daymark.operations.client_report_sections import (
    breaks_section,
    drift_section,
    limits_section,
    risk_section,
    tax_loss_section,
    trades_section,
)
from daymark.operations.reporting import (
    NONE,
    Block,
    Cell,
    Column,
    ContributionChart,
    Figure,
    Figures,
    HistoryChart,
    Paragraph,
    Report,
    Section,
    Table,
    Tone,
    aligned,
    cells,
    is_whole,
    long_date,
    missing,
    money,
    money_cell,
    numbers,
    percent,
    percent_cell,
    signed_figure,
)

STATEMENT = (
    "Stock prices are real adjusted daily closes. Bonds are synthetic instruments priced from published monthly yields. "
    "The holder, the holdings and the custodian's statement are a synthetic sample."
)
ACCOUNTS = {
    AccountKind.TAXABLE: "Taxable",
    AccountKind.TRADITIONAL_IRA: "Traditional IRA",
    AccountKind.ROTH_IRA: "Roth IRA",
    AccountKind.PENSION: "Pension",
}
# More bars than this are a hedge, not a chart; the table below it has every row.
MOST_BARS = 20
CHART_LABEL = 24


@dataclass(frozen=True)
class ClientDay:
    """All that one portfolio's report is made from.

    Attributes:
        bodies: The day's records of the portfolio by kind; where two phases wrote one kind, the later phase's.
        sessions: ``(n,)`` sessions of the history, rising; empty if there is none.
        values: ``(n,)`` value at each, in the portfolio's currency.
        drawdowns: ``(n,)`` fall from the highest linked index so far, fractions not above zero.
        no_history: Why the books or prices allow no history, or ``None``.
    """

    portfolio: Portfolio
    household_name: str
    session_date: date
    mark: PortfolioMark
    instruments: Mapping[str, Instrument]
    bodies: Mapping[RecordKind, Mapping[str, Any]]
    sessions: tuple[date, ...] = ()
    values: tuple[float, ...] = ()
    drawdowns: tuple[float, ...] = ()
    no_history: str | None = None
    names: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {key: instrument.name for key, instrument in self.instruments.items()})


def client_report(day: ClientDay) -> Report:
    """The report of one portfolio's day."""
    portfolio, bodies, names = day.portfolio, day.bodies, day.names
    return Report(
        kind="Daily portfolio report",
        title=portfolio.name,
        subtitle=day.household_name,
        session_date=day.session_date,
        facts=(
            ("Portfolio", portfolio.portfolio_id),
            ("Account", ACCOUNTS[portfolio.account]),
            ("Adviser", portfolio.adviser_id),
            ("Since", long_date(portfolio.inception)),
            ("Currency", portfolio.currency.value),
        ),
        sections=(
            _day_section(day),
            _history_section(day),
            _holdings_section(day),
            _attribution_section(day),
            drift_section(bodies.get(RecordKind.DRIFT), names, portfolio.drift_band),
            trades_section(bodies.get(RecordKind.REBALANCING), names),
            limits_section(bodies.get(RecordKind.LIMITS), portfolio),
            risk_section(bodies.get(RecordKind.OVERNIGHT_RISK)),
            *tax_loss_section(portfolio.account, bodies.get(RecordKind.TAX_LOSSES), names),
            breaks_section(bodies.get(RecordKind.RECONCILIATION)),
            _data_section(day),
        ),
        statement=STATEMENT,
    )


def _day_section(day: ClientDay) -> Section:
    result, benchmark = day.bodies.get(RecordKind.PROFIT_AND_LOSS), day.bodies.get(RecordKind.BENCHMARK)
    lead = f"At the close of {long_date(day.session_date)}, in {day.portfolio.currency}."
    value = Figure("Value at the close", money(day.mark.value))
    if result is None:
        return Section("The day", lead, (Figures((value,)), *missing("Profit and loss")))
    pnl = Decimal(result["pnl"])
    headline = [
        value,
        signed_figure("Profit and loss", money(pnl, signed=True), "since the previous close"),
        signed_figure("Return", percent(result["return"], signed=True), "time-weighted, of the day"),
    ]
    if benchmark is not None:
        note = f"{percent(benchmark['excess'], signed=True)} against it"
        headline.append(signed_figure("Benchmark", percent(benchmark["benchmark_return"], signed=True), note))
    flows, restatement = Decimal(result["flows"]), Decimal(result["restatement"])
    restated = ((Cell("Corrected since it was reported"), money_cell(restatement, signed=True)),) if restatement else ()
    rows = (
        (Cell("Value at the previous close"), money_cell(result["prior_value"])),
        *restated,
        (Cell("Deposits less withdrawals"), Cell(money(flows, signed=True)) if flows else Cell(NONE, Tone.SOFT)),
        (Cell("Profit and loss"), money_cell(pnl, signed=True)),
    )
    total = (Cell("Value at the close"), Cell(money(result["value"])))
    bridge = Table((Column("From one close to the next", share=3), *numbers(day.portfolio.currency.value)), rows, total)
    blocks: tuple[Block, ...] = (Figures(tuple(headline)), bridge)
    if restatement:
        blocks = (*blocks, Paragraph("Profit and loss and return are measured from the corrected value at the previous close."))
    if benchmark is not None:
        blocks = (*blocks, Paragraph(f"Benchmark: {benchmark['benchmark']}.", Tone.SOFT))
    return Section("The day", lead, blocks)


def _history_section(day: ClientDay) -> Section:
    title = "Value and drawdown"
    if day.no_history is not None:
        return Section(title, "", (Paragraph(f"No history can be drawn: {day.no_history}.", Tone.SOFT),))
    if not is_whole(day.values):
        text = "There is no history to draw yet: the portfolio has been valued on fewer than two sessions."
        return Section(title, "", (Paragraph(text, Tone.SOFT),))
    deepest = min(range(len(day.drawdowns)), key=day.drawdowns.__getitem__)
    first, last = day.sessions[0], day.sessions[-1]
    figures = Figures(
        (
            signed_figure("Drawdown today", percent(day.drawdowns[-1]), "below the highest point so far"),
            signed_figure("Deepest drawdown", percent(day.drawdowns[deepest]), f"on {long_date(day.sessions[deepest])}"),
        )
    )
    alternative = f"Value and drawdown from {long_date(first)} to {long_date(last)}; deepest {percent(day.drawdowns[deepest])}."
    chart = HistoryChart(day.sessions, day.values, day.drawdowns, alternative)
    lead = f"{long_date(first)} to {long_date(last)}. Drawdown is the fall from the highest point, with deposits and withdrawals taken out."
    return Section(title, lead, (figures, chart))


def _holdings_section(day: ClientDay) -> Section:
    value = day.mark.value

    def weight(amount: Decimal) -> Cell:
        return Cell(percent(float(amount / value), 1)) if value else Cell(NONE, Tone.SOFT)

    held = sorted(day.mark.positions, key=lambda position: (-position.value, position.instrument_id))
    quantities, prices = aligned([position.quantity for position in held]), aligned([position.price for position in held])
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(position.instrument_id, note=day.names.get(position.instrument_id, "")),
            Cell(units),
            Cell(price),
            money_cell(position.value),
            weight(position.value),
            money_cell(position.value - position.cost_basis, signed=True),
        )
        for position, units, price in zip(held, quantities, prices, strict=True)
    ]
    rows.append((Cell("Cash"), *cells("", "", money(day.mark.cash)), weight(day.mark.cash), Cell("")))
    gain = sum((position.value - position.cost_basis for position in day.mark.positions), Decimal(0))
    total = (Cell("Total"), *cells("", "", money(value)), weight(value), money_cell(gain, signed=True))
    columns = (
        Column("Holding", share=3.0), *numbers("Quantity", "Price", share=1.1), *numbers("Value", share=1.5),
        *numbers("Weight", share=0.9), *numbers("Unrealised gain", share=1.5),
    )  # fmt: skip
    lead = "Largest first, at the day's closing prices. The unrealised gain is value less cost basis."
    return Section("Holdings", lead, (Table(columns, tuple(rows), total),))


def _attribution_section(day: ClientDay) -> Section:
    title, result = "Attribution by holding", day.bodies.get(RecordKind.PROFIT_AND_LOSS)
    if result is None:
        return Section(title, "", missing("The attribution"))
    positions = sorted(result["by_position"], key=lambda row: (-Decimal(row["pnl"]), row["instrument_id"]))
    rows = [
        (
            Cell(row["instrument_id"], note=day.names.get(row["instrument_id"], "")),
            money_cell(row["pnl"], signed=True),
            percent_cell(row["contribution"], 3, signed=True),
        )
        for row in positions
    ]
    other = Decimal(result["other_pnl"])
    if other:
        rest = result["return"] - sum(row["contribution"] for row in positions)
        rows.append((Cell("Cash and charges"), money_cell(other, signed=True), percent_cell(rest, 3, signed=True)))
    total = (Cell("Total"), money_cell(result["pnl"], signed=True), percent_cell(result["return"], 3, signed=True))
    columns = (Column("Holding", share=3.0), *numbers("Profit and loss", "Contribution to return", share=1.5))
    table = Table(columns, tuple(rows), total if rows else None, empty="The portfolio held nothing that could gain or lose.")
    lead = "What each holding added to the day's result; contributions add up to the return."
    shown = sorted(positions, key=lambda row: -abs(Decimal(row["pnl"])))[:MOST_BARS]
    shown.sort(key=lambda row: (-Decimal(row["pnl"]), row["instrument_id"]))
    if not shown:
        return Section(title, lead, (table,))
    if len(positions) > len(shown):
        lead += f" The chart shows the {len(shown)} largest."
    labels = tuple(_short(row["instrument_id"]) for row in shown)
    chart = ContributionChart(labels, tuple(float(row["pnl"]) for row in shown), "Profit and loss by holding; the table has the numbers.")
    return Section(title, lead, (chart, table))


def _short(label: str) -> str:
    return label if len(label) <= CHART_LABEL else label[: CHART_LABEL - 1] + "…"


def _data_section(day: ClientDay) -> Section:
    labels: dict[tuple[str, date], list[str]] = {}
    for position in day.mark.positions:
        labels.setdefault((position.label.value, position.price_as_of), []).append(position.instrument_id)
    rows = tuple(
        (Cell(label.capitalize()), Cell(long_date(as_of)), Cell(", ".join(sorted(names))))
        for (label, as_of), names in sorted(labels.items())
    )
    columns = (Column("What the price is", share=1.6), Column("As of", share=1.0), Column("Holdings", share=3.0))
    table = Table(columns, rows, empty="No prices were needed: the portfolio holds only cash.")
    return Section("About the data", STATEMENT, (table,))
