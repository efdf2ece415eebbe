"""
Write the file of a site with something of each kind in it, as the SQL that makes it, for the tests of later versions.

Run ``python tests/localsite/maintenance/make_layout.py layouts/layout_N.sql.gz`` with the code of the version whose
layout N is wanted, such as that of ``git archive``, before a later layout takes its place. ``layout_1.sql.gz`` was
written by the last commit with layout 1, and ``layout_2.sql.gz`` by one with layout 2. The script's key is ``k3y``.
"""

import contextlib
import gzip
import sqlite3
import sys
import tempfile
from pathlib import Path

import shotgun_api3

from sgextended.localsite import LocalSite


def fill(sg):
    """
    Make rows that links, triggers, retirement and custom fields have to do with.
    """
    project = sg.create("Project", {"name": "Bird"})
    assets = [sg.create("Asset", {"project": project, "code": code}) for code in "ab"]
    shot = sg.create("Shot", {"project": project, "code": "sh010", "assets": assets, "description": "größe"})
    sg.delete("Shot", sg.create("Shot", {"project": project, "code": "gone"})["id"])
    person = sg.create("HumanUser", {"login": "zoe", "name": "Zoe"})
    task = sg.create("Task", {"project": project, "content": "comp", "entity": shot, "task_assignees": [person]})
    sg.create("TimeLog", {"project": project, "entity": task, "duration": 30, "date": "2026-03-10"})
    sg.update("Shot", shot["id"], {"tags": [sg.create("Tag", {"name": "hero"})]})
    sg.create("Note", {"project": project, "subject": "s", "content": "c", "note_links": [shot]})
    with contextlib.suppress(shotgun_api3.Fault):  # the first layout had no custom fields
        sg.schema_field_create("Shot", "text", "Own")


def main(target):
    """
    Fill a site, and write its file to *target*.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.db"
        with LocalSite(db=path, api_key="k3y") as site:
            sg = shotgun_api3.Shotgun(site.url, site.script_name, "k3y")
            with contextlib.closing(sg):
                fill(sg)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            numbers = [f"PRAGMA {name} = {connection.execute(f'PRAGMA {name}').fetchone()[0]};"
                       for name in ("user_version", "application_id")]  # fmt: skip
            text = "\n".join([*connection.iterdump(), *numbers, ""])
    with gzip.GzipFile(target, "wb", 9, mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main(sys.argv[1])
