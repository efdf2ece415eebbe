"""
`NativeClient`: who asks, what its copies carry, and what never shows.
"""

import base64
import copy
import logging
import pickle
import re
import threading
import types

import pytest
import shotgun_api3
from fix_native import IDENTITY, KEY, make_client, meet
from fix_servers import GUARD, page, results

from sgextended import (
    ConfigurationError,
    NativeClient,
    Secret,
    Site,
    TransportError,
)

# --- Who asks


def test_authenticate_human_user_never_lends_its_password(make_site_server):
    """
    While one thread checks a person's password, another thread's calls keep the script's identity.
    """
    checking, checked = threading.Event(), threading.Event()

    def read(request):
        if "user_login" in request.auth:
            checking.set()
            checked.wait(GUARD)
        return results(page({"type": "HumanUser", "id": 1}))

    server = make_site_server(read=read)
    client = make_client(server)
    found = []

    def other():
        checking.wait(GUARD)
        client.find("Shot", [])
        checked.set()

    meet(lambda: found.append(client.authenticate_human_user("ada", "pw")), other)

    assert found == [{"type": "HumanUser", "id": 1}]
    assert sorted("user_login" in request.auth for request in server.sent("read")) == [False, True]
    assert (client.config.user_login, client.config.user_password) == (None, None)


def test_one_time_code_is_exchanged_once(make_site_server):
    """
    Clients of one site with a one-time code share the session that it was exchanged for.
    """
    server = make_site_server(get_session_token={"session_id": "s3ssion"})
    barrier = threading.Barrier(4)
    clients = []

    def work():
        barrier.wait(GUARD)
        clients.append(make_client(server, login="ada", password="pw", auth_token="123456"))

    meet(*[work] * 4)
    for client in clients:
        client.find("Shot", [])

    (exchange,) = server.sent("get_session_token")
    assert exchange.auth == {"user_login": "ada", "user_password": "pw", "auth_token": "123456"}
    assert {request.auth["session_token"] for request in server.sent("read")} == {"s3ssion"}
    assert not any("auth_token" in request.auth for request in server.sent("read"))


def test_one_time_code_is_sent_once(make_site_server):
    """
    A code works once, so a lost answer is not asked for again with the same code.
    """
    server = make_site_server(get_session_token=lambda _request: None)

    with pytest.raises(TransportError):
        make_client(server, login="ada", password="pw", auth_token="123456")

    assert len(server.sent("get_session_token")) == 1


def test_clone_of_a_session_keeps_it(make_site_server):
    """
    A clone goes on with the session, since the code is spent.
    """
    server = make_site_server(get_session_token={"session_id": "s3ssion"})
    client = make_client(server, login="ada", password="pw", auth_token="123456")

    client.clone().find("Shot", [])

    assert len(server.sent("get_session_token")) == 1
    assert server.sent("read")[0].auth["session_token"] == "s3ssion"
    assert client.site.login is None


def settle(client):
    """
    Change everything about a client that can be changed after it was made.
    """
    client.config.timeout_secs = 7.5
    client.config.session_uuid = "u-1"
    client.config.extra_auth_params = {"product": "tk"}
    client.config.sudo_as_login = "ada"
    client.config.localized = True
    client.config.convert_datetimes_to_utc = False
    client.add_user_agent("tk-maya 1.0")


def settings_of(client):
    config = client.config
    return (
        client.site,
        config.timeout_secs,
        config.session_uuid,
        config.extra_auth_params,
        config.sudo_as_login,
        config.localized,
        config.convert_datetimes_to_utc,
        client._user_agents,
        client._auth_params() if client._server_caps else None,
    )


DUPLICATES = {
    "clone": lambda client: client.clone(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda client: pickle.loads(pickle.dumps(client)),
    "from_shotgun": NativeClient.from_shotgun,
}


@pytest.mark.leaks
@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
def test_duplicates_carry_identity_and_settings(server, duplicate):
    """
    A copy of any kind is the same site, identity and settings, those changed later included.
    """
    client = make_client(server, allow_pickle_secrets=True)
    settle(client)

    other = duplicate(client)

    assert settings_of(other) == settings_of(client)
    assert other is not client
    assert other.find("Shot", []) == []
    assert server.sent("read")[0].auth == client._auth_params()


@pytest.mark.leaks
@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
def test_duplicates_are_apart(server, duplicate):
    """
    What is set on a copy does not show on the first.
    """
    client = make_client(server, allow_pickle_secrets=True)
    client.config.extra_auth_params = {"product": "tk"}
    before = copy.deepcopy(settings_of(client)[:-2])
    agents = list(client._user_agents)

    other = duplicate(client)
    other.config.extra_auth_params["product"] = "other"
    settle(other)

    assert settings_of(client)[:-2] == before
    assert client._user_agents == agents


def test_adopt_takes_all_from_a_native_client(server):
    """
    A client made of a plain Shotgun asks as that one does.
    """
    native = shotgun_api3.Shotgun(
        server.url.replace("://", "://Web:P%40ss@"), "robot", KEY, connect=False, sudo_as_login="ada"
    )
    native.config.timeout_secs = 3
    native.config.localized = True
    native.add_user_agent("tk-maya 1.0")

    client = NativeClient.from_shotgun(native)
    client.find("Shot", [])
    native.find("Shot", [])
    native.close()

    ours, theirs = server.sent("read")
    assert ours.payload == theirs.payload
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    assert ours.headers["locale"] == "auto"
    assert "tk-maya 1.0" in ours.headers["user-agent"]
    assert client.config.timeout_secs == 3


@pytest.mark.parametrize(
    "identity",
    [
        {"login": "ada", "password": "pw"},
        {"session_token": "tok"},
        {"script_name": "robot", "api_key": KEY, "http_proxy": "ada:p@ss@proxy:3128"},
        {"connect": False},
    ],
)
def test_adopt_takes_each_identity(identity):
    """
    Any identity that a Shotgun has is adopted, and its proxy.
    """
    native = shotgun_api3.Shotgun("https://studio.example/sub/", **{"connect": False, **identity})

    client = NativeClient.from_shotgun(native)

    assert client.config.user_login == native.config.user_login
    assert client.config.user_password == native.config.user_password
    assert client.config.session_token == native.config.session_token
    assert client.config.api_key == native.config.api_key
    assert client.config.raw_http_proxy == native.config.raw_http_proxy
    assert client.config.api_path == native.config.api_path
    assert client.config.server == native.config.server


def test_adopt_refuses_what_has_no_site():
    """
    A Mockgun leads to no site, and the message says so.
    """
    with pytest.raises(ConfigurationError, match="has no site and credentials"):
        NativeClient.from_shotgun(types.SimpleNamespace())


def test_a_replaced_config_gives_its_identity_and_settings(server):
    """
    A configuration assigned as a whole is taken over, the hidden credentials too; the object stays the client's own.
    """
    client = make_client(server)
    before = client.config

    client.config = shotgun_api3.Shotgun(server.url, "other", "other-key", connect=False).config

    assert client.config is before
    assert (client.config.script_name, client.config.api_key) == ("other", "other-key")


# --- Secrets


def everything_in(value, seen):
    """
    Yield the repr of all that can be reached through attributes, dicts and sequences.
    """
    if id(value) in seen:
        return
    seen.add(id(value))
    yield repr(value)
    if isinstance(value, Secret):
        return
    inner = list(vars(value).values()) if hasattr(value, "__dict__") and not isinstance(value, type) else []
    if isinstance(value, dict):
        inner += [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner += value
    for each in inner:
        yield from everything_in(each, seen)


@pytest.mark.parametrize(
    "identity",
    [
        {"script_name": "robot", "api_key": KEY},
        {"login": "ada", "password": KEY},
        {"session_token": KEY},
        {**IDENTITY, "basic_auth": f"web:{KEY}"},
        {**IDENTITY, "proxy": f"web:{KEY}@127.0.0.1:1"},
    ],
)
def test_client_shows_no_secret(server, identity):
    """
    Neither the client nor anything reached from it shows a key, password or token.
    """
    client = make_client(server, **identity)
    coded = base64.b64encode(f"web:{KEY}".encode()).decode()

    shown = list(everything_in(client, set()))

    assert len(shown) > 20
    assert [text for text in shown if KEY in text or coded in text] == []


def test_client_from_the_environment_pickles_without_secrets(server, monkeypatch):
    """
    The pickle names the variable, and the copy asks with what the variable holds.
    """
    for name, value in (("URL", server.url), ("SCRIPT_NAME", "robot"), ("API_KEY", KEY)):
        monkeypatch.setenv(f"X_{name}", value)

    pickled = pickle.dumps(NativeClient(Site.from_env("X_")))
    pickle.loads(pickled).find("Shot", [])

    assert KEY.encode() not in pickled
    assert server.sent("read")[0].auth["script_key"] == KEY


def test_client_with_a_literal_key_refuses_to_pickle(server):
    """
    A literal key is not written into a pickle.
    """
    with pytest.raises(ConfigurationError, match="allow_pickle_secrets"):
        pickle.dumps(make_client(server))


def test_logs_show_no_secret(server, caplog):
    """
    The debug log of a call has its name, its time and its sizes, and no key.
    """
    with caplog.at_level(logging.DEBUG):
        make_client(server).find("Shot", [["code", "is", "sh010"]])

    assert re.search(r"read Shot: 200, \d\.\d+ s, \d+ bytes sent, \d+ received", caplog.text)
    assert KEY not in caplog.text
    assert "sh010" not in caplog.text


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        (IDENTITY, "as robot>"),
        ({"login": "ada", "password": "pw"}, "as ada>"),
        ({"session_token": "t"}, "as a session>"),
        ({"script_name": None, "api_key": None}, "as nobody>"),
        ({**IDENTITY, "sudo_as_login": "ada"}, "as robot for ada>"),
    ],
)
def test_repr_says_who_asks(server, identity, shown):
    """
    The repr has the address and the name of who asks.
    """
    assert repr(make_client(server, **identity)) == f"<NativeClient {server.url} {shown}"
