"""The sections of a client's report that each say what one record says: drift, trades, limits, risk, tax losses, breaks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from daymark.book.models import AccountKind, Portfolio
from daymark.operations.reporting import (
    NONE,
    Block,
    Cell,
    Column,
    Paragraph,
    Section,
    Table,
    Tone,
    aligned,
    cells,
    counted,
    long_date,
    missing,
    money,
    money_cell,
    numbers,
    percent,
    percent_cell,
)

Body = Mapping[str, Any]


def _as_of(body: Body) -> str:
    return long_date(date.fromisoformat(body["as_of"]))


def drift_section(body: Body | None, names: Mapping[str, str], band: Decimal) -> Section:
    """Target and weight of each holding, and how far they lie apart."""
    title = "Drift from target"
    if body is None:
        return Section(title, "", missing("Drift"))
    rows = tuple(
        (
            Cell(row["instrument_id"], note=names.get(row["instrument_id"], "")),
            Cell(percent(row["target"], 1)),
            Cell(percent(row["weight"], 1)),
            Cell(percent(row["drift"], 1, signed=True)),
            Cell("outside the band", Tone.ALERT) if row["outside_band"] else Cell(""),
        )
        for row in sorted(body["rows"], key=lambda row: (-abs(row["drift"]), row["instrument_id"]))
    )
    columns = (Column("Holding", share=3.0), *numbers("Target", "Weight", "Drift"), Column("", share=1.8))
    outside = sum(row["outside_band"] for row in body["rows"])
    lead = f"At the close of {_as_of(body)}. A weight may stray {percent(float(band), 1)} from its target before a trade is proposed; "
    lead += f"{counted(outside, 'holding lies', 'holdings lie')} outside. Cash stands at {percent(body['cash_weight'], 1)}."
    return Section(title, lead, (Table(columns, rows, empty="The portfolio has neither targets nor holdings."),))


def trades_section(body: Body | None, names: Mapping[str, str]) -> Section:
    """Trades that would bring the portfolio back to target."""
    title = "Proposed trades"
    if body is None:
        return Section(title, "", missing("The proposal"))
    left = tuple(
        Paragraph(f"{row['instrument_id']} is left outside its band: {row['reason'].replace('_', ' ')}.", Tone.SOFT)
        for row in body.get("left_outside", ())
    )
    if not body["trades"]:
        return Section(title, "", (Paragraph("None: every holding lies inside its band, or the trade would be too small to make."), *left))
    quantities = aligned([trade["quantity"] for trade in body["trades"]])
    prices = aligned([trade["price"] for trade in body["trades"]])
    rows = tuple(
        (
            Cell(trade["side"].capitalize()),
            Cell(trade["instrument_id"], note=names.get(trade["instrument_id"], "")),
            Cell(units),
            Cell(price),
            money_cell(trade["amount"]),
            money_cell(trade["realised_gain"], signed=True) if trade["side"] == "SELL" else Cell(NONE, Tone.SOFT),
        )
        for trade, units, price in zip(body["trades"], quantities, prices, strict=True)
    )
    columns = (
        Column("", share=0.7), Column("Holding", share=2.6), *numbers("Quantity", "Price"), *numbers("Amount", "Realised gain", share=1.4),
    )  # fmt: skip
    lead = f"Proposals only: nothing has been ordered. Priced at the close of {_as_of(body)} ({body['price_label']}); "
    lead += f"they would turn over {percent(body['turnover'], 1)} of the portfolio and leave {money(body['cash_after'])} in cash."
    washes = (_wash_sale(trade["instrument_id"], wash) for trade in body["trades"] for wash in trade.get("wash_sales", ()))
    return Section(title, lead, (Table(columns, rows), *washes, *left))


def _wash_sale(instrument_id: str, wash: Body) -> Paragraph:
    """What of a proposed sale's loss the tax would not accept, and which purchase makes it so."""
    fate = "lost for good" if wash["permanent"] else "deferred into the replacement shares"
    text = f"Selling {instrument_id} would be a wash sale: {money(wash['disallowed_loss'])} of the loss would be {fate},"
    return Paragraph(
        f"{text} because of the purchase of {long_date(date.fromisoformat(wash['bought']))} in {wash['bought_in']}.", Tone.SOFT
    )


def limits_section(body: Body | None, portfolio: Portfolio) -> Section:
    """Breaches of the position and sector limits."""
    title = "Limits"
    if body is None:
        return Section(title, "", missing("The check of limits"))
    lead = f"One holding may weigh {percent(float(portfolio.position_limit), 0)}, one sector {percent(float(portfolio.sector_limit), 0)}, "
    lead += f"as of {_as_of(body)}."
    largest = body["largest_position"]
    if largest:
        lead += f" The largest holding is {largest['instrument_id']} at {percent(largest['weight'], 1)}."
    rows = tuple(
        (Cell(row["limit"].capitalize()), Cell(row["name"]), Cell(percent(row["weight"], 1), Tone.ALERT), Cell(percent(row["maximum"], 1)))
        for row in body["breaches"]
    )
    columns = (Column("Limit"), Column("Breached by", share=2.0), *numbers("Weight", "Maximum"))
    return Section(title, lead, (Table(columns, rows, empty="Every limit is kept."),))


def risk_section(body: Body | None) -> Section:
    """Overnight value at risk and expected shortfall."""
    title = "Overnight risk"
    if body is None:
        return Section(title, "", missing("Overnight risk"))
    rows = tuple(
        (
            Cell(f"{level}%"),
            percent_cell(body[f"var_{level}"]),
            money_cell(body[f"var_{level}_amount"]),
            percent_cell(body[f"es_{level}"]),
            money_cell(body[f"es_{level}_amount"]),
        )
        for level in (95, 99)
    )
    columns = (Column("Confidence"), *numbers("Value at risk", "Amount", "Expected shortfall", "Amount"))
    lead = f"What the holdings of {_as_of(body)} would have lost in a day, measured over the {body['sessions']} sessions before. "
    lead += "Losses are positive. The past is no promise."
    return Section(title, lead, (Table(columns, rows),))


def tax_loss_section(account: AccountKind, body: Body | None, names: Mapping[str, str]) -> tuple[Section, ...]:
    """Losses that could be taken without a wash sale; only a taxable account has the section."""
    if account is not AccountKind.TAXABLE:
        return ()
    title = "Tax-loss candidates"
    if body is None:
        return (Section(title, "", missing("The search for tax losses")),)
    rows = tuple(
        (
            Cell(row["instrument_id"], note=row["lot_id"]),
            Cell(units),
            money_cell(row["basis"]),
            money_cell(row["value"]),
            money_cell(-abs(Decimal(row["loss"])), signed=True),
            Cell(row["term"]),
        )
        for row, units in zip(body["candidates"], aligned([row["quantity"] for row in body["candidates"]]), strict=True)
    )
    total = (Cell("Total"), *cells("", "", ""), money_cell(-abs(Decimal(body["total_loss"])), signed=True), Cell(""))
    columns = (
        Column("Lot", share=2.4), *numbers("Quantity", share=0.9), *numbers("Basis", "Value", "Loss", share=1.3), Column("Term", share=0.7),
    )  # fmt: skip
    table = Table(columns, rows, total if rows else None, empty="No lot stands at a loss that could be taken today.")
    blocks: tuple[Block, ...] = (table,)
    if body["refused"]:
        refused = tuple(
            (Cell(row["instrument_id"], note=row["lot_id"]), money_cell(-abs(Decimal(row["loss"])), signed=True), Cell(row["reason"]))
            for row in body["refused"]
        )
        blocks = (*blocks, Table((Column("Would be a wash sale", share=2.0), *numbers("Loss"), Column("Because", share=4.0)), refused))
    return (Section(title, f"Lots below their basis at the close of {_as_of(body)} whose sale today would not be a wash sale.", blocks),)


def breaks_section(body: Body | None) -> Section:
    """Differences from the custodian's statement."""
    title = "Reconciliation with the custodian"
    if body is None:
        return Section(title, "", missing("The reconciliation"))
    rows = tuple(
        (
            Cell(str(row["kind"]).replace("_", " ").capitalize()),
            Cell(row["instrument_id"] or "Cash"),
            Cell(_plain_number(row["ours"])),
            Cell(_plain_number(row["custodian"])),
            Cell(row["detail"]),
        )
        for row in body["breaks"]
    )
    columns = (Column("Break", share=1.2), Column("In"), *numbers("Our books", "Custodian", share=1.2), Column("Detail", share=2.6))
    lead = f"{counted(body['matched'], 'line')} of the custodian's statement agree with our books; {counted(len(rows), 'break')} found."
    return Section(title, lead[0].upper() + lead[1:], (Table(columns, rows, empty="Our books and the custodian's agree."),))


def _plain_number(text: str | None) -> str:
    """A decimal with its thousands parted; anything else (a date, a name) as it is."""
    if text is None:
        return NONE
    try:
        return f"{Decimal(text):,f}"
    except InvalidOperation:
        return text
