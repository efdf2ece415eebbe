"""
`SiteSchema`: the entity types and fields of a site. Only this module requests and caches the schema.
"""

import contextlib
import json
import logging
import os
import re
import stat
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Hashable, Iterable, Iterator, List, Mapping, Optional, Tuple

from sgextended.concurrency.keyed_turns import Turns
from sgextended.errors import ConfigurationError, NotFoundError, ShotgunError
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    import difflib
else:
    difflib = lazy_module("difflib")

LOG = logging.getLogger("sgextended")

Described = Dict[str, Any]

#: Before an unknown field is refused, the fields of its type are read again, unless they are at most this many seconds
#: old.
LOOK_AGAIN_AFTER = 10.0

_LINKS = frozenset({"entity", "multi_entity"})
_ANY_TYPE = "*"


class SchemaCache:
    """
    A cache of schemas that all threads share. One thread reads a part of a schema while the others wait for it.

    Args:
        clock: Returns the seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._parts: Dict[Hashable, Tuple[float, Described]] = {}
        self._turns = Turns()
        self._not_before = 0.0

    def get(
        self, key: Hashable, read: Callable[[], Described], *, max_age: float, file: "Optional[_File]" = None
    ) -> Described:
        """
        Return the cached part of a schema. If there is none, or it is too old, call *read* and cache the result.

        Args:
            key: The key of the part.

            read: Requests the part from the site.

            max_age: The highest age of a cached part, in seconds.

            file: A file that also stores the part. None: there is none.
        """
        found = self._parts.get(key)
        if found is not None and self._is_fresh(found, max_age):
            return found[1]
        with self._turns.take(key):
            found = self._parts.get(key)
            if found is None or not self._is_fresh(found, max_age):
                found = file.read() if file is not None else None
            if found is None or not self._is_fresh(found, max_age):
                began = self._clock()
                found = (began, read())
                if file is not None:
                    file.write(*found)
            self._parts[key] = found
        return found[1]

    def refresh(self) -> None:
        """
        Make all cached parts expire, also those on disk. They are read again when they are next needed.
        """
        self._not_before = self._clock()

    def _is_fresh(self, found: Tuple[float, Described], max_age: float) -> bool:
        # A negative age comes from a clock that was changed.
        return self._not_before <= found[0] and 0 <= self._clock() - found[0] <= max_age


def schema_cache_of(transport: Any) -> SchemaCache:
    """
    Return the schema cache of the site of a `Transport`, which all clients of the process share.
    """
    cache: SchemaCache = transport.shared.once("schema", SchemaCache)
    return cache


class SiteSchema:
    """
    The schema of a site. Each entity type is read when it is first needed.

    ``SiteSchema(sg)`` reads each entity type once. `SGExtended.site_schema` returns a schema that all threads of the
    process share, and that is read again when it is too old.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        project: The project whose view of the schema is used. None: the schema of the site.

        cache: The cache of the schema. None: a new one.

        user: The user of the view, if several users share *cache*.

        max_age: The time for which cached parts are used, in seconds.

        folder: A folder that also stores the schema. None: there is none.
    """

    __module__ = "sgextended"

    def __init__(
        self,
        sg: Any,
        project: Optional[Mapping[str, Any]] = None,
        *,
        cache: Optional[SchemaCache] = None,
        user: Hashable = None,
        max_age: float = float("inf"),
        folder: Optional[str] = None,
    ) -> None:
        self._sg = sg
        self._project_args = () if project is None else ({"type": "Project", "id": project["id"]},)
        self._cache = SchemaCache() if cache is None else cache
        self._view = (user, project["id"] if project else None)
        self._max_age = max_age
        self._folder = folder

    def refresh(self) -> None:
        """
        Make the cached schema expire, for all users of the same cache. It is read again when it is next needed.
        """
        self._cache.refresh()

    # --- Public methods

    def entity_types(self) -> List[str]:
        """
        Return the names of all entity types, in alphabetical order.
        """
        return sorted(self._types())

    def field_names(self, entity_type: str) -> List[str]:
        """
        Return the names of an entity type's fields, in alphabetical order. If there is a project, only its visible
        fields.

        Raises:
            NotFoundError: The site has no such type.
        """
        fields = self.fields(entity_type)
        return sorted(name for name in fields if not self._project_args or _fact(fields[name], "visible", default=True))

    def fields(self, entity_type: str, max_age: Optional[float] = None) -> Dict[str, Described]:
        """
        Return the description of each field of an entity type, in the form of ``schema_field_read``.

        Args:
            entity_type: The entity type.

            max_age: The highest age of what is cached, in seconds. None: that of the schema.

        Raises:
            NotFoundError: The site has no such type.
        """
        return self._fields(entity_type, self._max_age if max_age is None else max_age)

    def cached_rows(
        self, entity_type: str, fields: Iterable[str], max_age: Optional[float] = None
    ) -> List[Dict[str, Any]]:
        """
        Return all entities of a type that has few of them, such as Step. They are cached as the schema is.

        Args:
            entity_type: The entity type.

            fields: The fields to return, always the same ones for a type.

            max_age: The highest age of what is cached, in seconds. None: that of the schema.
        """
        age = self._max_age if max_age is None else max_age
        key = (self._view, "rows", entity_type)
        found = self._cache.get(key, lambda: {"rows": self._sg.find(entity_type, [], list(fields))}, max_age=age)
        return list(found["rows"])

    def readable(self, entity_type: str) -> List[str]:
        """
        Return the fields of an entity type that can be read: all except query fields and passwords.

        Raises:
            NotFoundError: The site has no such type.
        """
        fields = self.fields(entity_type)
        return [name for name in fields if _fact(fields[name], "data_type") not in ("summary", "password")]

    def field_type(self, entity_type: str, path: str) -> Optional[str]:
        """
        Return the data type of a field, such as ``"status_list"``, or of a linked field such as ``"entity.Shot.code"``.

        Return None, without a request, for a path that begins with ``$FROM$``: only the site can validate it.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        if path.startswith("$FROM$"):
            return None
        return str(_fact(self.describe(entity_type, path), "data_type"))

    def valid_values(self, entity_type: str, path: str) -> Optional[List[str]]:
        """
        Return the valid values of a list or status field. If there is a project, the values that it hides are left out.

        Return None for fields of other types.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        properties = self.describe(entity_type, path).get("properties", {})
        if "valid_values" not in properties:
            return None
        hidden = set(_fact(properties, "hidden_values", default=None) or ()) if self._project_args else set()
        return [value for value in _fact(properties, "valid_values") or () if value not in hidden]

    def valid_types(self, entity_type: str, path: str) -> Optional[List[str]]:
        """
        Return the entity types to which a link field may link. Return None for a field that is not a link, or that may
        link to any type.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        owner, field = [entity_type, *path.split(".")][-2:]
        return _valid_types(owner, field, self.describe(entity_type, path))

    def display_name(self, entity_type: str, path: Optional[str] = None) -> str:
        """
        Return the display name of a field, or of an entity type: ``CustomEntity05`` may have the name ``Delivery``.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        if path is not None:
            return str(_fact(self.describe(entity_type, path), "name"))
        if entity_type not in self._types():
            self.fields(entity_type)  # raises NotFoundError with a message
        return str(_fact(self._types()[entity_type], "name"))

    def is_editable(self, entity_type: str, path: str) -> bool:
        """
        Return whether a field can be set.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        return bool(_fact(self.describe(entity_type, path), "editable"))

    def describe(self, entity_type: str, path: str) -> Described:
        """
        Return the description of a field or of a linked field, in the form of ``schema_field_read``.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        fields, types = path.split(".")[::2], path.split(".")[1::2]
        if len(fields) == len(types):
            msg = f"{path!r} has no entity type after the link. Write link.Type.field, such as entity.Shot.code."
            raise NotFoundError(msg)
        owner = entity_type
        for field, through in zip(fields, types):
            _check_step(owner, field, self._field(owner, field), through)
            owner = through
        return self._field(owner, fields[-1])

    def data_type(self, entity_type: str, path: str) -> Optional[str]:
        """
        Return the data type of the last field of a path; None if there is no such field. ``"id"`` is a number.
        """
        parts = path.split(".")
        if len(parts) > 1:
            entity_type = parts[-2]
        found = self.fields(entity_type).get(parts[-1])
        return None if found is None else str(_fact(found, "data_type"))

    def first_list(self, entity_type: str, path: str) -> Optional[int]:
        """
        Return how many parts of a path there are up to its first multi-entity field. Return None if there is none.
        """
        parts = path.split(".")
        for at in range(0, len(parts) - 1, 2):
            owner = entity_type if at == 0 else parts[at - 1]
            found = self.fields(owner).get(parts[at])
            if found is not None and _fact(found, "data_type") == "multi_entity":
                return at + 1
        return None

    # --- Reading the schema

    def _types(self) -> Dict[str, Described]:
        return self._get("", lambda: self._sg.schema_entity_read(*self._project_args), self._max_age)

    def _fields(self, entity_type: str, max_age: float) -> Dict[str, Described]:
        return self._get(entity_type, lambda: self._read(entity_type), max_age)

    def _get(self, part: str, read: Callable[[], Described], max_age: float) -> Described:
        file = None
        if self._folder is not None and re.fullmatch(r"\w*", part, re.ASCII):
            digest = sha256(repr(self._view).encode()).hexdigest()[:16]
            file = _File(Path(self._folder).expanduser() / f"{part or 'types'}-{digest}.json")
        return self._cache.get((self._view, part), read, max_age=max_age, file=file)

    def _read(self, entity_type: str) -> Described:
        try:
            found: Described = self._sg.schema_field_read(
                entity_type, *((None, *self._project_args) if self._project_args else ())
            )
        except ShotgunError as error:
            unknown = self._unknown_type(entity_type)
            if unknown is None:
                raise
            raise unknown from error
        return {"id": _ID, **found}

    def _unknown_type(self, entity_type: str) -> Optional[NotFoundError]:
        """
        Return the error for an unknown entity type; None if the site has the type.
        """
        described = self._types()
        if entity_type in described:
            return None
        # Users know CustomEntity05 by its display name, which may be Delivery.
        labels = {str(_fact(each, "name")): name for name, each in described.items()}
        hint = did_you_mean(entity_type, [*labels, *described], labels)
        site = getattr(self._sg, "base_url", "the site")
        return NotFoundError(f"There is no entity type {entity_type!r} on {site}.{hint}")

    def _field(self, owner: str, field: str) -> Described:
        known = self.fields(owner)
        if field not in known:
            known = self._fields(owner, min(LOOK_AGAIN_AFTER, self._max_age))  # the field may be new
        if field not in known:
            labels = {
                str(_fact(known[name], "name")): name for name in reversed(list(known))
            }  # for equal labels, the first field is used
            hint = did_you_mean(field, [*labels, *known], labels)
            msg = f"{owner} has no field {field!r}.{hint}"
            raise NotFoundError(msg)
        return known[field]


def _check_step(owner: str, field: str, described: Described, through: str) -> None:
    """
    Raise `NotFoundError` if a field of a path is not a link to the entity type that follows it.
    """
    if _fact(described, "data_type") not in _LINKS:
        msg = f"{owner}.{field} is not a link, so the path cannot continue after it."
        raise NotFoundError(msg)
    types = _valid_types(owner, field, described)
    if types is not None and through not in types:
        hint = did_you_mean(through, types) or f" It links to {', '.join(types)}."
        msg = f"{owner}.{field} does not link to {through!r}.{hint}"
        raise NotFoundError(msg)


# Types that a field may link to although the schema of a site does not list them: these have a list of replies.
_ALSO_VALID = {("Reply", "entity"): ("Delivery", "Ticket")}

_ID = {
    "name": {"value": "Id", "editable": False},
    "data_type": {"value": "number", "editable": False},
    "editable": {"value": False, "editable": False},
    "properties": {},
}


def _fact(described: Mapping[str, Any], name: str, **default: Any) -> Any:
    if name not in described and default:
        return default["default"]
    return described[name]["value"]


def _valid_types(owner: str, field: str, described: Described) -> Optional[List[str]]:
    types = _fact(described.get("properties", {}), "valid_types", default=None)
    if not types or _ANY_TYPE in types:
        return None
    return list(dict.fromkeys([*types, *_ALSO_VALID.get((owner, field), ())]))


def did_you_mean(word: str, known: Iterable[str], meaning: Optional[Mapping[str, str]] = None) -> str:
    """
    Return a hint with the known word that is most similar to an unknown word; "" if none is similar.

    Args:
        word: The unknown word.

        known: The known words.

        meaning: The words to show in the hint instead of known words.
    """
    by_lower = {each.lower(): each for each in known}
    typed = word.lower()
    close = difflib.get_close_matches(typed, by_lower)
    if not close:
        return ""

    def similarity(each: str) -> Tuple[float, bool]:  # of equally similar words, one with the same prefix comes first
        return difflib.SequenceMatcher(None, each, typed).ratio(), each.startswith(typed)

    nearest = by_lower[max(close, key=similarity)]
    return f" Did you mean {(meaning or {}).get(nearest, nearest)!r}?"


# --- On disk


class _File:  # attrs would generate its methods at each import
    """
    A part of a schema in a JSON file. A file that another user may write is not used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Optional[Tuple[float, Described]]:
        """
        Return the time of reading from the site, and the part of the schema. Return None if there is no valid file.

        Raises:
            ConfigurationError: Other users may write to the folder.
        """
        self._check_folder()
        try:
            with self.path.open(encoding="utf-8") as stream:
                if not _is_ours(os.fstat(stream.fileno())):
                    LOG.warning("%s is not used: other users may write to it.", self.path)
                    return None
                kept = json.load(stream)
            return float(kept["read_at"]), dict(kept["schema"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            LOG.warning("%s is not used: %s", self.path, error)
            return None

    def write(self, read_at: float, schema: Described) -> None:
        """
        Write the file. A failure is only logged, since the schema is in memory anyway.
        """
        try:
            with _replacing(self.path) as stream:
                json.dump({"read_at": read_at, "schema": schema}, stream, ensure_ascii=False)
        except OSError as error:
            LOG.warning("The schema is not stored on disk: %s", error)

    def _check_folder(self) -> None:
        folder = self.path.parent
        with contextlib.suppress(OSError):  # the write below logs the failure
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(folder.stat()):
                msg = (
                    f"The schema is not stored in {str(folder)!r}, since other users may write to that folder. Set "
                    "schema_folder to a folder of your own, or remove their write permission with chmod go-w."
                )
                raise ConfigurationError(msg)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """
    Return a context manager that yields a temporary file, which replaces *path* at the end. Only its owner may read it.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".schema-")  # 0o600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield stream
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _is_ours(found: os.stat_result) -> bool:
    if os.name != "posix":  # on Windows, only the user may write to the user's folders
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
