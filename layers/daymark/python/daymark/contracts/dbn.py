"""Files and streams of the Databento Binary Encoding, plain or Zstandard, read into NumPy records and written from them.

Layouts stand in ``dbn_records``, the opening metadata in ``dbn_metadata``. A file of one record type is viewed, not copied; a
mixed one is split by type. Versions 1 to 3 are read and written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from daymark.contracts.compression import compress, decompress, is_compressed
from daymark.contracts.dbn_metadata import DbnMetadata, decode_metadata, encode_metadata
from daymark.contracts.dbn_records import WORD, Records, RecordType, record_dtype
from daymark.core.errors import InvalidInput

MAX_DECOMPRESSED_BYTES = 1 << 30
_HEADER_BYTES = 16
_KNOWN = frozenset(int(kind) for kind in RecordType)


@dataclass(frozen=True)
class DbnFile:
    """A file's content.

    Attributes:
        records: ``(n,)`` structured array by record type, read-only, in the file's order; no empty ones. The order between types is
            told by the records' times.
        aside: Bytes of every record of a type that is not read into columns, by the type's number, in the file's order.
    """

    metadata: DbnMetadata
    records: Mapping[RecordType, Records]
    aside: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)

    @property
    def kept_aside(self) -> int:
        """How many records were not read into columns."""
        return sum(len(records) for records in self.aside.values())


def read_dbn(content: bytes, *, max_bytes: int = MAX_DECOMPRESSED_BYTES) -> DbnFile:
    """Read a file; when one record type fills it, its records are a view of ``content`` (or of what was decompressed).

    Args:
        content: Metadata and records, plain or as Zstandard frames; which of the two shows in the first bytes.
        max_bytes: The most that a compressed file may hold.

    Raises:
        InvalidInput: not DBN, damaged or cut short anywhere, a length that does not fit its record type; the field is named.
    """
    if is_compressed(content):
        content = decompress(content, max_bytes, "content")
    metadata, start = decode_metadata(content)
    one = _of_one_type(content, start, metadata.ts_out)
    if one is not None:
        return DbnFile(metadata, one)
    return _mixed(metadata, content, start)


def _of_one_type(content: bytes, start: int, ts_out: bool) -> Mapping[RecordType, Records] | None:
    """The whole of the records as a view, when they all have the first one's type and length and that is known."""
    mark = content[start + 1 : start + 2]
    if not mark or mark[0] not in _KNOWN:
        return None
    kind = RecordType(mark[0])
    dtype = record_dtype(kind, ts_out)
    if (len(content) - start) % dtype.itemsize:
        return None
    records = np.frombuffer(content, dtype, offset=start)
    if (records["length"] != dtype.itemsize // WORD).any() or (records["rtype"] != kind).any():
        return None
    return {kind: records}


def _mixed(metadata: DbnMetadata, content: bytes, start: int) -> DbnFile:
    places = _places(content, start)
    types = np.frombuffer(content, np.uint8)[places + 1]
    records: dict[RecordType, Records] = {}
    aside: dict[int, tuple[bytes, ...]] = {}
    for number in np.unique(types).tolist():
        at = places[types == number]
        if number in _KNOWN:
            records[RecordType(number)] = _gathered(content, at, RecordType(number), metadata.ts_out)
        else:
            aside[number] = tuple(content[place : place + content[place] * WORD] for place in at.tolist())
    return DbnFile(metadata, records, aside)


def _places(content: bytes, start: int) -> npt.NDArray[np.int64]:
    """Where each record begins. Each record's length leads to the next one, so this is walked, not computed at once."""
    places: list[int] = []
    place, end = start, len(content)
    while place < end:
        size = content[place] * WORD
        if size < _HEADER_BYTES:
            raise _at("a record has at least its 16 bytes of header", len(places), "length", size=size)
        if place + size > end:
            raise _at(f"the content ends {place + size - end} bytes before the record does", len(places), "length", size=size)
        places.append(place)
        place += size
    return np.array(places, np.int64)


def _gathered(content: bytes, at: npt.NDArray[np.int64], kind: RecordType, ts_out: bool) -> Records:
    dtype = record_dtype(kind, ts_out)
    octets = np.frombuffer(content, np.uint8)
    wrong = np.flatnonzero(octets[at] != dtype.itemsize // WORD)
    if wrong.size:
        size = int(octets[at[wrong[0]]]) * WORD
        message = f"a record of type {kind.name} has {dtype.itemsize} bytes, this one says {size}"
        raise InvalidInput(message, field=f"records.{kind.name}[{wrong[0]}].length", size=size)
    records = np.ascontiguousarray(octets[at[:, np.newaxis] + np.arange(dtype.itemsize)]).view(dtype)[:, 0]
    records.flags.writeable = False
    return records


def _at(message: str, record: int, name: str, **context: int) -> InvalidInput:
    return InvalidInput(message, field=f"records[{record}].{name}", **context)


def write_dbn(metadata: DbnMetadata, records: Iterable[Records], *, level: int | None = None) -> bytes:
    """A file of these records, one array after the other; with a ``level`` as one Zstandard frame.

    Raises:
        InvalidInput: an array is of no layout that the metadata allows, or its lengths or types do not say so; the field is named.
    """
    arrays = list(records)
    for place, array in enumerate(arrays):
        _check_writable(array, metadata.ts_out, f"records[{place}]")
    sections = [encode_metadata(metadata), *(array.tobytes() for array in arrays)]
    if level is None:
        return b"".join(sections)
    return compress(sections, sum(len(section) for section in sections), level)


def _check_writable(array: Records, ts_out: bool, name: str) -> None:
    if array.ndim != 1:
        raise InvalidInput(f"{name} must have one dimension, got shape {array.shape}", field=name)
    kinds = [kind for kind in RecordType if record_dtype(kind, ts_out) == array.dtype]
    if not kinds:
        raise InvalidInput(f"{name} has no layout of DBN{' with ts_out' if ts_out else ''}", field=name)
    if (array["length"] != array.dtype.itemsize // WORD).any():
        raise InvalidInput(f"{name}.length must be {array.dtype.itemsize // WORD}", field=f"{name}.length")
    if not np.isin(array["rtype"], kinds).all():
        raise InvalidInput(f"{name}.rtype must be one of {', '.join(kind.name for kind in kinds)}", field=f"{name}.rtype")
