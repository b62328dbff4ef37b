"""A report's charts as SVG: Vega-Lite by altair, drawn by vl-convert without a browser or the network."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import vl_convert as vlc

from daymark.operations.reporting import ContributionChart, HistoryChart, TimelineChart

Chart = HistoryChart | ContributionChart | TimelineChart

WIDTH = 620
_AXIS = 54
INK, SOFT, LINE, LOSS, ACCENT, WASH = "#1d2733", "#66707c", "#d5d9de", "#8c2f2f", "#24506f", "#c9d6df"
_FONT = "Libertinus Serif, Georgia, Times New Roman, serif"
_STATUS_COLOURS = {"SUCCEEDED": ACCENT, "FAILED": LOSS, "SKIPPED": SOFT}


def chart_svg(chart: Chart) -> str:
    """The chart as one SVG text, the same for the same chart.

    Its only fonts are a generic serif family; its ids are none, so that several stand in one page.
    """
    drawing: alt.VConcatChart | alt.LayerChart
    match chart:
        case HistoryChart():
            drawing = _history(chart)
        case ContributionChart():
            drawing = _contributions(chart)
        case TimelineChart():
            drawing = _timeline(chart)
    svg: str = vlc.vegalite_to_svg(_configured(drawing).to_dict(validate=False), allowed_base_urls=[])
    return svg


def _configured(drawing: Any) -> Any:
    return (
        drawing.configure(font=_FONT, background="transparent", padding=2, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=SOFT, titleColor=SOFT, domainColor=LINE, tickColor=LINE, gridColor=LINE, gridWidth=0.5, labelFontSize=10.5,
            titleFontSize=10.5, titleFontWeight="normal", labelFontWeight="normal",
        )
        .configure_text(font=_FONT)
    )  # fmt: skip


def _data(rows: list[dict[str, Any]]) -> Any:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]  # altair leaves its signature untyped


def _history(chart: HistoryChart) -> Any:
    rows = [
        {"session": day.isoformat(), "value": value, "drawdown": drawdown}
        for day, value, drawdown in zip(chart.sessions, chart.values, chart.drawdowns, strict=True)
    ]
    years = (chart.sessions[-1] - chart.sessions[0]).days / 365.25
    # UTC, or a session would slide to the day before west of Greenwich.
    session = alt.X("utcyearmonthdate(session):T").title(None)
    dates = alt.Axis(format="%b %Y" if years > 0.4 else "%-d %b", tickCount=7, grid=False, labelFlush=True)
    base = alt.Chart(_data(rows)).properties(width=WIDTH - _AXIS - 24)
    low, high = min(chart.values), max(chart.values)
    room = (high - low) * 0.08 or max(abs(high), 1.0) * 0.02
    value = base.mark_line(color=ACCENT, strokeWidth=1.4, interpolate="linear").encode(
        x=session.axis(None),
        y=alt.Y("value:Q")
        .title("Value")
        .scale(domain=[low - room, high + room], nice=False, zero=False)
        .axis(format=_money_format(high), tickCount=5, minExtent=_AXIS, maxExtent=_AXIS),
    )
    floor = min(*chart.drawdowns, -0.001) * 1.08
    drawdown = base.mark_area(color=WASH, line={"color": LOSS, "strokeWidth": 1.0}, interpolate="linear").encode(
        x=session.axis(dates),
        y=alt.Y("drawdown:Q")
        .title("Drawdown")
        .scale(domain=[floor, 0], nice=False)
        .axis(format="~%", tickCount=4, minExtent=_AXIS, maxExtent=_AXIS),
    )
    return alt.vconcat(value.properties(height=150), drawdown.properties(height=80), spacing=10)


def _money_format(high: float) -> str:
    return ",.3~s" if high >= 10_000_000 else ",.0f"


def _contributions(chart: ContributionChart) -> Any:
    rows = [
        {"holding": label, "amount": amount, "place": place}
        for place, (label, amount) in enumerate(zip(chart.labels, chart.amounts, strict=True))
    ]
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("place:O").title(None).axis(alt.Axis(labelExpr=_labels(chart.labels), ticks=False, domain=False, labelPadding=6)),
        x=alt.X("amount:Q").title(None).axis(format=",.0f", tickCount=6),
    )
    bars = base.mark_bar(height={"band": 0.62}).encode(
        color=alt.condition(alt.datum.amount < 0, alt.value(LOSS), alt.value(ACCENT)),
    )
    rule = alt.Chart(_data([{"amount": 0}])).mark_rule(color=SOFT, strokeWidth=0.8).encode(x="amount:Q")
    return alt.layer(bars, rule).properties(width=WIDTH, height=max(15 * len(rows), 40))


def _labels(labels: tuple[str, ...]) -> str:
    """A Vega expression that turns a place into its label; text is data here, so it is quoted as JSON."""
    return f"{json.dumps(list(labels))}[datum.value]"


def _timeline(chart: TimelineChart) -> Any:
    rows = [
        {"place": place, "begin": span.begin_seconds, "end": max(span.end_seconds, span.begin_seconds), "status": span.status}
        for place, span in enumerate(chart.spans)
    ]
    last = max(span.end_seconds for span in chart.spans)
    bars = (
        alt.Chart(_data(rows))
        .mark_bar(height={"band": 0.5}, stroke=ACCENT, strokeWidth=0.8)
        .encode(
            y=alt.Y("place:O")
            .title(None)
            .axis(
                alt.Axis(
                    labelExpr=_labels(tuple(span.task for span in chart.spans)), ticks=False, domain=False, labelPadding=6, labelLimit=200
                )
            ),
            x=alt.X("begin:Q").title("seconds since the phase was opened").scale(domain=[0.0, last or 1.0], nice=True).axis(tickCount=6),
            x2="end:Q",
            color=alt.Color("status:N").legend(None).scale(domain=list(_STATUS_COLOURS), range=list(_STATUS_COLOURS.values())),
        )
    )
    return alt.layer(bars).properties(width=WIDTH, height=max(16 * len(rows), 36))
