"""
The native methods that studios override, as real methods, so that ``super().find(...)`` works.
"""

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence

from sgextended.client.native_client import NativeClient
from sgextended.domain.query_fields.query_field_values import iter_with_query_fields, with_query_fields
from sgextended.errors import OutcomeUnknown
from sgextended.lazy_import import lazy_module
from sgextended.schema.site_schema import SiteSchema, schema_cache_of
from sgextended.site_settings import SCHEMA_MAX_AGE
from sgextended.wrapper.transfer_overrides import TransferOverrides, unless_none
from sgextended.writes.reconcile import create_once, reconcile

if TYPE_CHECKING:
    from sgextended.schema import validation as checks
else:
    checks = lazy_module("sgextended.schema.validation")

Row = Dict[str, Any]


class NativeOverrides(TransferOverrides):
    """
    The native methods of `SGExtended` that have additional options, and `site_schema` and `reconcile`.

    Rows are dicts. They are typed as Any, so that a studio's own class may declare a more precise type for ``find``.
    """

    _sg: Any  # the client for calls, with hooks
    _client: Any  # the private client; see `HooksMixin`
    _validates: bool

    def site_schema(self, project: Optional[Row] = None) -> SiteSchema:
        """
        Return the schema of the site: entity types, and the names, types and valid values of their fields.

        Each part is read on first use, cached for ``Site(schema_max_age=...)`` (an hour), and shared by all threads of
        the process. A field that a client of this process has created is visible at once.

        Args:
            project: A Project, for the schema as this project shows it. None: the schema of the site.
        """
        client = self._client
        if not isinstance(client, NativeClient):
            return SiteSchema(self, project, cache=client.schema_cache, max_age=SCHEMA_MAX_AGE)
        site = client.site
        identity = (
            site.url,
            site.script_name,
            site.login,
            site.session_token,
            site.sudo_as_login,
            client.config.localized,
        )
        cache = schema_cache_of(client._transport)  # noqa: SLF001 - part of the wrapper
        return SiteSchema(
            self, project, cache=cache, user=identity, max_age=site.schema_max_age, folder=site.schema_folder
        )

    def _check(self, method: str, entity_type: Optional[str], **arguments: Any) -> None:
        if self._validates:
            checks.check_call(self.site_schema(), method, {"entity_type": entity_type, **arguments})

    def find(  # type: ignore[override]  # as Shotgun's types are narrower
        self,
        entity_type: str,
        filters: Any,
        fields: Optional[List[str]] = None,
        order: Optional[List[Dict[str, str]]] = None,
        filter_operator: Optional[str] = None,
        limit: int = 0,
        retired_only: bool = False,
        page: int = 0,
        include_archived_projects: bool = True,
        additional_filter_presets: Optional[List[Dict[str, Any]]] = None,
        *,
        query_fields: bool = False,
    ) -> List[Any]:
        """
        Return all entities that match, as ``shotgun_api3.Shotgun.find``.

        Args:
            entity_type: The type of the entities, such as ``"Shot"``.

            filters: The conditions, such as ``[["project", "is", project]]``.

            fields: The fields to return. None: only ``type`` and ``id``.

            order: The sort order, such as ``[{"field_name": "code", "direction": "asc"}]``.

            filter_operator: ``"all"`` or ``"any"`` of the filters must match. None: ``"all"``.

            limit: The largest number of entities. 0: no limit.

            retired_only: Whether to return retired entities instead of active ones.

            page: The number of one page to return, from 1. 0: all pages.

            include_archived_projects: Whether to include entities of archived projects.

            additional_filter_presets: Preset filters, such as ``[{"preset_name": "LATEST", ...}]``.

            query_fields: Whether the query fields among *fields*, also dotted ones through links, get the values that
                the web page shows, instead of None. The cost is in `sgextended.domain.query_fields.query_field_values`,
                the values in `add_query_fields`.
        """
        self._check("find", entity_type, filters=filters, fields=fields, order=order, filter_operator=filter_operator)
        newer = _beyond_mockgun(include_archived_projects, additional_filter_presets)

        def search(asked: Optional[List[str]]) -> List[Any]:
            found: List[Any] = self._sg.find(
                entity_type, filters, asked, order, filter_operator, limit, retired_only, page, **newer
            )
            return found

        return with_query_fields(self, entity_type, fields, search) if query_fields else search(fields)

    def find_iter(
        self,
        entity_type: str,
        filters: Any,
        fields: Optional[List[str]] = None,
        order: Optional[List[Dict[str, str]]] = None,
        filter_operator: Optional[str] = None,
        limit: int = 0,
        retired_only: bool = False,
        page: int = 0,
        include_archived_projects: bool = True,
        additional_filter_presets: Optional[List[Dict[str, Any]]] = None,
        *,
        page_size: Optional[int] = None,
        read_ahead: Optional[int] = None,
        query_fields: bool = False,
    ) -> Iterator[Any]:
        """
        Return an iterator over all entities that match, in bounded memory.

        Without *order* the lowest id comes first, and each entity
        that exists during the whole iteration is returned exactly once, even if others are created or retired. With an
        *order* the pages are read in that order. Then a concurrent change can move an entity to another page, so that
        it is returned twice or not at all. The first request is sent when the first entity is consumed. Leaving the
        loop ends the reading.

        Args:
            entity_type: As in `find`.

            filters: As in `find`.

            fields: As in `find`.

            order: As in `find`.

            filter_operator: As in `find`.

            limit: As in `find`.

            retired_only: As in `find`.

            page: As in `find`.

            include_archived_projects: As in `find`.

            additional_filter_presets: As in `find`.

            page_size: The number of entities in one request. None: the largest that the site allows, usually 500.

            read_ahead: The largest number of pages in flight; as many more pages may be prefetched and wait. 0 starts
                no threads. None: the site's limit of connections.

            query_fields: Whether query fields get the values that the web page shows, as in `find`; they are computed
                for 500 entities at a time.

        Raises:
            ConfigurationError: *page_size* or *read_ahead* is not valid; nothing was sent.

        Source:
            ``shotgun_api3.Shotgun.find``, which returns a list. With a wrapped ``Shotgun`` or ``Mockgun``, its ``find``
            is called once for all entities.
        """
        self._check(
            "find_iter", entity_type, filters=filters, fields=fields, order=order, filter_operator=filter_operator
        )
        newer = _beyond_mockgun(include_archived_projects, additional_filter_presets)
        rest = (order, filter_operator, limit, retired_only, page)

        def search(asked: Optional[List[str]]) -> Iterator[Row]:
            if not isinstance(self._client, NativeClient):
                return iter(self._sg.find(entity_type, filters, asked, *rest, **newer))
            found: Iterator[Row] = self._sg.find_iter(
                entity_type, filters, asked, *rest, **newer, page_size=page_size, read_ahead=read_ahead
            )
            return found

        return iter_with_query_fields(self, entity_type, fields, search) if query_fields else search(fields)

    def find_one(
        self,
        entity_type: str,
        filters: Any,
        fields: Optional[List[str]] = None,
        order: Optional[List[Dict[str, str]]] = None,  # type: ignore[override]  # as Shotgun's types are narrower
        filter_operator: Optional[str] = None,
        retired_only: bool = False,
        include_archived_projects: bool = True,
        additional_filter_presets: Optional[List[Dict[str, Any]]] = None,
    ) -> Optional[Any]:
        """
        Return the first entity that matches, or None, as ``shotgun_api3.Shotgun.find_one``.
        """
        self._check(
            "find_one", entity_type, filters=filters, fields=fields, order=order, filter_operator=filter_operator
        )
        newer = _beyond_mockgun(include_archived_projects, additional_filter_presets)
        found: Optional[Any] = self._sg.find_one(
            entity_type, filters, fields, order, filter_operator, retired_only, **newer
        )
        return found

    def summarize(
        self,
        entity_type: str,
        filters: Any,
        summary_fields: List[Dict[str, str]],
        filter_operator: Optional[str] = None,
        grouping: Optional[List[Dict[str, str]]] = None,  # type: ignore[override]  # as Shotgun's types are narrower
        include_archived_projects: bool = True,
    ) -> Dict[str, Any]:
        """
        Return counts, sums and other summaries of the matching entities, as ``shotgun_api3.Shotgun.summarize``.
        """
        self._check(
            "summarize",
            entity_type,
            filters=filters,
            summary_fields=summary_fields,
            filter_operator=filter_operator,
            grouping=grouping,
        )
        summary: Dict[str, Any] = self._sg.summarize(
            entity_type, filters, summary_fields, filter_operator, grouping, include_archived_projects
        )
        return summary

    def create(
        self,
        entity_type: str,
        data: Dict[str, Any],
        return_fields: Optional[List[str]] = None,
        *,
        unique_by: Optional[Sequence[str]] = None,
    ) -> Any:
        """
        Create an entity and return it, as ``shotgun_api3.Shotgun.create``.

        Args:
            entity_type: The type of the entity.

            data: The values of its fields.

            return_fields: Additional fields to return.

            unique_by: Fields of *data* that identify the entity, such as ``("code", "project")``. If the outcome of the
                request is unknown, the entity is searched by these fields as `reconcile` does, several times with
                growing waits. It is returned if it is found, and created if not. None: `OutcomeUnknown` is raised at
                once. A wrapped ``Shotgun`` or ``Mockgun`` never raises that, so *unique_by* has no effect there.

        Raises:
            OutcomeUnknown: The site may or may not have created the entity. The request is never sent twice without a
                search in between. Or several entities match *unique_by*, so the one of this call is unknown.

            PartialSuccessError: The entity was created, but an image could not be uploaded; the error has the entity.

            InvalidArgumentError: A field of *unique_by* has no value in *data*, or a value that the site cannot search
                for: a fraction, a file, a list of links, or a text of more than 255 characters. Nothing was sent.
        """
        self._check("create", entity_type, data=data, return_fields=return_fields)
        if unique_by is not None and isinstance(self._client, NativeClient):
            return create_once(self._sg, entity_type, data, return_fields, unique_by)
        created: Any = self._sg.create(entity_type, data, return_fields)
        return created

    def reconcile(self, error: OutcomeUnknown) -> List[Row]:
        """
        Return the entities that a create or a batch with unknown outcome has created on the site.

        They are searched by type, by field values (those of files and similar fields cannot be compared), by the
        current user as creator, and by creation time: since the request was sent, minus half a minute, on the site's
        clock. If the write sets ``created_by`` or ``created_at``, these replace the last two. An empty list some time
        later means that nothing was created. An equal entity that was created on purpose just before is found as well.
        A site that still processes the request may create the entity after the search. Retired entities are not found.

        Args:
            error: The exception that the write raised. It contains the intended data.

        Returns:
            List of dicts with ``type``, ``id``, ``created_at`` and the fields of the write, oldest first.

        Raises:
            InvalidArgumentError: The call of the error creates no entity.
        """
        return reconcile(self._sg, error)

    def update(
        self,
        entity_type: str,
        entity_id: int,
        data: Dict[str, Any],
        multi_entity_update_modes: Optional[Dict[str, Any]] = None,
    ) -> Any:
        """
        Set fields of an entity and return them, as ``shotgun_api3.Shotgun.update``.

        Args:
            entity_type: The type of the entity.

            entity_id: Its id.

            data: The new values of its fields.

            multi_entity_update_modes: ``"set"``, ``"add"`` or ``"remove"`` for each multi-entity field of *data*. None:
                ``"set"``.

        Raises:
            PartialSuccessError: The other fields were set, but an image could not be uploaded; the error has the
                entity.
        """
        self._check("update", entity_type, data=data, multi_entity_update_modes=multi_entity_update_modes)
        updated: Any = self._sg.update(entity_type, entity_id, data, multi_entity_update_modes)
        return updated

    def delete(self, entity_type: str, entity_id: int) -> bool:
        """
        Retire an entity, as ``shotgun_api3.Shotgun.delete``. Return False if it was retired before.
        """
        done: bool = self._sg.delete(entity_type, entity_id)
        return done

    def revive(self, entity_type: str, entity_id: int) -> bool:
        """
        Restore a retired entity, as ``shotgun_api3.Shotgun.revive``. Return False if it was not retired.
        """
        done: bool = self._sg.revive(entity_type, entity_id)
        return done

    def batch(self, requests: List[Dict[str, Any]]) -> List[Any]:
        """
        Send many writes in one request, all or nothing, as ``shotgun_api3.Shotgun.batch``.

        Args:
            requests: Dicts with ``request_type`` (``"create"``, ``"update"`` or ``"delete"``), ``entity_type``, and
                ``entity_id`` or ``data``.

        Returns:
            The results, in the order of the requests.
        """
        self._check("batch", None, requests=requests)
        results: List[Any] = self._sg.batch(requests)
        return results

    def schema_read(self, project_entity: Optional[Row] = None) -> Dict[str, Dict[str, Any]]:  # type: ignore[override]  # as Shotgun's types are narrower
        """
        Return the schema of all entity types and their fields, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_read(*unless_none(project_entity))
        return schema

    def schema_entity_read(self, project_entity: Optional[Row] = None) -> Dict[str, Dict[str, Any]]:  # type: ignore[override]  # as Shotgun's types are narrower
        """
        Return the entity types with their display names, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_entity_read(*unless_none(project_entity))
        return schema

    def schema_field_read(
        self,
        entity_type: str,
        field_name: Optional[str] = None,
        project_entity: Optional[Row] = None,  # type: ignore[override]  # as Shotgun's types are narrower
    ) -> Dict[str, Dict[str, Any]]:
        """
        Return the schema of one entity type's fields, or of one field, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_field_read(
            entity_type, field_name, *unless_none(project_entity)
        )
        return schema

    def close(self) -> None:
        """
        Close this wrapper; later calls raise `ClientClosed`. Connections that other wrappers use stay open.
        """
        close = getattr(self._sg, "close", None)  # a Mockgun has no connection to close
        if close is not None:
            close()


def _beyond_mockgun(
    include_archived_projects: bool,
    additional_filter_presets: Optional[List[Dict[str, Any]]],
) -> Dict[str, Any]:
    """
    Return the arguments that a Mockgun does not accept, if they differ from their defaults.
    """
    newer: Dict[str, Any] = {}
    if not include_archived_projects:
        newer["include_archived_projects"] = False
    if additional_filter_presets:
        newer["additional_filter_presets"] = additional_filter_presets
    return newer
