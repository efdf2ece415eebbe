"""
Writing that is not sent: wrappers that only read, and dry runs.
"""

import contextlib
import pickle
import threading

import pytest
from fix_extended import SHOT
from fix_hooks import WRITES
from fix_servers import GUARD

from sgextended import ConfigurationError, ReadOnlyError, SGExtended


@pytest.mark.parametrize("write", [write for name, write in WRITES.items() if name != "newer"])
def test_a_read_only_wrapper_sends_no_write(site, shot_server, write):
    """
    Every kind of write is refused before anything is sent.
    """
    with pytest.raises(ReadOnlyError, match=r"created with read_only=True\. Nothing was sent"):
        write(SGExtended(site=site, read_only=True))
    assert shot_server.requests == []


def test_copies_of_a_read_only_wrapper_only_read(environment):
    """
    Clones and pickles find, and refuse writes.
    """
    sg = SGExtended(read_only=True)

    for copy in (sg.clone(), pickle.loads(pickle.dumps(sg))):
        assert copy.find("Shot", []) == [SHOT]
        with pytest.raises(PermissionError):
            copy.delete("Shot", 7)


@pytest.fixture
def sg(any_tls_site, make_sg):
    """
    A wrapper on a local site.
    """
    return make_sg(any_tls_site)


@pytest.fixture
def step(sg):
    """
    A step to write to.
    """
    return sg.create("Step", {"code": "before", "description": "as it was"})


def read(sg, step):
    return sg.find_one("Step", [["id", "is", step["id"]]], ["code", "description"])


def write_some(sg, step):
    """
    Write in every way; return the new step.
    """
    made = sg.create("Step", {"code": "new"})
    sg.update("Step", made["id"], {"description": "of the new one"})
    sg.batch([{"request_type": "update", "entity_type": "Step", "entity_id": step["id"], "data": {"code": "after"}}])
    sg.delete("Step", made["id"])
    return made


def test_a_dry_run_sends_nothing_that_writes(sg, step):
    """
    The writes of the block are recorded with old and new values, and the site is not changed.
    """
    before = sg.summarize("Step", [], [{"field": "id", "type": "maximum"}])
    with sg.dry_run() as plan:
        made = write_some(sg, step)

    assert read(sg, step)["code"] == "before"
    assert sg.summarize("Step", [], [{"field": "id", "type": "maximum"}]) == before
    assert made == {"type": "Step", "id": -1, "code": "new"}
    assert [planned.write.method for planned in plan] == ["create", "update", "update", "delete"]
    changed = list(plan)[2]
    assert (changed.old["code"], changed.new["code"]) == ("before", "after")
    assert len(plan) == 4


def test_a_plan_is_a_table(sg, step):
    """
    The text of a plan has a line for each field, and marks missing entities.
    """
    with sg.dry_run() as plan:
        sg.update("Step", step["id"], {"code": "after", "description": "x" * 60})
        sg.update("Step", 99999, {"code": "nobody"})
        sg.create("Task", {"content": "look", "step": step, "task_assignees": [{"type": "Group", "id": 3}]})
    lines = [line.split() for line in str(plan).splitlines()]

    assert lines[0] == ["write", "field", "old", "new"]
    assert lines[2] == ["update", "Step", str(step["id"]), "code", "before", "after"]
    assert lines[3] == ["description", "as", "it", "was", "x" * 37 + "..."]
    assert lines[4] == ["update", "Step", "99999", "code", "(not", "found)", "nobody"]
    assert lines[6] == ["step", "Step", str(step["id"])]
    assert lines[7] == ["task_assignees", "Group", "3"]


def test_a_plan_is_applied_once(sg, step):
    """
    apply sends all writes in order, with real ids, and only once.
    """
    show = sg.create("Project", {"name": "planned"})
    with sg.dry_run() as plan:
        write_some(sg, step)
        parent = sg.create("Step", {"code": "parent"})
        sg.create("Task", {"content": "linked", "step": parent, "project": show})
    results = plan.apply()

    assert read(sg, step)["code"] == "after"
    assert results[0]["id"] > 0
    assert sg.find_one("Step", [["id", "is", results[0]["id"]]], retired_only=True) is not None
    assert results[-1]["step"]["id"] == results[-2]["id"]
    with pytest.raises(ConfigurationError, match="All 6 writes of this plan were applied before"):
        plan.apply()


def test_list_modes_are_planned_as_they_come_out(sg):
    """
    The planned value of a list includes the present items.
    """
    users = [sg.create("Group", {"code": f"g{number}"}) for number in range(3)]
    show = sg.create("Project", {"name": "several"})
    task = sg.create("Task", {"content": "several", "task_assignees": users[:2], "project": show})
    with sg.dry_run() as plan:
        sg.update("Task", task["id"], {"task_assignees": [users[2]]}, {"task_assignees": "add"})
        sg.update("Task", task["id"], {"task_assignees": [users[0]]}, {"task_assignees": "remove"})
    added, removed = plan

    assert [user["id"] for user in added.new["task_assignees"]] == [user["id"] for user in users]
    assert [user["id"] for user in removed.new["task_assignees"]] == [users[1]["id"]]


def test_threads_of_a_map_are_in_the_dry_run(sg, step):
    """
    The writes of a map's workers in the block are recorded too.
    """
    with sg.dry_run() as plan:
        list(sg.map(lambda sg, text: sg.update("Step", step["id"], {"code": text}), "abc", workers=3))

    assert sorted(planned.new["code"] for planned in plan) == ["a", "b", "c"]
    assert read(sg, step)["code"] == "before"


def test_what_workers_planned_is_applied_when_they_have_ended(any_tls_site, make_site):
    """
    A map closes the wrappers of its workers; apply sends their writes with clones, including hooks.
    """
    told = []

    class Told(SGExtended):
        def after_write(self, write, result):
            told.append((write.method, self.find_one(write.entity_type, [["id", "is", write.entity_id]], ["code"])))

    sg = Told(site=make_site(any_tls_site))
    step = sg.create("Step", {"code": "before"})
    with sg.dry_run() as plan:
        list(sg.map(lambda sg, text: sg.update("Step", step["id"], {"code": text}), ["after"], workers=1))
        sg.update_many([{**step, "description": "of many"}], fields="description")
    told.clear()
    plan.apply()

    assert read(sg, step) == {**step, "code": "after", "description": "of many"}
    assert [(method, row["code"]) for method, row in told] == [("update", "after")] * 2


def test_a_journal_is_refused_in_a_dry_run(sg, step, tmp_path):
    """
    A journal in a dry run would record planned items as done, and the real run would skip them.
    """
    path = tmp_path / "run.jsonl"
    with sg.dry_run() as plan, pytest.raises(ConfigurationError, match="Leave journal= out"):
        sg.update_many([{**step, "description": "of many"}], fields="description", journal=path)

    assert (len(plan), path.exists()) == (0, False)


def test_other_threads_are_refused_while_a_dry_run_lasts(sg, step):
    """
    A write of a thread that map did not start is refused, neither sent nor lost; a clone may write.
    """
    outcomes = []

    def work():
        for each in (sg, other):
            try:
                each.update("Step", step["id"], {"code": "elsewhere"})
            except ReadOnlyError as error:  # noqa: PERF203 - it is what is looked for
                outcomes.append(str(error))

    other = sg.clone()
    with sg.dry_run() as plan:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(GUARD)

    (outcome,) = outcomes
    assert "another thread is in a dry run" in outcome
    assert len(plan) == 0
    assert read(sg, step)["code"] == "elsewhere"


def test_a_method_read_before_a_dry_run_is_in_it(sg, step):
    """
    A forwarded method that was kept from before the block sends nothing either.
    """
    follow, user = sg.follow, {"type": "HumanUser", "id": 1}
    with sg.dry_run() as plan:
        follow(user, step)

    assert [str(planned.write) for planned in plan] == ["follow"]


@pytest.mark.parametrize("block", ["dry_run", "undoable"])
def test_what_records_stays_in_its_process(environment, block):
    """
    A wrapper that is pickled in the block is refused, and so is a second block inside.
    """
    sg = SGExtended()
    with getattr(sg, block)():
        with pytest.raises(ConfigurationError, match="cannot be sent to another process"):
            pickle.dumps(sg)
        with pytest.raises(ConfigurationError, match="is active in this thread"), sg.dry_run():
            pass
    pickle.dumps(sg)


def test_a_dry_run_ends_with_its_block(sg, step):
    """
    After the block, left well or not, writes are sent again.
    """
    with contextlib.suppress(ZeroDivisionError), sg.dry_run():
        raise ZeroDivisionError
    sg.update("Step", step["id"], {"code": "sent"})

    assert read(sg, step)["code"] == "sent"
