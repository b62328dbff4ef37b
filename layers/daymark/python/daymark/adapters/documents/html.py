"""A report as one HTML file that needs nothing else: charts inside, styles inside, no script, no other host."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup


def html_page(report: dict[str, Any]) -> bytes:
    """The page of a report from :func:`daymark.adapters.documents.drawing.drawn`.

    Every text is escaped; only the charts, which are ours, go in as they are.
    """
    source = files("daymark.adapters.documents").joinpath("templates", "report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        loader=DictLoader({"report": source}), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["drawing"] = _drawing
    return environment.get_template("report").render(report=report).encode("utf-8")


def _drawing(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - drawn by us; text inside was escaped by the renderer
