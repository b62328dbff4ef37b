"""How amounts appear in answers: money and quantities as decimal text, so that no reader's float can change a cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema

from daymark.core.money import SHARE, to_cents


def _money_text(amount: Decimal) -> str:
    return format(to_cents(amount), "f")


def _quantity_text(quantity: Decimal) -> str:
    return format(quantity.quantize(SHARE), "f")


def _price_text(price: Decimal) -> str:
    return format(price, "f")


Amount = Annotated[
    Decimal,
    PlainSerializer(_money_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "decimal", "description": "Money to the cent.", "examples": ["1234.56"]}),
]
# The same where a record keeps it as text already.
AmountText = Annotated[
    str,
    WithJsonSchema({"type": "string", "format": "decimal", "description": "Money to the cent.", "examples": ["1234.56"]}),
]
Units = Annotated[
    Decimal,
    PlainSerializer(_quantity_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "decimal", "description": "Units to four decimals.", "examples": ["12.0000"]}),
]
Price = Annotated[
    Decimal,
    PlainSerializer(_price_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "decimal", "description": "Price of one unit.", "examples": ["171.510"]}),
]
