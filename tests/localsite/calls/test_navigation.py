"""
Reading: fields and dotted paths, sorts, pages, retired rows and archived projects.
"""

import pytest
from shotgun_api3 import Fault

CODES = ["b", "A", "C", "a", None, "é"]


@pytest.fixture
def versions(make):
    """
    Versions whose frame counts and descriptions come in no order, two without.
    """
    counts = [3, 1, None, 2, 3, None]
    return [make("Version", code=f"v{n}", frame_count=c, description=d) for n, (c, d) in enumerate(zip(counts, CODES))]


def _codes(sg, project, **options):
    return [row["code"] for row in sg.find("Version", [["project", "is", project]], ["code"], **options)]


def test_rows_have_type_and_id_always(sg, make):
    """
    Type and id are in every row, whatever fields are asked for.
    """
    shot = make("Shot", code="sh010")

    assert sg.find("Shot", [["id", "is", shot["id"]]]) == [{"type": "Shot", "id": shot["id"]}]


def test_empty_values_are_present(sg, make):
    """
    A field without a value is null, a list of links empty, a checkbox false.
    """
    fields = ["description", "sg_sequence", "assets", "open_notes", "open_notes_count", "tag_list", "image", "cut_in"]
    row = sg.find_one("Shot", [["id", "is", make("Shot")["id"]]], fields)
    task = sg.find_one("Task", [["id", "is", make("Task")["id"]]], ["milestone", "splits", "workload", "sibling_tasks"])

    assert [row[field] for field in fields] == [None, None, [], [], 0, [], None, None]
    assert [task[field] for field in ("milestone", "splits", "workload", "sibling_tasks")] == [False, None, None, []]


@pytest.mark.parametrize(
    "path",
    [
        *("bogus", "sg_sequence.Sequence.bogus", "sg_sequence.Bogus.code", "sg_sequence.code"),
        *("tasks.Task.content", "sg_sequence.Asset.code", "code.Shot.code", "bogus.Shot.code"),
    ],
)
def test_field_that_cannot_be_shown_is_left_out(sg, make, path):
    """
    Unknown fields, paths that do not resolve and paths through lists are dropped without a word.
    """
    row = sg.find_one("Shot", [["id", "is", make("Shot", code="x")["id"]]], ["code", path])

    assert set(row) == {"type", "id", "code"}


def test_dotted_path_shows_the_linked_rows_field(sg, make, project):
    """
    A path through links shows values, links and lists of the row at its end.
    """
    sequence = make("Sequence", code="SQ")
    shot = make("Shot", code="sh", sg_sequence=sequence)
    task = make("Task", content="Anim", entity=shot)
    fields = ["entity.Shot.code", "entity.Shot.sg_sequence", "entity.Shot.sg_sequence.Sequence.code"]
    fields += [
        "entity.Shot.project.Project.archived",
        "entity.Shot.tasks",
        "entity.Shot.open_notes_count",
        "entity.Shot.id",
    ]
    row = sg.find_one("Task", [["id", "is", task["id"]]], fields)

    assert [row[field] for field in fields] == [
        "sh",
        {"type": "Sequence", "id": sequence["id"], "name": "SQ"},
        "SQ",
        False,
        [{"type": "Task", "id": task["id"], "name": "Anim"}],
        0,
        shot["id"],
    ]


def test_dotted_path_past_an_absent_link_is_null(sg, make):
    """
    Where the link is empty, or leads to another type, the value is null.
    """
    fields = ["entity.Shot.code", "entity.Shot.sg_sequence", "entity.Shot.open_notes_count", "entity.Asset.code"]
    fields += ["entity.Shot.project.Project.archived", "entity.Shot.assets"]
    row = sg.find_one("Task", [["id", "is", make("Task", entity=make("Asset", code="Hero"))["id"]]], fields)

    assert [row[field] for field in fields] == [None, None, None, "Hero", None, []]


def test_link_to_a_retired_row_reads_as_none(sg, make):
    """
    A link to a retired row is null, drops out of lists, and comes back with the row.
    """
    sequence, asset = make("Sequence", code="SQ"), make("Asset", code="Hero")
    shot = make("Shot", sg_sequence=sequence, assets=[asset])
    fields = ["sg_sequence", "assets", "sg_sequence.Sequence.code"]

    def read():
        return [sg.find_one("Shot", [["id", "is", shot["id"]]], fields)[field] for field in fields]

    before = read()
    sg.delete("Sequence", sequence["id"])
    sg.delete("Asset", asset["id"])
    gone = read()
    sg.revive("Sequence", sequence["id"])
    sg.revive("Asset", asset["id"])

    assert gone == [None, [], None]
    assert read() == before


@pytest.mark.parametrize(
    ("order", "codes"),
    [
        ([], ["v0", "v1", "v2", "v3", "v4", "v5"]),
        ([("frame_count", "asc")], ["v1", "v3", "v0", "v4", "v2", "v5"]),
        ([("frame_count", "desc")], ["v0", "v4", "v3", "v1", "v2", "v5"]),
        ([("description", "asc")], ["v1", "v3", "v0", "v2", "v5", "v4"]),
        ([("frame_count", "desc"), ("id", "desc")], ["v4", "v0", "v3", "v1", "v5", "v2"]),
        ([("id", "desc")], ["v5", "v4", "v3", "v2", "v1", "v0"]),
        ([("bogus", "asc"), ("sg_uploaded_movie", "desc"), ("playlists", "asc"), ("code", "desc")], None),
    ],
    ids=str,
)
def test_rows_come_in_the_order_asked_for(sg, project, versions, order, codes):
    """
    Rows are sorted without regard to case, empty values last in both directions, equals by id; what cannot be sorted
    by is ignored.
    """
    sorts = [{"field_name": name, "direction": direction} for name, direction in order]

    assert _codes(sg, project, order=sorts) == (codes or ["v5", "v4", "v3", "v2", "v1", "v0"])


def test_rows_are_sorted_by_what_links_show(sg, make, project):
    """
    A link sorts by the linked row's name, and a dotted path by the value at its end.
    """
    for code, kind in (("beta", "Prop"), ("Alpha", "Vehicle"), ("gamma", None)):
        make("Task", content=code, entity=make("Asset", code=code, sg_asset_type=kind))
    make("Task", content="none")

    def contents(field, direction):
        order = [{"field_name": field, "direction": direction}]
        return [row["content"] for row in sg.find("Task", [["project", "is", project]], ["content"], order=order)]

    assert contents("entity", "asc") == ["Alpha", "beta", "gamma", "none"]
    assert contents("entity", "desc") == ["gamma", "beta", "Alpha", "none"]
    assert contents("entity.Asset.sg_asset_type", "desc") == ["Alpha", "beta", "gamma", "none"]


def test_old_spelling_of_a_sort_is_understood(call, project, versions):
    """
    Saved pages say "column" where the client says "field_name".
    """
    filters = {"logical_operator": "and", "conditions": [{"path": "project", "relation": "is", "values": [project]}]}
    sorts = [{"column": "id", "direction": "desc"}]
    reply = call("read", {"type": "Version", "filters": filters, "return_fields": ["code"], "sorts": sorts})

    assert [row["code"] for row in reply["results"]["entities"]] == ["v5", "v4", "v3", "v2", "v1", "v0"]


def test_limit_and_page_cut_the_result(sg, project, versions):
    """
    A limit takes the first rows, a page the rows after the pages before it.
    """
    assert _codes(sg, project, limit=2) == ["v0", "v1"]
    assert _codes(sg, project, limit=4, page=2) == ["v4", "v5"]
    assert _codes(sg, project, limit=4, page=3) == []


def test_pages_join_to_the_whole(make_client, project, versions):
    """
    The client's own paging, one row at a time, finds every row once and in order.
    """
    sg = make_client()
    sg.config._records_per_page = 1

    assert _codes(sg, project) == ["v0", "v1", "v2", "v3", "v4", "v5"]


def test_counting_page_info_counts(call, project, versions):
    """
    The older form of paging says how many rows and pages there are.
    """
    filters = {"logical_operator": "and", "conditions": [{"path": "project", "relation": "is", "values": [project]}]}
    paging = {"entities_per_page": 4, "current_page": 1}
    reply = call("read", {"type": "Version", "filters": filters, "paging": paging, "return_paging_info": True})

    assert reply["results"]["paging_info"] == {
        "has_next_page": True,
        "current_page": 1,
        "page_count": 2,
        "entity_count": 6,
        "entities_per_page": 4,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paging": {"entities_per_page": 5001, "current_page": 1}}, "size must be less than 5000"),
        (
            {"paging": {"entities_per_page": 0, "current_page": 1}},
            "size must be greater than 0, got 0",
        ),
        ({"paging": {"entities_per_page": 5, "current_page": "x"}}, "'current_page' must be a positive Integer"),
        ({"type": "Bogus"}, "API read() invalid/missing string entity 'type'"),
        ({"type": None}, "API read() invalid/missing string entity 'type'"),
        ({"return_only": "all"}, "'return_only' must be one of: active, retired"),
        ({"return_fields": 5}, "'return_fields' expected an Array of String but got: 5"),
        ({"return_fields": [5]}, "'return_fields' expected an Array of String"),
        ({"sorts": [{"field_name": "id", "direction": "up"}]}, "invalid sort"),
        ({"sorts": ["id"]}, "invalid sort"),
        (
            {"additional_filter_presets": [{"preset_name": "LATEST"}]},
            'API read() Shot has no filter preset "LATEST"',
        ),
    ],
    ids=str,
)
def test_malformed_read_faults(call, change, message):
    """
    A read that cannot be understood is refused with the reason.
    """
    filters = {"logical_operator": "and", "conditions": []}
    reply = call("read", {"type": "Shot", "filters": filters, **change})

    assert message in reply["message"]
    assert reply["exception"] is True


def test_payload_of_another_form_faults(call):
    """
    A read whose payload is no object is refused.
    """
    assert "API read() expected a Hash of parameters but got: [1]" in call("read", [1])["message"]


def test_one_return_field_may_be_bare(call, project, versions):
    """
    Return fields given as one name are a list of one.
    """
    filters = {"logical_operator": "and", "conditions": [{"path": "project", "relation": "is", "values": [project]}]}
    reply = call("read", {"type": "Version", "filters": filters, "return_fields": "code"})

    assert reply["results"]["entities"][0]["code"] == "v0"


def test_retired_rows_are_found_only_when_asked_for(sg, make, project):
    """
    Retired rows are hidden, or they alone are shown.
    """
    kept, gone = make("Shot", code="kept"), make("Shot", code="gone")
    sg.delete("Shot", gone["id"])
    mine = [["project", "is", project]]

    assert [row["id"] for row in sg.find("Shot", mine)] == [kept["id"]]
    assert sg.find("Shot", mine, ["code"], retired_only=True) == [{"type": "Shot", "id": gone["id"], "code": "gone"}]


def test_archived_projects_may_be_left_out(sg, make, project):
    """
    Rows of archived projects, and these projects, are found unless the caller leaves them out.
    """
    shot = make("Shot", code="x")
    sg.update("Project", project["id"], {"archived": True})
    this = [["id", "is", shot["id"]]]
    own = [["id", "is", project["id"]]]
    count = [{"field": "id", "type": "count"}]

    assert sg.find("Shot", this) == [{"type": "Shot", "id": shot["id"]}]
    assert sg.find("Shot", this, include_archived_projects=False) == []
    assert sg.find("Project", own, include_archived_projects=False) == []
    assert sg.find("Step", [], include_archived_projects=False) != []
    assert sg.summarize("Shot", this, count, include_archived_projects=False)["summaries"] == {"id": 0}


def test_rows_of_a_page_cost_no_queries_of_their_own(site, sg, make, project):
    """
    A page of many rows with links and lists takes as many queries as a page of one.
    """
    asset = make("Asset", code="Hero")
    sg.batch(
        [
            {
                "request_type": "create",
                "entity_type": "Shot",
                "data": {"project": project, "code": f"s{n}", "assets": [asset]},
            }
            for n in range(20)
        ]
    )
    counts = []

    def queries(limit):
        statements = []
        engine = site.store._database._engine
        import sqlalchemy

        def note(_connection, _cursor, statement, *_rest):
            statements.append(statement)

        sqlalchemy.event.listen(engine, "before_cursor_execute", note)
        sg.find(
            "Shot", [["project", "is", project]], ["code", "project", "assets", "project.Project.name"], limit=limit
        )
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)
        return len(statements)

    counts = [queries(1), queries(20)]

    assert counts[0] == counts[1]


def test_image_and_password_fields_read_as_on_live_sites(sg, site):
    """
    A password shows as stars, whoever reads it, and through links too.
    """
    user = site.add_user("stars", "secret")
    rows = sg.find("HumanUser", [["id", "is", user["id"]]], ["password_proxy", "image"])

    assert rows == [{"type": "HumanUser", "id": user["id"], "password_proxy": "*******", "image": None}]


def test_unknown_rows_fault_by_type_name(sg):
    """
    A type that the site does not have is refused by its name.
    """
    with pytest.raises(Fault, match='"Bogus" is not an entity type of this site'):
        sg.find("Bogus", [])


def _nested(depth):
    group = {"logical_operator": "and", "conditions": [{"path": "content", "relation": "is", "values": ["anim"]}]}
    for level in range(depth - 1):
        other = {"path": "content", "relation": "is", "values": ["of no task"]}
        operator = "or" if level % 2 else "and"
        group = {"logical_operator": operator, "conditions": [group] if operator == "and" else [group, other]}
    return group


@pytest.mark.parametrize("depth", [1, 100, 265])
def test_groups_may_be_nested_as_deep_as_on_live_sites(call, make, depth):
    """
    265 groups within groups work. The client cannot send as many, so the test does.
    """
    make("Task", content="anim")
    reply = call("read", {"type": "Task", "filters": _nested(depth), "return_fields": ["content"]})

    assert {row["content"].lower() for row in reply["results"]["entities"]} == {"anim"}


def test_groups_nested_deeper_fault(call):
    """
    The 266th group is refused.
    """
    reply = call("read", {"type": "Task", "filters": _nested(266)})

    assert reply["exception"] is True
    assert "nested deeper than 265" in reply["message"]
