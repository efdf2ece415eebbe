"""
A local site that is asked about facts, always through the official, unchanged client.
"""

import itertools
from typing import Any, Dict, List, Optional

from shotgun_api3 import Fault

NOT_IN_PROJECTS = {
    "ActionMenuItem", "ApiUser", "Department", "Group", "HumanUser", "LocalStorage", "PageSetting",
    "PlaylistVersionConnection", "Project", "PublishedFileType", "Reply", "Status", "Step", "Tag", "TaskDependency",
    "TaskTemplate",
}  # fmt: skip


class Asked:
    """
    site: The `LocalSite`. sg: The official client of its script. project: A project for what the facts create.
    """

    def __init__(self, site: Any, sg: Any) -> None:
        self.site = site
        self.sg = sg
        self._numbers = itertools.count(1)
        self.project = self.make("Project", name="facts")

    def name(self, stem: str = "x") -> str:
        """
        Return a name that no other fact uses.
        """
        return f"{stem}_{next(self._numbers)}"

    def make(self, entity_type: str, /, **data: Any) -> Dict[str, Any]:
        """
        Create a row, in the project of the facts where its type has one, and return the link to it.
        """
        of_template = entity_type == "Task" and "task_template" in data
        if entity_type not in NOT_IN_PROJECTS and not of_template:
            data.setdefault("project", self.project)
        return {"type": entity_type, "id": self.sg.create(entity_type, data)["id"]}

    def row(self, link: Dict[str, Any], *fields: str, **options: Any) -> Optional[Dict[str, Any]]:
        """
        Return fields of a row, with `type` and `id`, or None when it is not there.
        """
        row: Optional[Dict[str, Any]] = self.sg.find_one(
            link["type"], [["id", "is", link["id"]]], list(fields), **options
        )
        return row

    def get(self, link: Dict[str, Any], field: str) -> Any:
        """
        Return the value of one field, "absent" when the answer does not have the field.
        """
        row = self.row(link, field)
        assert row is not None, f"{link} is not there"
        return row.get(field, "absent")

    def update(self, link: Dict[str, Any], /, **data: Any) -> Any:
        """
        Write fields of a row and return the answer.
        """
        return self.sg.update(link["type"], link["id"], data)

    def stored(self, path: str, value: Any, /, **data: Any) -> Any:
        """
        Return what a field (`"Version.description"`) of a new row reads after a value was written to it.
        """
        entity_type, field = path.split(".")
        link = self.make(entity_type, **data)
        self.update(link, **{field: value})
        return self.get(link, field)

    def refusal(self, path: str, value: Any, /, **data: Any) -> Optional[str]:
        """
        Return the fault of an update that writes a value to a field of a new row, None when it is taken.
        """
        entity_type, field = path.split(".")
        link = self.make(entity_type, **data)
        return self.fault(self.update, link, **{field: value})

    def ids(self, entity_type: str, *filters: Any, **options: Any) -> List[int]:
        """
        Return the ids of the rows that filters find, in the order of the answer.
        """
        return [row["id"] for row in self.sg.find(entity_type, list(filters), **options)]

    def found(self, rows: List[Dict[str, Any]], *filters: Any) -> List[int]:
        """
        Return the places in `rows` (one entity type) of those that filters find.
        """
        ids = [row["id"] for row in rows]
        return [ids.index(each) for each in self.ids(rows[0]["type"], ["id", "in", ids], *filters)]

    def alive(self, link: Dict[str, Any]) -> bool:
        """
        Return whether a row is there and not retired.
        """
        return self.row(link) is not None

    def retired(self, link: Dict[str, Any]) -> bool:
        """
        Return whether a row is retired; an erased one is not.
        """
        return self.row(link, retired_only=True) is not None

    def fault(self, call: Any, *arguments: Any, **options: Any) -> Optional[str]:
        """
        Return the text of the fault of a call, None when it was answered. Other exceptions are not caught.
        """
        try:
            call(*arguments, **options)
        except Fault as error:
            return str(error)
        return None
