"""
`Opener`: opens sockets to a site with urllib3, which resolves addresses and handles proxies, TLS and certificates.
"""

import base64
import codecs
import io
import socket
import ssl
import time
from http.client import HTTPException, HTTPResponse
from typing import Any, Callable, ClassVar, Dict, List, Optional

from attrs import field, frozen
from urllib3 import exceptions as http
from urllib3.connection import HTTPConnection
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_ import ssl_wrap_socket

from sgextended.errors import ConfigurationError, TLSError
from sgextended.http.proxy import Proxy
from sgextended.http.signal_errors import reraise_foreign_error
from sgextended.secret import RedactedStr

# Python imports this codec for the first name that is resolved. At the end of the interpreter that import would fail.
codecs.lookup("idna")

_MIN_TRY = 2.0  # seconds that each address of a name gets at least, if there is enough time
_MIN_TIMEOUT = 0.001  # seconds; a socket takes a timeout of 0 for non-blocking

DEFAULT_PORTS = {"http": 80, "https": 443}

#: The value of *ca_file* that stands for the certificates of the operating system. A file of this name is "./system".
SYSTEM_CERTIFICATES = "system"


def ascii_host(host: str) -> str:
    """
    Return a host as it stands in requests: a name beyond ASCII in its form for DNS, such as ``xn--bcher-kva.example``.
    """
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host  # it has no such form; the attempt to connect raises an error with the reason


@frozen(kw_only=True)
class Endpoint:
    """
    The address and connection settings of a server. Clients with equal endpoints share their connections.
    """

    scheme: str
    host: str = field(converter=ascii_host)
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
        headers: The headers that every request needs for the proxy.

        prefix: The prefix for the path of a request. A proxy for plain HTTP needs the whole URL.
    """

    headers: Dict[str, str]
    prefix: str

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        # Read only once: it takes 20 ms, and the file may be deleted before the next connection is opened.
        self._tls = tls_context(endpoint.ca_file) if endpoint.scheme == "https" else None
        proxy = endpoint.proxy
        proxy_headers = _proxy_headers(proxy) if proxy else {}
        self._tunnel_headers = proxy_headers if self._tls else {}
        self.headers = {} if self._tls else proxy_headers
        self.prefix = endpoint.url if proxy and not self._tls else ""

    def open(self, seconds: float, opened: Callable[[socket.socket], object]) -> socket.socket:
        """
        Open and return a socket for requests.

        Args:
            seconds: The time limit for all steps together.

            opened: Called with the new socket, before the TLS handshake.

        Raises:
            ProxyRefused: The proxy cannot be reached, or it refuses the connection.

            urllib3.exceptions.HTTPError, OSError: The endpoint cannot be reached.
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
        except (http.HTTPError, HTTPException, OSError) as error:  # an HTTPException: the response is no HTTP response
            connection.close()
            if proxy is not None:
                raise ProxyRefused(error) from error
            raise
        except BaseException:
            connection.close()
            raise
        sock: socket.socket = connection.sock
        connection.sock = None  # so that urllib3 does not close it
        if tls is None:
            return sock
        try:
            sock.settimeout(max(connection.ends_at - time.monotonic(), _MIN_TIMEOUT))
            # An HTTPSConnection of urllib3 would check the date, for which Python imports a module. At the end of the
            # interpreter that import would fail.
            return ssl_wrap_socket(sock, server_hostname=endpoint.host.strip("[]").rstrip("."), ssl_context=tls)
        except BaseException:
            sock.close()
            raise


class ProxyRefused(Exception):
    """
    The proxy cannot be reached, or it refuses the connection. The ``__cause__`` has the reason.
    """


class _Opening(HTTPConnection):
    """
    A connection of urllib3 that is only used to open a socket.
    """

    opened: Callable[[socket.socket], object]
    ends_at = 0.0
    default_socket_options: ClassVar[Any] = [
        *HTTPConnection.default_socket_options,
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]

    def _new_conn(self) -> socket.socket:
        # urllib3 allows the whole time for each address of a name. Here all addresses share it.
        name, limit = self._dns_host, self.timeout
        addresses = _addresses(name, self.port)
        try:
            for number, self._dns_host in enumerate(addresses, 1):
                left = max(self.ends_at - time.monotonic(), _MIN_TIMEOUT)
                self.timeout = max(left / (len(addresses) - number + 1), min(left, _MIN_TRY))
                try:
                    sock = super()._new_conn()
                except (http.ConnectTimeoutError, http.NewConnectionError) as error:
                    reraise_foreign_error(error)
                    if number == len(addresses) or time.monotonic() >= self.ends_at:
                        raise
                else:
                    sock.settimeout(max(self.ends_at - time.monotonic(), _MIN_TIMEOUT))
                    self.opened(sock)
                    return sock
        finally:
            self._dns_host, self.timeout = name, limit
        raise AssertionError  # the loop returns or raises

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> HTTPResponse:  # type: ignore[override]
        # The response of the proxy to CONNECT. A time limit for each wait would not end a response that trickles in.
        response = HTTPResponse(sock, *args, **kwargs)
        response.fp.close()
        response.fp = io.BufferedReader(_TimedReader(sock, self.ends_at))
        return response


class _TimedReader(io.RawIOBase):
    """
    A file-like object that reads from a socket until a point in time, in seconds of the monotonic clock.
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
    Return the addresses of a name in order, without duplicates. Return the name itself if it has none.
    """
    try:
        found = socket.getaddrinfo(name.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reraise_foreign_error(error)
        return [name]  # urllib3 then raises an error with the reason
    return list(dict.fromkeys(_with_zone(*entry[4]) for entry in found)) or [name]


def _with_zone(address: Any, _port: Any, _flow: int = 0, zone: int = 0) -> str:
    # A link-local address of IPv6 is valid on one network interface only.
    return f"{address}%{zone}" if zone else str(address)


def _proxy_headers(proxy: Proxy) -> Dict[str, str]:
    if not proxy.user:
        return {}
    password = proxy.password.reveal() if proxy.password else ""
    coded = base64.b64encode(f"{proxy.user}:{password}".encode()).decode("ascii")  # UTF-8, as in the official client
    return {"proxy-authorization": RedactedStr(f"Basic {coded}")}


def tls_context(ca_file: str) -> ssl.SSLContext:
    """
    Return the TLS settings for the certificate authorities of a PEM file, or for those of the operating system.

    Raises:
        TLSError: The file cannot be read.

        ConfigurationError: The operating system's certificates need truststore, which is not installed.
    """
    if ca_file == SYSTEM_CERTIFICATES:
        made: ssl.SSLContext = system_context_class()(ssl.PROTOCOL_TLS_CLIENT)
        return made
    # The settings of the official client: its certificates, checked host names, and no stricter rules.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        msg = (
            f"The certificate file {ca_file!r} cannot be read: {error}. Set ca_file or SHOTGUN_API_CACERTS to a PEM "
            "file with certificates."
        )
        raise TLSError(msg, sent=False, lasting=True) from error
    return context


def system_context_class() -> Any:
    """
    Return the class of TLS settings that asks the operating system whether to trust a certificate.

    Raises:
        ConfigurationError: truststore is not installed.
    """
    try:
        import truststore  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = (
            f"ca_file={SYSTEM_CERTIFICATES!r} uses the certificates of the operating system, and the package for that "
            "is not installed. Install it with: pip install 'sgextended[truststore]' (Python 3.10 or later). Or set "
            "ca_file to a PEM file."
        )
        raise ConfigurationError(msg) from error
    return truststore.SSLContext
