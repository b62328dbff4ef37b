"""The web firewall of the REST API: rates by address, AWS's managed rules, a limit on bodies; what it stops is logged without tokens.

Left out: the SQL database rules, because no system of this API has a SQL database and what they cost in capacity and false alarms buys
nothing. AWS WAF takes no WebSocket API ("AWS documentation, Associating or disassociating a web ACL with an AWS resource", read
2026-11-23): there a one-time ticket, which only a signed-in user gets, opens a connection, and the stage throttles every route.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from cdk.constructs.alarms import PERIOD
from cdk.constructs.function import LOG_RETENTION
from cdk.constructs.gateway_responses import GatewayProblem
from cdk.edge_settings import ADDRESS_WINDOW_SECONDS, EdgeSettings

NAME = "daymark-rest"
# The prefix is AWS's condition for a log group as a destination.
LOG_GROUP = f"aws-waf-logs-{NAME}"
# The most that the applications take, and the most that the firewall looks into at an API Gateway: beyond, it counts as too large.
MOST_BODY_BYTES = 64 * 1024
READS = ("GET", "HEAD", "OPTIONS")

TOO_MANY = GatewayProblem(429, "Too many requests", "rate_limited", "Too many calls from your address. Call again later.")
TOO_LARGE = GatewayProblem(413, "Request refused", "too_large", f"A body has at most {MOST_BODY_BYTES} bytes.")
_ANSWERS = {"too-many": TOO_MANY, "too-large": TOO_LARGE}

# In this order, after our own rules. A rule named here only counts, and why; all others of its group block.
MANAGED: Mapping[str, Mapping[str, str]] = {
    "AWSManagedRulesAmazonIpReputationList": {},
    "AWSManagedRulesAnonymousIpList": {
        "AnonymousIPList": "advisers and clients call through VPNs, which is no offence; who they are is told by their token",
        "HostingProviderIPList": "the systems of client firms call from clouds",
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {},
    "AWSManagedRulesCommonRuleSet": {
        "SizeRestrictions_BODY": "it blocks above 8 KB; bodies up to 64 KiB are good, and our own rule ends them there",
        "NoUserAgent_HEADER": "programs call this API, and not all of them say their name; a token tells who they are",
    },
}


class DaymarkWebAcl(waf.CfnWebACL):
    """Regional, for the stage of a REST API. What no rule stops is let through: the authoriser comes next."""

    def __init__(self, scope: Construct, construct_id: str, settings: EdgeSettings) -> None:
        own = [
            self._by_address("RequestsPerAddress", 0, settings.address_requests, None),
            self._by_address("EffectsPerAddress", 1, settings.address_effects, _effects()),
            self._body(2),
        ]
        super().__init__(
            scope,
            construct_id,
            name=NAME,
            description="Daymark: the REST API",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow=waf.CfnWebACL.AllowActionProperty()),
            rules=[*own, *(_managed(name, place, counted) for place, (name, counted) in enumerate(MANAGED.items(), start=len(own)))],
            custom_response_bodies={
                name: waf.CfnWebACL.CustomResponseBodyProperty(content=problem.text(), content_type="APPLICATION_JSON")
                for name, problem in _ANSWERS.items()
            },
            association_config=waf.CfnWebACL.AssociationConfigProperty(
                request_body={
                    "API_GATEWAY": waf.CfnWebACL.RequestBodyAssociatedResourceTypeConfigProperty(default_size_inspection_limit="KB_64")
                }
            ),
            visibility_config=_visible(NAME),
        )

    def protect(self, construct_id: str, stage_arn: str) -> None:
        """Put the firewall before a stage of a REST API."""
        waf.CfnWebACLAssociation(self.stack, construct_id, resource_arn=stage_arn, web_acl_arn=self.attr_arn)

    def blocked_requests(self) -> cloudwatch.Metric:
        """Requests that any rule blocked."""
        by = {"WebACL": NAME, "Region": self.stack.region, "Rule": "ALL"}
        return cloudwatch.Metric(namespace="AWS/WAFV2", metric_name="BlockedRequests", dimensions_map=by, statistic="Sum", period=PERIOD)

    @staticmethod
    def _by_address(name: str, place: int, requests: int, only: waf.CfnWebACL.StatementProperty | None) -> waf.CfnWebACL.RuleProperty:
        rate = waf.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP", limit=requests, evaluation_window_sec=ADDRESS_WINDOW_SECONDS, scope_down_statement=only
        )
        # The window slides: an address that pauses for all of it is free again.
        wait = [waf.CfnWebACL.CustomHTTPHeaderProperty(name="Retry-After", value=str(ADDRESS_WINDOW_SECONDS))]
        return _rule(name, place, waf.CfnWebACL.StatementProperty(rate_based_statement=rate), "too-many", wait)

    @staticmethod
    def _body(place: int) -> waf.CfnWebACL.RuleProperty:
        body = waf.CfnWebACL.FieldToMatchProperty(body=waf.CfnWebACL.BodyProperty(oversize_handling="MATCH"))
        larger = waf.CfnWebACL.SizeConstraintStatementProperty(
            comparison_operator="GT", size=MOST_BODY_BYTES, field_to_match=body, text_transformations=_AS_IT_IS
        )
        return _rule("BodySize", place, waf.CfnWebACL.StatementProperty(size_constraint_statement=larger), "too-large", [])


class FirewallLog(Construct):
    """What the firewall blocked or counted, for a year, under our key. Requests that simply passed are in the stage's access log.

    The token, cookies and the query, whose cursors name rows, are not logged; the address is, because the rules are about it.
    """

    def __init__(self, scope: Construct, construct_id: str, acl: DaymarkWebAcl, key: kms.IKey) -> None:
        super().__init__(scope, construct_id)
        group = logs.LogGroup(
            self, "Group", log_group_name=LOG_GROUP, encryption_key=key, retention=LOG_RETENTION, removal_policy=RemovalPolicy.RETAIN
        )
        stack = Stack.of(self)
        delivery = logs.CfnResourcePolicy(self, "Delivery", policy_name=LOG_GROUP, policy_document=json.dumps(_delivery(stack)))
        stops = [{"ActionCondition": {"Action": action}} for action in ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")]
        kept = {"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": stops}
        hidden = [waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name}) for name in ("authorization", "cookie")]
        configuration = waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[_group_arn(stack)],
            redacted_fields=[*hidden, waf.CfnLoggingConfiguration.FieldToMatchProperty(query_string={})],
            logging_filter={"DefaultBehavior": "DROP", "Filters": [kept]},
        )
        configuration.add_resource_dependency(delivery)
        configuration.node.add_dependency(group)


_AS_IT_IS = [waf.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")]


def _effects() -> waf.CfnWebACL.StatementProperty:
    """Requests whose method does not only read."""
    reads = [
        waf.CfnWebACL.StatementProperty(
            byte_match_statement=waf.CfnWebACL.ByteMatchStatementProperty(
                field_to_match=waf.CfnWebACL.FieldToMatchProperty(method={}),
                positional_constraint="EXACTLY",
                search_string=method,
                text_transformations=_AS_IT_IS,
            )
        )
        for method in READS
    ]
    any_read = waf.CfnWebACL.StatementProperty(or_statement=waf.CfnWebACL.OrStatementProperty(statements=reads))
    return waf.CfnWebACL.StatementProperty(not_statement=waf.CfnWebACL.NotStatementProperty(statement=any_read))


def _rule(
    name: str,
    place: int,
    statement: waf.CfnWebACL.StatementProperty,
    answer: str,
    headers: Sequence[waf.CfnWebACL.CustomHTTPHeaderProperty],
) -> waf.CfnWebACL.RuleProperty:
    response = waf.CfnWebACL.CustomResponseProperty(
        response_code=_ANSWERS[answer].status, custom_response_body_key=answer, response_headers=list(headers) or None
    )
    block = waf.CfnWebACL.RuleActionProperty(block=waf.CfnWebACL.BlockActionProperty(custom_response=response))
    return waf.CfnWebACL.RuleProperty(name=name, priority=place, statement=statement, action=block, visibility_config=_visible(name))


def _managed(name: str, place: int, counted: Mapping[str, str]) -> waf.CfnWebACL.RuleProperty:
    count = waf.CfnWebACL.RuleActionProperty(count=waf.CfnWebACL.CountActionProperty())
    overrides = [waf.CfnWebACL.RuleActionOverrideProperty(name=each, action_to_use=count) for each in counted]
    group = waf.CfnWebACL.ManagedRuleGroupStatementProperty(vendor_name="AWS", name=name, rule_action_overrides=overrides or None)
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=place,
        statement=waf.CfnWebACL.StatementProperty(managed_rule_group_statement=group),
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_visible(name),
    )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    """A metric, and no samples: they would keep whole requests, tokens among them, where nobody redacts them."""
    return waf.CfnWebACL.VisibilityConfigProperty(cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False)


def _group_arn(stack: Stack) -> str:
    return str(stack.format_arn(service="logs", resource="log-group", resource_name=LOG_GROUP, arn_format=ArnFormat.COLON_RESOURCE_NAME))


def _delivery(stack: Stack) -> dict[str, object]:
    """Who writes the log: AWS's own delivery, for this account and region alone."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{_group_arn(stack)}:log-stream:*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{stack.region}:{stack.account}:*"},
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
