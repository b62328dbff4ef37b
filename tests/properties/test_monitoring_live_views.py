"""Laws of what is shown: a delta merged into any state since its beginning gives the state as it is, and every figure is exact."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.live_board import decode_board, encode_board
from daymark.monitoring.live_channels import live_state
from daymark.monitoring.live_views import BoardView, instant, money, price
from tests.unit.live_world import CLASSES, PORTFOLIO_COLUMNS, SYMBOL_COLUMNS, LiveBoard, merge_patch, moved, portfolios, symbols

UNDEFINED = 2**63 - 1
CENTS = st.sampled_from([0, 1, -1, 10_000, 12_345_678]) | st.integers(-(10**15), 10**15)
WEIGHT = st.integers(0, 10**9)
NANO = st.sampled_from([UNDEFINED, 37_094_000_000]) | st.integers(1, 10**15)
PORTFOLIO_CELLS = (*PORTFOLIO_COLUMNS, *CLASSES)


def of_column(column: str) -> st.SearchStrategy[int]:
    if column in SYMBOL_COLUMNS:
        return {"ts_event": st.integers(0, 2**62), "publishers": st.integers(0, 9), "reference": st.integers(1, 10**15)}.get(column, NANO)
    return WEIGHT if column.startswith("target:") else CENTS


@st.composite
def histories(draw) -> list[LiveBoard]:
    """Boards one after the other: some cells change, or a new session opens with other rows and perhaps other classes."""
    market = draw(st.booleans())
    columns = SYMBOL_COLUMNS if market else PORTFOLIO_CELLS
    opened = symbols if market else (lambda rows, *given, **more: portfolios(3, rows, *given, **more))

    def rows() -> dict[str, tuple[int, ...]]:
        names = draw(st.sets(st.sampled_from(["n/A", "n/B", "n/C"]), max_size=3))
        return {name: tuple(draw(of_column(column)) for column in columns) for name in sorted(names)}

    history = [opened(rows(), draw(st.integers(0, 5)))]
    for _ in range(draw(st.integers(0, 6))):
        last = history[-1]
        as_of = {"as_of": last.as_of + draw(st.integers(0, 10**10))}
        if draw(st.integers(0, 4)) == 0:
            history.append(opened(rows(), last.revision + 1, synthetic=draw(st.booleans()), **as_of))
            continue
        places = draw(st.lists(st.tuples(st.sampled_from(columns), st.sampled_from(last.names)), max_size=6)) if last.names else []
        history.append(moved(last, {(column, name): draw(of_column(column)) for column, name in places}, **as_of))
    return history


@given(histories(), st.data())
@settings(max_examples=200, deadline=None)
def test_a_delta_merged_into_any_state_since_gives_the_state_as_it_is(history, data):
    name = data.draw(st.sampled_from(["n/A", "n/B", "n/C"]))
    views = [BoardView(decode_board(encode_board(board))) for board in history]
    since, state, now = sorted(data.draw(st.tuples(*[st.integers(0, len(history) - 1)] * 3)))
    # What the client was sent at `since` and had become by `state`.
    known = json.loads(json.dumps(views[state].body(name), allow_nan=False))
    told = live_state(views[now], name, 3, history[since].revision)
    body = json.loads(json.dumps(told.body, allow_nan=False))
    wanted = views[now].body(name)
    assert merge_patch(known, body) == wanted if told.since is not None else body == wanted
    assert not told.restart
    # Nothing is said that did not change, besides what no cell holds.
    if told.since is not None and not views[now].has_changed(name, history[since].revision):
        assert set(told.body) <= {"live", "session_date", "synthetic_ticks", "as_of"}
        assert {key: value for key, value in wanted.items() if key != "as_of"} == {k: v for k, v in known.items() if k != "as_of"}


def test_a_revision_that_is_still_to_come_asks_for_all_there_is():
    view = BoardView(portfolios(3, {"n/A": (0,) * len(PORTFOLIO_CELLS)}, 4))
    # All of it changed at 4; nobody can know what changes between 4 and 5.
    assert [view.has_changed("n/A", since) for since in (3, 4, 5)] == [True, False, True]
    # So it is with a row that is not there: since the session began with revision 4 it has not been.
    assert [view.has_changed("n/B", since) for since in (3, 4, 5)] == [True, False, True]


@given(CENTS, CENTS, CENTS, CENTS, CENTS, WEIGHT)
@settings(max_examples=200, deadline=None)
def test_a_portfolios_figures_are_its_cells_and_ratios_are_the_nearest_doubles(value, cash, opening, high_water, equity, target):
    shown = BoardView(portfolios(3, {"n/A": (value, cash, opening, high_water, equity, 0, target, 0)})).body("n/A")
    assert (shown["live"], shown["session_date"], shown["synthetic_ticks"]) == (True, "2018-02-05", True)
    assert [Decimal(shown[name]) * 100 for name in ("value", "cash", "profit_and_loss", "high_water")] == [
        value, cash, value - opening, high_water,
    ]  # fmt: skip
    assert shown.get("drawdown") == (float(Fraction(value, high_water) - 1) if high_water > 0 else None)
    held = shown["classes"]["equity"]
    assert Decimal(held["value"]) * 100 == equity
    assert held["target"] == float(Fraction(target, 10**9))
    assert held.get("weight") == (float(Fraction(equity, value)) if value > 0 else None)
    assert held.get("drift") == (float(Fraction(equity, value) - Fraction(target, 10**9)) if value > 0 else None)


@given(NANO, NANO, NANO, st.integers(1, 10**15))
@settings(max_examples=200, deadline=None)
def test_a_symbols_figures_are_its_cells_and_what_is_undefined_is_absent(bid, ask, last, reference):
    shown = BoardView(symbols({"AAPL": (bid, ask, last, 5, 2, reference)})).body("AAPL")
    for name, cell in (("bid", bid), ("ask", ask), ("price", last), ("reference", reference)):
        assert (name in shown) is (cell != UNDEFINED)
        assert cell == UNDEFINED or Decimal(shown[name]).scaleb(9) == cell
    assert shown.get("change") == (None if last == UNDEFINED else float(Fraction(last, reference) - 1))


@given(st.integers(-(10**18), 10**18))
def test_decimal_texts_are_exact_and_have_two_places_at_least(number):
    assert Decimal(money(number)).scaleb(2) == number
    assert Decimal(price(number)).scaleb(9) == number
    assert len(price(number).partition(".")[2]) >= 2


@given(st.integers(1, 4_000_000_000), st.integers(0, 999_999_999))
def test_an_instant_keeps_its_nanoseconds(second, nano):
    text = instant(second * 10**9 + nano)
    whole, _, places = text.removesuffix("Z").partition(".")
    assert datetime.fromisoformat(whole).replace(tzinfo=UTC) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    assert (Fraction(f"0.{places}") if places else 0) == Fraction(nano, 10**9)
