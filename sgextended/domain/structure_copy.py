"""
The work of `copy_structure`: read the rows, create the copies type by type, link them, copy the dependencies.
"""

import collections
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from attrs import field, frozen

from sgextended.domain.arguments import Entity, Names, Row, may_be_copied, texts_of, to_link
from sgextended.domain.batches import BatchOptions, Report, check_keys_are_unique, write_in_batches
from sgextended.domain.entities import get
from sgextended.domain.limits import PAGE_SIZE
from sgextended.errors import (
    BatchesFailed,
    CallError,
    InvalidArgumentError,
    NotFoundError,
    OutcomeUnknown,
    PartialSuccessError,
)

if TYPE_CHECKING:
    from os import PathLike

Key = Tuple[str, int]

#: The copied types. The copies of a type are created after those of the types before it.
TYPES = ("Episode", "Asset", "Sequence", "Shot", "Task")
#: Lists of links that are copied. The others are the other ends of links, or belong to the original alone.
_LISTS = {
    "Episode": ("assets", "tags"),
    "Asset": ("parents", "tags"),
    "Sequence": ("assets", "tags"),
    "Shot": ("assets", "parent_shots", "tags"),
    "Task": ("tags",),
}
_PEOPLE = ("task_assignees", "task_reviewers", "addressings_cc")
#: Fields that are not copied. A template would make its tasks beside the copied ones.
_LEFT_OUT = frozenset({"project", "task_template", "splits"})
_TYPES_LEFT_OUT = frozenset({"serializable", "tag_list"})
#: Fields that identify a row, the best ones first.
_KEYS: Dict[str, Sequence[Tuple[str, ...]]] = {
    "Asset": (("project", "code"), ("project", "code", "sg_asset_type")),
    "Task": (("project", "entity", "content"), ("project", "entity", "content", "step")),
}
_NAMED = (("project", "code"),)
_SHOWN = 5  # maximum number of names in an error


@frozen(kw_only=True)
class CopyOptions:
    """
    The options of `copy_structure`.

    Raises:
        InvalidArgumentError: An option is not valid.
    """

    data: Row
    rename: Optional[Callable[[str], str]]
    with_assets: bool
    keep_statuses: bool
    keep_people: bool
    shift_days: Optional[int] = field()
    list_fields: Names
    journal: "Union[str, PathLike[str], None]"

    @shift_days.validator
    def _validate_days(self, _attribute: Any, value: Optional[int]) -> None:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            msg = f"shift_days={value!r} is not a whole number of days. Nothing was sent."
            raise InvalidArgumentError(msg)


@frozen
class StructureCopy:
    """
    The result of `copy_structure`. Its length is the number of copied rows; ``str()`` counts them by type.

    Attributes:
        copies: The link to each copy, by the type and id of the original.

        dependencies: The number of dependencies of the copied tasks.

        left_out: A sentence for each dependency that was not copied, and for each field with links that were not.
    """

    copies: Dict[Key, Row] = field(factory=dict)
    dependencies: int = 0
    left_out: List[str] = field(factory=list)

    def of(self, entity: Entity) -> Row:
        """
        Return the link to the copy of an entity.

        Raises:
            NotFoundError: The entity was not copied.
        """
        link = to_link(entity)
        found = self.copies.get(_key(link))
        if found is None:
            msg = f"{link['type']} {link['id']} was not copied. The copied rows are in the attribute copies."
            raise NotFoundError(msg)
        return found

    def __len__(self) -> int:
        return len(self.copies)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        counts = collections.Counter(kind for kind, _number in self.copies)
        parts = [f"{counts[kind]} {kind}" for kind in TYPES if counts[kind]]
        parts += [f"{self.dependencies} TaskDependency"] if self.dependencies else []
        return ", ".join(parts) or "nothing"


class Copying:
    """
    One copy of a structure.

    Args:
        sg: The client.

        source: The row to copy.

        project: The project of the copies. None: that of *source*.

        options: The options.
    """

    def __init__(self, sg: Any, source: Entity, project: Optional[Entity], options: CopyOptions) -> None:
        self._sg, self._options = sg, options
        self._source = to_link(source, "source", ("Project", *TYPES[:-1]))
        self._given_project = None if project is None else to_link(project, "project", ("Project",))
        self._lists = texts_of(options.list_fields, "list_fields") or []
        self._is_resumed = options.journal is not None and Path(options.journal).exists()
        self._copies: Dict[Key, Row] = {}
        self._rows: Dict[str, List[Row]] = {}
        self._schemas: Dict[str, Row] = {}

    def run(self) -> StructureCopy:
        """
        Copy, and return the result; see `copy_structure`.
        """
        self._choose_project()
        self._read_rows()
        self._keys = {_key(row) for rows in self._rows.values() for row in rows}
        edges, left_out = self._read_edges()
        left_out = [*self._links_left_out(), *left_out]
        data = {kind: [self._data_of(row) for row in rows] for kind, rows in self._rows.items()}
        if not self._is_resumed:
            self._check_codes(data)
        if self._options.journal is not None:
            for kind, rows in data.items():
                self._check_can_resume(kind, rows)
        made = 0
        try:
            for kind in TYPES:
                self._create(kind)
            self._link_later()
            made = self._create_edges(edges)
        except CallError as error:
            raise self._halfway(error, left_out) from error
        return StructureCopy(self._copies, made, left_out)

    # --- Reading

    def _choose_project(self) -> None:
        kind = self._source["type"]
        if kind == "Project":
            own = get(self._sg, "Project", self._source)
            if self._options.data or self._given_project is None:
                msg = "A project is copied into another one that exists: pass project=, and no data=. Nothing was sent."
                raise InvalidArgumentError(msg)
        else:
            own = get(self._sg, kind, self._source, fields=["project"])["project"]
        given = self._given_project
        self._own = own
        self._project = to_link(own) if given is None else to_link(get(self._sg, "Project", given))
        self._is_same_project = own is not None and own["id"] == self._project["id"]
        if kind == "Project" and self._is_same_project:
            msg = "source and project are the same project. Nothing was sent. Pass another project."
            raise InvalidArgumentError(msg)

    def _read_rows(self) -> None:
        kind, source = self._source["type"], [self._source]
        known = self._sg.schema_entity_read()
        self._types = [each for each in TYPES if each in known]
        self._has_edges = "TaskDependency" in known
        rows = self._rows
        if kind == "Project":
            for each in self._types:
                rows[each] = self._find(each, "project", source)
            return
        if kind in self._types:
            rows[kind] = self._find(kind, "id", source)
        if kind == "Episode":
            rows["Sequence"] = self._find("Sequence", "episode", source)
        if kind in ("Episode", "Sequence"):
            rows["Shot"] = self._find("Shot", "sg_sequence", rows["Sequence"])
        if self._options.with_assets:
            linked = {_key(link): link for each in rows.values() for row in each for link in row.get("assets") or ()}
            rows["Asset"] = self._find("Asset", "id", list(linked.values()))
        rows["Task"] = self._find("Task", "entity", [row for each in rows.values() for row in each])

    def _find(self, kind: str, name: str, links: Sequence[Row]) -> List[Row]:
        """
        Return the rows of a type, lowest id first, whose field *name* has one of the links.
        """
        wanted = list(self._fields(kind))
        found: Dict[int, Row] = {}
        for start in range(0, len(links), PAGE_SIZE):
            values = [link["id"] if name == "id" else to_link(link) for link in links[start : start + PAGE_SIZE]]
            conditions = [[name, "in", values], *([["project", "is", self._own]] if self._own else [])]
            for row in self._sg.find(kind, conditions, wanted):
                found[row["id"]] = row
        return [found[number] for number in sorted(found)]

    def _fields(self, kind: str) -> Row:
        """
        Return the fields of a type that are copied, with their data types.
        """
        if kind not in self._schemas:
            options = self._options
            lists = [*_LISTS[kind], *self._lists, *(_PEOPLE if options.keep_people else ())]
            left_out = {*_TYPES_LEFT_OUT, *(() if options.keep_statuses else ("status_list",))}
            left_out |= {"date"} if options.shift_days is None else set()
            fields = {}
            for name, described in self._sg.schema_field_read(kind).items():
                data_type = described["data_type"]["value"]
                is_list = name in lists and data_type == "multi_entity"
                # A site computes the smart fields of a shot from its other fields.
                is_value = may_be_copied(name, described) and not name.startswith("smart_")
                if is_list or (is_value and name not in _LEFT_OUT and data_type not in left_out):
                    fields[name] = data_type
            self._schemas[kind] = fields
        return self._schemas[kind]

    def _read_edges(self) -> Tuple[List[Row], List[str]]:
        """
        Return the dependencies to copy, with the original tasks, and a sentence for each one that is left out.
        """
        tasks = self._rows.get("Task") or []
        edges, left_out = [], []
        wanted = ["task", "dependent_task", "dependency_type", "offset_days"]
        for start in range(0, len(tasks) if self._has_edges else 0, PAGE_SIZE):
            links = [to_link(task) for task in tasks[start : start + PAGE_SIZE]]
            for edge in self._sg.find("TaskDependency", [["task", "in", links]], wanted):
                task, upstream = edge["task"], edge["dependent_task"]
                if upstream is None:
                    continue
                if self._is_same_project or _key(upstream) in self._keys:
                    edges.append({name: edge[name] for name in wanted if edge.get(name) is not None})
                else:
                    left_out.append(
                        f"Task {task['id']} ({task.get('name')}) waits for task {upstream['id']} "
                        f"({upstream.get('name')}), which was not copied; its copy in another project does not wait."
                    )
        return edges, left_out

    def _links_left_out(self) -> List[str]:
        """
        Return a sentence for each field whose links to rows of the other project are left out.
        """
        counts: Dict[Tuple[str, str], int] = collections.Counter()
        for kind, rows in self._rows.items():
            links = [name for name, data_type in self._fields(kind).items() if data_type in ("entity", "multi_entity")]
            for row in rows:
                for name in links:
                    value = row.get(name)
                    if value and self._links_to_keep(name, value) != value:
                        counts[kind, name] += 1
        return [
            f"{kind}.{name} of {count} rows has links to rows that were not copied; the copies in another project do "
            "not have these links."
            for (kind, name), count in counts.items()
        ]

    # --- Checks before anything is written

    def _check_codes(self, data: Dict[str, List[Row]]) -> None:
        """
        Raise InvalidArgumentError if rows with the codes of the copies exist in the project.
        """
        for kind, rows in data.items():
            if kind == "Task":
                continue
            codes = list(dict.fromkeys(row["code"] for row in rows if row.get("code")))
            taken: List[Row] = []
            for start in range(0, len(codes), PAGE_SIZE):
                conditions = [["project", "is", self._project], ["code", "in", codes[start : start + PAGE_SIZE]]]
                taken += self._sg.find(kind, conditions, ["code", "sg_asset_type"] if kind == "Asset" else ["code"])
            names = {_name_of(row) for row in rows}
            same = sorted({row["code"] for row in taken if _name_of(row) in names})
            if same:
                some = ", ".join(same[:_SHOWN]) + (", ..." if same[_SHOWN:] else "")
                msg = (
                    f"The project has {len(same)} {kind} with the code of a copy already: {some}. Nothing was written. "
                    "Pass rename=, a function that returns another code, or data= for the copied row itself. To resume "
                    "an interrupted copy, pass its journal=."
                )
                raise InvalidArgumentError(msg)

    def _check_can_resume(self, kind: str, data: List[Row]) -> None:
        if self._unique_keys(kind, data) is None:
            msg = (
                f"journal= needs rows that can be told apart, and two {kind} have the same name, or one has none. "
                "Nothing was written. Leave journal= out, or give the originals different names."
            )
            raise InvalidArgumentError(msg)

    def _unique_keys(self, kind: str, data: List[Row]) -> Optional[List[str]]:
        """
        Return fields whose values identify each of the copies; None if there are none.
        """
        # Links that are left for later have the value of the original here.
        data = [{**row, **each} for row, each in zip(self._rows.get(kind) or (), data)]
        for keys in _KEYS.get(kind, _NAMED):
            if all(row.get(name) is not None for row in data for name in keys):
                try:
                    check_keys_are_unique([{"data": row} for row in data], list(keys))
                except InvalidArgumentError:
                    continue
                return list(keys)
        return None

    # --- Writing

    def _data_of(self, row: Row) -> Row:
        """
        Return the fields of the copy of a row. Links to rows whose copies do not exist yet are left for later.
        """
        options, kind = self._options, row["type"]
        data: Row = {"project": self._project}
        for name, data_type in self._fields(kind).items():
            value = row.get(name)
            if value in (None, [], ""):
                continue
            if data_type in ("entity", "multi_entity"):
                linked = self._links_to_keep(name, value)
                if linked and not self._waits(linked):
                    data[name] = self._mapped(linked)
            elif data_type == "date" and options.shift_days:
                day = dt.date.fromisoformat(str(value)) + dt.timedelta(days=options.shift_days)
                data[name] = day.isoformat()
            else:
                data[name] = value
        if data.get("start_date") and data.get("due_date"):
            data.pop("duration", None)  # the site computes it from the two dates
        if options.rename is not None and data.get("code"):
            data["code"] = options.rename(data["code"])
        return {**data, **options.data} if _key(row) == _key(self._source) else data

    def _links_to_keep(self, name: str, value: Any) -> Any:
        """
        Return the links of a field that the copy has too: in another project, none to an episode, asset or other row
        that stays in the project of the original.
        """
        if self._is_same_project or name == "template_task":
            return value
        if isinstance(value, list):
            return [each for each in value if self._links_to_keep(name, each)]
        return value if value["type"] not in TYPES or _key(value) in self._keys else None

    def _waits(self, value: Any) -> bool:
        """
        Return whether a link, or one in a list, leads to a row that is copied and has no copy yet.
        """
        links = value if isinstance(value, list) else [value]
        return any(_key(link) in self._keys and _key(link) not in self._copies for link in links)

    def _mapped(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._mapped(each) for each in value]
        return self._copies.get(_key(value)) or to_link(value)

    def _create(self, kind: str) -> None:
        rows = self._rows.get(kind) or []
        data = [self._data_of(row) for row in rows]
        if kind == "Task":
            # The entity of a task of the project itself is that project.
            for row, each in zip(rows, data):
                entity = row.get("entity")
                if entity is not None and entity["type"] == "Project":
                    each["entity"] = self._project
        requests = [{"request_type": "create", "entity_type": kind, "data": each} for each in data]
        keys = self._unique_keys(kind, data)
        self._send(requests, rows, BatchOptions(keys=keys, journal=self._options.journal))

    def _send(self, requests: List[Row], rows: Sequence[Row], options: BatchOptions) -> None:
        try:
            report = write_in_batches(self._sg, requests, options)
        except BatchesFailed as error:
            self._keep(rows, error.report)
            raise
        self._keep(rows, report)

    def _keep(self, rows: Sequence[Row], report: Report) -> None:
        for batch in report.batches if rows else ():
            for place, made in enumerate(batch.results or (), batch.first):
                self._copies[_key(rows[place])] = {"type": made["type"], "id": made["id"]}

    def _link_later(self) -> None:
        """
        Set the links that could not be set at the creation, since they lead to rows that were created later.
        """
        requests = []
        created = set()
        for kind in TYPES:
            of_kind = {_key(row) for row in self._rows.get(kind) or ()}
            for row in self._rows.get(kind) or ():
                links = {}
                for name, data_type in self._fields(kind).items():
                    value = row.get(name)
                    if value and data_type in ("entity", "multi_entity"):
                        value = self._links_to_keep(name, value)
                    several = value if isinstance(value, list) else [value]
                    if data_type in ("entity", "multi_entity") and any(
                        link and _key(link) in self._keys and _key(link) not in created for link in several
                    ):
                        links[name] = self._mapped(value)
                if links:
                    copy = self._copies[_key(row)]
                    request = {"request_type": "update", "entity_type": kind, "entity_id": copy["id"], "data": links}
                    requests.append(request)
            created |= of_kind
        self._send(requests, (), BatchOptions())

    def _create_edges(self, edges: List[Row]) -> int:
        """
        Create the dependencies of the copied tasks, and return their number.
        """
        wanted = []
        for edge in edges:
            ends = {name: self._mapped(edge[name]) for name in ("task", "dependent_task")}
            wanted.append({**edge, **ends})
        there = set()
        if self._is_resumed:
            links = [edge["task"] for edge in wanted]
            for start in range(0, len(links), PAGE_SIZE):
                part = links[start : start + PAGE_SIZE]
                found = self._sg.find("TaskDependency", [["task", "in", part]], ["task", "dependent_task"])
                there |= {(row["task"]["id"], row["dependent_task"]["id"]) for row in found}
        requests = [
            {"request_type": "create", "entity_type": "TaskDependency", "data": edge}
            for edge in wanted
            if (edge["task"]["id"], edge["dependent_task"]["id"]) not in there
        ]
        self._send(requests, (), BatchOptions())
        return len(wanted)

    def _halfway(self, error: Exception, left_out: List[str]) -> PartialSuccessError:
        copy = StructureCopy(dict(self._copies), 0, left_out)
        uncertain = getattr(getattr(error, "report", None), "uncertain", ()) or isinstance(error, OutcomeUnknown)
        journal = self._options.journal
        advice = (
            f"Call again with the same arguments and journal={str(journal)!r} to do the rest."
            if journal is not None
            else "The attribute copy of this error has the copies: delete them with "
            "sg.delete_many(error.copy.copies.values()), or finish them. A call with journal= can be resumed."
        )
        doubt = " The outcome of some writes is unknown, so there may be more." if uncertain else ""
        msg = f"The copy ended halfway: {error} Made so far: {copy}.{doubt} {advice}"
        root = self._copies.get(_key(self._source))
        return PartialSuccessError(msg, entity=root, copy=copy)


def _key(link: Row) -> Key:
    return link["type"], link["id"]


def _name_of(row: Row) -> Tuple[Any, Any]:
    code = row.get("code")
    return code.casefold() if isinstance(code, str) else code, row.get("sg_asset_type")
