"""
Calls off the GUI thread, for Qt: what comes of them arrives as signals in the GUI thread.

It needs the extra ``qt``, and a binding of Qt (PySide6, PySide2, PyQt6, PyQt5), which the host application brings.
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
    A question that a widget asks again and again: the answer to the last one counts.

    Starting another call takes the one before back, and so do `cancel`, the end of the parent and the end of the
    application: a read ends where it stands, a write is finished, nothing more is sent, and nothing more of it arrives.
    All signals are emitted in the GUI thread.

    Args:
        parent: Who asks, such as a widget. When it is deleted, so is this.

    Attributes:
        done: Signal with what the call returned; for an iterator, and for `map`, with the list of its items.

        failed: Signal with the exception that the call raised.

        found: Signal with a list of the items that have come since the last one, of an iterator or `map`.

        progress: Signal with how many items of `map` are done, how many have failed, and how many there are, or None.

        busy: Signal with True when a call begins, and with False when it is over or was taken back.
    """

    done = Signal(object)
    failed = Signal(object)
    found = Signal(object)
    progress = Signal(int, int, object)
    busy = Signal(bool)

    def __init__(self, parent: Any = None) -> None:
        application = QCoreApplication.instance()
        if application is None or QThread.currentThread() != application.thread():
            raise ConfigurationError("An BackgroundCall is made in the GUI thread, after the QApplication.")
        super().__init__(parent)
        _relay()  # made in this thread
        holder = self._holder = _Holder()
        self.destroyed.connect(holder.take_back)
        application.aboutToQuit.connect(self.cancel)

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """
        Call a function in a thread, such as ``sg.find_tasks``, in the caller's context.
        """
        self._start(lambda _report: function(*args, **kwargs))

    def map(self, sg: Any, function: Callable[[Any, Any], Any], items: Iterable[Any], **options: Any) -> None:
        """
        Call a function for each item, see `SGExtended.map`; *options* are those there, but for ``progress``.
        """
        self._start(lambda report: sg.map(function, items, progress=report, **options))

    def cancel(self) -> None:
        """
        Take back what is under way; nothing more of it arrives.
        """
        if self._holder.take_back():
            self.busy.emit(False)

    @property
    def is_busy(self) -> bool:
        """
        Whether a call is under way that was not taken back.
        """
        return self._holder.call is not None

    def _start(self, work: "_Work") -> None:
        was_busy = self._holder.take_back()
        call = self._holder.call = _Call(weakref.ref(self), work)
        if not was_busy:
            self.busy.emit(True)
        call.start()

    def _take(self, call: "_Call", news: "List[_News]") -> None:
        """
        Pass on what has come of a call, in the GUI thread, unless it was taken back.
        """
        items: List[Any] = []
        for kind, value in news:
            if self._holder.call is not call:  # a slot has asked again
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
            if self._holder.call is None and _is_alive(self):  # a slot may have asked again, or closed the window
                self.busy.emit(False)
        if items:
            self.found.emit(items)


def _is_alive(asker: BackgroundCall) -> bool:
    return bool(isalive(asker))  # type: ignore[no-untyped-call]


_News = Tuple[str, Any]
_Report = Callable[[int, int, Optional[int]], None]
_Work = Callable[[_Report], Any]


class _Holder:
    """
    What an `BackgroundCall` asks now. It is no QObject, so that it can be told when the `BackgroundCall` is gone.
    """

    def __init__(self) -> None:
        self.call: Optional[_Call] = None

    def take_back(self) -> bool:
        """
        Take back the call that is under way; tell whether there was one.
        """
        call, self.call = self.call, None
        if call is not None:
            call.token.cancel()
        return call is not None


class _Call:
    """
    One call in a thread of its own. What comes of it waits here until the GUI thread takes it, in one event.
    """

    def __init__(self, asker: "weakref.ref[BackgroundCall]", work: _Work) -> None:
        self.token = CancelToken()
        self._asker, self._work = asker, work
        self._news: Deque[_News] = deque()
        self._told = threading.Event()

    def start(self) -> None:
        # Not a daemon: a program that ends waits for a write under way. What reads was taken back by then.
        threading.Thread(target=copy_context().run, args=(self._run,), name="sgextended-qt").start()

    def _run(self) -> None:
        news: _News
        try:
            with under(self.token):
                news = "done", self._all(self._work(self._report))
        except BaseException as error:  # noqa: BLE001 - it is emitted
            news = "failed", error
        self._tell(news)
        if self.token.is_cancelled and self.token.written:
            done = ", ".join(name for name, _result in self.token.written)
            LOG.info("A call that was taken back had written: %s.", done)

    def _all(self, result: Any) -> Any:
        if not isinstance(result, collections.abc.Iterator):
            return result
        items = []
        with contextlib.ExitStack() as stack:
            stack.callback(getattr(result, "close", lambda: None))
            for item in result:
                self.token.raise_if_cancelled()
                items.append(item)
                self._tell(("item", item))
        return items

    def _report(self, done: int, failed: int, total: Optional[int]) -> None:
        self._tell(("progress", (done, failed, total)))

    def _tell(self, news: _News) -> None:
        if news[0] == "progress" and self._news and self._news[-1][0] == "progress":
            with contextlib.suppress(IndexError):  # taken meanwhile
                self._news.pop()
        self._news.append(news)
        if not self._told.is_set():
            self._told.set()
            _relay().arrived.emit(self._deliver)

    def _deliver(self) -> None:
        """
        Pass on the news, in the GUI thread.
        """
        self._told.clear()
        news = []
        while self._news:
            news.append(self._news.popleft())
        asker = self._asker()
        if asker is not None and _is_alive(asker):
            asker._take(self, news)  # noqa: SLF001 - they are a pair


class _Relay(QObject):
    """
    Carries functions from any thread to the GUI thread, which calls them. There is one, for ever, so that no thread
    tells what is being deleted.
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
