"""
`ParkedEvents`: the events whose handling has failed, and when each is tried again.
"""

import time
from typing import Any, Dict, Iterable, List, Mapping, Optional

from attrs import define, field

from sgextended.errors import ConfigurationError
from sgextended.events.event import Event
from sgextended.http.retry import RetryPolicy

#: The waits before the next attempts: they grow from 10 seconds to an hour.
WAITS = RetryPolicy(first_wait=10.0, longest_wait=3600.0)
#: The attempts after which an event is no longer tried by itself.
MOST_ATTEMPTS = 12
#: A handler with this many parked events takes no further events until some are handled.
MOST_PARKED = 1000

_LONGEST_ERROR = 500  # characters


@define(kw_only=True)
class Parked:
    """
    An event whose handling has failed.

    Attributes:
        id: The id of the event.

        event_type: The type of the event.

        entity: The link to the entity, or None.

        attempts: The number of attempts.

        error: The last error.

        next_try: When the event is tried again, in seconds since the epoch. None: not by itself.

        event: The event; None if it was parked by an earlier run and was not read again.
    """

    __module__ = "sgextended"

    id: int
    event_type: Optional[str] = None
    entity: Optional[Dict[str, Any]] = None
    attempts: int = 0
    error: str = ""
    next_try: Optional[float] = None
    event: Optional[Event] = field(default=None, repr=False, eq=False)

    def to_json(self) -> Dict[str, Any]:
        """
        Return the values for the file of the handler.
        """
        return {
            "id": self.id,
            "event_type": self.event_type,
            "entity": self.entity,
            "attempts": self.attempts,
            "error": self.error,
            "next_try": self.next_try,
        }


class ParkedEvents:
    """
    The parked events of one handler.

    Args:
        values: What `to_json` returned in an earlier run.
    """

    def __init__(self, values: Iterable[Mapping[str, Any]] = ()) -> None:
        try:
            parked = [Parked(**value) for value in values]
        except TypeError as error:
            msg = f"The list of parked events cannot be read: {error}. Move the file of the handler away."
            raise ConfigurationError(msg) from error
        self._parked = {each.id: each for each in parked}

    def __len__(self) -> int:
        return len(self._parked)

    def __iter__(self) -> Any:
        return iter(sorted(self._parked.values(), key=lambda each: each.id))

    @property
    def is_full(self) -> bool:
        """
        Whether the handler must take no further events.
        """
        return len(self._parked) >= MOST_PARKED

    def to_json(self) -> List[Dict[str, Any]]:
        """
        Return the values for the file of the handler.
        """
        return [each.to_json() for each in self]

    def park(self, event: Event, error: BaseException, *, counts: bool = True) -> Parked:
        """
        Park an event whose handling has failed, and return its entry.

        Args:
            event: The event.

            error: The error.

            counts: Whether the attempt counts. An attempt while the site was down does not.
        """
        parked = self._parked.setdefault(event.id, Parked(id=event.id))
        parked.event, parked.event_type, parked.entity = event, event.event_type, event.entity
        parked.attempts += counts
        parked.error = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
        is_last = parked.attempts >= MOST_ATTEMPTS
        parked.next_try = None if is_last else time.time() + WAITS.wait(max(parked.attempts, 1), 1.0)
        return parked

    def remove(self, number: int) -> None:
        """
        Forget an event that was handled.
        """
        self._parked.pop(number, None)

    def retry_all(self) -> None:
        """
        Try all events again as soon as possible, also those that are no longer tried by themselves.
        """
        for each in self._parked.values():
            each.attempts, each.next_try = 0, 0.0

    def due(self, excluded: Iterable[int] = ()) -> Optional[Parked]:
        """
        Return the event that is to be tried again now, except for some ids; None if there is none.
        """
        taken = set(excluded)
        candidates = [each for each in self._parked.values() if each.next_try is not None and each.id not in taken]
        first = min(candidates, key=lambda each: (each.next_try, each.id), default=None)
        return first if first is not None and self._left(first) <= 0 else None

    def due_in(self, excluded: Iterable[int] = ()) -> Optional[float]:
        """
        Return the seconds until an event is to be tried again; None if there is none.
        """
        taken = set(excluded)
        waiting = [each for each in self._parked.values() if each.next_try is not None and each.id not in taken]
        return min(map(self._left, waiting), default=None)

    @staticmethod
    def _left(parked: Parked) -> float:
        # The clock of this machine may have been set back: no event waits longer than the longest wait.
        return min((parked.next_try or 0.0) - time.time(), WAITS.longest_wait)
