"""
The exceptions of sgextended. Each is also an instance of a class that callers of shotgun_api3 already catch.

Faults of the site (``shotgun_api3.Fault`` and its subclasses) are raised unchanged and are not defined here.
Every exception takes one positional message and can be pickled, so that a worker process can raise it.
"""

import json
import socket
import ssl
import sys
from http.client import BadStatusLine, IncompleteRead, LineTooLong, RemoteDisconnected
from typing import Any, Dict, List, Optional, Sequence, Tuple, Type
from xmlrpc.client import ProtocolError  # the class that shotgun_api3 raises and re-exports

from shotgun_api3.lib.httplib2 import ServerNotFoundError
from shotgun_api3.lib.httplib2.socks import GeneralProxyError
from shotgun_api3.lib.httplib2.socks import HTTPError as SocksHTTPError
from shotgun_api3.shotgun import AuthenticationFault, ShotgunThumbnailNotReady

# Re-exported: exceptions of the official client that transfers raise as well.
from shotgun_api3.shotgun import ShotgunError as ShotgunError  # noqa: PLC0414
from shotgun_api3.shotgun import ShotgunFileDownloadError as ShotgunFileDownloadError  # noqa: PLC0414


class SGExtendedError(Exception):
    """
    The base class of all exceptions of sgextended.
    """

    __module__ = "sgextended"


class ConfigurationError(SGExtendedError, ValueError):
    """
    A setting or an option is not valid. Nothing was sent.
    """

    __module__ = "sgextended"


class InvalidArgumentError(SGExtendedError, ValueError):
    """
    An argument is not valid. Nothing was sent.
    """

    __module__ = "sgextended"


class SignatureError(SGExtendedError, PermissionError):
    """
    The signature of a payload is missing or wrong, or the payload is too old. It may not come from the site.
    """

    __module__ = "sgextended"


class ReadOnlyError(SGExtendedError, PermissionError):
    """
    A write was called where writes are not allowed, such as in a read-only wrapper. Nothing was sent.
    """

    __module__ = "sgextended"


class SchemaError(SGExtendedError, ValueError):
    """
    The arguments of a call do not match the site's schema. Nothing was sent.

    Attributes:
        problems: A list of `sgextended.schema.validation.Problem`, each with the place in the arguments and a message.
    """

    __module__ = "sgextended"
    problems: List[Any]

    def __init__(self, message: str, *, problems: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.problems = list(problems)


class RecordError(SGExtendedError, ValueError):
    """
    An entity does not match the class of a record.

    Attributes:
        entity: The entity, as ``type`` and ``id``. None: the error is not about a single entity.

        problems: A list with one sentence for each attribute that does not match.
    """

    __module__ = "sgextended"
    problems: List[str]

    def __init__(self, message: str, *, entity: Optional[Dict[str, Any]] = None, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.entity = entity
        self.problems = list(problems)


class NotFoundError(SGExtendedError, LookupError):
    """
    The site has no entity, entity type or field with the given name or id.
    """

    __module__ = "sgextended"


class AmbiguousError(SGExtendedError, LookupError):
    """
    Exactly one entity was requested, but several match.

    Attributes:
        found: The entities that match, as the site returned them; only the first few if there are many.
    """

    __module__ = "sgextended"
    found: List[Dict[str, Any]]

    def __init__(self, message: str, *, found: Sequence[Dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.found = list(found)


class WorkerError(SGExtendedError, RuntimeError):
    """
    The work on one item failed. The ``__cause__`` is the original exception.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, item: Any = None) -> None:
        super().__init__(message)
        self.item = item


class WorkerLost(WorkerError):
    """
    The worker process of one item was lost. It is unknown whether the item was done, so it is not started again.
    """

    __module__ = "sgextended"


class PartialSuccessError(SGExtendedError, ShotgunError):
    """
    A call of several steps failed after the first step. The ``__cause__`` is the original exception.

    Attributes:
        entity: The result of the first step, with ``type`` and ``id``: the new or changed entity of a create or update
            with an image, or the Attachment of a thumbnail that could not be shared.

        copy: The copies that ``copy_structure`` has made so far; None for other calls.
    """

    __module__ = "sgextended"
    entity: Any
    copy: Any

    def __init__(self, message: str, *, entity: Any = None, copy: Any = None) -> None:
        super().__init__(message)
        self.entity, self.copy = entity, copy


class BatchesFailed(SGExtendedError, ShotgunError):
    """
    Some batches of a bulk write failed, or their outcome is unknown. The other batches were written.

    Attributes:
        report: The result of each batch.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class PoolError(SGExtendedError):
    """
    The base class of the errors of connection pools and instance pools.
    """

    __module__ = "sgextended"


class PoolClosed(PoolError, RuntimeError):
    """
    The pool is closed, so it lends nothing.
    """

    __module__ = "sgextended"


class PoolTimeout(PoolError, TimeoutError):
    """
    No connection or instance of the pool became free within the time limit. Nothing was sent.

    Attributes:
        pool: The name of the pool, such as the site's address.

        waited: The time limit, in seconds.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, pool: Optional[str] = None, waited: Optional[float] = None) -> None:
        super().__init__(message)
        self.pool = pool
        self.waited = waited


class MapTimeout(SGExtendedError, TimeoutError):
    """
    The work on many items did not finish within the time limit.

    Attributes:
        done: The number of items that are done.

        failed: The number of items that failed.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, done: int = 0, failed: int = 0) -> None:
        super().__init__(message)
        self.done = done
        self.failed = failed


class ForkedProcessError(SGExtendedError, RuntimeError):
    """
    An iterator that was started before a fork was used in the child. Start it again in the child.
    """

    __module__ = "sgextended"


class ClientClosed(SGExtendedError, RuntimeError):
    """
    A closed client was used. Nothing was sent.
    """

    __module__ = "sgextended"


class TransportError(SGExtendedError, ConnectionError):
    """
    There is no valid response from the site.

    Attributes:
        sent: False: the site has surely not received the complete request, so it has not executed it. True: it may
            have.

        rpc: The name of the request in the protocol, such as ``"read"``. None: it is not known.

        entity_type: The entity type of the request, such as ``"Shot"``. None if it has none, or several.

        attempts: The number of attempts.

        elapsed: The seconds from the first attempt to the failure, including the waits between attempts.

        lasting: Whether another attempt would fail in the same way, as with a certificate that is not trusted.
    """

    __module__ = "sgextended"

    entity_type: Optional[str] = None
    elapsed: float = 0.0

    def __init__(
        self, message: str, *, sent: bool = True, rpc: Optional[str] = None, attempts: int = 1, lasting: bool = False
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.lasting = lasting
        self.rpc = rpc
        self.attempts = attempts


class Unreachable(TransportError, ConnectionRefusedError):
    """
    No connection to the site, or to its proxy, could be opened. Nothing was sent.
    """

    __module__ = "sgextended"


class UnknownHost(Unreachable, ServerNotFoundError):
    """
    The name of the site, or of its proxy, is unknown. Nothing was sent.
    """

    __module__ = "sgextended"


class ProxyError(Unreachable, SocksHTTPError, GeneralProxyError):
    """
    The proxy did not connect to the site. Nothing was sent.
    """

    __module__ = "sgextended"

    def __str__(self) -> str:  # that of the official class shows a tuple of arguments
        return Exception.__str__(self)


class ConnectionLost(TransportError, RemoteDisconnected, BrokenPipeError):
    """
    The connection ended before a response came.
    """

    __module__ = "sgextended"

    line = ""  # of the official class: the first line of the response


class BrokenResponse(TransportError, IncompleteRead, BadStatusLine, LineTooLong):
    """
    The received bytes are not a complete HTTP response.
    """

    __module__ = "sgextended"

    # Of the official classes: the received bytes, the number of missing bytes, and the first line.
    partial: bytes = b""
    expected: Optional[int] = None
    line: str = ""

    def __str__(self) -> str:  # that of IncompleteRead shows the numbers of bytes instead of the message
        return Exception.__str__(self)

    def __repr__(self) -> str:
        return Exception.__repr__(self)


class InvalidJSON(TransportError, json.JSONDecodeError):
    """
    The response is not the JSON that this call returns: it is cut off, garbled, or has no results.
    """

    __module__ = "sgextended"

    # Of the official class: the text, and the place in it.
    doc: str = ""
    pos: int = 0
    lineno: int = 1
    colno: int = 1

    @property
    def msg(self) -> str:  # type: ignore[override]  # an attribute of the official class
        return str(self)


if sys.version_info >= (3, 10):
    _Timeout = TimeoutError
else:

    class _Timeout(TimeoutError, socket.timeout):
        pass


class TransportTimeout(TransportError, _Timeout):
    """
    Connecting, sending or reading took longer than a time limit of the site, or than the caller's deadline.
    """

    __module__ = "sgextended"


class TLSError(TransportError, ssl.SSLError):
    """
    The TLS connection could not be opened, or it failed.
    """

    __module__ = "sgextended"

    def __str__(self) -> str:  # that of SSLError shows a tuple of arguments
        return Exception.__str__(self)


class CertificateError(TLSError, ssl.SSLCertVerificationError):
    """
    The certificate of the site is not valid for it. Nothing was sent.
    """

    __module__ = "sgextended"

    # Of the official class: the reason of OpenSSL.
    verify_code: int = 0
    verify_message: str = ""


class HTTPStatusError(TransportError, ProtocolError):
    """
    The server responded with an HTTP error status.

    Attributes:
        errcode: The HTTP status, named as in ``shotgun_api3.ProtocolError``.

        errmsg: The text of the status.

        headers: The headers of the response, with names in lower case. Cookies are removed, as they may hold a session.

        retry_after: The seconds that the server asked the client to wait, or None.
    """

    __module__ = "sgextended"
    headers: Dict[str, str]

    def __init__(
        self,
        message: str,
        *,
        url: str = "",
        errcode: int = 0,
        errmsg: str = "",
        headers: Any = None,
        retry_after: Optional[float] = None,
        sent: bool = True,
        rpc: Optional[str] = None,
        attempts: int = 1,
    ) -> None:
        TransportError.__init__(self, message, sent=sent, rpc=rpc, attempts=attempts)
        self.url = url
        self.errcode = errcode
        self.errmsg = errmsg
        self.headers = {name: value for name, value in (headers or {}).items() if name.lower() != "set-cookie"}
        self.retry_after = retry_after

    def __repr__(self) -> str:  # that of ProtocolError shows its fields instead of the message
        return Exception.__repr__(self)


class SessionExpired(HTTPStatusError, AuthenticationFault):
    """
    The site redirected the call to its single sign-on: the session has ended. The site has not executed the call.
    """

    __module__ = "sgextended"


class ThumbnailNotReady(SGExtendedError, ShotgunFileDownloadError, ShotgunThumbnailNotReady):
    """
    The site is still making a thumbnail, and has only a placeholder picture so far. Nothing was stored.
    """

    __module__ = "sgextended"


class OutcomeUnknown(TransportError):
    """
    A write was sent, and no response shows whether the site executed it.

    After a create, do not send it again before you have searched for the entity with ``sg.reconcile(error)``: a second
    create may create a second entity. An update or a delete may be sent again safely; the client did so until its
    attempts were used up.

    Attributes:
        data: The data of the write, without the values of secret fields: the fields of a create, or the requests of a
            batch. None for other calls.

        sent_at: The time of sending, in seconds since the epoch, on the clock of this machine, which may be wrong.

        clock_ahead: The seconds by which the site's clock was ahead of *sent_at*. None: the site's time is unknown.

        sent_tick: The time of sending on a clock that is never set (`sgextended.client.protocol.site_clock.ticks`).
            None in a copy, since the clock of another machine differs.
    """

    __module__ = "sgextended"

    data: Any = None
    sent_at: float = 0.0
    clock_ahead: Optional[float] = None
    sent_tick: Optional[float] = None

    def __reduce__(self) -> Any:
        return type(self), self.args, {name: value for name, value in vars(self).items() if name != "sent_tick"}


class OutcomeUnknownStatus(OutcomeUnknown, HTTPStatusError):
    """
    A write was sent, and the server responded with an HTTP status that does not show whether the site executed it.
    """

    __module__ = "sgextended"


#: All exceptions of a call, except for programming errors: those of sgextended and the faults of the site.
CallError: Tuple[Type[SGExtendedError], Type[ShotgunError]] = (SGExtendedError, ShotgunError)
