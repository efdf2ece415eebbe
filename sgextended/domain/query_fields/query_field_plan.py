"""
Read the definitions of query fields from the schema, plan the find that they need, and set their values in rows.
"""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from sgextended.domain.arguments import PEOPLE, Entity, Row, fields_of, to_link
from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.query_fields.compute import NotComputed, compute
from sgextended.domain.query_fields.row_owners import Owner
from sgextended.domain.query_fields.saved_filters import (
    CannotCompute,
    Key,
    Placeholder,
    key_of,
    read_filter,
)
from sgextended.domain.query_fields.site_requests import QueryFieldDefinition
from sgextended.errors import InvalidArgumentError
from sgextended.schema.site_schema import SiteSchema


class _FieldLocation(NamedTuple):
    """
    The location of a query field relative to the rows.

    Attributes:
        link: The link field that leads to the owner. None: the row itself is the owner.

        owner_type: Type of the owner.

        field: The name of the query field.
    """

    link: Optional[str]
    owner_type: str
    field: str

    @property
    def project(self) -> str:
        """
        The field path from the rows to the project of the owner.
        """
        return "project" if self.link is None else f"{self.link}.{self.owner_type}.project"


class FieldPlan(NamedTuple):
    """
    The fields of one ``find``.

    Attributes:
        requested: Fields to request: those that the caller wants without query fields, plus *extra*. None: the default.

        query_fields: Query fields to compute.

        extra: Fields that are requested only to compute query fields; they are removed from the rows.
    """

    requested: Optional[List[str]]
    query_fields: List[str]
    extra: List[str]


class QueryFieldReader:
    """
    Compute query fields for one call. The schema and the current user are read once.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: Type of the rows.

        user: The person for whom "Me" stands. None: the current user.
    """

    schema: SiteSchema

    def __init__(self, sg: Any, entity_type: str, user: Optional[Entity] = None) -> None:
        self._sg, self._type = sg, entity_type
        self._user: Any = None if user is None else to_link(user, "user", PEOPLE)
        self._definitions: Dict[str, Any] = {}
        self.schema = SiteSchema(sg)

    def for_type(self, entity_type: str) -> "QueryFieldReader":
        """
        Return a reader for rows of another type, with the same schema and user.
        """
        other = QueryFieldReader(self._sg, entity_type)
        other.schema, other._user = self.schema, self._user
        return other

    def me(self) -> Any:
        """
        Return the link to the person for whom "Me" stands.

        Raises:
            CannotCompute: The current user is a script or unknown.
        """
        if self._user is None:
            try:
                self._user = current_user(self._sg)
            except CannotCompute as error:
                self._user = error
        if isinstance(self._user, CannotCompute):
            raise CannotCompute(str(self._user))
        return self._user

    def all_names(self) -> List[str]:
        """
        Return the names of all query fields of the entity type.
        """
        return [name for name in self.schema.fields(self._type) if self.is_query_field(name)]

    def is_query_field(self, path: str) -> bool:
        """
        Return whether a path leads to a query field that the site does not compute itself.
        """
        location = self._location(path)
        described = self.schema.fields(location.owner_type).get(location.field)
        if described is None or described["data_type"]["value"] != "summary" or location.field == "open_notes_count":
            return False
        return bool(_property(described, "query"))

    def plan(self, fields: Optional[Iterable[str]]) -> FieldPlan:
        """
        Return the plan for a ``find`` with *fields*.
        """
        if fields is None:
            return FieldPlan(None, [], [])
        wanted = fields_of(fields)
        computed = [path for path in wanted if self._may_be(path) and self.is_query_field(path)]
        others = [path for path in wanted if path not in computed]
        extra = [path for path in self._needed(computed) if path not in others]
        return FieldPlan([*others, *extra], computed, extra)

    def finish(self, rows: List[Row], plan: FieldPlan) -> List[Row]:
        """
        Set the query fields in rows that were found by the plan, and return the rows.
        """
        if rows and plan.query_fields:
            self.add(rows, plan.query_fields)
            for row in rows:
                for path in plan.extra:
                    row.pop(path, None)
        return rows

    def add(self, rows: Sequence[Row], paths: Sequence[str]) -> None:
        """
        Set the values of query fields in rows of the entity type.
        """
        owner_rows = self._owner_rows(rows, self._needed(paths))
        jobs: List[Tuple[QueryFieldDefinition, List[Owner]]] = []
        targets: List[Tuple[str, List[Optional[int]]]] = []
        for path in paths:
            location = self._location(path)
            try:
                definition = self._definition(location)
                self._check_no_list(location)
            except CannotCompute as error:
                for row in rows:
                    row[path] = NotComputed(f"{location.owner_type}.{location.field}", str(error))
                continue
            owners: Dict[Key, Owner] = {}
            numbers: List[Optional[int]] = []
            at: Dict[Key, int] = {}
            for row, owner_row in zip(rows, owner_rows):
                owner = _owner(row, owner_row, location, needs_project=Placeholder.PROJECT in definition.placeholders)
                if owner is None:
                    numbers.append(None)
                    continue
                if owner.key not in at:
                    at[owner.key] = len(at)
                    owners[owner.key] = owner
                numbers.append(at[owner.key])
            jobs.append((definition, list(owners.values())))
            targets.append((path, numbers))
        for (path, numbers), values in zip(targets, compute(self._sg, self.schema, jobs)):
            for row, number in zip(rows, numbers):
                row[path] = None if number is None else values[number]

    def _may_be(self, path: str) -> bool:
        # Invalid names are passed on to find, which ignores them.
        parts = path.split(".")
        return len(parts) % 2 == 1 and all(part[:1].isupper() for part in parts[1::2])

    def _location(self, path: str) -> _FieldLocation:
        if not self._may_be(path):
            msg = (
                f"{path!r} is not a field. A dotted field consists of link, type and field, such as 'entity.Shot.code'."
            )
            raise InvalidArgumentError(msg)
        parts = path.split(".")
        if len(parts) == 1:
            return _FieldLocation(None, self._type, path)
        return _FieldLocation(".".join(parts[:-2]), parts[-2], parts[-1])

    def _check_no_list(self, location: _FieldLocation) -> None:
        link = location.link
        if link is None:
            return
        passed = self.schema.first_list(self._type, f"{link}.{location.owner_type}.id")
        if passed is not None:
            msg = f"it is behind {'.'.join(link.split('.')[:passed])}, a list of links, and so has no single value"
            raise CannotCompute(msg)

    def _definition(self, location: _FieldLocation) -> QueryFieldDefinition:
        name = f"{location.owner_type}.{location.field}"
        if name not in self._definitions:
            try:
                self._definitions[name] = self._read_definition(name, location)
            except CannotCompute as error:
                self._definitions[name] = error
        found = self._definitions[name]
        if isinstance(found, CannotCompute):
            raise CannotCompute(str(found))
        return found  # type: ignore[no-any-return]

    def _read_definition(self, name: str, location: _FieldLocation) -> QueryFieldDefinition:
        described = self.schema.fields(location.owner_type)[location.field]
        query = _property(described, "query")
        found_type = query.get("entity_type") if isinstance(query, dict) else None
        if not isinstance(found_type, str):
            msg = f"its query has an unknown form: {query!r:.80}"
            raise CannotCompute(msg)
        has_project = "project" in self.schema.fields(found_type)
        tree = read_filter(query.get("filters"), self._fill, has_project=has_project)
        return QueryFieldDefinition(
            name=name,
            found_type=found_type,
            tree=tree,
            kind=str(_property(described, "summary_default") or "none"),
            field=_property(described, "summary_field") or "id",
            value=_property(described, "summary_value"),
        )

    def _fill(self, placeholder: Placeholder) -> Any:
        return self.me() if placeholder is Placeholder.ME else placeholder

    def _needed(self, paths: Iterable[str]) -> List[str]:
        """
        Return the fields of the rows that identify the owners of the query fields and their projects.
        """
        needed: List[str] = []
        for path in paths:
            location = self._location(path)
            try:
                definition = self._definition(location)
                self._check_no_list(location)
            except CannotCompute:
                continue
            if location.link is not None:
                needed.append(location.link)
            if Placeholder.PROJECT in definition.placeholders and "project" in self.schema.fields(location.owner_type):
                needed.append(location.project)
        return list(dict.fromkeys(needed))

    def _owner_rows(self, rows: Sequence[Row], needed: List[str]) -> Sequence[Row]:
        """
        Return rows with the *needed* fields: the given rows if they have them, or else rows from a new find.
        """
        if all(name in row for row in rows for name in needed):
            return rows
        ids = list(dict.fromkeys(row["id"] for row in rows))
        found: Dict[int, Row] = {}
        for start in range(0, len(ids), PAGE_SIZE):
            for row in self._sg.find(self._type, [["id", "in", ids[start : start + PAGE_SIZE]]], needed):
                found[row["id"]] = row
        return [found.get(row["id"], row) for row in rows]


def _owner(row: Row, owner_row: Row, location: _FieldLocation, *, needs_project: bool) -> Optional[Owner]:
    link = row if location.link is None else owner_row.get(location.link)
    if not isinstance(link, dict) or link.get("type") != location.owner_type:
        return None
    project = owner_row.get(location.project) if needs_project else None
    if location.owner_type == "Project":
        project = link
    return Owner(key_of(link), key_of(project) if isinstance(project, dict) else None)


def _property(described: Dict[str, Any], name: str) -> Any:
    found = (described.get("properties") or {}).get(name)
    return found.get("value") if isinstance(found, dict) else found


def current_user(sg: Any) -> Row:
    """
    Return the link to the person for whom a client acts. The call costs a request.

    Raises:
        CannotCompute: The client acts for a script, or its user is unknown.
    """
    config = getattr(sg, "config", None)
    login = getattr(config, "sudo_as_login", None) or getattr(config, "user_login", None)
    if not isinstance(login, str) or not login:
        msg = "it refers to Me, and the current user of this client is a script or unknown; pass user="
        raise CannotCompute(msg)
    found = sg.find("HumanUser", [["login", "is", login]], ["login"])
    if not found:
        msg = f"it refers to Me, and the site returns no person with the login {login!r}; pass user="
        raise CannotCompute(msg)
    return {"type": "HumanUser", "id": found[0]["id"]}
