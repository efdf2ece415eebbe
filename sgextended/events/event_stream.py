"""
``sg.events``: an iterator over the events of the site, for minutes or for years.
"""

import contextlib
import math
import os
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Optional, Union

from sgextended.concurrency.forked import require_own
from sgextended.domain.arguments import Links, Names
from sgextended.domain.client_kinds import client_of
from sgextended.errors import ConfigurationError, InvalidArgumentError, TransportTimeout
from sgextended.http import cancellation
from sgextended.http.deadline import Deadline, current, until
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    import datetime as dt
    from os import PathLike

    from sgextended.events.event import Event
    from sgextended.events.log import checkpoint as _checkpoint
    from sgextended.events.log import event_filter as _event_filter
    from sgextended.events.log import log_follower as _log_follower
    from sgextended.events.log import log_tracker as _log_tracker
    from sgextended.events.log import outages as _outages
    from sgextended.events.log import start_position as _start_position
else:
    _checkpoint = lazy_module("sgextended.events.log.checkpoint")
    _event_filter = lazy_module("sgextended.events.log.event_filter")
    _log_follower = lazy_module("sgextended.events.log.log_follower")
    _log_tracker = lazy_module("sgextended.events.log.log_tracker")
    _outages = lazy_module("sgextended.events.log.outages")
    _start_position = lazy_module("sgextended.events.log.start_position")

#: Seconds between two looks at the event log that have found all there was.
POLL_SECONDS = 1.0
#: Seconds after which an id that has stayed empty is given up.
GAP_AGE = 300.0


class EventStream(Iterator["Event"]):
    """
    The iterator of `SGExtended.events`. One thread at a time loops over it; any thread may call `close`.

    In a ``with`` block, the end of the block closes it.
    """

    __module__ = "sgextended"

    #: ``sg.aio.events`` takes single items, since taking the next event means that the one before is handled.
    items_per_call = 1

    def __init__(
        self,
        sg: Any,
        options: "_log_follower.FollowOptions",
        *,
        checkpoint: "Union[str, PathLike[str], None]" = None,
        follow: bool = True,
        timeout: Optional[float] = None,
    ) -> None:
        self._is_endless, self._pid = follow, os.getpid()
        self._limit = None if timeout is None else Deadline.after(timeout)
        self._token = cancellation.CancelToken()
        self._is_closed = self._is_running = False
        self._in_hand: Optional[int] = None
        self._saved: Optional[_log_tracker.Position] = None
        self._disk = _outages.OutageWaits(1.0, f"Writing the checkpoint {checkpoint}")
        self._file = None if checkpoint is None else _checkpoint.CheckpointFile(checkpoint, site_url(sg))
        position = None
        try:
            if self._file is not None and self._file.content:
                position = self._saved = _log_tracker.Position.from_json(self._file.content.get("position"))
            self._follower = _log_follower.LogFollower(sg, options, position)
            if position is None and (self._file is not None or options.after in (None, "now")):
                self._find_start()
        except BaseException:
            self._release()
            raise

    def _find_start(self) -> None:
        # Now is the time of the call, not that of the first step of the loop. A place that the caller computes, such as
        # the time of the start, must be in the file before a first event comes.
        with self._guarded():
            while self._follower.position is None:
                self._poll()
            self._save()

    # --- The loop

    def __iter__(self) -> "EventStream":
        return self

    def __next__(self) -> "Event":
        require_own(self._pid, "This event stream")
        if self._is_running:
            raise ValueError("Another thread waits for the next event of this stream. Use one stream for each thread.")
        with self._guarded():
            self._settle()
            while not self._is_closed:
                event = self._follower.pop()
                if event is not None:
                    self._in_hand = event.id
                    return event
                self._save()
                if not self._is_endless and self._follower.is_at_end:
                    self._is_closed = True
                    break
                self._poll()
        raise StopIteration

    def _settle(self) -> None:
        """
        Note that the loop has handled the event that it was given last.
        """
        number, self._in_hand = self._in_hand, None
        if number is not None:
            self._follower.settle(number)
            self._save()

    def _save(self) -> None:
        """
        Save the place. While that fails, as with a full disk, wait and try again.

        After `close` it is saved only if nobody has used the file since.
        """
        file = self._file
        while file is not None:
            if self._is_closed and not file.resume():
                return
            try:
                self._save_in(file)
            except ConfigurationError:
                if not self._is_closed:
                    raise
                # Another thread has called close since, so the file is to be locked again.
            except OSError as error:
                if not file.content:  # the path was never written
                    raise
                seconds = self._disk.failed(error)
                if self._is_closed:
                    return
                self._wait(seconds)
            else:
                self._disk.succeeded()
                return

    def _save_in(self, file: "_checkpoint.CheckpointFile") -> None:
        position = self._follower.position
        if position is not None and position != self._saved:
            file.save({**file.content, "position": position.to_json()})
            self._saved = position
        file.store_if_due()

    def _poll(self) -> None:
        self._wait(self._follower.due_in())
        if not self._is_closed:
            self._follower.poll()

    def _wait(self, seconds: float) -> None:
        """
        Wait for a number of seconds, or until the stream is closed.

        Raises:
            TransportTimeout: The time is up.

            RequestCancelled: The call was cancelled.
        """
        limit = current()
        left = math.inf if limit is None else limit.left()
        if seconds > 0:
            self._token.wait(min(seconds, left))
        if limit is not None and left <= seconds and not self._is_closed:
            outage = self._follower.outage
            reason = "" if outage is None else f" The event log could not be read: {outage}"
            if self._disk.error is not None:
                reason += f" The checkpoint could not be written: {self._disk.error}"
            msg = f"No event came within the {limit.seconds} s that the caller allows.{reason}"
            raise TransportTimeout(msg, sent=False, rpc="read")
        if not self._is_closed:
            self._token.raise_if_cancelled()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """
        Apply the time limits and the cancellation of the caller to a step of the loop.
        """
        self._token, outer = cancellation.CancelToken(), cancellation.current()
        self._is_running = True
        limits = [each for each in (self._limit, current()) if each is not None]
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(until(min(limits, key=lambda each: each.at, default=None)))
                if outer is not None:
                    stack.enter_context(outer.on_cancel(self._token.cancel))
                stack.enter_context(cancellation.under(self._token))
                yield
        except cancellation.RequestCancelled:
            if not self._is_closed:
                raise
        finally:
            self._is_running = False
            if self._is_closed:
                self._release()

    # --- State

    @property
    def position(self) -> Optional[str]:
        """
        The place in the event log behind the event that was yielded last, as a text for ``after=``.

        A handler that stores it together with its own result, in one transaction, handles each event exactly once. None
        if the start is not known yet.
        """
        number = self._in_hand
        position = self._follower.position if number is None else self._follower.position_after(number)
        return None if position is None else position.to_text()

    @property
    def given_up(self) -> int:
        """
        The number of ids whose entries have not appeared in time.
        """
        return self._follower.given_up

    def close(self) -> None:
        """
        End the loop, also while it waits for an event or for the site. Another thread or a signal handler may call it.

        The event that the loop handles at the moment counts as handled when the loop asks for the next one, unless
        another loop has used the checkpoint since: then it comes again there.
        """
        self._is_closed = True
        self._token.cancel()
        if not self._is_running and self._pid == os.getpid():
            self._release()

    def _release(self) -> None:
        if self._file is not None:
            self._file.release()

    def __del__(self) -> None:
        # A loop that was left, without close, frees the checkpoint. The lock of a forked child is its parent's.
        if getattr(self, "_file", None) is not None and self._pid == os.getpid():
            self._release()

    def __enter__(self) -> "EventStream":  # noqa: PYI034 - typing.Self came with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "" if self._file is None else f" with the checkpoint {self._file.path}"
        return f"<EventStream at id {self._follower.mark}{where}>"


def site_url(sg: Any) -> Optional[str]:
    """
    Return the address of the site of a client; None if the client does not say.
    """
    url = getattr(client_of(sg), "base_url", None)
    return url.rstrip("/") if isinstance(url, str) else None


def events(
    sg: Any,
    event_type: Names = None,
    *,
    attribute: Names = None,
    project: Links = None,
    entity_type: Names = None,
    filters: Optional[Iterable[Any]] = None,
    after: "Union[int, str, dt.datetime, None]" = None,
    checkpoint: "Union[str, PathLike[str], None]" = None,
    in_order: bool = True,
    follow: bool = True,
    gap_age: float = GAP_AGE,
    poll_seconds: float = POLL_SECONDS,
    timeout: Optional[float] = None,
) -> EventStream:
    """
    Return an iterator over the events of the site: the entries of its event log, from a place in the log on.

    Each event is yielded once, also one that the site writes late. The loop waits for further events without an end,
    and also while the site is down. A refused filter or refused credentials raise. `EventStream.close` ends the loop.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        event_type: The types of the events, such as ``"Shotgun_Task_Change"``; a ``*`` at the end matches any rest.

        attribute: The names of the fields that changed, such as ``"sg_status_list"``.

        project: Links to the projects.

        entity_type: The types of the entities, such as ``"Task"``; deleted entities are included.

        filters: Native conditions on EventLogEntry, in addition.

        after: Where to begin: after the event with this id (0: the first event), at a datetime, ``"now"``, or where
            `EventStream.position` was. None: now.

        checkpoint: Path of a file that has the place in the log. If it exists, the loop begins there, and *after* has
            no effect. It is replaced when the loop asks for the next event, so that an event whose handling was
            interrupted comes again. Only one loop at a time may use a file.

        in_order: True: events come in the order of their ids, and a missing id is waited for. False: events come as
            soon as they are visible, and those that come after a higher id have ``late`` set.

        follow: Whether to wait for further events. False: the loop ends after the last event that can be yielded.

        gap_age: Seconds after which an id that has stayed empty is given up. They are counted from the creation of the
            next event, by the clock of the site, so nothing is waited for in older parts of the log.

        poll_seconds: Seconds between two looks for further events.

        timeout: Seconds for the whole loop. After them the loop raises `TransportTimeout`. None: no limit.

    Raises:
        InvalidArgumentError: An argument is not valid.

        ConfigurationError: Another loop uses the checkpoint, or it is not a checkpoint of this site.
    """
    for name, value in (("gap_age", gap_age), ("poll_seconds", poll_seconds)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            msg = f"{name}={value!r:.80} is not valid. Give a number of seconds, 0 or more."
            raise InvalidArgumentError(msg)
    options = _log_follower.FollowOptions(
        filter=_event_filter.EventFilter.of(event_type, attribute, project, entity_type, filters),
        after=_start_position.check_after(after),
        in_order=in_order,
        gap_age=gap_age,
        poll_seconds=poll_seconds,
    )
    return EventStream(sg, options, checkpoint=checkpoint, follow=follow, timeout=timeout)


#: ``sg.aio.events`` waits in a thread of its own, so that it takes none from the other calls.
events.own_thread = True  # type: ignore[attr-defined]
