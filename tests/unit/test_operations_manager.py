"""The async front door: it drives the same cycle, keeps the cap, resumes and retries; virtual sleep, nothing waits."""

from __future__ import annotations

import asyncio
import runpy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Lock

import pytest

import daymark.operations
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.core.clock import FixedClock
from daymark.core.errors import Conflict, InvalidInput, NotASession, Unavailable
from daymark.core.sessions import Calendar
from daymark.operations import DailyOperationsManager, OperationPhase, RunId, RunStatus, TaskPriority, TaskStatus
from daymark.operations.catalogue import Catalogue, trading_day
from daymark.operations.cycle import PhaseCycle
from daymark.operations.messages import WakeUp
from daymark.operations.models import TaskDefinition, TaskReport
from daymark.operations.planning import Limits

DAY = date(2018, 2, 5)
PHASE = OperationPhase.MARKET_CLOSE
RUN = RunId(DAY, PHASE)


class Bench:
    """Memory adapters and a clock that moves when the manager sleeps."""

    def __init__(self, catalogue, work, cap=8):
        self.clock = FixedClock(datetime(2018, 2, 5, 21, 0, tzinfo=UTC))
        self.cycle = PhaseCycle(
            catalogue, MemoryRunJournal(), MemoryFenceLedger(), self.clock, Calendar.exchange(), "us-east-1", Limits(cap=cap)
        )
        self.manager = DailyOperationsManager(self.cycle, work, sleep=self.sleep)
        self.slept = []

    async def sleep(self, seconds):
        """Time passes only when nothing is at work; an alarm beside work in progress never rings."""
        if asyncio.current_task() is not self.driver:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))

    def run(self, action):
        async def body():
            self.driver = asyncio.current_task()
            return await action(self.manager)

        return asyncio.run(body())


def wide(count=12):
    return Catalogue([TaskDefinition(f"t{number}", PHASE, "work", TaskPriority.HIGH) for number in range(count)])


def well(command):
    return TaskReport({"task": command.task})


def test_a_phase_runs_to_its_end_with_as_many_at_once_as_the_cap_allows():
    """Twelve tasks meet in threes: with fewer than three at once the barrier breaks, more than three are counted."""
    at_work, most, lock, meeting = 0, 0, Lock(), Barrier(3)

    def work(command):
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        meeting.wait(timeout=60)
        with lock:
            at_work -= 1
        return well(command)

    bench = Bench(wide(), work, cap=3)
    summary = bench.run(lambda manager: manager.run_phase(PHASE, DAY))
    assert summary.status is RunStatus.SUCCEEDED
    assert {task.report.measures["task"] for task in summary.tasks} == {f"t{number}" for number in range(12)}
    assert most == 3


def test_a_day_runs_every_phase_in_order_even_after_a_failed_one():
    def work(command):
        if command.run.phase is OperationPhase.MARKET_OPEN and command.task == "check_session":
            raise InvalidInput("no")
        return well(command)

    summaries = Bench(trading_day(), work).run(lambda manager: manager.run_day(DAY))
    assert [summary.run.phase for summary in summaries] == list(OperationPhase)
    assert [summary.status for summary in summaries] == [
        RunStatus.SUCCEEDED,
        RunStatus.FAILED,
        RunStatus.SUCCEEDED,
        RunStatus.SUCCEEDED,
        RunStatus.SUCCEEDED,
    ]


def test_a_failed_try_waits_and_is_tried_again():
    def work(command):
        if command.try_number < 3:
            raise Unavailable("no answer")
        return well(command)

    bench = Bench(wide(1), work)
    summary = bench.run(lambda manager: manager.run_phase(PHASE, DAY))
    assert (summary.status, summary.tasks[0].tries) == (RunStatus.SUCCEEDED, 3)
    assert len(bench.slept) >= 2


def test_a_failed_task_is_retried_by_hand_and_a_run_run_again():
    broken = {"t1"}

    def work(command):
        if command.task in broken:
            raise InvalidInput("no such file")
        return well(command)

    bench = Bench(wide(3), work)
    assert bench.run(lambda manager: manager.run_phase(PHASE, DAY)).status is RunStatus.DEGRADED
    assert bench.run(lambda manager: manager.run_phase(PHASE, DAY)).run == RUN
    broken.clear()
    retried = bench.run(lambda manager: manager.retry(RUN, "t1"))
    assert (retried.run.attempt, retried.status) == (2, RunStatus.SUCCEEDED)
    assert [task.reason for task in retried.tasks] == [f"kept from {RUN}", None, f"kept from {RUN}"]
    assert bench.run(lambda manager: manager.rerun(retried.run)).run.attempt == 3
    assert bench.run(lambda manager: manager.summary(RUN)).status is RunStatus.DEGRADED
    with pytest.raises(Conflict):
        bench.run(lambda manager: manager.retry(RUN, "t1"))


def test_a_run_of_another_driver_is_refused_and_resumed_when_told():
    bench = Bench(wide(2), well)
    ticket = bench.cycle.open(WakeUp(run=RUN)).ticket
    bench.cycle.plan(ticket)
    with pytest.raises(Conflict, match="is driven under epoch 1"):
        bench.run(lambda manager: manager.run_phase(PHASE, DAY))
    summary = bench.run(lambda manager: manager.run_phase(PHASE, DAY, take_over=True))
    assert (summary.status, [task.tries for task in summary.tasks]) == (RunStatus.SUCCEEDED, [2, 2])


def test_a_run_that_is_taken_over_under_way_stops():
    bench = Bench(wide(1), well)

    def work(command):
        bench.cycle.open(WakeUp(run=RUN, take_over=True))
        return well(command)

    bench.manager = DailyOperationsManager(bench.cycle, work, sleep=bench.sleep)
    with pytest.raises(Conflict, match="taken over"):
        bench.run(lambda manager: manager.run_phase(PHASE, DAY))
    assert bench.cycle.state(RUN).tasks["t0"].status is TaskStatus.RUNNING


def test_steps_are_taken_again_while_the_store_does_not_answer():
    bench = Bench(wide(1), well)
    true, failures = bench.cycle.journal.read, [Unavailable("throttled")] * 4

    def read(run):
        if failures:
            raise failures.pop()
        return true(run)

    bench.cycle.journal.read = read
    assert bench.run(lambda manager: manager.run_phase(PHASE, DAY)).status is RunStatus.SUCCEEDED
    # Half of 0.2, 0.4, 0.8 and 1.6 s.
    assert bench.slept == pytest.approx([0.1, 0.2, 0.4, 0.8])
    failures += [Unavailable("throttled")] * 5
    with pytest.raises(Unavailable):
        bench.run(lambda manager: manager.rerun(RUN))


def test_a_holiday_is_refused():
    with pytest.raises(NotASession):
        Bench(wide(1), well).run(lambda manager: manager.run_phase(PHASE, date(2018, 2, 19)))


def test_a_rehearsal_does_nothing():
    bench = Bench(wide(3), well, cap=2)
    assert bench.run(lambda manager: manager.dry_run(RUN)) == (("t0", "t1"), ("t2",))
    assert bench.cycle.journal.read(RUN) == ()


def test_the_package_exports_its_public_names():
    for name in ("DailyOperationsManager", "OperationPhase", "TaskResult", "OperationSummary"):
        assert hasattr(daymark.operations, name)
        assert name in daymark.operations.__all__


def test_the_example_runs(capsys):
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples/operations.py"))
    # The retry's delay is drawn from the run and try: well below its two-second bound, and the same in every run.
    example["main"]()
    printed = capsys.readouterr().out
    assert "2018-02-05/MARKET_CLOSE#1: SUCCEEDED" in printed
    assert "wave 3: check_limits, publish_note" in printed
