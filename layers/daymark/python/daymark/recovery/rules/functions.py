"""Rule: every function of the primary is in the secondary, of the same code and layers, as large, as patient, with the same environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource, listed

FUNCTION = "AWS::Lambda::Function"
# Reserved concurrency is a matter of capacity.
SETTINGS = (
    "Architectures",
    "EphemeralStorage",
    "Handler",
    "MemorySize",
    "PackageType",
    "Runtime",
    "Timeout",
    "TracingConfig",
)
Found = Iterator[Breach | Unknown]


def _pairs(deployment: Deployment) -> Iterator[tuple[Resource, Resource]]:
    for function in deployment.every(FUNCTION, region=deployment.primary):
        there = deployment.counterpart(function)
        if there:
            yield function, there


def missing_functions(deployment: Deployment, _: Situation) -> Found:
    """Functions that nobody could call in the secondary."""
    for function in deployment.every(FUNCTION, region=deployment.primary):
        if deployment.counterpart(function) is None:
            mend = "declare it in both regions, and deploy it there before it is needed"
            yield Breach(deployment.secondary, function.stack, function.name, "", "the function is missing in this region", mend)


def unequal_settings(deployment: Deployment, _: Situation) -> Found:
    """Functions that are smaller, slower or other in the secondary."""
    for function, there in _pairs(deployment):
        for name in SETTINGS:
            mine, theirs = (deployment.plain(each, each.at(name)) for each in (function, there))
            if mine != theirs:
                yield Breach.at(there, name, f"{name} is {theirs}, in {function.region} {mine}", "give it the same in both regions")


def unequal_code(deployment: Deployment, _: Situation) -> Found:
    """Functions of other code, or with other layers, in the secondary."""
    for function, there in _pairs(deployment):
        if _archive(function, "Code") != _archive(there, "Code"):
            wrong = f"runs other code than in {function.region}"
            yield Breach.at(there, "Code", wrong, "deploy both regions from the same synthesis")
        mine, theirs = (_layers(deployment, each) for each in (function, there))
        if mine != theirs:
            yield Breach.at(there, "Layers", f"has other layers than in {function.region}", "name the same layers, from the same synthesis")


def _archive(resource: Resource, name: str) -> Any:
    """What identifies an archive: its key, which carries the hash of its content. Buckets of archives are each region's own."""
    found = resource.at(name)
    return {key: value for key, value in found.items() if key != "S3Bucket"} if isinstance(found, Mapping) else found


def _layers(deployment: Deployment, function: Resource) -> list[Any]:
    """Each layer by its content, in their order; one of another stack or account by its name."""
    found = [(deployment.target(function, each), each) for each in listed(function.at("Layers"))]
    return [_archive(layer, "Content") if layer else deployment.plain(function, each) for layer, each in found]


def unequal_environments(deployment: Deployment, _: Situation) -> Found:
    """Environments that lack a variable, or mean something else, in the secondary."""
    for function, there in _pairs(deployment):
        mine, theirs = (deployment.plain(each, each.at("Environment", "Variables")) or {} for each in (function, there))
        for name in sorted({*mine, *theirs}):
            path = f"Environment.Variables.{name}"
            if name not in theirs:
                yield Breach.at(there, path, f"{name} is not set, in {function.region} it is", "set the same variables in both regions")
            elif name not in mine:
                yield Breach.at(there, path, f"{name} is set, in {function.region} it is not", "set the same variables in both regions")
            elif mine[name] != theirs[name] and not _by_design(str(mine[name]), str(theirs[name])):
                yield Breach.at(
                    there,
                    path,
                    f"{name} means something else than in {function.region}",
                    "let both regions name their own, or both the same",
                )


def _by_design(mine: str, theirs: str) -> bool:
    """Whether both speak of the directory of users: the primary's tokens have the primary's issuer in either region."""
    issuer = "issuer-cognito-idp."
    return f"{issuer}{{here}}" in mine and f"{issuer}{{there}}" in theirs


_KINDS = (FUNCTION,)
RULES = (
    Rule("function-missing", "Every function of the primary is in the secondary", Severity.BLOCKS, _KINDS, missing_functions, needed=True),
    Rule("function-settings", "Functions are the same size and patience in both regions", Severity.BLOCKS, _KINDS, unequal_settings),
    Rule("function-code", "Functions have the same code and layers in both regions", Severity.BLOCKS, _KINDS, unequal_code),
    Rule("function-environment", "Functions have the same environment in both regions", Severity.BLOCKS, _KINDS, unequal_environments),
)
