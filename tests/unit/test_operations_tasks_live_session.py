"""Opening the live session: once, for all that can be read, and so that live marks end on the close's own figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from daymark.book.models import CashKind
from daymark.book.ports import RecordKind
from daymark.contracts.bucket_book import book_key, encode_book
from daymark.core.errors import InvalidInput, StaleFence, Unavailable
from daymark.core.lots import Lot
from daymark.market_data import tick_shards
from daymark.monitoring.live_marks import Holdings, LiveMarks
from daymark.operations.models import OperationPhase
from daymark.operations.tasks.live_session import BOOKS_CHANGED, SETTING_CHANGED, LivePlan
from tests.unit.task_world import LIVE_PLAN, MONDAY, START, TUESDAY, World, entry, synthetic_records

D = Decimal
PRE, CLOSE = OperationPhase.PRE_MARKET, OperationPhase.MARKET_CLOSE
TASK = "open_live_session"


def tasks(world):
    return world.registry._tasks[PRE, TASK][1].__self__


def books(world, session=MONDAY):
    return [world.sessions.book(key) for key in world.sessions.session(session).books.values()]


def owners(world):
    return sorted(owner for book in books(world) for owner in book.owners)


def live(book):
    holdings = Holdings.of(book.instruments, book.portfolios, book.quantities_1e4, book.classes, len(book.owners), len(book.class_names))
    return LiveMarks(holdings, book.prices_1e4, book.cash_cents, book.high_water_cents)


def changed_records():
    """Ada has paid in a dollar on Sunday; nobody else did anything."""
    records = synthetic_records()
    return [replace(records[0], cash=(*records[0].cash, entry("P-A1", 9, date(2018, 2, 4), CashKind.DEPOSIT, "1.00"))), *records[1:]]


def test_the_session_and_its_books_against_hand_arithmetic():
    world = World().load()
    report = world.run(PRE, TASK)
    session = world.sessions.session(MONDAY)
    assert report.warnings == ()
    laid_out = {"buckets": 2, "symbols": 22, "synthetic": True}
    assert report.measures == {"saved": 3, "portfolios": 3, "opened": "now", "opened_at": "2026-01-05T09:00:00+00:00"} | laid_out
    assert (session.opened_at, session.groups, session.publishers) == (datetime(2026, 1, 5, 9, tzinfo=UTC), 4, (1, 2, 3))
    # 09:30 to 16:00 in New York in winter is 14:30 to 21:00 in UTC; 2018-02-05 began at 1,517,788,800 s.
    assert session.session_start == (1_517_788_800 + 14 * 3600 + 1800) * 10**9
    assert session.session_end == (1_517_788_800 + 21 * 3600) * 10**9
    # Friday's closes: KO 39.257, XOM 63.943, AAPL 38.044, and the Aaa bond 106.3156 from its yield.
    assert [session.references[name] for name in ("AAPL", "KO", "XOM", "BOND-AAA")] == [
        38_044_000_000, 39_257_000_000, 63_943_000_000, 106_315_600_000,
    ]  # fmt: skip
    growth, energy = session.buckets["AAPL"], session.buckets["GE"]
    assert (len(growth), energy) == (1, ())
    rows = {owner: (book, place) for book in books(world) for place, owner in enumerate(book.owners)}
    book, place = rows["alpha", "P-A1"]
    # 10,000 - 3,000 - 500 + 500 - 301.53 - 2.00; Friday 10 x 38.044 + 100 x 39.257 + 6,500.00 and 500.00 since.
    assert (book.cash_cents[place], book.opening_cents[place]) == (669_647, 38_044 + 392_570 + 650_000 + 50_000)
    assert book.targets_1e9[place].tolist() == [800_000_000, 0]
    book, place = rows["beta", "P-B1"]
    assert (book.cash_cents[place], book.opening_cents[place]) == (600_000, 319_715 + 600_000)
    assert session.buckets["XOM"] == tuple(sorted({rows["alpha", "P-A1"][0].bucket, book.bucket}))


def test_live_marks_end_on_the_closes_values_and_its_profit_and_loss_to_the_cent():
    world = World().load()
    world.run_day()
    for name in ("check_session", "load_prices", "gate_prices", TASK):
        world.run(PRE, name, TUESDAY)
    for name in ("publish_official_closes", "mark_portfolios", "compute_profit_and_loss"):
        world.run(CLOSE, name, TUESDAY)
    for session in (MONDAY, TUESDAY):
        closes = tasks(world)._desk.marking_closes(session)
        for book in books(world, session):
            marks = live(book)
            marks.apply(range(len(book.symbols)), [int(closes[name].price * 10_000) for name in book.symbols])
            for place, (tenant, portfolio_id) in enumerate(book.owners):
                (result,) = world.records.find(tenant, session, RecordKind.PROFIT_AND_LOSS, portfolio_id)
                value = int(marks.value_cents[place])
                assert D(value).scaleb(-2) == world.marks.mark(tenant, portfolio_id, session).value
                assert D(value - int(book.opening_cents[place])).scaleb(-2) == D(result.body["pnl"])
    # Monday's fall is Tuesday's drawdown: P-B1 was worth 9,015.25 on Monday, and nothing higher is stored.
    (energy,) = [
        book.high_water_cents[book.owners.index(("beta", "P-B1"))] for book in books(world, TUESDAY) if ("beta", "P-B1") in book.owners
    ]
    assert energy == 901_525


def test_the_second_opening_tells_what_stands():
    world = World().load()
    world.run(PRE, TASK)
    first = world.sessions.session(MONDAY)
    world.clock.advance(timedelta(minutes=5))
    report = world.run(PRE, TASK, try_number=2)
    assert (report.measures["opened"], report.measures["opened_at"], report.warnings) == ("before", "2026-01-05T09:00:00+00:00", ())
    assert world.sessions.session(MONDAY) == first
    # It left the same, so the try that is repeated leaves no other audit entry.
    assert len(world.trail.chain("shared", MONDAY, "PRE_MARKET")) == 1


def test_a_changed_book_is_warned_of_bucket_by_bucket():
    world = World().load()
    world.run(PRE, TASK)
    first = world.sessions.session(MONDAY)
    world.load(changed_records(), {})
    assert world.run(PRE, TASK, attempt=2).warnings == (f"{BOOKS_CHANGED} (1)",)
    records = changed_records()
    world.load([*records[:2], replace(records[2], cash=(*records[2].cash, entry("P-B1", 9, MONDAY, CashKind.FEE, "-1.00")))], {})
    assert world.run(PRE, TASK, attempt=3).warnings == (f"{BOOKS_CHANGED} (2)",)
    assert world.sessions.session(MONDAY) == first
    # Nothing else is told of: neither what was opened nor how it is laid out has changed.
    world = World().load()
    world.run(PRE, TASK)
    tasks(world)._plan = replace(LIVE_PLAN, publishers=(1, 2))
    assert world.run(PRE, TASK, attempt=2).warnings == (f"{SETTING_CHANGED} (1)",)


def test_who_is_overtaken_by_another_opener_reports_the_others_session():
    world = World().load()
    opener = tasks(world)._sessions.open

    def overtaken(session, contents, fence):
        opener(replace(session, opened_at=session.opened_at - timedelta(seconds=1)), contents, fence)
        return opener(session, contents, fence)

    world.sessions.open = overtaken
    assert world.run(PRE, TASK).measures["opened"] == "before"
    assert world.sessions.session(MONDAY).opened_at == world.clock.now() - timedelta(seconds=1)


def unreadable(world, tenant, error):
    honest = world.book.records

    def records(name):
        if name == tenant:
            raise error
        return honest(name)

    world.book.records = records
    return honest


def test_a_tenant_that_no_try_can_read_is_named_and_the_others_go_live():
    world = World().load()
    unreadable(world, "alpha", InvalidInput("stored portfolio cannot be read", field="body"))
    report = world.run(PRE, TASK)
    assert report.warnings == ("1 piece of work failed: invalid_input",)
    assert report.by_tenant["alpha"]["failed"][0]["field"] == "body" and "failed" not in report.by_tenant["beta"]
    assert owners(world) == [("beta", "P-B1")]


def test_what_another_try_may_mend_keeps_the_session_closed_until_it_is():
    world = World().load()
    honest = unreadable(world, "alpha", Unavailable("throttled"))
    with pytest.raises(Unavailable):
        world.run(PRE, TASK)
    assert world.sessions.session(MONDAY) is None
    world.book.records = honest
    world.run(PRE, TASK, try_number=2)
    assert owners(world) == [("alpha", "P-A1"), ("alpha", "P-A2"), ("beta", "P-B1")]


def test_when_nothing_can_be_read_nothing_is_opened():
    world = World().load()
    world.book.records = lambda tenant: (_ for _ in ()).throw(InvalidInput("stored portfolio cannot be read", field="body"))
    with pytest.raises(InvalidInput):
        world.run(PRE, TASK)
    assert world.sessions.session(MONDAY) is None


def test_one_bad_portfolio_keeps_none_of_the_others_out():
    records = synthetic_records()
    records[1] = replace(records[1], lots=(Lot("L9", "P-A2", "NONE", date(2017, 1, 3), D(1), D(1)),))
    world = World().load(records)
    report = world.run(PRE, TASK)
    assert (report.measures["saved"], report.warnings) == (2, ("1 piece of work failed: invalid_input",))
    assert report.by_tenant["alpha"]["failed"][0]["subject"] == "P-A2"
    assert owners(world) == [("alpha", "P-A1"), ("beta", "P-B1")]


def test_a_book_without_portfolios_opens_the_market_alone():
    world = World()
    report = world.run(PRE, TASK)
    assert (report.measures["buckets"], report.measures["symbols"], world.sessions.session(MONDAY).books) == (0, 22, {})


def test_symbols_that_one_record_could_not_carry_open_nothing(monkeypatch):
    """22 symbols in four groups: one of them has at least six."""
    monkeypatch.setattr(tick_shards, "MAX_GROUP_SYMBOLS", 5)
    world = World().load()
    with pytest.raises(InvalidInput, match="spread them over more groups") as refused:
        world.run(PRE, TASK)
    assert refused.value.field == "groups"
    assert world.sessions.session(MONDAY) is None


def test_a_lost_fence_opens_nothing():
    world = World().load()
    command = world.command(PRE, TASK)
    world.ledger.open(command.run.scope, "us-west-2")
    with pytest.raises(StaleFence):
        world.registry(command)
    assert world.sessions.session(MONDAY) is None


def test_a_half_day_ends_at_one():
    world = World().load()
    world.run(PRE, TASK, date(2017, 11, 24))
    session = world.sessions.session(date(2017, 11, 24))
    # The day after Thanksgiving began at 1,511,481,600 s and closes at 13:00 in New York, 18:00 in UTC.
    assert session.session_end == (1_511_481_600 + 18 * 3600) * 10**9


def test_books_stand_under_the_keys_of_their_content_in_buckets_that_have_a_portfolio():
    world = World().load()
    world.run(PRE, TASK)
    session = world.sessions.session(MONDAY)
    for bucket, key in session.books.items():
        book = world.sessions.book(key)
        assert book.bucket == bucket and book.owners and key == book_key(MONDAY, bucket, encode_book(book))
        assert all(bucket in session.buckets[symbol] for symbol in book.symbols)


def test_overdrawn_and_cash_only_portfolios_go_live():
    records = synthetic_records()
    records[1] = replace(records[1], cash=(entry("P-A2", 1, START, CashKind.FEE, "-5.00"),))
    world = World().load(records)
    world.run(PRE, TASK)
    (cash,) = [int(book.cash_cents[book.owners.index(("alpha", "P-A2"))]) for book in books(world) if ("alpha", "P-A2") in book.owners]
    assert cash == -500


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"groups": 0}, "groups"),
        ({"groups": 10_001}, "groups"),
        ({"buckets": 0}, "buckets"),
        ({"buckets": 10_001}, "buckets"),
        ({"publishers": ()}, "publishers"),
        ({"publishers": (1, 1)}, "publishers"),
        ({"publishers": (0,)}, "publishers"),
        ({"publishers": (65_536,)}, "publishers"),
    ],
)
def test_a_plan_out_of_range_is_refused(wrong, field):
    with pytest.raises(InvalidInput) as caught:
        replace(LIVE_PLAN, **wrong)
    assert caught.value.field == field
    assert LivePlan(10_000, 10_000, (65_535,), False).publishers == (65_535,)
