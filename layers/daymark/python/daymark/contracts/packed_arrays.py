"""Packed arrays: a header and named arrays in one checked object, so that no part of a state can be newer than another.

Layout (little-endian)::

    magic:4 bytes version:u8 header_bytes:u32 body_bytes:u32 | header: canonical JSON | body: one Zstandard frame of ``body_bytes``,
    the arrays one after the other | crc32:u32 of everything before it

The header's own member ``arrays`` lists ``[name, type, shape]`` of each array in its order.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.contracts.compression import compress, decompress_frame
from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput

Arrays = Mapping[str, npt.NDArray[Any]]
_Listed = tuple[str, np.dtype[Any], tuple[int, ...]]

_PREFIX = struct.Struct("<4sBII")
_CHECKSUM = struct.Struct("<I")
_LEVEL = 1
_LISTED = "arrays"
_TYPES = frozenset({"|b1", "|u1", "<u2", "<u4", "<u8", "<i8", "<f8"})
# What a reader takes; it bounds the memory.
MAX_BODY_BYTES = 1 << 30


def pack(magic: bytes, version: int, header: Mapping[str, Any], arrays: Arrays) -> bytes:
    """The object; equal headers and arrays give equal bytes.

    Args:
        magic: Four bytes that say what it is.
        version: Of what the header and the arrays mean.
        header: Plain JSON data without a member ``arrays``.
        arrays: C-contiguous arrays of bool, unsigned or signed integers or doubles.

    Raises:
        InvalidInput: an array is of another type, or not contiguous.
    """
    listed = []
    for name, array in arrays.items():
        if array.dtype.str not in _TYPES or not array.flags.c_contiguous:
            raise InvalidInput(f"{name} must be a contiguous array of one of {', '.join(sorted(_TYPES))}", field=f"arrays.{name}")
        listed.append([name, array.dtype.str, list(array.shape)])
    text = canonical_json({**header, _LISTED: listed}).encode("utf-8")
    sections = [array.tobytes() for array in arrays.values()]
    size = sum(len(section) for section in sections)
    content = _PREFIX.pack(magic, version, len(text), size) + text + compress(sections, size, _LEVEL)
    return content + _CHECKSUM.pack(zlib.crc32(content))


def unpack(magic: bytes, version: int, content: bytes, field: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The header and the arrays of an object; the arrays are read-only views of one piece of memory.

    Args:
        magic: What it must begin with.
        version: The only one known.
        content: What :func:`pack` gave.
        field: How an error names it.

    Raises:
        InvalidInput: another kind or version, damaged, cut short, or arrays that do not fill the body.
    """
    if len(content) < _PREFIX.size + _CHECKSUM.size or content[: len(magic)] != magic:
        raise InvalidInput(f"a {field} begins with {magic!r} and has a header", field=f"{field}.magic")
    _, found, header_bytes, body_bytes = _PREFIX.unpack_from(content)
    if found != version:
        raise InvalidInput(f"{field} version {found} is not known; this reader knows {version}", field=f"{field}.version")
    if zlib.crc32(memoryview(content)[: -_CHECKSUM.size]) != _CHECKSUM.unpack_from(content, len(content) - _CHECKSUM.size)[0]:
        raise InvalidInput(f"the {field} does not match its checksum", field=f"{field}.checksum")
    start = _PREFIX.size + header_bytes
    if start > len(content) - _CHECKSUM.size or body_bytes > MAX_BODY_BYTES:
        raise InvalidInput(f"the {field} says a size that it cannot have", field=f"{field}.body_bytes")
    header, listed = _header(content[_PREFIX.size : start], field)
    body = decompress_frame(content[start : -_CHECKSUM.size], body_bytes, f"{field}.body")
    return header, _arrays(body, listed, field)


def require_int64(array: npt.NDArray[Any], field: str) -> None:
    """Refuse an array of any other type: what a writer meant by it is not known.

    Raises:
        InvalidInput: the array is not of int64; ``field`` names it.
    """
    if array.dtype != np.int64:
        raise InvalidInput(f"{field} must be int64, got {array.dtype}", field=field)


def _header(text: bytes, field: str) -> tuple[dict[str, Any], list[_Listed]]:
    try:
        header: dict[str, Any] = json.loads(text)
        listed = [_entry(*entry) for entry in header.pop(_LISTED)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InvalidInput(f"the {field}'s header cannot be read", field=f"{field}.header") from None
    if len({name for name, _, _ in listed}) < len(listed):
        raise InvalidInput(f"the {field}'s header lists an array twice", field=f"{field}.header")
    return header, listed


def _entry(name: Any, kind: Any, shape: Any) -> _Listed:
    if not isinstance(name, str) or kind not in _TYPES or not isinstance(shape, list):
        raise ValueError("no entry of an array")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError("an array's lengths are whole numbers from 0")
    return name, np.dtype(kind), tuple(shape)


def _arrays(body: bytes, listed: list[_Listed], field: str) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    place = 0
    for name, kind, shape in listed:
        count = math.prod(shape)
        try:
            # More than there is, and more dimensions or longer ones than an array can have.
            arrays[name] = np.frombuffer(body, kind, count, place).reshape(shape)
        except (ValueError, OverflowError):
            raise InvalidInput(f"the {field}'s array {name} does not fit its body", field=f"{field}.{name}") from None
        place += count * kind.itemsize
    if place != len(body):
        raise InvalidInput(f"{len(body) - place} bytes follow the {field}'s arrays", field=f"{field}.body_bytes")
    return arrays
