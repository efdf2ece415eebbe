"""
The syntax of ``--filter``.
"""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgextended import InvalidArgumentError, NotFoundError
from sgextended.cli.shared.filter_syntax import OPERATORS, parse_field_value, parse_filter, to_native_filters
from sgextended.schema.site_schema import SiteSchema


@pytest.fixture(scope="module")
def sg(demo_site, make_sg):
    """
    Return a client of the demo site.
    """
    return make_sg(demo_site)


@pytest.fixture(scope="module")
def schema(sg):
    """
    Return the schema of the demo site.
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
    ("Shot", "created_at > 2026-12-01T10:00+01:00", ["created_at", "greater_than", "2026-12-01T10:00+01:00"]),
    ("Step", "$FROM$Task.step.entity is Shot:123", ["$FROM$Task.step.entity", "is", SHOT]),
    ("Step", "$FROM$Task.step.id in 1,0010,1.5,true,'2'", ["$FROM$Task.step.id", "in", [1, "0010", 1.5, True, "2"]]),
]


@pytest.mark.parametrize(("entity_type", "text", "native"), AS_TYPED, ids=[text for _type, text, _native in AS_TYPED])
def test_a_typed_filter_becomes_native(schema, entity_type, text, native):
    """
    The native filter has the field, the operator and the values, each value with the type of its field.
    """
    assert to_native_filters([parse_filter(text)], schema, entity_type) == [native]


@pytest.mark.parametrize("value", ["0010", "123", "1e3", "true", "Shot:123", "2026-12-01"])
def test_a_text_field_takes_text(schema, value):
    """
    For a text field, a value that looks like a number, a link or a date stays text.
    """
    assert to_native_filters([parse_filter(f"code is {value}")], schema, "Shot") == [["code", "is", value]]


def test_a_number_field_takes_a_quoted_number(schema):
    """
    For a number field, a quoted number is a number.
    """
    assert to_native_filters([parse_filter('sg_cut_in is "1001"')], schema, "Shot") == [["sg_cut_in", "is", 1001]]


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
def test_json_is_sent_unchanged(schema, text, native):
    """
    A condition or group in JSON is not checked. A list of conditions is a group that matches if all of them match.
    """
    assert to_native_filters([parse_filter(text)], schema, "Shot") == [native]


@given(st.text())
def test_quoted_text_is_unchanged(text):
    """
    Any text can be quoted and parsed without a change.
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    [word] = parse_filter(f'code is "{escaped}"').values

    assert (word.text, word.quoted) == (text, True)


@given(st.lists(st.text(), min_size=3, max_size=5))
def test_a_condition_survives_json(condition):
    """
    A native condition, converted to JSON and parsed, is equal to the original.
    """
    assert parse_filter(json.dumps(condition)) == condition


@given(st.text())
def test_any_text_is_a_filter_or_raises(text):
    """
    Parsing any text returns a filter or raises InvalidArgumentError.
    """
    for attempt in (text, f"code {text}", f"code is {text}", f"code in {text}", f"code between {text}"):
        with contextlib.suppress(InvalidArgumentError):
            parse_filter(attempt)


REFUSED = [
    ("", "must begin with a field name", ""),
    ("'code' is a", "must begin with a field name", "'code' is a"),
    ("code", "An operator is missing after 'code'", ""),
    ("code iss a", "'iss' is not an operator. Did you mean 'is'?", "iss"),
    ("code greater 5", "Did you mean 'greater_than'?", "greater"),
    ("code frobnicate 5", "'frobnicate' is not an operator. The operators are between, contains", "frobnicate"),
    ("code is not ip", "Write this operator as one word: 'is_not'.", "is not"),
    ("code not in a,b", "Write this operator as one word: 'not_in'.", "not in"),
    ("id >= 5", "'>=' is not an operator. Use 'greater_than'.", ">="),
    ("code is", "A value is missing after 'is'", ""),
    ("code in a,", "A value is missing after the comma", ""),
    ("code in a,,b", "A value is missing after the comma", ","),
    ('code is "my shot', 'This quote is not closed. End the text with ".', '"my shot'),
    ('code is "my"shot', "The quoted text ended before this", "shot"),
    ("code is my shot", "Put text with spaces in quotes", "my shot"),
    ("code is a,b", "'is' takes one value, not 2", "b"),
    ("id between 1", "'between' takes two values, not 1. Write the first and the last value", "1"),
    ("id between 1,2,3", "'between' takes two values, not 3", "3"),
    ("created_at in_last 7", "Write a number and a unit, such as 'in_last 7 DAY'", "7"),
    ('["code", "is" "a"]', "A filter that begins with [ must be valid JSON: Expecting ','", '"'),
    ('["code"]', "A filter in JSON must be a list of field, operator and values", '["code"]'),
]


@pytest.mark.parametrize(("text", "message", "place"), REFUSED, ids=[text for text, _message, _place in REFUSED])
def test_an_invalid_filter_is_refused_with_the_position(text, message, place):
    """
    The message says what is wrong, and a line below the text marks the position.
    """
    with pytest.raises(InvalidArgumentError) as caught:
        parse_filter(text)
    first, shown, marks = str(caught.value).rsplit("\n", 2)

    assert message in first
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
    ("Shot", "sg_cut_in is abc", "sg_cut_in takes a number, and 'abc' is not a number", "abc"),
    ("Shot", "id in 1,two,3", "id takes a number, and 'two' is not a number", "two"),
    (
        "Task",
        "entity is bunny",
        "Write the type and the id, such as Shot:123. To filter by name, write 'entity",
        "bunny",
    ),
    ("Task", "milestone is 1", "milestone is a checkbox. Write true or false", "1"),
    ("Task", "due_date is 01.12.2026", "due_date is a date. Write year-month-day", "01.12.2026"),
    ("Shot", "created_at in_last a DAY", "Expected a whole number of at least 1 and a unit here", "a"),
    ("Shot", "created_at in_last 0 DAY", "Expected a whole number of at least 1 and a unit here", "0"),
    ("Shot", "created_at in_last 7 MONHT", "'MONHT' is not a unit. Did you mean 'MONTH'?", "MONHT"),
    ("Shot", "created_at in_last 7 parsecs", "The units are HOUR, DAY, WEEK, MONTH, YEAR.", "parsecs"),
    ("Shot", "created_at in_calendar_day today", "Expected a whole number here", "today"),
]


@pytest.mark.parametrize(
    ("entity_type", "text", "message", "place"),
    WRONG_VALUES,
    ids=[text for _type, text, _message, _place in WRONG_VALUES],
)
def test_wrong_fields_and_values_are_refused_with_the_position(schema, entity_type, text, message, place):
    """
    Unknown fields, and values of the wrong type, are refused with their position marked.
    """
    with pytest.raises(InvalidArgumentError) as caught:
        to_native_filters([parse_filter(text)], schema, entity_type)
    first, _shown, marks = str(caught.value).rsplit("\n", 2)

    assert message in first
    assert text[marks.index("^") - 2 :][: marks.count("^")] == place


def test_whole_number_for_a_float_is_sent_as_a_float(sg, schema):
    """
    The site refuses an integer for a float field, so a typed 2 becomes 2.0 in filters and in values.
    """
    filters = to_native_filters([parse_filter("sg_movie_aspect_ratio in 2,2.5")], schema, "Version")
    value = parse_field_value("sg_movie_aspect_ratio=2", 22, "sg_movie_aspect_ratio", "float")

    assert [type(each) for each in (*filters[0][2], value)] == [float, float, float]
    assert sg.find("Version", filters) == []


def test_the_site_accepts_every_operator(sg, schema):
    """
    The site accepts each operator for one of its fields. Operators that only some sites have are refused before.
    """
    texts = {
        **dict.fromkeys(("between", "not_between"), "sg_cut_in {} 1,2"),
        **dict.fromkeys(("in_last", "in_next", "not_in_last", "not_in_next"), "created_at {} 1 DAY"),
        **dict.fromkeys([name for name in OPERATORS if "calendar" in name], "created_at {} 0"),
        **dict.fromkeys(("greater_than", "less_than"), "id {} 5"),
        **dict.fromkeys([name for name in OPERATORS if name.startswith("name_")], "project {} a"),
        **dict.fromkeys([name for name in OPERATORS if name.startswith("type_")], "project {} Project"),
    }
    refused = set()
    for operator in OPERATORS:
        typed = texts.get(operator, "code {} a").format(operator).replace("name_id a", "name_id 1")
        try:
            sg.find("Shot", to_native_filters([parse_filter(typed)], schema, "Shot"))
        except InvalidArgumentError:
            refused.add(operator)

    assert refused == {"name_id", "name_starts_with", "name_ends_with", "not_between"}


def test_typed_filters_find_the_same_as_native_ones(sg, schema):
    """
    An entity must match all filters, as in a native list.
    """
    typed = ["sg_status_list in ip,fin", "code contains 01", "sg_cut_in > 1000", "project.Project.archived is false"]
    native = [
        ["sg_status_list", "in", ["ip", "fin"]],
        ["code", "contains", "01"],
        ["sg_cut_in", "greater_than", 1000],
        ["project.Project.archived", "is", False],
    ]
    found = sg.find("Shot", to_native_filters([parse_filter(text) for text in typed], schema, "Shot"))

    assert len(found) > 3
    assert found == sg.find("Shot", native)


def test_the_schema_of_a_type_is_fetched_once(demo_site, make_sg):
    """
    The schema of each type costs one request, for any number of fields.
    """
    schema = SiteSchema(make_sg(demo_site))
    before = demo_site.ledger.count("schema_field_read")
    for path in ("entity.Shot.code", "entity.Shot.sg_cut_in", "content", "id", "$FROM$Task.step.id"):
        schema.field_type("Task", path)

    assert demo_site.ledger.count("schema_field_read") - before == 2


def test_a_label_hints_at_the_entity_type(schema):
    """
    If a display name is given as a type, the message suggests the name of the type.
    """
    with pytest.raises(NotFoundError, match=r"no entity type 'Script' on http.* Did you mean 'ApiUser'"):
        schema.fields("Script")


@pytest.mark.parametrize("typed", ["last monday", "2026-03-01 14:30", "next week", "'last monday'"])
def test_two_words_can_be_one_value(typed):
    """
    A day or time of two words needs no quotes.
    """
    [word] = parse_filter(f"created_at > {typed}").values
    several = parse_filter(f"created_at between {typed},{typed}").values

    assert word.text == typed.strip("'")
    assert [each.text for each in several] == [word.text] * 2
