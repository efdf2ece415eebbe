"""
A scripted site that takes and gives files, with storage beside it, and what the tests of transfers share.
"""

import json
import os
import re
import threading
import urllib.parse
from typing import Any, Callable, Dict, List

import pytest
from fix_native import AT_ONCE, IDENTITY
from fix_servers import GUARD, HANG, INFO, Last, Request, ScriptedServer, http_reply, results

from sgextended import NativeClient, Site

DIRECT = {**INFO, "s3_direct_uploads_enabled": True, "s3_enabled_upload_types": {"*": ["*"]}}


def text(body: str, **options: Any) -> bytes:
    """
    Return the bytes of a plain answer, as forms get it.
    """
    return http_reply(body.encode(), headers={"content-type": "text/plain"}, **options)


def data(body: bytes, **headers: str) -> bytes:
    """
    Return the bytes of an answer that is a file.
    """
    return http_reply(body, headers={"content-type": "application/octet-stream", **headers})


def denied(message: str = "Request has expired", status: int = 403) -> bytes:
    """
    Return what storage answers to a link that does not hold.
    """
    body = (
        f"<Error><Code>AccessDenied</Code><Message>{message}</Message>"
        "<StringToSign>s3cr3t-signature</StringToSign></Error>"
    )
    return http_reply(body.encode(), status=status, headers={"content-type": "application/xml"})


class Storage(ScriptedServer):
    """
    Storage that takes what is put into it; *refuse* may answer a request instead, with anything but None.
    """

    def __init__(self, refuse: Callable[[Request], Any] = lambda _request: None, **options: Any) -> None:
        self.stored: Dict[str, bytes] = {}
        self.refuse = refuse
        self._lock = threading.Lock()
        super().__init__(self._answer, **options)

    def _answer(self, request: Request) -> Any:
        refused = self.refuse(request)
        if refused is not None:
            return refused
        if request.method == "GET":
            return data(self.stored[request.path.partition("?")[0]])
        if len(request.body) != int(request.headers["content-length"]):
            return None
        with self._lock:
            self.stored[request.path.partition("?")[0]] = request.body
        return http_reply(headers={"etag": f'"etag of {request.path.partition("?")[0]}"'})

    def sent(self, method: str) -> List[Request]:
        return [request for request in self.requests if request.method == method]


class MediaSite(ScriptedServer):
    """
    A site whose answers to forms, calls and downloads stand in *answers*, by the last part of the path or the name.

    An answer is what is sent: text to a form, results to a call, or a function of the request that returns bytes.
    """

    def __init__(self, storage: Any = None, *, tls: Any = None, **answers: Any) -> None:
        self.storage = storage
        self.links = 0
        self.answers = {
            "info": INFO if storage is None else DIRECT,
            "get_session_token": {"session_id": "s3ss10n"},
            "upload_file": "1:77\n",
            "publish_thumbnail": "1:78\n",
            "share_thumbnail": "1:79\n",
            "api_get_upload_link_info": self._link_info,
            "api_get_upload_link_for_part": self._part_link,
            "api_complete_multipart_upload": "1\n",
            "api_link_file": "1:80\n",
            **answers,
        }
        super().__init__(self._answer, tls=tls)

    def _answer(self, request: Request) -> Any:
        name = name_of(request)
        answer = self.answers[name]
        if callable(answer):
            return answer(request)
        return results(answer) if request.path.endswith("json") else text(answer)

    def _next_link(self, name: str) -> str:
        self.links += 1
        return f"{self.storage.url}/{name}?sig=s3cr3t-signature-{self.links}"

    def _link_info(self, request: Request) -> bytes:
        fields = fields_of(request)
        in_parts = fields["multipart_upload"] == "True"
        url = self._next_link("whole")
        upload = "up1" if in_parts else ""
        return text("\n".join(("1", url, "2026-11-24 00:00:00", fields["upload_type"], upload, "s3", "")))

    def _part_link(self, request: Request) -> bytes:
        return text(f"1\n{self._next_link('part' + fields_of(request)['part_number'])}\n")

    def sent(self, name: str) -> List[Request]:
        """
        Return the requests of one name.
        """
        return [request for request in self.requests if name_of(request) == name]


def name_of(request: Request) -> str:
    if request.path.endswith("json"):
        return request.rpc
    return request.path.partition("?")[0].rpartition("/")[2]


def fields_of(request: Request) -> Dict[str, str]:
    """
    Return the fields of a form that has no file.
    """
    return dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True, keep_blank_values=True))


def parts_of(request: Request) -> List[Any]:
    """
    Return the parts of a form with a file, each its headers and its content, in order.
    """
    boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+)", request.headers["content-type"])
    assert boundary, request.headers["content-type"]
    first, *parts, last = request.body.split(f"--{boundary[1]}".encode())
    assert (first, last) == (b"", b"--\r\n\r\n")
    return [tuple(part[2:-2].split(b"\r\n\r\n", 1)) for part in parts]


def client_of(server: ScriptedServer, **settings: Any) -> NativeClient:
    """
    Return a client that does not wait between attempts, nor long for an answer.
    """
    return NativeClient(Site(**{"url": server.url, "retry": AT_ONCE, "read_timeout": GUARD, **IDENTITY, **settings}))


def calls_of(site: MediaSite) -> str:
    """
    Return the names of the requests that a site got, its version left out.
    """
    return " ".join(name for name in map(name_of, site.requests) if name != "info")


def dumped(error: BaseException) -> str:
    """
    Return all that an error tells where it is logged: texts and attributes, of its causes too.
    """
    told = []
    while error is not None:
        told.append(f"{error!r} {error} {json.dumps(vars(error), default=repr)}")
        error = error.__cause__
    return "\n".join(told)


@pytest.fixture
def make_file(tmp_path):
    """
    Makes files.
    """

    def make(name: str = "take.mov", content: bytes = b"some bytes") -> str:
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return make


@pytest.fixture
def storage(make_server):
    """
    Storage beside a site.
    """
    return make_server(kind=Storage)


@pytest.fixture
def media_site(make_server, storage):
    """
    A site that leads to storage.
    """
    return make_server(kind=MediaSite, storage=storage)


@pytest.fixture
def form_site(make_server):
    """
    A site that takes files by form.
    """
    return make_server(kind=MediaSite)


@pytest.fixture
def small_parts(monkeypatch):
    """
    Parts of 100 000 bytes, so that files of several are small.
    """
    monkeypatch.setattr(NativeClient, "_MULTIPART_UPLOAD_CHUNK_SIZE", 100_000)


# --- Downloads

CONTENT = os.urandom(300_000)
OLD = b"what was there"

#: How a download may fail, and what its error says.
FAILURES = {
    "cut": (lambda _request: Last(data(CONTENT)[:-1000]), "was lost"),
    "reset": (lambda _request: Last(data(CONTENT)[:-1000], reset=True), "was lost"),
    "no answer": (lambda _request: None, "was lost"),
    "400": (lambda _request: http_reply(b"no", status=400), "Attachment may not exist or is a local file"),
    "404": (lambda _request: http_reply(b"no", status=404), "HTTP Error 404: Not Found"),
    "500": (lambda _request: http_reply(b"no", status=500), "HTTP Error 500: Internal Server Error"),
    "503": (lambda _request: http_reply(b"no", status=503), "HTTP Error 503: Service Unavailable"),
    "hangs": (lambda _request: HANG, "within the 0.3 s that the caller allows"),
}


def left_in(target):
    return {path.name: path.read_bytes() for path in target.parent.iterdir()}


def failing(*replies):
    """
    Return an answer that is each of *replies* once, and the file after that.
    """
    left = list(replies)
    return lambda _request: left.pop(0) if left else data(CONTENT)
