"""
Opening a socket to a site: addresses, proxy, TLS and certificates are the business of urllib3.
"""

import codecs
import io
import socket
import ssl
import time
from http.client import HTTPResponse
from typing import Any, Callable, ClassVar, Dict, List, Optional

from attrs import frozen
from urllib3 import exceptions as http
from urllib3.connection import HTTPConnection
from urllib3.util import make_headers
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_ import ssl_wrap_socket

from sgextended.errors import TLSError
from sgextended.http.proxy import Proxy
from sgextended.http.signal_errors import reraise_foreign_error

# Python loads this codec for the first name that is looked up, which fails at the end of the interpreter.
codecs.lookup("idna")

_FAIR_TRY = 2.0  # seconds that each address of a name gets at least, while they last
_AN_INSTANT = 0.001  # seconds; a limit of 0 means none to a socket

DEFAULT_PORTS = {"http": 80, "https": 443}


@frozen(kw_only=True)
class Endpoint:
    """
    What two clients must have in common to share their connections.
    """

    scheme: str
    host: str
    port: Optional[int]
    proxy: Optional[Proxy]
    ca_file: str
    connections: int

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        return self.host + (f":{self.port}" if self.port else "")


class Opener:
    """
    Opens sockets to one endpoint.

    Attributes:
        headers: Headers that every request needs for the proxy.

        prefix: What the path of a request begins with: a proxy for plain HTTP needs the whole address.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        # Read once: it takes 20 ms, and the file may be gone by the time that another connection is opened.
        self._tls = tls_context(endpoint.ca_file) if endpoint.scheme == "https" else None
        proxy = endpoint.proxy
        proxy_headers = _proxy_headers(proxy) if proxy else {}
        self._tunnel_headers = proxy_headers if self._tls else {}
        self.headers = {} if self._tls else proxy_headers
        self.prefix = endpoint.url if proxy and not self._tls else ""

    def open(self, seconds: float, opened: Callable[[socket.socket], object]) -> socket.socket:
        """
        Return a socket on which requests can be sent.

        Args:
            seconds: The limit for all of it.

            opened: Called with the socket as soon as there is one, before the TLS handshake.

        Raises:
            NotOpened: There is no way to the proxy, or the proxy refuses.

            urllib3.exceptions.HTTPError, OSError: There is no way to the endpoint.
        """
        endpoint, proxy, tls = self.endpoint, self.endpoint.proxy, self._tls
        port = endpoint.port or DEFAULT_PORTS[endpoint.scheme]
        host, through = (proxy.host, proxy.port) if proxy else (endpoint.host, port)
        connection = _Opening(host.strip("[]"), through, timeout=seconds)
        connection.opened, connection.ends_at = opened, time.monotonic() + seconds
        try:
            if proxy is not None and tls is not None:
                connection.set_tunnel(endpoint.host.strip("[]"), port, self._tunnel_headers)
            connection.connect()
        except (http.HTTPError, OSError) as error:
            connection.close()
            if proxy is not None:
                raise ProxyRefused(error) from error
            raise
        except BaseException:
            connection.close()
            raise
        sock: socket.socket = connection.sock
        connection.sock = None  # urllib3 is not to close it
        if tls is None:
            return sock
        try:
            sock.settimeout(max(connection.ends_at - time.monotonic(), _AN_INSTANT))
            # Not by a connection of urllib3: that asks for the date, which Python imports a module for, and this fails
            # at the end of the interpreter.
            return ssl_wrap_socket(sock, server_hostname=endpoint.host.rstrip("."), ssl_context=tls)
        except BaseException:
            sock.close()
            raise


class ProxyRefused(Exception):
    """
    The proxy cannot be reached, or does not lead on; the reason is the ``__cause__``.
    """


class _Opening(HTTPConnection):
    """
    A connection of urllib3 that is opened, and not used for anything else.
    """

    opened: Callable[[socket.socket], object]
    ends_at = 0.0
    default_socket_options: ClassVar[Any] = [
        *HTTPConnection.default_socket_options,
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]

    def _new_conn(self) -> socket.socket:
        # urllib3 allows each address of a name all of the time, and the TLS handshake as much again.
        name, limit = self._dns_host, self.timeout
        addresses = _addresses(name, self.port)
        try:
            for number, self._dns_host in enumerate(addresses, 1):
                left = max(self.ends_at - time.monotonic(), _AN_INSTANT)
                self.timeout = max(left / (len(addresses) - number + 1), min(left, _FAIR_TRY))
                try:
                    sock = super()._new_conn()
                except (http.ConnectTimeoutError, http.NewConnectionError) as error:
                    reraise_foreign_error(error)
                    if number == len(addresses) or time.monotonic() >= self.ends_at:
                        raise
                else:
                    sock.settimeout(max(self.ends_at - time.monotonic(), _AN_INSTANT))
                    self.opened(sock)
                    return sock
        finally:
            self._dns_host, self.timeout = name, limit
        raise AssertionError  # the loop returns or raises

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> HTTPResponse:  # type: ignore[override]
        # The proxy's response to CONNECT: a limit for each wait does not end a response that trickles.
        response = HTTPResponse(sock, *args, **kwargs)
        response.fp.close()
        response.fp = io.BufferedReader(_Bounded(sock, self.ends_at))
        return response


class _Bounded(io.RawIOBase):
    """
    What a socket receives until a moment, in seconds of the monotonic clock.
    """

    def __init__(self, sock: socket.socket, ends_at: float) -> None:
        self._sock, self._ends_at = sock, ends_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            msg = "timed out"
            raise socket.timeout(msg)
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)


def _addresses(name: str, port: int) -> List[str]:
    """
    Return the addresses of a name, each once and in order; the name itself when it has none.
    """
    try:
        found = socket.getaddrinfo(name.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reraise_foreign_error(error)
        return [name]  # urllib3 says what is wrong with it
    return list(dict.fromkeys(str(entry[4][0]) for entry in found)) or [name]


def _proxy_headers(proxy: Proxy) -> Dict[str, str]:
    if not proxy.user:
        return {}
    password = proxy.password.reveal() if proxy.password else ""
    return make_headers(proxy_basic_auth=f"{proxy.user}:{password}")


def tls_context(ca_file: str) -> ssl.SSLContext:
    """
    Return the TLS settings for the certificate authorities of a PEM file.

    Raises:
        TLSError: The file cannot be read.
    """
    # As the official client's: its certificates, host names checked, no rule stricter than it has.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        msg = f"The certificate file {ca_file!r} cannot be read as PEM certificates: {error}."
        raise TLSError(msg, sent=False, lasting=True) from error
    return context
