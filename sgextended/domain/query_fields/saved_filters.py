"""
Read the filters that the web application saves in pages and query fields, and convert them to native conditions.

In place of a link, a saved filter may contain a placeholder: the current entity, its project, or the current user.
"""

import enum
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from attrs import frozen

Key = Tuple[str, int]  # type and id of an entity
Link = Dict[str, Any]
Native = List[Any]  # conditions as ``find`` takes them

#: Maximum number of alternatives of one filter; each costs a request.
MAX_ALTERNATIVES = 8

_POSITIVE = {"is", "in"}
_NEGATIVE = {"is_not", "not_in"}
_OF_SEVERAL = {"in", "not_in", "between", "not_between"}
_OPERATORS = {"and": True, "all": True, "or": False, "any": False}


class CannotCompute(Exception):
    """
    A saved filter or query field cannot be computed; the message says why. Callers of the domain never see it.
    """


class Placeholder(enum.Enum):
    """
    A token in a saved filter that stands for a link.
    """

    CURRENT = "parent_entity_token"
    PROJECT = "project_token"
    ME = "logged_in_user_token"


@frozen
class Condition:
    """
    One condition of a saved filter.

    Attributes:
        path: The field, dotted if it lies behind links.

        relation: The operator.

        values: The values. In a condition with placeholders, links are `Key` or `Placeholder`; in other conditions,
            links are dicts.
    """

    path: str
    relation: str
    values: Tuple[Any, ...]

    @property
    def has_placeholders(self) -> bool:
        return any(isinstance(value, Placeholder) for value in self.values)

    @property
    def is_negative(self) -> bool:
        return self.relation in _NEGATIVE


@frozen
class ConditionGroup:
    """
    Conditions of which all must match (*is_all*), or at least one.
    """

    is_all: bool
    parts: "Tuple[Node, ...]"


Node = Union[Condition, ConditionGroup]


# --- Reading


def read_filter(saved: Any, fill: Callable[[Placeholder], Any], *, has_project: bool = True) -> Optional[Node]:
    """
    Return a saved filter as a tree without its inactive conditions, or None if it has no active condition.

    Args:
        saved: The filter from the settings of a page or the schema of a query field.

        fill: Returns the link for a placeholder, or the placeholder itself if the link is not known yet.

        has_project: Whether the entity type has a ``project``. If not, conditions on the page's project are ignored.

    Raises:
        CannotCompute: The filter has an unknown form.
    """
    if saved is None:
        return None
    if not isinstance(saved, Mapping):
        msg = f"its filter has an unknown form: {saved!r:.80}"
        raise CannotCompute(msg)
    if "conditions" not in saved:
        return _read_condition(saved, fill, has_project=has_project)
    operator = saved.get("logical_operator", "and")
    if operator not in _OPERATORS:
        msg = f"its filter joins conditions by {operator!r}"
        raise CannotCompute(msg)
    parts = [read_filter(part, fill, has_project=has_project) for part in saved["conditions"] or ()]
    return join([part for part in parts if part is not None], is_all=_OPERATORS[operator])


def join(parts: Sequence[Node], *, is_all: bool) -> Optional[Node]:
    """
    Return several filters as one group. A single filter is returned as it is, and no filter as None.
    """
    flat: List[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, ConditionGroup) and part.is_all == is_all else (part,)
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else ConditionGroup(is_all, tuple(flat))


def _read_condition(
    saved: Mapping[str, Any], fill: Callable[[Placeholder], Any], *, has_project: bool
) -> Optional[Condition]:
    if saved.get("active", True) in (False, "false", "False"):
        return None
    if saved.get("top_level_project_filter") in (True, "true") and not has_project:
        return None
    path, relation, values = saved.get("path"), saved.get("relation"), saved.get("values")
    if not isinstance(path, str) or not isinstance(relation, str):
        msg = f"a condition of its filter has an unknown form: {dict(saved)!r:.80}"
        raise CannotCompute(msg)
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    if not values:
        msg = f"its condition on {path} has no value"
        raise CannotCompute(msg)
    read = [_read_value(path, value, fill) for value in values]
    if any(isinstance(value, Placeholder) for value in read):
        if relation not in _POSITIVE | _NEGATIVE:
            msg = f"its condition on {path} compares the current entity by {relation!r}"
            raise CannotCompute(msg)
        read = [key_of(value) if isinstance(value, Mapping) else value for value in read]
    return Condition(path, relation, tuple(read))


def _read_value(path: str, value: Any, fill: Callable[[Placeholder], Any]) -> Any:
    if not isinstance(value, Mapping):
        return value
    valid = value.get("valid", "valid")
    if valid in {placeholder.value for placeholder in Placeholder}:
        return fill(Placeholder(valid))
    if valid == "autocomplete":
        msg = f"its condition on {path} has the text {value.get('name')!r} instead of a link"
        raise CannotCompute(msg)
    if valid != "valid":
        msg = f"its condition on {path} has the unknown placeholder {valid!r}"
        raise CannotCompute(msg)
    if "type" not in value or not value.get("id"):
        msg = f"its condition on {path} has a link without type and id"
        raise CannotCompute(msg)
    return {"type": value["type"], "id": value["id"]}


# --- Conversion to native conditions


def to_native(node: Optional[Node]) -> Native:
    """
    Return native conditions, which are combined by "all". A group becomes one condition, so that more can be added.
    """
    if node is None:
        return []
    if isinstance(node, Condition):
        # A Mockgun compares the field with the list itself. For a site, a value and a list of one value are equal.
        is_one = len(node.values) == 1 and node.relation not in _OF_SEVERAL
        return [[node.path, node.relation, node.values[0] if is_one else list(node.values)]]
    if node.is_all:
        return [condition for part in node.parts for condition in to_native(part)]
    return [{"filter_operator": "any", "filters": [as_one(to_native(part)) for part in node.parts]}]


def as_one(conditions: Native) -> Any:
    """
    Return native conditions as one condition: the only one, or an "all" group.
    """
    return conditions[0] if len(conditions) == 1 else {"filter_operator": "all", "filters": conditions}


class Alternative(NamedTuple):
    """
    One alternative of a filter.

    Attributes:
        independent: Conditions that are the same for all current entities.

        dependent: Conditions with placeholders, which depend on the current entity.
    """

    independent: Tuple[Node, ...]
    dependent: Tuple[Node, ...]


def alternatives_of(node: Optional[Node]) -> List[Alternative]:
    """
    Return the alternatives of a filter. Each separates the conditions with placeholders from those without.

    Raises:
        CannotCompute: The filter has more than `MAX_ALTERNATIVES` alternatives.
    """
    if node is None:
        return [Alternative((), ())]
    has_placeholders = {condition.has_placeholders for condition in conditions_in(node)}
    if isinstance(node, Condition) or len(has_placeholders) == 1:
        return [Alternative((), (node,)) if True in has_placeholders else Alternative((node,), ())]
    independent, dependent, mixed = _partition(node)
    if node.is_all:
        alternatives = [Alternative(tuple(independent), tuple(dependent))]
        for part in mixed:
            inner = alternatives_of(part)
            alternatives = [
                Alternative(one.independent + two.independent, one.dependent + two.dependent)
                for one in alternatives
                for two in inner
            ]
    else:
        alternatives = [Alternative((ConditionGroup(False, tuple(independent)),), ())] if independent else []
        alternatives += [Alternative((), (ConditionGroup(False, tuple(dependent)),))] if dependent else []
        alternatives += [alternative for part in mixed for alternative in alternatives_of(part)]
    if len(alternatives) > MAX_ALTERNATIVES:
        msg = (
            f"its filter has {len(alternatives)} alternatives that depend on the current entity, more than "
            f"{MAX_ALTERNATIVES}"
        )
        raise CannotCompute(msg)
    return alternatives


def _partition(group: ConditionGroup) -> Tuple[List[Node], List[Node], List[Node]]:
    independent: List[Node] = []
    dependent: List[Node] = []
    mixed: List[Node] = []
    for part in group.parts:
        has_placeholders = {condition.has_placeholders for condition in conditions_in(part)}
        (mixed if len(has_placeholders) > 1 else dependent if True in has_placeholders else independent).append(part)
    return independent, dependent, mixed


def conditions_in(node: Optional[Node]) -> List[Condition]:
    """
    Return all conditions of a filter.
    """
    if node is None:
        return []
    if isinstance(node, Condition):
        return [node]
    return [condition for part in node.parts for condition in conditions_in(part)]


def key_of(link: Mapping[str, Any]) -> Key:
    """
    Return the type and id of a link.
    """
    return link["type"], link["id"]
