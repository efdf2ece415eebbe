"""
Fields that count or sum other rows: the time logged on a task, its assignees, the tasks of a template, the uses of a
tag.

SQLite updates them by triggers, so they are correct whichever code writes the rows. A trigger takes no parameters, so
names are inserted into the texts. All of these names are from this file.
"""

# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


# Each counts or sums the other rows of all rows. A trigger adds the condition for one row.
_LOGGED = {
    entity_type: f'UPDATE "{entity_type}" SET time_logs_sum = (SELECT coalesce(sum(log.duration), 0) FROM "TimeLog" '
    f"AS log WHERE log.entity__type = '{entity_type}' AND log.entity__id = \"{entity_type}\".id "
    "AND log.retired_at IS NULL)"
    for entity_type in ("Task", "Ticket")
}
_ASSIGNED = (
    'UPDATE "Task" SET workload_assignee_count = (SELECT count(*) FROM links WHERE '
    "relation = 'Task.task_assignees' AND left_type = 'Task' AND left_id = \"Task\".id)"
)
_TEMPLATED = (
    'UPDATE "TaskTemplate" SET task_count = (SELECT count(*) FROM "Task" AS task '
    'WHERE task.task_template__id = "TaskTemplate".id AND task.retired_at IS NULL)'
)
_TAGGED = 'UPDATE "Tag" SET usage = (SELECT count(*) FROM links WHERE right_type = \'Tag\' AND right_id = "Tag".id)'

#: The statements that set these fields of all rows, for a file in which no triggers were.
RECOUNTS = (*_LOGGED.values(), _ASSIGNED, _TEMPLATED, _TAGGED)


def _logged(row: str) -> Iterator[str]:
    for entity_type, update in _LOGGED.items():
        yield f"{update} WHERE id = {row}.entity__id AND {row}.entity__type = '{entity_type}'"


def _assigned(row: str) -> str:
    return f"{_ASSIGNED} WHERE id = {row}.left_id"


def _templated(row: str) -> str:
    return f"{_TEMPLATED} WHERE id = {row}.task_template__id"


def _tagged(row: str) -> str:
    return f"{_TAGGED} WHERE id = {row}.right_id"


def _trigger(name: str, event: str, when: str, *statements: str) -> str:
    body = "; ".join(statements)
    return f"CREATE TRIGGER {name} AFTER {event} FOR EACH ROW WHEN {when} BEGIN {body}; END"


_ASSIGNING = "{row}.relation = 'Task.task_assignees'"
_TAGGING = "{row}.right_type = 'Tag'"

#: The statements that create the triggers.
TRIGGERS = (
    _trigger("time_logged", 'INSERT ON "TimeLog"', "NEW.entity__id IS NOT NULL", *_logged("NEW")),
    _trigger(
        "time_logged_anew",
        'UPDATE OF duration, entity__type, entity__id, retired_at ON "TimeLog"',
        "OLD.entity__id IS NOT NULL OR NEW.entity__id IS NOT NULL",
        *_logged("OLD"),
        *_logged("NEW"),
    ),
    _trigger("assigned", "INSERT ON links", _ASSIGNING.format(row="NEW"), _assigned("NEW")),
    _trigger("unassigned", "DELETE ON links", _ASSIGNING.format(row="OLD"), _assigned("OLD")),
    _trigger("tagged", "INSERT ON links", _TAGGING.format(row="NEW"), _tagged("NEW")),
    _trigger("untagged", "DELETE ON links", _TAGGING.format(row="OLD"), _tagged("OLD")),
    _trigger("templated", 'INSERT ON "Task"', "NEW.task_template__id IS NOT NULL", _templated("NEW")),
    _trigger(
        "templated_anew",
        'UPDATE OF task_template__id, retired_at ON "Task"',
        "OLD.task_template__id IS NOT NULL OR NEW.task_template__id IS NOT NULL",
        _templated("OLD"),
        _templated("NEW"),
    ),
)
