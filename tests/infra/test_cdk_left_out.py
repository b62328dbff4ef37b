"""The deployed layer has what functions need of the package, and nothing that is for one machine or for callers."""

from cdk.constructs.layers import LEFT_OUT
from tests.infra.conftest import PROJECT

PACKAGE = PROJECT / "layers" / "daymark" / "python" / "daymark"
FOR_CALLERS = {"local", "cli", "client"}


def test_the_layer_leaves_out_what_no_function_needs(cloud):
    staged = [folder / "python" / "daymark" for folder in cloud.folder.rglob("asset.*") if (folder / "python" / "daymark").is_dir()]

    assert staged
    for package in staged:
        parts = {path.name for path in package.iterdir()}
        assert {"core", "contracts", "http", "adapters", "operations"} <= parts
        assert not parts & FOR_CALLERS


def test_what_is_left_out_exists():
    """A folder that was renamed would be deployed again."""
    named = {entry.removeprefix("/python/daymark/") for entry in LEFT_OUT if entry.startswith("/")}
    assert named == FOR_CALLERS
    assert all((PACKAGE / name).is_dir() for name in named)
