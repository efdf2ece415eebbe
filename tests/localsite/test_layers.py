"""
The layers of the local site: which folder may import which, and that no modules import each other in a circle.
"""

import ast
import functools
import graphlib
from pathlib import Path

import pytest
from syntax_trees import syntax_tree

from sgextended import localsite

ROOT = Path(localsite.__file__).parent
PACKAGE = "sgextended.localsite"

#: The folders from top to bottom, with what each holds. A folder imports only from the folders below it.
LAYERS = {
    "server": "LocalSite, its socket, HTTP routes, uploads and downloads, the table of RPCs, certificates",
    "pages": "what a browser sees",
    "maintenance": "backups of a site's file, and upgrades from earlier layouts",
    "services": "what all requests of a running site share: store, authentication, ledger",
    "webhooks": "which events a receiver gets, and sending them",
    "demo": "rows of a new site, the demo production, dump and load of a folder",
    "faults": "misbehaviour on demand",
    "calls": "the RPCs that are neither reading nor writing rows, and reading the payload of a request",
    "writing": "create, update, delete, revive; links, attachments, events and other side effects",
    "permissions": "the roles of callers, and what each may write",
    "reading": "filters, field paths as joins, presets, summaries, groupings, the navigation tree",
    "schedule": "dates and durations, dependencies, working days",
    "custom_fields": "fields that callers make, and query fields",
    "storage": "SQLite: database, tables, transactions, rows, values, names, triggers",
    "schema": "entity types, fields and relations as plain values",
    "files": "bytes: stored files, the lock of a site's file, upload forms, thumbnails",
    "errors": "the fault that a caller receives",
}
MOST_LINES = 500
MOST_MODULES = 12


def modules():
    """
    Return all modules of the local site, by name below the package; a folder's docstring counts as no module.
    """
    paths = [path for path in ROOT.rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(paths)}


@functools.cache
def imports():
    """
    Return the modules of the local site that each of its modules imports, also for types only.
    """
    known, found = modules(), {}
    for name, path in known.items():
        wanted = set()
        for node in ast.walk(syntax_tree(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                below = node.module[len(PACKAGE) + 1 :]
                inside = {f"{below}.{alias.name}".lstrip(".") for alias in node.names}
                wanted |= {below} if below in known else inside
            elif isinstance(node, ast.Import):
                wanted |= {alias.name[len(PACKAGE) + 1 :] for alias in node.names if alias.name.startswith(PACKAGE)}
        found[name] = wanted
    return found


def layer_of(module):
    """
    Return the number of a module's layer, counted from the top.
    """
    return list(LAYERS).index(module.partition(".")[0])


def test_every_folder_is_in_the_table():
    """
    Each folder of the local site has a layer, and each layer is there.
    """
    assert {name.partition(".")[0] for name in modules()} == set(LAYERS)


@pytest.mark.parametrize("name", modules())
def test_imports_point_down(name):
    """
    A module imports only from its own folder and from the folders below, also where only types are needed.
    """
    wanted = imports()[name]

    assert wanted <= set(modules())
    assert [other for other in wanted if layer_of(other) < layer_of(name)] == []


def test_no_modules_import_each_other_in_a_circle():
    """
    All modules can be put in an order in which each imports only earlier ones.
    """
    assert len(list(graphlib.TopologicalSorter(imports()).static_order())) == len(modules())


@pytest.mark.parametrize("name", modules())
def test_nothing_outside_is_imported(name):
    """
    The local site shares no code with the client, so that a mistake in one cannot hide the same mistake in the other.
    """
    tree = syntax_tree(modules()[name].read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]

    assert [found for found in names if found.startswith("sgextended") and not found.startswith(PACKAGE)] == []


def test_folders_and_modules_stay_small():
    """
    No module has more than 500 lines, and no folder more than 12 modules.
    """
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    folders = [name.partition(".")[0] for name in modules()]

    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    assert {name for name in folders if folders.count(name) > MOST_MODULES} == set()


@pytest.mark.parametrize("folder", [name for name in LAYERS if name != "errors"])
def test_a_folder_is_introduced_by_a_docstring_alone(folder):
    """
    The ``__init__.py`` of a folder holds its docstring and nothing else.
    """
    tree = syntax_tree((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))

    assert ast.get_docstring(tree)
    assert len(tree.body) == 1
