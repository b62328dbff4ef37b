"""The application behind API Gateway: a REST proxy event in, its answer out."""

from __future__ import annotations

from fastapi import FastAPI
from mangum import Mangum

from daymark.http.problem_details import MEDIA_TYPE


def behind_gateway(app: FastAPI) -> Mangum:
    """A Lambda handler for the application.

    Problem details are named as text, because what the adapter takes for binary it encodes in base64, and the gateway would
    hand that to the caller as it is.
    """
    return Mangum(app, lifespan="off", text_mime_types=["text/", "application/json", MEDIA_TYPE])
