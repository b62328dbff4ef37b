"""The gate, defect by defect, on files made by hand."""

from datetime import date, timedelta

import numpy as np
import pytest

from daymark.core.errors import InvalidInput
from daymark.market_data.models import Defect, PricePanel, Severity
from daymark.market_data.ports import VendorClose
from daymark.market_data.quality import GatedFile, gate_closes

DAY = date(2018, 2, 5)
NAMES = ("A", "B", "C", "D", "E", "F", "G", "H")
BLOCK, WARN = Severity.BLOCK, Severity.WARN


def made_history(length: int = 60, names: tuple[str, ...] = NAMES) -> PricePanel:
    """Synthetic: every price swings between 100 and 101, half of them out of step, so each moves about 1 % a session."""
    swing = np.where((np.arange(length)[:, None] + np.arange(len(names))) % 2 == 0, 100.0, 101.0)
    return PricePanel(tuple(DAY - timedelta(days=length - day) for day in range(length)), names, swing)


def rows(**changed: str) -> list[VendorClose]:
    """A file in which every price is 100.5 save those given."""
    return [VendorClose(name, DAY, changed.get(name, "100.5"), "USD", line) for line, name in enumerate(NAMES, start=2)]


def gate(file: list[VendorClose], history: PricePanel | None = None, names: tuple[str, ...] = NAMES) -> GatedFile:
    return gate_closes(file, DAY, made_history(names=names) if history is None else history, dict.fromkeys(names, "USD"))


def found(gated: GatedFile) -> list[tuple[str, Defect, Severity]]:
    return [(finding.instrument_id, finding.defect, finding.severity) for finding in gated.findings]


def test_a_clean_file_passes_as_written():
    gated = gate(rows(A="100.50"))
    assert gated.findings == ()
    assert [str(gated.accepted[name]) for name in ("A", "B")] == ["100.50", "100.5"]


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("NaN", Defect.NOT_A_NUMBER),
        ("", Defect.NOT_A_NUMBER),
        ("N/A", Defect.NOT_A_NUMBER),
        ("100,5", Defect.NOT_A_NUMBER),
        ("1_00.5", Defect.NOT_A_NUMBER),
        (" 100.5", Defect.NOT_A_NUMBER),
        ("100.5\n", Defect.NOT_A_NUMBER),
        ("$100.5", Defect.NOT_A_NUMBER),
        ("1e2", Defect.NOT_A_NUMBER),
        ("１００.５", Defect.NOT_A_NUMBER),
        ("١٠٠", Defect.NOT_A_NUMBER),
        ("100.5.", Defect.NOT_A_NUMBER),
        ("9" * 39, Defect.NOT_A_NUMBER),
        ("inf", Defect.INFINITE),
        ("-Infinity", Defect.INFINITE),
        ("0", Defect.ZERO),
        ("-0.000", Defect.ZERO),
        ("-100.5", Defect.NEGATIVE),
        ("10050", Defect.SCALE),
        ("1.005", Defect.SCALE),
    ],
)
def test_a_value_that_is_no_price_is_quarantined_by_name(text: str, defect: Defect):
    gated = gate(rows(C=text))
    assert found(gated) == [("C", defect, BLOCK)]
    assert set(gated.accepted) == set(NAMES) - {"C"}


@pytest.mark.parametrize("ratio", [2, 3, 4, 5, 10, 20])
def test_a_split_that_was_not_applied_is_named_with_its_ratio(ratio: int):
    for text, words in ((f"{100.5 * ratio:.3f}", f"about {ratio} times"), (f"{100.5 / ratio:.3f}", f"about 1/{ratio} of")):
        gated = gate(rows(B=text))
        assert found(gated) == [("B", Defect.SPLIT, BLOCK)]
        assert words in gated.findings[0].detail


def test_a_jump_near_no_ratio_blocks_and_a_rare_one_warns():
    # 1.7 lies between no listed ratios; +16 % is above 8 deviations of about 1 % (1.48 x 1 %) and below +60 %.
    gated = gate(rows(A="170.85", H="116"))
    assert found(gated) == [("A", Defect.JUMP, BLOCK), ("H", Defect.JUMP, WARN)]
    assert "H" in gated.accepted


def test_an_ordinary_move_says_nothing():
    assert gate(rows(A="105")).findings == ()


def test_a_fall_of_the_whole_market_is_no_defect_and_who_did_not_fall_stands_out():
    crashed = dict.fromkeys(NAMES[:-1], "85.5")
    assert found(gate(rows(**crashed, H="85.4"))) == []
    assert found(gate(rows(**crashed))) == [("H", Defect.JUMP, WARN)]


def test_a_file_that_fell_further_than_a_market_can_is_damaged():
    halved = gate(rows(**dict.fromkeys(NAMES, "50.25")))
    assert found(halved) == [(name, Defect.SPLIT, BLOCK) for name in NAMES]


def test_a_lone_instrument_is_no_market_of_its_own():
    alone = [VendorClose("A", DAY, "50.25", "USD", 2)]
    assert found(gate(alone, names=("A",))) == [("A", Defect.SPLIT, BLOCK)]


def test_one_bad_print_in_the_history_does_not_hide_a_jump():
    history = made_history()
    history.closes[30, 7] *= 50
    assert found(gate(rows(H="116"), history)) == [("H", Defect.JUMP, WARN)]


def test_a_young_instrument_is_measured_by_the_default_deviation():
    # Ten sessions of history: 8 x 2 % = 16 % in log terms; +15 % passes, +20 % shows.
    history = made_history(10)
    assert found(gate(rows(A="115.57", B="120.6"), history)) == [("B", Defect.JUMP, WARN)]


def test_a_quiet_instrument_is_not_judged_by_a_deviation_of_zero():
    history = made_history()
    history.closes[:, 0] = 100.0
    assert found(gate(rows(A="101.0"), history)) == []


@pytest.mark.parametrize(("unchanged", "expected"), [(2, []), (3, [WARN]), (4, [WARN]), (5, [BLOCK])])
def test_a_price_that_does_not_move_goes_stale(unchanged: int, expected: list[Severity]):
    history = made_history()
    history.closes[-unchanged:, 0] = 100.5
    history.closes[:-unchanged, 0] = 99.0
    assert found(gate(rows(), history)) == [("A", Defect.STALE, severity) for severity in expected]


def test_the_last_file_sent_again_is_stale_as_a_whole():
    history = made_history()
    history.closes[-1, :5] = 100.5
    assert found(gate(rows(), history)) == [(name, Defect.STALE, BLOCK) for name in NAMES[:5]]
    history.closes[-1, 4] = 100.0
    assert found(gate(rows(), history)) == []


def test_a_few_prices_unchanged_together_are_no_repeated_file():
    few = NAMES[:5]
    history = made_history(names=few)
    history.closes[-1] = 100.5
    assert found(gate([row for row in rows() if row.instrument_id in few], history, few)) == []


def test_a_row_of_another_date_is_no_close_of_this_session():
    file = rows()
    file[0] = VendorClose("A", DAY + timedelta(days=1), "100.5", "USD", 2)
    file[1] = VendorClose("B", DAY - timedelta(days=3), "100.5", "USD", 3)
    gated = gate(file)
    assert found(gated) == [("A", Defect.FUTURE, BLOCK), ("B", Defect.STALE, BLOCK)]
    assert {"A", "B"}.isdisjoint(gated.accepted)


def test_a_future_row_beside_a_good_one_still_blocks():
    gated = gate([*rows(), VendorClose("A", DAY + timedelta(days=1), "100.5", "USD", 99)])
    assert found(gated) == [("A", Defect.FUTURE, BLOCK)]
    assert "A" not in gated.accepted


def test_a_missing_row_is_found_and_a_row_nobody_asked_for_is_passed_over():
    gated = gate([*rows()[1:], VendorClose("ZZZ", DAY, "rubbish", "XXX", 50)])
    assert found(gated) == [("A", Defect.MISSING, BLOCK)]


def test_the_same_price_twice_warns_and_counts_once():
    gated = gate([*rows(), VendorClose("A", DAY, "100.500", "USD", 99)])
    assert found(gated) == [("A", Defect.DUPLICATE, WARN)]
    assert str(gated.accepted["A"]) == "100.5"


@pytest.mark.parametrize(("close", "currency"), [("100.6", "USD"), ("NaN", "USD"), ("100.5", "GBP")])
def test_two_rows_that_differ_block(close: str, currency: str):
    gated = gate([*rows(), VendorClose("A", DAY, close, currency, 99)])
    assert ("A", Defect.DUPLICATE, BLOCK) in found(gated)
    assert "A" not in gated.accepted


def test_a_price_in_another_currency_blocks():
    file = rows()
    file[2] = VendorClose("C", DAY, "100.5", "GBP", 4)
    assert found(gate(file)) == [("C", Defect.CURRENCY, BLOCK)]


def test_without_history_only_the_row_itself_is_judged():
    nothing = PricePanel((), NAMES, np.empty((0, len(NAMES))))
    assert found(gate(rows(A="10050", B="0"), nothing)) == [("B", Defect.ZERO, BLOCK)]
    unknown = PricePanel((DAY - timedelta(days=1),), NAMES, np.full((1, len(NAMES)), np.nan))
    assert found(gate(rows(A="10050"), unknown)) == []


def test_the_last_good_close_is_the_one_compared_with():
    history = made_history()
    history.closes[-2:, 0] = (-5.0, np.nan)
    gated = gate(rows(A="10050"), history)
    assert found(gated) == [("A", Defect.SCALE, BLOCK)]
    assert str(history.sessions[-3]) in gated.findings[0].detail


def test_the_gate_refuses_to_see_the_session_it_judges():
    history = made_history()
    late = PricePanel((*history.sessions[:-1], DAY), NAMES, history.closes)
    with pytest.raises(InvalidInput) as refusal:
        gate(rows(), late)
    assert refusal.value.field == "history"
