"""
Inserting rows with given ids: the content of a site for a test, written in one transaction.

Rows may link to each other in any order. Each row gets the defaults that a create sets, and its values are validated as
those of a create. Inserted rows have no effects on other rows: task templates add no tasks, and tasks keep their dates.
"""

from __future__ import annotations

import collections
import datetime as dt
import difflib
import json
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault
from sgextended.localsite.schedule import dependencies
from sgextended.localsite.schema.entity_types import COMPUTED
from sgextended.localsite.schema.link_relations import Reverse, relation_for
from sgextended.localsite.storage.display_names import link_name
from sgextended.localsite.storage.entity_tables import is_stored
from sgextended.localsite.storage.transaction import MOMENT
from sgextended.localsite.writing.events import EventRecorder
from sgextended.localsite.writing.link_writes import write_links
from sgextended.localsite.writing.row_writes import create

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Link, Transaction

# The types to insert first, and in which order. Other rows change a count or a sum in these rows, or have their name.
_ORDER = {"Tag": 0, "HumanUser": 1, "TaskTemplate": 1, "Task": 2, "Ticket": 2}
_LARGEST_ID = 2**31 - 1
_MOST_PROBLEMS = 10


@attrs.define(eq=False)
class _Row:
    """
    A row to insert.

    Attributes:
        number: Its number in the call, from 1.

        facts: Its entity type, whose stored fields can all be written.

        id: Its id.

        values: Its values as in the protocol, by field.

        far_links: Fields that show links of rows that the site has already, and these rows.
    """

    number: int
    facts: EntityType
    id: int
    values: dict[str, Any]
    far_links: list[tuple[Field, list[Link]]] = attrs.field(factory=list)

    @property
    def key(self) -> tuple[str, int]:
        return self.facts.name, self.id

    def __str__(self) -> str:
        return f"Row {self.number}, {self.facts.name} {self.id},"


def insert_given(tx: Transaction, rows: Iterable[Mapping[str, Any]], *, log_events: bool = False) -> list[Link]:
    """
    Insert rows and return links to them, in the order of the rows.

    Args:
        tx: A transaction that has not written anything, with the user who creates the rows.

        rows: The rows. Each has its ``type``, and values by field. A row without ``id`` gets the next free id.

        log_events: Whether the event log gets the entries of creates.

    Raises:
        ValueError: A row cannot be inserted. The caller must roll the transaction back.
    """
    tx.rpc = "create"
    if not log_events:
        tx.events = EventRecorder(is_wanted=False)
    planned = _planned(tx, list(rows))
    _list_in_directory(tx, planned)
    _move_reverse_links(planned)
    for row in sorted(planned, key=lambda each: _ORDER.get(each.facts.name, len(_ORDER))):
        fields = [{"field_name": name, "value": value} for name, value in row.values.items()]
        with _Explained(row):
            create(tx, row.facts, fields, [], given_id=row.id)
        tx.reuse_aliases()
    for row in planned:
        with _Explained(row):
            for field, links in row.far_links:
                _check_far_links(tx, field, links)
                write_links(tx, field, row.id, links, "add")
    _settle_tasks(tx, planned)
    names = tx.names(_ids_by_type(planned))
    return [{"type": row.facts.name, "id": row.id, "name": names[row.key]} for row in planned]


class _Explained:
    """
    A block in which a fault becomes a ValueError that names the row.
    """

    def __init__(self, row: _Row) -> None:
        self._row = row

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], _trace: object) -> None:
        if isinstance(error, Fault):
            raise _refused([f"{self._row} has a value that the site refuses. {error}"]) from error


def _refused(problems: list[str]) -> ValueError:
    shown = problems[:_MOST_PROBLEMS]
    if len(problems) > len(shown):
        shown.append(f"There are {len(problems) - len(shown)} more problems.")
    return ValueError("\n".join(["No row was inserted.", *shown]))


# --- Before anything is written


def _planned(tx: Transaction, rows: list[Mapping[str, Any]]) -> list[_Row]:
    """
    Return the rows to insert, with their ids.

    Raises:
        ValueError: A type or a field is unknown, or an id is invalid, in use or given twice.
    """
    problems: list[str] = []
    writable: dict[str, EntityType] = {}
    given: dict[str, set[int]] = {}
    for number, row in enumerate(rows, start=1):
        problem = _problem_of_key(tx, row, given)
        if problem is not None:
            problems.append(f"Row {number} {problem}")
            continue
        name = row["type"]
        if name not in writable:
            writable[name] = _writable(tx.schema[name])
        problems += [f"Row {number} {problem}" for problem in _problems_of_values(writable[name], row)]
    if problems:
        raise _refused(problems)
    taken = {name: _reserve(tx, name, ids) for name, ids in given.items()}
    planned = []
    for number, row in enumerate(rows, start=1):
        name = row["type"]
        if row.get("id") is None:
            taken[name] += 1
        values = {key: _to_json(value) for key, value in row.items() if key not in {"type", "id"}}
        planned.append(_Row(number, writable[name], int(row.get("id") or taken[name]), values))
    return planned


def _problem_of_key(tx: Transaction, row: Any, given: dict[str, set[int]]) -> Optional[str]:
    """
    Return the problem of a row's type and id, or None. Add the id to *given*.
    """
    name, entity_id = (row.get("type"), row.get("id")) if isinstance(row, dict) else (None, None)
    if not isinstance(name, str):
        return f"is not a dict with a type, such as {{'type': 'Shot', 'id': 17}}: {row!r:.80}"
    if name not in tx.schema:
        near = difflib.get_close_matches(name, tx.schema.types, 1)
        return f"has the unknown type {name!r}." + (f" Did you mean {near[0]!r}?" if near else "")
    ids = given.setdefault(name, set())
    if entity_id is None:
        return None
    if isinstance(entity_id, bool) or not isinstance(entity_id, int) or not 0 < entity_id <= _LARGEST_ID:
        return f"has the id {entity_id!r}. An id is a whole number from 1 to {_LARGEST_ID}."
    if entity_id in ids:
        return f"has the id of an earlier row: {name} {entity_id}."
    ids.add(entity_id)
    directory = tx.tables.directory
    query = sa.select(directory.c.retired).where(directory.c.type == name, directory.c.id == entity_id)
    retired = tx.connection.execute(query).scalar()
    if retired is None:
        return None
    state = ", and it is deleted" if retired else ""
    return f"has the id of a row that the site has already: {name} {entity_id}{state}."


def _problems_of_values(facts: EntityType, row: Mapping[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        field = facts.fields.get(name)
        if field is not None and field.data_type in COMPUTED:
            yield f"has {name!r}, whose value the site computes. Leave the field out."
        elif field is not None and field.data_type == "image":
            yield f"has {name!r}, which is a file. Leave the field out, and call upload_thumbnail afterwards."
        elif field is None and name != "type":
            near = difflib.get_close_matches(str(name), facts.fields, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            yield f"has {name!r}, but {facts.name} has no such field.{hint}"
        else:
            try:
                _to_json(value)
            except (TypeError, ValueError):
                yield f"has {name!r} with a value that a client cannot send: {value!r:.80}"


def _writable(facts: EntityType) -> EntityType:
    """
    Return an entity type whose stored fields can all be written, also those that only the site itself writes.
    """
    fields = {
        name: attrs.evolve(field, read_only=False) if field.read_only and is_stored(field) else field
        for name, field in facts.fields.items()
    }
    return attrs.evolve(facts, fields=fields)


def _reserve(tx: Transaction, name: str, ids: set[int]) -> int:
    """
    Let new rows of a type get higher ids than the given ones. Return the highest id that is taken.
    """
    last = tx.connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)).scalar()
    highest = max(ids, default=0)
    if last is None:
        tx.connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, highest))
    elif highest > last:
        tx.connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (highest, name))
    return max(highest, int(last or 0))


def _to_json(value: Any) -> Any:
    """
    Return a value as a client sends it: moments in UTC. A moment without a time zone has the zone of this machine.

    Raises:
        TypeError: A client cannot send the value.
    """
    return json.loads(json.dumps(value, default=_time_to_text))


def _time_to_text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.timezone.utc).strftime(MOMENT)
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(type(value))


# --- Links


def _list_in_directory(tx: Transaction, planned: list[_Row]) -> None:
    """
    Add the rows to the directory, so that other rows may link to them before they are inserted.
    """
    entries = [
        {"type": row.facts.name, "id": row.id, "name": link_name(row.facts, collections.defaultdict(type(None), named))}
        for row in planned
        for named in [{name: value for name, value in row.values.items() if isinstance(value, (str, int))}]
    ]
    if entries:
        tx.connection.execute(sa.insert(tx.tables.directory), entries)


def _move_reverse_links(planned: list[_Row]) -> None:
    """
    Replace lists that show the links of other rows: a new row at the other end gets the link, for rows that the site
    has already it is written afterwards.

    Raises:
        ValueError: The row at the other end has another link.
    """
    by_key = {row.key: row for row in planned}
    for row in planned:
        own = {"type": row.facts.name, "id": row.id}
        for field, relation in _reverse_fields(row):
            value = row.values.pop(field.name)
            links: list[Any] = [value] if isinstance(value, dict) else value or []
            later: list[Link] = []
            for link in links if isinstance(links, list) else [links]:
                if not isinstance(link, dict) or "type" not in link or "id" not in link:
                    raise _refused([f"{row} has {field.name} with {link!r:.80}, which is not a link."])
                far = by_key.get((link["type"], link["id"]))
                if far is None or link["type"] != relation.far_type:
                    later.append(link)
                    continue
                present = far.values.setdefault(relation.far_field, own)
                if not isinstance(present, dict) or (present.get("type"), present.get("id")) != row.key:
                    raise _refused(
                        [f"{row} has {far.facts.name} {far.id} in {field.name}, but its {relation.far_field} differs."]
                    )
            row.far_links.append((field, later))


def _reverse_fields(row: _Row) -> Iterator[tuple[Field, Reverse]]:
    for name in list(row.values):
        field = row.facts.fields[name]
        is_list = field.data_type == "multi_entity" and not field.read_only
        relation = relation_for(field) if is_list else None
        if isinstance(relation, Reverse):
            yield field, relation


def _check_far_links(tx: Transaction, field: Field, links: list[Link]) -> None:
    relation = relation_for(field)
    assert isinstance(relation, Reverse)
    names = tx.names({relation.far_type: [link["id"] for link in links if isinstance(link["id"], int)]})
    for link in links:
        if (link["type"], link["id"]) not in names:
            raise Fault(f"{field.name} links to {link['type']} {link['id']}, which is not a {relation.far_type} here.")


def _settle_tasks(tx: Transaction, planned: list[_Row]) -> None:
    """
    Check the dependencies of the inserted tasks for loops, and compute which are violated. The tasks keep their dates.
    """
    for row in planned:
        if row.facts.name in {"Task", "TaskDependency"}:
            task_id = row.id if row.facts.name == "Task" else (row.values.get("task") or {}).get("id")
            if task_id is not None:
                with _Explained(row):
                    dependencies.check_loop(tx, task_id)
                dependencies.settle(tx, [task_id], hold=True)


def _ids_by_type(planned: list[_Row]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in planned:
        found.setdefault(row.facts.name, []).append(row.id)
    return found
