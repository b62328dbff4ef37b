"""The tree of errors: codes are stable, unique and travel whole."""

import copy
import pickle

import pytest

from daymark.core import errors
from daymark.core.errors import DaymarkError

# The contract every front maps: a change here is a change for every caller.
CODES = {
    "InvalidInput": ("invalid_input", False),
    "NotFound": ("not_found", False),
    "Unauthenticated": ("unauthenticated", False),
    "Forbidden": ("forbidden", False),
    "Conflict": ("conflict", False),
    "StaleFence": ("stale_fence", False),
    "NotASession": ("not_a_session", False),
    "NotPublished": ("not_published", False),
    "QualityBlocked": ("quality_blocked", False),
    "RateLimited": ("rate_limited", True),
    "Unavailable": ("unavailable", True),
}


def test_codes_are_the_contract():
    classes = {name: item for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, DaymarkError)}
    del classes["DaymarkError"]
    assert {name: (item.code, item.retryable) for name, item in classes.items()} == CODES
    assert len({code for code, _ in CODES.values()}) == len(CODES)


@pytest.mark.parametrize("name", CODES)
def test_an_error_travels_whole(name: str):
    error: DaymarkError = getattr(errors, name)("no such day", field="date", previous="2018-02-02", next=None)
    document = {"code": CODES[name][0], "message": "no such day", "field": "date", "context": {"previous": "2018-02-02", "next": None}}
    for copied in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(copied) is type(error)
        assert copied.as_document() == document
        assert str(copied) == "no such day"
