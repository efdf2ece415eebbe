"""
`NativeClient`: the official client with its transport replaced, so that any number of threads may share one.

Every private name of shotgun_api3 that sgextended relies on is overridden or read here and nowhere else;
``tests/test_native_names.py`` pins them.
"""

import base64
import contextlib
import copy
import functools
import inspect
import logging
import sys
import time
import warnings
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar

import attrs
from shotgun_api3.shotgun import SG_TIMEZONE, AuthenticationFault, Fault, ServerCapabilities, Shotgun

from sgextended import paging, wire
from sgextended._version import __version__
from sgextended.ahead import Sleep
from sgextended.calls import as_first, check_answer, entity_type, may_be_text, value_of, written
from sgextended.downloads import Downloads
from sgextended.errors import ConfigurationError
from sgextended.hooks import Tally, Watcher, rows_in
from sgextended.http import cancellation, retry
from sgextended.http.elsewhere import raise_what_comes_from_a_signal_handler
from sgextended.http.opening import Endpoint
from sgextended.http.retry import RetryPolicy
from sgextended.http.transport import Transport, all_transports, transport_to
from sgextended.identity import HidingConfig, SealedBytes, SealedText, identity_of, site_of
from sgextended.schema import kept_by
from sgextended.scoped import ScopedValue
from sgextended.secret import Secret
from sgextended.site import Site
from sgextended.uploads import Uploads

LOG = logging.getLogger("sgextended")

Client = TypeVar("Client", bound="NativeClient")

# What a client may be told after it was made, beside its identity; a clone and a pickle take it along.
_SETTINGS = ("timeout_secs", "session_uuid", "extra_auth_params", "localized", "convert_datetimes_to_utc")

_MOST_RENEWALS = 2  # of a call; a site that refuses even new sessions is not asked for ever

#: The sessions that this thread has a hook renew: the hook's own calls do not ask it again.
_RENEWING: "ScopedValue[FrozenSet[Secret]]" = ScopedValue("sgextended_renewing", frozenset())


class NativeClient(Uploads, Downloads, Shotgun):
    """
    ``shotgun_api3.Shotgun``, safe to share between threads and free to make.

    Same methods, signatures, values and faults. It opens no connection of its own: all clients of a site in a process
    share one bounded set of connections, and ask the site for its version once.

    Args:
        site: Which site, and who asks.
    """

    __module__ = "sgextended"
    __slots__ = ("_watcher",)  # beside the attributes, which all views of one client share

    MAX_ATTEMPTS = 1  # sgextended.http.retry is the one layer that repeats
    obeys_deadlines = True

    def __init__(self, site: Site) -> None:
        self._watcher: Optional[Watcher] = None
        self._site = site
        self._closed = False
        self._elsewhere: Dict[str, Endpoint] = {}  # where files have gone to, and come from
        if site.is_exposed:
            msg = f"{site.url} is plain http: keys and passwords travel in clear, for all on the way to read."
            warnings.warn(msg, stacklevel=3)
        super().__init__(
            site.url,
            script_name=site.script_name,
            api_key=site.api_key,  # type: ignore[arg-type]  # secrets stay Secrets, see _Hidden
            convert_datetimes_to_utc=site.convert_datetimes_to_utc,
            http_proxy=site.proxy.native if site.proxy else None,
            connect=False,
            ca_certs=site.ca_file,
            login=site.login,
            password=site.password,  # type: ignore[arg-type]
            sudo_as_login=site.sudo_as_login,
            session_token=site.session_token,  # type: ignore[arg-type]
        )
        self.config.max_rpc_attempts = 1
        self.config.localized = site.localized
        if site.basic_auth:
            coded = base64.b64encode(site.basic_auth.reveal().encode("utf-8"))
            self.config.authorization = "Basic " + coded.decode("ascii")
        if site.auth_token:
            self._start_session(site)

    # --- Which site, and who asks

    @property
    def config(self) -> Any:
        """
        The native configuration. What is changed on it holds for the calls after that.
        """
        return self.__dict__["_config"]

    @config.setter
    def config(self, _plain: Any) -> None:
        # The official client assigns a fresh configuration, once, before it fills it.
        if "_config" in self.__dict__:
            msg = "The configuration cannot be replaced: set its attributes, such as config.timeout_secs."
            raise AttributeError(msg)
        self.__dict__["_config"] = HidingConfig(self)

    @property
    def site(self) -> Site:
        """
        The site and identity as they are now, changes made on `config` included.
        """
        now = {**identity_of(self.config), "auth_token": None}
        changed = {name: value for name, value in now.items() if value != getattr(self._site, name)}
        if changed:
            self._site = attrs.evolve(self._site, **changed)
        return self._site

    def _start_session(self, site: Site) -> None:
        """
        Exchange a one-time code for a session: once per process, since the code works once.
        """
        config = self.config
        config.auth_token = site.auth_token
        key = ("session", site.login, site.password, site.auth_token)
        config.session_token = self._transport.once(key, functools.partial(Shotgun.get_session_token, self))
        config.user_login = config.user_password = config.auth_token = None

    @classmethod
    def adopt(cls: Type[Client], shotgun: Any) -> Client:
        """
        Return a client of the same site, identity and settings as a ``shotgun_api3.Shotgun``, which is left alone.
        """
        client = cls(shotgun.site if isinstance(shotgun, NativeClient) else site_of(shotgun))
        client.__setstate__(NativeClient.__getstate__(shotgun))
        return client

    def clone(self: Client) -> Client:
        """
        Return another client of the same site, identity and settings; what is set on one does not show on the other.
        """
        return self._of(self.site)

    def _of(self: Client, site: Site) -> Client:
        other = type(self)(site)
        other.__setstate__(self.__getstate__())
        other._watcher = self._watcher  # noqa: SLF001 - it is one of us
        return other

    def watched_by(self: Client, watcher: Optional[Watcher]) -> Client:
        """
        Return this client, the same in all but that *watcher* is told of the calls that go this way.
        """
        view = object.__new__(type(self))
        view.__dict__ = self.__dict__
        view._watcher = watcher
        return view

    def __copy__(self: Client) -> Client:
        return self.clone()

    def __deepcopy__(self: Client, memo: Dict[int, Any]) -> Client:
        return self.clone()

    def __getstate__(self) -> Dict[str, Any]:
        # Also called with an official client, to adopt it.
        settings = {name: copy.copy(getattr(self.config, name)) for name in _SETTINGS}
        return {**settings, "user_agents": list(self._user_agents)}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        for name in _SETTINGS:
            setattr(self.config, name, state[name])
        ours = [agent for agent in self._user_agents if agent not in state["user_agents"]]
        self._user_agents = [*state["user_agents"], *ours]

    def __reduce__(self) -> Tuple[Any, ...]:
        # A pickle is a recipe: where the site is and where its secrets come from, never the secrets (see Site).
        return type(self), (self.site,), self.__getstate__()

    def __repr__(self) -> str:
        site = self.site
        who = site.script_name or site.login or ("a session" if site.session_token else "nobody")
        sudo = f" for {site.sudo_as_login}" if site.sudo_as_login else ""
        return f"<{type(self).__name__} {site.url} as {who}{sudo}>"

    # --- Sending

    @property
    def _transport(self) -> Transport:
        # A forked child has transports of its own, and what is set on the configuration may lead elsewhere.
        config, known = self.config, self.__dict__.get("_known_transport")
        address = (config.scheme, config.server)
        if known is not None and known[0] is all_transports() and known[1] == address:
            return known[2]  # type: ignore[no-any-return]
        host, _, port = config.server.partition(":")
        endpoint = Endpoint(
            scheme=config.scheme,
            host=host,
            port=int(port) if port else None,
            proxy=self._site.proxy,
            ca_file=self.__dict__["_Shotgun__ca_certs"],
            connections=self._site.connections,
        )
        self.__dict__["_known_transport"] = known = (all_transports(), address, transport_to(endpoint))
        return known[2]

    @property
    def server_caps(self) -> ServerCapabilities:
        """
        What the site's version can do; the site is asked once per process.
        """
        host = self.config.server
        if self._server_caps is None or self._server_caps.host != host:
            # It is asked for all wrappers of the process, so that none of them is told.
            ask = lambda: ServerCapabilities(host, self.watched_by(None).info())  # noqa: E731 - it is used here alone
            self._server_caps = self._transport.once(("server_caps", host), ask)
        return self._server_caps

    @property
    def requests_sent(self) -> int:
        """
        How many requests this process has sent to the site, through all of its clients together.
        """
        return self._transport.requests

    def connect(self) -> None:
        """
        Ask the site once, to see that it answers.
        """
        self.info()

    def close(self) -> None:
        """
        Close this client for good: a later call raises `ClientClosed`. The connections to the site and its storage are
        closed unless another client of the process uses them.
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

    def reset_user_agent(self) -> None:
        """
        Set the user agent back to that of shotgun_api3 and sgextended.
        """
        super().reset_user_agent()
        self.add_user_agent(f"sgextended ({__version__})")

    def _call_rpc(self, method: str, params: Any, include_auth_params: bool = True, first: bool = False) -> Any:
        read = functools.partial(wire.decode, local=self._local)
        try:
            return self._answer(method, params, read, include_auth_params=include_auth_params, first=first)
        finally:
            if method.startswith("schema_field_") and method != "schema_field_read":
                kept_by(self._transport).refresh()  # also where nobody knows whether it was changed

    def _answer(
        self,
        method: str,
        params: Any,
        read: Callable[[bytes], Any],
        *,
        include_auth_params: bool = True,
        first: bool = False,
    ) -> Any:
        """
        Return the result of a call; where its session has expired, with a new one.
        """
        token = self.config.secret("session_token")
        renewals = 0

        def finish(reply: Any, tally: Tally) -> Any:
            results = self._results(reply, method, params, first=first)
            tally.rows = rows_in(method, results)
            reach = cancellation.current()
            if reach is not None and retry.is_write(method, params):
                reach.written.append((method, results))
            return results

        while True:
            try:
                return self._persist(method, params, read, include_auth_params=include_auth_params, finish=finish)
            except AuthenticationFault as error:  # noqa: PERF203 - refused, so it was not carried out
                raise_what_comes_from_a_signal_handler(error)
                token = self._renewed(token) if renewals < _MOST_RENEWALS else None
                renewals += 1
                if token is None:
                    raise

    def _renewed(self, refused: Optional[Secret]) -> Optional[Secret]:
        """
        Return the session that replaces one that was refused, and go on with it; None where nobody gives one.
        """
        renew, renewing = self._site.renew_session, _RENEWING.get()
        if renew is None or refused is None or refused in renewing:
            return None
        site, transport = self.site, self._transport
        with _RENEWING.bind(renewing | {refused}):
            made = transport.once(("renewed", refused), lambda: renew(site))
        seen = {refused}
        new = refused
        while made and (newer := made if isinstance(made, Secret) else Secret(made)) not in seen:
            seen.add(newer)
            new, made = newer, transport.known(("renewed", newer))  # it may have been replaced long ago, too
        if new == refused:
            return None
        self.config.session_token = new
        return new

    def _persist(
        self,
        method: str,
        params: Any,
        read: Callable[[bytes], Any],
        *,
        include_auth_params: bool = True,
        finish: Optional[Callable[[Any, Tally], Any]] = None,
        sleep: Sleep = time.sleep,
    ) -> Any:
        """
        Return what *finish* makes of what *read* makes of the site's answer to a call, which is repeated as `retry`
        allows.
        """
        self._fail_if_closed()
        body = self._body(method, params, include_auth_params=include_auth_params)
        what = " ".join(filter(None, (method, entity_type(params))))

        def read_and_check(answer: bytes) -> Any:
            reply = read(answer)
            check_answer(method, params, reply)
            return reply

        return self._carry_out(
            lambda tally: self._ask(what, body, read_and_check, tally, may_be_text=may_be_text(method)),
            rpc=method,
            kind=retry.kind_of(method, params),
            transport=self._transport,
            entity_type=entity_type(params),
            limit=self._site.call_timeout,
            written=lambda: written(method, params),
            # A one-time code is spent by the first attempt.
            policy=RetryPolicy(attempts=1) if self.config.auth_token else self._site.retry,
            again=functools.partial(as_first, method, params),
            finish=finish,
            sleep=sleep,
        )

    def _body(self, method: str, params: Any, *, include_auth_params: bool) -> bytes:
        # Here and nowhere else are the secrets in clear: the traceback of a failed call does not show this frame.
        payload = self._build_payload(method, params, include_auth_params=include_auth_params)
        return SealedBytes(wire.encode(payload, local=self._local))

    @property
    def _local(self) -> wire.LocalTime:
        local: wire.LocalTime = SG_TIMEZONE.local if self.config.convert_datetimes_to_utc else None
        return local

    def _results(self, reply: Any, method: str, params: Any, *, first: bool = False) -> Any:
        try:
            self._response_errors(reply)
        except Fault as fault:
            fault.rpc, fault.entity_type = method, entity_type(params)  # type: ignore[attr-defined]  # beside error_code
            raise
        if not isinstance(reply, dict) or "results" not in reply:
            return reply
        results = reply["results"]
        return results[0] if first and isinstance(results, list) else results

    def _ask(self, what: str, body: bytes, read: Callable[[bytes], Any], tally: Tally, *, may_be_text: bool) -> Any:
        """
        Return what *read* makes of the site's reply to one request; a reply that may be text, and is, as it came.
        """
        headers = {"content-type": "application/json; charset=utf-8"}
        if self.config.localized is True:
            headers["locale"] = "auto"
        started = time.monotonic()
        tally.sent += len(body)
        status, reply_headers, reply = self._make_call("POST", self.config.api_path, body, headers)
        tally.received += len(reply)
        seconds = time.monotonic() - started
        LOG.debug("%s: %d, %.3f s, %d bytes sent, %d received", what, status[0], seconds, len(body), len(reply))
        return value_of(self.config.server, status, reply_headers, reply, read, may_be_text=may_be_text)

    # --- Reading pages ahead

    @functools.wraps(Shotgun.find)
    def find(  # type: ignore[override]  # the signature is the native one, by wraps
        self, *args: Any, **kwargs: Any
    ) -> Any:
        """
        Return all entities that match, as the native method does; several pages are read at the same time.
        """
        request = self._first_request(*args, **kwargs)
        several = request.get("return_paging_info_without_counts")
        if several is None:
            return super().find(*args, **kwargs)  # a site before 7.4, which counts its pages
        if not several:
            return self._page(request).get("entities", []) or []
        limit = kwargs.get("limit", args[_LIMIT] if len(args) > _LIMIT else 0)
        records: List[Any] = []
        with contextlib.closing(paging.by_number(self._source(self._site.connections), request, limit)) as pages:
            for page in pages:
                records.extend(page)
                if limit and len(records) >= limit:
                    return records[:limit]
        return records

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
        request = self._first_request(*native, include_archived_projects, additional_filter_presets)
        size = page_size or request["paging"]["entities_per_page"]
        request["paging"]["entities_per_page"] = min(size, limit) if limit else size
        return self._iterate(request, limit, page, read_ahead)

    def _iterate(
        self, request: Dict[str, Any], limit: int, page: int, read_ahead: Optional[int]
    ) -> Iterator[Dict[str, Any]]:
        if page:
            yield from self._page(request)["entities"]
            return
        request["return_paging_info_without_counts"] = True
        source = self._source(self._site.connections if read_ahead is None else read_ahead)
        read = paging.by_number if "sorts" in request else paging.by_id
        left = limit or sys.maxsize
        with contextlib.closing(read(source, request, limit)) as pages:
            for records in pages:
                yield from records[:left]
                left -= len(records)
                if left <= 0:
                    return

    def _first_request(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:
        """
        Return what the official ``find`` would send first.
        """
        try:
            Shotgun.find(_Scribe(self), *args, **kwargs)
        except _Written as written:
            return written.params
        raise AssertionError("shotgun_api3 has found without reading.")  # no version does

    def _source(self, bound: int) -> paging.Source:
        return paging.Source(
            read=self._page,
            fetch=lambda request, sleep: self._persist("read", request, bytes, sleep=sleep),
            decode=self._decoded,
            bound=bound,
            may_grow=self._transport.has_free_connections,
        )

    def _page(self, request: Dict[str, Any], look: Callable[[bytes], object] = lambda _body: None) -> Any:
        def read(body: bytes) -> Any:
            look(body)
            return self._read_page(body)

        return self._answer("read", request, read)

    def _decoded(self, request: Dict[str, Any], body: bytes) -> Any:
        """
        Return the page that a thread has fetched.
        """
        try:
            reply = self._read_page(body)
            check_answer("read", request, reply)
            return self._results(reply, "read", request)
        except (ValueError, AuthenticationFault):
            return self._page(request)  # garbled, or its session expired: once more, and then with the reason

    def _read_page(self, body: bytes) -> Any:
        return wire.decode_page(body, local=self._local, local_path_field=self.client_caps.local_path_field)

    def _make_call(  # type: ignore[override]  # the native one says str where bytes come
        self, verb: str, path: str, body: Optional[bytes], headers: Optional[Mapping[str, str]]
    ) -> Tuple[Tuple[int, str], Dict[str, str], bytes]:
        all_headers = {"user-agent": "; ".join(self._user_agents), **(headers or {})}
        if self.config.authorization:
            all_headers["authorization"] = SealedText(self.config.authorization)
        return self._http_request(verb, path, body, all_headers)

    def _http_request(  # type: ignore[override]  # as above
        self, verb: str, path: str, body: Optional[bytes], headers: Mapping[str, str]
    ) -> Tuple[Tuple[int, str], Dict[str, str], bytes]:
        answer = self._transport.send(verb, path, body=body, headers=headers, limits=self._limits, user=self.config)
        return (answer.status, answer.reason), dict(answer.headers), answer.body

    # --- What the official client does to its arguments and results

    def _response_errors(self, sg_response: Any) -> None:
        try:
            super()._response_errors(sg_response)  # type: ignore[no-untyped-call]
        except Fault as fault:
            fault.error_code = sg_response.get("error_code")  # type: ignore[attr-defined]  # the native one drops it
            raise

    def _parse_records(self, records: Any) -> List[Any]:
        if not self.server_caps.ensure_return_image_urls_support():
            return super()._parse_records(records)  # so old a site is asked for each thumbnail
        return wire.clean_records(records, local_path_field=self.client_caps.local_path_field)

    def _construct_read_parameters(  # the native one writes defaults into the caller's sort keys
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

    def authenticate_human_user(
        self, user_login: str, user_password: str, auth_token: Optional[str] = None
    ) -> Optional[Dict[str, Any]]:
        """
        Return the person whose login and password these are, or None.

        The native method lends the person's password to every thread that calls meanwhile; here a clone has it.
        """
        self._fail_if_closed()
        site = attrs.evolve(self.site, retry=RetryPolicy(attempts=1))  # attempts count towards a lock-out
        found: Optional[Dict[str, Any]] = Shotgun.authenticate_human_user(
            self._of(site), user_login, user_password, auth_token
        )
        return found

    def get_session_token(self) -> str:
        """
        Return the token of a new session, as the native method does.

        The native method goes on with that session in all threads that use the instance; here nothing changes.
        """
        self._fail_if_closed()
        token: str = Shotgun.get_session_token(self.clone())
        return token


class _Written(Exception):
    def __init__(self, params: Dict[str, Any]) -> None:
        super().__init__()
        self.params = params


class _Scribe(NativeClient):
    """
    A client that writes down what the official client's ``find`` would send first, instead of sending it.

    So the official code checks the arguments and makes the request, in whatever version is installed.
    """

    def __init__(self, client: NativeClient) -> None:
        self.__dict__ = client.__dict__  # it is that client, but for one method
        self._watcher = client._watcher  # noqa: SLF001 - as above

    def _call_rpc(self, method: str, params: Any, *args: Any, **kwargs: Any) -> Any:
        if method != "read":  # the site's version may have to be asked for
            return super()._call_rpc(method, params, *args, **kwargs)
        raise _Written(params)


_LIMIT = list(inspect.signature(Shotgun.find).parameters).index("limit") - 1  # among the positional ones
