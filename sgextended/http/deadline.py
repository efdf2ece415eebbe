"""
Deadlines: the time until which the calls of a block of code must end.

The deadline of a block is a context variable: it applies to the calls of the block in its own thread, and to the
threads that such a call starts.
"""

import math
import time
from typing import Any, Callable, Optional, Tuple, Union

from sgextended.concurrency.scoped_value import NO_BLOCK, Block, NoBlock, ScopedValue
from sgextended.errors import ConfigurationError


class Deadline:  # attrs would generate its methods at each import
    """
    A point in time on the monotonic clock.

    Args:
        seconds: The duration that the caller has set; errors show this number.

        at: The point in time, in seconds of the monotonic clock.
    """

    __slots__ = ("at", "seconds")

    def __init__(self, seconds: float, at: float) -> None:
        self.seconds, self.at = seconds, at

    def __repr__(self) -> str:
        return f"Deadline(seconds={self.seconds!r}, at={self.at!r})"

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """
        Return the deadline that is *seconds* from now.

        Raises:
            ConfigurationError: *seconds* is not a finite number above 0.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < math.inf:
            msg = f"A deadline of {seconds!r} is not valid. Give a number of seconds above 0."
            raise ConfigurationError(msg)
        return cls(seconds, time.monotonic() + seconds)

    def left(self) -> float:
        """
        Return the seconds until the deadline; 0 if it has passed.
        """
        return max(0.0, self.at - time.monotonic())


_current: "ScopedValue[Optional[Deadline]]" = ScopedValue("sgextended_deadline", None)

#: Return the deadline of the current block; None: there is no deadline.
current: Callable[[], Optional[Deadline]] = _current.get


def deadline(seconds: Optional[float]) -> "Union[Block[None], NoBlock]":
    """
    Return a context manager that sets a deadline: calls in its block fail once *seconds* have passed.

    Inside another deadline, the earlier one applies. None sets no deadline.
    """
    if seconds is None:
        return NO_BLOCK

    def begin(_held: object) -> Tuple[Deadline, None]:
        new, outer = Deadline.after(seconds), _current.get()
        return (new if outer is None or new.at < outer.at else outer), None

    return Block(_current, begin)


def until(limit: Optional[Deadline]) -> "Union[Block[None], NoBlock]":
    """
    Return a context manager whose block has an existing deadline; None changes nothing.
    """
    return NO_BLOCK if limit is None else _current.bind(limit)


def within(sg: Any, seconds: Optional[float]) -> "Union[Block[None], NoBlock]":
    """
    Return the `deadline` for a block that calls *sg*.

    Raises:
        ConfigurationError: *sg* is an official client, which does not obey deadlines.
    """
    client = getattr(sg, "_sg", sg)
    if seconds is not None and hasattr(client, "_get_connection") and not getattr(client, "obeys_deadlines", False):
        msg = (
            "A time limit was given, but a shotgun_api3.Shotgun does not support time limits for a call. "
            "Use SGExtended.from_shotgun(sg)."
        )
        raise ConfigurationError(msg)
    return deadline(seconds)
