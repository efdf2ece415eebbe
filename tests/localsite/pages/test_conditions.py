"""
The conditions of the form above a table: each field has the operators that its data type has, and each works.
"""

import datetime as dt
import re
import urllib.parse

import pytest

from sgextended.localsite import LocalSite
from sgextended.localsite.errors import Fault
from sgextended.localsite.pages.conditions import OPERATORS, Condition, operators_of, to_filters
from sgextended.localsite.pages.record_table import TableAddress, labelled_type
from sgextended.localsite.reading.filter_operators import RELATIONS
from sgextended.localsite.reading.row_reads import Search, count, scope_of

SAMPLES = {"checkbox": "yes", "date": "2026-03", "date_time": "2026", "color": "1,2,3", "uuid": "0" * 32}
NUMBERS = ("currency", "duration", "float", "number", "percent", "timecode")


@pytest.fixture(scope="module")
def site(make_connection):
    """
    A site with two projects, and three shots in the first one.
    """
    with LocalSite() as site:
        sg = make_connection(site)
        river, other = (sg.create("Project", {"name": name}) for name in ("River", "Other"))
        sequence = sg.create("Sequence", {"code": "Opening", "project": river})
        assets = [sg.create("Asset", {"code": code, "project": river}) for code in ("tree", "house")]
        for code, status, cut, text in (
            ("a1", "ip", 1001, "wide"),
            ("a2", "fin", 12, "close"),
            ("b1", "wtg", None, None),
        ):
            sg.create(
                "Shot",
                {
                    "code": code,
                    "project": river,
                    "sg_status_list": status,
                    "sg_cut_in": cut,
                    "description": text,
                    "sg_sequence": sequence if code == "a1" else None,
                    "assets": assets if code == "a1" else [],
                },
            )
        sg.create("Task", {"content": "one", "project": river, "due_date": "2026-03-31", "milestone": True})
        sg.create("Task", {"content": "two", "project": river, "due_date": "2026-04-01"})
        sg.create("Task", {"content": "three", "project": other})
        sg.close()
        yield site


@pytest.fixture
def number_of(site):
    """
    Counts the records of a type that meet one condition.
    """

    def count_of(entity_type, field, operator, value):
        with site.store.reading() as tx:
            filters = to_filters(tx, labelled_type(tx, entity_type), [Condition(field, operator, value)])
            search = Search(entity_type=entity_type, filters=filters.group, further=filters.further)
            return count(tx, search)

    return count_of


@pytest.mark.parametrize("entity_type", ["Shot", "Task", "Note", "Project"])
def test_every_operator_of_the_menu_works(site, entity_type):
    """
    No field offers an operator that its data type does not have.
    """
    tried = 0
    with site.store.reading() as tx:
        facts = labelled_type(tx, entity_type)
        for field in facts.fields.values():
            value = "1" if field.data_type in NUMBERS else SAMPLES.get(field.data_type, "a")
            value = (field.valid_values or [value])[0]
            for operator in operators_of(field):
                filters = to_filters(tx, facts, [Condition(field.name, operator, value)])
                scope_of(tx, Search(entity_type=entity_type, filters=filters.group, further=filters.further))
                tried += 1

    assert tried > 50


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("code", "contains", "A", 2),
        ("code", "not_contains", "a", 1),
        ("code", "ends_with", "1", 2),
        ("description", "empty", "", 1),
        ("description", "filled", "", 2),
        ("description", "is", "", 1),
        ("", "contains", "wide", 1),
        ("", "not_contains", "wide", 2),
        ("", "starts_with", "a", 2),
        ("sg_cut_in", "is", "12", 1),
        ("sg_cut_in", "greater_than", "12", 1),
        ("sg_cut_in", "contains", "1", 2),
        ("sg_cut_in", "contains", "00", 1),
        ("sg_cut_in", "empty", "", 1),
        ("sg_status_list", "is", "in progress", 1),
        ("sg_status_list", "is", "ip", 1),
        ("sg_status_list", "is_not", "ip", 2),
        ("sg_status_list", "contains", "prog", 1),
        ("project", "starts_with", "riv", 3),
        ("project", "is", "River", 3),
        ("project", "is", "Project:1", 3),
        ("project", "contains", "oth", 0),
        ("sg_sequence", "empty", "", 2),
        ("assets", "contains", "OUS", 1),
        ("assets", "starts_with", "hou", 1),
        ("assets", "starts_with", "ous", 0),
        ("assets", "filled", "", 1),
        ("image", "empty", "", 3),
    ],
)
def test_shots_are_found(number_of, field, operator, value, expected):
    """
    Texts ignore case, statuses have codes and labels, links have names, and numbers have digits.
    """
    assert number_of("Shot", field, operator, value) == expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("in", "2026", 2),
        ("in", "2026-03", 1),
        ("contains", "2026-04", 1),
        ("is", "2026-04-01", 1),
        ("is_not", "2026-03", 2),
        ("greater_than", "2026-03", 1),
        ("less_than", "2026-04-01", 1),
        ("empty", "", 1),
    ],
)
def test_dates_are_found_by_year_month_and_day(number_of, operator, value, expected):
    """
    A date lies in a period, or before or after the whole of it.
    """
    assert number_of("Task", "due_date", operator, value) == expected


def test_moments_and_checkboxes_are_found(number_of):
    """
    A moment lies in a year too. A checkbox is yes or no.
    """
    year = str(dt.datetime.now(tz=dt.timezone.utc).year)

    assert number_of("Task", "created_at", "in", year) == 3
    assert number_of("Task", "created_at", "less_than", year) == 0
    assert number_of("Task", "milestone", "is", "Yes") == 1
    assert number_of("Task", "milestone", "is", "no") == 2


@pytest.mark.parametrize(
    ("field", "operator", "value", "words"),
    [
        ("nothing", "is", "x", "Shot has no field 'nothing'."),
        (
            "sg_cut_in",
            "starts_with",
            "1",
            "Cut In is a number, which has no condition 'starts with'. Use 'is', 'is not'",
        ),
        ("sg_cut_in", "is", "x", "Cut In is a number, and 'x' is not."),
        ("sg_cut_in", "is", "9" * 40, "has no number like"),
        ("created_at", "in", "yesterday", "Type a year, a month or a day"),
        ("created_at", "in", "2026-13", "Type a year, a month or a day"),
        ("sg_status_list", "is", "bogus", "Status has no value 'bogus'. It has"),
        ("project", "is_not", "x", "Project is a link, which has no condition 'is not'"),
        ("project", "contains", "", "type a value, or choose the condition 'is empty'"),
        ("image", "is", "x", "is a picture"),
        ("", "greater_than", "1", "Any text field has no condition 'above'"),
        ("tag_list", "eval", "1", "has no condition 'eval'"),
    ],
)
def test_a_condition_that_does_not_fit_is_explained(number_of, field, operator, value, words):
    """
    The message has the labels that the page shows, no words of the protocol, and says what to type.
    """
    with pytest.raises(Fault) as caught:
        number_of("Shot", field, operator, value)

    assert words in caught.value.message
    assert not re.search(r"API|relation|=>|_not", caught.value.message)


@pytest.mark.parametrize(
    "query",
    [
        {"field": "project", "is": "starts_with", "value": "Riv"},
        {"field": "sg_cut_in", "is": "contains", "value": "2"},
        {"field": "created_at", "is": "contains", "value": "1999"},
        {"field": "", "is": "contains", "value": "wide"},
    ],
    ids=str,
)
def test_a_condition_limits_the_table(site, read_page, query):
    """
    No condition of the address is dropped without a word, and none of these is a fault.
    """
    text = read_page(site, f"/records/Shot?{urllib.parse.urlencode(query)}")

    assert 'class="fault"' not in text
    assert 'aria-label="Remove this filter"' in text
    assert text.count('class="id"') == {"project": 3, "sg_cut_in": 1, "created_at": 0, "": 1}[query["field"]]


def test_conditions_without_values_stay_in_the_address():
    """
    Links keep a condition such as "is empty", and remove the one whose number they name.
    """
    conditions = (Condition("code", "empty", ""), Condition("sg_cut_in", "is", "5"))
    address = TableAddress(conditions=conditions, sort="code", page=3)

    assert str(address) == "?field=code&is=empty&value=&field=sg_cut_in&is=is&value=5&sort=code&page=3"
    assert address.without(1) == "?field=code&is=empty&value=&sort=code"
    assert address.sorted_by("code") == "?field=code&is=empty&value=&field=sg_cut_in&is=is&value=5&sort=code&order=down"


def test_the_menu_has_the_relations_of_the_site():
    """
    Every data type of the menu can be filtered by the API.
    """

    assert set(OPERATORS) <= set(RELATIONS)
