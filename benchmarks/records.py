"""
The records that the benchmarks read and create: what a large studio's tasks look like.
"""

from typing import Any, Dict

PAGE_SIZE = 500

#: The 15 fields that are asked for.
FIELDS = [
    "content",
    "sg_status_list",
    "sg_description",
    "start_date",
    "due_date",
    "duration",
    "est_in_mins",
    "milestone",
    "entity",
    "project",
    "task_assignees",
    "assets",
    "created_at",
    "updated_at",
    "id",
]
#: The record of the small calls: one value of each common kind.
SHOT = {
    "type": "Shot",
    "id": 1001,
    "code": "sh0010",
    "sg_status_list": "ip",
    "sg_cut_in": 1001,
    "project": {"type": "Project", "id": 70, "name": "Benchmark"},
    "updated_at": "2026-02-11T17:30:11Z",
}
#: Those that the site sets, not the caller.
_OF_THE_SITE = ("type", "id", "created_at", "updated_at")


def record(number: int) -> Dict[str, Any]:
    """
    Return a record as a site sends it: two datetimes, two lists of 6 to 8 links, two links, texts and numbers.
    """
    people = [{"type": "HumanUser", "id": n, "name": f"Artist {n}"} for n in range(number % 3 + 6)]
    assets = [{"type": "Asset", "id": number + n, "name": f"char_{number + n:05}"} for n in range(8 - number % 3)]
    return {
        "type": "Task",
        "id": number,
        "content": f"animation {number}",
        "sg_status_list": ("wtg", "ip", "fin")[number % 3],
        "sg_description": f"Second pass on shot {number}, see the notes of the last review.",
        "start_date": "2026-03-02",
        "due_date": "2026-03-20",
        "duration": 480 * (number % 9 + 1),
        "est_in_mins": 960,
        "milestone": False,
        "entity": {"type": "Shot", "id": number // 4, "name": f"sh{number // 4:04}"},
        "project": {"type": "Project", "id": 70, "name": "Benchmark"},
        "task_assignees": people,
        "assets": assets,
        "created_at": f"2026-01-{number % 28 + 1:02}T09:{number % 60:02}:00Z",
        "updated_at": f"2026-02-{number % 28 + 1:02}T17:30:{number % 60:02}Z",
    }


def data(number: int) -> Dict[str, Any]:
    """
    Return what a caller sets to create such a record: 12 fields.
    """
    return {name: value for name, value in record(number).items() if name not in _OF_THE_SITE}


def created(number: int) -> Dict[str, Any]:
    """
    Return what a site answers to a create: what was set, type and id.
    """
    return {"type": "Task", "id": number, **data(number)}
