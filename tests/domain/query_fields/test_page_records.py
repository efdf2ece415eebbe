"""
The records of Page entities, on pages whose records, fields and order were worked out by hand.
"""

import json

import pytest
import shotgun_api3

from sgextended import ConfigurationError, InvalidArgumentError, NotFoundError, SGExtended
from sgextended.domain.query_fields.page_records import find_page
from sgextended.localsite import LocalSite
from sgextended.localsite.custom_fields.query_field_definitions import (
    CURRENT_PROJECT,
    ME,
    add_query_field,
    condition,
    current,
    group,
)

WIDGET = "SG.Widget.EntityQuery.EntityQueryPage"
IN_PROJECT = {**condition("project", "is", CURRENT_PROJECT), "top_level_project_filter": True}


@pytest.fixture(scope="module")
def site():
    """
    A site for this module.
    """
    with LocalSite() as running:
        yield running


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client on that site.
    """
    return make_sg(site)


@pytest.fixture(scope="module")
def made(site, sg):
    """
    Shots a to d in a film, e in a short; a and c are in progress, a and b of sequence two, c of sequence one.
    """
    rows = {name: sg.create("Project", {"name": name}) for name in ("film", "short")}
    for login in ("ana", "ben"):
        rows[login] = site.add_user(login, "pw")
    for code in ("one", "two"):
        rows[code] = sg.create("Sequence", {"code": code, "project": rows["film"]})
    for code, project, status, sequence, cut in (
        ("a", "film", "ip", "two", 30),
        ("b", "film", "fin", "two", 10),
        ("c", "film", "ip", "one", 20),
        ("d", "film", "wtg", None, 5),
        ("e", "short", "ip", None, 1),
    ):
        rows[code] = sg.create(
            "Shot",
            {
                "code": code,
                "project": rows[project],
                "sg_status_list": status,
                "sg_sequence": sequence and rows[sequence],
                "sg_cut_in": cut,
            },
        )
    for content, shot, who in (("t1", "a", "ana"), ("t2", "a", "ben"), ("t3", "c", "ana"), ("t4", "e", "ana")):
        data = {"content": content, "entity": rows[shot], "task_assignees": [rows[who]]}
        rows[content] = sg.create("Task", {**data, "project": rows["short" if shot == "e" else "film"]})
    with site.store.writing() as tx:
        query = ("Task", group("and", condition("entity", "is", current("Shot"))))
        rows["count"] = add_query_field(tx, "Shot", "Tasks There", query, "record_count")
    return rows


def widget(filters=None, columns=("code",), entity_type="Shot", **settings):
    """
    Return the part of a page that lists records.
    """
    return {
        "type": WIDGET,
        "settings": {"entity_type": entity_type, "filters": filters, "grouping": False, **settings},
        "children": {"list_content": {"type": "x", "settings": {"columns": list(columns)}, "children": {}}},
    }


@pytest.fixture(scope="module")
def make_bare_page(site, sg, made):
    """
    A function that creates a page without readable settings and returns a link to it. A script creates no page.
    """
    person = shotgun_api3.Shotgun(site.url, login="ana", password="pw")

    def make(project=None):
        page = {"type": "Page", "id": person.create("Page", {"name": "p", "project": project})["id"]}
        setting = sg.find_one("PageSetting", [["page", "is", page]])
        sg.update("PageSetting", setting["id"], {"settings_json": None})
        return page

    yield make
    person.close()


@pytest.fixture
def make_page(sg, made, make_bare_page):
    """
    A function that creates a page of the film and returns its id.
    """

    def make(body, *, project="film", own=(), children=None, settings=None, **root):
        page = make_bare_page(made[project] if project else None)
        whole = {"type": "SG.Widget.Page", "settings": settings or {}, "children": {"body": body, **(children or {})}}
        setting = sg.find_one("PageSetting", [["page", "is", page]])
        sg.update("PageSetting", setting["id"], {"settings_json": json.dumps({**whole, **root})})
        for user, patches in own:
            sg.create("PageSetting", {"page": page, "user": made[user], "settings_json": json.dumps(patches)})
        return page["id"]

    return make


def codes(rows):
    return "".join(row["code"] for row in rows)


def sort(column, direction="asc"):
    return {"column": column, "direction": direction}


IS_IP = condition("sg_status_list", "is", "ip")
FINAL = condition("sg_status_list", "is", "fin")
PANEL = {"filter_panel_main_entity_type_settings": {"panel_filters": group("and", IS_IP)}}
PANEL_OFF = {
    "filter_panel_main_entity_type_settings": {
        "panel_filters": group("and", condition("sg_status_list", "is", "fin", active=False))
    }
}


@pytest.mark.parametrize(
    ("body", "options", "expected"),
    [
        pytest.param(widget(group("and", IN_PROJECT)), {}, "abcd", id="of the project"),
        pytest.param(widget(group("and", IN_PROJECT, IS_IP)), {}, "ac", id="all"),
        pytest.param(widget(group("or", FINAL, IS_IP)), {}, "abce", id="any"),
        pytest.param(widget(group("and", IN_PROJECT, group("or", FINAL, IS_IP))), {}, "abc", id="any in all"),
        pytest.param(
            widget(group("or", FINAL, group("and", IS_IP, condition("code", "is", "c")))), {}, "bc", id="all in any"
        ),
        pytest.param(
            widget(group("and", IN_PROJECT, condition("code", "is", "a", active=False))), {}, "abcd", id="switched off"
        ),
        pytest.param(widget(), {}, "abcde", id="no filter"),
        pytest.param(widget(group("and", IN_PROJECT), sorts=[sort("sg_cut_in")]), {}, "dbca", id="ascending"),
        pytest.param(widget(group("and", IN_PROJECT), sorts=[sort("sg_cut_in", "desc")]), {}, "acbd", id="descending"),
        pytest.param(
            widget(
                group("and", IN_PROJECT),
                sorts=[sort("code", "desc")],
                grouping=[{"column": "sg_sequence", "method": "exact", "direction": "asc"}],
            ),
            {},
            "cbad",
            id="grouped, then sorted",
        ),
        pytest.param(widget(group("and", IN_PROJECT)), {"settings": PANEL}, "ac", id="filter panel"),
        pytest.param(widget(group("or", FINAL)), {"settings": PANEL}, "", id="filter panel beside an any"),
        pytest.param(widget(group("and", IN_PROJECT)), {"settings": PANEL_OFF}, "abcd", id="filter panel switched off"),
        pytest.param(
            widget(group("and", condition("project.Project.name", "is", "short"))), {}, "e", id="dotted condition"
        ),
        pytest.param(
            widget(
                group("and", condition("project", "is", {"type": "Project", "id": 0, "valid": "parent_entity_token"}))
            ),
            {},
            "abcd",
            id="the current entity is the project",
        ),
    ],
)
def test_page_has_its_records_in_its_order(sg, make_page, body, options, expected):
    """
    A page returns the records that match its filters, in its order.
    """
    assert codes(find_page(sg, make_page(body, **options))) == expected


def test_columns_are_the_fields(sg, made, make_page):
    """
    The columns are the returned fields, in every notation. Query fields among them are computed.
    """
    columns = [
        "code",
        {"column": "sg_cut_in"},
        {"name": "sg_status_list"},
        "sg_sequence.Sequence.code",
        made["count"],
        5,
    ]
    rows = sg.find_page(make_page(widget(group("and", IN_PROJECT, IS_IP), columns)))

    assert rows == [
        {
            "type": "Shot",
            "id": made[code]["id"],
            "code": code,
            "sg_cut_in": cut,
            "sg_status_list": "ip",
            "sg_sequence.Sequence.code": sequence,
            made["count"]: tasks,
        }
        for code, cut, sequence, tasks in (("a", 30, "two", 2), ("c", 20, "one", 1))
    ]


def test_fields_and_filters_of_the_caller(sg, made, make_page):
    """
    The caller can replace or add fields, add conditions and set a limit. An any group of the page stays a group.
    """
    page = make_page(widget(group("or", FINAL, IS_IP), sorts=[sort("code", "desc")]))

    assert codes(sg.find_page(page, filters=[["project", "is", made["film"]]])) == "cba"
    assert codes(sg.find_page(page, limit=2)) == "ec"
    assert set(sg.find_page(page, fields=["sg_cut_in"])[0]) == {"type", "id", "sg_cut_in"}
    assert set(sg.find_page(page, extra_fields=["sg_cut_in"])[0]) == {"type", "id", "code", "sg_cut_in"}
    assert sg.find_page(page, fields=[made["count"]])[-1][made["count"]] == 2


def test_me_is_the_current_user_or_the_given_person(site, sg, made, make_page, make_site):
    """
    Me on a page is the current user or the given person. For a script it must be given.
    """
    page = make_page(widget(group("and", condition("task_assignees", "is", ME)), ["content"], "Task"))
    as_ana = SGExtended(site=make_site(site, sudo_as_login="ana"))

    assert [row["content"] for row in as_ana.find_page(page)] == ["t1", "t3", "t4"]
    assert [row["content"] for row in as_ana.find_page(page, user=made["ben"])] == ["t2"]
    with pytest.raises(ConfigurationError, match=r"Page .* 'p' cannot be found: it refers to Me.*pass user="):
        sg.find_page(page)


def test_project_is_that_of_the_page_or_the_one_given(sg, made, make_page):
    """
    The current project is the project of the page or the given one. For a page without a project it must be given.
    """
    filters = group("and", condition("project", "is", CURRENT_PROJECT))
    nowhere = make_page(widget(filters), project=None)

    assert codes(sg.find_page(nowhere, project=made["short"])) == "e"
    assert codes(sg.find_page(make_page(widget(filters)), project=made["short"])) == "e"
    message = r"current project, but the page belongs to no project\. Pass project="
    with pytest.raises(ConfigurationError, match=message):
        sg.find_page(nowhere)


def test_filter_on_the_project_does_not_count_for_types_without(sg, made, make_page):
    """
    The filter on the page's project is ignored for types without a project.
    """
    rows = sg.find_page(make_page(widget(group("and", IN_PROJECT), ["code"], "Status")))

    assert "wtg" in {row["code"] for row in rows}


def test_own_settings_hold_for_their_person(site, sg, made, make_page, make_site):
    """
    Personal settings of a page apply only to their person, and only if the caller wants them.
    """
    patches = [
        {"spec_path": "body", "settings": {"sorts": [sort("code", "desc")]}},
        {"spec_path": "body|list_content", "settings": {"columns": ["code", "sg_cut_in"]}},
        {"spec_path": "gone|list_content", "settings": {"columns": []}},
        "odd",
    ]
    page = make_page(widget(group("and", IN_PROJECT)), own=[("ana", patches), ("ben", None)])
    as_ana = SGExtended(site=make_site(site, sudo_as_login="ana"))

    assert codes(sg.find_page(page)) == codes(sg.find_page(page, user=made["ben"])) == "abcd"
    assert codes(sg.find_page(page, user=made["ana"])) == codes(as_ana.find_page(page)) == "dcba"
    assert "sg_cut_in" in as_ana.find_page(page)[0]
    assert codes(as_ana.find_page(page, own_settings=False)) == "abcd"


def test_layouts_go_by_name(sg, make_page):
    """
    The first layout is the default. Another one is chosen by its display name.
    """
    layouts = [{"name": "body", "display_name": "All"}, {"name": "second", "display_name": "Final ones"}]
    page = make_page(
        widget(group("and", IN_PROJECT)),
        children={"second": {"type": "Box", "children": {"inner": widget(group("and", FINAL)), "text": "x"}}},
        settings={"layouts": layouts},
    )

    assert codes(sg.find_page(page)) == codes(sg.find_page(page, layout="All")) == "abcd"
    assert codes(sg.find_page(page, layout="Final ones")) == "b"
    with pytest.raises(NotFoundError, match=r"no layout 'Bogus'\. Its layouts are 'All', 'Final ones'"):
        sg.find_page(page, layout="Bogus")


def test_pages_that_show_no_records_say_so(sg, make_page, make_bare_page):
    """
    A page that does not exist, is retired, has no settings or lists no records raises NotFoundError.
    """
    retired, bare = make_page(widget()), make_bare_page()["id"]
    sg.delete("Page", retired)
    for page, message in (
        (10**8, "no Page 100000000"),
        (retired, f"no Page {retired}"),
        (bare, "has no readable settings"),
        (make_page({"type": "SG.Widget.Canvas"}), "lists no records"),
        (make_page(widget(entity_type=None)), "does not define the entity type"),
    ):
        with pytest.raises(NotFoundError, match=message):
            sg.find_page(page)


def test_misuse_is_refused(sg, make_page):
    """
    An invalid id and an unknown form of filter raise InvalidArgumentError.
    """
    for wrong in ("12", None, True, {"type": "Shot", "id": 1}):
        with pytest.raises(InvalidArgumentError, match="page_id must be the id of a page"):
            sg.find_page(wrong)
    with pytest.raises(InvalidArgumentError, match="cannot be found: its filter joins conditions by 'xor'"):
        sg.find_page(make_page(widget({"logical_operator": "xor", "conditions": []})))


def test_official_client_gives_the_same(site, sg, make_page):
    """
    A plain Shotgun returns the same records, by id or by link.
    """
    page = make_page(widget(group("and", IN_PROJECT), sorts=[sort("code", "desc")]))
    native = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    found = find_page(native, {"type": "Page", "id": page})
    native.close()

    assert found == sg.find_page(page)


def test_page_costs_a_few_calls(site, sg, made, make_page):
    """
    A page costs two finds for itself, one for its records, the schema once, and a call for each query field.
    """
    page = make_page(widget(group("and", IN_PROJECT), ["code", made["count"]]))
    before = len(site.ledger.entries)
    sg.find_page(page)

    assert [(entry.rpc, entry.entity_type) for entry in site.ledger.entries[before:]] == [
        ("read", "Page"),
        ("read", "PageSetting"),
        ("schema_field_read", "Shot"),
        ("schema_field_read", "Task"),
        ("read", "Shot"),
        ("summarize", "Task"),
    ]


@pytest.mark.parametrize("name", ["Late Tasks", "Sequences"])
def test_demo_pages_are_as_the_site_exports_them(demo_site, make_sg, name):
    """
    The demo pages that can be exported return the rows of their export.
    """
    sg = make_sg(demo_site)
    page = sg.find_one("Page", [["name", "is", name]])
    text = sg._sg._call_rpc("export_page", {"format": "csv", "page_id": page["id"], "layout_name": None})
    rows = sg.find_page(page)
    first = "content" if name == "Late Tasks" else "code"

    assert [line.split(",")[0] for line in text.splitlines()[1:]] == [row[first] for row in rows]


def test_all_demo_pages_are_found(demo_site, make_sg):
    """
    Each demo page returns records, except the one that is not a list.
    """
    sg = make_sg(demo_site)
    user = sg.find_one("Task", [["task_assignees", "is_not", None], ["sg_status_list", "is", "ip"]], ["task_assignees"])
    found = {
        page["name"]: len(sg.find_page(page, user=user["task_assignees"][0]))
        for page in sg.find("Page", [["page_type", "is", "entity_query"]], ["name"])
    }

    assert {name for name, number in found.items() if number} >= {
        "Shots",
        "Assets",
        "Versions",
        "Sequences",
        "My Tasks",
    }
