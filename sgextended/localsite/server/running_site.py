"""
The parts of a site that are open while it runs: its socket, its store and the thread that serves requests.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Optional

import uvicorn

from sgextended.localsite.server.certificates import Certificates
from sgextended.localsite.server.connection_limits import LimitedProtocol, most_connections
from sgextended.localsite.server.host_check import is_wildcard, names_of_site
from sgextended.localsite.server.http_routes import build_app
from sgextended.localsite.server.listener import GRACE, Server, bound, cancellable, is_loopback
from sgextended.localsite.services.page_access import PageAccess
from sgextended.localsite.services.recent_clients import RecentClients
from sgextended.localsite.services.site_services import SiteServices
from sgextended.localsite.storage.database import MAX_CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from sgextended.localsite.faults.fault_specs import Faults
    from sgextended.localsite.services.authentication import Authenticator
    from sgextended.localsite.services.ledger import Ledger
    from sgextended.localsite.services.site_store import Store

_log = logging.getLogger(__name__)

_BACKLOG = 512
# Requests with more bytes of headers are refused.
_MAX_HEADER_BYTES = 64 * 1024


class RunningSite:
    """
    The open parts of a running site. Each part adds a function that closes it; ``stop`` calls these last to first.
    """

    url: str
    port: int

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self.names: tuple[str, ...] = ()
        self.other_urls: list[str] = []
        self.page_access: PageAccess
        self._on_loopback = True
        self.certificates: Optional[Certificates] = None
        self.key_files: tuple[Optional[str], Optional[str]] = (None, None)
        self.store: Store
        self.closers: list[Callable[[], object]] = []
        self._socket: socket.socket

    def listen(
        self,
        host: str,
        port: int,
        *,
        tls: bool,
        given: Optional[tuple[str, str]],
        hostnames: Iterable[str] = (),
        database: Optional[Path] = None,
    ) -> None:
        host = host.strip("[]")
        self.names = names_of_site(host, hostnames)
        self._on_loopback = is_loopback(host)
        self._socket = bound(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port))
        self.closers.append(self._socket.close)
        if not self._on_loopback:
            in_clear = "" if tls or given else " Keys and passwords are sent unencrypted: serve HTTPS."
            _log.warning(
                "This local site listens on %s, so every machine that reaches that address can send requests to it. "
                "It is made for development: listen on 127.0.0.1 unless other machines must use it.%s",
                host,
                in_clear,
            )
        if tls:
            self.certificates = Certificates(host, self.names, database)
            self.closers.append(self.certificates.close)
            self.key_files = (str(self.certificates.chain_file), None)
        elif given is not None:
            _check_certificate(*given)
            self.key_files = given
        scheme = "http" if self.key_files[0] is None else "https"
        if is_wildcard(host):
            host = "::1" if ":" in host else "127.0.0.1"
        self.port = self._socket.getsockname()[1]
        self.url = f"{scheme}://{_in_url(host)}:{self.port}"
        self.other_urls = [f"{scheme}://{_in_url(name)}:{self.port}" for name in self.names if not is_wildcard(name)]

    def serve(
        self,
        authenticator: Authenticator,
        ledger: Ledger,
        faults: Faults,
        log_level: str,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        personal = self._on_loopback and not self.names and not trusted_proxies
        self.page_access = PageAccess(
            authenticator, self.port, personal=personal, lifetime=authenticator.session_lifetime
        )
        workers = ThreadPoolExecutor(MAX_CONNECTIONS // 2, thread_name_prefix="sgextended-site-worker")
        self.closers.append(workers.shutdown)

        def turn_away(seconds: float, slam: bool) -> None:
            server.turn_away(seconds, slam)

        services = SiteServices(
            self.store, authenticator, ledger, workers, self.page_access, RecentClients(personal=personal)
        )
        LimitedProtocol.most = most_connections()
        app = build_app(services, faults, turn_away, self.names)
        config = uvicorn.Config(
            cancellable(app),
            http=LimitedProtocol,
            h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
            log_config=None,
            log_level=log_level,
            access_log=False,
            lifespan="off",
            ws="none",
            loop="asyncio",
            backlog=_BACKLOG,
            timeout_keep_alive=120,
            server_header=False,
            ssl_certfile=self.key_files[0],
            ssl_keyfile=self.key_files[1],
            # Otherwise uvicorn reads the environment, which may say that it trusts everybody.
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
        )
        config.load()
        if config.ssl is not None:
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        ready = threading.Event()
        server = Server(config, ready)

        def run() -> None:
            try:
                asyncio.run(server.serve(sockets=[self._socket]))
            finally:
                ready.set()

        thread = threading.Thread(target=run, name="sgextended-site", daemon=True)

        def stop_server() -> None:
            server.stop_soon()
            thread.join(4 * GRACE)  # longer only if a request does not end; a daemon thread

        self.closers.append(stop_server)
        thread.start()
        ready.wait()
        if not server.started:
            raise RuntimeError(f"The local site could not serve {self.url}. Its log has the reason.")

    def stop(self) -> None:
        while self.closers:
            self.closers.pop()()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_certificate(certificate: str, private_key: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key)
    except OSError as error:  # ssl.SSLError is a subclass
        raise ValueError(
            f"{certificate} and {private_key} are not a certificate and its private key: {error}. Name PEM files that "
            "belong together."
        ) from error
