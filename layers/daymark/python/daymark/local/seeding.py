"""Loads the local installation: real price history, the vendor's files, the sample book and its users."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from botocore.exceptions import ClientError

from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import dynamodb_client, s3_client
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.core.sessions import Calendar
from daymark.local.identity import Identity
from daymark.local.price_history import load_price_history
from daymark.local.sample_book import SampleBook, sample_book
from daymark.local.workspace import REGION, Workspace

# The days that can be run: each has 504 sessions of prices behind it and yields and VIX around it.
FIRST_SESSION, LAST_SESSION = date(2012, 1, 3), date(2018, 12, 31)
WRITERS = 8


class Seeding:
    """What a fresh installation is filled with; the stamp says which sample book stands there."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stamp = workspace.home / "seeded"

    def is_current(self) -> bool:
        """Whether this very sample book was loaded into what is deployed now."""
        return self._stamp.is_file() and self._stamp.read_text() == self._fingerprint()

    def tables_exist(self) -> bool:
        """Whether the emulator still knows the deployed tables."""
        try:
            dynamodb_client(REGION).describe_table(TableName=self._workspace.outputs()["BookTable"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return False
            raise
        return True

    def load(self, progress: Callable[[str], None]) -> None:
        """Load everything; loading again is harmless, because every key is natural."""
        outputs = self._workspace.outputs()
        history = load_price_history()
        first, last, stocks = history.block.sessions[0], history.block.sessions[-1], len(history.block.instrument_ids)
        progress(f"Loading daily closes of {stocks} stocks, {first} to {last}")
        sessions = Calendar.exchange().between(FIRST_SESSION, LAST_SESSION)
        self._upload(outputs["PricesBucket"], history.files([Calendar.exchange().previous(FIRST_SESSION), *sessions]))
        book = sample_book(history)
        lots = sum(len(record.lots) for record in book.records)
        progress(f"Loading the sample book: {len(book.records)} portfolios, {lots:,} lots (synthetic)")
        self._load_book(book, DynamoFenceLedger(outputs["FenceTable"], dynamodb_client(REGION)))
        progress(f"Creating {len(book.users)} users")
        Identity(self._workspace).create(book.users)
        self._stamp.write_text(self._fingerprint())

    def forget(self) -> None:
        """Drop the record of what was loaded."""
        self._stamp.unlink(missing_ok=True)

    def _load_book(self, book: SampleBook, ledger: DynamoFenceLedger) -> None:
        store = DynamoBookStore(self._workspace.outputs()["BookTable"], dynamodb_client(REGION), ledger)
        store.save_instruments(book.instruments, ledger.open("book/instruments", REGION))
        fences = {tenant: ledger.open(f"book/{tenant}", REGION) for tenant in {record.portfolio.tenant for record in book.records}}
        for household in book.households:
            store.save_household(household, fences[household.tenant])
        _in_parallel(lambda record: store.save_record(record, fences[record.portfolio.tenant]), book.records)

    @staticmethod
    def _upload(bucket: str, files: Iterator[tuple[str, bytes]]) -> None:
        s3 = s3_client(REGION)
        _in_parallel(lambda file: s3.put_object(Bucket=bucket, Key=file[0], Body=file[1]), files)

    def _fingerprint(self) -> str:
        deployed = self._workspace.outputs_file.read_bytes() if self._workspace.outputs_file.is_file() else b""
        folder = self._workspace.project / "layers/daymark/python/daymark/local"
        sources = [folder / name for name in ("sample_book.py", "sample_people.py", "price_history.py", "seeding.py")]
        digest = hashlib.sha256(deployed)
        for source in sources:
            digest.update(source.read_bytes() if source.is_file() else b"")
        return digest.hexdigest()


def _in_parallel(work: Callable[[Any], object], items: Iterable[Any]) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(work, items):
            pass
