"""
`HandlerLoop`: one handler, its place in the log, its workers and its parked events.
"""

import contextlib
import functools
import logging
import time
from collections import deque
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextvars import Context
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Optional, Tuple

from attrs import frozen

from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import WorkerError
from sgextended.events.event import FIELDS, Event
from sgextended.events.event_stream import site_url
from sgextended.events.handling.handlers import Handler
from sgextended.events.handling.parked_events import MOST_PARKED, ParkedEvents
from sgextended.events.log.checkpoint import CheckpointFile
from sgextended.events.log.log_follower import FollowOptions, LogFollower
from sgextended.events.log.log_tracker import Position
from sgextended.events.log.outages import OutageWaits, is_outage, is_outage_of_request
from sgextended.http.cancellation import CancelToken, RequestCancelled, under
from sgextended.workers.map import check_picklable
from sgextended.workers.map_options import executor_for
from sgextended.workers.worker_group import WorkerGroup, outcomes_of

LOG = logging.getLogger("sgextended")

#: Seconds between two log lines about a handler that takes no further events.
_FULL_INTERVAL = 60.0


class HandlerLoop:
    """
    Follows the log for one handler, and calls it for each event.

    Args:
        handler: The handler.

        sg: The wrapper, from which the workers get clones.

        path: The file with the place in the log and the parked events.

        options: How the log is followed.

        executor: Handles the events. None: threads.

    Attributes:
        error: The error that has ended the loop, or None.

        handled: The number of events that were handled by this run.
    """

    handler: Handler
    handled: int
    parked: ParkedEvents

    def __init__(
        self, handler: Handler, sg: Any, path: Path, options: FollowOptions, executor: Optional[Executor] = None
    ) -> None:
        self.handler, self.handled = handler, 0
        self.error: Optional[BaseException] = None
        self._sg, self._executor = sg, executor
        self._group = WorkerGroup(_Call(handler.function), _WrapperFactory(sg, handler.owner), collect=True, guard=None)
        if executor is not None:
            check_picklable(self._group, handler.function, executor)
        self._file = CheckpointFile(path, site_url(sg))
        self._wake, self._token, self._is_closing = WakeUp(), CancelToken(), False
        self._done: Deque[Tuple[Event, Optional[BaseException]]] = deque()
        self._running: Dict[int, Event] = {}
        self._ended: Optional[BaseException] = None  # why the executor handles no more events
        self._outage, self._resumes_at, self._full_logged_at = OutageWaits(1.0), 0.0, float("-inf")
        self._disk, self._is_unsaved = OutageWaits(1.0, f"Storing the place of the handler {handler.name}"), False
        try:
            content = self._file.content
            self.parked = ParkedEvents(content.get("parked", ()))
            position = Position.from_json(content["position"]) if content.get("position") else None
            self._follower = LogFollower(sg, options, position)
        except BaseException:
            self._file.release()
            raise
        self._saved = position

    @property
    def mark(self) -> int:
        """
        The id up to which everything is handled or parked.
        """
        return self._follower.mark

    @property
    def is_closing(self) -> bool:
        """
        Whether `close` was called.
        """
        return self._is_closing

    def close(self) -> None:
        """
        Begin no further events, and end the loop when the running ones are finished. Signal handlers may call it.
        """
        self._is_closing = True
        self._token.cancel()
        self._wake.set()

    def release(self) -> None:
        """
        Free the file for others.
        """
        self._file.release()

    def find_start(self) -> None:
        """
        Find the place where the handler begins, and store it, unless an earlier run has left one.

        While the site is down, this waits for it, until `close`.

        Raises:
            Exception: The failure is no outage.
        """
        try:
            with under(self._token):
                while self._follower.position is None and not self._is_closing:
                    self._wake.wait(self._follower.due_in())
                    if not self._is_closing:
                        self._follower.poll()
        except RequestCancelled:
            if not self._is_closing:
                raise
        self._save()

    def run(self) -> None:
        """
        Run until `close`. An error that is no outage, such as a refused filter, ends the loop and is kept in `error`.
        """
        try:
            with contextlib.ExitStack() as stack:
                stack.callback(self._group.close)
                workers, name = self.handler.workers, f"sgextended-{self.handler.name}"
                self._run(stack.enter_context(executor_for(self._executor, workers, name)))
        except BaseException as error:
            self.error = error
            LOG.exception("The handler %s has ended.", self.handler.name)
        finally:
            self._file.release()

    def _run(self, executor: Executor) -> None:
        has_begun = False
        try:
            with under(self._token):
                while not self._is_closing:
                    self._collect()
                    self._begin(executor)
                    if not has_begun and self._follower.position is not None:
                        has_begun = True
                        LOG.info("The handler %s follows the event log after id %s.", self.handler.name, self.mark)
                    self._wake.wait(min(self._due_in(), LOOK_AGAIN if self._running else 1.0))
        except RequestCancelled:
            if not self._is_closing:
                raise
        finally:
            while self._running:
                self._wake.wait(LOOK_AGAIN)
                self._collect()
            self._save()
            if self._disk.error is not None:
                LOG.error(
                    "The handler %s ends, and its place could not be stored: %s. Handled events may come again.",
                    self.handler.name, self._disk.error,
                )  # fmt: skip

    # --- Beginning events

    def _begin(self, executor: Executor) -> None:
        """
        Give events to free workers, as long as there are any.
        """
        while len(self._running) < self.handler.workers and not self._is_closing and self._ended is None:
            if time.monotonic() < self._resumes_at or not self._is_stored():
                return
            event = self._next()
            if event is None:
                self._save()
                if self._follower.due_in() > 0 or self._is_full():
                    return
                self._follower.poll()
                continue
            self._submit(executor, event)

    def _submit(self, executor: Executor, event: Event) -> None:
        try:
            # A context of its own: the requests of handlers do not end with those of the loop.
            future: Future[Any] = executor.submit(self._group.bound(Context()), [(event.id, event)], None)
        except RuntimeError as error:  # the executor is broken, or was shut down
            raise self._executor_ended() from error
        self._running[event.id] = event
        future.add_done_callback(functools.partial(self._finished, event))

    def _executor_ended(self) -> WorkerError:
        msg = f"The executor of the handler {self.handler.name} has ended. Its unfinished events come again."
        return WorkerError(msg)

    def _finished(self, event: Event, future: "Future[Any]") -> None:
        self._done.append((event, _error_of(future)))
        self._wake.set()

    def _is_stored(self) -> bool:
        """
        Return whether the place is stored, after another attempt if the last one has failed.
        """
        if self._disk.error is not None:
            self._save()
        return self._disk.error is None

    def _next(self) -> Optional[Event]:
        parked = self.parked.due(self._running)
        if parked is not None:
            event = parked.event or self._read_again(parked.id)
            if event is not None:
                return event
        return None if self._is_full() else self._follower.pop()

    def _is_full(self) -> bool:
        if not self.parked.is_full:
            return False
        if time.monotonic() - self._full_logged_at >= _FULL_INTERVAL:
            self._full_logged_at = time.monotonic()
            LOG.error(
                "The handler %s has %s parked events, and takes no further ones until some are handled.",
                self.handler.name, MOST_PARKED,
            )  # fmt: skip
        return True

    def _read_again(self, number: int) -> Optional[Event]:
        """
        Return an event that an earlier run has parked; None if it cannot be read now.
        """
        try:
            row = self._sg.find_one("EventLogEntry", [["id", "is", number]], list(FIELDS))
        except Exception as error:
            if not is_outage_of_request(error):
                raise
            self._resumes_at = time.monotonic() + self._outage.failed(error)
            return None
        self._outage.succeeded()
        if row is None:
            LOG.error(
                "The site has no event %s any more, so the handler %s cannot handle it.", number, self.handler.name
            )
            self.parked.remove(number)
            self._save(force=True)
            return None
        return Event.from_entry(row)

    def _due_in(self) -> float:
        now = time.monotonic()
        waits = [max(0.0, self._resumes_at - now)]
        if waits[0] == 0.0:
            if len(self._running) >= self.handler.workers:
                return LOOK_AGAIN
            parked = self.parked.due_in(self._running)
            waits = [self._follower.due_in() if not self._is_full() else 1.0, *([] if parked is None else [parked])]
        return max(0.0, min(waits))

    # --- Results, in the thread of the loop

    def _collect(self) -> None:
        changed = False
        while self._done:
            event, error = self._done.popleft()
            if isinstance(error, (BrokenExecutor, CancelledError)):  # no failure of the handler: the event comes again
                self._running.pop(event.id, None)
                self._ended = self._ended or error
                continue
            if error is None:
                self.parked.remove(event.id)
                self._outage.succeeded()
                self.handled += 1
            else:
                self._park(event, error)
            self._follower.settle(event.id)
            self._running.pop(event.id, None)
            changed = True
        if changed:
            self._save(force=True)
        if self._ended is not None and not self._running:
            raise self._executor_ended() from self._ended

    def _park(self, event: Event, error: BaseException) -> None:
        # While the site is down, each further event would fail too.
        parked = self.parked.park(event, error, counts=not (is_outage(error) and self._site_is_down()))
        what = f"event {event.id} ({event.event_type})"
        if parked.next_try is None:
            LOG.error(
                "The handler %s has failed %s times for %s. It stays parked and is not tried again by itself.",
                self.handler.name, parked.attempts, what, exc_info=error,
            )  # fmt: skip
        else:
            LOG.warning(
                "The handler %s failed for %s. The event is parked and tried again in %.0f s.",
                self.handler.name, what, parked.next_try - time.time(), exc_info=error,
            )  # fmt: skip

    def _site_is_down(self) -> bool:
        """
        Return whether a request to the site fails now. The error of a handler does not say of which site it is.
        """
        try:
            with under(self._token):
                self._sg.find_one("EventLogEntry", [["id", "less_than", 1]], [])
        except RequestCancelled:
            return True  # the loop ends, and the event is tried again by the next run
        except Exception as error:  # noqa: BLE001 - a refusal is a response
            if is_outage_of_request(error):
                self._resumes_at = time.monotonic() + self._outage.failed(error)
                return True
        self._outage.succeeded()
        return False

    def _save(self, *, force: bool = False) -> None:
        """
        Store the place and the parked events.

        If that fails, as with a full disk, no further events are begun, and it is tried again after a growing wait.
        """
        position = self._follower.position
        try:
            if position is not None and (force or self._is_unsaved or position != self._saved):
                self._is_unsaved = True
                self._file.save({"position": position.to_json(), "parked": self.parked.to_json()})
                self._saved, self._is_unsaved = position, False
            self._file.store_if_due()
        except OSError as error:
            self._resumes_at = time.monotonic() + self._disk.failed(error)
        else:
            self._disk.succeeded()


@frozen
class _Call:
    """
    Calls the function of a handler in a worker, with its wrapper as the current one.
    """

    function: Callable[[Any, Any], Any]

    def __call__(self, sg: Any, event: Event) -> None:
        with sg.as_current():
            self.function(sg, event)


@frozen
class _WrapperFactory:
    """
    Makes the wrapper of a worker: a clone, or an instance of the class of a method.
    """

    sg: Any
    owner: Any

    def __call__(self) -> Any:
        clone = self.sg.clone()
        return clone if self.owner is None or isinstance(clone, self.owner) else self.owner(sg=clone)


def _error_of(future: "Future[Any]") -> Optional[BaseException]:
    """
    Return what a handler has raised, or why its event was not handled; None if it was.
    """
    try:
        (outcome,) = outcomes_of(future.result())
    except BaseException as error:  # noqa: BLE001 - of the executor, or what only an executor catches
        return error
    return outcome.error
