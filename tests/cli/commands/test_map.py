"""
``sgextended map`` in threads: entities, functions, results and summary.
"""

import csv
import io
import json
import re
import sys

import pytest

from sgextended import Failure, Unreachable
from sgextended.cli.shared import run_items

GUARD = 60  # seconds


def calls():
    return sorted(sys.modules["tools"].calls)


def tasks_by_shot(sg, *filters):
    shots = sg.find("Shot", [*filters], ["code"])
    return {shot["code"]: len(sg.find("Task", [["entity", "is", shot]])) for shot in shots}


# --- Entities


def test_the_function_is_called_for_each_entity(command, environment, folder, sg):
    """
    The function is called for the entities that match all filters and the project; results are ordered by id.
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
    The function is called for at most as many entities as the limit.
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
def test_entities_have_their_name_or_the_given_fields(command, environment, folder, entity_type, words, fields):
    """
    An entity has its id and its name field, or the fields of --fields.
    """
    _status, out, _err = command("map", "tools:given", entity_type, "--limit", "1", "--format", "json", *words)

    assert json.loads(out)[0]["result"] == sorted({*fields, "type"})


@pytest.mark.parametrize(("entity_type", "field"), [("Project", "id"), ("HumanUser", "projects")])
def test_project_limits_the_entities(command, environment, folder, sg, entity_type, field):
    """
    --project also selects the project itself, and the people of a project.
    """
    project = sg.find_projects()[0]
    words = ["--project", project["name"], "--format", "json"]
    _status, out, _err = command("map", "tools:nothing", entity_type, *words)
    found = sg.find(entity_type, [[field, "is", project["id"] if field == "id" else project]])

    assert [row["id"] for row in json.loads(out)] == [entity["id"] for entity in found]
    assert found


def test_an_empty_query_is_not_an_error(command, environment, folder):
    """
    A query without entities has status 0, and its JSON is an empty list. The message says which id does not exist.
    """
    words = ["--filter", "id is 0", "--processes", "--format", "json"]

    assert command("map", "tools:tasks", "Shot", *words) == (
        0,
        "[]\n",
        "No Shot matches the query: there is nothing to do.\n  There is no Shot with the id 0, or it is retired.\n",
    )


# --- The function


@pytest.mark.parametrize("name", ["tools:Studio.code", "{folder}/tools.py:Studio.code", "tools.py:Studio.code"])
def test_functions_of_classes_and_of_files_are_found(command, environment, folder, name):
    """
    A function can be a static method of a class, and its module can be named by its file.
    """
    words = [name.format(folder=folder), "Shot", "--filter", "code is FOR_0010", "--format", "json"]

    assert json.loads(command("map", *words)[1])[0]["result"] == "FOR_0010"


def test_a_worker_is_a_function_too(command, environment, folder):
    """
    A class of SGWorker is called for the entities, on the site of the command.
    """
    status, out, _err = command("map", "tools:Upper", "Shot", "--filter", "id is 1", "--format", "json")

    assert (status, json.loads(out)[0]["result"]) == (0, "FOR_0010")


MISTAKES = [
    (["tools", "Shot"], "'tools' does not name a function. Write module:function, or path/to/file.py:function."),
    ([":tasks", "Shot"], "does not name a function"),
    (["tools:tasksx", "Shot"], "tools has no 'tasksx'. Did you mean 'tasks'?"),
    (["tools:Studio.cod", "Shot"], "tools has no 'Studio.cod'. Did you mean 'code'?"),
    (["tools:NOT_A_FUNCTION", "Shot"], "tools:NOT_A_FUNCTION is not a function. It is 5."),
    (["tools:asynchronous", "Shot"], "sgextended: asynchronous is a coroutine function"),
    (["tools:alone", "Shot"], "tools:alone(sg) cannot be called with (sg, entity): too many positional arguments."),
    (["no_such_tools:tasks", "Shot"], "There is no module 'no_such_tools', neither in"),
    (["no_such/tools.py:tasks", "Shot"], "There is no file 'no_such/tools.py' in"),
    (["broken:tasks", "Shot"], "'broken' cannot be imported: ZeroDivisionError: division by zero (broken.py, line 2)"),
    (["needy:tasks", "Shot"], "'needy' cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
    (
        ["my-tools.py:tasks", "Shot"],
        "'my-tools.py' cannot be imported. The name of a module can have only letters, digits and _.",
    ),
    (["json.py:tasks", "Shot"], "'json.py' cannot be imported, because the module"),
    (
        ["tools:tasks", "Shot", "--filter", "code iss a"],
        "'iss' is not an operator. Did you mean 'is'?\n  code iss a\n       ^^^",
    ),
    (
        ["tools:tasks", "Shot", "--processes", "--dask", "tcp://farm:8786"],
        "--processes and --dask exclude each other. Give one of them.",
    ),
    (["tools:tasks", "Shot", "--dask", "farm"], "Write it as HOST:PORT, such as tcp://farm:8786"),
    (["tools:tasks"], "Missing argument 'TYPE'"),
    (["tools:tasks", "Shot", "--limit", "0"], "Invalid value for '--limit'"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(words) for words, _message in MISTAKES])
def test_a_mistake_is_one_message_before_anything_is_sent(
    command, environment, demo_site, folder, tools, words, message
):
    """
    A mistake ends with status 2 and one message, and no request is sent.
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
        (["Shto"], 2, "There is no entity type 'Shto' on http"),
        (["Shto"], 2, "Did you mean 'Shot'?"),
        (["Shot", "--fields", "code,sg_cut_inn"], 2, "Shot has no field 'sg_cut_inn'. Did you mean 'sg_cut_in'?"),
        (["Shot", "--filter", "sg_cut_inn is 5"], 2, "Shot has no field 'sg_cut_inn'. Did you mean 'sg_cut_in'?"),
        (["Shot", "--filter", '["sg_cut_inn", "is", 5]'], 1, "Shot.sg_cut_inn doesn't exist"),
        (["Shot", "--project", "No Such"], 1, "There is no project 'No Such' on http"),
        (["Department", "--project", "Foreshore"], 1, "Department cannot be limited to a project"),
    ],
)
def test_unknown_names_end_in_one_message(command, environment, folder, sg, words, status, message):
    """
    Unknown types, fields and projects end in one message, and the function is not called.
    """
    words = [sg.find_projects()[0]["name"] if word == "Foreshore" else word for word in words]
    ended, out, err = command("map", "tools:tasks", *words)

    assert (ended, out) == (status, "")
    assert message in err
    assert "Traceback" not in err
    assert calls() == []


# --- Results and summary


def test_csv_has_a_column_for_each_key_of_the_results(command, environment, folder):
    """
    A key with the name of one of the entity's columns gets the prefix "result."; a list is JSON in its cell.
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


def test_a_table_has_a_row_for_each_entity(command, environment, folder):
    """
    The table has a row for each entity, and stderr has the cost.
    """
    status, out, err = command("map", "tools:tasks", "Shot", "--limit", "3", "--workers", "2")

    assert status == 0
    assert [word for word in out.splitlines()[1].split() if word.isalpha()] == ["type", "id", "name", "result"]
    assert sum("FOR_00" in line for line in out.splitlines()) == 3
    assert err.startswith("3 items done in ")
    # Count, entities, and one for each; and the schema, unless another test has left it in the cache of the process.
    assert re.search(r" s with 2 workers, [56] requests to the site\.\n$", err)


def test_failures_are_grouped_by_their_reason(command, environment, folder, tools):
    """
    A failure does not stop the run. The summary has each reason once, with count, line and examples.
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


def test_without_a_journal_the_summary_recommends_one(command, environment, folder):
    """
    The summary has the number of remaining items and says that a journal shortens the next run.
    """
    _status, _out, err = command("map", "tools:odd", "Shot", "--limit", "5")

    assert (
        "Not done: 2 items. No record of the finished items was kept: the same command processes all items again."
        in err
    )
    assert "Use --journal FILE to record finished items" in err


def test_with_a_journal_the_same_command_resumes(command, environment, folder):
    """
    The second run calls the function only for the failed items and prints all results. The summary has the command.
    """
    words = ["tools:odd", "Shot", "--limit", "5", "--filter", "id > 0", "--journal", "run.jsonl", "--format", "json"]
    _status, first, err = command("map", *words)
    sys.modules["tools"].calls.clear()
    status, second, _err = command("map", *words)

    assert "Not done: 2 items. run.jsonl records the items that are done." in err
    assert "\n  sgextended map tools:odd Shot --limit 5 --filter 'id > 0' --journal run.jsonl --format json\n" in err
    assert (status, calls()) == (1, [3, 5])
    assert second == first


def test_the_journal_of_another_function_is_refused(command, environment, folder):
    """
    A journal belongs to one function; using it for another ends in one message.
    """
    command("map", "tools:nothing", "Shot", "--limit", "1", "--journal", "run.jsonl")
    status, out, err = command("map", "tools:tasks", "Shot", "--limit", "1", "--journal", "run.jsonl")

    assert (status, out) == (1, "")
    assert "run.jsonl is the journal of tools:nothing, not of tools:tasks" in err


def test_the_first_failure_is_logged_with_its_traceback(command, environment, folder, caplog):
    """
    The log has the traceback of the first failure, at level DEBUG.
    """
    caplog.set_level("DEBUG", "sgextended.cli")
    command("map", "tools:odd", "Shot", "--limit", "6")
    [record] = [each for each in caplog.records if each.name.startswith("sgextended.cli")]

    assert record.getMessage() == "The first failure, on Shot 3 (FOR_0030):"
    assert record.exc_info[0] is ValueError


def test_brackets_are_shown_unchanged(command, environment, folder, capsys):
    """
    Text that looks like markup of rich is shown as text.
    """
    outcome = run_items.Outcome(options=run_items.RunOptions(workers=1), total=1)
    item = {"type": "Shot", "id": 1, "code": "[bold]"}
    outcome.results.append((item, Failure(item, ValueError("[/red] is wrong"))))
    run_items.show_summary(outcome, test_brackets_are_shown_unchanged)
    shown = capsys.readouterr().err

    assert "ValueError: [/red] is wrong" in shown
    assert "Shot 1 ([bold])" in shown


def test_an_error_before_the_first_item_is_raised(sg):
    """
    If no call was started, the error is raised instead of a summary.
    """

    def items():
        raise Unreachable("The site is gone.")
        yield

    with pytest.raises(Unreachable):
        run_items.run(sg, len, run_items.CountedItems(items(), 10), run_items.RunOptions(workers=1))


def test_rare_reasons_share_one_line(capsys):
    """
    The ten most frequent reasons are shown; one line has the number of the others.
    """
    outcome = run_items.Outcome(options=run_items.RunOptions(workers=1), total=14)
    outcome.results += [(n, Failure(n, ValueError("x" * n))) for n in range(1, 14)]
    outcome.results.append((14, Failure(14, ValueError("x"))))
    run_items.show_summary(outcome, len)
    lines = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]

    assert len(lines) == 11
    assert (lines[0].split("│")[1].strip(), lines[0].split("│")[3].strip()) == ("2", "ValueError: x")
    assert "3 other reasons" in lines[-1]


def test_an_error_while_reading_items_keeps_the_results(sg, capsys):
    """
    The summary has the finished items, the error, and the number of remaining items.
    """

    def items():
        yield from range(3)
        raise Unreachable("The site is gone.")

    outcome = run_items.run(sg, lambda _sg, n: n, run_items.CountedItems(items(), 10), run_items.RunOptions(workers=1))
    run_items.show_summary(outcome, len)
    shown = capsys.readouterr().err

    assert outcome.exit_status == 1
    assert outcome.done == [(n, n) for n in range(len(outcome.done))]
    assert "The run stopped early: Unreachable: The site is gone." in shown
    assert f"Not done: {outcome.remaining} items." in shown
