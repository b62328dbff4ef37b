"""Tickets: unguessable, kept as digests, short-lived, for one use."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import pytest

from daymark.core.errors import Unauthenticated
from daymark.monitoring.tickets import TicketDesk
from tests.unit.push_world import CLIENT, NOW, RISK, PushWorld

HOUR = timedelta(hours=1)


class RecordingTickets:
    def __init__(self):
        self.kept = {}

    def put(self, digest, grant, expires_at):
        self.kept[digest] = (grant, expires_at)

    def take(self, digest, now):
        raise AssertionError("nothing was to be looked up")


def test_a_ticket_is_32_random_bytes_and_only_its_digest_is_kept():
    kept, asked = RecordingTickets(), []
    ticket = TicketDesk(kept, PushWorld().clock, lambda count: asked.append(count) or bytes(range(count))).issue(RISK, NOW + HOUR)
    assert asked == [32]
    assert base64.urlsafe_b64decode(ticket.text + "=") == bytes(range(32))
    ((digest, (grant, expires_at)),) = kept.kept.items()
    assert digest == hashlib.sha256(ticket.text.encode()).hexdigest()
    assert ticket.text not in repr((digest, grant, expires_at, ticket))
    assert (grant.principal, grant.token_expires_at) == (RISK, NOW + HOUR)
    assert expires_at == ticket.expires_at == NOW + timedelta(seconds=30)


def test_a_ticket_never_outlives_the_token():
    ticket = PushWorld().tickets.issue(RISK, NOW + timedelta(seconds=12))
    assert ticket.expires_at == NOW + timedelta(seconds=12)


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_expired_token_gets_no_ticket(seconds):
    with pytest.raises(Unauthenticated):
        PushWorld().tickets.issue(RISK, NOW + timedelta(seconds=seconds))


def test_a_ticket_stands_for_whoever_it_was_issued_to_and_once():
    world = PushWorld()
    mine, theirs = world.tickets.issue(RISK, NOW + HOUR), world.tickets.issue(CLIENT, NOW + HOUR)
    assert mine.text != theirs.text
    assert world.tickets.redeem(theirs.text).principal == CLIENT
    assert world.tickets.redeem(mine.text).principal == RISK
    with pytest.raises(Unauthenticated):
        world.tickets.redeem(mine.text)


@pytest.mark.parametrize(("seconds", "good"), [(29, True), (30, False), (31, False)])
def test_a_ticket_lives_thirty_seconds(seconds, good):
    world = PushWorld()
    ticket = world.tickets.issue(RISK, NOW + HOUR)
    world.clock.advance(timedelta(seconds=seconds))
    if good:
        assert world.tickets.redeem(ticket.text).principal == RISK
    else:
        with pytest.raises(Unauthenticated):
            world.tickets.redeem(ticket.text)


def test_a_grant_whose_token_has_expired_opens_nothing_even_if_a_store_still_gives_it():
    class Generous(RecordingTickets):
        def take(self, digest, now):
            return self.kept[digest][0]

    world = PushWorld()
    desk = TicketDesk(Generous(), world.clock)
    ticket = desk.issue(RISK, NOW + timedelta(seconds=5))
    world.clock.advance(timedelta(seconds=5))
    with pytest.raises(Unauthenticated):
        desk.redeem(ticket.text)


@pytest.mark.parametrize("text", [None, "", "x", 7, "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "é", "a" * 43 + "\n", ["a" * 43]])
def test_what_is_no_ticket_is_refused_without_being_looked_up(text):
    with pytest.raises(Unauthenticated):
        TicketDesk(RecordingTickets(), PushWorld().clock).redeem(text)


def test_every_refusal_says_the_same():
    world = PushWorld()
    used = world.tickets.issue(RISK, NOW + HOUR).text
    world.tickets.redeem(used)
    said = set()
    for text in (used, "a" * 43, "junk", None):
        with pytest.raises(Unauthenticated) as refused:
            world.tickets.redeem(text)
        said.add((refused.value.message, refused.value.field))
    assert len(said) == 1
