"""
``sgextended get``.
"""

import json


def test_get_shows_all_fields(command, environment, sg):
    """
    JSON has all fields; a table leaves out the empty ones.
    """
    shot = sg.find_one("Shot", [], ["code", "sg_cut_in", "description"])
    _status, out, _err = command("get", "Shot", str(shot["id"]), "--format", "json")
    got = json.loads(out)
    _status, table, _err = command("get", "Shot", str(shot["id"]))

    assert {name: got[name] for name in shot} == shot
    assert "filmstrip_image" in got
    assert "filmstrip_image" not in table
    assert shot["code"] in table


def test_an_entity_is_named_in_several_ways(command, environment, sg, demo_site):
    """
    A name, a task of a shot, ``Type:id`` and the address of a page show the entity, in the place of its type and id.
    """
    task = sg.find_one("Task", [["entity.Shot.code", "is_not", None]], ["content", "entity"])
    shot = task["entity"]
    for words in (
        ["Shot", shot["name"]],
        [f"Shot:{shot['id']}"],
        [f"{demo_site.url}/detail/Shot/{shot['id']}"],
    ):
        assert json.loads(command("get", *words, "--format", "json")[1])["id"] == shot["id"]
    out = command("get", "Task", f"{shot['name']}/{task['content']}", "--format", "json")[1]
    assert json.loads(out)["id"] == task["id"]


def test_an_unknown_id_ends_in_one_message(command, environment):
    """
    An unknown id ends in one message, and status 1.
    """
    status, out, err = command("get", "Shot", "99999999")

    assert (status, out) == (1, "")
    assert err == "sgextended: There is no Shot with the id 99999999, or it is retired.\n"
