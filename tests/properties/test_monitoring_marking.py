"""However ticks are cut into blocks and blocks into batches, whatever comes again and wherever a worker ends, the same board stands."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.live_board import decode_board
from tests.mark_world import DAY, UNIT, Stores, block, books, quote, record, worth

HELD = books(DAY)[0]
TICKS = st.lists(st.tuples(st.sampled_from(HELD.symbols), st.integers(1, 2_000_000)), min_size=1, max_size=12)
CUTS = st.lists(st.integers(1, 12), max_size=6)
AGAIN = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4)
CALLS = st.lists(st.integers(1, 30), max_size=3, unique=True)


class Crash(Exception):
    """The worker ends here."""


class Mortal:
    """A port that ends its worker before or after some calls of the whole run, which ``calls`` counts."""

    def __init__(self, inner, calls, ends):
        self.inner, self.calls, self.ends = inner, calls, ends

    def __getattr__(self, name):
        def call(*arguments):
            self.calls[0] += 1
            number = self.calls[0]
            if number in self.ends and number % 2:
                raise Crash
            result = getattr(self.inner, name)(*arguments)
            if number in self.ends:
                raise Crash
            return result

        return call


class Boards:
    """Boards that remember every content that stood."""

    def __init__(self, inner):
        self.inner, self.stood = inner, []
        self.version, self.load = inner.version, inner.load

    def save(self, name, content, replaces):
        version = self.inner.save(name, content, replaces)
        self.stood.append(decode_board(content))
        return version


def pieces(listed, cuts):
    ends = sorted({min(cut, len(listed)) for cut in cuts} | {len(listed)})
    return [listed[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def blocks_of(ticks, cuts):
    """Gapless blocks; each holds the latest price of every symbol that its ticks touch."""
    made, last = [], 0
    for part in pieces(ticks, cuts):
        last += len(part)
        latest = {symbol: quote(symbol, price=price * UNIT, at=last) for symbol, price in part}
        made.append(block(1, last, *latest.values()))
    return made


def outcome(blocks, batch_cuts=(), ends=(), save_every=256):
    stores, calls = Stores(), [0]
    stores.boards = Boards(stores.boards)
    records = [record(number, each) for number, each in enumerate(blocks, 1)]

    def worker():
        made = stores.worker(save_every=save_every, prove_every=1)
        made.snapshots = Mortal(stores.boards, calls, ends)
        made.outlets = replace(made.outlets, announcer=Mortal(stores.announcer, calls, ends))
        return made

    present = worker()
    for batch in pieces(records, batch_cuts):
        for _ in range(len(ends) + 1):
            with suppress(Crash):
                present.take(batch)
                break
            present = worker()
    return stores


def everything(board):
    return board.cells.tolist(), board.changed.tolist(), board.revision, board.position, board.as_of, dict(board.covered)


@settings(max_examples=60, deadline=None)
@given(TICKS, CUTS, AGAIN, CUTS, CALLS, st.integers(1, 4))
def test_no_batch_no_crash_and_no_repetition_changes_the_board(ticks, cuts, again, batch_cuts, ends, save_every):
    blocks = blocks_of(ticks, cuts)
    plain = outcome(blocks).board()
    assert everything(outcome(blocks, batch_cuts, ends, save_every).board()) == everything(plain)
    # A block that comes again after others, as from an ingest that died.
    repeated = list(blocks)
    for which, behind in again:
        one = blocks[which % len(blocks)]
        place = next(place for place, each in enumerate(repeated) if each is one)
        repeated.insert(min(place + 1 + behind, len(repeated)), one)
    more = outcome(repeated, batch_cuts, ends, save_every).board()
    assert everything(replace(more, position=plain.position)) == everything(plain)


@settings(max_examples=60, deadline=None)
@given(TICKS, CUTS, CUTS)
def test_every_cut_into_blocks_ends_on_the_closing_rule(ticks, cuts, other_cuts):
    prices = dict.fromkeys(HELD.symbols, 500_000) | dict(ticks)
    for each in (cuts, other_cuts, range(len(ticks))):
        stores = outcome(blocks_of(ticks, each))
        assert stores.column("value") == worth(HELD, prices)
        assert stores.column("class:Energy") == worth(HELD, prices, "Energy")
        assert stores.column("class:Staples") == worth(HELD, prices, "Staples")
        assert stores.board().prices_1e4.tolist() == [prices[symbol] for symbol in HELD.symbols]
        assert (np.array(stores.column("high_water")) >= np.array(stores.column("value"))).all()


@settings(max_examples=60, deadline=None)
@given(TICKS, CUTS, CUTS, CALLS)
def test_cells_changed_since_a_revision_bring_its_board_up_to_date(ticks, cuts, batch_cuts, ends):
    stood = outcome(blocks_of(ticks, cuts), batch_cuts, ends, save_every=1).boards.stood
    for before, after in pairwise(stood):
        assert after.revision >= before.revision
        assert (after.changed >= before.changed).all()
    for before in stood:
        since = stood[-1].changed > before.revision
        assert np.where(since, stood[-1].cells, before.cells).tolist() == stood[-1].cells.tolist()
        assert int(stood[-1].changed.max()) <= stood[-1].revision
