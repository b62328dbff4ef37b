"""Packed arrays: header and arrays come back as they were, from exactly the bytes that were written, or not at all."""

from __future__ import annotations

import json
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from daymark.contracts import packed_arrays
from daymark.contracts.packed_arrays import pack, unpack
from daymark.core.errors import InvalidInput

TYPES = ("?", "u1", "<u2", "<u4", "<u8", "<i8", "<f8")
HEADER = {"name": "KO", "number": 7}
ARRAYS = {"x": np.array([1, -2], np.int64), "y": np.array([[True], [False], [True]])}
CONTENT = pack(b"TEST", 3, HEADER, ARRAYS)


def sealed(text: bytes, body: bytes, size: int | None = None) -> bytes:
    """An object put together by hand, as the layout says, its checksum right whatever it holds."""
    frame = zstandard.ZstdCompressor(level=1).compress(body)
    content = b"TEST" + struct.pack("<BII", 3, len(text), len(body) if size is None else size) + text + frame
    return content + struct.pack("<I", zlib.crc32(content))


def opened(content: bytes):
    return unpack(b"TEST", 3, content, "thing")


def test_the_layout_is_as_documented():
    version, header_bytes, body_bytes = struct.unpack_from("<BII", CONTENT, 4)
    header = CONTENT[13 : 13 + header_bytes]
    assert (CONTENT[:4], version) == (b"TEST", 3)
    assert json.loads(header) == {**HEADER, "arrays": [["x", "<i8", [2]], ["y", "|b1", [3, 1]]]}
    body = zstandard.ZstdDecompressor().decompress(CONTENT[13 + header_bytes : -4])
    # 1 and -2 as two's complement of eight bytes, lowest first; then three truth values of a byte.
    assert body == b"\x01" + bytes(7) + b"\xfe" + b"\xff" * 7 + b"\x01\x00\x01"
    assert (body_bytes, zlib.crc32(CONTENT[:-4])) == (19, struct.unpack("<I", CONTENT[-4:])[0])


def test_what_another_hand_wrote_is_read():
    header, arrays = opened(sealed(b'{"arrays":[["z","<u2",[2]]],"a":null}', b"\x01\x00\x00\x01"))
    assert header == {"a": None}
    assert {name: array.tolist() for name, array in arrays.items()} == {"z": [1, 256]}


shapes = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
some_arrays = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.sampled_from(TYPES).flatmap(lambda kind: arrays_of.arrays(kind, shapes)),
    max_size=4,
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
headers = st.dictionaries(st.text("abc", max_size=3), plain, max_size=4)


@settings(max_examples=150)
@given(headers, some_arrays)
def test_everything_comes_back_and_equal_states_give_equal_bytes(header, arrays):
    content = pack(b"TEST", 3, header, arrays)
    assert pack(b"TEST", 3, dict(reversed(header.items())), {name: array.copy() for name, array in arrays.items()}) == content
    header_again, arrays_again = opened(content)
    assert header_again == header
    assert list(arrays_again) == list(arrays)
    for name, array in arrays.items():
        assert (arrays_again[name].dtype, arrays_again[name].shape) == (array.dtype, array.shape)
        # Bit by bit: NaN and the two zeros as well.
        assert arrays_again[name].tobytes() == array.tobytes()


def test_arrays_that_were_read_cannot_be_written():
    _, arrays = opened(CONTENT)
    with pytest.raises(ValueError, match="read-only"):
        arrays["x"][0] = 5


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(2, np.float32),
        np.zeros(2, ">i8"),
        np.zeros(2, np.int32),
        np.zeros(2, np.complex128),
        np.array(["KO"]),
        np.array([None]),
        np.zeros(4, np.int64)[::2],
        np.zeros((2, 2), np.int64).T,
    ],
    ids=lambda array: array.dtype.str,
)
def test_other_arrays_are_refused_by_name(array):
    with pytest.raises(InvalidInput) as refused:
        pack(b"TEST", 3, {}, {"x": ARRAYS["x"], "odd": array})
    assert refused.value.field == "arrays.odd"


def test_a_header_that_is_no_plain_json_is_refused():
    with pytest.raises(InvalidInput):
        pack(b"TEST", 3, {"at": float("nan")}, {})


def test_damage_at_any_bit_and_any_other_length_is_refused():
    for bit in range(8 * len(CONTENT)):
        damaged = bytearray(CONTENT)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidInput):
            opened(bytes(damaged))
    for size in range(len(CONTENT)):
        with pytest.raises(InvalidInput):
            opened(CONTENT[:size])
    with pytest.raises(InvalidInput):
        opened(CONTENT + b"\0")


@pytest.mark.parametrize(
    ("magic", "version", "field"), [(b"OTHE", 3, "thing.magic"), (b"TEST", 2, "thing.version"), (b"TEST", 4, "thing.version")]
)
def test_another_kind_or_version_is_refused_by_name(magic, version, field):
    with pytest.raises(InvalidInput) as refused:
        unpack(magic, version, CONTENT, "thing")
    assert refused.value.field == field


def listed(*entries: object) -> bytes:
    return json.dumps({"arrays": entries}).encode()


NAUGHT = bytes(16)
FORGED = {
    "no object": sealed(b"[]", b""),
    "no header": sealed(b"", b""),
    "no list": sealed(b"{}", b""),
    "null": sealed(b"null", b""),
    "a number for a list": sealed(b'{"arrays":1}', b""),
    "not two but three": sealed(listed(["x", "<i8"]), NAUGHT),
    "no text": sealed(b'{"arrays":[["x","\xff",[2]]]}', NAUGHT),
    "an object type": sealed(listed(["x", "|O", [2]]), NAUGHT),
    "a text type": sealed(listed(["x", "<U4", [1]]), NAUGHT),
    "a structure": sealed(listed(["x", "i8,i8", [1]]), NAUGHT),
    "half a structure": sealed(listed(["x", "(2,", [1]]), NAUGHT),
    "a type that is no text": sealed(listed(["x", 8, [2]]), NAUGHT),
    "two negative lengths": sealed(listed(["x", "<i8", [-1, -2]]), NAUGHT),
    "a length left open": sealed(listed(["x", "<i8", [-1]]), NAUGHT),
    "none by open": sealed(listed(["x", "<i8", [0, -1]]), b""),
    "an infinite length": sealed(b'{"arrays":[["x","<i8",[1e999]]]}', NAUGHT),
    "half a row": sealed(listed(["x", "<i8", [1.5]]), NAUGHT[:8]),
    "a truth as length": sealed(listed(["x", "<i8", [True]]), NAUGHT[:8]),
    "a length as text": sealed(listed(["x", "<i8", ["2"]]), NAUGHT),
    "lengths as text": sealed(listed(["x", "<i8", "2"]), NAUGHT),
    "lengths as an empty text": sealed(listed(["x", "<i8", ""]), NAUGHT[:8]),
    "no length": sealed(listed(["x", "<i8", None]), NAUGHT),
    "a name that is none": sealed(listed([None, "<i8", [2]]), NAUGHT),
    "one name twice": sealed(listed(["x", "<i8", [1]], ["x", "<i8", [1]]), NAUGHT),
    "too many dimensions": sealed(listed(["x", "<i8", [1] * 99]), NAUGHT[:8]),
    "longer than an array can be": sealed(listed(["x", "<i8", [0, 2**70]]), b""),
    "more than there is": sealed(listed(["x", "<i8", [3]]), NAUGHT),
    "far more than there is": sealed(listed(["x", "<i8", [2**62, 2**62]]), NAUGHT),
    "less than there is": sealed(listed(["x", "<i8", [1]]), NAUGHT),
    "a deep header": sealed(b'{"arrays":' + b"[" * 100_000, b""),
    "a size that is not the body's": sealed(listed(["x", "<i8", [2]]), NAUGHT, 8),
    "a size that no reader takes": sealed(listed(), b"", 2**32 - 1),
}


@pytest.mark.parametrize("content", FORGED.values(), ids=FORGED.keys())
def test_what_no_writer_wrote_is_refused_although_its_checksum_is_right(content):
    with pytest.raises(InvalidInput):
        opened(content)


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from(["arrays", "a"]), plain, max_size=2)
    | st.lists(
        st.tuples(st.text(max_size=2), st.sampled_from((*TYPES, "|b1", "|u1", "O")), st.lists(st.integers(-2, 3), max_size=3)), max_size=3
    ).map(lambda entries: {"arrays": entries}),
    st.binary(max_size=24),
)
def test_whatever_stands_under_a_right_checksum_is_read_or_refused(header, body):
    with suppress(InvalidInput):
        opened(sealed(json.dumps(header).encode(), body))


@pytest.mark.parametrize("shape", [[-1], [-1, -2], [0, -1], [1.5], ["2"]])
def test_lengths_that_are_none_are_the_headers_fault(shape):
    with pytest.raises(InvalidInput) as refused:
        opened(sealed(listed(["x", "<i8", shape]), NAUGHT))
    assert refused.value.field == "thing.header"


@pytest.mark.parametrize(
    ("more", "field"), [(0, "thing.body"), (1, "thing.body_bytes"), (4, "thing.body_bytes"), (1000, "thing.body_bytes")]
)
def test_a_header_longer_than_the_object_is_refused_by_its_size(more, field):
    """One that reaches up to the checksum is a header; then the frame is missing."""
    text = listed()
    content = b"TEST" + struct.pack("<BII", 3, len(text) + more, 0) + text
    with pytest.raises(InvalidInput) as refused:
        opened(content + struct.pack("<I", zlib.crc32(content)))
    assert refused.value.field == field


def test_an_object_of_no_header_and_no_frame_is_refused_for_its_header():
    content = b"TEST" + struct.pack("<BII", 3, 0, 0)
    with pytest.raises(InvalidInput) as refused:
        opened(content + struct.pack("<I", zlib.crc32(content)))
    assert refused.value.field == "thing.header"


def test_a_size_beyond_the_bound_is_refused_before_anything_is_decompressed(monkeypatch):
    monkeypatch.setattr(packed_arrays, "MAX_BODY_BYTES", 16)
    content = sealed(listed(["x", "<i8", [2]]), NAUGHT)
    assert opened(content)[1]["x"].tolist() == [0, 0]
    monkeypatch.setattr(packed_arrays, "MAX_BODY_BYTES", 15)
    monkeypatch.setattr(packed_arrays, "decompress_frame", lambda *_: pytest.fail("decompressed"))
    with pytest.raises(InvalidInput) as refused:
        opened(content)
    assert refused.value.field == "thing.body_bytes"


def test_the_bound_is_one_gibibyte():
    with pytest.raises(InvalidInput) as refused:
        opened(sealed(listed(), b"", 1_073_741_825))
    assert refused.value.field == "thing.body_bytes"
    with pytest.raises(InvalidInput) as refused:
        opened(sealed(listed(), b"", 1_073_741_824))
    assert refused.value.field == "thing.body"
