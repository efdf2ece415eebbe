"""
Who stands in the event log: people, scripts, sessions, and callers that write entries of their own.
"""

import pytest


def test_person_and_real_caller(site, sg, make_client, project, log, name):
    """
    Who acts as another is named beside them.
    """
    user = site.add_user(name, "x", role="manager", firstname="Ada", lastname="Byron")
    client = make_client(script_name=site.script_name, api_key=site.api_key, sudo_as_login=name)
    log()
    client.create("Shot", {"project": project, "code": "s"})
    entries = log()

    assert {(entry["user"]["type"], entry["user"]["id"]) for entry in entries} == {("HumanUser", user["id"])}
    assert entries[0]["description"] == "Ada Byron created new Shot s"
    assert {entry["meta"]["sudo_actual_user"]["type"] for entry in entries} == {"ApiUser"}
    assert sg.find_one("ApiUser", [["id", "is", entries[0]["meta"]["sudo_actual_user"]["id"]]], ["firstname"])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("5A1D49B00C6911E0A24C003048D17544", "5a1d49b0-0c69-11e0-a24c-003048d17544"),
        ("my session", "my session"),
        (None, None),
    ],
)
def test_session_is_copied(make_client, project, log, given, kept):
    """
    Entries carry the session that the caller named.
    """
    client = make_client()
    client.set_session_uuid(given)
    client.create("Shot", {"project": project})

    assert {entry["session_uuid"] for entry in log()} == {kept}


def test_silent_script_leaves_nothing(site, sg, make_client, project, log, name):
    """
    A script that is set so leaves no entries, even when it acts as a person; a person's password still does.
    """
    me = sg.find_one("ApiUser", [["firstname", "is", site.script_name]])
    site.add_user(name, "x", role="manager")
    as_person = make_client(script_name=site.script_name, api_key=site.api_key, sudo_as_login=name)
    sg.update("ApiUser", me["id"], {"generate_event_log_entries": False})
    try:
        log()
        shot = sg.create("Shot", {"project": project})
        sg.update("Shot", shot["id"], {"code": "x", "assets": []})
        sg.delete("Shot", shot["id"])
        sg.revive("Shot", shot["id"])
        as_person.create("Asset", {"project": project})
        silent = log()
        make_client(login=name, password="x").create("Sequence", {"project": project})
        heard = log()
    finally:
        sg.update("ApiUser", me["id"], {"generate_event_log_entries": True})

    assert silent == []
    assert (heard[0]["event_type"], heard[0]["attribute_name"]) == ("Shotgun_Sequence_New", None)


def test_caller_may_add_entries(sg, project, make, log):
    """
    A caller's own entry is kept as it is; it stands between what happened before and after it, and makes no other.
    """
    shot = make("Shot")
    log()
    data = {"project": project, "event_type": "Tool_Shot_Published", "entity": shot, "meta": {"a": 1}}
    requests = [
        {"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"code": "1"}},
        {"request_type": "create", "entity_type": "EventLogEntry", "data": data},
        {"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"code": "2"}},
    ]
    sg.batch(requests)
    before, own, after = log()

    assert (before["meta"]["new_value"], after["meta"]["new_value"]) == ("1", "2")
    assert (own["event_type"], own["meta"], own["description"]) == ("Tool_Shot_Published", {"a": 1}, "New Event")
    assert own["entity"]["id"] == shot["id"]
    assert own["user"] is None


def test_entries_last(sg, make, log):
    """
    Nobody changes or deletes an entry.
    """
    make("Shot")
    entry = log()[0]
    with pytest.raises(Exception, match="editable on create only"):
        sg.update("EventLogEntry", entry["id"], {"description": "x"})
    with pytest.raises(Exception, match="can not be deleted"):
        sg.delete("EventLogEntry", entry["id"])


def test_login_is_told(site, make_client, log, name):
    """
    A person's new session is an event, a script's is not.
    """
    user = site.add_user(name, "x")
    log()
    make_client().get_session_token()
    make_client(login=name, password="x").get_session_token()
    (entry,) = log()

    assert entry["event_type"] == "Shotgun_User_Login"
    assert entry["entity"]["id"] == entry["user"]["id"] == user["id"]
