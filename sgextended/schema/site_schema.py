"""
What a site has: its entity types and their fields. Here is the one place that reads and keeps the schema.
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

from attrs import frozen

from sgextended.concurrency.turns import Turns
from sgextended.errors import ConfigurationError, NotFoundError, ShotgunError
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    import difflib
else:
    difflib = lazy_module("difflib")

LOG = logging.getLogger("sgextended")

Described = Dict[str, Any]

#: A name that is not known is looked up again before it is refused, unless that was done so many seconds ago.
LOOK_AGAIN_AFTER = 10.0

_LINKS = frozenset({"entity", "multi_entity"})
_ANY_TYPE = "*"


class SchemaCache:
    """
    What was read of schemas, for all threads: each part is read by one of them while the others wait for it.

    Args:
        clock: Returns the seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: Dict[Hashable, Tuple[float, Described]] = {}
        self._turns = Turns()
        self._not_before = 0.0

    def get(
        self, key: Hashable, read: Callable[[], Described], *, max_age: float, file: "Optional[_File]" = None
    ) -> Described:
        """
        Return what is kept under a key, or what *read* returns, where that is too old or not there.

        Args:
            key: What it is.

            read: Asks the site.

            max_age: Seconds since it was read.

            file: Keeps it on disk too.
        """
        found = self._kept.get(key)
        if found is not None and self._is_fresh(found, max_age):
            return found[1]
        with self._turns.take(key):
            found = self._kept.get(key)
            if found is None or not self._is_fresh(found, max_age):
                found = file.read() if file is not None else None
            if found is None or not self._is_fresh(found, max_age):
                began = self._clock()
                found = (began, read())
                if file is not None:
                    file.write(*found)
            self._kept[key] = found
        return found[1]

    def refresh(self) -> None:
        """
        Read everything again when it is next needed, also what is on disk.
        """
        self._not_before = self._clock()

    def _is_fresh(self, found: Tuple[float, Described], max_age: float) -> bool:
        # What was read in the future was read by another clock.
        return self._not_before <= found[0] and 0 <= self._clock() - found[0] <= max_age


def schema_cache_of(transport: Any) -> SchemaCache:
    """
    Return what this process knows of the schema of the site that a `Transport` leads to, for all of its clients.
    """
    kept: SchemaCache = transport.once("schema", SchemaCache)
    return kept


class SiteSchema:
    """
    The schema of a site: each entity type is read when it is first needed.

    ``SiteSchema(sg)`` reads each of them once. `SGExtended.site_schema` gives one that shares what it reads with all
    threads of the process, and reads it again when it is too old.

    Args:
        sg: Who is asked: an `SGExtended`, a ``Shotgun`` or a ``Mockgun``.

        project: The schema as this project shows it. None: as the site has it.

        kept: Where it is kept.

        who: Whose view of the schema it is, where several share *kept*.

        max_age: Seconds for which it is kept.

        folder: Where it is kept on disk too. None: nowhere.
    """

    __module__ = "sgextended"

    def __init__(
        self,
        sg: Any,
        project: Optional[Mapping[str, Any]] = None,
        *,
        kept: Optional[SchemaCache] = None,
        who: Hashable = None,
        max_age: float = float("inf"),
        folder: Optional[str] = None,
    ) -> None:
        self._sg = sg
        self._where = () if project is None else ({"type": "Project", "id": project["id"]},)
        self._kept = SchemaCache() if kept is None else kept
        self._who = (who, project["id"] if project else None)
        self._max_age = max_age
        self._folder = folder

    def refresh(self) -> None:
        """
        Read everything again when it is next needed; for all who share it.
        """
        self._kept.refresh()

    # --- What there is

    def entity_types(self) -> List[str]:
        """
        Return the names of all entity types, in alphabetical order.
        """
        return sorted(self._types())

    def field_names(self, entity_type: str) -> List[str]:
        """
        Return the names of an entity type's fields, in alphabetical order; those that the project shows, if one is set.

        Raises:
            NotFoundError: The site has no such type.
        """
        fields = self.fields(entity_type)
        return sorted(name for name in fields if not self._where or _fact(fields[name], "visible", default=True))

    def fields(self, entity_type: str) -> Dict[str, Described]:
        """
        Return the description of each field of an entity type, as ``schema_field_read`` gives it.

        Raises:
            NotFoundError: The site has no such type.
        """
        return self._fields(entity_type, self._max_age)

    def readable(self, entity_type: str) -> List[str]:
        """
        Return the fields of an entity type that the site gives; query fields and passwords it does not.

        Raises:
            NotFoundError: The site has no such type.
        """
        fields = self.fields(entity_type)
        return [name for name in fields if _fact(fields[name], "data_type") not in ("summary", "password")]

    def field_type(self, entity_type: str, path: str) -> Optional[str]:
        """
        Return the data type of a field, such as ``"status_list"``, or of one behind links: ``"entity.Shot.code"``.

        None, and no request, for a path that begins with ``$FROM$``: the site alone knows those.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        if path.startswith("$FROM$"):
            return None
        return str(_fact(self.describe(entity_type, path), "data_type"))

    def valid_values(self, entity_type: str, path: str) -> Optional[List[str]]:
        """
        Return the values that a list or status field takes, without those that the project hides, if one is set.

        None: the field is of another type.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        properties = self.describe(entity_type, path).get("properties", {})
        if "valid_values" not in properties:
            return None
        hidden = set(_fact(properties, "hidden_values", default=None) or ()) if self._where else set()
        return [value for value in _fact(properties, "valid_values") or () if value not in hidden]

    def valid_types(self, entity_type: str, path: str) -> Optional[List[str]]:
        """
        Return the entity types that a link field is for. None: it is no link, or one to any type.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        return _valid_types(self.describe(entity_type, path))

    def display_name(self, entity_type: str, path: Optional[str] = None) -> str:
        """
        Return what people call a field, or an entity type: ``CustomEntity05`` may be ``Delivery``.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        if path is not None:
            return str(_fact(self.describe(entity_type, path), "name"))
        if entity_type not in self._types():
            self.fields(entity_type)  # says what is wrong
        return str(_fact(self._types()[entity_type], "name"))

    def is_editable(self, entity_type: str, path: str) -> bool:
        """
        Tell whether a field can be set.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        return bool(_fact(self.describe(entity_type, path), "editable"))

    def describe(self, entity_type: str, path: str) -> Described:
        """
        Return the description of a field, or of one behind links, as ``schema_field_read`` gives it.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        fields, types = path.split(".")[::2], path.split(".")[1::2]
        if len(fields) == len(types):
            msg = f"{path!r} does not say through which type it goes: write link.Type.field, such as entity.Shot.code."
            raise NotFoundError(msg)
        owner = entity_type
        for field, through in zip(fields, types):
            _check_step(owner, field, self._field(owner, field), through)
            owner = through
        return self._field(owner, fields[-1])

    def data_type(self, entity_type: str, path: str) -> Optional[str]:
        """
        Return the data type of what a path leads to. None: there is no such field, and ``"id"`` is a number.
        """
        parts = path.split(".")
        if len(parts) > 1:
            entity_type = parts[-2]
        found = self.fields(entity_type).get(parts[-1])
        return None if found is None else str(_fact(found, "data_type"))

    def first_list(self, entity_type: str, path: str) -> Optional[int]:
        """
        Return where in a path, as the number of its parts up to there, a list of links is passed. None: nowhere.
        """
        parts = path.split(".")
        for at in range(0, len(parts) - 1, 2):
            owner = entity_type if at == 0 else parts[at - 1]
            found = self.fields(owner).get(parts[at])
            if found is not None and _fact(found, "data_type") == "multi_entity":
                return at + 1
        return None

    # --- Reading it

    def _types(self) -> Dict[str, Described]:
        return self._get("", lambda: self._sg.schema_entity_read(*self._where), self._max_age)

    def _fields(self, entity_type: str, max_age: float) -> Dict[str, Described]:
        return self._get(entity_type, lambda: self._read(entity_type), max_age)

    def _get(self, part: str, read: Callable[[], Described], max_age: float) -> Described:
        file = None
        if self._folder is not None and re.fullmatch(r"\w*", part, re.ASCII):
            digest = sha256(repr(self._who).encode()).hexdigest()[:16]
            file = _File(Path(self._folder).expanduser() / f"{part or 'types'}-{digest}.json")
        return self._kept.get((self._who, part), read, max_age=max_age, file=file)

    def _read(self, entity_type: str) -> Described:
        try:
            found: Described = self._sg.schema_field_read(entity_type, *((None, *self._where) if self._where else ()))
        except ShotgunError as error:
            unknown = self._unknown_type(entity_type)
            if unknown is None:
                raise
            raise unknown from error
        return {"id": _ID, **found}

    def _unknown_type(self, entity_type: str) -> Optional[NotFoundError]:
        """
        Return how to say that there is no such entity type, or None if there is.
        """
        described = self._types()
        if entity_type in described:
            return None
        # People know CustomEntity05 by its label, which may be Delivery.
        labels = {str(_fact(each, "name")): name for name, each in described.items()}
        hint = did_you_mean(entity_type, [*labels, *described], labels)
        site = getattr(self._sg, "base_url", "the site")
        return NotFoundError(f"There is no entity type {entity_type!r} on {site}.{hint}")

    def _field(self, owner: str, field: str) -> Described:
        known = self.fields(owner)
        if field not in known:
            known = self._fields(owner, min(LOOK_AGAIN_AFTER, self._max_age))  # it may be new
        if field not in known:
            labels = {str(_fact(known[name], "name")): name for name in reversed(list(known))}  # the first counts
            hint = did_you_mean(field, [*labels, *known], labels)
            msg = f"{owner} has no field {field!r}.{hint}"
            raise NotFoundError(msg)
        return known[field]


def _check_step(owner: str, field: str, described: Described, through: str) -> None:
    """
    Refuse a path that goes through a field to a type that it does not link to.
    """
    if _fact(described, "data_type") not in _LINKS:
        msg = f"{owner}.{field} is no link: nothing lies behind it."
        raise NotFoundError(msg)
    types = _valid_types(described)
    if types is not None and through not in types:
        hint = did_you_mean(through, types) or f" It links to {', '.join(types)}."
        msg = f"{owner}.{field} does not link to {through!r}.{hint}"
        raise NotFoundError(msg)


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


def _valid_types(described: Described) -> Optional[List[str]]:
    types = _fact(described.get("properties", {}), "valid_types", default=None)
    return list(types) if types and _ANY_TYPE not in types else None


def did_you_mean(word: str, known: Iterable[str], meaning: Optional[Mapping[str, str]] = None) -> str:
    """
    Return a hint at the known word that is nearest to one that is not known, or nothing where none is near.

    Args:
        word: What is not known.

        known: What it may be.

        meaning: What to hint at instead of a known word.
    """
    by_lower = {each.lower(): each for each in known}
    typed = word.lower()
    close = difflib.get_close_matches(typed, by_lower)
    if not close:
        return ""

    def nearness(each: str) -> Tuple[float, bool]:  # of those that are equally near, one that was begun goes before
        return difflib.SequenceMatcher(None, each, typed).ratio(), each.startswith(typed)

    nearest = by_lower[max(close, key=nearness)]
    return f" Did you mean {(meaning or {}).get(nearest, nearest)!r}?"


# --- On disk


@frozen(eq=False, repr=False)  # each method that attrs makes costs time at import
class _File:
    """
    A part of a schema on disk, as JSON. What somebody else could have written is not believed.
    """

    path: Path

    def read(self) -> Optional[Tuple[float, Described]]:
        """
        Return when it was read and what, or None where it is not there or broken.

        Raises:
            ConfigurationError: Others may write to the folder.
        """
        self._check_folder()
        try:
            with self.path.open(encoding="utf-8") as stream:
                if not _is_ours(os.fstat(stream.fileno())):
                    LOG.warning("%s is not used: others may write to it.", self.path)
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
        Write it, or say in the log why not: the schema is there all the same.
        """
        try:
            with _replacing(self.path) as stream:
                json.dump({"read_at": read_at, "schema": schema}, stream, ensure_ascii=False)
        except OSError as error:
            LOG.warning("The schema is not kept on disk: %s", error)

    def _check_folder(self) -> None:
        folder = self.path.parent
        with contextlib.suppress(OSError):  # which writing tells
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(folder.stat()):
                msg = (
                    f"The schema is not kept in {str(folder)!r}, since others may write there: give a folder of your "
                    "own as schema_folder, or take their right with chmod go-w."
                )
                raise ConfigurationError(msg)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """
    Write a file that takes its place when it is whole; its owner alone may read it.
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
    if os.name != "posix":  # elsewhere a user's folders are the user's
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
