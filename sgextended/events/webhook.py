"""
`Webhook`: a request that a webhook of the site has sent to a studio's receiver.
"""

import datetime as dt
import json
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from attrs import Factory, field, frozen

from sgextended.errors import InvalidArgumentError, SignatureError
from sgextended.events.event import Event
from sgextended.events.signatures import (
    SecretLike,
    check_age,
    check_max_age,
    check_signature,
    secret_bytes,
    sent_moment,
)

#: Seconds for which a signed request is accepted. A site tries again for some minutes.
MAX_AGE = 600.0

_OWNER = "the webhook"
_SIGNATURE, _WEBHOOK_ID, _SITE_URL = "x-sg-signature", "x-sg-webhook-id", "x-sg-webhook-site-url"


@frozen(kw_only=True)
class Webhook:
    """
    A request that a webhook of the site has sent. It has one event, or several in a batch, or none in a test.

    Attributes:
        events: The events, in the order of the request. They equal those of `SGExtended.events`.

        delivery_ids: The id of each event's delivery, in the order of *events*; an empty text where the site sent none.
            A site that sends a request again uses the same ids.

        notices: The deliveries that are not about an entry of the event log, as the site sent them: tests, and changes
            of the webhook's own status.

        timestamp: The time at which the site sent the request, or None.

        webhook_id: The id of the webhook, from the headers, or None.

        site_url: The address of the site, from the headers, or None.

        is_verified: Whether the signature was checked with the secret.

        payload: The whole body as the site sent it.
    """

    __module__ = "sgextended"

    events: List[Event] = field(factory=list)
    delivery_ids: List[str] = field(factory=list)
    notices: List[Any] = field(factory=list)
    timestamp: Optional[dt.datetime] = None
    webhook_id: Optional[str] = None
    site_url: Optional[str] = None
    is_verified: bool = False
    payload: Any = field(default=Factory(dict), repr=False)

    @classmethod
    def parse(cls, headers: Any, body: Any, secret: SecretLike, *, max_age: Optional[float] = MAX_AGE) -> "Webhook":
        """
        Return what the request of a webhook says.

        Args:
            headers: The headers of the request: any mapping or list of pairs, as texts or bytes, or a WSGI environment.
                The case of the names does not matter.

            body: The raw body of the request, as bytes. Text is accepted if it was not changed.

            secret: The secret of the webhook. None: the signature is not checked, so anybody may have sent the
                request.

            max_age: Seconds for which a signed request is accepted, if it has a time. None: no limit.

        Raises:
            SignatureError: The signature is missing or wrong, or the request is too old. Respond with status 401.

            InvalidArgumentError: The body is not the one of a webhook. Respond with status 400.

            ConfigurationError: The secret is empty, or *max_age* is not valid.
        """
        key = secret_bytes(secret, _OWNER)
        check_max_age(max_age)
        sent, raw = _own_headers(headers), _raw(body)
        if key is not None:
            signatures = sent.get(_SIGNATURE, [])
            if len(signatures) > 1:
                msg = "The request has several signatures, so it does not come from the site as it is."
                raise SignatureError(msg)
            check_signature("".join(signatures), key, [raw], _OWNER)
        payload = _parsed(raw)
        timestamp = _timestamp_of(payload, needed=key is not None and max_age is not None)
        if key is not None:
            check_age(timestamp, max_age)
        events, delivery_ids, notices = _sorted_out(_deliveries_of(payload))
        return cls(
            events=events,
            delivery_ids=delivery_ids,
            notices=notices,
            timestamp=timestamp,
            webhook_id=next(iter(sent.get(_WEBHOOK_ID, ())), None),
            site_url=next(iter(sent.get(_SITE_URL, ())), None),
            is_verified=key is not None,
            payload=payload,
        )

    @property
    def is_test(self) -> bool:
        """
        Whether the request has no event, as the site sends one to test a receiver or when a webhook is switched on.
        """
        return not self.events


# --- Headers and body


def _own_headers(headers: Any) -> Dict[str, List[str]]:
    """
    Return the values of the site's own headers, by names in lower case.
    """
    items = getattr(headers, "items", None)
    pairs: Iterable[Any] = items() if callable(items) else headers
    found: Dict[str, List[str]] = {}
    try:
        for name, value in pairs:
            text = _text(name).lower().replace("_", "-").removeprefix("http-")  # WSGI has HTTP_X_SG_SIGNATURE
            if text.startswith("x-sg-"):
                values = value if isinstance(value, (list, tuple)) else [value]
                found.setdefault(text, []).extend(_text(each).strip() for each in values)
    except (TypeError, ValueError):
        msg = "The headers are neither a mapping nor a list of pairs. Give the headers of the request as they arrived."
        raise InvalidArgumentError(msg) from None
    return found


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else str(value)


def _raw(body: Any) -> bytes:
    if isinstance(body, (bytearray, memoryview)):
        body = bytes(body)
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    if not isinstance(body, bytes):
        parsed = " It was parsed already." if isinstance(body, (Mapping, list)) else ""
        msg = (
            f"The body of the request is a {type(body).__name__}.{parsed} The signature is the one of the raw bytes, "
            "so give those: await request.body() in Starlette and FastAPI, request.get_data() in Flask."
        )
        raise InvalidArgumentError(msg)
    if not body:
        msg = "The body of the request is empty. If it was read before, keep the bytes and give them."
        raise InvalidArgumentError(msg)
    return body


def _parsed(raw: bytes) -> Any:
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        msg = (
            "The body of the request is not JSON, so it is not the one of a webhook. Check the address of the webhook."
        )
        raise InvalidArgumentError(msg) from None
    if not isinstance(payload, (dict, list)):
        msg = f"The body of the request is the JSON value {payload!r:.40}, and not the one of a webhook."
        raise InvalidArgumentError(msg)
    return payload


def _timestamp_of(payload: Any, *, needed: bool) -> Optional[dt.datetime]:
    value = payload.get("timestamp") if isinstance(payload, dict) else None
    try:
        return sent_moment(value)
    except ValueError:
        if not needed:
            return None
        msg = (
            f"The request's timestamp {value!r:.40} is not a time, so its age is unknown. max_age=None does not check "
            "the age."
        )
        raise InvalidArgumentError(msg) from None


# --- Deliveries


def _deliveries_of(payload: Any) -> List[Any]:
    """
    Return the deliveries of a request: one, or those of a batch.
    """
    data = payload.get("data", payload) if isinstance(payload, dict) else payload
    batch = data.get("deliveries") if isinstance(data, dict) else data
    if isinstance(batch, list):
        return batch
    return [data]


def _sorted_out(deliveries: List[Any]) -> Tuple[List[Event], List[str], List[Any]]:
    """
    Return the events among the deliveries, the ids of their deliveries, and the other deliveries.
    """
    events, delivery_ids, notices = [], [], []
    for delivery in deliveries:
        entry_id = _entry_id(delivery)
        if entry_id is None:
            notices.append(delivery)
            continue
        events.append(Event.from_entry({**delivery, "id": entry_id}))
        given = delivery.get("delivery_id") or delivery.get("id")
        delivery_ids.append("" if given is None else str(given))
    return events, delivery_ids, notices


def _entry_id(delivery: Any) -> Optional[int]:
    """
    Return the id of the event log entry that a delivery is about; None if it is about none, as in a test.
    """
    value = delivery.get("event_log_entry_id") if isinstance(delivery, dict) else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    is_id = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if is_id else None
