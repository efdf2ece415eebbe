"""
A folder with a site's records as JSON lines: ``dump`` writes it, ``load`` reads it.

The folder contains:

- ``about.json``: the format, and when it was made;
- ``schema.json``: the description of all fields;
- ``records/Shot.jsonl`` and the like: one line for each record, with values as in the protocol;
- ``media/attachments`` and ``media/thumbnails``: files, named by the ids of their Attachments;
- ``site``, if the folder is of a local site: the rows of tables that do not belong to an entity type.

No file contains keys, passwords or sessions. Records that were copied from another kind of site contain their lists of
links, because there is no ``site`` folder.

Three values differ from the protocol, whose values are valid only for a while: an image is ``{"thumbnail": number}``,
an upload has no ``url``, and a retired record has ``retired_at``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.calls import schema_requests
from sgextended.localsite.custom_fields.field_imports import adopt_fields, restore_fields
from sgextended.localsite.files.file_store import check_no_links, copy_private
from sgextended.localsite.schema.entity_types import CONTAINERS
from sgextended.localsite.schema.link_relations import Listed, Through, relation_for
from sgextended.localsite.storage.data_types import shown
from sgextended.localsite.storage.display_names import display_name, link_name
from sgextended.localsite.storage.entity_tables import is_stored
from sgextended.localsite.storage.single_row_writes import default_columns, insert_row, link_columns
from sgextended.localsite.storage.trigger_fields import TRIGGERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Transaction

#: The version of the folder's format. It increases when older folders can no longer be read.
FORMAT = 1

_AT_ONCE = 1000
_MEDIA = ("attachments", "thumbnails")
# Pictures that were linked by an address have negative numbers.
_MEDIA_NAME = re.compile(r"-?[0-9]{1,18}(\.jpg)?")
# The parts of a folder that are read.
_PARTS = ("about.json", "schema.json", "records", "site", "media")
_List = tuple[Any, int, list[dict[str, Any]]]  # the field, the id of the record, the links


@attrs.define
class Loaded:
    """
    The result of ``load``.

    Attributes:
        counts: The number of loaded records by entity type.

        left_out: Descriptions of the parts that a local site cannot hold.
    """

    counts: dict[str, int] = attrs.field(factory=dict)
    left_out: list[str] = attrs.field(factory=list)


def dump(tx: Transaction, folder: Path) -> dict[str, int]:
    """
    Write the whole site into *folder*, and return the number of records by entity type.

    Raises:
        ValueError: The folder exists and is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty. Name a folder that does not exist yet.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in ("records", "site", "media/attachments", "media/thumbnails"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    _write_json(folder / "schema.json", schema_requests.read_all(tx, None))
    directory = tx.tables.directory
    entries = {(row.type, row.id): row for row in tx.connection.execute(sa.select(directory))}
    counts = {}
    for name, facts in tx.schema.types.items():
        count = _write_lines(folder / "records" / f"{name}.jsonl", _records(tx, facts, entries))
        if count:
            counts[name] = count
    for name, table in _site_tables(tx).items():
        rows = (dict(row) for row in tx.connection.execute(sa.select(table)).mappings())
        _write_lines(folder / "site" / f"{name}.jsonl", rows)
    for part in _MEDIA:
        for path in tx.media.files(part):
            check_no_links(path)
            copy_private(path, folder / "media" / part / path.name)
    # about.json is written last, so a folder without it is incomplete.
    _write_json(folder / "about.json", {"format": FORMAT, "by": "dump", "made_at": tx.moment})
    return counts


def load(tx: Transaction, folder: Path) -> Loaded:
    """
    Load the records of *folder* into a new site, with their ids, dates and files.

    Raises:
        ValueError: The folder holds no records, they cannot be read, or the folder has a link to another place.
    """
    check_no_links(*(folder / part for part in _PARTS))
    _check(folder)
    loaded = Loaded()
    for trigger in TRIGGERS:  # the records contain the computed values already
        tx.connection.exec_driver_sql(f"DROP TRIGGER {trigger.split()[2]}")
    own = {path.stem: path for path in (folder / "site").glob("*.jsonl")}
    _load_schema(tx, folder, own.pop("fields", None), loaded)
    lists: list[_List] = []
    for path in sorted((folder / "records").glob("*.jsonl")):
        facts = tx.schema.types.get(path.stem)
        if facts is not None:
            loaded.counts[path.stem], found = _load_type(tx, facts, path)
            lists += found
        else:
            loaded.left_out.append(f"{sum(1 for _line in _lines(path))} records of {path.stem}")
    _load_lists(tx, lists)
    tables = _site_tables(tx)
    for name in tables.keys() & own.keys():
        _insert(tx, tables[name], _lines(own[name]))
    for trigger in TRIGGERS:
        tx.connection.exec_driver_sql(trigger)
    for part in _MEDIA:
        for path in (folder / "media" / part).glob("*"):
            if _MEDIA_NAME.fullmatch(path.name):
                copy_private(path, tx.media.place(part, path.name))
            else:
                loaded.left_out.append(f"the file {path.name} in media/{part}, whose name is not that of a site's file")
    return loaded


def _load_schema(tx: Transaction, folder: Path, fields: Optional[Path], loaded: Loaded) -> None:
    described = folder / "schema.json"
    if fields is not None:
        restore_fields(tx, list(_lines(fields)))
    elif described.is_file():
        types = [path.stem for path in (folder / "records").glob("*.jsonl")]
        described_fields = json.loads(described.read_text(encoding="utf-8"))
        loaded.left_out += adopt_fields(tx, described_fields, types)


def _check(folder: Path) -> None:
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        made = about["format"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(
            f"{folder} holds no records of a site, or not all of them, because it has no valid about.json. Make the "
            "folder with 'sgextended pull' or 'sgextended site dump'. Run an interrupted command again to continue it."
        ) from None
    if made != FORMAT:
        raise ValueError(f"{folder} has format {made}, but this version of the local site reads format {FORMAT}.")


def _site_tables(tx: Transaction) -> dict[str, sa.Table]:
    own = tx.tables.own
    return {
        "links": tx.tables.links,
        **{name: getattr(own, name) for name in ("fields", "follows", "personal", "shown", "subscriptions")},
    }


# --- Writing


def _records(tx: Transaction, facts: EntityType, entries: Mapping[tuple[str, int], Any]) -> Iterator[dict[str, Any]]:
    table = tx.tables[facts.name]
    fields = [(field, _to_record(field)) for field in facts.fields.values() if is_stored(field)]
    for row in tx.connection.execute(sa.select(table).order_by(table.c.id)).mappings():
        record: dict[str, Any] = {"type": facts.name, "id": row["id"]}
        for field, convert in fields:
            if field.data_type == "entity":
                key = (row[f"{field.name}__type"], row[f"{field.name}__id"])
                named = {} if key not in entries else {"name": entries[key].name}
                record[field.name] = None if key[1] is None else {"type": key[0], "id": key[1], **named}
            else:
                value = row[field.name]
                record[field.name] = convert(value) if convert is not None else value
        record["cached_display_name"] = row["cached_display_name"]
        if row["retired_at"] is not None:
            record["retired_at"] = row["retired_at"]
            entry = entries[facts.name, row["id"]]
            if entry.cause_type is not None:
                record["retired_with"] = {"type": entry.cause_type, "id": entry.cause_id}
        yield record


def _to_record(field: Field) -> Optional[Callable[[Any], Any]]:
    if field.data_type == "image":
        return lambda text: text if text is None or "://" in text else {"thumbnail": int(text.partition(" ")[0])}
    return shown(field)


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    if not count:
        path.unlink()
    return count


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


# --- Reading


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}, line {number}: this is not valid JSON: {error}.") from error
            yield record


@attrs.frozen
class _Reader:
    """
    Converts the records of one type into rows of its table.

    Attributes:
        columns: The table's columns, in the order of a row's values.

        blank: The row of a record without values.

        plain: Functions that convert the values of fields into values of columns.

        links: Names of the fields that are links.

        lists: The fields that are lists of links.
    """

    facts: EntityType
    columns: tuple[str, ...]
    blank: dict[str, Any]
    plain: dict[str, Callable[[Any], Any]]
    links: tuple[str, ...]
    lists: tuple[Field, ...]

    def row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return the row of a record, by column.
        """
        row: dict[str, Any] = {**self.blank, "id": record["id"], "retired_at": record.get("retired_at")}
        for name in record.keys() & self.plain.keys():
            row[name] = self.plain[name](record[name])
        for name in self.links:
            row.update(link_columns(name, record.get(name)))
        if record.get("cached_display_name") is None:
            row["cached_display_name"] = display_name(self.facts, row)
        return row


def _reader(tx: Transaction, facts: EntityType) -> _Reader:
    columns = tuple(column.name for column in tx.tables[facts.name].columns if column.computed is None)
    blank = {**dict.fromkeys(columns), **default_columns(facts)}
    fields = facts.fields.values()
    plain = {field.name: _to_column(field) for field in fields if field.name in blank and field.name != "id"}
    for field in fields:
        if field.data_type == "checkbox" and field.name in blank:
            blank[field.name] = int(bool(field.default))
    links = tuple(field.name for field in fields if field.data_type == "entity")
    lists = tuple(field for field in fields if field.data_type == "multi_entity")
    return _Reader(facts, columns, blank, plain, links, lists)


def _load_type(tx: Transaction, facts: EntityType, path: Path) -> tuple[int, list[_List]]:
    """
    Load the records of a type, and return their number and their lists of links.
    """
    table, directory, reader = tx.tables[facts.name], tx.tables.directory, _reader(tx, facts)
    # The default rows of a new site are replaced by the rows of the loaded site.
    tx.connection.execute(sa.delete(table))
    tx.connection.execute(sa.delete(directory).where(directory.c.type == facts.name))
    names, marks = ", ".join(f'"{name}"' for name in reader.columns), ", ".join("?" * len(reader.columns))
    statement = f'INSERT INTO "{facts.name}" ({names}) VALUES ({marks})'  # noqa: S608 - names of our own columns
    count, found = 0, []
    for chunk in _chunks(_lines(path)):
        try:
            rows = [reader.row(record) for record in chunk]
            tx.connection.exec_driver_sql(statement, [tuple(row[name] for name in reader.columns) for row in rows])
            entries = [_entry(facts, row, record) for row, record in zip(rows, chunk)]
            tx.connection.execute(sa.insert(directory), entries)
        except (sa.exc.DBAPIError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            reason = f"{type(error).__name__}: {getattr(error, 'orig', error)}"
            raise ValueError(f"{path} has a line that is not a record of a {facts.name}: {reason}.") from error
        found += [
            (field, each["id"], each[field.name]) for each in chunk for field in reader.lists if each.get(field.name)
        ]
        count += len(rows)
    return count, found


def _to_column(field: Field) -> Callable[[Any], Any]:
    if field.data_type == "checkbox":
        return lambda value: int(bool(value))
    if field.data_type == "image":
        return lambda value: f"{int(value['thumbnail'])} 0" if isinstance(value, dict) else value
    if field.data_type == "tag_list":
        return lambda value: json.dumps(value, ensure_ascii=False) if value else None
    if field.data_type in CONTAINERS:
        return lambda value: None if value is None else json.dumps(value, ensure_ascii=False)
    return lambda value: json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _entry(facts: EntityType, row: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    cause = record.get("retired_with") or {}
    return {
        "type": facts.name,
        "id": row["id"],
        "name": row["cached_display_name"] or link_name(facts, row),
        "retired": int(record.get("retired_at") is not None),
        "cause_type": cause.get("type"),
        "cause_id": cause.get("id"),
    }


def _load_lists(tx: Transaction, lists: Iterable[_List]) -> None:
    """
    Load lists of links. Lists that show the single links of other records need no loading.
    """
    directory = tx.tables.directory
    there = {tuple(row) for row in tx.connection.execute(sa.select(directory.c.type, directory.c.id))}
    pairs: dict[tuple[Any, ...], None] = {}
    for field, entity_id, links in lists:
        relation, own = relation_for(field), (field.entity_type, entity_id)
        for link in links:
            far = (link["type"], link["id"])
            if far not in there:
                continue
            if isinstance(relation, Listed):
                left, right = (own, far) if relation.left else (far, own)
                # Kept once, although the record at the other end has it too.
                pairs[(relation.relation, *left, *right)] = None
            elif isinstance(relation, Through):
                _connect(tx, relation, own, far)
    names = ("relation", "left_type", "left_id", "right_type", "right_id")
    _insert(tx, tx.tables.links, (dict(zip(names, pair)) for pair in pairs))


def _connect(tx: Transaction, relation: Through, own: tuple[str, int], far: tuple[str, int]) -> None:
    """
    Insert a row of a connection type, unless the records of that type contained it.
    """
    table = tx.tables[relation.connection]
    own_columns = link_columns(relation.own_field, {"type": own[0], "id": own[1]})
    ends = {**own_columns, **link_columns(relation.far_field, {"type": far[0], "id": far[1]})}
    query = sa.select(table.c.id).where(*(table.c[name] == value for name, value in ends.items()))
    if tx.connection.execute(query.limit(1)).first() is None:
        insert_row(tx, relation.connection, ends)


def _insert(tx: Transaction, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    for chunk in _chunks(rows):
        tx.connection.execute(sa.insert(table), chunk)


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
