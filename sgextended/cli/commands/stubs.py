"""
``sgextended stubs``: writes a site's schema as a Python module, for editors and type checkers.

The output depends on the schema alone and is sorted by name, so that a diff of two outputs shows the changes of the
schema.
"""

import keyword
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set

import typer
from attrs import frozen

from sgextended import SiteSchema
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.usage_error import UsageError

#: The Python type for each data type. A field that can be empty is Optional as well.
_PYTHON = {
    **dict.fromkeys(("text", "color", "entity_type", "uuid", "footage", "password", "image", "url_template"), "str"),
    **dict.fromkeys(("number", "percent", "duration", "timecode"), "int"),
    **dict.fromkeys(("float", "currency"), "float"),
    "date": "dt.date",
    "date_time": "dt.datetime",
    "entity": "Link",
}
_NEVER_EMPTY = {"checkbox": "bool", "multi_entity": "List[Link]", "tag_list": "List[str]"}
#: Names that the written module already uses.
_USED_NAMES = {
    *("Any", "ClassVar", "Dict", "Iterator", "Link", "List", "Literal", "NewType", "Optional", "Row", "SGExtended"),
    *("Studio", "TYPE_CHECKING", "Through", "Union", "attrs", "dt", "overload", "typing"),
}

_HEAD = '''"""
The entity types of the site. `sgextended stubs` generated this file: do not edit it, generate it again.

`Studio` is an `SGExtended` whose methods check the names of fields: ``sg.find("Shot", [], ["code"])``. Write a field of
a linked entity as ``Through("sg_sequence.Sequence.code")``. The other classes are for ``sg.find_as(Shot, [])``.
"""

# ruff: noqa
# fmt: off

import datetime as dt
import typing
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Iterator, List, Literal, NewType, Optional, Union, overload

import attrs

from sgextended import Link, SGExtended

Row = Dict[str, Any]
#: A field of a linked entity.
Through = NewType("Through", str)
'''

_STUDIO = '''

class Studio(SGExtended):
    """
    The client of this site. Type checkers know its entity types and their fields.
    """

    if TYPE_CHECKING:
'''

#: The native methods that take field names: their parameters after the fields, as in `SGExtended`, and their result.
_FIND = (
    "order: Optional[List[Dict[str, str]]] = None, filter_operator: Optional[str] = None, limit: int = 0, "
    "retired_only: bool = False, page: int = 0, include_archived_projects: bool = True, "
    "additional_filter_presets: Optional[List[Dict[str, Any]]] = None, *, query_fields: bool = False"
)
_FIND_ITER = _FIND.replace("*, ", "*, page_size: Optional[int] = None, read_ahead: Optional[int] = None, ")
_FIND_ONE = _FIND.replace("limit: int = 0, ", "").replace("page: int = 0, ", "").partition(", *")[0]
_METHODS = {
    "find": (_FIND, "List[Row]"),
    "find_iter": (_FIND_ITER, "Iterator[Row]"),
    "find_one": (_FIND_ONE, "Optional[Row]"),
}

#: Type checkers demand that an override accepts every string. These overrides accept only known names, on purpose.
_NARROWER = "  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]"


@site_command
def command(
    connect: Connect,
    types: Annotated[
        Optional[List[str]],
        typer.Argument(
            metavar="TYPE...", help="Entity types to write. Default: all except connections.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", metavar="FILE", help="File to write. Default: stdout.")
    ] = None,
) -> int:
    """
    Write the site's entity types, fields and statuses as a Python module, for editors and type checkers.
    """
    text = module_source(connect().site_schema(), types or None)
    if output is None:
        sys.stdout.write(text)
        return 0
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The file {str(output)!r} cannot be written: {error.strerror}.") from error
    return 0


@frozen
class _Type:
    """
    One entity type.

    Attributes:
        name: Name in the API, such as CustomEntity05.

        label: Display name on the site.

        python: Name of the class in the module.

        fields: The schema of each field, by name.
    """

    name: str
    label: str
    python: str
    fields: Mapping[str, Dict[str, Any]]


def module_source(schema: SiteSchema, types: Optional[Sequence[str]] = None) -> str:
    """
    Return the source of a module for entity types.

    Args:
        schema: The schema of the site.

        types: The entity types to write. None: all except connection types.

    Raises:
        NotFoundError: The site has no such type.
    """
    known = schema.entity_types()
    wanted = [name for name in known if not name.endswith("Connection")] if types is None else sorted(set(types))
    found = sorted(_with_class_names(schema, wanted), key=lambda each: each.python)
    parts = [_HEAD]
    parts += ["".join(_literal_aliases(each)) for each in found]
    parts += ["".join(_class_source(each)) for each in found]
    parts += [_STUDIO, *_overloads(found)]
    return "".join(parts)


def _with_class_names(schema: SiteSchema, wanted: Iterable[str]) -> Iterator[_Type]:
    """
    Yield the types, each with a unique class name. A custom type is named by its label, such as Delivery for
    CustomEntity05.
    """
    taken: Set[str] = set(_USED_NAMES)
    custom = [name for name in wanted if re.match(r"Custom(NonProject|Threaded)?Entity\d", name)]
    for name in [*(each for each in wanted if each not in custom), *custom]:
        label = schema.display_name(name)
        python = name
        if name in custom:
            words = re.findall(r"[^\W_]+", label)
            python = "".join(word[:1].upper() + word[1:] for word in words)
        if not python.isidentifier() or keyword.iskeyword(python) or python in taken:
            python = name if name not in taken else f"{name}Entity"
        taken |= {python, f"{python}Field"}
        yield _Type(name, label, python, schema.fields(name))


def _literal_aliases(each: _Type) -> Iterator[str]:
    yield f"\n# {each.name}" + (f", displayed as {each.label}" if each.label != each.name else "") + "\n"
    yield f"{each.python}Field = Literal[\n"
    for field in sorted({*each.fields, "type"}):
        yield f'    "{field}",\n'
    yield "]\n"
    for field in sorted(each.fields):
        values = _valid_values(each.fields[field])
        if values:
            yield f"{_values_alias(each, field)} = Literal[\n"
            yield from (f"    {value!r},\n" for value in sorted(values))
            yield "]\n"


def _valid_values(field_schema: Mapping[str, Any]) -> List[str]:
    found = field_schema.get("properties", {}).get("valid_values", {}).get("value") or []
    return [value for value in found if isinstance(value, str)]


def _values_alias(each: _Type, field: str) -> str:
    words = field.removeprefix("sg_").split("_")
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return f"{each.python}{'Status' if field == 'sg_status_list' else name}Value"


def _class_source(each: _Type) -> Iterator[str]:
    article = f"{each.label} ({each.name})" if each.label != each.name else each.name
    yield f'\n\n@attrs.define(kw_only=True)\nclass {each.python}:\n    """\n    {_one_line(article)}.\n    """\n\n'
    yield f'    ENTITY_TYPE: ClassVar[str] = "{each.name}"\n\n    id: int\n'
    taken = {"id", "ENTITY_TYPE"}
    for field in sorted(set(each.fields) - {"id", "type"}):
        field_schema = each.fields[field]
        name = _attribute(field, taken)
        taken.add(name)
        annotation, default = _annotation(each, field, field_schema)
        metadata = "" if name == field else f'metadata={{"sg_field": "{field}"}}'
        if default in ("None", "False") and not metadata:
            value = default
        else:
            options = [default if default.startswith("factory") else f"default={default}", metadata]
            value = f"attrs.field({', '.join(option for option in options if option)})"
        yield f"    {name}: {annotation} = {value}  # {_one_line(str(field_schema['name']['value']))}\n"


def _annotation(each: _Type, field: str, field_schema: Mapping[str, Any]) -> "tuple[str, str]":
    data_type = field_schema["data_type"]["value"]
    if data_type in _NEVER_EMPTY:
        annotation = _NEVER_EMPTY[data_type]
        return annotation, "False" if annotation == "bool" else f"factory={annotation.lower().replace('link', 'Link')}"
    if field == "settings_json":  # text in the schema, but the site sends the parsed JSON
        return "Any", "None"
    if _valid_values(field_schema):
        return f"Optional[{_values_alias(each, field)}]", "None"
    if data_type in _PYTHON:
        return f"Optional[{_PYTHON[data_type]}]", "None"
    return "Any", "None"


def _attribute(field: str, taken: Set[str]) -> str:
    name = re.sub(r"\W", "_", field.lstrip("_"), flags=re.ASCII)
    if not name.isidentifier() or keyword.iskeyword(name) or name in _SHADOWED:
        name = f"{name}_" if name.isidentifier() else f"field_{name}"
    while name in taken:
        name += "_"
    return name


#: Attributes with these names would hide the modules that later annotations use.
_SHADOWED = {"attrs", "dt"}


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("\\", "/").replace('"', "'")


def _overloads(found: Sequence[_Type]) -> Iterator[str]:
    for method, (rest, result) in _METHODS.items():
        for index, each in enumerate(found):
            fields = f"Optional[typing.Sequence[Union[{each.python}Field, Through]]]"
            first = f'self, entity_type: Literal["{each.name}"], filters: Any, fields: {fields} = None'
            if len(found) > 1:
                yield f"        @overload{_NARROWER if index == 0 else ''}\n"
            yield f"        def {method}({first}, {rest}) -> {result}: ...{_NARROWER if len(found) == 1 else ''}\n"
        if len(found) > 1:
            yield f"        def {method}(self, *args: Any, **options: Any) -> Any: ...\n"
