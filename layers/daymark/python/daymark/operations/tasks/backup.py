"""Backup tasks: export every tenant's book and day, then restore the export and compare it with the stores row by row.

What is exported is what no longer changes by itself: the book, the session's marks, and the day records and ends of the audit chains
of the phases that have ended (the session's up to the close, and post-market of the session before), each as its latest attempt left
it. The shared tenant's file holds the instruments and the market's records and chains. A booking between export and restore is no
fault of the backup: what differs from the present book is told beside the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daymark.book.ports import BookStore, DayRecords, MarkStore, RecordKind
from daymark.core.audit import AuditTrail
from daymark.core.errors import InvalidInput, NotFound
from daymark.core.numbering import key_number
from daymark.core.tenancy import SHARED_TENANT
from daymark.operations.backup import Manifest, describe, export, stored_rows
from daymark.operations.backup_comparison import differences, in_order
from daymark.operations.backup_rows import ChainEnd, Item, Row, RowKind, write_row
from daymark.operations.models import TaskReport
from daymark.operations.ports import Documents
from daymark.operations.tasks.context import WHOLE, TaskContext
from daymark.operations.tasks.tenant_work import TenantWork

CONTENT, MANIFEST = "book.json.gz", "manifest.json"
# So many of the rows that changed are named; all are counted.
NAMED = 20


class BackupTasks:
    """The tasks of the function ``back_up_book``."""

    def __init__(self, book: BookStore, marks: MarkStore, documents: Documents, records: DayRecords, trail: AuditTrail) -> None:
        self._book, self._marks, self._documents, self._records, self._trail = book, marks, documents, records, trail

    def export_backup(self, context: TaskContext) -> TaskReport:
        """Write every tenant's rows and their manifest; the manifest comes last, so that it never speaks of a file not there.

        A file that an earlier try of the attempt wrote stands: the rows may have changed since.
        """
        work, saved = TenantWork(), 0
        for tenant in (*self._book.tenants(), SHARED_TENANT):
            with work.on(tenant):
                manifest = self._export(context, tenant)
                saved += 1
                work.tell(tenant, sha256=manifest.sha256, size=manifest.size, portfolios=manifest.counts["portfolio"])
        return work.report(saved)

    def verify_restore(self, context: TaskContext) -> TaskReport:
        """Read every tenant's export back, restore it row by row, hold it to its manifest and compare it with the stores."""
        work, saved = TenantWork(), 0
        for tenant in (*self._book.tenants(), SHARED_TENANT):
            with work.on(tenant):
                body = self._verify(context, tenant)
                recorded = self._records.history(tenant, context.session_date, RecordKind.BACKUP, WHOLE)
                if own := [record.body for record in recorded if record.attempt == context.run.attempt]:
                    body = own[0]  # an earlier try's verdict, before what may have been booked since
                else:
                    self._records.save([context.record(tenant, RecordKind.BACKUP, WHOLE, body)], context.fence)
                saved += 1
                told = {name: body[name] for name in ("lots", "cash_entries", "changed")}
                work.tell(tenant, **told, **({"changed_since": body["changed_since"]} if body["changed"] else {}))
                if body["changed"]:
                    work.notice("the book changed after its export")
        return work.report(saved)

    def _export(self, context: TaskContext, tenant: str) -> Manifest:
        folder = f"{_folder(context, tenant)}{key_number(context.run.attempt, 'attempt')}/"
        if f"{folder}{CONTENT}" in self._documents.keys(folder):
            manifest = describe(self._documents.get(f"{folder}{CONTENT}"))
        else:
            backup = export(tenant, context.session_date, self._rows(context, tenant))
            self._documents.put(f"{folder}{CONTENT}", backup.content, "application/gzip", context.fence)
            manifest = backup.manifest
        self._documents.put(f"{folder}{MANIFEST}", manifest.to_bytes(), "application/json", context.fence)
        return manifest

    def _verify(self, context: TaskContext, tenant: str) -> Mapping[str, Any]:
        content_key, manifest_key = self._newest(context, tenant)
        manifest = Manifest.from_bytes(self._documents.get(manifest_key))
        for name, stated, wanted in (("tenant", manifest.tenant, tenant), ("session_date", manifest.session_date, context.session_date)):
            if stated != str(wanted):
                raise InvalidInput(f"the manifest is of {name} {stated}, not {wanted}", field=f"manifest.{name}")
        restored = stored_rows(self._documents.get(content_key), manifest)
        changed, named = 0, list[str]()
        for name in differences(restored, in_order(self._rows(context, tenant))):
            changed += 1
            if len(named) < NAMED:
                named.append(name.replace("only in the first", "gone").replace("only in the second", "new"))
        counts = {f"{name}s" if name in set(RowKind) else name: count for name, count in manifest.counts.items()}
        return {
            "key": content_key,
            "sha256": manifest.sha256,
            **counts,
            "verified": True,
            "changed": changed,
            "changed_since": named,
        }

    def _newest(self, context: TaskContext, tenant: str) -> tuple[str, str]:
        """Keys of the session's newest export: this attempt's, or the earlier one's that this attempt keeps."""
        manifests = [key for key in self._documents.keys(_folder(context, tenant)) if key.endswith(f"/{MANIFEST}")]
        if not manifests:
            raise NotFound(f"no backup of {context.session_date} was exported", field="backup")
        return manifests[-1].removesuffix(MANIFEST) + CONTENT, manifests[-1]

    def _rows(self, context: TaskContext, tenant: str) -> Iterator[Row]:
        """The tenant's rows as the stores have them now, in the order of the file."""
        return (write_row(item, tenant) for item in self._items(context, tenant))

    def _items(self, context: TaskContext, tenant: str) -> Iterator[Item]:
        if tenant == SHARED_TENANT:
            instruments = self._book.instruments()
            yield from (instruments[name] for name in sorted(instruments))
        else:
            yield from self._book.households(tenant)
            yield from self._book.records(tenant)
            for portfolio in self._book.portfolios(tenant):
                if (mark := self._marks.mark(tenant, portfolio.portfolio_id, context.session_date)) is not None:
                    yield mark
        ended = context.ended_phases()
        for session_date in sorted({session_date for session_date, _ in ended}):
            for kind in sorted(RecordKind):
                found = self._records.find(tenant, session_date, kind)
                yield from (record for record in found if (session_date, record.phase) in ended)
        for session_date, phase in sorted(ended):
            if entries := self._trail.chain(tenant, session_date, phase):
                yield ChainEnd(tenant, session_date, phase, len(entries), entries[-1].hash)


def _folder(context: TaskContext, tenant: str) -> str:
    return f"backups/{tenant}/{context.session_date.isoformat()}/"
