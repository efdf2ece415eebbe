"""
Calls that do not fit the schema are refused before they are sent, and what fits is not.
"""

import datetime as dt

import pytest
from shotgun_api3.shotgun import Fault

from sgextended import SchemaError, SGExtended
from sgextended.localsite.reading.groupings import GROUPINGS
from sgextended.localsite.reading.summaries import SUMMARIES
from sgextended.schema import validation
from sgextended.schema.field_values import UNKNOWN
from sgextended.schema.validation import OPERATORS, problems_of

SEQUENCE = {"type": "Sequence", "id": 1}


@pytest.fixture(scope="module")
def sg(demo_site, make_sg):
    """
    A wrapper that checks.
    """
    return make_sg(demo_site).validated()


@pytest.fixture(scope="module")
def schema(sg):
    """
    The schema of the demo site.
    """
    return sg.site_schema()


def found_in(schema, method, **arguments):
    """
    Return place and message of each problem.
    """
    return [str(each) for each in problems_of(schema, method, arguments)]


def test_place_in_a_nested_filter_is_shown(sg, demo_site):
    """
    All that does not fit is told at once, each with its place as Python would write it; nothing is sent.
    """
    sg.site_schema().fields("Shot")
    inner = [["code", "is", "a"], ["sg_status_list", "is", "inprogres"]]
    filters = [["code", "is", "a"], {"filter_operator": "any", "filters": inner}]
    before = demo_site.ledger.count("read")
    with pytest.raises(SchemaError) as caught:
        sg.find("Shot", filters, ["cod"])

    first, second = caught.value.problems
    assert first.place == ("filters", 1, "filters", 1, 2)
    assert 'filters[1]["filters"][1][2]: Shot.sg_status_list has no value' in str(first)
    assert "in ['sg_status_list', 'is', 'inprogres']" in str(caught.value)
    assert str(second) == "fields[0]: Shot has no field 'cod'. Did you mean 'code'?"
    assert demo_site.ledger.count("read") == before


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (["cod", "is", "a"], "filters[0][0]: Shot has no field 'cod'. Did you mean 'code'?"),
        (["sg_sequence.Seqnce.code", "is", "a"], "does not link to 'Seqnce'. Did you mean 'Sequence'?"),
        (["code", "contain", "a"], "has no operator 'contain'. Did you mean 'contains'?"),
        (["sg_cut_in", "starts_with", 1], "Shot.sg_cut_in has the type number, which has no operator 'starts_with'"),
        (["sg_cut_in", "not_between", 1, 2], "Shot.sg_cut_in has the type number, which has no operator 'not_between'"),
        (["code", "is"], "has fewer than three parts"),
        ("code", "A filter is [field, operator, value], not 'code'"),
        (["sg_cut_in", "between", 1], "'between' takes two values, not 1"),
        (["code", "is", "a", "b"], "'is' takes one value, not 2"),
        (["code", "in", []], "'in' takes values, not 0"),
        (["sg_cut_in", "is", "ten"], "Shot.sg_cut_in takes a whole number, not 'ten'"),
        (["code", "contains", 10], "'contains' takes a text, not 10"),
        (["created_at", "in_last", 3, "days"], "filters[0][3]: 'days' is not a unit of time. Did you mean 'DAY'?"),
        (["created_at", "in_last", 0, "DAY"], "takes a number above 0 and a unit"),
        (["created_at", "in_calendar_week", "this"], "takes a whole number: 0 is the current one"),
        (["created_at", "greater_than", "yesterday"], "takes a datetime, or its text as ISO 8601"),
        (["sg_sequence", "is", 1], 'Shot.sg_sequence is a link: give {"type": ..., "id": ...}, not 1'),
        (["sg_sequence", "is", {"type": "Sequence", "id": "1"}], "whose id must be a whole number, not '1'"),
        (["sg_sequence", "in", [SEQUENCE, {"type": "Shot", "id": 1}]], "filters[0][2][1]: Shot.sg_sequence links to"),
        (["sg_sequence", "type_is", "Seqnce"], "links to Sequence, not to 'Seqnce'. Did you mean 'Sequence'?"),
        (["image", "is", "x"], "is an image, which can only be compared with None"),
        ({"filter_operator": "und", "filters": []}, "'und' is not a filter operator. Did you mean 'and'?"),
    ],
)
def test_filter_that_does_not_fit_is_found(schema, condition, message):
    """
    Each way to go wrong has one message.
    """
    (found,) = found_in(schema, "find", entity_type="Shot", filters=[condition])

    assert message in found


@pytest.mark.parametrize(
    "condition",
    [
        ["code", "is", None],
        ["code", "in", "a", "b"],
        ["sg_status_list", "is", "IP"],
        ["sg_status_list", "in", ["ip", None]],
        ["sg_cut_in", "is", "10"],
        ["created_at", "between", [dt.datetime(2026, 1, 1), "2026-02-01"]],
        ["created_at", "not_in_last", 2, "WEEK"],
        ["sg_sequence.Sequence.code", "starts_with", "b"],
        ["$FROM$Task.entity.content", "is", "Anim"],
        ["type", "is", "Shot"],
        ["sg_sequence", "is", {"type": "Sequence", "id": 1, "name": "A"}],
        ["id", "in", UNKNOWN],
        [UNKNOWN, "is", "a"],
        ["code", UNKNOWN, "a"],
        UNKNOWN,
        {"logical_operator": "and", "conditions": [{"path": "code", "relation": "is", "values": ["a"]}]},
    ],
)
def test_filter_that_may_be_right_passes(schema, condition):
    """
    What the site takes, and what is not known yet, is no mistake.
    """
    assert found_in(schema, "find", entity_type="Shot", filters=[condition]) == []


#: A field of each data type, and a value for it; the number of values that an operator takes is seen to below.
FIELDS = {
    "text": ("Shot", "code", "a"),
    "number": ("Shot", "sg_cut_in", 1),
    "duration": ("Task", "duration", 60),
    "percent": ("Task", "time_percent_of_est", 1),
    "float": ("Version", "sg_uploaded_movie_frame_rate", 24.0),
    "date": ("Task", "due_date", "2026-01-01"),
    "date_time": ("Shot", "created_at", "2026-01-01T00:00:00Z"),
    "entity": ("Shot", "sg_sequence", SEQUENCE),
    "multi_entity": ("Shot", "assets", {"type": "Asset", "id": 1}),
    "checkbox": ("Project", "archived", False),
    "image": ("Shot", "image", None),
    "list": ("Asset", "sg_asset_type", "Prop"),
    "status_list": ("Shot", "sg_status_list", "ip"),
    "entity_type": ("Step", "entity_type", "Shot"),
    "color": ("Step", "color", "1,2,3"),
    "url": ("Version", "sg_uploaded_movie", "a"),
    "serializable": ("EventLogEntry", "meta", "a"),
}


def operand(operator, value):
    """
    Return values that an operator takes.
    """
    if operator.endswith(("in_last", "in_next")):
        return [1, "DAY"]
    if operator.startswith("in_calendar"):
        return [0]
    if operator.startswith("type_is"):
        return [value["type"] if isinstance(value, dict) else "Shot"]
    if operator.startswith("name_"):
        return ["a"]
    return [[value, value]] if "between" in operator else [value]


@pytest.mark.parametrize("data_type", sorted(FIELDS))
def test_operators_are_those_of_the_site(schema, make_sg, demo_site, data_type):
    """
    For every data type the check lets through exactly the operators that the site takes.
    """
    plain = make_sg(demo_site)
    entity_type, field, value = FIELDS[data_type]
    assert schema.field_type(entity_type, field) == data_type
    differ = []
    for operator in sorted({each for known in OPERATORS.values() for each in known} - {"name_id"}):
        condition = [field, operator, *operand(operator, value)]
        fits = not found_in(schema, "find", entity_type=entity_type, filters=[condition])
        try:
            plain.find_one(entity_type, [condition])
            taken = True
        except Fault:
            taken = False
        if fits != taken:
            differ.append((operator, fits, taken))

    assert differ == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"cod": "a"}, "data[\"cod\"]: Shot has no field 'cod'. Did you mean 'code'?"),
        ({"sg_status_list": "IP"}, "Shot.sg_status_list has no value 'IP'. Did you mean 'ip'?"),
        ({"sg_cut_in": "ten"}, "Shot.sg_cut_in takes a whole number"),
        ({"sg_cut_in": True}, "Shot.sg_cut_in takes a whole number, not True"),
        ({"sg_sequence": {"type": "Shot", "id": 1}}, "links to Sequence, not to 'Shot'"),
        ({"assets": {"type": "Asset", "id": 1}}, "Shot.assets takes a list"),
        ({"assets": [{"type": "Shot", "id": 1}]}, "Shot.assets links to Asset, not to 'Shot'"),
        ({"sg_sequence.Sequence.code": "a"}, "is a field of a linked entity. Update that entity instead"),
        ({"created_by": None}, "Shot.created_by cannot be set, as the site sets it"),
    ],
)
def test_data_that_does_not_fit_is_found(schema, data, message):
    """
    Fields and values of an update are held against the schema.
    """
    (found,) = found_in(schema, "update", entity_type="Shot", entity_id=1, data=data)

    assert message in found


def test_data_that_fits_passes(schema):
    """
    What can be set, and what is not known yet, is no mistake; a create may set what an update may not.
    """
    data = {"code": "a", "sg_cut_in": None, "assets": [UNKNOWN], "sg_sequence": SEQUENCE, "description": UNKNOWN}

    assert found_in(schema, "update", entity_type="Shot", entity_id=1, data=data) == []
    assert found_in(schema, "create", entity_type="Shot", data={"created_at": dt.datetime(2026, 1, 1)}) == []


def test_sorts_and_groupings_are_checked(schema):
    """
    Fields and directions of sorts, summaries and groupings are found too.
    """
    keys = [{"field": "cod", "type": "exact", "direction": "down"}]
    found = found_in(schema, "summarize", entity_type="Shot", grouping=keys, summary_fields=[{"field": "idd"}])

    assert [each.partition(":")[0] for each in found] == [
        'grouping[0]["field"]', 'grouping[0]["direction"]', 'summary_fields[0]["field"]',
    ]  # fmt: skip


def test_summary_and_grouping_types_are_those_of_the_site():
    """
    The words are those that the local site names, and others are found.
    """
    assert set(validation._SUMMARIES) == set(SUMMARIES)
    assert set(validation._GROUPINGS) == set(GROUPINGS)


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("find", {"fields": ["tasks.Task.content"]}, "fields[0]: Shot.tasks is a list of links"),
        ("find", {"fields": ["sg_sequence.Sequence.shots.Shot.code"]}, "Shot.sg_sequence.Sequence.shots is a list"),
        ("find", {"order": [{"field_name": "open_notes_count", "direction": "asc"}]}, "by which a site does not sort"),
        ("find", {"order": [{"column": "sg_sequence.Sequence.open_notes_count"}]}, "by which a site does not sort"),
        ("find", {"filters": [{"filter_operator": "any"}]}, "'filters' is missing"),
        ("find", {"filters": [{"filters": []}]}, "'filter_operator' is missing"),
        ("find", {"filters": [["sg_cut_in", "not_between", [1, 2]]]}, "no operator 'not_between'"),
        (
            "summarize",
            {"summary_fields": [{"field": "id", "type": "cnt"}]},
            "'cnt' is not a type. Did you mean",
        ),
        ("summarize", {"grouping": [{"field": "id", "type": "exactly"}]}, "'exactly' is not a type. Did you mean"),
        ("update", {"data": {"assets": None}}, "Shot.assets takes a list, not None. [] empties it"),
        ("update", {"data": {"assets": []}, "multi_entity_update_modes": {"asset": "add"}}, "no field 'asset'"),
        ("update", {"data": {"assets": []}, "multi_entity_update_modes": {"assets": "append"}}, "not an update mode"),
        ("update", {"data": {"code": "a"}, "multi_entity_update_modes": {"code": "add"}}, "it has no mode"),
    ],
)
def test_argument_that_a_site_ignores_is_found(schema, method, arguments, message):
    """
    A site leaves these out silently, takes them for something else, or refuses them.
    """
    found = found_in(schema, method, entity_type="Shot", **arguments)

    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    ("entity_type", "data", "message"),
    [
        ("Version", {"sg_movie_aspect_ratio": 2}, "takes a float, such as 2.0, not 2"),
        ("Task", {"color": None}, "Task.color is never empty"),
    ],
)
def test_value_that_a_site_refuses_is_found(schema, entity_type, data, message):
    """
    A whole number for a float, and None for a field that is never empty, are found in a batch too.
    """
    requests = [{"request_type": "update", "entity_type": entity_type, "entity_id": 1, "data": data}]
    (found,) = found_in(schema, "batch", requests=requests)

    assert message in found


def test_modes_of_a_batch_are_checked(schema):
    """
    A misspelt mode in a batch would replace the list as well.
    """
    request = {"request_type": "update", "entity_type": "Shot", "entity_id": 1, "data": {"assets": []}}
    (found,) = found_in(schema, "batch", requests=[{**request, "multi_entity_update_modes": {"asset": "add"}}])

    assert "no field 'asset'" in found


def test_what_a_site_takes_passes(schema):
    """
    Fields through single links, floats, modes of lists, calculated sorts and each grouping are valid.
    """
    modes = {"assets": "add"}
    summary = {"summary_fields": [{"field": "id", "type": "count"}], "grouping": [{"field": "code", "type": "exact"}]}

    assert found_in(schema, "find", entity_type="Shot", fields=["sg_sequence.Sequence.code", "tasks"]) == []
    assert found_in(schema, "update", entity_type="Version", data={"sg_movie_aspect_ratio": 2.0}) == []
    assert found_in(schema, "update", entity_type="Shot", data={"assets": []}, multi_entity_update_modes=modes) == []
    assert found_in(schema, "summarize", entity_type="Shot", **summary) == []
    assert found_in(schema, "find", entity_type="Task", order=[{"field_name": "workload"}]) == []


CALLS = {
    "find": lambda sg: sg.find("Shot", [["cod", "is", "a"]]),
    "find_one": lambda sg: sg.find_one("Shot", [["cod", "is", "a"]]),
    "find_iter": lambda sg: sg.find_iter("Shot", [["cod", "is", "a"]]),
    "summarize": lambda sg: sg.summarize("Shot", [["cod", "is", "a"]], [{"field": "id", "type": "count"}]),
    "create": lambda sg: sg.create("Shot", {"cod": "a"}),
    "update": lambda sg: sg.update("Shot", 1, {"cod": "a"}),
    "batch": lambda sg: sg.batch([{"request_type": "create", "entity_type": "Shot", "data": {"cod": "a"}}]),
    "domain": lambda sg: sg.find_shots(fields=["cod"]),
}


@pytest.mark.parametrize("call", CALLS)
def test_each_verb_checks_when_asked(sg, call):
    """
    Every verb that takes fields checks them, and the methods of the domain do, which use the verbs.
    """
    with pytest.raises(SchemaError, match=r"no field 'cod'. Did you mean 'code'"):
        CALLS[call](sg)


def test_modes_of_an_update_are_checked(sg):
    """
    The wrapper's ``update`` passes the modes on to the validation.
    """
    with pytest.raises(SchemaError, match="has no field 'asset', so this mode has no effect"):
        sg.validated().update("Shot", 1, {"assets": []}, multi_entity_update_modes={"asset": "add"})


def test_wrapper_checks_when_told(demo_site, make_site, make_sg):
    """
    A wrapper checks from the start if it is made so, its clones do as well, and others do not.
    """
    strict = SGExtended(site=make_site(demo_site), validate=True)

    for sg in (strict, strict.clone()):
        with pytest.raises(SchemaError):
            sg.find("Shot", [["code", "is", 1]])
    plain = make_sg(demo_site)
    assert plain.validated() is not plain
    with pytest.raises(Fault):
        plain.find("Shot", [["cod", "is", 1]])


def test_unknown_entity_type_is_the_one_problem(sg):
    """
    Where the type is not there, nothing else is said.
    """
    with pytest.raises(SchemaError, match=r"no entity type 'Shoot' on .* Did you mean 'Shot'") as caught:
        sg.find("Shoot", [["cod", "is", 1]])
    assert len(caught.value.problems) == 1
