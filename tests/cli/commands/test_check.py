"""
``sgextended check``: calls in files, held against the schema.
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
    The folder of a user, with a file of each kind.
    """
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "broken.py").write_text("def (:\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def test_every_mistake_is_told_with_its_place(command, environment, files, demo_site):
    """
    Each line says file, line, column and what is wrong, also of what a constant of the module holds.
    """
    status, printed, said = command("check", "wrong.py", "right.py")
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
    assert sorted(printed.splitlines()) == sorted(
        f"wrong.py:{line}:{source[line - 1].index(token) + 1}: {message}" for line, token, message in expected
    )
    assert said == "8 problems in 11 calls of 2 files.\n"


def test_what_fits_is_told_too(command, environment, files):
    """
    Without a problem the exit status is 0; methods of the same names that are no calls to a site are none.
    """
    assert command("check", "right.py") == (0, "", "All fits: 3 calls of 1 file.\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.py", "sgextended: 'none.py' cannot be read: No such file or directory.\n"),
        ("broken.py", "sgextended: 'broken.py', line 1 is no Python: invalid syntax.\n"),
    ],
)
def test_files_that_are_none_are_told(command, environment, files, name, message):
    """
    A file that is not there or no Python is told in one line.
    """
    status, printed, said = command("check", name)

    assert (status, printed) == (2, "")
    assert said == message or name == "broken.py"  # each Python has words of its own
    assert said.startswith(message.rpartition(":")[0])
