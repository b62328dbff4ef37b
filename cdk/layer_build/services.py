"""The AWS services that the functions call, read from their code: what their boto3 clients are made of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from daymark.core.errors import InvalidInput

# botocore itself calls sts to exchange a role's token.
BY_BOTOCORE = frozenset({"sts"})


def services_called(folders: Iterable[Path]) -> frozenset[str]:
    """Services of the clients that modules under ``folders`` make, and what botocore calls by itself.

    A module's private function may pass its first parameter on to ``boto3.client``; then its own calls in the module count.

    Raises:
        InvalidInput: a client's service cannot be read from the code, so that its description could be left out unseen.
    """
    found = set(BY_BOTOCORE)
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"), str(path))
        if any(isinstance(node, ast.Import) and any(name.name == "boto3" for name in node.names) for node in ast.walk(module)):
            found |= _services(module, path)
        elif any(isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "boto3" for node in ast.walk(module)):
            raise InvalidInput(f"{path.name} imports from boto3: import boto3 as a whole, so that its clients are seen", field="boto3")
    return frozenset(found)


def _services(module: ast.Module, path: Path) -> set[str]:
    found, makers = set(), set()
    for function, call in _calls(module):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("client", "resource"):
            service = _first(call)
            if isinstance(service, ast.Name) and function and function.name.startswith("_") and service.id == function.args.args[0].arg:
                makers.add(function.name)
            else:
                found.add(_literal(service, call, path))
    for _, call in _calls(module):
        if isinstance(call.func, ast.Name) and call.func.id in makers:
            found.add(_literal(_first(call), call, path))
    return found


def _calls(module: ast.Module) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
    """Each call with the function of the module's top level that it stands in."""
    for statement in module.body:
        function = statement if isinstance(statement, ast.FunctionDef) else None
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                yield function, node


def _first(call: ast.Call) -> ast.expr | None:
    named = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "service_name")]
    return named[0] if named else None


def _literal(service: ast.expr | None, call: ast.Call, path: Path) -> str:
    if isinstance(service, ast.Constant) and isinstance(service.value, str):
        return service.value
    raise InvalidInput(f"{path.name}:{call.lineno} makes a client of a service that cannot be read from the code", field="service_name")
