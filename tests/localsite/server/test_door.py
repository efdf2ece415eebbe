"""
Who may pass the door of a site: names of the site, page tokens, signed addresses, clients without a cookie, proxies.
"""

import http.client
import json
import urllib.parse

import pytest
from page_login import basic_login, page_address, script_login

from sgextended.localsite import LocalSite
from sgextended.localsite.server.host_check import names_of_site
from sgextended.localsite.services.recent_clients import RecentClients

# The official client leaves files and refused answers open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore:Implicitly cleaning up:ResourceWarning"
)

AGENT = {"User-Agent": "shotgun-json (3.9.0); Python 3.11"}


@pytest.fixture(scope="module")
def served(make_connection, tmp_path_factory):
    """
    A site with a file and a thumbnail that nobody but its script should see, and the paths that lead to them.
    """
    folder = tmp_path_factory.mktemp("served")
    (folder / "script.txt").write_text("TOP SECRET")
    from PIL import Image

    Image.new("RGB", (64, 64)).save(folder / "i.png")
    with LocalSite(api_key="the key", script_name="tool") as site:
        site.add_user("zoe", "pa55word")
        sg = make_connection(site)
        project = sg.create("Project", {"name": "secret show"})
        version = sg.create("Version", {"code": "v", "project": project})
        number = sg.upload("Version", version["id"], str(folder / "script.txt"))
        sg.upload_thumbnail("Version", version["id"], str(folder / "i.png"))
        paths = [
            f"/file_serve/attachment/{number}",
            f"/storage/attachment/{number}/script.txt",
            f"/storage/thumbnail/{number + 1}.jpg",
            f"/thumbnail/full/Version/{version['id']}",
            f"/upload/get_thumbnail_url?entity_type=Version&entity_id={version['id']}",
            "/",
            "/records/Project",
            "/detail/Project/1",
            "/calls",
            "/calls/after/0",
            "/pages/statuses.css",
        ]
        yield site, sg, number, paths
        sg.close()


def get(site, path, method="GET", body=None, **headers):
    """
    Return status, headers and body of a request, whose headers are only those given and the host.
    """
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=10)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def test_strangers_see_nothing(served):
    """
    Files, thumbnails and pages are refused to requests without credentials, also by their right numbers.
    """
    site, _sg, _number, paths = served
    for path in paths:
        status, _headers, body = get(site, path)

        assert status in {401, 403}, path
        assert b"SECRET" not in body
        assert b"secret show" not in body


def test_the_script_sees_everything(served):
    """
    The same paths are served to the script: the refusals are not for another reason.
    """
    site, _sg, _number, paths = served

    assert [get(site, path, **script_login(site))[0] in {200, 302} for path in paths] == [True] * len(paths)


def test_wrong_credentials_are_none(served):
    """
    Wrong keys, cookies and tokens let nobody in.
    """
    site, _sg, _number, paths = served
    wrong = [
        {"Authorization": "Basic ???"},
        {"Authorization": "Bearer x"},
        basic_login("zoe", "wrong"),
        {"Cookie": "_session_id=x"},
        {"Cookie": f"sgextended_page_{site.url.rpartition(':')[2]}=9999999999.{'0' * 64}"},
        {"Cookie": f"sgextended_page_{site.url.rpartition(':')[2]}=\xff.\xff"},
    ]

    assert {get(site, path, **headers)[0] for path in (paths[0], "/") for headers in wrong} == {401, 403}
    assert get(site, "/?token=wrong")[0] == 401
    assert get(site, "/?token=%ff%fe")[0] == 401


def test_signed_address_is_for_one_file_and_a_while(served):
    """
    An address that a read returns is served to everybody. Its signature fits no other file and no later time.
    """
    site, sg, number, _paths = served
    row = sg.find_one("Version", [], ["image"])
    file = sg.find_one("Attachment", [["id", "is", number]], ["this_file"])["this_file"]["url"]
    path = file[len(site.url) :]
    query = path.partition("?")[2]

    assert get(site, path)[2] == b"TOP SECRET"
    assert get(site, row["image"][len(site.url) :])[0] == 200
    assert get(site, f"/file_serve/attachment/{number + 1}?{query}")[0] == 403
    assert get(site, f"/storage/thumbnail/{number + 1}.jpg?{query}")[0] == 403
    assert get(site, path.replace("expires=", "expires=9"))[0] == 403
    assert get(site, path, method="PUT")[0] == 405


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "a b", "localhost@x"]
)
def test_requests_for_other_names_are_refused(served, host):
    """
    All routes answer only requests for the names of the site, as a page whose name was rebound does not send them.
    """
    site, _sg, number, paths = served
    body = json.dumps({"method_name": "info", "params": []})
    forms = ["/upload/upload_file", "/upload/publish_thumbnail", "/api3/json", "/x/api3/json"]

    found = {get(site, path, Host=host, **script_login(site))[0] for path in [*paths, "/healthz", "/pages/style.css"]}
    found |= {get(site, path, "POST", body, Host=host)[0] for path in forms}
    found.add(get(site, f"/storage/upload/{number:032x}", "PUT", b"x", Host=host)[0])
    assert found == {421}


def test_refusal_of_a_name_says_what_to_do(served):
    """
    The refusal has the name and the option for it, without line breaks of the sender.
    """
    text = get(served[0], "/", Host="films.example")[2].decode()

    assert "'films.example'" in text
    assert "--hostname" in text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8010", "::1:8010", "localhost."])
def test_names_of_this_machine_are_names_of_the_site(served, host):
    """
    A site has the names of its machine for itself, with any port, as through a tunnel.
    """
    assert get(served[0], "/healthz", Host=host)[0] == 200


def test_given_names_are_names_of_the_site():
    """
    A site that listens for other machines has the given names, or else that of its machine.
    """
    assert names_of_site("127.0.0.1", []) == ()
    assert names_of_site("127.0.0.1", ["Shots.Example."]) == ("shots.example",)
    assert names_of_site("0.0.0.0", ["a.example", "192.0.2.7", "a.example"]) == ("a.example", "192.0.2.7")
    assert names_of_site("192.0.2.9", ["[2001:DB8::0:1]"]) == ("2001:db8::1", "192.0.2.9")
    assert names_of_site("::", []) != ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hostnames": ["https://films.example"]}, "without a scheme and a port"),
        ({"hostnames": ["films.example:443"]}, "without a scheme and a port"),
        ({"hostnames": ["*"]}, "not the name of a host"),
        ({"hostnames": [""]}, "not the name of a host"),
        ({"hostnames": ["0.0.0.0"]}, "not the name of a host"),
        ({"trusted_proxies": ["*"]}, "not known whom to trust"),
        ({"trusted_proxies": ["proxy.example"]}, "not known whom to trust"),
    ],
    ids=str,
)
def test_odd_names_and_proxies_are_refused(options, said):
    """
    A name that no request can have, and a proxy that could be anybody, are refused before the site starts.
    """
    with pytest.raises(ValueError, match=said):
        LocalSite(**options)


def test_token_becomes_a_cookie(served):
    """
    The token is exchanged for a cookie that scripts cannot read, and leaves the address. Other parameters stay.
    """
    site, _sg, _number, _paths = served
    address = page_address(site, "/records/Shot?q=a%26b")[len(site.url) :]
    status, headers, _body = get(site, address)
    cookie = headers["set-cookie"]
    name, _, rest = cookie.partition("=")

    assert (status, headers["location"]) == (303, "/records/Shot?q=a%26b")
    assert headers["referrer-policy"] == "no-referrer"
    assert name == f"sgextended_page_{site.url.rpartition(':')[2]}"
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in rest.split(";")}
    assert get(site, "/records/Project", Cookie=cookie.partition(";")[0])[0] == 200
    assert site.page_url.partition("token=")[2] not in cookie


def test_cookie_expires(served, monkeypatch):
    """
    The cookie is valid for a while only, and not with another time.
    """
    site, _sg, _number, _paths = served
    cookie = get(site, page_address(site)[len(site.url) :])[1]["set-cookie"].partition(";")[0]
    name, _, value = cookie.partition("=")
    expires, _, signature = value.partition(".")

    assert get(site, "/", Cookie=f"{name}={int(expires) + 9}.{signature}")[0] == 401
    monkeypatch.setattr("sgextended.localsite.services.page_access.time.time", lambda: int(expires) + 1)
    assert get(site, "/", Cookie=cookie)[0] == 401


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "/%2f%2fevil.example", "///evil.example"])
def test_token_never_redirects_to_another_site(served, path):
    """
    An address that begins like one of another host is not redirected to.
    """
    site, _sg, _number, _paths = served
    token = site.page_url.partition("?")[2]
    status, headers, _body = get(site, f"{path}?{token}")

    assert status == 404
    assert headers["location"] is None


def test_forms_of_other_pages_are_refused(served):
    """
    A request that could change something needs an origin of the site, even with a cookie or a login.
    """
    from starlette.requests import Request

    from sgextended.localsite.services.page_access import is_from_own_page

    def request(method, **headers):
        raw = [(b"host", b"localhost:8010"), *((name.encode(), value.encode()) for name, value in headers.items())]
        scope = {"type": "http", "method": method, "scheme": "http", "path": "/", "query_string": b"", "headers": raw}
        return is_from_own_page(Request(scope))

    assert request("GET")
    assert request("POST", origin="http://localhost:8010")
    for other in ("http://localhost:8011", "https://localhost:8010", "null", "http://evil.example"):
        assert not request("POST", origin=other)
    assert not request("POST")


def test_secrets_stay_out_of_the_ledger(served, caplog):
    """
    Neither tokens of pages nor signatures of files nor keys appear in the log of calls.
    """
    site, sg, number, _paths = served
    caplog.set_level("INFO", logger="sgextended.localsite.access")
    token = site.page_url.partition("token=")[2]
    get(site, page_address(site)[len(site.url) :])
    url = sg.find_one("Attachment", [["id", "is", number]], ["this_file"])["this_file"]["url"]
    get(site, url[len(site.url) :])
    sg.get_session_token()
    text = caplog.text + repr(site.ledger.entries)

    signature = urllib.parse.parse_qs(url.partition("?")[2])["signature"][0]
    assert not [secret for secret in (token, signature, site.api_key, sg.config.session_token) if secret in text]


def test_client_without_cookie_downloads_by_number(served, make_connection):
    """
    The official client sends no cookie to a host with a port, but starts a session first, so it gets its file.
    """
    site, _sg, number, _paths = served
    sg = make_connection(site)
    try:
        assert sg.download_attachment(number) == b"TOP SECRET"
        assert sg.download_attachment({"type": "Attachment", "id": number}) == b"TOP SECRET"
    finally:
        sg.close()


def test_other_programs_do_not_borrow_the_session_of_a_client(served, make_connection):
    """
    A request that no such client sends is refused while the client has its session: a browser's, or through a proxy.
    """
    site, _sg, number, paths = served
    sg = make_connection(site)
    sg.download_attachment(number)
    agent = {"User-Agent": "; ".join(sg._user_agents)}
    sg.close()

    assert get(site, paths[0], **agent)[0] == 200
    foreign = [
        {"User-Agent": "Mozilla/5.0"},
        {"User-Agent": "shotgun-json (0)"},
        {**agent, "Origin": "http://evil.example"},
        {**agent, "Referer": "http://evil.example/"},
        {**agent, "X-Forwarded-For": "127.0.0.1"},
        {**agent, "Sec-Fetch-Site": "cross-site"},
    ]
    assert {get(site, paths[0], **headers)[0] for headers in foreign} == {401}


def test_client_is_forgotten_with_its_session(make_connection, tmp_path):
    """
    When the key has changed, the session of a client has ended, and so its downloads by number.
    """
    (tmp_path / "x").write_bytes(b"x")
    with LocalSite() as site:
        sg = make_connection(site)
        number = sg.upload("Project", sg.create("Project", {"name": "p"})["id"], str(tmp_path / "x"))
        sg.download_attachment(number)
        agent = {"User-Agent": "; ".join(sg._user_agents)}
        path = f"/file_serve/attachment/{number}"
        before = get(site, path, **agent)[0]
        site.admit_script(site.script_name, "another")
        sg.close()

        assert (before, get(site, path, **agent)[0]) == (200, 403)


@pytest.fixture
def request_from():
    """
    Makes requests as the site sees them.
    """
    from starlette.requests import Request

    def make(host="127.0.0.1", port=5, **headers):
        raw = [(name.lower().encode(), value.encode()) for name, value in {**AGENT, **headers}.items()]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": raw, "client": (host, port)}
        return Request({**scope, "server": ("127.0.0.1", 6)})

    return make


def test_recent_clients_are_on_this_machine(request_from):
    """
    Clients of other machines are not remembered, nor are those of a site for several people.
    """
    for personal, host, found in ((True, "127.0.0.1", "t"), (True, "192.0.2.1", None), (False, "127.0.0.1", None)):
        clients = RecentClients(personal=personal)
        clients.remember(request_from(host), "t")

        assert clients.session_of(request_from(host)) == found


def test_recent_clients_are_forgotten(request_from, monkeypatch):
    """
    A client is remembered for a while, and only the latest clients are.
    """
    # The system's table is long on a machine that runs tests, and is read for each client.
    monkeypatch.setattr("sgextended.localsite.services.recent_clients._owner", lambda *_where: 1000)
    short, full = RecentClients(personal=True, seconds=0.0), RecentClients(personal=True)
    short.remember(request_from(), "t")
    for number in range(300):
        full.remember(request_from(**{"User-Agent": f"shotgun-json {number}"}), f"t{number}")

    assert short.session_of(request_from()) is None
    assert len(full._known) == 256
    assert full.session_of(request_from(**{"User-Agent": "shotgun-json 0"})) is None
    assert full.session_of(request_from(**{"User-Agent": "shotgun-json 299"})) == "t299"


def test_another_user_of_the_machine_is_another_client(request_from, monkeypatch):
    """
    On Linux, a client is also known by the system's user who runs it.
    """
    clients = RecentClients(personal=True)
    owners = iter([1000, 1001, 1000])
    monkeypatch.setattr("sgextended.localsite.services.recent_clients._owner", lambda *_where: next(owners))
    clients.remember(request_from(), "t")

    assert [clients.session_of(request_from()), clients.session_of(request_from())] == [None, "t"]


def test_environment_trusts_no_proxy(monkeypatch):
    """
    Forwarded headers are believed only from proxies that the site was told, whatever the environment says.
    """
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    for trusted, seen in (((), "127.0.0.1"), (("192.0.2.1",), "127.0.0.1"), (("127.0.0.1",), "203.0.113.9")):
        with LocalSite(trusted_proxies=trusted) as site:
            body = json.dumps({"method_name": "info", "params": []})
            get(site, "/api3/json", "POST", body, **{"X-Forwarded-For": "203.0.113.9"})

            assert site.ledger.entries[-1].client == seen


@pytest.mark.parametrize(
    "options", [{"hostnames": ["films.example"]}, {"trusted_proxies": ["127.0.0.1"]}, {"host": "0.0.0.0"}], ids=str
)
def test_a_site_for_several_people_has_no_token(options, caplog):
    """
    A site that other machines reach asks for a login, also from this machine, and answers to its names.
    """
    with LocalSite(**options) as site:
        site.add_user("zoe", "pa55word")

        assert "token" not in site.page_url
        assert get(site, "/?token=")[0] == 401
        assert get(site, "/", **basic_login("zoe", "pa55word"))[0] == 200
        assert get(site, "/", **script_login(site))[0] == 200
        if "hostnames" in options:
            assert get(site, "/healthz", Host="FILMS.example:443")[0] == 200
            assert site.other_urls == [f"http://films.example:{site.url.rpartition(':')[2]}"]
