"""Reading a backup's JSON: a field that is missing, unknown or out of its rule is refused by its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from daymark.core.errors import DaymarkError, InvalidInput
from daymark.core.money import decimal_of

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


def decimal_text(value: Decimal) -> str:
    """One text for one number: plain notation, no trailing zeros, no minus before zero.

    >>> decimal_text(Decimal("1.50")), decimal_text(Decimal("1E+3")), decimal_text(Decimal("-0.00"))
    ('1.5', '1000', '0')
    """
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def refuse_repeats(path: str, ids: Iterable[str]) -> None:
    """Refuse an id that occurs twice; the field is the second one's path."""
    seen: set[str] = set()
    for place, one in enumerate(ids):
        if one in seen:
            raise InvalidInput(f"{one} occurs twice in {path}", field=f"{path}[{place}]")
        seen.add(one)


class Fields:
    """The fields of one JSON object, taken one by one; what is left at the end is unknown."""

    def __init__(self, document: Any, path: str) -> None:
        if not isinstance(document, Mapping):
            raise InvalidInput(f"{path or 'document'} must be an object", field=path or "document")
        self._left = dict(document)
        self._path = path

    def path(self, name: str) -> str:
        """Path of one of the fields."""
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str) -> Any:
        """A field as it is; every other way to take one refuses it when it is missing."""
        if name not in self._left:
            raise InvalidInput(f"{self.path(name)} is missing", field=self.path(name))
        return self._left.pop(name)

    def end(self) -> None:
        """Refuse what was not taken."""
        for name in sorted(self._left):
            raise InvalidInput(f"{self.path(name)} is not known to this version", field=self.path(name))

    def text(self, name: str) -> str:
        """A text."""
        value = self.take(name)
        if not isinstance(value, str):
            raise InvalidInput(f"{self.path(name)} must be a text", field=self.path(name))
        return value

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self.take(name)
        if type(value) is not int:
            raise InvalidInput(f"{self.path(name)} must be a whole number", field=self.path(name))
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object of any fields."""
        value = self.take(name)
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{self.path(name)} must be an object", field=self.path(name))
        return value

    def has_value(self, name: str) -> bool:
        """Whether the field is there and not null; a missing one is refused when it is taken."""
        return self._left.get(name) is not None

    def day(self, name: str) -> date:
        """An ISO date."""
        text = self.text(name)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise InvalidInput(f"{self.path(name)} must be an ISO date, got {text!r}", field=self.path(name)) from None

    def decimal(self, name: str) -> Decimal:
        """A decimal, written as text."""
        return decimal_of(self.text(name), self.path(name))

    def one_of(self, name: str, kinds: type[_E]) -> _E:
        """One of a fixed set of texts."""
        text = self.text(name)
        try:
            return kinds(text)
        except ValueError:
            raise InvalidInput(f"{self.path(name)} must be one of {', '.join(kinds)}, got {text!r}", field=self.path(name)) from None

    def rows(self, name: str, read: Callable[[Fields], _T]) -> list[_T]:
        """A list of objects."""
        value = self.take(name)
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InvalidInput(f"{self.path(name)} must be a list", field=self.path(name))
        return [Fields(item, f"{self.path(name)}[{place}]").read(read) for place, item in enumerate(value)]

    def object(self, name: str, read: Callable[[Fields], _T]) -> _T:
        """An object."""
        return Fields(self.take(name), self.path(name)).read(read)

    def read(self, read: Callable[[Fields], _T]) -> _T:
        """Build one thing of this object; a rule its type holds is reported under this object's path."""
        try:
            thing = read(self)
        except DaymarkError as error:
            if error.field is not None and error.field.startswith(self._path):
                raise
            raise InvalidInput(f"{self._path}: {error.message}", field=self.path(error.field or "")) from None
        self.end()
        return thing
