"""
What ``sgextended pull`` copies apart from records: which fields a project shows, and who follows which records.

These are rows of tables of a local site that belong to no entity type. The folder ``site`` has them, as in a folder of
``sgextended site dump``.
"""

import contextlib
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Set, Tuple

from sgextended import Failure, SGExtended
from sgextended.errors import ShotgunError

_WORKERS = 4
_FIRST_SHOWN: Tuple[bool, List[str]] = (True, [])


def write_shown_fields(
    sg: SGExtended, folder: Path, schema: Mapping[str, Any], project_ids: Sequence[int]
) -> List[str]:
    """
    Write which fields the projects hide, and which statuses of a field, if that differs from the schema of the site.

    Return a message for each project whose schema the site refused to return.

    Args:
        sg: The client.

        folder: The folder of the pull.

        schema: The schema of the site, as ``schema_read`` returns it.

        project_ids: The ids of the projects.
    """
    usual = {(entity_type, name): shown for entity_type, name, shown in _shown_fields(schema)}

    def differing(sg: SGExtended, project_id: int) -> List[Dict[str, Any]]:
        described = sg.schema_read({"type": "Project", "id": project_id})
        return [
            {
                "project_id": project_id,
                "type": entity_type,
                "field": name,
                "visible": int(shown[0]),
                "hidden_values": json.dumps(shown[1]),
            }
            for entity_type, name, shown in _shown_fields(described)
            if shown != usual.get((entity_type, name), _FIRST_SHOWN)
        ]

    rows: List[Dict[str, Any]] = []
    skipped = []
    for project_id, result in _collected(sg, differing, project_ids):
        if isinstance(result, Failure):
            skipped.append(f"The fields that Project {project_id} hides were skipped. {_refusal(result)}")
        else:
            rows += result
    _write_rows(folder / "site" / "shown.jsonl", rows)
    return skipped


def _shown_fields(schema: Mapping[str, Any]) -> Iterator[Tuple[str, str, Tuple[bool, List[str]]]]:
    """
    Yield the entity type and the name of each field, whether it is visible, and which statuses are hidden.
    """
    for entity_type, fields in schema.items():
        for name, described in fields.items():
            visible = described.get("visible", {}).get("value", True)
            hidden = described.get("properties", {}).get("hidden_values", {}).get("value") or []
            yield entity_type, name, (bool(visible), list(hidden))


def write_follows(sg: SGExtended, folder: Path) -> Tuple[Set[int], List[str]]:
    """
    Write who follows the records that are in the folder.

    Return the ids of these people, and a message for each person for whom the site refused to return the records.
    """
    people = [person["id"] for person in sg.find("HumanUser", [], [])]

    def followed(sg: SGExtended, user_id: int) -> List[Dict[str, Any]]:
        return list(sg.following({"type": "HumanUser", "id": user_id}))

    ids: Dict[str, Set[int]] = {}
    rows: List[Dict[str, Any]] = []
    skipped = []
    for user_id, links in _collected(sg, followed, people):
        if isinstance(links, Failure):
            skipped.append(f"The records that HumanUser {user_id} follows were skipped. {_refusal(links)}")
            continue
        for link in links:
            if link["type"] not in ids:
                ids[link["type"]] = set(ids_in(folder / "records" / f"{link['type']}.jsonl"))
            if link["id"] in ids[link["type"]]:
                row = {"user_id": user_id, "type": link["type"], "id": link["id"]}
                rows.append({"number": len(rows) + 1, **row})
    _write_rows(folder / "site" / "follows.jsonl", rows)
    return {row["user_id"] for row in rows}, skipped


def _collected(sg: SGExtended, function: Callable[..., Any], ids: Sequence[int]) -> Iterator[Tuple[int, Any]]:
    results = sg.map(function, list(ids), workers=_WORKERS, on_error="collect")
    with contextlib.closing(results):  # type: ignore[type-var] # it is a generator
        yield from zip(ids, results)


def _refusal(failure: Failure) -> str:
    """
    Return the sentence that the site refused a call. Raise the error if it is not one of the site.
    """
    if not isinstance(failure.error, ShotgunError):
        raise failure.error
    return f"The site refused the call: {failure.error}"


def ids_in(path: Path) -> Iterator[int]:
    """
    Yield the ids of the records in a file; none if there is no such file.
    """
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["id"]


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows]
    if lines:
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
