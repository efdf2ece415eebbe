"""
Calls outside the GUI thread, for Qt: results arrive as signals in the GUI thread.

The module needs the extra ``qt``, and a binding of Qt (PySide6, PySide2, PyQt6, PyQt5), which the host application has.
"""

import collections.abc
import contextlib
import functools
import logging
import threading
import weakref
from collections import deque
from contextvars import copy_context
from typing import Any, Callable, Deque, Iterable, List, Optional, Tuple

from qtpy.compat import isalive
from qtpy.QtCore import QCoreApplication, QObject, Qt, QThread, Signal  # type: ignore[attr-defined]

from sgextended.errors import ConfigurationError
from sgextended.http.cancellation import CancelToken, under

LOG = logging.getLogger("sgextended")


class BackgroundCall(QObject):
    """
    A call that runs in a thread and is restarted at will: only the result of the last call arrives.

    Starting another call cancels the one before. `cancel`, the deletion of the parent and the end of the application
    cancel it too. Then a read is aborted, a write is finished, no further request is sent, and no further signal of the
    call arrives. All signals are emitted in the GUI thread.

    Args:
        parent: The parent, such as a widget. When it is deleted, this object is deleted too.

    Attributes:
        done: Signal with the result of the call; for an iterator, and for `map`, with the list of its items.

        failed: Signal with the exception that the call raised.

        found: Signal with a list of the items that an iterator or `map` has returned since the last signal.

        progress: Signal with the numbers of done, failed and all items of `map`; the last is None if it is not known.

        busy: Signal with True when a call begins, and with False when it has ended or was cancelled.

    Raises:
        ConfigurationError: The object is not created in the GUI thread, or before the QApplication.
    """

    done: Any = Signal(object)
    failed: Any = Signal(object)
    found: Any = Signal(object)
    progress: Any = Signal(int, int, object)
    busy: Any = Signal(bool)

    def __init__(self, parent: Any = None) -> None:
        application = QCoreApplication.instance()
        if application is None or QThread.currentThread() != application.thread():
            raise ConfigurationError("Create a BackgroundCall in the GUI thread, after the QApplication.")
        super().__init__(parent)
        _relay()  # creates the relay in this thread
        holder = self._holder = _Holder()
        self.destroyed.connect(holder.cancel)
        application.aboutToQuit.connect(self.cancel)

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """
        Call a function in a thread, with the context variables of the caller.

        Args:
            function: The function, such as ``sg.find_tasks``.

            args: Its positional arguments.

            kwargs: Its keyword arguments.
        """
        self._start(lambda _report: function(*args, **kwargs))

    def map(self, sg: Any, function: Callable[[Any, Any], Any], items: Iterable[Any], **options: Any) -> None:
        """
        Call a function for each item, as `SGExtended.map`.

        Args:
            sg: The wrapper.

            function: Called with a wrapper and an item.

            items: The items to process.

            options: The options of `SGExtended.map`, except *progress*.
        """
        self._start(lambda report: sg.map(function, items, progress=report, **options))

    def cancel(self) -> None:
        """
        Cancel the running call; no further signal of it arrives.
        """
        if self._holder.cancel():
            self.busy.emit(False)

    @property
    def is_busy(self) -> bool:
        """
        Whether a call is running that was not cancelled.
        """
        return self._holder.call is not None

    def _start(self, work: "_Work") -> None:
        was_busy = self._holder.cancel()
        call = self._holder.call = _Call(weakref.ref(self), work)
        if not was_busy:
            self.busy.emit(True)
        call.start()

    def _emit(self, call: "_Call", events: "List[_Event]") -> None:
        """
        Emit the events of a call as signals, in the GUI thread, unless the call was cancelled.
        """
        items: List[Any] = []
        for kind, value in events:
            if self._holder.call is not call:  # a slot has started another call
                return
            if kind == "item":
                items.append(value)
                continue
            if items:
                self.found.emit(items)
                items = []
            if self._holder.call is not call:
                return
            if kind == "progress":
                self.progress.emit(*value)
                continue
            self._holder.call = None
            (self.done if kind == "done" else self.failed).emit(value)
            if self._holder.call is None and _is_alive(
                self
            ):  # a slot may have started another call, or closed the window
                self.busy.emit(False)
        if items:
            self.found.emit(items)


def _is_alive(owner: BackgroundCall) -> bool:
    return bool(isalive(owner))  # type: ignore[no-untyped-call]


_Event = Tuple[str, Any]
_Report = Callable[[int, int, Optional[int]], None]
_Work = Callable[[_Report], Any]


class _Holder:
    """
    The running call of a `BackgroundCall`. It is not a QObject, so it can receive the signal of the deletion.
    """

    def __init__(self) -> None:
        self.call: Optional[_Call] = None

    def cancel(self) -> bool:
        """
        Cancel the running call. Return whether there was one.
        """
        call, self.call = self.call, None
        if call is not None:
            call.token.cancel()
        return call is not None


class _Call:
    """
    One call in a thread of its own. Its events wait here until the GUI thread takes all of them at once.
    """

    def __init__(self, owner: "weakref.ref[BackgroundCall]", work: _Work) -> None:
        self.token = CancelToken()
        self._owner, self._work = owner, work
        self._events: Deque[_Event] = deque()
        self._is_notified = threading.Event()

    def start(self) -> None:
        # Not a daemon: a program that ends waits for a write in flight. Reads were cancelled before.
        threading.Thread(target=copy_context().run, args=(self._run,), name="sgextended-qt").start()

    def _run(self) -> None:
        event: _Event
        try:
            with under(self.token):
                event = "done", self._all(self._work(self._report))
        except BaseException as error:  # noqa: BLE001 - it is emitted
            event = "failed", error
        self._add(event)
        if self.token.is_cancelled and self.token.written:
            done = ", ".join(name for name, _result in self.token.written)
            LOG.info("A call was cancelled after it had written: %s.", done)

    def _all(self, result: Any) -> Any:
        if not isinstance(result, collections.abc.Iterator):
            return result
        items = []
        with contextlib.ExitStack() as stack:
            stack.callback(getattr(result, "close", lambda: None))
            for item in result:
                self.token.raise_if_cancelled()
                items.append(item)
                self._add(("item", item))
        return items

    def _report(self, done: int, failed: int, total: Optional[int]) -> None:
        self._add(("progress", (done, failed, total)))

    def _add(self, event: _Event) -> None:
        if event[0] == "progress" and self._events and self._events[-1][0] == "progress":
            with contextlib.suppress(IndexError):  # the GUI thread took it in between
                self._events.pop()
        self._events.append(event)
        if not self._is_notified.is_set():
            self._is_notified.set()
            _relay().arrived.emit(self._deliver)

    def _deliver(self) -> None:
        """
        Pass the events to the `BackgroundCall`, in the GUI thread.
        """
        self._is_notified.clear()
        events = []
        while self._events:
            events.append(self._events.popleft())
        owner = self._owner()
        if owner is not None and _is_alive(owner):
            owner._emit(self, events)  # noqa: SLF001 - the two classes belong together


class _Relay(QObject):
    """
    Passes functions from any thread to the GUI thread, which calls them.

    There is one, which is never deleted, so that no thread emits a signal of an object that is being deleted.
    """

    arrived = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.arrived.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def _call(self, function: Callable[[], None]) -> None:
        function()


@functools.cache
def _relay() -> _Relay:
    return _Relay()
