"""
Which fields have the name of an entity.
"""

import pytest

from sgextended.schema.name_fields import name_fields


@pytest.mark.parametrize(
    ("entity_type", "fields", "names"),
    [
        ("Shot", ["code", "description"], ("code",)),
        ("PublishedFile", ["name", "code"], ("code", "name")),
        ("HumanUser", ["login", "email", "name"], ("name", "login", "email")),
        ("CustomEntity01", ["subject", "title"], ("subject",)),
        ("EventLogEntry", ["event_type"], ()),
        ("Project", None, ("name", "tank_name")),
        ("Shot", None, ("code",)),
    ],
)
def test_name_fields_of_a_type(entity_type, fields, names):
    """
    The main field comes first. If the fields of the site are not known, there is always one.
    """
    assert name_fields(entity_type, fields) == names
