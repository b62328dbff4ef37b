"""The day and its live path: hooks around every phase, in order; whatever goes wrong there is told and never stops the day."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.contracts.live_session import encode_live_session
from daymark.core.errors import Unavailable
from daymark.local import trading_day
from daymark.local.live_day import LiveDay, LiveStores
from daymark.local.live_result import LiveResult, LiveState
from daymark.local.trading_day import DayFailed, TradingDay
from daymark.local.workspace import Workspace
from daymark.market_data.tick_ports import PutRecord
from daymark.operations.models import OperationPhase, OperationSummary, RunId, RunStatus
from tests.unit.task_world import MONDAY, World
from tests.unit.test_contracts_live_session import SESSION

PRE, OPEN, MID, CLOSE, POST = OperationPhase
AT = datetime(2018, 2, 5, 21, tzinfo=UTC)
BASE = {
    **{f"{name}Table": name.lower() for name in ("Book", "Operations", "Fence")},
    **{"DocumentsBucket": "documents", "PricesBucket": "prices", "PhaseMachines": "{}"},
}
LIVE = {"LiveBucket": "live", "TicksStream": "ticks"}


def summary(phase: OperationPhase, status: RunStatus = RunStatus.SUCCEEDED, session: date = MONDAY) -> OperationSummary:
    return OperationSummary(RunId(session, phase), status, AT, AT, (), 1)


class HeardLive:
    """A live path that notes when it was called, and has a result from the open on."""

    def __init__(self, events: list[str]) -> None:
        self.events, self.result = events, None

    def before(self, phase: OperationPhase) -> None:
        self.events.append(f"before {phase}")
        if phase is not PRE:
            self.result = LiveResult(LiveState.PLAYED, ticks=7, portfolios=3)

    def after(self, phase: OperationPhase) -> None:
        self.events.append(f"after {phase}")

    def stop(self) -> None:
        self.events.append("stop")


class Day(TradingDay):
    """A trading day on memory whose phases only take place; ``ends`` says how, ``done`` which had ended before."""

    def __init__(self, home: Path, outputs: dict[str, str] | None = None) -> None:
        workspace = Workspace(home, home, 4567)
        workspace.outputs_file.write_text(json.dumps({"daymark": outputs or BASE}))
        super().__init__(workspace)
        self.events: list[str] = []
        self.ends: dict[OperationPhase, RunStatus | BaseException] = {}
        self.done: list[OperationSummary] = []
        self.heard: LiveDay | HeardLive | None = HeardLive(self.events)
        world = World().load()
        self._book, self._records, self._journal, self._documents = world.book, world.records, MemoryRunJournal(), world.documents

    def _live_day(self, session_date: date, phases: Any, tell: Any) -> Any:
        return self.heard

    def _done_before(self, session_date: date, phases: Any) -> list[OperationSummary]:
        return list(self.done)

    def _run_phase(self, session_date: date, phase: OperationPhase, progress: Any, tell: Any) -> OperationSummary:
        self.events.append(phase.value)
        end = self.ends.get(phase, RunStatus.SUCCEEDED)
        if isinstance(end, BaseException):
            raise end
        progress(summary(phase, end))
        return summary(phase, end)


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Day:
    made = Day(tmp_path)
    monkeypatch.setattr(trading_day, "deliver_statements", lambda *_: made.events.append("statements"))
    return made


def run(day: TradingDay, told: list[str] | None = None) -> list[OperationSummary]:
    return day.run(MONDAY, tuple(OperationPhase), lambda _: None, ([] if told is None else told).append)


def around(*phases: OperationPhase) -> list[str]:
    """Each phase between its two hooks; the statements come before the last one's."""
    return [
        event
        for phase in phases
        for event in (*(["statements"] if phase is POST else []), f"before {phase}", phase.value, f"after {phase}")
    ]


def test_every_phase_runs_between_its_hooks_and_the_feed_is_ended_last(day: Day) -> None:
    assert [one.run.phase for one in run(day)] == list(OperationPhase)
    assert day.events == [*around(*OperationPhase), "stop"]
    assert day.live(MONDAY) == LiveResult(LiveState.PLAYED, ticks=7, portfolios=3)


def test_a_day_without_a_live_path_runs_as_well(day: Day) -> None:
    day.heard = None
    assert len(run(day)) == 5
    assert day.live(MONDAY) is None
    assert day.document(MONDAY)["live"] is None


@pytest.mark.parametrize("end", [RunStatus.FAILED, DayFailed("no outcome"), KeyboardInterrupt()])
def test_a_day_that_ends_early_stops_its_feed_and_keeps_what_the_live_path_came_to(day: Day, end: Any) -> None:
    day.ends[MID] = end
    with pytest.raises(KeyboardInterrupt if isinstance(end, KeyboardInterrupt) else DayFailed):
        run(day)
    assert day.events == [*around(PRE, OPEN), f"before {MID}", MID.value, "stop"]
    assert day.live(MONDAY) == LiveResult(LiveState.PLAYED, ticks=7, portfolios=3)


def test_a_cloud_that_stops_answering_ends_the_day_with_what_to_do(day: Day) -> None:
    day.ends[MID] = Unavailable("following MID_DAY: no answer (EndpointConnectionError)")
    with pytest.raises(Unavailable) as lost:
        run(day)
    assert lost.value.message.startswith("following MID_DAY: no answer")
    assert lost.value.message.endswith("`daymark up` brings the cloud back, and the same command then goes on where it stopped")
    assert lost.value.context == {"endpoint": "http://127.0.0.1:4567"}


def test_an_execution_that_cannot_be_asked_for_is_no_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def describe_execution(self, **_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:4567")

    day = TradingDay(Day(tmp_path)._workspace)
    monkeypatch.setattr(trading_day.boto3, "client", lambda _: Gone())
    monkeypatch.setattr(day, "_start", lambda *_: (RunId(MONDAY, MID), "execution"))
    with pytest.raises(Unavailable, match="following MID_DAY: no answer"):
        day._run_phase(MONDAY, MID, lambda _: None, lambda _: None)


def test_an_interrupted_attempt_is_told_of_when_it_is_resumed(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    told, interrupted = list[str](), RunId(MONDAY, MID, 2)
    monkeypatch.setattr(day, "_journal", SimpleNamespace(latest=lambda *_: interrupted, read=lambda _: ()))
    monkeypatch.setattr(trading_day, "fold", lambda *_: SimpleNamespace(is_open=True, driver="driver"))
    monkeypatch.setattr(day, "_starter", SimpleNamespace(resume=lambda run, driver: f"{run.attempt} after {driver}"))
    assert day._start(MONDAY, MID, told.append) == (interrupted, "2 after driver")
    assert told == ["Resuming MID_DAY, attempt 2, where it was interrupted"]


def test_a_day_that_ends_before_the_open_has_no_result(day: Day) -> None:
    day.ends[PRE] = RunStatus.FAILED
    with pytest.raises(DayFailed):
        run(day)
    assert (day.events[-1], day.live(MONDAY)) == ("stop", None)


def test_an_interrupted_day_goes_on_with_the_hooks_of_what_is_left(day: Day) -> None:
    day.done = [summary(PRE), summary(OPEN)]
    assert [one.run.phase for one in run(day)] == list(OperationPhase)
    assert day.events == [*around(MID, CLOSE, POST), "stop"]


def test_the_document_tells_what_the_live_path_came_to_of_this_session_alone(day: Day) -> None:
    assert day.document(MONDAY)["live"] is None
    run(day)
    live = day.document(MONDAY)["live"]
    assert (live["state"], live["ticks"], live["portfolios"], live["equal"], live["trouble"]) == ("played", 7, 3, 3, None)
    assert day.document(date(2018, 2, 6))["live"] is None


class Broken:
    """A store that never answers."""

    def __getattr__(self, name: str) -> Any:
        def fail(*_: Any) -> Any:
            raise Unavailable(f"no answer to {name}")

        return fail


def test_trouble_of_the_live_path_is_told_and_the_day_goes_on(day: Day) -> None:
    broken, told = Broken(), list[str]()
    day.heard = LiveDay(LiveStores(*[broken] * 8), MONDAY, told.append)
    assert len(run(day, told)) == 5
    assert [event for event in day.events if event != "statements"] == [phase.value for phase in OperationPhase]
    assert told == ["Live path: no answer to session"]
    result = day.live(MONDAY)
    assert result is not None
    assert (result.state, result.trouble) == (LiveState.NOT_PLAYED, "no answer to session")
    failure = result.failure()
    assert failure is not None
    assert failure.message == "no answer to session"
    assert day.document(MONDAY)["live"]["trouble"] == "no answer to session"


@pytest.mark.parametrize(
    ("phases", "outputs", "is_live"),
    [
        (tuple(OperationPhase), BASE | LIVE, True),
        ((OPEN, MID, CLOSE), BASE | LIVE, True),
        ((CLOSE,), BASE | LIVE, False),
        ((PRE, OPEN), BASE | LIVE, False),
        ((CLOSE, POST), BASE | LIVE, False),
        (tuple(OperationPhase), BASE, False),
        (tuple(OperationPhase), BASE | {"LiveBucket": "live"}, False),
        (tuple(OperationPhase), BASE | {"TicksStream": "ticks"}, False),
    ],
)
def test_ticks_accompany_a_run_from_the_open_to_the_close_of_a_deployment_that_has_them(
    tmp_path: Path, phases: tuple[OperationPhase, ...], outputs: dict[str, str], is_live: bool
) -> None:
    made = Day(tmp_path, outputs)
    assert (TradingDay._live_day(made, MONDAY, phases, print) is not None) is is_live


def test_the_deployed_stores_stand_in_the_live_bucket_and_the_ticks_stream() -> None:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        for bucket in ("live", "prices"):
            s3.create_bucket(Bucket=bucket)
        kinesis = boto3.client("kinesis", region_name="us-east-1")
        kinesis.create_stream(StreamName="ticks", ShardCount=1)
        stores = LiveStores.deployed(BASE | LIVE, World().load().book, None)
        assert stores is not None
        assert stores.sessions.session(MONDAY) is None
        s3.put_object(Bucket="live", Key="sessions/2018-02-05.json", Body=encode_live_session(SESSION))
        s3.put_object(Bucket="live", Key="lanes/2018-02-05/ticks-0000", Body=b"a lane")
        s3.put_object(Bucket="live", Key="boards/bucket-0001", Body=b"a board")
        assert stores.sessions.session(MONDAY) == SESSION
        lane, board = stores.lanes.load("2018-02-05/ticks-0000"), stores.boards.load("bucket-0001")
        assert lane is not None and board is not None
        assert (lane[0], board[0]) == (b"a lane", b"a board")
        assert (stores.lanes.load("bucket-0001"), stores.boards.load("bucket-0002")) == (None, None)
        (put,) = stores.stream.put([PutRecord("ticks-0000", b"a block")])
        start = kinesis.get_shard_iterator(StreamName="ticks", ShardId=put.shard_id, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        assert [record["Data"] for record in kinesis.get_records(ShardIterator=start)["Records"]] == [b"a block"]
