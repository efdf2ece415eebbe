"""
The rows that a write may change besides its own entity: a `Scope` says which, and `look` reads their present state.

A site reschedules tasks, pins them, makes tasks from templates, and retires rows together with another. A row of a
connection type has properties of its own, which are lost when a link is removed and added again.
"""

from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from attrs import define, field

from sgextended.errors import CallError, SGExtendedError
from sgextended.writes.dry_run import CHUNK
from sgextended.writes.write_events import Row, Write

#: The fields of a task that the site changes by itself when it schedules.
SCHEDULE = ("start_date", "due_date", "duration", "milestone", "splits", "pinned")
#: The types of rows that connect two entities: their two ends, and their properties.
CONNECTIONS: Mapping[str, Tuple[Tuple[str, str], Tuple[str, ...]]] = {
    "TaskDependency": (("task", "dependent_task"), ("dependency_type", "offset_days")),
    "PlaylistVersionConnection": (("playlist", "version"), ("sg_sort_order",)),
}
#: The multi-entity fields that connections store: the type of the connection, and its end that is the entity itself.
CONNECTED: Mapping[Tuple[str, str], Tuple[str, str]] = {
    ("Task", "upstream_tasks"): ("TaskDependency", "task"),
    ("Task", "downstream_tasks"): ("TaskDependency", "dependent_task"),
    ("Playlist", "versions"): ("PlaylistVersionConnection", "playlist"),
    ("Version", "playlists"): ("PlaylistVersionConnection", "version"),
}

#: The multi-entity fields that show the entities with a link to this one, and that link: its type and its field. To add
#: an entity to such a field takes it from its former place.
_TAKES = {
    ("Cut", "cut_items"): ("CutItem", "cut"),
    ("Episode", "sequences"): ("Sequence", "episode"),
    ("Sequence", "shots"): ("Shot", "sg_sequence"),
    ("Task", "sg_versions"): ("Version", "sg_task"),
    ("Version", "published_files"): ("PublishedFile", "version"),
}
#: The same for fields that many types have.
_TAKES_OF_MANY = {
    "sg_published_files": ("PublishedFile", "entity"),
    "sg_versions": ("Version", "entity"),
    "tasks": ("Task", "entity"),
}
#: A type whose fields of these names have lists of their own.
_WITH_OWN_LISTS = "Delivery"
#: The rows that a site may retire together with a row: their type, and their field that links to it.
_RETIRED_WITH = {
    "Shot": ("Version", "entity"),
    "Asset": ("Version", "entity"),
    "Sequence": ("Version", "entity"),
    "Episode": ("Version", "entity"),
    "TaskTemplate": ("Task", "task_template"),
}
#: The fields of a task that a template overwrites, apart from the schedule and custom fields.
_FROM_TEMPLATE = (
    *("content", "step", "sg_sort_order", "sg_status_list", "est_in_mins", "sg_description", "color"),
    *("task_assignees", "task_reviewers"),
)
#: Data types of custom fields that a template does not copy.
_NOT_COPIED = frozenset({"image", "url", "calculated", "summary", "query", "pivot_column"})

#: The rows of a scope at one time, as `look` returns them.
State = Dict[str, Any]


@define
class Scope:
    """
    The rows that the writes of one call may change besides their own entities.

    Attributes:
        tasks: The tasks that may be rescheduled; those that depend on them belong to the scope, too.

        templated: The entities that get tasks from a template.

        deleted: The entities that are deleted, with rows that may be retired together with them.

        connected: The entities whose connections may change, as the type of the connection, its end and the entity.

        taken: Links that may be taken from their former place, as the type and field of the link, and its entities.

        task_fields: The fields of tasks to read besides the schedule; empty as long as *templated* is.

        dependencies: The ids of dependencies whose tasks may be rescheduled. `resolve` replaces them by the tasks.

        revived: The ids of tasks that are revived. `resolve` adds the tasks that depended on them.
    """

    tasks: List[int] = field(factory=list)
    templated: List[Row] = field(factory=list)
    deleted: List[Row] = field(factory=list)
    connected: List[List[Any]] = field(factory=list)
    taken: List[List[Any]] = field(factory=list)
    task_fields: List[str] = field(factory=list)
    dependencies: List[int] = field(factory=list)
    revived: List[int] = field(factory=list)

    def __bool__(self) -> bool:
        return any((self.tasks, self.templated, self.deleted, self.connected, self.taken, self.dependencies))

    @classmethod
    def of(cls, writes: Iterable[Write]) -> "Scope":
        """
        Return the scope of the writes of one call. It is false if they change nothing besides their own entities.
        """
        scope = cls()
        for write in writes:
            scope._add(write)
        return scope

    def _add(self, write: Write) -> None:
        kind, number, data = write.entity_type, write.entity_id, write.data
        if write.method not in ("create", "update", "delete", "revive") or kind is None:
            return
        if kind == "Task":
            self._add_task(write)
        elif kind == "TaskDependency":
            self.tasks += _ids([data.get("task")])
            self.dependencies += [number] if number else []
        elif "task_template" in data and (number or (write.method == "create" and data["task_template"])):
            # The id of a new entity is added after the write.
            self.templated += [{"type": kind, "id": number}] if number else []
        if write.method == "delete" and number and kind in _RETIRED_WITH:
            self.deleted.append({"type": kind, "id": number})
        for name in data if write.method == "update" and number else ():
            if kind != "Task" and (kind, name) in CONNECTED:
                self.connected.append([*CONNECTED[kind, name], {"type": kind, "id": number}])
        for name, value in data.items():
            takes = _TAKES.get((kind, name)) or (_TAKES_OF_MANY.get(name) if kind != _WITH_OWN_LISTS else None)
            if takes and isinstance(value, list) and _ids(value):
                self.taken.append([*takes, _ids(value)])

    def _add_task(self, write: Write) -> None:
        number, data = write.entity_id, write.data
        self.tasks += _ids(data.get("downstream_tasks") or ())
        is_scheduled = not {*SCHEDULE, "upstream_tasks", "downstream_tasks"}.isdisjoint(data)
        if number and (write.method in ("delete", "revive") or (write.method == "update" and is_scheduled)):
            self.tasks.append(number)
            self.revived += [number] if write.method == "revive" else []

    def add_created(self, write: Write, entity_id: int) -> None:
        """
        Add the entity that a create has made, if it has tasks from a template.
        """
        if makes_tasks(write):
            self.templated.append({"type": write.entity_type, "id": entity_id})

    def resolve(self, client: Any) -> None:
        """
        Read the tasks of the dependencies in the scope, also of retired ones, before the writes are sent.
        """
        for retired in (False, True):
            if self.dependencies:
                rows = _find(client, "TaskDependency", "id", self.dependencies, ["task"], retired_only=retired)
                self.tasks += _ids(row.get("task") for row in rows)
            if self.revived and retired:
                links = _links("Task", self.revived)
                rows = _find(client, "TaskDependency", "dependent_task", links, ["task"], retired_only=True)
                self.tasks += _ids(row.get("task") for row in rows)
        self.dependencies, self.tasks = [], list(dict.fromkeys(self.tasks))


def makes_tasks(write: Write) -> bool:
    """
    Return whether a write is a create that makes tasks from a template.
    """
    return write.method == "create" and write.entity_type != "Task" and bool(write.data.get("task_template"))


def look(client: Any, scope: Scope, known: Sequence[State] = ()) -> State:
    """
    Return the present state of the rows of a scope.

    Args:
        client: The client.

        scope: The rows to read.

        known: Earlier states, whose rows are read again by their ids.

    Returns:
        The state: ``rows`` has the live rows of each entity type, ``tasks`` the ids of the tasks whose dependencies are
        all in it, ``members`` the ids whose existence matters.
    """
    members: Dict[str, Dict[int, None]] = {}
    for state in known:
        for kind, ids in state["members"].items():
            members.setdefault(kind, {}).update(dict.fromkeys(ids))
    members = {kind: _live(client, kind, ids) for kind, ids in members.items()}
    for entity in scope.templated:
        found = client.find("Task", [["entity", "is", entity]], [])
        members.setdefault("Task", {}).update(dict.fromkeys(row["id"] for row in found))
    for entity in scope.deleted:
        kind, name = _RETIRED_WITH[entity["type"]]
        found = client.find(kind, [[name, "is", entity]], [])
        members.setdefault(kind, {}).update(dict.fromkeys(row["id"] for row in found))
    rows: Dict[str, List[Row]] = {kind: [{"type": kind, "id": each} for each in ids] for kind, ids in members.items()}
    tasks = dict.fromkeys([*scope.tasks, *members.get("Task", ())])
    tasks.update(dict.fromkeys(each for state in known for each in state["tasks"]))
    if tasks:
        rows["TaskDependency"] = _dependencies(client, tasks)
        if scope.templated and not scope.task_fields:
            scope.task_fields = _template_fields(client)
        rows["Task"] = _find(client, "Task", "id", list(tasks), [*SCHEDULE, *scope.task_fields])
    for kind, end, entity in scope.connected:
        rows.setdefault(kind, []).extend(client.find(kind, [[end, "is", entity]], _columns(kind)))
    for kind, name, ids in scope.taken:
        # Apart from the tasks above: the schedule of these does not matter.
        rows.setdefault(f"{kind}.{name}", []).extend(_find(client, kind, "id", ids, [name]))
    return {"rows": rows, "tasks": list(tasks), "members": {kind: list(ids) for kind, ids in members.items()}}


def key_of(row: Row) -> str:
    """
    Return the name of a row in a state. A connection is named by its two ends, since a new one gets another id.
    """
    if row["type"] not in CONNECTIONS:
        return f"{row['type']} {row['id']}"
    ends = [row.get(end) or {} for end in CONNECTIONS[row["type"]][0]]
    return f"{row['type']} of " + " and ".join(f"{end.get('type')} {end.get('id')}" for end in ends)


def by_key(state: State) -> Dict[str, Row]:
    """
    Return the rows of a state by their names.
    """
    found: Dict[str, Row] = {}
    for rows in state["rows"].values():
        for row in rows:
            found[key_of(row)] = {**found.get(key_of(row), {}), **row}
    return found


def _columns(kind: str) -> List[str]:
    ends, properties = CONNECTIONS[kind]
    return [*ends, *properties]


def _dependencies(client: Any, tasks: Dict[int, None]) -> List[Row]:
    """
    Return all dependencies of tasks, and of all tasks that depend on them. Those tasks are added to *tasks*.
    """
    fields, found, level = _columns("TaskDependency"), {}, list(tasks)
    while level:
        rows = _find(client, "TaskDependency", "dependent_task", _links("Task", level), fields)
        found.update({row["id"]: row for row in rows})
        level = [each for each in dict.fromkeys(_ids(row.get("task") for row in rows)) if each not in tasks]
        tasks.update(dict.fromkeys(level))
    upstream = _find(client, "TaskDependency", "task", _links("Task", tasks), fields)
    found.update({row["id"]: row for row in upstream})
    return [found[number] for number in sorted(found)]


def _template_fields(client: Any) -> List[str]:
    described = client.schema_field_read("Task")

    def is_copied(name: str) -> bool:
        facts = described[name]
        return (
            name.startswith("sg_")
            and name != "sg_versions"
            and bool(facts["editable"]["value"])
            and facts["data_type"]["value"] not in _NOT_COPIED
        )

    stock = [name for name in _FROM_TEMPLATE if name in described]
    return [*stock, *(name for name in described if name not in stock and is_copied(name))]


def _live(client: Any, kind: str, ids: Iterable[int]) -> Dict[int, None]:
    return dict.fromkeys(row["id"] for row in _find(client, kind, "id", list(ids), []))


def _find(
    client: Any, kind: str, name: str, values: Sequence[Any], fields: Sequence[str], *, retired_only: bool = False
) -> List[Row]:
    options = {"retired_only": True} if retired_only else {}
    found: List[Row] = []
    for start in range(0, len(values), CHUNK):
        filters = [[name, "in", list(values[start : start + CHUNK])]]
        found += client.find(kind, filters, list(fields), **options)
    return found


def _links(kind: str, ids: Iterable[int]) -> List[Row]:
    return [{"type": kind, "id": each} for each in ids]


def _ids(links: Iterable[Any]) -> List[int]:
    return [link["id"] for link in links if isinstance(link, dict) and isinstance(link.get("id"), int)]


@define(eq=False)
class Observation:
    """
    The state around the writes of one call.

    Attributes:
        scope: The rows to look at.

        record: What the undo log keeps: ``scope``, ``before``, ``after``, and ``error`` if the site refused a read.
    """

    scope: Scope
    record: Row

    @classmethod
    def begin(cls, client: Any, writes: Sequence[Write]) -> "Optional[Observation]":
        """
        Read the state before the writes are sent. Return None if they change nothing besides their own entities.

        Args:
            client: The client.

            writes: The writes of the call.
        """
        scope = Scope.of(writes)
        if not scope and not any(map(makes_tasks, writes)):
            return None
        found = cls(scope, {"scope": {}, "before": None, "after": None, "error": None})

        def read() -> None:
            scope.resolve(client)
            found.record["before"] = look(client, scope)

        found._try(read)
        return found

    def end(self, client: Any, writes: Sequence[Write], ids: Sequence[Optional[int]]) -> None:
        """
        Read the state after the writes were sent.

        Args:
            client: The client.

            writes: The writes of the call.

            ids: The ids of their entities.
        """
        before = self.record["before"]
        if before is None:
            return
        for write, number in zip(writes, ids):
            if number is not None:
                self.scope.add_created(write, number)

        def read() -> None:
            self.record["after"] = look(client, self.scope, [before])

        self._try(read, is_sent=True)

    def _try(self, read: Callable[[], None], *, is_sent: bool = False) -> None:
        try:
            read()
        except CallError as error:
            if isinstance(error, SGExtendedError) and not is_sent:
                raise  # the site cannot be reached, and nothing was sent
            self.record["error"] = str(error)
        scope = self.scope
        self.record["scope"] = {
            "tasks": scope.tasks,
            "templated": scope.templated,
            "deleted": scope.deleted,
            "connected": scope.connected,
            "taken": scope.taken,
            "task_fields": scope.task_fields,
        }
