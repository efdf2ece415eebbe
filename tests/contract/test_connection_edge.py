"""
The edge of the connection: addresses, credentials, proxies and certificates, through the official client and ours.

Each case makes both clients with the same arguments for the same server. Where the outcomes differ on purpose,
docs/differences.md has a row.
"""

import base64
import contextlib
import os
import socket
from urllib.parse import urlsplit

import pytest
import shotgun_api3
from fix_servers import GUARD, ScriptedProxy, http_reply
from shotgun_api3.lib import httplib2

from sgextended import (
    ConfigurationError,
    HTTPStatusError,
    InvalidArgumentError,
    NativeClient,
    RetryPolicy,
    SGExtended,
    Site,
)
from sgextended.localsite import LocalSite

# The official client leaves files and sockets of uploads and downloads to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

MAKERS = (shotgun_api3.Shotgun, SGExtended)
HALF = "sh\udce4010"  # what os.listdir returns for a name in Latin-1
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture(scope="module")
def site():
    """
    A local site with direct uploads.
    """
    with LocalSite(direct_uploads=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


class RecordingProxy(ScriptedProxy):
    """
    A proxy that passes requests for plain http on, and records the path of each request, and its credentials.
    """

    def __init__(self):
        self.seen, self.logins = [], []
        super().__init__(self.forward)

    def forward(self, request):
        parts = urlsplit(request.path)
        with socket.create_connection((parts.hostname, parts.port), GUARD) as there:
            query = f"?{parts.query}" if parts.query else ""
            headers = [f"{name}: {value}" for name, value in request.headers.items()]
            head = [f"{request.method} {parts.path}{query} HTTP/1.1", *headers]
            head = [line for line in head if not line.startswith(("connection:", "proxy-"))]
            there.sendall("\r\n".join([*head, "connection: close", "", ""]).encode("latin-1") + request.body)
            reply = b"".join(iter(lambda: there.recv(1 << 16), b""))
        self.seen.append(parts.path.split("/")[1])
        return reply

    def login(self):
        coded = self.requests[-1].headers["proxy-authorization"].partition(" ")[2]
        return base64.b64decode(coded).decode("utf-8")


@pytest.fixture
def proxy():
    """
    A proxy that passes everything on.
    """
    made = RecordingProxy()
    yield made
    made.close()


def outcome(call):
    """
    Return "ok", or the first class of an error that both clients may raise.
    """
    try:
        call()
    except ValueError:
        return "ValueError"
    return "ok"


# --- Arguments


CREDENTIALS = {
    "none": {},
    "key alone": {"api_key": "k"},
    "script alone": {"script_name": "s"},
    "two kinds": {"script_name": "s", "api_key": "k", "login": "l", "password": "p"},
    "login alone": {"login": "l"},
    "password alone": {"password": "p"},
    "second factor alone": {"auth_token": "1"},
    "second factor without password": {"login": "l", "auth_token": "1"},
    "session and key": {"script_name": "s", "api_key": "k", "session_token": "t"},
    "session and password": {"session_token": "t", "login": "l", "password": "p"},
    "none, not connected": {"connect": False},
    "two kinds, not connected": {"script_name": "s", "api_key": "k", "login": "l", "password": "p", "connect": False},
}
PROXIES = {
    "host:1": "ok", "host": "ok", "ada:pw@host:1": "ok", "ada:p@w@host": "ok", "": "ok",
    "http://host": "ValueError", "http://host:1": "ValueError", "ada@host": "ValueError", "host:1:2": "ValueError",
    "host:port": "ValueError", "host:": "ValueError", "[::1]:1": "ValueError",
}  # fmt: skip
ADDRESSES = {
    "{url}": "ok", "{url}\n": "ok", "{url}/": "ok", "": "ValueError", "host": "ValueError", "ftp://host": "ValueError",
}  # fmt: skip


@pytest.mark.parametrize("case", CREDENTIALS)
def test_credentials_are_refused_alike(site, case):
    """
    Missing and contradicting credentials are a ValueError at once, and only a client that does not connect needs none.
    """
    expected = "ok" if case == "none, not connected" else "ValueError"

    assert [outcome(lambda make=make: make(site.url, **CREDENTIALS[case])) for make in MAKERS] == [expected] * 2


@pytest.mark.parametrize("text", PROXIES)
def test_http_proxy_is_refused_alike(text):
    """
    http_proxy has exactly the format of the official client.
    """
    makes = [lambda make=make: make("https://x.example", "s", "k", http_proxy=text, connect=False) for make in MAKERS]

    assert [outcome(make) for make in makes] == [PROXIES[text]] * 2


@pytest.mark.parametrize("address", ADDRESSES)
def test_address_is_refused_alike(site, address):
    """
    An address that is no URL is a ValueError; a line break at its end is ignored, and both clients then get responses.
    """
    url = address.format(url=site.url)
    calls = [lambda make=make: make(url, site.script_name, site.api_key).find("Project", []) for make in MAKERS]

    assert [outcome(call) for call in calls] == [ADDRESSES[address]] * 2


@pytest.mark.parametrize(("address", "found"), [(None, "None"), (b"https://web:secret@x", "a bytes")])
def test_an_address_that_is_no_text(address, found):
    """
    Both clients refuse None and bytes; ours names the argument, and quotes no password.
    """
    assert outcome(lambda: shotgun_api3.Shotgun(address, "s", "k")) == "ValueError"
    with pytest.raises(ConfigurationError, match=f"base_url is {found}") as caught:
        SGExtended(address, "s", "k")

    assert "secret" not in str(caught.value)


def test_a_call_without_credentials(site):
    """
    A client without credentials raises a ValueError at the call; ours says what is missing. Nothing is sent.
    """
    before = site.ledger.count()
    for make in MAKERS:
        with pytest.raises(ValueError, match=r"invalid auth params|has no credentials"):
            make(site.url, connect=False).schema_entity_read()

    assert [entry.rpc for entry in site.ledger.entries[before:]] == []


# --- Addresses


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("tls", [False, True])
def test_ipv6(tls, tmp_path):
    """
    Both clients reach a local site on an IPv6 address, for calls and for transfers, by the address that it prints.
    """
    (tmp_path / "z.txt").write_text("hello")
    with LocalSite(host="::1", tls=tls, direct_uploads=True) as site:
        assert urlsplit(site.url).hostname == "::1"
        for make in MAKERS:
            sg = make(site.url, site.script_name, site.api_key, ca_certs=site.ca_file)
            assert transfer(sg, tmp_path / "z.txt") == b"hello"
            if make is shotgun_api3.Shotgun:
                copied = SGExtended.from_shotgun(sg)
                assert copied.site.url == site.url
                assert copied.find("Project", [])
            sg.close()


def transfer(sg, path):
    """
    Upload a file to a new version, and return it as it is downloaded.
    """
    project = sg.create("Project", {"name": f"{type(sg).__name__} {len(sg.find('Project', []))}"})
    version = sg.create("Version", {"code": "v", "project": project})
    sg.upload("Version", version["id"], str(path), "sg_uploaded_movie")
    found = sg.find_one("Version", [["id", "is", version["id"]]], ["sg_uploaded_movie"])
    return sg.download_attachment(found["sg_uploaded_movie"])


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://studio.example/api3/json", "Use https://studio.example as the address"),
        ("https://studio.example:444/sub/api3/json/", "Use https://studio.example:444/sub as the address"),
        ("https://ada:secret@studio.example/api3/json?token=secret", "Use https://studio.example as the address"),
        ("https://portal.example/login?token=secret", "It redirects to https://portal.example/login. Open"),
        ("/maintenance", "It redirects to /maintenance. Open"),
        ("https://[::1", "301: Moved Permanently."),
        (None, "301: Moved Permanently."),
    ],
)
def test_a_redirected_call(make_server, location, said):
    """
    Both clients raise ProtocolError for a redirected call; ours names the new address, without what may be secret.
    """
    reply = http_reply(status=301, headers={"location": location} if location else {})
    server = make_server(lambda _request: reply)
    with pytest.raises(shotgun_api3.ProtocolError):
        shotgun_api3.Shotgun(server.url, "s", "k")
    with pytest.raises(HTTPStatusError) as caught:
        SGExtended(server.url, "s", "k")

    assert caught.value.errcode == 301
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


# --- Headers


@pytest.mark.parametrize("password", ["geheim", "pä", "密码", "p@ss:wort"])
def test_a_proxy_gets_the_password_in_utf_8(site, proxy, password):
    """
    A proxy receives the same user and password from both clients.
    """
    seen = []
    for make in MAKERS:
        sg = make(site.url, site.script_name, site.api_key, http_proxy=f"adä:{password}@127.0.0.1:{proxy.port}")
        sg.find("Project", [])
        seen.append(proxy.login())

    assert seen == [f"adä:{password}"] * 2


@pytest.mark.parametrize("agent", ["tool\n", "a\r\nx-header: 1", "\0", "\x1b[1m", "half \udce4", None, b"tool"])
def test_a_user_agent_is_validated_when_it_is_added(site, agent):
    """
    The official client fails at the next call. Ours refuses the text at once, and the user agent is as before.
    """
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    official.add_user_agent(agent)
    with SGExtended(site.url, site.script_name, site.api_key) as sg:
        before = list(sg._user_agents)
        with pytest.raises(ConfigurationError, match="user agent"):
            sg.add_user_agent(agent)

        assert sg._user_agents == before
        with pytest.raises(ConfigurationError, match="user agent"):
            SGExtended.from_shotgun(official)


def test_a_user_agent_is_sent_in_utf_8(site):
    """
    A user agent beyond Latin-1 is sent, which the official client cannot do.
    """
    with SGExtended(site.url, site.script_name, site.api_key) as sg:
        sg.add_user_agent("工具 1.0")
        sg.find("Project", [])

    assert site.ledger.entries[-1].user_agent.encode("latin-1").decode("utf-8").endswith("工具 1.0")


@pytest.mark.parametrize("name", ["authorization", "session_token"])
def test_a_header_on_the_configuration_is_validated(site, name):
    """
    A text with a line break is refused when it is assigned, without being shown.
    """
    with SGExtended(site.url, site.script_name, site.api_key) as sg, pytest.raises(ConfigurationError) as caught:
        setattr(sg.config, name, "s3cret-value\n")

    assert "s3cret-value" not in str(caught.value)


# --- Proxies of the environment


@pytest.mark.parametrize("from_environment", [False, True])
def test_calls_and_transfers_go_the_same_way(site, proxy, monkeypatch, tmp_path, from_environment):
    """
    The official client sends transfers, and only them, through a proxy of the environment. Ours sends all or nothing.
    """
    (tmp_path / "z.txt").write_text("hello")
    monkeypatch.setenv("http_proxy", f"http://ad%C3%A4:p%40w@127.0.0.1:{proxy.port}/")
    settings = {"url": site.url, "script_name": site.script_name, "api_key": site.api_key}
    with SGExtended(site=Site(**settings, proxy_from_environment=from_environment)) as sg:
        assert transfer(sg, tmp_path / "z.txt") == b"hello"

    assert set(proxy.seen) == ({"api3", "upload", "storage"} if from_environment else set())
    if from_environment:
        assert proxy.login() == "adä:p@w"
        return
    transfer(shotgun_api3.Shotgun(*settings.values()), tmp_path / "z.txt")
    assert set(proxy.seen) == {"upload", "storage"}


@pytest.mark.parametrize(
    ("variables", "is_used"),
    [
        ({"http_proxy": "{proxy}"}, True),
        ({"HTTP_PROXY": "http://{proxy}"}, True),
        ({"http_proxy": "{proxy}", "no_proxy": ""}, True),
        ({"http_proxy": "{proxy}", "no_proxy": "studio.example, 127.0.0.1"}, False),
        ({"http_proxy": "{proxy}", "no_proxy": "*"}, False),
        ({"https_proxy": "{proxy}"}, False),
        ({"http_proxy": ""}, False),
        ({"http_proxy": "", "HTTP_PROXY": "{proxy}"}, False),
    ],
)
def test_the_environment_is_read_as_by_urllib(site, proxy, monkeypatch, tmp_path, variables, is_used):
    """
    Calls of ours use a proxy of the environment where transfers of the official client use it.
    """
    (tmp_path / "z.txt").write_text("hello")
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(proxy=f"127.0.0.1:{proxy.port}"))
    transfer(shotgun_api3.Shotgun(site.url, site.script_name, site.api_key), tmp_path / "z.txt")
    official = bool(proxy.seen)
    proxy.seen.clear()
    settings = Site(url=site.url, script_name=site.script_name, api_key=site.api_key, proxy_from_environment=True)
    with SGExtended(site=settings) as sg:
        sg.find("Project", [])

    assert (official, bool(proxy.seen)) == (is_used, is_used)


def test_a_failure_names_the_unused_proxy(monkeypatch, unused_port):
    """
    Where nothing answers directly, the error says that the environment has a proxy, without its password.
    """
    monkeypatch.setenv("http_proxy", "http://ada:secret@127.0.0.1:1")
    site = Site(url=f"http://127.0.0.1:{unused_port}", script_name="s", api_key="k", retry=RetryPolicy(attempts=1))
    with pytest.raises(ConnectionRefusedError, match="http_proxy is in the environment, but not used") as caught:
        NativeClient(site).info()

    assert "secret" not in str(caught.value)


# --- Certificates


@pytest.mark.parametrize("arguments", [{}, {"ca_certs": ""}])
def test_empty_settings_of_certificates_mean_the_default(monkeypatch, arguments):
    """
    With an empty variable or argument, both clients use the default. A local authority stands for the public ones.
    """
    monkeypatch.setenv("SHOTGUN_API_CACERTS", "")
    with LocalSite(tls=True) as site:
        monkeypatch.setattr(httplib2, "CA_CERTS", site.ca_file)
        for make in MAKERS:
            assert make(site.url, site.script_name, site.api_key, **arguments).find("Project", []) == []


def test_an_empty_file_of_certificates_is_not_set(monkeypatch):
    """
    ca_file="" is None, and leaves the variable its effect.
    """
    with LocalSite(tls=True) as site:
        monkeypatch.setenv("SHOTGUN_API_CACERTS", str(site.ca_file))
        sg = SGExtended(site=Site(url=site.url, script_name=site.script_name, api_key=site.api_key, ca_file=""))
        assert sg.find("Project", []) == []
        sg.close()


# --- Texts that cannot be encoded


def calls_with(path, project):
    """
    Return calls with a text that is not valid Unicode, and the field that it is in.
    """
    return {
        "create": (lambda sg: sg.create("Shot", {"code": HALF, "project": project}), "code"),
        "update": (lambda sg: sg.update("Shot", 1, {"description": HALF}), "description"),
        "list": (lambda sg: sg.create("Shot", {"tag_list": ["ok", HALF], "project": project}), "tag_list"),
        "name of a field": (lambda sg: sg.create("Shot", {HALF: "x"}), "field_name"),
        "batch": (
            lambda sg: sg.batch([{"request_type": "create", "entity_type": "Shot", "data": {"code": HALF}}]),
            "code",
        ),
        "filter": (lambda sg: sg.find("Shot", [["code", "in", ["a", HALF]]]), "code"),
        "field": (lambda sg: sg.find("Shot", [], [HALF]), "return_fields"),
        "search": (lambda sg: sg.text_search(HALF, {"Shot": []}), "text"),
        "upload": (lambda sg: sg.upload("Project", 1, path, "sg_file"), "path"),
        "upload without a field": (lambda sg: sg.upload("Project", 1, path), "path"),
        "thumbnail": (lambda sg: sg.upload_thumbnail("Project", 1, path), "path"),
        "image": (lambda sg: sg.create("Shot", {"code": "a", "project": project, "image": path}), "image"),
        "display name": (lambda sg: sg.upload("Project", 1, __file__, display_name=HALF), "display_name"),
        "tags": (lambda sg: sg.upload("Project", 1, __file__, "sg_file", tag_list=HALF), "tag_list"),
    }


@pytest.mark.parametrize("case", calls_with("", {}))
def test_a_text_that_cannot_be_encoded(site, case, tmp_path):
    """
    Both clients raise a ValueError; ours names the field and the value, and sends nothing.
    """
    path = os.fsdecode(os.fsencode(tmp_path) + b"/sh\xe4010.png")
    try:
        with open(path, "w") as file:  # noqa: PTH123 - a path that is not valid Unicode
            file.write("pixels")
    except OSError:
        pytest.skip("this system allows no such name")
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    call, field = calls_with(path, official.create("Project", {"name": case}))[case]
    with pytest.raises(ValueError):
        call(official)
    with SGExtended(site.url, site.script_name, site.api_key) as sg:
        before = len(site.ledger.entries)
        with pytest.raises(InvalidArgumentError, match=f"The text of {field} cannot be sent") as caught:
            call(sg)

    assert r"sh\udce4010" in str(caught.value)
    assert len(site.ledger.entries) == before


def test_a_secret_that_cannot_be_encoded_is_not_shown(site):
    """
    The error for a key names the field only.
    """
    sg = SGExtended(site.url, site.script_name, "s3cret-k\udce4y", connect=False)
    with pytest.raises(InvalidArgumentError, match="The text of script_key cannot be sent") as caught:
        sg.find("Shot", [])
    sg.close()

    assert "s3cret" not in str(caught.value)


# --- Downloads


def test_a_download_into_a_missing_folder(site, tmp_path):
    """
    Both clients raise OSError before any byte of the file is requested; ours names the folder.
    """
    (tmp_path / "z.txt").write_text("hello")
    target = tmp_path / "missing" / "movie.mov"
    for make in MAKERS:
        sg = make(site.url, site.script_name, site.api_key)
        project = sg.create("Project", {"name": f"downloads of {make.__name__}"})
        number = sg.upload("Project", project["id"], str(tmp_path / "z.txt"))
        downloads = sum(entry.rpc == "download" for entry in site.ledger.entries)
        with pytest.raises(OSError, match="Unable to write Attachment to disk using file_path") as caught:
            sg.download_attachment(number, str(target))
        if make is SGExtended:
            assert str(caught.value).endswith(f"{str(target.parent)!r}")
            assert sum(entry.rpc == "download" for entry in site.ledger.entries) == downloads
