"""
One request of a webhook: the receiver's address is checked, and the body is sent with its signature.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import re
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS = {"http": 80, "https": 443}
_NEVER_IN_URL = re.compile(r"[\s\x00-\x20\x7f-\uffff]")
# No more of a response is read.
_MOST_READ = 64 * 1024


def signature_of(body: bytes, secret: str) -> str:
    """
    Return the value of the header ``x-sg-signature`` for a body.
    """
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def checked_address(url: str, *, allow_remote: bool) -> SplitResult:
    """
    Return the parts of a receiver's address.

    Raises:
        ValueError: The text is not an address, its host is unknown, or the host is another machine.
    """
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or _NEVER_IN_URL.search(url) or "@" in parts.netloc:
        raise ValueError(f"{url!r} is not the address of a receiver. Write it like http://127.0.0.1:8000/webhook.")
    _places_of(parts, allow_remote=allow_remote)
    return parts


def _places_of(parts: SplitResult, *, allow_remote: bool) -> list[tuple[Any, ...]]:
    """
    Return the socket addresses of a receiver. Its name is resolved for each request, so that it cannot lead elsewhere.
    """
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"The receiver's host {host!r} is unknown: {error}. Check the address.") from None
    for place in found:
        if not allow_remote and not ipaddress.ip_address(str(place[4][0]).partition("%")[0]).is_loopback:
            raise ValueError(
                f"The receiver {host!r} is not on this machine, and a local site sends webhooks to loopback addresses "
                "only. Use 127.0.0.1, or allow other machines with allow_remote=True."
            )
    return list(found)


class Sending:
    """
    Sends the requests of one webhook. Another thread may cut the request in flight off.

    Args:
        parts: The receiver's address.

        allow_remote: Whether the receiver may be on another machine.

        timeout: Seconds for each wait for the receiver.
    """

    def __init__(self, parts: SplitResult, *, allow_remote: bool, timeout: float) -> None:
        self._parts, self._allow_remote, self._timeout = parts, allow_remote, timeout
        self._lock = threading.Lock()
        self._socket: Optional[socket.socket] = None
        self._is_cut = False

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """
        Send a body and return the status of the response. A redirect is not followed.

        Raises:
            OSError, http.client.HTTPException: Nobody answered, or not in HTTP.
            ValueError: The name of the receiver leads to another machine now.
        """
        host, port = self._parts.hostname or "", self._parts.port or _PORTS[self._parts.scheme]
        connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        try:
            connection.sock = self._open()
            path = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
            shown = f"[{host}]" if ":" in host else host
            connection.request("POST", path, body, {"Host": f"{shown}:{port}", "Connection": "close", **headers})
            response = connection.getresponse()
            response.read(_MOST_READ)
            return response.status
        finally:
            with self._lock:
                self._socket = None
            connection.close()

    def cut_off(self) -> None:
        """
        End the request in flight, and all later ones at once.
        """
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _open(self) -> socket.socket:
        error: Optional[OSError] = None
        for family, kind, protocol, _name, place in _places_of(self._parts, allow_remote=self._allow_remote):
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(self._timeout)
                self._take(opened)
                opened.connect(place)
                if self._parts.scheme == "https":
                    opened = ssl.create_default_context().wrap_socket(opened, server_hostname=self._parts.hostname)
                    self._take(opened)
            except OSError as refused:
                opened.close()
                error = refused
            except BaseException:
                opened.close()
                raise
            else:
                return opened
        raise error or ConnectionError("the receiver has no address")

    def _take(self, opened: socket.socket) -> None:
        """
        Make a socket the one that `cut_off` ends.
        """
        with self._lock:
            if self._is_cut:
                raise ConnectionAbortedError("the webhook was removed, or the site stops")
            self._socket = opened
