"""
The native methods that studios override, as real ones, so that ``super().find(...)`` works; and what goes with them.
"""

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple

from sgextended.client.native_client import NativeClient
from sgextended.client.transfers.transfer import ProgressCallback
from sgextended.domain.query_fields.query_fields import iter_with_query_fields, with_query_fields
from sgextended.errors import ConfigurationError, OutcomeUnknown
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module
from sgextended.schema.site_schema import SiteSchema, schema_cache_of
from sgextended.site import SCHEMA_MAX_AGE
from sgextended.wrapper.native_methods import NativeMethods
from sgextended.writes.reconcile import create_once, reconcile

if TYPE_CHECKING:
    import datetime

    from sgextended.schema import validation as checks
else:
    checks = lazy_module("sgextended.schema.validation")

Row = Dict[str, Any]


class NativeOverrides(NativeMethods):
    """
    The verbs of `SGExtended`, over its private client.

    Rows are dicts. They are typed as Any, so that a studio's own class may say more of what its ``find`` returns.
    """

    __module__ = "sgextended"

    _sg: Any  # what to ask
    _client: Any  # and whose it is, see `HooksMixin`
    _validates: bool

    def site_schema(self, project: Optional[Row] = None) -> SiteSchema:
        """
        Return the schema of the site, or as one project shows it: names, types and values of fields.

        It is read piece by piece when it is asked, kept for ``Site(schema_max_age=...)``, an hour, and shared by all
        threads of the process; a field that was made with one of its clients is seen at once.
        """
        client = self._client
        if not isinstance(client, NativeClient):
            return SiteSchema(self, project, cache=client.schema_cache, max_age=SCHEMA_MAX_AGE)
        site = client.site
        who = (site.url, site.script_name, site.login, site.session_token, site.sudo_as_login, client.config.localized)
        kept = schema_cache_of(client._transport)  # noqa: SLF001 - part of the wrapper
        return SiteSchema(self, project, cache=kept, user=who, max_age=site.schema_max_age, folder=site.schema_folder)

    def _check(self, method: str, entity_type: Optional[str], **arguments: Any) -> None:
        if self._validates:
            checks.check_call(self.site_schema(), method, {"entity_type": entity_type, **arguments})

    def find(
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

        With *query_fields* the query fields among *fields*, also dotted ones through links, have the values that the
        web page shows, instead of None; `sgextended.domain.query_fields.query_fields` says what that costs, and `add_query_fields`
        what the values are.
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
        Return an iterator over all entities that match, in bounded memory; the arguments before *page_size* are those
        of `find`.

        With no *order* they come lowest id first, and each one that exists throughout comes exactly once, whatever is
        created and retired meanwhile. With an *order* they come in it, page by page: what changes meanwhile can move an
        entity to another page, so that it comes twice or not at all. The first request is sent when the first entity is
        asked for; leaving the loop ends the reading.

        *page_size* is the number of entities in one request; None: what the site allows, mostly 500. *read_ahead* is
        the number of pages in flight at the same time at most, and as many more may wait to be looked at; 0 starts no
        threads, None is the site's bound of connections. With *query_fields* the query fields among *fields* have the
        values that the web page shows, as those of `find`, worked out for 500 entities at a time.

        Raises:
            ConfigurationError: *page_size* or *read_ahead* is no such number; nothing was sent.

        Source:
            ``shotgun_api3.Shotgun.find``, which has no such form. A client that was handed in is asked with its
            ``find``, all at once.
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
        order: Optional[List[Dict[str, str]]] = None,
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
        grouping: Optional[List[Dict[str, str]]] = None,
        include_archived_projects: bool = True,
    ) -> Dict[str, Any]:
        """
        Return counts, sums and the like of what matches, as ``shotgun_api3.Shotgun.summarize``.
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
            entity_type: Its type.

            data: Its fields.

            return_fields: More fields to return.

            unique_by: Fields of *data*, such as ``("code", "project")``, by which the entity can be told from all
                others. When nobody knows whether the site has created it, it is looked for by them, as `reconcile`
                does, several times with growing waits; it is returned if it is there, and created if it is not.
                None: `OutcomeUnknown` is raised at once. A ``Shotgun`` or ``Mockgun`` that was handed in raises none,
                so that it changes nothing there.

        Raises:
            OutcomeUnknown: The site may or may not have created it. It is never sent twice without having looked.

            PartialSuccessError: It was created, and an image could not be uploaded to it; the error has the entity.

            InvalidArgumentError: A field of *unique_by* has no value in *data*, or one by which the site cannot look (a
                fraction, a file, links of several, a text of more than 255 characters); nothing was sent.
        """
        self._check("create", entity_type, data=data, return_fields=return_fields)
        if unique_by is not None and isinstance(self._client, NativeClient):
            return create_once(self._sg, entity_type, data, return_fields, unique_by)
        created: Any = self._sg.create(entity_type, data, return_fields)
        return created

    def reconcile(self, error: OutcomeUnknown) -> List[Row]:
        """
        Return what a create, or the creates of a batch, have made on the site although nobody knew.

        They are looked for by their type, their values (those of files and the like cannot be compared), who asks, and
        the time since the request was sent, less half a minute; ``created_by`` and ``created_at``, where the write sets
        them, stand for the last two. So an empty list, a while later, says that nothing was made; and where the same
        was created on purpose just before, that is found as well. A site that is still at work on the request may
        create it after the look, and what was retired meanwhile is not found.

        Args:
            error: What the write raised. It knows what was to be written.

        Returns:
            List of dicts with ``type``, ``id``, ``created_at`` and the fields that were to be set, oldest first.

        Raises:
            InvalidArgumentError: The error is about a call that creates no entity.
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

        Raises:
            PartialSuccessError: The other fields were set, and an image could not be uploaded; the error has the entity.
        """
        self._check("update", entity_type, data=data)
        updated: Any = self._sg.update(entity_type, entity_id, data, multi_entity_update_modes)
        return updated

    def delete(self, entity_type: str, entity_id: int) -> bool:
        """
        Retire an entity, as ``shotgun_api3.Shotgun.delete``; False when it was retired before.
        """
        done: bool = self._sg.delete(entity_type, entity_id)
        return done

    def revive(self, entity_type: str, entity_id: int) -> bool:
        """
        Bring a retired entity back, as ``shotgun_api3.Shotgun.revive``; False when it was not retired.
        """
        done: bool = self._sg.revive(entity_type, entity_id)
        return done

    def batch(self, requests: List[Dict[str, Any]]) -> List[Any]:
        """
        Do many writes in one request, all or nothing, as ``shotgun_api3.Shotgun.batch``.
        """
        self._check("batch", None, requests=requests)
        results: List[Any] = self._sg.batch(requests)
        return results

    def upload(
        self,
        entity_type: str,
        entity_id: int,
        path: str,
        field_name: Optional[str] = None,
        display_name: Optional[str] = None,
        tag_list: Optional[str] = None,
        created_at: "Optional[datetime.datetime]" = None,
        *,
        progress: Optional[ProgressCallback] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """
        Upload a file to an entity and return the id of its Attachment, as ``shotgun_api3.Shotgun.upload``.

        The file is read piece by piece. What goes to storage in parts goes several at a time.

        Args:
            entity_type: Type of the entity.

            entity_id: Its id.

            path: The file.

            field_name: A file field of the entity, or an image field. None: the file is linked to the entity.

            display_name: What the file is called on the site. None: its name.

            tag_list: Tags of the Attachment, with commas between them.

            created_at: When the Attachment is to have been created. None: now.

            progress: Called in this thread with the bytes that have gone so far and those that there are, from 0 to
                all, often and never with less than before. What it raises ends the upload, and is raised.

            timeout: Seconds for all of it. None: as long as bytes go.

        Raises:
            OutcomeUnknown: The file was sent, and nobody knows whether the site has made its Attachment.

            TransportError: It did not arrive; this is also a ShotgunError, as native.

            ShotgunError: The site refused it, or it is no file.
        """
        with within(self, timeout):
            attachment_id: int = self._sg.upload(
                entity_type,
                entity_id,
                path,
                field_name,
                display_name,
                tag_list,
                *_unless_none(created_at),
                **self._reporting(progress),
            )
        return attachment_id

    def _reporting(self, progress: Optional[ProgressCallback]) -> Dict[str, Any]:
        if progress is not None and not isinstance(self._client, NativeClient):
            msg = "The client that was handed in tells nobody how far a transfer is: use SGExtended.from_shotgun(sg)."
            raise ConfigurationError(msg)
        return {} if progress is None else {"progress": progress}

    def upload_thumbnail(self, entity_type: str, entity_id: int, path: str, **kwargs: Any) -> int:
        """
        Upload an entity's thumbnail and return the id of its Attachment, as the native method.

        *kwargs* are further arguments of `upload`, *progress* and *timeout* among them.
        """
        kwargs.update(self._reporting(kwargs.pop("progress", None)))
        with within(self, kwargs.pop("timeout", None)):
            attachment_id: int = self._sg.upload_thumbnail(entity_type, entity_id, path, **kwargs)
        return attachment_id

    def download_attachment(
        self,
        attachment: Any = False,
        file_path: Optional[str] = None,
        attachment_id: Optional[int] = None,
        *,
        progress: Optional[ProgressCallback] = None,
        timeout: Optional[float] = None,
    ) -> Any:
        """
        Download a file: its bytes, or *file_path* once it was written there, as the native method.

        The file takes its place when all of it has come; until then, and when the download fails, what was there stays.
        A link to storage that has expired is renewed. The session is sent to the site alone, never where it leads to.

        Args:
            attachment: The value of a file field, a link to an Attachment, or its id. None gives None.

            file_path: Where to write the file. None: its bytes are returned.

            attachment_id: The id, for callers that name it so.

            progress: Called in this thread with the bytes that have come so far and those that there are, None where
                the server does not say; often, and never with less than before. What it raises ends the download.

            timeout: Seconds for all of it. None: as long as bytes come.

        Raises:
            ShotgunFileDownloadError: There is no such file, or it did not come; this is also a `TransportError`.

            OSError: It could not be written.
        """
        with within(self, timeout):
            return self._sg.download_attachment(attachment, file_path, attachment_id, **self._reporting(progress))

    def schema_read(self, project_entity: Optional[Row] = None) -> Dict[str, Dict[str, Any]]:
        """
        Return the schema of all entity types and their fields, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_read(*_unless_none(project_entity))
        return schema

    def schema_entity_read(self, project_entity: Optional[Row] = None) -> Dict[str, Dict[str, Any]]:
        """
        Return the entity types with their display names, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_entity_read(*_unless_none(project_entity))
        return schema

    def schema_field_read(
        self,
        entity_type: str,
        field_name: Optional[str] = None,
        project_entity: Optional[Row] = None,
    ) -> Dict[str, Dict[str, Any]]:
        """
        Return the schema of one entity type's fields, or of one field, as the native method.
        """
        schema: Dict[str, Dict[str, Any]] = self._sg.schema_field_read(
            entity_type, field_name, *_unless_none(project_entity)
        )
        return schema

    def close(self) -> None:
        """
        Close this wrapper for good: a later call raises `ClientClosed`. Connections that others use stay open.
        """
        close = getattr(self._sg, "close", None)  # a Mockgun has no connection to close
        if close is not None:
            close()


def _beyond_mockgun(
    include_archived_projects: bool,
    additional_filter_presets: Optional[List[Dict[str, Any]]],
) -> Dict[str, Any]:
    """
    Return the arguments that a Mockgun lacks, where they say something.
    """
    newer: Dict[str, Any] = {}
    if not include_archived_projects:
        newer["include_archived_projects"] = False
    if additional_filter_presets:
        newer["additional_filter_presets"] = additional_filter_presets
    return newer


def _unless_none(value: Any) -> Tuple[Any, ...]:
    """
    Return a last argument that a Mockgun lacks, where there is one.
    """
    return () if value is None else (value,)
