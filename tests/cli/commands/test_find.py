"""
``sgextended find``.
"""

import csv
import datetime as dt
import io
import json
import sys

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
        (["find", "Shot", "--format", "json", "--links", "id"], "--links has no effect on JSON"),
        (["find", "Shot", "--bom"], "--bom is for CSV"),
        (["find", "Shot", "--format", "csv", "--xlsx", "a.xlsx"], "contradict each other"),
        (["find", "Shot", "--xlsx", "no_such_folder/a.xlsx"], "There is no folder"),
        (["export", "Shot", "a.jsonl", "--links", "id"], "--links is for CSV and Excel files"),
        (["export", "Shot", "a.xlsx", "--bom"], "--bom is for CSV"),
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


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        (["entity is Shot:99999999"], "There is no Shot with the id 99999999, or it is retired."),
        (["id in 99999999,99999998"], "There is no Task with the id 99999998, or it is retired."),
        (['["sg_status_list", "is", "bogus"]'], "Task.sg_status_list has no value 'bogus'."),
        (["content is nothing"], "No Task matches the filters."),
    ],
)
@pytest.mark.parametrize("name", ["find", "count"])
def test_nothing_is_silently_empty(command, environment, name, filters, reason):
    """
    If nothing matches, stderr says so and which value does not exist. The status is 0.
    """
    status, out, err = command(name, "Task", *(word for text in filters for word in ("--filter", text)))

    assert status == 0
    assert out.strip() in ("", "0")
    assert err.startswith("No Task matches the filters.")
    assert reason in err


def test_what_people_type_finds_the_same(command, environment, sg):
    """
    Names of links, names of statuses, words for days and the tank_name of a project find the same as native filters.
    """
    shot = sg.find_one("Shot", [["sg_status_list", "is", "ip"]], ["code", "project.Project.tank_name"])
    now = dt.datetime.now().astimezone()
    today, midnight = now.date(), now.replace(hour=0, minute=0, second=0, microsecond=0)
    project = ["--project", shot["project.Project.tank_name"]]
    for typed, native in (
        (f"entity is {shot['code']}", ["entity", "is", shot]),
        ("sg_status_list is 'In Progress'", ["sg_status_list", "is", "ip"]),
        ("due_date < today", ["due_date", "less_than", today.isoformat()]),
        ("due_date > -30d", ["due_date", "greater_than", (today - dt.timedelta(30)).isoformat()]),
        ("created_at is yesterday", ["created_at", "between", midnight - dt.timedelta(1), midnight]),
    ):
        found = command("count", "Task", "--filter", typed, *project)
        wanted = [native, ["project.Project.tank_name", "is", project[1]]]

        assert int(found[1]) == sg.count("Task", wanted), typed


def test_the_days_of_a_time_add_up(command, environment, sg):
    """
    A time is on a day, or before or after it.
    """
    [shot] = sg.find("Shot", [], ["created_at"], limit=1)
    day = shot["created_at"].astimezone().date().isoformat()
    on, other = (int(command("count", "Shot", "--filter", f"created_at {word} {day}")[1]) for word in ("is", "is_not"))

    assert on > 0
    assert on + other == sg.count("Shot")


def test_datetimes_are_iso_8601(command, environment, sg):
    """
    A datetime has the form of ISO 8601 with its offset, in each format.
    """
    words = ["find", "Shot", "--fields", "created_at", "--limit", "1"]
    [shot] = sg.find("Shot", [], ["created_at"], limit=1)
    text = shot["created_at"].isoformat()

    assert json.loads(command(*words, "--format", "json")[1])[0]["created_at"] == text
    assert command(*words, "--format", "csv")[1] == f"created_at\n{text}\n"
    assert text in command(*words)[1]


def test_csv_can_begin_with_a_mark(command, environment):
    """
    --bom begins CSV with a byte order mark.
    """
    words = ["find", "Project", "--limit", "1", "--fields", "name", "--format", "csv"]

    assert command(*words, "--bom")[1] == f"\ufeff{command(*words)[1]}"


def test_find_writes_an_excel_file(command, environment, sg, tmp_path):
    """
    --xlsx writes all entities to an Excel file, with links by name. Another suffix is refused.
    """
    openpyxl = pytest.importorskip("openpyxl")
    file = tmp_path / "tasks.xlsx"
    words = ["find", "Task", "--fields", "id,content,due_date,entity", "--filter", "id < 200", "--xlsx"]
    status, out, err = command(*words, str(file))
    header, *rows = openpyxl.load_workbook(file).active.iter_rows(values_only=True)
    expected = sg.find("Task", [["id", "less_than", 200]], ["content", "due_date", "entity"])

    assert (status, out, err) == (0, "", f"Wrote {len(expected)} rows to {file}.\n")
    assert header == ("id", "content", "due_date", "entity")
    assert [row[:2] for row in rows] == [(each["id"], each["content"]) for each in expected]
    assert [row[2].date().isoformat() for row in rows] == [each["due_date"] for each in expected]
    assert [row[3] for row in rows] == [each["entity"]["name"] for each in expected]
    assert command(*words, "tasks.csv")[0] == 2


def test_a_file_can_be_imported_again(command, environment, tmp_path):
    """
    The CSV of a query is the input of an import that changes nothing: names of links, of several links, and formulas.
    """
    words = ["find", "Task", "--fields", "id,project,content,entity,task_assignees,due_date", "--limit", "20"]
    (tmp_path / "tasks.csv").write_text(command(*words, "--format", "csv")[1], encoding="utf-8")
    status, out, err = command("import", str(tmp_path / "tasks.csv"), "Task", "--dry-run", "--format", "json")

    assert status == 0, out + err
    assert {row["action"] for row in json.loads(out)} <= {"unchanged"}


def test_a_long_find_shows_how_far_it_is(command, environment, monkeypatch):
    """
    On a terminal, a find of many entities shows a bar with the type and the number. Elsewhere it shows nothing.
    """

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    words = ["find", "Shot", "--limit", "0", "--format", "json"]
    plain = command(*words)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = command(*words)

    assert (plain[2], shown[1]) == ("", plain[1])
    assert "Shot" in terminal.getvalue()
    assert "/940" in terminal.getvalue()
