"""
``sgextended schema``.
"""

import json


def test_schema_lists_types_and_fields(command, environment, sg):
    """
    Without a type the output lists the types; with one, its fields and their valid values.
    """
    types = json.loads(command("schema", "--format", "json")[1])
    fields = {each["field"]: each for each in json.loads(command("schema", "Shot", "--format", "json")[1])}

    assert {"type": "Shot", "label": "Shot"} in types
    assert set(fields) == set(sg.schema_field_read("Shot"))
    assert fields["assets"]["values"] == ["Asset"]
    assert "ip" in fields["sg_status_list"]["values"]
