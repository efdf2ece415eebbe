"""
What to raise when a request fails: what happened, why, and what to do.
"""

import socket
import ssl
from typing import TYPE_CHECKING

from urllib3 import exceptions as http

from sgextended.errors import PoolTimeout, TLSError, TransportError, TransportTimeout, Unreachable
from sgextended.http.connection import DeadlinePassed, InFlightRequest, Limits
from sgextended.http.opening import Endpoint, ProxyRefused
from sgextended.http.proxy import Proxy
from sgextended.http.response import CutOff, Malformed, NoResponse

if TYPE_CHECKING:
    from sgextended.http.deadline import Deadline

#: What a connection raises when it fails.
FAILURES = (OSError, http.HTTPError, CutOff, Malformed, DeadlinePassed, ProxyRefused, UnicodeError)

#: The ends of a connection, as TLS has them.
_ENDS = (ssl.SSLEOFError, ssl.SSLZeroReturnError)

_NO_CONNECTION = "accepted no connection"


def translated(error: Exception, endpoint: Endpoint, request: InFlightRequest) -> Exception:
    """
    Return what to raise for a failure of a connection.
    """
    url, limits = endpoint.url, request.limits
    if not request.receiving and isinstance(error, (OSError, DeadlinePassed)):
        request.whole = False  # the last piece was handed over, and not taken
    sent = request.whole
    if limits.deadline is not None and not limits.deadline.left():
        return _too_late(url, limits.deadline, request)
    if isinstance(error, ProxyRefused) and endpoint.proxy:
        reason = reason_of(error)
        return proxy_error(endpoint.proxy, url, reason, lasting="407" in reason)
    if isinstance(error, http.NameResolutionError):
        return Unreachable(f"The name {endpoint.host!r} is unknown here. Check the site's address and DNS.", sent=sent)
    if isinstance(error, http.NewConnectionError):  # it is a ConnectTimeoutError, too
        msg = f"{url} does not accept connections: {reason_of(error)}. Check the address, and that the site runs."
        return Unreachable(msg, sent=sent)
    if isinstance(error, (http.ConnectTimeoutError, socket.timeout)):
        return _timeout(url, request)
    if isinstance(error, (ssl.SSLError, ssl.CertificateError)) and not (request.begun and isinstance(error, _ENDS)):
        return _tls_error(error, url, sent=sent)
    return TransportError(_what_was_lost(error, url), sent=sent)


def _what_was_lost(error: Exception, url: str) -> str:
    if isinstance(error, NoResponse):
        return f"The connection to {url} was lost: it was closed without a response."
    if isinstance(error, CutOff):
        return f"The connection to {url} was lost: the response is cut off, {error}."
    if isinstance(error, Malformed):
        return f"The response of {url} is garbled: {error}."
    return f"The connection to {url} was lost: {reason_of(error)}."


def no_connection(endpoint: Endpoint, limits: Limits) -> PoolTimeout:
    """
    Return what to raise when no connection came free in time.
    """
    url, seconds, deadline = endpoint.url, limits.pool, limits.deadline
    if deadline is not None and not deadline.left():
        seconds = deadline.seconds
        msg = f"No connection to {url} came free within the {seconds} s that the caller allows: all are in use."
    else:
        msg = (
            f"No connection to {url} came free within {seconds} s: all {endpoint.connections} are in use. Raise the "
            "site's connections or pool_timeout, or use fewer threads."
        )
    return PoolTimeout(msg, pool=url, waited=seconds)


def _timeout(url: str, request: InFlightRequest) -> TransportTimeout:
    limits = request.limits
    if not request.begun:
        msg = f"{url} {_NO_CONNECTION} within {limits.connect} s. Check the address, the network and the proxy."
    elif not request.receiving:
        msg = f"{url} took nothing for {limits.read} s of what this process was sending. Raise the site's read_timeout."
    else:
        msg = f"{url} sent nothing for {limits.read} s. Raise the site's read_timeout if the call may take longer."
    return TransportTimeout(msg, sent=request.whole)


def _too_late(url: str, deadline: "Deadline", request: InFlightRequest) -> TransportTimeout:
    if request.whole:
        what = "gave no whole response"
    else:
        what = "did not take all of the request, which this process was sending," if request.begun else _NO_CONNECTION
    return TransportTimeout(f"{url} {what} within the {deadline.seconds} s that the caller allows.", sent=request.whole)


def proxy_error(proxy: Proxy, url: str, reason: str, *, lasting: bool) -> Unreachable:
    """
    Return what to raise when a proxy does not lead to the site.
    """
    # A wrong password is not offered again: many proxies lock an account after a few.
    advice = " Give its user and password as proxy='user:password@host:port'." if lasting else ""
    msg = f"The proxy {proxy.host}:{proxy.port} does not lead to {url}: {reason}.{advice}"
    return Unreachable(msg, sent=False, lasting=lasting)


def _tls_error(error: Exception, url: str, *, sent: bool) -> TLSError:
    reason = reason_of(error)
    advice, lasting = "", False
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        advice = (
            " The server's certificate is not signed by an authority that is trusted here: set ca_file, or the "
            "variable SHOTGUN_API_CACERTS, to the PEM file of the authority that signed it."
        )
        lasting = True
    elif not sent and ("WRONG_VERSION_NUMBER" in reason or "wrong version number" in reason):
        advice = " What answers there does not speak TLS: a plain http address, or a proxy that must be named as proxy."
        lasting = True
    return TLSError(f"No TLS connection to {url}: {reason}.{advice}", sent=sent, lasting=lasting)


def reason_of(error: BaseException) -> str:
    """
    Return the innermost reason of an error, in one line.
    """
    seen = set()
    while error not in seen:
        seen.add(error)
        # Not the context: that is what the caller was handling when it made the call.
        inner = error.__cause__ or getattr(error, "reason", None) or next(iter(error.args[1:]), None)
        if isinstance(inner, BaseException):
            error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
