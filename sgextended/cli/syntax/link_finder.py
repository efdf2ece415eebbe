"""
The entity that a typed text means: its id, ``Shot:123``, the address of its web page, or its name.
"""

import re
from typing import Any, Dict, List, Optional, Sequence

from attrs import field, frozen

from sgextended import NotFoundError, SGExtended
from sgextended.domain.resolve import NAMED_TYPES
from sgextended.errors import InvalidArgumentError
from sgextended.schema.name_fields import name_fields
from sgextended.schema.site_schema import SiteSchema, did_you_mean

#: The types that are searched for a name if a field links to many types.
_COMMON_TYPES = (*NAMED_TYPES, "Task", "Version", "HumanUser", "Group", "Playlist")
_MAX_TYPES = 6
_SHOWN = 10
_SIMILAR = 500  # names to choose suggestions from

_TYPE_AND_ID = re.compile(r"([A-Z]\w*)\s*:\s*(\d+)")
_TYPE_AND_NAME = re.compile(r"([A-Z]\w*):(\S.*)")
_ID = re.compile(r"[1-9]\d*")


def link_in(text: str) -> Optional[Dict[str, Any]]:
    """
    Return the link in a text such as ``Shot:123``, or None.
    """
    found = _TYPE_AND_ID.fullmatch(text.strip())
    return {"type": found.group(1), "id": int(found.group(2))} if found else None


def is_address(text: str) -> bool:
    """
    Return whether a text is the address of a web page.
    """
    return "://" in text


@frozen
class LinkFinder:
    """
    Finds entities by what people type for them.

    Attributes:
        sg: The client.

        schema: The schema of the site.

        projects: Links to projects. A name is searched there first.
    """

    sg: SGExtended
    schema: SiteSchema
    projects: Sequence[Dict[str, Any]] = field(default=())

    def find(
        self, text: str, types: Optional[Sequence[str]], *, retired: bool = False, numbers_are_ids: bool = False
    ) -> Dict[str, Any]:
        """
        Return the link that a text means.

        Args:
            text: ``Shot:123``, an address, ``me`` for the current user, a name, ``Shot:NAME``, or ``PARENT/NAME``, as
                ``sh010/Animation`` for a task of a shot.

            types: The entity types that are allowed. None: any.

            retired: Whether to search retired entities instead of the others.

            numbers_are_ids: Whether a number is an id of the only type, and not a name.

        Raises:
            NotFoundError: No entity has the name.

            InvalidArgumentError: Several entities have the name, or the entity is of another type.
        """
        text = text.strip()
        if text.lower() == "me" and types is not None and not {"HumanUser", "ApiUser"}.isdisjoint(types):
            return self._me(types)
        if numbers_are_ids and types is not None and len(types) == 1 and _ID.fullmatch(text):
            return {"type": types[0], "id": int(text)}
        link = link_in(text)
        if link is None and is_address(text):
            link = self._at_address(text, types)
        if link is not None:
            if types is not None and link["type"] not in types:
                msg = f"{text!r:.200} is of the type {link['type']}, but {' or '.join(types)} is expected here."
                raise InvalidArgumentError(msg)
            return {"type": link["type"], "id": link["id"]}
        named = _TYPE_AND_NAME.fullmatch(text)
        if named and (named.group(1) in types if types is not None else named.group(1) in self.schema.entity_types()):
            return self._find_by_name(named.group(2), [named.group(1)], retired=retired)
        return self._find_by_name(text, self._searched(types), retired=retired)

    def _me(self, types: Sequence[str]) -> Dict[str, Any]:
        """
        Return the current user.
        """
        user = self.sg.me()
        if user["type"] not in types:
            msg = f"'me' is the {user['type']} {user['id']}, but {' or '.join(types)} is expected here. Write a name."
            raise InvalidArgumentError(msg)
        return {"type": user["type"], "id": user["id"]}

    def _at_address(self, text: str, types: Optional[Sequence[str]]) -> Dict[str, Any]:
        try:
            return self.sg.resolve(text, entity_type=None if types is None else list(types), fields=["id"])
        except InvalidArgumentError as error:
            message = str(error).replace("Use a client for that site.", "Name that site with --profile.")
            raise InvalidArgumentError(message.replace(", as entity_type= requires", "")) from error

    def name_fields(self, entity_type: str) -> List[str]:
        """
        Return the fields of an entity type that have the name of an entity, the main one first.
        """
        return list(name_fields(entity_type, self.schema.fields(entity_type)))

    def _searched(self, types: Optional[Sequence[str]]) -> List[str]:
        if types is not None and len(types) <= _MAX_TYPES:
            return list(types)
        return [name for name in _COMMON_TYPES if types is None or name in types]

    def _find_by_name(self, name: str, types: Sequence[str], *, retired: bool) -> Dict[str, Any]:
        if not name:
            msg = "An empty text does not name an entity. Write its name, its id, or the address of its page."
            raise InvalidArgumentError(msg)
        found = self._search(name, types, retired=retired)
        parent, slash, own = name.rpartition("/")
        if not found and slash and parent and own:
            found = self._search(own, types, retired=retired, parent=parent)
        exact = [row for row in found if name in self._names(row)]
        if len(found) > 1 and len(exact) == 1:
            found = exact
        if not found:
            kind = " or ".join(types) if len(types) <= _MAX_TYPES else "entity"
            what = f"retired {kind}" if retired else kind
            msg = f"There is no {what} with the name {name!r:.200}.{self._suggestion(name, types, retired=retired)}"
            raise NotFoundError(msg)
        if len(found) > 1:
            raise InvalidArgumentError(self._ambiguous(name, found))
        return {"type": found[0]["type"], "id": found[0]["id"], "name": (self._names(found[0]) or [name])[0]}

    def _search(
        self, name: str, types: Sequence[str], *, retired: bool, parent: Optional[str] = None
    ) -> List[Dict[str, Any]]:
        found: List[Dict[str, Any]] = []
        for entity_type in types:
            fields, known = self.name_fields(entity_type), self.schema.fields(entity_type)
            if not fields:
                continue
            filters: List[Any] = [{"filter_operator": "any", "filters": [[each, "is", name] for each in fields]}]
            above = [each for each in ("entity", "project") if each in known]
            if parent is not None:
                if not above:
                    continue
                filters.append([above[0], "name_is", parent])
            if self.projects and "project" in known:
                inside = [*filters, ["project", "in", list(self.projects)]]
                rows = self._rows(entity_type, inside, [*fields, *above], retired=retired)
                rows = rows or self._rows(entity_type, filters, [*fields, *above], retired=retired)
            else:
                rows = self._rows(entity_type, filters, [*fields, *above], retired=retired)
            found += rows
        return found

    def _rows(
        self, entity_type: str, filters: List[Any], fields: List[str], *, retired: bool, limit: int = _SHOWN + 1
    ) -> List[Dict[str, Any]]:
        return self.sg.find(entity_type, filters, fields, limit=limit, retired_only=retired)

    def _names(self, row: Dict[str, Any]) -> List[str]:
        return [row[each] for each in self.name_fields(row["type"]) if row.get(each)]

    def _suggestion(self, name: str, types: Sequence[str], *, retired: bool) -> str:
        known: List[str] = []
        for entity_type in types[:_MAX_TYPES]:
            fields = self.name_fields(entity_type)
            filters: List[Any] = []
            if self.projects and "project" in self.schema.fields(entity_type):
                filters.append(["project", "in", list(self.projects)])
            if fields:
                near = [*filters, [fields[0], "starts_with", name[:2]]]
                rows = self._rows(entity_type, near, fields, retired=retired, limit=_SIMILAR)
                rows = rows or self._rows(entity_type, filters, fields, retired=retired, limit=_SIMILAR)
                known += [each for row in rows for each in self._names(row)]
        return did_you_mean(name, known)

    def _ambiguous(self, name: str, found: Sequence[Dict[str, Any]]) -> str:
        lines, other = [], "its page's address"
        for row in found[:_SHOWN]:
            above = [row[each]["name"] for each in ("entity", "project") if row.get(each) and row[each].get("name")]
            names = self._names(row) or [name]
            if row.get("entity") and above:
                other = f"PARENT/NAME, such as {above[0]}/{names[0]}"
            lines.append(f"\n  {row['type']}:{row['id']}  {names[0]}" + (f" ({', '.join(above)})" if above else ""))
        more = f"more than {_SHOWN}" if len(found) > _SHOWN else str(len(found))
        first = f"{found[0]['type']}:{found[0]['id']}"
        return (
            f"{more[0].upper()}{more[1:]} entities have the name {name!r:.200}. Write one of these instead, such as "
            f"{first}, or {other}:{''.join(lines)}"
        )
