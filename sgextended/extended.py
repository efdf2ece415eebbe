"""
`SGExtended`: the wrapper that a studio's code talks to and subclasses; `SGWorker`: a wrapper that is itself the work.

It stays thin: threads, retries and decoding are the `NativeClient`'s business.
"""

import abc
import threading
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Generic,
    Iterable,
    Iterator,
    List,
    Optional,
    Tuple,
    Type,
    TypeVar,
    overload,
)

from attrs import define, field, setters

from sgextended import workers as _workers
from sgextended._native_methods import NativeMethods
from sgextended.domain import assets, projects, sequences, shots, tasks, users, versions
from sgextended.errors import ConfigurationError
from sgextended.native import NativeClient
from sgextended.one_at_a_time import OneAtATime
from sgextended.site import Site, split_basic_auth

if TYPE_CHECKING:
    import datetime

Row = Dict[str, Any]
Wrapper = TypeVar("Wrapper", bound="SGExtended")
Item = TypeVar("Item")
Result = TypeVar("Result")


class _Connector(Generic[Wrapper]):
    """
    What ``SGExtended.connect`` is on the class; on an instance it is the native method of that name.
    """

    def __init__(self, owner: Type[Wrapper]) -> None:
        self._owner = owner

    def __call__(
        self,
        base_url: str,
        script_name: Optional[str] = None,
        api_key: Optional[str] = None,
        convert_datetimes_to_utc: bool = True,
        http_proxy: Optional[str] = None,
        connect: bool = True,
        ca_certs: Optional[str] = None,
        login: Optional[str] = None,
        password: Optional[str] = None,
        sudo_as_login: Optional[str] = None,
        session_token: Optional[str] = None,
        auth_token: Optional[str] = None,
    ) -> Wrapper:
        """
        Return a wrapper made with exactly the arguments of ``shotgun_api3.Shotgun``.

        Raises:
            ConfigurationError: Arguments that cannot work; it is a ValueError, as native.
        """
        url, basic_auth = split_basic_auth(base_url)
        site = Site(
            url=url,
            script_name=script_name,
            api_key=api_key,
            convert_datetimes_to_utc=convert_datetimes_to_utc,
            proxy=http_proxy,
            ca_file=ca_certs,
            login=login,
            password=password,
            sudo_as_login=sudo_as_login,
            session_token=session_token,
            auth_token=auth_token,
            basic_auth=basic_auth,
        )
        made = self._owner(site=site)
        if connect:
            _ = made._sg.server_caps  # noqa: SLF001 - as native: see that the site answers; in this process it is asked once
        return made


class _Connect:
    """
    Two meanings of one name: the native method on an instance, a way to make a wrapper on the class.
    """

    @overload
    def __get__(self, instance: None, owner: Type[Wrapper]) -> _Connector[Wrapper]: ...

    @overload
    def __get__(self, instance: "SGExtended", owner: Type[Wrapper]) -> Callable[[], None]: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        return _Connector(owner) if instance is None else instance._sg.connect  # noqa: SLF001 - part of the wrapper


def _private_client(wrapper: "SGExtended") -> NativeClient:
    return NativeClient(wrapper._site or Site.from_env())  # noqa: SLF001 - part of the wrapper


def _usable(sg: Any) -> Any:
    """
    Return what the wrapper keeps of a client that it was given.
    """
    if isinstance(sg, SGExtended):
        return sg._sg  # noqa: SLF001 - part of the wrapper
    if isinstance(sg, (NativeClient, OneAtATime)):
        return sg
    # The instance is asked, not its class: a mock or a studio's own forwarding wrapper has its names there.
    if isinstance(sg, (str, bytes, type, Site)) or not callable(getattr(sg, "find", None)):
        msg = (
            f"SGExtended(sg) wraps a client, and {type(sg).__name__} is none. Write SGExtended(site=Site(...)), or "
            "SGExtended.connect(url, script_name, api_key)."
        )
        raise ConfigurationError(msg)
    return OneAtATime(sg)


@define(slots=False, eq=False, repr=False)
class SGExtended(NativeMethods):
    """
    The object to use instead of ``shotgun_api3.Shotgun``: every native name, and methods for daily work.

    One may be shared by any number of threads, and making one more costs nothing. Subclass it for a studio's own
    methods, with a plain ``class Studio(SGExtended)``.

    Args:
        sg: A client to wrap: a `NativeClient`, a ``Shotgun`` or a ``Mockgun``. The last two are lent to one call at a
            time, since they are not safe; see `adopt`.

        site: Which site, and who asks. None, and no *sg*: what the environment says (`Site.from_env`).

    Raises:
        ConfigurationError: The environment does not name a site, or both arguments are given.
    """

    __module__ = "sgextended"

    _site: Optional[Site] = field(default=None, alias="site", kw_only=True)
    _sg: Any = field(alias="sg", converter=_usable, on_setattr=setters.convert)  # a test may set another

    @_sg.default
    def _make_private_client(self) -> NativeClient:
        return _private_client(self)

    @_sg.validator
    def _validate_one_source(self, _attribute: Any, value: Any) -> None:
        if self._site is not None and getattr(value, "_site", None) is not self._site:
            msg = "Give SGExtended either a client or a site, not both: it cannot tell which one you mean."
            raise ConfigurationError(msg)

    # --- Making and copying

    connect = _Connect()

    @classmethod
    def adopt(cls: Type[Wrapper], sg: Any) -> Wrapper:
        """
        Return a wrapper with a safe client of its own, for the site, identity and settings of a ``Shotgun``.

        The ``Shotgun`` itself is neither used nor changed.
        """
        return cls(NativeClient.adopt(_usable(sg)))

    @classmethod
    def current(cls: Type[Wrapper]) -> Wrapper:
        """
        Return this thread's wrapper of this class, made from the environment on first use and gone with the thread.
        """
        made = _of_thread.__dict__.setdefault("wrappers", {})
        if cls not in made:
            made[cls] = cls()
        wrapper: Wrapper = made[cls]
        return wrapper

    def clone(self: Wrapper) -> Wrapper:
        """
        Return a second wrapper of the same class, site and identity, with the same attributes; it costs no request.
        """
        other = type(self).__new__(type(self))
        for name in _slots_of(type(self)):  # those of a subclass under a bare @define
            if hasattr(self, name):
                object.__setattr__(other, name, getattr(self, name))
        other.__dict__.update(self.__dict__, _sg=self._sg.clone())
        return other

    def __copy__(self: Wrapper) -> Wrapper:
        return self.clone()

    @property
    def site(self) -> Site:
        """
        The site and identity that this wrapper uses.

        Raises:
            ConfigurationError: It wraps a client that is not ours; see `adopt`.
        """
        if isinstance(self._sg, NativeClient):
            return self._sg.site
        msg = f"{self!r} wraps a client that it was given, and has no Site: use {type(self).__name__}.adopt(sg)."
        raise ConfigurationError(msg)

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
        return f"<{type(self).__name__} over {self.__dict__.get('_sg', 'nothing yet')!r}>"

    def __dir__(self) -> List[str]:
        native = [name for name in dir(self.__dict__.get("_sg")) if not name.startswith("_")]
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
            return getattr(self._sg, name)

    # --- Work over many items

    def map(
        self: Wrapper, function: Callable[[Wrapper, Item], Result], items: Iterable[Item], *, workers: int = 8
    ) -> Iterator[Result]:
        """
        Return an iterator over ``function(sg, item)`` for each item, in order, worked on by several threads.

        Each worker has a wrapper of its own, a clone of this one. See `sgextended.workers.run`.

        Raises:
            WorkerError: While iterating: one item failed; it is named, and nothing more is begun.
        """
        return _workers.run(function, items, make=self.clone, workers=workers)

    # --- The native methods that studios override: real ones, so that ``super().find(...)`` works

    def find(
        self,
        entity_type: str,
        filters: Any,
        fields: Optional[List[str]] = None,
        order: Optional[List[Dict[str, str]]] = None,
        filter_operator: Optional[str] = None,
        limit: int = 0,
        retired_only: bool = False,
        page: int = 0,
        include_archived_projects: bool = True,
        additional_filter_presets: Optional[List[Dict[str, Any]]] = None,
    ) -> List[Row]:
        """
        Return all entities that match, as ``shotgun_api3.Shotgun.find``.
        """
        newer = _beyond_mockgun(include_archived_projects, additional_filter_presets)
        found: List[Row] = self._sg.find(
            entity_type, filters, fields, order, filter_operator, limit, retired_only, page, **newer
        )
        return found

    def find_iter(
        self,
        entity_type: str,
        filters: Any,
        fields: Optional[List[str]] = None,
        order: Optional[List[Dict[str, str]]] = None,
        filter_operator: Optional[str] = None,
        limit: int = 0,
        retired_only: bool = False,
        page: int = 0,
        include_archived_projects: bool = True,
        additional_filter_presets: Optional[List[Dict[str, Any]]] = None,
        *,
        page_size: Optional[int] = None,
        read_ahead: Optional[int] = None,
    ) -> Iterator[Row]:
        """
        Return an iterator over all entities that match, in bounded memory; the arguments before *page_size* are those
        of `find`.

        With no *order* they come lowest id first, and each one that exists throughout comes exactly once, whatever is
        created and retired meanwhile. With an *order* they come in it, page by page: what changes meanwhile can move an
        entity to another page, so that it comes twice or not at all. The first request is sent when the first entity is
        asked for; leaving the loop ends the reading.

        *page_size* is the number of entities in one request; None: what the site allows, mostly 500. *read_ahead* is
        the number of pages in flight at the same time at most, and as many more may wait to be looked at; 0 starts no
        threads, None is the site's bound of connections.

        Raises:
            ConfigurationError: *page_size* or *read_ahead* is no such number; nothing was sent.

        Source:
            ``shotgun_api3.Shotgun.find``, which has no such form. A client that was handed in is asked with its
            ``find``, all at once.
        """
        newer = _beyond_mockgun(include_archived_projects, additional_filter_presets)
        native = (entity_type, filters, fields, order, filter_operator, limit, retired_only, page)
        if not isinstance(self._sg, NativeClient):
            return iter(self._sg.find(*native, **newer))
        return self._sg.find_iter(*native, **newer, page_size=page_size, read_ahead=read_ahead)

    def find_one(
        self,
        entity_type: str,
        filters: Any,
        fields: Optional[List[str]] = None,
        order: Optional[List[Dict[str, str]]] = None,
        filter_operator: Optional[str] = None,
        retired_only: bool = False,
        include_archived_projects: bool = True,
        additional_filter_presets: Optional[List[Dict[str, Any]]] = None,
    ) -> Optional[Row]:
        """
        Return the first entity that matches, or None, as ``shotgun_api3.Shotgun.find_one``.
        """
        newer = _beyond_mockgun(include_archived_projects, additional_filter_presets)
        found: Optional[Row] = self._sg.find_one(
            entity_type, filters, fields, order, filter_operator, retired_only, **newer
        )
        return found

    def summarize(
        self,
        entity_type: str,
        filters: Any,
        summary_fields: List[Dict[str, str]],
        filter_operator: Optional[str] = None,
        grouping: Optional[List[Dict[str, str]]] = None,
        include_archived_projects: bool = True,
    ) -> Dict[str, Any]:
        """
        Return counts, sums and the like of what matches, as ``shotgun_api3.Shotgun.summarize``.
        """
        summary: Dict[str, Any] = self._sg.summarize(
            entity_type, filters, summary_fields, filter_operator, grouping, include_archived_projects
        )
        return summary

    def create(self, entity_type: str, data: Dict[str, Any], return_fields: Optional[List[str]] = None) -> Row:
        """
        Create an entity and return it, as ``shotgun_api3.Shotgun.create``.

        Raises:
            OutcomeUnknown: The site may or may not have created it. It is never sent twice.
        """
        created: Row = self._sg.create(entity_type, data, return_fields)
        return created

    def update(
        self,
        entity_type: str,
        entity_id: int,
        data: Dict[str, Any],
        multi_entity_update_modes: Optional[Dict[str, Any]] = None,
    ) -> Row:
        """
        Set fields of an entity and return them, as ``shotgun_api3.Shotgun.update``.
        """
        updated: Row = self._sg.update(entity_type, entity_id, data, multi_entity_update_modes)
        return updated

    def delete(self, entity_type: str, entity_id: int) -> bool:
        """
        Retire an entity, as ``shotgun_api3.Shotgun.delete``; False when it was retired before.
        """
        done: bool = self._sg.delete(entity_type, entity_id)
        return done

    def revive(self, entity_type: str, entity_id: int) -> bool:
        """
        Bring a retired entity back, as ``shotgun_api3.Shotgun.revive``; False when it was not retired.
        """
        done: bool = self._sg.revive(entity_type, entity_id)
        return done

    def batch(self, requests: List[Dict[str, Any]]) -> List[Any]:
        """
        Do many writes in one request, all or nothing, as ``shotgun_api3.Shotgun.batch``.
        """
        results: List[Any] = self._sg.batch(requests)
        return results

    def upload(
        self,
        entity_type: str,
        entity_id: int,
        path: str,
        field_name: Optional[str] = None,
        display_name: Optional[str] = None,
        tag_list: Optional[str] = None,
        created_at: "Optional[datetime.datetime]" = None,
    ) -> int:
        """
        Upload a file to an entity and return the id of its Attachment, as ``shotgun_api3.Shotgun.upload``.
        """
        attachment_id: int = self._sg.upload(
            entity_type, entity_id, path, field_name, display_name, tag_list, *_unless_none(created_at)
        )
        return attachment_id

    def upload_thumbnail(self, entity_type: str, entity_id: int, path: str, **kwargs: Any) -> int:
        """
        Upload an entity's thumbnail and return the id of its Attachment, as the native method.
        """
        attachment_id: int = self._sg.upload_thumbnail(entity_type, entity_id, path, **kwargs)
        return attachment_id

    def download_attachment(
        self, attachment: Any = False, file_path: Optional[str] = None, attachment_id: Optional[int] = None
    ) -> Any:
        """
        Download a file: its bytes, or *file_path* once it was written there, as the native method.
        """
        return self._sg.download_attachment(attachment, file_path, attachment_id)

    def schema_read(self, project_entity: Optional[Row] = None) -> Dict[str, Dict[str, Any]]:
        """
        Return the schema of all entity types and their fields, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_read(*_unless_none(project_entity))
        return schema

    def schema_entity_read(self, project_entity: Optional[Row] = None) -> Dict[str, Dict[str, Any]]:
        """
        Return the entity types with their display names, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_entity_read(*_unless_none(project_entity))
        return schema

    def schema_field_read(
        self, entity_type: str, field_name: Optional[str] = None, project_entity: Optional[Row] = None
    ) -> Dict[str, Dict[str, Any]]:
        """
        Return the schema of one entity type's fields, or of one field, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_field_read(
            entity_type, field_name, *_unless_none(project_entity)
        )
        return schema

    def close(self) -> None:
        """
        Close the connections, unless another wrapper of this process uses them; a later call connects again, as native.
        """
        close = getattr(self._sg, "close", None)  # a Mockgun has no connection to close
        if close is not None:
            close()

    # --- The domain: the functions of sgextended.domain are the methods

    find_projects = projects.find_projects
    find_assets = assets.find_assets
    find_shots = shots.find_shots
    find_sequences = sequences.find_sequences
    find_tasks = tasks.find_tasks
    find_versions = versions.find_versions
    find_users = users.find_users


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

    @classmethod
    def map(cls, items: Iterable[Any], *, workers: int = 8, **settings: Any) -> Iterator[Any]:  # type: ignore[override]
        """
        Return an iterator over the work on each item, in order; each of the workers is an instance of this class.

        Args:
            items: What to work on; each is the argument of ``__call__``.

            workers: How many instances work at the same time, each in a thread of its own.

            settings: Arguments for each instance, such as ``site=``. None: the environment's site.

        Raises:
            WorkerError: While iterating: one item failed; it is named, and nothing more is begun.
        """
        return _workers.run(lambda worker, item: worker(item), items, make=lambda: cls(**settings), workers=workers)


def current() -> SGExtended:
    """
    Return this thread's `SGExtended`: ``SGExtended.current()``.
    """
    return SGExtended.current()


def _slots_of(owner: type) -> List[str]:
    slots = [name for base in owner.__mro__ for name in base.__dict__.get("__slots__", ())]
    return [name for name in slots if name not in ("__weakref__", "__dict__")]


def _beyond_mockgun(
    include_archived_projects: bool,
    additional_filter_presets: Optional[List[Dict[str, Any]]],
) -> Dict[str, Any]:
    """
    Return the arguments that a Mockgun lacks, where they say something.
    """
    newer: Dict[str, Any] = {}
    if not include_archived_projects:
        newer["include_archived_projects"] = False
    if additional_filter_presets:
        newer["additional_filter_presets"] = additional_filter_presets
    return newer


def _unless_none(value: Any) -> Tuple[Any, ...]:
    """
    Return a last argument that a Mockgun lacks, where there is one.
    """
    return () if value is None else (value,)


_of_thread = threading.local()
