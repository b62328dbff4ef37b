"""The price list: every price has a unit, a source and a day, and says whether somebody has read it anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from cdk.cost import dated_file
from daymark.core.errors import InvalidInput

PRICES = Path(__file__).with_name("prices.yaml")
REGIONS = ("us-east-1", "us-west-2")


class Evidence(StrEnum):
    """Who says so: AWS on a page of its own, somebody else who published it, or nobody that was found."""

    AWS = "aws"
    THIRD_PARTY = "third_party"
    RECALLED = "recalled"


MARKS: Mapping[Evidence, str] = {Evidence.AWS: "", Evidence.THIRD_PARTY: "†", Evidence.RECALLED: "*"}


@dataclass(frozen=True, slots=True)
class Price:
    """One price in US dollars.

    Attributes:
        value: For one ``unit``.
        source: Where it was read, or where it ought to be read.
    """

    name: str
    value: Decimal
    unit: str
    evidence: Evidence
    source: str

    @property
    def mark(self) -> str:
        """What the report prints beside it."""
        return MARKS[self.evidence]


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices by name, as they were read on one day; good for ``REGIONS``."""

    read: date
    prices: Mapping[str, Price]

    @classmethod
    def load(cls, path: Path = PRICES) -> PriceList:
        """The packaged list, or another.

        Raises:
            InvalidInput: a price is not above zero, is no text of a number, or lacks its unit, source or evidence; it is named.
        """
        document = dated_file.read(path)
        return cls(document["read"], {name: _price(name, entry) for name, entry in document["prices"].items()})

    def price(self, name: str, region: str) -> Price:
        """A price.

        Raises:
            InvalidInput: there is none of that name, or the list is not of that region.
        """
        if region not in REGIONS:
            raise InvalidInput(f"the price list is of {' and '.join(REGIONS)}, not {region}", field="region")
        if name not in self.prices:
            raise InvalidInput(f"no price {name}", field="price")
        return self.prices[name]


def _price(name: str, entry: Mapping[str, Any]) -> Price:
    value = dated_file.number(entry.get("value"))
    if value is None or value <= 0:
        raise InvalidInput(f"{name} must have a value above zero as text, got {entry.get('value')!r}", field=name)
    if not (entry.get("unit") and entry.get("source") and entry.get("evidence") in set(Evidence)):
        raise InvalidInput(f"{name} must have a unit, a source and one of {', '.join(Evidence)} as evidence", field=name)
    return Price(name, value, entry["unit"], Evidence(entry["evidence"]), entry["source"])
