"""
A site with single sign-on redirects a call whose session has ended: the session is renewed, or the error says so.
"""

import pickle
import threading

import pytest
import shotgun_api3
from fix_native import AT_ONCE, meet
from fix_servers import GUARD, http_reply, page, results
from fix_transfers import MediaSite, calls_of, data, text

from sgextended import ConfigurationError, HTTPStatusError, NativeClient, SessionExpired, SGExtended, Site

LOCATIONS = [
    "https://studio.example/saml/saml_login_request",
    "/saml/saml_login_request?next=%2Fapi3%2Fjson",
    "https://studio.example/sub/saml/saml_login_request/",
]


def sign_on(location=LOCATIONS[0], status=302):
    return http_reply(b"<html>", status=status, headers={"location": location})


def with_session(server, renew=None, **settings):
    site = Site(url=server.url, session_token="old", renew_session=renew, retry=AT_ONCE, read_timeout=GUARD, **settings)
    return NativeClient(site)


def accepting(reply, answer=None):
    """
    Return an answer that redirects all sessions but the new one.
    """

    def read(request):
        if request.auth.get("session_token") != "new":
            return reply
        return answer(request) if answer else results(page())

    return read


@pytest.mark.parametrize("status", [301, 302, 303, 307])
@pytest.mark.parametrize("location", LOCATIONS)
def test_an_ended_session_is_renewed(make_site_server, location, status):
    """
    A redirect to the sign-on is an expired session, in each form that a redirect has.
    """
    server = make_site_server(read=accepting(sign_on(location, status)))
    client = with_session(server, lambda _site: "new")

    assert client.find("Shot", []) == []
    assert [request.auth["session_token"] for request in server.sent("read")] == ["old", "new"]
    assert client.config.session_token == "new"


def test_a_create_is_sent_again(make_site_server):
    """
    The redirect comes before the site does anything, so a create follows the renewal, and is done once.
    """
    shot = {"type": "Shot", "id": 7}
    server = make_site_server(create=accepting(sign_on(), lambda _request: results(shot)))

    assert with_session(server, lambda _site: "new").create("Shot", {"code": "a"})["id"] == 7
    assert len(server.sent("create")) == 2


def test_a_session_is_renewed_once_for_all_threads(make_site_server):
    """
    Eight threads on four clients of one session ask the hook once, and all go on.
    """
    server, asked = make_site_server(read=accepting(sign_on())), []
    clients = [with_session(server, lambda _site: asked.append(1) or "new") for _ in range(4)]

    meet(*[lambda client=client: client.find("Shot", []) for client in clients * 2])

    assert asked == [1]


@pytest.mark.parametrize("find", ["find", "find_iter"])
def test_a_page_read_ahead_survives_a_renewal(make_site_server, find):
    """
    A session that ends between two pages costs no page, and is renewed once.
    """
    expired, asked = threading.Event(), []

    def read(request):
        number = request.payload["params"][1]["paging"]["current_page"]
        if number == 3:
            expired.set()
        if expired.is_set() and request.auth["session_token"] == "old":
            return sign_on()
        entities = [{"type": "Shot", "id": number}]
        return results({"entities": entities, "paging_info": {"has_next_page": number < 6}})

    client = with_session(make_site_server(read=read), lambda _site: asked.append(1) or "new")
    rows = getattr(client, find)("Shot", [], order=[{"field_name": "code"}])

    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert asked == [1]


def test_a_form_is_sent_again(make_server, make_file):
    """
    An upload by form renews the session, and sends the whole file again.
    """
    site = make_server(kind=MediaSite)
    upload = site.answers["upload_file"]
    site.answers["upload_file"] = lambda request: text(upload) if b"\r\n\r\nnew\r\n" in request.body else sign_on()

    assert with_session(site, lambda _site: "new").upload("Version", 12, make_file()) == 77
    assert calls_of(site) == "upload_file upload_file"


def test_a_download_is_sent_again(make_server):
    """
    A download renews the session, and does not follow the redirect to the sign-on.
    """
    site = make_server(kind=MediaSite)
    site.answers["7"] = lambda request: data(b"plate") if "new" in request.headers["cookie"] else sign_on()

    assert with_session(site, lambda _site: "new").download_attachment(7) == b"plate"
    assert calls_of(site) == "7 7"


CALLS = {
    "find": lambda client, _path: client.find("Shot", []),
    "create": lambda client, _path: client.create("Shot", {"code": "a"}),
    "upload": lambda client, path: client.upload("Version", 12, path),
    "download": lambda client, _path: client.download_attachment(7),
}


@pytest.mark.parametrize("renew", [None, lambda _site: None], ids=["no hook", "no session"])
@pytest.mark.parametrize("call", CALLS)
def test_without_a_new_session_the_error_says_what_to_do(make_server, make_file, call, renew):
    """
    The error is a ProtocolError as in the official client, and an AuthenticationFault, and is raised at once.
    """
    site = make_server(kind=MediaSite)
    site.answers.update(dict.fromkeys(("read", "create", "upload_file", "7"), lambda _request: sign_on()))

    with pytest.raises(SessionExpired, match="the session has ended") as caught:
        CALLS[call](with_session(site, renew), make_file())

    error = caught.value
    assert isinstance(error, (HTTPStatusError, shotgun_api3.ProtocolError))
    assert isinstance(error, shotgun_api3.AuthenticationFault)
    assert (error.errcode, error.headers["location"]) == (302, LOCATIONS[0])
    assert "Sign in again" in str(error)
    assert "renew_session" in str(error)
    assert len(calls_of(site).split()) == 1
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_other_redirects_renew_nothing(make_site_server):
    """
    A redirect to another page is not an ended session.
    """
    server, asked = make_site_server(read=lambda _request: sign_on("https://other.example/api3/json")), []

    with pytest.raises(HTTPStatusError) as caught:
        with_session(server, lambda _site: asked.append(1) or "new").find("Shot", [])
    assert not isinstance(caught.value, SessionExpired)
    assert asked == []


def test_a_hook_waits_for_nobody_else(make_site_server):
    """
    Calls of other sessions go on while one session is renewed.
    """
    begun, end = threading.Event(), threading.Event()
    server = make_site_server(
        read=lambda request: sign_on() if request.auth.get("session_token") == "old" else results(page())
    )

    def renew(_site):
        begun.set()
        end.wait(GUARD)
        return "new"

    def other():
        begun.wait(GUARD)
        SGExtended(server.url, "robot", "key").find("Shot", [])
        end.set()

    meet(lambda: with_session(server, renew).find("Shot", []), other)

    assert end.is_set()


@pytest.mark.parametrize("wrong", [5, b"new", "new\n"])
def test_a_token_that_is_not_valid_is_not_kept(make_site_server, wrong):
    """
    The error says what is wrong with the result of the hook, and the next call asks the hook again.
    """
    made = [wrong, "new"]
    client = with_session(make_site_server(read=accepting(sign_on())), lambda _site: made.pop(0))
    with pytest.raises(ConfigurationError, match=r"is a (int|bytes)|renew_session has the control character"):
        client.find("Shot", [])

    assert client.find("Shot", []) == []
