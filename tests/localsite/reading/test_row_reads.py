"""
Finding by other ways than filters: text search and the navigation tree.
"""

import pytest
from shotgun_api3 import Fault

VERSION = "Version.entity"


def ids(rows):
    """
    Return the ids of rows.
    """
    return [row["id"] for row in rows]


# Text search


def test_every_word_must_occur(sg, make, project):
    """
    A row matches if each word occurs in its own name or in that of what it links to, in any case.
    """
    sequence = make("Sequence", code="bunny_010")
    shot = make("Shot", code="bunny_010_0020", sg_sequence=sequence, sg_status_list="fin")
    task = make("Task", content="Render", entity=shot)
    make("Task", content="Render")
    found = sg.text_search("BUNNY 0020", {"Shot": [], "Task": [], "Sequence": []}, [project["id"]])

    assert found["terms"] == ["bunny", "0020"]
    assert found["matches"] == [
        {
            "id": task["id"],
            "type": "Task",
            "name": "Render",
            "project_id": project["id"],
            "image": None,
            "links": ["Shot", "bunny_010_0020"],
            "status": "wtg",
        },
        {
            "id": shot["id"],
            "type": "Shot",
            "name": "bunny_010_0020",
            "project_id": project["id"],
            "image": None,
            "links": ["Sequence", "bunny_010"],
            "status": "fin",
        },
    ]


def test_shortest_names_come_first(sg, make, project):
    """
    Matches of all types are ordered by the length of their names, and cut off at the limit.
    """
    for code in ("needle long", "needle", "needle lo"):
        make("Asset", code=code)
    make("Shot", code="needle l")
    types = {"Asset": [], "Shot": []}
    names = [each["name"] for each in sg.text_search("needle", types, [project["id"]])["matches"]]

    assert names == ["needle", "needle l", "needle lo", "needle long"]
    limited = sg.text_search("needle", types, [project["id"]], limit=2)["matches"]
    assert [each["name"] for each in limited] == names[:2]


def test_search_is_narrowed_by_filters_and_projects(sg, make, project, name):
    """
    Filters narrow each type; projects narrow all, and leave out types that have none.
    """
    other = sg.create("Project", {"name": f"other {name}"})
    hero = make("Asset", code=f"hay {name}", sg_asset_type="Character")
    make("Asset", code=f"hay {name}", sg_asset_type="Prop")
    elsewhere = sg.create("Asset", {"project": other, "code": f"hay {name}", "sg_asset_type": "Character"})
    sg.create("Group", {"code": f"hay {name}"})
    types = {"Asset": [["sg_asset_type", "is", "Character"]], "Group": [], "Project": []}

    def found(projects):
        matches = sg.text_search(f"hay {name}", types, projects)["matches"]
        return sorted((each["type"], each["id"]) for each in matches)

    assert found([project["id"]]) == [("Asset", hero["id"])]
    assert len(found(None)) == 3
    assert ("Asset", elsewhere["id"]) in found([])
    project_match = sg.text_search(name, {"Project": []}, [other["id"]])["matches"][0]
    assert (project_match["id"], project_match["project_id"]) == (other["id"], other["id"])


def test_wildcards_are_ordinary(sg, make, project):
    """
    What SQL or a person may take for a wildcard stands for itself; retired rows are not found.
    """
    make("Asset", code="aXb")
    asset = make("Asset", code="a_b%")
    found = sg.text_search("a_b", {"Asset": []}, [project["id"]])["matches"]

    assert ids(found) == [asset["id"]]
    sg.delete("Asset", asset["id"])
    assert sg.text_search("a_b", {"Asset": []}, [project["id"]])["matches"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "ab"}, "at least 3 characters"),
        ({"text": None}, "at least 3 characters"),
        ({"project_ids": ["x"]}, "'project_ids' expected an Array of Integer"),
        ({"project_ids": 5}, "'project_ids' expected an Array of Integer"),
        ({"max_results": "x"}, "invalid/missing integer 'max_results'"),
        ({"entity_types": ["Shot"]}, "expected a Hash"),
        ({"entity_types": {"Bogus": {}}}, "not an entity type"),
        ({"entity_types": {"Shot": {}}}, "Missing logical operator"),
    ],
)
def test_refused_search_says_why(call, change, message):
    """
    A search that cannot be understood is refused with the reason.
    """
    request = {"text": "abc", "entity_types": {}, "project_ids": [], "max_results": None, **change}

    assert message in call("query_display_name_cache", request)["message"]


# The navigation tree


@pytest.fixture
def root(project):
    """
    The path of the test's project.
    """
    return f"/Project/{project['id']}"


def children(sg, path):
    """
    Return the labels and paths one level below a path.
    """
    return [(each["label"], each.get("path")) for each in sg.nav_expand(path)["children"]]


def test_tree_starts_with_projects(sg, project, root):
    """
    Below the root stand the projects, below a project the types of its tree.
    """
    top = sg.nav_expand("/")

    assert (top["path"], top["parent_path"], top["ref"]["kind"]) == ("/", None, "root")
    assert (project["name"], root) in [(each["label"], each["path"]) for each in top["children"]]
    node = sg.nav_expand(root)
    assert (node["label"], node["parent_path"]) == (project["name"], "/")
    assert node["ref"] == {"kind": "entity", "value": {"type": "Project", "id": project["id"]}}
    assert children(sg, root) == [("Assets", f"{root}/Asset"), ("Shots", f"{root}/Shot")]
    assert node["children"][0]["ref"] == {"kind": "entity_type", "value": "Asset"}


def test_type_without_rows_has_an_empty_leaf(sg, root):
    """
    Where there is nothing, the tree says so.
    """
    assert sg.nav_expand(f"{root}/Shot")["children"] == [
        {"label": "No Shots", "has_children": False, "ref": {"kind": "empty", "value": None}}
    ]


def test_shots_stand_under_sequences(sg, make, root):
    """
    Shots are grouped by the sequences in order of name; those without one, or with a retired one, after each of them.
    """
    late, early, gone = (make("Sequence", code=code) for code in ("b", "a", "c"))
    shots = [make("Shot", code=f"s{at}", sg_sequence=where) for at, where in enumerate((late, late, early, gone, None))]
    sg.delete("Sequence", gone["id"])
    group = f"{root}/Shot/sg_sequence/Sequence"

    assert children(sg, f"{root}/Shot") == [
        ("a", f"{group}/{early['id']}"),
        ("Shots with no Sequence", f"{group}/__none__"),
        ("b", f"{group}/{late['id']}"),
        ("Shots with no Sequence", f"{group}/__none__"),
    ]
    assert sg.nav_expand(f"{root}/Shot")["children"][1]["ref"] == {"kind": "entity_type", "value": "Shot"}
    under = sg.nav_expand(f"{group}/{late['id']}")
    assert (under["label"], under["parent_path"]) == ("b", f"{root}/Shot")
    assert [(each["label"], each["has_children"]) for each in under["children"]] == [("s0", False), ("s1", False)]
    for path in (f"{group}/__none__", f"{root}/Shot/sg_sequence/__none__"):
        assert [label for label, _path in children(sg, path)] == ["s3", "s4"]
    leaf = sg.nav_expand(under["children"][0]["path"])
    assert leaf["path"] == f"{group}/{late['id']}/id/{shots[0]['id']}"
    assert (leaf["parent_path"], leaf["children"]) == (f"{group}/{late['id']}", [])


def test_sequence_without_shots_is_a_group(sg, make, root):
    """
    Sequences without shots are groups, with one child that says so; without a sequence, shots are in no group.
    """
    make("Shot", code="lone")
    empty = [{"label": "No Shots", "has_children": False, "ref": {"kind": "empty", "value": None}}]

    assert sg.nav_expand(f"{root}/Shot")["children"] == empty
    assert children(sg, f"{root}/Shot/sg_sequence/Sequence/__none__")[0][0] == "lone"
    sequence = make("Sequence", code="q")
    assert [label for label, _path in children(sg, f"{root}/Shot")] == ["q", "Shots with no Sequence"]
    assert sg.nav_expand(f"{root}/Shot/sg_sequence/Sequence/{sequence['id']}")["children"] == empty


def test_assets_stand_under_their_types(sg, make, root):
    """
    Assets are grouped by a list, whose values are the labels.
    """
    make("Asset", code="x", sg_asset_type="Prop")
    make("Asset", code="y", sg_asset_type="Matte Painting")
    make("Asset", code="z")
    group = f"{root}/Asset/sg_asset_type"

    assert children(sg, f"{root}/Asset") == [
        ("Matte Painting", f"{group}/Matte Painting"),
        ("Prop", f"{group}/Prop"),
        ("Assets with no Type", f"{group}/__none__"),
    ]
    assert sg.nav_expand(f"{root}/Asset")["children"][2]["ref"] == {"kind": "list", "value": "__none__"}
    node = sg.nav_expand(f"{group}/Matte Painting", None, {"Asset": ["code"]})
    assert node["ref"] == {"kind": "list", "value": "Matte Painting"}
    assert node["children"][0]["ref"]["value"]["code"] == "y"
    assert [label for label, _path in children(sg, f"{group}/__none__")] == ["z"]


def test_project_decides_about_its_tree(sg, make, project, root):
    """
    The settings of a project name the types of its tree and what they are grouped by.
    """
    episode = make("Episode", code="e1")
    make("Sequence", code="q", episode=episode)
    for chains in (["Sequence.episode"], {"Sequence": "Sequence.episode", "Bogus": "Bogus.x"}):
        sg.update("Project", project["id"], {"tracking_settings": {"navchains": chains}})

        assert children(sg, root) == [("Sequences", f"{root}/Sequence")]
        assert children(sg, f"{root}/Sequence") == [("e1", f"{root}/Sequence/episode/Episode/{episode['id']}")]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/Bogus", "Unexpected path: /Bogus"),
        ("/Project/100000000", "Unexpected result looking for project: 100000000: 0 found."),
        ("/Project/x", "Unexpected result looking for project: x: 0 found."),
        ("/Project/²", "Unexpected result looking for project: ²: 0 found."),
        (f"/Project/{2**63}", f"Unexpected result looking for project: {2**63}: 0 found."),
        (f"{{root}}/Shot/id/{2**63}", "(expecting id/<id>)"),
        (f"{{root}}/Shot/sg_sequence/Sequence/{2**63}", f"Unexpected group in path: sg_sequence/Sequence/{2**63}"),
        ("{root}/Note", "Entity type provided is not part of the tree: Note"),
        ("{root}/Shot/nope/1", "Unexpected field name in path: nope (expecting sg_sequence)"),
        ("{root}/Shot/sg_sequence/Bogus/1", "Unexpected group in path: sg_sequence/Bogus/1"),
        ("{root}/Shot/sg_sequence", "Unexpected group in path: sg_sequence"),
        ("{root}/Shot/id/x", "(expecting id/<id>)"),
        ("{root}/Shot/id/100000000", "Unexpected result looking for Shot: 100000000: 0 found."),
        (5, "invalid/missing string 'path': 5"),
    ],
)
def test_path_to_nothing_faults(sg, root, path, message):
    """
    A path that names nothing in the tree is refused with the reason.
    """
    with pytest.raises(Fault) as caught:
        sg.nav_expand(path.format(root=root) if isinstance(path, str) else path)

    assert message in str(caught.value)


def test_what_is_below_a_node_is_found_by_its_preset(sg, make, project, root):
    """
    Each node hands out the preset that finds the rows linked to it and to what is below.
    """
    sequence = make("Sequence", code="q")
    shot, bare_shot = make("Shot", sg_sequence=sequence), make("Shot")
    asset = make("Asset", sg_asset_type="Prop")
    linked = {
        at: make("Version", entity=to)["id"]
        for at, to in enumerate((shot, bare_shot, asset, sequence, {"type": "Project", "id": project["id"]}))
    }
    make("Version")
    own = [["project", "is", project]]

    def found(path):
        target = sg.nav_expand(path, VERSION)["target_entities"]
        assert target["type"] == "Version"
        presets = target["additional_filter_presets"]
        assert presets == [{"preset_name": "NAV_ENTRIES", "path": path, "seed": {"type": "Version", "field": "entity"}}]
        return ids(sg.find("Version", own, additional_filter_presets=presets))

    group = f"{root}/Shot/sg_sequence/Sequence"
    assert found("/") == found(root) == list(linked.values())
    assert found(f"{root}/Shot") == [linked[0], linked[1]]
    assert found(f"{root}/Asset/sg_asset_type/Prop") == [linked[2]]
    assert found(f"{group}/{sequence['id']}") == [linked[0], linked[3]]
    assert found(f"{group}/__none__") == [linked[1]]
    assert found(f"{group}/{sequence['id']}/id/{shot['id']}") == [linked[0]]


def test_names_are_found_in_the_tree(sg, make, project, root, name):
    """
    A text finds projects, groups and rows of the tree, each with the way to it.
    """
    sequence = make("Sequence", code=f"seq {name}")
    shot = make("Shot", code=f"shot {name}", sg_sequence=sequence)
    group = f"{root}/Shot/sg_sequence/Sequence/{sequence['id']}"
    found = {each["label"]: each for each in sg.nav_search_string("/", name.upper())}

    assert found[f"shot {name}"] == {
        "label": f"shot {name}",
        "incremental_path": [root, f"{root}/Shot", group, f"{group}/id/{shot['id']}"],
        "path_label": f"Shots > seq {name}",
        "ref": shot,
        "project_id": project["id"],
    }
    assert found[f"seq {name}"]["incremental_path"] == [root, f"{root}/Shot", group]
    assert (found[f"seq {name}"]["path_label"], found[f"seq {name}"]["ref"]) == ("Shots", sequence)
    assert found[name]["incremental_path"] == [root]
    assert (found[name]["path_label"], found[name]["ref"]) == ("", {"type": "Project", "id": project["id"]})
    below = sg.nav_search_string(f"{root}/Shot", name)
    assert sorted(each["label"] for each in below) == [f"seq {name}", f"shot {name}"]


def test_rows_are_found_in_the_tree(sg, make, root, project):
    """
    A row is found where it stands; what stands nowhere in the tree is refused.
    """
    asset = make("Asset", sg_asset_type="Prop")
    loose = make("Asset")
    found = sg.nav_search_entity("/", asset, VERSION)

    assert [each["incremental_path"][-1] for each in found] == [f"{root}/Asset/sg_asset_type/Prop/id/{asset['id']}"]
    assert sg.nav_search_entity(root, loose)[0]["path_label"] == "Assets > Assets with no Type"
    assert sg.nav_search_entity("/", {"type": "Project", "id": project["id"]})[0]["project_id"] == project["id"]
    outside = [make("Task"), sg.find_one("Step", []), sg.create("Attachment", {"project": project})]
    for each in outside:
        with pytest.raises(Fault, match=f"Entity type provided is not part of the tree: {each['type']}"):
            sg.nav_search_entity("/", {"type": each["type"], "id": each["id"]})


def test_malformed_navigation_faults(sg):
    """
    A search for nothing and a seed that is no link are refused.
    """
    with pytest.raises(Fault, match="invalid/missing 'search_criteria'"):
        sg.nav_search_string("/", "")
    for seed in ("Version.code", "Bogus", 5):
        with pytest.raises(Fault, match="invalid 'seed_entity_field'"):
            sg.nav_expand("/", seed)
