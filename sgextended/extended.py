"""
`SGExtended`: the wrapper that a studio's code calls and subclasses.

It stays thin: the `NativeClient` handles threads, retries and decoding.
"""

from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Dict,
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

from attrs import Factory, define, field, setters

from sgextended.client.native_client import NativeClient
from sgextended.client.overrides import Overrides
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
    startable_tasks,
    statuses,
    steps,
    storage_paths,
    tasks,
    time_logs,
    users,
    versions,
)
from sgextended.domain import field_history as histories
from sgextended.domain import resolve as addresses
from sgextended.domain.query_fields import page_records, query_field_values
from sgextended.domain.typed import read_write
from sgextended.errors import ClientClosed, ConfigurationError
from sgextended.events import event_stream
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module
from sgextended.observe.trace import trace
from sgextended.site_address import recorded_site
from sgextended.site_settings import Site
from sgextended.workers.progress import Progress
from sgextended.wrapper.construction import Construction, private_client, wrapped_client
from sgextended.wrapper.current import as_current, current_of

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from os import PathLike

    from sgextended import aio as _aio
    from sgextended.aio import AsyncSGExtended
    from sgextended.observe.trace_report import Trace
    from sgextended.schema import validation as _check_module
    from sgextended.workers import map as _workers
    from sgextended.workers.map_options import Failure
else:
    _aio = lazy_module("sgextended.aio")
    _check_module = lazy_module("sgextended.schema.validation")
    _workers = lazy_module("sgextended.workers.map")

Row = Dict[str, Any]
Wrapper = TypeVar("Wrapper", bound="SGExtended")
Item = TypeVar("Item")
Result = TypeVar("Result")


@define(slots=False, eq=False, repr=False, init=False)
class SGExtended(Construction):
    """
    The object to use instead of ``shotgun_api3.Shotgun``: every native name, and methods for daily work.

    Any number of threads may share one wrapper, and creating another one costs nothing. Subclass it for a studio's own
    methods, with a plain ``class Studio(SGExtended)``.

    ``SGExtended(base_url, script_name, api_key, ...)`` takes exactly the arguments of ``Shotgun(...)``, and
    ``SGExtended(client)`` wraps a client. Without arguments the environment is read (`Site.from_env`).

    Args:
        base_url: The address of the site, or a client. The parameters after it, up to *auth_token*, are those of
            ``Shotgun``.

        sg: A client to wrap: a `NativeClient`, a ``Shotgun`` or a ``Mockgun``. The last two are not thread-safe, so
            they execute one call at a time; see `from_shotgun`.

        site: The site and the credentials. None: *sg* has them; without *sg*, the environment (`Site.from_env`).

        validate: Whether to validate every call against the site's schema before it is sent; see `validated`.

        read_only: Whether to refuse every write with `ReadOnlyError`, before anything is sent. It applies to this
            wrapper and its copies, not to another wrapper of the same client.

    Raises:
        ConfigurationError: The environment does not name a site, or both *sg* and *site* are given.
    """

    __module__ = "sgextended"

    _site: Optional[Site] = field(default=None, alias="site", kw_only=True)
    _validates: bool = field(default=False, alias="validate", kw_only=True)
    _read_only: bool = field(default=False, alias="read_only", kw_only=True)
    _client: Any = field(  # pyright does not see a default that a decorator sets
        alias="sg",
        default=Factory(private_client, takes_self=True),
        converter=wrapped_client,
        on_setattr=setters.convert,
    )

    @_validates.validator
    def _import_validation(self, _attribute: Any, value: bool) -> None:
        # Calls need the module, also at the end of the process, where an import may fail.
        if value:
            _check_module.check_call  # noqa: B018 - reading the name imports the module

    @_client.validator
    def _validate_one_source(self, _attribute: Any, value: Any) -> None:
        if self._site is not None and getattr(value, "given_site", None) is not self._site:
            msg = "SGExtended was given both a client and a site, which may differ. Pass only one of them."
            raise ConfigurationError(msg)

    # --- Making and copying

    @classmethod
    def current(cls: Type[Wrapper]) -> Wrapper:
        """
        Return this thread's wrapper of this class.

        It is created from the environment on first use, and closed when the thread ends. A closed one is replaced. In
        a block of `as_current` it is the wrapper of that block.
        """
        return current_of(cls)

    def as_current(self: Wrapper) -> ContextManager[Wrapper]:
        """
        Return a ``with`` block in which `current` returns this wrapper.

        Tests use it, and code that calls ``current()`` on behalf of another user. It applies to the wrapper's class and
        its base classes up to `SGExtended`; to this thread, the threads of its `map`, and this asyncio task. Of nested
        blocks the inner one applies. The end of the block does not close the wrapper.
        """
        classes = [owner for owner in type(self).__mro__ if issubclass(owner, SGExtended)]
        return as_current(self, classes)

    def clone(self: Wrapper) -> Wrapper:
        """
        Return a second wrapper of the same class, with the same site, credentials and attributes. Nothing is sent.
        """
        other = type(self).__new__(type(self))
        for name in _slots_of(type(self)):  # a subclass under a bare @define has slots
            if hasattr(self, name):
                object.__setattr__(other, name, getattr(self, name))
        other.__dict__.update(self.__dict__, _client=self._client.clone())
        return other

    def validated(self: Wrapper) -> Wrapper:
        """
        Return a clone that validates each call against the site's schema before it is sent.

        For example ``sg.validated().find(...)``. Invalid entity types, fields, operators, values, sort orders and data
        raise `SchemaError`, which lists the place of each and suggestions. The schema costs one request for each entity
        type, and is cached; see `site_schema`. ``SGExtended(validate=True)`` validates all calls of a wrapper.
        """
        other = self.clone()
        other._validates = True  # noqa: SLF001 - part of the wrapper
        return other

    def __copy__(self: Wrapper) -> Wrapper:
        return self.clone()

    @property
    def site(self) -> Site:
        """
        The site and credentials of this wrapper.

        Raises:
            ConfigurationError: The wrapper is around a ``Shotgun`` or ``Mockgun``; see `from_shotgun`.
        """
        if isinstance(self._client, NativeClient):
            return self._client.site
        msg = f"{self!r} wraps another library's client, which has no Site. Use {type(self).__name__}.from_shotgun(sg)."
        raise ConfigurationError(msg)

    @property
    def is_closed(self) -> bool:
        """
        Whether `close` was called. Calls of a closed wrapper raise `ClientClosed`.
        """
        return isinstance(self._client, NativeClient) and self._client.is_closed

    @property
    def requests_sent(self) -> int:
        """
        The number of requests that this process has sent to the site, through all wrappers together.
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
            if name.startswith("_"):  # copy, pickle and half-built instances look these up
                msg = f"{owner!r} object has no attribute {name!r}"
                raise AttributeError(msg)
            if hasattr(type(self), name):  # a property raised AttributeError itself
                msg = f"{owner}.{name} raised AttributeError while being computed"
                raise AttributeError(msg)
            return self._forwarded(name)

    def deadline(self, seconds: Optional[float]) -> ContextManager[None]:
        """
        Return a ``with`` block that limits the total time of its calls.

        The time includes waits, retries, pages and transfers. A call that exceeds it raises `TransportTimeout`, or
        `OutcomeUnknown` for a write in flight. The limit applies to this thread and to the threads that its calls
        start. If blocks are nested, the deadline that comes first applies.

        Args:
            seconds: The limit for the whole block. None: no limit.

        Raises:
            ConfigurationError: *seconds* is not a number above 0, or the wrapper is around a ``Shotgun``, which does
                not support deadlines.
        """
        return within(self, seconds)

    def trace(self) -> "ContextManager[Trace]":
        """
        Return a ``with`` block that measures its calls; it yields the `Trace`.

        The trace has the calls, seconds and bytes, by RPC and by calling line. It covers every wrapper, in this thread
        and in the threads that its calls start.
        """
        return trace()

    @property
    def aio(self) -> "AsyncSGExtended":
        """
        The same methods for asyncio: ``await sg.aio.find(...)``. Iterators are looped over with ``async for``.
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
    ) -> Iterator[Any]:
        """
        Return an iterator over ``function(sg, item)`` for each item, processed by several workers.

        Each worker has a wrapper of this class. In a thread it is a clone; in another process it is created there from
        class, site and attributes, once for each thread. Items are taken as results are consumed, a limited number
        ahead, so *items* may be an endless generator. After the loop is left early, or after Ctrl-C, no more items are
        begun, and the call waits for running items.

        Args:
            function: Called with the worker's wrapper and an item.

            items: The items to process.

            workers: The number of threads.

            executor: Does the work instead of threads: any ``concurrent.futures.Executor``, such as a
                ``ProcessPoolExecutor``, or the ``get_executor()`` of a Dask client. It is not shut down.

            ordered: Whether results come in the order of the items, or as soon as they are ready.

            on_error: ``"raise"`` ends at the first failure: no more items are begun, running items are finished, and
                `WorkerError` names the failed item. ``"collect"`` yields a `Failure` in the place of the result.

            progress: True shows a bar on the terminal. A function is called with (done, failed, total) in this thread;
                total is None if the number of items is not known.

            timeout: Seconds for the whole map, including the calls to the site. None: no limit.

            chunksize: The number of items that a worker takes at a time. None: 1.

            journal: Path of a file that records each finished item with its result. The same call again returns the
                recorded results, as JSON values, and processes only the remaining items.

            key: Returns the unique text of an item in the journal. None: type and id of an entity, the text of a text
                or a whole number.

        Raises:
            ConfigurationError: An option is not valid, or the wrapper or the function cannot be sent to other
                processes. No item was begun.

            ClientClosed: This wrapper is closed.

            WorkerError: While iterating: the work on one item failed.

            MapTimeout: While iterating: the time is up.
        """
        if self.is_closed:
            msg = f"{self!r} is closed, so it cannot send requests. Create a new wrapper."
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
        )
        return _workers.run(
            function, items, make=_CloneFactory(self), options=options, site=recorded_site(self.base_url)
        )

    # --- The functions of sgextended.domain, as methods

    find_projects = projects.find_projects
    find_assets = assets.find_assets
    find_shots = shots.find_shots
    find_sequences = sequences.find_sequences
    find_episodes = episodes.find_episodes
    find_tasks = tasks.find_tasks
    find_startable_tasks = startable_tasks.find_startable_tasks
    find_versions = versions.find_versions
    latest_versions = versions.latest_versions
    find_published_files = published_files.find_published_files
    latest_published_files = published_files.latest_published_files
    find_unfinished_publishes = publishing.find_unfinished_publishes
    find_upstream_files = published_files.find_upstream_files
    find_downstream_files = published_files.find_downstream_files
    find_playlists = playlists.find_playlists
    find_playlist_versions = playlists.find_playlist_versions
    find_notes = notes.find_notes
    find_note_threads = notes.find_note_threads
    find_time_logs = time_logs.find_time_logs
    find_bookings = bookings.find_bookings
    find_users = users.find_users
    add_query_fields = query_field_values.add_query_fields
    find_page = page_records.find_page
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
    field_history = histories.field_history
    events = event_stream.events
    translate_path = storage_paths.translate_path
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


class _CloneFactory:
    """
    Makes the wrappers of a map's workers: clones of one wrapper.
    """

    def __init__(self, sg: SGExtended) -> None:
        self.sg = sg

    def __call__(self) -> SGExtended:
        return self.sg.clone()


def _slots_of(owner: type) -> List[str]:
    slots = [name for base in owner.__mro__ for name in base.__dict__.get("__slots__", ())]
    return [name for name in slots if name not in ("__weakref__", "__dict__")]


SGExtended.overrides = Overrides(SGExtended)
