"""
Check names of statuses, list values, steps, departments and file types that a search was given.

A site finds nothing for a name that does not exist, and reports no error. This module looks up the names that exist:
in the schema, or in the rows of a type such as Step. Each look is cached like the schema.
"""

import re
import time
import weakref
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from sgextended.domain.client_kinds import Finder, can_summarize, is_refusal
from sgextended.errors import CallError, InvalidArgumentError, NotFoundError
from sgextended.schema.site_schema import SchemaCache, SiteSchema, did_you_mean

# How codes of statuses look. Other texts, such as "In Progress", are looked up before the search.
_CODE = r"[a-z0-9_]{1,6}"
_SHOWN = 40  # maximum number of names in an error
_MAX_AGE = 3600.0  # seconds; for clients without a schema cache

_CACHES: "weakref.WeakKeyDictionary[Any, SchemaCache]" = weakref.WeakKeyDictionary()


class Choice:  # attrs would generate its methods at each import
    """
    Values of a status or list field of an entity type, any of which may match.
    """

    __slots__ = ("entity_type", "field", "is_status", "values")

    def __init__(self, entity_type: str, field: str, values: Tuple[str, ...], *, is_status: bool) -> None:
        self.entity_type, self.field, self.values, self.is_status = entity_type, field, values, is_status

    @property
    def may_be_label(self) -> bool:
        """
        Whether one of the values looks like the label of a status rather than its code.
        """
        return self.is_status and not all(re.fullmatch(_CODE, value) for value in self.values)

    @property
    def condition(self) -> List[Any]:
        """
        The native condition.
        """
        return [self.field, "is", self.values[0]] if len(self.values) == 1 else [self.field, "in", list(self.values)]


class Named:
    """
    Names of entities of a type, such as Step; each entity is known by several fields.
    """

    __slots__ = ("entity_type", "fields", "names")

    def __init__(self, entity_type: str, fields: Tuple[str, ...], names: Tuple[str, ...]) -> None:
        self.entity_type, self.fields, self.names = entity_type, fields, names


class KnownNames:
    """
    The names that a site knows.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).
    """

    def __init__(self, sg: Finder) -> None:
        self._sg: Any = sg

    def checked(self, choice: Choice) -> Choice:
        """
        Return the choice with the codes of the statuses whose labels were given.

        Raises:
            InvalidArgumentError: A value does not exist in the field, or is the label of several statuses.
        """
        values = self._look(lambda schema, max_age: _values(schema, max_age, choice), choice.values)
        return Choice(choice.entity_type, choice.field, values, is_status=choice.is_status)

    def check_names(self, named: Named) -> None:
        """
        Raise InvalidArgumentError if an entity of one of the names does not exist.
        """

        def read(schema: SiteSchema, max_age: Optional[float]) -> Any:
            rows = schema.cached_rows(named.entity_type, named.fields, max_age)
            known = {row[field].casefold() for row in rows for field in named.fields if row.get(field)}
            unknown = [name for name in named.names if name.casefold() not in known]
            if not unknown or not known:
                return named.names
            return _error(
                unknown[0], f"the name of a {named.entity_type}", dict(_pair(row, named.fields) for row in rows)
            )

        self._look(read, named.names)

    def check_entity_types(self, names: Iterable[str]) -> None:
        """
        Raise InvalidArgumentError if the site does not have an entity type.
        """

        def read(schema: SiteSchema, _max_age: Optional[float]) -> Any:
            known = schema.entity_types()
            unknown = [name for name in names if name not in known]
            return _error(unknown[0], "an entity type of this site", dict.fromkeys(known, "")) if unknown else ()

        self._look(read, ())

    def _look(self, read: Callable[[SiteSchema, Optional[float]], Any], otherwise: Tuple[str, ...]) -> Any:
        """
        Return the result of *read*; read again before an error is raised, because what was cached may be out of date.
        """
        if not can_summarize(self._sg):  # a Mockgun has only the rows that a test has made
            return otherwise
        schema, began = schema_of(self._sg), time.time()
        try:
            found = read(schema, None)
            if isinstance(found, Exception):
                found = read(schema, time.time() - began)
        except NotFoundError:  # the search reports an unknown field
            return otherwise
        except CallError as error:
            if is_refusal(error):  # this user may search, but not read the names
                return otherwise
            raise
        if isinstance(found, Exception):
            raise found
        return found


def _values(schema: SiteSchema, max_age: Optional[float], choice: Choice) -> Any:
    properties = schema.fields(choice.entity_type, max_age)[choice.field].get("properties", {})
    codes = [str(value) for value in _value(properties, "valid_values") or ()]
    if not codes:
        return choice.values
    by_case = {code.casefold(): code for code in codes}
    labels = {code: label for code, label in dict(_value(properties, "display_values") or {}).items() if code in codes}
    if choice.is_status and any(value.casefold() not in by_case for value in choice.values):
        rows = [] if set(labels) >= set(codes) else schema.cached_rows("Status", ("code", "name"), max_age)
        labels = {**{row["code"]: row["name"] for row in rows if row["code"] in codes and row.get("name")}, **labels}
    found: Dict[str, None] = {}
    for value in choice.values:
        wanted = value.casefold()
        meant = [code for code in codes if str(labels.get(code, "")).casefold() == wanted]
        if wanted in by_case:
            meant = [by_case[wanted]]
        if len(meant) > 1:
            msg = f"{value!r} is the name of several statuses of {choice.entity_type}. Pass a code: {', '.join(meant)}."
            return InvalidArgumentError(msg)
        if not meant:
            what = f"a valid value of {choice.entity_type}.{choice.field}"
            return _error(value, what, {code: labels.get(code, "") for code in codes})
        found[meant[0]] = None
    return tuple(found)


def _value(properties: Mapping[str, Any], name: str) -> Any:
    return properties.get(name, {}).get("value")


def _pair(row: Mapping[str, Any], fields: Sequence[str]) -> Tuple[str, str]:
    names = [str(row[field]) for field in fields if row.get(field)]
    return (names[0], names[1] if len(names) > 1 else "") if names else ("", "")


def _error(value: str, what: str, known: Mapping[str, str]) -> InvalidArgumentError:
    """
    Return an error for an unknown name.

    Args:
        value: The unknown name.

        what: What it is not.

        known: The names that exist, each with a second name or "".
    """
    hint = did_you_mean(value, [name for pair in known.items() for name in pair if name])
    names = [f"{name!r} ({label})" if label and label != name else repr(name) for name, label in known.items() if name]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    msg = f"{value!r:.80} is not {what}, so nothing can match.{hint} Known names: {', '.join(names[:_SHOWN])}{more}."
    return InvalidArgumentError(msg)


def schema_of(sg: Any) -> SiteSchema:
    """
    Return the cached schema of a client's site.
    """
    own = getattr(sg, "site_schema", None)
    if own is not None:  # an SGExtended
        schema: SiteSchema = own()
        return schema
    try:
        cache = _CACHES.setdefault(sg, SchemaCache())
    except TypeError:  # a client without a hash or weak references
        cache = SchemaCache()
    return SiteSchema(sg, cache=cache, max_age=_MAX_AGE)
