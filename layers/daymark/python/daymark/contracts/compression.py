"""Zstandard frames with the size of what comes out bounded before it is made: no small message fills the memory.

Source of the format: RFC 8878. A block of it holds at most 128 KiB and takes at least four bytes (a run of one byte), so a byte of
a frame becomes at most 32 KiB.
"""

from __future__ import annotations

from collections.abc import Iterable

import zstandard

from daymark.core.errors import InvalidInput

MAGIC = b"\x28\xb5\x2f\xfd"
_MOST_BYTES_FROM_ONE = 32 * 1024
_SMALLEST_STEP = 64


def is_compressed(content: bytes) -> bool:
    """Whether the content begins like a Zstandard frame."""
    return content[:4] == MAGIC


def compress(sections: Iterable[bytes], size: int, level: int) -> bytes:
    """One frame over sections of ``size`` bytes in all; every section begins a block of its own and so its own entropy table.

    The frame says its size.
    """
    frame = zstandard.ZstdCompressor(level=level).compressobj(size=size)
    parts = []
    for section in sections:
        parts.append(frame.compress(section))
        parts.append(frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
    parts.append(frame.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
    return b"".join(parts)


def decompress_frame(content: bytes, size: int, field: str) -> bytes:
    """The content of a frame that says its size.

    Raises:
        InvalidInput: damaged, cut short, followed by more, or not of ``size`` bytes; ``field`` is the one given.
    """
    try:
        said = zstandard.frame_content_size(content)
    except zstandard.ZstdError as error:
        raise InvalidInput(f"{field} cannot be decompressed: {error}", field=field) from None
    if said != size:
        raise InvalidInput(f"{field} is {size} bytes when decompressed, its frame says {said}", field=field)
    return decompress(content, size, field)


def decompress(content: bytes, max_bytes: int, field: str) -> bytes:
    """The content of one or more frames in a row, of at most ``max_bytes``; no more than twice that and 4 MiB is ever held.

    Raises:
        InvalidInput: damaged, cut short, or larger than ``max_bytes``; ``field`` is the one given.
    """
    try:
        size = zstandard.frame_content_size(content)
        if size > max_bytes:
            raise _too_large(field, max_bytes)
        if size > 0:
            # One frame that says its size takes one call. The library looks at what follows only when the size is known and not 0.
            return zstandard.ZstdDecompressor().decompress(content, allow_extra_data=False)
    except zstandard.ZstdError:
        # Several frames, or damage: the steps tell them apart.
        pass
    return _decompress_in_steps(content, max_bytes, field)


def _decompress_in_steps(content: bytes, max_bytes: int, field: str) -> bytes:
    parts: list[bytes] = []
    room, start = max_bytes, 0
    frames = zstandard.ZstdDecompressor()
    try:
        while start < len(content):
            frame = frames.decompressobj()
            while not frame.eof:
                if start >= len(content):
                    raise InvalidInput(f"{field} ends inside a Zstandard frame", field=field)
                # A step so small that even the densest frame cannot overshoot the room by more than the room.
                end = start + max(_SMALLEST_STEP, room // _MOST_BYTES_FROM_ONE)
                part = frame.decompress(content[start:end])
                start = min(end, len(content)) - len(frame.unused_data)
                room -= len(part)
                if room < 0:
                    raise _too_large(field, max_bytes)
                parts.append(part)
    except zstandard.ZstdError as error:
        raise InvalidInput(f"{field} cannot be decompressed: {error}", field=field) from None
    return b"".join(parts)


def _too_large(field: str, max_bytes: int) -> InvalidInput:
    return InvalidInput(f"{field} has more than {max_bytes} bytes when decompressed", field=field, limit=max_bytes)
