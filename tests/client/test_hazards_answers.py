"""
Answers that are none, and values that are changed: what the official client makes of them, and what ours does.
"""

import contextlib
import http.client
import json
import xmlrpc.client

import pytest
import shotgun_api3
from fix_native import KEY, make_client
from fix_servers import Last, http_reply
from PIL import Image

from sgextended import NativeClient, SGExtendedError

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def make_official(server, **settings):
    """
    Return the official client of a site, which does not wait between attempts.
    """
    client = shotgun_api3.Shotgun(server.url, "robot", KEY, **settings)
    client.BACKOFF = 0
    return contextlib.closing(client)


# --- Answers that are none

# What comes instead of an answer to a read, and what the official client raises then.
NO_ANSWERS = {
    "reset": (Last(reset=True), ConnectionResetError),
    "closed": (None, http.client.RemoteDisconnected),
    "cut off": (Last(http_reply(b"x" * 1000)[:-400]), http.client.IncompleteRead),
    "no HTTP": (Last(b"SSH-2.0-OpenSSH_9.6\r\n"), http.client.BadStatusLine),
    "truncated": (http_reply(b'{"results": {"enti'), json.JSONDecodeError),
    "nested": (http_reply(b'{"results": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"), RecursionError),
    "nothing": (http_reply(b""), AttributeError),
    "a portal's page": (http_reply(b"<html>", headers={"content-type": "text/html"}), AttributeError),
    "500": (http_reply(status=500), xmlrpc.client.ProtocolError),
    "502": (http_reply(status=502), xmlrpc.client.ProtocolError),
    "503": (http_reply(status=503), xmlrpc.client.ProtocolError),
}


@pytest.fixture(params=NO_ANSWERS)
def silent(request, make_site_server):
    """
    A site that gives no answer to a read, and what the official client raises.
    """
    reply, error = NO_ANSWERS[request.param]
    return make_site_server(read=lambda _request: reply), error


def test_official_client_has_no_common_error(silent):
    """
    What the official client raises without an answer is another error for each cause, and never its own.
    """
    server, error = silent
    with make_official(server) as sg, pytest.raises(error) as caught:
        sg.find("Shot", [])

    assert not isinstance(caught.value, shotgun_api3.ShotgunError)


def test_without_an_answer_there_is_one_error(silent):
    """
    Whatever comes instead of an answer, ours raises an error of its own that is a ConnectionError as well.
    """
    server, _error = silent
    with pytest.raises(SGExtendedError) as caught:
        make_client(server).find("Shot", [])

    assert isinstance(caught.value, ConnectionError)


def test_official_fault_has_no_code(make_site_server):
    """
    The official client drops the code of a fault, and leaves programs its text.
    """
    reply = http_reply(json.dumps({"exception": True, "message": "no such field", "error_code": 103}).encode())
    server = make_site_server(read=lambda _request: reply)
    with make_official(server) as sg, pytest.raises(shotgun_api3.Fault) as caught:
        sg.find("Shot", [])

    assert caught.value.args == ("no such field",)
    assert not hasattr(caught.value, "error_code")


# --- Values that are changed


def test_official_client_writes_into_the_order(server):
    """
    The official client fills in the sort keys that it is given, so a constant that threads share changes.
    """
    order = [{"column": "code"}]
    with make_official(server) as sg:
        sg.find("Shot", [], order=order)

    assert order == [{"column": "code", "field_name": "code", "direction": "asc"}]


def test_official_client_sends_what_is_no_json(server):
    """
    The official client sends NaN as it is, which no JSON reader but Python's takes; ours refuses it.
    """
    with make_official(server) as sg:
        sg.find("Shot", [["sg_cut_in", "is", float("nan")]])

    assert b"[NaN]" in server.requests[-1].body


@pytest.fixture
def image(tmp_path):
    """
    An image to upload.
    """
    Image.new("RGB", (8, 8)).save(tmp_path / "frame.png")
    return str(tmp_path / "frame.png")


@pytest.fixture
def make_shots(any_tls_site):
    """
    Makes two shots on the site, and gives the list of links to them.
    """

    def make(sg):
        project = sg.create("Project", {"name": f"Project of {type(sg).__name__} {any_tls_site.url}"})
        shots = [sg.create("Shot", {"code": code, "project": project}) for code in ("sh010", "sh020")]
        return [{"type": "Shot", "id": shot["id"]} for shot in shots]

    return make


def test_official_client_takes_from_the_list_of_entities(any_tls_site, make_shots, image):
    """
    The official client takes the first entity out of the caller's list when a thumbnail is shared from a file.
    """
    with contextlib.closing(
        shotgun_api3.Shotgun(
            any_tls_site.url, any_tls_site.script_name, any_tls_site.api_key, ca_certs=any_tls_site.ca_file
        )
    ) as sg:
        shots = make_shots(sg)
        sg.share_thumbnail(shots, thumbnail_path=image)

    assert len(shots) == 1


def test_list_of_entities_stays_as_it_is(any_tls_site, make_site, make_shots, image):
    """
    Ours leaves the caller's list of entities alone when a thumbnail is shared from a file.
    """
    sg = NativeClient(make_site(any_tls_site))
    shots = make_shots(sg)
    expected = list(shots)
    sg.share_thumbnail(shots, thumbnail_path=image)

    assert shots == expected
