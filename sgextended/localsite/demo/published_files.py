"""
The demo's published files: their types, their paths on a local storage, and the files that each was made from.
"""

from __future__ import annotations

import datetime as dt
import posixpath
from typing import TYPE_CHECKING, Any

from sgextended.localsite.demo import vocabulary as words
from sgextended.localsite.demo.attachment_rows import add_local_file
from sgextended.localsite.demo.demo_rows import TODAY, DemoRows, time_of

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Link

#: The share of the versions of which a file is published. All versions of the first show have one.
_SHARE = 0.3
_FOLDERS = {"Asset": "assets", "Shot": "shots"}
_MARK_OF_UNFINISHED = "(publishing "


def add_published_files(demo: DemoRows) -> None:
    """
    Add published files for versions, in the order in which the versions were made.
    """
    _Publisher(demo).publish_all()


class _Publisher:
    """
    Publishes the files of the demo, oldest first, so that each is made from the files that are current then.
    """

    def __init__(self, demo: DemoRows) -> None:
        self._demo = demo
        demo.begin_part("published files")
        began = demo.moment(TODAY - dt.timedelta(days=800))
        storage = demo.add("LocalStorage", began, **words.STORAGE)
        self._storage = {**storage, "name": words.STORAGE["code"]}
        self._types = {
            code: demo.add("PublishedFileType", began, code=code, short_name=code.lower().replace(" ", "_"))
            for code in words.FILE_TYPES
        }
        self._latest = began
        self._step_names = {link["id"]: name for name, link in demo.steps.items()}
        # The files that the next task, or the shots with an asset, use: by task, and by asset for rigs.
        self._of_task: dict[int, Link] = {}
        self._rigs: dict[int, Link] = {}
        self._assets: dict[int, list[int]] = {}
        for pair in demo.rows["AssetShotConnection"]:
            self._assets.setdefault(pair["shot__id"], []).append(pair["asset__id"])

    def publish_all(self) -> None:
        demo = self._demo
        # The versions of a task that were made on one day are published in the order of their numbers.
        for version in sorted(demo.rows["Version"], key=lambda row: (row["created_at"][:10], row["id"])):
            if version["project__id"] == 1 or demo.random.random() < _SHARE:
                self._publish(version)
        self._leave_unfinished()

    def _publish(self, version: dict[str, Any]) -> None:
        demo = self._demo
        task = demo.rows["Task"][version["sg_task__id"] - 1]
        step = self._step_names[task["step__id"]]
        scene = self._add(version, task, step, words.SCENES[step], self._sources(task, step))
        made = words.EXPORTS.get(step)
        self._of_task[task["id"]] = scene if made is None else self._add(version, task, step, made, [scene])
        if step == "RIG":
            self._rigs[task["entity__id"]] = scene

    def _sources(self, task: dict[str, Any], step: str) -> list[Link]:
        """
        Return the files that a new file of a task is made from: of the task before it, and the rigs of a shot's assets.
        """
        found = [self._of_task.get(task["id"] - 1)] if task["sg_sort_order"] else []
        if step in {"LAY", "ANM"}:
            found += [self._rigs.get(asset) for asset in self._assets.get(task["entity__id"], ())]
        return [link for link in found if link is not None]

    def _add(
        self, version: dict[str, Any], task: dict[str, Any], step: str, kind: tuple[str, str], sources: list[Link]
    ) -> Link:
        demo = self._demo
        file_type, extension = kind
        entity = {"type": task["entity__type"], "id": task["entity__id"]}
        project = {"type": "Project", "id": task["project__id"]}
        base, _, number = version["code"].rpartition("_v")
        code = f"{base}.v{number}.{extension}"
        show = words.SHOWS[project["id"] - 1].code
        folder = posixpath.join(show, _FOLDERS[entity["type"]], str(demo.row(entity)["code"]), step.lower())
        demo.author = {"type": "HumanUser", "id": version["user__id"]}
        when = self._latest = max(self._latest, time_of(version["created_at"]))
        made = demo.add(
            "PublishedFile",
            when,
            project=project,
            entity=entity,
            task={"type": "Task", "id": task["id"]},
            version={"type": "Version", "id": version["id"]},
            published_file_type=self._types[file_type],
            code=code,
            name=task["content"].lower(),
            version_number=int(number),
            description=version["description"],
            sg_status_list="cmpt",
            path=add_local_file(demo, when, self._storage, posixpath.join(folder, code)),
            path_cache_storage=self._storage,
        )
        for source in sources:
            demo.add("PublishedFileDependency", when, published_file=made, dependent_published_file=source)
        if entity["type"] == "Shot":
            root = posixpath.join(words.STORAGE["linux_path"], folder, f"{base}_v{number}")
            version["sg_path_to_frames"] = f"{root}.%04d.exr"
            version["sg_path_to_movie"] = f"{root}.mov"
        return made

    def _leave_unfinished(self) -> None:
        """
        Add two records that processes left which were killed while they published.
        """
        demo = self._demo
        for days in (12, 30):
            task = next(row for row in demo.rows["Task"] if row["sg_status_list"] == "ip" and row["id"] % days == 0)
            demo.author = {"type": "HumanUser", "id": 1}
            made = demo.add(
                "PublishedFile",
                demo.moment(TODAY - dt.timedelta(days=days)),
                project={"type": "Project", "id": task["project__id"]},
                entity={"type": task["entity__type"], "id": task["entity__id"]},
                task={"type": "Task", "id": task["id"]},
                published_file_type=self._types["Maya Scene"],
                code=f"{_MARK_OF_UNFINISHED}{demo.random.getrandbits(128):032x})",
                name=task["content"].lower(),
            )
            demo.row(made)["version_number"] = None
