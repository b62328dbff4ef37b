"""Random streams by name: the same words and step give the same draws, in any order, on any worker, however work is divided.

Source: Philox4x64-10 of J. Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", SC11, as in NumPy. Its key is the start
of the words' SHA-256; the step stands in the highest 64 bits of its counter, so that no step's draws reach the next one's.
"""

from __future__ import annotations

import hashlib

import numpy as np

from daymark.core.errors import InvalidInput

_KEY_BYTES = 16
_STEP_SHIFT = 192
_LAST_STEP = 2**64 - 1


def random_stream(*words: str, step: int = 0) -> np.random.Generator:
    """The stream of these words at a step.

    Args:
        words: What the draws are for: run, path, purpose. At least one, and none with a zero character, which parts them.
        step: Which part of the stream, from 0 below ``2**64``: each holds ``2**192`` draws of its own.

    Raises:
        InvalidInput: no word, one with a zero character, or a step out of range.

    >>> bool(random_stream("7", "KO", "price").random() == random_stream("7", "KO", "price").random())
    True
    >>> bool(random_stream("7", "KO", "price").random() == random_stream("7", "KO", "price", step=1).random())
    False
    """
    if not words or any("\0" in word for word in words):
        raise InvalidInput("a stream is named by one or more words without zero characters", field="words")
    if not 0 <= step <= _LAST_STEP:
        raise InvalidInput(f"step must be 0 to 2**64 - 1, got {step}", field="step")
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    key = int.from_bytes(digest[:_KEY_BYTES], "little")
    return np.random.Generator(np.random.Philox(key=key, counter=step << _STEP_SHIFT))
