"""
Threads that this package starts, and what happens where none can be started.

A process may be allowed no more threads, and at the end of the interpreter none can be started: then the work that a
thread was to do is done by the caller.
"""

import contextvars
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Callable, Optional


def start(target: Callable[[], object], name: str) -> Optional[threading.Thread]:
    """
    Return a new daemon thread that runs *target* in a copy of the caller's context; None where none can be started.
    """
    thread = threading.Thread(target=contextvars.copy_context().run, args=(target,), name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


def executor(workers: int, name: str) -> Executor:
    """
    Return an executor with so many threads; where no thread can be started, the caller of ``submit`` does the work.
    """
    trial = start(_nothing, name)
    if trial is None:
        return _CallersThread()
    trial.join()
    return _Threads(workers, thread_name_prefix=name)


def _nothing() -> None:
    pass


class _Threads(ThreadPoolExecutor):
    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            if not self._threads:
                raise  # with fewer threads than wanted the work is done, too


class _CallersThread(Executor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future has it
            future.set_exception(error)
        return future
