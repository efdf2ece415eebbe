"""
The schema as callers read it, and as the site keeps it.
"""

import pytest
from shotgun_api3 import Fault

from sgextended.localsite.schema.entity_types import standard_schema
from sgextended.localsite.schema.link_relations import Listed, Reverse, Through, relation_of
from sgextended.localsite.storage.display_names import name_sources
from sgextended.localsite.storage.entity_tables import standard_tables


def test_all_types_are_described(sg):
    """
    Every entity type has its label.
    """
    found = sg.schema_entity_read()

    assert len(found) == 114
    assert found["HumanUser"] == {
        "name": {"value": "Person", "editable": False},
        "visible": {"value": True, "editable": False},
    }


def test_whole_schema_describes_each_type(sg, project):
    """
    The whole schema holds what each type's own description holds, with and without a project.
    """
    whole = sg.schema_read()

    assert set(whole) == set(sg.schema_entity_read({"type": "Project", "id": project["id"]}))
    assert whole["Shot"] == sg.schema_field_read("Shot") == sg.schema_field_read("Shot", project_entity=project)


def test_field_is_described_in_full(sg):
    """
    A field's description says what it is called, what it takes and who may change it.
    """
    found = sg.schema_field_read("Shot", "sg_status_list")["sg_status_list"]

    assert found["data_type"] == {"value": "status_list", "editable": False}
    assert found["name"]["value"] == "Status"
    assert found["properties"]["default_value"] == {"value": "wtg", "editable": True}
    assert found["properties"]["valid_values"]["value"] == ["cbb", "fin", "ip", "omt", "hld", "rdy", "wtg"]
    assert set(found["properties"]["display_values"]["value"]) == {"cbb", "fin", "ip", "omt", "hld", "rdy", "wtg"}
    assert found["properties"]["hidden_values"]["value"] == []


@pytest.mark.parametrize(
    ("entity_type", "field", "facts"),
    [
        ("Shot", "id", {"data_type": "number", "editable": False}),
        ("Shot", "code", {"mandatory": True, "name": "Shot Code"}),
        ("Shot", "created_at", {"editable": False, "data_type": "date_time"}),
        ("Project", "name", {"unique": True}),
        ("Task", "entity", {"data_type": "entity"}),
        ("Task", "task_assignees", {"data_type": "multi_entity"}),
    ],
)
def test_facts_are_those_of_the_standard_schema(sg, entity_type, field, facts):
    """
    The facts of a field are those of a real site's.
    """
    found = sg.schema_field_read(entity_type, field)[field]

    assert {name: found[name]["value"] for name in facts} == facts


@pytest.mark.parametrize(
    ("entity_type", "field", "extra"),
    [
        ("Task", "entity", {"valid_types"}),
        ("Asset", "sg_asset_type", {"valid_values"}),
        ("Shot", "code", {"regex_validation", "regex_validation_enabled"}),
        ("Version", "sg_uploaded_movie", {"open_in_new_window"}),
        ("Shot", "open_notes_count", {"query", "summary_field", "summary_value"}),
        ("Task", "due_date", set()),
    ],
)
def test_data_type_has_its_properties(sg, entity_type, field, extra):
    """
    Each data type has the properties that tell about it.
    """
    found = sg.schema_field_read(entity_type, field)[field]["properties"]

    assert set(found) == {"default_value", "summary_default"} | extra


def test_count_of_open_notes_says_what_it_counts(sg):
    """
    The query field's own query finds what the field counts: tasks are linked to notes in another way than shots.
    """
    paths = [
        sg.schema_field_read(entity_type, "open_notes_count")["open_notes_count"]["properties"]["query"]["value"]
        for entity_type in ("Shot", "Task")
    ]

    assert [query["filters"]["conditions"][0]["path"] for query in paths] == ["note_links", "tasks"]


@pytest.mark.parametrize(("entity_type", "field"), [("Bogus", None), ("Shot", "bogus")])
def test_unknown_schema_faults(sg, entity_type, field):
    """
    A type or field that is not there is refused by its name.
    """
    with pytest.raises(Fault, match="ogus"):
        sg.schema_field_read(entity_type, field)


def test_every_pair_of_fields_agrees_on_its_relation():
    """
    Each relation's two ends name each other: what one field keeps is where the other looks.
    """
    schema = standard_schema()
    for facts in schema.types.values():
        for field in facts.fields.values():
            if field.data_type != "multi_entity":
                continue
            relation = relation_of(facts.name, field.name)
            if isinstance(relation, Reverse):
                far = schema.field(relation.far_type, relation.far_field)

                assert far is not None, field.path
                assert relation.far_type in field.valid_types, field.path
            elif isinstance(relation, Through):
                own = schema.field(relation.connection, relation.own_field)

                assert own is not None, field.path
                assert own.valid_types == (facts.name,), field.path
                assert relation.far_type in field.valid_types, field.path
            elif isinstance(relation, Listed) and not relation.left:
                assert relation.far_type in field.valid_types, field.path


def test_names_are_made_of_columns_that_exist():
    """
    The columns that a type's names are made of are columns of its table.
    """
    tables = standard_tables()
    missing = [
        (facts.name, source)
        for facts in standard_schema().types.values()
        for source in name_sources(facts)
        if source not in tables[facts.name].c
    ]

    assert missing == []


@pytest.mark.parametrize(
    ("entity_type", "codes"),
    [
        (
            "Status",
            {"act", "apr", "clsd", "cmpt", "dis", "fin", "hld", "ip", "na", "omt", "opn", "res", "rev", "wtg"}
            | {"vwd", "recd", "dlvr", "cfrm", "pndng", "rdy", "cbb"},
        ),
        (
            "PermissionRuleSet",
            {"admin", "manager", "artist", "vendor", "api_admin", "client_user"}
            | {"admin_system_default", "manager_system_default", "artist_system_default", "vendor_system_default"}
            | {"api_admin_system_default", "client_user_system_default"},
        ),
    ],
)
def test_new_site_has_what_every_site_has(sg, entity_type, codes):
    """
    A new site comes with statuses and permission groups.
    """
    assert {row["code"] for row in sg.find(entity_type, [], ["code"])} == codes


def test_new_site_has_pipeline_steps(sg):
    """
    A new site comes with steps for assets and shots.
    """
    steps = sg.find("Step", [], ["code", "entity_type", "short_name"])

    assert {step["entity_type"] for step in steps} == {"Asset", "Shot"}
    assert ("Animation", "ANM") in {(step["code"], step["short_name"]) for step in steps}


def test_project_that_is_not_there_hides_nothing(sg):
    """
    The schema as a project sees it is answered for the project 0 too; what is no project is refused.
    """
    nowhere = {"type": "Project", "id": 0}

    assert sg.schema_entity_read(nowhere) == sg.schema_entity_read()
    assert sg.schema_field_read("Shot", "code", nowhere) == sg.schema_field_read("Shot", "code")
    with pytest.raises(Fault, match="'project' must be a Project"):
        sg.schema_entity_read({"type": "Shot", "id": 1})
    with pytest.raises(Fault, match="doesn't exist"):
        sg.schema_field_read("Shot", "no_such_field")


def test_source_of_a_thumbnail_names_the_types_with_thumbnails(sg):
    """
    The link to the row that a thumbnail was taken from lists entity types, and the list cannot be changed.
    """
    found = sg.schema_field_read("Shot", "image_source_entity")["image_source_entity"]["properties"]["valid_types"]

    assert {"Version", "Shot", "HumanUser"} <= set(found["value"])
    assert not {"*", "Step", "TimeLog"}.intersection(found["value"])
    assert found["editable"] is False


def test_layout_of_a_project_is_set_on_create(sg, project, name):
    """
    A new project may name the project whose layout it takes; later the layout cannot be changed.
    """
    made = sg.create("Project", {"name": f"like {name}", "layout_project": project}, ["layout_project"])

    assert made["layout_project"]["id"] == project["id"]
    with pytest.raises(Fault, match="layout_project is editable on create only"):
        sg.update("Project", made["id"], {"layout_project": None})


@pytest.mark.parametrize(
    ("entity_type", "field", "far_type", "far_field"),
    [
        ("Launch", "shots", "LaunchShotConnection", "launch"),
        ("Launch", "scenes", "LaunchSceneConnection", "launch"),
        ("Reel", "cuts", "Cut", "entity"),
        ("HumanUser", "contracts", "Contract", "user"),
    ],
)
def test_types_of_recent_sites_have_their_lists(sg, entity_type, field, far_type, far_field):
    """
    The lists of the types that recent sites have show the links from the other end.
    """
    assert sg.schema_field_read(entity_type, field)[field]["data_type"]["value"] == "multi_entity"
    assert entity_type in sg.schema_field_read(far_type, far_field)[far_field]["properties"]["valid_types"]["value"]


def test_lists_of_launches_and_reels(sg, make):
    """
    The shots of a launch are rows of its connection type; the cuts of a reel are those that link to it.
    """
    shot = make("Shot")
    launch = make("Launch", shots=[shot])
    reel = make("Reel")
    cut = make("Cut", entity=reel)
    pairs = sg.find("LaunchShotConnection", [["launch", "is", launch]], ["shot"])

    assert [pair["shot"]["id"] for pair in pairs] == [shot["id"]]
    assert [row["id"] for row in sg.find_one("Reel", [["id", "is", reel["id"]]], ["cuts"])["cuts"]] == [cut["id"]]
