"""The edge: what the firewall stops and how it answers, what each method takes, and that the gateway's own answers are problems."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk.constructs.gateway_responses import PROBLEMS
from cdk.constructs.web_acl import MANAGED
from cdk.edge_settings import ROUTES, EdgeSettings, Rate
from cdk.settings import DeploymentSettings
from daymark.core.errors import DaymarkError, InvalidInput, NotFound, Unauthenticated
from daymark.http.app import MAX_BODY_BYTES
from daymark.http.problem_details import internal_error, problem_of
from tests.infra.conftest import PROJECT

REGIONS = ("us-east-1", "us-west-2")
CONTEXT = json.loads((PROJECT / "cdk.json").read_text())["context"]


def one(assembly: Any, kind: str, region: str) -> dict[str, Any]:
    ((_, resource),) = assembly.resources(kind, region)
    return resource["Properties"]


def rules(cloud: Any, region: str) -> dict[str, dict[str, Any]]:
    return {rule["Name"]: rule for rule in one(cloud, "AWS::WAFv2::WebACL", region)["Rules"]}


def read(**context: Any) -> DeploymentSettings:
    return DeploymentSettings.read((CONTEXT | context).get, {"CDK_DEFAULT_ACCOUNT": "111122223333"})


@pytest.mark.parametrize("region", REGIONS)
def test_the_firewall_stands_before_the_rest_stage_and_lets_the_rest_through(cloud, region):
    acl = one(cloud, "AWS::WAFv2::WebACL", region)
    association = one(cloud, "AWS::WAFv2::WebACLAssociation", region)
    prefix, api, stages, stage = association["ResourceArn"]["Fn::Join"][1]

    assert (acl["Scope"], acl["DefaultAction"]) == ("REGIONAL", {"Allow": {}})
    assert (prefix, stages) == (f"arn:aws:apigateway:{region}::/restapis/", "/stages/")
    assert api["Fn::ImportValue"].startswith("daymark-api:ExportsOutputRefRest")
    assert "DeploymentStagelive" in stage["Fn::ImportValue"]
    assert association["WebACLArn"]["Fn::GetAtt"][1] == "Arn"
    assert sorted(rule["Priority"] for rule in acl["Rules"]) == list(range(7))


@pytest.mark.parametrize("region", REGIONS)
def test_addresses_have_rates_and_are_told_when_to_come_back(cloud, region):
    found = rules(cloud, region)
    for name, limit in {"RequestsPerAddress": 2000, "EffectsPerAddress": 300}.items():
        rate, response = found[name]["Statement"]["RateBasedStatement"], found[name]["Action"]["Block"]["CustomResponse"]
        assert (rate["AggregateKeyType"], rate["Limit"], rate["EvaluationWindowSec"]) == ("IP", limit, 60)
        assert response["ResponseCode"] == 429
        assert response["ResponseHeaders"] == [{"Name": "Retry-After", "Value": "60"}]
        body = one(cloud, "AWS::WAFv2::WebACL", region)["CustomResponseBodies"][response["CustomResponseBodyKey"]]
        assert body["ContentType"] == "APPLICATION_JSON"
        assert (json.loads(body["Content"])["status"], json.loads(body["Content"])["code"]) == (429, "rate_limited")
    # The lower rate is for what does not only read: not (GET or HEAD or OPTIONS), by the method exactly.
    reads = found["EffectsPerAddress"]["Statement"]["RateBasedStatement"]["ScopeDownStatement"]["NotStatement"]["Statement"]
    matched = [each["ByteMatchStatement"] for each in reads["OrStatement"]["Statements"]]
    assert [each["SearchString"] for each in matched] == ["GET", "HEAD", "OPTIONS"]
    assert {(json.dumps(each["FieldToMatch"]), each["PositionalConstraint"]) for each in matched} == {('{"Method": {}}', "EXACTLY")}
    assert "ScopeDownStatement" not in found["RequestsPerAddress"]["Statement"]["RateBasedStatement"]


@pytest.mark.parametrize("region", REGIONS)
def test_a_body_ends_where_the_applications_end_it_and_all_of_it_is_looked_at(cloud, region):
    acl, rule = one(cloud, "AWS::WAFv2::WebACL", region), rules(cloud, region)["BodySize"]
    size = rule["Statement"]["SizeConstraintStatement"]

    assert (size["ComparisonOperator"], size["Size"]) == ("GT", MAX_BODY_BYTES)
    assert size["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}
    assert acl["AssociationConfig"]["RequestBody"] == {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_64"}}
    assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 413


@pytest.mark.parametrize("region", REGIONS)
def test_awss_rules_block_but_for_those_that_good_callers_break(cloud, region):
    found = rules(cloud, region)
    counted = {}
    for name in MANAGED:
        rule = found[name]
        group = rule["Statement"]["ManagedRuleGroupStatement"]
        assert (group["VendorName"], group["Name"], rule["OverrideAction"]) == ("AWS", name, {"None": {}})
        counted[name] = [each["Name"] for each in group.get("RuleActionOverrides", []) if each["ActionToUse"] == {"Count": {}}]
        assert len(counted[name]) == len(group.get("RuleActionOverrides", []))

    assert counted == {
        "AWSManagedRulesAmazonIpReputationList": [],
        "AWSManagedRulesAnonymousIpList": ["AnonymousIPList", "HostingProviderIPList"],
        "AWSManagedRulesKnownBadInputsRuleSet": [],
        "AWSManagedRulesCommonRuleSet": ["SizeRestrictions_BODY", "NoUserAgent_HEADER"],
    }
    for reasons in MANAGED.values():
        assert all(len(reason) > 20 for reason in reasons.values())


@pytest.mark.parametrize("region", REGIONS)
def test_what_is_stopped_is_logged_under_our_key_without_tokens(cloud, region):
    logging = one(cloud, "AWS::WAFv2::LoggingConfiguration", region)
    groups = [body["Properties"] for where, body in cloud.resources("AWS::Logs::LogGroup", region) if where[1] == "Edge"]
    (delivery,) = [body["Properties"] for where, body in cloud.resources("AWS::Logs::ResourcePolicy", region) if where[1] == "Edge"]
    (statement,) = json.loads(delivery["PolicyDocument"])["Statement"]
    arn = f"arn:aws:logs:{region}:111122223333:log-group:aws-waf-logs-daymark-rest"

    ((group),) = groups
    assert (group["LogGroupName"], group["RetentionInDays"]) == ("aws-waf-logs-daymark-rest", 365)
    assert group["KmsKeyId"]["Fn::ImportValue"].startswith("daymark-data:ExportsOutputFnGetAttLogKey")
    assert logging["LogDestinationConfigs"] == [arn]
    assert logging["RedactedFields"] == [
        {"SingleHeader": {"Name": "authorization"}},
        {"SingleHeader": {"Name": "cookie"}},
        {"QueryString": {}},
    ]
    (kept,) = logging["LoggingFilter"]["Filters"]
    assert (logging["LoggingFilter"]["DefaultBehavior"], kept["Behavior"], kept["Requirement"]) == ("DROP", "KEEP", "MEETS_ANY")
    actions = {each["ActionCondition"]["Action"] for each in kept["Conditions"]}
    assert actions == {"BLOCK", "COUNT", "EXCLUDED_AS_COUNT"}
    assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert statement["Resource"] == f"{arn}:log-stream:*"
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}


@pytest.mark.parametrize("region", REGIONS)
def test_no_rule_keeps_samples_of_requests_which_hold_tokens(cloud, region):
    acl = one(cloud, "AWS::WAFv2::WebACL", region)
    for visible in (acl["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in acl["Rules"])):
        assert (visible["SampledRequestsEnabled"], visible["CloudWatchMetricsEnabled"]) == (False, True)


@pytest.mark.parametrize("region", REGIONS)
def test_many_blocked_requests_and_uncounted_calls_raise_alarms(cloud, region):
    alarms = [body["Properties"] for _, body in cloud.resources("AWS::CloudWatch::Alarm", region) if "MetricName" in body["Properties"]]
    (blocked,) = [each for each in alarms if each["MetricName"] == "BlockedRequests"]
    uncounted = [each for each in alarms if each["MetricName"] == "AdmittedUncounted"]

    assert (blocked["Namespace"], blocked["Threshold"], blocked["Statistic"]) == ("AWS/WAFV2", 500, "Sum")
    assert {each["Name"]: each["Value"] for each in blocked["Dimensions"]} == {"WebACL": "daymark-rest", "Region": region, "Rule": "ALL"}
    services = {each["Dimensions"][0]["Value"] for each in uncounted}
    assert services == {"book_api", "operations_api", "monitoring_api"}
    assert {(each["Namespace"], each["Threshold"], each["Dimensions"][0]["Name"]) for each in uncounted} == {("Daymark", 0, "service")}


@pytest.mark.parametrize("target", ["cloud", "local"])
def test_every_method_has_the_rate_of_its_route(request, target):
    stage = one(request.getfixturevalue(target), "AWS::ApiGateway::Stage", "us-east-1")
    _, *methods = stage["MethodSettings"]
    found = {
        f"{each['HttpMethod']} {each['ResourcePath'].replace('~1', '/').removeprefix('/')}": Rate(
            each["ThrottlingRateLimit"], each["ThrottlingBurstLimit"]
        )
        for each in methods
    }

    assert found == dict(ROUTES)
    assert found["POST /v1/operations/{proxy+}"].per_second < found["GET /v1/operations/{proxy+}"].per_second


@pytest.mark.parametrize("target", ["cloud", "local"])
def test_what_the_gateway_answers_by_itself_is_a_problem(request, target):
    found = {
        body["Properties"]["ResponseType"]: body["Properties"]
        for _, body in request.getfixturevalue(target).resources("AWS::ApiGateway::GatewayResponse", "us-east-1")
    }
    wanted = {"THROTTLED", "QUOTA_EXCEEDED", "WAF_FILTERED", "UNAUTHORIZED", "DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN"}

    assert wanted <= set(found) == set(PROBLEMS)
    for kind, response in found.items():
        (body,) = [json.loads(text) for text in response["ResponseTemplates"].values()]
        headers = {name.removeprefix("gatewayresponse.header."): value for name, value in response["ResponseParameters"].items()}
        assert list(response["ResponseTemplates"]) == ["application/json"]
        assert headers["Content-Type"] == "'application/problem+json'"
        assert str(body["status"]) == response["StatusCode"], kind
        assert body["type"] == f"urn:daymark:problem:{body['code']}"
        assert ("Retry-After" in headers) is (body["status"] in (429, 502, 504)), kind
        # Nothing of what the gateway says itself, which tells routes apart and why a token is bad.
        assert "$" not in str(response["ResponseTemplates"])
    assert (found["THROTTLED"]["StatusCode"], found["UNAUTHORIZED"]["StatusCode"]) == ("429", "401")
    assert found["THROTTLED"]["ResponseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", NotFound("anything")),
        ("UNAUTHORIZED", Unauthenticated("sign in with a valid ID token")),
        ("DEFAULT_5XX", DaymarkError("x")),
    ],
)
def test_the_gateway_answers_as_the_functions_do(kind, error):
    """A route that is not deployed and one that no function serves cannot be told apart."""
    answer = internal_error() if kind == "DEFAULT_5XX" else problem_of(error)

    assert PROBLEMS[kind].text().encode() == bytes(answer.body)


def test_rates_can_be_set_by_route_and_tenant():
    edge = read(
        route_rates='{"GET /v1/book/{proxy+}": [200, 400]}',
        tenant_rates={"read": 10, "harbor/effect": 20},
        tenant_window_seconds="30",
        address_requests="5000",
    ).edge

    assert edge.route_rates["GET /v1/book/{proxy+}"] == Rate(200, 400)
    assert edge.route_rates["GET /docs"] == ROUTES["GET /docs"]
    assert edge.values() == {"tenant_rates": '{"read": 10, "effect": 600, "harbor/effect": 20}', "tenant_window_seconds": "30"}
    assert (edge.address_requests, edge.address_effects) == (5000, 300)
    assert read().edge == EdgeSettings()


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ({"route_rates": {"ANY /v1/book/{proxy+}": [1, 1]}}, "route_rates"),
        ({"route_rates": {"GET /docs": [1]}}, "route_rates"),
        ({"route_rates": {"GET /docs": [0, 1]}}, "route_rates"),
        ({"route_rates": "fast"}, "route_rates"),
        ({"route_rates": "[1]"}, "route_rates"),
        ({"tenant_rates": {"write": 1}}, "tenant_rates"),
        ({"tenant_rates": {"/read": 1}}, "tenant_rates"),
        ({"tenant_rates": {"read": 0}}, "tenant_rates"),
        ({"tenant_rates": {"read": "many"}}, "tenant_rates"),
        ({"tenant_window_seconds": 0}, "tenant_window_seconds"),
        ({"address_requests": 9}, "address_requests"),
        ({"address_effects": "x"}, "address_effects"),
        ({"blocked_requests": 0}, "blocked_requests"),
    ],
)
def test_rates_that_make_no_sense_are_refused_by_name(context, field):
    with pytest.raises(InvalidInput) as refused:
        read(**context)
    assert refused.value.field == field
