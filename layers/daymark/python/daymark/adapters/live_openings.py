"""What opening a live session means in every store: the books are checked against the session, and the opening is claimed.

Of all that an opening writes the session's document alone is seen, so its date is the one natural key. The claim does not fix the
document's content: the first document does, because it is put only where none stands. A try that died between claim and document
is therefore finished by the next one with the books as they are then.
"""

from __future__ import annotations

from collections.abc import Mapping

from daymark.adapters.rows import claim_rows
from daymark.contracts.bucket_book import book_key
from daymark.contracts.live_session import LiveSession, session_key
from daymark.core.errors import InvalidInput
from daymark.core.fence import Fence, FenceLedger


def claim_opening(ledger: FenceLedger | None, session: LiveSession, books: Mapping[str, bytes], fence: Fence) -> None:
    """Check the books, then claim the session's opening; without a ledger nothing is fenced.

    Raises:
        InvalidInput: a book is missing, is not named by the session, or stands under a key that is not its content's.
        StaleFence: a later epoch owns the fence's scope.
    """
    if books.keys() != set(session.books.values()):
        raise InvalidInput("the books must be those that the session names", field="books")
    for bucket, key in session.books.items():
        if key != book_key(session.session_date, bucket, books[key]):
            raise InvalidInput(f"the book of bucket {bucket} does not belong under {key}", field=f"books.{bucket}")
    key = session_key(session.session_date)
    claim_rows(ledger, {f"live/{key}": key}, fence)
