"""
Files of earlier versions: they are upgraded whole or not at all, and a copy is kept.
"""

import contextlib
import gzip
import os
import sqlite3
from pathlib import Path

import pytest
import shotgun_api3

from sgextended.localsite import LocalSite
from sgextended.localsite.maintenance import layout_upgrades
from sgextended.localsite.maintenance.layout_upgrades import STEPS, upgrade_site
from sgextended.localsite.maintenance.site_backup import back_up_site
from sgextended.localsite.storage.entity_tables import LAYOUT

LAYOUTS = Path(__file__).with_name("layouts")


def written_by(layout, path):
    """
    Write the file that a version with this layout wrote.
    """
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(gzip.decompress((LAYOUTS / f"layout_{layout}.sql.gz").read_bytes()).decode())
    return path


def content(path):
    """
    Return the whole content of a database as SQL, with the number of its layout.
    """
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [*connection.iterdump(), connection.execute("PRAGMA user_version").fetchone()]


def test_every_layout_has_a_step_and_a_file():
    """
    The steps are numbered without gaps up to the current layout, and each earlier layout has a file that tests it.
    """
    assert [step.layout for step in STEPS] == list(range(2, LAYOUT + 1))
    assert {path.name for path in LAYOUTS.iterdir()} >= {f"layout_{number}.sql.gz" for number in range(1, LAYOUT)}


@pytest.mark.parametrize("layout", sorted(int(path.name.split(".")[0][7:]) for path in LAYOUTS.iterdir()))
def test_file_of_an_earlier_layout_is_upgraded(tmp_path, layout):
    """
    After the upgrade, the site has all rows, links and keys of the file, and counts what no trigger counted before.
    """
    path = written_by(layout, tmp_path / "site.db")
    before = content(path)
    done = upgrade_site(path)

    assert done.before == layout
    assert (done.copy is None) == (layout == LAYOUT)
    if done.copy is not None:
        assert (done.copy.name, content(done.copy)) == (f"site.db.layout-{layout}", before)
        assert os.name == "nt" or done.copy.stat().st_mode & 0o077 == 0
    with LocalSite(db=path) as site, contextlib.closing(shotgun_api3.Shotgun(site.url, "sgextended", "k3y")) as sg:
        shot = sg.find_one("Shot", [], ["code", "description", "assets", "tags", "tasks", "project"])
        assert (shot["code"], shot["description"], shot["project"]["name"]) == ("sh010", "größe", "Bird")
        assert [asset["name"] for asset in shot["assets"]] == ["a", "b"]
        assert [tag["name"] for tag in shot["tags"]] == ["hero"]
        task = sg.find_one("Task", [], ["time_logs_sum", "workload_assignee_count", "task_assignees"])
        assert (task["time_logs_sum"], task["workload_assignee_count"]) == (30, 1)
        assert sg.find_one("Tag", [], ["usage"])["usage"] == 1
        assert sg.find_one("Note", [["note_links", "is", shot]]) is not None
        assert [row["code"] for row in sg.find("Shot", [], ["code"], retired_only=True)] == ["gone"]
        assert sg.find_one("Status", [["code", "is", "wtg"]], ["icon"])["icon"] is not None
        codes = {row["code"] for row in sg.find("PermissionRuleSet", [], ["code"])}
        assert {"admin", "artist_system_default"} <= codes
        sg.create("TimeLog", {"project": shot["project"], "entity": task, "duration": 10, "date": "2026-03-11"})
        assert sg.find_one("Task", [], ["time_logs_sum"])["time_logs_sum"] == 40
        assert sg.schema_field_create("Shot", "text", "New") == "sg_new"
    assert upgrade_site(path).copy is None


def test_failed_upgrade_changes_nothing(tmp_path, monkeypatch):
    """
    If a step fails, the file is as it was, and no copy is left beside it.
    """
    path = written_by(1, tmp_path / "site.db")
    before = content(path)
    step = layout_upgrades.LayoutStep(2, before=["DELETE FROM Shot"], after=["UPDATE no_such_table SET x = 1"])
    monkeypatch.setattr(layout_upgrades, "STEPS", (step,))

    with pytest.raises(ValueError, match=r"cannot upgrade .*no such table: no_such_table\. It is as it was\."):
        upgrade_site(path)
    assert content(path) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["site.db"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (f"PRAGMA user_version = {LAYOUT + 1}", "A later version wrote it. Update sgextended"),
        ("PRAGMA user_version = 0", "It is not the database of a local site"),
        (None, "It is not the database of a local site"),
        ("missing", "There is no such file"),
    ],
)
def test_file_that_cannot_be_upgraded_is_left_alone(tmp_path, statement, message):
    """
    Files of later versions and of other programs are refused and stay as they are.
    """
    path = tmp_path / "site.db"
    if statement is None:
        path.write_text("notes, and no database, but long enough to look like one" * 10)
    elif statement != "missing":
        written_by(2, path)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
    before = path.read_bytes() if path.exists() else None

    with pytest.raises(ValueError, match=message):
        upgrade_site(path)
    assert (path.read_bytes() if path.exists() else None) == before
    if statement and statement.startswith("PRAGMA user_version = 3"):
        with pytest.raises(ValueError, match=r"A later version wrote the file\. Update sgextended"):
            LocalSite(db=path).start()


def test_served_file_is_neither_served_again_nor_upgraded(tmp_path):
    """
    While a site serves a file, another one and an upgrade are told which process it is and what to do; a backup works.
    """
    path = tmp_path / "site.db"
    with LocalSite(db=path) as site:
        for attempt in (lambda: LocalSite(db=path).start(), lambda: upgrade_site(path),
                        lambda: LocalSite(db=path, share_db=True).start()):  # fmt: skip
            with pytest.raises(ValueError, match=rf"is served already, by process {os.getpid()} at {site.url}\. Use"):
                attempt()
        back_up_site(path, tmp_path / "copy.db")
    assert not path.with_name("site.db.lock").exists()
    for file in (path, tmp_path / "copy.db"):
        with LocalSite(db=file) as site:
            assert site.url


def test_lock_of_a_process_that_was_killed_is_gone(tmp_path):
    """
    A lock file that a killed process left does not keep others from serving the file.
    """
    path = tmp_path / "site.db"
    path.with_name("site.db.lock").write_text('{"process": 1, "host": "x", "address": "y"}')

    with LocalSite(db=path) as site:
        assert site.url
