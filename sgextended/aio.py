"""
`AsyncSGExtended`: every method of a wrapper, to be awaited.

There is one implementation of all of them: the method itself, run in one of a few threads. It knows nothing of
`SGExtended` but that its methods are called; so ``sg.aio`` can be a property of it.
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
from concurrent.futures import ThreadPoolExecutor
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
from sgextended.wrapper.async_methods import AsyncMethods

Async = TypeVar("Async", bound="AsyncSGExtended")
Result = TypeVar("Result")

#: Items of an iterator that are fetched at a time, and wait in memory at most.
AT_A_TIME = 500

#: Properties of the native client that send a request, so that they are awaited too.
ASKING = ("server_caps", "server_info")

LOG = logging.getLogger("sgextended")


class CallCancelled(SGExtendedError):
    """
    An awaited call was cancelled, and had written something; nothing of it is under way any more.

    It is the ``__cause__`` of the ``asyncio.CancelledError`` that the await raises, and is not raised itself: timeouts
    take none but Python's own. A failure of the call is its own ``__cause__``, such as an `OutcomeUnknown`.

    Attributes:
        written: What the site has done for the call: the name of each write and what the site gave back, in order.

        result: What the call returned, if it came to its end.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, written: Tuple[Tuple[str, Any], ...] = (), result: Any = None) -> None:
        super().__init__(message)
        self.written = written
        self.result = result

    @classmethod
    def from_exception(cls, error: Optional[BaseException]) -> "Optional[CallCancelled]":
        """
        Return the one that has led to an error, a ``CancelledError`` or the ``TimeoutError`` of a timeout, or None.
        """
        while error is not None and not isinstance(error, cls):
            error = error.__cause__ or error.__context__
        return error


class AsyncSGExtended(AsyncMethods):
    """
    The methods of a wrapper for asyncio: ``await sg.aio.find(...)``, ``async for shot in sg.aio.find_iter(...)``.

    All methods are there, native, domain and a studio's own: each is awaited, and one that yields or returns an
    iterator is looped over with ``async for``. They run in threads, as many as the site may have connections, shared
    by all wrappers of the site in the process; more calls than that wait for their turn. The context of the task,
    such as a deadline, holds for them.

    A cancelled call is over when its await is. What waits for its turn is never begun, a read ends where it stands, a
    write is finished, and nothing more is sent: see `CallCancelled`.

    Args:
        sg: The wrapper whose methods they are.
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

    if not TYPE_CHECKING:  # checkers know each name by its signature, and see typos

        async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            """
            Return what ``function(sg, ...)`` returns, in one of the threads: any function or method that takes the
            wrapper first.
            """
            return await self._awaited(functools.partial(function, self.sg), *args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # copy, pickle and half-built instances ask for these
                msg = f"{type(self).__name__!r} object has no attribute {name!r}"
                raise AttributeError(msg)
            if name in ASKING:
                return self._awaited(functools.partial(getattr, self.sg, name))
            value = getattr(self.sg, name)
            if not callable(value) or _is_block(value):
                return value
            items = inspect.isgeneratorfunction(value) or _returns(value, collections.abc.Iterator)
            return functools.update_wrapper(functools.partial(self._looped if items else self._awaited, value), value)

    async def _awaited(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        call = _Call(_threads_of(self.sg), functools.partial(function, *args, **kwargs))
        result = await call.result()
        # It would ask the site in the loop's own thread.
        return self._looped(lambda: result) if isinstance(result, collections.abc.Iterator) else result

    async def _looped(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        feed = _Feed(_threads_of(self.sg), functools.partial(function, *args, **kwargs))
        try:
            while await feed.has_more():
                while feed.items:
                    yield feed.items.popleft()
        finally:
            await feed.close()


def _is_block(method: Any) -> bool:
    """
    Tell whether a method is for a ``with`` statement, such as ``deadline``: it asks nothing by itself.
    """
    made_by = getattr(getattr(method, "__code__", None), "co_filename", None)
    is_decorated = made_by == contextlib.contextmanager.__code__.co_filename
    return is_decorated or _returns(method, contextlib.AbstractContextManager)


def _returns(method: Any, kind: type) -> bool:
    """
    Tell whether a method says that it returns something of a kind.
    """
    returned = getattr(method, "__annotations__", {}).get("return")
    if isinstance(returned, str):
        name = returned.partition("[")[0].rpartition(".")[2]
        returned = Block if name == Block.__name__ else getattr(typing, name, None)
    found = typing.get_origin(returned) or returned
    return isinstance(found, type) and issubclass(found, kind)


class _Call(Generic[Result]):
    """
    One call in a thread, for a task that waits for it.
    """

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        function: Callable[[], Result],
        *,
        context: Optional[Context] = None,
        token: Optional[CancelToken] = None,
    ) -> None:
        self._token = token or CancelToken()
        if trace.current():
            trace.record_method_call()  # the thread does not see who asks
        self._job = threads.submit((context or copy_context()).run, self._work, function)
        self.ended: asyncio.Future[Result] = asyncio.wrap_future(self._job)

    def _work(self, function: Callable[[], Result]) -> Result:
        with under(self._token):
            try:
                return function()
            except StopIteration as error:  # a future holds none, as a coroutine raises none
                raise RuntimeError("the call raised StopIteration") from error

    async def result(self) -> Result:
        """
        Return its result. A task that is cancelled meanwhile goes on once nothing of the call is under way.
        """
        await self.wait(self.ended)
        return self.ended.result()

    async def wait(self, *futures: "asyncio.Future[Any]") -> None:
        """
        Wait for the first of some futures.

        Raises:
            CancelledError: The task was cancelled, and the call is over. Where it has done something, because of a
                `CallCancelled`.
        """
        try:
            await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as error:
            raise error from await self.take_back()

    async def take_back(self) -> Optional[CallCancelled]:
        """
        End the call, whatever it takes; return what to tell of it, None where nothing was done.
        """
        if self._job.cancel():  # it waited for its turn
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
        how = "it came to its end" if error is None else f"it ended with {type(error).__name__}: {error}"
        msg = f"The call was cancelled; {how}." + (f" The site has done: {done}." if done else "")
        LOG.info("%s", msg)
        told = CallCancelled(msg, written=written, result=None if error else self.ended.result())
        told.__cause__ = error
        return told


def _shielded() -> ContextManager[object]:
    """
    Return a block in which a cancelled scope of anyio, if there is one, lets the task wait in peace.

    Such a scope cancels its task again in each turn of the loop until the task has ended, which takes all of a CPU.
    """
    anyio = sys.modules.get("anyio")
    return contextlib.nullcontext() if anyio is None else anyio.CancelScope(shield=True)


def _is_cancelled(error: Optional[BaseException]) -> bool:
    while error is not None and not isinstance(error, RequestCancelled):
        error = error.__cause__
    return error is not None


class _Bell:
    """
    Wakes the loop from a thread, once.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = False
        self.rings: asyncio.Future[None] = self._loop.create_future()

    def ring(self) -> None:
        if not self._rung:
            self._rung = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self.rings.done():
            self.rings.set_result(None)


class _Feed:
    """
    The items of an iterator, which threads ask for them: several at a time, each given on as soon as it is there.

    Attributes:
        items: What has come and was not taken yet.
    """

    def __init__(self, threads: ThreadPoolExecutor, begin: Callable[[], Any]) -> None:
        self._threads, self._begin = threads, begin
        self._context, self._token = copy_context(), CancelToken()
        self._iterator: Any = None
        self._call: Optional[_Call[bool]] = None
        self._bell: Optional[_Bell] = None
        self._ended = False
        self.items: Deque[Any] = deque()

    def _pull(self) -> bool:
        """
        Take a number of items, in a thread; tell whether there are more.
        """
        if self._iterator is None:
            self._iterator = iter(self._begin())
        for _ in range(AT_A_TIME):
            item = next(self._iterator, self)
            if item is self:
                return False
            self.items.append(item)
            bell = self._bell
            if bell is not None:
                bell.ring()
        return True

    async def has_more(self) -> bool:
        """
        Wait for an item; tell whether there is one.
        """
        while not self.items and not self._ended:
            if self._call is None:
                self._call = _Call(self._threads, self._pull, context=self._context, token=self._token)
            bell = self._bell = _Bell()
            if not self.items:  # what comes from now on rings
                await self._call.wait(self._call.ended, bell.rings)
            if self._call.ended.done() and not self.items:
                ended, self._call = self._call.ended, None
                self._ended = True  # for the case that it failed
                self._ended = not ended.result()
        return bool(self.items)

    async def close(self) -> None:
        """
        End the iterator, and what it asks for now.
        """
        if self._call is not None:
            await self._call.take_back()
        if not self._ended and hasattr(self._iterator, "close"):
            await _Call(self._threads, self._iterator.close).result()


# --- Threads: as many as connections, and one for a client that is lent to one call at a time

_threads: "WeakKeyDictionary[Any, ThreadPoolExecutor]" = WeakKeyDictionary()
_inherited: List[Any] = []


def _threads_of(sg: Any) -> ThreadPoolExecutor:
    """
    Return the threads of the site that a wrapper asks; they are kept as long as its connections are.
    """
    client = sg._client  # noqa: SLF001 - part of the wrapper
    ours = isinstance(client, NativeClient)
    owner = client._transport if ours else client._shared  # noqa: SLF001 - part of the clients
    threads = _threads.get(owner)
    if threads is None:
        # No lock, since the garbage collector may run a finalizer here that calls this too. Of two that are made at the
        # same time, setdefault keeps one; the other has started no thread yet.
        bound = owner.endpoint.connections if ours else 1
        threads = _threads.setdefault(owner, ThreadPoolExecutor(bound, thread_name_prefix="sgextended-aio"))
    return threads


def _forget_after_fork() -> None:
    _inherited.append(_threads.copy())  # kept alive on purpose, as their connections are
    _threads.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
