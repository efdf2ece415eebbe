"""
The examples of ``docs/typed.md`` run, and each of the five mistakes is found by the tools that the page names.

pyright needs node. If pyright does not run, its tests are skipped with that reason.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
from processes import unmeasured

from sgextended.cli.entry_point import main

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "typed.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|sh|text)\n(.*?)```", TEXT, re.DOTALL)
PROGRAM = [source for language, source in BLOCKS if language == "python" and not source.startswith("# shots.py")]
SHOTS = next(source for _language, source in BLOCKS if source.startswith("# shots.py"))
STUBS, CHECK = [source.split()[1:] for language, source in BLOCKS if language == "sh"]
SCHEMA_ERROR, _RECORD_ERROR, FOUND = [source for language, source in BLOCKS if language == "text"]
FIND = SHOTS.splitlines().index("    return sg.find(") + 1  # the line where type checkers report wrong arguments
CHECKER_TIMEOUT = 120  # seconds


@pytest.fixture(scope="module")
def environment(demo_site):
    """
    Set the environment variables for the demo site during this module.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in demo_site.environment().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def folder(environment, tmp_path_factory):
    """
    A folder with the module that ``sgextended stubs`` writes and the module with the mistakes.
    """
    folder = tmp_path_factory.mktemp("typed")
    (folder / "shots.py").write_text(SHOTS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run(patch, STUBS)
    return folder


def run(patch, words):
    """
    Run the command line, and return its exit status.
    """
    patch.setattr(sys, "argv", ["sgextended", *words])
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0
    return 0


def line_of(mistake):
    """
    Return the line number of a mistake.
    """
    return next(number for number, line in enumerate(SHOTS.splitlines(), 1) if line.endswith(f"# {mistake}"))


def test_program_runs(environment, make_sg, demo_site, monkeypatch):
    """
    The examples run from top to bottom, and the results are as the comments say.
    """
    page = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", page)  # Python 3.9 resolves annotations in this module
    names = vars(page)
    exec(compile("\n".join(PROGRAM), "typed.md", "exec"), names)
    restored = make_sg(demo_site)
    restored.update("Shot", names["one"].id, {"sg_cut_in": names["shots"][0].sg_cut_in})

    assert (names["data_type"], names["label"], names["may_be_set"]) == ("number", "Cut In", False)
    assert names["message"].strip() == SCHEMA_ERROR.strip()
    assert names["shots"]
    assert len(names["many"]) == 10
    assert (names["sent"], names["nothing"], names["sent_again"]) == ({"sg_cut_in": 1009}, {}, {"sg_cut_in": 1001})


def test_check_finds_mistakes_in_filters(folder, monkeypatch, capsys):
    """
    The command prints the output of the page: operator, status, link and field, each with its location.
    """
    monkeypatch.chdir(folder)
    status = run(monkeypatch, CHECK)

    assert status == 1
    assert capsys.readouterr().out == FOUND
    lines = [int(line.split(":")[1]) for line in FOUND.splitlines()]
    assert lines == [line_of(mistake) for mistake in ("operator", "status", "link", "field")]


def test_mypy_finds_field_and_type(folder):
    """
    The stubs pass mypy strict, and mypy finds two of the mistakes.
    """
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--no-pretty"]
    done = subprocess.run(
        [*command, *map(str, sorted(folder.glob("*.py")))],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=CHECKER_TIMEOUT,
        env=unmeasured(MYPYPATH=str(folder)),
    )  # fmt: skip
    errors = re.findall(r"(\w+\.py):(\d+): error: (.*)", done.stdout)

    assert {name for name, _line, _message in errors} == {"shots.py"}, done.stdout + done.stderr
    kinds = {re.search(r"\[([\w-]+)\]$", message).group(1): int(line) for _name, line, message in errors}
    assert kinds["assignment"] == line_of("type")
    assert kinds["call-overload"] == FIND


@pytest.fixture(scope="module")
def pyright_found(folder):
    """
    The errors that pyright strict reports: file, line and message of each.
    """
    if not shutil.which("node") or importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is skipped: it needs node and the package pyright")
    settings = {
        "include": [os.path.relpath(ROOT / "tests" / "typing", folder), "."],
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "strict",
        "reportMissingTypeStubs": False,  # shotgun_api3 3.9.0 has none
        "pythonVersion": "3.9",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=folder, timeout=CHECKER_TIMEOUT, env=unmeasured()
        )
        report = json.loads(done.stdout)
    except (ValueError, subprocess.TimeoutExpired) as error:  # npm downloaded nothing
        pytest.skip(f"pyright is skipped: it does not run here ({type(error).__name__})")
    assert report["summary"]["filesAnalyzed"] > 2
    return [
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["message"])
        for each in report["generalDiagnostics"]
    ]


def test_pyright_finds_field_and_type(pyright_found):
    """
    The stubs pass pyright strict, and pyright finds two of the mistakes.
    """
    in_shots = [(line, message) for name, line, message in pyright_found if name == "shots.py"]

    assert [each for each in pyright_found if each[0] == "studio_schema.py"] == []
    assert {line for line, _message in in_shots} == {FIND, line_of("field"), line_of("type")}, in_shots
    assert any(line == FIND and 'No overloads for "find" match' in message for line, message in in_shots)


def test_public_signatures_pass_pyright(pyright_found):
    """
    The files in ``tests/typing``, which mypy checks, also pass pyright.
    """
    assert [each for each in pyright_found if each[0] not in {"shots.py", "studio_schema.py"}] == []
