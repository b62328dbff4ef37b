"""Who holds which grants in a set of templates: roles and other identities, resources with policies of their own, and what is no policy.

Grants of an identity are one set, whichever of its policies they are written in. Whatever looks like a permission and is not known here
is kept as it is written, so that a change of it is told at least.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk.iam_diff.grants import Grant, NotUnderstood, grants_of
from cdk.iam_diff.patterns import text_of

Templates = Mapping[tuple[str, str], Mapping[str, Any]]

IDENTITIES = {"AWS::IAM::Role": "role", "AWS::IAM::User": "user", "AWS::IAM::Group": "group"}
_HELD_BY = {"Roles": "role", "Users": "user", "Groups": "group", "RoleName": "role", "UserName": "user", "GroupName": "group"}
_ATTACHED = {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"}
_CALLS = {"AWS::Lambda::Permission": "FunctionName", "AWS::Lambda::LayerVersionPermission": "LayerVersionArn"}
# Conditions that a function's permission spells as properties.
_CALL_CONDITIONS = {
    "SourceArn": ("ArnLike", "aws:SourceArn"),
    "SourceAccount": ("StringEquals", "aws:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "OrganizationId": ("StringEquals", "aws:PrincipalOrgID"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}
# These name rights and are read in full, or give none.
_HARMLESS = {"AWS::IAM::InstanceProfile", "AWS::IAM::ServiceLinkedRole"}
_LOOKS_LIKE_RIGHTS = re.compile(r"^AWS::IAM::|^AWS::SSO::|Permissions?$|Policy$|Grant$|^AWS::Lambda::Url$|PolicyAttachment$|^AWS::RAM::")
# What these call statements are rules of a firewall.
_OTHER_STATEMENTS = ("AWS::WAF", "AWS::NetworkFirewall")
_NO_RIGHTS = re.compile(r"(Scaling|Lifecycle|Cache|Request|Headers|Backup|Firewall|Alarm)Policy$")


@dataclass(slots=True)
class Holder:
    """One identity, trust, or resource with a policy.

    Attributes:
        kind: ``role``, ``trust``, or the type of the resource.
        grants: What its policies say.
        managed: Policies of somebody else's that are attached.
        boundary: Its permissions boundary, if it has one.
        unread: What could not be judged, as it is written.
    """

    kind: str
    grants: set[Grant] = field(default_factory=set)
    managed: set[str] = field(default_factory=set)
    boundary: str = ""
    unread: set[str] = field(default_factory=set)

    def read(self, document: Any) -> None:
        """Add the grants of a policy document."""
        try:
            self.grants |= grants_of(document)
        except NotUnderstood as unread:
            self.unread.add(str(unread))


def holders(templates: Templates) -> dict[str, Holder]:
    """Everything that holds rights, by region, stack and name."""
    found: dict[str, Holder] = {}
    for (region, stack), template in sorted(templates.items()):
        place = f"{region} {stack}"
        for name, resource in sorted(template.get("Resources", {}).items()):
            _Reading(found, place, name, resource["Type"]).read(resource.get("Properties", {}))
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    """One resource while it is read."""

    found: dict[str, Holder]
    place: str
    name: str
    type: str

    def _holder(self, name: str, kind: str) -> Holder:
        return self.found.setdefault(f"{self.place} {name}", Holder(kind))

    def read(self, properties: Mapping[str, Any]) -> None:
        if self.type in IDENTITIES:
            self._identity(properties, IDENTITIES[self.type])
        elif self.type in _ATTACHED:
            self._attached(properties)
        elif self.type in _CALLS:
            self._call(properties)
        elif not self.type.startswith(_OTHER_STATEMENTS):
            documents = list(_documents(properties, ()))
            for path, document in documents:
                self._holder(" ".join((self.name, *path)), self.type).read(document)
            if not documents and self._might_give_rights():
                self._holder(self.name, self.type).unread.add(json.dumps(properties, sort_keys=True))

    def _might_give_rights(self) -> bool:
        return self.type not in _HARMLESS and bool(_LOOKS_LIKE_RIGHTS.search(self.type)) and not _NO_RIGHTS.search(self.type)

    def _identity(self, properties: Mapping[str, Any], kind: str) -> None:
        holder = self._holder(_reference(self.name), kind)
        for policy in properties.get("Policies", []):
            holder.read(policy.get("PolicyDocument") if isinstance(policy, Mapping) else policy)
        holder.managed |= {text_of(each) for each in _list(properties.get("ManagedPolicyArns", []))}
        holder.boundary = text_of(properties["PermissionsBoundary"]) if "PermissionsBoundary" in properties else ""
        if "AssumeRolePolicyDocument" in properties:
            self._holder(f"{_reference(self.name)} trust", "trust").read(properties["AssumeRolePolicyDocument"])

    def _attached(self, properties: Mapping[str, Any]) -> None:
        """A policy's grants belong to each identity it is attached to; one attached to nobody is a holder of its own."""
        names = [(kind, each) for key, kind in _HELD_BY.items() for each in _list(properties.get(key, []))]
        for kind, each in names:
            self._holder(text_of(each), kind).read(properties.get("PolicyDocument"))
        if not names:
            self._holder(self.name, self.type).read(properties.get("PolicyDocument"))

    def _call(self, properties: Mapping[str, Any]) -> None:
        principal = properties.get("Principal")
        kind = "Service" if isinstance(principal, str) and principal.endswith((".amazonaws.com", ".amazonaws.com.cn")) else "AWS"
        condition: dict[str, dict[str, Any]] = {}
        for key, (operator, context) in _CALL_CONDITIONS.items():
            if key in properties:
                condition.setdefault(operator, {})[context] = properties[key]
        subject = properties.get(_CALLS[self.type])
        statement = {
            "Effect": "Allow",
            "Action": properties.get("Action"),
            "Resource": subject,
            "Principal": "*" if principal == "*" else {kind: principal},
            "Condition": condition,
        }
        self._holder(f"{text_of(subject)} calls", self.type).read({"Statement": [statement]})


def _reference(name: str) -> str:
    """How a policy of the same template names an identity."""
    return text_of({"Ref": name})


def _documents(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Policy documents anywhere in a resource's properties, also those written as text or decided only when deployed."""
    if isinstance(value, str):
        if '"Statement"' in value and value.lstrip().startswith("{"):
            yield path, value
    elif isinstance(value, Mapping):
        if "Statement" in value or (path and path[-1] in _POLICY_PROPERTIES):
            yield path, value
        else:
            for key, each in value.items():
                yield from _documents(each, (*path, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _documents(each, (*path, str(place)))


_POLICY_PROPERTIES = {"AccessPolicy", "KeyPolicy", "PolicyDocument", "RepositoryPolicyText"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
