"""What must hold after all records have been delivered, told from how the rows were made and from what now stands in the stores."""

from __future__ import annotations

from collections import Counter
from typing import Any

from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.quote_blocks import QuoteBlock, decode_quotes
from daymark.contracts.tick_blocks import decode_block
from daymark.market_data.quarantine import Quarantined
from tests.simulation.market_data_ticks import SESSION, SYMBOLS, identities
from tests.simulation.market_data_world import World, without_faults
from tests.simulation.witness import Violation


def must(fact: bool, what: str) -> None:
    if not fact:
        raise Violation(what)


class Consumer:
    """A bucket's consumer of quote blocks: what it has seen of a lane it drops, anything else replaces what it holds."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.quotes: dict[str, dict[str, int]] = {}

    def take(self, block: QuoteBlock) -> None:
        (position,) = block.positions
        if position.last <= self.seen.get(position.shard, -1):
            return
        self.seen[position.shard] = position.last
        columns = {name: column.tolist() for name, column in block.quotes.columns().items()}
        for place, number in enumerate(columns["instrument"]):
            symbol, quote = block.symbols.symbols[number], {name: column[place] for name, column in columns.items()}
            held = self.quotes.get(symbol)
            must(held is None or quote["ts_event"] >= held["ts_event"], f"{symbol} went back in time")
            self.quotes[symbol] = quote


def check(world: World) -> None:
    """All of it; a world that forgets records is held to less, because what was given up may or may not have been taken.

    Raises:
        Violation: a rule is broken.
    """
    archived = [decode_block(world.archive.get(key)) for key in world.archive.keys("ticks/")]
    entries = [Quarantined.decode(world.quarantine.get(key)) for key in world.quarantine.keys("quarantine/")]
    rows = [identity for block in archived for identity in identities(block)]
    must(len(set(rows)) == len(rows), "a row was applied twice")
    keep_their_order(world)
    accounts_add_up(world)
    if world.is_forgetful:
        nothing_is_lost_unsaid(world, rows)
        return
    fate = world.stream.fate
    must(Counter(rows) == Counter(fate.taken), "the archive does not hold exactly the good rows")
    refused = Counter((*identity, reason) for entry in entries if entry.kind == "rows" for identity, reason in named(entry))
    must(refused == fate.refused, "the quarantine does not hold exactly the bad rows with their reasons")
    poison = {entry.sequence: entry.payload for entry in entries if entry.kind == "record"}
    must(poison == fate.poison, "the quarantine does not hold every poison record once, with its payload")
    counts_are_exact(world)
    hot_quotes_are_the_latest(world)
    consumers_hold_the_latest(world)
    must(world.state_hash() == without_faults(world.stream), "the state is not that of a run without faults")


def named(entry: Quarantined) -> list[tuple[tuple[int, str, int], str]]:
    block = decode_block(entry.payload)
    reasons = {row: reason for reason, numbers in entry.reasons.items() for row in numbers}
    must(sorted(reasons) == list(range(len(block.ticks))), "a refused row has no reason, or two")
    return [(identity, reasons[row]) for row, identity in enumerate(identities(block))]


def keep_their_order(world: World) -> None:
    """In the archive, by record, a publisher's numbers of a symbol only rise."""
    last: dict[tuple[int, str], int] = {}
    for _, block in sorted((int(key.rsplit("/", 1)[1]), decode_block(world.archive.get(key))) for key in world.archive.keys("ticks/")):
        for publisher, symbol, sequence in identities(block):
            must(sequence > last.get((publisher, symbol), -1), f"{symbol} lost its order")
            last[publisher, symbol] = sequence


def accounts_add_up(world: World) -> None:
    for key, lane in world.state().items():
        account = lane.account
        parts = account.applied + account.coalesced + account.quarantined + account.repeated
        must(account.rows == parts, f"{key}: {account.rows} rows sent, {parts} accounted for")


def counts_are_exact(world: World) -> None:
    accounts, fate = [lane.account for lane in world.state().values()], world.stream.fate
    must(sum(account.rows for account in accounts) == fate.rows, "not as many rows as were sent")
    must(sum(account.applied + account.coalesced for account in accounts) == len(fate.taken), "not as many good rows as were sent")
    must(sum(account.quarantined for account in accounts) == sum(fate.refused.values()), "not as many bad rows as were sent")
    must(sum(account.repeated for account in accounts) == fate.repeated, "not as many repeats as were sent")
    must(sum(account.refused_records for account in accounts) == len(fate.poison), "not as many poison records as were sent")
    records = sum(len(shard.records) for shard in world.stream.keys.shards)
    must(sum(account.records for account in accounts) == records, "not as many records as were sent")


def latest(world: World, symbol: str) -> dict[str, Any]:
    (quoted, (bid, ask)) = world.stream.fate.quotes.get(symbol, ((0, 0, 0), (UNDEFINED_PRICE, UNDEFINED_PRICE)))
    traded, price = world.stream.fate.trades.get(symbol, ((0, 0, 0), UNDEFINED_PRICE))
    return {"bid": bid, "ask": ask, "price": price, "quoted": quoted[0], "traded": traded[0]}


def hot_quotes_are_the_latest(world: World) -> None:
    held = world.hot.read(SYMBOLS)
    for symbol in SYMBOLS:
        expected = latest(world, symbol)
        must((symbol in held) == bool(expected["quoted"] or expected["traded"]), f"{symbol} is missing, or there without a row")
        if symbol in held:
            quote = held[symbol]
            prices = [UNDEFINED_PRICE if price is None else price for price in (quote.bid, quote.ask, quote.price)]
            must(prices == [expected["bid"], expected["ask"], expected["price"]], f"{symbol} is not hot with its latest prices")


def consumers_hold_the_latest(world: World) -> None:
    publishers = Counter(symbol for _, symbol in {(publisher, symbol) for publisher, symbol, _ in world.stream.fate.taken})
    for bucket in range(3):
        consumer = Consumer()
        for content in world.quotes.blocks.get(bucket, ()):
            consumer.take(decode_quotes(content))
        members = {symbol for symbol, buckets in SESSION.buckets.items() if bucket in buckets}
        must(set(consumer.quotes) == {symbol for symbol in members if publishers[symbol]}, f"bucket {bucket} has other symbols")
        for symbol, quote in consumer.quotes.items():
            expected = latest(world, symbol)
            same = all(quote[name] == expected[name] for name in ("bid", "ask", "price"))
            must(same, f"bucket {bucket} does not hold the latest of {symbol}")
            must(quote["ts_event"] == max(expected["quoted"], expected["traded"]), f"bucket {bucket} has another time of {symbol}")
            must(quote["publishers"] == publishers[symbol], f"bucket {bucket} has another number of publishers of {symbol}")


def nothing_is_lost_unsaid(world: World, rows: list[tuple[int, str, int]]) -> None:
    """Every good row is in the archive, or in a record to which the on-failure destination has a pointer."""
    pointed = set()
    for pointer in world.mapping.discarded:
        shard = next(shard for shard in world.stream.keys.shards if shard.shard_id == pointer.shard_id)
        for sent in shard.records:
            if pointer.first <= sent.sequence <= pointer.last:
                pointed |= set(world.stream.owners.get(sent.sequence, ()))
    missing = set(world.stream.fate.taken) - set(rows) - pointed
    must(not missing, f"{len(missing)} rows are neither archived nor pointed to")
