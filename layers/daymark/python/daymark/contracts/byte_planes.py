"""Whole numbers as byte planes: all first bytes, then all second bytes, as many as the largest needs; small ones compress well.

Every function takes and gives arrays of one unsigned type and computes modulo its width, so nothing overflows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Unsigned = npt.NDArray[Any]
_SAMPLE_ROWS = 4096


def width_of(largest: int) -> int:
    """Bytes that a number needs; 0 needs none.

    >>> [width_of(number) for number in (0, 1, 255, 256, 2**64 - 1)]
    [0, 1, 1, 2, 8]
    """
    return (largest.bit_length() + 7) // 8


def to_planes(codes: Unsigned, width: int) -> list[npt.NDArray[np.uint8]]:
    """``width`` planes of ``(n,)`` bytes, the lowest first.

    >>> [plane.tolist() for plane in to_planes(np.array([1, 258], np.uint32), 2)]
    [[1, 2], [0, 1]]
    """
    octets = np.ascontiguousarray(codes, codes.dtype.newbyteorder("<")).view(np.uint8).reshape(len(codes), codes.itemsize)
    return [np.ascontiguousarray(octets[:, place]) for place in range(width)]


def from_planes(planes: npt.NDArray[np.uint8]) -> Unsigned:
    """``(n,)`` codes of ``(width, n)`` planes, in the narrowest unsigned type that holds ``width`` bytes.

    >>> from_planes(np.array([[1, 2], [0, 1]], np.uint8)).tolist()
    [1, 258]
    """
    width = len(planes)
    if width == 0:
        return np.zeros(planes.shape[1], np.uint8)
    codes: Unsigned = planes[-1].astype(f"u{1 << (width - 1).bit_length()}")
    for plane in planes[-2::-1]:
        codes <<= np.uint8(8)
        codes |= plane
    return codes


def entropy_bytes(codes: Unsigned, width: int) -> float:
    """About how many bytes the planes compress to: the entropy of each plane's bytes, from a sample of the rows.

    Four values, each once, are two bits a row:

    >>> entropy_bytes(np.array([0, 1, 2, 3], np.uint8), 1)
    1.0
    """
    rows = len(codes)
    bits = 0.0
    for plane in to_planes(codes[:: max(1, rows // _SAMPLE_ROWS)], width):
        counts = np.bincount(plane)
        shares = counts[counts > 0] / len(plane)
        bits -= float((shares * np.log2(shares)).sum())
    return bits * rows / 8


def common_step(numbers: Unsigned) -> int:
    """The greatest number that divides all of them; 1 when all are 0 or there are none.

    >>> common_step(np.array([0, 100, 250], np.uint64))
    50
    """
    # The step of a few is a multiple of the step of all; each round that finds a remainder at least halves it.
    step = int(np.gcd.reduce(numbers[:: max(1, len(numbers) // 256)])) if len(numbers) else 0
    while step != 1:
        rest = numbers % numbers.dtype.type(step) if step else numbers
        largest = int(rest.max(initial=0))
        if largest == 0:
            return step or 1
        step = math.gcd(step, largest)
    return 1


def offset(numbers: Unsigned, signed: bool) -> tuple[Unsigned, int, int]:
    """Codes of numbers (read as signed or not) above the smallest, the smallest, and the step they are divided by.

    >>> codes, base, step = offset(np.array([1200, 1000, 1300], np.uint32), signed=False)
    >>> codes.tolist(), base, step
    ([2, 0, 3], 1000, 100)
    """
    if not len(numbers):
        return numbers, 0, 1
    smallest = (numbers.view(f"i{numbers.itemsize}") if signed else numbers).min()
    base = smallest.astype(numbers.dtype)
    codes = numbers - base
    step = common_step(codes)
    if step > 1:
        codes //= numbers.dtype.type(step)
    return codes, int(base), step


def from_offset(codes: Unsigned, base: int, step: int, dtype: np.dtype[Any]) -> Unsigned:
    """The numbers of what :func:`offset` gave; ``codes`` may be of a narrower type."""
    numbers = codes.astype(dtype)
    if step > 1:
        numbers *= dtype.type(step)
    if base:
        numbers += dtype.type(base)
    return numbers
