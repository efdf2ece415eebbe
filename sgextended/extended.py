"""
`SGExtended`: the wrapper that a studio's code talks to and subclasses; `SGWorker`: a wrapper that is itself the work.

It stays thin: threads, retries and decoding are the `NativeClient`'s business.
"""

import abc
import functools
import inspect
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Literal,
    Optional,
    Type,
    TypeVar,
    Union,
    overload,
)

from attrs import Factory, define, field, fields, setters

from sgextended.client.locked_client import LockedClient
from sgextended.client.native_client import NativeClient
from sgextended.domain import (
    assets,
    bookings,
    bulk_writes,
    entities,
    episodes,
    files,
    notes,
    playlists,
    projects,
    published_files,
    publishing,
    sequences,
    shots,
    statuses,
    steps,
    tasks,
    time_logs,
    users,
    versions,
)
from sgextended.domain import resolve as addresses
from sgextended.domain.query_fields import query_fields, saved_pages
from sgextended.domain.typed import read_write
from sgextended.errors import ClientClosed, ConfigurationError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module
from sgextended.observe.trace import trace
from sgextended.site import Site
from sgextended.workers.progress import Progress
from sgextended.wrapper.connect import Connect
from sgextended.wrapper.current import as_current, current_of
from sgextended.wrapper.hooks_mixin import HooksMixin

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from os import PathLike

    from sgextended import aio as _aio
    from sgextended.aio import AsyncSGExtended
    from sgextended.observe.trace_report import Trace
    from sgextended.schema import validation as _check_module
    from sgextended.workers import map as _workers
    from sgextended.workers.map import Failure
    from sgextended.workers.worker_group import Guard
else:
    _aio = lazy_module("sgextended.aio")
    _check_module = lazy_module("sgextended.schema.validation")
    _workers = lazy_module("sgextended.workers.map")

Row = Dict[str, Any]
Wrapper = TypeVar("Wrapper", bound="SGExtended")
Item = TypeVar("Item")
Result = TypeVar("Result")


def _private_client(wrapper: "SGExtended") -> NativeClient:
    return NativeClient(wrapper._site or Site.from_env())  # noqa: SLF001 - part of the wrapper


def _usable(sg: Any) -> Any:
    """
    Return what the wrapper keeps of a client that it was given.
    """
    if isinstance(sg, SGExtended):
        return sg._client  # noqa: SLF001 - part of the wrapper
    if isinstance(sg, (NativeClient, LockedClient)):
        return sg
    # The instance is asked, not its class: a mock or a studio's own forwarding wrapper has its names there.
    if isinstance(sg, (str, bytes, type, Site)) or not callable(getattr(sg, "find", None)):
        msg = (
            f"SGExtended(sg) wraps a client, and {type(sg).__name__} is none. Write SGExtended(site=Site(...)), or "
            "SGExtended.connect(url, script_name, api_key)."
        )
        raise ConfigurationError(msg)
    return LockedClient(sg)


@define(slots=False, eq=False, repr=False)
class SGExtended(HooksMixin):
    """
    The object to use instead of ``shotgun_api3.Shotgun``: every native name, and methods for daily work.

    One may be shared by any number of threads, and making one more costs nothing. Subclass it for a studio's own
    methods, with a plain ``class Studio(SGExtended)``.

    Args:
        sg: A client to wrap: a `NativeClient`, a ``Shotgun`` or a ``Mockgun``. The last two are lent to one call at a
            time, since they are not safe; see `from_shotgun`.

        site: Which site, and who asks. None, and no *sg*: what the environment says (`Site.from_env`).

        validate: Hold every call against the site's schema before it is sent; see `validated`.
        read_only: Whether all that writes is refused, with `ReadOnlyError`, before anything is sent. It holds for this
            wrapper and its copies, not for another one around the same client.

    Raises:
        ConfigurationError: The environment does not name a site, or both arguments are given.
    """

    __module__ = "sgextended"

    _site: Optional[Site] = field(default=None, alias="site", kw_only=True)
    _validates: bool = field(default=False, alias="validate", kw_only=True)
    _read_only: bool = field(default=False, alias="read_only", kw_only=True)
    _client: Any = field(  # a default by decorator is none to pyright
        alias="sg",
        default=Factory(_private_client, takes_self=True),
        converter=_usable,
        on_setattr=setters.convert,
    )

    @_validates.validator
    def _import_validation(self, _attribute: Any, value: bool) -> None:
        # The calls of this wrapper need the module, also at the end of the process, where an import may fail.
        if value:
            _check_module.check_call  # noqa: B018 - reading the name imports the module

    @_client.validator
    def _validate_one_source(self, _attribute: Any, value: Any) -> None:
        if self._site is not None and getattr(value, "_site", None) is not self._site:
            msg = "Give SGExtended either a client or a site, not both: it cannot tell which one you mean."
            raise ConfigurationError(msg)

    # --- Making and copying

    connect = Connect()

    @classmethod
    def from_shotgun(cls: Type[Wrapper], sg: Any) -> Wrapper:
        """
        Return a wrapper with a safe client of its own, for the site, identity and settings of a ``Shotgun``.

        The ``Shotgun`` itself is neither used nor changed.
        """
        return cls(NativeClient.from_shotgun(_usable(sg)))

    @classmethod
    def current(cls: Type[Wrapper]) -> Wrapper:
        """
        Return this thread's wrapper of this class: made from the environment on first use, closed when the thread ends.

        One that was closed is replaced. In the block of `as_current` it is the wrapper that was set there.
        """
        return current_of(cls)

    def as_current(self: Wrapper) -> ContextManager[Wrapper]:
        """
        Make this wrapper the `current` one in a ``with`` block: of its class, and of each class above it up to
        `SGExtended`. For tests, and to act for somebody else in code that asks for ``current()``.

        It holds for this thread, the threads of its `map`, and this task of asyncio. Inside another such block the
        inner one holds. At the end the wrapper is not closed.
        """
        classes = [owner for owner in type(self).__mro__ if issubclass(owner, SGExtended)]
        return as_current(self, classes)

    def clone(self: Wrapper) -> Wrapper:
        """
        Return a second wrapper of the same class, site and identity, with the same attributes; it costs no request.
        """
        other = type(self).__new__(type(self))
        for name in _slots_of(type(self)):  # those of a subclass under a bare @define
            if hasattr(self, name):
                object.__setattr__(other, name, getattr(self, name))
        other.__dict__.update(self.__dict__, _client=self._client.clone())
        return other

    def validated(self: Wrapper) -> Wrapper:
        """
        Return a clone that holds each call against the site's schema before it is sent: ``sg.validated().find(...)``.

        Entity types, fields, operators, values, sorts and data that do not fit raise `SchemaError`, with the place of
        each and what may have been meant. The schema costs a request for each entity type, once in a while; see
        `site_schema`. ``SGExtended(validate=True)`` does so from the start.
        """
        other = self.clone()
        other._validates = True  # noqa: SLF001 - part of the wrapper
        return other

    def __copy__(self: Wrapper) -> Wrapper:
        return self.clone()

    @property
    def site(self) -> Site:
        """
        The site and identity that this wrapper uses.

        Raises:
            ConfigurationError: It wraps a client that is not ours; see `from_shotgun`.
        """
        if isinstance(self._client, NativeClient):
            return self._client.site
        msg = f"{self!r} wraps a client that it was given, and has no Site: use {type(self).__name__}.from_shotgun(sg)."
        raise ConfigurationError(msg)

    @property
    def is_closed(self) -> bool:
        """
        Whether `close` was called, after which nothing can be asked any more.
        """
        return isinstance(self._client, NativeClient) and self._client.is_closed

    @property
    def requests_sent(self) -> int:
        """
        How many requests this process has sent to the site, through all wrappers together.
        """
        sent: int = self._sg.requests_sent
        return sent

    def __enter__(self: Wrapper) -> Wrapper:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.__dict__.get('_client', 'nothing yet')!r}>"

    def __dir__(self) -> List[str]:
        native = [name for name in dir(self.__dict__.get("_client")) if not name.startswith("_")]
        return sorted({*super().__dir__(), *native})

    if not TYPE_CHECKING:  # checkers must keep seeing typos

        def __getattr__(self, name: str) -> Any:
            owner = type(self).__name__
            if name.startswith("_"):  # copy, pickle and half-built instances ask for these
                msg = f"{owner!r} object has no attribute {name!r}"
                raise AttributeError(msg)
            if hasattr(type(self), name):  # one of our properties failed inside
                msg = f"{owner}.{name} raised AttributeError while being computed"
                raise AttributeError(msg)
            return self._forwarded(name)

    def deadline(self, seconds: Optional[float]) -> ContextManager[None]:
        """
        Bound a ``with`` block: the calls that it makes end after so many seconds in all, waits, attempts, pages and
        transfers included, and raise `TransportTimeout`, or `OutcomeUnknown` for a write that was under way.

        It holds for this thread and for what its calls start. Inside another such block the sooner one holds. None sets
        no bound.

        Raises:
            ConfigurationError: No number of seconds above 0, or the wrapper is around a ``Shotgun``, which knows no
                deadlines.
        """
        return within(self, seconds)

    def trace(self) -> "ContextManager[Trace]":
        """
        Count what a ``with`` block asks, in calls, seconds and bytes, by RPC and by the line that asks. The block is
        given the `Trace`.

        It holds for this thread and what its calls start, and for every wrapper that is asked there.
        """
        return trace()

    @property
    def aio(self) -> "AsyncSGExtended":
        """
        The same methods for asyncio, each to be awaited: ``await sg.aio.find(...)``.
        """
        return _aio.AsyncSGExtended(self)

    # --- Work over many items

    @overload
    def map(
        self: Wrapper,
        function: Callable[[Wrapper, Item], Result],
        items: Iterable[Item],
        *,
        workers: int = ...,
        executor: "Optional[Executor]" = ...,
        ordered: bool = ...,
        on_error: Literal["raise"] = ...,
        progress: Progress = ...,
        timeout: Optional[float] = ...,
        chunksize: Optional[int] = ...,
        journal: "Union[str, PathLike[str], None]" = ...,
        key: Optional[Callable[[Item], str]] = ...,
        guard: "Optional[Guard]" = ...,
    ) -> Iterator[Result]: ...

    @overload
    def map(
        self: Wrapper,
        function: Callable[[Wrapper, Item], Result],
        items: Iterable[Item],
        *,
        workers: int = ...,
        executor: "Optional[Executor]" = ...,
        ordered: bool = ...,
        on_error: str,
        progress: Progress = ...,
        timeout: Optional[float] = ...,
        chunksize: Optional[int] = ...,
        journal: "Union[str, PathLike[str], None]" = ...,
        key: Optional[Callable[[Item], str]] = ...,
        guard: "Optional[Guard]" = ...,
    ) -> "Iterator[Union[Result, Failure]]": ...

    def map(
        self: Any,
        function: Any,
        items: Any,
        *,
        workers: int = 8,
        executor: "Optional[Executor]" = None,
        ordered: bool = True,
        on_error: str = "raise",
        progress: Progress = None,
        timeout: Optional[float] = None,
        chunksize: Optional[int] = None,
        journal: "Union[str, PathLike[str], None]" = None,
        key: Optional[Callable[[Any], str]] = None,
        guard: "Optional[Guard]" = None,
    ) -> Iterator[Any]:
        """
        Return an iterator over ``function(sg, item)`` for each item, worked on by several workers.

        Each worker has a wrapper of its own, of this one's class: a clone in a thread; in another process one that is
        made there from the recipe (class, site, attributes), once for each of its threads. Items are taken as results
        are asked for, a bounded number ahead, so they may be an endless generator. Leaving the loop early, or Ctrl-C,
        begins nothing more and waits for what runs.

        Args:
            function: Called with the worker's wrapper and an item.

            items: What to work on.

            workers: How many threads.

            executor: What runs the work instead of threads: any ``concurrent.futures.Executor``, such as a
                ``ProcessPoolExecutor``, or the ``get_executor()`` of a Dask client. It is left open.

            ordered: Whether results come in the order of the items, or as they are ready.

            on_error: ``"raise"`` ends at the first failure: no more items are begun, what runs is
                finished, and `WorkerError` names the item. ``"collect"`` gives a `Failure` in the place of the result.

            progress: True shows a bar on the terminal; a function is called with (done, failed, total), in this thread,
                total None where the number of items is not known.

            timeout: Seconds for the whole, the calls to the site included.

            chunksize: Items that a worker takes at a time. None: 1.

            journal: Path to a file that each finished item is written to, with its result. The same call again takes
                the results from there and does only what is left. They come back as JSON gives them.

            key: Returns the text by which the journal tells an item from all others. None: type and id of an entity,
                a text or number itself.

            guard: See `sgextended.dask`.

        Raises:
            ConfigurationError: Options that cannot work, or a wrapper or function that cannot go to other processes;
                nothing was begun.

            ClientClosed: This wrapper was closed.

            WorkerError: While iterating: the work on one item failed.

            MapTimeout: While iterating: the time is up.
        """
        if self.is_closed:
            msg = f"{self!r} is closed: make a new one, it costs nothing."
            raise ClientClosed(msg)
        options = _workers.Options(
            workers=workers,
            executor=executor,
            ordered=ordered,
            on_error=on_error,
            progress=progress,
            timeout=timeout,
            chunksize=chunksize,
            journal=journal,
            key=key,
            guard=guard,
        )
        return _workers.run(function, items, make=_Clones(self), options=options)

    # --- The domain: the functions of sgextended.domain are the methods

    find_projects = projects.find_projects
    find_assets = assets.find_assets
    find_shots = shots.find_shots
    find_sequences = sequences.find_sequences
    find_episodes = episodes.find_episodes
    find_tasks = tasks.find_tasks
    find_versions = versions.find_versions
    latest_versions = versions.latest_versions
    find_published_files = published_files.find_published_files
    latest_published_files = published_files.latest_published_files
    find_upstream_files = published_files.find_upstream_files
    find_downstream_files = published_files.find_downstream_files
    find_playlists = playlists.find_playlists
    find_playlist_versions = playlists.find_playlist_versions
    find_notes = notes.find_notes
    find_note_threads = notes.find_note_threads
    find_time_logs = time_logs.find_time_logs
    find_bookings = bookings.find_bookings
    find_users = users.find_users
    add_query_fields = query_fields.add_query_fields
    find_page = saved_pages.find_page
    find_groups = users.find_groups
    find_departments = users.find_departments
    me = users.me
    find_steps = steps.find_steps
    find_statuses = statuses.find_statuses
    find_by_ids = entities.find_by_ids
    get = entities.get
    count = entities.count
    exists = entities.exists
    group_by = entities.group_by
    resolve = addresses.resolve
    entity_url = addresses.entity_url
    find_as = read_write.find_as
    find_iter_as = read_write.find_iter_as
    get_as = read_write.get_as
    create_as = read_write.create_as
    update_as = read_write.update_as

    create_many = bulk_writes.create_many
    update_many = bulk_writes.update_many
    delete_many = bulk_writes.delete_many
    set_status = bulk_writes.set_status
    ensure = entities.ensure
    copy_entity = entities.copy_entity
    assign = tasks.assign
    unassign = tasks.unassign
    add_to_playlist = playlists.add_to_playlist
    remove_from_playlist = playlists.remove_from_playlist
    order_playlist = playlists.order_playlist
    add_note = notes.add_note
    reply = notes.reply
    log_time = time_logs.log_time
    create_version = versions.create_version
    publish = publishing.publish
    upload_many = files.upload_many
    download_many = files.download_many


class SGWorker(SGExtended, abc.ABC):
    """
    A wrapper that is itself the work: the work stands in ``__call__``.

    ``threading.Thread(target=CountAssets(), args=(project,))`` runs one; `map` runs several over many items.
    """

    __module__ = "sgextended"

    @abc.abstractmethod
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Do the work; a subclass gives it the arguments that it needs.
        """

    def setup(self) -> None:
        """
        Begin: called once, before the first item of this worker.
        """

    def teardown(self) -> None:
        """
        End: called once, after the last item of this worker, also when the work failed. In other processes it is called
        when they end, or have worked for several other maps since.
        """

    @classmethod
    def map(cls, items: Iterable[Any], **options: Any) -> Iterator[Any]:  # type: ignore[override]
        """
        Return an iterator over the work on each item; each of the workers is an instance of this class.

        Args:
            items: What to work on; each is the argument of ``__call__``.

            options: Those of `SGExtended.map`; any others are arguments for each instance, such as ``site=``.

        Raises:
            ConfigurationError: An option that neither of them has; nothing was begun.

            WorkerError: While iterating: one item failed; see `SGExtended.map`.
        """
        settings = {name: options.pop(name) for name in options.keys() - _map_options()}
        try:
            inspect.signature(cls).bind(**settings)
        except TypeError as error:
            known = ", ".join(sorted(_map_options()))
            msg = f"Neither map nor {cls.__name__} can be given this: {error}. Map takes {known}."
            raise ConfigurationError(msg) from error
        return _workers.run(_work, items, make=_Instances(cls, settings), options=_workers.Options(**options))


class _Clones:
    """
    Makes the wrappers of workers as clones of one.
    """

    def __init__(self, sg: SGExtended) -> None:
        self.sg = sg

    def __call__(self) -> SGExtended:
        return self.sg.clone()


class _Instances:
    """
    Makes workers as instances of a class, each set up.
    """

    def __init__(self, owner: Type[SGWorker], settings: Dict[str, Any]) -> None:
        self.owner, self.settings = owner, settings

    def __call__(self) -> SGWorker:
        worker = self.owner(**self.settings)
        worker.setup()
        return worker


def _work(worker: SGWorker, item: Any) -> Any:
    return worker(item)


@functools.cache
def _map_options() -> FrozenSet[str]:
    return frozenset(each.name for each in fields(_workers.Options))


def _slots_of(owner: type) -> List[str]:
    slots = [name for base in owner.__mro__ for name in base.__dict__.get("__slots__", ())]
    return [name for name in slots if name not in ("__weakref__", "__dict__")]
