"""Settings survive the way into an environment and back; what is missing or malformed is named."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daymark.adapters.environment import Settings
from daymark.core.errors import InvalidInput


class Sample(Settings):
    """One field of each kind in use."""

    table: str
    tries: int
    machines: Mapping[str, str]


TEXT = st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text)


@given(table=TEXT, tries=st.integers(0, 10**6), machines=st.dictionaries(TEXT, TEXT, max_size=4))
def test_what_is_rendered_is_read_back(table, tries, machines):
    settings = Sample(table=table, tries=tries, machines=machines)
    variables = settings.environment()

    assert set(variables) == {"DAYMARK_TABLE", "DAYMARK_TRIES", "DAYMARK_MACHINES"}
    assert all(isinstance(value, str) for value in variables.values())
    assert Sample.from_environment({**variables, "PATH": "/bin", "DAYMARK_OTHER": "ignored"}) == settings


@pytest.mark.parametrize(
    ("changes", "named", "said"),
    [
        ({"DAYMARK_TABLE": None}, "DAYMARK_TABLE", "DAYMARK_TABLE is not set"),
        ({"DAYMARK_TABLE": ""}, "DAYMARK_TABLE", "at least 1 character"),
        ({"DAYMARK_TRIES": "many"}, "DAYMARK_TRIES", "valid integer"),
        ({"DAYMARK_MACHINES": "{"}, "DAYMARK_MACHINES", "must be a JSON object"),
        ({"DAYMARK_MACHINES": "[1]"}, "DAYMARK_MACHINES", "valid dictionary"),
    ],
)
def test_a_missing_or_malformed_variable_is_named(changes, named, said):
    variables = Sample(table="book", tries=3, machines={"a": "b"}).environment() | changes
    with pytest.raises(InvalidInput) as refused:
        Sample.from_environment({name: value for name, value in variables.items() if value is not None})

    assert refused.value.field == named
    assert said in refused.value.message


def test_all_faults_are_told_at_once():
    with pytest.raises(InvalidInput, match=r"DAYMARK_TABLE is not set; DAYMARK_TRIES is not set"):
        Sample.from_environment({"DAYMARK_MACHINES": "{}"})
