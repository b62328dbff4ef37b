"""Hot quotes in Redis or Valkey: a hash for each slot group, changed by a script that lets only later rows replace what stands.

A symbol is a field; its value is 160 hexadecimal digits, ten numbers of 64 bits: of the quote the event time, rank, bid, ask and their
sizes, of the trade the event time, rank, price and size; a part that is not there has the time zero. Time and rank compare as text of
equal length: a script's own numbers are doubles, and nanoseconds are not. All keys of a call carry one hash tag, so in a cluster they
lie in one slot; a batch is one call for each slot group that it touches.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from daymark.core.errors import InvalidInput, Unavailable
from daymark.market_data.conflation import LatestRows
from daymark.market_data.stream_ports import HotQuote, LatestQuotes

_QUOTE_COLUMNS, _TRADE_COLUMNS = ("bid", "ask", "bid_size", "ask_size"), ("price", "size")
_DAY_SECONDS = 86_400
_CLUSTER = "+cluster://"
RedisClient = redis.Redis | redis.RedisCluster
_VALUE = struct.Struct(">QQqqqqQQqq")
# Each part of a value: its time, its rank, its columns.
_QUOTE_LENGTH = 2 + len(_QUOTE_COLUMNS)

# 1,000 fields at a time: a script's unpack is bounded by its stack.
_MERGE = """
local sub = string.sub
local names = {}
for name in string.gmatch(ARGV[2], '[^\\n]+') do names[#names + 1] = name end
local nothing = string.rep('0', 160)
local replaced = 0
for first = 1, #names, 1000 do
  local last = math.min(first + 999, #names)
  local held = redis.call('HMGET', KEYS[1], unpack(names, first, last))
  local later = {}
  for number = first, last do
    local value = sub(ARGV[3], 160 * number - 159, 160 * number)
    local stands = held[number - first + 1] or nothing
    local quote = sub(stands, 1, 32) < sub(value, 1, 32)
    local trade = sub(stands, 97, 128) < sub(value, 97, 128)
    if quote or trade then
      if not trade then
        value = sub(value, 1, 96) .. sub(stands, 97)
      elseif not quote then
        value = sub(stands, 1, 96) .. sub(value, 97)
      else
        replaced = replaced + 1
      end
      replaced = replaced + 1
      later[#later + 1] = names[number]
      later[#later + 1] = value
    end
  end
  if #later > 0 then redis.call('HSET', KEYS[1], unpack(later)) end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return replaced
"""

_LOST = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
    exceptions.ClusterError,
    # No node answers; of no other error's kind.
    exceptions.RedisClusterException,
    exceptions.MovedError,
    exceptions.AskError,
)


def redis_client(url: str, *, connect_seconds: float = 0.5, answer_seconds: float = 1.0) -> RedisClient:
    """A client that answers in bytes. One of a single node connects at its first call, one of a cluster asks for its nodes at once.

    A call is sent at most twice: a connection that lay idle may be gone, and merging again does no harm.

    Args:
        url: ``rediss://`` with TLS, ``redis://``, or ``unix://`` for a socket of this machine; ``rediss+cluster://`` or
            ``redis+cluster://`` for any node of a cluster, which a serverless cache is too.
        connect_seconds: How long a connection may take.
        answer_seconds: How long an answer may take.

    Raises:
        Unavailable: no node of the cluster answers.
    """
    limits: dict[str, Any] = {"socket_connect_timeout": connect_seconds, "socket_timeout": answer_seconds}
    retry = Retry(NoBackoff(), retries=1)
    scheme, mark, rest = url.partition(_CLUSTER)
    if not mark:
        return redis.Redis.from_url(url, **limits, retry=retry)
    with _translated("asking for the cluster's nodes"):
        return redis.RedisCluster.from_url(f"{scheme}://{rest}", **limits, retry=retry)


class RedisHotQuotes:
    """A ``HotQuoteStore`` over Redis.

    Args:
        client: A client with bounded time-outs that answers in bytes.
        slot_groups: Over how many hashes symbols are spread; 1 for a single node, more to spread them over a cluster. Fixed for good:
            another number looks for symbols elsewhere.
        life_seconds: How long a hash lives after its last change.

    Raises:
        InvalidInput: ``slot_groups`` or ``life_seconds`` is below 1.
    """

    def __init__(self, client: RedisClient, slot_groups: int = 1, life_seconds: int = 3 * _DAY_SECONDS) -> None:
        if slot_groups < 1 or life_seconds < 1:
            raise InvalidInput(
                "slot_groups and life_seconds must be at least 1", field="slot_groups" if slot_groups < 1 else "life_seconds"
            )
        self._client, self._slot_groups, self._life_seconds = client, slot_groups, life_seconds
        self._merge = client.register_script(_MERGE)

    def merge(self, latest: LatestQuotes) -> int:
        """Keep what is later than what stands, of quotes and of trades apart, and return how many were replaced.

        In several slot groups each group changes in one step, one after the other.

        Raises:
            Unavailable: Redis did not answer, or cannot write at present; it may have taken the call.
        """
        numbers = np.concatenate([_numbers(latest.quotes, _QUOTE_COLUMNS), _numbers(latest.trades, _TRADE_COLUMNS)], axis=1)
        groups: dict[str, list[int]] = {}
        for place, symbol in enumerate(latest.symbols):
            groups.setdefault(self._key(symbol), []).append(place)
        replaced = 0
        with _translated("merging hot quotes"):
            for key, places in groups.items():
                names = "\n".join(latest.symbols[place] for place in places)
                replaced += int(self._merge(keys=[key], args=[self._life_seconds, names, numbers[places].astype(">u8").tobytes().hex()]))
        return replaced

    def read(self, symbols: Sequence[str]) -> Mapping[str, HotQuote]:
        """The hot quotes of those symbols that have one.

        Raises:
            Unavailable: Redis did not answer.
        """
        groups: dict[str, list[str]] = {}
        for symbol in symbols:
            groups.setdefault(self._key(symbol), []).append(symbol)
        found: dict[str, HotQuote] = {}
        with _translated("reading hot quotes"):
            for key, names in groups.items():
                answer: Any = self._client.hmget(key, names)
                found |= {name: _hot_quote(value) for name, value in zip(names, answer, strict=True) if value is not None}
        return found

    def _key(self, symbol: str) -> str:
        return f"hot-quotes:{{{zlib.crc32(symbol.encode('ascii')) % self._slot_groups}}}"


def _numbers(rows: LatestRows, columns: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Time, rank and columns of each row as ``(n, k)`` numbers, negative ones in two's complement; time and rank 0 without a row."""
    return np.stack([rows.ts_event, rows.rank, *(rows.columns[name].view(np.uint64) for name in columns)], axis=1)


def _hot_quote(value: bytes) -> HotQuote:
    numbers = _VALUE.unpack(bytes.fromhex(value.decode("ascii")))
    named: dict[str, int] = {}
    quote, trade = numbers[:_QUOTE_LENGTH], numbers[_QUOTE_LENGTH:]
    for part, columns, at in ((quote, _QUOTE_COLUMNS, "quoted_at"), (trade, _TRADE_COLUMNS, "traded_at")):
        time, _, *prices = part
        if time:
            named |= dict(zip(columns, prices, strict=True), **{at: time})
    return HotQuote(**named)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Redis's own troubles leave as ``Unavailable``; any other answer is a defect and passes through."""
    try:
        yield
    except _LOST as lost:
        raise Unavailable(f"{what}: {type(lost).__name__}") from lost
