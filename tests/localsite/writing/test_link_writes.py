"""
Lists of links: modes of update, and fields that are two views of one relation.
"""

import pytest
from shotgun_api3 import Fault


def names(sg, link, field):
    """
    Return the names in one list of links.
    """
    return [item["name"] for item in sg.find_one(link["type"], [["id", "is", link["id"]]], [field])[field]]


@pytest.fixture
def assets(make):
    """
    Three assets.
    """
    return [make("Asset", code=code) for code in ("a", "b", "c")]


@pytest.mark.parametrize(
    ("mode", "given", "left"),
    [
        (None, [1, 2], ["b", "c"]),
        ("set", [2], ["c"]),
        ("set", [], []),
        ("add", [1, 2], ["a", "b", "c"]),
        ("add", [], ["a", "b"]),
        ("remove", [0, 2], ["b"]),
        ("remove", [0, 1], []),
    ],
)
def test_mode_decides_what_an_update_leaves(sg, make, assets, mode, given, left):
    """
    "set" replaces, "add" adds, "remove" takes away; what is there already, or not there, is no mistake.
    """
    shot = make("Shot", assets=assets[:2])
    modes = {} if mode is None else {"multi_entity_update_modes": {"assets": mode}}
    row = sg.update("Shot", shot["id"], {"assets": [assets[at] for at in given]}, **modes)

    assert [item["name"] for item in row["assets"]] == left
    assert names(sg, shot, "assets") == left


def test_mode_may_stand_in_the_value(sg, make, assets):
    """
    A value that brings its own mode is understood.
    """
    shot = make("Shot", assets=assets[:1])
    sg.update("Shot", shot["id"], {"assets": {"multi_entity_update_mode": "add", "value": [assets[1]]}})

    assert names(sg, shot, "assets") == ["a", "b"]


def test_batched_update_has_modes(sg, make, assets):
    """
    A request of a batch may name the modes of its fields.
    """
    shot = make("Shot", assets=assets[:2])
    request = {
        "request_type": "update",
        "entity_type": "Shot",
        "entity_id": shot["id"],
        "data": {"assets": [assets[0]]},
    }
    sg.batch([{**request, "multi_entity_update_modes": {"assets": "remove"}}])

    assert names(sg, shot, "assets") == ["b"]


def test_mode_of_a_whole_request_holds_for_its_fields(call, sg, make, assets):
    """
    A mode beside the fields of a request counts for those that have none.
    """
    shot = make("Shot", assets=assets[:1])
    fields = [{"field_name": "assets", "value": [assets[1]]}]
    call("update", {"type": "Shot", "id": shot["id"], "fields": fields, "multi_entity_update_mode": "add"})

    assert names(sg, shot, "assets") == ["a", "b"]


def test_repeated_links_count_once(sg, make, assets):
    """
    A link given twice counts once.
    """
    twice = make("Shot", assets=[assets[0], assets[0]])

    assert names(sg, twice, "assets") == ["a"]


PAIRS = [
    # type and field, its mirror, whether the far end holds one link only
    ("Sequence", "shots", "Shot", "sg_sequence", True),
    ("Episode", "sequences", "Sequence", "episode", True),
    ("Shot", "tasks", "Task", "entity", True),
    ("Shot", "sg_versions", "Version", "entity", True),
    ("Cut", "cut_items", "CutItem", "cut", True),
    ("Version", "published_files", "PublishedFile", "version", True),
    ("Shot", "assets", "Asset", "shots", False),
    ("Asset", "parents", "Asset", "assets", False),
    ("Shot", "parent_shots", "Shot", "shots", False),
    ("Playlist", "versions", "Version", "playlists", False),
    ("Task", "upstream_tasks", "Task", "downstream_tasks", False),
    ("PublishedFile", "upstream_published_files", "PublishedFile", "downstream_published_files", False),
    ("Note", "note_links", "Shot", "notes", False),
    ("Note", "tasks", "Task", "notes", False),
    ("Note", "attachments", "Attachment", "attachment_links", False),
    ("Delivery", "version_sg_deliveries_versions", "Version", "sg_deliveries", False),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]}.{pair[1]}-{pair[2]}.{pair[3]}")
def test_two_views_of_a_relation_stay_in_step(sg, make, pair):
    """
    What is written to one field of a pair reads from the other, whichever is written.
    """
    one_type, one_field, other_type, other_field, single = pair
    one, other, third = make(one_type), make(other_type), make(one_type)

    def ends():
        there = sg.find_one(other_type, [["id", "is", other["id"]]], [other_field])[other_field]
        here = [
            [item["id"] for item in sg.find_one(one_type, [["id", "is", end["id"]]], [one_field])[one_field]]
            for end in (one, third)
        ]
        there = ([there["id"]] if there else []) if single else [item["id"] for item in there]
        return here, sorted(there)

    sg.update(one_type, one["id"], {one_field: [other]})
    written_here = ends()
    sg.update(one_type, third["id"], {one_field: [other]}, {one_field: "add"})
    added = ends()
    sg.update(other_type, other["id"], {other_field: one if single else [one]})
    written_there = ends()
    sg.update(one_type, one["id"], {one_field: []})
    cleared = ends()

    assert written_here == ([[other["id"]], []], [one["id"]])
    # A far end that holds one link only moves over.
    moved = ([[], [other["id"]]], [third["id"]])
    assert added == (moved if single else ([[other["id"]], [other["id"]]], sorted([one["id"], third["id"]])))
    assert written_there == ([[other["id"]], []], [one["id"]])
    assert cleared == ([[], []], [])


@pytest.mark.parametrize(
    ("group", "user_field"), [("Group", "groups"), ("Department", "department"), ("Project", "projects")]
)
def test_people_belong_to_groups_departments_and_projects(sg, site, name, group, user_field):
    """
    The people of a group, department or project are seen from both ends.
    """
    user = site.add_user(name, "secret", firstname="Ada")
    label = {"Group": "code"}.get(group, "name")
    row = sg.create(group, {label: name, "users": [user]}, ["users"])
    found = sg.find_one("HumanUser", [["id", "is", user["id"]]], [user_field])[user_field]

    assert row["users"] == [{"type": "HumanUser", "id": user["id"], "name": "Ada"}]
    assert (found if isinstance(found, dict) else found[0])["id"] == row["id"]


def test_connection_rows_can_be_found(sg, make):
    """
    The pairs of a relation are rows of its connection type, with fields of their own; one that leaves is retired.
    """
    versions = [make("Version", code=code) for code in ("v1", "v2")]
    playlist = make("Playlist", versions=versions)
    pairs = sg.find("PlaylistVersionConnection", [["playlist", "is", playlist]], ["version", "sg_sort_order"])
    sg.update("PlaylistVersionConnection", pairs[0]["id"], {"sg_sort_order": 7})
    sg.update("Playlist", playlist["id"], {"versions": [versions[0]]})
    left = sg.find("PlaylistVersionConnection", [["playlist", "is", playlist]], ["version", "sg_sort_order"])

    assert [pair["version"]["name"] for pair in pairs] == ["v1", "v2"]
    assert [(pair["version"]["name"], pair["sg_sort_order"]) for pair in left] == [("v1", 7)]


def test_connection_row_makes_a_link(sg, make):
    """
    Creating a row of a connection type links its two ends.
    """
    asset, shot = make("Asset", code="Hero"), make("Shot", code="sh")
    sg.create("AssetShotConnection", {"asset": asset, "shot": shot})

    assert names(sg, shot, "assets") == ["Hero"]
    with pytest.raises(Fault, match=r"Validation failed: There is already a connection between the entities\."):
        sg.create("AssetShotConnection", {"asset": asset, "shot": shot})


def test_dependency_knows_its_ends(sg, make):
    """
    A task's dependency is named after its ends, has the default type or the one given, and its ids can be searched.
    """
    first, last = make("Task", content="first"), make("Task", content="last")
    other = sg.create(
        "Task",
        {"project": sg.find_one("Task", [["id", "is", first["id"]]], ["project"])["project"]}
        | {"content": "other", "upstream_tasks": [{**first, "dependency_type": "start-to-start"}]},
    )
    sg.update("Task", last["id"], {"upstream_tasks": [first]})
    fields = ["task", "task_id", "dependent_task_id", "dependency_type", "cached_display_name"]
    rows = {
        row["task_id"]: row for row in sg.find("TaskDependency", [["dependent_task_id", "is", first["id"]]], fields)
    }

    assert rows[last["id"]]["dependency_type"] == "finish-to-start-next-day"
    assert rows[other["id"]]["dependency_type"] == "start-to-start"
    assert rows[last["id"]]["cached_display_name"] == f"Task {last['id']} dependent on Task {first['id']}"
    assert rows[last["id"]]["task"]["id"] == last["id"]


def test_sibling_tasks_share_the_entity(sg, make):
    """
    A task's siblings are the other tasks of its entity.
    """
    shot = make("Shot")
    task, _other = make("Task", content="a", entity=shot), make("Task", content="b", entity=shot)
    make("Task", content="elsewhere", entity=make("Shot"))

    assert names(sg, task, "sibling_tasks") == ["b"]


def test_open_notes_are_those_not_closed(sg, make):
    """
    Only notes whose status is open show and count as open.
    """
    shot, task = make("Shot"), make("Task")
    for subject, status in (("o", "opn"), ("i", "ip"), ("c", "clsd")):
        make("Note", subject=subject, sg_status_list=status, note_links=[shot], tasks=[task])
    fields = ["notes", "open_notes", "open_notes_count"]
    rows = [sg.find_one(link["type"], [["id", "is", link["id"]]], fields) for link in (shot, task)]

    for row in rows:
        assert [note["name"] for note in row["notes"]] == ["c", "i", "o"]
        assert [note["name"] for note in row["open_notes"]] == ["i", "o"]
        assert row["open_notes_count"] == 2


def test_reply_goes_with_its_place(sg, make):
    """
    A reply that is taken out of its note is deleted.
    """
    note = make("Note", subject="n")
    reply = sg.create("Reply", {"entity": note, "content": "yes"})
    before = names(sg, note, "replies")
    sg.update("Note", note["id"], {"replies": []})

    assert before == ["yes"]
    assert sg.find_one("Reply", [["id", "is", reply["id"]]]) is None


def test_list_is_ordered_by_name(sg, make):
    """
    The links of a list come in the order of their names, not of their writing.
    """
    shot = make("Shot", assets=[make("Asset", code=code) for code in ("zebra", "Apple", "mango")])

    assert names(sg, shot, "assets") == ["Apple", "mango", "zebra"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "API update() Shot.assets expected [Array, Hash] data type(s) but got NilClass: nil"),
        ("x", "expected [Array, Hash] data type(s) but got String"),
        ([26332], "API update() invalid/missing entity hash: 26332"),
        ([{"type": "Asset"}], "invalid/missing entity hash integer 'id'"),
        ([{"type": "Bogus", "id": 1}], "invalid/missing entity hash string 'type'"),
        ([{"type": "Asset", "id": 10**6}], "Update failed for [Shot.assets]: Value is not legal."),
        ([{"type": "Sequence", "id": 1}], "Update failed for [Shot.assets]: Value is not legal."),
        (
            {"multi_entity_update_mode": "drop", "value": []},
            "invalid 'multi_entity_update_mode' for Shot.assets: \"drop\"",
        ),
    ],
    ids=str,
)
def test_bad_list_faults(sg, make, value, message):
    """
    A list that holds no links, or links that cannot be kept, is refused.
    """
    with pytest.raises(Fault) as caught:
        sg.update("Shot", make("Shot")["id"], {"assets": value})

    assert message in str(caught.value)


def test_removing_a_row_that_is_gone_is_no_mistake(sg, make, assets):
    """
    "remove" takes links away whether or not their rows still exist.
    """
    shot = make("Shot", assets=assets)
    sg.delete("Asset", assets[0]["id"])
    sg.update("Shot", shot["id"], {"assets": [assets[0], assets[1]]}, {"assets": "remove"})

    assert names(sg, shot, "assets") == ["c"]
