"""
Task templates: the tasks that a row gets from one.
"""

import pytest

FIELDS = ["content", "step", "entity", "project", "template_task", "task_template", "duration", "start_date"]


@pytest.fixture
def template(sg, name):
    """
    A template of two tasks, of which the second waits for the first, and a person assigned to it.
    """
    template = sg.create("TaskTemplate", {"code": name, "entity_type": "Shot"})
    step = sg.find_one("Step", [["short_name", "is", "ANM"]])
    person = sg.create("HumanUser", {"login": name, "name": "Ann"})
    group = sg.create("Group", {"code": name})
    first = sg.create(
        "Task",
        {
            "task_template": template,
            "content": "Anim",
            "step": step,
            "task_assignees": [person, group],
            "duration": 960,
            "est_in_mins": 480,
            "sg_description": "Move it.",
            "sg_sort_order": 3,
            "sg_status_list": "rdy",
            "start_date": "2026-03-02",
        },
    )
    second = sg.create("Task", {"task_template": template, "content": "Sign-off", "milestone": True, "color": "1,2,3"})
    data = {"task": second, "dependent_task": first, "dependency_type": "start-to-start", "offset_days": 2}
    sg.create("TaskDependency", data)
    return {"type": "TaskTemplate", "id": template["id"], "first": first, "second": second, "person": person}


def tasks_of(sg, entity, *fields):
    """
    Return the tasks of a row.
    """
    return sg.find("Task", [["entity", "is", entity]], [*FIELDS, *fields])


@pytest.fixture
def link(template):
    """
    The link to the template.
    """
    return {"type": "TaskTemplate", "id": template["id"]}


@pytest.mark.parametrize("entity_type", ["Shot", "Asset"])
def test_new_row_gets_the_tasks_of_its_template(sg, project, make, template, link, entity_type):
    """
    A row made with a template has a task for each of the template's, whatever type the template is for.
    """
    shot = make(entity_type, task_template=link)
    extra = ["est_in_mins", "sg_description", "sg_sort_order", "sg_status_list", "milestone", "color", "due_date"]
    anim, sign_off = tasks_of(sg, shot, *extra, "task_assignees", "created_by")

    assert (anim["content"], anim["step"]["name"], anim["duration"]) == ("Anim", "Animation", 960)
    assert (anim["start_date"], anim["due_date"]) == ("2026-03-02", "2026-03-03")
    assert [anim[field] for field in extra[:5]] == [480, "Move it.", 3, "rdy", False]
    assert {link["type"] for link in anim["task_assignees"]} == {"HumanUser", "Group"}
    assert anim["created_by"]["type"] == "ApiUser"
    assert (sign_off["milestone"], sign_off["color"]) == (True, "pipeline_step")
    for task, origin in ((anim, template["first"]), (sign_off, template["second"])):
        assert task["project"]["id"] == project["id"]
        assert task["entity"]["id"] == shot["id"]
        assert task["template_task"]["id"] == origin["id"]
        assert task["task_template"] is None


def test_dependencies_are_copied_with_kind_and_offset(sg, make, template, link):
    """
    The new tasks wait for each other as the template's do, and keep the template's dates all the same.
    """
    anim, sign_off = tasks_of(sg, make("Shot", task_template=link), "upstream_tasks")
    pair = sg.find_one("TaskDependency", [["task", "is", sign_off]], ["dependency_type", "offset_days"])

    assert [link["id"] for link in sign_off["upstream_tasks"]] == [anim["id"]]
    assert (pair["dependency_type"], pair["offset_days"]) == ("start-to-start", 2)
    assert sign_off["start_date"] == "2026-03-04"


def test_reply_of_create_does_not_list_the_tasks(sg, project, name, link):
    """
    The reply has the fields written and asked for, no more.
    """
    shot = sg.create("Shot", {"project": project, "code": name, "task_template": link})

    assert set(shot) == {"type", "id", "project", "code", "task_template"}


def test_changed_template_adds_what_is_missing(sg, make, template, link, name):
    """
    Another template adds its tasks; writing the same again, or none, changes nothing; nothing is ever removed.
    """
    shot = make("Shot")
    sg.update("Shot", shot["id"], {"task_template": link})
    assert len(tasks_of(sg, shot)) == 2
    sg.update("Shot", shot["id"], {"task_template": link})
    sg.update("Shot", shot["id"], {"task_template": None})
    assert len(tasks_of(sg, shot)) == 2

    other = sg.create("TaskTemplate", {"code": f"{name} other"})
    sg.create("Task", {"task_template": other, "content": "Anim"})
    sg.update("Shot", shot["id"], {"task_template": other})
    assert [task["content"] for task in tasks_of(sg, shot)] == ["Anim", "Sign-off", "Anim"]


def test_template_applied_again_fills_up(sg, make, template, link):
    """
    A template applied once more gives the tasks that were retired or are new in it, with their dependencies.
    """
    shot = make("Shot", task_template=link)
    anim, sign_off = tasks_of(sg, shot)
    sg.delete("Task", anim["id"])
    sg.create("Task", {"task_template": link, "content": "Late"})
    sg.update("Shot", shot["id"], {"task_template": None})
    sg.update("Shot", shot["id"], {"task_template": link})
    tasks = {task["content"]: task for task in tasks_of(sg, shot, "downstream_tasks")}

    assert sorted(tasks) == ["Anim", "Late", "Sign-off"]
    assert tasks["Sign-off"]["id"] == sign_off["id"]
    assert tasks["Anim"]["id"] > anim["id"]
    assert [link["id"] for link in tasks["Anim"]["downstream_tasks"]] == [sign_off["id"]]


def test_batch_uses_templates_too(sg, project, link):
    """
    Rows made by a batch get their tasks as others do.
    """
    data = {"project": project, "task_template": link}
    made = sg.batch([{"request_type": "create", "entity_type": "Shot", "data": data}] * 3)

    assert [len(tasks_of(sg, shot)) for shot in made] == [2, 2, 2]


def test_project_has_its_own_tasks(sg, name, link):
    """
    A project with a template has tasks whose entity it is.
    """
    project = sg.create("Project", {"name": f"{name} other", "task_template": link})

    assert {task["project"]["id"] for task in tasks_of(sg, project)} == {project["id"]}


def test_retired_assignee_is_not_copied(sg, make, template, link):
    """
    People who are gone are not assigned anew.
    """
    sg.delete("HumanUser", template["person"]["id"])
    anim, _sign_off = tasks_of(sg, make("Shot", task_template=link), "task_assignees")

    assert [link["type"] for link in anim["task_assignees"]] == ["Group"]


def test_template_counts_its_tasks_and_takes_them_along(sg, template, link):
    """
    A template says how many tasks it has; retired, it takes them along and brings them back.
    """

    def count():
        return sg.find_one("TaskTemplate", [["id", "is", template["id"]]], ["task_count"])["task_count"]

    assert count() == 2
    sg.delete("Task", template["second"]["id"])
    assert count() == 1
    sg.revive("Task", template["second"]["id"])
    sg.delete("TaskTemplate", template["id"])
    mine = [["id", "in", [template["first"]["id"], template["second"]["id"]]]]
    assert sg.find("Task", mine) == []
    sg.revive("TaskTemplate", template["id"])
    assert len(sg.find("Task", mine)) == 2
    assert count() == 2
