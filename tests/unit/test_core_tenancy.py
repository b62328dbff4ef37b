"""A principal is whole or it is not made."""

from typing import Any

import pytest

from daymark.core.errors import InvalidInput
from daymark.core.tenancy import Principal, Role


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"tenant": ""}, "tenant"),
        ({"role": Role.CLIENT}, "household_id"),
        ({"role": Role.CLIENT, "household_id": ""}, "household_id"),
        ({"role": "operations"}, "role"),
        ({"role": "superuser"}, "role"),
        ({"role": None}, "role"),
    ],
)
def test_an_incomplete_principal_is_refused_by_name(changes: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as refused:
        Principal(**{"user_id": "adviser.ben.northstar", "tenant": "northstar", "role": Role.ADVISER} | changes)
    assert refused.value.field == field


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CLIENT])
def test_staff_need_no_household(role: Role):
    assert Principal("someone", "northstar", role).household_id is None
