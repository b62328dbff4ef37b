"""The users of one region: tenant and household are written once by an administrator, the role is the one group."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk.settings import DeploymentSettings
from daymark.core.tenancy import Role

TENANT, HOUSEHOLD = "tenant", "household"
# The most that Cognito remembers.
PASSWORDS_REMEMBERED = 24
_PASSWORD_OR_PASSKEY = cognito.SignInPolicy(allowed_first_auth_factors=cognito.AllowedFirstAuthFactors(password=True, passkey=True))


class DaymarkUserPool(cognito.UserPool):
    """Users are created by administrators only. Passwords alone do nowhere but in the embedded cloud.

    Nobody resets a password by email: an administrator does, who knows whom he speaks to, and a mailbox is no second factor.
    """

    def __init__(self, scope: Construct, construct_id: str, settings: DeploymentSettings, key: kms.IKey | None) -> None:
        domain = settings.identity.passkey_domain
        super().__init__(
            scope,
            construct_id,
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(username=True),
            sign_in_case_sensitive=False,
            account_recovery=cognito.AccountRecovery.NONE,
            custom_attributes={
                TENANT: cognito.StringAttribute(min_len=1, max_len=64, mutable=False),
                HOUSEHOLD: cognito.StringAttribute(min_len=0, max_len=64, mutable=False),
            },
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=True,
                require_lowercase=True,
                require_uppercase=True,
                require_symbols=True,
                temp_password_validity=Duration.days(3),
                password_history_size=PASSWORDS_REMEMBERED,
            ),
            passkey_relying_party_id=domain,
            passkey_user_verification=cognito.PasskeyUserVerification.REQUIRED if domain else None,
            sign_in_policy=_PASSWORD_OR_PASSKEY if domain else None,
            mfa=cognito.Mfa.OFF if settings.is_local else cognito.Mfa.REQUIRED,
            mfa_second_factor=None if settings.is_local else cognito.MfaSecondFactor(otp=True, sms=False),
            feature_plan=cognito.FeaturePlan.PLUS,
            standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        if key:
            self._prepare_for_a_replica(key)
        if domain:
            # A passkey that verifies its user is two factors in one; without this, Cognito would ask for another.
            self._template().web_authn_factor_configuration = "MULTI_FACTOR_WITH_USER_VERIFICATION"
        for rank, role in enumerate(Role):
            self.add_group(role.capitalize(), group_name=str(role), description=f"Users whose role is {role}", precedence=rank)
        self.app = self.add_client(
            "App",
            auth_flows=cognito.AuthFlow(admin_user_password=True, user_password=True)
            if settings.is_local
            else cognito.AuthFlow(user_srp=True, user=bool(domain)),
            disable_o_auth=True,
            generate_secret=False,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=Duration.hours(1),
            access_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.hours(12),
            read_attributes=cognito.ClientAttributes().with_custom_attributes(TENANT, HOUSEHOLD),
            # An empty list would mean every mutable attribute; the one named here grants nothing.
            write_attributes=cognito.ClientAttributes().with_standard_attributes(locale=True),
        )

    def _prepare_for_a_replica(self, key: kms.IKey) -> None:
        """Our multi-Region key and the issuer that both regions share. Both from the first day: a later issuer would void every token."""
        self._template().key_configuration = cognito.CfnUserPool.KeyConfigurationProperty(
            key_type="CUSTOMER_MANAGED_KEY", kms_key_arn=key.key_arn
        )
        self._template().issuer_configuration = cognito.CfnUserPool.IssuerConfigurationProperty(type="UPDATED")

    def _template(self) -> cognito.CfnUserPool:
        template: cognito.CfnUserPool = self.node.default_child
        return template
