"""
``sgextended import``: the plan, the writes, what is refused, and what happens when an import is interrupted.
"""

import json
import sys

import pytest
from shotgun_api3 import Fault

from sgextended import SGExtended
from sgextended.cli.commands import import_file
from sgextended.domain.table_import import apply_import as apply_module
from sgextended.localsite import LocalSite


@pytest.fixture(scope="module")
def site():
    """
    Return a site with two projects that have shots, sequences, assets and people.
    """
    with LocalSite() as site:
        sg = SGExtended(site.url, site.script_name, site.api_key)
        for name in ("Film", "Other"):
            project = sg.create("Project", {"name": name, "tank_name": name.lower()})
            sequence = sg.create("Sequence", {"code": "seq, one", "project": project})
            for code in ("sh010", "sh020"):
                sg.create("Shot", {"code": code, "project": project, "sg_sequence": sequence, "sg_cut_in": 1001})
            sg.create("Asset", {"code": "tree", "project": project})
        for first, login in (("Ann", "ann.a"), ("Ann", "ann.b"), ("Bo", "bo")):
            email = f"{login}@studio.example"
            sg.create("HumanUser", {"firstname": first, "lastname": "Lee", "login": login, "email": email})
        sg.create("Step", {"code": "Anim", "short_name": "ANM", "entity_type": "Asset"})
        sg.create("Step", {"code": "Anim", "short_name": "ANM", "entity_type": "Shot"})
        yield site
        sg.close()


@pytest.fixture
def sg(site, monkeypatch, tmp_path):
    """
    Set the environment variables for that site and work in an empty folder. Return a client of the site.
    """
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    with SGExtended() as sg:
        yield sg


@pytest.fixture
def run(command, sg, tmp_path):
    """
    Return a function that imports a text as a CSV file and returns the exit status, the rows as JSON, and stderr.
    """
    assert sg

    def import_text(text, entity_type, *words):
        (tmp_path / "table.csv").write_text(text, encoding="utf-8")
        status, out, err = command("import", "table.csv", entity_type, *words, "--format", "json")
        return status, json.loads(out) if out.strip() else [], err

    return import_text


def shot(sg, code):
    (found,) = sg.find(
        "Shot", [["code", "is", code], ["project.Project.name", "is", "Film"]], ["sg_cut_in", "sg_status_list"]
    )
    return found


def test_a_dry_run_shows_the_plan_and_writes_nothing(command, sg, tmp_path):
    """
    The table has what would be created and changed, with old and new values; labels are taken for fields and statuses.
    """
    (tmp_path / "shots.csv").write_text(
        "Shot Code;Status;sg_cut_in\nsh010;In Progress;1005\nsh030;Final;1001\nsh020;;1001\n"
    )
    status, out, err = command("import", "shots.csv", "Shot", "--key", "code", "--project", "film", "--dry-run")

    assert status == 0
    assert "sg_cut_in: 1001 -> 1005" in out
    assert "sg_status_list: wtg -> ip" in out
    assert [line.split()[1:6:2] for line in out.splitlines() if "│ 3" in line or "│ 4" in line] == [
        ["3", "create", "sh030"],
        ["4", "unchanged", "sh020"],
    ]
    assert "The import would create 1, change 1, leave 1 unchanged." in err
    assert sg.find("Shot", [["code", "is", "sh030"]]) == []
    assert shot(sg, "sh010")["sg_cut_in"] == 1001


def test_rows_are_created_and_changed_by_key(run, sg):
    """
    A key is looked for in the project only. A second import of the same file changes nothing.
    """
    text = 'code,Sequence,sg_cut_in,assets\nsh020,"seq, one",1010,tree\nsh100,,1001,\n'
    status, rows, _err = run(text, "Shot", "--key", "code", "--project", "Film")
    again = run(text, "Shot", "--key", "code", "--project", "Film")
    made = sg.find_one("Shot", [["code", "is", "sh100"]], ["project", "sg_cut_in"])

    assert status == 0
    assert [(row["line"], row["action"], row["id"]) for row in rows] == [
        (2, "change", shot(sg, "sh020")["id"]),
        (3, "create", made["id"]),
    ]
    assert [each["name"] for each in rows[0]["new"]["assets"]] == ["tree"]
    assert (made["project"]["name"], made["sg_cut_in"]) == ("Film", 1001)
    assert (
        sg.find("Shot", [["code", "is", "sh020"], ["sg_cut_in", "is", 1001]], ["project"])[0]["project"]["name"]
        == "Other"
    )
    assert again[:2] == (0, [])
    assert "0 created, 0 changed, 2 unchanged." in again[2]


def test_links_and_people_are_found_by_what_people_type(run, sg):
    """
    People have a login, an email or a name; a step is that of the entity's type; a shot that of the row's project.
    """
    header = "Task Name,Project,Link,Pipeline Step,Assigned To,Bid,Due Date"
    text = f"{header}\nfly,Other,sh010,anim,BO; ann.b@studio.example,1d,2026-12-24\n"
    status, _rows, err = run(text, "Task")
    made = sg.find_one(
        "Task",
        [["content", "is", "fly"]],
        ["project", "entity.Shot.project", "step.Step.entity_type", "task_assignees", "est_in_mins", "due_date"],
    )

    assert (status, err) == (0, "1 created, 0 changed, 0 unchanged.\n")
    assert made["entity.Shot.project"]["name"] == made["project"]["name"] == "Other"
    assert made["step.Step.entity_type"] == "Shot"
    assert sorted(
        sg.find_one("HumanUser", [["id", "is", each["id"]]], ["login"])["login"] for each in made["task_assignees"]
    ) == ["ann.b", "bo"]
    assert (made["est_in_mins"], made["due_date"]) == (480, "2026-12-24")


def test_nothing_is_written_when_a_row_is_refused(run, sg):
    """
    Each refused row has its line and all its reasons. --skip-refused imports the other rows.
    """
    text = (
        "content,entity,task_assignees,sg_status_list,project\n"
        "good,sh010,bo,ip,Film\n"
        "bad,sh010,Ann Lee,nope,Film\n"
        "bad too,sh999,Bo Le,ip,Film\n"
        "worse,,,ip,\n"
        "twice,Shot:99999,,ip,Film\n"
    )
    status, rows, err = run(text, "Task")

    assert (status, rows) == (1, [])
    assert "line 3: task_assignees: 'Ann Lee' is the name of 2 entities: HumanUser:" in err
    assert "line 3: sg_status_list: 'nope' is not a value of this field." in err
    assert "line 4: entity: There is no" in err
    assert "line 4: task_assignees: There is no Group or HumanUser named 'Bo Le'. Did you mean 'Bo Lee'?" in err
    assert "line 5: A new Task needs a project." in err
    assert "line 6: entity: There is no Shot 99999" in err
    assert "Nothing was written, because 4 rows of 5 are refused." in err
    assert sg.find("Task", [["content", "is", "good"]]) == []

    status, rows, _err = run(text, "Task", "--skip-refused")
    assert (status, [row["name"] for row in rows]) == (1, ["good"])


@pytest.mark.parametrize(
    ("text", "words", "reason"),
    [
        ("code\nsh010\n", (), "2 entities have this key: Shot:"),
        ("code\nSH010\n", ("--project", "Film"), "is called 'sh010', in other upper and lower case"),
        ("code\nsh010\nsh010\n", ("--project", "Film"), "line 3: The row has the same key as line 2."),
        ("code,sg_cut_in\n,5\n", ("--project", "Film"), "line 2: code: the key is empty."),
        ("code,project\nsh010,Other\n", ("--project", "Film"), "belongs to the project 'Other', not to 'Film'"),
    ],
)
def test_a_key_that_is_not_clear_is_refused(run, text, words, reason):
    """
    No entity is guessed, and none is created beside one that differs in upper and lower case only.
    """
    status, _rows, err = run(text, "Shot", "--key", "code", *words)

    assert status == 1
    assert reason in err


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("code,Statsu\na,b\n", (), "'Statsu' is not a field of Shot. Did you mean 'sg_status_list'?"),
        ("code,Shot Code\na,b\n", (), "The columns 'code' and 'Shot Code' are both the field 'code'."),
        ("code,created_by\na,b\n", (), "'created_by' cannot be set: the site computes it."),
        ("code,sg_sequence.Sequence.code\na,b\n", (), "is a field of a linked entity"),
        ("code\na\n", ("--key", "description"), "The table has no column for the key 'description'."),
        ("code\na\n", ("--ignore", "x"), "There is no column 'x'."),
        ("code\na\n", ("--map", "x"), "does not have the form HEADER=FIELD"),
        ("code\na\n", ("--project", "Flim"), "There is no project 'Flim'"),
    ],
)
def test_a_wrong_header_or_option_is_a_usage_error(run, text, words, message):
    """
    It is reported before any row is looked at.
    """
    status, rows, err = run(text, "Shot", *words)

    assert (status, rows) == (1 if "Flim" in message else 2, [])
    assert message in err


def test_columns_can_be_named_and_left_out(run, sg):
    """
    --map gives a column its field, --ignore leaves one out, and --clear-empty empties fields.
    """
    text = "code,In,Remarks\nsh010,,hello\n"
    words = ("--key", "code", "--project", "Film", "--map", "in=sg_cut_in", "--ignore", "Remarks")
    kept = run(text, "Shot", *words)[2]
    status, rows, _err = run(text, "Shot", *words, "--clear-empty")
    found = shot(sg, "sh010")["sg_cut_in"]
    sg.update("Shot", shot(sg, "sh010")["id"], {"sg_cut_in": 1001})

    assert kept == "0 created, 0 changed, 1 unchanged.\n"
    assert (status, rows[0]["old"], rows[0]["new"]) == (0, {"sg_cut_in": 1001}, {"sg_cut_in": None})
    assert found is None


def test_what_find_prints_can_be_imported(command, run):
    """
    The CSV of a query with links is imported as it is: nothing changes, because id identifies the rows.
    """
    fields = "type,id,code,project,sg_sequence,assets,sg_cut_in,sg_status_list"
    _status, out, _err = command("find", "Shot", "--fields", fields, "--limit", "0", "--format", "csv")
    status, rows, err = run(out, "Shot")

    assert (status, rows) == (0, [])
    assert "0 created, 0 changed, " in err
    assert "refused" not in err


def test_an_interrupted_import_goes_on(run, sg, monkeypatch):
    """
    Rows in the journal are not written again, although somebody has changed them since. The others are.
    """
    text = "code,sg_cut_in\n" + "".join(f"jr{number},5\n" for number in range(4))
    words = ("--key", "code", "--project", "Film", "--journal", "done.jsonl")
    write, written = apply_module._write, []

    def write_twice(*args):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(args)
        return write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(apply_module, "_write", write_twice)
        patch.setattr(import_file, "BATCH_SIZE", 1)
        status, rows, err = run(text, "Shot", *words)
    assert (status, [row["name"] for row in rows]) == (130, ["jr0", "jr1"])
    assert "1 not written" in err
    assert "It is not known whether the rows of lines 4 to 4 were written." in err

    sg.update("Shot", rows[0]["id"], {"sg_cut_in": 77})
    status, rows, err = run(text, "Shot", *words)

    assert (status, [row["name"] for row in rows]) == (0, ["jr2", "jr3"])
    assert "2 done before" in err
    assert [
        row["sg_cut_in"]
        for row in sg.find("Shot", [["code", "starts_with", "jr"]], ["sg_cut_in"], [{"field_name": "code"}])
    ] == [77, 5, 5, 5]


def test_a_journal_needs_a_key_for_new_entities(run):
    """
    Without a key, a batch in flight at an interruption could be created twice.
    """
    status, _rows, err = run("code\nx1\n", "Shot", "--project", "Film", "--journal", "j.jsonl")

    assert status == 1
    assert "Nothing was written. Name a key, such as code." in err


def test_the_site_refuses_a_batch(run, monkeypatch):
    """
    The import stops, says which rows were not written and why, and the same command imports the rest.
    """

    def refuse(*_args):
        raise Fault("API batch() no room")

    monkeypatch.setattr(apply_module, "_write", refuse)
    status, rows, err = run("code\nnew1\nnew2\n", "Shot", "--key", "code", "--project", "Film")

    assert (status, rows) == (1, [])
    assert "2 not written" in err
    assert "The import stopped: API batch() no room" in err
    assert "Traceback" not in err


def test_file_and_type_may_change_places(command, sg, tmp_path):
    """
    A missing file is a usage error.
    """
    assert sg
    (tmp_path / "a.csv").write_text("code\nsh010\n")

    assert command("import", "Shot", "a.csv", "--key", "code", "--project", "Film")[0] == 0
    status, _out, err = command("import", "b.csv", "Shot")
    assert (status, err) == (2, "sgextended: There is no file b.csv. Give the file first, then the entity type.\n")


def test_a_missing_openpyxl_is_named(command, sg, tmp_path, monkeypatch):
    """
    The message says which extra to install.
    """
    assert sg
    (tmp_path / "a.xlsx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    status, _out, err = command("import", "a.xlsx", "Shot")

    assert status == 1
    assert "pip install 'sgextended[xlsx]'" in err
