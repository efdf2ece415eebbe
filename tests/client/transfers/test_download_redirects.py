"""
Downloads: the session goes to the site alone, redirects are followed one by one, and what has expired is renewed.
"""

import base64
import threading
import traceback
import types

import pytest
from fix_native import KEY, meet
from fix_servers import http_reply, results
from fix_transfers import MediaSite, calls_of, client_of, data, denied, dumped
from shotgun_api3 import ShotgunFileDownloadError

from sgextended import HTTPStatusError, Site, ThumbnailNotReady, TransportError

CONTENT = b"the file"
WEB = "web:b4s1c"  # for the web server before the site
COOKIE = "_session_id=s3ss10n"


def to(url, status=302):
    """
    Return an answer that leads on.
    """
    return lambda _request: http_reply(b"moved", status=status, headers={"location": url})


@pytest.fixture
def site(make_server):
    """
    A site with the file 7.
    """
    return make_server(kind=MediaSite, **{"7": lambda _request: data(CONTENT)})


@pytest.fixture
def elsewhere(make_server):
    """
    Another server, with a file.
    """
    return make_server(kind=MediaSite, file=lambda _request: data(CONTENT))


def cookies_of(server):
    return [request.headers.get("cookie") for request in server.requests if request.method == "GET"]


def test_a_redirect_to_a_placeholder_is_not_followed(site, elsewhere, target):
    """
    A file whose URL leads to the placeholder of a thumbnail is not ready: nothing is stored.
    """
    site.answers["7"] = to(f"{elsewhere.url}/images/status/transient/thumbnail_pending.png")
    with pytest.raises(ThumbnailNotReady, match="still making"):
        client_of(site).download_attachment(7, str(target))

    assert elsewhere.requests == []
    assert not target.exists()


# --- The session


def test_session_is_asked_for_once(site):
    """
    Any number of downloads, clients and threads of one identity share one session.
    """
    clients = [client_of(site), client_of(site), client_of(site).clone()]
    meet(*[lambda sg=sg: sg.download_attachment(7) for sg in clients * 3])

    assert len(site.sent("get_session_token")) == 1
    assert cookies_of(site) == [COOKIE] * 9


def test_identities_do_not_share_sessions(site):
    """
    Who asks as somebody else has a session of their own, and a client that was given one uses that.
    """
    made = iter("ab")
    site.answers["get_session_token"] = lambda _request: results({"session_id": next(made)})
    for settings in ({}, {"sudo_as_login": "ana"}, {"script_name": None, "api_key": None, "session_token": "given"}):
        client_of(site, **settings).download_attachment(7)

    assert cookies_of(site) == ["_session_id=a", "_session_id=b", "_session_id=given"]


def test_session_goes_to_the_site_alone(site, elsewhere):
    """
    A server whose address merely contains the site's gets no session, and none is asked for.
    """
    host = site.url.partition("://")[2]
    url = f"{elsewhere.url}/{host}/file?via={site.url}"

    assert client_of(site, basic_auth=WEB).download_attachment({"url": url}) == CONTENT
    assert cookies_of(elsewhere) == [None]
    assert "authorization" not in elsewhere.requests[0].headers
    assert site.sent("get_session_token") == []


def test_session_does_not_follow_a_redirect(site, elsewhere):
    """
    Another port is another server; what leads back to the site carries the session again.
    """
    site.answers["7"] = to(f"{elsewhere.url}/first")
    elsewhere.answers["first"] = to(f"{site.url}/file_serve/back")
    site.answers["back"] = to(f"{elsewhere.url}/file")

    assert client_of(site, basic_auth=WEB).download_attachment(7) == CONTENT
    assert cookies_of(site) == [COOKIE, COOKIE]
    assert cookies_of(elsewhere) == [None, None]
    assert all("authorization" not in request.headers for request in elsewhere.requests)
    assert all(request.headers["authorization"].startswith("Basic ") for request in site.requests)


def test_session_of_a_tls_site_does_not_go_over_plain_http(make_server, authority, elsewhere):
    """
    What leads from https to http loses the session, also on the same host.
    """
    site = make_server(kind=MediaSite, tls=authority.server_context, **{"7": to(f"{elsewhere.url}/file")})

    assert client_of(site, ca_file=authority.ca_file).download_attachment(7) == CONTENT
    assert cookies_of(site) == [COOKIE]
    assert cookies_of(elsewhere) == [None]


@pytest.mark.parametrize(
    "url", ["HTTPS://STUDIO.example/a", "https://studio.example:443/a", "https://u:p@studio.example/a"]
)
def test_the_site_is_recognised_in_any_spelling(url):
    """
    Case, the usual port and a name before the host make no other server.
    """
    sg = client_of(types.SimpleNamespace(url="https://studio.example"))

    assert sg._transport_for_url(url)[1:] == ("/a", True)


@pytest.mark.parametrize(
    "url",
    ["http://studio.example/a", "https://studio.example:8443/a", "https://studio.example.evil/a",
     "https://studio.example@evil/a", "https://[::1]/studio.example"],
)  # fmt: skip
def test_other_servers_are_told_from_the_site(url):
    """
    Another scheme, port or host is another server, whatever else is in the address.
    """
    sg = client_of(types.SimpleNamespace(url="https://studio.example"))
    transport, _path, own = sg._transport_for_url(url)

    assert own is False
    assert transport is not sg._transport


# --- Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["/other/there?a=b#part", "there?a=b", "//{host}/x/there?a=b", "{url}/there?a=b"])
def test_redirects_are_followed(site, status, where):
    """
    All kinds of redirects lead on, by whole and by relative addresses.
    """
    site.answers["7"] = to(where.format(host=site.url.partition("//")[2], url=site.url), status)
    site.answers["there"] = lambda _request: data(CONTENT)

    assert client_of(site).download_attachment(7) == CONTENT
    assert site.requests[-1].path.endswith("/there?a=b")


def test_odd_characters_of_an_address_survive(site):
    """
    Bytes and spaces that a server puts into an address reach it as they were meant.
    """
    site.answers["7"] = lambda _request: (
        b"HTTP/1.1 302 Found\r\nlocation: /x/gr\xc3\xb6\xc3\x9fe%20a b\r\ncontent-length: 0\r\n\r\n"
    )
    site.answers["gr%C3%B6%C3%9Fe%20a%20b"] = lambda _request: data(CONTENT)

    assert client_of(site).download_attachment(7) == CONTENT


def test_redirects_end(site):
    """
    What leads on for ever is an error, after ten.
    """
    site.answers["7"] = to("/file_serve/attachment/7")

    with pytest.raises(ShotgunFileDownloadError, match="There were 11 redirects and no file"):
        client_of(site).download_attachment(7)

    assert len(site.sent("7")) == 11


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:,abc", "http://[::1/a"])
def test_redirects_lead_to_web_servers_alone(site, where):
    """
    No server can make the client read a file of its own machine.
    """
    site.answers["7"] = to(where)

    with pytest.raises(
        ShotgunFileDownloadError, match=r"not a valid http or https address|redirects to an invalid address"
    ) as caught:
        client_of(site).download_attachment(7)

    assert isinstance(caught.value, TransportError)
    assert len(site.sent("7")) == 1


def test_redirect_to_nowhere_is_a_refusal(site):
    """
    A redirect without an address is a status like others.
    """
    site.answers["7"] = lambda _request: http_reply(status=302)

    with pytest.raises(HTTPStatusError, match="HTTP Error 302"):
        client_of(site).download_attachment(7)


# --- What has expired


@pytest.mark.parametrize("status", [400, 401, 403])
def test_expired_link_is_renewed(site, elsewhere, status):
    """
    The address of an attachment that was read a while ago has expired; its id leads to a fresh one.
    """
    elsewhere.answers["old"] = lambda _request: denied(status=status)
    site.answers["7"] = to(f"{elsewhere.url}/file?sig=new")
    attachment = {"type": "Attachment", "id": 7, "url": f"{elsewhere.url}/old?sig=s3cr3t"}

    assert client_of(site).download_attachment(attachment) == CONTENT
    assert [request.path for request in elsewhere.requests] == ["/old?sig=s3cr3t", "/file?sig=new"]
    assert cookies_of(site) == [COOKIE]


@pytest.mark.parametrize("known", [True, False])
def test_link_is_renewed_once(site, elsewhere, known):
    """
    Storage that refuses the fresh link as well is believed; where no id is known, the first refusal is.
    """
    elsewhere.answers["file"] = lambda _request: denied()
    site.answers["7"] = to(f"{elsewhere.url}/file?sig=s3cr3t")
    attachment = {"url": f"{elsewhere.url}/file?sig=s3cr3t", **({"type": "Attachment", "id": 7} if known else {})}

    with pytest.raises(ShotgunFileDownloadError, match="Forbidden - Request has expired") as caught:
        client_of(site).download_attachment(attachment)

    assert len(elsewhere.requests) == 1 + known
    assert "s3cr3t" not in dumped(caught.value)


def test_link_that_expires_on_the_way_is_renewed(site, elsewhere):
    """
    An id that leads to a link that has expired by then leads to another one.
    """
    elsewhere.answers["old"] = lambda _request: denied()
    links = iter([to(f"{elsewhere.url}/old"), to(f"{elsewhere.url}/file")])
    site.answers["7"] = lambda request: next(links)(request)  # noqa: PLW0108 - another each time

    assert client_of(site).download_attachment(7) == CONTENT


@pytest.mark.parametrize(
    "refusal",
    [http_reply(status=401), http_reply(status=403), to("/user/login?next=7")(None)],
    ids=["401", "403", "login"],
)
def test_expired_session_is_renewed(site, monkeypatch, refusal):
    """
    A session that the site refuses is replaced by a new one, once for all who use it.
    """
    monkeypatch.setattr("sgextended.client.transfers.downloads.NEW_SESSION_SECONDS", 0)
    made = iter(["old", "new", "too new"])
    session = lambda _request: results({"session_id": next(made)})  # noqa: E731
    site.answers["get_session_token"] = session
    good = {"_session_id=old"}
    site.answers["7"] = lambda request: data(CONTENT) if request.headers["cookie"] in good else refusal
    site.answers["login"] = lambda _request: data(b"<html>Please sign in</html>")
    sg = client_of(site)
    sg.download_attachment(7)
    good.clear()
    good.add("_session_id=new")

    assert sg.download_attachment(7) == CONTENT
    assert sg.download_attachment(7) == CONTENT
    assert cookies_of(site) == ["_session_id=old"] * 2 + ["_session_id=new"] * 2


@pytest.mark.parametrize("refusal", [http_reply(status=403), to("/user/login")(None)], ids=["403", "login"])
def test_new_session_that_is_refused_is_believed(site, refusal):
    """
    Where the session was made just now, a refusal is about the file; no other session is asked for.
    """
    site.answers["7"] = lambda _request: refusal

    for _ in range(3):
        with pytest.raises(ShotgunFileDownloadError):
            client_of(site).download_attachment(7)

    assert calls_of(site) == "get_session_token 7 7 7"


@pytest.mark.parametrize("renews", [True, False])
def test_given_session_is_renewed_by_its_giver(site, renews):
    """
    A session that was given and has expired is replaced by whoever gives sessions, for calls too.
    """
    site.answers["7"] = lambda request: (
        data(CONTENT) if request.headers["cookie"] == "_session_id=new" else http_reply(status=403)
    )
    lock, asked = threading.Lock(), []

    def renew(site):
        with lock:
            asked.append(site)
        return "new"

    who = {"script_name": None, "api_key": None, "session_token": "old"}
    sg = client_of(site, **who, renew_session=renew if renews else None)
    if renews:
        assert sg.download_attachment(7) == CONTENT
        assert sg.download_attachment(7) == CONTENT
        assert sg.config.session_token == "new"
        assert [type(each) for each in asked] == [Site]
    else:
        with pytest.raises(ShotgunFileDownloadError, match="403"):
            sg.download_attachment(7)
        assert len(cookies_of(site)) == 1


def test_keys_are_in_no_error(site):
    """
    Neither the session nor the key shows in what a failed download raises.
    """
    site.answers["7"] = lambda _request: http_reply(b"no", status=404)

    with pytest.raises(ShotgunFileDownloadError) as caught:
        client_of(site).download_attachment(7)

    told = dumped(caught.value)
    assert KEY not in told
    assert "s3ss10n" not in told


def test_keys_do_not_show_in_tracebacks(site):
    """
    A report that shows local variables shows neither the session nor the key.
    """
    site.answers["7"] = lambda _request: http_reply(status=503)
    with pytest.raises(ShotgunFileDownloadError) as caught:
        client_of(site, basic_auth=WEB).download_attachment(7)

    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert KEY not in told
    assert "s3ss10n" not in told
    assert base64.b64encode(WEB.encode()).decode() not in told
