"""
The stub of forwarded names and the real methods match the installed shotgun_api3, and the domain methods their stub.
"""

import ast
import inspect
from pathlib import Path

import pytest
from shotgun_api3.shotgun import Shotgun
from syntax_trees import syntax_tree

import sgextended
from sgextended import SGExtended
from sgextended.wrapper import domain_methods
from sgextended.wrapper.domain_methods import DomainMethods
from sgextended.wrapper.native_overrides import NativeOverrides
from sgextended.wrapper.transfer_overrides import TransferOverrides

STUB = Path(sgextended.__file__).parent / "wrapper/native_methods.pyi"
# What the constructor sets on an instance and users read.
INSTANCE_NAMES = {"base_url", "client_caps", "config"}
# What only some of the versions have that setup.cfg allows: names, and last parameters.
NEWER_NAMES = {"export_page"}
NEWER_PARAMETERS = {("upload", "created_at")}


def stubbed():
    """
    Return the members of the stub's class by name.
    """
    (owner,) = [node for node in syntax_tree(STUB.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    return {
        node.name if isinstance(node, ast.FunctionDef) else node.target.id: node
        for node in owner.body
        if isinstance(node, (ast.FunctionDef, ast.AnnAssign))
    }


STUBBED = stubbed()
NATIVE = sorted(name for name in dir(Shotgun) if not name.startswith("_"))
OURS = {**vars(TransferOverrides), **vars(NativeOverrides), **vars(DomainMethods), **vars(SGExtended)}  # our methods
REAL = sorted(name for name in NATIVE if name not in STUBBED and callable(OURS.get(name)))


def parameters_of(function):
    """
    Return names, kinds and defaults of a function's parameters, in order.
    """
    found = inspect.signature(function).parameters.values()
    return [(each.name, each.kind, each.default) for each in found if each.name != "self"]


def parameters_in(node):
    """
    Return the same from the source of a function.
    """
    blank = ast.unparse(
        ast.FunctionDef(
            name=node.name, args=node.args, body=[ast.Pass()], decorator_list=[], lineno=0, col_offset=0, type_params=[]
        )
    )
    space = {}
    # Annotations are left as text; the stub's are no names that exist here.
    exec(compile("from __future__ import annotations\n" + blank, str(STUB), "exec"), space)
    return parameters_of(space[node.name])


def test_every_native_name_has_a_type():
    """
    Each public native name is a real method or is in the stub, so that type checkers and completion know it.
    """
    assert set(NATIVE) - set(STUBBED) - set(OURS) == set()


def test_no_name_is_in_both():
    """
    A real method is not in the stub as well.
    """
    assert set(STUBBED) & set(OURS) == set()


def test_stub_names_exist():
    """
    The stub has no names that the installed version lacks, except those newer than the oldest supported version.
    """
    assert set(STUBBED) - INSTANCE_NAMES - set(NATIVE) <= NEWER_NAMES


@pytest.mark.parametrize("name", [name for name in NATIVE if isinstance(STUBBED.get(name), ast.FunctionDef)])
def test_stub_has_the_native_parameters(name):
    """
    Names, order, kinds and defaults are those of the installed version; properties are properties.
    """
    native, node = vars(Shotgun)[name], STUBBED[name]
    if isinstance(native, property):
        assert [ast.unparse(each) for each in node.decorator_list] == ["property"]
    else:
        assert parameters_in(node) == parameters_of(native)


@pytest.mark.parametrize("name", REAL)
def test_real_method_has_the_native_parameters(name):
    """
    An overridden method takes the native parameters, in order and with their defaults; others are keyword-only.
    """
    native, ours = parameters_of(vars(Shotgun)[name]), parameters_of(OURS[name])

    own = [each for each in ours[len(native) :] if (name, each[0]) not in NEWER_PARAMETERS]
    assert ours[: len(native)] == native
    assert {kind for _name, kind, _default in own} <= {inspect.Parameter.KEYWORD_ONLY}


def test_real_methods_are_those_of_the_style_guide():
    """
    The verbs that studios override are real methods.
    """
    assert set(REAL) >= {
        "find", "find_one", "summarize", "create", "update", "delete", "revive", "batch", "upload", "upload_thumbnail",
        "download_attachment", "schema_read", "schema_entity_read", "schema_field_read", "close",
    }  # fmt: skip


def test_the_constructor_takes_the_arguments_of_the_native_one():
    """
    The class takes what ``Shotgun`` takes, where the address may be left out; what is ours is keyword-only.
    """
    ours, native = parameters_of(SGExtended.__init__), parameters_of(Shotgun.__init__)

    assert native[0][:2] == ours[0][:2]
    assert ours[0][2] is None
    assert ours[1 : len(native)] == native[1:]
    assert [(name, kind) for name, kind, _default in ours[len(native) :]] == [
        (name, inspect.Parameter.KEYWORD_ONLY) for name in ("sg", "site", "validate", "read_only")
    ]


def test_instance_names_exist():
    """
    The native constructor sets the instance attributes of the stub.
    """
    assert set(vars(Shotgun("https://studio.example", connect=False))) >= INSTANCE_NAMES


def named_functions(path):
    """
    Return the imports of a module or stub, and the assignments of its class, as source lines in order.
    """
    body = syntax_tree(path.read_text(encoding="utf-8")).body
    (owner,) = [node for node in body if isinstance(node, ast.ClassDef)]
    imports = [ast.unparse(node) for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return imports, [ast.unparse(node) for node in owner.body if isinstance(node, ast.Assign)]


def test_domain_methods_are_those_of_their_stub():
    """
    The stub of the domain methods names the same functions of the same modules as the class, and no others.
    """
    path = Path(domain_methods.__file__)
    imports, assignments = named_functions(path)

    assert named_functions(path.with_suffix(".pyi")) == (imports, assignments)
    assert [line.split(" = ")[0] for line in assignments] == [
        name for name, value in vars(DomainMethods).items() if inspect.isfunction(value)
    ]
