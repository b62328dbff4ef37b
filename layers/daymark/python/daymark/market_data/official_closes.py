"""The official closes of a session as a document, and back: what is published is what books are marked with, digit for digit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from daymark.core.errors import InvalidInput
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice


def official_document(session_date: date, closes: Iterable[ClosingPrice]) -> dict[str, Any]:
    """A session's closes as plain JSON data, sorted by instrument, each with its own date and label."""
    return {
        "session_date": session_date.isoformat(),
        "closes": [
            {"instrument_id": close.instrument_id, "price": str(close.price), "as_of": close.as_of.isoformat(), "label": close.label.value}
            for close in sorted(closes, key=lambda close: close.instrument_id)
        ],
    }


def closes_of(document: Mapping[str, Any], session_date: date) -> dict[str, ClosingPrice]:
    """The closes that :func:`official_document` wrote, by instrument id.

    Raises:
        InvalidInput: the document is of another session or not in this form.
    """
    try:
        if document["session_date"] != session_date.isoformat():
            raise InvalidInput(f"official closes of {document['session_date']} stand under {session_date}", field="session_date")
        return {
            row["instrument_id"]: ClosingPrice(
                row["instrument_id"], Decimal(row["price"]), date.fromisoformat(row["as_of"]), PriceLabel(row["label"])
            )
            for row in document["closes"]
        }
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise InvalidInput(f"official closes of {session_date} cannot be read: {error}", field="official_closes") from None
