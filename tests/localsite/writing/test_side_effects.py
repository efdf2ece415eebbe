"""
What a write of one row does to others: names, two-way relations, rows that come and go together.
"""

import pytest
from shotgun_api3 import Fault

NOT_UNIQUE = r"Can't unretire the entity because a field has a non-unique value"


def links(sg, row, field):
    """
    Return the ids in a list of a row.
    """
    return [link["id"] for link in sg.find_one(row["type"], [["id", "is", row["id"]]], [field])[field]]


def link(sg, row, field):
    """
    Return the id that a row links to, or None.
    """
    found = sg.find_one(row["type"], [["id", "is", row["id"]]], [field])[field]
    return found and found["id"]


@pytest.mark.parametrize(
    ("parent", "field", "child", "back"),
    [
        ("Sequence", "shots", "Shot", "sg_sequence"),
        ("Episode", "sequences", "Sequence", "episode"),
        ("Cut", "cut_items", "CutItem", "cut"),
        ("Shot", "tasks", "Task", "entity"),
        ("Asset", "sg_versions", "Version", "entity"),
        ("Shot", "sg_published_files", "PublishedFile", "entity"),
        ("Version", "published_files", "PublishedFile", "version"),
        ("Level", "sub_levels", "Level", "parent"),
    ],
)
def test_row_added_elsewhere_leaves_where_it_was(sg, make, parent, field, child, back):
    """
    A row that can belong to one place only moves there, and a list that is set leaves out what is not in it.
    """
    old, new, item, other = make(parent), make(parent), make(child), make(child)
    sg.update(parent, old["id"], {field: [item, other]})
    assert link(sg, item, back) == old["id"]

    sg.update(parent, new["id"], {field: [item]}, multi_entity_update_modes={field: "add"})
    assert (links(sg, old, field), links(sg, new, field)) == ([other["id"]], [item["id"]])
    sg.update(child, item["id"], {back: old})
    assert sorted(links(sg, old, field)) == sorted([item["id"], other["id"]])
    sg.update(parent, old["id"], {field: [other]})
    assert link(sg, item, back) is None


@pytest.mark.parametrize(
    ("one", "field", "other", "back"),
    [
        ("Asset", "shots", "Shot", "assets"),
        ("Asset", "sequences", "Sequence", "assets"),
        ("Asset", "parents", "Asset", "assets"),
        ("Shot", "parent_shots", "Shot", "shots"),
        ("Playlist", "versions", "Version", "playlists"),
        ("Note", "tasks", "Task", "notes"),
        ("Note", "note_links", "Shot", "notes"),
        ("Note", "note_links", "Version", "open_notes"),
        ("Note", "attachments", "Attachment", "attachment_links"),
        ("PublishedFile", "upstream_published_files", "PublishedFile", "downstream_published_files"),
    ],
)
def test_both_lists_of_a_relation_are_one(sg, make, one, field, other, back):
    """
    What is written to one list shows in the other, whichever of them it was, and retired rows show in neither.
    """
    left, right = make(one), make(other)
    sg.update(one, left["id"], {field: [right]})
    assert links(sg, right, back) == [left["id"]]
    if back != "open_notes":
        sg.update(other, right["id"], {back: []})
        assert links(sg, left, field) == []
        sg.update(other, right["id"], {back: [left]})
    assert links(sg, left, field) == [right["id"]]

    sg.delete(other, right["id"])
    assert links(sg, left, field) == []
    sg.revive(other, right["id"])
    assert links(sg, left, field) == [right["id"]]


def test_open_notes_follow_the_status(sg, make):
    """
    A note leaves the open ones when it is closed; the list itself is not written.
    """
    shot = make("Shot")
    note = make("Note", note_links=[shot], sg_status_list="ip")
    assert links(sg, shot, "open_notes") == [note["id"]]
    sg.update("Note", note["id"], {"sg_status_list": "clsd"})
    assert links(sg, shot, "open_notes") == []
    assert links(sg, shot, "notes") == [note["id"]]

    with pytest.raises(Fault, match=r"Shot.open_notes is read only"):
        sg.update("Shot", shot["id"], {"open_notes": [note]})


def test_reply_taken_from_its_note_is_erased(sg, make):
    """
    A reply that is taken out of its note's list is gone for good.
    """
    note = make("Note")
    reply = {"type": "Reply", "id": sg.create("Reply", {"entity": note, "content": "yes"})["id"]}
    sg.update("Note", note["id"], {"replies": [reply]}, multi_entity_update_modes={"replies": "remove"})

    assert sg.find("Reply", [["id", "is", reply["id"]]]) == []
    assert sg.find("Reply", [["id", "is", reply["id"]]], retired_only=True) == []
    for method in (sg.delete, sg.revive):
        with pytest.raises(Fault, match=rf"Entity of type \[Reply\] with id={reply['id']} does not exist."):
            method("Reply", reply["id"])


@pytest.mark.parametrize(
    ("own", "field", "far", "connection"),
    [
        ("Task", "upstream_tasks", "Task", "TaskDependency"),
        ("Task", "downstream_tasks", "Task", "TaskDependency"),
        ("Playlist", "versions", "Version", "PlaylistVersionConnection"),
        ("Asset", "shots", "Shot", "AssetShotConnection"),
    ],
)
def test_connection_taken_out_of_a_list_is_erased(sg, make, own, field, far, connection):
    """
    A connection that goes by a list is erased, one that is deleted itself is retired.
    """
    row, links_to = make(own), [make(far), make(far)]
    sg.update(own, row["id"], {field: links_to})
    by_id = [{"field_name": "id", "direction": "asc"}]
    first, second = (pair["id"] for pair in sg.find(connection, [], order=by_id)[-2:])
    sg.delete(connection, first)
    sg.update(own, row["id"], {field: []})

    retired = sg.find(connection, [["id", "in", [first, second]]], retired_only=True)
    assert [pair["id"] for pair in retired] == [first]
    with pytest.raises(Fault, match=rf"Entity of type \[{connection}\] with id={second} does not exist."):
        sg.revive(connection, second)


def test_reply_to_nothing_stays(sg, make):
    """
    A reply without an entity cannot be deleted.
    """
    reply = sg.create("Reply", {"content": "into the void"})

    with pytest.raises(Fault, match=rf"Delete failed for \[Reply\]: The reply with id={reply['id']} has no entity"):
        sg.delete("Reply", reply["id"])


def test_cut_items_stay_without_their_cut(sg, make):
    """
    The items of a retired cut stay, and belong to it again when it is back.
    """
    cut = make("Cut")
    item = make("CutItem", cut=cut)
    sg.delete("Cut", cut["id"])
    assert link(sg, item, "cut") is None
    sg.revive("Cut", cut["id"])
    assert link(sg, item, "cut") == cut["id"]


def test_version_retired_before_its_shot_stays_retired(sg, make):
    """
    A shot brings back the versions that went with it, not those that had gone before.
    """
    shot = make("Shot")
    early, late = make("Version", entity=shot), make("Version", entity=shot)
    sg.delete("Version", early["id"])
    sg.delete("Shot", shot["id"])
    mine = [["id", "in", [early["id"], late["id"]]]]
    assert sg.find("Version", mine) == []
    sg.revive("Shot", shot["id"])

    assert sg.find("Version", mine) == [late]
    assert sg.revive("Version", early["id"]) is True


def test_links_of_rows_to_a_retired_task_are_null(sg, make):
    """
    Versions and publishes of a retired task stay, without it.
    """
    task = make("Task")
    version, publish = make("Version", sg_task=task), make("PublishedFile", task=task)
    sg.delete("Task", task["id"])

    assert (link(sg, version, "sg_task"), link(sg, publish, "task")) == (None, None)


def test_connection_row_keeps_its_own_data(sg, make):
    """
    A pair taken out and put in again is another row, so what was on the first is gone.
    """
    playlist, version = make("Playlist"), make("Version")
    sg.update("Playlist", playlist["id"], {"versions": [version]})
    pair = sg.find_one("PlaylistVersionConnection", [["playlist", "is", playlist]])
    sg.update("PlaylistVersionConnection", pair["id"], {"sg_sort_order": 7})
    sg.update("Playlist", playlist["id"], {"versions": [version]})
    fields = ["sg_sort_order"]
    assert sg.find_one("PlaylistVersionConnection", [["playlist", "is", playlist]], fields)["sg_sort_order"] == 7

    sg.update("Playlist", playlist["id"], {"versions": []})
    sg.update("Playlist", playlist["id"], {"versions": [version]})
    again = sg.find_one("PlaylistVersionConnection", [["playlist", "is", playlist]], fields)
    assert again["id"] > pair["id"]
    assert again["sg_sort_order"] is None


def test_pair_cannot_be_made_twice(sg, make):
    """
    A pair of rows is connected once: no second row, no row changed to be one, none revived to be one.
    """
    last, one, two = make("Task"), make("Task"), make("Task")
    first, second = (sg.create("TaskDependency", {"task": last, "dependent_task": task}) for task in (one, two))
    words = r"failed for \[TaskDependency\]: Validation failed: There is already a connection between the entities."
    with pytest.raises(Fault, match="Create " + words):
        sg.create("TaskDependency", {"task": last, "dependent_task": one})
    with pytest.raises(Fault, match="Update " + words):
        sg.update("TaskDependency", second["id"], {"dependent_task": one})
    sg.update("TaskDependency", first["id"], {"dependent_task": one})

    sg.delete("TaskDependency", first["id"])
    sg.update("TaskDependency", second["id"], {"dependent_task": one})
    with pytest.raises(Fault, match=NOT_UNIQUE):
        sg.revive("TaskDependency", first["id"])


def test_ends_of_a_connection_stay(sg, make):
    """
    The two rows of an ordinary connection are set when it is made.
    """
    data = {"playlist": make("Playlist"), "version": make("Version")}
    pair = sg.create("PlaylistVersionConnection", data)

    with pytest.raises(Fault, match=r"PlaylistVersionConnection.version is editable on create only."):
        sg.update("PlaylistVersionConnection", pair["id"], {"version": data["version"]})
    with pytest.raises(Fault, match=r"There is already a connection between the entities."):
        sg.create("PlaylistVersionConnection", data)


@pytest.mark.parametrize(
    ("entity_type", "field", "label"),
    [
        ("Project", "name", "Project Name"),
        ("HumanUser", "login", "Login"),
        ("LocalStorage", "code", "Local Storage Name"),
        ("PublishedFileType", "code", "Published File Type Name"),
    ],
)
def test_unique_value_is_free_while_its_row_is_retired(sg, name, entity_type, field, label):
    """
    A retired row's value may be taken, and then the row cannot come back.
    """
    words = rf"failed for \[{entity_type}\]: The value for the {label} field is required to be unique."
    other = {"name": "x"} if entity_type == "HumanUser" else {}
    old = sg.create(entity_type, {field: name, **other})
    with pytest.raises(Fault, match="Create " + words):
        sg.create(entity_type, {field: name, **other})
    sg.delete(entity_type, old["id"])
    new = sg.create(entity_type, {field: name, **other})
    with pytest.raises(Fault, match=NOT_UNIQUE):
        sg.revive(entity_type, old["id"])

    sg.delete(entity_type, new["id"])
    assert sg.revive(entity_type, old["id"]) is True


@pytest.mark.parametrize(
    ("entity_type", "data", "change", "before", "after"),
    [
        ("Cut", {"code": "A", "revision_number": 2}, {"revision_number": 13}, "A v002", "A v013"),
        ("Cut", {"code": "A"}, {"code": "B"}, "A", "B"),
        ("Note", {"subject": "S", "content": "C"}, {"content": None}, "S - C", "S"),
        ("Task", {"content": "Comp"}, {"content": None}, "Comp", "-"),
        ("TimeLog", {"description": "One"}, {"description": "Two"}, "One", "Two"),
        ("Ticket", {"title": "T"}, {"title": "U"}, "T", "U"),
        ("Phase", {"code": "Post"}, {"code": "Pre"}, "Post", "Pre"),
    ],
)
def test_display_name_follows_its_fields(sg, make, entity_type, data, change, before, after):
    """
    The name of a row changes with any of the fields that it is made of.
    """
    row = make(entity_type, **data)

    def name():
        found = sg.find_one(entity_type, [["id", "is", row["id"]]], ["cached_display_name"])
        return found["cached_display_name"]

    assert name() == before
    sg.update(entity_type, row["id"], change)
    assert name() == after


def test_new_name_is_seen_wherever_the_row_is_linked(sg, make):
    """
    Links, lists, filters, orders and groups go by the new name at once.
    """
    shots = [make("Shot", code=code) for code in ("aaa", "bbb")]
    tasks = [make("Task", entity=shot) for shot in shots]
    asset = make("Asset", shots=shots)
    sg.update("Shot", shots[0]["id"], {"code": "zzz"})
    mine = [["id", "in", [task["id"] for task in tasks]]]
    order = [{"field_name": "entity", "direction": "asc"}]

    found = sg.find("Task", mine, ["entity"], order)
    assert [task["entity"]["name"] for task in found] == ["bbb", "zzz"]
    assert links(sg, asset, "shots") == [shots[1]["id"], shots[0]["id"]]
    assert sg.find("Task", [*mine, ["entity", "name_is", "zzz"]]) == [tasks[0]]
    assert sg.find("Asset", [["shots", "name_contains", "ZZ"], ["id", "is", asset["id"]]]) == [asset]
    grouping = [{"field": "entity", "type": "exact", "direction": "asc"}]
    groups = sg.summarize("Task", mine, [{"field": "id", "type": "count"}], grouping=grouping)["groups"]
    assert [group["group_name"] for group in groups] == ["bbb", "zzz"]


@pytest.mark.parametrize("entity_type", ["HumanUser", "ClientUser"])
def test_person_is_named_by_both_names(sg, name, entity_type):
    """
    A person's name is made of the first and the last one, and follows them.
    """
    login = {"login": name} if entity_type == "HumanUser" else {}
    person = sg.create(entity_type, {**login, "firstname": "Ann", "lastname": "Lee"}, ["name"])
    assert person["name"] == "Ann Lee"

    sg.update(entity_type, person["id"], {"lastname": None})
    row = sg.find_one(entity_type, [["id", "is", person["id"]]], ["name", "cached_display_name"])
    assert (row["name"], row["cached_display_name"]) == ("Ann", "Ann")


def test_booking_is_named_after_its_person(sg, make, name):
    """
    A booking shows who is booked, or who is away, by the name that the person has now.
    """
    person = sg.create("HumanUser", {"login": name, "firstname": "Ann", "lastname": "Lee"})
    booking, holiday = make("Booking", user=person), make("Booking", user=person, vacation=True)
    nobody = make("Booking")

    def names():
        rows = sg.find("Booking", [["id", "in", [booking["id"], holiday["id"], nobody["id"]]]], ["cached_display_name"])
        return [row["cached_display_name"] for row in rows]

    assert names() == ["Ann Lee", "Ann Lee (vacation)", None]
    sg.update("HumanUser", person["id"], {"firstname": "Anna"})
    assert names() == ["Anna Lee", "Anna Lee (vacation)", None]
    sg.update("Booking", booking["id"], {"vacation": True, "user": None})
    assert names()[0] == "Vacation"


def test_tag_counts_its_uses(sg, make, name):
    """
    A tag says how many rows have it.
    """
    tag = sg.create("Tag", {"name": name})
    shots = [make("Shot", tags=[tag]) for _ in range(2)]
    make("Asset", tags=[tag])
    sg.update("Shot", shots[0]["id"], {"tags": []})

    assert sg.find_one("Tag", [["id", "is", tag["id"]]], ["usage"])["usage"] == 2


def test_moment_of_update_can_be_set_by_create_only(sg, project, name):
    """
    A new row may bring the moment of its last update; later nobody sets it.
    """
    moment = "2020-02-02T02:02:02Z"
    shot = sg.create("Shot", {"project": project, "code": name, "updated_at": moment}, ["updated_at"])

    assert shot["updated_at"].isoformat() == "2020-02-02T02:02:02+00:00"
    with pytest.raises(Fault, match=r"API update\(\) Shot.updated_at is editable on create only"):
        sg.update("Shot", shot["id"], {"updated_at": moment})
