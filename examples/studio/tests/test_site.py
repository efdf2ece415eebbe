"""
Tests that need a local site: the calls that are sent, injected faults, and the demo production.
"""

import pytest

from sgextended import OutcomeUnknown, SGExtended

STATUSES = ["wtg", "rdy", "ip", "hld", "fin", "omt"]


@pytest.mark.parametrize("number", range(10))
def test_site_is_fresh(sg, sg_site, number):
    """
    A test sees no records of other tests, and ids start at 1.
    """
    assert sg.find("Project", []) == []
    assert sg.create("Project", {"name": f"Only {number}"})["id"] == 1
    assert sg_site.url.startswith(sg.base_url)


def test_environment_leads_to_the_site(sg_site):
    """
    Code that creates its own client uses the site of the test.
    """
    assert SGExtended().base_url == sg_site.url


@pytest.mark.parametrize("count", range(1, 5))
def test_shot_costs_four_calls(sg, sg_project, sg_ledger, count):
    """
    Creating a shot takes four calls, for any number of tasks.
    """
    sg.add_shot(sg_project, "BRG_0010", steps=["LAY", "ANM", "LGT", "CMP"][:count])

    assert [call.rpc for call in sg_ledger.entries] == ["read", "create", "read", "batch"]


def test_overloaded_site_is_retried(sg, sg_project, sg_faults, sg_ledger):
    """
    A request that is refused once by an overloaded site is retried.
    """
    sg_faults.add("status=503:rpc=read,next=1,retry-after=0")

    assert sg.open_tasks(sg_project) == []
    assert sg_ledger.count("read") == 1


def test_lost_response_is_reported(sg, sg_faults, sg_ledger):
    """
    A write whose response is lost is not sent again.
    """
    sg_faults.add("reset-after:rpc=create,next=1")

    with pytest.raises(OutcomeUnknown):
        sg.create("Project", {"name": "Perhaps"})
    assert sg_ledger.count("create") == 1


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("entity_type", ["Shot", "Asset"])
def test_demo_can_be_changed(sg, sg_demo_site, entity_type, status):
    """
    Every test starts with the unchanged demo production.
    """
    before = sg.find(entity_type, [["sg_status_list", "is", status]])
    found = sg.find_one(entity_type, [["sg_status_list", "is_not", status]])
    sg.update(entity_type, found["id"], {"sg_status_list": status})

    after = sg.find(entity_type, [["sg_status_list", "is", status]])
    assert len(after) == len(before) + 1


def test_demo_has_open_tasks(sg, sg_demo_site):
    """
    The studio's own methods work on the demo production.
    """
    project = sg.find_projects("ember*")[0]

    assert {task["sg_status_list"] for task in sg.open_tasks(project)} <= {"wtg", "ip"}


@pytest.mark.parametrize("number", range(10))
def test_demo_is_complete(sg, sg_demo_site, number):
    """
    Records that a test deletes exist again in the next test.
    """
    shots = sg.find("Shot", [])
    sg.delete("Shot", shots[number]["id"])

    assert len(shots) == 940
