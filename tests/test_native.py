"""
`NativeClient` and `OneAtATime`: what reaches the wire, what comes back, what is shared, and what is hidden.
"""

import base64
import copy
import json
import logging
import multiprocessing
import pickle
import threading
import types
from unittest import mock

import pytest
import shotgun_api3
from fix_servers import GUARD, INFO, Last, ScriptedSite, http_reply, page, results
from shotgun_api3.lib.mockgun import Shotgun as Mockgun

from sgextended import (
    ConfigurationError,
    NativeClient,
    OutcomeUnknown,
    RetryPolicy,
    Secret,
    Site,
    StatusError,
    TransportError,
    TransportTimeout,
    Unreachable,
)
from sgextended.native import OneAtATime
from sgextended.site import split_basic_auth

KEY = "k3y-that-must-not-show"
AT_ONCE = RetryPolicy(attempts=4, first_wait=0, longest_wait=0)
IDENTITY = {"script_name": "robot", "api_key": KEY}


@pytest.fixture
def make_site_server(make_server):
    """
    Makes a `ScriptedSite`.
    """
    return lambda **answers: make_server(kind=ScriptedSite, **answers)


@pytest.fixture
def server(make_site_server):
    """
    A site on which nothing is found.
    """
    return make_site_server()


def make_client(server, **settings):
    identity = {} if settings.keys() & {"login", "session_token"} else IDENTITY
    return NativeClient(Site(**{"url": server.url, "retry": AT_ONCE, **identity, **settings}))


def failing(*replies, then):
    """
    Return an answer that is each of *replies* once, and *then* after that.
    """
    left = list(replies)
    return lambda _request: left.pop(0) if left else results(then)


def meet(*targets):
    """
    Run each target in a thread of its own, and raise what one raises.
    """
    errors = []

    def guarded(target):
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


# --- Cost


def test_construction_sends_nothing(server):
    """
    A client is free to make: no connection, no request.
    """
    for _ in range(10):
        make_client(server)

    assert (server.connections, server.requests) == (0, [])


def test_info_is_asked_once_for_a_site(server):
    """
    Many clients in many threads ask the site for its version once, all together.
    """
    barrier = threading.Barrier(6)

    def work():
        barrier.wait(GUARD)
        for _ in range(3):
            make_client(server).find("Shot", [])

    meet(*[work] * 6)

    assert len(server.sent("info")) == 1
    assert len(server.sent("read")) == 18


def test_failed_info_is_asked_again(make_site_server):
    """
    A version that could not be had is asked for again by the next call.
    """
    server = make_site_server(info=failing(http_reply(status=500), then=INFO))
    client = make_client(server)
    with pytest.raises(StatusError):
        client.find("Shot", [])

    assert client.find("Shot", []) == []


def test_server_without_version_is_native(make_site_server):
    """
    A server that gives no version is the native error.
    """
    client = make_client(make_site_server(info={"no": "version"}))

    with pytest.raises(shotgun_api3.ShotgunError, match="didn't respond with a version number"):
        client.find("Shot", [])


def test_connect_asks_and_close_may_be_followed_by_calls(server):
    """
    ``connect`` asks the site, ``close`` gives the connection up, and a later call connects again.
    """
    client = make_client(server)
    client.connect()
    client.close()
    client.close()
    client.find("Shot", [])

    assert len(server.sent("info")) >= 1
    assert server.connections == 2


def test_requests_are_counted(server):
    """
    All clients of the site count together.
    """
    first, second = make_client(server), make_client(server)
    first.find("Shot", [])
    second.find("Shot", [])

    assert first.requests_sent == second.requests_sent == len(server.requests) == 3


# --- What reaches the wire


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (IDENTITY, {"script_name": "robot", "script_key": KEY}),
        ({"login": "ada", "password": "pw"}, {"user_login": "ada", "user_password": "pw"}),
        ({"session_token": "tok"}, {"session_token": "tok", "reject_if_expired": True}),
        ({**IDENTITY, "sudo_as_login": "ada"}, {"script_name": "robot", "script_key": KEY, "sudo_as_login": "ada"}),
    ],
)
def test_identity_reaches_the_wire(server, identity, expected):
    """
    Each identity is sent as the official client sends it.
    """
    make_client(server, **identity).find("Shot", [])

    assert server.sent("read")[0].auth == expected


@pytest.mark.parametrize(
    ("name", "value"), [("session_uuid", "u-1"), ("sudo_as_login", "ada"), ("extra_auth_params", {"product": "tk"})]
)
def test_config_reaches_the_next_call(server, name, value):
    """
    What is set on the configuration after the client was made holds for the next call.
    """
    client = make_client(server)
    client.find("Shot", [])
    setattr(client.config, name, value)
    client.find("Shot", [])

    first, second = (request.auth for request in server.sent("read"))
    expected = value if isinstance(value, dict) else {name: value}
    assert first == {"script_name": "robot", "script_key": KEY}
    assert second == {**first, **expected}


def test_localized_reaches_the_wire(server):
    """
    The wish for the user's language is a header, from the site's setting and from the configuration.
    """
    client = make_client(server)
    client.find("Shot", [])
    client.config.localized = True
    client.find("Shot", [])
    make_client(server, localized=True).find("Shot", [])

    assert [request.headers.get("locale") for request in server.sent("read")] == [None, "auto", "auto"]


def test_user_agents_reach_the_wire(server):
    """
    The user agent names shotgun_api3, sgextended and what the user adds; reset takes that back.
    """
    client = make_client(server)
    client.add_user_agent("tk-maya 1.0")
    client.find("Shot", [])
    client.reset_user_agent()
    client.find("Shot", [])

    first, second = (request.headers["user-agent"] for request in server.sent("read"))
    assert first.startswith("shotgun-json (")
    assert "sgextended (" in first
    assert first.endswith("; tk-maya 1.0")
    assert first == second + "; tk-maya 1.0"


def test_timeout_secs_reaches_the_socket(make_site_server):
    """
    ``config.timeout_secs`` holds at once, also on a client that has connected before.
    """
    server = make_site_server(summarize=lambda request: server.hang(request))
    client = make_client(server, retry=RetryPolicy(attempts=1))
    client.find("Shot", [])
    client.config.timeout_secs = 0.05

    with pytest.raises(TransportTimeout, match="sent nothing for 0.05 s"):
        client.summarize("Shot", [], [{"field": "id", "type": "count"}])


def test_basic_auth_reaches_the_wire(server):
    """
    User and password of a web server before the site are sent with every request, whatever their length.
    """
    who = "web:" + "p/w" * 40
    client = make_client(server, basic_auth=who)

    client.find("Shot", [])

    assert {request.headers["authorization"] for request in server.requests} == {
        "Basic " + base64.b64encode(who.encode()).decode()
    }


def test_basic_auth_in_the_url_is_as_native(server):
    """
    The user in the address is sent as the official client sends it, percent signs and case included.
    """
    address = server.url.replace("://", "://Web:P%40ss@")
    url, basic_auth = split_basic_auth(address)
    NativeClient(Site(url=url, basic_auth=basic_auth, **IDENTITY)).info()
    native = shotgun_api3.Shotgun(address, "robot", KEY)
    native.close()

    ours, theirs = (request.headers["authorization"] for request in server.requests)
    assert ours == theirs


def test_requests_are_as_native(server):
    """
    A find is sent with exactly the body of the official client's.
    """
    arguments = ("Shot", [["code", "is", "sh010"], ["id", "in", [1, 2]]], ["code"], [{"field_name": "code"}], None, 10)
    make_client(server).find(*arguments)
    native = shotgun_api3.Shotgun(server.url, "robot", KEY)
    native.find(*copy.deepcopy(arguments))
    native.close()

    ours, theirs = (request.payload for request in server.sent("read"))
    assert ours == theirs


def test_path_below_the_address_is_as_native(make_server):
    """
    A site that lives below a path is asked there.
    """
    server = make_server(lambda _request: results(INFO))
    NativeClient(Site(url=f"{server.url}/studio/", **IDENTITY)).info()
    shotgun_api3.Shotgun(f"{server.url}/studio/", "robot", KEY).close()

    assert [request.path for request in server.requests] == ["/studio/api3/json"] * 2


# --- The caller's arguments


def test_order_of_the_caller_stays_as_it_is(server):
    """
    Sort keys without a direction are not written into.
    """
    order = [{"field_name": "code"}, {"column": "id"}]

    make_client(server).find("Shot", [], order=order)

    assert order == [{"field_name": "code"}, {"column": "id"}]
    assert server.sent("read")[0].payload["params"][1]["sorts"] == [
        {"field_name": "code", "direction": "asc"},
        {"field_name": "id", "direction": "asc"},
    ]


def test_shared_thumbnails_leave_the_list_as_it_is(server, monkeypatch):
    """
    ``share_thumbnail`` takes nothing out of the caller's list.
    """
    monkeypatch.setattr(NativeClient, "_send_form", lambda *_: "1:7")
    entities = [{"type": "Shot", "id": 1}, {"type": "Shot", "id": 2}]

    make_client(server).share_thumbnail(entities, source_entity={"type": "Version", "id": 3})

    assert entities == [{"type": "Shot", "id": 1}, {"type": "Shot", "id": 2}]


# --- What comes back


def test_fault_keeps_its_code(make_site_server):
    """
    A fault is the native one, with the server's error code beside the message.
    """
    reply = http_reply(json.dumps({"exception": True, "message": "no such field", "error_code": 103}).encode())
    client = make_client(make_site_server(read=lambda _request: reply))

    with pytest.raises(shotgun_api3.Fault, match="no such field") as caught:
        client.find("Shot", [])

    assert caught.value.error_code == 103


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (102, shotgun_api3.AuthenticationFault),
        (106, shotgun_api3.MissingTwoFactorAuthenticationFault),
        (108, shotgun_api3.UserCredentialsNotAllowedForSSOAuthenticationFault),
    ],
)
def test_faults_are_native(make_site_server, code, fault):
    """
    Faults about who asks have the native classes, and are not asked again.
    """
    server = make_site_server(
        read=lambda _request: http_reply(json.dumps({"exception": True, "message": "m", "error_code": code}).encode())
    )

    with pytest.raises(fault) as caught:
        make_client(server).find("Shot", [])

    assert caught.value.error_code == code
    assert len(server.sent("read")) == 1


def test_page_instead_of_an_answer_is_explained(make_site_server):
    """
    A web page with status 200 is no answer: its title says whose it is.
    """
    page_of_portal = http_reply(
        b"<html><title>Hotel WiFi</title></html>", headers={"content-type": "text/html; charset=utf-8"}
    )
    client = make_client(make_site_server(read=lambda _request: page_of_portal))

    with pytest.raises(TransportError, match=r"A web page \(Hotel WiFi\) came instead of an answer from 127.0.0.1"):
        client.find("Shot", [])


@pytest.mark.parametrize("body", [b'{"results": {"entit', b"", b"\xff\xff"])
def test_garbled_answer_is_repeated_for_a_read(make_site_server, body):
    """
    An answer that is no JSON is asked for again.
    """
    server = make_site_server(read=failing(http_reply(body), then=page({"type": "Shot", "id": 1})))

    assert make_client(server).find("Shot", []) == [{"type": "Shot", "id": 1}]
    assert len(server.sent("read")) == 2


@pytest.mark.parametrize("body", [b'{"results": {"entit', b""])
def test_garbled_answer_that_stays_is_explained(make_site_server, body):
    """
    An answer that is always cut off is an error with its size, not one of the types that Python makes of it.
    """
    client = make_client(make_site_server(read=lambda _request: http_reply(body)))

    with pytest.raises(TransportError, match=rf"cut off or garbled \({len(body)} bytes\)") as caught:
        client.find("Shot", [])

    assert caught.value.attempts == 4


def test_blocked_address_says_why(make_site_server):
    """
    The page of a 403, on which the site says why it refuses, is in the message.
    """
    server = make_site_server(read=lambda _request: http_reply(b"IP 10.0.0.7 is blocked", status=403))

    with pytest.raises(shotgun_api3.ProtocolError, match="403: Forbidden: IP 10.0.0.7 is blocked") as caught:
        make_client(server).find("Shot", [])

    assert caught.value.errcode == 403
    assert len(server.sent("read")) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_server_is_asked_again(make_site_server, status):
    """
    A read is repeated until the server has time.
    """
    server = make_site_server(read=failing(http_reply(status=status), http_reply(status=status), then=page()))

    assert make_client(server).find("Shot", []) == []
    assert len(server.sent("read")) == 3


@pytest.mark.parametrize(
    "failure",
    [None, Last(reset=True), Last(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), http_reply(status=502),
     http_reply(b'{"resu'), http_reply(b"<html>", headers={"content-type": "text/html"})],
    ids=["closed", "reset", "cut", "502", "garbled", "page"],
)  # fmt: skip
def test_uncertain_create_is_sent_once(make_site_server, failure):
    """
    A create whose answer is lost in any way is executed once, and the error says that nobody knows.
    """
    server = make_site_server(create=lambda _request: failure)

    with pytest.raises(OutcomeUnknown, match="'create' was sent") as caught:
        make_client(server).create("Shot", {"code": "sh010"})

    assert len(server.sent("create")) == 1
    assert KEY not in str(caught.value)


def test_slow_create_is_sent_once(make_site_server):
    """
    A create that takes longer than the limit may still be done: it is not sent again.
    """
    server = make_site_server(create=lambda request: server.hang(request))

    with pytest.raises(OutcomeUnknown):
        make_client(server, read_timeout=0.05).create("Shot", {"code": "sh010"})

    assert len(server.sent("create")) == 1


@pytest.mark.parametrize("failure", [None, http_reply(status=502)], ids=["closed", "502"])
def test_uncertain_update_is_repeated(make_site_server, failure):
    """
    An update to fixed values is repeated: twice is as once.
    """
    server = make_site_server(update=failing(failure, then={"type": "Shot", "id": 1}))

    assert make_client(server).update("Shot", 1, {"code": "x"}) == {"type": "Shot", "id": 1}
    assert len(server.sent("update")) == 2


def test_batch_with_a_create_is_sent_once(make_site_server):
    """
    One create in a batch makes all of it unsafe to repeat.
    """
    server = make_site_server(batch=lambda _request: None)
    requests = [
        {"request_type": "update", "entity_type": "Shot", "entity_id": 1, "data": {"code": "a"}},
        {"request_type": "create", "entity_type": "Shot", "data": {"code": "b"}},
    ]

    with pytest.raises(OutcomeUnknown):
        make_client(server).batch(requests)

    assert len(server.sent("batch")) == 1


def test_unreachable_site_is_tried_and_named(unused_port):
    """
    A create to a site that is not there is tried again, since nothing was sent, and ends in what it was.
    """
    client = NativeClient(Site(url=f"http://127.0.0.1:{unused_port}", retry=AT_ONCE, **IDENTITY))

    with pytest.raises(Unreachable) as caught:
        client._call_rpc("create", {})

    assert (caught.value.attempts, caught.value.rpc, caught.value.sent) == (4, "create", False)


def test_status_error_has_the_native_fields(make_site_server):
    """
    Code that handles the native ProtocolError finds its fields, and Retry-After beside them.
    """
    server = make_site_server(read=lambda _request: http_reply(status=503, headers={"retry-after": "3600"}))

    with pytest.raises(shotgun_api3.ProtocolError) as caught:
        make_client(server).find("Shot", [])

    assert caught.value.errcode == 503
    assert caught.value.headers["retry-after"] == "3600"
    assert caught.value.retry_after == 3600.0


def test_other_content_comes_as_it_is(make_site_server):
    """
    What is neither JSON nor a page is handed over in bytes, as native.
    """
    server = make_site_server(export_page=lambda _request: http_reply(b"a,b", headers={"content-type": "text/csv"}))

    assert make_client(server).export_page(1, "csv") == b"a,b"


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
    "adopt": NativeClient.adopt,
}


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

    client = NativeClient.adopt(native)
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

    client = NativeClient.adopt(native)

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
    with pytest.raises(ConfigurationError, match=r"Only a shotgun_api3\.Shotgun says which site"):
        NativeClient.adopt(types.SimpleNamespace())


def test_config_cannot_be_replaced(server):
    """
    A configuration assigned as a whole would lose the identity without a word.
    """
    client = make_client(server)

    with pytest.raises(AttributeError, match="set its attributes"):
        client.config = shotgun_api3.Shotgun(server.url, connect=False).config

    assert client.config.script_name == "robot"


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
    The debug log of a call has its name and size, and no key.
    """
    with caplog.at_level(logging.DEBUG):
        make_client(server).find("Shot", [["code", "is", "sh010"]])

    assert "read: " in caplog.text
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


# --- Clients that are not ours


class Counting:
    """
    A client that notices two calls at the same time.
    """

    def __init__(self):
        self.inside = 0
        self.most = 0
        self.calls = 0
        self.entered = threading.Event()

    def find(self, entity_type):
        """Find nothing."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.set()
        self.calls += 1
        for _ in range(2000):
            pass
        self.inside -= 1
        return entity_type

    def find_again(self):
        return self.find("again")


def test_one_at_a_time_runs_one_call():
    """
    Eight threads through two wrappers of one client never meet inside it.
    """
    client = Counting()
    wrappers = [OneAtATime(client), OneAtATime(client)]
    barrier = threading.Barrier(8)

    def work(wrapper):
        barrier.wait(GUARD)
        for _ in range(50):
            wrapper.find("Shot")

    meet(*(lambda wrapper=wrappers[number % 2]: work(wrapper) for number in range(8)))

    assert (client.calls, client.most) == (400, 1)


def test_one_at_a_time_waits_for_another_wrapper():
    """
    A call through one wrapper waits while a call through another is inside.
    """
    entered, leave, done = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        def find(self):
            entered.set()
            leave.wait(GUARD)

        def close(self):
            done.set()

    client = Slow()
    first, second = OneAtATime(client), OneAtATime(client)
    threads = [threading.Thread(target=first.find), threading.Thread(target=second.close)]
    threads[0].start()
    assert entered.wait(GUARD)
    threads[1].start()
    early = done.wait(0.05)
    leave.set()
    for thread in threads:
        thread.join(GUARD)

    assert not early
    assert done.is_set()


def test_one_at_a_time_may_call_within():
    """
    A method that calls another of the same client does not wait for itself.
    """
    client = OneAtATime(Counting())

    assert client.find_again() == "again"


def test_one_at_a_time_frees_the_client_after_an_error():
    """
    A call that raises leaves the client to the next.
    """

    class Failing(Counting):
        def fail(self):
            raise KeyError("x")

    client = OneAtATime(Failing())
    with pytest.raises(KeyError):
        client.fail()
    found = []
    meet(lambda: found.append(client.find("Shot")))

    assert found == ["Shot"]


def test_one_at_a_time_reads_and_sets_the_client():
    """
    Attributes are those of the client.
    """
    client = Counting()
    wrapper = OneAtATime(client)

    wrapper.colour = "red"

    assert client.colour == wrapper.colour == "red"
    assert wrapper.calls == 0
    assert "colour" in dir(wrapper)
    with pytest.raises(AttributeError, match="no_such"):
        wrapper.no_such  # noqa: B018 - reading is the point


def test_one_at_a_time_keeps_names_and_documentation():
    """
    A method that is lent still says what it is.
    """
    method = OneAtATime(Counting()).find

    assert (method.__name__, method.__doc__) == ("find", "Find nothing.")


def test_one_at_a_time_says_what_it_wraps():
    """
    The repr names the client's class and the rule, not its address or key.
    """
    native = shotgun_api3.Shotgun("https://x.example", "robot", KEY, connect=False)

    assert repr(OneAtATime(native)) == "<Shotgun, one call at a time>"


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_one_at_a_time_refuses_to_be_copied(duplicate):
    """
    A client with its socket and key cannot be copied or sent; the message says what can.
    """
    wrapper = OneAtATime(shotgun_api3.Shotgun("https://x.example", "robot", KEY, connect=False))

    with pytest.raises(ConfigurationError, match=r"SGExtended\.adopt\(sg\)") as caught:
        duplicate(wrapper)

    assert KEY not in str(caught.value)


def test_one_at_a_time_is_its_own_clone():
    """
    There is one client, so all clones of a wrapper share it and its lock.
    """
    wrapper = OneAtATime(Counting())

    assert wrapper.clone() is wrapper


def test_one_at_a_time_takes_a_mockgun():
    """
    A Mockgun can be lent as well.
    """
    assert hasattr(Mockgun, "find")
    assert OneAtATime(Mockgun.__new__(Mockgun)).find.__name__ == "find"


def test_one_at_a_time_asks_a_client_nothing_of_its_own():
    """
    A mock notes only the calls of who uses it, so that a studio's tests can compare them.
    """
    client = mock.MagicMock()

    OneAtATime(client).find("Shot", [])
    OneAtATime(client).close()

    assert client.mock_calls == [mock.call.find("Shot", []), mock.call.close()]


def test_one_at_a_time_takes_clients_without_hash():
    """
    A client that is compared by value has no hash, and needs none.
    """

    class Unhashable(Counting):
        __hash__ = None

        def __eq__(self, other):
            return True

    assert OneAtATime(Unhashable()).find("Shot") == "Shot"


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_one_at_a_time_is_not_blocked_after_a_fork():
    """
    A child forked while a thread of the parent is inside a client can call it.
    """
    entered, leave = threading.Event(), threading.Event()

    class Slow(Counting):
        def hold(self):
            entered.set()
            leave.wait(GUARD)

    client = OneAtATime(Slow())
    holder = threading.Thread(target=client.hold)
    holder.start()
    assert entered.wait(GUARD)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(client.find("Shot")))
    process.start()
    answered = ours.poll(GUARD)
    leave.set()
    holder.join(GUARD)
    process.join(GUARD)

    assert answered
    assert ours.recv() == "Shot"
