"""What reports say: each figure of the records once, signs and sums right, and the edges a day can have."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daymark.book.models import AccountKind
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.errors import InvalidInput
from daymark.operations.client_report import MOST_BARS, ClientDay, client_report
from daymark.operations.day_results import latest_results
from daymark.operations.operations_report import operations_report
from daymark.operations.reporting import (
    Cell,
    Column,
    ContributionChart,
    Figures,
    HistoryChart,
    Paragraph,
    Report,
    Section,
    Table,
    TimelineChart,
    Tone,
    aligned,
    money,
    percent,
)
from tests.unit.report_samples import DAY, QUALITY, REGIME, client_day, empty_portfolio, only_cash, runs, sixty_holdings


def section(report: Report, title: str) -> Section:
    return next(each for each in report.sections if each.title == title)


def table(part: Section, place: int = 0) -> Table:
    return [block for block in part.blocks if isinstance(block, Table)][place]


def column(of: Table, place: int) -> list[str]:
    return [row[place].text for row in of.rows]


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4))
def test_money_reads_back_to_the_cent_it_was(amount: Decimal) -> None:
    text = money(amount, signed=True)
    assert Decimal(text.replace(",", "").replace("−", "-")) == round(amount, 2)
    assert text.startswith("−") is (round(amount, 2) < 0) and text.startswith("+") is (round(amount, 2) > 0)


@given(st.floats(-9, 9, allow_nan=False), st.integers(0, 4))
def test_percent_is_the_nearest_and_never_a_negative_zero(fraction: float, decimals: int) -> None:
    text = percent(fraction, decimals)
    shown = float(text.rstrip("%").replace("−", "-"))
    assert abs(shown - fraction * 100) <= 0.5 * 10.0**-decimals + 1e-9
    assert not (text.startswith("−") and shown == 0)


@given(st.lists(st.decimals(-99999, 99999, places=4), max_size=8))
def test_aligned_numbers_have_one_number_of_decimals_and_lose_nothing(numbers: list[Decimal]) -> None:
    texts = aligned(numbers)
    assert len({len(text.partition(".")[2]) for text in texts}) <= 1
    assert [Decimal(text.replace(",", "").replace("−", "-")) for text in texts] == numbers


def test_a_table_refuses_a_row_that_does_not_fit() -> None:
    with pytest.raises(InvalidInput):
        Table((Column("a"), Column("b")), ((Cell("1"),),))


def test_the_day_is_stated_once_and_adds_up() -> None:
    """156,395.07 now; the eight results and the charge of 12.50 add up to -3,567.38 by hand; so 159,962.45 before."""
    report = client_report(client_day())
    figures = next(block for block in section(report, "The day").blocks if isinstance(block, Figures))
    assert [(item.text, item.tone) for item in figures.items[:3]] == [
        ("156,395.07", Tone.PLAIN), ("−3,567.38", Tone.LOSS), ("−2.23%", Tone.LOSS),
    ]  # fmt: skip
    bridge = table(section(report, "The day"))
    assert column(bridge, 1) == ["159,962.45", "–", "−3,567.38"]
    assert bridge.total == (Cell("Value at the close"), Cell("156,395.07"))


def test_a_corrected_prior_value_has_its_own_line_and_the_day_still_adds_up() -> None:
    """159,962.45 now, of which 40.00 came by a correction after 159,922.45 had been reported."""
    day = client_day()
    result = {**day.bodies[RecordKind.PROFIT_AND_LOSS], "prior_value": "159922.45", "restatement": "40.00"}
    part = section(client_report(replace(day, bodies={**day.bodies, RecordKind.PROFIT_AND_LOSS: result})), "The day")
    bridge = table(part)
    assert column(bridge, 0)[1] == "Corrected since it was reported"
    assert column(bridge, 1) == ["159,922.45", "+40.00", "–", "−3,567.38"]
    assert bridge.total is not None and bridge.total[1].text == "156,395.07"
    told = "Profit and loss and return are measured from the corrected value at the previous close."
    assert told in [block.text for block in part.blocks if isinstance(block, Paragraph)]
    usual = section(client_report(day), "The day")
    assert told not in [block.text for block in usual.blocks if isinstance(block, Paragraph)]


def test_attribution_runs_from_gain_to_loss_and_closes_with_the_total() -> None:
    part = section(client_report(client_day()), "Attribution by holding")
    rows = table(part)
    assert column(rows, 0) == ["BOND-AAA", "RRC", "XOM", "AAPL", "PG", "WMT", "JNJ", "MSFT", "Cash and charges"]
    amounts = [Decimal(text.replace(",", "").replace("−", "-")) for text in column(rows, 1)]
    assert sum(amounts) == Decimal("-3567.38")
    assert rows.total is not None and rows.total[1].text == "−3,567.38"
    chart = next(block for block in part.blocks if isinstance(block, ContributionChart))
    assert chart.labels[0] == "BOND-AAA" and chart.amounts[-1] == -1098.11


def test_holdings_close_with_the_value_of_the_mark() -> None:
    rows = table(section(client_report(client_day()), "Holdings"))
    assert column(rows, 0) == ["BOND-AAA", "MSFT", "WMT", "JNJ", "AAPL", "PG", "RRC", "XOM", "Cash"]
    assert column(rows, 1)[:2] == ["400.0", "310.5"]
    assert rows.total is not None and (rows.total[3].text, rows.total[4].text) == ("156,395.07", "100.0%")
    assert sum(Decimal(text.replace(",", "")) for text in column(rows, 3)) == Decimal("156395.07")


def test_every_record_has_its_section() -> None:
    report = client_report(client_day())
    drift = table(section(report, "Drift from target"))
    assert [row[4].text for row in drift.rows].count("outside the band") == 4
    assert column(table(section(report, "Limits")), 2) == ["29.6%"]
    assert column(table(section(report, "Overnight risk")), 2) == ["1,767.26", "3,346.85"]
    assert column(table(section(report, "Tax-loss candidates")), 4) == ["−5,825.70"]
    assert column(table(section(report, "Tax-loss candidates"), 1), 1) == ["−312.40"]
    assert [cell.text for cell in table(section(report, "Reconciliation with the custodian")).rows[0]][:4] == [
        "Quantity",
        "JNJ",
        "140",
        "135",
    ]
    assert column(table(section(report, "Proposed trades")), 5) == ["+151.86", "–"]


def test_a_proposed_wash_sale_is_told_with_the_purchase_that_makes_it_one() -> None:
    day = client_day()
    wash = {
        "lot_id": "L1",
        "quantity": "5",
        "disallowed_loss": "1250.00",
        "permanent": False,
        "bought_in": "NS-P03",
        "bought": "2018-01-22",
    }
    day.bodies[RecordKind.REBALANCING]["trades"][0]["wash_sales"] = [wash, wash | {"permanent": True}]

    told = [block.text for block in section(client_report(day), "Proposed trades").blocks if isinstance(block, Paragraph)]

    assert told == [
        "Selling BOND-AAA would be a wash sale: 1,250.00 of the loss would be deferred into the replacement shares,"
        " because of the purchase of 22 January 2018 in NS-P03.",
        "Selling BOND-AAA would be a wash sale: 1,250.00 of the loss would be lost for good,"
        " because of the purchase of 22 January 2018 in NS-P03.",
    ]


def test_the_report_says_what_is_real_and_what_is_synthetic() -> None:
    report = client_report(client_day())
    rows = table(section(report, "About the data")).rows
    assert [(row[0].text, row[2].text) for row in rows] == [
        ("Adjusted daily close", "AAPL, JNJ, MSFT, PG, RRC, WMT, XOM"),
        ("Synthetic: priced from a monthly yield series", "BOND-AAA"),
    ]
    assert "real adjusted daily closes" in report.statement and "synthetic" in report.statement


@pytest.mark.parametrize("kind", list(RecordKind))
def test_a_result_that_is_missing_is_said_to_be_missing(kind: RecordKind) -> None:
    """Whatever single record the day lacks, the report stands and says so."""
    day = client_day()
    without = client_report(ClientDay(
        day.portfolio, day.household_name, DAY, day.mark, day.instruments,
        {each: body for each, body in day.bodies.items() if each is not kind}, day.sessions, day.values, day.drawdowns,
    ))  # fmt: skip
    said = [block.text for part in without.sections for block in part.blocks if isinstance(block, Paragraph) and block.tone is Tone.ALERT]
    shown_elsewhere = {RecordKind.BENCHMARK}
    expected = kind in day.bodies and kind not in shown_elsewhere
    assert bool(said) is expected
    assert all("not available" in text for text in said)


def test_a_portfolio_without_anything_has_a_report() -> None:
    report = client_report(empty_portfolio())
    assert not any(isinstance(block, HistoryChart | ContributionChart) for part in report.sections for block in part.blocks)
    assert table(section(report, "Holdings")).rows[0][4].text == "–"


def test_only_cash_says_so_in_sentences() -> None:
    report = client_report(only_cash())
    assert table(section(report, "Limits")).empty == "Every limit is kept."
    assert section(report, "Tax-loss candidates").blocks == (table(section(report, "Tax-loss candidates")),)
    figures = next(block for block in section(report, "The day").blocks if isinstance(block, Figures))
    assert (figures.items[2].text, figures.items[2].tone) == ("0.00%", Tone.PLAIN)  # -12.50 of 250,012.50 rounds to nothing


def test_sixty_holdings_are_all_in_the_table_and_the_largest_in_the_chart() -> None:
    part = section(client_report(sixty_holdings()), "Attribution by holding")
    assert len(table(part).rows) == 61
    chart = next(block for block in part.blocks if isinstance(block, ContributionChart))
    assert len(chart.labels) == MOST_BARS and list(chart.amounts) == sorted(chart.amounts, reverse=True)


def test_an_account_that_is_not_taxed_has_no_tax_losses() -> None:
    day = client_day()
    object.__setattr__(day.portfolio, "account", AccountKind.ROTH_IRA)
    assert "Tax-loss candidates" not in {part.title for part in client_report(day).sections}


def test_the_operations_report_names_what_was_lost_and_why() -> None:
    report = operations_report(DAY, runs(), QUALITY, REGIME)
    assert report.facts[2] == ("Mid day", "Degraded")
    lost = table(section(report, "The day"))
    assert [(row[1].text, row[2].text) for row in lost.rows] == [
        ("Failed", "the archive did not answer within 3 s"), ("Skipped", "propose_rebalancing failed"),
    ]  # fmt: skip
    figures = next(block for block in section(report, "The day").blocks if isinstance(block, Figures))
    assert [item.text for item in figures.items[:3]] == ["5", "20 of 22", "3"]
    chart = next(block for block in section(report, "Mid day").blocks if isinstance(block, TimelineChart))
    assert [span.task for span in chart.spans] == ["check_session", "propose_rebalancing"]
    assert (chart.spans[0].begin_seconds, chart.spans[0].end_seconds) == (0.04, 0.24)
    assert "37.32%" in section(report, "Volatility regime").blocks[0].text


def test_an_operations_report_of_a_day_that_hardly_began() -> None:
    report = operations_report(DAY, [], None, None)
    assert section(report, "Price quality").blocks[0].tone is Tone.ALERT


def test_the_later_phase_counts_whatever_order_records_come_in() -> None:
    early = DayRecord("t", DAY, "MARKET_OPEN", RecordKind.DRIFT, "P", {"of": "open"})
    late = DayRecord("t", DAY, "MARKET_CLOSE", RecordKind.DRIFT, "P", {"of": "close"})
    assert latest_results([late, early]) == latest_results([early, late]) == {("P", RecordKind.DRIFT): late}
