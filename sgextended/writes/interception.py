"""
`HookProxy`: a client whose calls run the hooks of a wrapper, and whose writes go through dry runs and undo logs.

Every public method that is not in the read-only list `READING` counts as a write. So methods of later versions of
shotgun_api3 are covered too.
"""

import functools
import inspect
from typing import Any, Callable, Dict, List, Optional, Sequence

from attrs import evolve

from sgextended.client.native_client import NativeClient
from sgextended.client.overrides import own_method
from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.errors import ConfigurationError, PartialSuccessError
from sgextended.observe.call_events import RequestStats, rows_in
from sgextended.observe.watchers import Watcher, in_hook, is_in_hook, is_overridden, notify
from sgextended.writes.write_events import RECORDER, Row, Write, WriteWatcher

#: Public names of a client that send no request.
_SILENT = frozenset({
    "add_user_agent", "clone", "close", "get_auth_cookie_handler", "reset_user_agent", "set_session_uuid", "watched_by",
})  # fmt: skip
#: Names that change nothing on the site.
READING = _SILENT | {
    "activity_stream_read", "from_shotgun", "authenticate_human_user", "connect", "download_attachment", "entity_types",
    "export_page", "find", "find_iter", "find_one", "followers", "following", "get_attachment_download_url",
    "get_session_token", "info", "nav_expand", "nav_search_entity", "nav_search_string", "note_thread_read",
    "preferences_read", "schema", "schema_entity_read", "schema_field_read", "schema_read", "summarize", "text_search",
    "user_subscriptions_read", "work_schedule_read",
}  # fmt: skip

_ENTITY = ("entity_type", "entity_id")
#: The parameters of the native methods that every pipeline calls. Those of other methods are inspected.
_PARAMETERS: Dict[str, Sequence[str]] = {
    "create": ("entity_type", "data", "return_fields"),
    "update": (*_ENTITY, "data", "multi_entity_update_modes"),
    "delete": _ENTITY,
    "revive": _ENTITY,
    "batch": ("requests",),
}
#: Arguments that are options of a call, not data.
_OPTIONS = frozenset({"progress", "timeout"})


#: Whether a client runs its code for a write that was intercepted. Writes by overrides inside it belong to that write.
_IN_WRITE: "ScopedValue[bool]" = ScopedValue("sgextended_in_write", False)


class OverridingClient:
    """
    A client. Where its own code calls a method that a wrapper overrides, the wrapper's method is called.

    Each call creates one. A method that is called on it begins with the client's own code.

    Args:
        client: A `NativeClient`, or a `LockedClient` around a client of another library.

        wrapper: The wrapper.
    """

    __slots__ = ("_client", "_wrapper")

    def __init__(self, client: Any, wrapper: Any) -> None:
        object.__setattr__(self, "_client", client)
        object.__setattr__(self, "_wrapper", wrapper)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle look these up before __init__ has run
            raise AttributeError(name)
        return _attribute(self._client, self._wrapper, name, None)

    @property  # type: ignore[misc]  # typeshed has it writable
    def __class__(self) -> Any:
        # For isinstance: a library that gets this object takes it for the client.
        return type(self._client)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._client, name, value)

    def __dir__(self) -> List[str]:
        return dir(self._client)

    def __repr__(self) -> str:
        return repr(self._client)


def _attribute(client: Any, wrapper: Any, name: str, watcher: Optional[Watcher]) -> Any:
    """
    Return an attribute of a client for a call of a wrapper.
    """
    overrides = getattr(wrapper, "overrides", None)
    has_overrides = overrides is not None and overrides.any(wrapper)
    if not isinstance(client, NativeClient):
        return client.with_overrides_of(wrapper, name) if has_overrides else getattr(client, name)
    if not has_overrides:
        return getattr(client if watcher is None else client.watched_by(watcher), name)
    return own_method(client, client.calling(wrapper, watcher), name)


class HookProxy(OverridingClient):
    """
    A client that calls the hooks of a wrapper.

    Each call creates one and alone refers to it. So wrapper and client do not keep each other alive.

    Args:
        client: A `NativeClient`, or a `LockedClient` around a client of another library.

        wrapper: The wrapper.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle look these up before __init__ has run
            raise AttributeError(name)
        client, watcher = self._client, self._wrapper
        is_native = isinstance(client, NativeClient)
        value = _attribute(client, watcher, name, watcher if is_native else None)
        if name.startswith("_") or not callable(value):
            return value
        if not is_native and name not in _SILENT:
            value = _ReportedMethod(name, value, watcher)
        return value if name in READING else _WriteMethod(name, value, client, watcher)


class _ReportedMethod:
    """
    A method of another library's client, whose calls are reported to ``on_call``.
    """

    def __init__(self, name: str, method: Callable[..., Any], watcher: Watcher) -> None:
        functools.update_wrapper(self, method)
        self._name, self._watcher = name, watcher

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        stats, failure = RequestStats(), None
        stats.attempts = 1
        try:
            result = self.__wrapped__(*args, **kwargs)  # type: ignore[attr-defined]
            stats.rows = rows_in("read" if self._name == "find" else self._name, result)
        except BaseException as error:
            failure = type(error)
            raise
        else:
            return result
        finally:
            entity_type = args[0] if args else kwargs.get("entity_type")
            call = stats.call(self._name, entity_type if isinstance(entity_type, str) else None, failure)
            # Such a client does not count bytes.
            notify(self._watcher, evolve(call, bytes_sent=None, bytes_received=None))


class _WriteMethod:
    """
    A write method, with the hooks of the wrapper and the active recorder around it.
    """

    def __init__(self, name: str, method: Callable[..., Any], client: Any, watcher: Any) -> None:
        functools.update_wrapper(self, method)
        self._name, self._client, self._watcher = name, client, watcher

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        method: Callable[..., Any] = self.__wrapped__  # type: ignore[attr-defined]
        if _IN_WRITE.get():
            return method(*args, **kwargs)
        arguments = _WriteArguments.of(self._name, method, args, kwargs)
        watcher, recorder = self._watcher, RECORDER.get()
        watcher.raise_if_read_only(arguments.writes)
        if is_overridden(watcher.before_write) and not is_in_hook():
            arguments = arguments.with_writes([_before(watcher, write) for write in arguments.writes])
        send = _PreparedCall(arguments, method, watcher)
        return send() if recorder is None else recorder.around(self._client, arguments.writes, send)


class _PreparedCall:
    """
    A write call after ``before_write``. Calling it sends the writes, now or later; see `Send`.
    """

    # Plain classes, this and the next: generating an attrs class costs time at import.
    def __init__(self, arguments: "_WriteArguments", method: Callable[..., Any], watcher: Any) -> None:
        self.arguments, self.method, self.watcher = arguments, method, watcher

    @property
    def is_batch(self) -> bool:
        return self.arguments.name == "batch"

    def __call__(self, writes: Optional[List[Write]] = None) -> Any:
        if writes is not None and getattr(self.watcher, "is_closed", False):
            with self.watcher.clone() as watcher:  # the wrapper was a map's worker, and the map has ended
                client = watcher._client.watched_by(watcher)  # noqa: SLF001 - part of the wrapper
                return _PreparedCall(self.arguments, getattr(client, self.arguments.name), watcher)(writes)
        arguments = self.arguments if writes is None else self.arguments.with_writes(writes)
        result = arguments.call(self.method)
        if is_overridden(self.watcher.after_write) and not is_in_hook():
            for write, each in zip(arguments.writes, result if self.is_batch else [result]):
                _after(self.watcher, write, each)
        return result


class _WriteArguments:
    """
    The arguments of one write call, and the writes that they describe.
    """

    def __init__(self, name: str, names: Sequence[str], arguments: Row, writes: List[Write]) -> None:
        self.name, self.arguments, self.writes = name, arguments, writes
        self.names = names  # of the positional arguments

    @classmethod
    def of(cls, name: str, method: Callable[..., Any], args: Sequence[Any], kwargs: Row) -> "_WriteArguments":
        names = _PARAMETERS.get(name) or _parameters_of(method)
        if len(args) > len(names):
            names = [*names, *(f"argument {number}" for number in range(len(names) + 1, len(args) + 1))]
        names = names[: len(args)]
        arguments = {**dict(zip(names, args)), **kwargs}
        return cls(name, names, arguments, _writes_of(name, arguments))

    def with_writes(self, writes: List[Write]) -> "_WriteArguments":
        """
        Return a copy with other writes. The caller's own objects are not changed.
        """
        arguments = dict(self.arguments)
        if self.name == "batch":
            requests = zip(arguments.get("requests") or (), writes)
            arguments["requests"] = [_as_request(request, write) for request, write in requests]
        elif self.name in ("create", "update"):
            arguments["data"] = writes[0].data
        else:
            arguments.update(writes[0].data)
        if "entity_id" in arguments and self.name != "batch":
            arguments["entity_id"] = writes[0].entity_id or arguments["entity_id"]
        return _WriteArguments(self.name, self.names, arguments, writes)

    def call(self, method: Callable[..., Any]) -> Any:
        """
        Call the method with these arguments and return its result.
        """
        named = dict(self.arguments)
        with _IN_WRITE.bind(True):
            return method(*[named.pop(name) for name in self.names], **named)


def _as_request(request: Row, write: Write) -> Row:
    return {
        **request,
        **({"data": write.data} if "data" in request else {}),
        **({"entity_id": write.entity_id} if write.entity_id is not None else {}),
    }


def _parameters_of(method: Callable[..., Any]) -> List[str]:
    parameters = inspect.signature(method).parameters.values()
    return [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]


def _writes_of(name: str, arguments: Row) -> List[Write]:
    if name == "batch":
        return [_write_of_request(request) for request in arguments.get("requests") or ()]
    entity_type, entity_id = (arguments.get(each) for each in _ENTITY)
    if name in ("create", "update"):
        data, modes = arguments.get("data"), arguments.get("multi_entity_update_modes")
    else:
        data, modes = {key: value for key, value in arguments.items() if key not in {*_ENTITY, *_OPTIONS}}, None
    return [_write(name, entity_type, entity_id, data, modes)]


def _write_of_request(request: Any) -> Write:
    if not isinstance(request, dict):
        msg = f"{request!r:.80} is not a request of a batch. Pass dicts with request_type and entity_type."
        raise ConfigurationError(msg)
    modes = request.get("multi_entity_update_modes")
    entity_type, entity_id = (request.get(each) for each in _ENTITY)
    return _write(str(request.get("request_type")), entity_type, entity_id, request.get("data"), modes)


def _write(method: str, entity_type: Any, entity_id: Any, data: Any, modes: Any) -> Write:
    if not isinstance({} if data is None else data, dict):
        msg = f"{data!r:.80} is not valid as data of {method}. Pass the fields as a dict."
        raise ConfigurationError(msg)
    return Write(
        method=method,
        entity_type=entity_type if isinstance(entity_type, str) else None,
        entity_id=entity_id if isinstance(entity_id, int) else None,
        data=dict(data or {}),
        update_modes=dict(modes or {}),
    )


def _before(watcher: WriteWatcher, write: Write) -> Write:
    with in_hook():
        new = watcher.before_write(write)
    if new is not write and (not isinstance(new, Write) or evolve(new, data=write.data) != write):
        msg = (
            f"{type(watcher).__name__}.before_write returned {new!r:.200} for {write}. Nothing was sent. Return the "
            "write that the hook received, or attrs.evolve(write, data=...)."
        )
        raise ConfigurationError(msg)
    return new


def _after(watcher: WriteWatcher, write: Write, result: Any) -> None:
    try:
        with in_hook():
            watcher.after_write(write, result)
    except Exception as error:
        hook = f"{type(watcher).__name__}.after_write"
        msg = f"{write} was done, but {hook} raised {error!r}. Do not write it again."
        link = {"type": write.entity_type, "id": write.entity_id}
        raise PartialSuccessError(msg, entity=result if isinstance(result, dict) else link) from error
