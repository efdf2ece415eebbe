"""
The webhooks of a site: who receives which events, and the threads that deliver them.

A request of a client only puts its events into a queue, after its changes are committed. Each webhook has a thread of
its own, so a receiver that does not answer delays neither writes nor other webhooks.
"""

from __future__ import annotations

import collections
import datetime as dt
import http.client
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Optional

import attrs

from sgextended.localsite.schema.entity_types import standard_schema
from sgextended.localsite.services.webhook_events import (
    OPERATIONS,
    EventChoice,
    LoggedEvent,
    body_of,
    delivery_of,
    notice,
    to_choice,
)
from sgextended.localsite.services.webhook_request import Sending, checked_address, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: The number of events that may wait for one receiver. Later ones are dropped.
MOST_WAITING = 10_000
#: The number of events in one request of a batch.
MOST_IN_BATCH = 50
#: The number of deliveries that are remembered.
_MOST_REMEMBERED = 1000
# Seconds that a receiver has for a response.
_TIMEOUT = 6.0
# Seconds between the attempts of a request.
_WAITS = (0.1, 0.5)
# Seconds that the end of a site waits for a thread whose request was cut off.
_END = 2.0


@attrs.define(eq=False, kw_only=True)
class WebhookDelivery:
    """
    One request of a webhook, with all of its attempts.

    Attributes:
        webhook_id: The id of the webhook.

        event_log_entry_ids: The ids of the entries in the request; 0 for a test or a change of the webhook's status.

        delivery_ids: The ids of the deliveries in the request, in the same order.

        body: The body as it was sent.

        status: ``"pending"``, ``"delivered"`` or ``"dropped"``. As on live sites, a request counts as delivered also if
            nobody answered.

        response_code: The status of the last response; 0 if nobody answered.

        attempts: The number of attempts.

        error: Why nobody answered, or None.
    """

    webhook_id: str
    event_log_entry_ids: list[int]
    delivery_ids: list[str]
    body: bytes = attrs.field(repr=False)
    status: str = "pending"
    response_code: int = 0
    attempts: int = 0
    error: Optional[str] = None

    @property
    def is_accepted(self) -> bool:
        """
        Whether the receiver has responded with a status of success.
        """
        return 200 <= self.response_code < 300


@attrs.frozen(eq=False, kw_only=True)
class Registration:
    """
    One webhook as `Webhooks` keeps it.

    Attributes:
        id: The id, a UUID, which each request has in a header.

        url: The receiver's address.

        secret: The secret of the signatures. None: requests are not signed.

        choice: The events that are delivered.

        is_batch: Whether a request has all events that wait, instead of one.
    """

    id: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    url: str
    secret: Optional[str] = attrs.field(default=None, repr=False)
    choice: EventChoice = attrs.field(factory=EventChoice)
    is_batch: bool = False


class _Sender:
    """
    The queue and the thread of one webhook.
    """

    def __init__(self, hook: Registration, owner: Webhooks, sending: Callable[[], Sending]) -> None:
        self.hook, self.is_active = hook, True
        self._owner, self._make = owner, sending
        self._changed = threading.Condition()
        self._waiting: collections.deque[dict[str, Any]] = collections.deque()
        self._sending: Optional[Sending] = None
        self._thread: Optional[threading.Thread] = None
        self._is_sending = False
        self._is_open = True
        self._number = 0

    def put(self, events: Sequence[LoggedEvent]) -> None:
        wanted = [event for event in events if self.is_active and self.hook.choice.wants(event)]
        with self._changed:
            deliveries = []
            for event in wanted:
                self._number += 1
                deliveries.append(delivery_of(event, f"{event.data['event_log_entry_id']}.{self._number}.0"))
            self._put(deliveries)

    def put_notice(self, delivery: dict[str, Any]) -> None:
        with self._changed:
            self._put([delivery])

    def _put(self, deliveries: list[dict[str, Any]]) -> None:
        if not self._is_open:
            return
        room = max(MOST_WAITING - len(self._waiting), 0)
        self._waiting += deliveries[:room]
        for delivery in deliveries[room:]:
            self._owner.remember(self._request_of([delivery], status="dropped"))
        if self._waiting and self._thread is None:
            self._sending = self._make()
            self._thread = threading.Thread(target=self._run, name="sgextended-site-webhook", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def open(self) -> None:
        """
        Take deliveries again after `stop`.
        """
        with self._changed:
            self._is_open = True

    def stop(self) -> Optional[threading.Thread]:
        """
        Drop the deliveries that wait, cut the request in flight off, and return the thread, which ends soon.
        """
        with self._changed:
            self._is_open = False
            self._waiting.clear()
            thread, self._thread = self._thread, None
            if self._sending is not None:
                self._sending.cut_off()
            self._changed.notify_all()
        return thread

    def wait(self, until: float) -> bool:
        """
        Wait until nothing is left to deliver, and return whether that is so at the time *until*.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and not self._is_sending, max(until - time.monotonic(), 0)
            )

    def _run(self) -> None:
        own = threading.current_thread()
        while True:
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._thread is not own)
                if self._thread is not own or self._sending is None:
                    return
                self._is_sending = True
                sending = self._sending
                count = min(len(self._waiting), MOST_IN_BATCH) if self.hook.is_batch else 1
                request = self._request_of([self._waiting.popleft() for _ in range(count)])
            self._owner.remember(request)
            self._deliver(request, sending, own)

    def _request_of(self, deliveries: list[dict[str, Any]], status: str = "pending") -> WebhookDelivery:
        moment = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return WebhookDelivery(
            webhook_id=self.hook.id,
            event_log_entry_ids=[delivery["event_log_entry_id"] for delivery in deliveries],
            delivery_ids=[delivery["delivery_id"] for delivery in deliveries],
            body=body_of(deliveries, moment, is_batch=self.hook.is_batch),
            status=status,
        )

    def _deliver(self, request: WebhookDelivery, sending: Sending, own: threading.Thread) -> None:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "sgextended-local-site",
            "x-sg-webhook-id": self.hook.id,
            "x-sg-webhook-site-url": self._owner.site_url,
        }
        if self.hook.secret is not None:
            headers["x-sg-signature"] = signature_of(request.body, self.hook.secret)
        for wait in (*_WAITS, None):
            request.attempts += 1
            try:
                request.response_code, request.error = sending.post(request.body, headers), None
            except (OSError, ValueError, http.client.HTTPException) as error:
                request.response_code, request.error = 0, f"{type(error).__name__}: {error}"
            if request.is_accepted or wait is None:
                break
            with self._changed:
                if self._changed.wait_for(lambda: self._thread is not own, wait):
                    break
        request.status = "delivered"


class Webhooks:
    """
    The webhooks of a local site. Any thread may change them, also while the site does not run.
    """

    def __init__(self) -> None:
        self.site_url = ""
        self._known_types: Callable[[], Iterable[str]] = lambda: standard_schema().types
        self._senders: dict[str, _Sender] = {}
        self._lock = threading.Lock()
        self._deliveries: collections.deque[WebhookDelivery] = collections.deque(maxlen=_MOST_REMEMBERED)

    def __repr__(self) -> str:
        return f"<Webhooks: {len(self._senders)} receivers, {len(self._deliveries)} deliveries>"

    def add(
        self,
        url: str,
        *,
        secret: Optional[str] = None,
        entity_types: Any = None,
        event_type: Optional[str] = None,
        actions: Iterable[str] = OPERATIONS,
        projects: Optional[Iterable[Mapping[str, Any]]] = None,
        batch: bool = False,
        allow_remote: bool = False,
    ) -> str:
        """
        Add a webhook and return its id. It delivers the events of transactions that are committed from now on.

        Args:
            url: The receiver's address, such as ``"http://127.0.0.1:8000/webhook"``.

            secret: The secret of the signatures. None: requests are not signed.

            entity_types: The types of the changed rows; as a mapping, with the fields whose changes are delivered.
                None: all types. Rows of ApiUser, EventLogEntry and of connections are never delivered.

            event_type: The one event type that is delivered, such as ``"Tool_Render_Done"``, instead of entity types.

            actions: The operations: ``"create"``, ``"update"``, ``"delete"``, ``"revive"``.

            projects: Links to the projects of the changed rows. None: any, and rows without a project.

            batch: Whether one request has all events that wait, at most 50.

            allow_remote: Whether the receiver may be on another machine. False: only loopback addresses are allowed.

        Raises:
            ValueError: The address is not allowed, the secret is empty, or an option is not valid.
        """
        if secret is not None and not secret:
            raise ValueError("The secret of a webhook is empty. Give a text, or None for requests without signatures.")
        parts = checked_address(url, allow_remote=allow_remote)
        choice = to_choice(self._known_types(), entity_types, event_type, actions, projects)
        hook = Registration(url=url, secret=secret, choice=choice, is_batch=batch)

        def make_sending() -> Sending:
            return Sending(parts, allow_remote=allow_remote, timeout=_TIMEOUT)

        with self._lock:
            self._senders = {**self._senders, hook.id: _Sender(hook, self, make_sending)}
        return hook.id

    def remove(self, webhook_id: str) -> None:
        """
        Remove a webhook. Its deliveries that wait are dropped. Do nothing if it was removed before.
        """
        with self._lock:
            sender = self._senders.get(webhook_id)
            self._senders = {name: each for name, each in self._senders.items() if name != webhook_id}
        if sender is not None:
            _end([sender])

    def clear(self) -> None:
        """
        Remove all webhooks, and forget the deliveries.
        """
        for webhook_id in list(self._senders):
            self.remove(webhook_id)
        with self._lock:
            self._deliveries.clear()

    def set_active(self, webhook_id: str, is_active: bool) -> None:
        """
        Switch a webhook on or off. As on live sites, the change is delivered to the receiver, in both cases.

        Raises:
            KeyError: There is no such webhook.
        """
        sender = self._senders[webhook_id]
        old, new = ("active" if each else "disabled" for each in (sender.is_active, is_active))
        if old == new:
            return
        sender.is_active = is_active
        meta = {"type": "attribute_change", "attribute_name": "status", "old_value": old, "new_value": new}
        self._put_notice(sender, "Shotgun_Webhook_Change", meta)

    def send_test(self, webhook_id: str) -> None:
        """
        Send the receiver a test delivery, which is about no event.

        Raises:
            KeyError: There is no such webhook.
        """
        self._put_notice(self._senders[webhook_id], "Shotgun_Webhook_Test", {"type": "test"})

    def _put_notice(self, sender: _Sender, event_type: str, meta: dict[str, Any]) -> None:
        moment = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        sender.put_notice(notice(event_type, sender.hook.id, moment, meta))

    @property
    def deliveries(self) -> list[WebhookDelivery]:
        """
        The last 1000 requests, in the order in which they began.
        """
        with self._lock:
            return list(self._deliveries)

    def wait(self, timeout: float = 10.0) -> bool:
        """
        Wait until nothing is left to deliver, and return whether that is so.

        Args:
            timeout: The longest wait, in seconds.
        """
        until = time.monotonic() + timeout
        return all(sender.wait(until) for sender in self._senders.values())

    # --- For the site

    @property
    def is_needed(self) -> bool:
        """
        Whether there is any webhook.
        """
        return bool(self._senders)

    def remember(self, request: WebhookDelivery) -> None:
        """
        Add a request to the deliveries.
        """
        with self._lock:
            self._deliveries.append(request)

    def start(self, site_url: str, known_types: Callable[[], Iterable[str]]) -> None:
        """
        Begin to serve a site with this address and these entity types.
        """
        self.site_url, self._known_types = site_url, known_types
        for sender in self._senders.values():
            sender.open()

    def put(self, events: Sequence[LoggedEvent]) -> None:
        """
        Deliver committed events to all who want them. The call does not wait for receivers.
        """
        for sender in self._senders.values():
            sender.put(events)

    def stop(self) -> None:
        """
        Drop the deliveries that wait, and end the threads.
        """
        _end(list(self._senders.values()))


def _end(senders: list[_Sender]) -> None:
    threads = [sender.stop() for sender in senders]
    until = time.monotonic() + _END
    for thread in threads:
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(until - time.monotonic(), 0))
