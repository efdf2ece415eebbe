"""
The executor of ``sg.map``: threads, or the caller's thread if no thread can be started.
"""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Callable

from sgextended.concurrency.threads import start


def executor(workers: int, name: str) -> Executor:
    """
    Return an executor with up to *workers* threads; if no thread can be started, ``submit`` does the work itself.
    """
    trial = start(_nothing, name)
    if trial is None:
        return CallersThread()
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
                raise  # else the threads that could be started do the work


class CallersThread(Executor):
    """
    An executor that does the work in the thread that submits it.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future raises it
            future.set_exception(error)
        return future
