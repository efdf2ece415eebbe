"""
The house: which module may import which, how long a file may be, and what importing does.
"""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import sgextended

ROOT = Path(sgextended.__file__).parent
LONGEST = 600  # lines

FLOORS = {
    "_version": 0, "closing": 0, "errors": 0, "garbage": 0, "http": 0, "lazy": 0, "scoped": 0, "secret": 0, "site": 0,
    "thread_executor": 0, "threads": 0, "trace": 0, "trace_report": 0, "turns": 0, "wakeup": 0, "wire": 0,
    "ahead": 1, "calls": 1, "checks": 1, "downloads": 1, "hooks": 1, "identity": 1, "native": 1, "one_at_a_time": 1,
    "paging": 1, "parallel": 1, "reconcile": 1, "schema": 1, "transfers": 1, "uploads": 1, "watched": 1,
    "dask": 2, "domain": 2, "journal": 2, "plan": 2, "progress": 2, "remote": 2, "undo": 2,
    "workers": 2,
    "_async_methods": 3, "_native_methods": 3, "aio": 3, "connect": 3, "extended": 3, "hooked": 3, "of_thread": 3,
    "pool": 3, "registered": 3, "verbs": 3,
    "": 4,  # the package itself
    "qt": 4,
    "__main__": 5, "cli": 5, "pytest_plugin": 5,
}  # fmt: skip
APART = "localsite"
MAY_USE_APART = {"cli", "pytest_plugin"}
EXTRAS = {
    "typer", "rich", "starlette", "uvicorn", "sqlalchemy", "trustme", "distributed", "dask", "orjson",
    "keyring", "pyarrow", "qtpy", "cattrs",
}  # fmt: skip


@functools.cache
def modules():
    """
    Return each module's parts below the package, and its file.
    """
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append((parts[:-1] if parts[-1] == "__init__" else parts, path))
    return found


@functools.cache
def imports_of(path):
    """
    Return the dotted names that a file imports, at once or lazily; those below TYPE_CHECKING alone are left out.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and "TYPE_CHECKING" in ast.unparse(node.test)
        and "not" not in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    names = []
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_module" and node.args:
            names += [ast.literal_eval(node.args[0])] if isinstance(node.args[0], ast.Constant) else []
    return names


def internal_imports():
    """
    Return pairs of house parts: who imports, and what.
    """
    pairs = []
    for parts, path in modules():
        importer = parts[0] if parts else ""
        for name in imports_of(path):
            if name.split(".")[0] == "sgextended":
                target = (name + ".").split(".")[1]
                known = target in FLOORS or target == APART
                pairs.append((importer, target if known else ""))
    return pairs


def importers_of(package):
    return {
        ".".join(parts) for parts, path in modules() if any(name.split(".")[0] == package for name in imports_of(path))
    }


def test_every_module_has_a_floor():
    """
    No module stands outside the house.
    """
    assert {parts[0] if parts else "" for parts, _path in modules()} <= {*FLOORS, APART}


def test_imports_only_point_down():
    """
    A module imports from its own floor or from a lower one.
    """
    pairs = [(importer, target) for importer, target in internal_imports() if APART not in {importer, target}]

    assert len(pairs) > 20
    assert [(importer, target) for importer, target in pairs if FLOORS[target] > FLOORS[importer]] == []


def test_local_site_stands_apart():
    """
    The local site imports nothing of the floors, and only floor 5 imports it.
    """
    pairs = internal_imports()

    assert {target for importer, target in pairs if importer == APART} <= {APART}
    assert {importer for importer, target in pairs if target == APART} <= {APART, *MAY_USE_APART}


def test_urllib3_is_imported_where_connections_are():
    """
    The HTTP library is known where sockets are opened, and where its errors are translate_error.
    """
    assert importers_of("urllib3") <= {"http.connection", "http.failures", "http.opening"}


def test_native_client_is_imported_in_native_only():
    """
    One module knows the official client; the exceptions know its exceptions.
    """
    assert importers_of("shotgun_api3") <= {"native", "identity", "errors"}
    assert "native" in importers_of("shotgun_api3")
    assert {name for name in imports_of(ROOT / "errors.py") if name.startswith("shotgun_api3")} == {
        "shotgun_api3.shotgun.ShotgunError",
        "shotgun_api3.shotgun.ShotgunFileDownloadError",
    }


def test_core_imports_no_extra():
    """
    The floors up to the wrapper run without any extra installed.
    """
    offenders = {
        (parts[0], name.split(".")[0])
        for parts, path in modules()
        if parts and parts[0] not in {APART, "cli", "__main__"}
        for name in imports_of(path)
        if name.split(".")[0] in EXTRAS
    }

    # Imported when they are first needed, the last by who imports qt; the first two are done without
    # where they are missing.
    assert offenders == {
        ("wire", "orjson"), ("progress", "rich"), ("dask", "distributed"), ("domain", "cattrs"), ("qt", "qtpy"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", [*ROOT.rglob("*.py"), *Path(__file__).parent.rglob("*.py")], ids=lambda path: path.name
)
def test_file_is_short(path):
    """
    A file that no one can take in is split by topic.
    """
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_import_is_quiet():
    """
    Importing sgextended loads no extra, starts no thread, opens no socket, and leaves logging and warnings alone.
    """
    script = f"""
import logging, socket, sys, threading, warnings
root = logging.getLogger()
def state():
    # urllib3 adds filters for its own warnings
    filters = [each for each in warnings.filters if not each[2].__module__.startswith("urllib3")]
    return root.level, list(root.handlers), filters, threading.active_count()
before = state()
def refuse(*args, **kwargs):
    raise AssertionError("a socket was made")
real, socket.socket.connect = socket.socket.connect, refuse
import sgextended
for name in sgextended.__all__:
    getattr(sgextended, name)
assert before == state(), (before, state())
assert logging.getLogger("sgextended").level == logging.NOTSET
assert logging.getLogger("sgextended").handlers == []
loaded = {EXTRAS!r} & set(sys.modules)
assert not loaded, loaded
assert not [name for name in sys.modules if name.startswith(("sgextended.localsite", "sgextended.cli"))]
print("quiet")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT.parent,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("quiet\n", "")


def test_package_exports_what_it_names():
    """
    ``__all__`` is sorted, complete and importable.
    """
    assert sgextended.__all__ == sorted(sgextended.__all__)
    assert [name for name in sgextended.__all__ if not hasattr(sgextended, name)] == []


@pytest.mark.parametrize("name", [name for name in sgextended.__all__ if name not in {"current", "registered_class"}])
def test_public_classes_report_the_package(name):
    """
    The module of a public class is the package, wherever its source stands.
    """
    assert getattr(sgextended, name).__module__ == "sgextended"


def test_unknown_name_of_the_package_is_an_attribute_error():
    """
    The lazy version does not make every name exist.
    """
    with pytest.raises(AttributeError, match="module 'sgextended' has no attribute 'Shotgun'"):
        sgextended.Shotgun  # noqa: B018 - reading is the point
