"""
``sgextended map``, called as its user calls it.
"""

import csv
import io
import json
import sys

import pytest

from sgextended import Failure, Unreachable
from sgextended.cli import run_items as work

GUARD = 60  # seconds


def calls():
    return sorted(sys.modules["tools"].calls)


def tasks_by_shot(sg, *filters):
    shots = sg.find("Shot", [*filters], ["code"])
    return {shot["code"]: len(sg.find("Task", [["entity", "is", shot]])) for shot in shots}


# --- What is worked on


def test_each_entity_of_the_query_is_worked_on(command, environment, folder, sg):
    """
    The function is called for what all filters and the project leave over; results are by entity, in order of ids.
    """
    words = ["--filter", "sg_status_list is ip", "--filter", "sg_cut_in > 1000", "--project", "Foreign Tide"]
    project = sg.find_projects()[0]
    words[-1] = project["name"].upper()
    status, out, _err = command("map", "tools:tasks", "Shot", *words, "--format", "json")
    rows = json.loads(out)
    expected = tasks_by_shot(
        sg, ["sg_status_list", "is", "ip"], ["sg_cut_in", "greater_than", 1000], ["project", "is", project]
    )

    assert status == 0
    assert len(expected) > 1
    assert {row["name"]: row["result"] for row in rows} == expected
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert {(row["type"], row["error"]) for row in rows} == {("Shot", None)}


def test_limit_bounds_the_entities(command, environment, folder):
    """
    No more entities are worked on than the limit says.
    """
    status, out, err = command("map", "tools:nothing", "Shot", "--limit", "3")

    assert (status, out) == (0, "")
    assert len(calls()) == 3
    assert err.startswith("3 items done in ")


@pytest.mark.parametrize(
    ("entity_type", "words", "fields"),
    [
        ("Shot", [], ["code", "id", "type"]),
        ("Task", [], ["content", "id", "type"]),
        ("HumanUser", [], ["id", "name", "type"]),
        (
            "Shot",
            ["--fields", "sg_cut_in, sg_sequence.Sequence.code"],
            ["id", "sg_cut_in", "sg_sequence.Sequence.code"],
        ),
        ("Shot", ["--fields", "type,id"], ["id", "type"]),
    ],
)
def test_entities_have_their_names_or_the_fields_given(command, environment, folder, entity_type, words, fields):
    """
    An entity has its id, and what people call it, or the fields that were asked for.
    """
    _status, out, _err = command("map", "tools:given", entity_type, "--limit", "1", "--format", "json", *words)

    assert json.loads(out)[0]["result"] == sorted({*fields, "type"})


@pytest.mark.parametrize(("entity_type", "field"), [("Project", "id"), ("HumanUser", "projects")])
def test_project_chooses_what_belongs_to_it(command, environment, folder, sg, entity_type, field):
    """
    A project is also chosen by itself, and people by the projects that they are in.
    """
    project = sg.find_projects()[0]
    words = ["--project", project["name"], "--format", "json"]
    _status, out, _err = command("map", "tools:nothing", entity_type, *words)
    found = sg.find(entity_type, [[field, "is", project["id"] if field == "id" else project]])

    assert [row["id"] for row in json.loads(out)] == [entity["id"] for entity in found]
    assert found


def test_nothing_found_is_nothing_to_do(command, environment, folder):
    """
    A query that finds nothing is no failure, and its JSON is an empty list.
    """
    words = ["--filter", "id is 0", "--processes", "--format", "json"]

    assert command("map", "tools:tasks", "Shot", *words) == (
        0,
        "[]\n",
        "No Shot matches: there is nothing to do.\n",
    )


# --- The function


@pytest.mark.parametrize("name", ["tools:Studio.code", "{folder}/tools.py:Studio.code", "tools.py:Studio.code"])
def test_functions_of_classes_and_of_files_are_found(command, environment, folder, name):
    """
    A function may stand in a class, and its module may be named by its file.
    """
    words = [name.format(folder=folder), "Shot", "--filter", "code is FOR_0010", "--format", "json"]

    assert json.loads(command("map", *words)[1])[0]["result"] == "FOR_0010"


def test_a_worker_is_a_function_too(command, environment, folder):
    """
    A class of SGWorker works on the entities, with the site of the command.
    """
    status, out, _err = command("map", "tools:Upper", "Shot", "--filter", "id is 1", "--format", "json")

    assert (status, json.loads(out)[0]["result"]) == (0, "FOR_0010")


MISTAKES = [
    (["tools", "Shot"], "'tools' names no function: write module:function, or path/to/file.py:function."),
    ([":tasks", "Shot"], "names no function"),
    (["tools:tasksx", "Shot"], "tools has no 'tasksx'. Did you mean 'tasks'?"),
    (["tools:Studio.cod", "Shot"], "tools has no 'Studio.cod'. Did you mean 'code'?"),
    (["tools:NOT_A_FUNCTION", "Shot"], "tools:NOT_A_FUNCTION cannot be called: it is 5."),
    (["tools:asynchronous", "Shot"], "sgextended: asynchronous is a coroutine function"),
    (["tools:alone", "Shot"], "tools:alone(sg) cannot be called with (sg, entity): too many positional arguments."),
    (["no_such_tools:tasks", "Shot"], "There is no module 'no_such_tools': not here in"),
    (["no_such/tools.py:tasks", "Shot"], "There is no file 'no_such/tools.py' in"),
    (["broken:tasks", "Shot"], "'broken' cannot be imported: ZeroDivisionError: division by zero (broken.py, line 2)"),
    (["needy:tasks", "Shot"], "'needy' cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
    (["my-tools.py:tasks", "Shot"], "'my-tools.py' cannot be imported: a module's name has letters, digits and _ only"),
    (["json.py:tasks", "Shot"], "'json.py' has the name of another module"),
    (
        ["tools:tasks", "Shot", "--filter", "code iss a"],
        "'iss' is no operator. Did you mean 'is'?\n  code iss a\n       ^^^",
    ),
    (["tools:tasks", "Shot", "--processes", "--dask", "tcp://farm:8786"], "Give --processes or --dask, not both."),
    (["tools:tasks", "Shot", "--dask", "farm"], "give the address of a scheduler, such as tcp://farm:8786"),
    (["tools:tasks"], "Missing argument 'TYPE'"),
    (["tools:tasks", "Shot", "--limit", "0"], "Invalid value for '--limit'"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(words) for words, _message in MISTAKES])
def test_a_mistake_is_one_message_before_anything_is_sent(
    command, environment, demo_site, folder, tools, words, message
):
    """
    What cannot work ends with status 2 and one message, and no request was sent.
    """
    (folder / "broken.py").write_text("\n1 / 0\n")
    (folder / "needy.py").write_text("import no_such_module\n")
    (folder / "my-tools.py").write_text(tools)
    (folder / "json.py").write_text(tools)
    before = demo_site.ledger.count()
    status, out, err = command("map", *words)

    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert demo_site.ledger.count() == before


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["Shto"], 1, "There is no entity type 'Shto' on http"),
        (["Shto"], 1, "Did you mean 'Shot'?"),
        (["Shot", "--fields", "code,sg_cut_inn"], 1, "Shot has no field 'sg_cut_inn'. Did you mean 'sg_cut_in'?"),
        (["Shot", "--filter", "sg_cut_inn is 5"], 2, "Shot has no field 'sg_cut_inn'. Did you mean 'sg_cut_in'?"),
        (["Shot", "--filter", '["sg_cut_inn", "is", 5]'], 1, "Shot.sg_cut_inn doesn't exist"),
        (["Shot", "--project", "No Such"], 1, "There is no project 'No Such' on http"),
        (["Department", "--project", "Foreshore"], 1, "A Department belongs to no project"),
    ],
)
def test_what_the_site_does_not_have_is_one_message(command, environment, folder, sg, words, status, message):
    """
    Types, fields and projects that are not there end in one message, and the function is not called.
    """
    words = [sg.find_projects()[0]["name"] if word == "Foreshore" else word for word in words]
    ended, out, err = command("map", "tools:tasks", *words)

    assert (ended, out) == (status, "")
    assert message in err
    assert "Traceback" not in err
    assert calls() == []


# --- What came of it


def test_csv_has_a_column_for_each_key_of_the_results(command, environment, folder):
    """
    Keys that are called as the entity's own columns are told apart, and a list is JSON in its cell.
    """
    _status, out, _err = command("map", "tools:describe", "Shot", "--limit", "2", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))

    assert rows[0] == {
        "type": "Shot",
        "id": "1",
        "name": "FOR_0010",
        "error": "",
        "result.name": "for_0010",
        "result.type": "Cut",
        "frames": "[1, 2]",
    }
    assert len(rows) == 2


def test_a_table_shows_results_for_people(command, environment, folder):
    """
    The table has a row for each entity, and stderr says what it cost.
    """
    status, out, err = command("map", "tools:tasks", "Shot", "--limit", "3", "--workers", "2")

    assert status == 0
    assert [word for word in out.splitlines()[1].split() if word.isalpha()] == ["type", "id", "name", "result"]
    assert sum("FOR_00" in line for line in out.splitlines()) == 3
    assert err.startswith("3 items done in ")
    assert err.endswith(" s with 2 workers, 6 requests to the site.\n")  # schema, count, entities, and one for each


def test_failures_are_grouped_by_their_reason(command, environment, folder, tools):
    """
    All that can be done is done; the summary has each reason once, with its number, its line and some of the items.
    """
    status, out, err = command("map", "tools:odd", "Shot", "--limit", "30", "--format", "json")
    rows = {row["id"]: row for row in json.loads(out)}
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in err.splitlines() if "│" in line]
    plate = tools.splitlines().index(
        "        raise ValueError(f\"Shot {shot['id']} called {shot['code']} has no plate\")"
    )
    cut_in = tools.splitlines().index('        raise KeyError("sg_cut_in")')

    assert status == 1
    assert calls() == list(range(1, 31))
    assert (rows[1]["result"], rows[1]["error"]) == (1, None)
    assert (rows[5]["result"], rows[5]["error"]) == (None, "KeyError: 'sg_cut_in'")
    assert lines == [
        ["16", "done", "", ""],
        [
            "8",
            "failed",
            f"ValueError: Shot <id> called <code> has no plate (tools.py, line {plate + 1})",
            "Shot 3 (FOR_0030), Shot 6 (FOR_0060), Shot 9 (FOR_0090), ...",
        ],
        [
            "6",
            "failed",
            f"KeyError: 'sg_cut_in' (tools.py, line {cut_in + 1})",
            "Shot 5 (FOR_0050), Shot 10 (FOR_0100), Shot 15 (FOR_0150), ...",
        ],
    ]
    assert "Traceback" not in err


def test_without_a_journal_the_summary_says_to_give_one(command, environment, folder):
    """
    What is left, and that only a journal makes the next run shorter.
    """
    _status, _out, err = command("map", "tools:odd", "Shot", "--limit", "5")

    assert "2 items left. Nothing was kept: the same command does all of them again." in err
    assert "With --journal FILE" in err


def test_with_a_journal_the_same_command_does_what_is_left(command, environment, folder):
    """
    The second run calls the function for what failed alone; all results come again, and the command to type is shown.
    """
    words = ["tools:odd", "Shot", "--limit", "5", "--filter", "id > 0", "--journal", "run.jsonl", "--format", "json"]
    _status, first, err = command("map", *words)
    sys.modules["tools"].calls.clear()
    status, second, _err = command("map", *words)

    assert "2 items left. run.jsonl has what is done; the same command goes on with the rest:" in err
    assert "\n  sgextended map tools:odd Shot --limit 5 --filter 'id > 0' --journal run.jsonl --format json\n" in err
    assert (status, calls()) == (1, [3, 5])
    assert second == first


def test_the_journal_of_another_function_is_refused(command, environment, folder):
    """
    A journal holds the results of one function; for another one it ends in one message.
    """
    command("map", "tools:nothing", "Shot", "--limit", "1", "--journal", "run.jsonl")
    status, out, err = command("map", "tools:tasks", "Shot", "--limit", "1", "--journal", "run.jsonl")

    assert (status, out) == (1, "")
    assert "run.jsonl is the journal of tools:nothing, not of tools:tasks" in err


def test_the_first_failure_is_logged_with_its_traceback(command, environment, folder, caplog):
    """
    Who needs to see where it failed finds the traceback in the log, at debug.
    """
    caplog.set_level("DEBUG", "sgextended.cli")
    command("map", "tools:odd", "Shot", "--limit", "6")
    [record] = [each for each in caplog.records if each.name.startswith("sgextended.cli")]

    assert record.getMessage() == "The first failure, on Shot 3 (FOR_0030):"
    assert record.exc_info[0] is ValueError


def test_names_in_brackets_are_shown(command, environment, folder, capsys):
    """
    What looks like the markup of rich is text.
    """
    outcome = work.Outcome(how=work.How(workers=1), total=1)
    item = {"type": "Shot", "id": 1, "code": "[bold]"}
    outcome.results.append((item, Failure(item, ValueError("[/red] is wrong"))))
    work.show_summary(outcome, test_names_in_brackets_are_shown)
    shown = capsys.readouterr().err

    assert "ValueError: [/red] is wrong" in shown
    assert "Shot 1 ([bold])" in shown


def test_entities_that_cannot_be_read_at_all_are_one_error(sg):
    """
    Where nothing was begun there is nothing to sum up.
    """

    def items():
        raise Unreachable("The site is gone.")
        yield

    with pytest.raises(Unreachable):
        work.run(sg, len, work.Counted(items(), 10), work.How(workers=1))


def test_many_reasons_are_counted_together(capsys):
    """
    The most frequent reasons are shown, the others are a number.
    """
    outcome = work.Outcome(how=work.How(workers=1), total=14)
    outcome.results += [(n, Failure(n, ValueError("x" * n))) for n in range(1, 14)]
    outcome.results.append((14, Failure(14, ValueError("x"))))
    work.show_summary(outcome, len)
    lines = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]

    assert len(lines) == 11
    assert (lines[0].split("│")[1].strip(), lines[0].split("│")[3].strip()) == ("2", "ValueError: x")
    assert "3 other reasons" in lines[-1]


def test_what_was_done_is_shown_when_the_entities_cannot_be_read(sg, capsys):
    """
    The work ends with the results that there are, the reason, and what is left.
    """

    def items():
        yield from range(3)
        raise Unreachable("The site is gone.")

    outcome = work.run(sg, lambda _sg, n: n, work.Counted(items(), 10), work.How(workers=1))
    work.show_summary(outcome, len)
    shown = capsys.readouterr().err

    assert outcome.status == 1
    assert outcome.done == [(n, n) for n in range(len(outcome.done))]
    assert "The work has ended early: Unreachable: The site is gone." in shown
    assert f"{outcome.left} items left." in shown
