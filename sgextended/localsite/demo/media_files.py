"""
The demo's pictures, movies and texts: which records show or have them. All of them are made by this package.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any

from sgextended.localsite.demo import pictures
from sgextended.localsite.demo import vocabulary as words
from sgextended.localsite.demo.attachment_rows import add_upload, upload_value
from sgextended.localsite.demo.demo_rows import DemoRows, time_of
from sgextended.localsite.demo.movie_writer import quicktime
from sgextended.localsite.files.file_store import keep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sgextended.localsite.storage.transaction import Link

# The show whose versions for review have movies, and the number of its notes that have a picture.
_SHOW = 1
_NOTES = 30


def add_media(demo: DemoRows) -> None:
    """
    Add thumbnails of projects, sequences, shots, assets and versions, movies of versions, and attachments.
    """
    maker = _Media(demo)
    try:
        maker.add_all()
    finally:
        maker.remove_scratch()


class _Media:
    """
    Makes each file once. Records that show the same picture share it, and records that have the same file link to it.
    """

    def __init__(self, demo: DemoRows) -> None:
        self._demo = demo
        self._scratch: dict[str, Path] = {}
        # The picture of each sequence and asset: the value of the image column, and the record that it was made for.
        self._pictures: dict[tuple[str, int], tuple[str, Link]] = {}

    def add_all(self) -> None:
        for row in self._demo.rows["Project"]:
            self._show(row, "Project", row["name"], partial(pictures.landscape, row["name"]))
        for row in self._demo.rows["Sequence"]:
            self._show(row, "Sequence", row["code"], partial(pictures.landscape, _scene(row)))
        self._show_assets()
        for shot in self._demo.rows["Shot"]:
            self._share(shot, ("Sequence", shot["sg_sequence__id"]))
            self._pictures["Shot", shot["id"]] = self._pictures["Sequence", shot["sg_sequence__id"]]
        for version in self._demo.rows["Version"]:
            self._share(version, (version["entity__type"], version["entity__id"]))
            if version["project__id"] == _SHOW and version["sg_status_list"] == "rev":
                self._add_movie(version)
        self._attach_to_notes()
        self._attach_texts()

    def remove_scratch(self) -> None:
        for path in self._scratch.values():
            path.unlink(missing_ok=True)

    def _file(self, key: str, make: Callable[[], bytes]) -> Path:
        """
        Return the path of the file with that key, which is made on first use.
        """
        path = self._scratch.get(key)
        if path is None:
            path = self._scratch[key] = self._demo.tx.media.scratch()
            path.write_bytes(make())
        return path

    def _show(self, row: dict[str, Any], entity_type: str, name: str, draw: Callable[[], bytes]) -> None:
        """
        Set a new picture as the thumbnail of a row.
        """
        demo = self._demo
        link = {"type": entity_type, "id": row["id"]}
        when = time_of(row["created_at"])
        project = link if entity_type == "Project" else {"type": "Project", "id": row["project__id"]}
        demo.author = {"type": "HumanUser", "id": row["created_by__id"]}
        file = self._file(f"{entity_type} {row['id']}", draw)
        made = add_upload(demo, when, f"{name}.jpg", file, project)
        keep(file, demo.tx.media.thumbnail(made["id"]))
        row["image"] = f"{made['id']} {int(when.timestamp())}"
        self._pictures[entity_type, row["id"]] = (row["image"], link)

    def _show_assets(self) -> None:
        """
        Give assets with the same noun the same picture: that of the first one.
        """
        first: dict[str, tuple[str, int]] = {}
        for asset in self._demo.rows["Asset"]:
            noun = asset["code"].split("_")[1]
            if noun in first:
                self._share(asset, first[noun])
                self._pictures["Asset", asset["id"]] = self._pictures[first[noun]]
                continue
            first[noun] = ("Asset", asset["id"])
            kind = asset["sg_asset_type"]
            self._show(asset, "Asset", noun, partial(pictures.turntable, noun, kind))

    def _share(self, row: dict[str, Any], key: tuple[str, int]) -> None:
        row["image"], source = self._pictures[key]
        row["image_source_entity__type"], row["image_source_entity__id"] = source["type"], source["id"]

    def _add_movie(self, version: dict[str, Any]) -> None:
        demo = self._demo
        entity = demo.row({"type": version["entity__type"], "id": version["entity__id"]})
        if version["entity__type"] == "Shot":
            name = _scene(demo.rows["Sequence"][entity["sg_sequence__id"] - 1])
            draw = partial(pictures.landscape, name)
        else:
            name = entity["sg_asset_type"]
            draw = partial(pictures.turntable, name, name)
        file = self._file(f"movie {name}", partial(_movie, draw))
        filename = f"{version['code']}.mov"
        demo.author = {"type": "HumanUser", "id": version["user__id"]}
        project = {"type": "Project", "id": version["project__id"]}
        made = add_upload(demo, time_of(version["created_at"]) + dt.timedelta(minutes=2), filename, file, project)
        version["sg_uploaded_movie"] = upload_value(made, filename)
        version["sg_uploaded_movie_frame_rate"] = float(pictures.FRAME_RATE)
        version["uploaded_movie_duration"] = pictures.FRAMES / pictures.FRAME_RATE

    def _attach_to_notes(self) -> None:
        """
        Attach a picture with a drawing to notes on shots of the first show.
        """
        demo, left = self._demo, _NOTES
        for note, version in zip(demo.rows["Note"], demo.noted_versions):
            if not left:
                return
            if version["project__id"] != _SHOW or version["entity__type"] != "Shot":
                continue
            shot = demo.rows["Shot"][version["entity__id"] - 1]
            name = _scene(demo.rows["Sequence"][shot["sg_sequence__id"] - 1])
            file = self._file(f"note {name}", partial(pictures.landscape, name, note=True))
            self._attach(note, "Note", "drawing.jpg", file)
            left -= 1

    def _attach_texts(self) -> None:
        """
        Attach a camera report to the first shot of each sequence, and a list of contents to each delivery.
        """
        for shot in self._demo.rows["Shot"]:
            if shot["sg_cut_order"] == 1:
                text = words.CAMERA_REPORT.format(**shot)
                self._attach(shot, "Shot", f"{shot['code']}_camera.txt", self._text(text))
        for delivery in self._demo.rows["Delivery"]:
            self._attach(delivery, "Delivery", "contents.txt", self._text(f"{delivery['title']}\n"))

    def _text(self, text: str) -> Path:
        return self._file(text, text.encode)

    def _attach(self, row: dict[str, Any], entity_type: str, name: str, file: Path) -> None:
        demo = self._demo
        demo.author = {"type": "HumanUser", "id": row["created_by__id"]}
        project = {"type": "Project", "id": row["project__id"]}
        made = add_upload(demo, time_of(row["created_at"]), name, file, project)
        demo.link("Attachment.attachment_links", made, {"type": entity_type, "id": row["id"]})


def _scene(sequence: dict[str, Any]) -> str:
    """
    Return the text in the pictures of a sequence.
    """
    return f"{sequence['code']}  {sequence['description']}"


def _movie(draw: Callable[..., bytes]) -> bytes:
    times = (number / pictures.FRAMES for number in range(pictures.FRAMES))
    frames = [draw(at=at, size=pictures.MOVIE_SIZE) for at in times]
    return quicktime(frames, pictures.MOVIE_SIZE, pictures.FRAME_RATE)
