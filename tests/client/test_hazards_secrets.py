"""
Where the official client's key, password or token goes beside the site, and ours does not.
"""

import base64
import contextlib
import logging

import pytest
import shotgun_api3
from fix_native import IDENTITY, KEY, make_client
from fix_servers import INFO, http_reply

from sgextended import HTTPStatusError

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

SHOT = {"type": "Shot", "id": 7}


def make_official(url, **settings):
    """
    Return the official client of an address.
    """
    return contextlib.closing(shotgun_api3.Shotgun(url, **settings))


@pytest.fixture
def log(caplog):
    """
    All that is logged, down to the last detail.
    """
    for name in (None, "shotgun_api3", "sgextended", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.parametrize(
    "identity",
    [{"script_name": "robot", "api_key": KEY}, {"login": "ada", "password": KEY}, {"session_token": KEY}],
    ids=["key", "password", "token"],
)
def test_official_client_logs_what_it_should_keep(server, log, identity):
    """
    With debug logging on, the official client logs its key, password or token with each call.
    """
    with make_official(server.url, **identity) as sg:
        sg.find("Shot", [])

    assert KEY in log.text


@pytest.mark.parametrize(
    "identity",
    [
        IDENTITY,
        {"login": "ada", "password": KEY},
        {"login": "ada", "password": "pw", "auth_token": KEY},
        {"session_token": KEY},
        {**IDENTITY, "basic_auth": f"web:{KEY}"},
    ],
    ids=["key", "password", "one-time code", "token", "basic auth"],
)
def test_nothing_secret_is_logged(make_site_server, log, identity):
    """
    With debug logging on, ours logs a call without anything that says who asks.
    """
    server = make_site_server(get_session_token={"session_id": KEY}, create=SHOT)
    client = make_client(server, **identity)
    client.find("Shot", [["code", "is", "sh010"]])
    client.create("Shot", {"code": "sh020"})

    assert "read" in log.text
    assert "create" in log.text
    assert KEY not in log.text
    assert base64.b64encode(f"web:{KEY}".encode()).decode() not in log.text


@pytest.fixture
def moved(make_site_server):
    """
    A site that says it moved to another server for good, and that server.
    """
    there = make_site_server()
    reply = http_reply(status=308, headers={"location": f"{there.url}/api3/json"})
    return make_site_server(info=INFO, read=lambda _request: reply), there


def test_official_client_carries_its_key_to_another_server(moved):
    """
    When a server answers 308, the official client sends the call, its key included, to whatever server it names.
    """
    here, there = moved
    with make_official(here.url, **IDENTITY) as sg:
        sg.find("Shot", [])

    assert there.requests[0].auth["script_key"] == KEY


def test_key_stays_with_the_site(moved):
    """
    When a server answers 308, ours raises that, and no other server gets a request.
    """
    here, there = moved
    with pytest.raises(HTTPStatusError, match="308") as caught:
        make_client(here).find("Shot", [])

    assert caught.value.errcode == 308
    assert there.connections == 0
