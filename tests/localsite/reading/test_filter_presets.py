"""
Filter presets.
"""

import pytest
from shotgun_api3 import Fault


def ids(rows):
    """
    Return the ids of rows.
    """
    return [row["id"] for row in rows]


def latest(sg, entity_type, by, filters=()):
    """
    Return the ids of the latest rows.
    """
    preset = {"preset_name": "LATEST", "latest_by": by}
    return ids(sg.find(entity_type, list(filters), additional_filter_presets=[preset]))


def moments(count):
    """
    Return moments in order.
    """
    return [f"2026-01-0{number}T00:00:00Z" for number in range(1, count + 1)]


def test_latest_versions_of_entities(sg, make):
    """
    Of the live versions found of each entity, the one created last is the latest; of one moment, the higher id.
    """
    early, late = moments(2)
    shot, asset = make("Shot"), make("Asset")
    make("Version", entity=shot, created_at=early)
    newest = make("Version", entity=shot, created_at=late)
    first = make("Version", entity=asset, created_at=late)
    second = make("Version", entity=asset, created_at=late)
    gone = make("Version", entity=asset, created_at=late)
    make("Version")
    sg.delete("Version", gone["id"])
    own = [["entity", "in", [shot, asset]]]

    assert latest(sg, "Version", "ENTITIES_CREATED_AT", own) == [newest["id"], second["id"]]
    assert latest(sg, "Version", "ENTITIES_CREATED_AT", [["id", "is", first["id"]]]) == [first["id"]]


@pytest.mark.parametrize("way", ["ENTITIES_CREATED_AT", "BY_PIPELINE_STEP_NUMBER_AND_ENTITIES_CREATED_AT"])
def test_the_latest_is_chosen_among_what_the_filters_leave(sg, make, way):
    """
    A newer version that the filters exclude does not hide an older one, also with filters through links and lists.
    """
    early, late = moments(2)
    shot = make("Shot", code="chosen")
    playlist = make("Playlist")
    old = make("Version", entity=shot, sg_status_list="vwd", created_at=early, playlists=[playlist])
    new = make("Version", entity=shot, sg_status_list="rev", created_at=late)
    own = ["entity", "is", shot]
    linked = ["entity.Shot.code", "is", "chosen"]

    assert latest(sg, "Version", way, [own]) == [new["id"]]
    assert latest(sg, "Version", way, [own, ["sg_status_list", "is", "vwd"]]) == [old["id"]]
    assert latest(sg, "Version", way, [own, linked, ["playlists", "is", playlist]]) == [old["id"]]


def test_the_latest_is_chosen_among_what_other_presets_leave(sg, make):
    """
    Presets that exclude rows apply before ``LATEST``, in either order of the presets.
    """
    early, late = moments(2)
    shots = [make("Shot"), make("Shot")]
    cut = make("Cut")
    make("CutItem", cut=cut, shot=shots[0])
    file = make("PublishedFile", entity=shots[0], name="same", created_at=early)
    make("PublishedFile", entity=shots[0], name="same", created_at=late, sg_status_list="ip")
    versions = [make("Version", entity=shot, created_at=at) for shot in shots for at in (late, early)]
    of_cut = {"preset_name": "CUT_SHOT_VERSIONS", "cut_id": cut["id"]}
    newest = {"preset_name": "LATEST", "latest_by": "ENTITIES_CREATED_AT"}

    for presets in ([of_cut, newest], [newest, of_cut]):
        found = sg.find("Version", [["entity", "in", shots]], additional_filter_presets=presets)
        assert ids(found) == [versions[0]["id"]]
    unread = [["entity", "is", shots[0]], ["sg_status_list", "is_not", "ip"]]
    assert latest(sg, "PublishedFile", "ENTITIES_CREATED_AT", unread) == [file["id"]]


def test_latest_versions_of_the_last_step(sg, make):
    """
    Of each entity the latest version of the step that comes last is chosen, not the latest of all.
    """
    steps = sg.find(
        "Step", [["entity_type", "is", "Shot"]], ["list_order"], [{"column": "list_order", "direction": "asc"}]
    )
    shot = make("Shot")
    tasks = [make("Task", entity=shot, step={"type": "Step", "id": step["id"]}) for step in (steps[0], steps[-1])]
    early, middle, late = moments(3)
    make("Version", entity=shot, sg_task=tasks[1], created_at=early)
    chosen = make("Version", entity=shot, sg_task=tasks[1], created_at=middle)
    newest = make("Version", entity=shot, sg_task=tasks[0], created_at=late)
    by_step = "BY_PIPELINE_STEP_NUMBER_AND_ENTITIES_CREATED_AT"
    own = [["entity", "is", shot]]

    assert latest(sg, "Version", by_step, own) == [chosen["id"]]
    assert latest(sg, "Version", "ENTITIES_CREATED_AT", own) == [newest["id"]]
    sg.delete("Task", tasks[1]["id"])
    assert latest(sg, "Version", by_step, own) == [newest["id"]]


def test_latest_published_files(sg, make, name):
    """
    Of files with the same entity, name, type and task, the last created or the one with the highest number is latest.
    """
    shot, task = make("Shot"), make("Task")
    early, late = moments(2)
    high = make("PublishedFile", entity=shot, name=name, version_number=9, created_at=early)
    new = make("PublishedFile", entity=shot, name=name, version_number=2, created_at=late)
    of_task = make("PublishedFile", entity=shot, name=name, task=task, version_number=1, created_at=early)
    loose = make("PublishedFile", name=name, created_at=early)
    own = [["name", "is", name]]

    assert latest(sg, "PublishedFile", "VERSION_NUMBER", own) == ids([high, of_task, loose])
    assert latest(sg, "PublishedFile", "ENTITIES_CREATED_AT", own) == ids([new, of_task, loose])


def test_latest_cuts(sg, make, name):
    """
    Of cuts with the same entity and code, the one of the highest revision is the latest.
    """
    sequence = make("Sequence")
    new = make("Cut", entity=sequence, code=name, revision_number=3)
    old = make("Cut", entity=sequence, code=name, revision_number=2)
    other = make("Cut", entity=sequence, code=f"{name} x")

    own = ["entity", "is", sequence]
    assert latest(sg, "Cut", "REVISION_NUMBER", [own]) == [new["id"], other["id"]]
    assert latest(sg, "Cut", "REVISION_NUMBER", [own, ["revision_number", "is", 2]]) == [old["id"]]


def test_versions_of_the_shots_of_a_cut(sg, make):
    """
    The versions of a cut's shots are found, those of other shots are not; presets add up.
    """
    cut = make("Cut")
    shots = [make("Shot") for _number in range(3)]
    versions = [make("Version", entity=shot) for shot in shots]
    for shot in shots[:2]:
        make("CutItem", cut=cut, shot=shot)
    gone = make("CutItem", cut=cut, shot=shots[2])
    sg.delete("CutItem", gone["id"])
    newer = make("Version", entity=shots[0])
    preset = {"preset_name": "CUT_SHOT_VERSIONS", "cut_id": cut["id"]}
    both = [preset, {"preset_name": "LATEST", "latest_by": "ENTITIES_CREATED_AT"}]

    assert ids(sg.find("Version", [], additional_filter_presets=[preset])) == ids([*versions[:2], newer])
    assert ids(sg.find("Version", [], additional_filter_presets=both)) == ids([versions[1], newer])


@pytest.mark.parametrize(
    ("entity_type", "preset", "message"),
    [
        ("Shot", {"preset_name": "LATEST"}, 'Shot has no filter preset "LATEST"'),
        ("Shot", 5, "Shot has no filter preset nil"),
        ("Version", {"preset_name": "BOGUS"}, 'Version has no filter preset "BOGUS"'),
        ("Version", {"preset_name": "LATEST", "latest_by": "x"}, "'latest_by' must be one of: ENTITIES_CREATED_AT"),
        ("Cut", {"preset_name": "LATEST"}, "'latest_by' must be one of: REVISION_NUMBER"),
        ("Version", {"preset_name": "CUT_SHOT_VERSIONS"}, "invalid/missing integer 'cut_id'"),
        ("Version", {"preset_name": "NAV_ENTRIES", "path": "/"}, "NAV_ENTRIES preset needs a path"),
        ("Version", {"preset_name": "NAV_ENTRIES", "path": 5, "seed": {"field": "entity"}}, "needs a path"),
        ("Version", {"preset_name": "NAV_ENTRIES", "path": "/", "seed": {"field": "code"}}, "an entity field as seed"),
    ],
)
def test_refused_preset_says_why(sg, entity_type, preset, message):
    """
    A preset that is not there, or lacks what it needs, is refused.
    """
    with pytest.raises(Fault) as caught:
        sg.find(entity_type, [], additional_filter_presets=[preset])

    assert message in str(caught.value)


def test_presets_are_a_list(call):
    """
    Presets that are no list are refused.
    """
    filters = {"logical_operator": "and", "conditions": []}
    request = {"type": "Shot", "filters": filters, "additional_filter_presets": "LATEST"}

    assert "'additional_filter_presets' expected an Array" in call("read", request)["message"]
