"""
Query fields and saved pages: a client finds in the demo what it needs to work them out by itself.
"""

import json

import pytest
from shotgun_api3 import Fault

from sgextended.localsite import LocalSite
from sgextended.localsite.custom_fields.query_field_definitions import add_query_field, condition, current, group


def properties(sg, entity_type, field):
    """
    Return the properties of a field by name, without saying which may be changed.
    """
    described = sg.schema_field_read(entity_type, field)[field]
    assert described["data_type"] == {"value": "summary", "editable": False}
    assert not any(fact["editable"] for name, fact in described["properties"].items() if name != "summary_default")
    return {name: fact["value"] for name, fact in described["properties"].items()}


def test_query_field_says_what_it_asks(demo):
    """
    The schema describes a query as the web application saves it, with words for the row at hand.
    """
    assert properties(demo, "Shot", "sg_open_tasks") == {
        "default_value": None,
        "summary_default": "record_count",
        "summary_field": "id",
        "summary_value": None,
        "query": {
            "entity_type": "Task",
            "filters": {
                "logical_operator": "and",
                "conditions": [
                    {
                        "path": "entity",
                        "relation": "is",
                        "values": [{"type": "Shot", "id": 0, "name": "Current Shot", "valid": "parent_entity_token"}],
                        "active": "true",
                    },
                    {"path": "sg_status_list", "relation": "not_in", "values": ["fin", "omt"], "active": "true"},
                ],
            },
        },
    }


@pytest.mark.parametrize(
    ("entity_type", "field", "summary", "summary_field", "value"),
    [
        ("Asset", "sg_bid_total", "sum", "est_in_mins", None),
        ("Asset", "sg_average_task_duration", "average", "duration", None),
        ("Asset", "sg_first_start", "minimum", "start_date", None),
        ("Asset", "sg_last_due", "maximum", "due_date", None),
        ("Asset", "sg_my_tasks", "count", "content", None),
        ("Asset", "sg_milestones_share", "percentage", "milestone", None),
        ("Asset", "sg_task_status", "status_list", "sg_status_list", None),
        ("Shot", "sg_tasks_final", "status_percentage", "sg_status_list", "fin"),
        ("Shot", "sg_tasks_final_exactly", "status_percentage_as_float", "sg_status_list", "fin"),
        (
            "Shot",
            "sg_latest_version",
            "single_record",
            "code",
            {"column": "created_at", "direction": "desc", "detail_link": True, "limit": 1},
        ),
        (
            "Shot",
            "sg_latest_artists",
            "single_record",
            "user",
            {"column": "created_at", "direction": "desc", "detail_link": True, "limit": 3},
        ),
        ("Sequence", "sg_average_cut", "average", "sg_cut_duration", None),
        ("Task", "sg_version_count", "record_count", "id", None),
    ],
)
def test_demo_has_a_field_of_every_kind(demo, entity_type, field, summary, summary_field, value):
    """
    The demo's fields count, sum, average, take ends, shares and single records.
    """
    found = properties(demo, entity_type, field)

    assert (found["summary_default"], found["summary_field"], found["summary_value"]) == (summary, summary_field, value)


def leaves(filters):
    """
    Return the conditions of a saved filter, however deep they stand.
    """
    for part in filters["conditions"]:
        if "conditions" in part:
            yield from leaves(part)
        else:
            yield part


def test_demo_uses_every_word_and_nests(demo):
    """
    Among the demo's queries are the words for the row, the caller and the project, a nested any, an inactive leaf.
    """
    schema = demo.schema_read()
    queries = [
        field["properties"]["query"]["value"]["filters"]
        for fields in schema.values()
        for field in fields.values()
        if field["data_type"]["value"] == "summary"
    ]
    conditions = [leaf for filters in queries for leaf in leaves(filters)]
    words = {value["valid"] for leaf in conditions for value in leaf["values"] if isinstance(value, dict)}

    assert words == {"parent_entity_token", "logged_in_user_token", "project_token"}
    assert {leaf["active"] for leaf in conditions} == {"true", "false"}
    assert any(part.get("logical_operator") == "or" for filters in queries for part in filters["conditions"])
    assert any(len(leaf["path"].split(".")) == 3 for leaf in conditions)


def test_value_of_a_query_field_is_null(demo):
    """
    As on a live site, the API gives no value for a site's own query fields, on any path; notes are counted.
    """
    shot = demo.find_one("Shot", [], ["sg_open_tasks", "sg_latest_version", "open_notes_count"])
    task = demo.find_one("Task", [["entity", "is", shot]], ["entity.Shot.sg_open_tasks", "sg_version_count"])

    assert (shot["sg_open_tasks"], shot["sg_latest_version"]) == (None, None)
    assert isinstance(shot["open_notes_count"], int)
    assert (task["entity.Shot.sg_open_tasks"], task["sg_version_count"]) == (None, None)


def test_query_field_takes_no_part_in_requests(demo):
    """
    A query field can be neither searched nor written; summaries leave it out, and sorting by it means nothing.
    """
    with pytest.raises(Fault, match=r"Shot.sg_open_tasks's 'summary' data type cannot be used in a filter."):
        demo.find("Shot", [["sg_open_tasks", "is", 5]])
    with pytest.raises(Fault, match=r"API update\(\) of data type 'summary' not supported in API"):
        demo.update("Shot", 1, {"sg_open_tasks": 5})
    assert demo.summarize("Shot", [], [{"field": "sg_open_tasks", "type": "sum"}])["summaries"] == {}
    order = [{"field_name": "sg_open_tasks", "direction": "desc"}]
    assert demo.find_one("Shot", [], order=order)["id"] == 1


def test_open_notes_are_counted_over_links(sg, make):
    """
    The number of open notes is there on dotted paths too; nobody writes it.
    """
    shot = make("Shot")
    task = make("Task", entity=shot)
    make("Note", note_links=[shot], sg_status_list="ip")
    make("Note", note_links=[shot], tasks=[task], sg_status_list="opn")
    make("Note", note_links=[shot], tasks=[task], sg_status_list="clsd")
    row = sg.find_one("Task", [["id", "is", task["id"]]], ["open_notes_count", "entity.Shot.open_notes_count"])

    assert (row["open_notes_count"], row["entity.Shot.open_notes_count"]) == (1, 2)
    with pytest.raises(Fault, match=r"API update\(\) Shot.open_notes_count is read only"):
        sg.update("Shot", shot["id"], {"open_notes_count": 3})


def test_summary_that_is_none_is_refused(site):
    """
    A query field sums up in one of the ways that the site knows.
    """
    with site.store.reading() as tx, pytest.raises(ValueError, match=r"must be one of record_count.*got 'median'"):
        add_query_field(tx, "Shot", "Odd", ("Task", group("and")), "median")


def test_query_field_outlives_the_site(tmp_path, make_connection):
    """
    A query field is in the file like all else.
    """
    path = tmp_path / "site.db"
    with LocalSite(db=path) as site, site.store.writing() as tx:
        query = ("Task", group("and", condition("entity", "is", current("Shot"))))
        assert add_query_field(tx, "Shot", "All Tasks", query, "record_count", description="All.") == "sg_all_tasks"
    with LocalSite(db=path) as site:
        sg = make_connection(site)
        described = sg.schema_field_read("Shot", "sg_all_tasks")["sg_all_tasks"]
        sg.close()

    assert described["name"]["value"] == "All Tasks"
    assert described["description"]["value"] == "All."
    assert described["properties"]["query"]["value"]["entity_type"] == "Task"


def body(settings):
    """
    Return the settings of the widget that lists the rows of a page.
    """
    assert settings["children"]["body"]["type"] == "SG.Widget.EntityQuery.EntityQueryPage"
    return settings["children"]["body"]["settings"]


def test_demo_has_pages_with_settings(demo):
    """
    Each page has one set of settings of its own, decoded, with filters, order, groups and columns.
    """
    pages = demo.find("Page", [], ["name", "entity_type", "page_type", "project"])
    assert len(pages) >= 5
    found = {}
    for page in pages:
        (setting,) = demo.find("PageSetting", [["page", "is", page], ["user", "is", None]], ["settings_json"])
        found[page["name"]] = setting["settings_json"]

    shots = body(found["Shots"])
    assert shots["entity_type"] == "Shot"
    assert shots["sorts"][0] == {"column": "sg_sequence", "direction": "asc"}
    assert shots["grouping"] == [{"column": "sg_sequence", "method": "exact", "direction": "asc"}]
    assert shots["filters"]["conditions"][0]["top_level_project_filter"] is True
    assert body(found["My Tasks"])["grouping"] is False
    content = found["Shots"]["children"]["body"]["children"]["list_content"]
    assert "sg_open_tasks" in content["settings"]["columns"]
    fields = demo.schema_field_read("Shot")
    assert set(content["settings"]["columns"]) <= set(fields)
    assert found["Overview"]["children"] == {}


def test_persons_patch_their_page(demo):
    """
    A person's own settings of a page are a list of patches.
    """
    (setting,) = demo.find("PageSetting", [["user", "is_not", None]], ["settings_json", "page", "user"])

    assert setting["page"]["name"] == "Shots"
    assert [patch["spec_path"] for patch in setting["settings_json"]] == ["body", "body|list_content"]


def test_page_can_be_exported(demo):
    """
    A page that says so can be had as text.
    """
    page = demo.find_one("Page", [["name", "is", "Late Tasks"]])

    # The oldest client that is supported has no method for it.
    text = demo._call_rpc("export_page", {"format": "csv", "page_id": page["id"], "layout_name": None})

    assert text.splitlines()[0].startswith("Task Name,Link,")


def test_settings_are_written_as_text_and_not_searched(sg, make_page_with):
    """
    Settings go in as text and come out decoded; a condition on them finds every row.
    """
    page = make_page_with(None)
    setting = sg.create("PageSetting", {"page": page, "settings_json": json.dumps({"type": "x", "settings": {}})})
    odd = sg.create("PageSetting", {"page": page, "settings_json": "{no json"})
    mine = [["page", "is", page]]
    values = [row["settings_json"] for row in sg.find("PageSetting", mine, ["settings_json"])]

    assert setting["settings_json"] == {"type": "x", "settings": {}}
    assert odd["settings_json"] == "{no json"
    assert values == [None, {"type": "x", "settings": {}}, "{no json"]
    for relation in ("is", "is_not", "contains"):
        assert len(sg.find("PageSetting", [*mine, ["settings_json", relation, "x"]])) == 3
