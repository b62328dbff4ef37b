"""One tenant's bad data never stops another's work, and is never passed over: what failed is reported, typed and counted.

A lost fence ends the task at once. A failure that another try may mend fails the task after all other work is done. Any other
failure is told in the report's warnings and in the tenant's own part; when nothing at all succeeded, the task fails with it.
Staff of every tenant read a task's warnings and its error, so both count failures by code; what failed stands in the tenant's part.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daymark.core.errors import DaymarkError, StaleFence
from daymark.operations.models import TaskReport

_LOG = logging.getLogger(__name__)


class TenantWork:
    """Collects what a task did and failed to do, tenant by tenant."""

    def __init__(self) -> None:
        self._by_tenant: dict[str, dict[str, Any]] = {}
        self._failures: list[DaymarkError] = []
        self._notices: Counter[str] = Counter()
        self._done = 0

    @contextmanager
    def on(self, tenant: str, subject: str | None = None) -> Iterator[None]:
        """Do one piece of work: a portfolio's (``subject`` its id), or all of a tenant's around them.

        Only the work of a tenant as a whole counts as done, because that is what gets saved.
        """
        try:
            yield
        except StaleFence as lost:
            lost.by_tenant = self._parts()
            raise
        except DaymarkError as error:
            self._failures.append(error)
            failure = {"subject": subject, "code": error.code, "message": error.message, "field": error.field}
            self._by_tenant.setdefault(tenant, {}).setdefault("failed", []).append(failure)
            # The message may repeat what a file says of a client; the report keeps it for the tenant.
            _LOG.warning("tenant %s, subject %s: %s at %s", tenant, subject, error.code, error.field)
        else:
            self._done += subject is None

    def tell(self, tenant: str, **facts: Any) -> None:
        """State facts (plain JSON data) in the tenant's own part of the report."""
        self._by_tenant.setdefault(tenant, {}).update(facts)

    def notice(self, text: str) -> None:
        """Warn of something that is no failure; the text holds no client data, repeats are counted."""
        self._notices[text] += 1

    def report(self, saved: int, **measures: Any) -> TaskReport:
        """The task's report.

        Args:
            saved: Records, marks or files saved.
            **measures: Plain JSON data without client data.

        Raises:
            DaymarkError: of the class of a failure that another try may mend, or, when nothing was saved, of the first failure.
                It counts the failures by code and names no tenant's data; the tenants' parts go with it as ``by_tenant``.
        """
        retryable = next((failure for failure in self._failures if failure.retryable), None)
        fatal = retryable or (self._failures[0] if self._failures and not (saved and self._done) else None)
        if fatal is not None:
            raise self._neutral(type(fatal)) from fatal
        warnings = [f"{text} ({count})" for text, count in sorted(self._notices.items())]
        codes = Counter(failure.code for failure in self._failures)
        warnings += [f"{count} piece{'s' * (count > 1)} of work failed: {code}" for code, count in sorted(codes.items())]
        return TaskReport({"saved": saved, **measures}, self._parts(), tuple(warnings))

    def refuse_any_failure(self) -> None:
        """Fail if any piece of work failed, although others were done.

        Raises:
            DaymarkError: as :meth:`report` raises it.
        """
        if self._failures:
            fatal = next((failure for failure in self._failures if failure.retryable), self._failures[0])
            raise self._neutral(type(fatal)) from fatal

    def _neutral(self, kind: type[DaymarkError]) -> DaymarkError:
        count = len(self._failures)
        codes = Counter(failure.code for failure in self._failures)
        listed = ", ".join(f"{code} ({number})" for code, number in sorted(codes.items()))
        error = kind(f"{count} piece{'s' * (count > 1)} of work failed: {listed}", failures=count)
        error.by_tenant = self._parts()
        return error

    def _parts(self) -> dict[str, dict[str, Any]]:
        return dict(sorted(self._by_tenant.items()))
