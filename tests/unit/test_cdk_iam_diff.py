# ruff: noqa: E501 - one planted change a line reads as a table
"""Every planted broadening of rights is found and named, narrowings are let pass, and the command judges as it should."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cdk.iam_diff.__main__ import main
from cdk.iam_diff.accepted import PATH, accepted, fingerprint
from cdk.iam_diff.broadening import Kind, broadenings
from cdk.iam_diff.sources import assembly, deployed
from daymark.core.errors import InvalidInput

PRICES = "arn:aws:s3:::prices"
BUS = {"Fn::GetAtt": ["Bus", "Arn"]}


def service(name: str, action: str = "sts:AssumeRole", **conditions: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": name}, "Action": action, "Condition": conditions}


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def policy(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


SECURE = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": f"{PRICES}/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
RESOURCES: dict[str, Any] = {
    "Role": resource(
        "AWS::IAM::Role",
        AssumeRolePolicyDocument=policy(
            service(
                "lambda.amazonaws.com",
                StringEquals={"aws:SourceAccount": "111122223333"},
                ArnLike={"aws:SourceArn": "arn:aws:lambda:us-east-1:111122223333:function:a"},
            ),
            {
                "Effect": "Allow",
                "Principal": {"Federated": "cognito-identity.amazonaws.com"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {"cognito-identity.amazonaws.com:aud": "pool"}},
            },
        ),
        PermissionsBoundary="arn:aws:iam::111122223333:policy/boundary",
        ManagedPolicyArns=["arn:aws:iam::aws:policy/A"],
    ),
    "Policy": resource(
        "AWS::IAM::Policy",
        Roles=[{"Ref": "Role"}],
        PolicyDocument=policy(
            allow(["s3:GetObject", "s3:Put*"], [f"{PRICES}/closes/*", f"{PRICES}/vendor/*"]),
            allow("s3:ListBucket", PRICES, Condition={"StringLike": {"s3:prefix": "closes/*"}}),
            {"Effect": "Deny", "Action": ["s3:PutObjectAcl", "s3:PutObjectRetention"], "Resource": "*"},
            allow("events:PutEvents", BUS),
        ),
    ),
    "BucketPolicy": resource(
        "AWS::S3::BucketPolicy",
        Bucket="prices",
        PolicyDocument=policy(
            SECURE,
            service("logging.s3.amazonaws.com", "s3:PutObject", StringEquals={"aws:SourceAccount": "111122223333"})
            | {"Resource": f"{PRICES}/*"},
        ),
    ),
    "Key": resource(
        "AWS::KMS::Key",
        KeyPolicy=policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}),
    ),
    "QueuePolicy": resource(
        "AWS::SQS::QueuePolicy",
        Queues=[{"Ref": "Queue"}],
        PolicyDocument=policy(
            service("events.amazonaws.com", "sqs:SendMessage", ArnEquals={"aws:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/a"})
            | {"Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}
        ),
    ),
    "TopicPolicy": resource(
        "AWS::SNS::TopicPolicy",
        Topics=[{"Ref": "Topic"}],
        PolicyDocument=policy(service("cloudwatch.amazonaws.com", "sns:Publish") | {"Resource": {"Ref": "Topic"}}),
    ),
    "BusPolicy": resource(
        "AWS::Events::EventBusPolicy", StatementId="a", Statement=service("scheduler.amazonaws.com", "events:PutEvents") | {"Resource": BUS}
    ),
    "Calls": resource(
        "AWS::Lambda::Permission",
        Action="lambda:InvokeFunction",
        FunctionName={"Ref": "F"},
        Principal="events.amazonaws.com",
        SourceArn="arn:aws:events:us-east-1:111122223333:rule/a",
    ),
    "Repository": resource("AWS::ECR::Repository", RepositoryPolicyText=policy(service("lambda.amazonaws.com", "ecr:BatchGetImage"))),
    "Firewall": resource("AWS::WAFv2::WebACL", Rules=[{"Name": "a", "Statement": {"GeoMatchStatement": {"CountryCodes": ["US"]}}}]),
}


def templates(resources: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {("us-east-1", "daymark-x"): {"Resources": resources}}


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    resources = copy.deepcopy(RESOURCES)
    change(resources)
    return resources


def statements(resources: dict[str, Any], name: str = "Policy", document: str = "PolicyDocument") -> list[Any]:
    found = resources[name]["Properties"][document]["Statement"]
    assert isinstance(found, list)
    return found


def trust(resources: dict[str, Any]) -> list[Any]:
    return statements(resources, "Role", "AssumeRolePolicyDocument")


def part(value: Any, *path: Any) -> Any:
    for each in path:
        value = value[each]
    return value


# What is planted, and which kinds have to be told.
PLANTED: dict[str, tuple[Callable[[dict[str, Any]], Any], set[Kind]]] = {
    "an action more": (lambda r: part(statements(r)[0], "Action").append("s3:DeleteObject"), {Kind.ACTION}),
    "a wider action": (lambda r: part(statements(r)[0], "Action").append("s3:Get*"), {Kind.WIDER_ACTION}),
    "every action": (lambda r: statements(r)[0].update(Action="*"), {Kind.WIDER_ACTION}),
    "a resource more": (lambda r: part(statements(r)[0], "Resource").append(f"{PRICES}/official"), {Kind.RESOURCE}),
    "a wider prefix": (lambda r: part(statements(r)[0], "Resource").append(f"{PRICES}/*"), {Kind.WIDER_RESOURCE}),
    "another bus": (lambda r: statements(r)[3].update(Resource={"Fn::GetAtt": ["OtherBus", "Arn"]}), {Kind.RESOURCE}),
    "every bus": (lambda r: statements(r)[3].update(Resource="*"), {Kind.WIDER_RESOURCE}),
    "a condition gone": (lambda r: statements(r)[1].pop("Condition"), {Kind.CONDITION}),
    "a condition's value more": (lambda r: statements(r)[1].update(Condition={"StringLike": {"s3:prefix": ["closes/*", "vendor/*"]}}), {Kind.CONDITION}),
    "a condition where the key may be missing": (lambda r: statements(r)[1].update(Condition={"StringLikeIfExists": {"s3:prefix": "closes/*"}}), {Kind.CONDITION}),
    "a denial gone": (lambda r: statements(r).pop(2), {Kind.DENIAL}),
    "a denial of less": (lambda r: statements(r)[2].update(Action="s3:PutObjectAcl"), {Kind.DENIAL}),
    "a denial under a condition": (lambda r: statements(r)[2].update(Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}}), {Kind.DENIAL}),
    "everything but an action": (lambda r: statements(r).append({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), {Kind.TURNED_AROUND}),
    "everything but a resource": (lambda r: statements(r).append({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "x"}), {Kind.TURNED_AROUND}),
    "something new on something new": (lambda r: statements(r).append(allow("kms:Decrypt", "k")), {Kind.NEW_GRANT}),
    "an inline policy": (lambda r: part(r, "Role", "Properties").update(Policies=[{"PolicyName": "x", "PolicyDocument": policy(allow("iam:PassRole", "*"))}]), {Kind.NEW_GRANT}),
    "another service trusted": (lambda r: part(trust(r)[0], "Principal").update(Service=["lambda.amazonaws.com", "ec2.amazonaws.com"]), {Kind.PRINCIPAL}),
    "everybody trusted": (lambda r: trust(r)[0].update(Principal="*"), {Kind.PRINCIPAL}),
    "everybody but one trusted": (lambda r: trust(r)[0].update(Principal={}, NotPrincipal={"AWS": "1"}), {Kind.TURNED_AROUND}),
    "any source trusted": (lambda r: part(trust(r)[0], "Condition").pop("ArnLike"), {Kind.CONDITION}),
    "any account trusted": (lambda r: part(trust(r)[0], "Condition").pop("StringEquals"), {Kind.CONDITION}),
    "any audience trusted": (lambda r: trust(r)[1].pop("Condition"), {Kind.CONDITION}),
    "the boundary gone": (lambda r: part(r, "Role", "Properties").pop("PermissionsBoundary"), {Kind.BOUNDARY}),
    "another boundary": (lambda r: part(r, "Role", "Properties").update(PermissionsBoundary="other"), {Kind.BOUNDARY}),
    "a managed policy": (lambda r: part(r, "Role", "Properties", "ManagedPolicyArns").append("arn:aws:iam::aws:policy/B"), {Kind.MANAGED}),
    "a role": (lambda r: r.update(Other=resource("AWS::IAM::Role", AssumeRolePolicyDocument=policy(service("lambda.amazonaws.com")))), {Kind.NEW_HOLDER, Kind.NEW_GRANT}),
    "the bucket without TLS": (lambda r: statements(r, "BucketPolicy").pop(0), {Kind.DENIAL}),
    "the bucket for everybody": (lambda r: statements(r, "BucketPolicy")[1].update(Principal={"AWS": "*"}), {Kind.PRINCIPAL}),
    "the key for another account": (lambda r: statements(r, "Key", "KeyPolicy")[0].update(Principal={"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::999999999999:root"]}), {Kind.PRINCIPAL}),
    "the queue for any rule": (lambda r: statements(r, "QueuePolicy")[0].pop("Condition"), {Kind.CONDITION}),
    "the queue read": (lambda r: statements(r, "QueuePolicy")[0].update(Action=["sqs:SendMessage", "sqs:ReceiveMessage"]), {Kind.ACTION}),
    "the topic for another service": (lambda r: statements(r, "TopicPolicy").append(service("events.amazonaws.com", "sns:Publish") | {"Resource": {"Ref": "Topic"}}), {Kind.PRINCIPAL}),
    "the bus for everybody": (lambda r: part(r, "BusPolicy", "Properties", "Statement").update(Principal="*"), {Kind.PRINCIPAL}),
    "the function for any rule": (lambda r: part(r, "Calls", "Properties").pop("SourceArn"), {Kind.CONDITION}),
    "the function for everybody": (lambda r: part(r, "Calls", "Properties").update(Principal="*"), {Kind.PRINCIPAL}),
    "the repository written": (lambda r: statements(r, "Repository", "RepositoryPolicyText")[0].update(Action=["ecr:BatchGetImage", "ecr:PutImage"]), {Kind.ACTION}),
    "a policy on what had none": (lambda r: r.update(Stream=resource("AWS::Kinesis::ResourcePolicy", ResourceArn="x", ResourcePolicy=policy(service("a.amazonaws.com", "kinesis:PutRecords") | {"Resource": "x"}))), {Kind.NEW_GRANT}),
    "a policy decided when it is deployed": (lambda r: part(r, "Policy", "Properties").update(PolicyDocument={"Fn::If": ["C", policy(), policy()]}), {Kind.UNREAD, Kind.DENIAL}),
    "a statement decided when it is deployed": (lambda r: statements(r).append({"Fn::If": ["C", {}, {}]}), {Kind.UNREAD, Kind.DENIAL}),
    "a kind of right that is not known": (lambda r: r.update(More=resource("AWS::IAM::UserToGroupAddition", GroupName="g", Users=["u"])), {Kind.UNREAD}),
    "an address of a function": (lambda r: r.update(Url=resource("AWS::Lambda::Url", AuthType="NONE", TargetFunctionArn={"Ref": "F"})), {Kind.UNREAD}),
}  # fmt: skip


def test_enough_is_planted() -> None:
    assert len(PLANTED) >= 20
    assert set().union(*(kinds for _, kinds in PLANTED.values())) == set(Kind)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_broadening_is_found_and_named(name: str) -> None:
    change, kinds = PLANTED[name]
    after = changed(change)

    found = broadenings(templates(RESOURCES), templates(after))
    assert {each.kind for each in found} == kinds
    assert all(each.where.startswith("us-east-1 daymark-x") and each.what for each in found)


NARROWED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an action less": lambda r: statements(r)[0].update(Action="s3:GetObject"),
    "a narrower action": lambda r: statements(r)[0].update(Action=["s3:GetObject", "s3:PutObject"]),
    "the action in other letters": lambda r: statements(r)[0].update(Action=["S3:getobject", "s3:put*"]),
    "a narrower prefix": lambda r: statements(r)[0].update(Resource=f"{PRICES}/closes/2018*"),
    "a condition more": lambda r: statements(r)[0].update(Condition={"Bool": {"aws:SecureTransport": "true"}}),
    "a denial more": lambda r: statements(r).append({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}),
    "a wider denial": lambda r: statements(r)[2].update(Action="s3:PutObject*"),
    "the role gone": lambda r: (r.pop("Role"), r.pop("Policy")),
    "the trust narrower": lambda r: trust(r).pop(1),
    "the managed policy gone": lambda r: part(r, "Role", "Properties").pop("ManagedPolicyArns"),
    "the queue policy gone": lambda r: r.pop("QueuePolicy"),
    "another rule of the firewall": lambda r: part(r, "Firewall", "Properties").update(Rules=[{"Statement": {"ManagedRuleGroupStatement": {}}}]),
    "a resource without rights": lambda r: r.update(Q=resource("AWS::SQS::Queue", QueueName="q")),
    "the same grants in a policy more": lambda r: r.update(Second=resource("AWS::IAM::ManagedPolicy", Roles=[{"Ref": "Role"}], PolicyDocument=policy(statements(r).pop(0)))),
}  # fmt: skip


@pytest.mark.parametrize("name", NARROWED)
def test_what_is_narrower_or_the_same_is_let_pass(name: str) -> None:
    assert broadenings(templates(RESOURCES), templates(changed(NARROWED[name]))) == []


def test_what_everything_but_something_held_is_known() -> None:
    before = templates(changed(lambda r: statements(r).append({"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"})))

    def kinds(statement: Any) -> set[Kind]:
        after = templates(
            changed(lambda r: statements(r).extend([{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}, statement]))
        )
        return {each.kind for each in broadenings(before, after)}

    assert kinds(allow("dynamodb:GetItem", "t")) == set()
    assert kinds(allow("iam:PassRole", "t")) == {Kind.ACTION}
    assert kinds(allow("*", "t")) == {Kind.WIDER_ACTION}
    assert kinds({"Effect": "Allow", "NotAction": ["iam:*", "sts:*", "kms:*"], "Resource": "*"}) == set()
    assert kinds({"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}) == {Kind.TURNED_AROUND}


def test_everybody_is_everybody_however_it_is_written() -> None:
    one, other = (changed(lambda r, who=who: statements(r, "BucketPolicy")[1].update(Principal=who)) for who in ("*", {"AWS": "*"}))

    assert broadenings(templates(one), templates(other)) == broadenings(templates(other), templates(one)) == []


def test_a_boundary_where_there_was_none_is_narrower() -> None:
    assert broadenings(templates(changed(PLANTED["the boundary gone"][0])), templates(RESOURCES)) == []


def test_a_region_or_a_stack_is_compared_with_itself() -> None:
    both = templates(RESOURCES) | {("us-west-2", "daymark-x"): {"Resources": RESOURCES}}

    found = broadenings(templates(RESOURCES), both)
    assert {each.where.split()[0] for each in found} == {"us-west-2"}
    assert Kind.NEW_HOLDER in {each.kind for each in found}


# ---- the command


def write(folder: Path, resources: Mapping[str, Any]) -> Path:
    """An assembly as the CDK nests it."""
    nested = folder / "assembly-us-east-1"
    nested.mkdir(parents=True)
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://111122223333/us-east-1",
        "properties": {"templateFile": "x.template.json", "stackName": "daymark-x"},
    }
    (nested / "manifest.json").write_text(json.dumps({"artifacts": {"x": stack, "tree": {"type": "cdk:tree"}}}))
    (nested / "x.template.json").write_text(json.dumps({"Resources": resources}))
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"assembly-us-east-1": {"type": "cdk:cloud-assembly"}}}))
    return folder


def test_equal_assemblies_pass_and_a_wider_one_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = write(tmp_path / "before", RESOURCES)
    after = write(tmp_path / "after", changed(PLANTED["every bus"][0]))

    assert main([str(before), "--head", str(before)]) == 0
    assert "Nobody may do more: 1 stacks before, 1 now." in capsys.readouterr().out
    assert main([str(before), "--head", str(after)]) == 1
    said = capsys.readouterr().out
    assert 'us-east-1 daymark-x <{"Ref": "Role"}>: wider resource: allow events:putevents on *' in said


def test_an_accepted_set_passes_and_one_more_does_not(tmp_path: Path) -> None:
    before = write(tmp_path / "before", RESOURCES)
    resources = changed(PLANTED["every bus"][0])
    one = write(tmp_path / "one", resources)
    two = write(tmp_path / "two", changed(lambda r: (PLANTED["every bus"][0](r), PLANTED["a role"][0](r))))
    digest = fingerprint(broadenings(assembly(before), assembly(one)))
    decided = tmp_path / "accepted.toml"
    decided.write_text(f'[[accepted]]\nfingerprint = "{digest}"\nreason = "The bus is made by another stack now."\nowner = "security"\n')

    assert main([str(before), "--head", str(one), "--accepted", str(decided)]) == 0
    assert main([str(before), "--head", str(two), "--accepted", str(decided)]) == 1


@pytest.mark.parametrize("missing", ["fingerprint", "reason", "owner"])
def test_an_acceptance_without_its_parts_is_refused(tmp_path: Path, missing: str) -> None:
    said = {"fingerprint": "0" * 64, "reason": "A reason that is long enough.", "owner": "security"}
    said.pop(missing)
    path = tmp_path / "accepted.toml"
    path.write_text("[[accepted]]\n" + "\n".join(f'{name} = "{value}"' for name, value in said.items()))

    with pytest.raises(InvalidInput):
        accepted(path)


def test_what_is_accepted_in_the_repository_is_complete() -> None:
    assert all(len(digest) == 64 for digest in accepted(PATH))


def test_a_base_that_is_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = str(write(tmp_path / "head", RESOURCES))
    (tmp_path / "empty").mkdir()

    assert main(["no-such-revision", "--head", head]) == 2
    assert "neither a folder nor a revision" in capsys.readouterr().err
    assert main([str(tmp_path / "empty"), "--head", head]) == 2
    assert main([head, "--head", str(tmp_path / "empty")]) == 2


def aws(answer: Callable[[Sequence[str]], tuple[int, str, str]]) -> Any:
    return lambda arguments: subprocess.CompletedProcess(arguments, *answer(arguments))


def test_what_is_deployed_is_asked_stack_by_stack(tmp_path: Path) -> None:
    head = write(tmp_path / "head", changed(PLANTED["a role"][0]))
    asked: list[Sequence[str]] = []

    def answer(arguments: Sequence[str]) -> tuple[int, str, str]:
        asked.append(arguments)
        return 0, json.dumps({"TemplateBody": {"Resources": RESOURCES}}), ""

    assert main(["deployed", "--head", str(head)], aws(answer)) == 1
    (arguments,) = asked
    assert list(arguments[:3]) == ["aws", "cloudformation", "get-template"]
    assert {"us-east-1", "daymark-x"} <= set(arguments)


def test_a_stack_that_is_not_deployed_has_no_rights_yet_and_a_refusal_is_none(tmp_path: Path) -> None:
    like = assembly(write(tmp_path / "head", RESOURCES))

    assert deployed(like, aws(lambda _: (254, "", "Stack with id daymark-x does not exist"))) == {}
    with pytest.raises(InvalidInput, match="AccessDenied"):
        deployed(like, aws(lambda _: (254, "", "AccessDenied: not authorized")))
