"""The tick gate: every row of a block is taken or refused for one named reason, the same however the stream is cut into blocks.

Rows are judged in this order: known symbol and publisher, a price at all, prices in range, not crossed, spread and trade price in
reason, time inside the session and neither future (the event by its receipt, the receipt by the stream's own clock) nor stale; then,
not older than what the publisher sent before; and last the band around the publisher's own last good price. A row that is bad by
itself leaves nothing behind, whatever sequence it claims: it must not make repeats of the good ones that follow. One outside the band
counts as sent, so that its repetition does not speak for its price. A refused price moves no reference; after
:attr:`TickRules.reanchor_after` refusals in a row the price is believed to have moved, and the next one becomes the reference. What a
block check proves of all rows at once (:mod:`~daymark.market_data.block_check`) is not asked of each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.ticks import Ticks
from daymark.core.errors import InvalidInput
from daymark.market_data.block_check import proven_levels, steps_hold
from daymark.market_data.tick_rules import ANY_TIME, HIGHEST, LOWEST, TickRules, Verdict

__all__ = ["TickGate", "TickRules", "Verdict"]

Verdicts = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]

_ROW_BITS = 32
_UNKNOWN = 2**32 - 1
# Plain numbers: columns are compared with a member of an enumeration ten times as slowly.
_TAKEN, _TRADE = Verdict.TAKEN.value, Action.TRADE.value
# Sequences fill 32 bits, so a group's number above them keeps every group's running maximum its own.
_SEQUENCE_BITS = 32


class TickGate:
    """The gate of one session: what each publisher last sent of each symbol, and at which price.

    Args:
        rules: The limits.
        n_symbols: How many symbols there are; others are refused.
        publishers: Known publisher numbers.
        references: ``(n_symbols,)`` int64 prices (1e-9) from which the session starts, 0 where none is known: the official closes.
        block_checks: Whether rules are first held against whole blocks; verdicts are the same either way.

    Raises:
        InvalidInput: no publisher, one twice, or references of another length or below zero.
    """

    def __init__(
        self,
        rules: TickRules,
        n_symbols: int,
        publishers: tuple[int, ...],
        references: npt.NDArray[np.int64],
        *,
        block_checks: bool = True,
    ) -> None:
        if not publishers or len(set(publishers)) != len(publishers) or not all(0 <= number < 2**16 for number in publishers):
            raise InvalidInput("publishers must be distinct numbers of 16 bits, at least one", field="publishers")
        if references.shape != (n_symbols,) or bool((references < 0).any()):
            raise InvalidInput(f"{n_symbols} references at or above zero wanted", field="references")
        self.rules, self.n_symbols, self.publishers, self._block_checks = rules, n_symbols, publishers, block_checks
        # The first key of each publisher.
        self._first_key = np.full(2**16, _UNKNOWN, dtype=np.uint32)
        self._first_key[list(publishers)] = np.arange(len(publishers)) * n_symbols
        # Keyed by publisher slot and symbol. Sequences start at -1, so that the number 0 is new.
        self.last_sequence = np.full(n_symbols * len(publishers), -1, dtype=np.int64)
        # Twice the price, because the middle of a quote may end on half a unit.
        self.reference_x2 = np.tile(references.astype(np.int64) * 2, len(publishers))
        self.refused_in_a_row = np.zeros(n_symbols * len(publishers), dtype=np.int64)

    def judge(self, ticks: Ticks, received_by: int = ANY_TIME) -> tuple[Verdicts, Rows, Rows]:
        """Judge the rows of a block in their order, and remember what the next block needs.

        Args:
            ticks: The block.
            received_by: The latest receipt that can be true, in nanoseconds: :meth:`TickRules.received_by`.

        Returns:
            A :class:`Verdict` for each row; the taken rows ordered by publisher and symbol, and in stream order among those; and
            the number of the publisher and symbol of each of them.
        """
        proven = proven_levels(ticks, self.rules, received_by) if self._block_checks else None
        verdicts, level_x2 = self._alone(ticks, received_by) if proven is None else (np.zeros(len(ticks), dtype=np.uint8), proven)
        rows, key = self._ordered(ticks, verdicts)
        if proven is None:
            fine = verdicts[rows] == _TAKEN
            rows, key = rows[fine], key[fine]
        fresh = self._is_fresh(ticks.sequence.take(rows), key)
        if not fresh.all():
            verdicts[rows[~fresh]] = Verdict.REPEATED
            rows, key = rows[fresh], key[fresh]
        inside = self._within_band(key, level_x2.take(rows))
        if not inside.all():
            verdicts[rows[~inside]] = Verdict.OUTSIDE_BAND
            rows, key = rows[inside], key[inside]
        return verdicts, rows, key

    def _ordered(self, ticks: Ticks, verdicts: Verdicts) -> tuple[Rows, Rows]:
        """Rows of known symbols and publishers by key, in stream order among equals, with their keys; others get their verdict."""
        first, symbols = self._first_key.take(ticks.publisher), ticks.instrument
        rows = np.arange(len(ticks), dtype=np.uint32)
        known = (first != _UNKNOWN) & (symbols < self.n_symbols)
        if not known.all():
            verdicts[first == _UNKNOWN] = Verdict.UNKNOWN_PUBLISHER
            verdicts[symbols >= self.n_symbols] = Verdict.UNKNOWN_SYMBOL
            rows, first, symbols = rows[known], first[known], symbols[known]
        # Key and row in one number: a plain sort of these is much faster than a stable sort of keys, and fastest of 32 bits.
        bits = len(ticks).bit_length()
        if len(self.last_sequence).bit_length() + bits <= _ROW_BITS:
            narrow = ((first + symbols) << np.uint32(bits)) | rows
            narrow.sort()
            return (narrow & np.uint32((1 << bits) - 1)).astype(np.int64), (narrow >> np.uint32(bits)).astype(np.int64)
        wide = ((first + symbols).astype(np.int64) << _ROW_BITS) | rows
        wide.sort()
        return wide & (1 << _ROW_BITS) - 1, wide >> _ROW_BITS

    def _is_fresh(self, sequence: npt.NDArray[np.uint32], key: Rows) -> npt.NDArray[np.bool_]:
        """Whether each row's sequence is above all that its publisher sent of its symbol before, in this block or an earlier one."""
        if not len(key):
            return np.ones(0, dtype=np.bool_)
        heads = _heads(key)
        ends, keys = np.append(heads[1:], len(key)) - 1, key.take(heads)
        before = self.last_sequence.take(keys)
        fresh = np.empty(len(key), dtype=np.bool_)
        np.greater(sequence[1:], sequence[:-1], out=fresh[1:])
        fresh[heads] = sequence[heads] > before
        if fresh.all():
            self.last_sequence[keys] = sequence.take(ends).astype(np.int64)
            return fresh
        # Something was repeated: hold every row against the highest of all before it.
        group = np.repeat(np.arange(len(heads)), ends - heads + 1)
        # One above, so that "nothing yet" is 0 and not below its group.
        floor = before + 1 + (np.arange(len(heads)) << _SEQUENCE_BITS)
        running = sequence.astype(np.int64) + 1 + (group << _SEQUENCE_BITS)
        highest = np.maximum.accumulate(np.maximum(running, floor[group]))
        previous = np.empty_like(highest)
        previous[1:] = highest[:-1]
        previous[heads] = floor
        self.last_sequence[keys] = highest[ends] - (np.arange(len(heads)) << _SEQUENCE_BITS) - 1
        return running > previous

    def _alone(self, ticks: Ticks, received_by: int) -> tuple[Verdicts, npt.NDArray[np.int64]]:
        """What can be said of each row by itself: its verdict so far, and twice its price level."""
        rules = self.rules
        verdicts = np.zeros(len(ticks), dtype=np.uint8)

        def refuse(which: npt.NDArray[np.bool_], verdict: Verdict) -> None:
            if which.any():
                verdicts[which & (verdicts == _TAKEN)] = verdict

        bid, ask, price = ticks.bid, ticks.ask, ticks.price
        quoted = (bid != UNDEFINED_PRICE) & (ask != UNDEFINED_PRICE)
        traded = (ticks.action == _TRADE) & (price != UNDEFINED_PRICE)
        refuse(~(quoted | traded), Verdict.NO_PRICE)
        refuse(quoted & ~(_in_range(bid) & _in_range(ask)) | traded & ~_in_range(price), Verdict.NOT_POSITIVE)
        if not quoted.all() or verdicts.any():
            # From here on no sum or difference may pass 64 bits, whatever a refused row claims.
            usable = quoted & (verdicts == _TAKEN)
            bid, ask = np.where(usable, bid, 0), np.where(usable, ask, 0)
            traded &= verdicts == _TAKEN
        level_x2, width = bid + ask, ask - bid
        refuse(width < 0, Verdict.CROSSED)
        refuse(2.0 * width > rules.spread * level_x2, Verdict.WIDE_SPREAD)
        if traded.any():
            refuse(traded & quoted & ((price > ask + width) | (price < bid - width)), Verdict.OFF_MARKET)
            unquoted = traded & ~quoted
            level_x2[unquoted] = 2 * price[unquoted]
        self._judge_times(ticks, received_by, refuse)
        return verdicts, level_x2

    def _judge_times(self, ticks: Ticks, received_by: int, refuse: Callable[[npt.NDArray[np.bool_], Verdict], None]) -> None:
        rules, event = self.rules, ticks.ts_event
        outside = event - np.uint64(rules.session_start) > np.uint64(rules.session_end - rules.session_start)
        refuse(outside, Verdict.OUTSIDE_SESSION)
        # Of an event inside the session the difference is true, or so far off that it is refused either way.
        late = (ticks.ts_recv - event).view(np.int64)
        refuse((late < -rules.ahead_ns) | (ticks.ts_recv > np.uint64(received_by)), Verdict.FUTURE)
        refuse(late > rules.age_ns, Verdict.STALE)

    def _within_band(self, key: Rows, level_x2: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether each row lies within the band around its key's last good price; good ones become the next reference.

        All rows are first held against the row before them, which is exact where that row is good. A refused row and those that
        follow it are then walked one by one until a good one comes: refusals are rare.
        """
        if not len(key):
            return np.ones(0, dtype=np.bool_)
        heads = _heads(key)
        ends, keys = np.append(heads[1:], len(key)), key.take(heads)
        held = self.reference_x2.take(keys)
        if self._block_checks and self._near(level_x2[heads], held).all() and steps_hold(level_x2, heads, self.rules.band):
            self.reference_x2[keys] = level_x2.take(ends - 1)
            self.refused_in_a_row[keys] = 0
            return np.ones(len(key), dtype=np.bool_)
        reference = np.empty_like(level_x2)
        reference[1:] = level_x2[:-1]
        reference[heads] = held
        inside = self._near(level_x2, reference)
        refused = np.zeros(len(heads), dtype=np.int64)
        waiting = self.refused_in_a_row[keys]
        suspects = np.union1d(np.flatnonzero(~inside), heads[waiting > 0])
        last_good = level_x2[ends - 1]
        if len(suspects):
            groups = np.searchsorted(heads, suspects, side="right") - 1
            self._walk(suspects.tolist(), groups.tolist(), heads, ends, level_x2, reference, waiting, inside, refused, last_good)
        self.reference_x2[keys] = last_good
        self.refused_in_a_row[keys] = refused
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
                taken = count >= self.rules.reanchor_after or good == 0 or float(abs(level - good)) <= self.rules.band * good
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
    """High enough to be a price, and low enough that a few of them add up within 64 bits."""
    return np.asarray((prices - LOWEST).view(np.uint64) <= np.uint64(HIGHEST - LOWEST), dtype=np.bool_)


def _heads(key: Rows) -> npt.NDArray[np.intp]:
    """Where the runs of equal keys begin."""
    starts = np.ones(len(key), dtype=np.bool_)
    np.not_equal(key[1:], key[:-1], out=starts[1:])
    return np.flatnonzero(starts)
