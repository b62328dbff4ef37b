"""The configuration reference says what the code reads, all of it and nothing else."""

import re
from pathlib import Path

from tests.infra.conftest import PROJECT

# Variables of functions are written by the deployment and described from their models.
READERS = ("layers/daymark/python/daymark/local", "layers/daymark/python/daymark/cli", "cdk", "benchmarks", "tests", "Makefile")
READ = re.compile(r"""(?:environ(?:ment)?|settings|env)(?:\.get\(|\[)["']((?:DAYMARK|CDK)_[A-Z_]+)["']""")
NAMED = re.compile(r"""^[A-Z_]+ = "(DAYMARK_[A-Z_]+)"$""", re.MULTILINE)


def sources() -> list[Path]:
    return [
        path for each in READERS for path in ([PROJECT / each] if (PROJECT / each).is_file() else sorted((PROJECT / each).rglob("*.py")))
    ]


def test_the_reference_is_current():
    from cdk.configuration import PATH, reference  # noqa: PLC0415 - importing it starts Node, which must be known by then

    assert PATH.read_text() == reference(), "run: make configuration"


def test_every_variable_that_is_read_here_is_in_the_reference():
    from cdk.configuration import COMMANDS  # noqa: PLC0415

    found = set()
    for path in sources():
        text = path.read_text()
        found |= set(READ.findall(text)) | set(NAMED.findall(text))
    assert found - {"CDK_DEFAULT_REGION"} == set(COMMANDS)


def test_every_variable_of_make_is_in_the_reference():
    from cdk.configuration import MAKE  # noqa: PLC0415

    used = set(re.findall(r"\$\(([A-Z_]+)\)|\$\((?:if|filter [^,]*),? ?\$\(([A-Z_]+)\)", (PROJECT / "Makefile").read_text()))
    own = set(re.findall(r"^([A-Z_]+) [:?]?=", (PROJECT / "Makefile").read_text(), re.MULTILINE)) - {"PYTHON"}
    names = {name for pair in used for name in pair if name}
    assert names - own - {"MAKEFILE_LIST", "CURDIR"} == set(MAKE)


def test_what_a_class_says_of_its_members_is_found():
    from cdk.configuration import described  # noqa: PLC0415

    class Base:
        """Of something.

        Attributes:
            size: How large,
                in ``metres``.
        """

    class Heir(Base):
        """More.

        Attributes:
            colour: Which.

        Raises:
            Nothing: at all.
        """

    assert described(Heir) == {"size": "How large, in `metres`.", "colour": "Which."}
