"""
The demo production: what is in it, that its parts fit together, and that it is the same every time.
"""

import datetime as dt

import pytest
import sqlalchemy as sa

from sgextended.localsite import LocalSite
from sgextended.localsite.demo.demo_rows import TODAY
from sgextended.localsite.demo.production import insert_demo
from sgextended.localsite.services.site_store import Store


@pytest.mark.parametrize(
    ("entity_type", "at_least"),
    [
        *(("Project", 6), ("Asset", 400), ("Shot", 900), ("Sequence", 30), ("Episode", 6), ("Task", 5000)),
        *(("Version", 2000), ("Playlist", 20), ("Note", 300), ("Reply", 200), ("HumanUser", 40), ("Group", 5)),
        *(("Department", 8), ("Step", 9), ("Icon", 21), ("Status", 21)),
    ],
)
def test_demo_is_large_enough(demo, entity_type, at_least):
    """
    The demo has enough rows of every type to resemble a studio.
    """
    assert demo.summarize(entity_type, [], [{"field": "id", "type": "count"}])["summaries"]["id"] >= at_least


def test_one_project_is_archived(demo):
    """
    One project is over, and its work is final.
    """
    (project,) = demo.find("Project", [["archived", "is", True]])

    assert demo.find("Task", [["project", "is", project], ["sg_status_list", "is_not", "fin"]]) == []


def test_rows_fit_together(demo):
    """
    Tasks are on steps of their entity's type, worked on by people of the step's department, and in its project.
    """
    fields = [
        "entity",
        "step.Step.entity_type",
        "entity.Shot.project",
        "project",
        "task_assignees",
        "step.Step.department",
    ]
    people = {row["id"]: row["department"]["id"] for row in demo.find("HumanUser", [], ["department"])}
    tasks = demo.find("Task", [["entity", "type_is", "Shot"]], fields, limit=300)

    for task in tasks:
        assert task["step.Step.entity_type"] == "Shot"
        assert task["entity.Shot.project"] == task["project"]
        departments = {people[who["id"]] for who in task["task_assignees"] if who["type"] == "HumanUser"}
        assert departments == {task["step.Step.department"]["id"]}


def test_tasks_are_assigned_to_groups_too(demo):
    """
    Some tasks are a group's.
    """
    assert demo.find("Task", [["task_assignees", "type_is", "Group"]], limit=1) != []


@pytest.mark.parametrize(
    ("entity_type", "filters"),
    [
        ("Task", [["entity", "is", None]]),
        ("Task", [["task_assignees", "is", None]]),
        ("Version", [["sg_task", "is", None]]),
        ("Version", [["user", "is", None]]),
        ("Shot", [["sg_sequence", "is", None]]),
        ("Shot", [["assets", "is", None]]),
        ("Playlist", [["versions", "is", None]]),
        ("Note", [["note_links", "is", None]]),
        ("Task", [["start_date", "is", None]]),
        ("Version", [["created_at", "greater_than", f"{TODAY}T23:59:59Z"]]),
    ],
    ids=str,
)
def test_no_row_lacks_what_it_needs(demo, entity_type, filters):
    """
    Every row of the demo has the links and dates of its type, and no row is newer than the demo's present day.
    """
    assert demo.find(entity_type, filters) == []


def test_demo_is_the_same_every_time(tmp_path):
    """
    Two demo sites hold equal rows in every table and files of the same names, in memory and on a file.

    A demo takes a few statements, most of them for a whole type, so that a site with it starts soon.
    """

    def contents(path):
        statements = []

        def note(_connection, _cursor, _statement, parameters, _context, executemany):
            statements.append(len(parameters) if executemany else 1)

        store = Store(path, clock=lambda: dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc))
        with store.writing() as tx:
            sa.event.listen(tx.connection, "before_cursor_execute", note)
            insert_demo(tx)
            sa.event.remove(tx.connection, "before_cursor_execute", note)
            rows = {
                name: [tuple(row) for row in tx.connection.exec_driver_sql(f'SELECT * FROM "{name}"')]
                for name in tx.tables.metadata.tables
            }
        files = {(part, path.name) for part in ("attachments", "thumbnails") for path in store.media.files(part)}
        left = store.media.files("uploads")
        store.close()
        assert left == []
        assert len(statements) < 300
        assert sum(statements) > 50_000
        return rows, files

    rows, files = contents(tmp_path / "demo.sqlite")

    assert len(files) > 300
    assert contents(None) == (rows, files)


def test_ordinary_site_is_without_the_demo():
    """
    Only a site with ``demo=True`` has the demo.
    """
    with LocalSite() as site, site.store.reading() as tx:
        assert tx.connection.execute(tx.tables["Project"].select()).all() == []
