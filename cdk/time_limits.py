"""How long a record of a stream, or the opening of a session, may take at worst: the limits of the clients on its way, added up.

A batch ends with its first call that is given up, and its answer says from where it comes again. One that has more to do than its time
allows is stopped, comes again and is halved, down to one record. So what has to fit is one record alone whose calls all take as long as
they may, with whatever it does besides. Time-outs count silence: an answer that trickles in may take longer, and is then stopped too.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daymark.adapters.dynamodb.client import dynamodb_client, live_s3_client, s3_client
from daymark.adapters.events import events_client
from daymark.adapters.kinesis import kinesis_client
from daymark.adapters.redis_quotes import redis_client

# A cold start's collaborators, then decoding, judging and encoding a record of 1 MiB.
OWN_SECONDS = 15
# Buckets in the cloud, if nothing else is said.
BUCKETS = 256
# The clients wait before a retry: at most 1 s, then 2 s, 4 s, never above this.
_MOST_WAIT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of one client: how often a call is sent, and how long each time."""

    connect_seconds: float
    read_seconds: float
    attempts: int = 1

    @classmethod
    def of(cls, maker: Callable[..., Any]) -> CallLimits:
        """The limits of a client whose maker is told of none; one attempt, where its maker does not say how many."""
        said = {name: parameter.default for name, parameter in inspect.signature(maker).parameters.items()}
        return cls(said["connect_seconds"], said["read_seconds"], said.get("attempts", 1))

    @property
    def seconds(self) -> float:
        """The longest a call may take: every attempt unanswered, and the waits between them.

        >>> CallLimits(1.0, 5.0, attempts=2).seconds
        13.0
        """
        waits = sum(min(1 << retry, _MOST_WAIT_SECONDS) for retry in range(self.attempts - 1))
        return self.attempts * (self.connect_seconds + self.read_seconds) + waits


S3_SECONDS = CallLimits.of(live_s3_client).seconds
BUS_SECONDS = CallLimits.of(events_client).seconds
# Quote blocks are sent again five times by the stream's own adapter, after waits below 0.05, 0.1, 0.2, 0.4 and 0.8 s.
PUT_SECONDS = 6 * CallLimits.of(kinesis_client).seconds + 1.55


def cache_seconds() -> float:
    """The longest a merge may take: it is sent twice, and a cluster is asked for its nodes; each may connect, greet and ask."""
    said = inspect.signature(redis_client).parameters
    connect, answer = (float(said[name].default) for name in ("connect_seconds", "answer_seconds"))
    return 3 * (connect + 2 * answer)


# Objects of one record of ticks. A record whose object stands already is read to compare.
INGEST: Mapping[str, float] = {
    "the session": S3_SECONDS,
    "the lane: version and snapshot": 2 * S3_SECONDS,
    "archive: put and compare": 2 * S3_SECONDS,
    "quarantine: put and compare": 2 * S3_SECONDS,
    "hot quotes": cache_seconds(),
    "quote blocks of up to 500 buckets": PUT_SECONDS,
    "the lane's snapshot": S3_SECONDS,
    "its own work": OWN_SECONDS,
}
# Of one record of quotes. The first telling that fails is the batch's last.
MARKING: Mapping[str, float] = {
    "the session": S3_SECONDS,
    "the board: version and content": 2 * S3_SECONDS,
    "the book": S3_SECONDS,
    "quarantine: put and compare": 2 * S3_SECONDS,
    "the board's saving": S3_SECONDS,
    "telling": BUS_SECONDS,
    "its own work": OWN_SECONDS,
}
# A task ends with its first call that is given up: of each service one is, at most. The books are put one after the other.
OPENING: Mapping[str, float] = {
    "a table": CallLimits.of(dynamodb_client).seconds,
    "prices": CallLimits.of(s3_client).seconds,
    "the live bucket": S3_SECONDS,
    "a book for each bucket, at a tenth of a second": BUCKETS * 0.1,
    "its own work": OWN_SECONDS,
}


def limit(steps: Mapping[str, float]) -> int:
    """A time limit that holds all steps, in whole half minutes.

    >>> limit({"one": 20.0, "another": 10.5})
    60
    """
    return 30 * math.ceil(sum(steps.values()) / 30)


INGEST_SECONDS, MARK_SECONDS = limit(INGEST), limit(MARKING)
