"""
Filters: each relation of each data type against an expectation worked out in Python, and the faults.
"""

import datetime

import pytest
from shotgun_api3 import Fault

from sgextended.localsite import LocalSite

NOON = datetime.datetime(2026, 3, 11, 12, tzinfo=datetime.timezone.utc)  # a Wednesday
TODAY = NOON.date()


def _day(offset):
    return (TODAY + datetime.timedelta(days=offset)).isoformat()


def _moment(**offset):
    return NOON + datetime.timedelta(**offset)


# What the tasks hold; the expectations below are worked out from these rows, not from SQL.
TASKS = {
    "Layout": {
        "due_date": _day(-40),
        "duration": 480,
        "implicit": True,
        "sg_status_list": "fin",
        "at": _moment(days=-40),
    },
    "layout B": {"due_date": _day(-1), "duration": 0, "sg_status_list": "ip", "at": _moment(hours=-2)},
    "ANIM": {"due_date": _day(0), "duration": 960, "sg_status_list": "IP".lower(), "at": _moment(minutes=-30)},
    "anim_2": {"due_date": _day(3), "duration": None, "sg_status_list": None, "at": _moment(minutes=30)},
    "Comp 100%": {"due_date": _day(40), "duration": 100, "sg_status_list": "wtg", "at": _moment(days=3)},
    "École back\\slash": {"due_date": None, "duration": 480, "sg_status_list": "wtg", "at": _moment(days=400)},
    "ÉCOLE": {"due_date": _day(-365), "duration": -60, "sg_status_list": "hld", "at": _moment(days=-365)},
}


@pytest.fixture(scope="module")
def sg(make_connection):
    """
    A client of a site whose clock stands still, with the tasks above and a few links.
    """
    with LocalSite() as site:
        site.store.clock = lambda: NOON
        sg = make_connection(site)
        project = sg.create("Project", {"name": "Show"})
        hero = sg.create(
            "Asset", {"project": project, "code": "Hero", "sg_asset_type": "Character", "tag_list": ["Red", "blue"]}
        )
        kite = sg.create("Asset", {"project": project, "code": "Kite", "sg_asset_type": "Prop"})
        lost = sg.create("Asset", {"project": project, "code": "Lost"})
        seq = sg.create("Sequence", {"project": project, "code": "SQ hero"})
        shots = [
            sg.create("Shot", {"project": project, "code": code, "sg_sequence": sequence, "assets": assets})
            for code, sequence, assets in (
                ("sh010", seq, [hero, kite]),
                ("sh020", seq, [kite]),
                ("sh030", None, []),
                ("sh040", None, [lost]),
            )
        ]
        entities = [shots[0], shots[0], shots[1], hero, None, lost, seq]
        for (content, row), entity in zip(TASKS.items(), entities):
            data = {key: value for key, value in row.items() if key != "at"}
            sg.create(
                "Task", {"project": project, "content": content, "entity": entity, "created_at": row["at"], **data}
            )
        sg.delete("Asset", lost["id"])
        yield sg
        sg.close()


def found(sg, *filters, entity_type="Task", field="content"):
    """
    Return the names of the rows that the filters find.
    """
    return [row[field] for row in sg.find(entity_type, list(filters), [field])]


def expected(predicate):
    """
    Return the names of the tasks for which the predicate holds.
    """
    return [content for content, row in TASKS.items() if predicate({"content": content, **row})]


def _date(row):
    return row["due_date"] and datetime.date.fromisoformat(row["due_date"])


CASES = [
    # text
    (["content", "is", "layout"], lambda t: t["content"].lower() == "layout"),
    (["content", "is", "école"], lambda t: t["content"].lower() == "école"),
    (["content", "is_not", "layout"], lambda t: t["content"].lower() != "layout"),
    (["content", "contains", "LAY"], lambda t: "lay" in t["content"].lower()),
    (["content", "contains", "%"], lambda t: "%" in t["content"]),
    (["content", "contains", "_"], lambda t: "_" in t["content"]),
    (["content", "contains", "\\"], lambda t: "\\" in t["content"]),
    (["content", "contains", "ÉCO"], lambda t: "éco" in t["content"].lower()),
    (["content", "contains", "x" * 20_000], lambda t: False),
    (["content", "contains", ""], lambda t: True),
    (["content", "not_contains", "a"], lambda t: "a" not in t["content"].lower()),
    (["content", "starts_with", "ANIM"], lambda t: t["content"].lower().startswith("anim")),
    (["content", "starts_with", "éc"], lambda t: t["content"].lower().startswith("éc")),
    (["content", "ends_with", "b"], lambda t: t["content"].lower().endswith("b")),
    (["content", "ends_with", "É"], lambda t: t["content"].lower().endswith("é")),
    (["content", "in", ["ANIM_2", "layout", "nothing"]], lambda t: t["content"].lower() in {"anim_2", "layout"}),
    (["content", "in", ["école", "anim"]], lambda t: t["content"].lower() in {"école", "anim"}),
    (["content", "in", [""]], lambda t: False),
    (["content", "not_in", ["layout", "anim"]], lambda t: t["content"].lower() not in {"layout", "anim"}),
    # numbers
    (["duration", "is", 480], lambda t: t["duration"] == 480),
    (["duration", "is", "480"], lambda t: t["duration"] == 480),
    (["duration", "is", None], lambda t: t["duration"] is None),
    (["duration", "is_not", None], lambda t: t["duration"] is not None),
    (["duration", "is_not", 480], lambda t: t["duration"] != 480),
    (["duration", "greater_than", 100], lambda t: t["duration"] is not None and t["duration"] > 100),
    (["duration", "less_than", 0], lambda t: t["duration"] is not None and t["duration"] < 0),
    (["duration", "less_than", None], lambda t: False),
    (["duration", "less_than", 2**70], lambda t: t["duration"] is not None),
    (["duration", "between", 0, 480], lambda t: t["duration"] is not None and 0 <= t["duration"] <= 480),
    (["duration", "between", 480, 0], lambda t: t["duration"] is not None and 0 <= t["duration"] <= 480),
    (["duration", "between", 0, None], lambda t: False),
    (["duration", "in", [0, 960]], lambda t: t["duration"] in {0, 960}),
    (["duration", "in", [0, None]], lambda t: t["duration"] in {0, None}),
    (["duration", "not_in", [0, 960]], lambda t: t["duration"] not in {0, 960}),
    # checkboxes
    (["implicit", "is", True], lambda t: t.get("implicit", False)),
    (["implicit", "is", "false"], lambda t: not t.get("implicit", False)),
    (["implicit", "is_not", True], lambda t: not t.get("implicit", False)),
    # lists and statuses
    (["sg_status_list", "is", "IP"], lambda t: t["sg_status_list"] == "ip"),
    (["sg_status_list", "is", None], lambda t: t["sg_status_list"] is None),
    (["sg_status_list", "is_not", "ip"], lambda t: t["sg_status_list"] != "ip"),
    (["sg_status_list", "in", ["ip", "FIN"]], lambda t: t["sg_status_list"] in {"ip", "fin"}),
    (["sg_status_list", "in", ["ip", None]], lambda t: t["sg_status_list"] in {"ip", None}),
    (["sg_status_list", "not_in", ["ip", "fin"]], lambda t: t["sg_status_list"] not in {"ip", "fin"}),
    (["color", "is", "pipeline_step"], lambda t: True),
    (["color", "is", "Pipeline_Step"], lambda t: False),
    # dates
    (["due_date", "is", _day(0)], lambda t: t["due_date"] == _day(0)),
    (["due_date", "is", None], lambda t: t["due_date"] is None),
    (["due_date", "is_not", _day(0)], lambda t: t["due_date"] != _day(0)),
    (["due_date", "greater_than", _day(0)], lambda t: _date(t) and _date(t) > TODAY),
    (["due_date", "less_than", _day(0)], lambda t: _date(t) and _date(t) < TODAY),
    (["due_date", "between", _day(3), _day(-1)], lambda t: _date(t) and _day(-1) <= t["due_date"] <= _day(3)),
    (["due_date", "in", [_day(0), _day(3)]], lambda t: t["due_date"] in {_day(0), _day(3)}),
    (["due_date", "not_in", [_day(0), _day(3)]], lambda t: t["due_date"] not in {_day(0), _day(3)}),
    (["due_date", "in_last", 1, "DAY"], lambda t: t["due_date"] in {_day(-1), _day(0)}),
    (["due_date", "not_in_last", 1, "DAY"], lambda t: t["due_date"] not in {_day(-1), _day(0)}),
    (["due_date", "in_next", 1, "WEEK"], lambda t: _date(t) and _day(0) <= t["due_date"] <= _day(7)),
    (["due_date", "not_in_next", 1, "WEEK"], lambda t: not (_date(t) and _day(0) <= t["due_date"] <= _day(7))),
    (["due_date", "in_last", 2, "MONTH"], lambda t: _date(t) and "2026-01-11" <= t["due_date"] <= _day(0)),
    (["due_date", "in_next", 10_000, "YEAR"], lambda t: _date(t) and t["due_date"] >= _day(0)),
    (["due_date", "in_calendar_day", -1], lambda t: t["due_date"] == _day(-1)),
    (["due_date", "in_calendar_week", 0], lambda t: _date(t) and _day(-2) <= t["due_date"] <= _day(4)),
    (["due_date", "in_calendar_month", -1], lambda t: (t["due_date"] or "").startswith("2026-02")),
    (["due_date", "in_calendar_month", -2], lambda t: (t["due_date"] or "").startswith("2026-01")),
    (["due_date", "in_calendar_year", -1], lambda t: (t["due_date"] or "").startswith("2025")),
    # moments
    (["created_at", "is", NOON + datetime.timedelta(minutes=30)], lambda t: t["at"] == _moment(minutes=30)),
    (["created_at", "is", "2026-03-11T05:30:00-07:00"], lambda t: t["at"] == _moment(minutes=30)),
    (["created_at", "greater_than", "2026-03-11"], lambda t: t["at"] > NOON.replace(hour=0)),
    (["created_at", "less_than", NOON], lambda t: t["at"] < NOON),
    (["created_at", "in_last", 1, "HOUR"], lambda t: _moment(hours=-1) <= t["at"] <= NOON),
    (["created_at", "in_next", 3, "DAY"], lambda t: NOON <= t["at"] <= _moment(days=3)),
    (["created_at", "in_calendar_day", 0], lambda t: t["at"].date() == TODAY),
    (["created_at", "in_calendar_year", 1], lambda t: t["at"].year == 2027),
    (["created_at", "between", NOON, _moment(hours=-3)], lambda t: _moment(hours=-3) <= t["at"] <= NOON),
]


@pytest.mark.parametrize(
    ("condition", "predicate"), CASES, ids=lambda case: str(case)[:60] if isinstance(case, list) else ""
)
def test_relation_finds_the_rows_that_satisfy_it(sg, condition, predicate):
    """
    A relation finds exactly the rows for which it holds, empty values and letter case included.
    """
    assert found(sg, condition) == expected(predicate)


LINKS = [
    # condition on tasks, contents found
    (["entity", "is", {"type": "Shot", "id": 1}], ["Layout", "layout B"]),
    (["entity", "is", None], ["Comp 100%", "École back\\slash"]),
    (["entity", "is_not", None], ["Layout", "layout B", "ANIM", "anim_2", "ÉCOLE"]),
    (["entity", "is_not", {"type": "Shot", "id": 1}], ["ANIM", "anim_2", "Comp 100%", "École back\\slash", "ÉCOLE"]),
    (["entity", "is", {"type": "Asset", "id": 3}], []),
    (["entity", "in", [{"type": "Shot", "id": 2}, {"type": "Asset", "id": 1}]], ["ANIM", "anim_2"]),
    (["entity", "in", [{"type": "Shot", "id": 2}, None]], ["ANIM", "Comp 100%", "École back\\slash"]),
    (
        ["entity", "not_in", [{"type": "Shot", "id": 1}, {"type": "Shot", "id": 2}]],
        ["anim_2", "Comp 100%", "École back\\slash", "ÉCOLE"],
    ),
    (["entity", "type_is", "Shot"], ["Layout", "layout B", "ANIM"]),
    (["entity", "type_is", None], ["Comp 100%", "École back\\slash"]),
    (["entity", "type_is_not", "Shot"], ["anim_2", "Comp 100%", "École back\\slash", "ÉCOLE"]),
    (["entity", "name_is", "HERO"], ["anim_2"]),
    (["entity", "name_contains", "hero"], ["anim_2", "ÉCOLE"]),
    (["entity", "name_not_contains", "sh0"], ["anim_2", "Comp 100%", "École back\\slash", "ÉCOLE"]),
    (["entity.Shot.code", "is", "SH020"], ["ANIM"]),
    (["entity.Shot.code", "is_not", "sh010"], ["ANIM", "anim_2", "Comp 100%", "École back\\slash", "ÉCOLE"]),
    (["entity.Shot.sg_sequence.Sequence.code", "is", "SQ hero"], ["Layout", "layout B", "ANIM"]),
    (["entity.Shot.assets.Asset.code", "is", "hero"], ["Layout", "layout B"]),
    (["entity.Asset.code", "is", "lost"], []),
    (["entity.Version.code", "is", "sh010"], []),
]


@pytest.mark.parametrize(("condition", "names"), LINKS, ids=lambda case: str(case)[:60])
def test_link_relation_finds_the_rows_that_satisfy_it(sg, condition, names):
    """
    A relation of links finds exactly the rows for which it holds; a retired row counts as no link.
    """
    assert found(sg, condition) == names


LISTS = [
    # condition on shots, codes found
    (["assets", "is", {"type": "Asset", "id": 2}], ["sh010", "sh020"]),
    (["assets", "is_not", {"type": "Asset", "id": 1}], ["sh020", "sh030", "sh040"]),
    (["assets", "is", None], ["sh030", "sh040"]),
    (["assets", "is_not", None], ["sh010", "sh020"]),
    (["assets", "in", [{"type": "Asset", "id": 1}, {"type": "Asset", "id": 2}]], ["sh010", "sh020"]),
    (["assets", "in", [{"type": "Asset", "id": 1}, None]], ["sh010", "sh030", "sh040"]),
    (["assets", "not_in", [{"type": "Asset", "id": 1}, {"type": "Task", "id": 1}]], ["sh020", "sh030", "sh040"]),
    (["assets", "type_is", "Asset"], ["sh010", "sh020"]),
    (["assets", "type_is", None], ["sh030", "sh040"]),
    (["assets", "type_is_not", "Asset"], ["sh030", "sh040"]),
    (["assets", "name_is", "kite"], ["sh010", "sh020"]),
    (["assets", "name_contains", "ER"], ["sh010"]),
    (["assets", "name_not_contains", "er"], ["sh020", "sh030", "sh040"]),
    (["assets.Asset.code", "is_not", "hero"], ["sh020", "sh030", "sh040"]),
    (["tasks.Task.content", "contains", "layout"], ["sh010"]),
    (["tasks.Task.duration", "greater_than", 500], ["sh020"]),
    (["$FROM$Task.entity.content", "is", "anim"], ["sh020"]),
    (["$FROM$Task.entity.content", "is_not", "anim"], ["sh010", "sh030", "sh040"]),
    (["$FROM$Asset.shots.code", "is", "hero"], ["sh010"]),
    (["description", "is", None], ["sh010", "sh020", "sh030", "sh040"]),
    (["description", "is", ""], ["sh010", "sh020", "sh030", "sh040"]),
    (["description", "is_not", None], []),
    (["description", "not_contains", "x"], ["sh010", "sh020", "sh030", "sh040"]),
    (["description", "contains", ""], []),
    (["image", "is", None], ["sh010", "sh020", "sh030", "sh040"]),
    (["image", "is_not", None], []),
]


@pytest.mark.parametrize(("condition", "names"), LISTS, ids=lambda case: str(case)[:60])
def test_multi_entity_relation_finds_the_rows_that_satisfy_it(sg, condition, names):
    """
    A relation of lists of links holds if one link satisfies it, a negative one if none does.
    """
    assert found(sg, condition, entity_type="Shot", field="code") == names


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (["tag_list", "is", "RED"], ["Hero"]),
        (["tag_list", "is_not", "red"], ["Kite"]),
        (["tag_list", "is", None], ["Kite"]),
        (["tag_list", "name_contains", "lu"], ["Hero"]),
        (["tag_list", "name_not_contains", "lu"], ["Kite"]),
        (["sg_asset_type", "is", "character"], ["Hero"]),
    ],
    ids=str,
)
def test_tag_relation_finds_the_rows_that_satisfy_it(sg, condition, names):
    """
    A relation of tags holds if one tag satisfies it, whatever its case.
    """
    assert found(sg, condition, entity_type="Asset", field="code") == names


def test_groups_nest(sg):
    """
    Groups of conditions combine with "all" and "any" at every level.
    """
    either = {
        "filter_operator": "any",
        "filters": [
            ["content", "starts_with", "layout"],
            {"filter_operator": "all", "filters": [["duration", "is", 960], ["sg_status_list", "is", "ip"]]},
        ],
    }
    names = found(sg, ["entity", "type_is", "Shot"], either)

    assert names == ["Layout", "layout B", "ANIM"]


def test_filter_operator_any_finds_rows_that_meet_one(sg):
    """
    With "any", one condition is enough.
    """
    rows = sg.find("Task", [["duration", "is", 960], ["duration", "is", 100]], ["content"], filter_operator="any")

    assert [row["content"] for row in rows] == ["ANIM", "Comp 100%"]


def test_empty_filters_find_every_row(sg):
    """
    No condition is no restriction.
    """
    assert found(sg) == list(TASKS)


@pytest.mark.parametrize("operator", ["all", "any"])
def test_five_thousand_conditions_work(sg, operator):
    """
    A flat group may have thousands of conditions.
    """
    conditions = [["duration", "is" if operator == "any" else "is_not", 100 + number] for number in range(5000)]
    rows = sg.find("Task", conditions, ["content"], filter_operator=operator)
    inside = {
        content for content, row in TASKS.items() if row["duration"] is not None and 100 <= row["duration"] < 5100
    }

    assert {row["content"] for row in rows} == (inside if operator == "any" else set(TASKS) - inside)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (["code", "is", "x"], "API read() Task.code doesn't exist:\n{"),
        (["entity.Bogus.code", "is", "x"], "API read() Task.entity.Bogus.code doesn't exist"),
        (["entity.Shot", "is", "x"], "API read() Task.entity.Shot doesn't exist"),
        (["content.Shot.code", "is", "x"], "API read() Task.content.Shot.code doesn't exist"),
        (["entity.Shot.bogus", "is", "x"], "API read() Task.entity.Shot.bogus doesn't exist"),
        (["$FROM$Bogus.entity.code", "is", "x"], "doesn't exist"),
        (["$FROM$Task.content.code", "is", "x"], "doesn't exist"),
        (["content", "xxx", "x"], "Task.content's 'text' data type doesn't support 'xxx' 'relation' Value: {"),
        (["content", "xxx", "x"], 'Valid relations: ["contains", "not_contains", "is", "is_not", "starts_with"'),
        (["splits", "is", None], "API read() Task.splits's 'serializable' data type cannot be used in a filter."),
        (["open_notes_count", "is", 1], "'summary' data type cannot be used in a filter."),
        (["id", "in", []], "API read() 'in' 'relation' expects at least a 1-element array: []"),
        (["content", "is", "a", "b"], "API read() 'is' 'relation' expects a 1-element array: [\"a\", \"b\"]"),
        (["duration", "between", 1, 2, 3], "API read() 'between' 'relation' expects a 2-element array: [1, 2, 3]"),
        (["content", "in", [None]], "Read failed for entity type [Task]"),
        (["content", "contains", None], "API read() Task.content expected [String] data type(s) but got NilClass: nil"),
        (["content", "is", 5], "data type(s) but got Integer: 5"),
        (["sg_status_list", "is", 5], "API read() Task.sg_status_list expected [String, NilClass]"),
        (["duration", "is", [1.5, 2]], "expects a 1-element array"),
        (["id", "is", 1.5], "API read() Task.id expected [String, Integer, NilClass] data type(s) but got Float: 1.5"),
        (["id", "is", "1x"], "Invalid data for 'number' data type"),
        (["id", "is", True], "data type(s) but got TrueClass: true"),
        (["implicit", "is", None], "expected [String, FalseClass, TrueClass] data type(s) but got NilClass: nil"),
        (["due_date", "is", "2026-13-01"], "Invalid date format: 2026-13-01. Correct format is: 2011-01-21"),
        (["due_date", "is", "2026-01-01T00:00:00Z"], "Invalid date format"),
        (["due_date", "is", 5], "API read() Task.due_date expected [String, NilClass]"),
        (
            ["created_at", "is", "yesterday"],
            "Invalid date time format: yesterday. Correct format is 2011-01-21T13:26:09Z",
        ),
        (["created_at", "is", "2026-02-30"], "Invalid date time format: 2026-02-30"),
        (["due_date", "in_last", 0, "DAY"], 'expects a positive number first: [0, "DAY"]'),
        (["due_date", "in_last", 1, "day"], 'expects a unit second: [1, "day"]'),
        (["due_date", "not_in_last", 0, "DAY"], "'not_in_last' 'relation' expects a positive number first"),
        (["due_date", "not_in_next", 1, "day"], "'not_in_next' 'relation' expects a unit second"),
        (["due_date", "in_calendar_day", "x"], 'expects a whole number: ["x"]'),
        (["image", "is", "x"], "expects a nil value for 'image' data type but got String"),
        (["entity", "is", 1], "API read() Task.entity expected [Hash, ActiveSupport::HashWithIndifferentAccess"),
        (["entity", "is", 1], "NilClass] data type(s) but got Integer: 1"),
        (
            ["entity", "is", {"id": 1}],
            'invalid/missing entity hash string \'type\': {"id" => 1} Valid entity types: ["Asset"',
        ),
        (
            ["entity", "is", {"type": "Shot"}],
            'API read() invalid/missing entity hash integer \'id\': {"type" => "Shot"}',
        ),
        (["entity", "name_contains", 5], "API read() Task.entity expected [String] data type(s) but got Integer: 5"),
        (["entity", "type_is", 5], "API read() Task.entity expected [String, NilClass]"),
        (["content", "not_contains", 5], "API read() Task.content expected [String] data type(s) but got Integer: 5"),
        (["tag_list", "name_contains", None], "Task.tag_list expected [String] data type(s) but got NilClass: nil"),
        (["tag_list", "is", 5], "API read() Task.tag_list expected [String, NilClass]"),
    ],
    ids=str,
)
def test_bad_filter_faults_with_the_sites_words(sg, condition, message):
    """
    A filter that cannot be understood is refused, and the text says which part and why.
    """
    with pytest.raises(Fault) as caught:
        sg.find("Task", [condition])

    assert message in str(caught.value)


@pytest.mark.parametrize("relation", ["is", "in", "bogus"])
def test_filter_by_a_pivot_column_faults(sg, relation):
    """
    The columns of steps, which only the web application fills, are refused whatever the relation is.
    """
    with pytest.raises(Fault, match=r"API read\(\) of data type 'pivot_column' not supported in API"):
        sg.find("Shot", [["step_0", relation, "fin"]])


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"conditions": []}, "Missing logical operator"),
        ({"logical_operator": "AND", "conditions": []}, "Invalid logical operator: AND"),
        ({"logical_operator": "and"}, "Missing conditions parameter"),
        ({"logical_operator": "and", "conditions": [5]}, "A filter condition needs a path: 5"),
        ({"logical_operator": "and", "conditions": [{"path": 5}]}, "A filter condition needs a path"),
    ],
    ids=str,
)
def test_malformed_group_faults(sg, group, message):
    """
    A group without its parts is refused.
    """
    with pytest.raises(Fault, match=message):
        sg.find("Task", group)


def test_single_value_needs_no_list(sg):
    """
    A condition whose values are one bare value, as saved pages have them, is understood.
    """
    group = {
        "logical_operator": "and",
        "conditions": [{"path": "content", "relation": "is", "values": "anim", "active": "true"}],
    }

    assert [row["id"] for row in sg.find("Task", group)] == [3]


def test_conditions_on_one_path_are_independent(sg):
    """
    Two conditions on a list of links may be met by two different links.
    """
    both = found(
        sg, ["assets.Asset.code", "is", "hero"], ["assets.Asset.code", "is", "kite"], entity_type="Shot", field="code"
    )

    assert both == ["sh010"]


def test_summarize_faults_name_their_own_request(sg):
    """
    The text of a fault begins with the request that was made.
    """
    with pytest.raises(Fault, match=r"API summarize\(\) Task.code doesn't exist"):
        sg.summarize("Task", [["code", "is", "x"]], [{"field": "id", "type": "count"}])


def test_json_is_compared_as_a_whole_or_by_parts(sg, make):
    """
    A field of JSON equals a value whatever the order of its keys, or contains a part of it, also in lists.
    """
    notes = [make("Note", meta=value) for value in ({"bb": [1, 2], "a": 1}, {"a": 1}, [3, 4], None)]
    own = ["id", "in", [note["id"] for note in notes]]

    def found(relation, value):
        rows = sg.find("Note", [own, ["meta", relation, value]], ["meta"])
        return [notes.index({"type": row["type"], "id": row["id"]}) for row in rows]

    assert found("is", {"a": 1, "bb": [1, 2]}) == [0]
    assert found("is_not", {"a": 1}) == [0, 2, 3]
    assert found("is", None) == [3]
    assert found("contains", {"bb": [2]}) == [0]
    assert found("not_contains", {"a": 1}) == [2, 3]
    assert found("contains", [[4]]) == [2]
    assert list(sg.find_one("Note", [["id", "is", notes[0]["id"]]], ["meta"])["meta"]) == ["a", "bb"]
    with pytest.raises(Fault, match=r"Note\.meta expected"):
        sg.find("Note", [["meta", "contains", "a"]])
    with pytest.raises(Fault, match=r"Array\] data type\(s\) but got NilClass: nil"):
        sg.find("Note", [["meta", "contains", None]])
    with pytest.raises(Fault, match=r"Note\.meta is editable on create only"):
        sg.update("Note", notes[0]["id"], {"meta": {}})


def test_audit_trail_is_neither_filtered_nor_returned(sg, make):
    """
    The schema has the audit trail of an event, but filters on it find every row, and no response contains it.
    """
    shot = make("Shot")
    own = ["entity", "is", shot]
    entries = sg.find("EventLogEntry", [own], ["audit_trail"])

    assert entries
    assert {name for entry in entries for name in entry} == {"type", "id"}
    assert sg.find("EventLogEntry", [own, ["audit_trail", "is_not", None]]) == entries
    assert sg.find("EventLogEntry", [own, ["audit_trail", "is", {"a": 1}]]) == entries
