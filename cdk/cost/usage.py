"""What a rule says of a resource: how much of which price a month takes, and on what assumption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cdk.cost.deployment import Resource
from cdk.cost.load import Load


@dataclass(frozen=True, slots=True)
class Usage:
    """One line's quantity.

    Attributes:
        driver: What is counted.
        price: The name of its price.
        quantity: In a month, in the price's unit.
        assumption: What the quantity rests on.
    """

    driver: str
    price: str
    quantity: Decimal
    assumption: str


Rule = Callable[[Resource, Load], Sequence[Usage]]
