"""
The strategies make what they say, so that the properties built on them mean something.
"""

import datetime
import json

import strategies
from hypothesis import Phase, find, given, settings

QUICK = settings(max_examples=2000, deadline=None, phases=[Phase.generate])  # any will do, not the smallest


def walk(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from walk(inner)


@given(strategies.wire_datetimes)
def test_wire_datetimes_are_datetimes(text):
    """
    Each is read by the format that a site writes.
    """
    assert datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").year >= 1969
    assert len(text) == 20


@given(strategies.answer_bodies)
def test_answers_are_json(body):
    """
    Each answer is JSON.
    """
    json.loads(body)


def test_odd_texts_are_mostly_as_long_as_datetimes():
    """
    Only texts of 20 characters can be taken for a datetime; a few others are there to be refused.
    """
    assert sum(len(text) == 20 for text in strategies.ODD_TEXTS) >= 20


def test_answers_nest_datetimes():
    """
    Datetimes occur below two levels of lists and dicts.
    """

    def nested(answer):
        inner = [each for each in answer.values() if isinstance(each, list)] if isinstance(answer, dict) else []
        return any(text in strategies.EDGES for each in inner for text in each if isinstance(text, str))

    assert find(strategies.answers, nested, settings=QUICK)


def test_arguments_hold_each_kind():
    """
    Naive and aware datetimes, dates and tuples occur among what is sent.
    """

    def has(test):
        return find(strategies.arguments, lambda value: any(map(test, walk(value))), settings=QUICK)

    assert has(lambda value: isinstance(value, datetime.datetime) and value.tzinfo is None)
    assert has(lambda value: isinstance(value, datetime.datetime) and value.tzinfo is not None)
    assert has(lambda value: type(value) is datetime.date)
    assert has(lambda value: isinstance(value, tuple) and len(value) > 1)


def test_records_hold_local_files():
    """
    Links to local files occur among records.
    """

    def local(records):
        return any(isinstance(each, dict) and each.get("link_type") == "local" for each in walk(records))

    assert find(strategies.returned_records, local, settings=QUICK)
