"""
`NativeClient`: the official client with another transport, so that any number of threads may share one client.

sgextended overrides and reads private names of shotgun_api3 only in this folder and its subfolders.
``tests/client/test_private_names.py`` lists these names and fails when shotgun_api3 changes one of them.
"""

import contextlib
import functools
import logging
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Tuple, Type, TypeVar, Union

import attrs
from shotgun_api3.shotgun import SG_TIMEZONE, AuthenticationFault, Fault, ServerCapabilities, Shotgun

from sgextended.client.changed_settings import ChangedSettings, warn_of_plain_http
from sgextended.client.connection_settings import ConnectionSettings
from sgextended.client.find_methods import PageReads
from sgextended.client.overrides import view_of
from sgextended.client.prefetch import Sleep
from sgextended.client.protocol import codec
from sgextended.client.protocol.client_config import server_of
from sgextended.client.protocol.responses import (
    as_first_attempt,
    decode_response,
    entity_type,
    intended_data,
    may_be_non_json,
    validate_response,
)
from sgextended.client.protocol.site_clock import note_response
from sgextended.client.protocol.site_of_config import site_of
from sgextended.client.sessions import Sessions
from sgextended.client.transfers.downloads import Downloads
from sgextended.client.transfers.uploads import Uploads
from sgextended.errors import ConfigurationError
from sgextended.http import cancellation, retry
from sgextended.http.retry import RetryPolicy
from sgextended.http.signal_errors import reraise_error_of_signal_handler
from sgextended.http.transport import Transport, all_transports, transport_to
from sgextended.observe.call_events import RequestStats, rows_in
from sgextended.observe.watchers import Watcher
from sgextended.schema.site_schema import schema_cache_of
from sgextended.secret import RedactedBytes, RedactedStr, Secret
from sgextended.site_settings import Site

if TYPE_CHECKING:
    from sgextended.http.socket_opener import Endpoint

LOG = logging.getLogger("sgextended")

Client = TypeVar("Client", bound="NativeClient")

_MAX_RENEWALS = 2  # of the session during one call, in case the site refuses new sessions too


class NativeClient(PageReads, Sessions, Uploads, Downloads, ChangedSettings, ConnectionSettings, Shotgun):
    """
    ``shotgun_api3.Shotgun``, safe to share between threads and free to create.

    It has the same methods, signatures, values and faults. It opens no connections of its own: all clients of a site in
    a process share one bounded pool of connections, and one request for the site's version.

    Args:
        site: The site and the credentials.
    """

    __module__ = "sgextended"
    __slots__ = ("_watcher",)  # all views of one client share the other attributes

    MAX_ATTEMPTS = 1  # only sgextended.http.retry sends a request again
    obeys_deadlines = True

    def __init__(self, site: Site) -> None:
        self._watcher: Optional[Watcher] = None
        self.given_site = site
        self._closed = False
        self._elsewhere: Dict[str, Endpoint] = {}  # the other servers that files were sent to or received from
        if site.is_exposed:
            warn_of_plain_http(site, stacklevel=2)
        proxy = site.proxy
        super().__init__(
            site.url,
            script_name=site.script_name,
            api_key=site.api_key,  # type: ignore[arg-type]  # secrets stay Secrets, see _Hidden
            convert_datetimes_to_utc=site.convert_datetimes_to_utc,
            http_proxy=proxy.native if proxy and ":" not in proxy.host else None,
            connect=False,
            ca_certs=site.ca_file,
            login=site.login if site.password else None,
            password=site.password,  # type: ignore[arg-type]
            sudo_as_login=site.sudo_as_login,
            session_token=site.session_token,  # type: ignore[arg-type]
        )
        self.config.server = server_of(site.url)
        if proxy and ":" in proxy.host:
            self._set_proxy(proxy)
        self._begin_with(site)
        if site.auth_token:
            self._start_session(site)

    # --- Copies

    @classmethod
    def from_shotgun(
        cls: Type[Client],
        shotgun: Any,
        *,
        login: Optional[str] = None,
        renew_session: Optional[Callable[[Site], Union[str, Secret, None]]] = None,
    ) -> Client:
        """
        Return a client with the site, credentials and settings of a ``shotgun_api3.Shotgun``, which stays unchanged.

        Args:
            shotgun: The ``Shotgun``.

            login: The login of the user whose session it is, if it uses a session; see `Site`.

            renew_session: Returns a new session token; see `Site`.
        """
        site = shotgun.site if isinstance(shotgun, NativeClient) else site_of(shotgun)
        if site.session_token:
            site = attrs.evolve(site, login=login or site.login, renew_session=renew_session or site.renew_session)
        client = cls(site)
        client.__setstate__(NativeClient.__getstate__(shotgun))
        return client

    def clone(self: Client) -> Client:
        """
        Return a new client with the same site, credentials and settings. Later changes of one do not affect the other.
        """
        return self._of(self.site)

    def acting_as(self: Client, login: str) -> Client:
        """
        Return a new client whose script acts as a person. A client that is logged in as that person is cloned.

        Args:
            login: The login of the person.

        Raises:
            ConfigurationError: The client has no script key and is not logged in as that person.
        """
        site = self.site
        if site.script_name:
            return self._of(attrs.evolve(site, sudo_as_login=login))
        if site.login == login:
            return self.clone()
        msg = (
            f"{self!r} cannot act as {login!r}, because only a script can act as another person. Use a client with "
            "script_name and api_key."
        )
        raise ConfigurationError(msg)

    def calling(self: Client, wrapper: Any, watcher: Optional[Watcher]) -> Client:
        """
        Return a view of this client whose own code calls the overrides of *wrapper*, see `view_of`.
        """
        view: Client = view_of(self, wrapper, contextlib.nullcontext)
        view._watcher = watcher  # noqa: SLF001 - it is of the same class
        return view

    def _of(self: Client, site: Site) -> Client:
        other: Client = getattr(type(self), "client_class", type(self))(site)
        other.__setstate__(self.__getstate__())
        other._watcher = self._watcher  # noqa: SLF001 - it is of the same class
        return other

    def watched_by(self: Client, watcher: Optional[Watcher]) -> Client:
        """
        Return a view of this client that notifies *watcher* of the requests sent through it.
        """
        view: Client = object.__new__(getattr(type(self), "client_class", type(self)))
        view.__dict__ = self.__dict__
        view._watcher = watcher  # noqa: SLF001 - it is of the same class
        return view

    def __copy__(self: Client) -> Client:
        return self.clone()

    def __deepcopy__(self: Client, memo: Dict[int, Any]) -> Client:
        return self.clone()

    def __reduce__(self) -> Tuple[Any, ...]:
        # A pickle holds the address of the site and the names of the variables with its secrets, not the secrets.
        return type(self), (self.site,), self._state_to_pickle()

    def __repr__(self) -> str:
        site = self.site
        who = site.script_name or site.login or ("a session" if site.session_token else "nobody")
        sudo = f" for {site.sudo_as_login}" if site.sudo_as_login else ""
        return f"<{type(self).__name__} {site.url} as {who}{sudo}>"

    # --- Sending

    @property
    def _transport(self) -> Transport:
        # A forked child has its own transports, and a change of the configuration may change the server.
        config, known = self.config, self.__dict__.get("_known_transport")
        address = (config.scheme, config.server, self.site.proxy)
        if known is not None and known[0] is all_transports():
            if known[1] == address:
                return known[2]  # type: ignore[no-any-return]
            self._elsewhere[repr(known[2].endpoint)] = known[2].endpoint  # close() leaves these connections, too
        endpoint = self._endpoint(config.scheme, config.server)
        self.__dict__["_known_transport"] = known = (all_transports(), address, transport_to(endpoint))
        return known[2]

    @property
    def server_caps(self) -> ServerCapabilities:
        """
        The capabilities of the site's version, which is requested once per process.
        """
        host = self.config.server
        if self._server_caps is None or self._server_caps.host != host:
            # All wrappers of the process share the result, so the request notifies none of them.
            self._server_caps = self._transport.shared.once(
                ("server_caps", host), lambda: ServerCapabilities(host, self.watched_by(None).info())
            )
        return self._server_caps

    @property
    def requests_sent(self) -> int:
        """
        The number of requests that all clients of this process have sent to the site.
        """
        return self._transport.requests

    def connect(self) -> None:
        """
        Send one request, to check that the site responds.
        """
        self.info()

    def close(self) -> None:
        """
        Close this client permanently: a later call raises `ClientClosed`.

        The connections to the site and its storage are closed, unless another client of the process uses them.
        """
        self._closed = True
        self._transport.leave(self.config)
        for endpoint in list(self._elsewhere.values()):
            transport_to(endpoint).leave(self.config)

    @property
    def is_closed(self) -> bool:
        """
        Whether `close` was called.
        """
        return self._closed

    def _call_rpc(self, method: str, params: Any, include_auth_params: bool = True, first: bool = False) -> Any:
        read = functools.partial(codec.decode, local=self._local_zone)
        try:
            return self._call_with_session(method, params, read, include_auth_params=include_auth_params, first=first)
        finally:
            if method.startswith("schema_field_") and method != "schema_field_read":
                schema_cache_of(self._transport).refresh()  # also after a failure, since the outcome may be unknown

    def _call_with_session(
        self,
        method: str,
        params: Any,
        read: Callable[[bytes], Any],
        *,
        include_auth_params: bool = True,
        first: bool = False,
    ) -> Any:
        """
        Return the result of a call. If the session has expired, renew it and send the call again.
        """
        token = self.config.secret("session_token")
        renewals = 0

        def finish(reply: Any, stats: RequestStats) -> Any:
            results = self._result_of(reply, method, params, first=first)
            stats.rows = rows_in(method, results)
            cancel_token = cancellation.current()
            if cancel_token is not None and retry.is_write(method, params):
                cancel_token.written.append((method, results))
            return results

        while True:
            try:
                return self._send_rpc(method, params, read, include_auth_params=include_auth_params, finish=finish)
            except AuthenticationFault as error:  # noqa: PERF203 - the site did not execute the call
                reraise_error_of_signal_handler(error)
                token = self._renew_session(token) if renewals < _MAX_RENEWALS else None
                renewals += 1
                if token is None:
                    raise

    def _send_rpc(
        self,
        method: str,
        params: Any,
        read: Callable[[bytes], Any],
        *,
        include_auth_params: bool = True,
        finish: Optional[Callable[[Any, RequestStats], Any]] = None,
        sleep: Sleep = time.sleep,
    ) -> Any:
        """
        Send a request, with the retries that `retry` allows, and return its result.

        Args:
            method: The name of the request in the protocol.

            params: Its parameters.

            read: Returns the value of a response body.

            include_auth_params: Whether the request has the credentials.

            finish: Returns the result for that value. None: the value is the result.

            sleep: Waits for a number of seconds.
        """
        self._fail_if_closed()
        body = self._request_body(method, params, include_auth_params=include_auth_params)
        what = " ".join(filter(None, (method, entity_type(params))))

        def read_and_validate(body: bytes) -> Any:
            reply = read(body)
            validate_response(method, params, reply)
            return reply

        return self._send_with_retries(
            lambda stats: self._post(what, body, read_and_validate, stats, may_be_non_json=may_be_non_json(method)),
            rpc=method,
            kind=retry.request_kind(method, params),
            transport=self._transport,
            entity_type=entity_type(params),
            limit=self._site.call_timeout,
            intended=lambda: intended_data(method, params),
            # The site accepts a one-time code only once.
            policy=RetryPolicy(attempts=1) if self.config.auth_token else self._site.retry,
            adapt_repeated=functools.partial(as_first_attempt, method, params),
            finish=finish,
            sleep=sleep,
        )

    def _request_body(self, method: str, params: Any, *, include_auth_params: bool) -> bytes:
        # Only this frame has the secrets as plain text. It is not in the traceback of a failed call.
        build = functools.partial(self._build_payload, method, params, include_auth_params=include_auth_params)
        return RedactedBytes(codec.encode(build(), local=self._local_zone))

    @property
    def _local_zone(self) -> codec.LocalTime:
        local: codec.LocalTime = SG_TIMEZONE.local if self.config.convert_datetimes_to_utc else None
        return local

    def _result_of(self, reply: Any, method: str, params: Any, *, first: bool = False) -> Any:
        try:
            self._response_errors(reply)
        except Fault as fault:
            fault.rpc, fault.entity_type = method, entity_type(params)  # type: ignore[attr-defined]  # as error_code below
            raise
        if not isinstance(reply, dict) or "results" not in reply:
            return reply
        results = reply["results"]
        return results[0] if first and isinstance(results, list) else results

    def _post(
        self, what: str, body: bytes, read: Callable[[bytes], Any], stats: RequestStats, *, may_be_non_json: bool
    ) -> Any:
        """
        Post one request and return *read* of the response body.

        If *may_be_non_json*, return a body that is not JSON as it is.
        """
        headers = {"content-type": "application/json; charset=utf-8"}
        if self.config.localized is True:
            headers["locale"] = "auto"
        started = time.monotonic()
        stats.sent += len(body)
        status, reply_headers, reply = self._make_call("POST", self.config.api_path, body, headers)
        stats.received += len(reply)
        seconds = time.monotonic() - started
        LOG.debug("%s: %d, %.3f s, %d bytes sent, %d received", what, status[0], seconds, len(body), len(reply))
        result = decode_response(
            self.config.server, status, reply_headers, reply, read, may_be_non_json=may_be_non_json
        )
        if result is not reply:  # it is JSON, so the site itself has responded
            note_response(self._transport, reply_headers)
        return result

    def _first_request(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:
        """
        Return the parameters of the first "read" request of the official ``find``.
        """
        try:
            Shotgun.find(_RequestRecorder(self), *args, **kwargs)
        except _RequestRecorded as recorded:
            return recorded.params
        raise AssertionError("Shotgun.find returned without a read request.")  # no version does

    def _make_call(  # type: ignore[override]  # the native annotation is str, the value bytes
        self, verb: str, path: str, body: Optional[bytes], headers: Optional[Mapping[str, str]]
    ) -> Tuple[Tuple[int, str], Dict[str, str], bytes]:
        all_headers = {"user-agent": "; ".join(self._user_agents), **(headers or {})}
        if self.config.authorization:
            all_headers["authorization"] = RedactedStr(self.config.authorization)
        return self._http_request(verb, path, body, all_headers)

    def _http_request(  # type: ignore[override]  # as above
        self, verb: str, path: str, body: Optional[bytes], headers: Mapping[str, str]
    ) -> Tuple[Tuple[int, str], Dict[str, str], bytes]:
        response = self._transport.send(verb, path, body=body, headers=headers, limits=self._limits, user=self.config)
        return (response.status, response.reason), dict(response.headers), response.body

    # --- Corrections of official methods

    def _response_errors(self, sg_response: Any) -> None:
        try:
            super()._response_errors(sg_response)  # type: ignore[no-untyped-call]
        except Fault as fault:
            fault.error_code = sg_response.get("error_code")  # type: ignore[attr-defined]  # the native one drops it
            raise

    def _parse_records(self, records: Any) -> List[Any]:
        if not self.server_caps.ensure_return_image_urls_support():
            return super()._parse_records(records)  # for so old a site the official method requests each thumbnail
        return codec.clean_records(records, local_path_field=self.client_caps.local_path_field)

    def _construct_read_parameters(  # the native method changes the caller's sort keys
        self,
        entity_type: str,
        fields: Any,
        filters: Any,
        retired_only: bool,
        order: Any,
        *rest: Any,
    ) -> Dict[str, Any]:
        order = [dict(key) for key in order] if order else order
        return super()._construct_read_parameters(entity_type, fields, filters, retired_only, order, *rest)


class _RequestRecorded(Exception):
    def __init__(self, params: Dict[str, Any]) -> None:
        super().__init__()
        self.params = params


class _RequestRecorder(NativeClient):
    """
    A client that records the first "read" request of the official ``find`` instead of sending it.

    The official code of the installed version validates the arguments and builds the request.
    """

    def __init__(self, client: NativeClient) -> None:
        self.__dict__ = client.__dict__  # it shares the attributes of that client
        self._watcher = client._watcher  # noqa: SLF001 - as above

    def _call_rpc(self, method: str, params: Any, *args: Any, **kwargs: Any) -> Any:
        if method != "read":  # find may request the site's version first
            return super()._call_rpc(method, params, *args, **kwargs)
        raise _RequestRecorded(params)
