"""
Finding rows and showing them: pages of ids in order, and the fields of rows as API3 returns them.

The number of queries does not depend on the size of a page. One query finds the ids, and one reads the fields and the
links on their paths. One query per type reads the names of linked rows, and one per multi-entity field reads its links.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import DATABASE, Fault
from sgextended.localsite.reading.field_paths import Leaf, Place, Scope, link_name, linked
from sgextended.localsite.reading.filter_presets import with_presets
from sgextended.localsite.reading.filters import where
from sgextended.localsite.storage.data_types import PASSWORD_MASK, shown
from sgextended.localsite.storage.file_columns import shown_file, shown_image
from sgextended.localsite.storage.transaction import Link, Transaction, among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sgextended.localsite.schema.entity_types import Field

# The links of these fields name the task of the template from which the linked task was made.
_NEIGHBOURS = frozenset({"Task.downstream_tasks", "Task.upstream_tasks"})
# A file field that reads as a path on the site, in a bare text.
_LANDING_PAGE = "Project.landing_page_url"
# Data types by which the database of a live site cannot order rows.
_REFUSED_ORDERS = frozenset({"pivot_column", "uuid"})
_UNSORTABLE = frozenset({"jsonb", "multi_entity", "password", "serializable", "summary", "tag_list", "url"})


@attrs.frozen(kw_only=True)
class Search:
    """
    The rows to find, and their order.

    Attributes:
        entity_type: The type of the rows.

        filters: A group of conditions in API3 form.

        sorts: Pairs of a path and whether the order is descending; the id decides between equal rows.

        retired: True finds only retired rows, False only live rows.

        archived: Whether rows of archived projects are found too.

        presets: Filter presets in API3 form, which the rows must also meet. ``LATEST`` chooses among the found rows.

        further: Further conditions, for which API3 has no form.
    """

    entity_type: str
    filters: Any
    sorts: Sequence[tuple[str, bool]] = ()
    retired: bool = False
    archived: bool = True
    presets: Sequence[Any] = ()
    further: Sequence[Callable[[Scope], sa.ColumnElement[bool]]] = ()


def find_ids(tx: Transaction, search: Search, *, limit: int, offset: int = 0) -> list[int]:
    """
    Return the ids of at most *limit* rows in order, after skipping the first *offset* rows.
    """
    scope, condition = scope_of(tx, search)
    order = list(_order(scope, search.sorts))
    query = sa.select(scope.root.id).select_from(scope.tables).where(condition).order_by(*order)
    return list(tx.connection.execute(query.limit(limit).offset(offset)).scalars())


def count(tx: Transaction, search: Search) -> int:
    """
    Return the number of rows that a search finds.
    """
    scope, condition = scope_of(tx, search)
    query = sa.select(sa.func.count()).select_from(scope.tables).where(condition)
    return tx.connection.execute(query).scalar_one()


def scope_of(tx: Transaction, search: Search) -> tuple[Scope, sa.ColumnElement[bool]]:
    """
    Return the tables that a search needs, and the condition that its rows meet.
    """
    scope = Scope(tx, search.entity_type)
    parts = [sa.not_(scope.root.is_live) if search.retired else scope.root.is_live, where(scope, search.filters)]
    parts += [condition(scope) for condition in search.further]
    if not search.archived:
        parts.append(_unarchived(tx, scope.root))
    return scope, with_presets(scope, sa.and_(*parts), search.presets)


def show(tx: Transaction, entity_type: str, ids: Sequence[int], fields: Iterable[str]) -> list[dict[str, Any]]:
    """
    Return rows as API3 shows them, in the order of *ids*.

    Each row is a dict of ``type``, ``id`` and *fields*. Fields that a response cannot show are left out. Ids without a
    row are left out too.
    """
    if not ids:
        return []
    page = _Page(tx, Scope(tx, entity_type))
    for path in dict.fromkeys(fields):
        if path not in {"id", "type"}:
            page.add(path)
    return page.rows(ids)


class _Page:
    """
    The fields of some rows, read column by column.
    """

    def __init__(self, tx: Transaction, scope: Scope) -> None:
        self._tx = tx
        self._scope = scope
        self._columns: list[sa.ColumnElement[Any]] = [scope.root.id]
        self._plain: list[tuple[str, int, Optional[Callable[[Any], Any]]]] = []
        self._constant: dict[str, Any] = {}
        self._links: list[tuple[str, int]] = []
        self._lists: list[tuple[str, int, Field]] = []
        self._counts: list[tuple[str, int, Field]] = []
        self._owners: dict[int, int] = {}

    def add(self, path: str) -> None:
        """
        Add the field at *path* to the rows, if a response can show it.
        """
        leaf = self._scope.leaf(path)
        if leaf is None:
            return
        place, field = leaf.place, leaf.field
        if field.data_type == "entity":
            self._links.append((path, self._column(place.link_type(field))))
            self._column(place.column(field))
        elif field.data_type == "multi_entity":
            self._lists.append((path, self._owner(place), field))
        elif field.data_type == "summary" and field.custom:
            # A real site does not compute query fields for callers of the API.
            self._constant[path] = None
        elif field.data_type == "summary":
            self._counts.append((path, self._owner(place), field))
        elif field.data_type == "pivot_column":
            self._constant[path] = None
        elif field.data_type == "password":
            # Behind a link that leads to no person, there is no password to mask.
            self._plain.append((path, self._column(place.id), lambda row: None if row is None else PASSWORD_MASK))
        elif field.path == _LANDING_PAGE:
            self._plain.append((path, self._column(place.id), lambda row: row and f"/detail/Project/{row}"))
        else:
            convert = self._converter(field)
            self._plain.append((path, self._column(place.column(field)), convert))

    def rows(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """
        Return the rows in the order of *ids*.
        """
        root = self._scope.root
        query = sa.select(*self._columns).select_from(self._scope.tables)
        chosen = root.id == ids[0] if len(ids) == 1 else among(root.id, ids)
        found = {row[0]: row for row in self._tx.connection.execute(query.where(chosen))}
        ordered = [found[entity_id] for entity_id in ids if entity_id in found]
        entity_type, constant = root.entity_type, self._constant
        shown_rows: list[dict[str, Any]] = [{"type": entity_type, "id": row[0], **constant} for row in ordered]
        for path, at, convert in self._plain:
            if convert is None:
                for out, row in zip(shown_rows, ordered):
                    out[path] = row[at]
            else:
                for out, row in zip(shown_rows, ordered):
                    # Behind an empty link there is no checkbox, so the value is null and not False.
                    out[path] = None if row[at] is None and convert is bool else convert(row[at])
        self._show_links(shown_rows, ordered)
        self._show_lists(shown_rows, ordered)
        self._show_counts(shown_rows, ordered)
        return shown_rows

    def _show_links(self, shown_rows: list[dict[str, Any]], ordered: list[sa.Row[Any]]) -> None:
        wanted: dict[str, set[int]] = {}
        for _path, at in self._links:
            for row in ordered:
                if row[at + 1] is not None:
                    wanted.setdefault(row[at], set()).add(row[at + 1])
        names = self._tx.names(wanted)
        for path, at in self._links:
            for out, row in zip(shown_rows, ordered):
                key = (row[at], row[at + 1])
                out[path] = {"id": key[1], "name": names[key], "type": key[0]} if key in names else None

    def _show_lists(self, shown_rows: list[dict[str, Any]], ordered: list[sa.Row[Any]]) -> None:
        for path, at, field in self._lists:
            found = link_lists(self._tx, field, {row[at] for row in ordered if row[at] is not None})
            if field.path in _NEIGHBOURS:
                _add_template_tasks(self._tx, found)
            for out, row in zip(shown_rows, ordered):
                out[path] = found.get(row[at], [])

    def _show_counts(self, shown_rows: list[dict[str, Any]], ordered: list[sa.Row[Any]]) -> None:
        for path, at, field in self._counts:
            # The standard schema has one query field. It counts the links of the field in its name.
            counted = self._tx.schema.field(field.entity_type, field.name[: -len("_count")])
            owners = {row[at] for row in ordered if row[at] is not None}
            found = {} if counted is None else link_lists(self._tx, counted, owners)
            for out, row in zip(shown_rows, ordered):
                out[path] = None if row[at] is None else len(found.get(row[at], []))

    def _converter(self, field: Field) -> Optional[Callable[[Any], Any]]:
        if field.data_type == "url":
            return shown_file(self._tx)
        if field.data_type == "image":
            return functools.partial(shown_image, self._tx)
        return shown(field)

    def _column(self, column: sa.ColumnElement[Any]) -> int:
        self._columns.append(column.label(f"c{len(self._columns)}"))
        return len(self._columns) - 1

    def _owner(self, place: Place) -> int:
        at = self._owners.get(id(place))
        if at is None:
            at = self._owners[id(place)] = self._column(place.id)
        return at


def link_lists(tx: Transaction, field: Field, owners: Iterable[int]) -> dict[int, list[Link]]:
    """
    Return the links of a multi-entity field, keyed by the id of the row that has them.

    The links are ordered by name. Replies are a conversation, so they are ordered by id, the oldest first.
    """
    links = linked(tx, field)
    query = sa.select(links.own_id, links.far_type, links.far_id, links.name).where(
        links.condition, among(links.own_id, owners)
    )
    by_name = [] if field.valid_types == ("Reply",) else [links.name.asc()]
    query = query.order_by(*by_name, links.far_type, links.far_id)
    found: dict[int, list[Link]] = {}
    for own_id, far_type, far_id, name in tx.connection.execute(query):
        found.setdefault(own_id, []).append({"id": far_id, "name": name, "type": far_type})
    return found


def _add_template_tasks(tx: Transaction, found: dict[int, list[Link]]) -> None:
    """
    Add ``template_task_id`` to the links to tasks that were made from a task of a template.
    """
    tasks = tx.tables["Task"]
    ids = {link["id"] for links in found.values() for link in links}
    query = sa.select(tasks.c.id, tasks.c.template_task__id).where(
        among(tasks.c.id, ids), tasks.c.template_task__id.is_not(None)
    )
    origins = {row[0]: row[1] for row in tx.connection.execute(query)} if ids else {}
    for link in (link for links in found.values() for link in links):
        if link["id"] in origins:
            link["template_task_id"] = origins[link["id"]]


def sort_key(tx: Transaction, leaf: Leaf) -> Optional[sa.ColumnElement[Any]]:
    """
    Return the expression by which a field orders rows, or None if its data type has no order.
    """
    if leaf.field.data_type in _UNSORTABLE:
        return None
    if leaf.field.data_type == "entity":
        return link_name(tx, leaf.place, leaf.field)
    return leaf.place.column(leaf.field)


def _order(scope: Scope, sorts: Sequence[tuple[str, bool]]) -> Iterable[sa.ColumnElement[Any]]:
    for path, descending in sorts:
        leaf = scope.leaf(path)
        if leaf is not None and leaf.field.data_type in _REFUSED_ORDERS:
            raise Fault(f"Read failed for entity type [{scope.root.entity_type}]", DATABASE)
        key = None if leaf is None else sort_key(scope.tx, leaf)
        if key is None:
            continue
        if leaf is not None and leaf.place is scope.root and leaf.field.name == "id":
            yield key.desc() if descending else key.asc()
            return
        yield (key.desc() if descending else key.asc()).nulls_last()
    yield scope.root.id.asc()


def _unarchived(tx: Transaction, place: Place) -> sa.ColumnElement[bool]:
    projects = tx.alias("Project")
    if place.entity_type == "Project":
        return place.row.c.archived == 0
    if tx.schema.field(place.entity_type, "project") is None:
        return sa.true()
    archived = sa.select(projects.c.id).where(projects.c.archived == 1)
    return sa.or_(place.row.c.project__id.is_(None), place.row.c.project__id.not_in(archived))
