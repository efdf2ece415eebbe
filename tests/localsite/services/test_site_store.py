"""
Sites on files: two that serve one file, files of earlier versions.
"""

import contextlib
import sqlite3

import pytest
import shotgun_api3

from sgextended.localsite import LocalSite, Store
from sgextended.localsite.demo.folder_dump import dump
from sgextended.localsite.storage import database


def connect(site):
    """
    Return a context manager with the official client on a site.
    """
    return contextlib.closing(shotgun_api3.Shotgun(site.url, site.script_name, site.api_key))


def test_two_processes_serve_one_file(tmp_path):
    """
    A site uses the fields that another site on the same file creates, changes and deletes.
    """
    path = tmp_path / "site.db"
    with contextlib.ExitStack() as stack:
        sites = [stack.enter_context(LocalSite(db=path, api_key="k", share_db=True)) for _each in range(2)]
        one, two = (stack.enter_context(connect(site)) for site in sites)
        project = one.create("Project", {"name": "P"})
        name = one.schema_field_create("Project", "text", "New One")
        one.update("Project", project["id"], {name: "v"})
        assert two.find_one("Project", [[name, "is", "v"]], [name])[name] == "v"
        assert two.schema_field_create("Project", "text", "New One") == f"{name}_1"
        assert one.create("Project", {"name": "Q", f"{name}_1": "w"})[f"{name}_1"] == "w"
        two.schema_field_update("Project", name, {"default_value": "d"})
        assert one.create("Project", {"name": "R"}, [name])[name] == "d"
        two.schema_field_delete("Project", name)
        assert name not in one.schema_field_read("Project")
        assert name not in two.schema_field_read("Project")


def test_a_start_that_breaks_off_leaves_no_tables(tmp_path, monkeypatch):
    """
    If a site ends while it creates its tables, the file has none of them, and the next site can use it.
    """
    path = tmp_path / "site.db"
    script = database.creation_script()
    monkeypatch.setattr(database, "creation_script", lambda: f"{script};\nSELECT no_such_function()")
    with pytest.raises(ValueError, match="no_such_function"):
        Store(path)
    monkeypatch.undo()

    with contextlib.closing(Store(path)) as store:
        assert store.is_new


def test_file_that_lacks_parts_is_completed(tmp_path):
    """
    Columns, tables, indexes and triggers that a file lacks are added, and the rows are kept.
    """
    path = tmp_path / "site.db"
    with LocalSite(db=path) as site, connect(site) as sg:
        project = sg.create("Project", {"name": "kept"})
        task = sg.create("Task", {"project": project, "content": "t"})
        custom = sg.schema_field_create("Shot", "checkbox", "Odd", {"default_value": True})
    connection = sqlite3.connect(path)
    for statement in (
        'ALTER TABLE "Project" DROP COLUMN "sg_description"',
        f'ALTER TABLE "Shot" DROP COLUMN "{custom}"',
        'ALTER TABLE "Task" DROP COLUMN "workload"',
        "DROP TRIGGER time_logged",
        "DROP INDEX ix_follows_row",
        'DROP TABLE "Release"',
        "DROP TABLE follows",
    ):
        connection.execute(statement)
    connection.commit()
    before = _parts(connection)
    connection.close()

    with LocalSite(db=path) as site, connect(site) as sg:
        assert sg.find_one("Project", [], ["name", "sg_description"])["name"] == "kept"
        sg.create("TimeLog", {"project": project, "entity": task, "duration": 30})
        assert sg.find_one("Task", [], ["time_logs_sum", "workload"])["time_logs_sum"] == 30
        assert sg.create("Shot", {"project": project, "code": "s"}, [custom])[custom] is True
        assert sg.followers(project) == []
        assert sg.find("Release", []) == []
    connection = sqlite3.connect(path)
    assert _parts(connection) > before
    assert ("index", "ix_follows_row") in _parts(connection)
    connection.close()


def _parts(connection):
    """
    Return the tables, indexes and triggers of a database.
    """
    return set(connection.execute("SELECT type, name FROM sqlite_master"))


def test_older_file_is_dumped_and_stays_as_it_is(tmp_path):
    """
    A file of an earlier layout is not served; the message says how to upgrade it. Its records can be dumped.
    """
    path = tmp_path / "site.db"
    with LocalSite(db=path) as site, connect(site) as sg:
        sg.create("Project", {"name": "kept"})
    connection = sqlite3.connect(path)
    connection.execute('ALTER TABLE "Project" DROP COLUMN "sg_description"')
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    content = path.read_bytes()

    with pytest.raises(ValueError, match=r"An earlier version wrote the file. Run 'sgextended site upgrade --db"):
        LocalSite(db=path).start()
    store = Store(path, reads_older=True)
    with store.reading() as tx:
        dump(tx, tmp_path / "data")
    store.close()
    assert path.read_bytes() == content
    with LocalSite(data=tmp_path / "data") as site, connect(site) as sg:
        assert sg.find_one("Project", [], ["name"])["name"] == "kept"
