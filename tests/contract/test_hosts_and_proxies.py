"""
Names beyond ASCII, proxies that answer garbage, and texts of proxies: both clients on the same servers.
"""

import socket

import pytest
import shotgun_api3
from fix_native import AT_ONCE
from fix_servers import Last, ScriptedProxy, ScriptedSite, page
from shotgun_api3.lib.httplib2 import socks

from sgextended import ConfigurationError, InvalidArgumentError, ProxyError, SGExtended, Site
from sgextended.http.proxy import environment_proxy
from sgextended.http.socket_opener import _addresses

MAKERS = (shotgun_api3.Shotgun, SGExtended)
NAME, ASCII_NAME = "bücher.example", "xn--bcher-kva.example"


@pytest.fixture
def known_name(monkeypatch):
    """
    A name beyond ASCII that leads to this machine.
    """
    resolve = socket.getaddrinfo

    def find(host, *args, **kwargs):
        return resolve("127.0.0.1" if host in (NAME, ASCII_NAME, ASCII_NAME.encode()) else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", find)


@pytest.mark.filterwarnings("ignore:.*plain http")
@pytest.mark.parametrize("proxied", [False, True])
def test_a_name_beyond_ascii_is_sent_in_its_form_for_dns(known_name, make_server, proxied):
    """
    The header Host, and the address that a proxy gets, have the name as DNS has it, as those of the official client.
    """
    seen = []
    for make in MAKERS:
        server = make_server(kind=ScriptedSite, read=page())
        proxy = make_server(server.handler, kind=ScriptedProxy)
        port = server.url.rpartition(":")[2]
        through = f"127.0.0.1:{proxy.port}" if proxied else None
        try:
            make(f"http://{NAME}:{port}", "s", "k", http_proxy=through).find("Shot", [])
        except shotgun_api3.lib.httplib2.ServerNotFoundError:
            continue  # without a proxy the official client looks for the name in another way
        last = (proxy.requests or server.requests)[-1]
        seen.append(last.headers["host"].partition(":")[0])
        assert last.path.startswith(("/api3", f"{ASCII_NAME}:{port}", f"http://{ASCII_NAME}:{port}/"))

    assert set(seen) == {ASCII_NAME}


def test_a_link_local_address_keeps_its_interface(monkeypatch):
    """
    An address that is valid on one network interface only is not cut.
    """
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args: found)
    assert _addresses("fe80::1", 80) == ["fe80::1"]
    found[0] = (*found[0][:4], ("fe80::1", 80, 0, 2))

    assert _addresses("fe80::1%lan", 80) == ["fe80::1%2"]


@pytest.mark.parametrize("reply", [b"garbage\r\n\r\n", b"HTTP/1.1 2", b"HTTP/1.1 200 " + b"a" * 70000])
def test_a_proxy_that_answers_garbage(make_server, authority, reply):
    """
    It is an error of the proxy, which the handlers of the official class catch. Nothing was sent, and it is retried.
    """
    server = make_server(kind=ScriptedSite, tls=authority.server_context)
    proxy = make_server(lambda _request: Last(reply))
    site = Site(url=server.url, script_name="s", api_key="k", proxy=f"127.0.0.1:{proxy.port}", retry=AT_ONCE)
    with pytest.raises(ProxyError, match="did not connect") as caught:
        SGExtended(site=site).find("Shot", [])

    assert isinstance(caught.value, (socks.GeneralProxyError, socks.HTTPError))
    assert (caught.value.sent, caught.value.attempts) == (False, AT_ONCE.attempts)


def test_a_line_break_behind_a_proxy_is_ignored(make_server):
    """
    Both clients take the text of a proxy as it comes from a file.
    """
    server = make_server(kind=ScriptedSite, read=page())
    proxy = make_server(kind=ScriptedProxy, handler=server.handler)
    for make in MAKERS:
        sg = make(server.url, "s", "k", http_proxy=f"127.0.0.1:{proxy.port}\n")
        sg.find("Shot", [])
        sg.close()


@pytest.mark.parametrize(
    ("login", "password"),
    [("ada:p/w", "p/w"), ("ada:p#w?", "p#w?"), ("ada:p@w", "p@w"), ("ada:p%40%3A%2Fw", "p@:/w"), ("ada:密", "密")],
)
def test_a_password_in_the_environment(monkeypatch, login, password):
    """
    A password may have each sign, as for urllib, through which the official client reads the variable.
    """
    monkeypatch.setenv("https_proxy", f"http://{login}@Proxy.example:81/")
    proxy = environment_proxy("https", "studio.example")

    assert (proxy.host, proxy.port, proxy.user, proxy.password.reveal()) == ("proxy.example", 81, "ada", password)


@pytest.mark.parametrize("url", ["https://proxy.example", "socks5://ada:pw@proxy.example", "http://proxy:x", "http://"])
def test_an_address_in_the_environment_that_is_no_http_proxy(monkeypatch, url):
    """
    The error names the variable, without a password.
    """
    monkeypatch.setenv("https_proxy", url)
    with pytest.raises(ConfigurationError, match="https_proxy has no valid address") as caught:
        environment_proxy("https", "studio.example")

    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("address", [5, ["https://studio.example"]])
def test_an_address_of_another_type(address):
    """
    The error names the argument.
    """
    with pytest.raises(ConfigurationError, match=r"base_url is a (int|list)"):
        SGExtended(address, "s", "k")


def test_transfers_send_no_half_of_a_character(make_server):
    """
    The type of an upload and the address of a download are checked before anything is sent.
    """
    server = make_server(kind=ScriptedSite)
    sg = SGExtended(server.url, "s", "k", connect=False)
    with pytest.raises(InvalidArgumentError, match="The text of entity_type"):
        sg.upload("Sh\udce4t", 1, __file__)
    with pytest.raises(InvalidArgumentError, match="The text of url"):
        sg.download_attachment({"url": f"{server.url}/sh\udce4010.png"})

    assert server.requests == []
