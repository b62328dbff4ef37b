"""Block checks: a few passes over a whole block that prove that a rule refuses none of its rows, so that no row is looked at alone.

Sufficient, rule by rule; whatever is not proven is judged row by row instead, so a check decides how fast a verdict comes, never which:

- *prices*: the least bid and ask are at least :data:`LOWEST` and the greatest within :data:`HIGHEST`. An undefined price is above that,
  so every row is quoted, and no sum below leaves 64 bits. The least ``ask - bid`` is not negative.
- *spread*: the widest spread is in reason even of the lowest level; if it is not, each spread is held against its own level.
- *trades*: each price (few rows are trades) is at least the lowest, defined and no further outside its quote than the quote is wide.
- *times*: the earliest and the latest event lie in the session, the shortest and the longest way to the receiver in reason, and
  the latest receipt is not after the stream took the block.
- *band*: ordered by publisher and symbol, the longest step from one row to the next of its key is inside the band of the lowest
  level; each key's first row is inside the band of its reference, where a count of refusals is of no consequence. As every row is
  then taken, the row before is the last good price.

Limits are rounded to float64 just as row by row, and rounding keeps order: what holds of the extremes holds of every row.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from daymark.contracts.dbn_records import Action
from daymark.contracts.ticks import Ticks
from daymark.market_data.tick_rules import ANY_TIME, HIGHEST, LOWEST, TickRules

# A plain number: columns are compared with a member of an enumeration ten times as slowly.
_TRADE = Action.TRADE.value

Integers = npt.NDArray[np.int64]


def proven_levels(ticks: Ticks, rules: TickRules, received_by: int = ANY_TIME) -> Integers | None:
    """Twice the middle of every row's quote, ``(n,)``, if each row by itself is proven good; else, or without rows, ``None``."""
    if not len(ticks) or not _times_hold(ticks, rules, received_by):
        return None
    bid, ask = ticks.bid, ticks.ask
    if min(bid.min(), ask.min()) < LOWEST or max(bid.max(), ask.max()) > HIGHEST:
        return None
    level_x2, width = bid + ask, ask - bid
    if width.min() < 0:
        return None
    if 2.0 * int(width.max()) > rules.spread * int(level_x2.min()) and bool((2.0 * width > rules.spread * level_x2).any()):
        return None
    return level_x2 if _trades_hold(ticks, width) else None


def steps_hold(level_x2: Integers, heads: npt.NDArray[np.intp], band: float) -> bool:
    """Whether no row is proven further from the row before it than the band allows; the rows at ``heads`` have none before them.

    Args:
        level_x2: ``(n,)`` positive levels, ``n`` at least 1, ordered by key and then as they came.
        heads: Where the keys begin, the first of them at 0.
        band: Furthest step as a fraction of the level it starts from.
    """
    steps = np.empty_like(level_x2)
    np.subtract(level_x2[1:], level_x2[:-1], out=steps[1:])
    steps[heads] = 0
    return max(int(steps.max()), -int(steps.min())) <= band * int(level_x2.min())


def _times_hold(ticks: Ticks, rules: TickRules, received_by: int) -> bool:
    if ticks.ts_event.min() < rules.session_start or ticks.ts_event.max() > rules.session_end:
        return False
    if received_by < ANY_TIME and int(ticks.ts_recv.max()) > received_by:
        return False
    late = (ticks.ts_recv - ticks.ts_event).view(np.int64)
    return bool(late.min() >= -rules.ahead_ns and late.max() <= rules.age_ns)


def _trades_hold(ticks: Ticks, width: Integers) -> bool:
    trades = np.flatnonzero(ticks.action == _TRADE)
    if not len(trades):
        return True
    price, slack = ticks.price[trades], width[trades]
    if price.min() < LOWEST or price.max() > HIGHEST:
        return False
    return not bool(((price > ticks.ask[trades] + slack) | (price < ticks.bid[trades] - slack)).any())
