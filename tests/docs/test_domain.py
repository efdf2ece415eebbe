"""
``docs/domain.md`` has an example for every domain method, and every line of its Python returns a result.
"""

import inspect
import os
import re
from pathlib import Path

import pytest

from sgextended import SGExtended
from sgextended.localsite import LocalSite

TEXT = (Path(__file__).parent.parent.parent / "docs" / "domain.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
#: Native methods that the domain adds an option to.
NATIVE = {"find", "find_iter"}
#: The module whose functions are described on another page.
ELSEWHERE = "sgextended.domain.typed.read_write"


@pytest.fixture(scope="module")
def sg(make_sg):
    """
    A client of the demo production, with added dependent files, a time log and a booking, for the current user Zoe.
    """
    with LocalSite(demo=True) as site:
        script = make_sg(site)
        zoe = script.find_users("zoe*")[0]
        show = script.find_projects(tank_name="emb")[0]
        task = script.find_tasks(script.find_shots(show)[0])[0]
        script.create("TimeLog", {"entity": task, "project": show, "user": zoe, "date": "2026-03-09", "duration": 60})
        script.create("Booking", {"user": zoe, "start_date": "2026-03-01", "end_date": "2026-03-10", "vacation": True})
        script.create("Note", {"project": show, "subject": "Look", "addressings_to": [zoe]})
        scene = script.create("PublishedFileType", {"code": "Maya Scene", "short_name": "maya_scene"})
        common = {"project": show, "entity": task["entity"], "task": task, "published_file_type": scene}
        model = script.create("PublishedFile", {"project": show, "code": "model", "version_number": 1})
        for number in (1, 2):
            data = {**common, "code": f"scene.v{number}", "name": "scene", "version_number": number}
            script.create("PublishedFile", {**data, "upstream_published_files": [model]})
        storage = {"linux_path": "/mnt/emb", "mac_path": "/Volumes/emb", "windows_path": "P:\\emb"}
        script.create("LocalStorage", {"code": "emb", **storage})
        yield make_sg(site, sudo_as_login=zoe["login"])


@pytest.fixture(scope="module", autouse=True)
def files(tmp_path_factory):
    """
    Change to a folder with the files that the page uploads.
    """
    folder = tmp_path_factory.mktemp("files")
    for name in ("turntable.mov", "notes.txt"):
        (folder / name).write_text(name)
    before = Path.cwd()
    os.chdir(folder)
    yield
    os.chdir(before)


def test_every_line_returns_a_result(sg):
    """
    The lines run in order, and no result is empty, because an example with an empty result shows nothing.
    """
    names = {"sg": sg}
    lines = [line for block in BLOCKS for line in block.splitlines() if line]

    assert len(lines) > 40
    for line in lines:
        name = line.partition(" = ")[0]
        exec(compile(line, "domain.md", "exec"), names)
        assert names[name], line


def test_comments_of_the_examples_are_true(sg):
    """
    The results are as the comments in the examples say.
    """
    names = {"sg": sg}
    exec(compile("\n".join(BLOCKS), "domain.md", "exec"), names)

    assert names["scenes"][0]["code"] == "scene.v2"
    assert [row["code"] for row in names["made_of"]] == ["model"]
    assert names["mine"] == names["hers"]
    assert names["there"] == "P:\\emb\\shots\\BRG_0010.ma"
    assert [bool(change["added"]) for change in names["history"][-2:]] == [True, False]
    assert names["me"]["type"] == "HumanUser"
    assert len(names["new"]) == 250
    assert sg.count("Shot", [["code", "starts_with", "NEW_"]]) == 0
    assert names["again"] == names["published"]["version_number"] + 1
    assert Path(names["paths"][0]).read_text() == "turntable.mov"
    assert [row["id"] for row in names["rows"]] == names["ids"][:20]
    assert names["url"].endswith(f"/detail/Shot/{names['shot']['id']}")
    assert sum(names["by_status"].values()) == len(names["shots"])


def test_every_function_has_an_example():
    """
    The page has an example for each domain function that is a method.
    """
    methods = {
        name
        for name, function in vars(SGExtended).items()
        if inspect.isfunction(function)
        and function.__module__.startswith("sgextended.domain.")
        and function.__module__ != ELSEWHERE
    }
    shown = {name for block in BLOCKS for name in re.findall(r"\bsg\.(\w+)\(", block)}

    assert shown == methods | NATIVE
