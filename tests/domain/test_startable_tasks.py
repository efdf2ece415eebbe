"""
Tasks that may start, on chains of tasks with every state.
"""

import pytest

from sgextended import InvalidArgumentError


@pytest.fixture(scope="module")
def sg(own_sg):
    """
    A client of a site for these tests.
    """
    return own_sg


@pytest.fixture(scope="module")
def chains(sg, ana):
    """
    A project with tasks that wait for one or two others. The names say of what statuses these are.
    """
    project = sg.create("Project", {"name": "Chains"})
    crew = sg.create("Group", {"code": "crew", "users": [ana]})
    made = {}
    for name, status, upstream in (
        ("done", "fin", []),
        ("running", "ip", ["done"]),
        ("omitted", "hld", []),
        ("free", "wtg", []),
        ("after done", "rdy", ["done"]),
        ("after running", "wtg", ["running"]),
        ("after both", "wtg", ["done", "running"]),
        ("after omitted", "wtg", ["done", "omitted"]),
        ("after done twice", "wtg", ["done"]),
    ):
        links = [made[each] for each in upstream]
        people = [crew] if name == "after done" else []
        made[name] = sg.create(
            "Task",
            {
                "content": name,
                "project": project,
                "sg_status_list": status,
                "upstream_tasks": links,
                "task_assignees": people,
            },
        )
    return project


def names(rows):
    """
    Return the names of tasks.
    """
    return [row["content"] for row in rows]


def test_upstream_tasks_must_be_final(sg, chains):
    """
    Tasks that have not started are returned if all tasks that they wait for are final, or if they wait for none.
    """
    assert names(sg.find_startable_tasks(project=chains)) == ["free", "after done", "after done twice"]


@pytest.mark.parametrize("final", [["fin", "hld"], ["Final", "On Hold"]])
def test_other_statuses_may_count_as_final(sg, chains, final):
    """
    final= takes codes and names of statuses.
    """
    found = names(sg.find_startable_tasks(project=chains, final=final))

    assert found == ["free", "after done", "after omitted", "after done twice"]


def test_conditions_and_options(sg, ana, chains):
    """
    The other conditions restrict the result; limit= counts the tasks that may start. upstream_tasks is not returned.
    """
    assert names(sg.find_startable_tasks(assignee=ana, project=chains)) == ["after done"]
    assert names(sg.find_startable_tasks(project=chains, status="rdy")) == ["after done"]
    assert names(sg.find_startable_tasks(project=chains, status="In Progress")) == ["running"]
    assert names(sg.find_startable_tasks(project=chains, limit=2)) == ["free", "after done"]
    assert set(sg.find_startable_tasks(project=chains, fields=["content"])[0]) == {"type", "id", "content"}
    assert sg.find_startable_tasks(project=chains, final=()) == []


def test_a_status_that_does_not_exist(sg, chains):
    """
    A name that is not a status raises.
    """
    with pytest.raises(InvalidArgumentError, match="'Finnall' is not a valid value"):
        sg.find_startable_tasks(project=chains, final="Finnall")


def test_requests(sg, chains):
    """
    The call costs two requests, however many tasks wait.
    """
    before = sg.requests_sent
    sg.find_startable_tasks(project=chains)

    assert sg.requests_sent <= before + 3  # the schema of Task is cached after the first call
    before = sg.requests_sent
    sg.find_startable_tasks(project=chains)
    assert sg.requests_sent == before + 2
