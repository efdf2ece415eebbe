"""
Undo of side effects: what the site changes besides the written fields is restored, or named.
"""

import pytest
import shotgun_api3
from shotgun_api3 import Fault

from sgextended import SGExtended, UndoLog


def update(number, **data):
    return lambda show, tasks: show.sg.update("Task", tasks[number]["id"], data)


def batch(*requests):
    def send(show, tasks):
        show.sg.batch([
            {"request_type": "update", "entity_type": "Task", "entity_id": tasks[number]["id"], "data": data}
            for number, data in requests
        ])  # fmt: skip

    return send


def write_edge(method, *data):
    def send(show, tasks):
        edge = show.sg.find_one("TaskDependency", [["task", "is", tasks[1]]])
        getattr(show.sg, method)("TaskDependency", edge["id"], *data)

    return send


def add_edge(show, tasks):
    show.sg.update("Task", tasks[2]["id"], {"upstream_tasks": [tasks[0]]}, {"upstream_tasks": "add"})


def lose_and_bind_again(show, tasks):
    show.sg.update("Task", tasks[1]["id"], {"upstream_tasks": []})
    edge = show.bind(tasks[1], tasks[0], "finish-to-finish", 5)
    show.sg.update("TaskDependency", edge["id"], {"offset_days": 7})
    show.sg.update("Task", tasks[0]["id"], {"downstream_tasks": []})


def delete_and_revive(show, tasks):
    show.sg.delete("Task", tasks[1]["id"])
    show.sg.revive("Task", tasks[1]["id"])
    show.sg.update("Task", tasks[0]["id"], {"start_date": "2026-04-01"})


@pytest.mark.parametrize("from_file", [False, True], ids=["memory", "file"])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(update(1, upstream_tasks=[]), id="upstream removed"),
        pytest.param(update(1, downstream_tasks=[]), id="downstream removed"),
        pytest.param(add_edge, id="upstream added"),
        pytest.param(update(1, start_date="2026-03-16"), id="start of a task that waits"),
        pytest.param(update(1, start_date=None, due_date=None), id="dates cleared"),
        pytest.param(update(1, due_date="2026-03-20"), id="due date"),
        pytest.param(update(1, duration=2400), id="duration"),
        pytest.param(update(1, milestone=True), id="milestone"),
        pytest.param(update(1, pinned=True), id="pinned"),
        pytest.param(update(0, start_date="2026-05-04"), id="start of the first task"),
        pytest.param(batch((0, {"start_date": "2026-05-04"}), (1, {"upstream_tasks": []})), id="batch"),
        pytest.param(lambda show, tasks: show.sg.delete("Task", tasks[1]["id"]), id="task deleted"),
        pytest.param(write_edge("delete"), id="dependency deleted"),
        pytest.param(write_edge("update", {"offset_days": 9}), id="dependency changed"),
        pytest.param(lose_and_bind_again, id="dependency removed and made again"),
        pytest.param(delete_and_revive, id="task deleted and revived"),
    ],
)
def test_schedule_is_as_before(show, chain, tmp_path, write, from_file):
    """
    Dependencies come back with their type and offset, and all tasks with their dates and ``pinned``.
    """
    before = show.state(*chain)
    with show.sg.undoable(tmp_path / "log") as log:
        write(show, chain)
    assert show.state(*chain) != before

    undone = (UndoLog.read(tmp_path / "log") if from_file else log).undo(show.sg)

    assert undone, str(undone)
    assert show.state(*chain) == before


def test_an_official_client_undoes_side_effects(show, chain, any_tls_site):
    """
    The log restores the side effects with a client of another kind, too. A second undo finds nothing to do.
    """
    before = show.state(*chain)
    with show.sg.undoable() as log:
        show.sg.update("Task", chain[1]["id"], {"upstream_tasks": [], "start_date": "2026-03-16"})
    site = any_tls_site
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key, ca_certs=site.ca_file)

    assert str(log.undo(official)) == "1 undone, 0 not undone."
    assert show.state(*chain) == before
    assert str(log.undo(official)) == "0 undone, 0 not undone."


def test_a_task_follows_its_upstream_again(show, chain):
    """
    After the undo of a start date, the task moves with the task that it depends on.
    """
    one, two, _three = chain
    with show.sg.undoable() as log:
        show.sg.update("Task", two["id"], {"start_date": "2026-03-16"})
    log.undo(show.sg)
    show.sg.update("Task", one["id"], {"start_date": "2026-05-04"})

    assert show.get(two, "start_date", "pinned") == {"start_date": "2026-05-06", "pinned": False}


def test_dates_that_the_site_does_not_take_back_are_named(show):
    """
    A task that was made with later dates than its upstream asks for is moved by the site. The result names its dates.
    """
    one = show.task("one", "2026-03-02", "2026-03-03")
    late = show.task("late", "2026-06-01", "2026-06-02", upstream_tasks=[one])
    with show.sg.undoable() as log:
        show.sg.update("Task", one["id"], {"start_date": "2026-03-09"})
    undone = log.undo(show.sg)

    assert not undone
    assert str(undone).splitlines() == [
        "0 undone, 1 not undone.",
        f"update Task {one['id']}: Task {late['id']}: start_date is 2026-03-04, and was 2026-06-01.",
        f"update Task {one['id']}: Task {late['id']}: due_date is 2026-03-05, and was 2026-06-02.",
    ]
    assert show.get(one, "start_date")["start_date"] == "2026-03-02"


@pytest.mark.parametrize("method", ["delete", "revive"])
def test_other_dependencies_of_a_task_that_follows_are_kept(show, chain, method):
    """
    A dependency that the write did not touch stays, although only the second look finds its task.
    """
    one, two, _three = chain
    other = show.task("other", "2026-03-02", "2026-03-03")
    show.bind(two, other)
    if method == "revive":
        show.sg.delete("Task", one["id"])
    before = show.edges(two)
    with show.sg.undoable() as log:
        getattr(show.sg, method)("Task", one["id"])

    assert log.undo(show.sg)
    assert show.edges(two) == before


def test_what_the_block_made_leaves_no_line(show):
    """
    A date of a task that was made in the block, and that a later write has moved, is no difference: the task is
    retired. It does not count as changed by somebody either.
    """
    one = show.task("one", "2026-03-02", "2026-03-03")
    with show.sg.undoable() as log:
        late = show.task("late", "2026-06-01", "2026-06-02", upstream_tasks=[one])
        show.sg.update("Task", one["id"], {"start_date": "2026-03-09"})

    assert str(log.undo(show.sg)) == "2 undone, 0 not undone."
    assert show.get(late) is None
    assert show.get(one, "start_date") == {"start_date": "2026-03-02"}


def test_a_due_date_that_is_later_than_needed_comes_back(show, chain):
    """
    A task keeps a due date of its own as long as its upstream does not move. The undo of such a move restores it.
    """
    one, two, _three = chain
    show.sg.update("Task", two["id"], {"due_date": "2026-03-20"})
    before = show.state(*chain)
    with show.sg.undoable() as log:
        show.bind(two, show.task("other", "2026-04-01", "2026-04-02"))
        show.sg.update("Task", one["id"], {"start_date": "2026-03-09"})

    assert log.undo(show.sg)
    assert show.state(*chain) == before


def test_dependencies_that_were_changed_later_are_kept(show, chain):
    """
    If another has written the field or the dependency since, it stays, and the result names it.
    """
    one, two, three = chain
    with show.sg.undoable() as log:
        show.sg.update("Task", two["id"], {"upstream_tasks": []})
        write_edge("update", {"offset_days": 4})(show, (one, three))
    other = show.task("other")
    show.sg.update("Task", two["id"], {"upstream_tasks": [other]})
    write_edge("update", {"offset_days": 6})(show, (one, three))
    undone = log.undo(show.sg)

    assert f"update Task {two['id']}: upstream_tasks changed later; restored: nothing." in str(undone)
    assert "offset_days changed later" in str(undone)
    assert show.edges(two) == [(two["id"], other["id"], "finish-to-start-next-day", None)]
    assert show.edges(three)[0][3] == 6


# --- Templates


def test_tasks_of_a_template_are_retired(show):
    """
    The tasks that a template has made are retired, those that it has changed are as before.
    """
    template, _made = show.template("anim", "light")
    shot = show.shot(task_template=template)
    task = show.tasks_of(shot)[0]
    show.sg.update("Task", task["id"], {"sg_status_list": "ip", "content": "my anim", "sg_description": "mine"})
    show.sg.delete("Task", show.tasks_of(shot)[1]["id"])
    show.sg.update("Shot", shot["id"], {"task_template": None})
    before = show.tasks_of(shot)
    with show.sg.undoable() as log:
        show.sg.update("Shot", shot["id"], {"task_template": template})
    assert len(show.tasks_of(shot)) == 2

    assert log.undo(show.sg)
    assert show.tasks_of(shot) == before
    assert show.get(shot, "task_template") == {"task_template": None}


def test_a_former_template_makes_no_tasks(show):
    """
    To set the former template again makes its tasks again on the site: the undo retires them.
    """
    template, _made = show.template("anim")
    shot = show.shot(task_template=template)
    show.sg.delete("Task", show.tasks_of(shot)[0]["id"])
    with show.sg.undoable() as log:
        show.sg.update("Shot", shot["id"], {"task_template": None})

    assert log.undo(show.sg)
    assert show.get(shot, "task_template")["task_template"]["id"] == template["id"]
    assert show.tasks_of(shot) == []


def test_a_create_with_a_template_is_undone(show):
    """
    The tasks of a new entity are retired with it.
    """
    template, _made = show.template("anim")
    with show.sg.undoable() as log:
        shot = show.shot(task_template=template)
    (task,) = show.tasks_of(shot)

    assert log.undo(show.sg)
    assert show.get(shot) is None
    assert show.get(task) is None


def test_a_task_that_was_used_since_is_not_retired(show):
    """
    A task of a template that another has changed stays, and the result names it.
    """
    template, _made = show.template("anim")
    shot = show.shot()
    with show.sg.undoable() as log:
        show.sg.update("Shot", shot["id"], {"task_template": template})
    (task,) = show.tasks_of(shot)
    show.sg.update("Task", task["id"], {"sg_status_list": "ip"})

    assert f"Task {task['id']}: sg_status_list changed later, so it is not removed." in str(log.undo(show.sg))
    assert len(show.tasks_of(shot)) == 1


# --- Other entities


def test_entities_that_were_retired_together_come_back(show):
    """
    A shot comes back with its versions, and a task template with its tasks.
    """
    shot, (template, made) = show.shot(), show.template("anim")
    version = show.make("Version", project=show.project, code="v", entity=shot)
    with show.sg.undoable() as log:
        show.sg.delete("Shot", shot["id"])
        show.sg.delete("TaskTemplate", template["id"])
    assert (show.get(version), show.get(made[0])) == (None, None)

    assert log.undo(show.sg)
    assert show.get(version, "entity")["entity"]["id"] == shot["id"]
    assert show.get(made[0], "task_template")["task_template"]["id"] == template["id"]


def test_an_entity_that_does_not_come_back_is_named(show, monkeypatch):
    """
    If the site refuses to revive an entity that was retired with another, the result says so.
    """
    shot = show.shot()
    version = show.make("Version", project=show.project, code="v", entity=shot)
    with show.sg.undoable() as log:
        show.sg.delete("Shot", shot["id"])
    show.sg.revive("Shot", shot["id"])
    show.sg.delete("Version", version["id"])
    revive = SGExtended.revive

    def refuse(sg, entity_type, entity_id):
        if entity_type == "Version":
            raise Fault("no")
        return revive(sg, entity_type, entity_id)

    monkeypatch.setattr(SGExtended, "revive", refuse)
    assert f"Version {version['id']} does not exist any more. no" in str(log.undo(show.sg))


@pytest.mark.parametrize("side", ["versions", "playlists"])
def test_the_order_of_a_playlist_comes_back(show, side):
    """
    Versions come back into a playlist at their place, whichever side was written.
    """
    playlist = show.make("Playlist", project=show.project, code="p")
    versions = [show.make("Version", project=show.project, code=code) for code in "ab"]
    for order, version in zip((20, 10), versions):
        show.make("PlaylistVersionConnection", playlist=playlist, version=version, sg_sort_order=order)

    def order():
        rows = show.sg.find("PlaylistVersionConnection", [["playlist", "is", playlist]], ["version", "sg_sort_order"])
        return {row["version"]["id"]: row["sg_sort_order"] for row in rows}

    before = order()
    with show.sg.undoable() as log:
        owner = playlist if side == "versions" else versions[0]
        show.sg.update(owner["type"], owner["id"], {side: []})
    assert order() != before

    assert log.undo(show.sg)
    assert order() == before


@pytest.mark.parametrize("method", ["create", "update"])
def test_a_link_that_was_taken_goes_back(show, method):
    """
    A shot that was added to a sequence is in its former sequence again.
    """
    first = show.make("Sequence", project=show.project, code="first")
    shot = show.shot(sg_sequence=first)
    second = show.make("Sequence", project=show.project, code="second")
    with show.sg.undoable() as log:
        if method == "update":
            show.sg.update("Sequence", second["id"], {"shots": [shot]})
        else:
            show.make("Sequence", project=show.project, code="third", shots=[shot])

    assert log.undo(show.sg)
    assert show.get(shot, "sg_sequence")["sg_sequence"]["id"] == first["id"]
