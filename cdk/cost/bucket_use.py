"""Requests and gigabytes of each bucket in a month, as they stand at the end of the first year."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cdk.cost.live_path import KB, ZERO
from cdk.cost.load import GB, Load

# S3 leaves objects below this in the standard class; the others move after three months.
LEAST_MOVED_BYTES = 128 * 1024
MOVED_AFTER_MONTHS = Decimal(3)
# An earlier version of a board or snapshot ends one to two days after it was replaced; snapshots themselves after thirty.
VERSION_DAYS = Decimal("1.5")
SNAPSHOT_SESSIONS = 21


@dataclass(frozen=True, slots=True)
class BucketUse:
    """A bucket's month.

    Attributes:
        gets: GET and HEAD requests.
        standard_gb: Mean size in the standard class.
        written_gb: Put in the month.
        why: What the figures rest on.
        archive_gb: Mean size in the archive class.
        moved: Objects that go there in the month.
    """

    puts: Decimal
    gets: Decimal
    standard_gb: Decimal
    written_gb: Decimal
    why: str
    archive_gb: Decimal = ZERO
    moved: Decimal = ZERO


def bucket_use(path: str, load: Load) -> BucketUse:
    """The use of a bucket by its construct's name; one that no rule knows holds a little."""
    uses: Mapping[str, Callable[[Load], BucketUse]] = {
        "Ticks": _ticks,
        "Live": _live,
        "Documents": _documents,
        "Prices": _prices,
        "Seals": _seals,
        "Logs": _logs,
    }
    if path in uses:
        return uses[path](load)
    said = load.said
    return BucketUse(Decimal(1000), Decimal(1000), said["other_bucket_gb"], ZERO, said.bases["other_bucket_gb"])


def _ticks(load: Load) -> BucketUse:
    """One object a record, kept for seven years."""
    ticks = load.live.ticks
    puts, months = ticks.records * load.seconds, load.said["months_kept"]
    written = puts * ticks.record_bytes / GB
    moves = ticks.record_bytes >= LEAST_MOVED_BYTES
    fresh = min(months, MOVED_AFTER_MONTHS) if moves else months
    why = f"one object of {ticks.record_bytes / KB:.1f} KB a record; {'archived after 90 days' if moves else 'too small to be archived'}"
    return BucketUse(puts, ZERO, written * fresh, written, why, written * (months - fresh), puts if moves else ZERO)


def _live(load: Load) -> BucketUse:
    """Snapshots and boards are looked at before, and replaced after, every batch."""
    live, said = load.live, load.said
    puts = (live.lane_saves + live.board_saves) * load.seconds
    pushed = live.board_saves * load.seconds if live.watchers else ZERO
    books = live.boards * load.sessions
    bytes_put = (live.lane_saves * live.lane_bytes + live.board_saves * live.board_bytes) * load.seconds
    versions = bytes_put * VERSION_DAYS / said["days_a_month"]
    present = live.boards * live.board_bytes * (1 + load.sessions * said["months_kept"])
    snapshots = Decimal(load.deployed.groups) * live.lane_bytes * SNAPSHOT_SESSIONS
    snapshot, board = f"snapshots of {live.lane_bytes / KB:.1f} KB", f"boards of {live.board_bytes / KB:.1f} KB"
    why = f"{live.lane_saves:.0f} {snapshot} and {live.board_saves:.0f} {board} a second"
    return BucketUse(puts + books, puts + pushed, (versions + present + snapshots) / GB, bytes_put / GB, why)


def _documents(load: Load) -> BucketUse:
    """Two reports of each portfolio and a backup of each tenant a session."""
    said, portfolios = load.said, load.scale.portfolios
    puts = load.sessions * (2 * portfolios + 2 * said["tenants"] + 2)
    written = load.sessions * portfolios * (said["documents_kb"] + said["backup_kb"]) * KB / GB
    why = "two reports a portfolio and session, two objects of a tenant's backup; kept for a year"
    return BucketUse(puts, load.sessions * 2 * said["tenants"] + load.requests / 10, written * said["months_kept"], written, why)


def _prices(load: Load) -> BucketUse:
    calls = sum((load.calls(name).count for name in ("check_prices", "assess_risk", "propose_trades", "value_portfolios")), ZERO)
    return BucketUse(load.sessions * 2, calls * 5, Decimal("0.1"), ZERO, "five objects read a task; a vendor file and closes a session")


def _seals(load: Load) -> BucketUse:
    sealed = load.sessions * (load.said["tenants"] + 1)
    return BucketUse(sealed, ZERO, sealed * load.said["months_kept"] * KB / GB, ZERO, "a root of each tenant a session")


def _logs(load: Load) -> BucketUse:
    """A line for each request to the other buckets; delivering it costs nothing."""
    others = [bucket_use(name, load) for name in ("Ticks", "Live", "Documents", "Prices", "Seals")]
    requests = sum((each.puts + each.gets for each in others), ZERO)
    kept = requests * load.said["access_log_bytes"] / GB * load.said["months_kept"]
    return BucketUse(ZERO, ZERO, kept, ZERO, "a line of each request to the other buckets, kept for 400 days; at the end of a year")
