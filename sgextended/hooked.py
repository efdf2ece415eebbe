"""
The hooks of a studio's own layer: methods to override, called for native, domain and forwarded
calls alike.
"""

from typing import Any

from sgextended.hooks import HOOKS, Call, Write
from sgextended.verbs import NativeVerbs
from sgextended.watched import Watched


class Hooked(NativeVerbs):
    """
    What a wrapper calls around what it asks and writes; without an override it calls nothing.
    """

    __module__ = "sgextended"

    _client: Any

    @property
    def _sg(self) -> Any:
        """
        The private client, as the hooks see it.
        """
        client = self._client
        return Watched(client, self) if self._has_hooks() else client

    @_sg.setter
    def _sg(self, client: Any) -> None:
        self._client = client  # a test may set another

    def _has_hooks(self) -> bool:
        # Asked each time, so that a test may set one on the class or the instance.
        own, base = type(self), Hooked
        return (
            own.on_call is not base.on_call
            or own.before_write is not base.before_write
            or own.after_write is not base.after_write
            or not self.__dict__.keys().isdisjoint(HOOKS)
        )

    def on_call(self, call: Call) -> None:
        """
        Be told of each request that this wrapper has made of the site or its storage: to measure, log or trace it.

        It is called when the call is over, well or not, in the thread that made it: pages that `find` fetches ahead and
        parts of a file have threads of their own. So several calls of it may run at the same time. What goes wrong in
        it is logged, and changes nothing for whoever asked. What a hook asks of the site itself calls no hooks; and
        the site's version, which a process asks once for all of its wrappers, is told to none.

        Args:
            call: Which call, how long it took, how much went and came, and how it ended. No secret is in it.
        """

    def before_write(self, write: Write) -> Write:
        """
        Return what is to be written, before anything is sent: *write* itself, or ``attrs.evolve(write, data=...)``.

        Raise to refuse it. It is called in the thread of the caller, for each thing that is written: each create,
        update, delete, revive, upload or other native method that is not known to read, and each request of a batch. A
        batch in which one is refused is not sent.

        Args:
            write: What is to be written. Its data is a copy of what the caller gave.
        """
        return write

    def after_write(self, write: Write, result: Any) -> None:
        """
        Be told of what was written, once the site has done it. After a failure it is not called; see `on_call`.

        What goes wrong in it is raised as `PartlyDone`, since the write itself is done.

        Args:
            write: What was written, as `before_write` has left it.

            result: What the native method returned; for a request of a batch, what that request returned.
        """
