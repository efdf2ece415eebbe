"""
The object that the studio's code talks to.
"""

import re
from typing import Any, Dict, List, Sequence

from sgextended import SGExtended

_NAME = re.compile(r"[A-Z]{3}_\d{4}")
_STEPS = ("LAY", "ANM", "LGT", "CMP")


class StudioSG(SGExtended):
    """
    What every tool of the studio uses instead of ``shotgun_api3.Shotgun``.
    """

    def add_shot(self, project: Dict[str, Any], name: str, *, steps: Sequence[str] = _STEPS) -> Dict[str, Any]:
        """
        Create a shot with a task for each step, all or nothing.

        Raises:
            ValueError: The name is not like ``BRG_0010``, or the project has it already.
        """
        if not _NAME.fullmatch(name):
            message = f"{name!r} is no name of a shot: three capitals and four digits, like BRG_0010."
            raise ValueError(message)
        if self.find_shots(project, name=name):
            message = f"There is a shot {name} already."
            raise ValueError(message)
        shot = self.create("Shot", {"project": project, "code": name})
        found = self.find("Step", [["short_name", "in", list(steps)], ["entity_type", "is", "Shot"]], ["short_name"])
        tasks = [
            {"project": project, "entity": shot, "step": step, "content": step["short_name"].lower()} for step in found
        ]
        self.batch([{"request_type": "create", "entity_type": "Task", "data": task} for task in tasks])
        return shot

    def publish(self, shot: Dict[str, Any], task: str, *, frames: str) -> Dict[str, Any]:
        """
        Create the next version of a task of a shot, and set the task final.
        """
        (found,) = [each for each in self.find_tasks(shot) if each["content"] == task]
        project = self.find_one("Shot", [["id", "is", shot["id"]]], ["project", "code"])
        number = len(self.find_versions(shot, filters=[["sg_task", "is", found]])) + 1
        version = self.create(
            "Version",
            {
                "project": project["project"],
                "entity": shot,
                "sg_task": found,
                "code": f"{project['code']}_{task}_v{number:03d}",
                "sg_path_to_frames": frames,
            },
        )
        self.update("Task", found["id"], {"sg_status_list": "fin"})
        return version

    def open_tasks(self, project: Dict[str, Any]) -> List[Dict[str, Any]]:
        """
        Return the tasks that somebody still has to work on.
        """
        return self.find_tasks(project=project, status=["wtg", "ip"])
