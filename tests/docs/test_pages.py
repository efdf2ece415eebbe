"""
The Python of the tutorial, the cookbook and the other pages for newcomers runs in order on the demo production.
"""

import ast
import asyncio
import importlib
import inspect
import logging
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import shotgun_api3
from fix_docs import DOCS, printed_by
from syntax_trees import syntax_tree

import sgextended
from sgextended import SGExtended
from sgextended.localsite import LocalSite
from sgextended.wrapper.domain_methods import DomainMethods

PAGES = ["logging.md", "troubleshooting.md", "from-shotgun-api3.md"]
PACKAGE = Path(sgextended.__file__).parent


def blocks_of(page):
    """
    Return the Python examples of a page that can run here.
    """
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def site():
    """
    One demo production for all pages.
    """
    with LocalSite(demo=True) as site:
        site.add_user("ada", "a password", role="admin", name="Ada")
        yield site


@pytest.fixture
def reader(site, tmp_path, monkeypatch):
    """
    The global names of a reader who has set the environment, in an empty folder.
    """
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    loggers = [logging.getLogger(), logging.getLogger("sgextended"), logging.getLogger("studio")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield {"__name__": "reader"}
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page, reader):
    """
    Each example of the page runs in order, and what is printed as a truth is True.
    """
    assert blocks_of(page)

    printed = [printed_by(block, reader) for block in blocks_of(page)]

    assert "False" not in " ".join(printed)


def test_tutorial_works(reader, site, make_sg):
    """
    The tutorial prints names of the demo production and the counts of its map, and the test that it shows passes.
    """
    printed = [printed_by(block, reader) for block in blocks_of("tutorial.md")]

    assert "Ember Falls - emb" in printed[0]
    assert re.search(r"[1-9]\d* shots: BRG_", printed[1])
    assert re.search(r"[1-9]\d* animation tasks", printed[1])
    assert re.search(r"^ip +[1-9]", printed[2], re.MULTILINE)
    assert "False" not in " ".join(printed)
    reader["test_status_of"](site, make_sg(site).create("Project", {"name": "Tutorial"}))


# --- The cookbook


def test_services_and_jobs_of_the_cookbook_work(reader, tmp_path):
    """
    After all examples have run: the FastAPI service, the Django view, the Celery task, the Deadline job and the Lambda
    handler do their work on the site.
    """
    import httpx
    from django.conf import settings

    printed = [printed_by(block, reader) for block in blocks_of("cookbook.md")]
    assert "False" not in " ".join(printed)
    if not settings.configured:
        settings.configure()
    shot, show, app = reader["shot"], reader["show"], reader["app"]

    async def requests():
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a")
        async with app.router.lifespan_context(app), client:
            return await client.get(f"/shots/{shot['code']}"), await client.get("/shots/no_such_shot")

    found, missing = asyncio.run(requests())
    assert found.json()["id"] == shot["id"]
    assert missing.status_code == 404
    assert shot["code"].encode() in reader["shots_view"](None, show["id"]).content
    first, again = (reader["add_shot"].apply(args=[show["id"], "CELERY_0010"]).get() for _ in range(2))
    assert first == again
    ids = [shot["id"] for shot in reader["shots"][3:5]]
    plugin = SimpleNamespace(
        GetPluginInfoEntryWithDefault=lambda _name, _default: ",".join(map(str, ids)),
        GetJobsDataDirectory=lambda: str(tmp_path),
    )
    assert reader["__main__"](plugin) == ids
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 30_000)
    assert reader["handler"]({"show": "emb"}, context)["shots"] > 0


# --- Toolkit, whose part is played by stand-ins


@pytest.fixture
def toolkit(site, monkeypatch):
    """
    A module ``sgtk`` with an engine whose connection belongs to another copy of shotgun_api3.
    """
    path = shotgun_api3.__path__[0]
    spec = importlib.util.spec_from_file_location(
        "tank_vendor_api", f"{path}/__init__.py", submodule_search_locations=[path]
    )
    vendored = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "tank_vendor_api", vendored)
    spec.loader.exec_module(vendored)
    token = vendored.Shotgun(site.url, login="ada", password="a password").get_session_token()
    connection = vendored.Shotgun(site.url, session_token=token)
    connection._user = SimpleNamespace(get_login=lambda: "ada")  # as tk-core's connection has it
    user = SimpleNamespace(login="ada", create_sg_connection=lambda: connection)
    engine = SimpleNamespace(shotgun=connection)
    module = ModuleType("sgtk")
    module.platform = SimpleNamespace(current_engine=lambda: engine)
    module.get_authenticated_user = lambda: user
    module.get_hook_baseclass = lambda: object
    module.bootstrap = SimpleNamespace(
        ToolkitManager=lambda: SimpleNamespace(bootstrap_engine=lambda *_args, **_kwargs: engine)
    )
    monkeypatch.setitem(sys.modules, "sgtk", module)
    yield engine
    for name in [name for name in sys.modules if name.partition(".")[0] == "tank_vendor_api"]:
        del sys.modules[name]


def test_toolkit_page_runs(reader, toolkit):
    """
    Each example of the page about Toolkit runs, and both kinds of faults are caught.
    """
    printed = [printed_by(block, reader) for block in blocks_of("toolkit.md")]

    assert printed[0] == "ada\n"
    assert " ".join(printed).count("is caught") == 3
    assert "False" not in " ".join(printed)


# --- Tables


def test_every_exception_is_in_the_table():
    """
    The page of exceptions has a row or a sentence for each public exception.
    """
    text = (DOCS / "exceptions.md").read_text(encoding="utf-8")
    names = [name for name in sgextended.__all__ if _is_exception(name)]

    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


def test_bases_in_the_table_are_true():
    """
    A class in the column "also caught by" catches the exception of its row.
    """
    text = (DOCS / "exceptions.md").read_text(encoding="utf-8")
    pairs = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|[^|]*\|$", text, re.MULTILINE)
    assert len(pairs) > 20
    for name, bases in pairs:
        known = {base.__name__ for base in getattr(sgextended, name).__mro__} | {"timeout"}
        for base in re.findall(r"`([\w.]+)`", bases):
            assert base.rpartition(".")[2] in known, (name, base)


def _is_exception(name):
    value = getattr(sgextended, name)
    return inspect.isclass(value) and issubclass(value, BaseException)


@pytest.fixture(scope="module")
def texts():
    """
    The literal texts of the package, with those of its f-strings.
    """
    trees = [syntax_tree(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return " ".join(node.value for node in nodes if isinstance(node.value, str))


def test_messages_of_the_troubleshooting_page_exist(texts):
    """
    Each message in the first column is made of texts in the source, so that a reader can search for it.
    """
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    firsts = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    parts = [part.strip() for first in firsts for span in re.findall(r"`(.*?)`", first) for part in span.split("...")]
    names = set(sgextended.__all__)

    assert len(parts) > 20
    assert [part for part in parts if part not in texts and part not in names] == []


def test_every_variable_is_on_the_page(texts):
    """
    Each environment variable that the package names is on the page of variables.
    """
    text = (DOCS / "environment-variables.md").read_text(encoding="utf-8")
    found = set(re.findall(r"\b(?:SHOTGUN|SGEXTENDED)_[A-Z_]*[A-Z]\b", texts))

    assert found >= {"SHOTGUN_URL", "SGEXTENDED_CLASS"}
    assert sorted(name for name in found if f"`{name}`" not in text) == []


def test_reference_has_every_public_name():
    """
    The pages of the reference name each public name and each public method of SGExtended.
    """
    text = " ".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    methods = {name for name in {**vars(SGExtended), **vars(DomainMethods)} if not name.startswith("_")}

    assert [name for name in sgextended.__all__ if f"sgextended.{name}" not in text] == []
    assert sorted(name for name in methods if not re.search(rf"\b{name}\b", text)) == []
