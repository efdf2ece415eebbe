"""
``Webhook.parse`` checks the signature and the age of a webhook's request, and gives its events.
"""

import datetime as dt
import email.message
import hashlib
import hmac
import json

import pytest
from starlette.datastructures import Headers

from sgextended import ConfigurationError, Event, InvalidArgumentError, Secret, SignatureError, Webhook

SECRET = "a secret of the hook"
DELIVERY = {
    "id": "119.110.0",
    "event_log_entry_id": 479004,
    "event_type": "Shotgun_Shot_Change",
    "operation": "update",
    "user": {"type": "HumanUser", "id": 24},
    "entity": {"type": "Shot", "id": 1419},
    "project": {"type": "Project", "id": 127},
    "meta": {
        "type": "attribute_change",
        "attribute_name": "sg_cut_in",
        "entity_type": "Shot",
        "entity_id": 1419,
        "field_data_type": "number",
        "old_value": 1001,
        "new_value": 1009,
    },
    "created_at": "2026-02-22 17:40:23.202136",
    "attribute_name": "sg_cut_in",
    "session_uuid": None,
    "delivery_id": "3a5de4ee-8f05-4eac-b537-611e845352fc",
}


def body_of(data=DELIVERY, *, age=0.0):
    sent_at = dt.datetime.now(dt.timezone.utc) - dt.timedelta(seconds=age)
    return json.dumps({"data": data, "timestamp": sent_at.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()


def headers_of(body, *, secret=SECRET, name="x-sg-signature"):
    return {name: "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest(), "host": "tools"}


def as_message(headers):
    message = email.message.Message()
    for name, value in headers.items():
        message[name] = value
    return message


@pytest.mark.parametrize("secret", [SECRET, SECRET.encode(), Secret(SECRET)], ids=["text", "bytes", "Secret"])
@pytest.mark.parametrize(
    "shape",
    [
        lambda headers: headers,
        lambda headers: {name.upper(): value for name, value in headers.items()},
        lambda headers: [(name.encode(), value.encode()) for name, value in headers.items()],
        lambda headers: {"wsgi.input": object(), "HTTP_X_SG_SIGNATURE": headers["x-sg-signature"]},
        lambda headers: {name: [value] for name, value in headers.items()},
        Headers,
        as_message,
    ],
    ids=["dict", "upper case", "ASGI", "WSGI", "lists", "Starlette", "http.server"],
)
def test_a_request_gives_its_event(shape, secret):
    """
    The event is the one of the event log, whatever form headers and secret have.
    """
    body = body_of()
    webhook = Webhook.parse(shape(headers_of(body)), body, secret)
    (event,) = webhook.events

    assert event == Event(id=479004)
    assert (event.event_type, event.attribute_name) == ("Shotgun_Shot_Change", "sg_cut_in")
    assert (event.old_value, event.new_value) == (1001, 1009)
    assert (event.entity, event.user) == ({"type": "Shot", "id": 1419}, {"type": "HumanUser", "id": 24})
    assert event.project == {"type": "Project", "id": 127}
    assert event.created_at == dt.datetime(2026, 2, 22, 17, 40, 23, 202136, dt.timezone.utc)
    assert webhook.delivery_ids == [DELIVERY["delivery_id"]]
    assert (webhook.is_verified, webhook.is_test, webhook.notices) == (True, False, [])
    assert webhook.timestamp.tzinfo is dt.timezone.utc
    assert webhook.payload["data"]["operation"] == "update"


@pytest.mark.parametrize("shape", [bytes, bytearray, memoryview, lambda body: body.decode()])
def test_the_body_may_have_any_raw_form(shape):
    """
    Bytes of each kind and unchanged text are read.
    """
    body = body_of()

    assert Webhook.parse(headers_of(body), shape(body), SECRET).is_verified


def test_a_batch_gives_its_events_in_order():
    """
    A batch has several events, each with the id of its delivery; what is no event of the log is a notice.
    """
    deliveries = [
        {**DELIVERY, "event_log_entry_id": 7, "delivery_id": None},
        {**DELIVERY, "event_log_entry_id": 0, "id": "0"},
        {**DELIVERY, "event_log_entry_id": "6", "delivery_id": "second"},
    ]
    body = body_of({"deliveries": deliveries})
    webhook = Webhook.parse(headers_of(body), body, SECRET)

    assert [event.id for event in webhook.events] == [7, 6]
    assert webhook.delivery_ids == ["119.110.0", "second"]
    assert webhook.notices == [deliveries[1]]


@pytest.mark.parametrize(
    "data",
    [
        {**DELIVERY, "id": "0", "event_log_entry_id": 0},
        {**DELIVERY, "event_log_entry_id": True},
        {"id": "0"},
        {},
        {"deliveries": []},
        None,
        "ping",
    ],
)
def test_a_test_delivery_has_no_event(data):
    """
    A delivery about no entry of the log, such as a test or a change of the hook's status, is recognised and accepted.
    """
    body = body_of(data)

    assert Webhook.parse(headers_of(body), body, SECRET).is_test


def test_a_retired_entity_and_the_hook_are_known():
    """
    The entity of a deletion comes from the meta; the headers name webhook and site.
    """
    meta = {"type": "entity_retirement", "entity_type": "Shot", "entity_id": 5, "display_name": "sh010"}
    body = body_of({**DELIVERY, "entity": None, "meta": meta})
    own = {"X-SG-Webhook-Id": "30f279a0", "X-SG-Webhook-Site-Url": "https://studio.example"}
    webhook = Webhook.parse({**headers_of(body), **own}, body, SECRET)

    assert webhook.events[0].entity == {"type": "Shot", "id": 5, "name": "sh010"}
    assert (webhook.webhook_id, webhook.site_url) == ("30f279a0", "https://studio.example")


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: {},
        lambda headers: {"x-sg-signature": ""},
        lambda headers: {"x-sg-signature": "sha1="},
        lambda headers: {"x-sg-signature": "md5=00"},
        lambda headers: {"x-sg-signature": headers["x-sg-signature"][:-1]},
        lambda headers: {"x-sg-signature": "sha1=ÿ"},
        lambda headers: [*headers.items(), *headers.items()],
    ],
)
def test_another_signature_is_refused(change):
    """
    Without the right signature nothing is read, and no message has the secret or the right signature.
    """
    body = body_of()
    right = headers_of(body)
    with pytest.raises(SignatureError) as caught:
        Webhook.parse(change(right), body, SECRET)

    assert SECRET not in str(caught.value)
    assert right["x-sg-signature"][5:] not in str(caught.value)


def test_another_body_and_another_secret_are_refused():
    """
    A changed body and a wrong secret fail; without a secret the request is read, and said to be unverified.
    """
    body = body_of()
    with pytest.raises(SignatureError, match="does not belong"):
        Webhook.parse(headers_of(body), body.replace(b"1009", b"1010"), SECRET)
    with pytest.raises(SignatureError, match="does not belong"):
        Webhook.parse(headers_of(body), body, "another secret")

    assert not Webhook.parse({}, body, None).is_verified


@pytest.mark.parametrize(("age", "words"), [(700, "70[0-9] s ago"), (-700, "in the future")])
def test_an_old_request_is_refused(age, words):
    """
    A request is accepted for ten minutes, or as the caller says.
    """
    body = body_of(age=age)
    with pytest.raises(SignatureError, match=words):
        Webhook.parse(headers_of(body), body, SECRET)

    assert Webhook.parse(headers_of(body), body, SECRET, max_age=None).is_verified
    assert Webhook.parse({}, body, None).events


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is empty"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"17", "JSON value 17"),
        ({"data": DELIVERY}, "is a dict. It was parsed already.*raw bytes"),
        (None, "is a NoneType"),
        (b'{"data": {}, "timestamp": "yesterday"}', "'yesterday' is not a time"),
        (b'{"data": {}, "timestamp": 1e999}', "is not a time"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_another_body_is_an_error_that_says_why(body, message):
    """
    A body that is not the one of a webhook raises a clear error.
    """
    headers = headers_of(body) if isinstance(body, bytes) else {}
    with pytest.raises(InvalidArgumentError, match=message):
        Webhook.parse(headers, body, SECRET)


@pytest.mark.parametrize("headers", [None, 5, ["x-sg-signature"]])
def test_other_headers_are_an_error(headers):
    """
    Headers that are no mapping and no pairs raise a clear error.
    """
    with pytest.raises(InvalidArgumentError, match="neither a mapping nor"):
        Webhook.parse(headers, body_of(), SECRET)


@pytest.mark.parametrize("secret", ["", b"", Secret(""), 17])
def test_an_empty_secret_is_an_error(secret):
    """
    A secret that is empty is a mistake of the receiver, and no reason to accept everything.
    """
    with pytest.raises(ConfigurationError, match="The secret of the webhook"):
        Webhook.parse({}, body_of(), secret)
