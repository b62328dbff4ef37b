"""The operations front door: drives phases in process, under the same cycle as the state machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

from daymark.core.errors import Conflict, Unavailable
from daymark.core.retry import full_jitter
from daymark.operations.cycle import PhaseCycle
from daymark.operations.messages import EndStatus, Reply, ReplyKind, WakeUp
from daymark.operations.models import OperationPhase, OperationSummary, RunId, TaskCommand, TaskOutcome
from daymark.operations.ports import TaskPerformer

STEP_TRIES = 5


class DailyOperationsManager:
    """Runs phases of the trading day in this process: for notebooks, examples and the quick check of a catalogue.

    Args:
        cycle: The use case that decides and persists.
        performer: Does the tasks' work, in threads, never more at once than the cycle's cap.
        sleep: Waits so many seconds; injected by tests.
        uniform: Draws the jitter between repeated steps from ``[0, 1)``.
    """

    def __init__(
        self,
        cycle: PhaseCycle,
        performer: TaskPerformer,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.cycle = cycle
        self._performer, self._sleep, self._uniform = performer, sleep, uniform

    async def run_phase(self, phase: OperationPhase, session_date: date, *, take_over: bool = False) -> OperationSummary:
        """Run a phase to its end, or resume its latest attempt; an ended one is only summarised.

        Args:
            phase: Which of the five.
            session_date: A session of the exchange.
            take_over: Resume at once a run whose driver is known to be dead.

        Raises:
            NotASession: the exchange does not trade on that date.
            Conflict: another driver runs it, or took it over.
        """
        run = self.cycle.journal.latest(session_date, phase) or RunId(session_date, phase)
        return await self._drive(WakeUp(run=run, take_over=take_over))

    async def run_day(self, session_date: date) -> tuple[OperationSummary, ...]:
        """Run the five phases in order. A failed phase does not stop the next: each checks for itself what it needs."""
        return tuple([await self.run_phase(phase, session_date) for phase in OperationPhase])

    async def rerun(self, run: RunId) -> OperationSummary:
        """Run every task of an ended run again, as its next attempt."""
        return await self._drive(WakeUp(run=self.cycle.next_attempt(run)))

    async def retry(self, run: RunId, task: str) -> OperationSummary:
        """Run one task of an ended run again with what depends on it and what had not succeeded, as the next attempt."""
        return await self._drive(WakeUp(run=self.cycle.next_attempt(run, task), redo=task))

    async def summary(self, run: RunId) -> OperationSummary:
        """The run in one page."""
        return self.cycle.summary(run)

    async def dry_run(self, run: RunId) -> tuple[tuple[str, ...], ...]:
        """The waves in which the run's tasks would start; nothing is done."""
        return self.cycle.dry_run(run)

    async def _drive(self, wake_up: WakeUp) -> OperationSummary:
        assert wake_up.run is not None
        reply = await self._insist(lambda: self.cycle.open(wake_up))
        ticket = reply.ticket
        at_work: set[asyncio.Task[TaskOutcome]] = set()
        try:
            while reply.kind is not ReplyKind.END:
                assert ticket is not None
                reply = await self._insist(lambda: self.cycle.plan(ticket))
                at_work |= {asyncio.create_task(self._perform(command)) for command, _ in reply.commands}
                if reply.kind is not ReplyKind.END:
                    done, at_work = await self._await_change(at_work, reply.seconds)
                    if done:
                        outcomes = [task.result() for task in done]
                        reply = await self._insist(lambda: self.cycle.record(ticket, outcomes))  # noqa: B023 - awaited before the loop goes on
        finally:
            # A thread cannot be stopped; its late outcome would be ignored, and its writes are fenced.
            for task in at_work:
                task.cancel()
        if reply.status in (EndStatus.HELD, EndStatus.SUPERSEDED):
            raise Conflict(reply.reason or str(reply.status), field="run_id")
        return self.cycle.summary(wake_up.run)

    async def _perform(self, command: TaskCommand) -> TaskOutcome:
        return await asyncio.to_thread(self.cycle.perform, command, self._performer)

    async def _await_change(
        self, at_work: set[asyncio.Task[TaskOutcome]], seconds: float
    ) -> tuple[set[asyncio.Task[TaskOutcome]], set[asyncio.Task[TaskOutcome]]]:
        """Wait for the first outcome, or so many seconds if the plan asked to wait."""
        if not at_work:
            await self._sleep(seconds)
            return set(), at_work
        if not seconds:
            return await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
        alarm = asyncio.ensure_future(self._sleep(seconds))
        try:
            done, _ = await asyncio.wait({*at_work, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        finished = at_work & done
        return finished, at_work - finished

    async def _insist(self, step: Callable[[], Reply]) -> Reply:
        """Take a step again while the store does not answer, as the state machine does for its functions."""
        for number in range(1, STEP_TRIES):
            try:
                return step()
            except Unavailable:
                await self._sleep(full_jitter(0.2, 5.0, number, self._uniform))
        return step()
