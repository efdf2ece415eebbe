"""
The export of a page as CSV.
"""

import json

import pytest
from shotgun_api3 import Fault

from sgextended.localsite.calls.page_export import WIDGET


@pytest.fixture
def make_page(project, make_page_with):
    """
    Makes pages with a layout and returns their ids.
    """

    def make_one(*, settings=None, widget=None, columns=("id", "code"), children=None):
        query = {
            "type": "SG.Widget.EntityQuery.EntityQueryPage",
            "settings": {"entity_type": "Shot", "filters": None, **(widget or {})},
            "children": {"list_content": {"settings": {"columns": list(columns)}}},
        }
        body = {"type": "SG.Widget.Page", "children": {"body": query, **(children or {}), "note": "no widget"}}
        body["settings"] = {"api_exportable": True} if settings is None else settings
        return make_page_with(json.dumps(body), project=project)["id"]

    return make_one


def export(sg, *given):
    """
    Return a page's CSV; older clients have no method for it.
    """
    if hasattr(sg, "export_page"):
        return sg.export_page(*given)
    return sg._call_rpc("export_page", dict(zip(("page_id", "format", "layout_name"), given)))


def leaf(path, value, relation="is", **more):
    """
    Return a condition as pages keep it.
    """
    return {"path": path, "relation": relation, "values": [value], **more}


def group(*conditions):
    """
    Return a filter as pages keep it.
    """
    return {"logical_operator": "and", "conditions": list(conditions), "filter_name": "f"}


PROJECT = leaf("project", {"type": "Project", "id": 0, "valid": "project_token"}, top_level_project_filter=True)


def test_page_is_written_row_by_row(sg, make, make_page):
    """
    A page's rows are written in its order with its columns, under their labels; values are written as people read them.
    """
    sequence = make("Sequence", code="q")
    asset = make("Asset", code="hero, old")
    make("Shot", code="b", sg_sequence=sequence, assets=[asset, make("Asset", code="x")], sg_cut_in=5)
    make("Shot", code='a "1"')
    page = make_page(
        widget={"filters": group(PROJECT), "sorts": [{"column": "code", "direction": "desc"}]},
        columns=["code", {"column": "sg_sequence"}, "sg_sequence.Sequence.code", "assets", "sg_cut_in", "bogus"],
    )

    assert export(sg, page, "csv") == (
        'Shot Code,Sequence,Sequence Name,Assets,Cut In,bogus\nb,q,q,"hero, old, x",5,\n"a ""1""",,,,,\n'
    )


def test_checkboxes_and_links_are_words(sg, make, make_page):
    """
    A checkbox is Yes or No, a file is its name.
    """
    make("Version", code="v", flagged=True, sg_uploaded_movie={"url": "https://x.example", "name": "movie"})
    page = make_page(
        widget={"entity_type": "Version", "filters": group(PROJECT)},
        columns=["flagged", "client_approved", "sg_uploaded_movie"],
    )

    assert export(sg, page, "csv").split("\n")[1] == "Yes,No,movie"


def test_saved_filters_are_understood(site, make, make_client, make_page, name):
    """
    Words in saved filters stand for the project and whoever asks; what is switched off does not count.
    """
    user = site.add_user(name, "x")
    client = make_client(login=name, password="x")
    make("Task", content="mine", task_assignees=[user])
    make("Task", content="other")
    me = {"type": "HumanUser", "id": 0, "valid": "logged_in_user_token"}
    filters = group(
        PROJECT,
        group(leaf("task_assignees", me)),
        leaf("content", "bogus", active="false"),
        leaf("content", "bogus", active=False),
        leaf("content", "mine", active="true"),
    )
    page = make_page(widget={"entity_type": "Task", "filters": filters}, columns=["content"])

    assert export(client, page, "csv") == "Task Name\nmine\n"


def test_filter_on_project_does_not_count_for_types_without(sg, make_page):
    """
    The filter on the page's project is left out for types that have none.
    """
    page = make_page(widget={"entity_type": "Status", "filters": group(PROJECT)}, columns=["code"])

    assert "wtg" in export(sg, page, "csv").split("\n")


def test_layout_is_chosen_by_name(sg, make, make_page):
    """
    A layout is exported if it says so itself, without a name the first; one that is not there is refused.
    """
    make("Shot", code="s")
    other = {
        "type": "SG.Widget.EntityQuery.EntityQueryPage",
        "settings": {"entity_type": "Shot", "filters": group(PROJECT)},
        "children": {"list_content": {"settings": {"columns": ["sg_status_list"]}}},
    }
    layouts = [
        {"name": "first", "display_name": "Other"},
        {"name": "second", "display_name": "My Layout", "api_exportable": True},
    ]
    page = make_page(settings={"layouts": layouts}, children={"second": other})

    assert export(sg, page, "csv", "My Layout") == "Status\nwtg\n"
    for layout in (None, "Other", "Bogus"):
        with pytest.raises(Fault, match=f"Export for Page id={page} not available"):
            export(sg, page, "csv", layout)


def test_what_cannot_be_exported_is_refused(sg, make_page, make_page_with):
    """
    Pages that are gone, without a layout, or whose layout lists nothing, are refused.
    """
    retired, empty, columnless = make_page(), make_page_with(None)["id"], make_page(columns=[])
    typeless = make_page(widget={"entity_type": "Bogus"})
    broken = make_page_with("[1]")
    sg.delete("Page", retired)

    with pytest.raises(Fault, match=f"Trying to perform export for retired Page id={retired}"):
        export(sg, retired, "csv")
    for page in (empty, columnless, typeless, broken["id"], 10**8):
        with pytest.raises(Fault, match=f"Export for Page id={page} not available"):
            export(sg, page, "csv")
    with pytest.raises(Fault, match="'format' must be one of: csv"):
        export(sg, empty, "xls")
    with pytest.raises(Fault, match="'format' missing"):
        export(sg, empty, None)
    with pytest.raises(Fault, match="'page_id' missing"):
        export(sg, None, "csv")


def test_first_layout_is_the_default(sg, make, make_page):
    """
    Without a name the first layout is exported.
    """
    make("Shot", code="s")
    layouts = [{"name": "body", "display_name": "All", "api_exportable": True}]
    page = make_page(settings={"layouts": layouts}, widget={"filters": group(PROJECT)}, columns=["code"])

    assert export(sg, page, "csv") == export(sg, page, "csv", "All") == "Shot Code\ns\n"


@pytest.mark.parametrize(
    "settings",
    [
        {"settings": 5},
        {"settings": {"api_exportable": True, "layouts": [5]}},
        {"settings": {"api_exportable": True}, "children": [1]},
        {"type": WIDGET, "settings": {"api_exportable": True, "entity_type": "Task"}, "children": {"list_content": 5}},
        {"type": WIDGET, "settings": {"api_exportable": True, "entity_type": "Task", "sorts": [5]},
         "children": {"list_content": {"settings": {"columns": ["content"]}}}},
        {"type": WIDGET, "settings": {"api_exportable": True, "entity_type": ["Task"]},
         "children": {"list_content": {"settings": {"columns": ["content"]}}}},
    ],
)  # fmt: skip
def test_settings_of_any_form_get_a_fault(sg, make_page_with, settings):
    """
    Callers write settings as they like, and an export of settings that are none gets a fault.
    """
    page = make_page_with(json.dumps(settings))["id"]

    with pytest.raises(Fault, match=rf"Page id={page}.* (not available|are not those of a page)"):
        export(sg, page, "csv")
