"""The book of record: portfolios, lots, cash, marks and daily profit and loss."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daymark.book.attribution import attribute
    from daymark.book.holdings import cash_balance, external_flows, positions
    from daymark.book.models import AccountKind, CashEntry, CashKind, Household, Portfolio, PortfolioMark, PortfolioRecord, Position, Target
    from daymark.book.ports import BookStore, DayRecord, DayRecords, MarkStore, RecordKind
    from daymark.book.valuation import mark

# Names are resolved on first use: a function that only reads portfolios must not load the numerics.
_HOME = {
    "attribute": "attribution",
    "cash_balance": "holdings",
    "external_flows": "holdings",
    "positions": "holdings",
    "AccountKind": "models",
    "CashEntry": "models",
    "CashKind": "models",
    "Household": "models",
    "Portfolio": "models",
    "PortfolioMark": "models",
    "PortfolioRecord": "models",
    "Position": "models",
    "Target": "models",
    "BookStore": "ports",
    "DayRecord": "ports",
    "DayRecords": "ports",
    "MarkStore": "ports",
    "RecordKind": "ports",
    "mark": "valuation",
}

__all__ = [
    "AccountKind",
    "BookStore",
    "CashEntry",
    "CashKind",
    "DayRecord",
    "DayRecords",
    "Household",
    "MarkStore",
    "Portfolio",
    "PortfolioMark",
    "PortfolioRecord",
    "Position",
    "RecordKind",
    "Target",
    "attribute",
    "cash_balance",
    "external_flows",
    "mark",
    "positions",
]


def __getattr__(name: str) -> Any:
    """The public name from its own module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
