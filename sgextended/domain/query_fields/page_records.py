"""
Return the records that a saved page (a Page entity) of the web application shows.
"""

import copy
import json
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

from sgextended.domain.arguments import (
    PEOPLE,
    Entity,
    Order,
    Row,
    conditions_of,
    fields_of,
    is_id,
    limit_of,
    order_of,
    to_link,
)
from sgextended.errors import ConfigurationError, InvalidArgumentError, NotFoundError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from sgextended.domain.query_fields import query_field_plan, saved_filters
    from sgextended.domain.query_fields.query_field_plan import QueryFieldReader
    from sgextended.domain.query_fields.saved_filters import Placeholder
else:
    query_field_plan = lazy_module("sgextended.domain.query_fields.query_field_plan")
    saved_filters = lazy_module("sgextended.domain.query_fields.saved_filters")

_WIDGET = "SG.Widget.EntityQuery.EntityQueryPage"


def find_page(
    sg: Any,
    page_id: Union[int, Entity],
    *,
    layout: Optional[str] = None,
    project: Optional[Entity] = None,
    user: Optional[Entity] = None,
    own_settings: bool = True,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the records that a Page entity shows, with the page's columns and order. Query fields are computed.

    The call costs two finds for the page and its settings, one find for the records, and the schema of the types
    involved. Each column that is a query field costs as much as in `add_query_fields`. "Me" costs one more find.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        page_id: The id of the Page, or a link to it.

        layout: The display name of a layout of the page. None: the first layout.

        project: Link to the project for which "current project" stands. None: the project of the page.

        user: Link to the person for whom "Me" stands and whose personal settings of the page apply. None: the current
            user; a script has no personal settings.

        own_settings: Whether the personal settings of that person apply. False: only the settings that are saved for
            everyone.

        fields: Fields to return instead of the columns, including query fields.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the records must match in addition to the filter of the page.

        order: A native sort order to use instead of that of the page, such as ``[{'field_name': 'code'}]``.

        limit: Maximum number of records; 0: no limit.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields. If the page shows groups, the records are sorted by
        group. Groups by a part of a value, such as the month of a date, are in the order of the value.

    Raises:
        NotFoundError: The page or layout does not exist, or lists no records.

        ConfigurationError: The page refers to "Me" or the current project, which is unknown; pass *user* or *project*.

        InvalidArgumentError: *page_id* is not an id, or the page's filter has an unknown form.
    """
    sorts, most = order_of(order), limit_of(limit)
    page_id, more_conditions = _id_of(page_id), conditions_of(filters)
    chosen, extra = None if fields is None else fields_of(fields), fields_of(extra_fields)
    given = None if project is None else to_link(project, "project", ("Project",))
    me = None if user is None else to_link(user, "user", PEOPLE)
    with within(sg, timeout):
        page = _page(sg, page_id)
        name = f"Page {page_id} {page['name']!r}"
        reader = query_field_plan.QueryFieldReader(sg, "", me)
        settings = _Settings(name, _settings(sg, page_id, reader, own_settings=own_settings))
        widget, panel = settings.widget(layout), settings.panel()
        options = widget.get("settings") or {}
        entity_type = options.get("entity_type")
        if not isinstance(entity_type, str):
            msg = f"{name} does not define the entity type of its records, so they cannot be found."
            raise NotFoundError(msg)
        reader = reader.for_type(entity_type)
        given_or_own = page["project"] if given is None else given
        saved = [options.get("filters"), panel]
        conditions = [*_conditions(name, reader, entity_type, saved, given_or_own), *more_conditions]
        plan = reader.plan(fields_of(chosen, extra, _columns(widget)))
        rows = sg.find(entity_type, conditions, plan.requested, _order(options) if order is None else sorts, limit=most)
        return reader.finish(rows, plan)


def _id_of(page: Union[int, Entity]) -> int:
    page_id = page.get("id") if isinstance(page, Mapping) and page.get("type") == "Page" else page
    if not is_id(page_id):
        msg = (
            f"page_id must be the id of a page or a link to it, such as {{'type': 'Page', 'id': 12}}, not {page!r:.80}."
        )
        raise InvalidArgumentError(msg)
    return int(page_id)  # type: ignore[arg-type]


def _page(sg: Any, page_id: int) -> Row:
    found = sg.find("Page", [["id", "is", page_id]], ["name", "project"])
    if not found:
        msg = f"The site returns no Page {page_id}: it does not exist, is retired, or is hidden from the current user."
        raise NotFoundError(msg)
    page: Row = found[0]
    return page


def _settings(sg: Any, page_id: int, reader: "QueryFieldReader", *, own_settings: bool) -> Any:
    """
    Return the settings of a page, with the personal settings of the current user applied; None if it has none.
    """
    kept = sg.find("PageSetting", [["page", "is", {"type": "Page", "id": page_id}]], ["settings_json", "user"])
    for row in kept:
        if isinstance(row["settings_json"], str):  # a Mockgun returns JSON text
            row["settings_json"] = json.loads(row["settings_json"])
    shared = [row["settings_json"] for row in kept if row["user"] is None]
    if not shared:
        return None
    root = copy.deepcopy(shared[-1])
    own = [row for row in kept if row["user"] is not None]
    if own and own_settings and isinstance(root, dict):
        try:
            me = reader.me()
        except saved_filters.CannotCompute:  # a script has no personal settings
            return root
        for row in own:
            if row["user"]["id"] == me["id"] and row["user"]["type"] == me["type"]:
                _patch(root, row["settings_json"])
    return root


def _patch(root: Dict[str, Any], patches: Any) -> None:
    """
    Apply the personal settings of a person. Changes of parts that no longer exist are ignored.
    """
    for patch in patches if isinstance(patches, list) else ():
        if not isinstance(patch, dict):
            continue
        node: Any = root
        for part in filter(None, str(patch.get("spec_path") or "").split("|")):
            node = (node.get("children") or {}).get(part) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node["settings"] = {**(node.get("settings") or {}), **(patch.get("settings") or {})}


class _Settings:
    """
    The settings of a page, as a tree of widgets.
    """

    def __init__(self, name: str, root: Any) -> None:
        self._name = name
        if not isinstance(root, dict):
            msg = f"{name} has no readable settings, so its records are unknown."
            raise NotFoundError(msg)
        self._root = root
        self._options: Dict[str, Any] = root.get("settings") or {}

    def widget(self, layout: Optional[str]) -> Dict[str, Any]:
        """
        Return the widget of the page that lists records.

        Raises:
            NotFoundError: The layout does not exist, or the page lists no records.
        """
        layouts = [each for each in self._options.get("layouts") or [] if isinstance(each, dict)]
        named = [each for each in layouts if layout in (None, each.get("display_name"), each.get("name"))]
        if layout is not None and not named:
            known = ", ".join(repr(each.get("display_name")) for each in layouts) or "none"
            msg = f"{self._name} has no layout {layout!r}. Its layouts are {known}."
            raise NotFoundError(msg)
        children = self._root.get("children") or {}
        branch = children.get(named[0].get("name")) if named else None
        found = next(_widgets(branch or self._root), None)
        if found is None:
            msg = f"{self._name} lists no records, because it is a page of another kind."
            raise NotFoundError(msg)
        return found

    def panel(self) -> Any:
        """
        Return the filter of the page's filter panel, or None.
        """
        panel = self._options.get("filter_panel_main_entity_type_settings")
        return panel.get("panel_filters") if isinstance(panel, dict) else None


def _widgets(node: Any) -> Iterator[Dict[str, Any]]:
    if not isinstance(node, dict):
        return
    if node.get("type") == _WIDGET:
        yield node
    for child in (node.get("children") or {}).values():
        yield from _widgets(child)


def _columns(widget: Mapping[str, Any]) -> List[str]:
    content = (widget.get("children") or {}).get("list_content") or {}
    columns = (content.get("settings") or {}).get("columns") or []
    names = [each.get("column", each.get("name")) if isinstance(each, dict) else each for each in columns]
    return [name for name in names if isinstance(name, str)]


def _conditions(
    name: str, reader: "QueryFieldReader", entity_type: str, saved: Sequence[Any], project: Any
) -> List[Any]:
    def fill(placeholder: "Placeholder") -> Any:
        if placeholder is saved_filters.Placeholder.ME:
            try:
                return reader.me()
            except saved_filters.CannotCompute as error:
                msg = f"The records of {name} cannot be found: {error}."
                raise ConfigurationError(msg) from None
        if project is None:
            msg = f"{name} refers to the current project, but the page belongs to no project. Pass project=."
            raise ConfigurationError(msg)
        return to_link(project)

    has_project = "project" in reader.schema.fields(entity_type)
    try:
        trees = [saved_filters.read_filter(each, fill, has_project=has_project) for each in saved]
    except saved_filters.CannotCompute as error:
        msg = f"The records of {name} cannot be found: {error}."
        raise InvalidArgumentError(msg) from None
    return saved_filters.to_native(saved_filters.join([tree for tree in trees if tree is not None], is_all=True))


def _order(options: Mapping[str, Any]) -> List[Dict[str, str]]:
    """
    Return the sort order of the page: its groupings first, then its sorts.
    """
    order: Dict[str, str] = {}
    for each in [*(options.get("grouping") or ()), *(options.get("sorts") or ())]:
        if isinstance(each, dict) and isinstance(each.get("column"), str):
            order.setdefault(each["column"], "desc" if each.get("direction") == "desc" else "asc")
    return [{"field_name": column, "direction": direction} for column, direction in order.items()]
