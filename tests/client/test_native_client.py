"""
`NativeClient`: what it costs, and what reaches the wire.
"""

import base64
import copy
import threading

import pytest
import shotgun_api3
from fix_native import IDENTITY, KEY, failing, make_client, meet
from fix_servers import GUARD, HANG, INFO, http_reply, results

from sgextended import (
    ClientClosed,
    HTTPStatusError,
    NativeClient,
    RetryPolicy,
    SGExtended,
    Site,
    TransportTimeout,
)
from sgextended.site_settings import split_basic_auth

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
    with pytest.raises(HTTPStatusError):
        client.find("Shot", [])

    assert client.find("Shot", []) == []


def test_server_without_version_is_native(make_site_server):
    """
    A server that gives no version is the native error.
    """
    client = make_client(make_site_server(info={"no": "version"}))

    with pytest.raises(shotgun_api3.ShotgunError, match="didn't respond with a version number"):
        client.find("Shot", [])


def test_close_is_final(server):
    """
    After ``close`` the connection is gone, and a later call says that the client is closed; nothing is sent.
    """
    client = make_client(server)
    client.connect()
    client.close()
    client.close()

    assert client.is_closed
    with pytest.raises(ClientClosed, match="is closed"):
        client.find("Shot", [])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda sg: sg.get_session_token(),
        lambda sg: sg.authenticate_human_user("ada", "pw"),
        lambda sg: sg.map(print, [1]),
        lambda sg: next(sg.find_iter("Shot", [])),
        lambda sg: sg.download_attachment(7),
    ],
)
def test_close_is_final_for_what_works_with_a_clone(server, call):
    """
    Calls that ask in another name, or with other clients, say that the wrapper is closed as well.
    """
    sg = SGExtended(make_client(server))
    sg.server_caps  # noqa: B018 - asked before
    sg.close()

    with pytest.raises(ClientClosed, match="is closed"):
        call(sg)
    assert len(server.requests) == 1


def test_closing_one_client_leaves_the_others_alone(server):
    """
    A clone of a closed client, and another client of the site, go on; the connection stays while one uses it.
    """
    client, other = make_client(server), make_client(server)
    other.find("Shot", [])
    client.find("Shot", [])
    client.close()

    assert client.clone().find("Shot", []) == other.find("Shot", [])
    assert server.connections == 1


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
    server = make_site_server(summarize=lambda _request: HANG)
    client = make_client(server, retry=RetryPolicy(attempts=1))
    client.find("Shot", [])
    client.config.timeout_secs = 0.05

    with pytest.raises(TransportTimeout, match=r"sent nothing for 0.05 s"):
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
