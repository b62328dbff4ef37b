"""No guard of the marking is idle: with any one of them switched off, some seed within 200 breaks a rule the witness knows."""

from __future__ import annotations

import pytest

from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.core.errors import DaymarkError, InvalidInput
from daymark.market_data import stream_lanes
from daymark.market_data.stream_lanes import StreamLanes
from daymark.monitoring import market_lane, marking, portfolio_lane
from daymark.monitoring.board_cells import BoardCells
from daymark.monitoring.board_lane import BoardLane, Shown
from daymark.monitoring.marking import Marking
from daymark.monitoring.portfolio_lane import PortfolioLane
from tests.simulation.market_data_world import Weather
from tests.simulation.marks_world import MarksWorld, check
from tests.simulation.witness import Violation

pytestmark = pytest.mark.usefixtures("quiet_log", "quick_codecs")

SEEDS = 200


class AnyVersionReplaces(MemoryLaneSnapshots):
    """A board replaces whatever stands."""

    def save(self, name, content, replaces):
        return super().save(name, content, self.version(name))


def patched(target, name, value):
    return lambda patch: patch.setattr(target, name, value)


def told_before_saved(patch):
    def save(worker, lane):
        lane.is_untold |= lane._is_moved
        worker._tell(lane)
        StreamLanes._save(worker, lane)

    patch.setattr(Marking, "_save", save)


def taken_for_told(patch):
    """A worker that takes up a board believes that it was told."""
    true = BoardLane.restore

    def restore(lane, *arguments):
        true(lane, *arguments)
        lane.is_untold = False

    patch.setattr(BoardLane, "restore", restore)


def told_at_the_end_alone(patch):
    """A board taken up is told only with the batch's end, which may not come."""
    true = Marking._open

    def opened(worker, *arguments):
        tell = Marking._tell
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Marking, "_tell", lambda *_: None)
            lane = true(worker, *arguments)
        assert Marking._tell is tell
        return lane

    patch.setattr(Marking, "_open", opened)


def unseen_session_is_poison(patch):
    def session(worker, session_date):
        found = worker.sessions.session(session_date)
        if found is None:
            raise InvalidInput("no such session")
        return found

    patch.setattr(Marking, "_session", session)


def poison_fails(patch):
    true = marking.decode_quotes

    def decode(content):
        try:
            return true(content)
        except InvalidInput as error:
            raise DaymarkError(error.message) from error

    patch.setattr(marking, "decode_quotes", decode)


def one_session_goes_on(patch):
    """A later session takes up the board of the one before."""
    true = Marking._rows

    def rows(worker, session, bucket, revision):
        for lane in worker._lanes.values():
            if lane.shown is not None and lane.shown.bucket == bucket:
                return lane.shown.rows
        return true(worker, session, bucket, revision)

    patch.setattr(Marking, "_rows", rows)


class KeepsAll(dict):
    """Lanes that nobody can forget."""

    def clear(self):
        return


def memory_outlives_failure(patch):
    true = Marking.__init__

    def build(worker, *arguments):
        true(worker, *arguments)
        worker._lanes = KeepsAll()

    patch.setattr(Marking, "__init__", build)


def any_price(patch):
    patch.setattr(portfolio_lane, "check_quotes", lambda _: None)
    patch.setattr(market_lane, "check_quotes", lambda _: None)


def every_cell_is_new(patch):
    def put(cells, column, rows, values, revision):
        place = cells.columns.index(column)
        cells.cells[place, rows] = values
        cells.changed[place, rows] = revision
        return bool(len(rows))

    patch.setattr(BoardCells, "put", put)


def hidden_failure(patch):
    true = stream_lanes.batch_answer
    patch.setattr(stream_lanes, "batch_answer", lambda _: true(None))
    patch.setattr(stream_lanes, "check_answer", lambda *_: None)


GUARDS = {
    "position": patched(BoardLane, "is_repeat", lambda *_: False),
    "positions compared as numbers": patched(BoardLane, "is_repeat", lambda lane, sequence: str(sequence) <= str(lane.position)),
    "covered ticks": patched(Shown, "covers", lambda *_: False),
    "session order": patched(marking, "is_before", lambda *_: False),
    "a session begins from its book": one_session_goes_on,
    "key is the bucket's": patched(marking, "check_lane", lambda *_: None),
    "label and positions of a block": patched(marking, "check_block", lambda *_: None),
    "prices in range": any_price,
    "poison is set aside": poison_fails,
    "unseen session comes again": unseen_session_is_poison,
    "board replaces its own version": AnyVersionReplaces,
    "memory dies with a failure": memory_outlives_failure,
    "failure is answered": hidden_failure,
    "answer names the first open record": patched(Marking, "_first_open", lambda _, records: records[-1]),
    "board stands before it is told": told_before_saved,
    "told again by who takes it up": taken_for_told,
    "told before records are taken": told_at_the_end_alone,
    "only what differs is changed": every_cell_is_new,
    "proof pass": patched(PortfolioLane, "prove", lambda _: None),
}
OF_MEMORY = ("memory dies with a failure", "proof pass")
OF_POISON = ("key is the bucket's", "label and positions of a block", "prices in range", "poison is set aside")
STORM = Weather(ports=0.05, kill=0.05, race=0.1, delivery=0.3, until=100)
# Workers live long there, so that wrong memory comes to be saved.
LONG_LIVES = Weather(ports=0.02, kill=0.0, race=0.0, delivery=0.1, until=300)


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_switched_off_is_noticed(name, monkeypatch):
    guard = GUARDS[name]
    boards = guard if isinstance(guard, type) else MemoryLaneSnapshots
    if boards is MemoryLaneSnapshots:
        guard(monkeypatch)
    for seed in range(SEEDS):
        try:
            poison, flips = 0.25 if name in OF_POISON else 0.02, name in OF_MEMORY
            check(MarksWorld(seed, weather=LONG_LIVES if flips else STORM, poison=poison, boards=boards, flips=flips).run())
        except (Violation, DaymarkError):
            return
        except BaseException as error:
            # Without a guard the code may also stumble over what it let in; nothing else is taken for a noticing.
            assert name in OF_POISON, repr(error)
            return
    pytest.fail(f"{name}: {SEEDS} seeds without it and nobody noticed")
