"""
``sgextended check``: calls in files, validated against the schema.
"""

import pytest

WRONG = """
FIELDS = ["code", "cod"]
CHANGES = 1
CHANGES = 2
PAGE: dict = {"sg_cut_in": "ten"}


def report(sg, show, number, FLAGS):
    sg.find("Shot", [["project", "is", show]], FIELDS)
    sg.find(entity_type="Shot", filters=[["code", "is", number]], order=[{"field_name": "idd", "direction": "asc"}])
    self.sg.find_one("Shot", [["id", "is", number], {"filter_operator": "all", "filters": [["cod", "is", 1]]}])
    super().update("Shot", number, PAGE)
    sg.create("Shot", {"code": f"{number}", **show, "sg_status_list": "rdyy"})
    sg.batch([{"request_type": "update", "entity_type": "Shot", "entity_id": number, "data": {"cod": "a"}}])
    sg.find("Shoot", [])
    sg.summarize("Shot", [], [{"field": "cod", "type": "count"}])
"""
RIGHT = """
OPEN = [["sg_status_list", "in", ["ip", "rdy"]]]


def report(sg, text, show, *rest):
    sg.find("Shot", OPEN, ["code"])
    sg.find("Shot", *rest)
    sg.find("Shot", [*OPEN, ["project", "is", show]], [text])
    sg.find(text, [["cod", "is", 1]])
    text.find("Shot", 3)
    "Find Shot".find("Shot")
    {}.update("Shot", 1, 2)
    find("Shot", [["cod", "is", 1]])
    sg.find("Shot", [["sg_cut_in", "is", CUT]])
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """
    Create a working directory with a file with mistakes, one without, and one that is not valid Python.
    """
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "broken.py").write_text("def (:\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def test_every_mistake_is_reported_with_its_place(command, environment, files, demo_site):
    """
    Each line has file, line, column and message, also for mistakes in module-level constants.
    """
    status, stdout, stderr = command("check", "wrong.py", "right.py")
    expected = [
        (2, '"cod"', "Shot has no field 'cod'. Did you mean 'code'?"),
        (5, '"ten"', "Shot.sg_cut_in takes a whole number, not 'ten'."),
        (10, '"idd"', "Shot has no field 'idd'. Did you mean 'id'?"),
        (11, '"cod"', "Shot has no field 'cod'. Did you mean 'code'?"),
        (13, '"rdyy"', "Shot.sg_status_list has no value 'rdyy'. Did you mean 'rdy'?"),
        (14, '"a"', "Shot has no field 'cod'. Did you mean 'code'?"),
        (15, '"Shoot"', f"There is no entity type 'Shoot' on {demo_site.url}. Did you mean 'Shot'?"),
        (16, '"cod"', "Shot has no field 'cod'. Did you mean 'code'?"),
    ]
    source = WRONG.splitlines()

    assert status == 1
    assert sorted(stdout.splitlines()) == sorted(
        f"wrong.py:{line}:{source[line - 1].index(token) + 1}: {message}" for line, token, message in expected
    )
    assert stderr == "8 problems in 11 calls of 2 files.\n"


def test_a_file_without_mistakes_has_status_0(command, environment, files):
    """
    Calls of methods with the same names that are not calls of a client are not counted.
    """
    assert command("check", "right.py") == (0, "", "No problem in 3 calls of 1 file.\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.py", "sgextended: The file 'none.py' cannot be read: No such file or directory.\n"),
        ("broken.py", "sgextended: 'broken.py', line 1 is not valid Python: invalid syntax.\n"),
    ],
)
def test_unreadable_files_end_in_one_message(command, environment, files, name, message):
    """
    A missing file, and a file that is not valid Python, end in one line.
    """
    status, stdout, stderr = command("check", name)

    assert (status, stdout) == (2, "")
    assert stderr == message or name == "broken.py"  # the wording depends on the Python version
    assert stderr.startswith(message.rpartition(":")[0])
