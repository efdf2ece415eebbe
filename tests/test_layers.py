"""
The layers of the package: which module may import which, how large files and folders may be, and what an import does.
"""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest
from syntax_trees import syntax_tree

import sgextended

ROOT = Path(sgextended.__file__).parent
LONGEST_FILE = 500  # lines
LARGEST_FOLDER = 12  # modules

#: The layers from top to bottom. A layer is a folder or a module of the package; "" is the package itself. A folder's
#: layer does not include its subfolders and modules that have a layer of their own.
LAYERS = (
    "__main__", "cli/entry_point", "cli/app", "cli/commands", "cli/shared", "cli/syntax", "cli/printing", "cli",
    "pytest_plugin",
    "",
    "qt",
    "studio_class", "sg_worker", "extended",
    "aio", "wrapper",
    "events",
    "domain/typed", "domain/query_fields", "domain/table_import", "domain",
    "dask", "workers", "workers/pool",
    "writes",
    "client", "client/transfers", "client/protocol",
    "schema",
    "observe",
    "site_settings",
    "http",
    "secret", "header_text",
    "concurrency", "lazy_import", "environment", "site_address", "file_path",
    "errors", "_version",
)  # fmt: skip
#: The local site imports nothing of the layers, and has a table of its own in tests/localsite/test_layers.py.
APART = "localsite"
MAY_USE_APART = {"cli/commands", "cli/shared", "pytest_plugin"}
#: Folders that have one module for each subject or command.
ANY_NUMBER_OF_MODULES = {"domain", "cli/commands"}
EXTRAS = {
    "typer", "rich", "starlette", "uvicorn", "sqlalchemy", "trustme", "distributed", "dask", "orjson",
    "keyring", "pyarrow", "qtpy", "cattrs", "truststore", "openpyxl",
}  # fmt: skip


@functools.cache
def modules():
    """
    Return the path of each module, by its name below the package with slashes; "" is the package itself.
    """
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found["/".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def imports_of(path, *, with_types=True):
    """
    Return the dotted names that a file imports, at once, inside functions or through ``lazy_module``.

    Args:
        path: The file.

        with_types: Whether to include imports under TYPE_CHECKING.
    """
    tree = syntax_tree(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    names = []
    for node in ast.walk(tree):
        if id(node) in hidden and not with_types:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_module":
            # sgextended/__init__.py calls it with the keys of a dict.
            is_constant = bool(node.args) and isinstance(node.args[0], ast.Constant)
            names += [node.args[0].value] if is_constant else lazy_names(tree)
    return names


def lazy_names(tree):
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in strings if text.startswith("sgextended.") and text.replace(".", "/")[11:] in modules()]


def module_of(name):
    """
    Return the module of the package that a dotted name is in; None for names of other packages.
    """
    package, *parts = name.split(".")
    if package != "sgextended":
        return None
    while parts and "/".join(parts) not in modules():
        parts.pop()
    return "/".join(parts)


@functools.cache
def internal_imports():
    """
    Return pairs of modules: the importing one and the imported one.
    """
    pairs = {(module, module_of(name)) for module, path in modules().items() for name in imports_of(path)}
    return sorted((module, target) for module, target in pairs if target is not None and target != module)


def layer_of(module):
    """
    Return the layer of a module: the longest entry of the table that its name begins with.
    """
    parts = module.split("/")
    while parts and "/".join(parts) not in {*LAYERS, APART}:
        parts.pop()
    return "/".join(parts)


def circles(pairs):
    """
    Return the sets of nodes of a graph that can reach each other.
    """
    targets = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)

    @functools.cache
    def reachable(start):
        found, pending = set(), [start]
        while pending:
            for target in targets.get(pending.pop(), ()):
                if target not in found:
                    found.add(target)
                    pending.append(target)
        return found

    return {frozenset(each for each in reachable(node) if node in reachable(each)) for node in targets} - {frozenset()}


def importers_of(package):
    """
    Return the modules, outside of the local site, that import another package.
    """
    return {
        module
        for module, path in modules().items()
        if layer_of(module) != APART and any(name.split(".")[0] == package for name in imports_of(path))
    }


def test_every_module_has_a_layer():
    """
    Each module and folder at the top of the package is in the table, and each entry of the table exists.
    """
    assert {module for module in modules() if not layer_of(module)} == {""}
    assert {layer for layer in LAYERS if layer not in modules()} == set()


def test_imports_only_point_down():
    """
    A module imports only from its own layer and from lower ones, also under TYPE_CHECKING and through lazy_module.
    """
    height = {layer: -index for index, layer in enumerate(LAYERS)}
    pairs = [pair for pair in internal_imports() if APART not in map(layer_of, pair)]

    assert len(pairs) > 100
    assert [(module, to) for module, to in pairs if height[layer_of(to)] > height[layer_of(module)]] == []


def test_modules_have_no_circles():
    """
    No module imports itself through others, also under TYPE_CHECKING and through lazy_module.
    """
    assert circles((module, to) for module, to in internal_imports() if layer_of(module) != APART) == set()


def test_local_site_stands_apart():
    """
    The local site imports nothing of the layers. Only the command line and the pytest plugin import it.
    """
    pairs = {(layer_of(module), layer_of(target)) for module, target in internal_imports()}

    assert {to for layer, to in pairs if layer == APART} <= {APART}
    assert {layer for layer, to in pairs if to == APART} <= {APART, *MAY_USE_APART}


@pytest.mark.parametrize("folder", sorted({str(path.parent.relative_to(ROOT)) for path in modules().values()}))
def test_folder_is_small(folder):
    """
    A folder with many modules is split by topic.
    """
    if folder in ANY_NUMBER_OF_MODULES or folder == ".":
        return
    inside = [path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]
    assert len([path for path in inside if f"{folder}/{path.stem}" not in LAYERS]) <= LARGEST_FOLDER


def test_urllib3_is_imported_where_connections_are():
    """
    The HTTP library is known where sockets are opened, and where its errors are translate_error.
    """
    assert importers_of("urllib3") == {"http/connection", "http/error_translation", "http/socket_opener"}


def test_native_client_is_imported_in_few_layers():
    """
    The client knows the official client, the exceptions its exceptions, and the wrapper its signatures.
    """
    importers = importers_of("shotgun_api3")

    assert "client/native_client" in importers
    assert {layer_of(module) for module in importers} == {
        "client",
        "client/transfers",
        "client/protocol",
        "errors",
        "wrapper",
    }
    assert {name for name in imports_of(ROOT / "errors.py") if name.startswith("shotgun_api3")} == {
        "shotgun_api3.lib.httplib2.ServerNotFoundError",
        "shotgun_api3.lib.httplib2.socks.GeneralProxyError",
        "shotgun_api3.lib.httplib2.socks.HTTPError",
        "shotgun_api3.shotgun.AuthenticationFault",
        "shotgun_api3.shotgun.ShotgunError",
        "shotgun_api3.shotgun.ShotgunFileDownloadError",
        "shotgun_api3.shotgun.ShotgunThumbnailNotReady",
    }


def test_core_imports_no_extra():
    """
    The layers below the command line need no extra.
    """
    uses = {
        (module, name.split(".")[0])
        for module, path in modules().items()
        if layer_of(module).split("/")[0] not in {APART, "cli", "__main__"}
        for name in imports_of(path, with_types=False)
        if name.split(".")[0] in EXTRAS
    }

    # Each is imported when it is first needed, except for qtpy. Without orjson or rich the module works all the same.
    assert {(layer_of(module).partition("/")[0], extra) for module, extra in uses} == {
        ("client", "orjson"), ("workers", "rich"), ("dask", "distributed"), ("workers", "distributed"),
        ("domain", "cattrs"), ("domain", "openpyxl"), ("qt", "qtpy"), ("http", "truststore"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", [*ROOT.rglob("*.py"), *Path(__file__).parent.rglob("*.py")], ids=lambda path: path.name
)
def test_file_is_short(path):
    """
    A long file is split by topic.
    """
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_import_is_quiet():
    """
    Importing sgextended imports no extra, starts no thread, opens no socket, and changes no logging and no warnings.
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
assert not [name for name in sys.modules if f"{{name}}.".startswith(("sgextended.localsite.", "sgextended.cli."))]
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


@pytest.mark.parametrize(
    "name", [name for name in sgextended.__all__ if name not in {"current", "on", "registered_class"}]
)
def test_public_classes_report_the_package(name):
    """
    The __module__ of a public class is the package, not the module of its source.
    """
    assert getattr(sgextended, name).__module__ == "sgextended"


def test_unknown_name_of_the_package_is_an_attribute_error():
    """
    An unknown name raises AttributeError in spite of the lazy imports.
    """
    with pytest.raises(AttributeError, match="module 'sgextended' has no attribute 'Shotgun'"):
        sgextended.Shotgun  # noqa: B018 - reading is the point
