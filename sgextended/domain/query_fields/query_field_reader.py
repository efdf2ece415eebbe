"""
The work of one call about query fields: read their definitions from the schema, and set their values in rows.
"""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from sgextended.domain.arguments import PEOPLE, Entity, Row, fields_of, to_link
from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.query_fields.compute import NotComputed, compute
from sgextended.domain.query_fields.saved_filters import (
    Key,
    Owner,
    Unanswerable,
    Word,
    current_user,
    key_of,
    read_filter,
)
from sgextended.domain.query_fields.site_requests import Summary
from sgextended.errors import InvalidArgumentError
from sgextended.schema.site_schema import SiteSchema


class _Place(NamedTuple):
    """
    Where a query field stands, as seen from the rows: behind which link, in which type.
    """

    link: Optional[str]
    owner_type: str
    field: str

    @property
    def project(self) -> str:
        """
        The field of the rows that is the project of what has the query field.
        """
        return "project" if self.link is None else f"{self.link}.{self.owner_type}.project"


class Plan(NamedTuple):
    """
    What is asked of ``find``: the fields that were wanted, less the query fields, plus what these need.
    """

    asked: Optional[List[str]]
    query_fields: List[str]
    extra: List[str]


class Asking:
    """
    One call about query fields: what it knows of the schema and of who asks, so that each is looked up once.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: Type of the rows.

        user: Whom "Me" stands for.
    """

    def __init__(self, sg: Any, entity_type: str, user: Optional[Entity] = None) -> None:
        self._sg, self._type = sg, entity_type
        self._user: Any = None if user is None else to_link(user, "user", PEOPLE)
        self._summaries: Dict[str, Any] = {}
        self.schema = SiteSchema(sg)

    def about(self, entity_type: str) -> "Asking":
        """
        Return the same for rows of another type.
        """
        other = Asking(self._sg, entity_type)
        other.schema, other._user = self.schema, self._user
        return other

    def me(self) -> Any:
        """
        Return the link to whom "Me" stands for.

        Raises:
            Unanswerable: Nobody knows.
        """
        if self._user is None:
            try:
                self._user = current_user(self._sg)
            except Unanswerable as error:
                self._user = error
        if isinstance(self._user, Unanswerable):
            raise Unanswerable(str(self._user))
        return self._user

    def all_names(self) -> List[str]:
        """
        Return the type's own query fields.
        """
        return [name for name in self.schema.fields(self._type) if self.is_query_field(name)]

    def is_query_field(self, path: str) -> bool:
        """
        Tell whether a path leads to a query field which the site does not compute by itself.
        """
        place = self._place(path)
        described = self.schema.fields(place.owner_type).get(place.field)
        if described is None or described["data_type"]["value"] != "summary" or place.field == "open_notes_count":
            return False
        return bool(_property(described, "query"))

    def plan(self, fields: Optional[Iterable[str]]) -> Plan:
        """
        Return what to ask of ``find`` for the sake of *fields*.
        """
        if fields is None:
            return Plan(None, [], [])
        wanted = fields_of(fields)
        computed = [path for path in wanted if self._may_be(path) and self.is_query_field(path)]
        others = [path for path in wanted if path not in computed]
        extra = [path for path in self._needed(computed) if path not in others]
        return Plan([*others, *extra], computed, extra)

    def finish(self, rows: List[Row], plan: Plan) -> List[Row]:
        """
        Set the query fields of rows that were found as planned, and return the rows.
        """
        if rows and plan.query_fields:
            self.add(rows, plan.query_fields)
            for row in rows:
                for path in plan.extra:
                    row.pop(path, None)
        return rows

    def add(self, rows: Sequence[Row], paths: Sequence[str]) -> None:
        """
        Set query fields in rows of the type.
        """
        facts = self._facts(rows, self._needed(paths))
        jobs: List[Tuple[Summary, List[Owner]]] = []
        targets: List[Tuple[str, List[Optional[int]]]] = []
        for path in paths:
            place = self._place(path)
            try:
                summary = self._summary(place)
                self._check_way(place)
            except Unanswerable as error:
                for row in rows:
                    row[path] = NotComputed(f"{place.owner_type}.{place.field}", str(error))
                continue
            owners: Dict[Key, Owner] = {}
            numbers: List[Optional[int]] = []
            at: Dict[Key, int] = {}
            for row, fact in zip(rows, facts):
                owner = _owner(row, fact, place, needs_project=Word.PROJECT in summary.words)
                if owner is None:
                    numbers.append(None)
                    continue
                if owner.key not in at:
                    at[owner.key] = len(at)
                    owners[owner.key] = owner
                numbers.append(at[owner.key])
            jobs.append((summary, list(owners.values())))
            targets.append((path, numbers))
        for (path, numbers), values in zip(targets, compute(self._sg, self.schema, jobs)):
            for row, number in zip(rows, numbers):
                row[path] = None if number is None else values[number]

    def _may_be(self, path: str) -> bool:
        # Names that lead nowhere are left to find, which ignores them.
        parts = path.split(".")
        return len(parts) % 2 == 1 and all(part[:1].isupper() for part in parts[1::2])

    def _place(self, path: str) -> _Place:
        if not self._may_be(path):
            msg = f"{path!r} is no field: a dotted one is made of link, type and field, as 'entity.Shot.code'."
            raise InvalidArgumentError(msg)
        parts = path.split(".")
        if len(parts) == 1:
            return _Place(None, self._type, path)
        return _Place(".".join(parts[:-2]), parts[-2], parts[-1])

    def _check_way(self, place: _Place) -> None:
        link = place.link
        if link is None:
            return
        passed = self.schema.first_list(self._type, f"{link}.{place.owner_type}.id")
        if passed is not None:
            msg = f"it lies behind {'.'.join(link.split('.')[:passed])}, a list of links, and has no single value"
            raise Unanswerable(msg)

    def _summary(self, place: _Place) -> Summary:
        name = f"{place.owner_type}.{place.field}"
        if name not in self._summaries:
            try:
                self._summaries[name] = self._read_summary(name, place)
            except Unanswerable as error:
                self._summaries[name] = error
        found = self._summaries[name]
        if isinstance(found, Unanswerable):
            raise Unanswerable(str(found))
        return found  # type: ignore[no-any-return]

    def _read_summary(self, name: str, place: _Place) -> Summary:
        described = self.schema.fields(place.owner_type)[place.field]
        query = _property(described, "query")
        found_type = query.get("entity_type") if isinstance(query, dict) else None
        if not isinstance(found_type, str):
            msg = f"its query is not understood: {query!r:.80}"
            raise Unanswerable(msg)
        has_project = "project" in self.schema.fields(found_type)
        tree = read_filter(query.get("filters"), self._fill, has_project=has_project)
        return Summary(
            name=name,
            found_type=found_type,
            tree=tree,
            kind=str(_property(described, "summary_default") or "none"),
            field=_property(described, "summary_field") or "id",
            value=_property(described, "summary_value"),
        )

    def _fill(self, word: Word) -> Any:
        return self.me() if word is Word.ME else word

    def _needed(self, paths: Iterable[str]) -> List[str]:
        """
        Return the fields of the rows that tell what has the query fields, and its project.
        """
        needed: List[str] = []
        for path in paths:
            place = self._place(path)
            try:
                summary = self._summary(place)
                self._check_way(place)
            except Unanswerable:
                continue
            if place.link is not None:
                needed.append(place.link)
            if Word.PROJECT in summary.words and "project" in self.schema.fields(place.owner_type):
                needed.append(place.project)
        return list(dict.fromkeys(needed))

    def _facts(self, rows: Sequence[Row], needed: List[str]) -> Sequence[Row]:
        """
        Return what tells whose the fields are: the rows themselves, or what is found for them.
        """
        if all(name in row for row in rows for name in needed):
            return rows
        ids = list(dict.fromkeys(row["id"] for row in rows))
        found: Dict[int, Row] = {}
        for start in range(0, len(ids), PAGE_SIZE):
            for row in self._sg.find(self._type, [["id", "in", ids[start : start + PAGE_SIZE]]], needed):
                found[row["id"]] = row
        return [found.get(row["id"], row) for row in rows]


def _owner(row: Row, fact: Row, place: _Place, *, needs_project: bool) -> Optional[Owner]:
    link = row if place.link is None else fact.get(place.link)
    if not isinstance(link, dict) or link.get("type") != place.owner_type:
        return None
    project = fact.get(place.project) if needs_project else None
    if place.owner_type == "Project":
        project = link
    return Owner(key_of(link), key_of(project) if isinstance(project, dict) else None)


def _property(described: Dict[str, Any], name: str) -> Any:
    found = (described.get("properties") or {}).get(name)
    return found.get("value") if isinstance(found, dict) else found
