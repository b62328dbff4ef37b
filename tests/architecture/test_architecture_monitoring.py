"""What opens, closes and names connections starts without the numerics that boards need; what speaks of boards has them."""

import pytest

from tests.architecture.source import function_modules, package_modules
from tests.architecture.test_architecture_imports import reach


@pytest.mark.parametrize(
    ("function", "numeric"),
    [
        ("api", False),
        ("open_connection", False),
        ("close_connection", False),
        ("push_progress", False),
        ("receive_message", True),
        ("push_marks", True),
    ],
)
def test_only_functions_that_read_boards_load_numerics(function: str, numeric: bool):
    reached = reach(f"monitoring.{function}", package_modules() | function_modules())
    assert "daymark.monitoring.models" in reached
    assert ("numpy" in reached) is numeric
