"""
Values of jsonb fields.
"""

import json

import pytest

from sgextended.localsite.schema.json_values import json_contains, json_text


@pytest.mark.parametrize(
    ("whole", "part", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [2]}}, True),
        ({"a": {"b": [1, 2]}}, {"b": [2]}, False),
        ([1, 2, 3], [3, 1, 1], True),
        ([1, 2], [3], False),
        ([{"a": 1, "b": 2}], [{"a": 1}], True),
        ({"a": [1]}, {"a": 1}, False),
        ({"a": 1}, [], False),
        ({"a": True}, {"a": 1}, False),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {}, True),
    ],
    ids=str,
)
def test_containment_is_that_of_postgresql(whole, part, expected):
    """
    Objects contain objects with some of their keys, lists contain lists of some of their elements, in any order.
    """
    assert json_contains(json_text(whole), json_text(part)) is expected


def test_null_contains_nothing():
    """
    A row without a value contains nothing.
    """
    assert not json_contains(None, json_text({}))


def test_equal_values_have_one_text():
    """
    The order of keys does not matter to the stored text: shorter keys come first, at every level.
    """
    text = json_text({"bb": [{"y": 1, "x": 2}], "a": 1})

    assert text == json_text({"a": 1, "bb": [{"x": 2, "y": 1}]})
    assert list(json.loads(text)) == ["a", "bb"]
