"""Snapshots of a lane: position and every number of its state in one object of packed arrays; no part can be newer than another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from daymark.contracts.packed_arrays import pack, unpack
from daymark.core.errors import InvalidInput
from daymark.market_data.ingest_lane import Account, Lane

MAGIC = b"DMIS"
VERSION = 1


def encode_snapshot(lane: Lane) -> bytes:
    """The lane's state as one object; equal states give equal bytes."""
    header = {**_identity(lane), "position": str(lane.position), "account": asdict(lane.account)}
    return pack(MAGIC, VERSION, header, lane.arrays())


def restore_snapshot(lane: Lane, content: bytes, version: str) -> None:
    """Bring a new lane into the state that a snapshot holds.

    Args:
        lane: A lane that has taken nothing yet.
        content: What :func:`encode_snapshot` gave.
        version: Under which it is stored.

    Raises:
        InvalidInput: damaged, of a version not known, of another session, lane, set of symbols or of publishers, or its arrays are not
            those of the lane; the lane is as it was.
    """
    header, arrays = unpack(MAGIC, VERSION, content, "snapshot")
    for name, value in _identity(lane).items():
        if header.get(name) != value:
            raise InvalidInput(f"the snapshot is of another {name}: {header.get(name)!r}", field=f"snapshot.{name}")
    state = lane.arrays()
    if {name: (array.dtype, array.shape) for name, array in arrays.items()} != {
        name: (array.dtype, array.shape) for name, array in state.items()
    }:
        raise InvalidInput("the snapshot's arrays are not those of the lane", field="snapshot.arrays")
    try:
        position, account = int(header["position"]), Account(**header["account"])
    except (ValueError, TypeError, KeyError, OverflowError):
        raise InvalidInput("the snapshot says no position or no account", field="snapshot.header") from None
    for name, array in state.items():
        array[...] = arrays[name]
    lane.position, lane.account = position, account
    lane.settle(version)


def _identity(lane: Lane) -> dict[str, Any]:
    session = lane.session
    return {
        "session_date": session.session_date.isoformat(),
        "lane": lane.name,
        "symbols": f"{lane.symbols.checksum:016x}",
        "publishers": list(session.publishers),
        "synthetic": session.synthetic,
    }
