"""The users of one region: tenant and household are written once by an administrator, the role is the one group."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from cdk.settings import DeploymentSettings
from daymark.core.tenancy import Role

TENANT, HOUSEHOLD = "tenant", "household"


class DaymarkUserPool(cognito.UserPool):
    """Users are created by administrators only. Passwords alone do nowhere but in the embedded cloud."""

    def __init__(self, scope: Construct, construct_id: str, settings: DeploymentSettings) -> None:
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
            ),
            mfa=cognito.Mfa.OFF if settings.is_local else cognito.Mfa.REQUIRED,
            mfa_second_factor=None if settings.is_local else cognito.MfaSecondFactor(otp=True, sms=False),
            feature_plan=cognito.FeaturePlan.PLUS,
            standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        for rank, role in enumerate(Role):
            self.add_group(role.capitalize(), group_name=str(role), description=f"Users whose role is {role}", precedence=rank)
        self.app = self.add_client(
            "App",
            auth_flows=cognito.AuthFlow(admin_user_password=True, user_password=True)
            if settings.is_local
            else cognito.AuthFlow(user_srp=True),
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
