"""Streams by name: the key is the words' digest, the step a counter of its own."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from daymark.core.errors import InvalidInput
from daymark.quant.random_streams import random_stream


def test_the_draws_are_philox_under_the_digest_of_the_words():
    key = int.from_bytes(hashlib.sha256(b"7\x00KO\x00price").digest()[:16], "little")
    expected = np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, 5], np.uint64))).random(4)
    assert random_stream("7", "KO", "price", step=5).random(4).tolist() == expected.tolist()


def test_words_and_steps_part_the_streams():
    names = [(("a", "b"), 0), (("ab",), 0), (("b", "a"), 0), (("a", "b", ""), 0), (("a", "b"), 1), (("a", "b"), 2**64 - 1)]
    firsts = [random_stream(*words, step=step).integers(2**63) for words, step in names]
    assert len(set(map(int, firsts))) == len(names)


@pytest.mark.parametrize(
    ("words", "step", "field"), [((), 0, "words"), (("a\0b",), 0, "words"), (("a",), -1, "step"), (("a",), 2**64, "step")]
)
def test_what_names_no_stream_is_refused(words, step, field):
    with pytest.raises(InvalidInput) as refused:
        random_stream(*words, step=step)
    assert refused.value.field == field
