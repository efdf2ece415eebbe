"""
The executor of ``sg.map``: threads, or the caller's thread if no thread can be started.
"""

from concurrent.futures import Executor, Future
from typing import Any, Callable

from sgextended.concurrency.start_thread import start


def executor(workers: int, name: str) -> Executor:
    """
    Return an executor with up to *workers* threads; if no thread can be started, ``submit`` does the work itself.
    """
    trial = start(_nothing, name)
    if trial is None:
        return CallersThread()
    trial.join()
    return Threads(workers, thread_name_prefix=name)


def _nothing() -> None:
    pass


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


try:
    from concurrent.futures import ThreadPoolExecutor
except RuntimeError:  # Python refuses the import once its main thread has ended

    class ThreadPoolExecutor(CallersThread):  # type: ignore[no-redef]
        def __init__(self, *_args: Any, **_kwargs: Any) -> None:
            pass


class Threads(ThreadPoolExecutor):
    """
    Threads. If Python starts no thread, or no more work for threads, the caller of ``submit`` does the work.
    """

    was_shut_down: bool = False
    has_no_threads: bool = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            # Python takes no work once the main thread has ended, nor in functions of ``atexit``. Work for an executor
            # without threads is in its queue already: done here, it could be done twice.
            if self.was_shut_down or self.has_no_threads:
                raise
            return CallersThread().submit(fn, *args, **kwargs)

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        self.was_shut_down = True
        super().shutdown(*args, **kwargs)

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            if not self._threads:
                self.has_no_threads = True
                raise  # with fewer threads than wanted the work is done, too
