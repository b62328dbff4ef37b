"""A report as plain data for templates: blocks tagged by kind, charts drawn once for every format."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from daymark.adapters.documents.charts import chart_svg
from daymark.operations.reporting import (
    Block,
    ContributionChart,
    Figures,
    HistoryChart,
    Paragraph,
    Report,
    Table,
    TimelineChart,
    long_date,
)


def drawn(report: Report) -> dict[str, Any]:
    """The report with its charts as SVG; only JSON values."""
    return {
        "kind": report.kind,
        "title": report.title,
        "subtitle": report.subtitle,
        "date": long_date(report.session_date),
        "iso_date": report.session_date.isoformat(),
        "facts": [list(fact) for fact in report.facts],
        "statement": report.statement,
        "sections": [
            {"title": section.title, "lead": section.lead, "blocks": [_block(block) for block in section.blocks]}
            for section in report.sections
        ],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Figures():
            return {"kind": "figures", **asdict(block)}
        case Table():
            return {"kind": "table", **asdict(block)}
        case Paragraph():
            return {"kind": "paragraph", **asdict(block)}
        case HistoryChart() | ContributionChart() | TimelineChart():
            return {"kind": "chart", "svg": chart_svg(block), "alternative": block.alternative}
