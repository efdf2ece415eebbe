"""
Collect the conditions of one search and run it: shared by all find functions of the domain.
"""

import datetime as dt
import fnmatch
import itertools
import re
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Pattern, Sequence, Tuple

from sgextended.domain.arguments import (
    Day,
    Ids,
    Links,
    LinksOrNames,
    Names,
    Order,
    Row,
    conditions_of,
    fields_of,
    is_id,
    limit_of,
    optional_bool,
    order_of,
    texts_of,
    to_day,
    to_link,
    values_of,
)
from sgextended.domain.client_kinds import Finder, can_summarize, client_of
from sgextended.domain.vocabulary import Choice, KnownNames, Named
from sgextended.errors import InvalidArgumentError

#: From this number of links on, one "in" condition is sent, which a site accepts for any number. Fewer links are sent
#: as one "is" condition each, because a Mockgun reads "in" as "all of them".
_MANY_LINKS = 20

#: Types whose entities belong to no project.
_OUTSIDE_PROJECTS = frozenset(
    {"ApiUser", "ClientUser", "Department", "Group", "HumanUser", "PublishedFileType", "Status", "Step", "Tag"}
)
# Relations with which a condition does not say which projects are meant.
_NEGATIVE = ("is_not", "not_in", "name_is_not", "name_not_contains", "not_contains", "type_is_not")

_WILDCARD = r"[*?\[]"
_BRACKETS = r"\[!?\]?[^\]]*\]"  # a "]" in the first place is one of the characters


class Query:
    """
    The conditions of one search. Entities must match all of them.

    Args:
        filters: Native conditions to start with.
    """

    def __init__(self, filters: Optional[Iterable[Any]] = ()) -> None:
        self._filters: List[Any] = conditions_of(filters)
        self._globs: List[Tuple[Tuple[str, ...], List[Pattern[str]]]] = []
        self._choices: List[Choice] = []
        self._named: List[Named] = []
        self._entity_types: List[str] = []
        self._archived: Optional[bool] = None
        self._names_project = any(_names_project(each) for each in self._filters)
        self._impossible = False

    @property
    def is_impossible(self) -> bool:
        """
        Whether the conditions contradict each other, so that no entity can match.
        """
        return self._impossible

    def names(self, field: str, wanted: Names) -> None:
        """
        Require that a text field has one of the wanted values.
        """
        self._one_of(field, texts_of(wanted, field))

    def statuses(self, entity_type: str, wanted: Names, field: str = "sg_status_list") -> None:
        """
        Require that a status field has one of the wanted statuses, given by code or label.
        """
        self._choose(entity_type, field, wanted, is_status=True)

    def list_values(self, entity_type: str, field: str, wanted: Names) -> None:
        """
        Require that a list field has one of the wanted values.
        """
        self._choose(entity_type, field, wanted, is_status=False)

    def _choose(self, entity_type: str, field: str, wanted: Names, *, is_status: bool) -> None:
        values = texts_of(wanted, field)
        if values:
            self._choices.append(Choice(entity_type, field, tuple(values), is_status=is_status))
        else:
            self._one_of(field, values)

    def entity_types(self, field: str, wanted: Names) -> None:
        """
        Require that a field has the name of one of the wanted entity types.
        """
        names = texts_of(wanted, field)
        self._one_of(field, names)
        self._entity_types += names or ()

    def archived(self, wanted: Optional[bool]) -> None:
        """
        Require that the project of an entity is archived (True) or not (False).

        False does not restrict a search for entities of certain projects, or of certain entities of projects.
        """
        self._archived = optional_bool(wanted, "archived")

    def numbers(self, field: str, wanted: Ids) -> None:
        """
        Require that a number field, such as the id, has one of the wanted values.
        """
        values = values_of(wanted)
        for value in values or ():
            if not is_id(value):
                msg = f"{field} must be a whole number, or several whole numbers, not {value!r:.80}."
                raise InvalidArgumentError(msg)
        self._one_of(field, values and [int(value) for value in values])

    def links(self, field: str, wanted: Links, *types: str) -> None:
        """
        Require that a link leads to one of the wanted entities, or that a list of links contains at least one of them.

        Args:
            field: A field with a link or a list of links.

            wanted: The entities.

            types: The allowed types of the entities. Empty: any type.
        """
        self.links_by_any((field,), wanted, *types)

    def links_by_any(self, fields: Sequence[str], wanted: Links, *types: str) -> None:
        """
        Require that at least one of several fields leads to one of the wanted entities.
        """
        values = values_of(wanted)
        if values is not None:
            links = [to_link(value, fields[0], types) for value in values]
            self._look_for_projects(links)
            self.any([condition for field in fields for condition in _leads_to(field, links)])

    def links_by_type(self, field_for: Callable[[str], str], wanted: Links) -> None:
        """
        Require a link to one of the wanted entities; *field_for* returns the link field for an entity type.
        """
        values = values_of(wanted)
        if values is not None:
            by_field: Dict[str, List[Row]] = {}
            for value in values:
                link = to_link(value)
                self._look_for_projects([link])
                by_field.setdefault(field_for(link["type"]), []).append(link)
            self.any([condition for field, links in by_field.items() for condition in _leads_to(field, links)])

    def links_or_names(self, field: str, entity_type: str, names: Sequence[str], wanted: LinksOrNames) -> None:
        """
        Require that a link leads to one of the wanted entities, or to an entity with one of the wanted names.

        Args:
            field: The link field.

            entity_type: Type of the linked entities.

            names: Fields of that type to compare names with.

            wanted: Links and names.
        """
        values = values_of(wanted)
        if values is None:
            return
        conditions: List[List[Any]] = []
        for value in values:
            if isinstance(value, str):
                conditions += [[f"{field}.{entity_type}.{name}", "is", value] for name in names]
            else:
                conditions.append([field, "is", to_link(value, f"{field}, unless it is a name,", (entity_type,))])
        self.any(conditions)
        given = tuple(value for value in values if isinstance(value, str))
        if given:
            self._named.append(Named(entity_type, tuple(names), given))

    def steps(self, field: str, wanted: LinksOrNames) -> None:
        """
        Require that a link leads to one of the wanted pipeline steps, given as links or by short code or name.
        """
        self.links_or_names(field, "Step", ("short_name", "code"), wanted)

    def days(self, field: str, first: Day, last: Day) -> None:
        """
        Require that a date lies between two days, both included.
        """
        begin, end = (None if day is None else to_day(day) for day in (first, last))
        if begin is not None and end is not None:
            self._filters.append([field, "between", [begin.isoformat(), end.isoformat()]])
            self._impossible = self._impossible or begin > end  # sites differ in how they read a reversed range
        elif begin == dt.date.min or end == dt.date.max:  # no earlier or later day exists, so any date matches
            self._filters.append([field, "is_not", None])
        elif begin is not None:
            self._filters.append([field, "greater_than", (begin - dt.timedelta(days=1)).isoformat()])
        elif end is not None:
            self._filters.append([field, "less_than", (end + dt.timedelta(days=1)).isoformat()])

    def flag(self, field: str, wanted: Optional[bool]) -> None:
        """
        Require that a checkbox is on or off.
        """
        if optional_bool(wanted, field) is not None:
            self._filters.append([field, "is", wanted])

    def any(self, conditions: List[List[Any]]) -> None:
        """
        Require that at least one of the conditions matches.
        """
        if not conditions:
            self._impossible = True
        elif len(conditions) == 1:
            self._filters.append(conditions[0])
        else:
            self._filters.append({"filter_operator": "any", "filters": conditions})

    def globs(self, field: str, wanted: Names) -> None:
        """
        Require that a text field matches one of the wanted names or globs.

        The site filters by what it supports (a start, an end, a part); `find` matches the rest after the response.
        """
        self.globs_by_any((field,), wanted)

    def globs_by_any(self, fields: Sequence[str], wanted: Names) -> None:
        """
        Require that at least one of several text fields matches one of the wanted names or globs.
        """
        patterns = texts_of(wanted, fields[0])
        if patterns is None:
            return
        if len(fields) == 1 and not any(re.search(_WILDCARD, pattern) for pattern in patterns):
            self._one_of(fields[0], patterns)
            return
        groups = [_site_conditions(field, pattern) for field in fields for pattern in patterns]
        if all(groups):
            self.any([group[0] if len(group) == 1 else _all_of(group) for group in groups])
        compiled = [re.compile(fnmatch.translate(pattern), re.IGNORECASE) for pattern in patterns]
        self._globs.append((tuple(fields), compiled))

    def find(
        self,
        sg: Finder,
        entity_type: str,
        default_fields: Iterable[str],
        fields: Optional[Iterable[str]],
        extra_fields: Iterable[str],
        default_order: Sequence[str],
        *,
        order: Order = None,
        limit: Optional[int] = 0,
    ) -> List[Row]:
        """
        Return the entities that match; send no request if none can match.

        Names that do not exist are looked up if nothing was found. Labels of statuses are looked up before the search.

        Args:
            sg: The client (SGExtended, Shotgun or Mockgun).

            entity_type: Type to search.

            default_fields: Fields to return if *fields* is None.

            fields: Fields to return instead.

            extra_fields: Fields to return in addition.

            default_order: Fields to sort by, ascending; with a ``-`` in front, descending.

            order: A native sort order to use instead.

            limit: Maximum number of entities; 0: all.

        Raises:
            InvalidArgumentError: A status, list value or name does not exist, or an option is not valid.
        """
        sorts, most = order_of(order, default_order), limit_of(limit)
        wanted = fields_of(fields, extra_fields, default_fields)
        if self._impossible:
            return []
        known = KnownNames(sg)
        choices = [known.checked(choice) if choice.may_be_label else choice for choice in self._choices]
        rows = self._search(sg, entity_type, wanted, sorts, most, choices)
        if not rows and (choices or self._named or self._entity_types):
            checked = [known.checked(choice) for choice in choices]
            for named in self._named:
                known.check_names(named)
            if self._entity_types:
                known.check_entity_types(self._entity_types)
            if checked != choices:  # labels that look like codes
                rows = self._search(sg, entity_type, wanted, sorts, most, checked)
        return rows

    def _search(
        self,
        sg: Finder,
        entity_type: str,
        wanted: List[str],
        sorts: List[Dict[str, str]],
        limit: int,
        choices: List[Choice],
    ) -> List[Row]:
        conditions = [*self._filters, *(choice.condition for choice in choices)]
        matched = dict.fromkeys(field for several, _patterns in self._globs for field in several)
        options: Dict[str, Any] = {}
        archived_ids = self._restrict_to_projects(sg, conditions, options)
        if archived_ids is not None:
            matched["project"] = None
        for_matching = [field for field in matched if field not in wanted]

        def matches(row: Row) -> bool:
            if archived_ids is not None and (_project_id(row) in archived_ids) is not self._archived:
                return False
            return all(_matches(row, several, patterns) for several, patterns in self._globs)

        found: List[Row] = []
        arguments = (entity_type, conditions, [*wanted, *for_matching], sorts)
        for page in _pages(sg, arguments, options, limit, whole=not matched):
            found += filter(matches, page)
            if limit and len(found) >= limit:
                break
        rows = found[:limit] if limit else found
        for row in rows:
            for field in for_matching:
                del row[field]
        return rows

    def _restrict_to_projects(
        self, sg: Finder, conditions: List[Any], options: Dict[str, Any]
    ) -> Optional[FrozenSet[int]]:
        """
        Add what restricts a search to projects that are archived or not to its conditions or options.

        Return the ids of the archived projects if the caller must match the projects of the rows instead: a Mockgun
        does not have the option, and its paths fail if a link leads nowhere.
        """
        if self._archived is None or (self._archived is False and self._names_project):
            return None
        if not can_summarize(sg):
            return frozenset(row["id"] for row in sg.find("Project", [], ["archived"]) if row.get("archived"))
        if self._archived:
            conditions.append(["project.Project.archived", "is", True])
        else:
            options["include_archived_projects"] = False
        return None

    def _look_for_projects(self, links: Iterable[Row]) -> None:
        self._names_project = self._names_project or any(link["type"] not in _OUTSIDE_PROJECTS for link in links)

    def _one_of(self, field: str, values: Optional[List[Any]]) -> None:
        if values is None:
            return
        if not values:
            self._impossible = True
        elif len(values) == 1:
            self._filters.append([field, "is", values[0]])
        else:
            self._filters.append([field, "in", values])


def _pages(
    sg: Finder, arguments: Tuple[Any, ...], options: Dict[str, Any], limit: int, *, whole: bool
) -> Iterator[List[Row]]:
    """
    Yield the rows of a native find in several parts if the caller may need only the first ones.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        arguments: The first arguments of ``find``.

        options: Further arguments of ``find``.

        limit: Maximum number of rows that the caller needs; 0: all.

        whole: Whether the caller needs all rows that are found, so that the site may apply the limit.
    """
    size = getattr(getattr(client_of(sg), "config", None), "records_per_page", None)
    if whole or not limit or not size or not can_summarize(sg):  # a Mockgun ignores limit and page
        yield sg.find(*arguments, **({**options, "limit": limit} if limit and whole else options))
        return
    for number in itertools.count(1):
        page: List[Row] = sg.find(*arguments, limit=size, page=number, **options)
        yield page
        if len(page) < size:
            return


def _names_project(condition: Any) -> bool:
    """
    Return whether a native condition says which projects are meant, or names an entity that belongs to one.
    """
    if isinstance(condition, Mapping):
        return any(_names_project(each) for each in condition.get("filters") or ())
    if not _is_triple(condition):  # the site reports it
        return False
    path, relation, *values = condition
    parts = path.split(".")
    if parts[-3:] == ["project", "Project", "archived"]:
        return True
    if relation in _NEGATIVE or relation.startswith("not_"):
        return False
    if parts[0] == "project":
        return True
    if parts[-1] == "id":
        return len(parts) == 1 or parts[-2] not in _OUTSIDE_PROJECTS
    linked = [each for value in values for each in (value if isinstance(value, (list, tuple)) else [value])]
    return any(
        isinstance(each, Mapping) and "id" in each and each.get("type") not in _OUTSIDE_PROJECTS for each in linked
    )


def _is_triple(condition: Any) -> bool:
    return (
        isinstance(condition, (list, tuple))
        and len(condition) > 2
        and all(isinstance(part, str) for part in condition[:2])
    )


def _project_id(row: Row) -> Optional[int]:
    project = row.get("project")
    return project["id"] if project else None


def _matches(row: Row, fields: Iterable[str], patterns: Iterable[Pattern[str]]) -> bool:
    texts = [row[field] or "" for field in fields]
    return any(pattern.match(text) for pattern in patterns for text in texts)


def _leads_to(field: str, links: List[Row]) -> List[List[Any]]:
    """
    Return conditions; at least one of them matches if a field leads to one of the entities.
    """
    if len(links) >= _MANY_LINKS:
        return [[field, "in", links]]
    return [[field, "is", link] for link in links]


def _all_of(conditions: List[List[Any]]) -> Any:
    return {"filter_operator": "all", "filters": conditions}


def _site_conditions(field: str, pattern: str) -> List[List[Any]]:
    """
    Return conditions that match every text that a glob matches, and few others. For ``*`` the list is empty.
    """
    literals = re.split(_WILDCARD, re.sub(_BRACKETS, "?", pattern))
    if len(literals) == 1 and not re.search(_WILDCARD, pattern):
        return [[field, "is", pattern]]
    start, middle, end = literals[0], max(literals[1:-1], key=len, default=""), literals[-1]
    conditions = []
    if start:
        conditions.append([field, "starts_with", start])
    if end:
        conditions.append([field, "ends_with", end])
    if middle:
        conditions.append([field, "contains", middle])
    return conditions
