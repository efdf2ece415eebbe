"""
Files of uploads that change or cannot be read, what stays open, and uploads by form or with a renewed session.
"""

import json
import os
from pathlib import Path

import pytest
from fix_servers import http_reply, results
from fix_transfers import MediaSite, calls_of, client_of, fields_of, text

from sgextended import HTTPStatusError, TransportError

CONTENT = os.urandom(350_000)  # four parts of 100 000 bytes, the last a short one


def refusing(*replies, path=""):
    """
    Return what makes storage answer with each of *replies* once, to requests whose path begins so.
    """
    left = list(replies)
    return lambda request: left.pop(0) if left and request.path.startswith(path) else None


def joined(storage, count=4):
    return b"".join(storage.stored[f"/part{number}"] for number in range(1, count + 1))


def test_file_that_shrinks_is_an_error(media_site, storage, make_file):
    """
    A file that is cut while it is read is not stored in part: the request ends, and is not repeated.
    """
    path = make_file(content=CONTENT)

    with pytest.raises(
        TransportError, match=r"was cut to \d+ bytes by another program while it was uploaded"
    ) as caught:
        client_of(media_site).upload("Version", 12, path, progress=lambda *_: os.truncate(path, 1000))

    assert caught.value.lasting
    assert storage.stored == {}


def test_file_that_cannot_be_read_is_its_own_error(media_site, storage, make_file, monkeypatch):
    """
    A failing disk is no failing connection: its error comes out, and nothing is repeated.
    """
    monkeypatch.setattr("sgextended.client.transfers.transfer.CHUNK", "not a number of bytes")
    with pytest.raises(TypeError):
        client_of(media_site).upload("Version", 12, make_file())

    class Broken:
        name = "/a"

        def seek(self, *_args):
            return 10

        def read(self, _size):
            raise OSError(5, "Input/output error")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("sgextended.client.transfers.transfer.CHUNK", 5)
    path = make_file()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda *_args: Broken())
        with pytest.raises(OSError, match="Input/output error") as caught:
            client_of(media_site).upload("Version", 12, path)

    assert type(caught.value) is OSError
    assert storage.stored == {}


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_stays_open(media_site, storage, small_parts, make_file, fails):
    """
    No file and no socket stays open after an upload and the client's end, whether it went well or not.
    """
    if not Path("/proc/self/fd").exists():
        pytest.skip("the system does not tell what is open")
    path = make_file(content=CONTENT)

    def ours():
        links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [link for link in links if str(link) == path]

    sg = client_of(media_site)
    if fails:
        storage.refuse = lambda _request: http_reply(status=404)
        with pytest.raises(HTTPStatusError) as caught:
            sg.upload("Version", 12, path)
        assert caught.value.__traceback__ is not None
    else:
        sg.upload("Version", 12, path)
    sg.close()

    assert ours() == []


def test_official_client_without_direct_uploads_sends_a_form(make_server, storage, make_file):
    """
    Which way a file goes is the site's to say: this one takes it by form.
    """
    site = make_server(kind=MediaSite)

    assert client_of(site).upload("Version", 12, make_file()) == 77
    assert storage.requests == []
    assert calls_of(site) == "upload_file"


def test_session_that_expired_is_renewed(media_site, make_file):
    """
    A form does not say that its session has expired; a call does, and the form is sent again with the new one.
    """
    fault = {"exception": True, "message": "expired", "error_code": 102}
    expired = http_reply(json.dumps(fault).encode())
    media_site.answers["read"] = lambda request: (
        results({"entities": [], "paging_info": {}}) if request.auth["session_token"] == "new" else expired
    )
    ask = media_site.answers["api_get_upload_link_info"]
    media_site.answers["api_get_upload_link_info"] = lambda request: (
        ask(request) if fields_of(request)["session_token"] == "new" else text("0:Expired\n")
    )
    sg = client_of(media_site, script_name=None, api_key=None, session_token="old", renew_session=lambda _site: "new")

    assert sg.upload("Version", 12, make_file()) == 80
    assert calls_of(media_site) == ("api_get_upload_link_info read read api_get_upload_link_info api_link_file")
