"""The documented layout of a quote block, written by hand from its documentation: what stands in it is read."""

import hashlib
import struct
import zlib
from datetime import date

import zstandard

from daymark.contracts.quote_blocks import StreamPosition, decode_quotes


def test_a_block_written_by_hand_is_read():
    # Bucket 5: GE at 15.01 to 15.02 without a trade, XOM at 78.34 to 78.36, last trade 78.35; both of 09:30 and seconds.
    cent, undefined = 10_000_000, 2**63 - 1
    opened = 1_517_841_000_000_000_000
    positions = b"shardId-000000000000 7 12\nshardId-000000000001 3 3"
    # Flags (2 differences, 4 undefined taken out), reference, width, base, step.
    entries = [
        struct.pack("<BBBxQQ", 2, 255, 0, 2, 1),  # instrument 0, then 2 more
        struct.pack("<BBBxQQ", 0, 255, 2, 1501 * cent, cent),  # bid 0 and 6333 cents above the lowest
        struct.pack("<BBBxQQ", 0, 1, 1, cent, cent),  # ask 1 and 2 cents above bid
        struct.pack("<BBBxQQ", 4, 1, 0, cent, 1),  # price of the second row alone, 1 cent above bid
        struct.pack("<BBBxQQ", 0, 255, 1, opened, 1_000_000_000),  # 1 and 0 seconds after the open
        struct.pack("<BBBxQQ", 0, 255, 0, 3, 1),  # three publishers
    ]
    sections = [bytes(4), bytes([0, 6333 % 256, 0, 6333 // 256]), bytes([0, 1]), bytes([0b1000_0000]), bytes([1, 0])]
    body = b"GE\nKO\nXOM" + positions + b"".join(entries) + b"".join(sections)
    payload = zstandard.ZstdCompressor().compress(body)
    content = b"DMBK" + bytes([1, 2, 1, 0]) + struct.pack("<IIII", 2, 20180205, 3, 9) + hashlib.sha256(b"GE\nKO\nXOM").digest()[:8]
    content += struct.pack("<II", len(body), len(payload)) + struct.pack("<IIQ", 5, len(positions), opened + 2_000_000_000) + payload
    content += struct.pack("<I", zlib.crc32(content))

    block = decode_quotes(content)

    assert (block.bucket, block.as_of, block.session_date, block.synthetic) == (5, opened + 2_000_000_000, date(2018, 2, 5), True)
    assert block.positions == (StreamPosition("shardId-000000000000", 7, 12), StreamPosition("shardId-000000000001", 3, 3))
    assert block.symbols.symbols == ("GE", "KO", "XOM")
    assert {name: column.tolist() for name, column in block.quotes.columns().items()} == {
        "instrument": [0, 2],
        "bid": [1501 * cent, 7834 * cent],
        "ask": [1502 * cent, 7836 * cent],
        "price": [undefined, 7835 * cent],
        "ts_event": [opened + 1_000_000_000, opened],
        "publishers": [3, 3],
    }
