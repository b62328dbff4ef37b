"""The book's routes: hand-made lots and marks in, exact text out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.unit.http_world import FENCE, World, make_world

NS1 = "/v1/book/portfolios/NS-1"


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def test_a_portfolio_states_its_rules_in_fractions(world: World) -> None:
    _, body, _ = world.ask(NS1, "adviser ben")
    assert (body["name"], body["account"], body["drift_band"], body["minimum_trade"]) == ("NS-1 account", "taxable", 0.03, "250.00")
    assert body["targets"] == [{"instrument_id": "AAPL", "weight": 0.6}]


@pytest.mark.parametrize(
    ("on", "quantity", "basis"),
    # 5 x 10 bought for 1,500 each; 10 sold on the 2nd, 5 on the 5th: 4 x 1,500, then 3.5 x 1,500.
    [("2018-02-01", "50.0000", "7500.00"), ("2018-02-02", "40.0000", "6000.00"), ("2018-02-05", "35.0000", "5250.00")],
)
def test_positions_are_stated_at_the_end_of_the_day_asked_for(world: World, on: str, quantity: str, basis: str) -> None:
    _, body, _ = world.ask(f"{NS1}/positions", "adviser ben", query={"on": [on]})
    assert body == {
        "portfolio_id": "NS-1", "on": on, "cash": "10000.00",
        "items": [{"instrument_id": "AAPL", "name": "Apple Inc.", "asset_class": "equity", "quantity": quantity, "cost_basis": basis}],
    }  # fmt: skip


def test_without_a_date_today_is_meant(world: World) -> None:
    _, body, _ = world.ask(f"{NS1}/positions", "adviser ben")
    assert body["on"] == "2018-02-05"


def lots(world: World, **query: str) -> list[dict[str, Any]]:
    return world.ask(f"{NS1}/lots", "adviser ben", query={name: [value] for name, value in query.items()})[1]["items"]


def test_lots_by_day_and_openness(world: World) -> None:
    assert [lot["lot_id"] for lot in lots(world, on="2017-06-03")] == ["NS-1-L1", "NS-1-L2", "NS-1-L3"]
    assert [lot["lot_id"] for lot in lots(world, open="false")] == ["NS-1-L1"]
    assert [lot["lot_id"] for lot in lots(world, open="true")] == ["NS-1-L2", "NS-1-L3", "NS-1-L4", "NS-1-L5"]
    assert lots(world, on="2018-02-01", open="false") == []


def test_a_lot_as_of_a_day_does_not_tell_of_later_sales(world: World) -> None:
    before, after = lots(world, on="2018-02-02")[1], lots(world, on="2018-02-05")[1]
    assert (before["open_quantity"], before["disposals"]) == ("10.0000", [])
    assert after["open_quantity"] == "5.0000"
    assert after["disposals"] == [{"disposed": "2018-02-05", "quantity": "5.0000", "proceeds": "790.00"}]
    assert (after["quantity"], after["cost_basis"], after["holding_start"]) == ("10.0000", "1500.00", "2017-06-02")


def test_marks_come_newest_first_and_page_on(world: World) -> None:
    _, first, _ = world.ask(f"{NS1}/marks", "adviser ben", query={"limit": ["2"]})
    _, rest, _ = world.ask(f"{NS1}/marks", "adviser ben", query={"limit": ["2"], "cursor": [first["next_cursor"]]})
    assert [mark["session_date"] for mark in first["items"] + rest["items"]] == ["2018-02-05", "2018-02-02", "2018-02-01"]
    assert rest["next_cursor"] is None


def test_a_restated_mark_says_by_which_attempt() -> None:
    world = make_world()
    stood = world.marks.mark("northstar", "NS-1", date(2018, 2, 2))
    assert stood is not None
    world.marks.save([replace(stood, cash=stood.cash + 1, value=stood.value + 1, attempt=2)], FENCE)
    _, listed, _ = world.ask(f"{NS1}/marks", "client H-1")
    assert [(mark["attempt"], mark["value"]) for mark in listed["items"]] == [(1, "13504.38"), (2, "13505.38"), (1, "13504.38")]
    _, body, _ = world.ask(f"{NS1}/marks/2018-02-02", "client H-1")
    assert (body["attempt"], body["value"], body["cash"]) == (2, "13505.38", "10001.00")


def test_a_mark_carries_exact_values_and_says_what_its_prices_are(world: World) -> None:
    _, body, _ = world.ask(f"{NS1}/marks/2018-02-05", "client H-1")
    assert (body["value"], body["cash"]) == ("13504.38", "10000.00")
    assert body["positions"] == [
        {"instrument_id": "AAPL", "asset_class": "equity", "quantity": "35.0000", "price": "100.125", "price_as_of": "2018-02-05",
         "price_label": "adjusted daily close", "value": "3504.38", "cost_basis": "5250.00"}
    ]  # fmt: skip


def test_a_day_without_a_mark_is_not_found(world: World) -> None:
    assert world.ask(f"{NS1}/marks/2018-02-06", "client H-1")[0] == 404


def test_a_mark_of_a_day_without_trading_is_refused_with_the_nearest_sessions(world: World) -> None:
    """2018-02-04 was a Sunday; to who may not see the portfolio it is as if there were none."""
    status, body, _ = world.ask(f"{NS1}/marks/2018-02-04", "client H-1")
    assert (status, body["code"], body["field"]) == (422, "not_a_session", "session_date")
    assert body["context"] == {"previous": "2018-02-02", "next": "2018-02-05"}
    for caller in ("client H-2", "adviser bea", "operations of shared"):
        assert world.ask(f"{NS1}/marks/2018-02-04", caller)[0] == 404


@pytest.mark.parametrize("path", ["/v1/book/portfolios", f"{NS1}/lots"])
@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_pages_joined_are_the_whole_list(world: World, path: str, limit: int) -> None:
    _, whole, _ = world.ask(path, "risk")
    items, cursor = [], None
    while True:
        query = {"limit": [str(limit)], **({"cursor": [cursor]} if cursor else {})}
        _, page, _ = world.ask(path, "risk", query=query)
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert items == whole["items"]
