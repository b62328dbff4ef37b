"""Channels: a name a client may subscribe to, decided by its kind and by entitlement; "day" is the progress of a day's phases.

What does not exist and what the caller may not see are refused with one and the same error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, ClassVar

from daymark.contracts.push import ResumeToken, not_resumable
from daymark.core.entitlement import Action, Resource, require
from daymark.core.errors import InvalidInput, NotASession, NotFound
from daymark.core.sessions import Calendar
from daymark.core.tenancy import SHARED_TENANT, Principal
from daymark.monitoring.models import ChannelState, Topic
from daymark.monitoring.ports import ChannelKind
from daymark.operations.catalogue import Catalogue
from daymark.operations.journal import RunState, fold
from daymark.operations.models import OperationPhase
from daymark.operations.ports import RunJournal


class Channels:
    """Every kind of channel that is served here."""

    def __init__(self, kinds: Iterable[ChannelKind]) -> None:
        self._kinds: Mapping[str, ChannelKind] = {each.kind: each for each in kinds}

    def topic(self, channel: str, principal: Principal) -> Topic:
        """What the caller means by a channel's name.

        Raises:
            NotFound: there is no such channel, or none that the caller may see.
        """
        kind, _, name = channel.partition("/")
        if kind not in self._kinds:
            raise no_such_channel()
        try:
            topic, resource = self._kinds[kind].topic(name, principal)
        except InvalidInput:
            raise no_such_channel() from None
        require(principal, Action.READ, resource, "channel")
        return topic

    def may_see(self, topic: Topic, principal: Principal) -> bool:
        """Whether a subscriber may see the topic now: asked again before every push."""
        try:
            return self.topic(topic.channel, principal) == topic
        except NotFound:
            return False

    def state(self, topic: Topic, resume: ResumeToken | None = None) -> ChannelState:
        """The topic's present state, or what changed since a token of its kind was given.

        Raises:
            InvalidInput: the token is not one of this channel's.
        """
        return self._kinds[topic.kind].state(topic, resume)

    def update(self, topic: Topic) -> str:
        """The type of the topic's messages after the snapshot."""
        return self._kinds[topic.kind].update


class DayChannel:
    """``day/<session date>``: where each phase's latest run stands, for the staff of every tenant.

    Its sequence is the number of lines in all journals of the day, earlier attempts included. Journals only grow, so it rises
    with every transition, and a state that saw fewer lines than another has the lower one. Nothing in it belongs to a tenant.

    Args:
        journal: The runs' journals.
        catalogue: The tasks of every phase.
        calendar: Sessions; no other date has a channel.
    """

    kind: ClassVar[str] = "day"
    update: ClassVar[str] = "progress"

    def __init__(self, journal: RunJournal, catalogue: Catalogue, calendar: Calendar) -> None:
        self._journal, self._catalogue, self._calendar = journal, catalogue, calendar

    @classmethod
    def of(cls, session_date: date) -> Topic:
        """The topic of a day.

        >>> DayChannel.of(date(2018, 2, 5)).channel
        'day/2018-02-05'
        """
        return Topic(cls.kind, SHARED_TENANT, session_date.isoformat())

    def topic(self, name: str, principal: Principal) -> tuple[Topic, Resource]:
        """The day's topic; a day's runs belong to the shared tenant, whoever asks.

        Raises:
            NotFound: the name is no session's date in ISO form.
        """
        try:
            session_date = date.fromisoformat(name)
            self._calendar.session(session_date)
        except (ValueError, NotASession):
            raise no_such_channel() from None
        topic = self.of(session_date)
        if topic.name != name:
            raise no_such_channel()
        return topic, Resource(SHARED_TENANT)

    def state(self, topic: Topic, resume: ResumeToken | None = None) -> ChannelState:
        """The latest run of each phase, in phase order; a day that has not begun has none and the sequence 0.

        Raises:
            InvalidInput: a day gives no tokens, so any is another channel's.
        """
        if resume is not None:
            raise not_resumable()
        sequence = 0
        phases: dict[OperationPhase, dict[str, Any]] = {}
        for run in self._journal.runs(date.fromisoformat(topic.name)):
            lines = self._journal.read(run)
            sequence += len(lines)
            # Later attempts come later and replace the earlier.
            phases[run.phase] = _phase(fold(run, self._catalogue.tasks(run.phase), lines))
        return ChannelState(sequence, {"phases": list(phases.values())})


def no_such_channel() -> NotFound:
    """The one answer to what does not exist and to what may not be seen."""
    return NotFound("no such channel")


def _phase(state: RunState) -> dict[str, Any]:
    return {
        "run_id": str(state.run),
        "status": None if state.status is None else str(state.status),
        "tasks": [{"task": name, "status": str(task.status), "try": task.tries} for name, task in state.tasks.items()],
    }
