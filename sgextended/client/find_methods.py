"""
`PageReads`: the ``find`` and ``find_iter`` of a client, which read several pages at the same time.
"""

import contextlib
import functools
import inspect
import os
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional

from shotgun_api3.shotgun import AuthenticationFault, Shotgun

from sgextended.client import paging
from sgextended.client.overrides import PRIVATE_NAMES
from sgextended.client.prefetch import Sleep
from sgextended.client.protocol import codec
from sgextended.client.protocol.responses import validate_response
from sgextended.client.transfers.transfer import ClientBase
from sgextended.concurrency.forked import require_own
from sgextended.errors import ConfigurationError, SessionExpired
from sgextended.http.signal_errors import reraise_error_of_signal_handler

#: The index of ``limit`` among the positional arguments of ``find``, after self.
_LIMIT = list(inspect.signature(Shotgun.find).parameters).index("limit") - 1


class PageReads(ClientBase):
    """
    The part of a client that reads pages of entities.
    """

    def find(self, *args: Any, **kwargs: Any) -> Any:
        """
        Return all entities that match, as the native method does. Several pages are read at the same time.
        """
        if self._has_own_way_to_send():
            return super().find(*args, **kwargs)
        request = self._first_request(*args, **kwargs)
        has_several_pages = request.get("return_paging_info_without_counts")
        if has_several_pages is None:
            return super().find(*args, **kwargs)  # a site before 7.4, which counts the entities for each page
        if not has_several_pages:
            return self._read_page(request).get("entities", []) or []
        limit = kwargs.get("limit", args[_LIMIT] if len(args) > _LIMIT else 0)
        records: List[Any] = []
        with contextlib.closing(paging.by_number(self._source(self._site.connections), request, limit)) as pages:
            for page in pages:
                records.extend(page)
                if limit and len(records) >= limit:
                    return records[:limit]
        return records

    functools.update_wrapper(find, Shotgun.find)  # the signature is the native one

    def _has_own_way_to_send(self) -> bool:
        """
        Return whether a private method such as ``_call_rpc`` was replaced. Then every page has to pass through it.
        """
        wrapper = getattr(self, "_sgextended_wrapper", None)
        if wrapper is not None and wrapper.overrides.has_private(wrapper):
            return True
        return not PRIVATE_NAMES.isdisjoint(self.__dict__)

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
    ) -> Iterator[Dict[str, Any]]:
        """
        Return an iterator over all entities that match, in bounded memory: see `SGExtended.find_iter`.
        """
        for name, value, least in (("page_size", page_size, 1), ("read_ahead", read_ahead, 0)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                msg = f"{name}={value!r}: give a whole number of at least {least}, or None."
                raise ConfigurationError(msg)
        native = (entity_type, filters, fields, order, filter_operator, limit, retired_only, page)
        if self._has_own_way_to_send():
            native_find: Any = self.find
            return iter(native_find(*native, include_archived_projects, additional_filter_presets))
        request = self._first_request(*native, include_archived_projects, additional_filter_presets)
        size = page_size or request["paging"]["entities_per_page"]
        request["paging"]["entities_per_page"] = min(size, limit) if limit else size
        return self._iterate(request, limit, page, read_ahead)

    def _iterate(
        self, request: Dict[str, Any], limit: int, page: int, read_ahead: Optional[int]
    ) -> Iterator[Dict[str, Any]]:
        if page:
            yield from self._read_page(request)["entities"]
            return
        request["return_paging_info_without_counts"] = True
        source = self._source(self._site.connections if read_ahead is None else read_ahead)
        read = paging.by_number if "sorts" in request else paging.by_id
        left = limit or sys.maxsize
        pid = os.getpid()
        with contextlib.closing(read(source, request, limit)) as pages:
            for records in pages:
                for record in records[:left]:
                    yield record
                    require_own(pid, "This find_iter")
                left -= len(records)
                if left <= 0:
                    return

    # --- One page

    def _source(self, max_in_flight: int) -> paging.Source:
        return paging.Source(
            read=self._read_page,
            fetch=self._fetch_page,
            decode=self._decode_prefetched,
            max_in_flight=max_in_flight,
            may_grow=self._transport.has_free_connections,
        )

    def _fetch_page(self, request: Dict[str, Any], sleep: Sleep) -> bytes:
        try:
            body: bytes = self._send_rpc("read", request, bytes, sleep=sleep)
        except SessionExpired as error:
            reraise_error_of_signal_handler(error)
            return b""  # which is not a page, so it is read again with the new session
        return body

    def _read_page(self, request: Dict[str, Any], on_body: Callable[[bytes], object] = lambda _body: None) -> Any:
        def read(body: bytes) -> Any:
            on_body(body)
            return self._decode_page(body)

        return self._call_with_session("read", request, read)

    def _decode_prefetched(self, request: Dict[str, Any], body: bytes) -> Any:
        """
        Return the page in a response body that a thread has fetched.
        """
        try:
            reply = self._decode_page(body)
            validate_response("read", request, reply)
            return self._result_of(reply, "read", request)
        except (ValueError, AuthenticationFault):
            # The body is garbled or the session has expired. Read the page again; a second failure is raised.
            return self._read_page(request)

    def _decode_page(self, body: bytes) -> Any:
        return codec.decode_page(body, local=self._local_zone, local_path_field=self.client_caps.local_path_field)
