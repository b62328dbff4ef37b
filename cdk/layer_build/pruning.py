"""What of a wheel stays out of a layer: nothing that a function imports, and nothing that its licences ask to keep."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Paths that stay out. ``pattern`` is a regular expression, searched in a path with ``/`` between its parts."""

    pattern: str
    reason: str


RULES = (
    Rule(r"(^|/)(tests|__pycache__)/", "nothing imports tests; bytecode is another interpreter's"),
    Rule(r"\.(pyi|pyx|pxd|pxi|tpl|[ch]|hpp|a|f|f90|in|build)$|(^|/)py\.typed$", "for type checkers and compilers"),
    Rule(r"^[^/]+\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|top_level\.txt|zip-safe)$", "lists what pruning takes away"),
    Rule(r"^boto3/examples/|^boto(3|core)/data/.*/examples-1\.json$", "prose"),
    Rule(r"^zstandard/_cffi\.[^/]*so$", "the second of two back ends: needs cffi, and the first is always there"),
    Rule(r"^aws_lambda_powertools/event_handler/openapi/swagger_ui/.*\.(js|css)$", "a page of a router that no function uses"),
    Rule(r"^jsonschema/benchmarks/", "measurements"),
    Rule(r"^statsmodels/datasets/.*\.(csv|dat|txt|json)$|^arch/data/.*\.gz$", "sample data"),
)
# Each service's description is a folder; what lies beside the folders serves all of them.
DESCRIPTION = re.compile(r"^boto(?:3|core)/data/([^/]+)/")


class Pruning:
    """The rules, and the AWS services whose descriptions stay."""

    def __init__(self, services: Iterable[str], rules: tuple[Rule, ...] = RULES) -> None:
        self.services = frozenset(services)
        self._rules = [re.compile(rule.pattern) for rule in rules]

    def keeps(self, path: str) -> bool:
        """Whether a file of a wheel belongs into the layer.

        >>> pruning = Pruning({"dynamodb"})
        >>> pruning.keeps("numpy/testing/__init__.py"), pruning.keeps("numpy/ma/tests/test_core.py")
        (True, False)
        >>> pruning.keeps("botocore/data/dynamodb/2012-08-10/service-2.json.gz"), pruning.keeps("botocore/data/ec2/x.json.gz")
        (True, False)
        """
        described = DESCRIPTION.match(path)
        if described and described.group(1) not in self.services:
            return False
        return not any(rule.search(path) for rule in self._rules)
