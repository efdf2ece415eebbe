"""
Servers that do what a test tells them, over real sockets; each is closed by the test that starts it.

They know nothing of sgextended: a server that shared code with the client would share its mistakes.
"""

import base64
import contextlib
import json
import os
import socket
import ssl
import struct
import tempfile
import threading
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest
import trustme

GUARD = 20  # seconds after which a test that hangs fails

HANG = object()  # what a handler returns to answer nothing until the server is closed

INFO = {"version": [8, 60, 0], "full_version": [8, 60, 0, 0], "api_max_entities_per_page": 500}


@dataclass
class Request:
    """
    What came in: one HTTP request, and the number of the connection that it came on.
    """

    method: str
    path: str
    headers: Dict[str, str]
    body: bytes
    connection: int

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def rpc(self) -> str:
        return self.payload["method_name"]

    @property
    def auth(self) -> Dict[str, Any]:
        return self.payload["params"][0]


@dataclass
class Last:
    """
    The last bytes on a connection: what follows is its end.
    """

    data: bytes = b""
    reset: bool = False  # end it with RST instead of FIN


def http_reply(body: bytes = b"", *, status: int = 200, headers: Optional[Dict[str, str]] = None) -> bytes:
    """
    Return the bytes of an HTTP answer.
    """
    lines = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in lines.items()
    )
    return head.encode() + b"\r\n" + body


def results(value: Any) -> bytes:
    """
    Return the bytes of the answer to a call.
    """
    return http_reply(json.dumps({"results": value}).encode())


class ScriptedServer:
    """
    A server on 127.0.0.1 that answers each request with what *handler* returns for it.

    Bytes are sent as they are, `Last` is sent and ends the connection, None ends it without an answer, and `HANG`
    keeps the client waiting. A generator sends each of these when it yields it. Handlers run in one thread for each
    connection.
    """

    def __init__(self, handler: Callable[[Request], Any], *, tls: Optional[ssl.SSLContext] = None) -> None:
        self.handler = handler
        self.requests: List[Request] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._tls = tls
        self._open: List[socket.socket] = []
        self._threads: List[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _address = self._listener.accept()
            except socket.timeout:
                continue
            sock.settimeout(GUARD)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent goes out at once
            self.connections += 1
            self._open.append(sock)
            self._start(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            self.converse(sock, number)
        with contextlib.suppress(OSError):
            sock.close()

    def converse(self, sock: socket.socket, number: int) -> None:
        """
        Read requests and answer them until one side ends the connection.
        """
        with sock.makefile("rb") as stream:
            while True:
                request = read_request(stream, number)
                if request is None:
                    return
                self.requests.append(request)
                reply = self.handler(request)
                for piece in reply if isinstance(reply, Iterator) else (reply,):
                    data = self.hang() if piece is HANG else piece
                    if not isinstance(data, bytes):
                        end(sock, data)
                        return
                    sock.sendall(data)

    def hang(self) -> None:
        """
        Wait until the server is closed.
        """
        self.stopping.wait(GUARD)

    def close(self) -> None:
        """
        End all connections and wait for the threads.
        """
        self.stopping.set()
        self._threads[0].join(GUARD)  # accepts no connection after this, which nobody would end
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(GUARD)
        for sock in self._open:
            sock.close()
        self._listener.close()


def read_request(stream: Any, number: int) -> Optional[Request]:
    first = stream.readline()
    if not first:
        return None
    method, path, _version = first.decode().split()
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        name, _, value = line.decode().partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(method, path, headers, stream.read(int(headers.get("content-length", 0))), number)


def end(sock: socket.socket, reply: Optional[Last]) -> None:
    if reply is None:
        reply = Last()
    if reply.data:
        sock.sendall(reply.data)
    if reply.reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(sock.detach())  # beneath makefile, which would keep it open
        return
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class ScriptedProxy(ScriptedServer):
    """
    A proxy: CONNECT leads on to the named server, anything else is answered by *handler*.

    Args:
        handler: Answers what is not CONNECT.

        needs: The ``user:password`` without which it refuses.
    """

    def __init__(self, handler: Callable[[Request], Any], *, needs: Optional[str] = None) -> None:
        self.tunnels: List[str] = []
        self._needs = needs and "Basic " + base64.b64encode(needs.encode()).decode()
        super().__init__(handler)

    def converse(self, sock: socket.socket, number: int) -> None:
        with sock.makefile("rb", buffering=0) as stream:
            request = read_request(stream, number)
        if request is None:
            return
        self.requests.append(request)
        if self._needs and request.headers.get("proxy-authorization") != self._needs:
            sock.sendall(http_reply(status=407))
            end(sock, None)
        elif request.method != "CONNECT":
            sock.sendall(self.handler(request))
            end(sock, None)
        else:
            self.tunnels.append(request.path)
            host, _, port = request.path.partition(":")
            there = socket.create_connection((host, int(port)), GUARD)
            self._open.append(there)
            sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            self._start(_pump, there, sock)
            _pump(sock, there)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


class ScriptedSite(ScriptedServer):
    """
    A server that speaks as a site does: *answers* gives the results of each call by name.

    An answer may be a function of the request; it then returns the bytes of the HTTP answer, `Last` or None.
    """

    def __init__(self, *, tls: Optional[ssl.SSLContext] = None, **answers: Any) -> None:
        self.answers = {"info": INFO, "read": page(), **answers}
        super().__init__(self._answer, tls=tls)

    def _answer(self, request: Request) -> Any:
        answer = self.answers[request.rpc]
        return answer(request) if callable(answer) else results(answer)

    def sent(self, rpc: str) -> List[Request]:
        """
        Return the requests that called *rpc*.
        """
        return [request for request in self.requests if request.rpc == rpc]


def page(*entities: Dict[str, Any]) -> Dict[str, Any]:
    """
    Return the results of a read: the one page that there is.
    """
    return {"entities": list(entities), "paging_info": {"has_next_page": False, "entity_count": len(entities)}}


@pytest.fixture
def make_server():
    """
    Makes `ScriptedServer`, or another kind of them.
    """
    servers = []

    def make(*args, kind=ScriptedServer, **options):
        server = kind(*args, **options)
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def authority():
    """
    A certificate authority, the file with its certificate, and the context of a server that it certifies.
    """
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ca.pem"
        ca.cert_pem.write_to_path(path)
        yield Authority(str(path), context)


@dataclass
class Authority:
    ca_file: str
    server_context: ssl.SSLContext


@pytest.fixture
def unused_port():
    """
    A port of 127.0.0.1 where nothing listens.
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]
