"""Whatever happens to a scope, the stored ledger and the one in memory answer alike: the second is the first one's model."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.core.errors import DaymarkError
from daymark.core.fence import Fence
from tests.contracts.backends import AwsBackend

REGIONS = st.sampled_from(["us-east-1", "us-west-2"])
OPEN = st.tuples(st.just("open"), REGIONS)
CLAIM = st.tuples(st.just("claim"), st.sampled_from("abc"), st.sampled_from("12"), REGIONS, st.integers(1, 4))


def answer(call: Callable[..., object], *arguments: object) -> object:
    try:
        return call(*arguments)
    except DaymarkError as refused:
        return type(refused)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.one_of(OPEN, CLAIM), min_size=1, max_size=10))
def test_stored_and_remembered_ledgers_answer_alike(steps: list[tuple[str, ...]]) -> None:
    with mock_aws():
        stored, remembered = AwsBackend("moto", None).ledger, MemoryFenceLedger()
        for step in steps:
            if step[0] == "open":
                assert stored.open("s", step[1]) == remembered.open("s", step[1])
            else:
                _, key, fingerprint, region, epoch = step
                fence = Fence("s", region, int(epoch))
                answers = [answer(ledger.claim, key, fingerprint, fence) for ledger in (stored, remembered)]
                assert answers[0] == answers[1], step
            assert answer(stored.current, "s") == answer(remembered.current, "s")
