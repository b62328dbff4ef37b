"""Who may do what: the whole matrix, typed in, one line per role."""

import pytest

from daymark.core.entitlement import Action, Resource, may, require
from daymark.core.errors import Forbidden, NotFound
from daymark.core.tenancy import SHARED_TENANT, Principal, Role

BEN, HOUSE = "adviser.ben.northstar", "H-1"

PRINCIPALS = {
    "client": Principal("client.ada.northstar", "northstar", Role.CLIENT, HOUSE),
    "adviser": Principal(BEN, "northstar", Role.ADVISER),
    "operations": Principal("operations.ivy.northstar", "northstar", Role.OPERATIONS),
    "risk": Principal("risk.sam.northstar", "northstar", Role.RISK),
    "administrator": Principal("administrator.kim.northstar", "northstar", Role.ADMINISTRATOR),
    "shared client": Principal("client.zoe.daymark", SHARED_TENANT, Role.CLIENT, HOUSE),
    "shared adviser": Principal(BEN, SHARED_TENANT, Role.ADVISER),
    "shared operations": Principal("operations.daymark", SHARED_TENANT, Role.OPERATIONS),
    "shared risk": Principal("risk.daymark", SHARED_TENANT, Role.RISK),
    "shared administrator": Principal("administrator.daymark", SHARED_TENANT, Role.ADMINISTRATOR),
}

# Columns. Ids repeat across tenants on purpose: an id alone must open nothing.
RESOURCES = {
    "own household, own book": Resource("northstar", HOUSE, BEN),
    "own household, other book": Resource("northstar", HOUSE, "adviser.eve.northstar"),
    "other household, own book": Resource("northstar", "H-2", BEN),
    "other household, other book": Resource("northstar", "H-2", "adviser.eve.northstar"),
    "own tenant as a whole": Resource("northstar"),
    "other tenant, same ids": Resource("harbor", HOUSE, BEN),
    "other tenant as a whole": Resource("harbor"),
    "shared": Resource(SHARED_TENANT),
    "shared, same ids": Resource(SHARED_TENANT, HOUSE, BEN),
}

# R: may read and not operate. O: may read and operate. -: neither, and must not learn that it exists.
MATRIX = {
    #                        own/own own/oth oth/own oth/oth tenant  other  other  shared shared+ids
    "client":               "R       R       -       -       -       -      -      -      -",
    "adviser":              "R       -       R       -       -       -      -      R      R",
    "operations":           "O       O       O       O       O       -      -      R      R",
    "risk":                 "R       R       R       R       R       -      -      R      R",
    "administrator":        "O       O       O       O       O       -      -      R      R",
    "shared client":        "-       -       -       -       -       -      -      -      -",
    "shared adviser":       "-       -       -       -       -       -      -      R      R",
    "shared operations":    "-       -       -       -       -       -      -      O      O",
    "shared risk":          "-       -       -       -       -       -      -      R      R",
    "shared administrator": "-       -       -       -       -       -      -      O      O",
}  # fmt: skip
CELLS = [(who, what, right) for who, row in MATRIX.items() for what, right in zip(RESOURCES, row.split(), strict=True)]


def test_the_matrix_is_whole():
    assert list(MATRIX) == list(PRINCIPALS)
    assert {PRINCIPALS[who].role for who in MATRIX} == set(Role)
    assert len(CELLS) == 10 * 9
    assert set(Action) == {Action.READ, Action.OPERATE}, "a new action needs a new letter in the matrix"


@pytest.mark.parametrize(("who", "what", "right"), CELLS)
def test_every_cell(who: str, what: str, right: str):
    principal, resource = PRINCIPALS[who], RESOURCES[what]
    assert may(principal, Action.READ, resource) is (right in "RO")
    assert may(principal, Action.OPERATE, resource) is (right == "O")


@pytest.mark.parametrize(("who", "what", "right"), CELLS)
def test_a_refusal_tells_no_more_than_the_reader_may_know(who: str, what: str, right: str):
    principal, resource = PRINCIPALS[who], RESOURCES[what]
    if right == "-":
        for action in Action:
            with pytest.raises(NotFound) as refused:
                require(principal, action, resource, "portfolio")
            assert refused.value.as_document() == {"code": "not_found", "message": "no such portfolio", "field": None, "context": {}}
        return
    require(principal, Action.READ, resource, "portfolio")
    if right == "O":
        require(principal, Action.OPERATE, resource, "portfolio")
    else:
        with pytest.raises(Forbidden):
            require(principal, Action.OPERATE, resource, "portfolio")


def test_what_belongs_to_no_household_or_book_matches_no_empty_one():
    adviser_without_match = Resource("northstar", None, None)
    assert not may(PRINCIPALS["client"], Action.READ, adviser_without_match)
    assert not may(PRINCIPALS["adviser"], Action.READ, adviser_without_match)
