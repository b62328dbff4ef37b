"""API Gateway's management of open WebSockets: posting to one and closing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import ClientError

from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.dynamodb.errors import translated
from daymark.core.errors import InvalidInput
from daymark.monitoring.ports import Gone

# The gateway takes no message above this.
MAX_POST_BYTES = 128 * 1024


def management_address(endpoint: str, environment: Mapping[str, str]) -> str:
    """Where open connections are managed.

    Args:
        endpoint: The stage's ``https`` address; or a path, which is taken below ``AWS_ENDPOINT_URL``: the embedded cloud
            serves every API from its one address, whose port no template knows.
        environment: The process's environment.

    Raises:
        InvalidInput: the endpoint is neither, or a path with nothing to take it below.

    >>> management_address("https://a1.execute-api.us-east-1.amazonaws.com/live", {})
    'https://a1.execute-api.us-east-1.amazonaws.com/live'
    >>> management_address("/_aws/execute-api/a1/live", {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    'http://127.0.0.1:4566/_aws/execute-api/a1/live'
    """
    if endpoint.startswith("https://"):
        return endpoint
    base = environment.get("AWS_ENDPOINT_URL", "")
    if not endpoint.startswith("/") or not base:
        raise InvalidInput("must be an https address, or a path below AWS_ENDPOINT_URL", field="websocket_endpoint")
    return f"{base.rstrip('/')}{endpoint}"


def public_address(endpoint: str, environment: Mapping[str, str]) -> str:
    """Where clients connect: the same stage, spoken to as a WebSocket.

    >>> public_address("https://a1.execute-api.us-east-1.amazonaws.com/live", {})
    'wss://a1.execute-api.us-east-1.amazonaws.com/live'
    """
    return f"ws{management_address(endpoint, environment).removeprefix('http')}"


def management_client(region: str, address: str, *, connect_seconds: float = 1.0, read_seconds: float = 3.0) -> Any:
    """A client for one stage's connections. One attempt per call: the courier retries, for as long as a message is worth it."""
    config = client_settings(region, connect_seconds, read_seconds, attempts=1)
    return boto3.client("apigatewaymanagementapi", endpoint_url=address, config=config)


class GatewayPoster:
    """``Poster`` over one stage of a WebSocket API."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def post(self, connection_id: str, text: str) -> None:
        """Send one message.

        Raises:
            Gone: the connection is closed.
            Unavailable: the gateway throttles or does not answer.
            InvalidInput: the message has more than 128 KiB.
        """
        content = text.encode()
        if len(content) > MAX_POST_BYTES:
            raise InvalidInput(f"a message of {len(content)} bytes is above the gateway's {MAX_POST_BYTES}", field="text")
        with _posting("posting to a connection"):
            self._client.post_to_connection(ConnectionId=connection_id, Data=content)

    def hang_up(self, connection_id: str) -> None:
        """Close a connection; one that is closed is let pass.

        Raises:
            Unavailable: the gateway throttles or does not answer.
        """
        try:
            with _posting("closing a connection"):
                self._client.delete_connection(ConnectionId=connection_id)
        except Gone:
            return


@contextmanager
def _posting(what: str) -> Iterator[None]:
    try:
        with translated(what):
            yield
    except ClientError as refused:
        answer: Mapping[str, Any] = refused.response
        code, status = answer.get("Error", {}).get("Code"), answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code == "GoneException" or status == 410:
            raise Gone("the connection is closed") from None
        raise
