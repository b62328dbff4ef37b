"""A report as a tagged PDF, set by typst with its own fonts; the same report gives the same bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Literal

import typst


def pdf_document(report: dict[str, Any]) -> bytes:
    """The PDF of a report from :func:`daymark.adapters.documents.drawing.drawn`; dated by its session, never by a clock."""
    made: bytes = _compiled(report, "pdf", timestamp=datetime.fromisoformat(report["iso_date"]).replace(tzinfo=UTC))
    return made


def page_images(report: dict[str, Any], ppi: float = 110.0) -> list[bytes]:
    """The PDF's pages as PNG images, to look at."""
    made = _compiled(report, "png", ppi=ppi)
    return made if isinstance(made, list) else [made]


def _compiled(report: dict[str, Any], form: Literal["pdf", "png"], **options: Any) -> Any:
    """Compile the template; what a report says enters as data and is never read as markup."""
    source = files("daymark.adapters.documents").joinpath("templates", "report.typ").read_bytes()
    compiler = typst.Compiler(ignore_system_fonts=True)
    return compiler.compile(input=source, format=form, sys_inputs={"report": json.dumps(report, ensure_ascii=False)}, **options)
