"""
The latest entity of each group: numbers and dates disagree, tasks and names are shared, some values are missing.
"""

import datetime as dt

import pytest

from sgextended import InvalidArgumentError
from sgextended.domain.published_files import PUBLISHED_FILE_FIELDS
from sgextended.domain.versions import _LATEST, VERSION_FIELDS

DAY = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone.utc)

PER_NAME = [
    "SH1_LIGHT_v002",
    "nothing_v001",
    "sh1_layout_v099",
    "sh1_layout_v10",
    "sh1_untasked",
    "sh1_wild_v001",
    "sh2_layout_v001",
]


def day(number):
    """
    Return noon of a day in March.
    """
    return DAY + dt.timedelta(days=number - 1)


def codes(rows):
    """
    Return the names of rows, sorted.
    """
    return sorted(row["code"] for row in rows)


@pytest.fixture(scope="module")
def film(sg):
    """
    A project with versions and files whose numbers and dates disagree.
    """
    made = {"project": sg.create("Project", {"name": "Latest"}), "other": sg.create("Project", {"name": "Latest two"})}

    def make(key, kind, **data):
        made[key] = sg.create(kind, {"project": made["project"], **data})
        return made[key]

    step = {name: sg.create("Step", {"code": name, "short_name": name, "entity_type": "Shot"}) for name in ("L1", "L2")}
    shot, twin = make("shot", "Shot", code="sh1"), make("twin", "Shot", code="sh2")
    layout = make("layout", "Task", content="layout", entity=shot, step=step["L1"])
    layout2 = make("layout2", "Task", content="layout again", entity=shot, step=step["L1"])
    light = make("light", "Task", content="light", entity=shot, step=step["L2"])
    layout_of_twin = make("layout_of_twin", "Task", content="layout", entity=twin, step=step["L1"])
    for code, entity, task, when, status in (
        ("sh1_layout_v001", shot, layout, 1, "apr"),
        ("sh1_layout_v003", shot, layout, 3, "rev"),
        ("sh1_layout_v002", shot, layout, 5, "rev"),  # a late fix of an old one
        ("sh1_layout_v10", shot, layout, 4, "rev"),  # as text it is below v3
        ("sh1_wild_v001", shot, layout2, 2, "rev"),
        ("sh1_light_v001", shot, light, 2, "rev"),
        ("SH1_LIGHT_v002", shot, light, 2, "rev"),  # of the same second
        ("sh1_untasked", shot, None, 1, "rev"),
        ("sh2_layout_v001", twin, layout_of_twin, 1, "rev"),
        ("sh1_layout_v099", twin, layout_of_twin, 2, "rev"),  # the name of the other shot's
        ("nothing_v001", None, None, 9, "rev"),
    ):
        made[code] = make(code, "Version", code=code, entity=entity, sg_task=task, created_at=day(when))
        sg.update("Version", made[code]["id"], {"sg_status_list": status if status != "apr" else "vwd"})
    retired = make("retired", "Version", code="sh1_layout_v100", entity=shot, sg_task=layout, created_at=day(8))
    sg.delete("Version", retired["id"])

    maya = sg.create("PublishedFileType", {"code": "Latest Scene", "short_name": "lsc"})
    cache = sg.create("PublishedFileType", {"code": "Latest Cache", "short_name": "lca"})
    for code, name, kind, number, when, entity, task in (
        ("a.v1", "a", maya, 1, 1, shot, layout),
        ("a.v3", "a", maya, 3, 2, shot, layout),
        ("a.v2", "a", maya, 2, 4, shot, layout),
        ("a.v11", "a", maya, 11, 3, shot, layout),
        ("a.c1", "a", cache, 1, 5, shot, layout),
        ("b.v1", "b", maya, 1, 1, shot, light),
        ("b.none", "b", maya, None, 6, shot, light),
        ("a.twin", "a", maya, 7, 1, twin, layout_of_twin),
    ):
        make(
            code,
            "PublishedFile",
            code=code,
            name=name,
            published_file_type=kind,
            version_number=number,
            created_at=day(when),
            entity=entity,
            task=task,
        )
    made["a.other"] = sg.create(
        "PublishedFile",
        {"code": "a.other", "name": "a", "project": made["other"], "version_number": 1, "published_file_type": maya},
    )
    return made


@pytest.mark.parametrize(
    ("group_by", "order_by", "expected"),
    [
        ((), "date", ["sh1_layout_v002", "sh1_layout_v099"]),
        ("entity", "date", ["sh1_layout_v002", "sh1_layout_v099"]),
        ((), "number", ["sh1_layout_v099", "sh1_layout_v10"]),
        ("step", "number", ["SH1_LIGHT_v002", "sh1_layout_v099", "sh1_layout_v10", "sh1_untasked"]),
        ("step", "date", ["SH1_LIGHT_v002", "sh1_layout_v002", "sh1_layout_v099", "sh1_untasked"]),
        ("task", "date", ["SH1_LIGHT_v002", "sh1_layout_v002", "sh1_layout_v099", "sh1_untasked", "sh1_wild_v001"]),
        ("name", "number", PER_NAME),
        (["step", "name"], "number", PER_NAME),
    ],
)
def test_latest_versions_of_each_group(sg, film, group_by, order_by, expected):
    """
    Each group within each entity has its own latest version, by date or by number. Retired versions do not count.
    """
    found = codes(sg.latest_versions(project=film["project"], group_by=group_by, order_by=order_by))

    assert found == sorted(expected)


def test_latest_versions_are_the_latest_that_match(sg, film):
    """
    With a status, the result is the latest version of that status, even if a later version has another status.
    """
    assert codes(sg.latest_versions(film["shot"], status="vwd")) == ["sh1_layout_v001"]
    assert codes(sg.latest_versions(film["shot"], step="L2")) == ["SH1_LIGHT_v002"]
    assert codes(sg.latest_versions(film["shot"], name="*wild*")) == ["sh1_wild_v001"]


@pytest.mark.parametrize("method", ["latest_versions", "latest_published_files"])
def test_latest_costs_one_request(sg, film, method):
    """
    One request for any number of entities, and none if nothing can match.
    """
    before = sg.requests_sent
    found = getattr(sg, method)([film["shot"], film["twin"]], group_by=["task", "step", "type", "name"])

    assert len(found) > 3
    assert sg.requests_sent == before + 1
    assert getattr(sg, method)([]) == []
    assert getattr(sg, method)(film["shot"], status=()) == []
    assert sg.requests_sent == before + 1


def test_latest_returns_the_fields_asked_for_alone(sg, film):
    """
    Fields that are only needed for grouping are not returned.
    """
    usual = sg.latest_versions(film["shot"], group_by="step")[0]
    only = sg.latest_versions(film["shot"], fields=["code"], extra_fields=["sg_status_list"])

    assert set(usual) == {"type", "id", *VERSION_FIELDS}
    assert set(only[0]) == {"type", "id", "code", "sg_status_list"}
    assert set(sg.latest_published_files(film["shot"])[0]) == {"type", "id", *PUBLISHED_FILE_FIELDS}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["a.c1", "a.twin", "a.v11", "b.v1"]),
        ({"order_by": "date"}, ["a.c1", "a.twin", "a.v2", "b.none"]),
        ({"group_by": "name"}, ["a.twin", "a.v11", "b.v1"]),
        ({"group_by": "type"}, ["a.c1", "a.twin", "a.v11"]),
        ({"group_by": "step", "order_by": "date"}, ["a.c1", "a.twin", "b.none"]),
        ({"group_by": ()}, ["a.twin", "a.v11"]),
        ({"file_type": "Latest Scene", "group_by": ()}, ["a.twin", "a.v11"]),
        ({"file_type": "lca"}, ["a.c1"]),
        ({"name": "B"}, ["b.v1"]),
    ],
)
def test_latest_published_files_of_each_group(sg, film, options, expected):
    """
    By number, 11 is later than 3, even if 3 was published later. By date it is the reverse.
    """
    assert codes(sg.latest_published_files(project=film["project"], **options)) == expected


def test_latest_published_files_of_two_projects_are_apart(sg, film):
    """
    Files with the same name in two projects are separate groups.
    """
    found = sg.latest_published_files(project=[film["project"], film["other"]], group_by="name", name="a")

    assert codes(found) == ["a.other", "a.twin", "a.v11"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"group_by": "shot"},
            "group_by='shot' is not a known group. No request was sent. Use 'entity', 'task', 'step', 'type', 'name'.",
        ),
        ({"order_by": "size"}, "order_by='size' is not a known order. No request was sent. Use 'date' or 'number'."),
    ],
)
def test_latest_refuses_words_that_it_does_not_know(options, message):
    """
    An unknown word raises before a request is sent.
    """
    from sgextended.domain.versions import latest_versions

    with pytest.raises(InvalidArgumentError) as caught:
        latest_versions(None, **options)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("code", "number", "stem"),
    [
        ("sh010_anim_v003", 3, "sh010_anim"),
        ("sh010.V12.exr", 12, "sh010.exr"),
        ("rev2_v003", 3, "rev2"),
        ("sh010v7", 7, "sh010"),
        ("shot_mov10", None, "shot_mov10"),
        ("v2b", None, "v2b"),
        ("größe_v001", 1, "größe"),
        ("", None, ""),
        (None, None, None),
    ],
)
def test_the_number_in_a_name(code, number, stem):
    """
    The number is the last "v" with digits that is not part of a word. The rest is the name.
    """
    row = {"type": "Version", "id": 1, "code": code, "created_at": None}

    assert _LATEST.rank(row, "number")[0] == (-1 if number is None else number)
    assert _LATEST.group_key(row, ["code"]) == (stem,)


def test_find_published_files_by_what_they_are(sg, film):
    """
    Files are found by type, number, name, step and task.
    """
    project = film["project"]

    assert codes(sg.find_published_files(project=project, version_number=[1, 11], name="a")) == [
        "a.c1",
        "a.v1",
        "a.v11",
    ]
    assert codes(sg.find_published_files(project=project, file_type=["lca", "nope"])) == ["a.c1"]
    assert codes(sg.find_published_files(film["shot"], step="L2")) == ["b.none", "b.v1"]
    assert codes(sg.find_published_files(task=film["layout_of_twin"])) == ["a.twin"]
    assert sg.find_published_files(version_number=[]) == []


@pytest.fixture(scope="module")
def chain(sg, film):
    """
    Files with dependencies: model -> rig -> (anim, crowd) -> comp, with a cycle and a retired file in between.
    """
    files = {}
    for name in ("model", "rig", "anim", "crowd", "comp", "lost", "behind"):
        files[name] = sg.create("PublishedFile", {"code": name, "project": film["project"]})
    for name, sources in (
        ("rig", ["model"]),
        ("anim", ["rig", "lost"]),
        ("crowd", ["rig"]),
        ("comp", ["anim", "crowd"]),
        ("lost", ["behind"]),
        ("model", ["comp"]),
    ):
        sg.update("PublishedFile", files[name]["id"], {"upstream_published_files": [files[each] for each in sources]})
    sg.delete("PublishedFile", files["lost"]["id"])
    return files


@pytest.mark.parametrize(
    ("method", "start", "levels", "expected"),
    [
        ("find_upstream_files", ["comp"], 1, ["anim", "crowd"]),
        ("find_upstream_files", ["comp"], 2, ["anim", "crowd", "rig"]),
        ("find_upstream_files", ["comp"], None, ["anim", "crowd", "rig", "model"]),
        ("find_upstream_files", ["comp", "anim"], 1, ["crowd", "rig"]),
        ("find_upstream_files", ["comp"], 0, []),
        ("find_downstream_files", ["model"], 1, ["rig"]),
        ("find_downstream_files", ["model"], None, ["rig", "anim", "crowd", "comp"]),
        ("find_downstream_files", ["rig"], 2, ["anim", "crowd", "comp"]),
        ("find_downstream_files", [], None, []),
    ],
)
def test_dependencies_level_by_level(sg, chain, method, start, levels, expected):
    """
    Files are returned nearest first and once each, also with a cycle. Retired files are not followed.
    """
    found = getattr(sg, method)([chain[name] for name in start], levels=levels, fields=["code"])

    assert [row["code"] for row in found] == expected
    assert all(set(row) == {"type", "id", "code"} for row in found)


def test_dependencies_with_filters_go_through_what_does_not_match(sg, chain):
    """
    Conditions restrict the returned files, not the files on the path to them.
    """
    found = sg.find_upstream_files(chain["comp"], levels=None, filters=[["code", "is", "model"]], fields=["code"])

    assert codes(found) == ["model"]


def test_dependencies_keep_the_links_that_are_asked_for(sg, chain):
    """
    The dependency links are returned if they are among the fields.
    """
    found = sg.find_upstream_files(chain["crowd"], fields=["upstream_published_files"])

    assert [link["id"] for link in found[0]["upstream_published_files"]] == [chain["model"]["id"]]
