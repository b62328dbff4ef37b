"""A day's reports lie where a person finds them, and the latest attempt's are the ones that lie there."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from daymark.adapters.memory.day_records import MemoryDayRecords
from daymark.adapters.memory.documents import MemoryDocuments
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.fence import Fence
from daymark.local.trading_day import copy_reports

DAY = date(2018, 2, 5)
FENCE = Fence("test", "us-east-1", 1)


def test_the_latest_attempts_reports_are_copied_to_plain_paths(tmp_path: Path) -> None:
    records, documents = MemoryDayRecords(), MemoryDocuments()
    for tenant, subject, name, attempt in (("alpha", "P-1", "P-1", 1), ("alpha", "P-1", "P-1", 2), ("shared", "-", "operations", 1)):
        keys = {kind: f"reports/{tenant}/{DAY}/{attempt:04d}/{name}.{kind}" for kind in ("html", "pdf")}
        for key in keys.values():
            documents.put(key, f"{tenant} {attempt}".encode(), "text/html", FENCE)
        records.save([DayRecord(tenant, DAY, "POST_MARKET", RecordKind.REPORT, subject, keys, attempt)], FENCE)
        copy_reports(["alpha", "shared"], records, documents, DAY, tmp_path)
    copied = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert copied == {
        "2018-02-05/alpha/P-1.html": "alpha 2",
        "2018-02-05/alpha/P-1.pdf": "alpha 2",
        "2018-02-05/shared/operations.html": "shared 1",
        "2018-02-05/shared/operations.pdf": "shared 1",
    }
