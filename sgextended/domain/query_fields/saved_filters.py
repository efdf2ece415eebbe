"""
Filters as the web page saves them, in pages and query fields: their words, their truth for each of many records, and
what of them the site can be asked for all these records at once.
"""

import enum
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from attrs import frozen

from sgextended.domain.arguments import client_of
from sgextended.errors import ShotgunError
from sgextended.schema.site_schema import SiteSchema

Key = Tuple[str, int]  # of an entity: its type and id
Link = Dict[str, Any]
Native = List[Any]  # conditions as ``find`` takes them

#: So many alternatives of one filter are asked for, and no more.
MOST_TERMS = 8

_POSITIVE = {"is", "in"}
_NEGATIVE = {"is_not", "not_in"}
_OF_SEVERAL = {"in", "not_in", "between", "not_between"}
_OPERATORS = {"and": True, "all": True, "or": False, "any": False}


class Unanswerable(Exception):
    """
    A saved filter or summary that cannot be worked out; the message says why. It does not leave the domain.
    """


class Word(enum.Enum):
    """
    What a saved filter has in the place of a link, to be filled in later.
    """

    CURRENT = "parent_entity_token"
    PROJECT = "project_token"
    ME = "logged_in_user_token"


@frozen
class Leaf:
    """
    One condition.

    Attributes:
        values: Links are `Key` or `Word` in a condition with words, and as the site takes them in one without.
    """

    path: str
    relation: str
    values: Tuple[Any, ...]

    @property
    def has_words(self) -> bool:
        return any(isinstance(value, Word) for value in self.values)

    @property
    def is_negative(self) -> bool:
        return self.relation in _NEGATIVE


@frozen
class Group:
    """
    Conditions all of which must hold, or any.
    """

    is_all: bool
    parts: "Tuple[Node, ...]"


Node = Union[Leaf, Group]


# --- Reading


def read_filter(saved: Any, fill: Callable[[Word], Any], *, has_project: bool = True) -> Optional[Node]:
    """
    Return a saved filter as a tree, without what is switched off. None: it restricts nothing.

    Args:
        saved: As it stands in the settings of a page or in the schema of a query field.

        fill: Returns the link that stands for a word, or the word itself where that is not known yet.

        has_project: Whether the type has a ``project``; conditions on the page's project do not count otherwise.

    Raises:
        Unanswerable: It is not understood.
    """
    if saved is None:
        return None
    if not isinstance(saved, Mapping):
        msg = f"its filter is not understood: {saved!r:.80}"
        raise Unanswerable(msg)
    if "conditions" not in saved:
        return _read_leaf(saved, fill, has_project=has_project)
    operator = saved.get("logical_operator", "and")
    if operator not in _OPERATORS:
        msg = f"its filter joins conditions by {operator!r}"
        raise Unanswerable(msg)
    parts = [read_filter(part, fill, has_project=has_project) for part in saved["conditions"] or ()]
    return join([part for part in parts if part is not None], is_all=_OPERATORS[operator])


def join(parts: Sequence[Node], *, is_all: bool) -> Optional[Node]:
    """
    Return one group of several filters, however each is made; a single one is itself, and none is none.
    """
    flat: List[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, Group) and part.is_all == is_all else (part,)
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else Group(is_all, tuple(flat))


def _read_leaf(saved: Mapping[str, Any], fill: Callable[[Word], Any], *, has_project: bool) -> Optional[Leaf]:
    if saved.get("active", True) in (False, "false", "False"):
        return None
    if saved.get("top_level_project_filter") in (True, "true") and not has_project:
        return None
    path, relation, values = saved.get("path"), saved.get("relation"), saved.get("values")
    if not isinstance(path, str) or not isinstance(relation, str):
        msg = f"a condition of its filter is not understood: {dict(saved)!r:.80}"
        raise Unanswerable(msg)
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    if not values:
        msg = f"its condition on {path} has no value"
        raise Unanswerable(msg)
    read = [_read_value(path, value, fill) for value in values]
    if any(isinstance(value, Word) for value in read):
        if relation not in _POSITIVE | _NEGATIVE:
            msg = f"its condition on {path} compares the record at hand by {relation!r}"
            raise Unanswerable(msg)
        read = [key_of(value) if isinstance(value, Mapping) else value for value in read]
    return Leaf(path, relation, tuple(read))


def _read_value(path: str, value: Any, fill: Callable[[Word], Any]) -> Any:
    if not isinstance(value, Mapping):
        return value
    valid = value.get("valid", "valid")
    if valid in {word.value for word in Word}:
        return fill(Word(valid))
    if valid == "autocomplete":
        msg = f"its condition on {path} has typed text, {value.get('name')!r}, where a link is needed"
        raise Unanswerable(msg)
    if valid != "valid":
        msg = f"its condition on {path} has the word {valid!r}, which is not known"
        raise Unanswerable(msg)
    if "type" not in value or not value.get("id"):
        msg = f"its condition on {path} has a link without type and id"
        raise Unanswerable(msg)
    return {"type": value["type"], "id": value["id"]}


# --- Asking


def can_summarize(sg: Any) -> bool:
    """
    Tell whether a client sums up and finds by many links. A Mockgun does neither: to it "in" means all of them.
    """
    return hasattr(client_of(sg), "summarize")


def to_native(node: Optional[Node]) -> Native:
    """
    Return native conditions, all of which must hold. A group stays one condition, so that others can stand beside it.
    """
    if node is None:
        return []
    if isinstance(node, Leaf):
        # A Mockgun compares a list of one with the value itself; to a site they are the same.
        is_one = len(node.values) == 1 and node.relation not in _OF_SEVERAL
        return [[node.path, node.relation, node.values[0] if is_one else list(node.values)]]
    if node.is_all:
        return [condition for part in node.parts for condition in to_native(part)]
    return [{"filter_operator": "any", "filters": [_as_one(to_native(part)) for part in node.parts]}]


def _as_one(conditions: Native) -> Any:
    return conditions[0] if len(conditions) == 1 else {"filter_operator": "all", "filters": conditions}


class Term(NamedTuple):
    """
    One alternative of a filter: what the site can decide, and what depends on the record at hand.
    """

    plain: Tuple[Node, ...]
    own: Tuple[Node, ...]


def terms_of(node: Optional[Node]) -> List[Term]:
    """
    Return the alternatives of a filter, each of which keeps its plain conditions apart from those with words.

    Raises:
        Unanswerable: There are more than `MOST_TERMS`.
    """
    if node is None:
        return [Term((), ())]
    worded = {leaf.has_words for leaf in leaves_of(node)}
    if isinstance(node, Leaf) or len(worded) == 1:
        return [Term((), (node,)) if True in worded else Term((node,), ())]
    plain, own, mixed = _sorted_out(node)
    if node.is_all:
        terms = [Term(tuple(plain), tuple(own))]
        for part in mixed:
            inner = terms_of(part)
            terms = [Term(one.plain + two.plain, one.own + two.own) for one in terms for two in inner]
    else:
        terms = [Term((Group(False, tuple(plain)),), ())] if plain else []
        terms += [Term((), (Group(False, tuple(own)),))] if own else []
        terms += [term for part in mixed for term in terms_of(part)]
    if len(terms) > MOST_TERMS:
        msg = f"its filter has {len(terms)} alternatives that depend on the record at hand, more than {MOST_TERMS}"
        raise Unanswerable(msg)
    return terms


def _sorted_out(group: Group) -> Tuple[List[Node], List[Node], List[Node]]:
    plain: List[Node] = []
    own: List[Node] = []
    mixed: List[Node] = []
    for part in group.parts:
        worded = {leaf.has_words for leaf in leaves_of(part)}
        (mixed if len(worded) > 1 else own if True in worded else plain).append(part)
    return plain, own, mixed


def leaves_of(node: Optional[Node]) -> List[Leaf]:
    """
    Return all conditions of a filter.
    """
    if node is None:
        return []
    return [node] if isinstance(node, Leaf) else [leaf for part in node.parts for leaf in leaves_of(part)]


# --- Whose rows they are


class Owner(NamedTuple):
    """
    A record at hand, which rows belong to.
    """

    key: Key
    project: Optional[Key]


class _Reader(NamedTuple):
    """
    How a condition with words is decided: by which value of a row, and for which owners each value makes it hold.
    """

    path: str
    is_negative: bool
    owners: Dict[Optional[Key], Set[int]]
    is_exact: bool  # an owner holds by one value at most, and a row has one value


class Matcher:
    """
    Tells whose rows are whose, for the conditions with words of one `Term` and a number of owners.

    Conditions through a list of links cannot be read of a row. For each of them what lies on the way is asked for
    first, in one find, and its rows stand for the owners from then on.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        schema: The schema.

        entity_type: Type of the rows.

        own: The conditions.

        owners: The owners. They are named by their numbers in this list.
    """

    def __init__(
        self, sg: Any, schema: SiteSchema, entity_type: str, own: Iterable[Node], owners: Sequence[Owner]
    ) -> None:
        self._own = list(own)
        self._can_restrict = can_summarize(sg)
        self._everybody = set(range(len(owners)))
        self._readers: Dict[Leaf, _Reader] = {}
        for node in self._own:
            for leaf in leaves_of(node):
                self._readers[leaf] = _reader(sg, schema, entity_type, leaf, owners)

    @property
    def paths(self) -> List[str]:
        """
        Which fields of a row tell whose it is.
        """
        return list(dict.fromkeys(reader.path for reader in self._readers.values()))

    @property
    def is_exact(self) -> bool:
        """
        Whether rows with different values in `paths` always belong to different owners.
        """
        return all(isinstance(node, Leaf) and self._readers[node].is_exact for node in self._own)

    def conditions(self, only: Optional[Set[int]] = None) -> Optional[Native]:
        """
        Return conditions that hold for every row of the owners, or of some of them, and for few others.

        None: there is no such row.
        """
        if not self._can_restrict:
            return []
        found: Native = []
        for node in self._own:
            for part in node.parts if isinstance(node, Group) and node.is_all else (node,):
                condition = self._condition(part, only)
                if condition is False:
                    return None
                if condition is not True:
                    found.append(condition)
        return found

    def _condition(self, node: Node, only: Optional[Set[int]]) -> Any:
        """
        Return a condition, or True or False.
        """
        if isinstance(node, Leaf):
            reader = self._readers[node]
            if reader.is_negative:
                return True
            wanted = [key for key, owners in reader.owners.items() if only is None or owners & only]
            links = sorted(key for key in wanted if key is not None)
            if None in wanted:
                empty = [reader.path, "is", [None]]
                return empty if not links else {"filter_operator": "any", "filters": [empty, _in(reader.path, links)]}
            return _in(reader.path, links) if links else False
        parts = [self._condition(part, only) for part in node.parts]
        if node.is_all:
            parts = [part for part in parts if part is not True]
            return False if False in parts else _as_one(parts) if parts else True
        parts = [part for part in parts if part is not False]
        if True in parts:
            return True
        return {"filter_operator": "any", "filters": parts} if parts else False

    def owners_of(self, row: Mapping[str, Any]) -> Set[int]:
        """
        Return the numbers of the owners that a row belongs to, by its values in `paths`.
        """
        values = {path: keys_of(row.get(path)) for path in self.paths}
        return self._holding_all(self._own, values)

    def _holding_all(self, nodes: Iterable[Node], values: Mapping[str, Set[Optional[Key]]]) -> Set[int]:
        result = self._everybody
        for node in nodes:
            result = result & self._holding(node, values)
        return result

    def _holding(self, node: Node, values: Mapping[str, Set[Optional[Key]]]) -> Set[int]:
        if isinstance(node, Leaf):
            reader = self._readers[node]
            found: Set[int] = set()
            for key in values[reader.path]:
                found |= reader.owners.get(key, set())
            return self._everybody - found if reader.is_negative else found
        if node.is_all:
            return self._holding_all(node.parts, values)
        return set().union(*(self._holding(part, values) for part in node.parts))


def _in(path: str, links: Iterable[Key]) -> Native:
    return [path, "in", [{"type": key[0], "id": key[1]} for key in links]]


def _reader(sg: Any, schema: SiteSchema, entity_type: str, leaf: Leaf, owners: Sequence[Owner]) -> _Reader:
    at = schema.first_list(entity_type, leaf.path)
    if at is not None:
        return _reader_through_list(sg, schema, leaf, at, owners)
    reached: Dict[Optional[Key], Set[int]] = {}
    for number, owner in enumerate(owners):
        for value in leaf.values:
            if value is Word.CURRENT:
                reached.setdefault(owner.key, set()).add(number)
            elif value is Word.PROJECT:
                if owner.project is not None:
                    reached.setdefault(owner.project, set()).add(number)
            else:
                reached.setdefault(value, set()).add(number)
    data_type = schema.data_type(entity_type, leaf.path)
    if data_type is None:
        msg = f"its condition is on {entity_type}.{leaf.path}, which is no field of the site"
        raise Unanswerable(msg)
    is_exact = len(leaf.values) == 1 and not leaf.is_negative and data_type == "entity"
    return _Reader(leaf.path, leaf.is_negative, reached, is_exact)


def _reader_through_list(sg: Any, schema: SiteSchema, leaf: Leaf, at: int, owners: Sequence[Owner]) -> _Reader:
    parts = leaf.path.split(".")
    head, far_type, rest = ".".join(parts[:at]), parts[at], ".".join(parts[at + 1 :])
    # Through a list, "is not" means that there is none on the way for which "is" holds.
    inner = Matcher(sg, schema, far_type, [Leaf(rest, "in", leaf.values)], owners)
    conditions = inner.conditions()
    reached: Dict[Optional[Key], Set[int]] = {}
    if conditions is not None:
        for row in sg.find(far_type, conditions, inner.paths):
            reached[row["type"], row["id"]] = set(inner.owners_of(row))
    return _Reader(head, leaf.is_negative, reached, False)


def key_of(link: Mapping[str, Any]) -> Key:
    """
    Return the type and id of a link.
    """
    return link["type"], link["id"]


def keys_of(value: Any) -> Set[Optional[Key]]:
    """
    Return the links in a value of a link or of a list of links; of an empty one, None alone.

    Raises:
        Unanswerable: It is something else.
    """
    if value is None or value == []:
        return {None}
    if isinstance(value, Mapping) and "id" in value:
        return {key_of(value)}
    if isinstance(value, list) and all(isinstance(each, Mapping) and "id" in each for each in value):
        return {key_of(each) for each in value}
    msg = f"the site gave {value!r:.80} where links were expected"
    raise Unanswerable(msg)


# --- Who asks


def current_user(sg: Any) -> Link:
    """
    Return the link to the person for whom a client acts; it costs a request.

    Raises:
        Unanswerable: It acts for a script, or does not say for whom.
    """
    config = getattr(sg, "config", None)
    login = getattr(config, "sudo_as_login", None) or getattr(config, "user_login", None)
    if not isinstance(login, str) or not login:
        msg = "it asks about Me, and this client acts for no person that it could name: pass user="
        raise Unanswerable(msg)
    found = sg.find("HumanUser", [["login", "is", login]], ["login"])
    if not found:
        msg = f"it asks about Me, and the site shows no person with the login {login!r}: pass user="
        raise Unanswerable(msg)
    return {"type": "HumanUser", "id": found[0]["id"]}


def is_refusal(error: ShotgunError) -> bool:
    """
    Tell whether the site has refused this one call, as opposed to who asks. A Mockgun refuses with a bare ShotgunError.
    """
    # The official client's classes are known to the floors below by import, and here by name.
    names = [each.__name__ for each in type(error).__mro__]
    return names[0] == "ShotgunError" or ("Fault" in names and "AuthenticationFault" not in names)
