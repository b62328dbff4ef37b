"""Assumptions by name: each a number with its basis, so that a line of the report can say what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from cdk.cost import dated_file
from daymark.core.errors import InvalidInput

WORKLOAD = Path(__file__).with_name("workload.yaml")


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Values and bases by name, as stated on one day."""

    stated: date
    values: Mapping[str, Decimal]
    bases: Mapping[str, str]

    @classmethod
    def load(cls, path: Path = WORKLOAD) -> Assumptions:
        """The packaged assumptions, or others.

        Raises:
            InvalidInput: a value is no text of a number from zero, or has no basis; it is named.
        """
        document = dated_file.read(path)
        entries = document["assumptions"]
        values: dict[str, Decimal] = {}
        for name, entry in entries.items():
            value = dated_file.number(entry.get("value"))
            if value is None or value < 0 or not entry.get("basis"):
                raise InvalidInput(f"{name} must have a value from zero as text, and a basis", field=name)
            values[name] = value
        return cls(document["stated"], values, {name: entry["basis"] for name, entry in entries.items()})

    def __getitem__(self, name: str) -> Decimal:
        """A value by its name."""
        return self.values[name]

    @property
    def session_seconds(self) -> Decimal:
        """Seconds of sessions in a month.

        >>> Assumptions.load().session_seconds  # 21 x 6.5 x 3600
        Decimal('491400.0')
        """
        return self["sessions_a_month"] * self["session_hours"] * 3600
