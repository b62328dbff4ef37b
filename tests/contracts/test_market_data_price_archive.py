"""PriceArchive: the last sessions up to a date and nothing after it, from memory and from S3."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from daymark.adapters.memory.price_archive import MemoryPriceArchive
from daymark.adapters.s3.price_archive import S3PriceArchive
from daymark.contracts.price_files import CloseBlock, DailySeries, closes_key, encode_closes
from daymark.core.errors import Conflict, InvalidInput, NotFound, NotPublished, StaleFence
from daymark.local.price_history import PriceHistoryFiles
from tests.contracts.backends import CrashingClient, crash_everywhere

SCOPE = "2018-02-05/MARKET_CLOSE"
DAYS = [date(2016, 12, 30), date(2017, 1, 3), date(2017, 12, 29), date(2018, 1, 2), date(2018, 2, 5), date(2018, 2, 6)]
CLOSES = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0], [4.0, 40.0], [5.125, 50.0], [6.0, 60.0]])
BLOCK = CloseBlock(np.array(DAYS, dtype="datetime64[D]"), ("AAPL", "KO"), CLOSES)
VIX = DailySeries("VIX", np.array(DAYS[4:], dtype="datetime64[D]"), np.array([37.32, 29.98]), "made by hand")


@pytest.fixture
def archive(backend):
    if backend.name == "memory":
        return MemoryPriceArchive(BLOCK, {"VIX": VIX}, ledger=backend.ledger)
    for key, content in PriceHistoryFiles(BLOCK, {"VIX": VIX}).files([DAYS[4]]):
        backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=content)
    return S3PriceArchive(backend.bucket, backend.s3, backend.ledger)


@pytest.fixture
def fence(backend):
    return backend.ledger.open(SCOPE, "us-east-1")


def test_the_last_sessions_up_to_a_date_across_years(archive):
    sessions, closes = archive.closes(["KO", "AAPL"], DAYS[4], 4)
    assert list(sessions) == DAYS[1:5]
    np.testing.assert_array_equal(closes, [[np.nan, 2.0], [30.0, 3.0], [40.0, 4.0], [50.0, 5.125]])
    assert list(archive.closes(["AAPL"], DAYS[4], 5)[0]) == DAYS[:5]


@pytest.mark.parametrize("place", range(len(DAYS)))
def test_nothing_after_through_ever_comes_back(archive, place):
    archive.closes(["AAPL"], DAYS[-1], 6)  # everything has been read by now
    sessions, closes = archive.closes(["AAPL"], DAYS[place], 1)
    assert list(sessions) == [DAYS[place]]
    assert closes.tolist() == [[CLOSES[place][0]]]


def test_an_unknown_instrument_is_a_column_of_nan(archive):
    assert np.isnan(archive.closes(["XYZ"], DAYS[4], 2)[1]).all()


def test_too_few_sessions_or_none_at_the_date_is_not_published(archive):
    with pytest.raises(NotPublished):
        archive.closes(["AAPL"], DAYS[4], 6)
    with pytest.raises(NotPublished):
        archive.closes(["AAPL"], date(2018, 2, 4), 1)
    with pytest.raises(NotPublished):
        archive.closes(["AAPL"], date(2025, 1, 2), 1)
    with pytest.raises(InvalidInput):
        archive.closes(["AAPL"], DAYS[4], 0)


def test_vendor_files_and_series(archive):
    rows = archive.vendor_file(DAYS[4])
    assert [(row.instrument_id, row.session_date, float(row.close), row.currency) for row in rows] == [
        ("AAPL", DAYS[4], 5.125, "USD"),
        ("KO", DAYS[4], 50.0, "USD"),
    ]
    with pytest.raises(NotPublished):
        archive.vendor_file(date(2018, 2, 4))
    vix = archive.series("VIX")
    assert vix.values.tolist() == [37.32, 29.98]
    assert list(vix.dates.astype(object)) == DAYS[4:]
    for name in ("VVIX", "../VIX", ""):
        with pytest.raises(NotFound):
            archive.series(name)


def test_official_closes_of_an_attempt_never_change_and_a_later_attempts_count(archive, fence):
    document, corrected = {"session_date": "2018-02-05", "closes": {"AAPL": "5.125"}}, {"closes": {"AAPL": "5.25"}}
    assert archive.official_closes(DAYS[4]) is None
    address = archive.publish_official_closes(DAYS[4], document, 1, fence)
    assert address.endswith("official/2018-02-05/0001.json")
    assert archive.official_closes(DAYS[4]) == document
    assert archive.official_closes(DAYS[5]) is None
    assert archive.publish_official_closes(DAYS[4], dict(reversed(document.items())), 1, fence) == address
    with pytest.raises(Conflict):
        archive.publish_official_closes(DAYS[4], corrected, 1, fence)
    assert archive.official_closes(DAYS[4]) == document
    tenth = archive.publish_official_closes(DAYS[4], corrected, 10, fence)
    assert tenth.endswith("official/2018-02-05/0010.json")
    archive.publish_official_closes(DAYS[4], document, 2, fence)
    assert archive.official_closes(DAYS[4]) == corrected
    assert archive.publish_official_closes(DAYS[5], {"closes": {}}, 1, fence) != address
    for attempt in (0, 10_000):
        with pytest.raises(InvalidInput):
            archive.publish_official_closes(DAYS[5], document, attempt, fence)


def test_a_stale_run_publishes_nothing(archive, backend, fence):
    backend.ledger.open(SCOPE, "us-west-2")
    with pytest.raises(StaleFence):
        archive.publish_official_closes(DAYS[4], {"closes": {}}, 1, fence)
    assert archive.official_closes(DAYS[4]) is None


def test_the_claim_alone_keeps_other_closes_out(archive, backend, fence):
    backend.ledger.claim({"prices/official/2018-02-05/0001.json": "the content of a writer that died"}, fence)
    with pytest.raises(Conflict):
        archive.publish_official_closes(DAYS[4], {"closes": {}}, 1, fence)
    assert archive.official_closes(DAYS[4]) is None


def test_a_crash_anywhere_while_publishing_is_completed_by_replay(aws):
    fence = aws.ledger.open(SCOPE, "us-east-1")
    document, days = {"closes": {"AAPL": "5.125"}}, {}

    def publish(backend, subject):
        day = days.setdefault(subject, date(2018, 1, 1) + timedelta(days=len(days)))
        # The bucket's client of the backend under crash, as every other adapter of it has.
        S3PriceArchive(backend.bucket, backend.documents._client, backend.ledger).publish_official_closes(day, document, 1, fence)

    def check(backend, subject, done):
        found = S3PriceArchive(backend.bucket, backend.s3).official_closes(days[subject])
        assert found == document if done else found in (None, document)

    assert crash_everywhere(aws, publish, check) == 6


def test_a_year_is_read_once_and_the_growing_year_again_when_it_lacks_the_session(aws):
    for key, content in PriceHistoryFiles(BLOCK, {}).files():
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=content)
    client = CrashingClient(aws.s3, 0, after=False)
    archive = S3PriceArchive(aws.bucket, client)
    archive.closes(["AAPL"], DAYS[4], 3)
    archive.closes(["AAPL"], DAYS[5], 4)
    archive.closes(["AAPL"], DAYS[2], 1)
    assert client.calls == ["get_object"] * 2
    later = CloseBlock(np.array([*DAYS[3:], date(2018, 2, 7)], dtype="datetime64[D]"), ("AAPL",), np.array([[4.0], [5.125], [6.0], [7.0]]))
    aws.s3.put_object(Bucket=aws.bucket, Key=closes_key(2018), Body=encode_closes(later))
    assert archive.closes(["AAPL"], date(2018, 2, 7), 1)[1].tolist() == [[7.0]]
    assert client.calls == ["get_object"] * 3
