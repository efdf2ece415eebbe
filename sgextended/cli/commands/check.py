"""
The command ``check``: the calls in Python files that name entity types, fields and statuses literally, held against the
site's schema without being made.
"""

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, Iterator, List, Mapping, Optional, Tuple

import typer
from attrs import frozen

from sgextended import SGExtended, SiteSchema
from sgextended.cli.load_function import UsageError
from sgextended.cli.output import plural
from sgextended.cli.site_command import Connect, asks
from sgextended.schema.validation import UNKNOWN, Place, problems_of

#: The methods that are looked at, and what the argument after the entity type must be: texts have a ``find`` too.
_METHODS = {
    **dict.fromkeys(("find", "find_one", "find_iter", "summarize"), ("filters", (list, tuple, dict))),
    **dict.fromkeys(("create", "update"), ("data", (dict,))),
}
_TYPE = re.compile(r"[A-Z]\w*")


@asks
def command(
    connect: Connect,
    files: Annotated[List[Path], typer.Argument(metavar="FILE...", help="Python files.", show_default=False)],
) -> int:
    """
    Hold the calls in Python files against the site's schema: entity types, fields, operators, values and sorts.

    What is written out is checked, and names of the module that are set once; what is only known when the program runs
    is left out. Nothing is run. Exit status: 0 if all fits, 1 if something does not, 2 if a file cannot be read.

    The site and who asks come from the environment: SHOTGUN_URL, SHOTGUN_SCRIPT_NAME, SHOTGUN_API_KEY.
    """
    calls = [call for path in files for call in calls_in(path)]
    schema = connect().site_schema()
    problems = [line for call in calls for line in problems_in(schema, call)]
    for line in problems:
        print(line)  # noqa: T201 - the result
    verdict = f"{plural(len(problems), 'problem')} in" if problems else "All fits:"
    sys.stderr.write(f"{verdict} {plural(len(calls), 'call')} of {plural(len(files), 'file')}.\n")
    return 1 if problems else 0


@frozen
class Call:
    """
    One call in a file.

    Attributes:
        path: The file.

        method: Name of the native method.

        nodes: Source of each argument, by name.

        constants: What the names of the module stand for.

        node: Source of the whole.
    """

    path: Path
    method: str
    nodes: Mapping[str, ast.expr]
    constants: Mapping[str, ast.expr]
    node: ast.Call


def calls_in(path: Path) -> Iterator[Call]:
    """
    Return an iterator over the calls of native methods in a file, as far as it can be told that they are such.

    Raises:
        UsageError: There is no such file, or it is no Python.
    """
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    except (SyntaxError, ValueError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UsageError(f"{str(path)!r}{where} is no Python: {getattr(error, 'msg', error)}.") from error
    constants = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method = node.func.attr
            if method in _METHODS or method == "batch":
                call = Call(path, method, _arguments(method, node), constants, node)
                if _is_native(call):
                    yield call


def problems_in(schema: SiteSchema, call: Call) -> Iterator[str]:
    """
    Return an iterator over what does not fit in a call, one line each, with the place in the file.
    """
    arguments = {name: _value(node, call.constants) for name, node in call.nodes.items()}
    for problem in problems_of(schema, call.method, arguments):
        at = _node_at(call, problem.place)
        yield f"{call.path}:{at.lineno}:{at.col_offset + 1}: {problem.message}"


def _constants(tree: ast.Module) -> Dict[str, ast.expr]:
    """
    Return what each name stands for that a module sets once, at its top.
    """
    stored = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    hidden = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    found: Dict[str, ast.expr] = {}
    for node in tree.body:
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        value: Any = getattr(node, "value", None)
        is_set = isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(value, ast.expr)
        if is_set and len(targets) == 1 and isinstance(targets[0], ast.Name):
            name = targets[0].id
            if stored.count(name) == 1 and name not in hidden:
                found[name] = value
    return found


def _arguments(method: str, node: ast.Call) -> Dict[str, ast.expr]:
    names = [name for name in inspect.signature(getattr(SGExtended, method)).parameters if name != "self"]
    found: Dict[str, ast.expr] = {}
    for name, value in zip(names, node.args):
        if isinstance(value, ast.Starred):
            break
        found[name] = value
    found.update({keyword.arg: keyword.value for keyword in node.keywords if keyword.arg in names})
    return found


def _is_native(call: Call) -> bool:
    if call.method == "batch":
        return isinstance(_value(call.nodes.get("requests"), call.constants), list)
    entity_type = _value(call.nodes.get("entity_type"), call.constants)
    needed, kinds = _METHODS[call.method]
    if not isinstance(entity_type, str) or not _TYPE.fullmatch(entity_type) or needed not in call.nodes:
        return False
    value = _value(call.nodes[needed], call.constants)
    return value is UNKNOWN or isinstance(value, kinds)


def _value(node: Optional[ast.expr], constants: Mapping[str, ast.expr]) -> Any:
    """
    Return the value of an expression, with `UNKNOWN` for what is not written out.
    """
    node = _resolved(node, constants)
    if isinstance(node, (ast.List, ast.Tuple)):
        if any(isinstance(each, ast.Starred) for each in node.elts):
            return UNKNOWN
        return [_value(each, constants) for each in node.elts]
    if isinstance(node, ast.Dict):
        keys = [_value(key, constants) for key in node.keys]
        values = [_value(value, constants) for value in node.values]
        return {key: value for key, value in zip(keys, values) if isinstance(key, str)}
    try:
        return ast.literal_eval(node) if node is not None else UNKNOWN
    except (ValueError, TypeError, SyntaxError):
        return UNKNOWN


def _resolved(node: Optional[ast.expr], constants: Mapping[str, ast.expr]) -> Optional[ast.expr]:
    seen: Tuple[str, ...] = ()
    while isinstance(node, ast.Name) and node.id in constants and node.id not in seen:
        seen += (node.id,)
        node = constants[node.id]
    return node


def _node_at(call: Call, place: Place) -> ast.expr:
    """
    Return the source of what is at a place in the arguments, or of what it is in.
    """
    node: ast.expr = call.nodes.get(str(place[0]), call.node)
    for step in place[1:]:
        inner = _resolved(node, call.constants)
        if isinstance(inner, (ast.List, ast.Tuple)) and isinstance(step, int) and step < len(inner.elts):
            node = inner.elts[step]
        elif isinstance(inner, ast.Dict):
            keys = [_value(key, call.constants) for key in inner.keys]
            if step not in keys:
                break
            node = inner.values[keys.index(step)]
        else:
            break
    return node
