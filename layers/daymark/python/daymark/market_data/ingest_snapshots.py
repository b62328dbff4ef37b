"""Snapshots of a lane: its position and every number of its state in one checked object, so that no part can be newer than another.

Layout (little-endian)::

    "DMIS" version:u8 header_bytes:u32 body_bytes:u32 | header: canonical JSON | body: one Zstandard frame of ``body_bytes``, the arrays
    of ``Lane.arrays`` one after the other | crc32:u32 of everything before it
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np

from daymark.contracts.compression import compress, decompress_frame
from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput
from daymark.market_data.ingest_lane import Account, Lane

MAGIC = b"DMIS"
VERSION = 1
_PREFIX = struct.Struct("<4sBII")
_CHECKSUM = struct.Struct("<I")
_LEVEL = 1


def encode_snapshot(lane: Lane) -> bytes:
    """The lane's state as one object; equal states give equal bytes."""
    header = canonical_json({**_identity(lane), "position": str(lane.position), "account": asdict(lane.account)}).encode("utf-8")
    arrays = [array.tobytes() for array in lane.arrays().values()]
    size = sum(len(array) for array in arrays)
    content = _PREFIX.pack(MAGIC, VERSION, len(header), size) + header + compress(arrays, size, _LEVEL)
    return content + _CHECKSUM.pack(zlib.crc32(content))


def restore_snapshot(lane: Lane, content: bytes, version: str) -> None:
    """Bring a new lane into the state that a snapshot holds.

    Args:
        lane: A lane that has taken nothing yet.
        content: What :func:`encode_snapshot` gave.
        version: Under which it is stored.

    Raises:
        InvalidInput: damaged, of a version not known, or of another session, lane, set of symbols or of publishers.
    """
    header, body = _opened(content)
    for name, value in _identity(lane).items():
        if header.get(name) != value:
            raise InvalidInput(f"the snapshot is of another {name}: {header.get(name)!r}", field=f"snapshot.{name}")
    arrays = lane.arrays()
    if len(body) != sum(array.nbytes for array in arrays.values()):
        raise InvalidInput("the snapshot's arrays have another length", field="snapshot.body_bytes")
    place = 0
    for array in arrays.values():
        array[...] = np.frombuffer(body, array.dtype, array.size, place).reshape(array.shape)
        place += array.nbytes
    lane.position, lane.account = int(header["position"]), Account(**header["account"])
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


def _opened(content: bytes) -> tuple[dict[str, Any], bytes]:
    if len(content) < _PREFIX.size + _CHECKSUM.size or content[: len(MAGIC)] != MAGIC:
        raise InvalidInput(f"a snapshot begins with {MAGIC!r} and has a header", field="snapshot.magic")
    _, version, header_bytes, body_bytes = _PREFIX.unpack_from(content)
    if version != VERSION:
        raise InvalidInput(f"snapshot version {version} is not known; this reader knows {VERSION}", field="snapshot.version")
    if zlib.crc32(memoryview(content)[: -_CHECKSUM.size]) != _CHECKSUM.unpack_from(content, len(content) - _CHECKSUM.size)[0]:
        raise InvalidInput("the snapshot does not match its checksum", field="snapshot.checksum")
    start = _PREFIX.size + header_bytes
    header = json.loads(content[_PREFIX.size : start])
    return header, decompress_frame(content[start : -_CHECKSUM.size], body_bytes, "snapshot.body")
