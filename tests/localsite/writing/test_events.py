"""
The event log: which entries a change leaves, in which order, and what they say.
"""

import re

import pytest
from PIL import Image


def brief(entries):
    """
    Return type and attribute of entries.
    """
    return [(entry["event_type"], entry["attribute_name"]) for entry in entries]


def link(row, name, status=None):
    """
    Return how entries show a link; the uuid is any.
    """
    return {"type": row["type"], "id": row["id"], "name": name, "status": status, "valid": "valid"}


def plain(item):
    """
    Return a link of an entry without its uuid, which must look like one.
    """
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", item["uuid"])
    return {key: value for key, value in item.items() if key != "uuid"}


def test_create_leaves_one_new_and_a_change_per_value(sg, project, log, name):
    """
    A new row is logged first, then each field that got a value, written or by default, but not its project.
    """
    shot = sg.create("Shot", {"project": project, "code": name, "description": None})
    entries = log()

    assert brief(entries)[0] == ("Shotgun_Shot_New", None)
    assert entries[0]["meta"] == {"type": "new_entity", "entity_type": "Shot", "entity_id": shot["id"]}
    assert set(brief(entries)[1:]) == {("Shotgun_Shot_Change", field) for field in ("code", "sg_status_list")}
    changes = {entry["attribute_name"]: entry["meta"] for entry in entries[1:]}
    assert changes["code"] == {
        "type": "attribute_change",
        "attribute_name": "code",
        "entity_type": "Shot",
        "entity_id": shot["id"],
        "field_data_type": "text",
        "old_value": None,
        "new_value": name,
        "platform_id": None,
        "in_create": True,
    }
    assert changes["sg_status_list"]["new_value"] == "wtg"


def test_entry_names_row_project_and_actor(site, sg, project, log, name):
    """
    An entry links to the row, its project and who acted, and says in a sentence what happened.
    """
    shot = sg.create("Shot", {"project": project, "code": name})
    entry = log("cached_display_name", "created_at")[0]

    assert entry["entity"] == {"type": "Shot", "id": shot["id"], "name": name}
    assert entry["project"] == {"type": "Project", "id": project["id"], "name": project["name"]}
    assert (entry["user"]["type"], entry["user"]["name"]) == ("ApiUser", f"{site.script_name} 1.0")
    assert entry["description"] == f"{site.script_name} 1.0 created new Shot {name}" == entry["cached_display_name"]
    assert entry["created_at"] is not None


def test_row_of_the_site_has_no_project(sg, log, name):
    """
    Entries about rows outside projects have no project; those about a project are in that project.
    """
    sg.create("Group", {"code": name})
    project = sg.create("Project", {"name": name})
    entries = log()

    assert {entry["project"] and entry["project"]["id"] for entry in entries if "Group" in entry["event_type"]} == {
        None
    }
    assert {entry["project"]["id"] for entry in entries if "Project" in entry["event_type"]} == {project["id"]}


def test_update_leaves_what_really_changed(sg, make, log):
    """
    An update leaves an entry for each field whose value is another now, with both values.
    """
    shot = make("Shot", code="a", sg_cut_in=5)
    log()
    sg.update("Shot", shot["id"], {"code": "a", "sg_cut_in": 7, "sg_status_list": "ip"})
    entries = log()

    assert brief(entries) == [("Shotgun_Shot_Change", "sg_cut_in"), ("Shotgun_Shot_Change", "sg_status_list")]
    assert [(e["meta"]["old_value"], e["meta"]["new_value"]) for e in entries] == [(5, 7), ("wtg", "ip")]
    assert "in_create" not in entries[0]["meta"]
    assert entries[1]["description"].endswith('changed "Status" from "wtg" to "ip" on Shot a')


def test_same_values_leave_nothing(sg, make, log):
    """
    An update that changes nothing leaves no entry, whatever it was that was written.
    """
    sequence = make("Sequence")
    shot = make("Shot", code="a", sg_sequence=sequence)
    asset = make("Asset", shots=[shot])
    log()
    sg.update("Shot", shot["id"], {"code": "a", "sg_sequence": sequence, "assets": [asset], "cached_display_name": "x"})

    assert log() == []


def test_values_are_shown_as_readers_see_them(sg, project, log):
    """
    Checkboxes, dictionaries and dates stand in an entry as they read.
    """
    settings = sg.find_one("Project", [["id", "is", project["id"]]], ["tracking_settings"])["tracking_settings"]
    log()
    sg.update("Project", project["id"], {"archived": True, "tracking_settings": {"a": [1]}})
    values = {e["attribute_name"]: (e["meta"]["old_value"], e["meta"]["new_value"]) for e in log()}

    assert values == {"archived": (False, True), "tracking_settings": (settings, {"a": [1]})}
    assert settings["navchains"]["Shot"] == "Shot.sg_sequence"


def test_link_change_is_seen_from_the_other_end(sg, make, log):
    """
    A changed link leaves back-references on the row that lost it and on the one that got it.
    """
    old, new = make("Sequence", code="old"), make("Sequence", code="new")
    shot = make("Shot", code="s", sg_sequence=old)
    log()
    sg.update("Shot", shot["id"], {"sg_sequence": new})
    main, lost, got = log()

    assert [entry["entity"] and entry["entity"]["name"] for entry in (main, lost, got)] == ["s", "old", "new"]
    assert plain(main["meta"]["old_value"]) == link(old, "old", "ip")
    assert plain(main["meta"]["new_value"]) == link(new, "new", "ip")
    for entry in (lost, got):
        assert brief([entry]) == [("Shotgun_Sequence_Change", "shots")]
        assert entry["meta"]["actual_attribute_changed"] == "Shot.sg_sequence"
        assert entry["meta"]["original_event_log_entry_id"] == main["id"]
        assert entry["meta"]["field_data_type"] == "multi_entity"
    assert [plain(item) for item in lost["meta"]["removed"]] == [link(shot, "s", "wtg")]
    assert (lost["meta"]["added"], got["meta"]["removed"]) == ([], [])
    assert [plain(item) for item in got["meta"]["added"]] == [link(shot, "s", "wtg")]


def test_list_that_reparents_tells_all_ends(sg, make, log):
    """
    Adding a shot to a second sequence tells of the list, of the shot's link and of the sequence that lost it.
    """
    old, new = make("Sequence", code="old"), make("Sequence", code="new")
    shot = make("Shot", code="s", sg_sequence=old)
    log()
    sg.update("Sequence", new["id"], {"shots": [shot]})
    main, moved, lost = log()

    assert brief([main, moved, lost]) == [
        ("Shotgun_Sequence_Change", "shots"),
        ("Shotgun_Shot_Change", "sg_sequence"),
        ("Shotgun_Sequence_Change", "shots"),
    ]
    assert (main["entity"]["name"], lost["entity"]["name"]) == ("new", "old")
    assert {e["meta"]["original_event_log_entry_id"] for e in (moved, lost)} == {main["id"]}
    assert {e["meta"]["actual_attribute_changed"] for e in (moved, lost)} == {"Sequence.shots"}
    assert "original_event_log_entry_id" not in main["meta"]


@pytest.mark.parametrize(
    ("own", "field", "far", "mirror"),
    [
        ("Asset", "shots", "Shot", "assets"),
        ("Note", "note_links", "Shot", "notes"),
        ("Shot", "notes", "Note", "note_links"),
        ("Playlist", "versions", "Version", "playlists"),
    ],
)
def test_list_change_is_seen_from_the_other_end(sg, make, log, own, field, far, mirror):
    """
    Links added to a list, and taken from it, are told at both ends; the connection between them is no news itself.
    """
    one, other = make(own), make(far)
    log()
    sg.update(own, one["id"], {field: [other]})
    added = log()
    sg.update(own, one["id"], {field: []})
    removed = log()

    for entries, kind, empty in ((added, "added", "removed"), (removed, "removed", "added")):
        assert brief(entries) == [(f"Shotgun_{own}_Change", field), (f"Shotgun_{far}_Change", mirror)]
        assert [item["id"] for item in entries[0]["meta"][kind]] == [other["id"]]
        assert [item["id"] for item in entries[1]["meta"][kind]] == [one["id"]]
        assert entries[0]["meta"][empty] == entries[1]["meta"][empty] == []
        assert entries[1]["meta"]["actual_attribute_changed"] == f"{own}.{field}"


def test_list_without_another_end_is_told_once(sg, make, log, site, name):
    """
    A list that nothing shows from the other end leaves one entry.
    """
    user = site.add_user(name, "x")
    note = make("Note")
    log()
    sg.update("Note", note["id"], {"addressings_to": [user]})
    (entry,) = log()

    assert plain(entry["meta"]["added"][0]) == link(user, name, "act")


def test_erased_reply_is_named(sg, make, log):
    """
    A reply that is taken out of its note is erased; the entries of the same request still name it.
    """
    note = make("Note", subject="n")
    reply = sg.create("Reply", {"entity": note, "content": "yes"})
    log()
    sg.update("Note", note["id"], {"replies": []})
    entries = log()

    assert brief(entries) == [
        ("Shotgun_Note_Change", "replies"),
        ("Shotgun_Reply_Change", "retirement_date"),
        ("Shotgun_Reply_Retirement", None),
    ]
    assert plain(entries[0]["meta"]["removed"][0]) == link(reply, "yes")
    assert entries[2]["meta"]["display_name"] == "yes"
    assert entries[2]["description"] == f"{entries[2]['user']['name']} deleted Reply yes"


def test_links_of_a_new_row_are_part_of_its_creation(sg, make, log):
    """
    Lists that a create fills are marked as part of it, and so are the back-references.
    """
    shot = make("Shot", code="s")
    log()
    make("Asset", shots=[shot])
    entries = {entry["attribute_name"]: entry["meta"] for entry in log()}

    assert entries["shots"]["in_create"] is True
    assert entries["assets"]["in_create"] is True


def test_direct_connection_is_news(sg, make, log):
    """
    A connection that a caller makes by itself leaves entries of its own type.
    """
    playlist, version = make("Playlist"), make("Version")
    log()
    sg.create("PlaylistVersionConnection", {"playlist": playlist, "version": version})

    assert brief(log()) == [
        ("Shotgun_PlaylistVersionConnection_New", None),
        ("Shotgun_PlaylistVersionConnection_Change", "playlist"),
        ("Shotgun_PlaylistVersionConnection_Change", "version"),
    ]


def test_delete_and_revive(sg, make, log):
    """
    A deletion is told as a change of the date and the retirement itself, a revival as itself; the link reads null.
    """
    shot = make("Shot", code="s")
    log()
    sg.delete("Shot", shot["id"])
    change, retirement = log()
    sg.delete("Shot", shot["id"])

    assert log() == []
    assert brief([change, retirement]) == [
        ("Shotgun_Shot_Change", "retirement_date"),
        ("Shotgun_Shot_Retirement", None),
    ]
    assert change["entity"] is retirement["entity"] is None
    moment = change["meta"]["new_value"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", moment)
    assert change["meta"] == {
        "type": "attribute_change",
        "attribute_name": "retirement_date",
        "entity_type": "Shot",
        "entity_id": shot["id"],
        "old_value": None,
        "new_value": moment,
    }
    assert retirement["meta"] == {
        "type": "entity_retirement",
        "id": shot["id"],
        "class_name": "Shot",
        "display_name": "s",
        "entity_type": "Shot",
        "entity_id": shot["id"],
        "retirement_date": moment,
    }
    assert sg.revive("Shot", shot["id"])
    (revival,) = log()
    assert brief([revival]) == [("Shotgun_Shot_Revival", None)]
    assert revival["entity"]["id"] == shot["id"]
    assert revival["meta"]["type"] == "entity_revival"
    assert sg.find_one("EventLogEntry", [["id", "is", change["id"]]], ["entity"])["entity"]["id"] == shot["id"]


def test_rows_that_go_along_are_told_too(sg, make, log):
    """
    What is retired with another row leaves entries after it.
    """
    shot = make("Shot")
    make("Version", entity=shot)
    log()
    sg.delete("Shot", shot["id"])

    assert [kind for kind, _attribute in brief(log())] == [
        "Shotgun_Shot_Change",
        "Shotgun_Shot_Retirement",
        "Shotgun_Version_Change",
        "Shotgun_Version_Retirement",
    ]


def test_batch_is_told_in_the_order_of_its_requests(sg, project, make, log):
    """
    Entries of a batch come in the order of its requests, with ids that increase; a failed batch leaves none.
    """
    shot = make("Shot")
    log()
    requests = [
        {"request_type": "create", "entity_type": "Asset", "data": {"project": project, "code": "a"}},
        {"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"code": "b"}},
        {"request_type": "delete", "entity_type": "Shot", "entity_id": shot["id"]},
    ]
    sg.batch(requests)
    entries = log()
    wrong = {"request_type": "update", "entity_type": "Shot", "entity_id": 10**8, "data": {"code": "b"}}
    with pytest.raises(Exception, match="does not exist"):
        sg.batch([requests[0], wrong])

    kinds = [kind for kind, _attribute in brief(entries)]
    assert kinds[0] == "Shotgun_Asset_New"
    assert kinds[-3:] == ["Shotgun_Shot_Change", "Shotgun_Shot_Change", "Shotgun_Shot_Retirement"]
    assert [entry["id"] for entry in entries] == sorted({entry["id"] for entry in entries})
    assert log() == []


def test_row_is_found_by_its_entry(sg, make, log):
    """
    Rows are found by the id of an entry about them, and entries by what they are about.
    """
    task = make("Task")
    entry = log()[0]

    assert [row["id"] for row in sg.find("Task", [["$FROM$EventLogEntry.entity.id", "is", entry["id"]]])] == [
        task["id"]
    ]
    assert sg.find_one("EventLogEntry", [["entity", "is", task], ["event_type", "is", "Shotgun_Task_New"]]) == {
        "type": "EventLogEntry",
        "id": entry["id"],
    }


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the native client leaves it open
def test_new_thumbnail_is_told_twice(sg, make, log, tmp_path):
    """
    A thumbnail is told of by the file that it was made of, first as transient; a cleared one is told of once.
    """
    image = tmp_path / "image.png"
    Image.new("RGB", (8, 8)).save(image)
    shot = make("Shot")
    log()
    number = sg.upload_thumbnail("Shot", shot["id"], str(image))
    taken = [
        entry["meta"]
        for entry in log()
        if entry["attribute_name"] == "image"
        and entry["entity"]["id"] == shot["id"]
        and entry["event_type"] == "Shotgun_Shot_Change"
    ]
    sg.update("Shot", shot["id"], {"image": None})
    (cleared,) = [entry["meta"] for entry in log()]

    assert [meta["is_transient"] for meta in taken] == [True, False]
    assert {(meta["field_data_type"], meta["old_value"], meta["new_value"]) for meta in taken} == {
        ("image", None, number)
    }
    assert (cleared["old_value"], cleared["new_value"], cleared["is_transient"]) == (number, None, False)


def test_moved_row_logs_its_project(sg, make, log, name):
    """
    A row that moves to another project logs that change, because only the creation of a row leaves it out.
    """
    shot, elsewhere = make("Shot"), sg.create("Project", {"name": f"{name} b"})
    log()
    sg.update("Shot", shot["id"], {"project": elsewhere})

    assert brief(log()) == [("Shotgun_Shot_Change", "project")]


def test_dependency_logs_what_a_caller_chose(sg, make, log):
    """
    A new dependency logs its type and its offset only if they differ from the defaults.
    """
    first, second = make("Task"), make("Task")
    log()
    chosen = {"dependency_type": "start-to-start", "offset_days": 2}
    sg.create("TaskDependency", {"task": second, "dependent_task": first, **chosen})
    entries = [entry for entry in log() if entry["event_type"].startswith("Shotgun_TaskDependency")]

    assert {attribute for _kind, attribute in brief(entries)} == {
        None, "task", "dependent_task", "dependency_type", "offset_days"
    }  # fmt: skip


def test_tasks_that_an_update_makes_are_in_creation(sg, make, log, site, name):
    """
    The entries about tasks that a template adds in an update are those of a creation, also the lists of the tasks.
    """
    template, user = sg.create("TaskTemplate", {"code": name}), site.add_user(name, "x")
    sg.create("Task", {"content": "a", "task_template": template, "task_assignees": [user]})
    shot = make("Shot")
    log()
    sg.update("Shot", shot["id"], {"task_template": template})
    marks = {entry["attribute_name"]: entry["meta"].get("in_create") for entry in log()}

    assert marks["task_assignees"] is marks["content"] is marks["tasks"] is True
    assert marks["task_template"] is None
