"""Databento's encoder and decoder agree with ours, field by field and byte by byte; so do their sample files where they are at hand."""

import os
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import databento_dbn as oracle
import numpy as np
import pytest

from daymark.contracts.compression import decompress, is_compressed
from daymark.contracts.dbn import read_dbn, write_dbn
from daymark.contracts.dbn_metadata import DbnMetadata, MappingInterval, SymbolMapping, decode_metadata, encode_metadata
from daymark.contracts.dbn_records import DTYPES, UNDEFINED_PRICE, UNDEFINED_TIME, Records, RecordType, new_records

# Two-record files of every schema from the tests of github.com/databento/dbn (Apache-2.0); not copied into the project.
SAMPLES = Path(os.environ.get("DAYMARK_DBN_SAMPLES") or Path(__file__).resolve().parents[3] / "shared" / "data" / "dbn")
SAMPLE_FILES = sorted(SAMPLES.glob("test_data.*")) if SAMPLES.is_dir() else []
AS_WRITTEN = oracle.VersionUpgradePolicy.AS_IS
SCHEMAS = {
    RecordType.TRADES: oracle.Schema.TRADES,
    RecordType.MBP_1: oracle.Schema.MBP_1,
    RecordType.OHLCV_1S: oracle.Schema.OHLCV_1S,
    RecordType.OHLCV_1M: oracle.Schema.OHLCV_1M,
    RecordType.OHLCV_1H: oracle.Schema.OHLCV_1H,
    RecordType.OHLCV_1D: oracle.Schema.OHLCV_1D,
    RecordType.BBO_1S: oracle.Schema.BBO_1S,
    RecordType.BBO_1M: oracle.Schema.BBO_1M,
}
LEVEL = {"bid_px": 101_250_000_000, "ask_px": UNDEFINED_PRICE, "bid_sz": 300, "ask_sz": 2**32 - 1, "bid_ct": 7, "ask_ct": 0}
COMMON = {"publisher_id": 65_535, "instrument_id": 4_000_000_001, "ts_event": 1_517_841_000_000_000_123}
TRADE = {
    **COMMON,
    **{"price": -1_000_000_001, "size": 12_345, "action": ord("T"), "side": ord("A"), "flags": 0xC0, "depth": 3},
    **{"ts_recv": UNDEFINED_TIME, "ts_in_delta": -22_993, "sequence": 4_294_967_295},
}
BBO = {name: value for name, value in TRADE.items() if name not in ("action", "depth", "ts_in_delta")}
BARS = {**COMMON, "open": 1, "high": UNDEFINED_PRICE, "low": -(2**63), "close": 2, "volume": 2**64 - 1}
FIELDS = {kind: BARS if kind.name.startswith("OHLCV") else {**BBO, **LEVEL} for kind in RecordType}
FIELDS |= {RecordType.TRADES: TRADE, RecordType.MBP_1: {**TRADE, **LEVEL}}


def metadata(kind: RecordType | None = None, ts_out: bool = False) -> oracle.Metadata:
    return oracle.Metadata(
        dataset="XNAS.ITCH",
        start=1,
        stype_in=oracle.SType.RAW_SYMBOL,
        stype_out=oracle.SType.INSTRUMENT_ID,
        schema=None if kind is None else SCHEMAS[kind],
        ts_out=ts_out,
    )


def record(kind: RecordType, **changed: int) -> object:
    """The record as Databento's class makes it."""
    values = {**FIELDS[kind], **changed}
    if "bid_px" in values:
        values["levels"] = oracle.BidAskPair(**{name: values.pop(name) for name in LEVEL})
    if "side" in values:
        values["side"] = oracle.Side(chr(values["side"]))
    if "action" in values:
        values["action"] = oracle.Action(chr(values["action"]))
    if kind in (RecordType.TRADES, RecordType.MBP_1):
        return (oracle.TradeMsg if kind is RecordType.TRADES else oracle.MBP1Msg)(**values)
    return (oracle.OHLCVMsg if kind.name.startswith("OHLCV") else oracle.BBOMsg)(rtype=int(kind), **values)


def ours(kind: RecordType, count: int = 1) -> Records:
    """The record as we write it; further ones differ in their sequence or volume."""
    records = new_records(kind, count)
    for name, value in FIELDS[kind].items():
        records[name] = value
    name = "sequence" if "sequence" in FIELDS[kind] else "volume"
    records[name] -= np.arange(count, dtype=records[name].dtype)
    return records


@pytest.mark.parametrize("kind", RecordType, ids=lambda kind: kind.name)
def test_their_record_is_read_field_by_field(kind):
    content = metadata(kind).encode() + bytes(record(kind)) + bytes(record(kind, ts_event=5))

    file = read_dbn(content)

    assert {name: int(file.records[kind][name][0]) for name in FIELDS[kind]} == FIELDS[kind]
    assert file.records[kind]["ts_event"].tolist() == [FIELDS[kind]["ts_event"], 5]
    assert (file.metadata.schema, file.kept_aside) == (int(SCHEMAS[kind]), 0)


@pytest.mark.parametrize("kind", RecordType, ids=lambda kind: kind.name)
def test_our_record_is_theirs_byte_by_byte_and_field_by_field(kind):
    content = write_dbn(DbnMetadata("XNAS.ITCH", 1), [ours(kind, 3)])
    decoder = oracle.DBNDecoder()
    decoder.write(content)

    _, *records = decoder.decode()

    assert ours(kind).tobytes() == bytes(record(kind))
    assert len(records) == 3
    assert type(records[0]) is type(record(kind))
    for name, value in FIELDS[kind].items():
        read = getattr(records[0].levels[0] if name in LEVEL else records[0], name)
        assert (ord(str(read)) if name in ("action", "side") else int(read)) == value, name


@pytest.mark.parametrize("kind", RecordType, ids=lambda kind: kind.name)
def test_our_layout_is_the_one_they_publish(kind):
    published = {name: np.dtype(code) for name, code in type(record(kind))._dtypes}
    same = {"bid_px_00": "bid_px", "ask_px_00": "ask_px", "bid_sz_00": "bid_sz", "ask_sz_00": "ask_sz"}
    same |= {"bid_ct_00": "bid_ct", "ask_ct_00": "ask_ct"}
    layout = DTYPES[kind]
    assert layout.itemsize == sum(dtype.itemsize for dtype in published.values())
    place = 0
    for name, dtype in published.items():
        if "reserved" not in name:
            field, offset = layout.fields[same.get(name, name)][:2]
            assert (offset, field.itemsize) == (place, dtype.itemsize), name
        place += dtype.itemsize


@pytest.mark.parametrize("level", [None, 1, 3])
def test_a_compressed_file_is_read_by_them_and_theirs_by_us(level, tmp_path):
    content = write_dbn(DbnMetadata("XNAS.ITCH", 1), [ours(RecordType.MBP_1, 1000)], level=level)
    compression = oracle.Compression.NONE if level is None else oracle.Compression.ZSTD
    decoder = oracle.DBNDecoder(compression=compression)
    decoder.write(content)
    assert len(decoder.decode()) == 1001

    path = tmp_path / "theirs.dbn"
    with path.open("wb") as file:
        transcoder = oracle.Transcoder(file, oracle.Encoding.DBN, compression)
        transcoder.write(write_dbn(DbnMetadata("XNAS.ITCH", 1), [ours(RecordType.MBP_1, 1000)]))
        transcoder.flush()
        # Only its end closes the frame.
        del transcoder
    np.testing.assert_array_equal(read_dbn(path.read_bytes()).records[RecordType.MBP_1], ours(RecordType.MBP_1, 1000))


def test_the_time_sent_follows_each_record_when_the_metadata_say_so():
    content = metadata(RecordType.TRADES, ts_out=True).encode()
    record_sent = bytearray(bytes(record(RecordType.TRADES)) + (77).to_bytes(8, "little"))
    record_sent[0] = len(record_sent) // 4

    file = read_dbn(content + bytes(record_sent) * 2)

    assert file.records[RecordType.TRADES]["ts_out"].tolist() == [77, 77]
    decoder = oracle.DBNDecoder()
    decoder.write(write_dbn(file.metadata, file.records.values()))
    assert [each.ts_out for each in decoder.decode()[1:]] == [77, 77]


def test_a_mixed_stream_is_split_by_type_and_what_is_not_read_is_kept():
    order = oracle.MBOMsg(
        publisher_id=1, instrument_id=2, ts_event=3, order_id=4, price=5, size=6,
        action=oracle.Action.ADD, side=oracle.Side.BID, ts_recv=7,
    )  # fmt: skip
    trade, bar = record(RecordType.TRADES), record(RecordType.OHLCV_1S)
    content = metadata().encode() + b"".join(bytes(each) for each in (trade, order, bar, record(RecordType.TRADES, ts_event=9), order))

    file = read_dbn(content)

    assert file.records[RecordType.TRADES]["ts_event"].tolist() == [COMMON["ts_event"], 9]
    assert file.records[RecordType.OHLCV_1S]["volume"].tolist() == [2**64 - 1]
    assert file.aside == {0xA0: (bytes(order), bytes(order))}
    assert file.kept_aside == 2


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("several", [False, True])
def test_metadata_are_the_same_bytes_both_ways(version, several):
    day, next_day = date(2018, 2, 5), date(2018, 2, 6)
    theirs = oracle.Metadata(
        dataset="GLBX.MDP3",
        start=1_517_788_800_000_000_000,
        stype_in=oracle.SType.RAW_SYMBOL if several else None,
        stype_out=oracle.SType.INSTRUMENT_ID,
        schema=oracle.Schema.MBP_1 if several else None,
        symbols=["ESH1", "KO", "A" * 21] if several else [],
        partial=["KO"] if several else [],
        not_found=["XOM", "GE"] if several else [],
        mappings=[
            SimpleNamespace(raw_symbol="ESH1", intervals=[SimpleNamespace(start_date=day, end_date=next_day, symbol="5482")]),
            SimpleNamespace(raw_symbol="KO", intervals=[]),
        ]
        if several
        else [],
        end=1_517_875_200_000_000_000 if several else None,
        limit=2 if several else None,
        ts_out=several,
        version=version,
    )
    mine = DbnMetadata(
        dataset="GLBX.MDP3",
        start=1_517_788_800_000_000_000,
        schema=1 if several else None,
        end=1_517_875_200_000_000_000 if several else None,
        limit=2 if several else None,
        stype_in=1 if several else None,
        stype_out=0,
        ts_out=several,
        symbols=("ESH1", "KO", "A" * 21) if several else (),
        partial=("KO",) if several else (),
        not_found=("XOM", "GE") if several else (),
        mappings=(SymbolMapping("ESH1", (MappingInterval(day, next_day, "5482"),)), SymbolMapping("KO", ())) if several else (),
        version=version,
    )
    content = theirs.encode()

    assert encode_metadata(mine) == content
    assert decode_metadata(content) == (mine, len(content))
    assert oracle.Metadata.decode(encode_metadata(mine), upgrade_policy=AS_WRITTEN).encode() == content


@pytest.mark.skipif(not SAMPLE_FILES, reason="Databento's sample files are not here")
@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.name)
def test_files_of_theirs_are_read_and_written_alike(path):
    content = path.read_bytes()
    plain = decompress(content, 1 << 20, "content") if is_compressed(content) else content
    decoder = oracle.DBNDecoder(upgrade_policy=AS_WRITTEN)
    decoder.write(plain)
    _, *records = decoder.decode()

    file = read_dbn(content)

    start = decode_metadata(plain)[1]
    assert encode_metadata(file.metadata) == plain[:start]
    assert sum(len(read) for read in file.records.values()) + file.kept_aside == len(records)
    written = write_dbn(file.metadata, file.records.values()) if file.records else encode_metadata(file.metadata)
    assert written + b"".join(each for kept in file.aside.values() for each in kept) == plain
    names = {name for read in file.records.values() for name in read.dtype.names if "reserved" not in name and name not in LEVEL}
    for kind, read in file.records.items():
        theirs = [each for each in records if int(each.rtype) == kind]
        for name in names - {"length", "rtype", "action", "side"}:
            assert read[name].tolist() == [int(getattr(each, name)) for each in theirs], name
        if "bid_px" in read.dtype.names:
            for name in LEVEL:
                assert read[name].tolist() == [int(getattr(each.levels[0], name)) for each in theirs], name
