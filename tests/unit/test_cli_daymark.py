"""The command refuses what it cannot do before it starts anything, in words and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from daymark.cli.main import app
from daymark.local.trading_day import DayFailed, day_failure
from daymark.operations.models import (
    OperationPhase,
    OperationSummary,
    RunId,
    RunStatus,
    TaskPriority,
    TaskReport,
    TaskResult,
    TaskStatus,
)

AT = datetime(2018, 2, 5, 21, tzinfo=UTC)


def refused(*arguments: str) -> dict:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 1, result.output
    return json.loads(result.stdout)["error"]


@pytest.mark.parametrize(
    ("day", "code", "named"),
    [
        ("2018-02-04", "not_a_session", ["2018-02-02", "2018-02-05"]),  # a Sunday, between a Friday and a Monday
        ("2018-12-25", "not_a_session", ["2018-12-24", "2018-12-26"]),  # Christmas
        ("2018-12-05", "not_a_session", ["2018-12-04", "2018-12-06"]),  # day of mourning, President George H. W. Bush
        ("2011-06-01", "not_a_session", ["2012-01-03"]),
        ("2026-11-20", "not_a_session", ["2018-12-31"]),
        ("5 Feb 2018", "invalid_input", []),
        ("2018-02-30", "invalid_input", []),
    ],
)
@pytest.mark.parametrize("command", [("run", "--once", "--date"), ("day",), ("phase", "MARKET_CLOSE", "--date")])
def test_a_day_that_cannot_be_run_is_refused_with_the_nearest_sessions(command: tuple[str, ...], day: str, code: str, named: list) -> None:
    error = refused(*command, day)
    assert error["code"] == code
    assert error["field"] in ("date", "day", "session_date")
    assert set(named) <= set(error["context"].values())


def test_in_words_the_refusal_goes_to_standard_error() -> None:
    result = CliRunner().invoke(app, ["day", "2018-12-25"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "2018-12-24" in result.stderr


def test_an_unknown_phase_is_refused() -> None:
    assert CliRunner().invoke(app, ["phase", "LUNCH"]).exit_code == 2


def test_a_failed_day_names_phase_task_and_reason_of_what_mattered_most() -> None:
    def failed(name: str, priority: TaskPriority, message: str) -> TaskResult:
        return TaskResult(name, name, priority, TaskStatus.FAILED, 1, error={"code": "quality_blocked", "message": message})

    tasks = (
        failed("classify_regime", TaskPriority.MEDIUM, "no series"),
        failed("gate_prices", TaskPriority.CRITICAL, "KO closed at 0"),
        TaskResult("mark_portfolios", "", TaskPriority.CRITICAL, TaskStatus.SKIPPED, 0, reason="gate_prices failed"),
    )
    run = RunId(date(2018, 2, 5), OperationPhase.MARKET_CLOSE)
    error = day_failure(OperationSummary(run, RunStatus.FAILED, AT, AT, tasks, 3))
    assert isinstance(error, DayFailed)
    assert error.context == {"phase": "MARKET_CLOSE", "task": "gate_prices", "reason": "KO closed at 0"}


def test_a_day_is_whole_only_if_no_task_was_lost_and_none_left_a_part_out() -> None:
    run = RunId(date(2018, 2, 5), OperationPhase.POST_MARKET)

    def failure(*tasks: TaskResult) -> DayFailed | None:
        return day_failure(OperationSummary(run, RunStatus.DEGRADED, AT, AT, tasks, 3))

    done = TaskResult("seal_audit", "", TaskPriority.HIGH, TaskStatus.SUCCEEDED, 1)
    part = TaskReport(by_tenant={"harbor": {"failed": [{"subject": "HB-P01"}]}}, warnings=("1 piece of work failed: not_found",))
    partial = TaskResult("reconcile_custodian", "", TaskPriority.HIGH, TaskStatus.SUCCEEDED, 1, report=part)
    skipped = TaskResult("verify_restore", "", TaskPriority.HIGH, TaskStatus.SKIPPED, 0, reason="export_backup failed")
    assert failure(done) is None
    assert failure(done, partial).context["reason"] == "1 piece of work failed: not_found"
    assert failure(done, skipped).context["task"] == "verify_restore"
