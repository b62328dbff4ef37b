"""A fence names scope, region and epoch."""

from typing import Any

import pytest

from daymark.core.errors import InvalidInput
from daymark.core.fence import Fence


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"scope": ""}, "scope"), ({"region": ""}, "region"), ({"epoch": 0}, "epoch"), ({"epoch": -1}, "epoch")],
)
def test_an_incomplete_fence_is_refused_by_name(changes: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as refused:
        Fence(**{"scope": "2018-02-05/MARKET_CLOSE", "region": "us-east-1", "epoch": 1} | changes)
    assert refused.value.field == field


def test_fences_of_equal_content_are_equal():
    assert Fence("s", "us-east-1", 1) == Fence("s", "us-east-1", 1) != Fence("s", "us-east-1", 2)
