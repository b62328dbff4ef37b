"""Tests that share something costly run on one worker: an installation, an embedded cloud, the templates; all others file by file."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# What starts an embedded cloud stays together, so that there are two of them at most: this one, and the installation's of "local".
_SHARED = {
    "contracts": "embedded cloud",
    "handlers": "embedded cloud",
    "workflows": "embedded cloud",
    "infra": "templates",
    "local": "local",
}


class Companions(LoadScopeScheduling):
    """Hands tests to workers group by group; the largest groups first."""

    def _split_scope(self, nodeid: str) -> str:
        """The group of a test."""
        return group(nodeid)


def group(node_id: str) -> str:
    """The group of a test: its file, unless its folder shares something.

    >>> group("tests/unit/test_core_lots.py::test_a[1]")
    'tests/unit/test_core_lots.py'
    >>> group("tests/infra/test_cdk_data.py::test_a") == group("tests/infra/test_cdk_rules.py::test_b")
    True
    """
    file = node_id.split("::", maxsplit=1)[0]
    folders = file.split("/")
    return _SHARED.get(folders[1], file) if folders[0] == "tests" else file
