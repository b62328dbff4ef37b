"""A day of small tasks under the real cycle, registry and audit seal, over any backend, and what an intruder does to its stores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

from daymark.adapters.dynamodb.items import Row, encode
from daymark.adapters.memory.book_store import MemoryBookStore
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.rows import encode_model, fingerprint, natural_key
from daymark.book.ports import RecordKind
from daymark.core.audit import AuditEntry, canonical_json
from daymark.core.clock import FixedClock
from daymark.core.sessions import Calendar
from daymark.operations.catalogue import Catalogue
from daymark.operations.cycle import PhaseCycle
from daymark.operations.messages import ReplyKind, WakeUp
from daymark.operations.models import OperationPhase, RunId, TaskCommand, TaskDefinition, TaskPriority, TaskReport
from daymark.operations.tasks.audit import AuditTasks
from daymark.operations.tasks.registry import TaskRegistry

DAY, EVE = date(2018, 2, 5), date(2018, 2, 2)
REGION = "us-east-1"
PRE, CLOSE, POST = OperationPhase.PRE_MARKET, OperationPhase.MARKET_CLOSE, OperationPhase.POST_MARKET
TENANTS = ("harbor", "northstar")
SEAL = "seals/northstar/2018-02-05/0001.json"


def definition(name, phase, function, after=()):
    return TaskDefinition(name, phase, function, TaskPriority.HIGH, after, timedelta(seconds=30))


CATALOGUE = Catalogue(
    [
        definition("check_session", PRE, "prices"),
        definition("check_limits", PRE, "risk", ("check_session",)),
        definition("mark_portfolios", CLOSE, "value"),
        definition("check_session", POST, "prices"),
        definition("seal_audit", POST, "seal"),
    ]
)


class Day:
    """Small tasks under the real cycle, registry and seal; every store but the fence ledger is the backend's."""

    def __init__(self, backend, tenants=TENANTS):
        self.backend, self.tenants, self.failing, self.ledger = backend, tenants, None, MemoryFenceLedger()
        for store in (backend.trail, backend.records, backend.documents):
            store._ledger = self.ledger
        self.clock = FixedClock(datetime(2018, 2, 5, 22, tzinfo=UTC))
        self.book = MemoryBookStore()
        self.book.tenants = lambda: list(self.tenants)
        self.audit = AuditTasks(self.book, backend.trail, backend.records, backend.journal, backend.documents)
        groups = {
            "prices": SimpleNamespace(check_session=lambda context: TaskReport({"open": True})),
            "risk": SimpleNamespace(check_limits=self.limits),
            "value": SimpleNamespace(mark_portfolios=self.marks),
            "seal": self.audit,
        }
        self.registry = TaskRegistry(Calendar.exchange(), groups, self.book, backend.records, backend.trail, CATALOGUE)
        self.cycle = PhaseCycle(CATALOGUE, backend.journal, self.ledger, self.clock, Calendar.exchange(), REGION)

    def limits(self, context):
        for tenant in self.tenants:
            body = {"breaches": [], "owner": tenant, "attempt": context.run.attempt}
            self.backend.records.save([context.record(tenant, RecordKind.LIMITS, "P1", body)], context.fence)
        if self.failing is not None:
            error, self.failing = self.failing, None
            raise error
        return TaskReport({"saved": len(self.tenants)}, {tenant: {"portfolios": 1} for tenant in self.tenants})

    def marks(self, context):
        return TaskReport({"saved": 1}, {"northstar": {"portfolios": 1}})

    def drive(self, phase, session=DAY, attempt=1, redo=None):
        """Drive one phase to its end; the reports of its tasks by name."""
        run, reports = RunId(session, phase, attempt), {}
        ticket = self.cycle.open(WakeUp(run=run, redo=redo)).ticket
        while (reply := self.cycle.plan(ticket)).kind is not ReplyKind.END:
            if reply.kind is ReplyKind.WAIT:
                self.clock.advance(timedelta(seconds=reply.seconds))
                continue
            outcomes = [self.cycle.perform(command, self.registry) for command, _ in reply.commands]
            reports |= {outcome.task: outcome for outcome in outcomes}
            self.cycle.record(ticket, outcomes)
        return reports

    def seal(self, attempt=1):
        """The seal's outcome in post-market's run of an attempt."""
        return self.drive(POST, attempt=attempt)["seal_audit"]

    def command(self, phase, task, function, attempt=1):
        """One try of a task, outside any run."""
        run = RunId(DAY, phase, attempt)
        return TaskCommand(run, task, function, 1, self.ledger.open(run.scope, REGION).epoch, REGION)

    def try_seal(self, attempt=1):
        """One try of the seal, outside any run."""
        return self.registry(self.command(POST, "seal_audit", "seal", attempt))

    def failure(self, outcome, tenant="northstar"):
        """What a tenant is told of its withheld seal; the others have theirs."""
        part = outcome.report.by_tenant[tenant]["failed"][0]
        for other in {*self.tenants, "shared"} - {tenant}:
            assert "failed" not in outcome.report.by_tenant[other]
            assert self.recorded(other)
        return part

    def recorded(self, tenant="northstar"):
        return self.backend.records.history(tenant, DAY, RecordKind.AUDIT_SEAL, "-")

    def chain(self, phase, tenant="northstar", session=DAY):
        return list(self.backend.trail.chain(tenant, session, phase.value))

    # What an intruder does behind the adapters' backs.

    def write_chain(self, phase, entries, tenant="northstar"):
        if self.backend.name == "memory":
            self.backend.trail._chains[tenant, DAY, phase.value] = list(entries)
            return
        table, pk = self.backend.table("audit"), natural_key("CHAIN", tenant, DAY.isoformat(), phase.value)
        found = self.backend.dynamodb.query(
            TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}}, ConsistentRead=True
        )
        for item in found["Items"]:
            self.backend.dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
        for entry in entries:
            for sk in (f"SEQUENCE#{entry.sequence:08d}", f"KEY#{fingerprint(entry.key)}"):
                self.backend.dynamodb.put_item(TableName=table, Item=encode(Row(pk, sk, encode_model(AuditEntry, entry))))

    def write_record(self, body, tenant="northstar"):
        if self.backend.name == "memory":
            (key,) = [key for key in self.backend.records._bodies if key.startswith(f"{tenant}#{DAY}") and "#audit_seal#" in key]
            self.backend.records._bodies[key] = canonical_json(body)
            return
        pk, sk = natural_key("TENANT", tenant, "DAY", DAY.isoformat()), "audit_seal#-#POST_MARKET#0001"
        self.backend.dynamodb.put_item(TableName=self.backend.table("operations"), Item=encode(Row(pk, sk, canonical_json(body))))

    def write_document(self, content, key=SEAL):
        if self.backend.name == "memory":
            self.backend.documents._contents.pop(key, None)
            if content is not None:
                self.backend.documents._contents[key] = content
        elif content is None:
            self.backend.s3.delete_object(Bucket=self.backend.bucket, Key=key)
        else:
            self.backend.s3.put_object(Bucket=self.backend.bucket, Key=key, Body=content)


def ended_day(backend):
    """A day of which everything but the seal is done."""
    made = Day(backend)
    made.drive(POST, EVE)
    made.drive(PRE)
    made.drive(CLOSE)
    return made
