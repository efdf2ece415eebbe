"""
Filters as people type them.
"""

import contextlib
import json

import pytest
import shotgun_api3
from hypothesis import given
from hypothesis import strategies as st

from sgextended import InvalidArgumentError, NotFoundError
from sgextended.cli.filter_syntax import OPERATORS, parse, to_native
from sgextended.schema.site_schema import SiteSchema


@pytest.fixture(scope="module")
def sg(demo_site, make_sg):
    """
    A wrapper on the demo site.
    """
    return make_sg(demo_site)


@pytest.fixture(scope="module")
def schema(sg):
    """
    The schema of the demo site.
    """
    return SiteSchema(sg)


SHOT = {"type": "Shot", "id": 123}
AS_TYPED = [
    ("Shot", "sg_status_list is ip", ["sg_status_list", "is", "ip"]),
    ("Shot", "sg_status_list in ip,fin", ["sg_status_list", "in", ["ip", "fin"]]),
    ("Shot", "  sg_status_list  not_in  ip , fin  ", ["sg_status_list", "not_in", ["ip", "fin"]]),
    ("Shot", "sg_status_list IS_NOT ip", ["sg_status_list", "is_not", "ip"]),
    ("Shot", "id greater_than 100", ["id", "greater_than", 100]),
    ("Shot", "id>100", ["id", "greater_than", 100]),
    ("Shot", "id < 100", ["id", "less_than", 100]),
    ("Shot", "id = 100", ["id", "is", 100]),
    ("Shot", "id != 100", ["id", "is_not", 100]),
    ("Shot", "id in 1,2", ["id", "in", [1, 2]]),
    ("Shot", "sg_cut_in between 1001,1100", ["sg_cut_in", "between", 1001, 1100]),
    ("Shot", "sg_cut_in between 1001 1100", ["sg_cut_in", "between", 1001, 1100]),
    ("Shot", "sg_cut_in is -5", ["sg_cut_in", "is", -5]),
    ("Shot", "sg_cut_in is None", ["sg_cut_in", "is", None]),
    ("Shot", "image is null", ["image", "is", None]),
    ("Shot", 'code contains "my shot"', ["code", "contains", "my shot"]),
    ("Shot", "code is 'my, shot'", ["code", "is", "my, shot"]),
    ("Shot", 'code is "the \\"hero\\" \\\\ shot"', ["code", "is", 'the "hero" \\ shot']),
    ("Shot", "code is it's", ["code", "is", "it's"]),
    ("Shot", 'code is "None"', ["code", "is", "None"]),
    ("Shot", 'description is ""', ["description", "is", ""]),
    ("Shot", "project.Project.name is 'Big Buck'", ["project.Project.name", "is", "Big Buck"]),
    ("Shot", "project name_is 'Big Buck'", ["project", "name_is", "Big Buck"]),
    ("Shot", "created_at in_last 7 DAY", ["created_at", "in_last", 7, "DAY"]),
    ("Shot", "created_at not_in_next 2,weeks", ["created_at", "not_in_next", 2, "WEEK"]),
    ("Shot", "created_at in_calendar_week -1", ["created_at", "in_calendar_week", -1]),
    ("Shot", "created_at > 2026-12-01T10:00:00Z", ["created_at", "greater_than", "2026-12-01T10:00:00Z"]),
    ("Task", "due_date less_than 2026-12-01", ["due_date", "less_than", "2026-12-01"]),
    ("Task", "entity is Shot:123", ["entity", "is", SHOT]),
    ("Task", "entity in Shot:123,Asset:4", ["entity", "in", [SHOT, {"type": "Asset", "id": 4}]]),
    ("Task", "entity type_is Shot", ["entity", "type_is", "Shot"]),
    ("Task", "entity type_is None", ["entity", "type_is", None]),
    ("Task", "entity.Shot.sg_cut_in > 1001", ["entity.Shot.sg_cut_in", "greater_than", 1001]),
    ("Task", "entity.Shot.sg_sequence.Sequence.code is 0010", ["entity.Shot.sg_sequence.Sequence.code", "is", "0010"]),
    ("Task", "milestone is true", ["milestone", "is", True]),
    ("Task", "milestone is False", ["milestone", "is", False]),
    ("Step", "$FROM$Task.step.entity is Shot:123", ["$FROM$Task.step.entity", "is", SHOT]),
    ("Step", "$FROM$Task.step.id in 1,0010,1.5,true,'2'", ["$FROM$Task.step.id", "in", [1, "0010", 1.5, True, "2"]]),
]


@pytest.mark.parametrize(("entity_type", "text", "native"), AS_TYPED, ids=[text for _type, text, _native in AS_TYPED])
def test_what_is_typed_becomes_native(schema, entity_type, text, native):
    """
    Field, operator and values are those of the native filter, each value of its field's type.
    """
    assert to_native([parse(text)], schema, entity_type) == [native]


@pytest.mark.parametrize("value", ["0010", "123", "1e3", "true", "Shot:123", "2026-12-01"])
def test_a_text_field_gets_text(schema, value):
    """
    What looks like a number, a link or a date is text where the field holds text.
    """
    assert to_native([parse(f"code is {value}")], schema, "Shot") == [["code", "is", value]]


def test_quotes_do_not_keep_a_number_field_from_its_number(schema):
    """
    The type of the field decides: a quoted number is a number there.
    """
    assert to_native([parse('sg_cut_in is "1001"')], schema, "Shot") == [["sg_cut_in", "is", 1001]]


@pytest.mark.parametrize(
    ("text", "native"),
    [
        ('["code","is","a"]', ["code", "is", "a"]),
        (' ["no_such_field", "no_such_operator", 1, null]', ["no_such_field", "no_such_operator", 1, None]),
        ('{"filter_operator":"any","filters":[]}', {"filter_operator": "any", "filters": []}),
        (
            '[["id","is",1],["id","is",2]]',
            {"filter_operator": "all", "filters": [["id", "is", 1], ["id", "is", 2]]},
        ),
    ],
)
def test_json_is_taken_as_it_is(schema, text, native):
    """
    A condition or group in JSON is not looked at; a list of conditions is a group of which all hold.
    """
    assert to_native([parse(text)], schema, "Shot") == [native]


@given(st.text())
def test_quoted_text_is_kept(text):
    """
    Any text survives being quoted and read, whatever is in it.
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    [word] = parse(f'code is "{escaped}"').values

    assert (word.text, word.quoted) == (text, True)


@given(st.lists(st.text(), min_size=3, max_size=5))
def test_a_condition_survives_json(condition):
    """
    A native condition that is written as JSON comes back equal.
    """
    assert parse(json.dumps(condition)) == condition


@given(st.text())
def test_whatever_is_typed_is_a_filter_or_refused(text):
    """
    No text ends in anything but a filter or a InvalidArgumentError.
    """
    for attempt in (text, f"code {text}", f"code is {text}", f"code in {text}", f"code between {text}"):
        with contextlib.suppress(InvalidArgumentError):
            parse(attempt)


REFUSED = [
    ("", "begins with the name of a field", ""),
    ("'code' is a", "begins with the name of a field", "'code' is a"),
    ("code", "An operator is missing after 'code'", ""),
    ("code iss a", "'iss' is no operator. Did you mean 'is'?", "iss"),
    ("code greater 5", "Did you mean 'greater_than'?", "greater"),
    ("code frobnicate 5", "'frobnicate' is no operator. There are between, contains", "frobnicate"),
    ("code is not ip", "written 'is_not', as one word", "is not"),
    ("code not in a,b", "written 'not_in', as one word", "not in"),
    ("id >= 5", "'>=' is no operator. There is 'greater_than'.", ">="),
    ("code is", "A value is missing after 'is'", ""),
    ("code in a,", "A value is missing after the comma", ""),
    ("code in a,,b", "A value is missing after the comma", ","),
    ('code is "my shot', 'This quote is not closed: another " must', '"my shot'),
    ('code is "my"shot', "The text ends before this", "shot"),
    ("code is my shot", "Quote a text that has spaces", "my shot"),
    ("code is a,b", "'is' takes one value, not 2", "b"),
    ("id between 1", "'between' takes two values, not 1. Write the first and the last", "1"),
    ("id between 1,2,3", "'between' takes two values, not 3", "3"),
    ("created_at in_last 7", "Write a number and a unit, such as 'in_last 7 DAY'", "7"),
    ('["code", "is" "a"]', "A filter that begins with [ is JSON: Expecting ','", '"'),
    ('["code"]', "A filter in JSON is a list of field, operator and values", '["code"]'),
]


@pytest.mark.parametrize(("text", "message", "place"), REFUSED, ids=[text for text, _message, _place in REFUSED])
def test_what_is_no_filter_is_refused_with_its_place(text, message, place):
    """
    The message says what is wrong, and a line below the text points to the place.
    """
    with pytest.raises(InvalidArgumentError) as caught:
        parse(text)
    told, shown, marks = str(caught.value).rsplit("\n", 2)

    assert message in told
    assert shown == f"  {text}"
    assert text[marks.index("^") - 2 :][: marks.count("^")].startswith(place)


WRONG_VALUES = [
    (
        "Shot",
        "sg_staus_list is ip",
        "Shot has no field 'sg_staus_list'. Did you mean 'sg_status_list'?",
        "sg_staus_list",
    ),
    (
        "Shot",
        "project.Projekt.name is a",
        "Shot.project does not link to 'Projekt'. Did you mean 'Project'?",
        "project.Projekt.name",
    ),
    (
        "Shot",
        "project.Project.namex is a",
        "Project has no field 'namex'. Did you mean 'name'?",
        "project.Project.namex",
    ),
    ("Shot", "project.name is a", "such as entity.Shot.code", "project.name"),
    ("Shot", "sg_cut_in is abc", "sg_cut_in is a number, and 'abc' is none", "abc"),
    ("Shot", "id in 1,two,3", "id is a number, and 'two' is none", "two"),
    (
        "Task",
        "entity is bunny",
        "write the type and the id, such as Shot:123, or find it by its name with 'entity",
        "bunny",
    ),
    ("Task", "milestone is 1", "milestone is a checkbox: write true or false", "1"),
    ("Task", "due_date is 01.12.2026", "due_date is a date: write year-month-day", "01.12.2026"),
    ("Shot", "created_at in_last a DAY", "A number of units is expected here", "a"),
    ("Shot", "created_at in_last 0 DAY", "A number of units is expected here", "0"),
    ("Shot", "created_at in_last 7 MONHT", "'MONHT' is no unit. Did you mean 'MONTH'?", "MONHT"),
    ("Shot", "created_at in_last 7 parsecs", "There are HOUR, DAY, WEEK, MONTH, YEAR.", "parsecs"),
    ("Shot", "created_at in_calendar_day today", "A whole number is expected here", "today"),
]


@pytest.mark.parametrize(
    ("entity_type", "text", "message", "place"),
    WRONG_VALUES,
    ids=[text for _type, text, _message, _place in WRONG_VALUES],
)
def test_what_the_field_does_not_hold_is_refused_with_its_place(schema, entity_type, text, message, place):
    """
    Fields that are not there and values that they cannot hold are refused, pointed at.
    """
    with pytest.raises(InvalidArgumentError) as caught:
        to_native([parse(text)], schema, entity_type)
    told, _shown, marks = str(caught.value).rsplit("\n", 2)

    assert message in told
    assert text[marks.index("^") - 2 :][: marks.count("^")] == place


def test_every_operator_is_one_that_the_site_knows(sg, schema):
    """
    Each operator is taken by the site for one of its fields, or is one that only some sites have.
    """
    texts = {
        **dict.fromkeys(("between", "not_between"), "sg_cut_in {} 1,2"),
        **dict.fromkeys(("in_last", "in_next", "not_in_last", "not_in_next"), "created_at {} 1 DAY"),
        **dict.fromkeys([name for name in OPERATORS if "calendar" in name], "created_at {} 0"),
        **dict.fromkeys(("greater_than", "less_than"), "id {} 5"),
        **dict.fromkeys([name for name in OPERATORS if name.startswith(("name_", "type_"))], "project {} a"),
    }
    refused = set()
    for operator in OPERATORS:
        typed = texts.get(operator, "code {} a").format(operator).replace("name_id a", "name_id 1")
        try:
            sg.find("Shot", to_native([parse(typed)], schema, "Shot"))
        except shotgun_api3.Fault:
            refused.add(operator)

    assert refused == {"name_id", "name_starts_with", "name_ends_with"}


def test_typed_filters_find_what_native_ones_find(sg, schema):
    """
    Several filters all hold, as in the native list.
    """
    typed = ["sg_status_list in ip,fin", "code contains 01", "sg_cut_in > 1000", "project.Project.archived is false"]
    native = [
        ["sg_status_list", "in", ["ip", "fin"]],
        ["code", "contains", "01"],
        ["sg_cut_in", "greater_than", 1000],
        ["project.Project.archived", "is", False],
    ]
    found = sg.find("Shot", to_native([parse(text) for text in typed], schema, "Shot"))

    assert len(found) > 3
    assert found == sg.find("Shot", native)


def test_a_type_is_asked_for_once(demo_site, make_sg):
    """
    However many fields are looked at, the schema of each type costs one request.
    """
    schema = SiteSchema(make_sg(demo_site))
    before = demo_site.ledger.count("schema_field_read")
    for path in ("entity.Shot.code", "entity.Shot.sg_cut_in", "content", "id", "$FROM$Task.step.id"):
        schema.field_type("Task", path)

    assert demo_site.ledger.count("schema_field_read") - before == 2


def test_an_entity_type_is_found_by_its_label(schema):
    """
    A type that is asked for by the name that people see is hinted at by its own.
    """
    with pytest.raises(NotFoundError, match=r"no entity type 'Script' on http.* Did you mean 'ApiUser'"):
        schema.fields("Script")
