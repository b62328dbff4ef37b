"""Reports as files: the same bytes for the same report, nothing from outside, nothing read as markup, and every number printed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from daymark.adapters.documents.charts import chart_svg
from daymark.adapters.documents.drawing import drawn
from daymark.adapters.documents.html import html_page
from daymark.adapters.documents.pdf import page_images, pdf_document
from daymark.adapters.documents.renderer import DocumentRenderer
from daymark.operations.client_report import client_report
from daymark.operations.operations_report import operations_report
from daymark.operations.reporting import Paragraph, Report, Section, Table
from tests.unit.report_samples import DAY, QUALITY, REGIME, client_day, empty_portfolio, only_cash, runs, sixty_holdings

REPORTS = {
    "client": lambda: client_report(client_day()),
    "sixty holdings": lambda: client_report(sixty_holdings()),
    "empty": lambda: client_report(empty_portfolio()),
    "only cash": lambda: client_report(only_cash()),
    "two sessions": lambda: client_report(client_day(sessions=2)),
    "operations": lambda: operations_report(DAY, runs(), QUALITY, REGIME),
}


@pytest.fixture(scope="module", params=REPORTS)
def case(request: pytest.FixtureRequest) -> tuple[Report, dict[str, Any]]:
    """A report and its drawing, made once for all tests of it."""
    report = REPORTS[request.param]()
    return report, drawn(report)


class Page(HTMLParser):
    """Text of a page, what it would load, and whether its tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "image", "iframe", "object", "embed", "use"):
            self.loads.append(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "srcset", "href", "xlink:href") or name.startswith("on")]
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title"):
            self.text.append(data)


def read(html: bytes) -> Page:
    page = Page()
    page.feed(html.decode())
    return page


@pytest.mark.parametrize("name", ["client", "operations"])
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    """Drawn twice from scratch: nothing counts up inside the renderers, and no clock is read."""
    renderer = DocumentRenderer()
    first = renderer.render(REPORTS[name]())
    assert renderer.render(REPORTS[name]()) == first


def test_the_page_prints_every_text_of_the_report_and_loads_nothing(case: tuple[Report, dict[str, Any]]) -> None:
    report, data = case
    page = read(html_page(data))
    assert page.loads == [] and page.open == []
    text = re.sub(r"\s+", " ", " ".join(page.text))
    for part in report.sections:
        assert part.title in text
        for block in part.blocks:
            if isinstance(block, Table):
                for row in (*block.rows, *((block.total,) if block.total else ())):
                    assert all(cell.text in text and cell.note in text for cell in row)
    assert report.statement in text


def test_the_pdf_is_dated_by_its_session_and_knows_no_clock(case: tuple[Report, dict[str, Any]]) -> None:
    _, data = case
    pdf = pdf_document(data)
    assert set(re.findall(rb"D:([0-9]{8,14})", pdf)) == {b"20180205000000"}
    assert set(re.findall(rb"<xmp:CreateDate>([^<]*)<", pdf)) <= {b"2018-02-05T00:00:00+00:00"}
    (pages,) = re.findall(rb"/Type/Pages/Count ([0-9]+)", pdf)
    assert len(page_images(data, ppi=10)) == int(pages) >= 2


def test_what_a_report_says_is_never_read_as_markup() -> None:
    nasty = '<script>alert(1)</script> #panic("x") *b* _i_ $x$ \\ // @ref [a] `c` {{ 7*7 }} {% x %} "'
    hostile = Report(
        nasty, nasty, nasty, DAY, ((nasty, nasty),), (Section(nasty, nasty, (Paragraph(nasty),)),), nasty
    )  # fmt: skip
    html, pdf = DocumentRenderer().render(hostile)
    assert b"<script" not in html
    assert "".join(read(html).text).count(nasty) == 9
    assert pdf.startswith(b"%PDF-")


@pytest.mark.parametrize("name", ["", "x" * 400, "𝔄𝔡𝔞 Ловелл 李 عائلة", "Line\nbreak\ttab", "\u0000\u0007"])
def test_odd_names_do_not_stop_a_report(name: str) -> None:
    html, pdf = DocumentRenderer().render(
        client_report(client_day((), cash="5.00", with_records=False, sessions=0, name=name, household=name))
    )
    assert len(html) > 1000 and pdf.startswith(b"%PDF-")


def test_charts_carry_no_ids_that_could_meet_in_one_page() -> None:
    chart_kinds = [block for part in client_report(client_day()).sections for block in part.blocks if hasattr(block, "alternative")]
    svgs = [chart_svg(chart).encode() for chart in chart_kinds]
    assert len(svgs) == 2
    assert all(b' id="' not in svg for svg in svgs)
