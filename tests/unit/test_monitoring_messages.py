"""Messages of the WebSocket: what cannot be read is refused by the name of its field, and errors tell nothing of our insides."""

from __future__ import annotations

import json

import pytest

from daymark.contracts.progress import RunProgressed, read_run_progressed
from daymark.contracts.push import BadMessage, ClientAction, ClientMessage, error_message, read_message, state_message, update_text
from daymark.core.errors import Conflict, DaymarkError, Forbidden, InvalidInput, NotFound, StaleFence, Unavailable


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "message"),
        ("{", "message"),
        ("[" * 4000, "message"),
        ("[]", "message"),
        ('"ping"', "message"),
        ("null", "message"),
        ("7", "message"),
        ('{"action": "ping"}', "message.version"),
        ('{"version": null, "action": "ping"}', "message.version"),
        ('{"version": 2, "action": "ping"}', "message.version"),
        ('{"version": true, "action": "ping"}', "message.version"),
        ('{"version": "1", "action": "ping"}', "message.version"),
        ('{"version": 1}', "message.action"),
        ('{"version": 1, "action": "shout"}', "message.action"),
        ('{"version": 1, "action": "SUBSCRIBE", "channel": "day/2018-02-05"}', "message.action"),
        ('{"version": 1, "action": ["ping"]}', "message.action"),
        ('{"version": 1, "action": "subscribe"}', "message.channel"),
        ('{"version": 1, "action": "subscribe", "channel": ""}', "message.channel"),
        ('{"version": 1, "action": "unsubscribe", "channel": 7}', "message.channel"),
        ('{"version": 1, "action": "ping", "id": 7}', "message.id"),
        ('{"version": 1, "action": "ping", "id": ""}', "message.id"),
        ('{"version": 1, "action": "ping", "id": "two words"}', "message.id"),
        (json.dumps({"version": 1, "action": "ping", "id": "x" * 65}), "message.id"),
        (json.dumps({"version": 1, "action": "ping", "pad": "x" * 4096}), "message"),
        (json.dumps({"version": 1, "action": "ping", "pad": "é" * 2100}, ensure_ascii=False), "message"),
        ('{"version": 1, "action": "ping", "pad": "\ud800' + "x" * 4100 + '"}', "message"),
        ("1" * 4096, "message"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_by_field(text, field):
    with pytest.raises(BadMessage) as refused:
        read_message(text)
    assert refused.value.field == field
    assert json.loads(error_message(refused.value, refused.value.message_id))["error"]["field"] == field


def test_a_message_of_the_longest_size_is_read():
    text = json.dumps({"version": 1, "action": "ping", "pad": ""})
    padded = text.replace('""', json.dumps("x" * (4096 - len(text))))
    assert len(padded) == 4096
    assert read_message(padded).action is ClientAction.PING
    with pytest.raises(BadMessage) as refused:
        read_message(f"{padded} ")
    assert refused.value.context == {"limit": 4096}


def test_a_refusal_keeps_the_messages_own_name_where_it_has_one():
    for text in ('{"id": "m1", "action": "ping"}', '{"id": "m1", "version": 1, "action": "shout"}'):
        with pytest.raises(BadMessage) as refused:
            read_message(text)
        assert refused.value.message_id == "m1"


def test_fields_we_do_not_know_are_ignored():
    text = '{"version": 1, "action": "subscribe", "channel": "day/2018-02-05", "since": 4}'
    assert read_message(text) == ClientMessage(ClientAction.SUBSCRIBE, "day/2018-02-05", None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("no such channel"), "not_found"),
        (NotFound("table daymark-book holds no row"), "not_found"),
        (Conflict("a connection may hold 2 channels", field="message.channel"), "conflict"),
        (InvalidInput("wrong", field="message"), "invalid_input"),
        (Unavailable("reading table daymark-connections: throttled"), "unavailable"),
        (StaleFence("daymark-fence epoch 3"), "internal"),
        (Forbidden("daymark"), "internal"),
        (DaymarkError("table daymark-book: has it been deployed?"), "internal"),
    ],
)
def test_errors_tell_what_the_client_may_know(error, code):
    told = json.loads(error_message(error, "m1"))
    assert (told["type"], told["id"], told["error"]["code"]) == ("error", "m1", code)
    assert set(told["error"]) == {"code", "message", "field", "context"}
    assert "daymark" not in json.dumps(told)


def test_what_a_client_writes_comes_back_in_ascii():
    with pytest.raises(BadMessage) as refused:
        read_message('{"version": 1, "action": "\\ud800é"}')
    assert error_message(refused.value).isascii()


def test_a_state_is_never_sent_with_a_number_that_json_lacks():
    with pytest.raises(ValueError, match="JSON"):
        state_message("snapshot", "day/2018-02-05", 1, {"value": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        update_text({"value": float("inf")})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source": "aws.events"}, "detail-type"),
        ({"detail-type": "Other"}, "detail-type"),
        ({"detail": None}, "detail"),
        ({"detail": {"version": 2, "run_id": "x", "sequence": 1}}, "detail.version"),
        ({"detail": {"version": 1, "sequence": 1}}, "detail.run_id"),
        ({"detail": {"version": 1, "run_id": "x", "sequence": 0}}, "detail.sequence"),
    ],
)
def test_an_event_that_is_another_is_refused_by_field(changes, field):
    event = {"source": "daymark.operations", "detail-type": "RunProgressed", "detail": RunProgressed("r", 3).as_detail()}
    assert read_run_progressed(event) == RunProgressed("r", 3)
    with pytest.raises(InvalidInput) as refused:
        read_run_progressed(event | changes)
    assert refused.value.field == field
