"""Databento files: views not copies, every damage refused by the field it is in, no small file fills the memory."""

import struct
import tracemalloc
from datetime import date

import numpy as np
import pytest
import zstandard

from daymark.contracts.compression import compress, decompress, decompress_frame
from daymark.contracts.dates import date_from_number
from daymark.contracts.dbn import read_dbn, write_dbn
from daymark.contracts.dbn_metadata import DbnMetadata, MappingInterval, SymbolMapping, decode_metadata, encode_metadata
from daymark.contracts.dbn_records import MBP_1, RecordType, new_records
from daymark.core.errors import InvalidInput

DAY = date(2018, 2, 5)
PLAIN = DbnMetadata("XNAS.ITCH", 7)
FULL = DbnMetadata(
    "XNAS.ITCH", 7, symbols=("KO",), mappings=(SymbolMapping("KO", (MappingInterval(DAY, date(2018, 2, 6), "12"),)),)
)  # fmt: skip
# Places in a version 3 header, by hand: 3 magic + 1 version + 4 length, then dataset 16, schema 2, start, end, limit 8 each,
# stype_in 1, stype_out 1, ts_out 1, symbol length 2, reserved 53, schema definition length 4, then the counts.
DATASET, TS_OUT, SYMBOL_LENGTH, DEFINITION, SYMBOLS = 8, 52, 53, 108, 112


def trades(count: int):
    records = new_records(RecordType.TRADES, count)
    records["sequence"] = np.arange(count)
    return records


def refused(content: bytes, **options) -> str | None:
    with pytest.raises(InvalidInput) as error:
        read_dbn(content, **options)
    return error.value.field


def changed(content: bytes, place: int, by: bytes) -> bytes:
    return content[:place] + by + content[place + len(by) :]


@pytest.mark.parametrize("kind", RecordType)
@pytest.mark.parametrize("ts_out", [False, True])
def test_records_of_one_type_are_a_view_of_the_file(kind, ts_out):
    written = new_records(kind, 100, ts_out)
    written["ts_event"] = np.arange(100)
    content = write_dbn(DbnMetadata("X", 0, ts_out=ts_out), [written])
    records = read_dbn(content).records[kind]
    assert np.shares_memory(records, np.frombuffer(content, np.uint8))
    assert not records.flags.writeable
    np.testing.assert_array_equal(records, written)


def test_records_of_two_types_are_split_and_stand_in_order():
    two = new_records(RecordType.MBP_1, 2)
    content = write_dbn(PLAIN, [trades(2), two, trades(3)])
    file = read_dbn(content)
    assert file.records[RecordType.TRADES]["sequence"].tolist() == [0, 1, 0, 1, 2]
    assert len(file.records[RecordType.MBP_1]) == 2
    assert not file.records[RecordType.TRADES].flags.writeable


def test_a_type_nobody_knows_is_kept_with_its_bytes():
    unknown = bytes([4, 0x77]) + bytes(range(14))
    content = write_dbn(PLAIN, [trades(1)]) + unknown + trades(1).tobytes() + unknown
    file = read_dbn(content)
    assert file.aside == {0x77: (unknown, unknown)}
    assert file.kept_aside == 2
    assert len(file.records[RecordType.TRADES]) == 2


def test_a_file_without_records_has_none():
    file = read_dbn(write_dbn(FULL, []))
    assert (file.metadata, file.records, file.kept_aside) == (FULL, {}, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda content: b"", "metadata.magic"),
        (lambda content: changed(content, 0, b"DBX"), "metadata.magic"),
        (lambda content: content[:7], "metadata.length"),
        (lambda content: content[:4] + bytes(4), "metadata.fixed"),
        (lambda content: changed(content, 3, b"\x00"), "metadata.version"),
        (lambda content: changed(content, 3, b"\x04"), "metadata.version"),
        (lambda content: content[:60], "metadata.length"),
        (lambda content: changed(content, 4, struct.pack("<I", 2**32 - 1)), "metadata.length"),
        (lambda content: changed(content, 4, struct.pack("<I", 50)), "metadata.fixed"),
        (lambda content: changed(content, 4, struct.pack("<I", 102)), "metadata.schema_definition_length"),
        (lambda content: changed(content, 4, struct.pack("<I", 104)), "metadata.symbols"),
        (lambda content: changed(content, DATASET, b"\xff"), "metadata.dataset"),
        (lambda content: changed(content, DATASET + 12, b"x"), "metadata.dataset"),
        (lambda content: changed(content, TS_OUT, b"\x02"), "metadata.ts_out"),
        (lambda content: changed(content, SYMBOL_LENGTH, b"\x16"), "metadata.symbol_cstr_len"),
        (lambda content: changed(content, DEFINITION, b"\x01"), "metadata.schema_definition_length"),
        (lambda content: changed(content, SYMBOLS, b"\xff\xff\xff\xff"), "metadata.symbols"),
        (lambda content: changed(content, SYMBOLS, b"\x05"), "metadata.symbols"),
        (lambda content: changed(content, SYMBOLS + 4, b"\xc3"), "metadata.symbols[0]"),
        (lambda content: changed(content, SYMBOLS + 8, b"x"), "metadata.symbols[0]"),
        # One symbol of 71, no partial, none missing, one mapping: 12 + 4 bytes later its name, then one interval of two dates.
        (lambda content: changed(content, SYMBOLS + 4 + 71 + 12 + 71, b"\x09"), "metadata.mappings[0].intervals"),
        (lambda content: changed(content, SYMBOLS + 4 + 71 + 12 + 75, struct.pack("<I", 20180230)), "metadata.mappings[0].intervals[0]"),
        (lambda content: changed(content, SYMBOLS + 4 + 71 + 12 + 83, b"\x80"), "metadata.mappings[0].intervals[0].symbol"),
    ],
)  # fmt: skip
def test_damaged_metadata_are_refused_by_field(change, field):
    assert refused(change(encode_metadata(FULL))) == field


def test_bytes_after_the_mappings_are_refused_unless_they_are_padding():
    content = encode_metadata(FULL)
    length = len(content) - 8
    assert len(content) % 8 == 0
    assert refused(changed(content, len(content) - 1, b"\x01")) == "metadata.length"
    assert refused(changed(content, 4, struct.pack("<I", length + 8)) + bytes(8)) == "metadata.length"
    # Without symbols nothing is padded: 8 + 100 + 4 + 4 counts of 4 bytes are 128.
    plain = encode_metadata(PLAIN)
    assert len(plain) == 128
    assert refused(changed(plain, 4, struct.pack("<I", 128)) + bytes(8)) == "metadata.length"
    assert not read_dbn(changed(plain, 4, struct.pack("<I", 127)) + bytes(7)).records


def test_one_interval_more_than_there_are_is_refused_before_it_is_read():
    # 112 bytes, three counts of symbols, one of mappings, a symbol of 71: the number of intervals stands at 199.
    intervals = (MappingInterval(DAY, DAY, "1"),) * 9
    content = encode_metadata(DbnMetadata("X", 0, mappings=(SymbolMapping("KO", intervals),)))
    assert content[199] == 9
    assert refused(changed(content, 199, b"\x0a")) == "metadata.mappings[0].intervals"


def test_a_later_version_pads_and_an_earlier_one_does_not():
    # 8 + 100 + 4 + 4 counts of 4 bytes = 128; one symbol more has 71 bytes, 22 in version 1.
    sizes = [len(encode_metadata(DbnMetadata("X", 0, symbols=("KO",), version=version))) for version in (1, 2, 3)]
    assert sizes == [150, 199, 200]


@pytest.mark.parametrize(
    ("records", "field"),
    [
        (b"\x0c", "records[0].length"),
        (trades(2).tobytes() + b"\x0c", "records[2].length"),
        (trades(2).tobytes() + bytes(47), "records[2].length"),
        (trades(2).tobytes()[:-1], "records[1].length"),
        (b"\x00" + trades(1).tobytes()[1:], "records[0].length"),
        (b"\x03" + trades(1).tobytes()[1:12], "records[0].length"),
        # A trade of 13 words; its 52 bytes are there.
        (b"\x0d" + trades(1).tobytes()[1:] + bytes(4), "records.TRADES[0].length"),
        (trades(1).tobytes() + b"\x14" + trades(1).tobytes()[1:] + bytes(32), "records.TRADES[1].length"),
    ],
)  # fmt: skip
def test_a_record_that_is_not_whole_is_refused(records, field):
    assert refused(encode_metadata(PLAIN) + records) == field


def test_a_record_with_a_time_sent_has_eight_bytes_more():
    content = encode_metadata(DbnMetadata("X", 0, ts_out=True)) + trades(2).tobytes()
    with pytest.raises(InvalidInput, match="has 56 bytes, this one says 48") as error:
        read_dbn(content)
    assert (error.value.field, error.value.context) == ("records.TRADES[0].length", {"size": 48})


def test_a_compressed_file_may_not_be_larger_than_allowed():
    content = write_dbn(PLAIN, [trades(1000)], level=1)
    size = len(write_dbn(PLAIN, [trades(1000)]))
    assert len(read_dbn(content, max_bytes=size).records[RecordType.TRADES]) == 1000
    assert refused(content, max_bytes=size - 1) == "content"


@pytest.mark.parametrize("says_its_size", [True, False])
def test_a_bomb_is_stopped_before_it_goes_off(says_its_size):
    # 64 MiB of zeros in a few kilobytes; the limit is 1 MiB, so at most 2 MiB and 4 MiB of step may ever be held.
    bomb = zstandard.ZstdCompressor(level=1, write_content_size=says_its_size).compress(bytes(64 << 20))
    assert len(bomb) < 10_000
    tracemalloc.start()
    try:
        assert refused(bomb, max_bytes=1 << 20) == "content"
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()


def test_a_file_may_have_a_gibibyte_unasked():
    # A frame's first bytes, by RFC 8878: magic, descriptor A0 (one segment, size in four bytes), size.
    with pytest.raises(InvalidInput) as error:
        read_dbn(b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", (1 << 30) + 1) + bytes(9))
    assert error.value.context == {"limit": 1 << 30}


def test_several_frames_are_one_file_and_a_frame_cut_short_is_none():
    content = write_dbn(PLAIN, [trades(50)])
    frames = [zstandard.ZstdCompressor(write_content_size=False).compress(part) for part in (content[:300], content[300:])]
    assert len(read_dbn(b"".join(frames)).records[RecordType.TRADES]) == 50
    assert refused(b"".join(frames)[:-1]) == "content"
    assert refused(b"".join(frames) + b"\x00") == "content"
    assert refused(frames[0] + b"\x28\xb5\x2f\xfd") == "content"
    # Cut after the first whole frame it is a file again, but its last record is not whole.
    assert refused(frames[0]).startswith("records[")


def test_a_frame_of_known_size_is_taken_whole_or_not_at_all():
    frame = compress([b"abc", b"", b"defg"], 7, level=1)
    assert decompress_frame(frame, 7, "x") == b"abcdefg" == decompress(frame, 7, "x")
    for content, size in ((frame, 6), (frame, 8), (frame + b"\0", 7), (frame[:-1], 7), (frame + frame, 7), (b"", 0), (frame[:3], 7)):
        with pytest.raises(InvalidInput):
            decompress_frame(content, size, "x")


def test_sections_of_other_bytes_are_coded_apart():
    # 64 letters take six bits each, 128 seven: apart 20,000 letters are 15,000 bytes and two tables, in one block 17,500.
    draw = np.random.default_rng(1)
    sections = [(draw.integers(0, 64, 10_000, np.uint8) + first).tobytes() for first in (0, 64)]
    content = compress(sections, 20_000, level=1)
    assert len(content) < 15_500
    assert decompress_frame(content, 20_000, "x") == b"".join(sections)


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        (DbnMetadata("X" * 17, 0), "metadata.dataset"),
        (DbnMetadata("É", 0), "metadata.dataset"),
        (DbnMetadata("X", 0, version=4), "metadata.version"),
        (DbnMetadata("X", -1), "metadata"),
        (DbnMetadata("X", 0, schema=1 << 16), "metadata"),
        (DbnMetadata("X", 0, symbols=("A" * 71,)), "metadata.symbols[0]"),
        (DbnMetadata("X", 0, symbols=("A" * 22,), version=1), "metadata.symbols[0]"),
        (DbnMetadata("X", 0, not_found=("A", "B\0")), "metadata.not_found[1]"),
        (DbnMetadata("X", 0, mappings=(SymbolMapping("ü", ()),)), "metadata.mappings[0].raw_symbol"),
    ],
)
def test_what_the_format_cannot_hold_is_not_written(metadata, field):
    with pytest.raises(InvalidInput) as error:
        write_dbn(metadata, [])
    assert error.value.field == field


def test_records_that_do_not_say_what_they_are_are_not_written():
    wrong_length, wrong_type = trades(3), trades(3)
    wrong_length["length"][2] = 20
    wrong_type["rtype"][1] = RecordType.MBP_1
    bars = new_records(RecordType.OHLCV_1S, 2)
    bars["rtype"][1] = RecordType.OHLCV_1D
    assert len(read_dbn(write_dbn(PLAIN, [bars])).records) == 2
    for records, field in (
        (wrong_length, "records[0].length"),
        (wrong_type, "records[0].rtype"),
        (np.zeros(3), "records[0]"),
        (new_records(RecordType.TRADES, 1, ts_out=True), "records[0]"),
        (trades(4).reshape(2, 2), "records[0]"),
    ):
        with pytest.raises(InvalidInput) as error:
            write_dbn(PLAIN, [records])
        assert error.value.field == field


def test_a_negative_count_and_an_impossible_date_are_refused():
    with pytest.raises(InvalidInput, match="count"):
        new_records(RecordType.TRADES, -1)
    for number in (0, 20180229, 20181301, 99999999999):
        with pytest.raises(InvalidInput) as error:
            date_from_number(number, "day")
        assert error.value.field == "day"


def test_metadata_know_where_they_end():
    content = encode_metadata(FULL)
    assert decode_metadata(content + b"rest") == (FULL, len(content))
    assert MBP_1.itemsize == 80
