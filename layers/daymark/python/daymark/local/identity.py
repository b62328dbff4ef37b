"""The sample book's users in the local user pool: one password per workspace, made here, never in code."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

import boto3
from botocore.exceptions import ClientError

from daymark.core.errors import NotFound
from daymark.core.tenancy import Principal
from daymark.local.workspace import ACCOUNT, REGION, SECRET, Workspace


class Identity:
    """Creates users in the deployed pool and signs them in."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._passwords = workspace.home / "passwords.json"
        outputs = workspace.outputs()
        self._pool, self._client_id = outputs["UserPoolId"], outputs["UserPoolClientId"]
        # Told everything about where to go: passwords must reach this workspace's pool, whatever the caller's environment says.
        self._cognito = boto3.client(
            "cognito-idp",
            endpoint_url=workspace.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key=SECRET,
        )

    def create(self, users: Sequence[Principal]) -> None:
        """Create every user that does not exist, with tenant, household, role group and a fresh password."""
        passwords = self._known_passwords()
        for user in users:
            attributes = [{"Name": "custom:tenant", "Value": user.tenant}]
            if user.household_id:
                attributes.append({"Name": "custom:household", "Value": user.household_id})
            try:
                self._cognito.admin_create_user(
                    UserPoolId=self._pool, Username=user.user_id, UserAttributes=attributes, MessageAction="SUPPRESS"
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "UsernameExistsException":
                    raise
            password = passwords.setdefault(user.user_id, f"Dm1!{secrets.token_urlsafe(18)}")
            self._cognito.admin_set_user_password(UserPoolId=self._pool, Username=user.user_id, Password=password, Permanent=True)
            self._cognito.admin_add_user_to_group(UserPoolId=self._pool, Username=user.user_id, GroupName=user.role.value)
        self._passwords.touch(mode=0o600)
        self._passwords.write_text(json.dumps(passwords, indent=1, sort_keys=True))

    def token(self, user_id: str) -> str:
        """Sign a user in and return the ID token that the REST API takes.

        Raises:
            NotFound: no such user; the context lists who there is.
        """
        passwords = self._known_passwords()
        if user_id not in passwords:
            raise NotFound(f"no user {user_id}: one of {', '.join(sorted(passwords))}", field="user")
        answer = self._cognito.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=self._client_id,
            AuthParameters={"USERNAME": user_id, "PASSWORD": passwords[user_id]},
        )
        return str(answer["AuthenticationResult"]["IdToken"])

    def users(self) -> list[str]:
        """Every user name this workspace can sign in, sorted."""
        return sorted(self._known_passwords())

    def _known_passwords(self) -> dict[str, str]:
        return dict(json.loads(self._passwords.read_text())) if self._passwords.is_file() else {}
