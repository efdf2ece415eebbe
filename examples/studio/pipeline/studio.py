"""
The studio's subclass of ``SGExtended``.
"""

import re
from typing import Any, Dict, List, Sequence

from sgextended import SGExtended

_NAME = re.compile(r"[A-Z]{3}_\d{4}")
_STEPS = ("LAY", "ANM", "LGT", "CMP")


class StudioSG(SGExtended):
    """
    The class that every tool of the studio uses instead of ``shotgun_api3.Shotgun``.
    """

    def add_shot(self, project: Dict[str, Any], name: str, *, steps: Sequence[str] = _STEPS) -> Dict[str, Any]:
        """
        Create a shot, then one task for each step in a single batch, and return the shot.

        Raises:
            ValueError: The name does not have the form ``BRG_0010``, or the project already has a shot of this name.
        """
        if not _NAME.fullmatch(name):
            message = f"{name!r} is not a valid shot name. Use three capital letters and four digits, such as BRG_0010."
            raise ValueError(message)
        if self.find_shots(project, name=name):
            message = f"The project already has a shot {name}. Choose another name."
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
        Create the next version of a task of a shot, set the task to final, and return the version.
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
        Return the tasks of a project that are waiting or in progress.
        """
        return self.find_tasks(project=project, status=["wtg", "ip"])
