"""A mark is quantity times closing price, half-even to the cent per position, plus cash; one exact rule, one equal kernel for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, DecimalException

import numpy as np
import numpy.typing as npt

from daymark.book.holdings import ZERO, cash_balance, positions
from daymark.book.models import PortfolioMark, PortfolioRecord, Position, PositionMark
from daymark.core.errors import InvalidInput, NotPublished
from daymark.core.instruments import Instrument
from daymark.core.money import EXACT, to_cents
from daymark.market_data.models import ClosingPrice

IntArray = npt.NDArray[np.int64]

UNITS_PER_ONE = 10_000
_INT64_MAX = 2**63 - 1
# Quantity and price each carry four decimals, so their product carries eight: a cent is a million of its units.
_PRODUCT_UNITS_PER_CENT = 1_000_000
_EXACT_AS_FLOAT = 2**50
# Elements at a time: their intermediate results stay in a core's own cache, which is six times as fast as whole arrays.
BLOCK = 16_384


def position_value(quantity: Decimal, price: Decimal) -> Decimal:
    """Quantity times price, half-even to the cent; the product is exact before it is rounded.

    >>> position_value(Decimal("3"), Decimal("1.115")), position_value(Decimal("1"), Decimal("1.115"))
    (Decimal('3.34'), Decimal('1.12'))
    """
    return to_cents(EXACT.multiply(quantity, price))


def mark(
    record: PortfolioRecord, closes: Mapping[str, ClosingPrice], instruments: Mapping[str, Instrument], session_date: date
) -> PortfolioMark:
    """The portfolio at a session's close: every position at its closing price, and cash.

    Args:
        record: The portfolio with its lots and cash entries, in any order.
        closes: Closing prices by instrument id; those of instruments not held are ignored.
        instruments: Every instrument by id.
        session_date: The session whose end of day is valued.

    Returns:
        The mark, its positions sorted by instrument id. A portfolio without lots is worth its cash.

    Raises:
        NotPublished: a held instrument has no closing price; the field names it.
        InvalidInput: a price is not above zero or is from after the session, or a currency is not the portfolio's.
    """
    rows = tuple(
        _position_mark(record, position, closes, instruments, session_date) for position in positions(record, instruments, session_date)
    )
    cash = cash_balance(record, session_date)
    return PortfolioMark(
        tenant=record.portfolio.tenant,
        portfolio_id=record.portfolio.portfolio_id,
        session_date=session_date,
        cash=cash,
        positions=rows,
        value=cash + sum((row.value for row in rows), ZERO),
    )


def _position_mark(
    record: PortfolioRecord,
    position: Position,
    closes: Mapping[str, ClosingPrice],
    instruments: Mapping[str, Instrument],
    session_date: date,
) -> PositionMark:
    instrument_id = position.instrument_id
    close = closes.get(instrument_id)
    if close is None:
        raise NotPublished(
            f"no closing price of {instrument_id} for {session_date}",
            field=f"closes[{instrument_id}]",
            portfolio_id=record.portfolio.portfolio_id,
        )
    if not close.price.is_finite() or close.price <= 0:
        raise InvalidInput(f"price of {instrument_id} must be above zero, got {close.price}", field=f"closes[{instrument_id}].price")
    if close.as_of > session_date:
        raise InvalidInput(
            f"price of {instrument_id} is of {close.as_of}, after session {session_date}", field=f"closes[{instrument_id}].as_of"
        )
    currency = instruments[instrument_id].currency
    if currency is not record.portfolio.currency:
        raise InvalidInput(
            f"{instrument_id} is priced in {currency}, the portfolio in {record.portfolio.currency}", field=f"instruments[{instrument_id}]"
        )
    return PositionMark(
        instrument_id=instrument_id,
        asset_class=position.asset_class,
        quantity=position.quantity,
        price=close.price,
        value=position_value(position.quantity, close.price),
        cost_basis=position.cost_basis,
        price_as_of=close.as_of,
        label=close.label,
    )


def fixed_point(values: Sequence[Decimal], field: str) -> IntArray:
    """Decimals as ``(n,)`` int64 counts of one ten-thousandth, exactly.

    >>> fixed_point([Decimal("1.5"), Decimal("0.0001")], "quantities").tolist()
    [15000, 1]

    Raises:
        InvalidInput: a value is not finite, has more than four decimals or does not fit; the field names its place.
    """
    counts = np.empty(len(values), dtype=np.int64)
    for place, value in enumerate(values):
        try:
            scaled = EXACT.multiply(value, Decimal(UNITS_PER_ONE))
            if scaled != scaled.to_integral_value():
                raise InvalidInput(f"{value} does not fit four decimals of fixed point", field=f"{field}[{place}]")
            counts[place] = int(scaled)
        except (DecimalException, ValueError, OverflowError):
            raise InvalidInput(f"{value} does not fit four decimals of fixed point", field=f"{field}[{place}]") from None
    return counts


def values_in_cents(quantities_1e4: npt.ArrayLike, prices_1e4: npt.ArrayLike) -> IntArray:
    """Position values in whole cents: the exact product, rounded half-even, as :func:`position_value` does.

    Args:
        quantities_1e4: Integer counts of one ten-thousandth unit, any shape.
        prices_1e4: Integer counts of one ten-thousandth of the currency, of a shape numpy broadcasts with it.

    Returns:
        int64 cents of the broadcast shape; empty in, empty out.

    Raises:
        InvalidInput: an input is not of integers, the shapes do not fit, or a product would pass 2^63 - 1 (a position above
            92 thousand million); nothing ever wraps round.

    >>> values_in_cents([30_000, 10_000, 10_000], [11_150, 11_150, 11_250]).tolist()
    [334, 112, 112]
    """
    quantities, prices = int64_array(quantities_1e4, "quantities_1e4"), int64_array(prices_1e4, "prices_1e4")
    quantities, prices = same_shape(quantities_1e4=quantities, prices_1e4=prices)
    refuse_overflow(quantities, prices)
    cents = np.empty(quantities.shape, dtype=np.int64)
    flat, flat_quantities, flat_prices = cents.reshape(-1), quantities.reshape(-1), prices.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        block = slice(start, start + BLOCK)
        flat[block] = rounded_products(flat_quantities[block], flat_prices[block])
    return cents


def rounded_products(quantities: IntArray, prices: IntArray) -> IntArray:
    """Cents of one block's products, half-even; that they fit int64 was made sure of before."""
    product = quantities * prices
    if _largest(product) < _EXACT_AS_FLOAT:
        # Below 2^50 units the quotient is off by less than 2^-23, and only a true half lies within a millionth of one.
        rounded: IntArray = np.rint(product / _PRODUCT_UNITS_PER_CENT).astype(np.int64)
        return rounded
    cents: IntArray = product // _PRODUCT_UNITS_PER_CENT
    # Floor division leaves a rest in [0, 1) cent for either sign, so "up" is the same step for gains and losses.
    rest = product - cents * _PRODUCT_UNITS_PER_CENT
    half = _PRODUCT_UNITS_PER_CENT // 2
    cents += rest > half
    tied = rest == half
    if tied.any():
        cents[tied] += cents[tied] & 1
    return cents


def same_shape(**arrays: IntArray) -> tuple[IntArray, ...]:
    """The arrays, each by its argument's name, stretched to the one shape they broadcast to (read-only where stretched).

    Raises:
        InvalidInput: they do not fit each other; the field names the last.
    """
    try:
        return tuple(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InvalidInput(f"shapes do not fit each other: {shapes}", field=list(arrays)[-1]) from None


def int64_array(values: npt.ArrayLike, field: str) -> IntArray:
    """Integers as int64; floats and booleans are refused, because neither says which decimal it means."""
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(array.shape, dtype=np.int64)
    if array.dtype.kind not in "iu" or array.dtype == np.uint64:
        raise InvalidInput(f"{field} must hold signed integers, got {array.dtype}", field=field)
    return array.astype(np.int64, copy=False)


def _largest(values: IntArray) -> int:
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0


def refuse_overflow(quantities: IntArray, prices: IntArray) -> None:
    """Raise unless every product fits int64. Python integers decide for the whole array; only a suspicious one is searched.

    Raises:
        InvalidInput: a product passes the int64 range; the context gives its place.
    """
    if _largest(quantities) * _largest(prices) <= _INT64_MAX:
        return
    for values, field in ((quantities, "quantities_1e4"), (prices, "prices_1e4")):
        if _largest(values) > _INT64_MAX:  # -2^63 has no absolute value in int64
            raise InvalidInput(f"{field} must stay above -2^63", field=field)
    over = np.abs(quantities) > _INT64_MAX // np.maximum(np.abs(prices), 1)
    if over.any():
        place = [int(index) for index in np.argwhere(over)[0]]
        raise InvalidInput(f"quantity times price at {place} passes the int64 range", field="quantities_1e4", place=place)
