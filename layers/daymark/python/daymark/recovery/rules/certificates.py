"""Rule: each region has its own certificate for the shared name, which renews by itself and is good on the day of the switch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource, listed

CERTIFICATE, DOMAIN = "AWS::CertificateManager::Certificate", "AWS::ApiGateway::DomainName"
# AWS tells of a certificate that it could not renew from 45 days before its end on; a fortnight later somebody should have acted.
SOON = timedelta(days=30)
Found = Iterator[Breach | Unknown]


def missing_certificates(deployment: Deployment, _: Situation) -> Found:
    """Domains without a certificate of their own region, or that the other region does not have."""
    for domain in deployment.every(DOMAIN):
        if deployment.counterpart(domain) is None:
            wrong = f"{domain.at('DomainName')} is no domain of this region's API"
            yield Breach(
                deployment.other(domain.region), domain.stack, domain.name, "", wrong, "declare domain and certificate in both regions"
            )
        named = domain.at("RegionalCertificateArn")
        certificate, text = deployment.target(domain, named), deployment.text(domain, named)
        if certificate is None and f":{domain.region}:" not in text:
            wrong = f"names no certificate of this region: {text}"
            yield Breach.at(domain, "RegionalCertificateArn", wrong, f"declare a certificate in {domain.region}")
        elif certificate and not _covers(certificate, str(domain.at("DomainName"))):
            wrong = f"the certificate {certificate.name} is not for {domain.at('DomainName')}"
            yield Breach.at(domain, "RegionalCertificateArn", wrong, "name the domain in the certificate")


def _covers(certificate: Resource, domain: str) -> bool:
    names = [str(certificate.at("DomainName")), *map(str, listed(certificate.at("SubjectAlternativeNames")))]
    return domain in names or f"*.{domain.partition('.')[2]}" in names


def unrenewed_certificates(deployment: Deployment, _: Situation) -> Found:
    """Certificates that wait for somebody's mail when they are renewed."""
    for certificate in deployment.every(CERTIFICATE):
        if certificate.at("ValidationMethod") != "DNS":
            wrong = "is renewed only when somebody answers an email"
            yield Breach.at(certificate, "ValidationMethod", wrong, "validate it by DNS: then it renews by itself")


def expired_certificates(deployment: Deployment, situation: Situation) -> Found:
    """Certificates that are over, or soon will be."""
    for certificate in deployment.every(CERTIFICATE):
        name = str(certificate.at("DomainName"))
        last = situation.facts.certificates.get((certificate.region, name))
        if last is None:
            needs = (
                f'aws acm describe-certificate --region {certificate.region}, as certificates.{certificate.region}."{name}" of the facts'
            )
            yield Unknown(f"{certificate.region} {name}: the last day of its certificate", needs)
        elif last < situation.today:
            yield Breach.at(certificate, "", f"the certificate of {name} ended on {last}", "renew it: look at its validation records")
        elif last <= situation.today + SOON:
            wrong = f"the certificate of {name} ends on {last}, within {SOON.days} days, and was not renewed"
            yield Breach.at(certificate, "", wrong, "look at its validation records", Severity.WARNS)


RULES = (
    Rule("certificate", "Each region has a certificate for the shared name", Severity.BLOCKS, (DOMAIN,), missing_certificates),
    Rule("certificate-renewal", "Certificates renew by themselves", Severity.WARNS, (CERTIFICATE,), unrenewed_certificates),
    Rule("certificate-expiry", "Certificates are good on the day", Severity.BLOCKS, (CERTIFICATE,), expired_certificates),
)
