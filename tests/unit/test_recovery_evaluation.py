"""Reading an assembly, comparing what values mean, facts, verdicts, and the command's answers."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daymark.cli.main import app
from daymark.core.errors import InvalidInput, NotFound
from daymark.recovery.assembly import read_assembly
from daymark.recovery.evaluation import RULES, evaluate, judged
from daymark.recovery.facts import parse_facts, read_facts
from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown, Verdict
from daymark.recovery.templates import Deployment, Resource, leaves
from tests.plan_world import ACCOUNT, DOMAIN, EAST, PROTECTED, TODAY, WEST, Planted, good

NAME = "lambda_concurrent_executions"


def deployment(east: dict[str, Any], west: dict[str, Any], **outputs: Any) -> Deployment:
    templates = {(EAST, "One"): {"Resources": east, "Outputs": outputs}, (WEST, "One"): {"Resources": west}}
    return Deployment(templates, EAST, ACCOUNT)


def resource(plan: Deployment, name: str, region: str = EAST) -> Resource:
    return next(each for each in plan.everything(region) if each.name == name)


def written(folder: Path, templates: dict, environment: str = "aws://{account}/{region}") -> Path:
    """The folder that cdk synth would write for these templates: a stage of each region."""
    root: dict[str, Any] = {}
    for region in {region for region, _ in templates}:
        stage = folder / f"assembly-{region}"
        stage.mkdir(parents=True)
        root[stage.name] = {"type": "cdk:cloud-assembly", "properties": {"directoryName": stage.name}}
        artifacts: dict[str, Any] = {f"{stage.name}.assets": {"type": "cdk:asset-manifest", "properties": {}}}
        for (where, stack), template in templates.items():
            if where == region:
                (stage / f"{stack}.template.json").write_text(json.dumps(template))
                artifacts[f"{region}{stack}"] = {
                    "type": "aws:cloudformation:stack",
                    "environment": environment.format(account=ACCOUNT, region=region),
                    "properties": {"templateFile": f"{stack}.template.json", "terminationProtection": (region, stack) in PROTECTED},
                    "displayName": f"{region}/{stack} (book-{stack.lower()})",
                }
        (stage / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    (folder / "manifest.json").write_text(json.dumps({"artifacts": root}))
    return folder


def facts_file(folder: Path, last: str = "2027-06-01") -> Path:
    regions = (EAST, WEST)
    path = folder / "facts.json"
    path.write_text(
        json.dumps({"certificates": {each: {DOMAIN: last} for each in regions}, "quotas": {each: {NAME: 1000} for each in regions}})
    )
    return path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["plan", "evaluate", *arguments])


def test_an_assembly_is_read_with_its_stages(tmp_path: Path) -> None:
    plan = read_assembly(written(tmp_path, good()))
    assert (plan.primary, plan.secondary, plan.account) == (EAST, WEST, ACCOUNT)
    assert plan.protected == PROTECTED
    assert set(plan.stacks(WEST)) == {"Data", "Work", "Entry", "Backups"}
    assert plan.size == sum(len(template["Resources"]) for template in good().values())


def test_which_region_leads_is_told_by_its_tables_or_said(tmp_path: Path) -> None:
    templates = good()
    for name in ("Book", "Fence"):
        del templates[EAST, "Data"]["Resources"][name]
    folder = written(tmp_path, templates)
    with pytest.raises(InvalidInput, match="neither region") as refused:
        read_assembly(folder)
    assert refused.value.field == "primary"
    assert read_assembly(folder, WEST).primary == WEST
    with pytest.raises(InvalidInput, match="eu-west-1"):
        read_assembly(folder, "eu-west-1")


def test_what_is_no_assembly_of_two_regions_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="run cdk synth"):
        read_assembly(tmp_path / "nowhere")
    one = {place: template for place, template in good().items() if place[0] == EAST}
    with pytest.raises(InvalidInput, match="two regions, found us-east-1"):
        read_assembly(written(tmp_path / "one", one))
    with pytest.raises(InvalidInput, match="no region in particular"):
        read_assembly(written(tmp_path / "any", good(), "aws://unknown-account/unknown-region"))
    broken = written(tmp_path / "broken", good())
    (broken / f"assembly-{EAST}" / "Work.template.json").write_text("{")
    with pytest.raises(InvalidInput, match="no JSON"):
        read_assembly(broken)
    (broken / f"assembly-{EAST}" / "Work.template.json").unlink()
    with pytest.raises(NotFound, match="missing from the assembly"):
        read_assembly(broken)


def test_a_value_means_the_same_by_reference_and_by_name() -> None:
    table = {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {"TableName": "book"}}
    arn = f"arn:aws:dynamodb:{EAST}:{ACCOUNT}:table/book"
    says = {
        "by_arn": {"Fn::GetAtt": ["Table", "Arn"]},
        "by_dotted": {"Fn::GetAtt": "Table.Arn"},
        "by_import": {"Fn::ImportValue": "table"},
        "by_join": {"Fn::Join": [":", ["arn:aws:dynamodb", {"Ref": "AWS::Region"}, {"Ref": "AWS::AccountId"}, "table/book"]]},
        "by_sub": {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Table}"},
    }
    export = {"Value": says["by_arn"], "Export": {"Name": "table"}}
    plan = deployment({"Table": table, "User": {"Type": "X", "Properties": says}}, {}, Table=export)
    user = resource(plan, "User")
    assert {plan.text(user, value) for value in says.values()} == {arn}
    assert plan.plain(user, says["by_sub"]) == arn.replace(EAST, "{here}")
    assert plan.target(user, says["by_import"]) == plan.target(user, says["by_arn"]) == resource(plan, "Table")
    assert plan.target(user, "Table") is None and plan.target(user, {"Fn::ImportValue": "other"}) is None
    assert plan.text(user, {"Fn::ImportValue": "other"}) == "{import other}"
    assert plan.text(user, {"Ref": "Gone"}) == "{One/Gone}"


def test_differences_are_those_of_meaning() -> None:
    def of(region: str, size: int) -> dict[str, Any]:
        return {"Thing": {"Type": "X", "Properties": {"Region": region, "Sizes": [1, size], "Tags": [size]}}}

    plan = deployment(of(EAST, 2), of(WEST, 3))
    one, two = resource(plan, "Thing"), resource(plan, "Thing", WEST)
    assert plan.counterpart(one) == two
    assert plan.differences(one, two) == ["Sizes.1", "Tags.0"]
    assert plan.differences(one, two, ("Tags",)) == ["Sizes.1"]
    swapped = deployment(of(WEST, 2), of(WEST, 2))
    assert swapped.differences(resource(swapped, "Thing"), resource(swapped, "Thing", WEST)) == ["Region"]


def test_exports_that_go_in_a_circle_end() -> None:
    export = {"Value": {"Fn::ImportValue": "loop"}, "Export": {"Name": "loop"}}
    plan = deployment({"User": {"Type": "X"}}, {}, Loop=export)
    user = resource(plan, "User")
    assert plan.resolved(user, {"Fn::ImportValue": "loop"}) == "{too deep}"
    assert plan.target(user, {"Fn::ImportValue": "loop"}) is None


def test_paths_that_lead_nowhere_are_nothing() -> None:
    thing = Resource(EAST, "One", "Thing", "X", {"Properties": {"Rows": [{"a": 1}, "no row"], "Text": "t"}})
    assert thing.at("Rows", 0, "a") == 1
    assert [thing.at("Rows", 9), thing.at("Text", "a"), thing.at("None", "a")] == [None, None, None]
    assert thing.rows("Rows") == [{"a": 1}]
    assert list(leaves({"a": [], "b": {}})) == []


def test_a_rule_is_broken_before_it_is_unknown_and_absent_only_where_it_may_be() -> None:
    plan = deployment({"Thing": {"Type": "Here"}}, {})
    situation = Situation(TODAY)

    def rule(kind: str, *said: Breach | Unknown, needed: bool = False) -> Rule:
        return Rule("rule", "says", Severity.BLOCKS, (kind,), lambda *_: iter(said), needed)

    breach, unknown = Breach(EAST, "One", "Thing", "", "wrong", "mend"), Unknown("thing", "look")
    assert judged(rule("Here"), plan, situation).verdict is Verdict.KEPT
    assert judged(rule("Here", unknown), plan, situation).verdict is Verdict.NOT_EVALUATED
    assert judged(rule("Here", unknown, breach), plan, situation).verdict is Verdict.BROKEN
    assert judged(rule("Gone", breach), plan, situation).verdict is Verdict.NOT_DEPLOYED
    absent = judged(rule("Gone", needed=True), plan, situation)
    assert absent.verdict is Verdict.BROKEN
    assert "Gone" in absent.findings[0].wrong
    warned = Breach(EAST, "One", "Thing", "", "wrong", "mend", Severity.WARNS)
    both = evaluate(plan, situation, [rule("Here", warned), rule("Here", breach)])
    assert [each.severity for each in both.findings] == [Severity.BLOCKS, Severity.WARNS]
    assert both.blocked and not evaluate(plan, situation, [rule("Here", warned)]).blocked


def test_rules_have_names_of_their_own() -> None:
    assert len({rule.id for rule in RULES}) == len({rule.says for rule in RULES}) == len(RULES) >= 24


def test_an_empty_pair_of_regions_is_blocked_by_every_needed_rule_and_passes_none() -> None:
    evaluation = evaluate(deployment({}, {}), Situation(TODAY))
    assert {result.rule.id for result in evaluation.of(Verdict.BROKEN)} == {rule.id for rule in RULES if rule.needed}
    assert {result.rule.id for result in evaluation.of(Verdict.KEPT)} == set()
    assert evaluation.blocked


def test_facts_are_read_as_json_and_toml_and_refused_by_name(tmp_path: Path) -> None:
    table = tmp_path / "facts.toml"
    table.write_text(f'[certificates.{EAST}]\n"{DOMAIN}" = 2027-06-01\n[quotas.{EAST}]\n{NAME} = 1000\n')
    facts = read_facts(table)
    assert facts.certificates == {(EAST, DOMAIN): date(2027, 6, 1)}
    assert facts.quotas == {(EAST, NAME): 1000}
    assert read_facts(facts_file(tmp_path)).certificates[WEST, DOMAIN] == date(2027, 6, 1)
    for document, field in (
        ([], "facts"),
        ({"certs": {}}, "facts"),
        ({"certificates": {EAST: "2027-06-01"}}, "facts.certificates"),
        ({"certificates": {EAST: {DOMAIN: "next year"}}}, f"facts.certificates.{EAST}.{DOMAIN}"),
        ({"certificates": {EAST: {DOMAIN: 20270601}}}, f"facts.certificates.{EAST}.{DOMAIN}"),
        ({"quotas": {EAST: {NAME: "many"}}}, f"facts.quotas.{EAST}.{NAME}"),
        ({"quotas": {EAST: {NAME: True}}}, f"facts.quotas.{EAST}.{NAME}"),
        ({"quotas": {EAST: {NAME: -1}}}, f"facts.quotas.{EAST}.{NAME}"),
    ):
        with pytest.raises(InvalidInput) as refused:
            parse_facts(document)
        assert refused.value.field == field
    with pytest.raises(NotFound):
        read_facts(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("certificates:")
    with pytest.raises(InvalidInput, match="no JSON"):
        read_facts(tmp_path / "bad.json")


def test_the_command_ends_well_where_nothing_blocks_and_says_what_it_cannot_know(tmp_path: Path) -> None:
    folder, facts = written(tmp_path / "out", good()), facts_file(tmp_path)
    result = run("--templates", str(folder), "--facts", str(facts), "--today", "2026-11-23")
    assert result.exit_code == 0, result.output
    assert "is not blocked by anything the templates tell" in result.stdout
    assert "not evaluated users" in result.stdout and "describe-user-pool" in result.stdout
    document = json.loads(run("--templates", str(folder), "--today", "2026-11-23", "--json").stdout)
    assert document["blocked"] is False and document["findings"] == []
    verdicts = {rule["rule"]: rule["verdict"] for rule in document["rules"]}
    assert verdicts["certificate-expiry"] == verdicts["capacity-quota"] == "not evaluated"


def test_the_command_ends_with_one_and_names_the_place_where_something_blocks(tmp_path: Path) -> None:
    defect = Planted("record-ttl", WEST, "Route53::RecordSet", "Plain", "Properties/TTL", "300").into(good())
    folder = written(tmp_path / "out", defect)
    result = run("--templates", str(folder))
    assert result.exit_code == 1
    for told in ("BLOCKS", "record-ttl", WEST, "Entry/Plain", "TTL", "would fail"):
        assert told in result.stdout
    told = run("--templates", str(folder), "--json")
    (finding,) = json.loads(told.stdout)["findings"]
    assert told.exit_code == 1
    assert (finding["rule"], finding["region"], finding["resource"], finding["path"]) == ("record-ttl", WEST, "Plain", "TTL")


def test_a_certificate_that_ended_blocks_on_the_day_after(tmp_path: Path) -> None:
    folder, facts = written(tmp_path / "out", good()), facts_file(tmp_path, "2026-12-31")
    told = {day: run("--templates", str(folder), "--facts", str(facts), "--today", day).exit_code for day in ("2026-12-31", "2027-01-01")}
    assert told == {"2026-12-31": 0, "2027-01-01": 1}


def test_a_warning_alone_ends_well(tmp_path: Path) -> None:
    warned = Planted("key-rotation", EAST, "KMS::Key", "Key", "Properties/EnableKeyRotation", False).into(good())
    result = run("--templates", str(written(tmp_path / "out", warned)))
    assert result.exit_code == 0
    assert "WARNS" in result.stdout and "key-rotation" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        (("--templates", "nowhere"), "not_found", "templates"),
        (("--today", "tomorrow"), "invalid_input", "today"),
        (("--facts", "nowhere.json"), "not_found", "facts"),
    ],
)
def test_the_command_refuses_what_it_cannot_read(
    arguments: tuple[str, ...], code: str, field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"], error["field"]) == (1, code, field)
