"""Composition root of the functions that read or write files."""

from __future__ import annotations

import os
from functools import cache

from daymark.adapters.dynamodb.client import s3_client
from daymark.adapters.s3.documents import S3Documents

from .bootstrap import task_stores
from .settings import DocumentSettings


@cache
def documents() -> S3Documents:
    """The documents bucket, writing under the fence."""
    settings = DocumentSettings.from_environment(os.environ)
    return S3Documents(settings.documents_bucket, s3_client(settings.region), task_stores().fences)
