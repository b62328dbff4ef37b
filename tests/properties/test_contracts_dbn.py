"""Laws of Databento files: what is written is read, whatever the order of types; no bytes at all break the reader."""

from contextlib import suppress
from datetime import date

import numpy as np
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.compression import decompress
from daymark.contracts.dbn import read_dbn, write_dbn
from daymark.contracts.dbn_metadata import DbnMetadata, MappingInterval, SymbolMapping, decode_metadata, encode_metadata
from daymark.contracts.dbn_records import RecordType, record_dtype
from daymark.core.errors import InvalidInput

U64 = st.integers(0, 2**64 - 2)
SYMBOL = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=21)
SYMBOLS = st.lists(SYMBOL, max_size=4).map(tuple)
DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
MAPPING = st.builds(SymbolMapping, SYMBOL, st.lists(st.builds(MappingInterval, DAYS, DAYS, SYMBOL), max_size=3).map(tuple))
METADATA = st.builds(
    DbnMetadata,
    dataset=SYMBOL.map(lambda text: text[:16]),
    start=U64,
    schema=st.none() | st.integers(0, 0xFFFE),
    end=st.none() | U64,
    limit=st.none() | st.integers(1, 2**64 - 1),
    stype_in=st.none() | st.integers(0, 0xFE),
    stype_out=st.integers(0, 0xFF),
    ts_out=st.booleans(),
    symbols=SYMBOLS,
    partial=SYMBOLS,
    not_found=SYMBOLS,
    mappings=st.lists(MAPPING, max_size=3).map(tuple),
    version=st.sampled_from([1, 2, 3]),
)


@st.composite
def arrays(draw, ts_out: bool):
    """Records of one type with any bytes behind length and type."""
    kind = draw(st.sampled_from(RecordType))
    dtype = record_dtype(kind, ts_out)
    rows = draw(st.lists(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize), min_size=1, max_size=4))
    records = np.frombuffer(b"".join(rows), dtype).copy()
    records["length"], records["rtype"] = dtype.itemsize // 4, kind
    return records


@given(METADATA)
@settings(max_examples=60)
def test_metadata_are_read_as_they_were_written(metadata):
    content = encode_metadata(metadata)
    assert decode_metadata(content) == (metadata, len(content))


@given(st.data(), st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=60)
def test_each_type_keeps_its_records_in_order(data, ts_out, level):
    written = data.draw(st.lists(arrays(ts_out), max_size=5))
    file = read_dbn(write_dbn(DbnMetadata("X", 0, ts_out=ts_out), written, level=level))
    expected: dict[int, bytes] = {}
    for records in written:
        kind = int(records["rtype"][0])
        expected[kind] = expected.get(kind, b"") + records.tobytes()
    assert {int(kind): records.tobytes() for kind, records in file.records.items()} == expected
    assert file.kept_aside == 0


@given(st.data(), METADATA)
@settings(max_examples=80)
def test_a_file_with_one_byte_changed_or_cut_is_read_or_refused_by_field(data, metadata):
    content = write_dbn(metadata, [data.draw(arrays(metadata.ts_out)) for _ in range(2)])
    place = data.draw(st.integers(0, len(content) - 1))
    damaged = bytearray(content[: data.draw(st.sampled_from([place, len(content)]))])
    if place < len(damaged):
        damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        read_dbn(bytes(damaged), max_bytes=1 << 20)
    except InvalidInput as error:
        assert error.field


@given(st.binary(max_size=300), st.sampled_from([b"", b"DBN", b"DBN\x03\x68\x00\x00\x00", b"\x28\xb5\x2f\xfd"]))
@settings(max_examples=100)
def test_no_bytes_at_all_break_the_reader(noise, start):
    with suppress(InvalidInput):
        read_dbn(start + noise, max_bytes=1 << 16)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=4), st.integers(0, 200))
@settings(max_examples=60)
def test_frames_are_decompressed_up_to_the_limit_and_not_beyond(parts, limit):
    content = b"".join(zstandard.ZstdCompressor(write_content_size=len(part) % 2 == 0).compress(part) for part in parts)
    whole = b"".join(parts)
    try:
        assert decompress(content, limit, "x") == whole
        assert len(whole) <= limit
    except InvalidInput as error:
        assert len(whole) > limit
        assert error.context["limit"] == limit
