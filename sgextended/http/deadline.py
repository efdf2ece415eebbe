"""
Deadlines: until when the calls of a block of code may take.

The deadline of a block is a context variable: it holds for the calls that the block makes in its own thread, and for
the threads that such a call starts.
"""

import math
import time
from typing import Any, Optional, Tuple, Union

from attrs import frozen

from sgextended.concurrency.scoped_value import NO_BLOCK, Block, NoBlock, ScopedValue
from sgextended.errors import ConfigurationError


@frozen
class Deadline:
    """
    A point on the monotonic clock.

    Args:
        seconds: How long before it was set; errors name this number.

        at: The point.
    """

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """
        Return the deadline in so many seconds.

        Raises:
            ConfigurationError: It is no number of seconds above 0.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < math.inf:
            msg = f"A deadline of {seconds!r} cannot be: give a number of seconds above 0."
            raise ConfigurationError(msg)
        return cls(seconds, time.monotonic() + seconds)

    def left(self) -> float:
        """
        Return the seconds until then, 0 when it has passed.
        """
        return max(0.0, self.at - time.monotonic())


_current: "ScopedValue[Optional[Deadline]]" = ScopedValue("sgextended_deadline", None)

#: Return the deadline of the block that runs; None: it has none.
current = _current.get


def deadline(seconds: Optional[float]) -> "Union[Block[None], NoBlock]":
    """
    Bound a ``with`` block: every call in it fails once *seconds* have passed. Inside another one, the sooner holds.

    None sets no bound.
    """
    if seconds is None:
        return NO_BLOCK

    def begin(_held: object) -> Tuple[Deadline, None]:
        new, outer = Deadline.after(seconds), _current.get()
        return (new if outer is None or new.at < outer.at else outer), None

    return Block(_current, begin)


def until(limit: Optional[Deadline]) -> "Union[Block[None], NoBlock]":
    """
    Run a ``with`` block under a deadline that was set before; None leaves it as it is.
    """
    return NO_BLOCK if limit is None else _current.bind(limit)


def within(sg: Any, seconds: Optional[float]) -> "Union[Block[None], NoBlock]":
    """
    Return the `deadline` of a block that asks *sg*.

    Raises:
        ConfigurationError: *sg* is an official client, which obeys none.
    """
    client = getattr(sg, "_sg", sg)
    if seconds is not None and hasattr(client, "_get_connection") and not getattr(client, "obeys_deadlines", False):
        msg = "A shotgun_api3.Shotgun knows no time limits for a call: use SGExtended.from_shotgun(sg)."
        raise ConfigurationError(msg)
    return deadline(seconds)
