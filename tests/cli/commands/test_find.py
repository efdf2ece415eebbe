"""
``sgextended find``.
"""

import csv
import io
import json

import pytest


def test_find_shows_what_the_client_finds(command, environment, sg):
    """
    Filters, project, fields, order and limit apply. A message on stderr says that there are more entities.
    """
    project = sg.find_projects()[0]
    words = ["--filter", "sg_status_list is ip", "--project", project["name"], "--fields", "code,sg_sequence"]
    status, out, err = command("find", "Shot", *words, "--order", "-code", "--limit", "2", "--format", "json")
    filters = [["sg_status_list", "is", "ip"], ["project", "is", project]]
    expected = sg.find("Shot", filters, ["code", "sg_sequence"], [{"field_name": "code", "direction": "desc"}], limit=2)

    assert status == 0
    assert json.loads(out) == expected
    assert err == "Only the first 2 are shown; there are more. To see more, use --limit; --limit 0 shows all.\n"


def test_find_csv_has_the_fields_as_columns(command, environment, sg):
    """
    --limit 0 shows all; links are names in CSV, or JSON with --links json.
    """
    words = ["find", "Project", "--limit", "0", "--fields", "id,name,updated_by", "--format", "csv"]
    status, out, err = command(*words)
    rows = list(csv.DictReader(io.StringIO(out)))
    _status, as_json, _err = command(*words, "--links", "json")
    expected = sg.find("Project", [], ["name", "updated_by"])

    assert (status, err) == (0, "")
    assert [(int(row["id"]), row["name"]) for row in rows] == [(each["id"], each["name"]) for each in expected]
    assert rows[0]["updated_by"] == expected[0]["updated_by"]["name"]
    as_json = next(csv.DictReader(io.StringIO(as_json)))
    assert json.loads(as_json["updated_by"]) == expected[0]["updated_by"]


def test_a_table_shows_links_by_name(command, environment, sg):
    """
    A link in a table has name, type and id.
    """
    shot = sg.find_one("Shot", [], ["project"])
    _status, out, _err = command("find", "Shot", "--limit", "1", "--fields", "id,project")

    assert f"{shot['project']['name']} (Project:{shot['project']['id']})" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["find", "Shott"], "There is no entity type 'Shott'"),
        (["find", "Shot", "--fields", "codee"], "Shot has no field 'codee'. Did you mean 'code'?"),
        (["find", "Shot", "--order", "-codee"], "Shot has no field 'codee'"),
        (["find", "Shot", "--fields", ","], "--fields ',' names no field."),
        (["find", "Shot", "--filter", "code was x"], "'was' is not an operator."),
        (["schema", "Shott"], "There is no entity type 'Shott'"),
    ],
)
def test_a_mistake_is_one_message(command, environment, words, expected):
    """
    An unknown type, field or operator ends in one message, with the nearest known name.
    """
    status, out, err = command(*words)

    assert status in (1, 2)
    assert out == ""
    assert expected in err
    assert "Traceback" not in err
