"""The tick gate: every row of a block is taken or refused for one named reason, the same however the stream is cut into blocks.

Rows are judged in this order: known symbol and publisher, not older than what the publisher sent before, a price at all, prices
above zero, not crossed, spread and trade price in reason, time inside the session and neither future nor stale, and last the band
around the publisher's own last good price. A refused price moves no reference; after :attr:`TickRules.reanchor_after` refusals in
a row the price is believed to have moved, and the next one becomes the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.ticks import Ticks
from daymark.core.errors import InvalidInput

Verdicts = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]

_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1
# Sequences fill 32 bits, so a group's number above them keeps every group's running maximum its own.
_SEQUENCE_BITS = 32
_HIGHEST = UNDEFINED_PRICE // 4


class Verdict(IntEnum):
    """What became of a row."""

    TAKEN = 0
    REPEATED = 1
    UNKNOWN_SYMBOL = 2
    UNKNOWN_PUBLISHER = 3
    NO_PRICE = 4
    NOT_POSITIVE = 5
    CROSSED = 6
    WIDE_SPREAD = 7
    OFF_MARKET = 8
    OUTSIDE_SESSION = 9
    FUTURE = 10
    STALE = 11
    OUTSIDE_BAND = 12


@dataclass(frozen=True, slots=True)
class TickRules:
    """The gate's limits.

    Attributes:
        session_start: First nanosecond (UTC) that belongs to the session, early trading included.
        session_end: Last nanosecond that does.
        spread: Widest spread as a fraction of the middle; a trade may lie as far outside the quote as the quote is wide.
        band: Furthest step from the last good price, as a fraction of it.
        reanchor_after: Refusals in a row after which the next price is believed.
        ahead_ns: How far an event may lie after its own receipt: clocks differ.
        age_ns: How long after the event a row may be received.
    """

    session_start: int
    session_end: int
    spread: float = 0.05
    band: float = 0.10
    reanchor_after: int = 5
    ahead_ns: int = 50_000_000
    age_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        if not 0 <= self.session_start < self.session_end:
            raise InvalidInput("a session must start before it ends", field="session_start")
        for name in ("spread", "band"):
            if not 0 < getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be a fraction between 0 and 1, got {getattr(self, name)}", field=name)
        for name in ("reanchor_after", "ahead_ns", "age_ns"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be at least 1, got {getattr(self, name)}", field=name)


class TickGate:
    """The gate of one session: what each publisher last sent of each symbol, and at which price.

    Args:
        rules: The limits.
        n_symbols: How many symbols there are; others are refused.
        publishers: Known publisher numbers.
        references: ``(n_symbols,)`` int64 prices (1e-9) from which the session starts, 0 where none is known: the official closes.

    Raises:
        InvalidInput: no publisher, one twice, or references of another length or below zero.
    """

    def __init__(self, rules: TickRules, n_symbols: int, publishers: tuple[int, ...], references: npt.NDArray[np.int64]) -> None:
        if not publishers or len(set(publishers)) != len(publishers) or not all(0 <= number < 2**16 for number in publishers):
            raise InvalidInput("publishers must be distinct numbers of 16 bits, at least one", field="publishers")
        if references.shape != (n_symbols,) or bool((references < 0).any()):
            raise InvalidInput(f"{n_symbols} references at or above zero wanted", field="references")
        self.rules, self.n_symbols, self.publishers = rules, n_symbols, publishers
        self._slot = np.full(2**16, -1, dtype=np.int64)
        self._slot[list(publishers)] = np.arange(len(publishers))
        # Keyed by publisher slot and symbol. Sequences start at -1, so that the number 0 is new.
        self.last_sequence = np.full(n_symbols * len(publishers), -1, dtype=np.int64)
        # Twice the price, because the middle of a quote may end on half a unit.
        self.reference_x2 = np.tile(references.astype(np.int64) * 2, len(publishers))
        self.refused_in_a_row = np.zeros(n_symbols * len(publishers), dtype=np.int64)

    def judge(self, ticks: Ticks) -> tuple[Verdicts, Rows, Rows]:
        """Judge the rows of a block in their order, and remember what the next block needs.

        Returns:
            A :class:`Verdict` for each row; the taken rows ordered by publisher and symbol, and in stream order among those; and
            the number of the publisher and symbol of each of them.
        """
        verdicts, level_x2 = self._alone(ticks)
        rows, key = self._ordered(ticks, verdicts)
        fresh = self._is_fresh(ticks.sequence[rows].astype(np.int64), key)
        if not fresh.all():
            verdicts[rows[~fresh]] = Verdict.REPEATED
        fine = verdicts[rows] == Verdict.TAKEN
        if not fine.all():
            rows, key = rows[fine], key[fine]
        inside = self._within_band(key, level_x2[rows])
        if not inside.all():
            verdicts[rows[~inside]] = Verdict.OUTSIDE_BAND
            rows, key = rows[inside], key[inside]
        return verdicts, rows, key

    def _ordered(self, ticks: Ticks, verdicts: Verdicts) -> tuple[Rows, Rows]:
        """Rows of known symbols and publishers by key, in stream order among equals, with their keys; others get their verdict."""
        slot, symbols = self._slot[ticks.publisher], ticks.instrument.astype(np.int64)
        rows = np.arange(len(ticks))
        known = (slot >= 0) & (symbols < self.n_symbols)
        if not known.all():
            verdicts[slot < 0] = Verdict.UNKNOWN_PUBLISHER
            verdicts[symbols >= self.n_symbols] = Verdict.UNKNOWN_SYMBOL
            rows, slot, symbols = rows[known], slot[known], symbols[known]
        # Key and row in one number: a plain sort of these is much faster than a stable sort of keys.
        ordered = np.sort(((slot * self.n_symbols + symbols) << _ROW_BITS) | rows)
        return ordered & _ROW_MASK, ordered >> _ROW_BITS

    def _is_fresh(self, sequence: npt.NDArray[np.int64], key: Rows) -> npt.NDArray[np.bool_]:
        """Whether each row's sequence is above all that its publisher sent of its symbol before, in this block or an earlier one."""
        if not len(key):
            return np.ones(0, dtype=np.bool_)
        starts = _starts(key)
        heads = np.flatnonzero(starts)
        ends = np.append(heads[1:], len(key)) - 1
        before = self.last_sequence[key[heads]]
        fresh = np.empty(len(key), dtype=np.bool_)
        np.greater(sequence[1:], sequence[:-1], out=fresh[1:])
        fresh[heads] = sequence[heads] > before
        if fresh.all():
            self.last_sequence[key[ends]] = sequence[ends]
            return fresh
        # Something was repeated: hold every row against the highest of all before it.
        group = np.repeat(np.arange(len(heads)), ends - heads + 1)
        # One above, so that "nothing yet" is 0 and not below its group.
        floor = before + 1 + (np.arange(len(heads)) << _SEQUENCE_BITS)
        running = sequence + 1 + (group << _SEQUENCE_BITS)
        highest = np.maximum.accumulate(np.maximum(running, floor[group]))
        previous = np.empty_like(highest)
        previous[1:] = highest[:-1]
        previous[heads] = floor
        self.last_sequence[key[ends]] = highest[ends] - (np.arange(len(heads)) << _SEQUENCE_BITS) - 1
        return running > previous

    def _alone(self, ticks: Ticks) -> tuple[Verdicts, npt.NDArray[np.int64]]:
        """What can be said of each row by itself: its verdict so far, and twice its price level."""
        rules = self.rules
        verdicts = np.zeros(len(ticks), dtype=np.uint8)

        def refuse(which: npt.NDArray[np.bool_], verdict: Verdict) -> None:
            if which.any():
                verdicts[which & (verdicts == Verdict.TAKEN)] = verdict

        bid, ask, price = ticks.bid, ticks.ask, ticks.price
        quoted = (bid != UNDEFINED_PRICE) & (ask != UNDEFINED_PRICE)
        traded = (ticks.action == Action.TRADE) & (price != UNDEFINED_PRICE)
        refuse(~(quoted | traded), Verdict.NO_PRICE)
        refuse(quoted & ~(_in_range(bid) & _in_range(ask)) | traded & ~_in_range(price), Verdict.NOT_POSITIVE)
        if not quoted.all() or verdicts.any():
            # From here on no sum or difference may pass 64 bits, whatever a refused row claims.
            usable = quoted & (verdicts == Verdict.TAKEN)
            bid, ask = np.where(usable, bid, 0), np.where(usable, ask, 0)
            traded &= verdicts == Verdict.TAKEN
        level_x2, width = bid + ask, ask - bid
        refuse(width < 0, Verdict.CROSSED)
        refuse(2.0 * width > rules.spread * level_x2, Verdict.WIDE_SPREAD)
        if traded.any():
            refuse(traded & quoted & ((price > ask + width) | (price < bid - width)), Verdict.OFF_MARKET)
            unquoted = traded & ~quoted
            level_x2[unquoted] = 2 * price[unquoted]
        self._judge_times(ticks, refuse)
        return verdicts, level_x2

    def _judge_times(self, ticks: Ticks, refuse: Callable[[npt.NDArray[np.bool_], Verdict], None]) -> None:
        rules, event = self.rules, ticks.ts_event
        outside = event - np.uint64(rules.session_start) > np.uint64(rules.session_end - rules.session_start)
        refuse(outside, Verdict.OUTSIDE_SESSION)
        # Of an event inside the session the difference is true, or so far off that it is refused either way.
        late = (ticks.ts_recv - event).view(np.int64)
        refuse(late < -rules.ahead_ns, Verdict.FUTURE)
        refuse(late > rules.age_ns, Verdict.STALE)

    def _within_band(self, key: Rows, level_x2: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether each row lies within the band around its key's last good price; good ones become the next reference.

        All rows are first held against the row before them, which is exact where that row is good. A refused row and those that
        follow it are then walked one by one until a good one comes: refusals are rare.
        """
        if not len(key):
            return np.ones(0, dtype=np.bool_)
        starts = _starts(key)
        heads = np.flatnonzero(starts)
        reference = np.empty_like(level_x2)
        reference[1:] = level_x2[:-1]
        reference[heads] = self.reference_x2[key[heads]]
        inside = self._near(level_x2, reference)
        ends = np.append(heads[1:], len(key))
        refused = np.zeros(len(heads), dtype=np.int64)
        waiting = self.refused_in_a_row[key[heads]]
        suspects = np.union1d(np.flatnonzero(~inside), heads[waiting > 0])
        last_good = level_x2[ends - 1]
        if len(suspects):
            groups = np.searchsorted(heads, suspects, side="right") - 1
            self._walk(suspects.tolist(), groups.tolist(), heads, ends, level_x2, reference, waiting, inside, refused, last_good)
        self.reference_x2[key[heads]] = last_good
        self.refused_in_a_row[key[heads]] = refused
        return inside

    def _walk(
        self,
        suspects: list[int],
        groups: list[int],
        heads: Rows,
        ends: Rows,
        level_x2: npt.NDArray[np.int64],
        reference: npt.NDArray[np.int64],
        waiting: npt.NDArray[np.int64],
        inside: npt.NDArray[np.bool_],
        refused: npt.NDArray[np.int64],
        last_good: npt.NDArray[np.int64],
    ) -> None:
        walked = -1
        for suspect, group in zip(suspects, groups, strict=True):
            if suspect <= walked:
                continue
            good, count = int(reference[suspect]), int(waiting[group]) if suspect == heads[group] else 0
            row, end = suspect, int(ends[group])
            while row < end:
                level = int(level_x2[row])
                taken = count >= self.rules.reanchor_after or good == 0 or abs(level - good) <= self.rules.band * good
                inside[row] = taken
                walked = row
                row += 1
                if taken:
                    good, count = level, 0
                    break
                count += 1
            if row == end:
                refused[group], last_good[group] = count, good

    def _near(self, level_x2: npt.NDArray[np.int64], reference: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        near = np.abs(level_x2 - reference) <= self.rules.band * reference
        return np.asarray(near | (reference == 0), dtype=np.bool_)


def _in_range(prices: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Above zero, and small enough that a few of them add up within 64 bits."""
    return np.asarray((prices - 1).view(np.uint64) < np.uint64(_HIGHEST), dtype=np.bool_)


def _starts(key: Rows) -> npt.NDArray[np.bool_]:
    starts = np.ones(len(key), dtype=np.bool_)
    np.not_equal(key[1:], key[:-1], out=starts[1:])
    return starts
