"""
The contract: the same call on the same site gives the same result through the official client and through ours.

Reads go to one site. Writes go to two fresh sites, one for each client, so that ids agree; times do not, and are left
out of what is compared.
"""

import datetime
from typing import Any, Callable, Dict, List, Tuple

import pytest
import shotgun_api3

from sgextended import SGExtended
from sgextended.localsite import LocalSite


def official_client(site: LocalSite, **settings) -> shotgun_api3.Shotgun:
    """
    Return the official client on a local site.
    """
    return shotgun_api3.Shotgun(site.url, site.script_name, site.api_key, ca_certs=site.ca_file, **settings)


@pytest.fixture(scope="module", params=[True, False], ids=["local time", "UTC"])
def pair(request, demo_site, make_sg):
    """
    The official client and ours on the demo production, with datetimes converted or not.
    """
    official = official_client(demo_site, convert_datetimes_to_utc=request.param)
    yield official, make_sg(demo_site, convert_datetimes_to_utc=request.param)
    official.close()


def first(sg: Any, entity_type: str) -> Dict[str, Any]:
    """
    Return a link to the first record of a type.
    """
    found = sg.find_one(entity_type, [])
    return {"type": found["type"], "id": found["id"]}


READS: Dict[str, Callable[[Any], Any]] = {
    "find nothing asked": lambda sg: sg.find("Project", []),
    "find fields": lambda sg: sg.find("Shot", [], ["code", "sg_sequence", "created_at", "tasks", "no_such_field"]),
    "find several pages": lambda sg: sg.find("Task", [], ["content", "entity", "updated_at", "task_assignees"]),
    "find limit": lambda sg: sg.find("Task", [], ["content"], limit=7),
    "find limit over a page": lambda sg: sg.find("Task", [], ["content"], limit=501),
    "find page": lambda sg: sg.find("Task", [], ["content"], limit=10, page=3),
    "find page without limit": lambda sg: sg.find("Task", [], ["content"], page=2),
    "find past the end": lambda sg: sg.find("Task", [], ["content"], limit=10, page=9999),
    "find order": lambda sg: sg.find(
        "Task",
        [],
        ["due_date"],
        order=[{"field_name": "due_date", "direction": "desc"}, {"field_name": "content"}],
        limit=20,
    ),
    "find order by column": lambda sg: sg.find("Shot", [], ["code"], order=[{"column": "code"}], limit=20),
    "find any": lambda sg: sg.find(
        "Shot", [["sg_status_list", "is", "ip"], ["code", "ends_with", "0"]], ["code"], filter_operator="any"
    ),
    "find nested": lambda sg: sg.find(
        "Task",
        [
            ["sg_status_list", "in", ["ip", "wtg"]],
            {
                "filter_operator": "any",
                "filters": [["content", "contains", "a"], ["step.Step.short_name", "is_not", None]],
            },
        ],
        ["content", "step.Step.code", "entity.Shot.sg_sequence.Sequence.code"],
        limit=50,
    ),
    "find by link": lambda sg: sg.find("Task", [["project", "is", first(sg, "Project")]], ["content"], limit=50),
    "find by date": lambda sg: sg.find("Task", [["due_date", "greater_than", datetime.date(2020, 1, 1)]], ["due_date"]),
    "find by datetime": lambda sg: sg.find(
        "Version", [["created_at", "less_than", datetime.datetime(2100, 1, 1, 12)]], ["created_at"]
    ),
    "find retired": lambda sg: sg.find("Shot", [], ["code"], retired_only=True),
    "find without archived": lambda sg: sg.find("Asset", [], ["code"], include_archived_projects=False),
    "find no match": lambda sg: sg.find("Shot", [["code", "is", "no such shot"]], ["code"]),
    "find tuple filters": lambda sg: sg.find("Shot", (("code", "starts_with", "s"),), ["code"], limit=5),
    "find_one": lambda sg: sg.find_one("Version", [], ["code", "entity", "created_at", "user"]),
    "find_one no match": lambda sg: sg.find_one("Version", [["id", "is", 10**8]], ["code"]),
    "find_one in order": lambda sg: sg.find_one("Shot", [], ["code"], [{"field_name": "code", "direction": "desc"}]),
    "summarize count": lambda sg: sg.summarize("Asset", [], [{"field": "id", "type": "count"}]),
    "summarize grouped": lambda sg: sg.summarize(
        "Asset",
        [["project", "is_not", None]],
        [{"field": "id", "type": "record_count"}],
        grouping=[
            {"field": "project", "type": "exact", "direction": "asc"},
            {"field": "sg_status_list", "type": "exact", "direction": "desc"},
        ],
    ),
    "schema_read": lambda sg: sg.schema_read(),
    "schema_entity_read": lambda sg: sg.schema_entity_read(first(sg, "Project")),
    "schema_field_read": lambda sg: sg.schema_field_read("Shot"),
    "schema_field_read one": lambda sg: sg.schema_field_read("Shot", "sg_status_list", first(sg, "Project")),
    "info": lambda sg: sg.info(),
    "server_info": lambda sg: sg.server_info,
    "server_caps": lambda sg: (sg.server_caps.version, sg.server_caps.is_dev),
    "base_url": lambda sg: sg.base_url,
}


def typed(value: Any) -> Any:
    """
    Return a value in which types count too: 1 is not True, and a datetime's zone is part of it.
    """
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(typed, value)]
    zone = type(value.tzinfo).__name__ if isinstance(value, datetime.datetime) else None
    return type(value).__name__, zone, value


@pytest.mark.parametrize("call", READS.values(), ids=READS)
def test_a_read_gives_what_the_official_client_gives(pair, call):
    """
    Same call, same site: equal value by value, type by type, in the same order.
    """
    official, ours = pair

    assert typed(call(ours)) == typed(call(official))


FAULTS: Dict[str, Callable[[Any], Any]] = {
    "unknown type": lambda sg: sg.find("Shoot", []),
    "unknown field": lambda sg: sg.find("Shot", [["cod", "is", "x"]]),
    "unknown operator": lambda sg: sg.find("Shot", [["code", "like", "x"]]),
    "value of another type": lambda sg: sg.find("Task", [["entity", "is", 12]]),
    "no value": lambda sg: sg.find("Shot", [["code", "is"]]),
    "empty in": lambda sg: sg.find("Shot", [["code", "in", []]]),
    "negative limit": lambda sg: sg.find("Shot", [], limit=-1),
    "filter operator over a dict": lambda sg: sg.find("Shot", {"conditions": []}, filter_operator="all"),
    "create without project": lambda sg: sg.create("Shot", {"code": "x"}),
    "create with a bad status": lambda sg: sg.create("Shot", {"project": first(sg, "Project"), "sg_status_list": "?"}),
    "update read-only": lambda sg: sg.update("Shot", first(sg, "Shot")["id"], {"created_at": None}),
    "update nobody": lambda sg: sg.update("Shot", 10**8, {"code": "x"}),
    "delete nobody": lambda sg: sg.delete("Shot", 10**8),
    "batch of nonsense": lambda sg: sg.batch([{"request_type": "explode", "entity_type": "Shot"}]),
    "unknown rpc": lambda sg: sg._call_rpc("explode", {"a": 1}),
    "deprecated": lambda sg: sg.entity_types(),
}


@pytest.mark.parametrize("call", FAULTS.values(), ids=FAULTS)
def test_a_mistake_raises_what_the_official_client_raises(pair, call):
    """
    Same exception class, same text.
    """
    official, ours = pair
    ours = ours._sg

    with pytest.raises(Exception) as theirs:
        call(official)
    with pytest.raises(Exception) as our:
        call(ours)

    assert (type(our.value), str(our.value)) == (type(theirs.value), str(theirs.value))


@pytest.mark.parametrize(
    "credentials", [{"script_name": "nobody"}, {"api_key": "wrong"}, {"sudo_as_login": "nobody"}], ids=str
)
def test_wrong_credentials_raise_what_the_official_client_raises(demo_site, credentials):
    """
    The site's refusal comes through as it is.
    """
    known = {"script_name": demo_site.script_name, "api_key": demo_site.api_key}
    official = shotgun_api3.Shotgun(demo_site.url, **{**known, **credentials})
    ours = SGExtended(demo_site.url, **{**known, **credentials})

    with pytest.raises(shotgun_api3.AuthenticationFault) as theirs:
        official.find("Shot", [])
    with pytest.raises(shotgun_api3.AuthenticationFault) as our:
        ours.find("Shot", [])

    assert str(our.value) == str(theirs.value)
    official.close()


def a_day_of_writes(sg: Any) -> List[Tuple[str, Any]]:
    """
    Do one of each write and return what each returned, by name.
    """
    done: List[Tuple[str, Any]] = []

    def note(name: str, value: Any) -> Any:
        done.append((name, value))
        return value

    project = note("create", sg.create("Project", {"name": "Writes & <b>"}, ["name", "archived"]))
    link = {"type": "Project", "id": project["id"]}
    shot = note("create with links", sg.create("Shot", {"code": "sh010", "project": link, "description": "größe"}))
    asset = note("create second", sg.create("Asset", {"code": "tree", "project": link, "shots": [shot]}, ["shots"]))
    note("update", sg.update("Shot", shot["id"], {"sg_status_list": "ip", "sg_cut_in": 1001}))
    other = sg.create("Asset", {"code": "rock", "project": link})
    note("update add", sg.update("Shot", shot["id"], {"assets": [other]}, multi_entity_update_modes={"assets": "add"}))
    note("both ends", sg.find("Asset", [["project", "is", link]], ["code", "shots", "created_by"]))
    note(
        "update remove",
        sg.update("Shot", shot["id"], {"assets": [asset]}, multi_entity_update_modes={"assets": "remove"}),
    )
    note("one end", sg.find_one("Shot", [["id", "is", shot["id"]]], ["assets", "code", "sg_status_list", "sg_cut_in"]))
    due = datetime.date(2026, 3, 20)
    task = {"content": "anim", "entity": shot, "project": link, "due_date": due}
    results = note(
        "batch",
        sg.batch(
            [
                {"request_type": "create", "entity_type": "Task", "data": task, "return_fields": ["due_date"]},
                {"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"code": "sh011"}},
                {"request_type": "delete", "entity_type": "Asset", "entity_id": other["id"]},
            ]
        ),
    )
    note("delete", sg.delete("Task", results[0]["id"]))
    note("delete again", sg.delete("Task", results[0]["id"]))
    note("retired", sg.find("Task", [], ["content", "entity"], retired_only=True))
    note("revive", sg.revive("Task", results[0]["id"]))
    note("revive again", sg.revive("Task", results[0]["id"]))
    note("revived", sg.find("Task", [["project", "is", link]], ["content", "entity", "due_date", "sg_status_list"]))
    note("empty batch", sg.batch([]))
    return done


def test_writes_give_what_the_official_client_gives(make_sg):
    """
    A day of writes returns the same through both clients.
    """
    with LocalSite() as theirs, LocalSite() as ours:
        official = official_client(theirs)
        expected = a_day_of_writes(official)
        official.close()

        assert typed(a_day_of_writes(make_sg(ours))) == typed(expected)
