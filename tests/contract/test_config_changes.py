"""
What is set on ``config`` later holds for every call after it, or is refused when it is set.

The table has every attribute of the official configuration. The official client gets the same assignments on the same
servers, and ours must send the same request: itself, its copies, its workers, and when it checks a password.
"""

import asyncio
import base64
import copy
import datetime
import pickle
import warnings
from typing import Any, Callable, Dict, List, Tuple

import pytest
import shotgun_api3
from fix_native import AT_ONCE
from fix_servers import ScriptedProxy, ScriptedSite, page
from shotgun_api3.shotgun import _Config

from sgextended import ConfigurationError, NativeClient, SGExtended, Site, TransportError, TransportTimeout
from sgextended.localsite import LocalSite

KEY = "k3y-of-a-script"
MOMENT = datetime.datetime(2026, 3, 1, 12, 0)
LOGIN = {"user_login": "zoe", "user_password": "p4ss"}

#: The values that are set for an attribute: the attribute itself last, and what it needs before it.
HELD: Dict[str, Callable[["World"], Dict[str, Any]]] = {
    "scheme": lambda _world: {"scheme": "http"},
    "server": lambda world: {"server": world.server_of(world.new)},
    "api_path": lambda _world: {"api_path": "/elsewhere/json"},
    "proxy_server": lambda world: {"proxy_port": world.proxy.port, "proxy_server": "127.0.0.1"},
    "proxy_port": lambda world: {"proxy_server": "127.0.0.1", "proxy_port": world.proxy.port},
    "proxy_user": lambda world: {**world.through_proxy(), "proxy_pass": "pw", "proxy_user": "ada"},
    "proxy_pass": lambda world: {**world.through_proxy(), "proxy_user": "ada", "proxy_pass": "p:w@1"},
    "script_name": lambda _world: {"script_name": "other"},
    "api_key": lambda _world: {"api_key": "other-key"},
    "user_login": lambda _world: {"user_password": "p4ss", "user_login": "zoe"},
    "user_password": lambda _world: LOGIN,
    "auth_token": lambda _world: {**LOGIN, "auth_token": "123456"},
    "session_token": lambda _world: {"script_name": None, "api_key": None, "session_token": "t0ken"},
    "sudo_as_login": lambda _world: {"sudo_as_login": "zoe"},
    "extra_auth_params": lambda _world: {"extra_auth_params": {"product": "tk"}},
    "session_uuid": lambda _world: {"session_uuid": "u-1"},
    "authorization": lambda _world: {"authorization": "Basic " + base64.b64encode(b"web:pw").decode()},
    "localized": lambda _world: {"localized": True},
    "convert_datetimes_to_utc": lambda _world: {"convert_datetimes_to_utc": False},
    "_records_per_page": lambda _world: {"_records_per_page": 7},
    "api_ver": lambda _world: {"api_ver": "api9"},  # the official client uses it in set_server_params only
}
#: Attributes by which no request differs; a test of its own has each.
HELD_OTHERWISE = {"timeout_secs", "max_rpc_attempts", "rpc_attempt_interval", "raw_http_proxy"}
#: Values that are refused, and what the message says.
REFUSED: List[Tuple[str, Any, str]] = [
    ("_sg", None, "belongs to one client"),
    ("proxy_handler", object(), "Set config.proxy_server"),
    ("scheme", "ftp", "'http' or 'https'"),
    ("scheme", None, "'http' or 'https'"),
    ("server", "https://studio.example", "config.set_server_params"),
    ("server", "studio.example/sub", "config.set_server_params"),
    ("server", "ada:pw@studio.example", "config.authorization"),
    ("server", "studio.example:99999", "host:port"),
    ("server", None, "host:port"),
    ("api_path", "api3/json", "'/api3/json'"),
    ("api_path", "/api3/\r\njson", "'/api3/json'"),
    ("proxy_server", "http://proxy", "config.proxy_port"),
    ("proxy_server", "ada:pw@proxy", "config.proxy_port"),
    ("proxy_port", "eighty", "1 to 65535"),
    ("proxy_port", 0, "1 to 65535"),
    ("raw_http_proxy", "proxy:port", "not a valid proxy"),
    ("timeout_secs", -1, "finite number"),
    ("timeout_secs", float("inf"), "finite number"),
    ("timeout_secs", "30", "finite number"),
    ("max_rpc_attempts", 1.5, "whole number"),
    ("max_rpc_attempts", None, "whole number"),
    ("rpc_attempt_interval", -1, "milliseconds"),
    ("extra_auth_params", "product=tk", "a dict"),
    ("authorization", "Bearer a\nb", "control character"),
    ("session_token", "a\nb", "control character"),
    ("session_token", 5, "Give a text"),
    ("proxy_user", "a\nb", "control character"),
    ("proxy_pass", "a\udce4", "half a character"),
    ("proxy_server", "a\udce4", "half a character"),
    *((name, 5, "Set a text") for name in ("script_name", "api_key", "user_login", "user_password", "auth_token")),
    ("sudo_as_login", b"ada", "Set a text"),
]  # fmt: skip


class World:
    """
    An old site, a new site and a proxy, each of which answers every read with a person.
    """

    def __init__(self, make_server: Any) -> None:
        found = page({"type": "HumanUser", "id": 1})
        self.old, self.new = (make_server(kind=ScriptedSite, read=found) for _ in range(2))
        self.proxy = make_server(self._through_proxy, kind=ScriptedProxy)

    def _through_proxy(self, request: Any) -> Any:
        return self.old.handler(request).replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)

    @staticmethod
    def server_of(server: Any) -> str:
        return str(server.url.partition("://")[2])

    def through_proxy(self) -> Dict[str, Any]:
        return {"proxy_server": "127.0.0.1", "proxy_port": self.proxy.port}

    def last_read(self) -> Any:
        """
        Return the last read and where it arrived, with all that a setting can change in it.
        """
        asked = [
            (name, request)
            for name, server in (("proxy", self.proxy), ("old", self.old), ("new", self.new))
            for request in server.requests
        ]
        logins = {request.headers.get("proxy-authorization") for name, request in asked if name == "proxy"}
        reads = [(name, request) for name, request in asked if request.body and request.rpc == "read"]
        for server in (self.old, self.new, self.proxy):
            server.requests.clear()
        (where, request) = reads[0]
        assert len(reads) == 1
        headers = {name: request.headers.get(name) for name in ("authorization", "locale")}
        # For plain http the official client asks the proxy for a tunnel. Ours gives it the request.
        path = request.path.removeprefix(self.old.url)
        return ("proxy" if logins else where), path, request.payload, headers, logins

    def url(self, name: str) -> str:
        """
        Return the address with which the clients begin. For the scheme it is one that would fail.
        """
        return str(self.old.url).replace("http:", "https:") if name == "scheme" else str(self.old.url)


@pytest.fixture
def world(make_server):
    return World(make_server)


def set_on(sg: Any, values: Dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(sg.config, name, value)


def read(sg: Any, _item: int = 0) -> None:
    sg.find("Shot", [["created_at", "greater_than", MOMENT]], ["code"])


def check_password(sg: Any) -> None:
    sg.authenticate_human_user("ada", "pw")


WAYS: Dict[str, Callable[[Any], Any]] = {
    "itself": read,
    "clone": lambda sg: read(sg.clone()),
    "copy": lambda sg: read(copy.copy(sg)),
    "deepcopy": lambda sg: read(copy.deepcopy(sg)),
    "pickle": lambda sg: read(pickle.loads(pickle.dumps(sg))),
    "map": lambda sg: list(sg.map(read, [0], workers=1)),
    "aio": lambda sg: asyncio.run(sg.aio.find("Shot", [["created_at", "greater_than", MOMENT]], ["code"])),
    "from_shotgun": lambda sg: read(SGExtended.from_shotgun(sg)),
    "assigned": lambda sg: read(_with_config_of(sg)),
}


def _with_config_of(sg: Any) -> Any:
    other = SGExtended("http://127.0.0.1:1", "nobody", "no-key", connect=False)
    other.config = copy.copy(sg.config)
    return other


def make_ours(url: str) -> Any:
    return SGExtended(site=Site(url=url, script_name="robot", api_key=KEY, retry=AT_ONCE, allow_pickle_secrets=True))


@pytest.mark.leaks
@pytest.mark.parametrize("name", HELD)
def test_what_is_set_later_holds_for_every_call(world, name):
    """
    After the same assignments, ours and all that is made from it send what the official client sends.
    """
    official, ours = shotgun_api3.Shotgun(world.url(name), "robot", KEY, connect=False), make_ours(world.url(name))
    if name != "scheme":  # a connection, a version and a page size are known already
        for sg in (official, ours):
            read(sg)
        for server in (world.old, world.new, world.proxy):
            server.requests.clear()
    values = HELD[name](world)
    for sg in (official, ours):
        set_on(sg, values)
    official.close()

    read(official)
    expected = world.last_read()
    official.close()
    check_password(official)
    expected_check = world.last_read()
    official.close()
    found = {}
    for way, call in WAYS.items():
        call(ours)
        found[way] = world.last_read()
    check_password(ours)
    found["password"] = world.last_read()

    assert found == {**dict.fromkeys(WAYS, expected), "password": expected_check}
    assert {each: getattr(ours.config, each) for each in values} == values


def test_every_attribute_has_a_decision():
    """
    An attribute that a later shotgun_api3 adds needs a row in one of the tables.
    """
    decided = set(HELD) | HELD_OTHERWISE | {name for name, _value, _message in REFUSED}

    assert set(vars(_Config(None))) == decided


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_what_cannot_hold_is_refused(world, name, value, message):
    """
    The assignment raises an error that says what to set instead, and changes nothing.
    """
    sg = make_ours(world.old.url)
    before = getattr(sg.config, name)

    with pytest.raises(ConfigurationError, match=message) as raised:
        setattr(sg.config, name, value)
    read(sg)

    assert "pw" not in str(raised.value)
    assert getattr(sg.config, name) == before
    assert world.last_read()[0] == "old"


def test_a_whole_address_holds_at_once(world):
    """
    ``set_server_params`` sets scheme, server and path together, and nothing if the address is not valid.
    """
    sg = make_ours("https://127.0.0.1:1/sub/")
    sg.config.set_server_params(world.new.url + "/sub/")

    with pytest.raises(ValueError, match="http"):
        sg.config.set_server_params("ftp://studio.example")
    read(sg.clone())

    assert world.last_read()[:2] == ("new", "/sub/api3/json")
    assert sg.site.url == sg.base_url == world.new.url + "/sub/"


def test_an_address_of_its_own_is_no_way_to_change_the_site(world):
    """
    ``base_url`` is only text; setting it says how to change the site.
    """
    with pytest.raises(ConfigurationError, match="set_server_params"):
        make_ours(world.old.url).base_url = world.new.url


def test_urls_of_entities_follow_the_server(world):
    """
    The page of an entity is on the site that the calls go to.
    """
    sg = make_ours(world.old.url)
    sg.config.server = world.server_of(world.new)

    assert sg.entity_url({"type": "Shot", "id": 3}) == world.new.url + "/detail/Shot/3"


def test_a_proxy_as_one_text_holds(world):
    """
    ``raw_http_proxy`` is the text that the constructor takes; all parts of the proxy follow it, and it follows them.
    """
    sg = make_ours(world.old.url)
    sg.config.raw_http_proxy = f"ada:p@w@127.0.0.1:{world.proxy.port}"
    read(sg.clone())

    where, *_rest, logins = world.last_read()
    assert where == "proxy"
    assert [base64.b64decode(login.partition(" ")[2]) for login in logins] == [b"ada:p@w"]
    sg.config.proxy_user = None
    assert sg.config.raw_http_proxy == f"127.0.0.1:{world.proxy.port}"
    sg.config.proxy_server = None
    assert (sg.config.raw_http_proxy, sg.config.proxy_handler) == (None, None)
    read(sg)
    assert world.last_read()[0] == "old"


@pytest.mark.leaks
def test_a_time_limit_holds(world):
    """
    ``timeout_secs`` limits the waits of a client that has connected, and of its copies.
    """
    sg = make_ours(world.old.url)
    read(sg)
    sg.config.max_rpc_attempts, sg.config.timeout_secs = 1, 0.05
    world.old.answers["read"] = lambda _request: world.old.hang()

    for each in (sg, sg.clone(), pickle.loads(pickle.dumps(sg))):
        with pytest.raises(TransportTimeout, match=r"0\.05 s"):
            read(each)
    with pytest.raises(TransportTimeout, match=r"0\.05 s"):
        check_password(sg)


@pytest.mark.leaks
@pytest.mark.parametrize(("set_to", "attempts"), [(0, 1), (1, 1), (3, 3)])
def test_the_number_of_attempts_holds(world, set_to, attempts):
    """
    ``max_rpc_attempts`` is the highest number of attempts of a call. 0 is taken for 1.
    """
    sg = make_ours(world.old.url)
    sg.config.max_rpc_attempts = set_to
    world.old.answers["read"] = lambda _request: None

    for each in (sg, sg.clone(), pickle.loads(pickle.dumps(sg))):
        with pytest.raises(TransportError) as raised:
            read(each)
        assert raised.value.attempts == attempts
        assert each.site.retry.attempts == attempts


def test_the_interval_of_attempts_holds(world):
    """
    ``rpc_attempt_interval`` is the longest wait after the first attempt; the former value restores the site's policy.
    """
    sg = make_ours(world.old.url)
    before, retries = sg.config.rpc_attempt_interval, sg.site.retry
    sg.config.rpc_attempt_interval = 30000

    policy = sg.clone().site.retry
    assert (policy.first_wait, policy.longest_wait, policy.attempts) == (30.0, 30.0, retries.attempts)
    sg.config.rpc_attempt_interval = before
    assert sg.site.retry == retries


def test_the_interval_of_the_environment_holds(world, monkeypatch):
    """
    The variable that the official client reads sets the interval, unless the site has a policy of its own.
    """
    monkeypatch.setenv("SHOTGUN_API_RETRY_INTERVAL", "20")

    assert NativeClient(Site(url=world.old.url)).site.retry.first_wait == 0.02
    assert make_ours(world.old.url).site.retry == AT_ONCE


def test_a_replaced_configuration_is_not_taken_in_part(world):
    """
    If one of its values is not valid, all stay as they were.
    """
    sg = make_ours(world.old.url)
    other = shotgun_api3.Shotgun(world.new.url, "other", "other-key", connect=False).config
    other.timeout_secs = -1

    with pytest.raises(ConfigurationError, match="timeout_secs"):
        sg.config = other
    read(sg)

    assert world.last_read()[0] == "old"


def test_another_machine_over_plain_http_is_warned_of(world):
    """
    A server that is set later gets the warning that the constructor gives, once.
    """
    sg = make_ours(world.old.url)
    sg.config.server = "studio.example"

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [sg.site.url, sg.site.url] == ["http://studio.example"] * 2
    assert len([each for each in caught if "plain http" in str(each.message)]) == 1


@pytest.mark.leaks
def test_inactive_credentials_are_not_pickled(world):
    """
    A pickle has the credentials that are in use. A clone has the others, too.
    """
    sg = make_ours(world.old.url)
    set_on(sg, LOGIN)

    assert KEY.encode() not in pickle.dumps(sg._client)
    clone = sg.clone()
    clone.config.user_password = None
    read(clone)
    assert world.last_read()[2]["params"][0] == {"script_name": "robot", "script_key": KEY}


def test_connections_to_the_old_server_are_left():
    """
    After the server has changed, ``close`` closes the connections to both servers.
    """
    with LocalSite() as old, LocalSite() as new:
        client = NativeClient(Site(url=old.url, script_name=old.script_name, api_key=old.api_key))
        client.info()
        first = client._transport
        client.config.server, client.config.api_key = new.url.partition("://")[2], new.api_key
        client.info()
        assert first.has_users()
        client.close()

        assert not first.has_users()
        assert not client._transport.has_users()


def test_files_go_to_the_new_server(tmp_path):
    """
    Uploads and downloads follow the server, too.
    """
    (tmp_path / "a.txt").write_text("plate")
    with LocalSite(api_key="k") as old, LocalSite(api_key="k") as new:
        sg = SGExtended(old.url, old.script_name, "k")
        sg.config.server = new.url.partition("://")[2]
        project = sg.create("Project", {"name": "P"})
        written = old.ledger.count("create")
        number = sg.upload("Project", project["id"], str(tmp_path / "a.txt"))
        old.stop()

        assert sg.download_attachment(number) == b"plate"
        assert written == 0
