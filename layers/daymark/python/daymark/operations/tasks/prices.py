"""Price tasks: is there a session, did its closes arrive, are they fit for use, and which are official."""

from __future__ import annotations

import hashlib
from datetime import date

from daymark.book.ports import BookStore, DayRecords, RecordKind
from daymark.contracts.price_files import encode_official_closes, official_key
from daymark.core.errors import NotPublished
from daymark.core.tenancy import SHARED_TENANT
from daymark.market_data.official_closes import official_document
from daymark.market_data.ports import PriceArchive
from daymark.market_data.price_desk import GatedCloses, PriceDesk
from daymark.operations.models import TaskReport
from daymark.operations.tasks.context import WHOLE, TaskContext
from daymark.operations.tasks.universe import held_or_targeted


class PriceTasks:
    """The tasks of the function ``check_prices``."""

    def __init__(self, desk: PriceDesk, archive: PriceArchive, book: BookStore, records: DayRecords) -> None:
        self._desk, self._archive, self._book, self._records = desk, archive, book, records

    def check_session(self, context: TaskContext) -> TaskReport:
        """State the session; a date without one was refused by name before any task could start."""
        session = context.session
        return TaskReport(
            {
                "session_date": session.session_date.isoformat(),
                "open": session.open.isoformat(),
                "close": session.close.isoformat(),
                "half_day": session.is_half_day,
                "previous_session": context.previous_session.isoformat(),
            }
        )

    def load_prices(self, context: TaskContext) -> TaskReport:
        """Take the vendor's file of the latest session.

        Raises:
            NotPublished: no file was delivered, or it has no rows.
        """
        rows = self._archive.vendor_file(context.price_session)
        if not rows:
            raise NotPublished(f"the vendor's file of {context.price_session} has no rows", field="vendor_file")
        instruments = {row.instrument_id for row in rows}
        return TaskReport({"as_of": context.price_session.isoformat(), "rows": len(rows), "instruments": len(instruments)})

    def gate_prices(self, context: TaskContext) -> TaskReport:
        """Judge the latest closes and record what the gate found.

        Raises:
            QualityBlocked: they may not be used. Nothing is recorded then, so that a corrected file can be judged anew.
        """
        gated = self._gated(context.price_session)
        body = {
            "as_of": context.price_session.isoformat(),
            "sessions_checked": 1,
            "instruments": len(gated.closes),
            "quarantined": sorted(gated.quarantined),
            "findings": [
                {
                    "instrument_id": finding.instrument_id,
                    "defect": finding.defect.value,
                    "severity": finding.severity.value,
                    "detail": finding.detail,
                }
                for finding in gated.findings
            ],
        }
        self._records.save([context.record(SHARED_TENANT, RecordKind.PRICE_QUALITY, WHOLE, body)], context.fence)
        warnings = tuple(f"{name}: today's price is quarantined, the last good close stands in" for name in sorted(gated.quarantined))
        measures = {"instruments": len(gated.closes), "findings": len(gated.findings), "quarantined": len(gated.quarantined)}
        return TaskReport(measures, warnings=warnings)

    def publish_official_closes(self, context: TaskContext) -> TaskReport:
        """Publish the closes that the session's books are marked with, each with its date and label.

        Books are marked with what the latest attempt published: closes that were corrected are published anew, beside the earlier ones.
        """
        gated = self._gated(context.session_date)
        document = official_document(context.session_date, gated.closes.values())
        self._archive.publish_official_closes(context.session_date, document, context.run.attempt, context.fence)
        digest = hashlib.sha256(encode_official_closes(document)).hexdigest()
        key = official_key(context.session_date, context.run.attempt)
        body = {"key": key, "instruments": len(gated.closes), "sha256": digest}
        self._records.save([context.record(SHARED_TENANT, RecordKind.OFFICIAL_CLOSES, WHOLE, body)], context.fence)
        return TaskReport({"instruments": len(gated.closes), "sha256": digest})

    def _gated(self, session_date: date) -> GatedCloses:
        """The session's closes; what nobody holds or has a target for may lack one. Every tenant's book must be readable to know."""
        records = (record for tenant in self._book.tenants() for record in self._book.records(tenant))
        return self._desk.closing_prices(session_date, held_or_targeted(records, session_date))
