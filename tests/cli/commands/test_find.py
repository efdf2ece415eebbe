"""
``sgextended find``, ``count``, ``get``, ``schema`` and ``whoami``, called as their user calls them.
"""

import csv
import io
import json

import pytest


def test_find_gives_what_the_client_finds(command, environment, sg):
    """
    Filters, project, fields, order and limit are those of the query; the rest is told to be there.
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
    --limit 0 shows all; links are JSON in CSV.
    """
    status, out, err = command("find", "Project", "--limit", "0", "--fields", "id,name,updated_by", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    expected = sg.find("Project", [], ["name", "updated_by"])

    assert (status, err) == (0, "")
    assert [(int(row["id"]), row["name"]) for row in rows] == [(each["id"], each["name"]) for each in expected]
    assert json.loads(rows[0]["updated_by"]) == expected[0]["updated_by"]


def test_a_table_shows_links_by_their_names(command, environment, sg):
    """
    In a table a link has its name, its type and its id.
    """
    shot = sg.find_one("Shot", [], ["project"])
    _status, out, _err = command("find", "Shot", "--limit", "1", "--fields", "id,project")

    assert f"{shot['project']['name']} (Project:{shot['project']['id']})" in out


def test_count_counts(command, environment, sg):
    """
    The number alone is printed.
    """
    expected = sg.count("Shot", [["sg_status_list", "is", "ip"]])

    assert command("count", "Shot", "--filter", "sg_status_list is ip") == (0, f"{expected}\n", "")


def test_get_shows_what_an_entity_holds(command, environment, sg):
    """
    All fields come; a table leaves out those that hold nothing.
    """
    shot = sg.find_one("Shot", [], ["code", "sg_cut_in", "description"])
    _status, out, _err = command("get", "Shot", str(shot["id"]), "--format", "json")
    got = json.loads(out)
    _status, table, _err = command("get", "Shot", str(shot["id"]))

    assert {name: got[name] for name in shot} == shot
    assert "filmstrip_image" in got
    assert "filmstrip_image" not in table
    assert shot["code"] in table


def test_get_what_is_not_there_is_one_message(command, environment):
    """
    An id that no entity has ends in one message, status 1.
    """
    status, out, err = command("get", "Shot", "99999999")

    assert (status, out) == (1, "")
    assert err == "sgextended: There is no Shot with the id 99999999, or it is retired.\n"


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
    What is not on the site is named, with what is nearest to it.
    """
    status, out, err = command(*words)

    assert status in (1, 2)
    assert out == ""
    assert expected in err
    assert "Traceback" not in err


def test_schema_lists_types_and_fields(command, environment, sg):
    """
    Without a type its types, with one its fields and what they may hold.
    """
    types = json.loads(command("schema", "--format", "json")[1])
    fields = {each["field"]: each for each in json.loads(command("schema", "Shot", "--format", "json")[1])}

    assert {"type": "Shot", "label": "Shot"} in types
    assert set(fields) == set(sg.schema_field_read("Shot"))
    assert fields["assets"]["values"] == ["Asset"]
    assert "ip" in fields["sg_status_list"]["values"]


def test_whoami_says_who_and_where(command, environment, demo_site):
    """
    The script, the address and the version of the site.
    """
    _status, out, _err = command("whoami", "--format", "json")
    me = json.loads(out)

    assert (me["type"], me["firstname"], me["site"]) == ("ApiUser", demo_site.script_name, demo_site.url)


def test_whoami_of_a_session_says_so(command, environment, sg, monkeypatch):
    """
    A session token does not say whose it is; that it holds is seen.
    """
    monkeypatch.delenv("SHOTGUN_SCRIPT_NAME")
    monkeypatch.delenv("SHOTGUN_API_KEY")
    monkeypatch.setenv("SHOTGUN_SESSION_TOKEN", sg.get_session_token())

    assert json.loads(command("whoami", "--format", "json")[1])["type"] == "a session"


def test_completion_is_offered(command):
    """
    The shell's completion can be installed.
    """
    assert "--install-completion" in command("--help")[1]


def test_trace_shows_what_was_asked(command, environment):
    """
    --trace says on stderr what a command has asked, and what it cost; stdout stays as it is.
    """
    _status, plain, _err = command("count", "Shot")
    status, out, err = command("count", "Shot", "--trace")

    assert (status, out) == (0, plain)
    assert "summarize Shot" in err
    assert "count.py:" in err
    assert "2 calls, " in err
