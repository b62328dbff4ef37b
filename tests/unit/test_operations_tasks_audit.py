"""The audit seal: whatever was cut off, edited, written anew or taken away is noticed, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from daymark.adapters.rows import fingerprint
from daymark.book.ports import RecordKind
from daymark.core.audit import AuditEntry, canonical_json, verify
from daymark.core.errors import Conflict, NotFound, StaleFence, Unavailable
from daymark.operations.models import RunId, TaskCommand, TaskReport, Transition, TransitionKind
from daymark.operations.tasks.audit_entries import expected_entries
from tests.contracts.audit_day import CLOSE, DAY, POST, PRE, REGION, SEAL, TENANTS, Day, ended_day
from tests.contracts.backends import MemoryBackend


@pytest.fixture
def backend():
    return MemoryBackend()


@pytest.fixture
def day(backend):
    return ended_day(backend)


def test_the_seal_is_a_locked_document_that_its_record_names(day):
    outcome = day.seal()
    assert (outcome.succeeded, outcome.report.warnings) == (True, ())
    (record,) = day.recorded()
    content = day.backend.documents.get(SEAL)
    assert record.body == {**json.loads(content), "key": SEAL, "sha256": fingerprint(content)}
    # Friday evening's seal of the tenant, Monday's limits and marks: one entry each.
    rows = [(row["session_date"], row["phase"], row["entries"]) for row in record.body["sealed"]]
    assert rows == [("2018-02-02", "POST_MARKET", 1), ("2018-02-05", "PRE_MARKET", 1), ("2018-02-05", "MARKET_CLOSE", 1)]
    assert [row["last_hash"] for row in record.body["sealed"]][1:] == [day.chain(PRE)[-1].hash, day.chain(CLOSE)[-1].hash]
    assert [row["phase"] for row in day.recorded("harbor")[0].body["sealed"]] == ["POST_MARKET", "PRE_MARKET"]
    # Doing the same try again finds the same seal.
    again = day.registry(TaskCommand(RunId(DAY, POST), "seal_audit", "seal", 1, day.ledger.current(f"{DAY}/POST_MARKET").epoch, REGION))
    assert again.by_tenant == outcome.report.by_tenant and len(day.recorded()) == 1


def test_the_journal_holds_the_hash_of_every_entry(day):
    outcomes = [line.body["outcome"] for line in day.backend.journal.read(RunId(DAY, PRE)) if line.kind == "succeeded"]
    told = {outcome["task"]: {t: part["audit"] for t, part in outcome["report"]["by_tenant"].items()} for outcome in outcomes}
    assert told["check_session"] == {"shared": day.chain(PRE, "shared")[0].hash}
    assert told["check_limits"] == {tenant: day.chain(PRE, tenant)[0].hash for tenant in TENANTS}


@pytest.mark.parametrize("how", ["whole chain", "last entry", "edited", "written anew"])
def test_a_chain_that_lost_or_changed_an_entry_is_not_sealed(backend, how):
    day = Day(backend)
    day.failing = Unavailable("throttled")
    day.drive(PRE)
    entries = day.chain(PRE)
    assert [entry.event for entry in entries] == ["task_failed", "task_succeeded"]
    first = entries[0]
    anew = AuditEntry.first(first.tenant, first.session_date, first.phase, first.key, first.event, first.body)
    forged = {
        "whole chain": [],
        "last entry": entries[:1],
        "edited": [entries[0], replace(entries[1], body={**entries[1].body, "records": 9})],
        # Every hash computed again, so that the chain itself holds.
        "written anew": [anew, anew.then(entries[1].key, entries[1].event, {**entries[1].body, "records": 9})],
    }[how]
    if how == "written anew":
        assert verify(forged) is None
    day.write_chain(PRE, forged)
    outcome = day.seal()
    failed = day.failure(outcome)
    assert (failed["code"], failed["field"]) == ("conflict", "audit_chain")
    assert "2018-02-05/PRE_MARKET" in failed["message"]
    if how != "edited":
        assert "check_limits" in failed["message"]
    assert day.recorded() == [] and SEAL not in backend.documents.keys("seals/")
    assert outcome.report.warnings == ("1 piece of work failed: conflict",)
    # Put back as it was, the next attempt seals it.
    day.write_chain(PRE, entries)
    assert day.seal(2).report.warnings == ()
    assert [record.attempt for record in day.recorded()] == [2]


def test_the_entry_of_a_failed_try_is_looked_for_too(backend):
    day = Day(backend)
    day.failing = Conflict("two writers")
    day.drive(PRE)
    assert [entry.event for entry in day.chain(PRE)] == ["task_failed"]
    day.write_chain(PRE, [])
    assert "check_limits" in day.failure(day.seal())["message"]


def test_a_failure_that_could_not_be_audited_is_no_gap(backend):
    day, append = Day(backend), backend.trail.append
    backend.trail.append = lambda *given: (_ for _ in ()).throw(Unavailable("away")) if given[4] == "task_failed" else append(*given)
    day.failing = Conflict("two writers")
    day.drive(PRE)
    assert day.chain(PRE) == [] and day.seal().report.warnings == ()


def test_a_tenant_that_left_the_book_is_sealed_as_long_as_journals_tell_of_it(day):
    day.tenants = ("harbor",)
    assert day.seal().report.warnings == () and len(day.recorded()) == 1
    bare = Day(day.backend, ("harbor",))
    bare.write_chain(PRE, [])
    assert bare.seal(2).report.by_tenant["northstar"]["failed"][0]["field"] == "audit_chain"


@pytest.mark.parametrize("how", ["record", "root", "content", "not json", "half a seal", "gone", "chain", "chain and record"])
def test_a_seal_that_was_made_is_held_to(day, how):
    day.seal()
    (record,) = day.recorded()
    document = json.loads(day.backend.documents.get(SEAL))
    match how:
        case "record":
            day.write_record({**record.body, "entries": 2})
        case "root":
            day.write_document(canonical_json({**document, "merkle_root": "0" * 64}).encode())
        case "content":
            day.write_document(canonical_json({**document, "attempt": 7}).encode())
        case "not json":
            day.write_document(b"\xff")
        case "half a seal":
            day.write_document(canonical_json({"schema": document["schema"], "version": 1, "sealed": [{}]}).encode())
        case "gone":
            day.write_document(None)
        case "chain" | "chain and record":
            # Cut what was sealed and let the journal know nothing of it: only the seal still does.
            day.backend.journal = day.audit._journal = SimpleNamespace(runs=lambda session: [], read=lambda run: [])
            day.write_chain(PRE, [])
            if how == "chain and record":
                rows = [row for row in document["sealed"] if row["phase"] != "PRE_MARKET"]
                day.write_record({**record.body, "chains": 2, "entries": 2, "sealed": rows})
    outcome = day.try_seal(2)
    failed = outcome.by_tenant["northstar"]["failed"][0]
    fields = {"root": "merkle_root", "chain": "audit_chain", "chain and record": "audit_chain"}
    assert (failed["code"], failed["field"]) == ("conflict", fields.get(how, "seal"))
    assert "failed" not in outcome.by_tenant["harbor"]
    assert len(day.recorded()) == 1 and "seals/northstar/2018-02-05/0002.json" not in day.backend.documents.keys("seals/")


def test_a_later_attempt_seals_what_came_since_and_leaves_the_first_seal_as_it_is(day):
    day.seal()
    first = day.backend.documents.get(SEAL)
    assert day.drive(PRE, attempt=2, redo="check_limits")["check_limits"].succeeded
    entries = day.chain(PRE)
    # check_session was kept: its entry is attempt 1's alone.
    assert [entry.key for entry in entries] == ["2018-02-05/PRE_MARKET#1/check_limits", "2018-02-05/PRE_MARKET#2/check_limits"]
    assert [entry.key for entry in day.chain(PRE, "shared")] == ["2018-02-05/PRE_MARKET#1/check_session"]
    assert day.seal(2).report.warnings == ()
    one, two = day.recorded()
    assert (one.attempt, two.attempt) == (1, 2) and day.backend.documents.get(SEAL) == first
    assert [row["entries"] for row in one.body["sealed"]] == [1, 1, 1] and [row["entries"] for row in two.body["sealed"]] == [1, 2, 1]
    assert two.body["sealed"][1]["last_hash"] == entries[1].hash
    # What the second seal covers is held to, also where the first one's part still stands.
    day.audit._journal = SimpleNamespace(runs=lambda session: [], read=lambda run: [])
    day.write_chain(PRE, entries[:1])
    assert day.seal(3).report.by_tenant["northstar"]["failed"][0]["field"] == "audit_chain"


def test_an_entry_digests_the_records_of_its_own_attempt(day):
    day.drive(PRE, attempt=2)
    one, two = (entry.body for entry in day.chain(PRE))
    assert one["records"] == two["records"] == 1 and one["sha256"] != two["sha256"]
    body = {"attempt": 2, "breaches": [], "owner": "northstar"}
    text = json.dumps([[["P1", body]], {"portfolios": 1}], sort_keys=True, separators=(",", ":"))
    assert two["sha256"] == fingerprint(text)
    # A record of another attempt alone is nothing that this attempt left.
    day.limits = lambda context: None
    day.registry._tasks[PRE, "check_limits"] = ("risk", lambda context: TaskReport({"saved": 0}))
    day.drive(PRE, attempt=3)
    assert len(day.chain(PRE)) == 2


def test_a_seal_whose_record_never_came_is_recorded_by_the_next_try(day):
    save, died = day.backend.records.save, []

    def die(records, fence):
        if records[0].kind is RecordKind.AUDIT_SEAL and not died:
            died.append(records[0].tenant)
            raise Unavailable("throttled")
        save(records, fence)

    day.backend.records.save = die
    day.drive(POST)
    assert died == ["harbor"]
    assert len(day.recorded("harbor")) == 1
    lines = [line.kind for line in day.backend.journal.read(RunId(DAY, POST)) if line.task == "seal_audit"]
    assert lines == ["dispatched", "retried", "dispatched", "succeeded"]


def test_a_stale_writer_seals_nothing(day):
    run = RunId(DAY, POST)
    stale = day.ledger.open(run.scope, REGION)
    day.ledger.open(run.scope, "us-west-2")
    with pytest.raises(StaleFence):
        day.registry(TaskCommand(run, "seal_audit", "seal", 1, stale.epoch, REGION))
    assert day.recorded() == [] and day.backend.documents.keys("seals/northstar/2018-02-05/") == []


def test_a_report_too_large_for_hashes_still_names_who_must_have_an_entry(backend):
    tenants = tuple(f"t{number:03d}" for number in range(300))
    day = Day(backend, tenants)
    outcome = day.drive(PRE)["check_limits"]
    assert set(outcome.report.by_tenant) == set(tenants) and outcome.report.by_tenant["t007"] == {}
    day.write_chain(PRE, [], "t007")
    failed = {tenant for tenant, part in day.seal().report.by_tenant.items() if "failed" in part}
    assert failed == {"t007"}


@pytest.mark.parametrize("kind", [Conflict, NotFound, Unavailable])
def test_what_a_store_says_when_an_entry_cannot_be_left_reaches_its_tenant_alone(day, kind):
    append = day.backend.trail.append

    def refuse(tenant, *given):
        if tenant == "northstar":
            raise kind("nothing under CHAIN#northstar#2018-02-05 for client.ada.northstar", field="northstar", key="CHAIN#northstar")
        return append(tenant, *given)

    day.backend.trail.append = refuse
    with pytest.raises(kind) as caught:
        day.registry(day.command(PRE, "check_limits", "risk", 2))
    shared = json.dumps([caught.value.as_document(), str(caught.value), caught.value.by_tenant.get("harbor")])
    assert "northstar" not in shared
    assert caught.value.message == f"1 piece of work failed: {kind.code} (1)"
    assert set(caught.value.by_tenant) == {"northstar"}
    assert "client.ada" in caught.value.by_tenant["northstar"]["failed"][0]["message"]
    # The other tenant's entry stands, and so does the success of the next try.
    assert [entry.key for entry in day.chain(PRE, "harbor")][1:] == ["2018-02-05/PRE_MARKET#2/check_limits"]
    day.backend.trail.append = append
    assert set(day.registry(day.command(PRE, "check_limits", "risk", 2)).by_tenant) == set(TENANTS)


def test_a_list_of_tenants_that_cannot_be_read_is_told_to_no_tenant(day):
    def away():
        raise Conflict("northstar is stored twice", key="TENANT#northstar")

    day.registry._tasks[PRE, "check_limits"] = ("risk", lambda context: TaskReport({"saved": 0}))
    day.book.tenants = away
    with pytest.raises(Conflict) as caught:
        day.registry(day.command(PRE, "check_limits", "risk", 2))
    assert "northstar" not in json.dumps(caught.value.as_document()) and set(caught.value.by_tenant) == {"shared"}


def test_a_fence_lost_before_the_entry_ends_the_try(day):
    command = day.command(PRE, "check_limits", "risk", 2)
    told = TaskReport({"saved": 0}, {"northstar": {"portfolios": 1}})

    def lose(context):
        day.ledger.open(command.run.scope, "us-west-2")
        return told

    day.registry._tasks[PRE, "check_limits"] = ("risk", lose)
    with pytest.raises(StaleFence):
        day.registry(command)
    assert len(day.chain(PRE)) == 1


@pytest.mark.parametrize(
    ("kind", "extra", "part", "expected"),
    [
        ("succeeded", {}, {"audit": "a" * 64}, ["a" * 64]),
        ("succeeded", {}, {}, [None]),
        # Its own attempt vouches for a kept result, under that attempt's key.
        ("succeeded", {"kept_from": "2018-02-05/PRE_MARKET#1"}, {}, []),
        ("failed", {}, {"audit": "a" * 64, "failed": []}, ["a" * 64]),
        ("retried", {}, {"audit": "a" * 64}, ["a" * 64]),
        # A failure is audited as far as that is possible.
        ("failed", {}, {"failed": []}, []),
        ("dispatched", {}, {"audit": "a" * 64}, []),
    ],
)
def test_which_entries_a_journal_line_vouches_for(kind, extra, part, expected):
    body = {"outcome": {"report": {"by_tenant": {"northstar": part}}}, **extra}
    line = Transition(0, TransitionKind(kind), datetime(2018, 2, 5, tzinfo=UTC), "check_limits", 1, body)
    found = list(expected_entries(RunId(DAY, PRE, 2), [line]))
    assert [(one.tenant, one.hash) for one in found] == [("northstar", entry_hash) for entry_hash in expected]
