"""
The examples of ``docs/events.md`` for action menu items and webhooks run unchanged; the receivers get what a local site
sends.
"""

import asyncio
import datetime as dt
import functools
import hashlib
import hmac
import io
import re
from urllib.parse import urlencode

import pytest
from fix_docs import DOCS, example_with, printed_by
from fix_servers import http_reply

from sgextended import SGExtended
from sgextended.localsite import LocalSite

example = functools.partial(example_with, "events.md")
SECRET = "a secret of the page"


@pytest.fixture
def versions(reader):
    """
    Two versions of the demo production.
    """
    with SGExtended() as sg:
        return sg.find("Version", [["sg_status_list", "is", "rev"]], ["code"], limit=2)


def payload_of(versions, **more):
    ids = ",".join(str(version["id"]) for version in versions)
    return {
        "entity_type": "Version",
        "selected_ids": ids,
        "ids": ids,
        "cols": "code",
        "title": "All Versions",
        "server_hostname": "127.0.0.1",
        **more,
    }


def signed(values):
    now = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {**values, "timestamp": now}
    text = "".join(f"{name}={values[name]}\r\n" for name in sorted(values))
    return {**values, "signature": "sha1=" + hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()}


def asgi_post(app, path, *, content, headers=None):
    """
    Send a request to an ASGI application, and return the status and the text of its response.
    """
    pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": pairs,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


def wsgi_post(app, path, *, content, headers):
    """
    Send a request to a WSGI application, and return the status and the text of its response.
    """
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    begun = []
    parts = app(
        {**environ, "PATH_INFO": path, "CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content)},
        lambda status, _headers: begun.append(int(status[:3])),
    )
    return begun[0], b"".join(parts).decode()


def test_program_prints_the_selection(reader, versions, monkeypatch):
    """
    The program for a protocol prints what was selected.
    """
    address = f"studio://approve?{urlencode(payload_of(versions, sort_column='code'))}"
    monkeypatch.setattr("sys.argv", ["program", address])
    printed = printed_by(example("sys.argv[1]"), reader)
    reader["sg"].close()

    order = [{"field_name": "code", "direction": "asc"}]
    assert printed.splitlines() == [f"approve {version['code']} ['code'] {order}" for version in versions]


def test_server_acts_as_the_person(reader, versions, monkeypatch):
    """
    The server of an action menu item writes as the person, and refuses what is not signed or not a payload.
    """
    monkeypatch.setenv("MENU_SECRET", SECRET)
    with SGExtended() as sg:
        # A manager of the demo production: an artist may not change the versions of others.
        (person,) = sg.find("HumanUser", [["permission_rule_set.PermissionRuleSet.code", "is", "manager"]], ["login"])[
            :1
        ]
    exec(example("acting_as_user"), reader)
    form = payload_of(versions, user_id=person["id"], user_login=person["login"])
    status, text = asgi_post(reader["app"], "/view", content=urlencode(signed(form)).encode())
    wrong = [urlencode(values).encode() for values in (form, signed({"q": "1"}))]
    refused = [asgi_post(reader["app"], "/view", content=content)[0] for content in wrong]
    filters = [["entity", "is", versions[0]], ["attribute_name", "is", "sg_status_list"]]
    newest = [{"field_name": "id", "direction": "desc"}]
    change = reader["sg"].find_one("EventLogEntry", filters, ["user", "meta"], order=newest)
    reader["sg"].close()

    assert (status, text) == (200, "Marked 2 of All Versions as viewed.")
    assert (change["user"]["id"], change["meta"]["new_value"]) == (person["id"], "vwd")
    assert refused == [401, 400]


@pytest.mark.parametrize(
    ("text", "post"),
    [
        ("import Starlette\nfrom starlette.responses import Response\n", asgi_post),
        ("FastAPI()", asgi_post),
        ("def app(environ", wsgi_post),
    ],
    ids=["Starlette", "FastAPI", "WSGI"],
)
def test_receiver_takes_what_a_site_sends(reader, monkeypatch, capsys, make_server, text, post):
    """
    Each receiver prints the event of a local site's request, and refuses other secrets and other bodies.
    """
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    server = make_server(lambda request: http_reply())
    with LocalSite() as site:
        site.webhooks.add(server.url, secret=SECRET, entity_types=["Project"], actions=["create"])
        site.webhooks.send_test(*site.webhooks._senders)
        with SGExtended(site.url, site.script_name, site.api_key) as sg:
            sg.create("Project", {"name": "Received"})
        assert site.webhooks.wait()
    exec(compile(example(text), "events.md", "exec", dont_inherit=True), reader)
    test, sent = ((request.body, dict(request.headers)) for request in server.requests)
    statuses = [
        post(reader["app"], "/webhook", content=body, headers=headers)[0]
        for body, headers in (test, sent, (sent[0] + b" ", sent[1]), (sent[0], {}))
    ]

    assert statuses == [204, 204, 401, 401]
    assert re.fullmatch(r"\d+ Shotgun_Project_New None\n", capsys.readouterr().out)


def test_cookbook_passes(pytester):
    """
    The receiver and its test pass in an empty folder, with the pytest plugin alone.
    """
    text = (DOCS / "events.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n# ((?:test_)?receiver)\.py\n(.*?)```", text, re.DOTALL)
    assert [name for name, _source in blocks] == ["receiver", "test_receiver"]
    pytester.makepyfile(**dict(blocks))

    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
