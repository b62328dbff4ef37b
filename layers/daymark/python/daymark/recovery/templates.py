"""Two regions as their templates describe them, with references resolved, so that what a value means can be compared across regions.

A template of one region says by reference what the other says by name: the primary's functions import the ARN of a table that the
secondary's spell out. Both mean the region's replica. Values are therefore compared in a plain form: references to named tables and
buckets are their names and ARNs, any other reference is its stack and logical id, and the two regions are called ``{here}``, ``{there}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daymark.core.errors import InvalidInput

Template = Mapping[str, Any]
_GLOBAL_TABLE = "AWS::DynamoDB::GlobalTable"
_PHYSICAL = {_GLOBAL_TABLE: "TableName", "AWS::S3::Bucket": "BucketName"}
_PSEUDO = {"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
_IN_TEXT = re.compile(r"\$\{([^!}][^}]*)\}")
# A template that refers to itself in a circle is refused by CloudFormation; here it ends at this depth.
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one stack in one region."""

    region: str
    stack: str
    name: str
    kind: str
    body: Mapping[str, Any]

    def at(self, *path: str | int) -> Any:
        """What stands at a path of the properties, ``None`` where nothing does."""
        found: Any = self.body.get("Properties", {})
        for step in path:
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int) and step < len(found):
                found = found[step]
            else:
                return None
        return found

    def rows(self, *path: str) -> list[Mapping[str, Any]]:
        """The objects of a list at a path; none where there is no list."""
        return [each for each in listed(self.at(*path)) if isinstance(each, Mapping)]


class Deployment:
    """The templates of both regions.

    Args:
        templates: By region and stack.
        primary: The region that leads, and in whose templates replicated tables are declared.
        account: The account that they are for, as their ARNs spell it.
        protected: Stacks under termination protection, which no template tells; ``None`` if unknown.

    Raises:
        InvalidInput: there are not exactly two regions, or the primary is none of them.
    """

    def __init__(
        self,
        templates: Mapping[tuple[str, str], Template],
        primary: str,
        account: str = "{account}",
        protected: frozenset[tuple[str, str]] | None = None,
    ) -> None:
        regions = sorted({region for region, _ in templates})
        if len(regions) != 2:
            raise InvalidInput(
                f"a switch needs the templates of two regions, found {', '.join(regions) or 'none'}: run cdk synth for the cloud",
                field="templates",
                regions=regions,
            )
        if primary not in regions:
            raise InvalidInput(f"primary must be one of {' and '.join(regions)}, got {primary!r}", field="primary")
        self.primary = primary
        (self.secondary,) = set(regions) - {primary}
        self.account, self.protected = account, protected
        self.templates = templates
        self._resources = {
            (region, stack, name): Resource(region, stack, name, str(body.get("Type", "")), body)
            for (region, stack), template in templates.items()
            for name, body in template.get("Resources", {}).items()
        }
        self._by_kind: dict[tuple[str, str], list[Resource]] = {}
        for resource in self._resources.values():
            self._by_kind.setdefault((resource.region, resource.kind), []).append(resource)
        self._exports = {
            (region, output["Export"]["Name"]): (stack, output.get("Value"))
            for (region, stack), template in templates.items()
            for output in template.get("Outputs", {}).values()
            if isinstance(output.get("Export", {}).get("Name"), str)
        }

    @property
    def regions(self) -> tuple[str, str]:
        """The primary, then the secondary."""
        return self.primary, self.secondary

    @property
    def size(self) -> int:
        """How many resources both regions have together."""
        return len(self._resources)

    def other(self, region: str) -> str:
        """The region that takes over from this one."""
        return self.secondary if region == self.primary else self.primary

    def every(self, *kinds: str, region: str | None = None) -> Iterator[Resource]:
        """Resources of these types, of one region or of both."""
        for where in (region,) if region else self.regions:
            for kind in kinds:
                yield from self._by_kind.get((where, kind), ())

    def everything(self, region: str) -> Iterator[Resource]:
        """All resources of a region."""
        return (resource for resource in self._resources.values() if resource.region == region)

    def stacks(self, region: str) -> Iterator[str]:
        """The stacks of a region."""
        return (stack for where, stack in self.templates if where == region)

    def exported(self, region: str) -> dict[str, Any]:
        """What the region's stacks hand on, resolved, by the name under which they do."""
        return {name: self._resolved(region, stack, value, 0) for (where, name), (stack, value) in self._exports.items() if where == region}

    def counterpart(self, resource: Resource) -> Resource | None:
        """The resource of the same type, stack and logical id in the other region."""
        found = self._resources.get((self.other(resource.region), resource.stack, resource.name))
        return found if found and found.kind == resource.kind else None

    def target(self, origin: Resource, value: Any) -> Resource | None:
        """The resource that a reference (``Ref``, ``Fn::GetAtt``, ``Fn::ImportValue``) means; ``None`` for any other value."""
        return self._target(origin.region, origin.stack, value)

    def plain(self, origin: Resource, value: Any) -> Any:
        """A value with its references resolved, and the two regions called ``{here}`` and ``{there}``."""
        return _neutral(self.resolved(origin, value), {origin.region: "{here}", self.other(origin.region): "{there}"})

    def resolved(self, origin: Resource, value: Any) -> Any:
        """A value with its references resolved; regions by their names."""
        return self._resolved(origin.region, origin.stack, value, 0)

    def text(self, origin: Resource, value: Any) -> str:
        """A resolved value, if it is a text; otherwise empty."""
        found = self.resolved(origin, value)
        return found if isinstance(found, str) else ""

    def differences(self, one: Resource, two: Resource, leave_out: Sequence[str] = ()) -> list[str]:
        """Paths of properties that do not mean the same in both regions.

        Args:
            one: The resource as one region has it.
            two: The same in the other.
            leave_out: First steps of paths that may differ.
        """
        mine, theirs = (dict(leaves(self.plain(each, each.body.get("Properties", {})))) for each in (one, two))
        paths = sorted(path for path in {*mine, *theirs} if mine.get(path) != theirs.get(path))
        return [path for path in paths if path.split(".")[0] not in leave_out]

    def _target(self, region: str, stack: str, value: Any) -> Resource | None:
        if not isinstance(value, Mapping) or len(value) != 1:
            return None
        ((function, argument),) = value.items()
        if function == "Fn::ImportValue" and isinstance(argument, str):
            exporter, exported = self._exports.get((region, argument), ("", None))
            return None if isinstance(exported, Mapping) and "Fn::ImportValue" in exported else self._target(region, exporter, exported)
        if function == "Fn::GetAtt":
            argument = argument[0] if isinstance(argument, list) else str(argument).split(".")[0]
        elif function != "Ref":
            return None
        return self._resources.get((region, stack, str(argument)))

    def _resolved(self, region: str, stack: str, value: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            return "{too deep}"
        if isinstance(value, list):
            return [self._resolved(region, stack, each, depth + 1) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function in ("Ref", "Fn::GetAtt"):
                return self._reference(region, stack, function, argument)
            if function == "Fn::ImportValue":
                exporter, exported = self._exports.get((region, str(argument)), ("", None))
                return self._resolved(region, exporter, exported, depth + 1) if exporter else f"{{import {argument}}}"
            if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
                parts = [self._resolved(region, stack, each, depth + 1) for each in listed(argument[1])]
                return str(argument[0]).join(map(str, parts))
            if function == "Fn::Sub":
                text = str(argument[0] if isinstance(argument, list) else argument)
                return _IN_TEXT.sub(lambda found: str(self._reference(region, stack, "Fn::Sub", found[1])), text)
        return {name: self._resolved(region, stack, each, depth + 1) for name, each in value.items()}

    def _reference(self, region: str, stack: str, function: str, argument: Any) -> str:
        name, _, attribute = ".".join(map(str, argument)).partition(".") if isinstance(argument, list) else str(argument).partition(".")
        if name == "AWS::Region":
            return region
        if name == "AWS::AccountId":
            return self.account
        if name in _PSEUDO:
            return _PSEUDO[name]
        resource = self._resources.get((region, stack, name))
        physical = resource.at(_PHYSICAL[resource.kind]) if resource and resource.kind in _PHYSICAL else None
        if resource and isinstance(physical, str):
            if not attribute:
                return physical
            if attribute == "Arn":
                return self._arn(resource, physical)
        return f"{{{stack}/{name}{'.' if attribute else ''}{attribute}}}"

    def _arn(self, resource: Resource, physical: str) -> str:
        if resource.kind != _GLOBAL_TABLE:
            return f"arn:aws:s3:::{physical}"
        return f"arn:aws:dynamodb:{resource.region}:{self.account}:table/{physical}"


def _neutral(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, called in names.items():
            value = value.replace(name, called)
        return value
    if isinstance(value, list):
        return [_neutral(each, names) for each in value]
    if isinstance(value, dict):
        return {_neutral(name, names): _neutral(each, names) for name, each in value.items()}
    return value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested data with its path.

    >>> list(leaves({"a": [1, {"b": 2}]}))
    [('a.0', 1), ('a.1.b', 2)]
    """
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)  # type: ignore[assignment]
    else:
        yield path, value
        return
    for name, each in inner:
        yield from leaves(each, f"{path}.{name}" if path else str(name))


def listed(value: Any) -> list[Any]:
    """A list as it is, nothing as no list, anything else as a list of one: policies write one action without brackets."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
