"""Never more than the limit in a window, never a refusal below it, whoever else calls: against a reference that keeps no counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.adapters.memory.rate_counter import MemoryRateCounter
from daymark.core.clock import FixedClock
from daymark.http.tenant_rates import CallKind, Rates, TenantRates

EPOCH = datetime(2018, 2, 5, 21, tzinfo=UTC)
TENANTS, SYSTEMS = ("northstar", "harbor"), ("book", "operations")

# Milliseconds since the call before, then who calls what.
CALLS = st.lists(
    st.tuples(st.integers(0, 4000), st.sampled_from(TENANTS), st.sampled_from(SYSTEMS), st.sampled_from(CallKind)), min_size=1, max_size=60
)
LIMITS = st.fixed_dictionaries(
    {"read": st.integers(1, 6), "effect": st.integers(1, 4)},
    optional={"harbor/read": st.integers(1, 8), "harbor/effect": st.integers(1, 8)},
)


def limit_of(limits: dict[str, int], tenant: str, kind: str) -> int:
    return limits[f"{tenant}/{kind}"] if f"{tenant}/{kind}" in limits else limits[kind]


@settings(max_examples=150)
@given(CALLS, LIMITS, st.integers(1, 7))
def test_a_call_is_admitted_exactly_while_its_window_has_room(calls, limits, window):
    clock = FixedClock(EPOCH)
    rates = TenantRates(Rates(window, limits), MemoryRateCounter(), clock, lambda *_: None)
    admitted: list[tuple[str, str, str, int]] = []

    for pause, tenant, system, kind in calls:
        clock.advance(timedelta(milliseconds=pause))
        # The reference keeps no counts: it looks through every call that was admitted so far, in exact integers.
        milliseconds = (clock.now() - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
        number = milliseconds // (window * 1000)
        before = sum(call == (tenant, system, kind, number) for call in admitted)
        limit = limit_of(limits, tenant, kind)

        allowance = rates.ask(tenant, system, kind)

        assert allowance is not None
        assert allowance.admitted is (before < limit)
        assert (allowance.limit, allowance.left) == (limit, max(0, limit - before - 1))
        # Whoever comes back when told to finds a new window, and one second earlier would not.
        again = milliseconds + 1000 * allowance.resets_seconds
        assert again // (window * 1000) == number + 1
        assert (again - 1000) // (window * 1000) == number
        if allowance.admitted:
            admitted.append((tenant, system, kind, number))


@settings(max_examples=60)
@given(st.lists(st.sampled_from(TENANTS), max_size=60), st.integers(1, 5))
def test_what_a_tenant_gets_does_not_depend_on_the_others(callers, limit):
    """The same calls of one tenant, alone and among everybody's: the same answers."""

    def answers(calls: list[str]) -> list[bool]:
        rates = TenantRates(Rates(60, {"read": limit, "effect": limit}), MemoryRateCounter(), FixedClock(EPOCH), lambda *_: None)
        asked = [(tenant, rates.ask(tenant, "book", CallKind.READ)) for tenant in calls]
        return [allowance.admitted for tenant, allowance in asked if tenant == "northstar"]

    assert answers(callers) == answers([tenant for tenant in callers if tenant == "northstar"])
