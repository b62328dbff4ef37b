"""BookStore and BookWriter: what is saved is read back exactly, whole, and by its own tenant alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daymark.adapters.dynamodb import book_store
from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.core.errors import Conflict, InvalidInput, NotFound, StaleFence
from tests.contracts.backends import Crash, CrashingClient, crash_everywhere
from tests.contracts.samples import APPLE, BOND, household, record

# Some 250 bytes each in storage: far more than the 400 KB of one item.
MANY = 1800


@pytest.fixture
def fence(backend):
    return backend.ledger.open("book/northstar", "us-east-1")


def test_an_empty_book_has_nothing(backend):
    assert list(backend.book.tenants()) == []
    assert dict(backend.book.instruments()) == {}
    assert list(backend.book.records("northstar")) == list(backend.book.portfolios("northstar")) == []
    assert list(backend.book.households("northstar")) == []
    for portfolio_id in ("P1", "", "P#1"):
        with pytest.raises(NotFound):
            backend.book.portfolio("northstar", portfolio_id)
        with pytest.raises(NotFound):
            backend.book.record("northstar", portfolio_id)


def test_what_is_saved_is_read_back_exactly(backend, fence):
    backend.book.save_instruments([BOND, APPLE], fence)
    backend.book.save_household(household(), fence)
    for portfolio_id in ("P2", "P1"):
        backend.book.save_record(record(portfolio_id), fence)
    assert dict(backend.book.instruments()) == {"AAPL": APPLE, "BOND-AAA": BOND}
    assert list(backend.book.households("northstar")) == [household()]
    assert list(backend.book.tenants()) == ["northstar"]
    assert backend.book.record("northstar", "P1") == record("P1")
    assert repr(backend.book.record("northstar", "P1")) == repr(record("P1"))  # 10.5000 is not 10.5
    assert backend.book.portfolio("northstar", "P2") == record("P2").portfolio
    assert list(backend.book.records("northstar")) == [record("P1"), record("P2")]
    assert list(backend.book.portfolios("northstar")) == [record("P1").portfolio, record("P2").portfolio]


def test_an_instrument_is_replaced_by_id_and_back_again(backend, fence):
    for name in ("Apple Inc.", "Apple", "Apple", "Apple Inc."):
        backend.book.save_instruments([BOND, replace(APPLE, name=name)], fence)
        assert backend.book.instruments()["AAPL"].name == name
    assert dict(backend.book.instruments()) == {"AAPL": replace(APPLE, name="Apple Inc."), "BOND-AAA": BOND}


def test_a_portfolio_is_written_by_its_home_region_alone(backend, fence):
    assert record().portfolio.home_region == "us-east-1"
    backend.book.save_record(record(), fence)
    west = backend.ledger.open("book/northstar", "us-west-2")
    moved = replace(record("P2"), portfolio=replace(record("P2").portfolio, home_region="us-west-2"))
    backend.book.save_record(moved, west)
    for refused_record in (record(), record(lots=5), record("P3")):
        with pytest.raises(StaleFence, match="at home in us-east-1; us-west-2 may not") as refused:
            backend.book.save_record(refused_record, west)
        assert refused.value.field == "home_region"
    assert list(backend.book.records("northstar")) == [record(), moved]


def test_tenants_see_their_own_rows_only(backend, fence):
    backend.book.save_record(record("P1", name="theirs"), fence)
    backend.book.save_record(record("P1", tenant="harbor", name="ours"), fence)
    backend.book.save_household(household(tenant="harbor"), fence)
    assert list(backend.book.tenants()) == ["harbor", "northstar"]
    assert backend.book.portfolio("harbor", "P1").name == "ours"
    assert [found.portfolio.name for found in backend.book.records("northstar")] == ["theirs"]
    assert list(backend.book.households("northstar")) == []


def test_saving_again_changes_nothing_and_other_content_is_the_next_generation(backend, fence):
    for saved in (record(), record(), record(lots=3), record()):
        backend.book.save_record(saved, fence)
        assert backend.book.record("northstar", "P1") == saved
    for name in ("One", "One", "Other", "One"):
        backend.book.save_household(household(name=name), fence)
        assert backend.book.households("northstar")[0].name == name


def test_a_record_larger_than_an_item_or_a_page_comes_back_whole(backend, fence):
    large = record(lots=MANY, entries=MANY)
    backend.book.save_record(large, fence)
    assert backend.book.record("northstar", "P1") == large
    assert list(backend.book.records("northstar")) == [large]


def test_an_empty_portfolio_is_a_portfolio(backend, fence):
    backend.book.save_record(record(lots=0, entries=0), fence)
    assert backend.book.record("northstar", "P1") == record(lots=0, entries=0)


def test_a_stale_fence_saves_nothing_not_even_a_repeat(backend, fence):
    backend.book.save_record(record(), fence)
    backend.ledger.open("book/northstar", "us-west-2")
    for write in (
        lambda: backend.book.save_record(record(), fence),
        lambda: backend.book.save_record(record(lots=5), fence),
        lambda: backend.book.save_record(record("P2"), fence),
        lambda: backend.book.save_household(household(), fence),
        lambda: backend.book.save_instruments([APPLE], fence),
    ):
        with pytest.raises(StaleFence) as refused:
            write()
        assert refused.value.field == "epoch"
    assert dict(backend.book.instruments()) == {}
    assert list(backend.book.records("northstar")) == [record()]
    assert list(backend.book.households("northstar")) == []


def test_key_parts_that_could_meet_another_key_are_refused(backend, fence):
    for bad in ("P#1", ""):
        with pytest.raises(InvalidInput):
            backend.book.save_household(replace(household(), household_id=bad), fence)
    with pytest.raises(InvalidInput):
        backend.book.save_record(record("P#1"), fence)
    with pytest.raises(InvalidInput):
        backend.book.save_instruments([replace(APPLE, instrument_id="A#B")], fence)
    assert list(backend.book.tenants()) == []


def test_a_crash_anywhere_shows_one_generation_whole_and_replay_completes_it(aws, monkeypatch):
    monkeypatch.setattr(book_store, "CHUNK_BYTES", 1000)
    before, after = record(lots=2), record(lots=8, entries=8)
    fence = aws.ledger.open("book", "us-east-1")

    def under(subject, template):
        return replace(template, portfolio=replace(template.portfolio, portfolio_id=subject))

    def work(backend, subject):
        backend.book.save_record(under(subject, after), fence)

    def check(backend, subject, done):
        seen = backend.book.record("northstar", subject)
        assert seen in ([under(subject, after)] if done else [under(subject, before), under(subject, after)])

    for when in ("before", "after"):
        for number in range(1, 9):
            aws.book.save_record(under(f"{when}-{number}", before), fence)
    # Read, look at the epoch, claim, tenant row (found), its comparison, chunks, header: each once before and once after.
    assert crash_everywhere(aws, work, check) == 14


def test_a_first_save_that_crashed_is_completed_by_replay(aws):
    fence = aws.ledger.open("book", "us-east-1")

    def work(backend, subject):
        backend.book.save_record(record(subject, tenant=subject), fence)

    def check(backend, subject, done):
        if done:
            assert subject in backend.book.tenants()
            assert list(backend.book.records(subject)) == [record(subject, tenant=subject)]
        else:
            assert list(backend.book.records(subject)) in ([], [record(subject, tenant=subject)])

    assert crash_everywhere(aws, work, check) >= 8


def test_of_two_writers_of_one_generation_the_second_gets_a_conflict(aws):
    fence = aws.ledger.open("book", "us-east-1")
    aws.book.save_record(record(), fence)
    # The first writer dies after its claim; another writer with other content must not take its place.
    aws.build(CrashingClient(aws.dynamodb, 3, after=True), aws.s3)
    with pytest.raises(Crash):
        aws.book.save_record(record(lots=5), fence)
    aws.build(aws.dynamodb, aws.s3)
    with pytest.raises(Conflict):
        aws.book.save_record(record(lots=7), fence)
    aws.book.save_record(record(lots=5), fence)
    assert aws.book.record("northstar", "P1") == record(lots=5)


@pytest.mark.parametrize("stands_before", [False, True])
def test_without_a_ledger_the_header_itself_decides_between_two_writers(aws, stands_before):
    class Interrupted(CrashingClient):
        """Lets another writer finish between this writer's chunks and its header."""

        def __getattr__(self, name):
            method = super().__getattr__(name)

            def call(**arguments):
                if name == "put_item" and arguments["Item"]["sk"]["S"] == "PORTFOLIO#P1" and not self.crash_at:
                    self.crash_at = -1
                    DynamoBookStore(aws.table("book"), aws.dynamodb).save_record(record(), fence)
                return method(**arguments)

            return call if callable(method) else method

    fence = aws.ledger.open("book", "us-east-1")
    if stands_before:
        aws.book.save_record(record(lots=1), fence)
    late = DynamoBookStore(aws.table("book"), Interrupted(aws.dynamodb, 0, after=False))
    with pytest.raises(Conflict):
        late.save_record(record(name="other", lots=2), fence)
    assert aws.book.record("northstar", "P1") == record()


def test_a_tenants_records_cost_two_round_trips(aws):
    fence = aws.ledger.open("book", "us-east-1")
    for number in range(20):
        aws.book.save_record(record(f"P{number:02d}"), fence)
    client = CrashingClient(aws.dynamodb, 0, after=False)
    aws.build(client, aws.s3)
    assert len(aws.book.records("northstar")) == 20
    assert client.calls == ["query", "batch_get_item"]
