"""Live marks: when prices change, only the positions they touch are valued anew, each to the cent as at the close, in integers.

A portfolio's value is at every moment the sum of its positions' cents and its cash: the same number that a full valuation gives,
because integers add up in any order. So no drift can build up, and the periodic full pass is a proof, not a correction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from daymark.book.valuation import BLOCK, IntArray, int64_array, refuse_overflow, rounded_products
from daymark.core.errors import Conflict, InvalidInput

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

_INT64_MAX = 2**63 - 1

# Portfolios whose sums are changed together: eight classes of these stay in a core's own cache.
_STRIP = 4_096
# Rows taken together: fewer would be spent on the many instruments that have none of them.
_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Holdings:
    """Who holds how much of what, ordered by instrument, so that one instrument's holders lie side by side.

    Attributes:
        starts: ``(n_instruments + 1,)`` int64; instrument ``i`` owns rows ``starts[i]:starts[i + 1]``.
        portfolios: ``(n_rows,)`` int64 portfolio numbers.
        quantities_1e4: ``(n_rows,)`` int64 counts of one ten-thousandth unit; negative when short.
        classes: ``(n_instruments,)`` int64 asset-class number of each instrument.
        n_portfolios: How many portfolios there are; those that hold nothing count too.
        n_classes: How many asset classes there are; cash is none of them.
    """

    starts: IntArray
    portfolios: IntArray
    quantities_1e4: IntArray
    classes: IntArray
    n_portfolios: int
    n_classes: int

    @classmethod
    def of(
        cls,
        instruments: npt.ArrayLike,
        portfolios: npt.ArrayLike,
        quantities_1e4: npt.ArrayLike,
        classes: npt.ArrayLike,
        n_portfolios: int,
        n_classes: int,
    ) -> Holdings:
        """Holdings from rows in any order.

        Args:
            instruments: ``(n_rows,)`` instrument number of each row.
            portfolios: ``(n_rows,)`` portfolio number of each row; a pair of the two occurs once.
            quantities_1e4: ``(n_rows,)`` ten-thousandths of a unit.
            classes: ``(n_instruments,)`` asset-class number of each instrument.
            n_portfolios: Number of portfolios.
            n_classes: Number of asset classes.

        Raises:
            InvalidInput: lengths differ, a number is out of range, or a portfolio holds an instrument in two rows.
        """
        held, owners = int64_array(instruments, "instruments"), int64_array(portfolios, "portfolios")
        quantities, kinds = int64_array(quantities_1e4, "quantities_1e4"), int64_array(classes, "classes")
        if not held.shape == owners.shape == quantities.shape or held.ndim != 1:
            raise InvalidInput("instruments, portfolios and quantities must be columns of one length", field="quantities_1e4")
        _in_range(held, len(kinds), "instruments")
        _in_range(owners, n_portfolios, "portfolios")
        _in_range(kinds, n_classes, "classes")
        order = np.lexsort((owners, held))
        held, owners = held[order], owners[order]
        twice = np.flatnonzero((np.diff(held) == 0) & (np.diff(owners) == 0))
        if len(twice):
            raise InvalidInput(f"portfolio {owners[twice[0]]} holds instrument {held[twice[0]]} in two rows", field="portfolios")
        starts = np.searchsorted(held, np.arange(len(kinds) + 1)).astype(np.int64)
        return cls(starts, owners, quantities[order], kinds, n_portfolios, n_classes)

    @property
    def n_instruments(self) -> int:
        """How many instruments there are, held or not."""
        return len(self.classes)

    def strips(self, portfolios: int) -> IntArray:
        """Where the rows of each strip of so many portfolios begin: ``(n_strips + 1, n_instruments)``, each row of it a boundary."""
        boundaries = np.append(np.arange(0, self.n_portfolios, portfolios), self.n_portfolios)
        edges = np.empty((len(boundaries), self.n_instruments), dtype=np.int64)
        for instrument, (first, last) in enumerate(pairwise(self.starts.tolist())):
            edges[:, instrument] = first + np.searchsorted(self.portfolios[first:last], boundaries)
        return edges


class LiveMarks:
    """Every portfolio's present value, kept up to date price by price.

    Args:
        holdings: Who holds what.
        prices_1e4: ``(n_instruments,)`` int64 ten-thousandths of the currency, all above zero: the last official closes.
        cash_cents: ``(n_portfolios,)`` int64 cents.
        high_water_cents: ``(n_portfolios,)`` highest value before now; the values at the given prices if left out.

    Raises:
        InvalidInput: lengths do not fit, a price is not above zero, or a position's value would pass int64.
    """

    def __init__(
        self, holdings: Holdings, prices_1e4: npt.ArrayLike, cash_cents: npt.ArrayLike, high_water_cents: npt.ArrayLike | None = None
    ) -> None:
        self.holdings = holdings
        self.prices_1e4 = int64_array(prices_1e4, "prices_1e4").copy()
        self.cash_cents = int64_array(cash_cents, "cash_cents").copy()
        if self.prices_1e4.shape != (holdings.n_instruments,):
            raise InvalidInput(f"{holdings.n_instruments} prices wanted, got {self.prices_1e4.shape}", field="prices_1e4")
        if self.cash_cents.shape != (holdings.n_portfolios,):
            raise InvalidInput(f"{holdings.n_portfolios} cash balances wanted, got {self.cash_cents.shape}", field="cash_cents")
        above_zero(self.prices_1e4)
        self.class_cents = self._valued()
        self._edges = holdings.strips(_STRIP)
        held = np.flatnonzero(np.diff(holdings.starts))
        # Each instrument's largest holding, either way: a price that it can bear, all can.
        self._largest_1e4 = np.zeros(holdings.n_instruments, dtype=np.int64)
        if len(held):
            self._largest_1e4[held] = np.maximum.reduceat(np.abs(holdings.quantities_1e4), holdings.starts[held])
        self.value_cents: IntArray = self.class_cents.sum(axis=1) + self.cash_cents
        high_water = self.value_cents if high_water_cents is None else int64_array(high_water_cents, "high_water_cents")
        if high_water.shape != (holdings.n_portfolios,):
            raise InvalidInput(f"{holdings.n_portfolios} high-water marks wanted, got {high_water.shape}", field="high_water_cents")
        self.high_water_cents: IntArray = np.maximum(high_water, self.value_cents)

    def apply(self, instruments: npt.ArrayLike, prices_1e4: npt.ArrayLike) -> IntArray:
        """Take new prices; of an instrument given twice the last one stands, as in a stream. All of them or, on an error, none.

        Returns:
            ``(n_touched,)`` numbers of the portfolios that hold one of the instruments, rising. Empty in, empty out.

        Raises:
            InvalidInput: lengths differ, an instrument is unknown, a price is not above zero or would overflow a position.
        """
        changed, prices = _last_of_each(int64_array(instruments, "instruments"), int64_array(prices_1e4, "prices_1e4"))
        _in_range(changed, self.holdings.n_instruments, "instruments")
        above_zero(prices)
        refuse_overflow(self._largest_1e4[changed], prices)
        before, classes = self.prices_1e4[changed], self.holdings.classes[changed]
        self.prices_1e4[changed] = prices
        by_class, touched = self.class_cents.reshape(-1), []
        for strip, rows, lengths in self._by_strip(changed):
            owners, quantities = self.holdings.portfolios.take(rows), self.holdings.quantities_1e4.take(rows)
            difference = rounded_products(quantities, np.repeat(prices, lengths)) - rounded_products(quantities, np.repeat(before, lengths))
            np.add.at(by_class, owners * self.holdings.n_classes + np.repeat(classes, lengths), difference)
            np.add.at(self.value_cents, owners, difference)
            touched.append(self._risen(strip, owners))
        return np.concatenate(touched) if touched else np.empty(0, dtype=np.int64)

    def bearable(self, instruments: IntArray, prices_1e4: IntArray) -> BoolArray:
        """Which of these prices, all above zero, every holder's position can be valued at within int64: ``(n,)`` bool.

        >>> one_million = Holdings.of([0], [0], [10_000_000_000], [0], 1, 1)
        >>> LiveMarks(one_million, [500_000], [0]).bearable(np.array([0, 0]), np.array([922_337_203, 922_337_204])).tolist()
        [True, False]
        """
        return np.asarray(self._largest_1e4[instruments] <= _INT64_MAX // prices_1e4, dtype=np.bool_)

    def _risen(self, strip: slice, owners: IntArray) -> IntArray:
        """The owners, rising, each once; their marks are at least their values again. Few are sorted, many marked in their strip."""
        width = strip.stop - strip.start
        if len(owners) * 8 < width:
            distinct = np.unique(owners)
            self.high_water_cents[distinct] = np.maximum(self.high_water_cents[distinct], self.value_cents[distinct])
            return distinct
        seen = np.zeros(width, dtype=np.bool_)
        seen[owners - strip.start] = True
        # The others' values have not changed, so neither do their marks.
        np.maximum(self.high_water_cents[strip], self.value_cents[strip], out=self.high_water_cents[strip])
        marked: IntArray = np.flatnonzero(seen) + strip.start
        return marked

    def _by_strip(self, instruments: IntArray) -> Iterator[tuple[slice, IntArray, IntArray]]:
        """Neighbouring portfolios, rising; the rows of the instruments among them; how many each instrument has.

        Holders of one instrument are spread over all portfolios: taken instrument by instrument, every add would miss the cache.
        """
        edges = self._edges[:, instruments]
        n_rows, n_strips = int((edges[-1] - edges[0]).sum()), len(edges) - 1
        if not n_rows:
            return
        together = max(1, n_strips * _ROWS // n_rows)
        for first in range(0, n_strips, together):
            starts = edges[first]
            last = min(first + together, n_strips)
            lengths = edges[last] - starts
            ends = np.cumsum(lengths)
            if ends[-1]:
                portfolios = slice(first * _STRIP, min(last * _STRIP, self.holdings.n_portfolios))
                yield portfolios, np.arange(int(ends[-1])) + np.repeat(starts - ends + lengths, lengths), lengths

    def drift(self, portfolios: IntArray, targets: FloatArray) -> FloatArray:
        """Weight less target by asset class, as fractions of the whole value; NaN where a portfolio is not worth more than zero.

        Args:
            portfolios: ``(n,)`` portfolio numbers.
            targets: ``(n_portfolios, n_classes)`` target weights of every portfolio.

        Returns:
            ``(n, n_classes)`` float64.
        """
        values = self.value_cents[portfolios].astype(np.float64)
        values[values <= 0] = np.nan
        return np.asarray(self.class_cents[portfolios] / values[:, None] - targets[portfolios], dtype=np.float64)

    def drawdown(self, portfolios: IntArray) -> FloatArray:
        """``value / high-water mark - 1``, ``(n,)`` float64: zero at the mark, -0.25 a quarter below; NaN without a mark above zero."""
        marks = self.high_water_cents[portfolios].astype(np.float64)
        marks[marks <= 0] = np.nan
        return np.asarray(self.value_cents[portfolios] / marks - 1.0, dtype=np.float64)

    def prove(self) -> None:
        """The full pass: value everything anew and compare, cent for cent.

        Raises:
            Conflict: the kept values are not what the positions are worth; they must be rebuilt.
        """
        class_cents = self._valued()
        if not np.array_equal(class_cents, self.class_cents):
            raise Conflict("kept class values are not those of a full valuation", field="class_cents")
        if not np.array_equal(class_cents.sum(axis=1) + self.cash_cents, self.value_cents):
            raise Conflict("kept portfolio values are not the sum of their positions and cash", field="value_cents")

    def _valued(self) -> IntArray:
        """The positions' cents summed by portfolio and class; a block of rows at a time."""
        holdings = self.holdings
        instruments = np.repeat(np.arange(holdings.n_instruments), np.diff(holdings.starts))
        refuse_overflow(holdings.quantities_1e4, self.prices_1e4[instruments])
        class_cents = np.zeros((holdings.n_portfolios, holdings.n_classes), dtype=np.int64)
        flat = class_cents.reshape(-1)
        for start in range(0, len(instruments), BLOCK):
            block = slice(start, start + BLOCK)
            of = instruments[block]
            cents = rounded_products(holdings.quantities_1e4[block], self.prices_1e4[of])
            np.add.at(flat, holdings.portfolios[block] * holdings.n_classes + holdings.classes[of], cents)
        return class_cents


def _last_of_each(instruments: IntArray, prices: IntArray) -> tuple[IntArray, IntArray]:
    if instruments.shape != prices.shape or instruments.ndim != 1:
        raise InvalidInput("instruments and prices must be columns of one length", field="prices_1e4")
    distinct, from_the_end = np.unique(instruments[::-1], return_index=True)
    return distinct, prices[::-1][from_the_end]


def _in_range(numbers: IntArray, count: int, field: str) -> None:
    wrong = np.flatnonzero((numbers < 0) | (numbers >= count))
    if len(wrong):
        raise InvalidInput(f"{field}[{wrong[0]}] is {numbers[wrong[0]]}; there are {count}", field=f"{field}[{wrong[0]}]")


def above_zero(prices: IntArray) -> IntArray:
    """The prices, if each is above zero.

    Raises:
        InvalidInput: one is not; its place is named.
    """
    wrong = np.flatnonzero(prices <= 0)
    if len(wrong):
        raise InvalidInput(f"price must be above zero, got {prices[wrong[0]]}", field=f"prices_1e4[{wrong[0]}]")
    return prices
