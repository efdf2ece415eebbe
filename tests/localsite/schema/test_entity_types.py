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

    assert len(found) == 107
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
            | {"vwd", "recd", "dlvr", "cfrm", "pndng"},
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
