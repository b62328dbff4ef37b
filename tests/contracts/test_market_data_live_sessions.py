"""Live sessions: the first opening stands, whoever comes later or dies in between, and nobody sees one before its books stand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from botocore.exceptions import ClientError

from daymark.adapters.memory.live_sessions import MemoryLiveSessions
from daymark.adapters.s3.live_sessions import S3LiveSessions
from daymark.contracts.bucket_book import BucketBook, book_key, encode_book
from daymark.contracts.live_session import LiveSession, session_key
from daymark.core.errors import Conflict, InvalidInput, NotFound, StaleFence
from tests.contracts.backends import CrashingClient, crash_everywhere

DAY, SCOPE = date(2018, 2, 5), "2018-02-05/PRE_MARKET"
OPENED = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)


def column(*values):
    return np.array(values, dtype=np.int64)


def book(bucket, cash, day=DAY):
    return BucketBook(
        day, bucket, (("northstar", "NS-P01"),), ("AAPL",), ("equity", "fixed_income"), column(0), column(0), column(100_000),
        column(0), column(371_540), column(cash), column(cash + 371_540), column(cash + 400_000), column(600_000_000, 0).reshape(1, 2),
    )  # fmt: skip


def opening(cash=100, opened_at=OPENED, day=DAY, buckets=(3, 7)):
    """A session of 09:30 to 16:00 in New York whose only portfolio is in two buckets, and the contents of its books by key."""
    contents = {bucket: encode_book(book(bucket, cash, day)) for bucket in buckets}
    keys = {bucket: book_key(day, bucket, content) for bucket, content in contents.items()}
    session = LiveSession(
        day, opened_at, 1517841000 * 10**9, 1517864400 * 10**9, (1, 2, 3), True, 4,
        {"AAPL": 37_154_000_000, "KO": 40_000_000_000}, {"AAPL": tuple(buckets), "KO": ()}, keys,
    )  # fmt: skip
    return session, {keys[bucket]: contents[bucket] for bucket in buckets}


def stored(backend):
    """A way to the sessions that has not found any yet."""
    return S3LiveSessions(backend.bucket, backend.s3, backend.ledger) if backend.name != "memory" else MemoryLiveSessions(backend.ledger)


def again(sessions, backend):
    """Another process's way to the same sessions."""
    return sessions if backend.name == "memory" else stored(backend)


@pytest.fixture
def sessions(backend):
    return stored(backend)


@pytest.fixture
def fence(backend):
    return backend.ledger.open(SCOPE, "us-east-1")


def assert_same_book(found, wanted):
    assert (found.session_date, found.bucket, found.owners, found.symbols) == (
        wanted.session_date,
        wanted.bucket,
        wanted.owners,
        wanted.symbols,
    )
    for name, values in wanted.columns().items():
        np.testing.assert_array_equal(found.columns()[name], values)


def test_a_session_is_found_once_it_was_opened_with_every_book(sessions, backend, fence):
    session, books = opening()
    assert sessions.session(DAY) is None
    with pytest.raises(NotFound):
        sessions.book(session.books[3])
    assert sessions.open(session, books, fence) == session
    reader = again(sessions, backend)
    assert reader.session(DAY) == sessions.session(DAY) == session
    assert reader.session(date(2018, 2, 6)) is None
    for bucket in (3, 7):
        assert_same_book(reader.book(session.books[bucket]), book(bucket, 100))


def test_the_first_opening_stands(sessions, backend, fence):
    first, books = opening()
    second, others = opening(cash=999, opened_at=OPENED + timedelta(minutes=5))
    sessions.open(first, books, fence)
    for opener in (sessions, again(sessions, backend)):
        assert opener.open(second, others, fence) == first
    assert again(sessions, backend).session(DAY) == first
    with pytest.raises(NotFound):
        sessions.book(second.books[3])


def test_a_retry_after_a_lost_answer_returns_what_it_opened(sessions, backend, fence):
    first, books = opening()
    retried = replace(first, opened_at=OPENED + timedelta(seconds=2))
    sessions.open(first, books, fence)
    assert again(sessions, backend).open(retried, books, fence).opened_at == OPENED


def test_a_later_run_is_told_what_stands(sessions, backend, fence):
    first, books = opening()
    sessions.open(first, books, fence)
    later = backend.ledger.open(SCOPE, "us-west-2")
    assert again(sessions, backend).open(*opening(cash=5), later) == first


def test_days_stand_apart(sessions, fence):
    monday, tuesday = opening(), opening(day=date(2018, 2, 6))
    sessions.open(*monday, fence)
    sessions.open(*tuesday, fence)
    assert (sessions.session(DAY), sessions.session(date(2018, 2, 6))) == (monday[0], tuesday[0])


def test_a_session_without_portfolios_has_no_books(sessions, fence):
    session, books = opening(buckets=())
    assert books == {}
    assert sessions.open(session, books, fence) == session


def test_a_stale_run_opens_nothing(sessions, backend, fence):
    session, books = opening()
    backend.ledger.open(SCOPE, "us-west-2")
    with pytest.raises(StaleFence):
        sessions.open(session, books, fence)
    assert again(sessions, backend).session(DAY) is None
    with pytest.raises(NotFound):
        sessions.book(session.books[3])


@pytest.mark.parametrize("wrong", ["one missing", "one more", "another content"])
def test_books_that_are_not_the_sessions_are_refused(sessions, backend, fence, wrong):
    session, books = opening()
    if wrong == "one missing":
        del books[session.books[7]]
    elif wrong == "one more":
        books["books/2018-02-05/bucket-0009-0000000000000000"] = b""
    else:
        books[session.books[7]] = books[session.books[3]]
    with pytest.raises(InvalidInput):
        sessions.open(session, books, fence)
    assert again(sessions, backend).session(DAY) is None
    with pytest.raises(NotFound):
        sessions.book(session.books[3])


def test_of_two_openers_at_once_one_wins_and_both_are_told_which(racing):
    fence, sessions = racing.ledger.open(SCOPE, "us-east-1"), stored(racing)
    offers = [opening(cash=cash, opened_at=OPENED + timedelta(seconds=cash)) for cash in range(1, 5)]
    with ThreadPoolExecutor(len(offers)) as pool:
        told = list(pool.map(lambda offer: again(sessions, racing).open(*offer, fence), offers))
    (winner,) = {one.opened_at: one for one in told}.values()
    assert winner in [session for session, _ in offers]
    reader = again(sessions, racing)
    assert reader.session(DAY) == winner and told == [winner] * len(offers)
    cash = (winner.opened_at - OPENED).seconds
    assert_same_book(reader.book(winner.books[7]), book(7, cash))


def test_who_loses_the_race_for_the_document_is_told_what_stands(aws):
    """The other opener's document comes after this one has looked and before it has put its own."""
    fence = aws.ledger.open(SCOPE, "us-east-1")
    mine, books = opening(cash=1)
    theirs, others = opening(cash=2)

    class Overtaken(CrashingClient):
        def __getattr__(self, name):
            if name == "put_object" and not self.calls:
                self.calls.append(name)
                S3LiveSessions(aws.bucket, aws.s3, aws.ledger).open(theirs, others, fence)
            return getattr(self.client, name)

    sessions = S3LiveSessions(aws.bucket, Overtaken(aws.s3, 0, False), aws.ledger)
    assert sessions.open(mine, books, fence) == theirs
    assert sessions.session(DAY) == S3LiveSessions(aws.bucket, aws.s3).session(DAY) == theirs


def test_an_opening_that_is_refused_although_no_document_stands_is_a_conflict(aws):
    """As if somebody had taken the document away again; no session is told that does not stand."""

    class Refusing(CrashingClient):
        def put_object(self, **arguments):
            if arguments["Key"] == session_key(DAY):
                raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "no"}}, "PutObject")
            return self.client.put_object(**arguments)

    sessions = S3LiveSessions(aws.bucket, Refusing(aws.s3, 0, after=False), aws.ledger)
    with pytest.raises(Conflict):
        sessions.open(*opening(), aws.ledger.open(SCOPE, "us-east-1"))
    assert sessions.session(DAY) is None


def test_a_crash_anywhere_leaves_nothing_half_open_and_the_next_try_opens(aws):
    fence = aws.ledger.open(SCOPE, "us-east-1")
    days, tries = {}, []

    def work(backend, subject):
        day = days.setdefault(subject, date(2018, 1, 1) + timedelta(days=len(days)))
        # Each try comes later and finds the book changed, as a real one may.
        tries.append(subject)
        offer = opening(cash=len(tries), opened_at=OPENED + timedelta(seconds=len(tries)), day=day)
        S3LiveSessions(backend.bucket, backend.documents._client, backend.ledger).open(*offer, fence)

    def check(backend, subject, done):
        reader = S3LiveSessions(backend.bucket, backend.s3)
        session = reader.session(days[subject])
        assert session is not None or not done
        if session is not None:
            number = (session.opened_at - OPENED).seconds
            for bucket, key in session.books.items():
                assert_same_book(reader.book(key), book(bucket, number, days[subject]))

    # The fence's epoch, the claim, a look, two books and the document; before and after each.
    assert crash_everywhere(aws, work, check) == 12


def test_a_session_found_is_read_once_and_one_not_found_is_looked_for_again(aws):
    client, fence = CrashingClient(aws.s3, 0, after=False), aws.ledger.open(SCOPE, "us-east-1")
    reader, (session, books) = S3LiveSessions(aws.bucket, client), opening()
    assert reader.session(DAY) is None
    assert reader.session(DAY) is None
    assert client.calls == ["get_object"] * 2
    S3LiveSessions(aws.bucket, aws.s3, aws.ledger).open(session, books, fence)
    assert [reader.session(DAY) for _ in range(3)] == [session] * 3
    assert client.calls == ["get_object"] * 3


def test_a_document_that_is_none_is_refused_by_name(aws):
    aws.s3.put_object(Bucket=aws.bucket, Key=session_key(DAY), Body=b'{"version": 2}')
    with pytest.raises(InvalidInput, match="version"):
        S3LiveSessions(aws.bucket, aws.s3).session(DAY)
    aws.s3.put_object(Bucket=aws.bucket, Key="books/one", Body=b"no book")
    with pytest.raises(InvalidInput, match="book"):
        S3LiveSessions(aws.bucket, aws.s3).book("books/one")
