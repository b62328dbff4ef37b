"""The phase cycle: open a run, plan, record, until it ends. Every decision stands in the journal before it is acted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from daymark.core.clock import Clock
from daymark.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from daymark.core.fence import Fence, FenceLedger
from daymark.core.sessions import Calendar
from daymark.operations.attempts import kept_results
from daymark.operations.catalogue import Catalogue
from daymark.operations.journal import Draft, RunState, fold
from daymark.operations.messages import EndStatus, Reply, ReplyKind, Ticket, WakeUp
from daymark.operations.models import (
    OperationSummary,
    RunId,
    TaskCommand,
    TaskOutcome,
    Transition,
    TransitionKind,
)
from daymark.operations.performing import perform
from daymark.operations.planning import Dispatch, End, Limits, Plan, awaits, is_quiet, plan, rehearse, settle
from daymark.operations.ports import RunJournal, TaskPerformer
from daymark.operations.schedule import phase_due
from daymark.operations.summary import summarise

# A decision meets another writer's line only when drivers compete or an answer was lost; so many in a row is a fault.
DECISIONS = 25
# The adapters back off by themselves; beyond so many failed calls the step fails and its driver tries it again later.
UNAVAILABLE = 3

_Decide = Callable[[RunState], tuple[Reply, Sequence[Transition]]]


class PhaseCycle:
    """The use case behind every driver: the state machine's functions, the manager in a notebook, the simulation.

    Whoever calls next, on whatever machine, decides from the journal as it stands then; what is kept between calls only saves
    folding the same lines again. At most one driver holds a valid ticket; a driver whose run was taken over is answered
    ``SUPERSEDED`` and its tasks' writes are refused.

    Args:
        catalogue: The tasks of every phase.
        journal: Where transitions are kept.
        fences: Epochs of runs.
        clock: Wall clock.
        calendar: Sessions; a run of another date is refused.
        region: Where this driver runs.
        limits: Cap, budget, grace and hold.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        journal: RunJournal,
        fences: FenceLedger,
        clock: Clock,
        calendar: Calendar,
        region: str,
        limits: Limits | None = None,
    ) -> None:
        self.catalogue, self.journal, self.fences = catalogue, journal, fences
        self.clock, self.calendar, self.region = clock, calendar, region
        self.limits = limits or Limits()
        self._folded: tuple[Sequence[Transition], RunState] | None = None

    def open(self, wake_up: WakeUp) -> Reply:
        """Open a run, or resume one whose driver is dead or overdue.

        Answers ``PLAN`` with this driver's ticket, or ``END``: the run's status if it ended before, ``HELD`` while another
        driver runs it, ``NOT_DUE`` for a wake-up that no phase of a session answers to.

        Raises:
            NotASession: the run's date is no session, or the calendar does not cover the wake-up.
            Conflict: the attempt before has not ended.
            InvalidInput: neither run nor phase and wake are given, or ``redo`` names no task of an earlier attempt.
        """
        if wake_up.run is not None:
            return self._open_run(wake_up.run, wake_up)
        if wake_up.phase is None or wake_up.wake is None:
            raise InvalidInput("a wake-up needs a run, or a phase and an instant", field="wake_up.run_id")
        for session_date, phase in phase_due(self.calendar, wake_up.wake):
            if phase is wake_up.phase:
                return self._open_run(RunId(session_date, phase), wake_up)
        reason = f"no session's {wake_up.phase} is due at {wake_up.wake.isoformat()}"
        return Reply(ReplyKind.END, None, status=EndStatus.NOT_DUE, reason=reason)

    def plan(self, ticket: Ticket) -> Reply:
        """Decide what the run does next and persist it: ``DISPATCH``, ``WAIT`` or ``END``."""

        def decide(state: RunState) -> tuple[Reply, Sequence[Transition]]:
            step = plan(state, self.clock.now(), self.limits)
            return self._reply(ticket, state, step), step.transitions

        return self._driving(ticket, decide)

    def perform(self, command: TaskCommand, performer: TaskPerformer) -> TaskOutcome:
        """Perform one try; see :func:`daymark.operations.performing.perform`."""
        return perform(command, performer, self.fences, self.clock)

    def record(self, ticket: Ticket, outcomes: Sequence[TaskOutcome]) -> Reply:
        """Persist outcomes; repeats and outcomes of older tries change nothing. Answers ``PLAN``, or ``END`` if superseded."""

        def decide(state: RunState) -> tuple[Reply, Sequence[Transition]]:
            draft = Draft.upon(state, self.clock.now())
            for outcome in outcomes:
                if awaits(draft.state, outcome):
                    settle(draft, outcome)
            return Reply(ReplyKind.PLAN, ticket), draft.lines

        return self._driving(ticket, decide)

    def next_attempt(self, run: RunId, redo: str | None = None) -> RunId:
        """The attempt that a rerun, or a retry of one task, would open; nothing is changed.

        Raises:
            NotFound: the run was never opened.
            Conflict: it has not ended, or a later attempt exists.
            InvalidInput: the phase has no such task.
        """
        state = self.state(run)
        if state.status is None:
            raise NotFound(f"no such run: {run}", field="run_id")
        latest = self.journal.latest(run.session_date, run.phase)
        if latest is not None and latest.attempt > run.attempt:
            raise Conflict(f"{run} was followed by {latest}", field="run_id")
        if state.is_open:
            raise Conflict(f"{run} is still running; resume it instead", field="run_id")
        if redo is not None and redo not in state.definitions:
            raise InvalidInput(f"{run.phase} has no task {redo}", field="task")
        return replace(run, attempt=run.attempt + 1)

    def dry_run(self, run: RunId) -> tuple[tuple[str, ...], ...]:
        """The waves in which the run's tasks would start under the cap. Nothing is read or written.

        Raises:
            NotASession: the run's date is no session.
        """
        self.calendar.session(run.session_date)
        return rehearse(run, self.catalogue.tasks(run.phase), self.limits.cap, self.clock.now())

    def state(self, run: RunId) -> RunState:
        """The run's present state; ``status`` is ``None`` if it was never opened."""
        return self._fold(run, self.journal.read(run))

    def summary(self, run: RunId) -> OperationSummary:
        """The run in one page.

        Raises:
            NotFound: the run was never opened.
        """
        return summarise(run, self.catalogue.tasks(run.phase), self.journal.read(run))

    def _open_run(self, run: RunId, wake_up: WakeUp) -> Reply:
        self.calendar.session(run.session_date)
        kept = self._kept(run, wake_up.redo)
        taken: list[Fence] = []

        def epoch() -> Fence:
            if not taken:
                taken.append(self.fences.open(run.scope, self.region))
            return taken[0]

        def decide(state: RunState) -> tuple[Reply, Sequence[Transition]]:
            ticket = Ticket(run, state.epoch, state.region)
            if state.status is not None and not state.is_open:
                return self._reply(ticket, state, plan(state, self.clock.now(), self.limits)), ()
            if state.is_open and self._is_own(state, wake_up):
                return Reply(ReplyKind.PLAN, ticket), ()
            if state.is_open and not taken and not wake_up.take_over and not self._is_vacant(state):
                return _held(ticket), ()
            fence = epoch()
            if fence.epoch <= state.epoch:
                return _held(ticket), ()
            draft = Draft.upon(state, self.clock.now())
            body = {"epoch": fence.epoch, "region": fence.region, "driver": wake_up.driver}
            if state.is_open:
                draft.write(TransitionKind.TAKEN_OVER, body=body)
            else:
                draft.write(TransitionKind.OPENED, body=body)
                for line in kept:
                    draft.write(line.kind, line.task, line.try_number, line.body)
            return Reply(ReplyKind.PLAN, Ticket(run, fence.epoch, fence.region)), draft.lines

        return self._deciding(run, decide)

    def _is_own(self, state: RunState, wake_up: WakeUp) -> bool:
        """Whether this very driver holds the run already: the answer to its first call was lost."""
        return wake_up.driver is not None and state.driver == wake_up.driver and self._in_force(state.run, state.epoch)

    def _is_vacant(self, state: RunState) -> bool:
        """Whether a duplicate wake-up may take the run: its driver is overdue, or has lost its epoch to one that died."""
        return is_quiet(state, self.clock.now(), self.limits) or not self._in_force(state.run, state.epoch)

    def _in_force(self, run: RunId, epoch: int) -> bool:
        return self.fences.current(run.scope).epoch == epoch

    def _kept(self, run: RunId, redo: str | None) -> list[Transition]:
        """Results that a later attempt keeps: all that succeeded, except ``redo`` and what depends on it."""
        if run.attempt == 1:
            if redo is not None:
                raise InvalidInput("a first attempt has nothing to keep", field="redo")
            return []
        before = self.state(replace(run, attempt=run.attempt - 1))
        if before.status is None or before.is_open:
            raise Conflict(f"{before.run} has not ended, so {run} cannot start", field="run_id")
        if redo is None:
            return []
        return kept_results(before, redo, self.clock.now())

    def _driving(self, ticket: Ticket, decide: _Decide) -> Reply:
        """Decide as the run's driver; whoever no longer is one, by the ledger or by the journal, writes nothing."""

        def fenced(state: RunState) -> tuple[Reply, Sequence[Transition]]:
            if state.epoch != ticket.epoch or not self._in_force(ticket.run, ticket.epoch):
                reason = f"{ticket.run} was taken over under a later epoch"
                return Reply(ReplyKind.END, ticket, status=EndStatus.SUPERSEDED, reason=reason), ()
            return decide(state)

        return self._deciding(ticket.run, fenced)

    def _deciding(self, run: RunId, decide: _Decide) -> Reply:
        """Read, decide, append; when another line came first, or no answer came, read again and decide anew.

        A line of ours that stands although its answer was lost is recognised: only one driver writes under an epoch.
        """
        unsure: tuple[Reply, Sequence[Transition]] | None = None
        failures: list[Unavailable] = []
        for _ in range(DECISIONS):
            journal = self.journal.read(run)
            if unsure is not None and _stand(unsure[1], journal):
                return unsure[0]
            if len(failures) == UNAVAILABLE:
                raise failures[-1]
            reply, lines = unsure = decide(self._fold(run, journal))
            if not lines:
                return reply
            try:
                self.journal.append(run, lines)
            except Conflict:
                continue
            except Unavailable as failure:
                failures.append(failure)
                continue
            return reply
        raise Unavailable(f"the journal of {run} kept changing under {DECISIONS} decisions")

    def _fold(self, run: RunId, journal: Sequence[Transition]) -> RunState:
        """The state of a journal; lines that were folded by the call before, and still stand the same, are not folded again."""
        known = self._folded
        if known is not None and known[1].run == run and journal[: len(known[0])] == known[0]:
            state = known[1].after(journal[len(known[0]) :])
        else:
            state = fold(run, self.catalogue.tasks(run.phase), journal)
        self._folded = journal, state
        return state

    def _reply(self, ticket: Ticket, state: RunState, step: Plan) -> Reply:
        match step.decision:
            case Dispatch(tries):
                return Reply(ReplyKind.DISPATCH, ticket, commands=tuple(_command(ticket, state, *one) for one in tries))
            case End(status, reason):
                return Reply(ReplyKind.END, ticket, status=EndStatus(status), reason=reason)
            case wait:
                return Reply(ReplyKind.WAIT, ticket, seconds=wait.seconds)


def _command(ticket: Ticket, state: RunState, task: str, try_number: int) -> tuple[TaskCommand, float]:
    definition = state.definitions[task]
    command = TaskCommand(ticket.run, task, definition.function, try_number, ticket.epoch, ticket.region)
    return command, definition.timeout.total_seconds()


def _held(ticket: Ticket) -> Reply:
    return Reply(ReplyKind.END, ticket, status=EndStatus.HELD, reason=f"{ticket.run} is driven under epoch {ticket.epoch}")


def _stand(lines: Sequence[Transition], journal: Sequence[Transition]) -> bool:
    first = lines[0].sequence if lines else 0
    return bool(lines) and tuple(journal[first : first + len(lines)]) == tuple(lines)
