"""One name for two regions: each answers under it with a certificate of its own, and DNS sends everybody to one that is well.

All records exist beforehand. What changes in a failure is what Route 53's health checkers see, and what an Application Recovery Controller
plan says of a region: both are data planes, in many regions. No record, certificate, role or stack is made or changed on the way.

A region's health is its REST API's answer to a request that reads nothing, asked from outside: shallow on purpose, because a deep check
in the routing path would turn one sick dependency into the loss of a region. Records are aliases, whose answers live 60 seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdk.constructs.rest_api import STAGE
from cdk.recovery_settings import RecoverySettings

# Answered from the package, without a table, by everybody's leave.
HEALTH_PATH = f"/{STAGE}/openapi.json"
CHECK_SECONDS = 10
FAILURES = 3


class FrontDoor(Construct):
    """One region's half of the name: certificate, API domain, health check and record."""

    def __init__(self, scope: Construct, construct_id: str, recovery: RecoverySettings, api: apigateway.IRestApi, leads: bool) -> None:
        super().__init__(scope, construct_id)
        self._recovery = recovery
        region = Stack.of(self).region
        domain = self._domain()
        mapping = apigateway.CfnBasePathMapping(self, "Mapping", domain_name=domain.ref, rest_api_id=api.rest_api_id, stage=STAGE)
        mapping.add_resource_dependency(domain)
        self.regional_name = f"{region}.{recovery.domain}"
        regional = self._alias("Regional", self.regional_name, domain.attr_regional_domain_name, domain.attr_regional_hosted_zone_id)
        self.endpoint = self._endpoint(f"{api.rest_api_id}.execute-api.{region}.amazonaws.com")
        self.health = self._together([self.endpoint.attr_health_check_id, *self._said_by_plan(region)])
        shared = self._alias("Shared", recovery.domain, self.regional_name, recovery.hosted_zone)
        shared.set_identifier = region
        shared.failover = "PRIMARY" if leads else "SECONDARY"
        shared.health_check_id = self.health.attr_health_check_id
        shared.add_resource_dependency(regional)

    def _domain(self) -> apigateway.CfnDomainName:
        recovery = self._recovery
        validation = certificates.CfnCertificate.DomainValidationOptionProperty(
            domain_name=recovery.domain, hosted_zone_id=recovery.hosted_zone
        )
        certificate = certificates.CfnCertificate(
            self,
            "Certificate",
            domain_name=recovery.domain,
            validation_method="DNS",
            domain_validation_options=[validation],
            certificate_transparency_logging_preference="ENABLED",
        )
        certificate.apply_removal_policy(RemovalPolicy.RETAIN)
        return apigateway.CfnDomainName(
            self,
            "Domain",
            domain_name=recovery.domain,
            regional_certificate_arn=certificate.ref,
            security_policy="TLS_1_2",
            endpoint_configuration=apigateway.CfnDomainName.EndpointConfigurationProperty(types=["REGIONAL"]),
        )

    def _alias(self, construct_id: str, name: str, target: str, target_zone: str) -> route53.CfnRecordSet:
        return route53.CfnRecordSet(
            self,
            construct_id,
            hosted_zone_id=self._recovery.hosted_zone,
            name=f"{name}.",
            type="A",
            alias_target=route53.CfnRecordSet.AliasTargetProperty(dns_name=target, hosted_zone_id=target_zone, evaluate_target_health=True),
        )

    def _endpoint(self, host: str) -> route53.CfnHealthCheck:
        seen = route53.CfnHealthCheck.HealthCheckConfigProperty(
            type="HTTPS",
            fully_qualified_domain_name=host,
            port=443,
            resource_path=HEALTH_PATH,
            enable_sni=True,
            request_interval=CHECK_SECONDS,
            failure_threshold=FAILURES,
            measure_latency=True,
        )
        return route53.CfnHealthCheck(self, "Endpoint", health_check_config=seen, health_check_tags=[self._tag("endpoint")])

    def _said_by_plan(self, region: str) -> Sequence[str]:
        check = dict(self._recovery.switch_checks).get(region)
        return [check] if check else []

    def _together(self, checks: Sequence[str]) -> route53.CfnHealthCheck:
        all_of_them = route53.CfnHealthCheck.HealthCheckConfigProperty(
            type="CALCULATED", child_health_checks=list(checks), health_threshold=len(checks)
        )
        return route53.CfnHealthCheck(self, "Health", health_check_config=all_of_them, health_check_tags=[self._tag("region")])

    def _tag(self, of: str) -> route53.CfnHealthCheck.HealthCheckTagProperty:
        return route53.CfnHealthCheck.HealthCheckTagProperty(key="Name", value=f"daymark-{Stack.of(self).region}-{of}")
