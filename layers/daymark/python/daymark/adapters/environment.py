"""Settings of a function: read from its environment, and rendered into it by the deployment, from one model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from daymark.core.errors import InvalidInput, own_words

PREFIX = "DAYMARK_"


def variable(field: str) -> str:
    """The environment variable of a settings field.

    >>> variable("book_table")
    'DAYMARK_BOOK_TABLE'
    """
    return PREFIX + field.upper()


class Settings(BaseModel):
    """Base of every function's settings: one field, one variable, nothing unread and nothing unset.

    A field that is a mapping travels as a JSON object.

    >>> class Greeting(Settings):
    ...     name: str
    ...     times: int = 1
    >>> Greeting(name="Ada").environment()
    {'DAYMARK_NAME': 'Ada', 'DAYMARK_TIMES': '1'}
    >>> Greeting.from_environment({"DAYMARK_NAME": "Ada", "PATH": "/bin"})
    Greeting(name='Ada', times=1)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; variables of other fields are left alone.

        Raises:
            InvalidInput: a variable is missing or malformed; ``field`` names the first one and the message names all.
        """
        present = [field for field in cls.model_fields if variable(field) in environment]
        try:
            return cls.model_validate({field: cls._read(field, environment[variable(field)]) for field in present})
        except ValidationError as invalid:
            faults = [(variable(str(fault["loc"][0])), fault["type"], own_words(fault["msg"])) for fault in invalid.errors()]
            said = "; ".join(f"{name} is not set" if kind == "missing" else f"{name}: {message}" for name, kind, message in faults)
            raise InvalidInput(f"the environment of {cls.__name__} is incomplete: {said}", field=faults[0][0]) from None

    def environment(self) -> dict[str, str]:
        """The variables that :meth:`from_environment` reads back, as text."""
        plain = self.model_dump(mode="json")
        return {variable(field): json.dumps(value) if isinstance(value, dict) else str(value) for field, value in plain.items()}

    @classmethod
    def _read(cls, field: str, text: str) -> Any:
        if get_origin(cls.model_fields[field].annotation) is not Mapping:
            return text
        try:
            return json.loads(text)
        except ValueError:
            raise InvalidInput(f"{variable(field)} must be a JSON object", field=variable(field)) from None
