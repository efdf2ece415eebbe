"""
``sgextended check``: validates find, create and update calls in Python files against the site's schema, without running
them.
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
from sgextended.cli.shared.output import plural
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.usage_error import UsageError
from sgextended.schema.field_values import UNKNOWN
from sgextended.schema.validation import Place, problems_of

#: The methods that are checked, with the name and types of the argument after the entity type. The types distinguish a
#: call of a client from other calls, such as ``str.find``.
_METHODS = {
    **dict.fromkeys(("find", "find_one", "find_iter", "summarize"), ("filters", (list, tuple, dict))),
    **dict.fromkeys(("create", "update"), ("data", (dict,))),
}
_TYPE = re.compile(r"[A-Z]\w*")


@site_command
def command(
    connect: Connect,
    files: Annotated[List[Path], typer.Argument(metavar="FILE...", help="Python files.", show_default=False)],
) -> int:
    """
    Check find, create and update calls in Python files against the site's schema, without running the files.

    It checks entity types, fields, operators, values and sort orders.

    It evaluates literals and module-level constants only, and skips values that are known only at run time.

    Exit status: 0 if there is no problem, 1 if there is one, 2 if a file cannot be read.
    """
    calls = [call for path in files for call in calls_in(path)]
    schema = connect().site_schema()
    problems = [line for call in calls for line in problems_in(schema, call)]
    for line in problems:
        print(line)  # noqa: T201 - the result
    verdict = f"{plural(len(problems), 'problem')} in" if problems else "No problem in"
    sys.stderr.write(f"{verdict} {plural(len(calls), 'call')} of {plural(len(files), 'file')}.\n")
    return 1 if problems else 0


@frozen
class Call:
    """
    One call in a file.

    Attributes:
        path: The file.

        method: Name of the native method.

        nodes: The expression of each argument, by name.

        constants: The expression of each module-level name that is assigned once.

        node: The whole call.
    """

    path: Path
    method: str
    nodes: Mapping[str, ast.expr]
    constants: Mapping[str, ast.expr]
    node: ast.Call


def calls_in(path: Path) -> Iterator[Call]:
    """
    Yield the calls in a file that are recognizable as calls of native methods.

    Raises:
        UsageError: The file cannot be read, or is not valid Python.
    """
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"The file {str(path)!r} cannot be read: {error.strerror}.") from error
    except (SyntaxError, ValueError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UsageError(f"{str(path)!r}{where} is not valid Python: {getattr(error, 'msg', error)}.") from error
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
    Yield the problems of a call, each as one line with file, line and column.
    """
    arguments = {name: _value(node, call.constants) for name, node in call.nodes.items()}
    for problem in problems_of(schema, call.method, arguments):
        at = _node_at(call, problem.place)
        yield f"{call.path}:{at.lineno}:{at.col_offset + 1}: {problem.message}"


def _constants(tree: ast.Module) -> Dict[str, ast.expr]:
    """
    Return the expression of each name that a module assigns exactly once, at module level.
    """
    assigned = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    parameters = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    found: Dict[str, ast.expr] = {}
    for node in tree.body:
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        value: Any = getattr(node, "value", None)
        is_assignment = isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(value, ast.expr)
        if is_assignment and len(targets) == 1 and isinstance(targets[0], ast.Name):
            name = targets[0].id
            if assigned.count(name) == 1 and name not in parameters:
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
    Return the value of an expression, with `UNKNOWN` in place of every part that is not a literal or a constant.
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
    Return the expression at a place in the arguments. If it is not in the source, return the one that contains it.
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
