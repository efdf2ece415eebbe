"""
JSON lines to Parquet, a number of rows at a time. It needs the extra ``parquet``.
"""

import datetime as dt
import itertools
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

from sgextended.cli.load_function import UsageError

#: Rows in memory at a time, and in a row group of the file.
AT_A_TIME = 10_000


def check() -> None:
    """
    See that the extra is installed, before anything is asked.
    """
    import pyarrow as pa  # noqa: F401, PLC0415 - an extra


def converted(path: Path, types: Mapping[str, Optional[str]]) -> Path:
    """
    Return a file with the rows of a file of JSON lines.

    A link becomes a struct of type, id and name; several become a list of them. What has no type of its own in Parquet
    becomes text, lists and dicts among it JSON.

    Args:
        path: The file.

        types: The data type of each column, by the site's schema.

    Raises:
        UsageError: A column holds what its type does not allow.
    """
    import pyarrow as pa  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415

    link = pa.struct([("type", pa.string()), ("id", pa.int64()), ("name", pa.string())])
    kinds = {
        **dict.fromkeys(("number", "duration", "timecode"), pa.int64()),
        **dict.fromkeys(("float", "currency", "percent"), pa.float64()),
        "checkbox": pa.bool_(),
        "date": pa.date32(),
        "date_time": pa.timestamp("us", tz="UTC"),
        "entity": link,
        "multi_entity": pa.list_(link),
    }
    schema = pa.schema([(name, kinds.get(kind or "", pa.string())) for name, kind in types.items()])
    new = path.with_name(path.name + ".new")
    with path.open(encoding="utf-8") as lines, parquet.ParquetWriter(new, schema) as writer:
        for rows in _batches(lines):
            columns = []
            for name, kind in types.items():
                read = _READ.get(kind or "", _to_text)
                try:
                    columns.append(pa.array([read(row[name]) for row in rows], schema.field(name).type))  # type: ignore[no-untyped-call]
                except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
                    raise UsageError(
                        f"{name} is a {kind} and holds something else ({error}): leave it out, or export to .jsonl."
                    ) from error
            writer.write_table(pa.table(columns, schema=schema))
    return new


def _batches(lines: Iterator[str]) -> Iterator[List[Dict[str, Any]]]:
    while True:
        rows = [json.loads(line) for line in itertools.islice(lines, AT_A_TIME)]
        if not rows:
            return
        yield rows


def _to_text(value: Any) -> Optional[str]:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _to_link(value: Any) -> Optional[Dict[str, Any]]:
    return value and {"type": value["type"], "id": value["id"], "name": value.get("name")}


def _to_links(value: Any) -> Optional[List[Any]]:
    return value and [_to_link(each) for each in value]


_READ: Dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("number", "duration", "percent", "timecode", "float", "currency", "checkbox"), lambda value: value
    ),
    "date": lambda value: value and dt.date.fromisoformat(value),
    "date_time": lambda value: value and dt.datetime.fromisoformat(value),
    "entity": _to_link,
    "multi_entity": _to_links,
}
