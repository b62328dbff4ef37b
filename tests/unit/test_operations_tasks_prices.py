"""Which prices a day's tasks need and use: those of what is held or targeted, and the official ones once they are published."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from daymark.adapters.memory.price_archive import MemoryPriceArchive
from daymark.book.models import Target
from daymark.book.ports import RecordKind
from daymark.contracts.price_files import CloseBlock, encode_vendor_file
from daymark.core.errors import InvalidInput, QualityBlocked, Unavailable
from daymark.core.lots import Lot
from daymark.operations.models import OperationPhase
from daymark.operations.tasks.universe import held_or_targeted
from tests.unit.task_world import FRIDAY, MONDAY, TUESDAY, World, history, synthetic_records

D = Decimal
PRE, OPEN, MID, CLOSE, POST = OperationPhase
TO_MONDAY = [
    (PRE, "gate_prices"), (PRE, "assess_overnight_risk"), (PRE, "check_limits"), (OPEN, "measure_drift"), (MID, "propose_rebalancing"),
    (MID, "find_tax_losses"), (CLOSE, "gate_prices"), (CLOSE, "publish_official_closes"), (CLOSE, "mark_portfolios"),
    (CLOSE, "compute_profit_and_loss"),
]  # fmt: skip


def archive_without(name: str) -> MemoryPriceArchive:
    """The real archive with one instrument's closes missing for two years up to Monday."""
    block = history().block
    closes = block.closes.copy()
    days = (block.sessions > np.datetime64("2016-01-01")) & (block.sessions <= np.datetime64(MONDAY))
    closes[days, block.instrument_ids.index(name)] = np.nan
    return MemoryPriceArchive(CloseBlock(block.sessions, block.instrument_ids, closes), history().series)


def deliver(world: World, session: date, **closes: str) -> None:
    rows = [replace(row, close=closes.get(row.instrument_id, row.close)) for row in world.archive.vendor_file(session)]
    world.archive.deliver(session, encode_vendor_file(rows))


def test_what_nobody_holds_or_targets_may_lack_a_price_all_day():
    world = World(archive=archive_without("GE")).load()
    for phase, task in TO_MONDAY:
        assert not [text for text in world.run(phase, task).warnings if "failed" in text], task
    quality = world.records.find("shared", MONDAY, RecordKind.PRICE_QUALITY, phase="MARKET_CLOSE")[0].body
    assert quality["quarantined"] == ["GE"]
    assert [(row["instrument_id"], row["defect"]) for row in quality["findings"]] == [("GE", "missing")]
    assert world.marks.mark("alpha", "P-A1", MONDAY).value == D("11140.03")


@pytest.mark.parametrize("needed_as", ["held", "target"])
@pytest.mark.parametrize(("phase", "task"), [entry for entry in TO_MONDAY if entry[1] != "compute_profit_and_loss"])
def test_what_somebody_holds_or_targets_still_blocks_without_a_good_close(phase, task, needed_as):
    records = synthetic_records()
    if needed_as == "held":
        records[1] = replace(records[1], lots=(Lot("L9", "P-A2", "GE", date(2017, 1, 3), D(1), D(1)),))
    else:
        records[1] = replace(records[1], portfolio=replace(records[1].portfolio, targets=(Target("GE", D("0.1")),)))
    world = World(archive=archive_without("GE")).load(records)
    with pytest.raises(QualityBlocked) as refusal:
        world.run(phase, task)
    assert refusal.value.field == "GE"


def test_held_or_targeted_counts_open_lots_and_targets():
    # XOM is bought on Monday by P-A1, and held and targeted by P-B1 all along.
    growth = synthetic_records()[:1]
    assert held_or_targeted(growth, FRIDAY) == {"AAPL", "KO"}
    assert held_or_targeted(growth, MONDAY) == {"AAPL", "KO", "XOM"}
    assert held_or_targeted([], MONDAY) == frozenset()


def test_a_book_of_cash_alone_has_no_risk():
    world = World().load(synthetic_records()[1:2], {})
    world.run(PRE, "assess_overnight_risk")
    assert world.records.find("alpha", MONDAY, RecordKind.OVERNIGHT_RISK)[0].body["var_99"] == 0.0


def test_the_gate_waits_for_every_book_because_it_must_know_what_is_held():
    world = World().load()

    def down(tenant):
        raise Unavailable("throttled")

    world.book.records = down
    with pytest.raises(Unavailable):
        world.run(CLOSE, "gate_prices")


def test_books_are_marked_at_the_published_closes_whatever_the_vendor_sends_later():
    world = World().load()
    world.run(CLOSE, "publish_official_closes")
    deliver(world, MONDAY, KO="38.711", AAPL="NaN")
    for task in ("mark_portfolios", "check_limits", "measure_drift"):
        world.run(CLOSE, task)
    growth = world.marks.mark("alpha", "P-A1", MONDAY)
    published = {row["instrument_id"]: row for row in world.archive.official_closes(MONDAY)["closes"]}
    for row in growth.positions:
        official = published[row.instrument_id]
        assert (str(row.price), row.price_as_of.isoformat(), row.label.value) == (official["price"], official["as_of"], official["label"])
    assert growth.value == D("11140.03")
    # KO 3,771.10 of 11,140.03, by hand from the price file.
    weights = world.records.find("alpha", MONDAY, RecordKind.DRIFT, "P-A1")[0].body["rows"]
    assert next(row["weight"] for row in weights if row["instrument_id"] == "KO") == pytest.approx(3771.10 / 11140.03, abs=1e-9)
    largest = world.records.find("alpha", MONDAY, RecordKind.LIMITS, "P-A1")[0].body["largest_position"]
    assert (largest["instrument_id"], largest["weight"]) == ("KO", pytest.approx(3771.10 / 11140.03, abs=1e-9))


def test_overnight_risk_is_that_of_the_marked_value_whatever_the_vendor_sends_later():
    """Tuesday's risk starts from Monday's marks: a file sent again after publication moves neither the base nor the last scenario."""
    worlds = World().load(), World().load()
    for world, resent in zip(worlds, ({}, {"KO": "44.1", "AAPL": "NaN"}), strict=True):
        for task in ("publish_official_closes", "mark_portfolios"):
            world.run(CLOSE, task)
        deliver(world, MONDAY, **resent)
        world.run(PRE, "assess_overnight_risk", TUESDAY)
    before, after = (world.records.find("alpha", TUESDAY, RecordKind.OVERNIGHT_RISK, "P-A1")[0].body for world in worlds)
    assert after == before
    assert after["value"] == str(worlds[1].marks.mark("alpha", "P-A1", MONDAY).value) == "11140.03"


def test_the_prior_session_is_valued_at_its_official_closes_too():
    world = World().load()
    for task in ("publish_official_closes", "mark_portfolios"):
        world.run(CLOSE, task)
    deliver(world, MONDAY, KO="38.711")
    for task in ("mark_portfolios", "compute_profit_and_loss"):
        assert world.run(CLOSE, task, TUESDAY).warnings == ()
    assert world.records.find("alpha", TUESDAY, RecordKind.PROFIT_AND_LOSS, "P-A1")[0].body["prior_value"] == "11140.03"


def test_until_then_the_gated_file_is_used():
    world = World().load()
    deliver(world, MONDAY, KO="38.711")
    world.run(CLOSE, "mark_portfolios")
    assert next(row.price for row in world.marks.mark("alpha", "P-A1", MONDAY).positions if row.instrument_id == "KO") == D("38.711")


@pytest.mark.parametrize(
    "document",
    [
        {"session_date": "2018-02-02", "closes": []},
        {"session_date": "2018-02-05"},
        {"session_date": "2018-02-05", "closes": [{"instrument_id": "KO", "price": "lots", "as_of": "2018-02-05", "label": "cash at one"}]},
    ],
)
def test_a_document_of_another_day_or_form_marks_nothing(document):
    world = World().load()
    world.archive.publish_official_closes(MONDAY, document, 1, world.loading)
    with pytest.raises(InvalidInput):
        world.run(CLOSE, "mark_portfolios")


@pytest.mark.parametrize(("name", "var_99"), [("BOND-AAA", 0.0053), ("BOND-BAA", 0.0035)])
def test_overnight_risk_of_a_bond_takes_no_coupon_for_a_loss(name, var_99):
    retirement = replace(synthetic_records()[1], lots=(Lot("L9", "P-A2", name, date(2017, 1, 3), D(10), D(1000)),), cash=())
    world = World().load([retirement], {})
    world.run(PRE, "assess_overnight_risk")
    risk = world.records.find("alpha", MONDAY, RecordKind.OVERNIGHT_RISK, "P-A2")[0].body
    # With coupons missed: 1.85 % and 1.08 %.
    assert (risk["sessions"], risk["as_of"]) == (504, "2018-02-02") and risk["var_99"] == pytest.approx(var_99, abs=0.00006)
