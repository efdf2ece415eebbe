"""
The SQL tables with a site's rows.

Every entity type has a table with one column per field. An entity field has two columns, ``<field>__type`` and
``<field>__id``. Text is compared without letter case, as on a real site. There are also a few tables of the site's own:
the directory of all rows, the links that have no connection type, credentials and sessions.
"""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.schema.entity_types import CONTAINERS, EntityType, Field, Schema, standard_schema
from sgextended.localsite.storage.site_tables import SiteTables, site_tables
from sgextended.localsite.storage.trigger_fields import TRIGGERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The number of the layout. It is increased when the tables change, so that files with another layout are refused.
LAYOUT = 2

_INTEGERS = frozenset({"checkbox", "duration", "number", "percent", "timecode"})
_FLOATS = frozenset({"currency", "float"})
_EXACT_TEXT = frozenset({"color", "date", "date_time", "entity_type", "image", "password", "uuid"}) | CONTAINERS

# Number fields that repeat the id of an entity field, and the column with that id.
_ID_TWINS = {
    ("TaskDependency", "task_id"): "task__id",
    ("TaskDependency", "dependent_task_id"): "dependent_task__id",
}

# Links that are searched too rarely to justify the cost of an index for every write.
_UNINDEXED_LINKS = frozenset({"created_by", "image_source_entity", "updated_by"})
_INDEXED_SCALARS = frozenset({"code", "login", "sg_status_list"})

_KEPT_ALIASES = 32


# Fields that SQLite computes from other fields of the row when they are read. A day has eight hours (480 minutes).
_GENERATED = {
    ("Task", "time_percent_of_est"): "CASE WHEN est_in_mins > 0 THEN "
    "CAST(round(100.0 * time_logs_sum / est_in_mins) AS INTEGER) END",
    ("Task", "time_vs_est"): "est_in_mins - time_logs_sum",
    ("Task", "workload"): "duration",
    ("Task", "workload_per_day"): "CASE WHEN duration > 0 THEN "
    "CAST(round(1.0 * duration / ((duration + 479) / 480)) AS INTEGER) END",
    ("Task", "workload_per_day_per_assignee"): "CASE WHEN duration > 0 AND workload_assignee_count > 0 THEN "
    "CAST(round(1.0 * duration / ((duration + 479) / 480) / workload_assignee_count) AS INTEGER) END",
}


def column_name(field: Field) -> str:
    """
    Return the name of the column with a field's value; for an entity field, the column with the id.
    """
    if field.data_type == "entity":
        return f"{field.name}__id"
    return _ID_TWINS.get((field.entity_type, field.name), field.name)


def is_stored(field: Field) -> bool:
    """
    Return whether a field has its own columns.
    """
    if (field.entity_type, field.name) in _GENERATED:
        return True
    return (
        field.name != "id"
        and not field.is_personal
        and field.data_type not in {"calculated", "multi_entity", "password", "pivot_column", "summary"}
        and (field.entity_type, field.name) not in _ID_TWINS
    )


def is_indexed(field: Field) -> bool:
    """
    Return whether a stored field has an index.
    """
    linked = field.data_type == "entity" and field.name not in _UNINDEXED_LINKS
    return linked or field.name in _INDEXED_SCALARS


def columns_of(field: Field) -> Iterator[sa.Column[Any]]:
    """
    Yield the columns of a stored field in its type's table.
    """
    formula = _GENERATED.get((field.entity_type, field.name))
    if formula is not None:
        yield sa.Column(field.name, sa.Integer, sa.Computed(formula, persisted=False))
    elif field.data_type == "entity":
        yield sa.Column(f"{field.name}__type", sa.Text)
        yield sa.Column(f"{field.name}__id", sa.Integer)
    elif field.data_type == "checkbox":
        yield sa.Column(field.name, sa.Integer, nullable=False, server_default="0")
    elif field.data_type in _INTEGERS:
        yield sa.Column(field.name, sa.Integer)
    elif field.data_type in _FLOATS:
        yield sa.Column(field.name, sa.Float)
    elif field.data_type in _EXACT_TEXT:
        yield sa.Column(field.name, sa.Text)
    else:
        yield sa.Column(field.name, sa.Text(collation="NOCASE"))


def _entity_table(metadata: sa.MetaData, entity_type: EntityType) -> sa.Table:
    columns: list[sa.Column[Any]] = [sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)]
    indices = []
    for field in entity_type.fields.values():
        if not is_stored(field):
            continue
        columns.extend(columns_of(field))
        if is_indexed(field):
            column = column_name(field)
            indices.append(sa.Index(f"ix_{entity_type.name}_{column}", column))
    if "cached_display_name" not in entity_type.fields:
        columns.append(sa.Column("cached_display_name", sa.Text(collation="NOCASE")))
    # Null for a live row. AUTOINCREMENT ensures that no id is used twice.
    columns.append(sa.Column("retired_at", sa.Text))
    return sa.Table(entity_type.name, metadata, *columns, *indices, sqlite_autoincrement=True)


class Tables:
    """
    The tables for one schema.

    Attributes:
        metadata: The tables of the schema that this object was built from, for creating them.

        directory:
            Every row of every type, with the name that links show and whether the row is retired. All links get the
            name from here.

        links: The pairs of multi-entity fields that have no connection type.

        credentials: Hashed keys of scripts and hashed passwords of persons.

        sessions:
            Hashed session tokens, the person or script of each, and who began it. A session with a process began with
            a key that is valid only in that process.

        one_time_codes: Hashed codes of the persons who need one to log in. Each code is valid once.

        own: The site's other tables, such as the one of followed rows.
    """

    metadata: sa.MetaData
    directory: sa.Table
    links: sa.Table
    credentials: sa.Table
    sessions: sa.Table
    one_time_codes: sa.Table
    own: SiteTables

    def __init__(self, schema: Schema) -> None:
        self.metadata = sa.MetaData()
        self.directory = sa.Table(
            "directory",
            self.metadata,
            sa.Column("type", sa.Text, primary_key=True),
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.Text(collation="NOCASE")),
            sa.Column("retired", sa.Integer, nullable=False, server_default="0"),
            # The row whose retirement also retired this row. Reviving that row revives this one.
            sa.Column("cause_type", sa.Text),
            sa.Column("cause_id", sa.Integer),
            sa.Index("ix_directory_cause", "cause_type", "cause_id"),
            sa.Index("ix_directory_retired", "type", "id", sqlite_where=sa.text("retired = 1")),
            sqlite_with_rowid=False,
        )
        self.links = sa.Table(
            "links",
            self.metadata,
            sa.Column("relation", sa.Text, primary_key=True),
            sa.Column("left_type", sa.Text, primary_key=True),
            sa.Column("left_id", sa.Integer, primary_key=True),
            sa.Column("right_type", sa.Text, primary_key=True),
            sa.Column("right_id", sa.Integer, primary_key=True),
            sa.Index("ix_links_right", "relation", "right_type", "right_id", "left_type", "left_id"),
            sqlite_with_rowid=False,
        )
        self.credentials = sa.Table(
            "credentials",
            self.metadata,
            sa.Column("type", sa.Text, primary_key=True),
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("salt", sa.LargeBinary, nullable=False),
            sa.Column("digest", sa.LargeBinary, nullable=False),
        )
        self.sessions = sa.Table(
            "sessions",
            self.metadata,
            sa.Column("digest", sa.Text, primary_key=True),
            sa.Column("type", sa.Text, nullable=False),
            sa.Column("id", sa.Integer, nullable=False),
            sa.Column("created_at", sa.Text, nullable=False),
            sa.Column("by_type", sa.Text),
            sa.Column("by_id", sa.Integer),
            sa.Column("process", sa.Text),
        )
        self.one_time_codes = sa.Table(
            "one_time_codes",
            self.metadata,
            sa.Column("user_id", sa.Integer, primary_key=True),
            sa.Column("digest", sa.Text, primary_key=True),
            sa.Column("used_at", sa.Text),
        )
        self.own = site_tables(self.metadata)
        self._of = {name: _entity_table(self.metadata, facts) for name, facts in schema.types.items()}
        self._all = dict(self.metadata.tables)
        self._aliases: dict[str, list[sa.FromClause]] = {name: [] for name in self._all}

    def __getitem__(self, entity_type: str) -> sa.Table:
        return self._of[entity_type]

    def extended(self, types: Iterable[EntityType]) -> Tables:
        """
        Return the tables of a schema in which *types* are new or changed. All other tables are shared with this object.
        """
        new = copy.copy(self)
        metadata = sa.MetaData()
        made = {facts.name: _entity_table(metadata, facts) for facts in types}
        new.__dict__.update(
            _of={**self._of, **made},
            _all={**self._all, **made},
            _aliases={**self._aliases, **{name: [] for name in made}},
        )
        return new

    def alias(self, table: str, number: int) -> sa.FromClause:
        """
        Return the alias with a number for a table.

        Creating an alias costs as much as a small query. The first aliases are therefore cached, and all statements
        share them.
        """
        kept = self._aliases[table]
        while number >= len(kept):
            alias = self._all[table].alias()
            alias.c.keys()  # SQLAlchemy builds the columns on first use: do so before other threads see the alias
            if len(kept) >= _KEPT_ALIASES:
                return alias
            kept.append(alias)
        return kept[number]


@functools.cache
def standard_tables() -> Tables:
    """
    Return the tables for the standard schema. They are built once per process.
    """
    return Tables(standard_schema())


@functools.cache
def creation_script() -> str:
    """
    Return the SQL that creates the standard tables in an empty database.
    """
    metadata = standard_tables().metadata
    dialect = sa.create_engine("sqlite://").dialect
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(sa.schema.CreateTable(table).compile(dialect=dialect)))
        statements.extend(str(sa.schema.CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
    statements.extend(TRIGGERS)
    statements.append(f"PRAGMA user_version = {LAYOUT}")
    return ";\n".join(statements)
