"""
Through a real proxy, ``proxy.py``: plain http, https through CONNECT with a private authority, and with a password.

`http/test_failed_requests.py` has the same with a scripted proxy, where more can go wrong.
"""

import contextlib
import importlib.util
import queue
import socket
import subprocess
import sys
import threading
import traceback

import pytest
import shotgun_api3
from fix_native import AT_ONCE, IDENTITY, make_client
from fix_servers import GUARD, Last, results
from fix_transport import in_threads

from sgextended import NativeClient, OutcomeUnknown, SGExtended, Site, TLSError, Unreachable

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("proxy") is None, reason="proxy.py is not installed"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # of the official client
]

USER, PASSWORD = "ada", "s3cret:w@rd"
SHOT = {"type": "Shot", "id": 7}

# What runs in the proxy's process. It says its port, then each request that it gets, and ends with its input.
PROGRAM = """
import sys
import proxy
from proxy.http.proxy import HttpProxyBasePlugin


class Noting(HttpProxyBasePlugin):
    def handle_client_request(self, request):
        print(request.method.decode(), f"{request.host.decode()}:{request.port}", flush=True)
        return request


if __name__ == "__main__":
    options = ["--hostname", "127.0.0.1", "--port", "0", "--num-workers", "1", "--num-acceptors", "1"]
    with proxy.Proxy([*options, "--log-level", "ERROR", *sys.argv[1:]], plugins=[b"noting_proxy.Noting"]) as running:
        print(running.flags.port, flush=True)
        sys.stdin.read()
"""


class RealProxy:
    """
    A proxy in a process of its own.
    """

    def __init__(self, program, *options):
        self._process = subprocess.Popen(
            [sys.executable, program, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._notes = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = f"127.0.0.1:{self._notes.get(timeout=4 * GUARD)}"

    def _read(self):
        for line in self._process.stdout:
            self._notes.put(line.strip())

    def notes(self, server, count):
        """
        Return the next *count* requests that it got for a server.
        """
        found = []
        while len(found) < count:
            method, _, target = self._notes.get(timeout=GUARD).partition(" ")
            if server.url.endswith(f"//{target}"):
                found.append(method)
        return found

    def begin_to_close(self):
        self._process.stdin.close()

    def close(self):
        self._process.wait(4 * GUARD)
        self._reader.join(GUARD)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def proxies(tmp_path_factory):
    """
    A proxy that anybody may use, and one that wants a password.
    """
    program = tmp_path_factory.mktemp("proxy") / "noting_proxy.py"
    program.write_text(PROGRAM)
    both = RealProxy(program), RealProxy(program, "--basic-auth", f"{USER}:{PASSWORD}")
    yield both
    for each in both:
        each.begin_to_close()
    for each in both:
        each.close()


@pytest.fixture
def open_proxy(proxies):
    """
    The proxy that anybody may use.
    """
    return proxies[0]


@pytest.fixture
def guarded_proxy(proxies):
    """
    The proxy that wants a password.
    """
    return proxies[1]


@pytest.fixture(params=["http", "https"])
def server(request, make_site_server, authority):
    """
    A scripted site over http and over https.
    """
    return make_site_server(tls=authority.server_context if request.param == "https" else None, create=SHOT)


@pytest.fixture
def make_proxied(authority):
    """
    Makes a client that reaches a scripted site through a proxy.
    """
    made = []

    def make(server, proxy, **settings):
        made.append(make_client(server, proxy=proxy, ca_file=authority.ca_file, **settings))
        return made[-1]

    yield make
    for client in made:
        client.close()


def is_secure(server):
    return server.url.startswith("https:")


def test_calls_go_through_the_proxy(server, open_proxy, make_proxied):
    """
    Each connection to the site is one that the proxy made: requests over http, one tunnel over https.
    """
    client = make_proxied(server, open_proxy.address)
    client.find("Shot", [])
    client.create("Shot", {"code": "sh010"})

    assert [request.rpc for request in server.requests] == ["info", "read", "create"]
    if is_secure(server):
        assert (open_proxy.notes(server, 1), server.connections) == (["CONNECT"], 1)
    else:
        assert open_proxy.notes(server, 3) == ["POST"] * 3


def test_password_opens_the_proxy(server, guarded_proxy, make_proxied):
    """
    With the right user and password the proxy leads to the site, any signs in the password included.
    """
    client = make_proxied(server, f"{USER}:{PASSWORD}@{guarded_proxy.address}")

    assert client.create("Shot", {"code": "sh010"}) == SHOT
    assert guarded_proxy.notes(server, 1) == ["CONNECT" if is_secure(server) else "POST"]


WRONG = {"wrong": f"{USER}:wr0ng-w@rd@", "none": ""}


@pytest.mark.parametrize("who", WRONG.values(), ids=WRONG)
def test_proxy_that_refuses_is_told(server, guarded_proxy, make_proxied, who):
    """
    Without the right password the error names the proxy and not the password, and nothing is tried again.
    """
    client = make_proxied(server, who + guarded_proxy.address)
    with pytest.raises(Unreachable, match=f"proxy {guarded_proxy.address} .*407.*Give its user") as caught:
        client.info()

    assert (caught.value.sent, caught.value.attempts) == (False, 1)  # more could lock the account
    assert "wr0ng" not in "".join(traceback.format_exception(None, caught.value, None))
    assert server.connections == 0


def test_refused_tunnel_was_not_sent(make_site_server, authority, guarded_proxy, make_proxied):
    """
    A create for which the proxy opens no tunnel was surely not done, and the error names the proxy.
    """
    server = make_site_server(tls=authority.server_context)
    client = make_proxied(server, f"{USER}:wr0ng-w@rd@{guarded_proxy.address}")
    with pytest.raises(Unreachable, match=f"{guarded_proxy.address} did not connect to {server.url}") as caught:
        client._call_rpc("create", {})

    assert not caught.value.sent


def test_site_that_is_down_is_told_from_its_proxy(unused_port, open_proxy, authority):
    """
    Where the proxy is there and the site is not, the error names both; nothing was sent.
    """
    url = f"https://127.0.0.1:{unused_port}"
    site = Site(url=url, proxy=open_proxy.address, ca_file=authority.ca_file, retry=AT_ONCE, **IDENTITY)
    with pytest.raises(Unreachable, match=f"The proxy {open_proxy.address} did not connect to {url}.*502") as caught:
        NativeClient(site).info()

    assert not caught.value.sent


@pytest.mark.parametrize("failure", [None, Last(reset=True)], ids=["closed", "reset"])
def test_create_through_a_proxy_is_done_once(make_site_server, authority, open_proxy, make_proxied, failure):
    """
    A create whose answer is lost behind the proxy is done once, and the error says that nobody knows.
    """
    server = make_site_server(tls=authority.server_context, create=lambda _request: failure)
    with pytest.raises(OutcomeUnknown, match=r"The connection to .* was lost"):
        make_proxied(server, open_proxy.address).create("Shot", {"code": "sh010"})

    assert len(server.sent("create")) == 1


def test_certificates_are_checked_through_the_tunnel(make_site_server, authority, open_proxy):
    """
    A site whose authority is not trusted is refused behind a proxy too, with the setting to change.
    """
    server = make_site_server(tls=authority.server_context)
    with pytest.raises(TLSError, match="Set ca_file"):
        make_client(server, proxy=open_proxy.address).info()

    assert server.requests == []


def test_threads_share_the_tunnels(make_site_server, authority, open_proxy, make_proxied):
    """
    Four threads on one client, through two tunnels at most, each get their own answers.
    """
    server = make_site_server(
        tls=authority.server_context, summarize=lambda request: results(request.payload["params"][1]["type"])
    )
    client = make_proxied(server, open_proxy.address, connections=2)

    def ask(number):
        types = [f"{number}-{turn}" for turn in range(5)]
        return [client.summarize(each, [], [{"field": "id", "type": "count"}]) for each in types] == types

    assert in_threads(4, ask) == [True] * 4
    assert server.connections <= 2


# --- A whole site


@pytest.fixture
def through(guarded_proxy):
    """
    The proxy with its password, as the native argument.
    """
    return f"{USER}:{PASSWORD}@{guarded_proxy.address}"


@pytest.fixture
def sg(any_tls_site, make_sg, through):
    """
    A wrapper on the local site, through the proxy.
    """
    with make_sg(any_tls_site, proxy=through) as sg:
        yield sg


@pytest.fixture
def shot(sg):
    """
    A shot.
    """
    project = sg.create("Project", {"name": f"Project {len(sg.find('Project', []))} behind a proxy"})
    return sg.create("Shot", {"code": "sh010", "project": project})


@pytest.fixture
def make_official(any_tls_site, through):
    """
    Makes an official client of the local site that knows the proxy.
    """

    def make(**settings):
        site = any_tls_site
        return shotgun_api3.Shotgun(
            site.url, site.script_name, site.api_key, ca_certs=site.ca_file, http_proxy=through, **settings
        )

    return make


def test_records_are_written_and_read_through_the_proxy(any_tls_site, make_sg, guarded_proxy, sg, shot):
    """
    What is written through the proxy is what is read without it.
    """
    sg.update("Shot", shot["id"], {"description": "größer"})

    with make_sg(any_tls_site) as direct:
        found = direct.find_one("Shot", [["id", "is", shot["id"]]], ["code", "description"])
    assert found == {"type": "Shot", "id": shot["id"], "code": "sh010", "description": "größer"}
    assert guarded_proxy.notes(any_tls_site, 1) == ["CONNECT"]


def test_adopted_client_keeps_its_proxy(any_tls_site, guarded_proxy, make_official):
    """
    A wrapper made of an official client goes through the same proxy, with the same password.
    """
    with SGExtended.from_shotgun(make_official(connect=False)) as sg:
        assert len(sg.find("Status", [])) > 0

    assert guarded_proxy.notes(any_tls_site, 1) == ["CONNECT"]


def test_official_client_reads_the_same_through_the_proxy(any_tls_site, guarded_proxy, make_official, sg):
    """
    The official client, given the same proxy, finds the same.
    """
    with contextlib.closing(make_official()) as official:
        expected = official.find("Status", [], ["code", "name"])

    assert sg.find("Status", [], ["code", "name"]) == expected
    assert guarded_proxy.notes(any_tls_site, 2) == ["CONNECT"] * 2


@pytest.fixture
def connected(monkeypatch):
    """
    The ports to which this process, which is not the proxy's, makes connections.
    """
    ports, connect = [], socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda sock, address: (ports.append(address[1]), connect(sock, address))[1]
    )
    return ports


def test_files_go_through_the_proxy(guarded_proxy, connected, sg, shot, tmp_path):
    """
    A file is uploaded and downloaded through the proxy only, and comes back as it went.
    """
    path = tmp_path / "notes.txt"
    path.write_bytes(b"Second pass.\n")
    attachment = sg.upload("Shot", shot["id"], str(path))

    assert sg.download_attachment(attachment) == b"Second pass.\n"
    assert set(connected) == {int(guarded_proxy.address.partition(":")[2])}
