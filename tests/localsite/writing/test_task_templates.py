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


@pytest.fixture
def apply(sg, link):
    """
    Clears the template of a row and sets it again.
    """

    def apply_to(row):
        for value in (None, link):
            sg.update(row["type"], row["id"], {"task_template": value})

    return apply_to


def test_template_applied_again_overwrites(sg, make, template, link, apply):
    """
    A task made from the template gets its fields again, null and empty lists too, and keeps its assignees and dates.
    """
    shot = make("Shot", task_template=link)
    anim, sign_off = tasks_of(sg, shot)
    group = {"type": "Group", "id": sg.create("Group", {"code": "reviewers"})["id"]}
    other_step = sg.find_one("Step", [["short_name", "is", "LGT"]])
    changed = {"content": "mine", "step": other_step, "est_in_mins": 1, "sg_description": "Hand.", "sg_sort_order": 9}
    kept = {"task_assignees": [group], "start_date": "2026-04-06", "color": "1,2,3"}
    sg.update("Task", anim["id"], {**changed, **kept, "sg_status_list": "fin", "task_reviewers": [group]})
    sg.update("Task", sign_off["id"], {"est_in_mins": 5, "milestone": False})
    apply(shot)
    fields = [*changed, *kept, "sg_status_list", "task_reviewers", "milestone", "updated_by"]
    anim, sign_off = tasks_of(sg, shot, *fields)

    assert (anim["content"], anim["step"]["name"], anim["sg_status_list"]) == ("Anim", "Animation", "rdy")
    assert [anim[field] for field in ("est_in_mins", "sg_description", "sg_sort_order")] == [480, "Move it.", 3]
    assert (sign_off["est_in_mins"], sign_off["milestone"]) == (None, True)
    assert anim["task_reviewers"] == []
    assert [each["id"] for each in anim["task_assignees"]] == [group["id"]]
    assert (anim["start_date"], anim["duration"], anim["color"]) == ("2026-04-06", 960, "1,2,3")


def test_same_template_sent_again_changes_nothing(sg, make, link):
    """
    A write of the template that a row has is no change, so its tasks stay as they are.
    """
    shot = make("Shot", task_template=link)
    anim, _sign_off = tasks_of(sg, shot)
    sg.update("Task", anim["id"], {"content": "mine"})
    sg.update("Shot", shot["id"], {"task_template": link})

    assert tasks_of(sg, shot)[0]["content"] == "mine"


def test_task_of_another_template_is_left_alone(sg, make, link, name, apply):
    """
    Only the tasks that were made from the template are written to, and only their dependencies are erased.
    """
    other = sg.create("TaskTemplate", {"code": f"{name} other"})
    origin = sg.create("Task", {"task_template": other, "content": "Comp"})
    shot = make("Shot", task_template=link)
    anim, _sign_off = tasks_of(sg, shot)
    plain = make("Task", content="plain", entity=shot)
    comp = make("Task", content="hand", entity=shot, template_task=origin, upstream_tasks=[anim, plain])
    apply(shot)

    row = sg.find_one("Task", [["id", "is", comp["id"]]], ["content", "upstream_tasks"])
    assert row["content"] == "hand"
    assert {each["id"] for each in row["upstream_tasks"]} == {anim["id"], plain["id"]}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, ("2026-03-02", "2026-03-03", 960)),
        ({"duration": 480}, ("2026-03-02", "2026-03-03", 960)),
        ({"start_date": "2026-03-03"}, ("2026-03-03", "2026-03-03", 480)),
        ({"start_date": "2026-03-04"}, ("2026-03-04", None, None)),
        ({"due_date": "2026-03-05"}, ("2026-03-02", "2026-03-05", 1920)),
        ({"start_date": "2026-03-05", "due_date": "2026-03-05"}, ("2026-03-05", "2026-03-05", 480)),
    ],
    ids=str,
)
def test_template_fills_empty_dates(sg, make, template, apply, own, expected):
    """
    Dates that a task has stay. Those of the template fill the others, unless the two would be in the wrong order.
    """
    shot = make("Shot")
    task = make("Task", entity=shot, template_task=template["first"], **own)
    apply(shot)
    row = sg.find_one("Task", [["id", "is", task["id"]]], ["start_date", "due_date", "duration"])

    assert (row["start_date"], row["due_date"], row["duration"]) == expected


def test_task_without_dates_gets_the_pieces(sg, make, template, link, apply):
    """
    A split task of the template makes split tasks, of new tasks and of tasks without dates.
    """
    pieces = [{"start": "2026-03-02", "end": "2026-03-03"}, {"start": "2026-03-05", "end": "2026-03-05"}]
    sg.update("Task", template["first"]["id"], {"splits": pieces})
    shot = make("Shot")
    make("Task", entity=shot, template_task=template["first"])
    apply(shot)

    for each in (shot, make("Shot", task_template=link)):
        assert tasks_of(sg, each, "splits", "split_durations")[0]["splits"] == pieces
        assert tasks_of(sg, each, "split_durations")[0]["split_durations"] == [960, 480]


def test_applied_dependency_moves_what_follows(sg, make, template, apply):
    """
    A dependency that the template adds moves the task that waits, and the tasks behind this one.
    """
    shot = make("Shot")
    anim = make("Task", entity=shot, template_task=template["first"], start_date="2026-03-02", duration=960)
    sign_off = make("Task", entity=shot, template_task=template["second"])
    behind = make("Task", duration=480, upstream_tasks=[sign_off])
    apply(shot)

    dates = [row["start_date"] for row in sg.find("Task", [["id", "in", [sign_off["id"], behind["id"]]]], FIELDS)]
    assert dates == ["2026-03-04", "2026-03-05"]
    assert sg.find_one("Task", [["id", "is", anim["id"]]], ["start_date"])["start_date"] == "2026-03-02"


def test_dates_from_the_template_move_what_follows(sg, make, template, apply):
    """
    Dates that the template fills in move the tasks that wait for the task, as other writes do.
    """
    shot = make("Shot")
    anim = make("Task", entity=shot, template_task=template["first"])
    behind = make("Task", duration=480, upstream_tasks=[anim])
    apply(shot)

    assert sg.find_one("Task", [["id", "is", behind["id"]]], ["start_date"])["start_date"] == "2026-03-04"


def test_matching_dependency_stays_the_same_row(sg, make, template, link, apply):
    """
    A dependency that is as the template has it is not replaced; another offset makes another row.
    """
    shot = make("Shot", task_template=link)
    _anim, sign_off = tasks_of(sg, shot)
    mine = [["task", "is", sign_off]]
    before = sg.find_one("TaskDependency", mine)
    apply(shot)
    assert sg.find("TaskDependency", mine) == [before]

    sg.update("TaskDependency", before["id"], {"offset_days": 0})
    apply(shot)
    (after,) = sg.find("TaskDependency", mine, ["offset_days", "dependency_type"])
    assert after["id"] > before["id"]
    assert (after["offset_days"], after["dependency_type"]) == (2, "start-to-start")


def test_custom_fields_are_copied_without_files(sg, make, template, link, apply):
    """
    New and linked tasks get custom values, links and lists of the template's task, and no files.
    """
    linked = {"valid_types": ["Shot"]}
    kinds = {"number": None, "checkbox": {"default_value": False}, "url": None}
    kinds.update(entity=linked, multi_entity=linked)
    fields = {kind: sg.schema_field_create("Task", kind, f"Copied {kind}", data) for kind, data in kinds.items()}
    target = make("Shot")
    values = {"number": 0, "checkbox": True, "entity": target, "multi_entity": [target]}
    page = {"url": "https://example.com", "name": "page"}
    data = {fields[kind]: value for kind, value in {**values, "url": page}.items()}
    sg.update("Task", template["first"]["id"], data)
    shot = make("Shot")
    make("Task", entity=shot, template_task=template["first"])
    apply(shot)

    for each in (shot, make("Shot", task_template=link)):
        task = tasks_of(sg, each, *fields.values())[0]
        assert (task[fields["number"]], task[fields["checkbox"]], task[fields["url"]]) == (0, True, None)
        assert task[fields["entity"]]["id"] == target["id"]
        assert [found["id"] for found in task[fields["multi_entity"]]] == [target["id"]]


def test_links_between_tasks_name_the_template_task(sg, make, template, link):
    """
    The lists of neighbours say of which task of the template each is a copy, and take links with that back.
    """
    shot = make("Shot", task_template=link)
    _anim, sign_off = tasks_of(sg, shot, "upstream_tasks")
    plain = make("Task", content="plain")
    links = [*sign_off["upstream_tasks"], plain]
    assert links[0]["template_task_id"] == template["first"]["id"]

    came = sg.update("Task", sign_off["id"], {"upstream_tasks": links})["upstream_tasks"]
    assert [found.get("template_task_id") for found in came] == [template["first"]["id"], None]
    others = sg.find_one("Shot", [["id", "is", shot["id"]]], ["tasks"])["tasks"]
    assert [set(found) for found in others] == [{"type", "id", "name"}] * 2


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
