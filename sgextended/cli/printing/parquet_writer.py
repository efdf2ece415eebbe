"""
Writing a Parquet file from JSON lines, in bounded memory. This needs the extra ``parquet``.
"""

import datetime as dt
import itertools
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

from sgextended.cli.usage_error import UsageError

#: Number of rows in memory at a time, and in a row group of the file.
ROWS_PER_GROUP = 10_000


def require_pyarrow() -> None:
    """
    Raise ModuleNotFoundError if pyarrow is not installed. A command calls this before its first request.
    """
    import pyarrow as pa  # noqa: F401, PLC0415 - an extra


def write_parquet(path: Path, types: Mapping[str, Optional[str]]) -> Path:
    """
    Write the rows of a file of JSON lines to a Parquet file beside it, and return the new file's path.

    A link becomes a struct of type, id and name. Several links become a list of such structs. A value whose data type
    has no Parquet type becomes text; lists and dicts become JSON text.

    Args:
        path: The file of JSON lines.

        types: The data type of each column, from the site's schema.

    Raises:
        UsageError: A column has a value that its data type does not allow.
    """
    import pyarrow as pa  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415

    link = pa.struct([("type", pa.string()), ("id", pa.int64()), ("name", pa.string())])
    arrow_types = {
        **dict.fromkeys(("number", "duration", "timecode"), pa.int64()),
        **dict.fromkeys(("float", "currency", "percent"), pa.float64()),
        "checkbox": pa.bool_(),
        "date": pa.date32(),
        "date_time": pa.timestamp("us", tz="UTC"),
        "entity": link,
        "multi_entity": pa.list_(link),
    }
    schema = pa.schema([(name, arrow_types.get(data_type or "", pa.string())) for name, data_type in types.items()])
    new = path.with_name(path.name + ".new")
    with path.open(encoding="utf-8") as lines, parquet.ParquetWriter(new, schema) as writer:
        for rows in _batches(lines):
            columns = []
            for name, data_type in types.items():
                convert = _CONVERTERS.get(data_type or "", _to_text)
                try:
                    columns.append(pa.array([convert(row[name]) for row in rows], schema.field(name).type))  # type: ignore[no-untyped-call]
                except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
                    raise UsageError(
                        f"The field {name} cannot be written to Parquet. Its data type is {data_type}, but one of its "
                        f"values is not ({error}). Leave the field out of --fields, or export to a .jsonl file."
                    ) from error
            writer.write_table(pa.table(columns, schema=schema))
    return new


def _batches(lines: Iterator[str]) -> Iterator[List[Dict[str, Any]]]:
    while True:
        rows = [json.loads(line) for line in itertools.islice(lines, ROWS_PER_GROUP)]
        if not rows:
            return
        yield rows


def _to_text(value: Any) -> Optional[str]:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _to_link(value: Any) -> Optional[Dict[str, Any]]:
    return value and {"type": value["type"], "id": value["id"], "name": value.get("name")}


def _to_links(value: Any) -> Optional[List[Any]]:
    return value and [_to_link(each) for each in value]


_CONVERTERS: Dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("number", "duration", "percent", "timecode", "float", "currency", "checkbox"), lambda value: value
    ),
    "date": lambda value: value and dt.date.fromisoformat(value),
    "date_time": lambda value: value and dt.datetime.fromisoformat(value),
    "entity": _to_link,
    "multi_entity": _to_links,
}
