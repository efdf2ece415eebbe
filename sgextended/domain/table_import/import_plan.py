"""
Compare the rows of a table with a site: which entities would be created and changed, and which rows are refused.
"""

import hashlib
import json
from typing import Any, Collection, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from attrs import evolve, field, frozen

from sgextended.domain.arguments import Row, to_link
from sgextended.domain.client_kinds import Finder, client_of
from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.table_import.cell_values import CellError, Conversion, Reference, References
from sgextended.domain.table_import.columns import IDENTIFYING, Column, columns_of, field_of
from sgextended.domain.table_import.link_names import LinkNames, Wanted
from sgextended.domain.table_import.table_files import Table, TableRow
from sgextended.errors import CallError, InvalidArgumentError
from sgextended.schema.field_values import Field
from sgextended.schema.site_schema import SiteSchema
from sgextended.writes.dry_run import comparable

CREATE, CHANGE, UNCHANGED, REFUSED, DONE = "create", "change", "unchanged", "refused", "done before"

_MOST_ALIKE = 5
_HOURS_PER_DAY = 8.0
#: Entity types with a project field that may be empty.
_PROJECT_OPTIONAL = frozenset({"Attachment", "Booking", "Page", "PipelineConfiguration", "SavedFilter", "WorkDayRule"})


@frozen(kw_only=True)
class PlannedRow:
    """
    What the import does with one row of the table.

    Attributes:
        line: The line or sheet row of the file.

        action: ``"create"``, ``"change"``, ``"unchanged"``, ``"refused"``, or ``"done before"`` for a row that the
            journal records.

        key: Identifies the row and its content in a journal.

        name: The values by which people know the row.

        entity: Link to the entity. None: it does not exist yet.

        data: The fields to write.

        old: The values of these fields on the site.

        problems: Why the row is refused.
    """

    line: int
    action: str
    key: str
    name: str = ""
    entity: Optional[Row] = None
    data: Row = field(factory=dict)
    old: Row = field(factory=dict)
    problems: Tuple[str, ...] = ()


@frozen(kw_only=True)
class ImportPlan:
    """
    The plan of an import.

    Attributes:
        entity_type: The entity type of the rows.

        identified_by: The fields that identify an entity on the site. Empty: each row is a new entity.

        rows: The rows, in the order of the table.
    """

    entity_type: str
    identified_by: Tuple[str, ...]
    rows: List[PlannedRow]

    def with_action(self, *actions: str) -> List[PlannedRow]:
        """
        Return the rows with one of some actions.
        """
        return [row for row in self.rows if row.action in actions]


@frozen(kw_only=True)
class ImportOptions:
    """
    How a table is read.

    Attributes:
        key: Headers or fields whose values identify an entity, such as ``["code"]``. Empty: ``id`` if the table has
            that column; otherwise each row is a new entity.

        project: Link to the project of all rows. None: the table has a column for it, or the type needs none.

        renamed: Fields by header, for headers that name no field.

        ignored: Headers of columns to leave out.

        clear_empty: Whether an empty cell empties the field of an existing entity. False: it leaves the field as it is.
    """

    key: Sequence[str] = ()
    project: Optional[Row] = None
    renamed: Mapping[str, str] = field(factory=dict)
    ignored: Collection[str] = ()
    clear_empty: bool = False


@frozen
class _Draft:
    """
    A row whose cells are converted; *links* are the cells that are names or links, *problems* the invalid ones.
    """

    row: TableRow
    key: str
    entity_id: Optional[int]
    data: Row
    links: Dict[str, Any]
    problems: List[str]


def plan_import(
    sg: Finder,
    entity_type: str,
    table: Table,
    options: Optional[ImportOptions] = None,
    *,
    is_done: Any = None,
) -> ImportPlan:
    """
    Return what the import of a table would do. Nothing is written.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: The entity type of the rows.

        table: The table, as `read_table` returns it.

        options: How the table is read.

        is_done: Returns whether a row with a certain key was imported before. None: no row was.

    Raises:
        InvalidArgumentError: A header or a key field is not valid.

        NotFoundError: The site has no such entity type.
    """
    return _Planner(sg, entity_type, table, options or ImportOptions()).plan(is_done or (lambda _key: False))


class _Planner:
    def __init__(self, sg: Finder, entity_type: str, table: Table, options: ImportOptions) -> None:
        self._sg, self._type, self._table, self._options = sg, entity_type, table, options
        self._schema = SiteSchema(sg)
        self._columns = columns_of(
            self._schema, entity_type, table.headers, renamed=options.renamed, ignored=options.ignored
        )
        self._by_field = {column.field: column for column in self._columns}
        self._project = None if options.project is None else {**to_link(options.project), **_named(options.project)}
        self._needs_project = self._field_type("project") == "entity" and entity_type not in _PROJECT_OPTIONAL
        if self._project is not None and self._field_type("project") != "entity":
            msg = f"A {entity_type} does not belong to one project. Leave out the project."
            raise InvalidArgumentError(msg)
        self._keys = self._key_fields()
        self._links = LinkNames(sg, self._schema)
        self._types = {
            column.field: self._links.types_of(entity_type, column.field)
            for column in self._columns
            if column.data_type in ("entity", "multi_entity")
        }
        self._hours: Optional[float] = None
        self._conversion = Conversion(
            has_decimal_commas=table.has_decimal_commas,
            labels={
                column.field: self._labels(column)
                for column in self._columns
                if column.data_type in ("list", "status_list")
            },
            hours_per_day=self._hours_per_day,
        )

    def plan(self, is_done: Any) -> ImportPlan:
        drafts: List[_Draft] = []
        planned: Dict[int, PlannedRow] = {}
        for row in self._table.rows:
            key = self._journal_key(row)
            if is_done(key):
                planned[row.line] = PlannedRow(line=row.line, action=DONE, key=key, name=self._name_of_cells(row))
            else:
                drafts.append(self._draft(row, key))
        self._read_links(drafts)
        drafts = [self._with_links(draft) for draft in drafts]
        for draft, existing in zip(drafts, self._existing(drafts)):
            planned[draft.row.line] = self._planned(draft, existing)
        rows = self._without_repeats([planned[row.line] for row in self._table.rows], drafts)
        return ImportPlan(entity_type=self._type, identified_by=self._identified_by, rows=rows)

    # --- Before the rows

    def _field_type(self, name: str) -> Optional[str]:
        return self._schema.data_type(self._type, name)

    def _key_fields(self) -> List[str]:
        names = list(self._options.key) or (["id"] if "id" in self._by_field else [])
        keys = []
        for name in names:
            renamed = {header.casefold(): to for header, to in self._options.renamed.items()}
            found = field_of(self._schema, self._type, renamed.get(name.casefold(), name))
            is_given = found in self._by_field or (found == "project" and self._project is not None)
            if not is_given:
                msg = f"The table has no column for the key {name!r}. Its columns are {', '.join(self._table.headers)}."
                raise InvalidArgumentError(msg)
            if self._field_type(found) not in IDENTIFYING:
                msg = f"{name!r} cannot be a key. Use text, number, list or link fields, such as code."
                raise InvalidArgumentError(msg)
            keys.append(found)
        if "id" in keys and len(keys) > 1:
            msg = "The key id identifies an entity by itself. Leave out the other key fields."
            raise InvalidArgumentError(msg)
        return list(dict.fromkeys(keys))

    @property
    def _identified_by(self) -> Tuple[str, ...]:
        has_project = self._needs_project and ("project" in self._by_field or self._project is not None)
        more = ["project"] if self._keys and self._keys != ["id"] and has_project else []
        return tuple(dict.fromkeys([*self._keys, *more]))

    def _labels(self, column: Column) -> Dict[str, str]:
        values = self._schema.valid_values(self._type, column.field) or []
        properties = self._schema.describe(self._type, column.field).get("properties", {})
        shown = properties.get("display_values", {}).get("value") or {}
        labels = {value: str(shown.get(value) or value) for value in values}
        if column.data_type == "status_list" and any(value not in shown for value in values):
            names = {row["code"]: row["name"] for row in self._schema.cached_rows("Status", ("code", "name"))}
            labels = {value: str(shown.get(value) or names.get(value) or value) for value in values}
        return labels

    def _hours_per_day(self) -> float:
        if self._hours is None:
            try:
                found = client_of(self._sg).preferences_read(["hours_per_day"]).get("hours_per_day")
            except (*CallError, AttributeError):  # an old site does not let scripts read it
                found = None
            self._hours = float(found or _HOURS_PER_DAY)
        return self._hours

    # --- Cells

    def _journal_key(self, row: TableRow) -> str:
        cells = {column.field: row.cells[column.index] for column in self._columns}
        project = None if self._project is None else self._project["id"]
        text = json.dumps([client_of(self._sg).base_url, self._type, project, cells], default=str, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def _name_of_cells(self, row: TableRow) -> str:
        names = self._keys or [name for name in ("code", "content", "name", "subject") if name in self._by_field][:1]
        cells = [row.cells[self._by_field[name].index] for name in names if name in self._by_field]
        return " ".join(str(cell) for cell in cells if cell is not None)

    def _draft(self, row: TableRow, key: str) -> _Draft:
        data: Row = {}
        links: Dict[str, Any] = {}
        problems = [row.problem] if row.problem else []
        entity_id = None
        for column in self._columns:
            cell = row.cells[column.index]
            if cell is None:
                if self._options.clear_empty and column.field not in ("id", "type", *self._keys):
                    data[column.field] = [] if column.data_type in ("multi_entity", "tag_list") else None
                continue
            try:
                value = self._conversion.convert(column, cell)
                if isinstance(value, (Reference, References)):
                    links[column.field] = value
                elif column.field == "id":
                    entity_id = value
                elif column.field == "type":
                    _check_type(value, self._type)
                else:
                    self._check(column, value)
                    data[column.field] = value
            except CellError as error:
                problems.append(f"{column}: {error}")
        for name in self._keys:
            own = self._by_field.get(name)
            if name != "id" and own is not None and row.cells[own.index] is None:
                problems.append(f"{own}: the key is empty.")
        return _Draft(row, key, entity_id, data, links, problems)

    def _check(self, column: Column, value: Any) -> None:
        problem = Field(self._schema, self._type, column.field, column.data_type).datum(value)
        if problem is not None and not (value is None and column.data_type == "checkbox"):
            raise CellError(problem)

    # --- Links

    def _read_links(self, drafts: Iterable[_Draft]) -> None:
        wanted: Dict[Any, Tuple[Reference, Tuple[str, ...]]] = {}
        for draft in drafts:
            for name, value in draft.links.items():
                parts = [*value.parts, value.whole] if isinstance(value, References) else [value]
                for part in parts:
                    if part is not None:
                        link = part.link and (part.link["type"], part.link["id"])
                        wanted[name, part.text, link] = (part, self._types[name])
        self._links.read(wanted.values(), self._project)

    def _with_links(self, draft: _Draft) -> _Draft:
        """
        Return a row with the entities for its references: first the project, then the entity, then all others.
        """
        data, problems = dict(draft.data), list(draft.problems)
        own: Optional[Row] = self._project
        for name in sorted(draft.links, key=lambda each: (each != "project", each != "entity", each)):
            value, entity = draft.links[name], data.get("entity")
            wanted = Wanted(
                self._types[name],
                project=None if own is None else own["id"],
                entity_type=entity["type"] if name == "step" and isinstance(entity, dict) else None,
            )
            try:
                if isinstance(value, References):
                    data[name] = self._links.find_all(value, wanted)
                else:
                    data[name] = self._links.find(value, wanted)
            except CellError as error:
                problems.append(f"{self._by_field[name]}: {error}")
                continue
            if name == "project":
                own = data[name]
        if self._project is not None:
            given = data.setdefault("project", self._project)
            if given is not None and given["id"] != self._project["id"]:
                problems.append(f"The row belongs to the project {given['name']!r}, not to {self._project['name']!r}.")
        return evolve(draft, data=data, problems=problems)

    # --- Existing entities

    def _existing(self, drafts: Sequence[_Draft]) -> List[List[Row]]:
        """
        Return for each row the entities on the site that its key identifies.
        """
        if not self._keys:
            return [[] for _ in drafts]
        fields = list(dict.fromkeys([*self._keys, *(name for draft in drafts for name in draft.data)]))
        fields += [] if "project" in fields or self._field_type("project") != "entity" else ["project"]
        usable = [draft for draft in drafts if self._key_of(draft) is not None]
        values = {
            name: {_folded(value): _plain(value) for value in (self._key_value(draft, name) for draft in usable)}
            for name in self._keys
        }
        first = max(self._keys, key=lambda name: len(values[name]))  # the site selects by the field with most values
        distinct = list(values[first].values())
        found: Dict[Any, Dict[int, Row]] = {}
        for start in range(0, len(distinct), PAGE_SIZE):
            conditions: List[Any] = [[first, "in", distinct[start : start + PAGE_SIZE]]]
            if self._project is not None and self._needs_project:
                conditions.append(["project", "is", _plain(self._project)])
            for row in self._sg.find(self._type, conditions, fields):
                found.setdefault(tuple(_folded(row.get(name)) for name in self._keys), {})[row["id"]] = row
        return [self._alike(draft, list(found.get(self._key_of(draft), {}).values())) for draft in drafts]

    def _key_value(self, draft: _Draft, name: str) -> Any:
        return draft.entity_id if name == "id" else draft.data.get(name)

    def _key_of(self, draft: _Draft) -> Optional[Tuple[Any, ...]]:
        values = [self._key_value(draft, name) for name in self._keys]
        return None if any(value is None for value in values) else tuple(map(_folded, values))

    def _alike(self, draft: _Draft, rows: List[Row]) -> List[Row]:
        project = draft.data.get("project")
        if project is None or "id" in self._keys:
            return rows
        return [row for row in rows if (row.get("project") or {}).get("id") in (None, project["id"])]

    def _planned(self, draft: _Draft, existing: List[Row]) -> PlannedRow:
        problems, data = list(draft.problems), draft.data
        entity = None
        if len(existing) > 1:
            shown = ", ".join(f"{row['type']}:{row['id']}{_in_project(row)}" for row in existing[:_MOST_ALIKE])
            problems.append(f"{len(existing)} entities have this key: {shown}. Add a key field or --project.")
        elif existing:
            (entity,) = existing
            problems += self._case_problems(draft, entity)
        elif draft.entity_id is not None:
            problems.append(f"There is no {self._type} {draft.entity_id}, or it is retired.")
        elif not draft.problems:
            data = {name: value for name, value in data.items() if value not in (None, [])}
            problems += self._missing(data)
        planned = PlannedRow(line=draft.row.line, action=REFUSED, key=draft.key, name=self._name_of_cells(draft.row))
        if problems:
            return evolve(planned, problems=tuple(problems))
        if entity is None:
            return evolve(planned, action=CREATE, data=data)
        changed = {name: value for name, value in data.items() if not _is_stored(entity.get(name), value)}
        return evolve(
            planned,
            action=CHANGE if changed else UNCHANGED,
            entity=to_link(entity),
            data=changed,
            old={name: entity.get(name) for name in changed},
        )

    def _case_problems(self, draft: _Draft, entity: Row) -> List[str]:
        """
        Return a problem if the key of an entity differs from that of the row in upper and lower case only.
        """
        for name in self._keys:
            given, stored = draft.data.get(name), entity.get(name)
            if isinstance(given, str) and isinstance(stored, str) and given.strip() != stored.strip():
                named = f"{entity['type']} {entity['id']} is called {stored!r}"
                return [f"{named}, in other upper and lower case. Write it the same way."]
        return []

    def _missing(self, data: Row) -> List[str]:
        fields = self._schema.fields(self._type)
        needed = [name for name, fact in fields.items() if fact.get("mandatory", {}).get("value")]
        problems = [
            f"A new {self._type} needs a value for {name} ({fields[name]['name']['value']})."
            for name in needed
            if data.get(name) is None and name != "project"
        ]
        if self._needs_project and data.get("project") is None:
            problems.append(f"A new {self._type} needs a project. Use --project, or add a column Project.")
        return problems

    def _without_repeats(self, rows: List[PlannedRow], drafts: Iterable[_Draft]) -> List[PlannedRow]:
        """
        Refuse rows whose key, or whose entity, an earlier row has.
        """
        if not self._keys:
            return rows
        seen: Dict[Any, int] = {}
        keys = {draft.row.line: (self._key_of(draft), _folded(draft.data.get("project"))) for draft in drafts}
        result = []
        for row in rows:
            key = keys.get(row.line, (None, None))
            first = seen.setdefault(key, row.line) if key[0] is not None else row.line
            if first != row.line:
                problem = f"The row has the same key as line {first}."
                row = evolve(row, action=REFUSED, problems=(*row.problems, problem))  # noqa: PLW2901
            result.append(row)
        return result


def _check_type(value: str, entity_type: str) -> None:
    if value != entity_type:
        msg = f"{value!r:.80} is not {entity_type}, the entity type of this import."
        raise CellError(msg)


def _named(link: Mapping[str, Any]) -> Row:
    return {"name": link.get("name") or f"{link['type']} {link['id']}"}


def _plain(value: Any) -> Any:
    return {"type": value["type"], "id": value["id"]} if isinstance(value, dict) else value


def _folded(value: Any) -> Any:
    """
    Return a form of a value that is equal for values which a site holds equal.
    """
    value = comparable(value)
    return value.strip().casefold() if isinstance(value, str) else value


def _is_stored(stored: Any, value: Any) -> bool:
    if isinstance(stored, dict) and "url" in stored and isinstance(value, dict):
        return bool(stored["url"] == value.get("url"))
    if isinstance(stored, str) and isinstance(value, str):
        return stored.strip().replace("\r\n", "\n") == value.strip()
    return bool(comparable(stored) == comparable(value)) or (stored in (None, [], "") and value in (None, []))


def _in_project(row: Row) -> str:
    project = row.get("project")
    return f" in {project['name']}" if project and project.get("name") else ""
