"""
Requests for query fields: behind links, with other clients, together with other fields; and invalid requests.
"""

import random

import pytest
import shotgun_api3

from sgextended import InvalidArgumentError, SGExtended
from sgextended.domain.query_fields.query_field_values import NotComputed, add_query_fields, find_with_query_fields
from sgextended.localsite.custom_fields.query_field_definitions import (
    CURRENT_PROJECT,
    ME,
    condition,
    current,
    group,
    single,
)

SHOT = current("Shot")
OF_SHOT = condition("entity", "is", SHOT)
OPEN = condition("sg_status_list", "is_not", "fin")
MINE = condition("task_assignees", "is", ME)
IN_PROJECT = condition("project", "is", CURRENT_PROJECT)
TASKS = ("Task", group("and", OF_SHOT))
VERSIONS = ("Version", group("and", OF_SHOT))
NOTED = ("Note", group("and", condition("note_links", "is", SHOT)))
OF_ASSET = ("Shot", group("and", condition("assets", "is", current("Asset"))))
STATUS = {"field": "sg_status_list"}


def test_dotted_fields_are_those_of_the_link(sg, made, define):
    """
    A query field behind a link has the value of the linked record; without a link it is None.
    """
    shots = ("Shot", group("and", condition("sg_sequence", "is", current("Sequence")), IN_PROJECT))
    total = define(*shots, "sum", of="Sequence", field="sg_cut_duration")
    opened = define("Task", group("and", OF_SHOT, OPEN))
    shot_path, task_path = f"sg_sequence.Sequence.{total}", f"entity.Shot.sg_sequence.Sequence.{total}"
    order = [{"field_name": "id", "direction": "asc"}]
    found = find_with_query_fields(sg, "Shot", [], ["code", shot_path], order)
    tasks = find_with_query_fields(
        sg, "Task", [["content", "is", "layout"]], [f"entity.Shot.{opened}", task_path], order
    )

    assert [row[shot_path] for row in found] == [42, 42, 42, None]
    assert set(found[0]) == {"type", "id", "code", shot_path}  # fields that were only needed to compute it are removed
    assert [row[f"entity.Shot.{opened}"] for row in tasks] == [2, 0, 1]
    assert [row[task_path] for row in tasks] == [42, 42, None]


def test_missing_links_and_projects_are_requested_once(site, sg, made, define):
    """
    Links and projects that the rows lack are requested once for all rows and fields, and removed again.
    """
    shots = ("Shot", group("and", condition("sg_sequence", "is", current("Sequence"))))
    paths = [f"sg_sequence.Sequence.{define(*shots, of='Sequence')}", define("Task", group("and", IN_PROJECT))]
    rows = [{"type": "Shot", "id": made[key]["id"]} for key in "ad"]
    before = site.ledger.count("read")
    returned = add_query_fields(sg, rows, paths)

    assert returned is rows
    assert site.ledger.count("read") - before == 1
    assert [[row.pop(path) for path in paths] for row in rows] == [[3, 5], [None, 1]]
    assert [set(row) for row in rows] == [{"type", "id"}] * 2


def test_field_that_the_site_refuses_leaves_the_others_alone(sg, made, define):
    """
    Fields share a call. If the site refuses it because of one field, the others are requested separately.
    """
    good = define(*TASKS, "sum", field="est_in_mins")
    bad = define("Task", group("and", OF_SHOT, condition("sg_gone", "is", 1)), "record_count")
    rows = add_query_fields(sg, [{"type": "Shot", "id": made["a"]["id"]}], [good, bad])

    assert rows[0][good] == 180
    assert "refused" in rows[0][bad].reason


def test_field_behind_a_list_has_no_single_value(sg, made, define):
    """
    A query field behind a list of links has no single value, and the reason says so.
    """
    path = f"assets.Asset.{define(*OF_ASSET, of='Asset')}"
    row = find_with_query_fields(sg, "Shot", [["id", "is", made["a"]["id"]]], [path])[0]

    assert "behind assets, a list of links" in row[path].reason


def test_record_without_a_project_says_so(sg, made, define):
    """
    A field that refers to the current project has no value for a record without a project.
    """
    field = define("Task", group("and", IN_PROJECT), of="HumanUser")
    row = add_query_fields(sg, [{"type": "HumanUser", "id": made["ana"]["id"]}], [field])[0]

    assert "the entity has no project" in row[field].reason


def test_project_is_its_own_current_project(sg, made, define):
    """
    The current project of a project is the project itself.
    """
    field = define("Task", group("and", IN_PROJECT), of="Project")
    rows = add_query_fields(sg, [dict(made["film"]), dict(made["short"])], [field])

    assert [row[field] for row in rows] == [5, 1]


def test_me_is_who_is_logged_in(site, sg, made, define, make_site):
    """
    Me is the person for whom the client acts. For a script there is no such person, and the reason says so.
    """
    site.add_user("cleo", "pw", firstname="Cleo", lastname="C")
    field = define("Task", group("and", OF_SHOT, MINE))
    as_ana = SGExtended(site=make_site(site, sudo_as_login="ana"))
    row = {"type": "Shot", "id": made["b"]["id"]}

    assert add_query_fields(as_ana, [dict(row)], [field])[0][field] == 2
    assert "is a script or unknown" in add_query_fields(sg, [dict(row)], [field])[0][field].reason


def test_official_client_gives_the_same(site, sg, made, define):
    """
    The functions also accept a plain Shotgun.
    """
    native = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    fields = [
        define(*TASKS, "sum", field="est_in_mins"),
        define(*VERSIONS, "single_record", field="code", value=single("created_at")),
        define(*VERSIONS, "maximum", field="created_at"),
        define(*NOTED, "status_list", field="sg_status_list"),
    ]
    rows = [{"type": "Shot", "id": made[key]["id"]} for key in "abcd"]
    theirs = add_query_fields(native, [dict(row) for row in rows], fields)
    native.close()

    assert theirs == add_query_fields(sg, [dict(row) for row in rows], fields)


class Finding:
    """
    A client without summarize, like a Mockgun.
    """

    def __init__(self, sg):
        self.find, self.schema_field_read = sg.find, sg.schema_field_read


@pytest.mark.parametrize(
    ("summary", "options"),
    [
        ("record_count", {}),
        *((kind, {"field": "est_in_mins"}) for kind in ("count", "sum", "average", "minimum", "maximum")),
        *((kind, {"field": "due_date"}) for kind in ("minimum", "maximum")),
        *((kind, {**STATUS, "value": "fin"}) for kind in ("status_percentage", "status_percentage_as_float")),
        ("percentage", {"field": "milestone"}),
        ("status_list", STATUS),
        ("single_record", {"field": "content", "value": single("due_date")}),
        *(
            ("single_record", {"field": "content", "value": single(column, descending=descending, limit=limit)})
            for column, limit in (("content", 1), ("sg_status_list", 2), ("est_in_mins", 2), ("due_date", 3), ("id", 2))
            for descending in (True, False)
        ),
    ],
)
def test_client_without_summarize_gives_the_same(sg, made, define, summary, options):
    """
    Without summarize, the rows are requested and summarized here, with the same values.
    """
    field = define(*TASKS, summary, **options)
    rows = [{"type": "Shot", "id": made[key]["id"]} for key in "abcd"]

    here = add_query_fields(Finding(sg), [dict(row) for row in rows], [field])

    assert here == add_query_fields(sg, rows, [field])
    assert not any(isinstance(row[field], NotComputed) for row in here)


def test_zero_and_no_value_are_told_apart(sg, made, define):
    """
    Among the first rows of a record, a row with 0 comes before a row without a value.
    """
    data = {"project": made["film"], "entity": made["c"]}
    contents = (("none", None), ("zero", 0), ("minus", -30), ("more", 30))
    tasks = [sg.create("Task", {**data, "content": content, "est_in_mins": bid}) for content, bid in contents]
    try:
        which = [single("est_in_mins", descending=descending, limit=3) for descending in (False, True)]
        fields = [define(*TASKS, "single_record", field="content", value=value) for value in which]
        rows = add_query_fields(sg, [{"type": "Shot", "id": made[key]["id"]} for key in "ac"], fields)
    finally:
        for task in tasks:
            sg.delete("Task", task["id"])

    assert [rows[1][field] for field in fields] == [["minus", "zero", "more"], ["more", "zero", "minus"]]


def test_what_a_mockgun_cannot_find_says_so(sg, made, define):
    """
    A Mockgun refuses unknown operators with a bare ShotgunError. It becomes the reason of one field.
    """
    field = define(*TASKS)

    class Limited(Finding):
        def limited(self, entity_type, *_more, **_options):
            raise shotgun_api3.ShotgunError(f"The in_next operator is not supported on {entity_type}")

    client = Limited(sg)
    client.find = client.limited
    row = add_query_fields(client, [{"type": "Shot", "id": made["a"]["id"]}], [field])[0]

    assert "in_next operator is not supported on Task" in row[field].reason


SORTS = ("content", "sg_status_list", "id", "created_at", "est_in_mins", "due_date", "milestone", "project")
LEAVES = [OF_SHOT] * 4 + [OPEN, MINE, IN_PROJECT, condition("entity", "is_not", SHOT)]


def some_filter(rng, depth=0):
    """
    Return a random filter as the web application could save it: nested groups with and without placeholders.
    """
    if depth > 2 or rng.random() < 0.35:
        return rng.choice(LEAVES)
    parts = [some_filter(rng, depth + 1) for _part in range(rng.randint(1, 3))]
    return group(rng.choice(["and", "and", "or"]), *parts)


def some_definition(rng):
    """
    Return the filter and the summary of a query field of tasks.
    """
    which = single(rng.choice(SORTS), descending=rng.random() < 0.5, limit=rng.choice([1, 2, 3]))
    summaries = [
        ("record_count", {}),
        ("status_list", STATUS),
        ("percentage", {**STATUS, "value": "fin"}),
        *((kind, {"field": "est_in_mins"}) for kind in ("sum", "average", "minimum", "maximum", "count")),
        *((kind, {"field": "due_date"}) for kind in ("minimum", "maximum")),
        *[("single_record", {"field": "content", "value": which})] * 6,
    ]
    return group("and", some_filter(rng)), rng.choice(summaries)


@pytest.mark.parametrize("seed", range(24))
def test_values_of_random_definitions_are_consistent(sg, made, define, seed):
    """
    For random definitions, the values of many records at once equal those of each record alone and those of its rows.
    """
    filters, (summary, options) = some_definition(random.Random(seed))
    field = define("Task", filters, summary, **options)
    rows = [{"type": "Shot", "id": made[key]["id"]} for key in "abcd"]
    together = add_query_fields(sg, [dict(row) for row in rows], [field], user=made["ana"])

    assert together == [add_query_fields(sg, [dict(row)], [field], user=made["ana"])[0] for row in rows]
    assert together == add_query_fields(Finding(sg), rows, [field], user=made["ana"])


def test_sum_of_text_is_refused_with_every_client(sg, made, define):
    """
    If rows are summarized here, a sum that the site would refuse is refused as well.
    """
    field = define(*TASKS, "sum", field="content")
    row = add_query_fields(Finding(sg), [{"type": "Shot", "id": made["a"]["id"]}], [field])[0]

    assert "has no meaning" in row[field].reason


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("summary_default", "none", "it has no summary"),
        ("summary_default", "median", "its summary 'median' is unknown"),
        ("query", {"filters": None}, "its query has an unknown form"),
        ("query", {"entity_type": "Task", "filters": {"conditions": [5]}}, "its filter has an unknown form"),
    ],
)
def test_schema_that_is_not_understood_says_so(sg, made, define, name, value, reason):
    """
    If the schema of a query field has an unknown form, the value is a reason.
    """
    field = define(*TASKS)

    class Newer(Finding):
        def schema(self, entity_type):
            fields = sg.schema_field_read(entity_type)
            if field in fields:
                fields[field]["properties"][name]["value"] = value
            return fields

    client = Newer(sg)
    client.schema_field_read = client.schema
    row = add_query_fields(client, [{"type": "Shot", "id": made["a"]["id"]}], [field])[0]

    assert reason in row[field].reason


def test_groups_that_are_not_understood_are_replaced_by_rows(sg, made, define):
    """
    If the groups in a response do not contain the links, the rows are requested instead.
    """

    class Vague(Finding):
        def summarize(self, *args, **kwargs):
            reply = sg.summarize(*args, **kwargs)
            for entry in reply["groups"]:
                entry["group_value"] = entry["group_name"]
            return reply

    fields = [define(*NOTED), define(*VERSIONS, "single_record", field="code", value=single("created_at"))]
    rows = add_query_fields(Vague(sg), [{"type": "Shot", "id": made[key]["id"]} for key in "abc"], fields)

    assert [[row[field] for row in rows] for field in fields] == [[1, 2, 0], ["a_v1", "b_v1", None]]


def test_find_gives_query_fields_beside_the_others(sg, made, define):
    """
    find returns query fields together with the other fields, which do not change. Without query fields it is the plain
    find.
    """
    field = define(*TASKS)
    rows = sg.find("Shot", [["project", "is", made["film"]]], ["code", field, "bogus"], limit=2, query_fields=True)

    assert rows == [
        {"type": "Shot", "id": made[key]["id"], "code": key, field: number} for key, number in (("a", 3), ("b", 2))
    ]
    assert sg.find("Shot", [["code", "is", "d"]], query_fields=True) == sg.find("Shot", [["code", "is", "d"]])
    assert sg.find("Shot", [["code", "is", "none"]], [field], query_fields=True) == []
    assert [row[field] for row in sg.find("Shot", [], ["code", field])] == [None] * 4


def test_plain_function_gives_what_find_gives(sg, made, define):
    """
    Plain clients use the function, which takes the arguments of find and a user for Me.
    """
    field, mine = define(*TASKS), define("Task", group("and", OF_SHOT, MINE))
    official = shotgun_api3.Shotgun(sg.site.url, sg.site.script_name, sg.config.api_key)
    order = [{"field_name": "code", "direction": "desc"}]
    theirs = find_with_query_fields(official, "Shot", [], ("code", field), order, None, 2)
    official.close()

    assert theirs == sg.find("Shot", [], ["code", field], order, limit=2, query_fields=True)
    assert [row[field] for row in theirs] == [1, 0]
    assert [row[mine] for row in find_with_query_fields(sg, "Shot", [], mine, user=made["ana"])] == [1, 2, 0, 1]


def test_studios_own_find_is_asked_once(site, made, define, make_site):
    """
    A studio's override of find that passes its arguments on is called once.
    """
    searches = []

    class Studio(SGExtended):
        def find(self, entity_type, filters, *args, **options):
            if entity_type == "Shot":
                searches.append(options)
                filters = [*filters, ["code", "is_not", "a"]]
            return super().find(entity_type, filters, *args, **options)

    field = define(*TASKS)
    rows = Studio(site=make_site(site)).find("Shot", [], [field], query_fields=True)

    assert [row[field] for row in rows] == [2, 0, 1]
    assert searches == [{"query_fields": True}]


def test_override_with_the_native_arguments_is_never_given_more(site, made, define, make_site):
    """
    An override of find with only the native arguments works, because the package never passes query_fields to it.
    """

    class Studio(SGExtended):
        def find(self, entity_type, filters, fields=None, order=None, filter_operator=None, limit=0):
            return super().find(entity_type, filters, fields, order, filter_operator, limit)

    sg, path = Studio(site=make_site(site)), f"entity.Shot.{define(*TASKS)}"
    rows = sg.add_query_fields([dict(made["a.anim"])], [path])

    assert rows[0][path] == 3
    assert [row[path] for row in sg.find_iter("Task", [["content", "is", "anim"]], [path], query_fields=True)] == [3, 2]
    with pytest.raises(TypeError, match="query_fields"):
        sg.find("Task", [], [path], query_fields=True)


def test_find_iter_gives_query_fields(sg, made, define, monkeypatch):
    """
    find_iter returns query fields too, computed for a number of entities at a time, also for a type without any.
    """
    monkeypatch.setattr("sgextended.domain.query_fields.query_field_values.PAGE_SIZE", 3)
    field = define(*TASKS)

    assert [row[field] for row in sg.find_iter("Shot", [], ["code", field], query_fields=True)] == [3, 2, 0, 1]
    assert [row[field] for row in sg.find_iter("Shot", [], ["code", field])] == [None] * 4
    handed_in = SGExtended(shotgun_api3.Shotgun(sg.site.url, sg.site.script_name, sg.config.api_key))
    assert [row[field] for row in handed_in.find_iter("Shot", [], [field], query_fields=True)] == [3, 2, 0, 1]


def test_all_query_fields_of_a_type(sg, made, define):
    """
    Without names, all query fields of the type are computed, except the count of open notes, which the site returns
    itself.
    """
    field = define("Task", group("and", condition("task_assignees", "is", current("HumanUser"))), of="HumanUser")
    row = add_query_fields(sg, [{"type": "HumanUser", "id": made["ana"]["id"]}])[0]

    assert row[field] == 4
    assert "open_notes_count" not in row


def test_no_rows_cost_nothing():
    """
    Without rows, no request is sent.
    """
    assert add_query_fields(object(), []) == []
    assert add_query_fields(object(), iter(())) == []


def test_rows_may_be_any_iterable(sg, made, define):
    """
    Rows from a generator or tuple are returned as a list, with the values set.
    """
    field, row = define(*TASKS), dict(made["a"])

    assert add_query_fields(sg, (each for each in [row]), field) == add_query_fields(sg, (row,), {field}) == [row]
    assert row[field] == 3


def test_misuse_is_refused(sg, made):
    """
    Rows of several types, invalid rows and invalid fields raise InvalidArgumentError.
    """
    shot, task = dict(made["a"]), dict(made["a.anim"])
    for rows, fields, message in (
        ([shot], [5], "must be text such as 'code', not 5"),
        ([{"type": "Shot", "id": None}], None, "must be dicts with 'type' and 'id'"),
        ([shot, task], None, r"of several types \(Shot, Task\)"),
        ([1], None, "must be dicts with 'type' and 'id'"),
        ([shot], ["code"], "Shot.code is not a query field"),
        ([shot], ["open_notes_count"], "not a query field"),
        ([shot], "sg_sequence.code", "'sg_sequence.code' is not a field"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            add_query_fields(sg, rows, fields)
    with pytest.raises(InvalidArgumentError, match="user must be a dict"):
        add_query_fields(sg, [shot], user=5)


def test_rejected_credentials_raise(site, made, define, make_site):
    """
    If the site rejects the credentials, the fault is raised and does not become a reason.
    """
    field = define(*TASKS)
    stranger = SGExtended(site=make_site(site))
    stranger.config.api_key = "wrong"

    with pytest.raises(shotgun_api3.AuthenticationFault):
        add_query_fields(stranger, [{"type": "Shot", "id": made["a"]["id"]}], [field])
