"""What API Gateway answers by itself, as problem details (RFC 9457): the same members that the functions answer with.

The gateway knows only templates of text, and takes ``application/json`` whatever the caller accepts; the media type is put on top. Its
own message is left out: "Missing Authentication Token" tells which routes there are, and why a token is bad is nobody's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_apigateway as apigateway

PROBLEM_JSON = "application/problem+json"
# The gateway counts in seconds, so after one there is room again.
RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class GatewayProblem:
    """One answer. Its code is the last part of the problem's type."""

    status: int
    title: str
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """The members, in the order in which the functions write them."""
        named: dict[str, object] = {"type": f"urn:daymark:problem:{self.code}", "title": self.title, "status": self.status}
        return named | {"detail": self.detail, "code": self.code}

    def text(self) -> str:
        """The body, byte for byte as a function would write it."""
        return json.dumps(self.body(), separators=(",", ":"))


_SIGN_IN = GatewayProblem(401, "Not signed in", "unauthenticated", "sign in with a valid ID token", {"WWW-Authenticate": "Bearer"})
_NOT_FOUND = GatewayProblem(404, "Not found", "not_found", "There is no such thing, or none that you may see.")
_TOO_MANY = GatewayProblem(
    429, "Too many requests", "rate_limited", "Too many calls at once. Call again later.", {"Retry-After": str(RETRY_SECONDS)}
)
_REFUSED = GatewayProblem(400, "Bad request", "invalid_input", "The gateway refused the request.")
_DENIED = GatewayProblem(403, "Not allowed", "forbidden", "The gateway refused the request.")
_INTERNAL = GatewayProblem(500, "Internal error", "internal", "Something went wrong on our side. The event is logged.")

# Every kind of answer the gateway has of its own, but for API keys and signatures, which this API does not use. A status on the two
# defaults holds for what is not listed, so theirs is true of whatever takes them.
PROBLEMS: Mapping[str, GatewayProblem] = {
    "ACCESS_DENIED": _DENIED,
    "API_CONFIGURATION_ERROR": _INTERNAL,
    "AUTHORIZER_CONFIGURATION_ERROR": _INTERNAL,
    "AUTHORIZER_FAILURE": _INTERNAL,
    "BAD_REQUEST_BODY": _REFUSED,
    "BAD_REQUEST_PARAMETERS": GatewayProblem(
        400, "Bad request", "invalid_input", "A header or path parameter that the route needs is missing."
    ),
    "DEFAULT_4XX": _REFUSED,
    "DEFAULT_5XX": _INTERNAL,
    "EXPIRED_TOKEN": _SIGN_IN,
    "INTEGRATION_FAILURE": GatewayProblem(502, "Try again later", "unavailable", "The service did not answer.", {"Retry-After": "5"}),
    "INTEGRATION_TIMEOUT": GatewayProblem(
        504, "Try again later", "unavailable", "The service did not answer in time.", {"Retry-After": "5"}
    ),
    # What the gateway says of a route or verb that is not deployed.
    "MISSING_AUTHENTICATION_TOKEN": _NOT_FOUND,
    "QUOTA_EXCEEDED": _TOO_MANY,
    "REQUEST_TOO_LARGE": GatewayProblem(413, "Request refused", "too_large", "The body is too large."),
    "RESOURCE_NOT_FOUND": _NOT_FOUND,
    "THROTTLED": _TOO_MANY,
    "UNAUTHORIZED": _SIGN_IN,
    "UNSUPPORTED_MEDIA_TYPE": GatewayProblem(415, "Request refused", "unsupported_media_type", "Bodies are application/json."),
    "WAF_FILTERED": _DENIED,
}


def answer_as_problems(api: apigateway.RestApi) -> None:
    """Have the API's own answers be problems."""
    for kind, problem in PROBLEMS.items():
        headers = {"Content-Type": PROBLEM_JSON, "Cache-Control": "no-store", **problem.headers}
        api.add_gateway_response(
            "".join(word.capitalize() for word in kind.split("_")),
            type=apigateway.ResponseType.of(kind),
            status_code=str(problem.status),
            response_headers={name: f"'{value}'" for name, value in headers.items()},
            templates={"application/json": problem.text()},
        )
