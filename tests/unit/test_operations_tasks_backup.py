"""The backup tasks: what is exported, what a damaged export leads to, and that a booking in between is no damage."""

import gzip
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from daymark.book.ports import RecordKind
from daymark.core.errors import Unavailable
from daymark.operations.backup import Manifest, restore_book
from daymark.operations.models import OperationPhase
from tests.unit.task_world import MONDAY, TUESDAY, World, synthetic_records

D = Decimal
PRE, OPEN, MID, CLOSE, POST = OperationPhase
FOLDER = "backups/beta/2018-02-05/0001/"


def marked():
    """Monday's close, with the records and chains of two phases."""
    world = World().load()
    world.run(PRE, "classify_regime")
    world.run(PRE, "check_limits")
    world.run(CLOSE, "mark_portfolios")
    return world


def restored(world, tenant, session="2018-02-05/0001"):
    folder = f"backups/{tenant}/{session}/"
    return restore_book(world.documents.get(f"{folder}book.json.gz"), Manifest.from_bytes(world.documents.get(f"{folder}manifest.json")))


def dearer():
    """The book with one lot of P-B1 a cent dearer."""
    records = synthetic_records()
    return [replace(records[2], lots=(replace(records[2].lots[0], cost_basis=D("4000.01")),))]


def verdict(world, tenant, attempt=1):
    found = world.records.history(tenant, MONDAY, RecordKind.BACKUP, "-")
    (body,) = [record.body for record in found if record.attempt == attempt]
    return body


def test_a_tenants_file_holds_its_book_its_day_and_its_chains_ends_and_the_shared_one_the_rest():
    world = marked()
    assert world.run(POST, "export_backup").warnings == ()
    alpha, shared = restored(world, "alpha"), restored(world, "shared")
    assert [record.portfolio.portfolio_id for record in alpha.records] == ["P-A1", "P-A2"]
    assert [len(record.lots) for record in alpha.records] == [3, 0]
    # 11,140.03 and 1,000.00, as the marks are by hand.
    assert [(mark.portfolio_id, mark.value) for mark in alpha.marks] == [("P-A1", D("11140.03")), ("P-A2", D("1000.00"))]
    assert [(record.kind, record.subject) for record in alpha.day_records] == [(RecordKind.LIMITS, "P-A1"), (RecordKind.LIMITS, "P-A2")]
    ends = {(end.phase, end.entries): end.last_hash for end in alpha.chains}
    assert ends == {(phase.value, 1): world.trail.chain("alpha", MONDAY, phase.value)[0].hash for phase in (CLOSE, PRE)}
    assert alpha.instruments == () and [one.instrument_id for one in shared.instruments] == sorted(world.book.instruments())
    assert [record.kind for record in shared.day_records] == [RecordKind.REGIME] and (shared.households, shared.marks) == ((), ())
    assert len(shared.chains) == 1
    assert world.run(POST, "verify_restore").warnings == ()
    assert (verdict(world, "shared")["instruments"], verdict(world, "alpha")["marks"], verdict(world, "alpha")["changed"]) == (22, 2, 0)


def test_post_market_is_backed_up_by_the_next_session():
    world = marked()
    world.run(POST, "reconcile_custodian")
    world.run(POST, "export_backup")
    assert {record.kind for record in restored(world, "beta").day_records} == {RecordKind.LIMITS}
    world.run(POST, "export_backup", TUESDAY)
    tuesday = restored(world, "beta", "2018-02-06/0001")
    assert {(record.session_date, record.kind) for record in tuesday.day_records} == {(MONDAY, RecordKind.RECONCILIATION)}
    assert [(end.session_date, end.phase, end.entries) for end in tuesday.chains] == [(MONDAY, "POST_MARKET", 2)]


def test_a_booking_after_the_export_is_told_and_breaks_nothing():
    world = marked()
    world.run(POST, "export_backup")
    world.load(dearer(), {})
    report = world.run(POST, "verify_restore")
    body = verdict(world, "beta")
    assert (body["verified"], body["changed"], body["changed_since"]) == (True, 1, ["portfolio P-B1: differs"])
    assert report.by_tenant["beta"]["changed_since"] == ["portfolio P-B1: differs"]
    assert "changed_since" not in report.by_tenant["alpha"] and verdict(world, "alpha")["changed"] == 0
    assert report.warnings == ("the book changed after its export (1)",)
    # Another try finds more changes, and the attempt's verdict as it was.
    world.run(PRE, "assess_overnight_risk")
    assert world.run(POST, "verify_restore", try_number=2).by_tenant["beta"]["changed"] == 1
    assert restored(world, "beta").records[0].lots[0].cost_basis == D("4000.00")


@pytest.mark.parametrize("damage", ["file", "manifest", "another tenant's", "another day's"])
def test_a_damaged_export_is_not_verified_and_the_others_are(damage):
    world = marked()
    world.run(POST, "export_backup")
    world.run(POST, "export_backup", TUESDAY)
    contents = world.documents._contents
    if damage == "file":
        contents[f"{FOLDER}book.json.gz"] = contents[f"{FOLDER}book.json.gz"][:-1] + b"!"
    elif damage == "manifest":
        document = json.loads(contents[f"{FOLDER}manifest.json"])
        document["digests"]["mark"] = "0" * 64
        contents[f"{FOLDER}manifest.json"] = json.dumps(document).encode()
    else:
        for name in ("book.json.gz", "manifest.json"):
            other = FOLDER.replace("beta", "alpha") if damage == "another tenant's" else FOLDER.replace("02-05", "02-06")
            contents[f"{FOLDER}{name}"] = contents[f"{other}{name}"]
    report = world.run(POST, "verify_restore")
    assert report.by_tenant["beta"]["failed"][0]["code"] == "invalid_input"
    assert world.records.find("beta", MONDAY, RecordKind.BACKUP) == []
    assert verdict(world, "alpha")["verified"] is True


def test_an_export_that_was_cut_short_is_finished_with_the_file_that_stands():
    world = marked()
    put = world.documents.put

    def die(key, *given):
        if key == f"{FOLDER}manifest.json":
            raise Unavailable("throttled")
        return put(key, *given)

    world.documents.put = die
    with pytest.raises(Unavailable):
        world.run(POST, "export_backup")
    world.documents.put = put
    content = world.documents.get(f"{FOLDER}book.json.gz")
    world.load(dearer(), {})
    assert world.run(POST, "export_backup", try_number=2).warnings == ()
    assert world.documents.get(f"{FOLDER}book.json.gz") == content
    world.run(POST, "verify_restore")
    assert verdict(world, "beta")["changed_since"] == ["portfolio P-B1: differs"]
    # And once the manifest stands too, another try repeats it.
    assert world.run(POST, "export_backup", try_number=3).by_tenant["beta"]["sha256"] == verdict(world, "beta")["sha256"]


def test_a_later_attempt_exports_anew():
    world = marked()
    world.run(POST, "export_backup")
    world.load(dearer(), {})
    world.run(POST, "export_backup", attempt=2)
    world.run(POST, "verify_restore", attempt=2)
    assert (verdict(world, "beta", 2)["changed"], verdict(world, "beta", 2)["key"]) == (0, "backups/beta/2018-02-05/0002/book.json.gz")
    assert b"4000.01" in gzip.decompress(world.documents.get("backups/beta/2018-02-05/0002/book.json.gz"))


def test_so_many_changes_are_named_and_all_are_counted():
    world = World().load(synthetic_records()[2:], {})
    world.run(POST, "export_backup")
    first = synthetic_records()[2]
    more = [replace(first, portfolio=replace(first.portfolio, portfolio_id=f"P-N{n}"), lots=(), cash=()) for n in range(30)]
    world.load(more, {})
    world.run(POST, "verify_restore")
    body = verdict(world, "beta")
    assert body["changed"] == 30 and len(body["changed_since"]) == 20 and body["changed_since"][0] == "portfolio P-N0: new"
