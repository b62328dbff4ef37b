"""The way in after a switch: routes, firewall, users, names, health checks, certificates and the plan. Each rule finds its defect."""

from __future__ import annotations

from datetime import date

import pytest

from daymark.recovery.models import Facts, Severity, Situation, Verdict
from daymark.recovery.rules import api, certificates, firewall, health_checks, records, switch, users
from tests.plan_world import ACCOUNT, DOMAIN, EAST, FACTS, TODAY, WATCHED, WEST, Planted, good, judged

RECORD, CHECK, PLAN = "Route53::RecordSet", "Route53::HealthCheck", "ARCRegionSwitch::Plan"
STEP = "Properties/Workflows/1/Steps/1"
MOVED = f"{STEP}/ExecutionBlockConfiguration/Route53HealthCheckConfig"

CASES = [
    Planted("api-routes", WEST, "ApiGateway::Method", "Get"),
    Planted("api-routes", WEST, "ApiGateway::Method", "Get", "Properties/AuthorizationType", "NONE"),
    Planted("api-stage", WEST, "ApiGateway::Stage", "Stage", "Properties/MethodSettings/0/ThrottlingRateLimit", 5),
    Planted("firewall", WEST, "WAFv2::WebACLAssociation", "Guard"),
    Planted(
        "firewall",
        WEST,
        "WAFv2::WebACLAssociation",
        "Guard",
        "Properties/ResourceArn",
        "arn:aws:apigateway:us-west-2::/restapis/o/stages/s",
    ),
    Planted("firewall-rules", WEST, "WAFv2::WebACL", "Firewall", "Properties/Rules", []),
    Planted("users", EAST, "Cognito::UserPoolReplica", "Replica"),
    Planted("users", EAST, "Cognito::UserPoolReplica", "Replica", "Properties/RegionName", "eu-west-1"),
    Planted(
        "users-authoriser",
        WEST,
        "ApiGateway::Authorizer",
        "Authoriser",
        "Properties/ProviderARNs/0",
        f"arn:aws:cognito-idp:{EAST}:{ACCOUNT}:userpool/1",
    ),
    Planted("record-failover", WEST, RECORD, "Shared", "Properties/Failover", "PRIMARY"),
    Planted("record-ttl", WEST, RECORD, "Plain", "Properties/TTL", "61"),
    Planted("record-ttl", WEST, RECORD, "Plain", "Properties/TTL", "an hour"),
    Planted("record-health", EAST, RECORD, "Shared", "Properties/AliasTarget/EvaluateTargetHealth", False),
    Planted("health-check-time", WEST, CHECK, "Endpoint", "Properties/HealthCheckConfig/RequestInterval", 31),
    Planted("health-check-time", WEST, CHECK, "Endpoint", "Properties/HealthCheckConfig/FailureThreshold", 10),
    Planted("health-check", WEST, CHECK, "Endpoint", "Properties/HealthCheckConfig/Disabled", True),
    Planted("health-check", WEST, CHECK, "Endpoint", "Properties/HealthCheckConfig/Inverted", True),
    Planted("health-check", WEST, CHECK, "Health", "Properties/HealthCheckConfig/HealthThreshold", 1),
    Planted(
        "health-check",
        WEST,
        CHECK,
        "Endpoint",
        "Properties/HealthCheckConfig/FullyQualifiedDomainName",
        f"x.execute-api.{EAST}.amazonaws.com",
    ),
    Planted("certificate", WEST, "ApiGateway::DomainName", "Domain"),
    Planted(
        "certificate",
        WEST,
        "ApiGateway::DomainName",
        "Domain",
        "Properties/RegionalCertificateArn",
        f"arn:aws:acm:{EAST}:{ACCOUNT}:certificate/1",
    ),
    Planted("certificate", WEST, "CertificateManager::Certificate", "Certificate"),
    Planted("certificate-renewal", WEST, "CertificateManager::Certificate", "Certificate", "Properties/ValidationMethod", "EMAIL"),
    Planted("switch-plan", EAST, PLAN, "Plan", "Properties/Regions", [EAST]),
    Planted("switch-plan", EAST, PLAN, "Plan", "Properties/Workflows/0"),
    Planted("switch-plan", EAST, PLAN, "Plan", "Properties/Workflows/1/Steps", []),
    Planted("switch-plan", EAST, PLAN, "Plan", "Properties/PrimaryRegion", WEST),
    Planted("switch-plan", EAST, PLAN, "Plan", "Properties/RecoveryTimeObjectiveMinutes", 61),
    Planted("switch-control-plane", EAST, PLAN, "Plan", "Properties/Workflows/0/Steps/0/ExecutionBlockType", "ECSServiceScaling"),
    Planted("switch-control-plane", EAST, "IAM::Role", "Runs"),
    Planted("switch-records", EAST, PLAN, "Plan", f"{MOVED}/RecordSets/0"),
    Planted("switch-records", EAST, PLAN, "Plan", f"{MOVED}/RecordSets/0/RecordSetIdentifier", "blue"),
    Planted("switch-records", EAST, PLAN, "Plan", f"{MOVED}/RecordName", "other.example.com"),
]


def rules_of(templates: dict) -> set[str]:
    return {each.rule for each in judged(templates).findings}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_planted_defect_is_found_by_its_rule_alone(case: Planted) -> None:
    assert rules_of(case.into(good())) == {case.rule}


def test_every_rule_has_a_defect() -> None:
    rules = {rule.id for module in (api, firewall, users, records, health_checks, certificates, switch) for rule in module.RULES}
    # The others are planted below: their defects break more than one rule, or are facts and no templates.
    assert rules - {case.rule for case in CASES} == {"health-check-alarm", "certificate-expiry", "switch-checks"}


def test_a_name_without_a_record_of_one_region_is_found_and_the_plan_cannot_move_it() -> None:
    found = judged(Planted("", WEST, RECORD, "Shared").into(good())).findings
    assert ("record-failover", WEST) in {(each.rule, each.region) for each in found}
    assert sorted(each.rule for each in found) == ["record-failover", "switch-records", "switch-records"]


def test_two_records_with_one_identifier_are_found() -> None:
    assert "record-failover" in rules_of(Planted("", WEST, RECORD, "Shared", "Properties/SetIdentifier", EAST).into(good()))


def test_a_record_that_obeys_no_check_is_found_and_deaf_to_the_plan() -> None:
    assert rules_of(Planted("", WEST, RECORD, "Shared", "Properties/HealthCheckId").into(good())) == {"record-health", "switch-checks"}


def test_a_record_that_does_not_obey_the_plans_own_check_is_found() -> None:
    templates = good()
    check = templates[WEST, "Entry"]["Resources"]["Health"]["Properties"]["HealthCheckConfig"]
    check["ChildHealthChecks"].pop()
    check["HealthThreshold"] = 1
    assert rules_of(templates) == {"switch-checks"}


def test_a_calculated_check_of_nothing_is_found() -> None:
    templates = good()
    templates[WEST, "Entry"]["Resources"]["Health"]["Properties"]["HealthCheckConfig"] |= {"ChildHealthChecks": [], "HealthThreshold": 0}
    assert "health-check" in rules_of(templates)


@pytest.mark.parametrize(("interval", "failures", "found"), [(30, 3, False), (10, 9, False), (10, 10, True), (None, None, False)])
def test_a_loss_is_seen_within_ninety_seconds(interval: int | None, failures: int | None, found: bool) -> None:
    # 30 x 3 = 90; Route 53's defaults are 30 and 3.
    templates = good()
    config = templates[WEST, "Entry"]["Resources"]["Endpoint"]["Properties"]["HealthCheckConfig"]
    for name, value in (("RequestInterval", interval), ("FailureThreshold", failures)):
        config.pop(name)
        if value is not None:
            config[name] = value
    assert rules_of(templates) == ({"health-check-time"} if found else set())


def test_a_check_that_no_alarm_watches_is_a_warning_and_one_that_may_be_watched_is_unknown() -> None:
    def of(templates: dict) -> Verdict:
        return {result.rule.id: result.verdict for result in judged(templates).results}["health-check-alarm"]

    assert of(good()) is Verdict.NOT_EVALUATED  # an alarm watches WATCHED, whose template names no such id
    unwatched = Planted("", EAST, "CloudWatch::Alarm", "StandbyReached").into(good())
    (finding,) = judged(unwatched).findings
    assert (finding.rule, finding.region, finding.severity) == ("health-check-alarm", WEST, Severity.WARNS)
    assert WATCHED not in finding.wrong
    lost = Planted("", EAST, "CloudWatch::Alarm", "Reached").into(unwatched)
    assert {each.region for each in judged(lost).findings} == {EAST, WEST}


@pytest.mark.parametrize(
    ("last", "verdict", "severity"),
    [
        (date(2026, 11, 22), Verdict.BROKEN, Severity.BLOCKS),  # ended yesterday
        (date(2026, 11, 23), Verdict.BROKEN, Severity.WARNS),  # ends today
        (date(2026, 12, 23), Verdict.BROKEN, Severity.WARNS),  # 30 days on
        (date(2026, 12, 24), Verdict.KEPT, None),
        (None, Verdict.NOT_EVALUATED, None),
    ],
)
def test_a_certificate_is_judged_by_its_last_day(last: date | None, verdict: Verdict, severity: Severity | None) -> None:
    known = {(EAST, DOMAIN): date(2027, 6, 1)} | ({(WEST, DOMAIN): last} if last else {})
    evaluation = judged(good(), Situation(TODAY, Facts(known, FACTS.quotas)))
    result = {result.rule.id: result for result in evaluation.results}["certificate-expiry"]
    assert result.verdict is verdict
    assert [(each.region, each.severity) for each in result.findings] == ([(WEST, severity)] if severity else [])


@pytest.mark.parametrize(("names", "found"), [([f"*.{DOMAIN.partition('.')[2]}"], False), (["www.example.com"], True)])
def test_a_certificate_is_for_the_name_it_serves(names: list[str], found: bool) -> None:
    templates = good()
    templates[WEST, "Entry"]["Resources"]["Certificate"]["Properties"] |= {"DomainName": "example.com", "SubjectAlternativeNames": names}
    assert ("certificate" in rules_of(templates)) is found


@pytest.mark.parametrize(
    ("action", "found"),
    [
        ("route53:ChangeResourceRecordSets", True),
        ("iam:PassRole", True),
        ("cloudformation:*", True),
        ("*", True),
        ("lambda:UpdateFunctionConfiguration", True),
        ("route53:GetHealthCheck", False),
        ("route53-recovery-cluster:UpdateRoutingControlState", False),
        ("arc-region-switch:StartPlanExecution", False),
    ],
)
def test_the_plan_changes_nothing_by_a_control_plane(action: str, found: bool) -> None:
    templates = good()
    document = templates[EAST, "Entry"]["Resources"]["RunsPolicy"]["Properties"]["PolicyDocument"]
    document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": "*"})
    assert rules_of(templates) == ({"switch-control-plane"} if found else set())


def test_steps_inside_parallel_blocks_are_judged_and_what_others_call_is_unknown() -> None:
    def with_step(kind: str) -> Verdict:
        templates = good()
        steps = templates[EAST, "Entry"]["Resources"]["Plan"]["Properties"]["Workflows"][0]["Steps"]
        inner = {"Name": "inner", "ExecutionBlockType": kind, "ExecutionBlockConfiguration": {}}
        block = {"ParallelConfig": {"Steps": [inner]}}
        steps.append({"Name": "both", "ExecutionBlockType": "Parallel", "ExecutionBlockConfiguration": block})
        return {result.rule.id: result.verdict for result in judged(templates).results}["switch-control-plane"]

    assert with_step("ManualApproval") is Verdict.KEPT
    assert with_step("EC2AutoScaling") is Verdict.BROKEN
    assert with_step("CustomActionLambda") is Verdict.NOT_EVALUATED


def test_without_a_domain_names_are_not_part_of_the_deployment() -> None:
    templates = good()
    kinds = ("Route53", "CertificateManager", "ApiGateway::DomainName", "ARCRegionSwitch")
    for template in templates.values():
        found = [name for name, body in template["Resources"].items() if body["Type"].removeprefix("AWS::").startswith(kinds)]
        for name in found:
            del template["Resources"][name]
    evaluation = judged(templates)
    absent = {result.rule.id for result in evaluation.of(Verdict.NOT_DEPLOYED)}
    assert absent == {rule.id for module in (records, health_checks, certificates, switch) for rule in module.RULES}
    assert evaluation.findings == ()


def test_a_certificate_named_by_its_arn_in_the_own_region_is_taken() -> None:
    path = "Properties/RegionalCertificateArn"
    own = Planted("", WEST, "ApiGateway::DomainName", "Domain", path, f"arn:aws:acm:{WEST}:{ACCOUNT}:certificate/1")
    assert rules_of(own.into(good())) == set()


def test_a_domain_or_record_of_one_region_is_missed_in_the_other() -> None:
    for region, other in ((EAST, WEST), (WEST, EAST)):
        found = judged(Planted("", region, "ApiGateway::DomainName", "Domain").into(good())).findings
        assert {(each.rule, each.region) for each in found} == {("certificate", region)}, other
    found = judged(Planted("", WEST, RECORD, "Plain").into(good())).findings
    assert {(each.rule, each.region, each.resource) for each in found} == {("record-failover", WEST, "Plain")}


def test_names_that_do_not_fail_over_are_found() -> None:
    templates = good()
    for region in (EAST, WEST):
        del templates[region, "Entry"]["Resources"]["Shared"]["Properties"]["Failover"]
    assert "record-failover" in rules_of(templates)


def test_a_region_that_nothing_checks_from_outside_is_found() -> None:
    templates = good()
    for region in (EAST, WEST):
        templates[region, "Entry"]["Resources"]["Endpoint"]["Properties"]["HealthCheckConfig"]["Type"] = "CLOUDWATCH_METRIC"
    found = judged(templates).findings
    assert {(each.rule, each.region) for each in found} == {("health-check", EAST), ("health-check", WEST)}


def test_a_firewall_that_does_not_exist_guards_nothing() -> None:
    assert {"firewall"} <= rules_of(Planted("", WEST, "WAFv2::WebACL", "Firewall").into(good()))


def test_a_plan_without_a_primary_or_a_promised_time() -> None:
    both = Planted("", EAST, PLAN, "Plan", "Properties/RecoveryApproach", "activeActive").into(good())
    assert rules_of(Planted("", EAST, PLAN, "Plan", "Properties/PrimaryRegion").into(both)) == set()
    (finding,) = judged(Planted("", EAST, PLAN, "Plan", "Properties/RecoveryTimeObjectiveMinutes").into(good())).findings
    assert (finding.rule, finding.severity) == ("switch-plan", Severity.WARNS)


def test_what_the_plan_is_denied_it_may_not_do() -> None:
    templates = good()
    document = templates[EAST, "Entry"]["Resources"]["RunsPolicy"]["Properties"]["PolicyDocument"]
    document["Statement"].append({"Effect": "Deny", "Action": "route53:ChangeResourceRecordSets", "Resource": "*"})
    assert rules_of(templates) == set()


def test_a_plan_that_moves_by_routing_controls_vends_no_health_checks() -> None:
    templates = good()
    for flow in templates[EAST, "Entry"]["Resources"]["Plan"]["Properties"]["Workflows"]:
        flow["Steps"][1] = {"Name": "move", "ExecutionBlockType": "ARCRoutingControl", "ExecutionBlockConfiguration": {}}
    for region in (EAST, WEST):
        check = templates[region, "Entry"]["Resources"]["Health"]["Properties"]["HealthCheckConfig"]
        check |= {"ChildHealthChecks": check["ChildHealthChecks"][:1], "HealthThreshold": 1}
    assert rules_of(templates) == set()


def test_a_check_that_is_named_by_no_id_is_not_the_plans() -> None:
    templates = good()
    templates[WEST, "Entry"]["Resources"]["Health"]["Properties"]["HealthCheckConfig"]["ChildHealthChecks"][1] = "later"
    assert rules_of(templates) == {"switch-checks"}
