"""
The exceptions for failed requests: each message says what happened, why, and what to do.
"""

import socket
import ssl
from typing import TYPE_CHECKING, Type

from urllib3 import exceptions as http

from sgextended.errors import (
    BrokenResponse,
    CertificateError,
    ConfigurationError,
    ConnectionLost,
    PoolTimeout,
    ProxyError,
    TLSError,
    TransportError,
    TransportTimeout,
    UnknownHost,
    Unreachable,
)
from sgextended.http.connection import DeadlinePassed, InFlightRequest, Limits
from sgextended.http.proxy import Proxy, environment_proxy
from sgextended.http.response import CutOff, Malformed, NoResponse
from sgextended.http.socket_opener import Endpoint, ProxyRefused

if TYPE_CHECKING:
    from sgextended.http.deadline import Deadline

#: The exception classes of failed connections.
FAILURES = (OSError, http.HTTPError, CutOff, Malformed, DeadlinePassed, ProxyRefused, UnicodeError)

#: The ends of a connection, as TLS has them.
_ENDS = (ssl.SSLEOFError, ssl.SSLZeroReturnError)

_NO_CONNECTION = "accepted no connection"


def translate_error(error: Exception, endpoint: Endpoint, request: InFlightRequest) -> Exception:
    """
    Return the exception to raise for a failure of a connection.
    """
    url, limits = endpoint.url, request.limits
    if not request.is_awaiting_response and isinstance(error, (OSError, DeadlinePassed)):
        request.is_fully_sent = False  # the socket did not take the last piece
    sent = request.is_fully_sent
    if limits.deadline is not None and not limits.deadline.left():
        return _deadline_error(url, limits.deadline, request)
    if isinstance(error, ProxyRefused) and endpoint.proxy:
        reason = reason_of(error)
        kind = UnknownHost if isinstance(error.__cause__, http.NameResolutionError) else ProxyError
        return proxy_error(endpoint.proxy, url, reason, kind=kind, lasting="407" in reason)
    if isinstance(error, http.NameResolutionError):
        msg = f"The name {endpoint.host!r} is unknown here. Check the site's address and DNS.{_proxy_hint(endpoint)}"
        return UnknownHost(msg, sent=sent)
    if isinstance(error, http.NewConnectionError):  # it is a ConnectTimeoutError, too
        msg = f"{url} does not accept connections: {reason_of(error)}. Check the address, and that the site runs."
        return Unreachable(msg + _proxy_hint(endpoint), sent=sent)
    if isinstance(error, (http.ConnectTimeoutError, socket.timeout)):
        return _timeout_error(endpoint, request)
    is_end = request.is_started and isinstance(error, _ENDS)
    if isinstance(error, (ssl.SSLError, ssl.CertificateError)) and not is_end:
        return _tls_error(error, url, sent=sent)
    return _lost_class(error)(_lost_connection_message(error, url), sent=sent)


def _lost_class(error: Exception) -> Type[TransportError]:
    if isinstance(error, (NoResponse, ConnectionError, *_ENDS)):
        return ConnectionLost
    return BrokenResponse if isinstance(error, (CutOff, Malformed)) else TransportError


def _lost_connection_message(error: Exception, url: str) -> str:
    if isinstance(error, NoResponse):
        return f"The connection to {url} was lost: it was closed without a response."
    if isinstance(error, CutOff):
        return f"The connection to {url} was lost: the response is cut off, {error}."
    if isinstance(error, Malformed):
        return f"The response of {url} is garbled: {error}."
    return f"The connection to {url} was lost: {reason_of(error)}."


def pool_timeout_error(endpoint: Endpoint, limits: Limits) -> PoolTimeout:
    """
    Return the exception to raise when no connection became free in time.
    """
    url, seconds, deadline = endpoint.url, limits.pool, limits.deadline
    if deadline is not None and not deadline.left():
        seconds = deadline.seconds
        msg = (
            f"No connection to {url} became free within the {seconds} s that the caller allows: all are in use. Set a "
            "longer deadline, or use fewer threads."
        )
    else:
        msg = (
            f"No connection to {url} became free within {seconds} s: all {endpoint.connections} are in use. Raise the "
            "site's connections or pool_timeout, or use fewer threads."
        )
    return PoolTimeout(msg, pool=url, waited=seconds)


def _proxy_hint(endpoint: Endpoint) -> str:
    """
    Return that the environment has a proxy which is not used, if that is so.
    """
    try:
        unused = endpoint.proxy is None and environment_proxy(endpoint.scheme, endpoint.authority)
    except ConfigurationError:
        return ""
    name = f"{endpoint.scheme}_proxy"
    return f" {name} is in the environment, but not used: see proxy_from_environment of Site." if unused else ""


def _timeout_error(endpoint: Endpoint, request: InFlightRequest) -> TransportTimeout:
    url, limits = endpoint.url, request.limits
    if not request.is_started:
        msg = f"{url} {_NO_CONNECTION} within {limits.connect} s. Check the address, the network and the proxy."
        msg += _proxy_hint(endpoint)
    elif not request.is_awaiting_response:
        msg = (
            f"{url} read nothing for {limits.read} s while this process was sending the request. Raise the "
            "site's read_timeout if the network is slow."
        )
    else:
        msg = f"{url} sent nothing for {limits.read} s. Raise the site's read_timeout if the call may take longer."
    return TransportTimeout(msg, sent=request.is_fully_sent)


def _deadline_error(url: str, deadline: "Deadline", request: InFlightRequest) -> TransportTimeout:
    if request.is_fully_sent:
        what = "sent no complete response"
    else:
        what = "did not read the whole request" if request.is_started else _NO_CONNECTION
    msg = f"{url} {what} within the {deadline.seconds} s that the caller allows. Set a longer deadline."
    return TransportTimeout(msg, sent=request.is_fully_sent)


def proxy_error(
    proxy: Proxy, url: str, reason: str, *, lasting: bool, kind: Type[Unreachable] = ProxyError
) -> Unreachable:
    """
    Return the exception to raise when a proxy does not connect to the site.
    """
    # There is no retry with a wrong password: many proxies lock an account after a few failures.
    advice = " Give its user and password as proxy='user:password@host:port'." if lasting else ""
    msg = f"The proxy {proxy.host}:{proxy.port} did not connect to {url}: {reason}.{advice or ' Check the proxy.'}"
    return kind(msg, sent=False, lasting=lasting)


def _tls_error(error: Exception, url: str, *, sent: bool) -> TLSError:
    reason = reason_of(error)
    advice, lasting = "", False
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        advice, lasting = " " + _certificate_advice(reason), True
    elif any(
        mark in reason.upper() for mark in ("ALERT_PROTOCOL_VERSION", "ALERT PROTOCOL VERSION", "UNSUPPORTED_PROTOCOL")
    ):
        advice = (
            " The server and this Python have no version of TLS in common: most Pythons refuse TLS 1.0 and 1.1. Ask "
            "the administrator of the server to allow TLS 1.2 or later."
        )
        lasting = True
    elif not sent and ("WRONG_VERSION_NUMBER" in reason or "wrong version number" in reason):
        advice = (
            " The server there does not use TLS. Use an http:// address if it is a plain HTTP server. If it is a "
            "proxy, set it as proxy."
        )
        lasting = True
    if isinstance(error, ssl.SSLCertVerificationError):
        found = CertificateError(f"No TLS connection to {url}: {reason}.{advice}", sent=sent, lasting=lasting)
        found.verify_code, found.verify_message = error.verify_code, error.verify_message
        return found
    return TLSError(f"No TLS connection to {url}: {reason}.{advice}", sent=sent, lasting=lasting)


def _certificate_advice(reason: str) -> str:
    """
    Return what is wrong with a certificate, and what to do, by the reason that OpenSSL gives.
    """
    reason = reason.lower()
    if "mismatch" in reason or "not valid for" in reason:
        return (
            "The certificate is that of another host. Use the name in the certificate as the address. If the address "
            "is right, another server or a proxy has responded in its place: ask the administrator of the network."
        )
    if "expired" in reason:
        return (
            "The certificate of the server has expired, or the clock of this machine is wrong. Check the clock, and "
            "ask the administrator of the server to renew the certificate."
        )
    if "not yet valid" in reason:
        return "The certificate of the server is not valid yet, or the clock of this machine is wrong. Check the clock."
    if "revoked" in reason:
        return "The certificate of the server was revoked. Ask the administrator of the server for a new one."
    return (
        "The certificate of the server is not signed by a trusted authority. Set ca_file, or the variable "
        "SHOTGUN_API_CACERTS, to the PEM file of the authority that signed it, or to 'system' for the certificates of "
        "the operating system."
    )


def reason_of(error: BaseException) -> str:
    """
    Return the innermost reason of an error as one line.
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
