"""The report renderer: one drawing of the charts, two formats."""

from __future__ import annotations

from daymark.adapters.documents.drawing import drawn
from daymark.adapters.documents.html import html_page
from daymark.adapters.documents.pdf import pdf_document
from daymark.operations.reporting import Report


class DocumentRenderer:
    """Implements ``ReportRenderer`` with Jinja, Vega-Lite and typst."""

    def render(self, report: Report) -> tuple[bytes, bytes]:
        """The report as an HTML page and as a PDF; the same report gives the same bytes."""
        data = drawn(report)
        return html_page(data), pdf_document(data)
