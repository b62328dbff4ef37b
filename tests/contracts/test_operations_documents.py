"""Documents: put once, read for ever."""

from __future__ import annotations

import urllib.request

import pytest

from daymark.core.errors import Conflict, InvalidInput, NotFound, StaleFence
from tests.contracts.backends import AwsBackend, crash_everywhere

KEY = "reports/northstar/2018-02-05/P1.html"


@pytest.fixture
def fence(backend):
    return backend.ledger.open("2018-02-05/POST_MARKET", "us-east-1")


def test_put_get_keys_and_link(backend, fence):
    content = bytes(range(256))
    address = backend.documents.put(KEY, content, "text/html", fence)
    assert address.endswith(KEY)
    assert "://" in address
    backend.documents.put("reports/harbor/2018-02-05/P1.html", b"", "text/html", fence)
    backend.documents.put("reports/northstar/2018-02-05/P0.pdf", b"2", "application/pdf", fence)
    assert backend.documents.get(KEY) == content
    assert backend.documents.get("reports/harbor/2018-02-05/P1.html") == b""
    assert list(backend.documents.keys("reports/northstar/")) == ["reports/northstar/2018-02-05/P0.pdf", KEY]
    assert list(backend.documents.keys("nothing")) == []
    assert KEY in backend.documents.link(KEY, 60)


def test_what_is_not_there_is_not_found(backend):
    with pytest.raises(NotFound):
        backend.documents.get(KEY)
    with pytest.raises(NotFound):
        backend.documents.link(KEY, 60)


def test_repeat_conflict_and_stale_fence(backend, fence):
    backend.documents.put(KEY, b"one", "text/html", fence)
    backend.documents.put(KEY, b"one", "text/html", fence)
    with pytest.raises(Conflict):
        backend.documents.put(KEY, b"two", "text/html", fence)
    later = backend.ledger.open("2018-02-05/POST_MARKET", "us-west-2")
    for key, content in ((KEY, b"one"), ("reports/new.html", b"new")):
        with pytest.raises(StaleFence):
            backend.documents.put(key, content, "text/html", fence)
    with pytest.raises(Conflict):
        backend.documents.put(KEY, b"two", "text/html", later)
    assert list(backend.documents.keys("")) == [KEY]
    assert backend.documents.get(KEY) == b"one"


def test_another_scopes_content_does_not_replace_what_stands(backend, fence):
    backend.documents.put(KEY, b"one", "text/html", fence)
    other = backend.ledger.open("another scope", "us-east-1")
    backend.documents.put(KEY, b"one", "text/html", other)
    with pytest.raises(Conflict):
        backend.documents.put(KEY, b"two", "text/html", backend.ledger.open("a third", "us-east-1"))
    assert backend.documents.get(KEY) == b"one"


@pytest.mark.parametrize("key", ["", "/etc", "a//b", "a/../b", "a/.", "x" * 1025])
def test_odd_keys_are_refused(backend, fence, key):
    with pytest.raises(InvalidInput):
        backend.documents.put(key, b"", "text/plain", fence)


@pytest.mark.parametrize("seconds", [0, -1, 604_801])
def test_a_link_lives_a_second_to_a_week(backend, fence, seconds):
    backend.documents.put(KEY, b"one", "text/html", fence)
    with pytest.raises(InvalidInput):
        backend.documents.link(KEY, seconds)


def test_a_crash_anywhere_is_completed_by_replay(aws):
    fence = aws.ledger.open("scope", "us-east-1")

    def work(backend, subject):
        backend.documents.put(f"{subject}.txt", b"content", "text/plain", fence)

    def check(backend, subject, done):
        assert list(backend.documents.keys(subject)) in ([[f"{subject}.txt"]] if done else [[], [f"{subject}.txt"]])

    assert crash_everywhere(aws, work, check) == 6


@pytest.mark.emulator
def test_the_link_opens_the_document(request):
    backend = AwsBackend("emulator", request.getfixturevalue("emulator"))
    fence = backend.ledger.open("scope", "us-east-1")
    backend.documents.put(KEY, b"<p>report</p>", "text/html", fence)
    with urllib.request.urlopen(backend.documents.link(KEY, 60), timeout=5) as answer:
        assert answer.read() == b"<p>report</p>"
        assert answer.headers["Content-Type"] == "text/html"
    backend.remove()
