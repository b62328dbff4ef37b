"""The fold of a journal, and every impossible line refused by its place; the lines are written by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.core.errors import Conflict, InvalidInput, NotFound, StaleFence
from daymark.core.fence import Fence
from daymark.operations.journal import Draft, ImpossibleTransition, fold
from daymark.operations.models import (
    OperationPhase,
    RunId,
    RunStatus,
    TaskDefinition,
    TaskPriority,
    TaskStatus,
    Transition,
    TransitionKind,
)

AT = datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
RUN = RunId(date(2018, 2, 5), OperationPhase.MARKET_CLOSE)
TASKS = {
    "load": TaskDefinition("load", RUN.phase, "work", TaskPriority.CRITICAL, tries=2),
    "mark": TaskDefinition("mark", RUN.phase, "work", TaskPriority.HIGH, ("load",)),
}
LATER = (AT + timedelta(seconds=5)).isoformat()


def journal(*lines):
    """Lines as (kind, task, try, body), numbered and dated one second apart."""
    return [
        Transition(place, TransitionKind(kind), AT + timedelta(seconds=place), task, number, body or {})
        for place, (kind, task, number, body) in enumerate(lines)
    ]


OPENED = ("opened", None, 0, {"epoch": 1, "region": "us-east-1", "driver": "x"})
LOAD = ("dispatched", "load", 1, None)
LOADED = ("succeeded", "load", 1, {"outcome": {}})
SKIPPED = ("skipped", "mark", 0, {"reason": "load failed"})


def test_the_state_is_what_the_lines_say():
    state = fold(RUN, TASKS, journal(OPENED, LOAD, ("retried", "load", 1, {"not_before": LATER})))
    assert (state.status, state.epoch, state.region, state.driver, state.length) == (RunStatus.RUNNING, 1, "us-east-1", "x", 3)
    assert state.tasks["load"].status is TaskStatus.RETRYING
    assert state.tasks["load"].not_before == AT + timedelta(seconds=5)
    assert state.tasks["mark"].status is TaskStatus.PENDING
    assert fold(RUN, TASKS, []).status is None


def test_a_try_may_start_at_the_very_instant_it_waited_for():
    # The lines are a second apart: the third is written at AT + 2 s, the fourth at AT + 3 s.
    due = (AT + timedelta(seconds=3)).isoformat()
    state = fold(RUN, TASKS, journal(OPENED, LOAD, ("retried", "load", 1, {"not_before": due}), ("dispatched", "load", 2, None)))
    assert state.tasks["load"].status is TaskStatus.RUNNING


def test_a_drafted_line_that_is_no_try_has_the_number_zero():
    draft = Draft.upon(fold(RUN, TASKS, journal(OPENED, LOAD, ("failed", "load", 1, {}))), AT)
    draft.write(TransitionKind.SKIPPED, "mark", body={"reason": "load failed"})
    assert draft.lines == [Transition(3, TransitionKind.SKIPPED, AT, "mark", 0, {"reason": "load failed"})]


def test_a_later_state_leaves_the_earlier_as_it_was():
    lines = journal(OPENED, LOAD)
    before = fold(RUN, TASKS, lines[:1])
    assert before.after(lines[1:]).tasks["load"].status is TaskStatus.RUNNING
    assert before.tasks["load"].status is TaskStatus.PENDING
    assert before.length == 1


@pytest.mark.parametrize(
    ("why", "lines"),
    [
        ("opened once", [LOAD]),
        ("opened once", [OPENED, OPENED]),
        ("epoch 1 does not follow 1", [OPENED, ("taken_over", None, 0, {"epoch": 1, "region": "us-west-2"})]),
        ("has not succeeded", [OPENED, ("dispatched", "mark", 1, None)]),
        ("cannot start try 1", [OPENED, LOAD, LOAD]),
        ("cannot start try 2", [OPENED, ("dispatched", "load", 2, None)]),
        ("may not start before", [OPENED, LOAD, ("retried", "load", 1, {"not_before": LATER}), ("dispatched", "load", 2, None)]),
        (
            "only 2 tries",
            [
                OPENED,
                LOAD,
                ("retried", "load", 1, {"not_before": AT.isoformat()}),
                ("dispatched", "load", 2, None),
                ("retried", "load", 2, {"not_before": AT.isoformat()}),
                ("dispatched", "load", 3, None),
            ],
        ),
        ("PENDING, not RUNNING", [OPENED, LOADED]),
        ("its try is 1", [OPENED, LOAD, ("succeeded", "load", 2, {})]),
        ("SUCCEEDED, not RUNNING", [OPENED, LOAD, LOADED, ("failed", "load", 1, {})]),
        ("cannot be skipped", [OPENED, LOAD, ("skipped", "load", 0, {})]),
        ("no such task", [OPENED, ("dispatched", "other", 1, None)]),
        ("later attempt", [OPENED, ("succeeded", "load", 1, {"kept_from": "x"})]),
        ("is not final", [OPENED, ("ended", None, 0, {"status": "SUCCEEDED"})]),
        ("names no task", [OPENED, ("dispatched", None, 1, None)]),
        ("belongs to the run", [OPENED, ("ended", "load", 0, {"status": "FAILED"})]),
        ("no end", [OPENED, LOAD, ("failed", "load", 1, {}), SKIPPED, ("ended", None, 0, {"status": "RUNNING"})]),
        ("ended as FAILED", [OPENED, LOAD, ("failed", "load", 1, {}), SKIPPED, ("ended", None, 0, {"status": "FAILED"}), LOAD]),
    ],
)
def test_an_impossible_line_is_refused_by_its_place(why, lines):
    with pytest.raises(ImpossibleTransition, match=why) as refused:
        fold(RUN, TASKS, journal(*lines))
    assert refused.value.field == f"journal[{len(lines) - 1}]"
    fold(RUN, TASKS, journal(*lines[:-1]))


def test_a_gap_is_refused():
    lines = journal(OPENED, LOAD, LOADED)
    with pytest.raises(ImpossibleTransition, match="line 1 was expected"):
        fold(RUN, TASKS, [lines[0], lines[2]])


def test_memory_journal_appends_all_or_none_and_only_at_the_end():
    store, lines = MemoryRunJournal(), journal(OPENED, LOAD, LOADED)
    assert store.read(RUN) == ()
    store.append(RUN, lines[:2])
    with pytest.raises(Conflict):
        store.append(RUN, lines[1:])
    with pytest.raises(Conflict):
        store.append(RUN, journal(OPENED, LOAD, LOADED, LOADED)[3:])
    with pytest.raises(InvalidInput) as refused:
        store.append(RUN, [lines[2], lines[2]])
    assert refused.value.field == "transitions"
    store.append(RUN, [])
    store.append(RUN, lines[2:])
    assert list(store.read(RUN)) == lines


def test_memory_journal_lists_runs_by_phase_then_attempt():
    store = MemoryRunJournal()
    other = date(2018, 2, 6)
    runs = [RunId(RUN.session_date, phase, attempt) for phase in OperationPhase for attempt in (1, 2)]
    for run in [RunId(other, OperationPhase.MID_DAY), *runs[::-1]]:
        store.append(run, journal(OPENED))
    assert store.runs(RUN.session_date) == runs
    assert store.latest(RUN.session_date, OperationPhase.MID_DAY) == RunId(RUN.session_date, OperationPhase.MID_DAY, 2)
    assert store.latest(date(2018, 2, 7), OperationPhase.MID_DAY) is None
    assert store.session_dates(5) == [other, RUN.session_date]
    assert store.session_dates(5, before=other) == [RUN.session_date]
    assert store.session_dates(1) == [other]


def test_memory_ledger_fences_and_remembers():
    ledger = MemoryFenceLedger()
    with pytest.raises(NotFound):
        ledger.current("day")
    first = ledger.open("day", "us-east-1")
    assert first == Fence("day", "us-east-1", 1)
    ledger.claim({"row": "a"}, first)
    ledger.claim({"row": "a"}, first)
    with pytest.raises(Conflict):
        ledger.claim({"row": "b"}, first)
    second = ledger.open("day", "us-west-2")
    assert ledger.current("day") == second == Fence("day", "us-west-2", 2)
    with pytest.raises(StaleFence):
        ledger.claim({"row": "a"}, first)
    with pytest.raises(StaleFence):
        ledger.claim({"other": "a"}, Fence("day", "us-east-1", 2))
    ledger.claim({"row": "a"}, second)
    ledger.claim({"row": "b"}, ledger.open("other day", "us-east-1"))
