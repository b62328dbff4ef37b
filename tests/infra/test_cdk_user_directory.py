"""Users of both regions: one pool and its replica, under one multi-Region key, with one issuer. Before there is a replica, that is said."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stage
from aws_cdk.assertions import Annotations, Match, Template

from cdk.identity_settings import IdentitySettings, UserDirectory
from cdk.settings import DeploymentSettings, Target
from cdk.stacks.identity import IdentityStack
from daymark.core.errors import InvalidInput
from tests.infra.conftest import ACCOUNT, PROJECT

EAST, WEST = "us-east-1", "us-west-2"
CONTEXT = json.loads((PROJECT / "cdk.json").read_text())["context"]
KEY = f"arn:aws:kms:{EAST}:{ACCOUNT}:key/mrk-{'0123456789abcdef' * 2}"
PARTS = {"pool": "us-east-1_AbCdEf123", "client": "1h57kf5cpq17m0eml12example", "key": KEY}
COGNITO = {"cognito-idp.amazonaws.com", "identitystore.amazonaws.com"}


class Identities:
    """The identity stacks of both regions alone."""

    def __init__(self, folder: Path, identity: IdentitySettings) -> None:
        app = App(analytics_reporting=False, tree_metadata=False, outdir=str(folder), context=CONTEXT)
        settings = DeploymentSettings(ACCOUNT, date(2026, 11, 22), Target.CLOUD, identity=identity)
        self.stacks = {}
        for region in settings.regions:
            self.stacks[region] = IdentityStack(Stage(app, region, env=settings.environment(region)), settings)
        self.templates = {region: Template.from_stack(stack) for region, stack in self.stacks.items()}

    def of(self, kind: str, region: str) -> list[dict[str, Any]]:
        return [body["Properties"] for body in self.templates[region].find_resources(kind).values()]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    """The secondary region knows of the primary's pool."""
    return Identities(tmp_path_factory.mktemp("together"), IdentitySettings(UserDirectory(**PARTS)))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    """The first deployment: there is no pool to know of; users sign in by passkeys too."""
    return Identities(tmp_path_factory.mktemp("apart"), IdentitySettings(passkey_domain="app.example.com"))


def test_the_pool_stands_in_the_primary_region_and_is_replicated_to_the_secondary(together):
    assert len(together.of("AWS::Cognito::UserPool", EAST)) == 1
    assert together.of("AWS::Cognito::UserPool", WEST) == together.of("AWS::Cognito::UserPoolClient", WEST) == []
    (replica,) = together.of("AWS::Cognito::UserPoolReplica", EAST)
    assert replica["RegionName"] == WEST
    assert replica["UserPoolId"]["Ref"].startswith("Users")
    assert together.of("AWS::Cognito::UserPoolReplica", WEST) == []


def test_the_secondary_asks_its_own_regions_pool_and_takes_the_issuer_that_both_have(together):
    west = together.stacks[WEST]

    assert west.pool.user_pool_arn == f"arn:aws:cognito-idp:{WEST}:{ACCOUNT}:userpool/us-east-1_AbCdEf123"
    assert west.clients == {"https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123": "1h57kf5cpq17m0eml12example"}
    east = json.dumps(together.templates[EAST].to_json()["Outputs"]["UserPoolIssuer"])
    assert "https://issuer-cognito-idp.us-east-1.amazonaws.com/" in east
    (pool,) = together.of("AWS::Cognito::UserPool", EAST)
    assert pool["IssuerConfiguration"] == {"Type": "UPDATED"}


def test_what_replication_asks_of_a_pool_is_there_from_the_first_day(apart, together):
    for each in (apart, together):
        (pool,) = each.of("AWS::Cognito::UserPool", EAST)
        (key,) = each.of("AWS::KMS::Key", EAST)
        assert pool["UserPoolTier"] == "PLUS"
        assert pool["KeyConfiguration"]["KeyType"] == "CUSTOMER_MANAGED_KEY"
        assert pool["KeyConfiguration"]["KmsKeyArn"]["Fn::GetAtt"][0].startswith("DirectoryKey")
        assert (key["MultiRegion"], key["EnableKeyRotation"]) == (True, True)


def test_the_key_of_the_secondary_is_the_primarys_and_stays(together):
    (found,) = together.templates[WEST].find_resources("AWS::KMS::ReplicaKey").values()

    assert found["Properties"]["PrimaryKeyArn"] == KEY
    assert found["DeletionPolicy"] == found["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize(("region", "kind"), [(EAST, "AWS::KMS::Key"), (WEST, "AWS::KMS::ReplicaKey")])
def test_the_key_is_for_cognito_and_this_accounts_pools_alone(together, region, kind):
    (key,) = together.of(kind, region)
    administrators, *others = key["KeyPolicy"]["Statement"]
    pools = f"arn:aws:cognito-idp:*:{ACCOUNT}:userpool/*"

    assert administrators["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    for statement in others:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        condition = statement["Condition"]
        if statement["Principal"] == {"AWS": "*"}:
            through = {"kms:ViaService": f"cognito-idp.{region}.amazonaws.com", "kms:CallerAccount": ACCOUNT}
            assert condition["StringEquals"] == through
        else:
            assert set(statement["Principal"]["Service"]) == COGNITO
            assert condition["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
            assert condition["ArnLike"] == {"aws:SourceArn": pools}
        if "kms:Decrypt" in actions:
            assert condition["StringLike"] == {"kms:EncryptionContext:aws:cognito-idp:userpool-arn": pools}
    assert len(others) == 4


def test_without_a_replica_each_region_says_whose_users_it_has(apart, together):
    said = Match.string_like_regexp("The users of this region are its own")
    Annotations.from_stack(apart.stacks[WEST]).has_warning("*", said)
    for stack in (apart.stacks[EAST], *together.stacks.values()):
        assert Annotations.from_stack(stack).find_warning("*", said) == []
    assert len(apart.of("AWS::Cognito::UserPool", WEST)) == 1
    assert apart.of("AWS::Cognito::UserPoolReplica", EAST) == []


def test_a_passkey_counts_as_two_factors_because_it_verifies_its_user(apart, together):
    (pool,) = apart.of("AWS::Cognito::UserPool", EAST)
    (client,) = apart.of("AWS::Cognito::UserPoolClient", EAST)

    assert (pool["WebAuthnRelyingPartyID"], pool["WebAuthnUserVerification"]) == ("app.example.com", "required")
    assert pool["WebAuthnFactorConfiguration"] == "MULTI_FACTOR_WITH_USER_VERIFICATION"
    assert pool["Policies"]["SignInPolicy"] == {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}
    assert set(client["ExplicitAuthFlows"]) == {"ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
    # Without a domain of the application there is nothing that a passkey could be bound to.
    (without,) = together.of("AWS::Cognito::UserPool", EAST)
    assert not [name for name in without if name.startswith("WebAuthn")]


@pytest.mark.parametrize("which", ["apart", "together"])
def test_the_pools_settings(request, which):
    (pool,) = request.getfixturevalue(which).of("AWS::Cognito::UserPool", EAST)
    (client,) = request.getfixturevalue(which).of("AWS::Cognito::UserPoolClient", EAST)
    password = pool["Policies"]["PasswordPolicy"]

    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("ON", ["SOFTWARE_TOKEN_MFA"])
    assert pool["UserPoolAddOns"] == {"AdvancedSecurityMode": "ENFORCED"}
    assert pool["DeletionProtection"] == "ACTIVE"
    # Nobody but an administrator gives a user a new password.
    assert pool["AccountRecoverySetting"]["RecoveryMechanisms"] == [{"Name": "admin_only", "Priority": 1}]
    assert (password["MinimumLength"], password["PasswordHistorySize"], password["TemporaryPasswordValidityDays"]) == (12, 24, 3)
    assert all(password[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))
    units = client["TokenValidityUnits"]
    assert (client["IdTokenValidity"], client["AccessTokenValidity"], client["RefreshTokenValidity"]) == (60, 60, 720)
    assert set(units.values()) == {"minutes"}
    assert client["EnableTokenRevocation"] is True
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def read(**context: Any) -> IdentitySettings:
    return DeploymentSettings.read((CONTEXT | context).get, {"CDK_DEFAULT_ACCOUNT": ACCOUNT}).identity


def test_the_directory_is_read_from_the_context_however_it_is_written():
    assert read() == IdentitySettings(None, None)
    assert read(user_directory=PARTS) == read(user_directory=json.dumps(PARTS)) == IdentitySettings(UserDirectory(**PARTS), None)
    assert read(passkey_domain="app.example.com").passkey_domain == "app.example.com"


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ({"user_directory": "us-east-1_AbCdEf123"}, "user_directory"),
        ({"user_directory": {"pool": PARTS["pool"]}}, "user_directory"),
        ({"user_directory": PARTS | {"pool": "pool"}}, "user_directory.pool"),
        ({"user_directory": PARTS | {"pool": "us-west-2_AbCdEf123"}}, "user_directory.pool"),
        ({"user_directory": PARTS | {"client": "-"}}, "user_directory.client"),
        ({"user_directory": PARTS | {"key": KEY.replace("us-east-1", "us-west-2")}}, "user_directory.key"),
        # A key of one region cannot be replicated: only a multi-Region key's id begins with mrk-.
        ({"user_directory": PARTS | {"key": KEY.replace("mrk-", "")}}, "user_directory.key"),
        ({"passkey_domain": "https://app.example.com"}, "passkey_domain"),
        ({"passkey_domain": "localhost"}, "passkey_domain"),
    ],
)
def test_a_directory_or_domain_that_is_none_is_refused_by_name(context, field):
    with pytest.raises(InvalidInput) as refused:
        read(**context)
    assert refused.value.field == field
