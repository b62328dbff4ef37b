"""Backup tasks: export every tenant's book, then restore the export and compare it with the book item for item."""

from __future__ import annotations

from daymark.book.ports import BookStore, DayRecords, RecordKind
from daymark.core.errors import Conflict
from daymark.operations.backup import Book, Manifest, differences, export_book, restore_book
from daymark.operations.models import TaskReport
from daymark.operations.ports import Documents
from daymark.operations.tasks.context import WHOLE, TaskContext
from daymark.operations.tasks.tenant_work import TenantWork


class BackupTasks:
    """The tasks of the function ``back_up_book``."""

    def __init__(self, book: BookStore, documents: Documents, records: DayRecords) -> None:
        self._book, self._documents, self._records = book, documents, records

    def export_backup(self, context: TaskContext) -> TaskReport:
        """Write every tenant's book and its manifest; the manifest comes last, so that it never speaks of a file not there."""
        work, saved = TenantWork(), 0
        for tenant in self._book.tenants():
            with work.on(tenant):
                backup = export_book(self._read(tenant), context.session_date)
                content_key, manifest_key = _keys(context, tenant)
                self._documents.put(content_key, backup.content, "application/gzip", context.fence)
                self._documents.put(manifest_key, backup.manifest.to_bytes(), "application/json", context.fence)
                saved += 1
                work.tell(tenant, sha256=backup.manifest.sha256, size=backup.manifest.size, portfolios=backup.manifest.portfolios)
        return work.report(saved)

    def verify_restore(self, context: TaskContext) -> TaskReport:
        """Read every tenant's export back, restore it and compare; only what is equal item for item is recorded as verified."""
        work, saved = TenantWork(), 0
        for tenant in self._book.tenants():
            with work.on(tenant):
                content_key, manifest_key = _keys(context, tenant)
                manifest = Manifest.from_bytes(self._documents.get(manifest_key))
                found = differences(restore_book(self._documents.get(content_key), manifest), self._read(tenant))
                if found:
                    raise Conflict(f"the restored book differs from the book in {len(found)} items, the first: {found[0]}", field="backup")
                body = {
                    "key": content_key,
                    "sha256": manifest.sha256,
                    "households": manifest.households,
                    "portfolios": manifest.portfolios,
                    "lots": manifest.lots,
                    "cash_entries": manifest.cash_entries,
                    "verified": True,
                }
                self._records.save([context.record(tenant, RecordKind.BACKUP, WHOLE, body)], context.fence)
                saved += 1
                work.tell(tenant, lots=manifest.lots, cash_entries=manifest.cash_entries)
        return work.report(saved)

    def _read(self, tenant: str) -> Book:
        return Book(tenant, tuple(self._book.households(tenant)), tuple(self._book.records(tenant)))


def _keys(context: TaskContext, tenant: str) -> tuple[str, str]:
    folder = f"backups/{tenant}/{context.session_date.isoformat()}"
    return f"{folder}/book.json.gz", f"{folder}/manifest.json"
