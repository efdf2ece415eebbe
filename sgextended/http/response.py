"""
Reading one HTTP response: its head, its body, and whether its connection can be used for another request.
"""

import re
import zlib
from typing import Callable, Dict, Iterator, Mapping, Optional, Tuple

#: Returns some of the next bytes, at most the given number; no bytes if the connection has ended.
Receive = Callable[[int], bytes]

#: Bytes to receive at a time: more than a TLS record has. With a smaller number, TLS would keep the rest of a record.
#: Bytes that a server sends beyond its response would stay there unseen, and the next request would take them for its
#: response.
_CHUNK = 1 << 16
_LONGEST_HEAD = 1 << 18  # bytes
_LONGEST_LINE = 1 << 16  # bytes, of a chunked body
_MOST_DIGITS = 18  # of a length in bytes
_MOST_INTERIM = 100  # interim responses before the final one
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


class CutOff(Exception):
    """
    The connection ended within a response, or nothing shows that the response is complete.
    """


class NoResponse(CutOff):
    """
    The connection ended before the first byte of a response.
    """


class Malformed(Exception):
    """
    What was received is not an HTTP response.
    """


class Response:  # attrs would generate its methods at each import
    """
    One complete HTTP response: status, reason, headers with names in lower case, decompressed body.
    """

    __slots__ = ("body", "headers", "reason", "status")

    def __init__(self, *, status: int, reason: str, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def __repr__(self) -> str:
        return f"Response(status={self.status!r}, reason={self.reason!r})"


#: Called with a response without its body. Returns a function that receives the body piece by piece, without
#: decompression. If it returns None, the response keeps its body.
Sink = Callable[[Response], Optional[Callable[[bytes], object]]]


class _Head:
    __slots__ = ("headers", "reason", "status", "version")

    def __init__(self, version: str, status: int, reason: str, headers: Dict[str, str]) -> None:
        self.version, self.status, self.reason, self.headers = version, status, reason, headers


def read_response(receive: Receive, sink: Optional[Sink] = None) -> Tuple[Response, bool]:
    """
    Return the next final response, and whether the connection can be used for another request.

    Interim responses (100, 102, 103) that come before it are skipped.

    Args:
        receive: Returns the next bytes of the connection.

        sink: Receives the body instead of the response, see `Sink`.

    Raises:
        NoResponse: The connection ended before a response began.

        CutOff: The response ends early, or its head does not give its length.

        Malformed: The received bytes are not a response.
    """
    rest = b""
    for _ in range(_MOST_INTERIM):
        head, rest = _read_head(receive, rest)
        if head.status >= 200:
            break
        if head.status == 101:
            msg = "it switches to another protocol"
            raise Malformed(msg)
    else:
        msg = f"more than {_MOST_INTERIM} interim responses came before it"
        raise Malformed(msg)
    body = _Body(head, receive, rest)
    write = None
    if sink is not None:
        write = sink(Response(status=head.status, reason=head.reason, headers=head.headers, body=b""))
    if write is None:
        content = _decompressed(body.read(), head.headers.get("content-encoding"))
    else:
        content = b""
        for piece in body.pieces():
            write(piece)
    response = Response(status=head.status, reason=head.reason, headers=head.headers, body=content)
    return response, body.is_reusable()


def _read_head(receive: Receive, data: bytes) -> Tuple[_Head, bytes]:
    end = _END_OF_HEAD.search(data)
    while end is None:
        if len(data) > _LONGEST_HEAD:
            msg = f"its head has more than {_LONGEST_HEAD} bytes"
            raise Malformed(msg)
        piece = receive(_CHUNK)
        if not piece:
            if not data:
                msg = "the connection ended before a response came"
                raise NoResponse(msg)
            msg = "it ends within its head"
            raise CutOff(msg)
        data = data + piece if data else piece
        end = _END_OF_HEAD.search(data)
    return _parsed(data[: end.start()].decode("latin-1")), data[end.end() :]


def _parsed(text: str) -> _Head:
    first, *lines = text.split("\n")
    version, code, reason = [*first.split(None, 2), "", "", ""][:3]
    if not version.startswith("HTTP/1.") or len(code) != 3 or not (code.isascii() and code.isdigit()):
        msg = f"it begins with {first[:40]!r}"
        raise Malformed(msg)
    headers: Dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in _BLANK and name:  # the continuation of a long value
            headers[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if not colon:
            continue
        name, value = key.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return _Head(version, int(code), reason.strip(), headers)


_BLANK = (" ", "\t")


class _Body:
    """
    The body of one response.
    """

    __slots__ = ("_data", "_head", "_is_framed", "_length", "_receive")

    def __init__(self, head: _Head, receive: Receive, data: bytes) -> None:
        self._head, self._receive, self._data = head, receive, data
        self._length = _length_of(head)
        self._is_framed = True  # whether the head shows where the body ends

    def read(self) -> bytes:
        """
        Return the whole body.
        """
        length, data = self._length, self._data
        if length is None:
            return b"".join(self.pieces())
        if len(data) == length:
            self._data = b""
            return data
        return b"".join(self._counted(length))

    def pieces(self) -> Iterator[bytes]:
        """
        Yield the body piece by piece.
        """
        if self._length is not None:
            return self._counted(self._length)
        if _coding_of(self._head).rpartition(",")[2].strip() == "chunked":
            return self._chunked()
        self._is_framed = False
        is_last = self._head.version == "HTTP/1.0" or "close" in self._connection()
        if not is_last and self._head.status < 300:
            msg = "its head has neither a length nor a sign that the end of the connection is the end of the response"
            raise CutOff(msg)
        return self._until_the_end()

    def is_reusable(self) -> bool:
        """
        Return whether the connection can be used for another request. Call it after the body was read.
        """
        if self._data or not self._is_framed or (self._head.status == 204 and self._has_forbidden_body()):
            return False
        connection = self._connection()
        if self._head.version == "HTTP/1.0":
            return "keep-alive" in connection
        return "close" not in connection

    def _has_forbidden_body(self) -> bool:
        # Some servers send one nevertheless. It may come later, and would be taken for the next response.
        headers = self._head.headers
        return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

    def _connection(self) -> str:
        return self._head.headers.get("connection", "").lower()

    def _more(self) -> bytes:
        piece = self._receive(_CHUNK)
        if not piece:
            msg = "it ends within its body"
            raise CutOff(msg)
        return piece

    def _counted(self, length: int) -> Iterator[bytes]:
        left = length
        while left:
            data = self._data or self._receive(_CHUNK)
            if not data:
                msg = f"it ends within its body, after {length - left} of {length} bytes"
                raise CutOff(msg)
            piece, self._data = (data, b"") if len(data) <= left else (data[:left], data[left:])
            left -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[bytes]:
        while True:
            size_text = self._line().partition(b";")[0].strip()
            try:
                size = int(size_text, 16) if size_text.isalnum() else -1
            except ValueError:
                size = -1
            if size < 0:
                msg = f"the size {size_text[:20]!r} of a part of its body is not a hexadecimal number"
                raise Malformed(msg)
            if not size:
                break
            yield from self._counted(size)
            if self._line():
                msg = "a chunk of its body is longer than it says"
                raise Malformed(msg)
        while self._line():  # trailers
            pass

    def _line(self) -> bytes:
        while b"\n" not in self._data:
            if len(self._data) > _LONGEST_LINE:
                msg = "a line in its body does not end"
                raise Malformed(msg)
            self._data += self._more()
        line, _, self._data = self._data.partition(b"\n")
        return line.rstrip(b"\r")

    def _until_the_end(self) -> Iterator[bytes]:
        piece, self._data = self._data, b""
        piece = piece or self._receive(_CHUNK)
        while piece:
            yield piece
            piece = self._receive(_CHUNK)


def _length_of(head: _Head) -> Optional[int]:
    """
    Return the length of the body in bytes; None if the head does not give it.
    """
    if head.status in (204, 304):
        return 0
    if _coding_of(head) not in ("", "identity"):
        return None
    text = head.headers.get("content-length")
    if text is None:
        return None
    lengths = {each.strip() for each in text.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()) or len(length) > _MOST_DIGITS:
        msg = f"its length is {text[:40]!r}"
        raise Malformed(msg)
    return int(length)


def _coding_of(head: _Head) -> str:
    return head.headers.get("transfer-encoding", "").strip().lower()


def _decompressed(body: bytes, coding: Optional[str]) -> bytes:
    """
    Return a decompressed body.
    """
    coding = coding.lower() if coding else ""
    if coding in ("gzip", "x-gzip"):
        return _inflated(body, 16 + zlib.MAX_WBITS)
    if coding == "deflate":
        try:
            return _inflated(body, zlib.MAX_WBITS)
        except Malformed:
            return _inflated(body, -zlib.MAX_WBITS)  # some servers send deflate data without the zlib header
    return body


def _inflated(body: bytes, window: int) -> bytes:
    pieces = []
    while body:
        decoder = zlib.decompressobj(window)
        try:
            pieces.append(decoder.decompress(body))
        except zlib.error as error:
            msg = f"its compressed body cannot be read ({error})"
            raise Malformed(msg) from error
        if not decoder.eof:
            msg = "its compressed body ends early"
            raise Malformed(msg)
        body = decoder.unused_data.lstrip(b"\0")  # gzip data may have several members, with padding after them
    return b"".join(pieces)
