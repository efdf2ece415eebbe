"""
``sgextended stubs``: the module that it writes for a schema.
"""

import ast
import inspect
import re
import sys

import pytest
from syntax_trees import syntax_tree

from sgextended import SiteSchema
from sgextended.cli.commands.stubs import module_source
from sgextended.wrapper.native_overrides import NativeOverrides


def fact(value):
    """
    Return a value in the form in which a schema contains it.
    """
    return {"value": value, "editable": False}


def field(data_type, name="Name", **properties):
    """
    Return the schema of a field.
    """
    found = {"name": fact(name), "data_type": fact(data_type), "editable": fact(True)}
    return {**found, "properties": {key: fact(value) for key, value in properties.items()}}


class Odd:
    """
    A client of a site with unusual names.
    """

    def __init__(self):
        self.types = {"CustomEntity05": "Delivery note", "CustomEntity06": "Shot", "Shot": "Shot"}
        self.types["AssetShotConnection"] = "Link"

    def schema_entity_read(self):
        return {name: {"name": fact(label)} for name, label in self.types.items()}

    def schema_field_read(self, _entity_type):
        fields = {
            "class": field("text", 'The "class"'),
            "sg_2d": field("checkbox"),
            "2d": field("number"),
            "dt": field("date"),
            "sg_status_list": field("status_list", valid_values=["ip", "fin"]),
            "sg_empty": field("list", valid_values=[]),
            "settings_json": field("text"),
        }
        return dict(reversed(fields.items()))


@pytest.fixture
def odd():
    """
    Return the module for a site with unusual names.
    """
    return module_source(SiteSchema(Odd()))


def test_whole_site_is_written_and_every_record_read(demo_site, make_sg, tmp_path, monkeypatch):
    """
    ``find_as`` reads the entities of all types of the demo production into the classes.
    """
    sg = make_sg(demo_site)
    (tmp_path / "whole_site.py").write_text(module_source(sg.site_schema()), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import whole_site

    classes = [each for each in vars(whole_site).values() if hasattr(each, "ENTITY_TYPE")]
    read = {owner.__name__: sg.find_as(owner, [], limit=20) for owner in classes}
    del sys.modules["whole_site"]

    assert len(classes) > 70
    assert len([name for name, records in read.items() if records]) > 15
    assert read["Shot"][0].created_at.tzinfo is not None


def test_same_schema_gives_the_same_text(odd):
    """
    The output does not depend on the order of the schema, and its names are sorted.
    """
    client = Odd()
    client.types = dict(reversed(client.types.items()))
    literal = odd.partition("DeliveryNoteField = Literal[")[2].partition("]")[0]
    names = re.findall(r'"(\w+)"', literal)

    assert module_source(SiteSchema(client)) == odd
    assert names == sorted(names)


def test_custom_entities_are_named_by_their_labels(odd):
    """
    The class of a custom entity has the name of its label, unless another type has that name. Connections are left out.
    """
    classes = {node.name: node for node in syntax_tree(odd).body if isinstance(node, ast.ClassDef)}

    assert set(classes) == {"CustomEntity06", "DeliveryNote", "Shot", "Studio"}
    assert 'ENTITY_TYPE: ClassVar[str] = "CustomEntity05"' in odd
    assert "Delivery note (CustomEntity05)" in ast.get_docstring(classes["DeliveryNote"])


@pytest.mark.parametrize(
    "line",
    [
        'class_: Optional[str] = attrs.field(default=None, metadata={"sg_field": "class"})  # The \'class\'',
        "sg_2d: bool = False  # Name",
        'field_2d: Optional[int] = attrs.field(default=None, metadata={"sg_field": "2d"})  # Name',
        'dt_: Optional[dt.date] = attrs.field(default=None, metadata={"sg_field": "dt"})  # Name',
        "sg_status_list: Optional[ShotStatusValue] = None  # Name",
        "sg_empty: Any = None  # Name",
        "settings_json: Any = None  # Name",
    ],
)
def test_odd_fields_have_attributes(odd, line):
    """
    A field name that is not a valid attribute is changed; the metadata has the name of the field.
    """
    assert f"    {line}\n" in odd.partition("class Shot:")[2]


def test_overloads_have_the_parameters_of_sgextended(odd):
    """
    The written overloads of find, find_one and find_iter have the parameters of the methods, in order.
    """
    (studio,) = [node for node in syntax_tree(odd).body if isinstance(node, ast.ClassDef) and node.name == "Studio"]
    found = [node for node in ast.walk(studio) if isinstance(node, ast.FunctionDef) and not node.args.vararg]

    assert {node.name for node in found} == {"find", "find_one", "find_iter"}
    for node in found:
        ours = list(inspect.signature(getattr(NativeOverrides, node.name)).parameters)
        assert [each.arg for each in (*node.args.args, *node.args.kwonlyargs)] == ours


def test_command_writes_to_stdout_or_to_a_file(command, environment, tmp_path):
    """
    The output for the named types is the same on stdout and in a file.
    """
    status, stdout, _said = command("stubs", "Shot", "Task")
    assert command("stubs", "Task", "Shot", "-o", str(tmp_path / "out.py"))[:2] == (0, "")

    assert status == 0
    assert (tmp_path / "out.py").read_text(encoding="utf-8") == stdout
    assert re.findall(r"^class (\w+)", stdout, re.MULTILINE) == ["Shot", "Task", "Studio"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["stubs", "Shoot"], 1, "There is no entity type 'Shoot' on http"),
        (["stubs", "Shot", "-o", "no/such/folder.py"], 2, "'no/such/folder.py' cannot be written: No such file"),
    ],
)
def test_mistakes_end_in_one_message(command, environment, words, status, message):
    """
    An unknown type, and a file that cannot be written, end in one message.
    """
    found, stdout, stderr = command(*words)

    assert (found, stdout) == (status, "")
    assert message in stderr
    assert "Traceback" not in stderr
