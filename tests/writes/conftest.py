"""
Fixtures for the tests of undo.
"""

import pytest

SCHEDULE = ["start_date", "due_date", "duration", "pinned"]


class Production:
    """
    A project of one test's own, with short ways to write and read.
    """

    def __init__(self, sg, name):
        self.sg = sg
        self.project = self.make("Project", name=name)

    def make(self, kind, **data):
        return {"type": kind, "id": self.sg.create(kind, data)["id"]}

    def task(self, content, start=None, due=None, **data):
        dates = {"start_date": start, "due_date": due} if start else {}
        return self.make("Task", project=self.project, content=content, **dates, **data)

    def bind(self, task, upstream, kind="start-to-start", offset=2):
        return self.make("TaskDependency", task=task, dependent_task=upstream, dependency_type=kind, offset_days=offset)

    def template(self, *contents):
        template = self.make("TaskTemplate", code="template")
        return template, [self.make("Task", content=each, task_template=template) for each in contents]

    def shot(self, **data):
        return self.make("Shot", project=self.project, code="shot", **data)

    def get(self, link, *fields):
        row = self.sg.find_one(link["type"], [["id", "is", link["id"]]], list(fields))
        return None if row is None else {name: row[name] for name in fields}

    def edges(self, *tasks):
        fields = ["task", "dependent_task", "dependency_type", "offset_days"]
        rows = self.sg.find("TaskDependency", [["task", "in", list(tasks)]], fields)
        return sorted(
            (r["task"]["id"], r["dependent_task"]["id"], r["dependency_type"], r["offset_days"]) for r in rows
        )

    def tasks_of(self, link):
        return self.sg.find("Task", [["entity", "is", link]], ["content", "sg_status_list", "sg_description"])

    def state(self, *tasks):
        return self.edges(*tasks), [self.get(task, *SCHEDULE) for task in tasks]


@pytest.fixture
def show(any_tls_site, make_sg, tmp_path):
    """
    A project on a local site.
    """
    return Production(make_sg(any_tls_site), f"undo {tmp_path.name}")


@pytest.fixture
def chain(show):
    """
    Three tasks that depend on each other, with another type and offset than the site's own.
    """
    one = show.task("one", "2026-03-02", "2026-03-03")
    two = show.task("two", "2026-03-02", "2026-03-03")
    three = show.task("three", "2026-03-02", "2026-03-03")
    show.bind(two, one)
    show.bind(three, two, "finish-to-finish", 1)
    return one, two, three
