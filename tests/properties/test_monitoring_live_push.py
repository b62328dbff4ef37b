"""Laws of live push, whatever happens in whatever order: who keeps to the rules sees the board, and nobody another's portfolio."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.core.errors import Unavailable
from daymark.core.tenancy import Principal, Role
from daymark.monitoring.live_views import BoardView
from daymark.monitoring.ports import Gone
from tests.unit.live_world import BEN, CLASSES, PORTFOLIO_COLUMNS, LiveBoard, LiveWorld, Watcher, moved, portfolios

NAMES = ("NS-1", "NS-2", "NS-3")
COLUMNS = (*PORTFOLIO_COLUMNS, *CLASSES)


class Screen:
    """A watcher behind a line that loses nothing while it stands, but may double messages and let them overtake each other."""

    def __init__(self, world: LiveWorld) -> None:
        self.world, self.watcher, self.number = world, Watcher(), 0
        self.line: list[dict[str, Any]] = []
        self.in_the_middle: list[Any] = []
        self.connect()
        post = world.poster.post

        def carried(connection_id: str, text: str) -> None:
            # What another worker does between the reading of a board and the post of what it showed.
            if self.in_the_middle:
                self.in_the_middle.pop()()
            post(connection_id, text)
            if connection_id == self.name:
                self.line.append(json.loads(text))

        world.poster.post = carried

    @property
    def name(self) -> str:
        return f"c{self.number}"

    def connect(self) -> None:
        """A new connection; what was under way on the one before is lost, and the channels are asked for again."""
        self.number += 1
        self.line.clear()
        self.world.connect(self.name, BEN)

    def send(self, ask: dict[str, Any]) -> None:
        self.world.conversation.receive(self.name, json.dumps(ask))

    def ask_all(self) -> None:
        for name in NAMES:
            self.send(self.watcher.ask(f"portfolio/{name}"))

    def read(self, order: Any = None) -> None:
        """Take what has come, and ask again where that showed a gap."""
        come, self.line = self.line, []
        if order is not None and come:
            come += order.choices(come, k=2)
            order.shuffle(come)
        for message in come:
            self.watcher.hear(message)
        asks, self.watcher.asks = self.watcher.asks, []
        for ask in asks:
            self.send(ask)


PLAIN = ("publish", "throttled", "doubled", "read", "overtaken", "ask_all", "reconnect", "lost", "session", "meanwhile", "unanswered")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), st.sampled_from(COLUMNS), st.sampled_from(NAMES), st.integers(1, 3)),
        st.tuples(st.sampled_from(PLAIN)),
    ),
    max_size=25,
)


class Day:
    """What may happen, one method each."""

    def __init__(self, order: Any) -> None:
        self.world, self.order = LiveWorld(), order
        for name in NAMES:
            self.world.own("northstar", name)
        self.history: dict[int, LiveBoard] = {}
        self.show(self.opened(1, NAMES[:2], 0))
        self.screen = Screen(self.world)
        self.ask_all = self.screen.ask_all
        self.read = self.screen.read
        self.ask_all()

    def opened(self, revision: int, names: tuple[str, ...], as_of: int) -> LiveBoard:
        return portfolios(1, {f"northstar/{name}": (5, 5, 5, 5, 0, 0, 0, 0) for name in names}, revision, as_of=as_of)

    def show(self, board: LiveBoard) -> None:
        self.shown = self.history[board.revision] = self.world.show(board)

    def tick(self, column: str, name: str, value: int) -> None:
        row = f"northstar/{name}"
        cells = {(column, row): value} if row in self.shown.names else {}
        self.show(moved(self.shown, cells, as_of=self.shown.as_of + 1))

    def session(self) -> None:
        self.show(self.opened(self.shown.revision + 1, NAMES[self.shown.revision % 2 :], self.shown.as_of + 1))

    def publish(self) -> None:
        self.world.publish(1)

    def throttled(self) -> None:
        self.world.poster.failures[self.screen.name] = [Unavailable("429")] * 4
        self.world.publish(1)
        self.world.poster.failures.clear()

    def unanswered(self) -> None:
        """A subscription whose answer stays throttled."""
        self.world.poster.failures[self.screen.name] = [Unavailable("429")] * 4
        self.screen.send(self.screen.watcher.ask("portfolio/NS-1"))
        self.world.poster.failures.clear()

    def doubled(self) -> None:
        """The gateway takes a message, but its answer is lost."""
        took = self.world.poster.post

        def twice(connection_id: str, text: str) -> None:
            self.world.poster.post = took
            took(connection_id, text)
            raise Unavailable("no answer")

        self.world.poster.post = twice
        self.world.publish(1)
        self.world.poster.post = took

    def overtaken(self) -> None:
        self.screen.read(self.order)

    def reconnect(self) -> None:
        self.screen.connect()
        self.ask_all()

    def lost(self) -> None:
        self.world.poster.failures[self.screen.name] = [Gone("closed")]
        self.reconnect()

    def meanwhile(self) -> None:
        """Another worker publishes a change between the reading of a board and the post of what it showed."""

        def change() -> None:
            self.tick("cash", "NS-1", self.shown.revision)
            self.world.publish(1)

        self.screen.in_the_middle = [change]
        self.screen.send(self.screen.watcher.ask("portfolio/NS-1"))

    def is_true(self) -> bool:
        """Whether every state on the screen is what its board showed at its sequence."""
        sequences = self.screen.watcher.sequences
        return all(state == self.body(channel, sequences[channel]) for channel, state in self.screen.watcher.states.items())

    def body(self, channel: str, revision: int) -> dict[str, Any]:
        return BoardView(self.history[revision]).body(f"northstar/{channel.partition('/')[2]}")


def but_time(state: dict[str, Any]) -> dict[str, Any]:
    """Where nothing but time went on, nothing is sent."""
    return {name: value for name, value in state.items() if name != "as_of"}


@given(STEPS, st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_whatever_is_throttled_doubled_lost_or_overtaken_the_screen_ends_as_the_board(steps, order):
    day = Day(order)
    for kind, *what in steps:
        getattr(day, kind)(*what)
        assert day.is_true()
    # Quiet again: one push, and a reading for each gap after another.
    day.screen.in_the_middle.clear()
    day.publish()
    for _ in range(4):
        day.read()
    assert day.is_true()
    for channel in (f"portfolio/{name}" for name in NAMES):
        assert but_time(day.screen.watcher.states[channel]) == but_time(day.body(channel, day.shown.revision))
    assert day.world.publish(1) == {}


TENANTS, HOUSEHOLDS, ADVISERS = ("northstar", "harbor"), ("H-1", "H-2"), ("adviser.ben", "adviser.bea")
WHOLE_TENANT = (Role.RISK, Role.OPERATIONS, Role.ADMINISTRATOR)
PRINCIPALS = st.one_of(
    st.builds(Principal, st.just("client"), st.sampled_from(TENANTS), st.just(Role.CLIENT), st.sampled_from(HOUSEHOLDS)),
    st.builds(Principal, st.sampled_from(ADVISERS), st.sampled_from(TENANTS), st.just(Role.ADVISER)),
    st.builds(Principal, st.just("staff"), st.sampled_from((*TENANTS, "shared")), st.sampled_from(WHOLE_TENANT)),
)
OWNED = st.tuples(st.sampled_from(TENANTS), st.sampled_from(["P-1", "P-2"]), st.sampled_from(HOUSEHOLDS), st.sampled_from(ADVISERS))
EVENTS = st.lists(
    st.one_of(
        OWNED.map(lambda owned: ("own", *owned)),
        st.tuples(st.just("subscribe"), st.integers(0, 3), st.sampled_from(["P-1", "P-2"])),
        st.tuples(st.just("wait"), st.sampled_from([30, 60])),
        st.tuples(st.just("publish")),
    ),
    max_size=30,
)


def sees(principal: Principal, tenant: str, household: str, adviser: str) -> bool:
    """The rule as the design states it, written a second time."""
    if principal.tenant != tenant:
        return False
    return {Role.CLIENT: principal.household_id == household, Role.ADVISER: principal.user_id == adviser}.get(principal.role, True)


WHOSE = [f"{tenant}/{portfolio_id}" for tenant in TENANTS for portfolio_id in ("P-1", "P-2")]


class Household:
    """Portfolios whose rights change, and note of what was sent to whom: every value says by its cents whose it is."""

    def __init__(self, principals: list[Principal]) -> None:
        self.world, self.principals, self.number = LiveWorld(), principals, 0
        self.rights: dict[str, list[tuple[datetime, str, str]]] = {}
        self.seen: list[tuple[Principal, str, datetime]] = []
        self.post, self.world.poster.post = self.world.poster.post, self.watched
        for place, principal in enumerate(principals):
            self.world.connect(str(place), principal)

    def watched(self, connection_id: str, text: str) -> None:
        self.post(connection_id, text)
        message = json.loads(text)
        values = [update["value"] for update in message.get("updates", [message]) if "value" in update]
        whose = [WHOSE[int(value.replace(".", "")) % 100] for value in values]
        self.seen += [(self.principals[int(connection_id)], name, self.world.clock.now()) for name in whose]

    def own(self, tenant: str, portfolio_id: str, household: str, adviser: str) -> None:
        self.world.own(tenant, portfolio_id, household, adviser)
        self.rights.setdefault(f"{tenant}/{portfolio_id}", []).append((self.world.clock.now(), household, adviser))

    def subscribe(self, place: int, portfolio_id: str) -> None:
        self.world.conversation.receive(
            str(place), json.dumps({"version": 1, "action": "subscribe", "channel": f"portfolio/{portfolio_id}"})
        )

    def wait(self, seconds: int) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))

    def publish(self) -> None:
        self.number += 1
        rows = {name: (self.number * 100 + place, 0, 0, 0, 0, 0, 0, 0) for place, name in enumerate(WHOSE)}
        self.world.show(portfolios(1, rows, self.number))
        self.world.publish(1)

    def had_the_right(self, principal: Principal, name: str, at: datetime) -> bool:
        """Whether it stood then; one that ended is good for less than 60 seconds more."""
        ends = [began for began, _, _ in self.rights[name][1:]] + [datetime.max.replace(tzinfo=UTC) - timedelta(days=1)]
        return any(
            began <= at < end + timedelta(seconds=60) and sees(principal, name.partition("/")[0], household, adviser)
            for (began, household, adviser), end in zip(self.rights[name], ends, strict=True)
        )


@given(st.lists(PRINCIPALS, min_size=4, max_size=4), st.lists(OWNED, min_size=2, max_size=6), EVENTS)
@settings(max_examples=100, deadline=None)
def test_nobody_is_ever_sent_a_portfolio_that_they_may_not_see(principals, owned, events):
    household = Household(principals)
    for each in owned:
        household.own(*each)
    household.publish()
    for kind, *what in events:
        getattr(household, kind)(*what)
    household.publish()
    household.wait(60)
    household.publish()
    assert [what for what in household.seen if not household.had_the_right(*what)] == []
