"""
What ``import sgextended`` imports, and that the package works where Python is embedded or frozen.
"""

import pickle
import subprocess
import sys

import pytest

import sgextended
from sgextended import Failure, Link, SGExtended, Site, Trace
from sgextended.lazy_import import lazy_module

#: Modules that a program which finds and creates does not need. Each is imported when its names are first used.
LAZY = [
    "asyncio", "concurrent.futures", "dask", "difflib", "distributed", "html", "multiprocessing", "subprocess",
    "sgextended.aio", "sgextended.schema.validation", "sgextended.dask", "sgextended.domain.batches",
    "sgextended.domain.query_fields.compute", "sgextended.domain.query_fields.query_field_plan",
    "sgextended.domain.query_fields.row_owners", "sgextended.domain.query_fields.saved_filters",
    "sgextended.domain.query_fields.single_record_fields", "sgextended.domain.query_fields.site_requests",
    "sgextended.domain.typed.conversion", "sgextended.domain.typed.record_classes",
    "sgextended.workers.journal", "sgextended.writes.dry_run", "sgextended.workers.pool.instance_pool",
    "sgextended.sg_worker", "sgextended.studio_class", "sgextended.workers.worker_group",
    "sgextended.observe.trace_report",
    "sgextended.writes.undo", "sgextended.workers.map", "sgextended.workers.dask_executor",
    "sgextended.workers.pool.pool_lease",
]  # fmt: skip


@pytest.fixture
def settings(any_site, make_site):
    """
    The arguments of a `Site` that leads to a local site, as source text.
    """
    site = make_site(any_site)
    key = site.api_key.reveal()
    return f"url={site.url!r}, script_name={site.script_name!r}, api_key={key!r}, ca_file={site.ca_file!r}"


def run(script: str, *options: str) -> str:
    """
    Return what a script prints in a Python of its own, which must print no error.
    """
    done = subprocess.run(
        [sys.executable, *options, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


def test_import_leaves_out_what_one_call_does_not_need():
    """
    ``import sgextended`` imports no module that a program which finds and creates does not need.
    """
    printed = run(f"""
import sys
import shotgun_api3, attrs, urllib3  # the dependencies import some of these modules by themselves
before = set(sys.modules)
import sgextended
print(sorted(set({LAZY!r}) & (set(sys.modules) - before)))
""")

    assert printed == "[]\n"


def test_calls_import_nothing_of_the_package(settings):
    """
    After the import, plain calls import no further module of sgextended, so they work at the end of the process too.
    """
    printed = run(f"""
import sys
import sgextended
before = set(sys.modules)
sg = sgextended.SGExtended(site=sgextended.Site({settings}))
project = sg.create("Project", {{"name": "import"}})
sg.find("Project", [], ["name"])
sg.find_one("Project", [["id", "is", project["id"]]])
list(sg.find_iter("Project", []))
sg.update("Project", project["id"], {{"name": "imported"}})
sg.batch([{{"request_type": "create", "entity_type": "Shot", "data": {{"code": "a", "project": project}}}}])
sg.summarize("Project", [], [{{"field": "id", "type": "count"}}])
sg.delete("Project", project["id"])
sg.revive("Project", project["id"])
print([name for name in sorted(set(sys.modules) - before) if name.startswith("sgextended")])
""")

    assert printed == "[]\n"


@pytest.mark.parametrize("make", ["Checked(site=site, validate=True)", "Checked(site=site).validated()"])
def test_wrapper_that_checks_imports_the_checks_when_it_is_made(make):
    """
    A wrapper that validates its calls imports what it needs for that when it is made, not in its first call.
    """
    printed = run(f"""
import sys
from sgextended import SGExtended as Checked, Site
site = Site(url="https://site.invalid", script_name="demo", api_key="demo")
Checked(site=site)
before = "sgextended.schema.validation" in sys.modules
{make}
print(before, "sgextended.schema.validation" in sys.modules)
""")

    assert printed == "False True\n"


def test_all_public_names_are_listed():
    """
    ``dir(sgextended)`` has each public name, also before its module was imported.
    """
    printed = run("import sgextended; print(sorted(set(sgextended.__all__) - set(dir(sgextended))))")

    assert printed == "[]\n"
    assert "__version__" in dir(sgextended)


def test_star_import_gives_all_public_names():
    """
    ``from sgextended import *`` gives each public name.
    """
    assert (
        run("from sgextended import *\nimport sgextended\nprint(set(sgextended.__all__) - set(globals()))") == "set()\n"
    )


def test_lazily_imported_classes_survive_pickling():
    """
    Instances of public classes whose modules are imported late can be pickled, and are instances of the same class.
    """
    link = Link(type="Shot", id=1)
    failure = Failure("item", ValueError("no"))

    assert pickle.loads(pickle.dumps(link)) == link
    assert isinstance(pickle.loads(pickle.dumps(failure)), Failure)
    assert run(f"import pickle; print(pickle.loads({pickle.dumps(link)!r}).type)") == "Shot\n"


def test_lazy_module_is_imported_on_the_first_read():
    """
    A stand-in for a module imports it when a name is read, and gives the module's own values.
    """
    printed = run("""
import sys
from sgextended.lazy_import import lazy_module
stand_in = lazy_module("colorsys")
print("colorsys" in sys.modules, repr(stand_in), hasattr(stand_in, "__wrapped__"), "colorsys" in sys.modules)
print(stand_in.rgb_to_hsv is __import__("colorsys").rgb_to_hsv, "rgb_to_hsv" in dir(stand_in))
""")

    assert printed == "False <lazy module 'colorsys'> False False\nTrue True\n"


def test_lazy_module_is_one_for_all():
    """
    All users of a lazy module share one stand-in, and a name that the module lacks is an AttributeError.
    """
    assert lazy_module("colorsys") is lazy_module("colorsys")
    with pytest.raises(AttributeError, match="rgb_to_nothing"):
        lazy_module("colorsys").rgb_to_nothing  # noqa: B018 - reading is the point


def test_standard_library_needs_no_files(settings):
    """
    The import and a trace work where modules of the standard library have no ``__file__``, as in frozen apps.
    """
    printed = run(f"""
import collections, concurrent.futures, contextlib, email, functools, json, os, sys, threading
for module in list(sys.modules.values()):
    if module.__name__.partition(".")[0] in ("os", "contextlib", "threading", "functools", "concurrent", "json"):
        vars(module).pop("__file__", None)
import sgextended
sg = sgextended.SGExtended(site=sgextended.Site({settings}))
def ask(sg, item):
    return sg.find_projects()
with sg.trace() as trace:
    sg.find_shots()
    list(sg.map(ask, [1]))
print(sorted(line.function for line in trace.by_line()))
""")

    assert printed == "['<module>', 'ask']\n"


def test_work_runs_where_the_main_thread_is_not_the_first_to_import_threading(settings):
    """
    ``map`` and ``create_many`` work in a host that starts its scripts in a thread of its own, as embedded Pythons do.
    """
    # Without the module site, nothing imports threading before the second thread does, which threading takes for the
    # main thread from then on, although Python sets signal handlers in the first one alone.
    printed = run(
        f"""
import _thread, sys
assert "threading" not in sys.modules
done = _thread.allocate_lock()
done.acquire()
def script():
    try:
        sys.path[:0] = {[path for path in sys.path if path]!r}
        import threading
        # Python 3.13 asks the interpreter which thread is the main one.
        assert sys.version_info >= (3, 13) or threading.current_thread() is threading.main_thread()
        from sgextended import SGExtended, Site
        sg = SGExtended(site=Site({settings}))
        project = sg.create("Project", {{"name": "embedded"}})
        print(list(sg.map(lambda sg, item: item, range(3))))
        print(sg.create_many("Shot", [{{"code": "a", "project": project}}]))
    finally:
        done.release()
_thread.start_new_thread(script, ())
done.acquire()
""",
        "-S",
    )

    assert printed == "[0, 1, 2]\n1 of 1 done, 0 failed, 0 uncertain.\n"


def test_wrapper_returns_the_public_classes():
    """
    What the wrapper's blocks give are instances of the public classes of the package.
    """
    sg = SGExtended(site=Site(url="https://site.invalid", script_name="demo", api_key="demo"))
    with sg.trace() as trace, sg.dry_run() as plan:
        pass

    assert isinstance(trace, Trace)
    assert isinstance(plan, sgextended.Plan)
