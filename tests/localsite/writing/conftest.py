"""
Fixtures for the tests of writing.
"""

import pytest


@pytest.fixture
def log(sg):
    """
    Returns the entries that were added since it was last asked, or since the test asked for it, the oldest first.
    """
    fields = ["event_type", "attribute_name", "meta", "entity", "project", "user", "description", "session_uuid"]
    newest = [{"column": "id", "direction": "desc"}]
    seen = [(sg.find_one("EventLogEntry", [], ["id"], order=newest) or {"id": 0})["id"]]

    def read(*more):
        order = [{"field_name": "id", "direction": "asc"}]
        rows = sg.find("EventLogEntry", [["id", "greater_than", seen[0]]], [*fields, *more], order, "all")
        seen[0] = max([seen[0], *(row["id"] for row in rows)])
        return rows

    return read
