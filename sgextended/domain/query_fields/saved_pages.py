"""
Page entities: the records that a saved page of the web application shows.
"""

import copy
import json
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

from sgextended.domain.arguments import PEOPLE, Entity, Row, conditions_of, fields_of, is_id, to_link
from sgextended.errors import ConfigurationError, InvalidArgumentError, NotFoundError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from sgextended.domain.query_fields import query_field_reader, saved_filters
    from sgextended.domain.query_fields.query_field_reader import Asking
    from sgextended.domain.query_fields.saved_filters import Word
else:
    query_field_reader = lazy_module("sgextended.domain.query_fields.query_field_reader")
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
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the records that a Page entity shows, with its columns, in its order; query fields among them are computed.

    It costs two finds for the page and its settings, one for the records, the schema of the types involved, and what
    `add_query_fields` says for each column that is a query field. "Me" costs one more.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        page_id: Id of the Page, or a link to it.

        layout: Which of its layouts, by the name that people see. None: the first one.

        project: Link to the project that "current project" stands for. None: the project of the page.

        user: Link to the person that "Me" stands for, and whose own settings of the page hold. None: the person for
            whom *sg* acts, and for a script nobody.

        own_settings: Whether what that person has changed of the page for themselves holds; else it is as it was saved
            for all.

        fields: Fields to return instead of the columns, query fields among them.

        extra_fields: Fields to return beside either.

        filters: Native conditions that must hold as well. They stand beside those of the page, never inside.

        limit: How many to return; 0 is no limit.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields. Where the page shows groups, the records come group by
        group; groups by parts of a value, such as the month of a date, come in the order of the value.

    Raises:
        NotFoundError: There is no such page or layout, or it lists no records.

        ConfigurationError: The page asks about Me or the current project, and nobody says which that is.

        InvalidArgumentError: *page_id* is no id, or the page's filter is not understood.
    """
    page_id, narrower = _id_of(page_id), conditions_of(filters)
    chosen, more = None if fields is None else fields_of(fields), fields_of(extra_fields)
    given = None if project is None else to_link(project, "project", ("Project",))
    me = None if user is None else to_link(user, "user", PEOPLE)
    with within(sg, timeout):
        page = _page(sg, page_id)
        name = f"Page {page_id} {page['name']!r}"
        asking = query_field_reader.Asking(sg, "", me)
        widget_of = _Settings(name, _settings(sg, page_id, asking, own_settings=own_settings))
        widget, panel = widget_of.widget(layout), widget_of.panel()
        options = widget.get("settings") or {}
        entity_type = options.get("entity_type")
        if not isinstance(entity_type, str):
            msg = f"{name} does not say of which type its records are."
            raise NotFoundError(msg)
        asking = asking.about(entity_type)
        here = page["project"] if given is None else given
        saved = [options.get("filters"), panel]
        conditions = [*_conditions(name, asking, entity_type, saved, here), *narrower]
        plan = asking.plan(fields_of(chosen, more, _columns(widget)))
        rows = sg.find(entity_type, conditions, plan.asked, _order(options), limit=limit)
        return asking.finish(rows, plan)


def _id_of(page: Union[int, Entity]) -> int:
    page_id = page.get("id") if isinstance(page, Mapping) and page.get("type") == "Page" else page
    if not is_id(page_id):
        msg = f"A page is named by its id or a link to it, such as {{'type': 'Page', 'id': 12}}, not by {page!r:.80}."
        raise InvalidArgumentError(msg)
    return int(page_id)  # type: ignore[arg-type]


def _page(sg: Any, page_id: int) -> Row:
    found = sg.find("Page", [["id", "is", page_id]], ["name", "project"])
    if not found:
        msg = f"The site shows no Page {page_id}: it is not there, retired, or not for who asks."
        raise NotFoundError(msg)
    page: Row = found[0]
    return page


def _settings(sg: Any, page_id: int, asking: "Asking", *, own_settings: bool) -> Any:
    """
    Return the settings of a page as the person who asks sees them.
    """
    kept = sg.find("PageSetting", [["page", "is", {"type": "Page", "id": page_id}]], ["settings_json", "user"])
    for row in kept:
        if isinstance(row["settings_json"], str):  # a Mockgun gives it as it was written
            row["settings_json"] = json.loads(row["settings_json"])
    shared = [row["settings_json"] for row in kept if row["user"] is None]
    if not shared:
        return None
    root = copy.deepcopy(shared[-1])
    own = [row for row in kept if row["user"] is not None]
    if own and own_settings and isinstance(root, dict):
        try:
            me = asking.me()
        except saved_filters.Unanswerable:  # a script has no settings of its own
            return root
        for row in own:
            if row["user"]["id"] == me["id"] and row["user"]["type"] == me["type"]:
                _patch(root, row["settings_json"])
    return root


def _patch(root: Dict[str, Any], patches: Any) -> None:
    """
    Change settings as a person has changed them for themselves; what they have changed in parts that are gone is gone.
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
    The settings of a page.
    """

    def __init__(self, name: str, root: Any) -> None:
        self._name = name
        if not isinstance(root, dict):
            msg = f"{name} has no settings that could be read, so nobody can tell which records it shows."
            raise NotFoundError(msg)
        self._root = root
        self._options: Dict[str, Any] = root.get("settings") or {}

    def widget(self, layout: Optional[str]) -> Dict[str, Any]:
        """
        Return the part of the page that lists records.
        """
        layouts = [each for each in self._options.get("layouts") or [] if isinstance(each, dict)]
        named = [each for each in layouts if layout in (None, each.get("display_name"), each.get("name"))]
        if layout is not None and not named:
            known = ", ".join(repr(each.get("display_name")) for each in layouts) or "none"
            msg = f"{self._name} has no layout {layout!r}; it has {known}."
            raise NotFoundError(msg)
        children = self._root.get("children") or {}
        branch = children.get(named[0].get("name")) if named else None
        found = next(_widgets(branch or self._root), None)
        if found is None:
            msg = f"{self._name} lists no records: it is a page of another kind."
            raise NotFoundError(msg)
        return found

    def panel(self) -> Any:
        """
        Return the filter of the page's filter panel.
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


def _conditions(name: str, asking: "Asking", entity_type: str, saved: Sequence[Any], project: Any) -> List[Any]:
    def fill(word: "Word") -> Any:
        if word is saved_filters.Word.ME:
            try:
                return asking.me()
            except saved_filters.Unanswerable as error:
                msg = f"{name} cannot be shown: {error}."
                raise ConfigurationError(msg) from None
        if project is None:
            msg = f"{name} asks about the current project, and belongs to none: pass project=."
            raise ConfigurationError(msg)
        return to_link(project)

    has_project = "project" in asking.schema.fields(entity_type)
    try:
        trees = [saved_filters.read_filter(each, fill, has_project=has_project) for each in saved]
    except saved_filters.Unanswerable as error:
        msg = f"{name} cannot be shown: {error}."
        raise InvalidArgumentError(msg) from None
    return saved_filters.to_native(saved_filters.join([tree for tree in trees if tree is not None], is_all=True))


def _order(options: Mapping[str, Any]) -> List[Dict[str, str]]:
    """
    Return the page's order: its groups, then its sorts.
    """
    order: Dict[str, str] = {}
    for each in [*(options.get("grouping") or ()), *(options.get("sorts") or ())]:
        if isinstance(each, dict) and isinstance(each.get("column"), str):
            order.setdefault(each["column"], "desc" if each.get("direction") == "desc" else "asc")
    return [{"field_name": column, "direction": direction} for column, direction in order.items()]
