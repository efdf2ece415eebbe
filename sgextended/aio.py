"""
`AsyncSGExtended`: every method of a wrapper for asyncio.

No method has a second implementation: each call runs the method of the wrapper in one of a few threads. The module does
not depend on `SGExtended`, so ``sg.aio`` can be a property of it.
"""

import asyncio
import collections.abc
import contextlib
import functools
import inspect
import logging
import os
import sys
import typing
from collections import deque
from contextvars import Context, copy_context
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncGenerator,
    Callable,
    ContextManager,
    Deque,
    Generic,
    List,
    Optional,
    Tuple,
    TypeVar,
)
from weakref import WeakKeyDictionary

from sgextended.client.native_client import NativeClient
from sgextended.concurrency.scoped_value import Block
from sgextended.errors import SGExtendedError
from sgextended.http.cancellation import CancelToken, RequestCancelled, under
from sgextended.observe import trace
from sgextended.workers.thread_executor import Threads
from sgextended.wrapper.async_methods import AsyncMethods

Async = TypeVar("Async", bound="AsyncSGExtended")
Result = TypeVar("Result")

#: The number of items of an iterator that one call fetches, and the largest number that waits in memory.
ITEMS_PER_CALL = 500

#: Properties of the native client that send a request, so they must be awaited.
REQUEST_PROPERTIES = ("server_caps", "server_info")

LOG = logging.getLogger("sgextended")


class CallCancelled(SGExtendedError):
    """
    An awaited call was cancelled after it had written something. No request of it is in flight any more.

    It is not raised itself. It is the ``__cause__`` of the ``asyncio.CancelledError`` that the await raises, because
    ``asyncio`` timeouts recognize only that class. If the call failed, the failure, such as an `OutcomeUnknown`, is the
    ``__cause__`` of this error.

    Attributes:
        written: The writes that the site has done for the call, in order: pairs of the name and the site's result.

        result: The result of the call, if it finished; else None.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, written: Tuple[Tuple[str, Any], ...] = (), result: Any = None) -> None:
        super().__init__(message)
        self.written = written
        self.result = result

    @classmethod
    def from_exception(cls, error: Optional[BaseException]) -> "Optional[CallCancelled]":
        """
        Return the `CallCancelled` in the chain of causes of an exception, or None.

        Args:
            error: A ``CancelledError``, or the ``TimeoutError`` of a timeout.
        """
        while error is not None and not isinstance(error, cls):
            error = error.__cause__ or error.__context__
        return error


class AsyncSGExtended(AsyncMethods):
    """
    The methods of a wrapper for asyncio: ``await sg.aio.find(...)``, ``async for shot in sg.aio.find_iter(...)``.

    It has all native and domain methods, and a studio's own. Each is awaited; a method that returns an iterator is
    looped over with ``async for``. The methods run in threads, as many as the site's limit of connections. All wrappers
    of the site in the process share the threads; further calls wait in a queue. Context variables of the task apply,
    such as a deadline.

    When a cancelled await returns, the call has ended: a queued call is never begun, a read is aborted, a write is
    finished, and no further request is sent. See `CallCancelled`.

    Args:
        sg: The wrapper.
    """

    __module__ = "sgextended"

    def __init__(self, sg: Any) -> None:
        self.sg = sg

    async def __aenter__(self: "Async") -> "Async":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{self.sg!r}.aio"

    def __dir__(self) -> List[str]:
        return sorted({*super().__dir__(), *(name for name in dir(self.sg) if not name.startswith("_"))})

    if not TYPE_CHECKING:  # type checkers use the signatures in async_methods.pyi

        async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            """
            Call ``function(sg, ...)`` in one of the threads and return its result.

            Args:
                function: Any function or method that takes the wrapper as its first argument.

                args: Its further positional arguments.

                kwargs: Its keyword arguments.
            """
            return await self._awaited(functools.partial(function, self.sg), *args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # copy, pickle and half-built instances look these up
                msg = f"{type(self).__name__!r} object has no attribute {name!r}"
                raise AttributeError(msg)
            if name in REQUEST_PROPERTIES:
                return self._awaited(functools.partial(getattr, self.sg, name))
            value = getattr(self.sg, name)
            if not callable(value) or _is_block(value):
                return value
            items = inspect.isgeneratorfunction(value) or _returns(value, collections.abc.Iterator)
            return functools.update_wrapper(functools.partial(self._looped if items else self._awaited, value), value)

    async def _awaited(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        call = _Call(_threads_of(self.sg), functools.partial(function, *args, **kwargs))
        result = await call.result()
        # An iterator would send its requests in the thread of the event loop.
        return self._looped(lambda: result) if isinstance(result, collections.abc.Iterator) else result

    async def _looped(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        # An iterator that waits for the site without an end must not take a thread from the other calls.
        own = Threads(1, thread_name_prefix="sgextended-aio") if getattr(function, "own_thread", False) else None
        reader = _IteratorReader(own or _threads_of(self.sg), functools.partial(function, *args, **kwargs))
        try:
            while await reader.has_more():
                while reader.items:
                    yield reader.items.popleft()
        finally:
            await reader.close()
            if own is not None:
                own.shutdown(wait=False)


def _is_block(method: Any) -> bool:
    """
    Return whether a method returns a ``with`` block, such as ``deadline``. Such a method sends no request.
    """
    file = getattr(getattr(method, "__code__", None), "co_filename", None)
    is_decorated = file == contextlib.contextmanager.__code__.co_filename
    if is_decorated:
        return True
    # An iterator may also be a block that closes it.
    return _returns(method, contextlib.AbstractContextManager) and not _returns(method, collections.abc.Iterator)


def _returns(method: Any, kind: type) -> bool:
    """
    Return whether the annotation of a method's return value is a class or a subclass of it.
    """
    returned = getattr(method, "__annotations__", {}).get("return")
    if isinstance(returned, str):
        name = returned.partition("[")[0].rpartition(".")[2]
        returned = Block if name == Block.__name__ else getattr(typing, name, None)
    found = typing.get_origin(returned) or returned
    return isinstance(found, type) and issubclass(found, kind)


class _Call(Generic[Result]):
    """
    One call that runs in a thread while a task waits for it.
    """

    def __init__(
        self,
        threads: Threads,
        function: Callable[[], Result],
        *,
        context: Optional[Context] = None,
        token: Optional[CancelToken] = None,
    ) -> None:
        self._token = token or CancelToken()
        if trace.current():
            trace.record_method_call()  # the thread does not see the calling line
        self._job = threads.submit((context or copy_context()).run, self._work, function)
        self.ended: asyncio.Future[Result] = asyncio.wrap_future(self._job)

    def _work(self, function: Callable[[], Result]) -> Result:
        with under(self._token):
            try:
                return function()
            except StopIteration as error:  # neither futures nor coroutines may raise StopIteration
                raise RuntimeError("the call raised StopIteration") from error

    async def result(self) -> Result:
        """
        Wait for the call and return its result. If the task is cancelled, wait until the call has ended.
        """
        await self.wait(self.ended)
        return self.ended.result()

    async def wait(self, *futures: "asyncio.Future[Any]") -> None:
        """
        Wait for the first of some futures.

        Raises:
            CancelledError: The task was cancelled, and the call has ended. If the call has written something, the cause
                is a `CallCancelled`.
        """
        try:
            await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as error:
            raise error from await self.cancel()

    async def cancel(self) -> Optional[CallCancelled]:
        """
        Cancel the call and wait until it has ended. Return a `CallCancelled`, or None if the call had no effect.
        """
        if self._job.cancel():  # it was still in the queue
            return None
        self._token.cancel()
        with _shielded():
            while not self.ended.done():
                with contextlib.suppress(asyncio.CancelledError):  # it was cancelled already
                    await asyncio.wait([self.ended])
        error, written = self.ended.exception(), tuple(self._token.written)
        if not written and _is_cancelled(error):
            return None
        done = ", ".join(name for name, _result in written)
        end = "it finished" if error is None else f"it ended with {type(error).__name__}: {error}"
        msg = f"The call was cancelled; {end}." + (f" The site has done: {done}." if done else "")
        LOG.info("%s", msg)
        cancelled = CallCancelled(msg, written=written, result=None if error else self.ended.result())
        cancelled.__cause__ = error
        return cancelled


def _shielded() -> ContextManager[object]:
    """
    Return a ``with`` block in which a cancelled scope of anyio does not cancel the task again.

    Without it, such a scope cancels its task in each turn of the event loop, which uses a whole CPU.
    """
    anyio = sys.modules.get("anyio")
    return contextlib.nullcontext() if anyio is None else anyio.CancelScope(shield=True)


def _is_cancelled(error: Optional[BaseException]) -> bool:
    while error is not None and not isinstance(error, RequestCancelled):
        error = error.__cause__
    return error is not None


class _LoopWakeUp:
    """
    Wakes the event loop from a thread, once.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_set = False
        self.future: asyncio.Future[None] = self._loop.create_future()

    def set(self) -> None:
        if not self._is_set:
            self._is_set = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class _IteratorReader:
    """
    Reads an iterator in threads, several items in one call. Each item is available as soon as it is read.

    Attributes:
        items: The items that were read and not consumed yet.
    """

    def __init__(self, threads: Threads, make_iterator: Callable[[], Any]) -> None:
        self._threads, self._make_iterator = threads, make_iterator
        self._context, self._token = copy_context(), CancelToken()
        self._iterator: Any = None
        self._call: Optional[_Call[bool]] = None
        self._wake_up: Optional[_LoopWakeUp] = None
        self._ended = False
        self.items: Deque[Any] = deque()

    def _read_some(self) -> bool:
        """
        Read some items, in a thread. Return whether there may be more.

        They are up to `ITEMS_PER_CALL`, or fewer if the iterator says so, as for `SGExtended.events`.
        """
        if self._iterator is None:
            self._iterator = iter(self._make_iterator())
        for _ in range(getattr(self._iterator, "items_per_call", ITEMS_PER_CALL)):
            item = next(self._iterator, self)
            if item is self:
                return False
            self.items.append(item)
            wake_up = self._wake_up
            if wake_up is not None:
                wake_up.set()
        return True

    async def has_more(self) -> bool:
        """
        Wait for an item. Return False at the end of the iterator.
        """
        while not self.items and not self._ended:
            if self._call is None:
                self._call = _Call(self._threads, self._read_some, context=self._context, token=self._token)
            wake_up = self._wake_up = _LoopWakeUp()
            if not self.items:  # each item from now on sets the wake-up
                await self._call.wait(self._call.ended, wake_up.future)
            if self._call.ended.done() and not self.items:
                ended, self._call = self._call.ended, None
                self._ended = True  # stays so if result() raises
                self._ended = not ended.result()
        return bool(self.items)

    async def close(self) -> None:
        """
        Cancel the running call, and close the iterator.
        """
        if self._call is not None:
            await self._call.cancel()
        if not self._ended and hasattr(self._iterator, "close"):
            await _Call(self._threads, self._iterator.close).result()


# --- Threads: as many as connections; one for a wrapped client, which executes one call at a time

_threads: "WeakKeyDictionary[Any, Threads]" = WeakKeyDictionary()
_inherited: List[Any] = []


def _threads_of(sg: Any) -> Threads:
    """
    Return the threads for the site of a wrapper. They live as long as the connections of the site.
    """
    client = sg._client  # noqa: SLF001 - part of the wrapper
    ours = isinstance(client, NativeClient)
    owner = client._transport if ours else client._shared  # noqa: SLF001 - part of the clients
    threads = _threads.get(owner)
    if threads is None:
        # No lock: the garbage collector may run a finalizer here that calls this function too. If two executors are
        # created at the same time, setdefault keeps one; the other has not started a thread.
        limit = owner.endpoint.connections if ours else 1
        threads = _threads.setdefault(owner, Threads(limit, thread_name_prefix="sgextended-aio"))
    return threads


def _forget_after_fork() -> None:
    _inherited.append(_threads.copy())  # kept alive, so that the parent's connections are not closed
    _threads.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
