"""
A local site delivers its events to receivers on this machine: after the commit, without delaying anybody.
"""

import hashlib
import hmac
import json
import re
import socket
import threading

import pytest
from fix_servers import HANG, http_reply

from sgextended import Event, Webhook
from sgextended.localsite import LocalSite
from sgextended.localsite.services import webhooks as module
from sgextended.localsite.services.webhook_request import Sending, checked_address

SECRET = "a secret of the hook"


@pytest.fixture(scope="module")
def shared():
    """
    A site with a project, for the whole module.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture
def site(shared, monkeypatch):
    """
    The site without webhooks; attempts follow each other at once.
    """
    monkeypatch.setattr(module, "_WAITS", (0.0, 0.0))
    yield shared
    shared.webhooks.clear()


@pytest.fixture
def sg(shared, make_sg):
    """
    A client of the site.
    """
    with make_sg(shared) as sg:
        yield sg


@pytest.fixture
def project(sg):
    """
    The project of the site.
    """
    return sg.ensure("Project", {"name": "Hooked"})


@pytest.fixture
def receiver(make_server):
    """
    A receiver that accepts each request.
    """
    return make_server(lambda request: http_reply(b"thanks"))


def parsed(receiver, secret=SECRET):
    return [Webhook.parse(request.headers, request.body, secret) for request in receiver.requests]


def events_of(receiver, secret=SECRET):
    return [event for webhook in parsed(receiver, secret) for event in webhook.events]


def test_events_arrive_as_the_log_has_them(site, sg, project, receiver):
    """
    Each entry of a create, an update, a delete and a revive is delivered once, signed, and equals the one of the log.
    """
    site.webhooks.add(receiver.url + "/hook?a=1", secret=SECRET)
    shot = sg.create("Shot", {"code": "sh010", "project": project})
    sg.update("Shot", shot["id"], {"sg_cut_in": 1001})
    sg.delete("Shot", shot["id"])
    sg.revive("Shot", shot["id"])
    assert site.webhooks.wait()
    rows = sg.find("EventLogEntry", [["entity", "is", shot]], ["event_type", "meta", "entity", "user", "created_at"])
    wanted = {row["id"]: Event.from_entry(row) for row in rows}
    found = {event.id: event for event in events_of(receiver) if event.entity == {"type": "Shot", "id": shot["id"]}}

    assert found.keys() == wanted.keys()
    for number, event in found.items():
        assert (event.event_type, event.meta) == (wanted[number].event_type, wanted[number].meta)
        assert (event.new_value, event.created_at) == (wanted[number].new_value, wanted[number].created_at)
        assert event.user["type"] == "ApiUser"
    assert receiver.requests[0].path == "/hook?a=1"
    assert receiver.requests[0].headers["content-type"] == "application/json; charset=utf-8"


def test_a_request_has_the_form_of_the_vendor(site, sg, project, receiver):
    """
    The body, its headers and its signature are as the vendor documents them.
    """
    hook = site.webhooks.add(receiver.url, secret=SECRET, entity_types=["Shot"], actions=["create"])
    shot = sg.create("Shot", {"code": "sh020", "project": project})
    assert site.webhooks.wait()
    (request,) = receiver.requests
    payload = json.loads(request.body)
    data = payload["data"]

    assert set(payload) == {"data", "timestamp"}
    assert (data["event_type"], data["operation"]) == ("Shotgun_Shot_New", "create")
    assert (data["entity"], data["project"]) == (
        {"type": "Shot", "id": shot["id"]},
        {"type": "Project", "id": project["id"]},
    )
    assert data["meta"]["type"] == "new_entity"
    assert set(data) == {
        *("id", "event_log_entry_id", "event_type", "operation", "user", "entity", "project", "meta", "created_at"),
        *("attribute_name", "session_uuid", "delivery_id"),
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", payload["timestamp"])
    assert request.headers["x-sg-webhook-id"] == hook
    assert request.headers["x-sg-webhook-site-url"] == site.url
    digest = hmac.new(SECRET.encode(), request.body, hashlib.sha1).hexdigest()
    assert request.headers["x-sg-signature"] == f"sha1={digest}"


def test_a_batch_has_the_events_that_wait(site, sg, project, receiver):
    """
    With batch, the entries of one transaction come in few requests, at most 50 in each.
    """
    site.webhooks.add(receiver.url, batch=True, entity_types="Shot", actions="create")
    data = [{"code": f"b{number:03}", "project": project} for number in range(60)]
    sg.batch([{"request_type": "create", "entity_type": "Shot", "data": each} for each in data])
    assert site.webhooks.wait()
    sizes = [len(json.loads(request.body)["data"]["deliveries"]) for request in receiver.requests]
    ids = [event.id for event in events_of(receiver, None)]

    assert sizes == [50, 10]
    assert ids == sorted(set(ids))
    assert len({number for each in parsed(receiver, None) for number in each.delivery_ids}) == 60
    assert "x-sg-signature" not in receiver.requests[0].headers


def test_only_chosen_events_are_delivered(site, sg, project, make_server):
    """
    Types with fields, an event type, actions and projects choose; custom event types are chosen by name.
    """
    seen = {}

    def hook(name, **choice):
        server = make_server(lambda request: http_reply())
        site.webhooks.add(server.url, **choice)
        seen[name] = server

    other = sg.ensure("Project", {"name": "Other"})
    hook("fields", entity_types={"Shot": ["sg_cut_in"], "Asset": []}, actions=["update", "delete"])
    hook("type", event_type="Tool_Render_Done")
    hook("project", entity_types=["Shot"], projects=[other], actions=["create"])
    hook("silent", entity_types=["ApiUser", "EventLogEntry", "AssetShotConnection"])
    shot = sg.create("Shot", {"code": "sh030", "project": project})
    sg.update("Shot", shot["id"], {"sg_cut_in": 7, "description": "x"})
    sg.create("Shot", {"code": "sh031", "project": other})
    sg.delete("Shot", shot["id"])
    sg.create("EventLogEntry", {"event_type": "Tool_Render_Done", "project": project, "meta": {"frames": 3}})
    assert site.webhooks.wait()

    found = {name: [event.event_type for event in events_of(server, None)] for name, server in seen.items()}
    assert found.pop("fields") == ["Shotgun_Shot_Change", "Shotgun_Shot_Retirement"]
    assert found == {"type": ["Tool_Render_Done"], "project": ["Shotgun_Shot_New"], "silent": []}
    assert events_of(seen["fields"], None)[0].new_value == 7
    assert events_of(seen["type"], None)[0].meta == {"frames": 3}


def test_nothing_is_delivered_of_a_transaction_that_fails(site, sg, project, receiver):
    """
    Events are delivered after the commit, so a batch whose last request is refused delivers none.
    """
    site.webhooks.add(receiver.url)
    requests = [
        {"request_type": "create", "entity_type": "Shot", "data": {"code": "sh040", "project": project}},
        {"request_type": "update", "entity_type": "Shot", "entity_id": 999_999, "data": {"code": "x"}},
    ]
    with pytest.raises(Exception, match="999999"):
        sg.batch(requests)
    assert site.webhooks.wait()

    assert receiver.requests == []


def test_late_events_are_delivered_when_they_appear(site, sg, project, receiver):
    """
    An entry that becomes visible late is delivered then, and one that never appears is not delivered.
    """
    site.webhooks.add(receiver.url, entity_types=["Shot"], actions=["create"])
    with site.faults.during("late-events=1000:behind=1000"):
        shot = sg.create("Shot", {"code": "sh050", "project": project})
        assert site.webhooks.wait()
        assert receiver.requests == []
        site.show_late_events()
    assert site.webhooks.wait()

    assert [event.entity["id"] for event in events_of(receiver, None)] == [shot["id"]]


def test_a_failed_request_is_sent_again(site, sg, project, make_server):
    """
    A request without a response, or with one of failure, is sent three times at most, each with the same body.
    """
    replies = iter([None, http_reply(status=500), http_reply(), http_reply(status=404)])
    server = make_server(lambda request: next(replies, http_reply(status=404)))
    site.webhooks.add(server.url, secret=SECRET, entity_types=["Shot"], actions=["create"])
    for code in ("sh060", "sh061"):
        sg.create("Shot", {"code": code, "project": project})
    assert site.webhooks.wait()
    first, second = site.webhooks.deliveries

    assert (first.attempts, first.response_code, first.is_accepted, first.status) == (3, 200, True, "delivered")
    assert (second.attempts, second.response_code, second.is_accepted, second.status) == (3, 404, False, "delivered")
    assert [request.body for request in server.requests] == [first.body] * 3 + [second.body] * 3
    assert first.delivery_ids == parsed(server)[0].delivery_ids


def test_a_receiver_that_is_not_there_is_reported(site, sg, project, unused_port):
    """
    The delivery of a receiver that nobody answers for has the response code 0 and the reason.
    """
    site.webhooks.add(f"http://127.0.0.1:{unused_port}", secret=SECRET, entity_types=["Shot"], actions=["create"])
    sg.create("Shot", {"code": "sh070", "project": project})
    assert site.webhooks.wait()
    (delivery,) = site.webhooks.deliveries

    assert (delivery.status, delivery.response_code, delivery.attempts) == ("delivered", 0, 3)
    assert "refused" in delivery.error
    assert SECRET not in repr(delivery)


def test_a_receiver_that_hangs_delays_nobody(make_server, make_sg):
    """
    Writes and other receivers do not wait for one that never answers, and the site stops in spite of it.
    """
    arrived = threading.Event()

    def hang(request):
        arrived.set()
        return HANG

    def count(request):
        counted.release()
        return http_reply()

    counted = threading.Semaphore(0)
    slow, quick = make_server(hang), make_server(count)
    with LocalSite() as site:
        site.webhooks.add(slow.url)
        site.webhooks.add(quick.url)
        with make_sg(site) as sg:
            project = sg.create("Project", {"name": "Hanging"})
            assert arrived.wait(20)
            for number in range(5):
                sg.create("Shot", {"code": f"h{number}", "project": project})
            assert site.webhooks.wait(0.0) is False
            wanted = len(sg.find("EventLogEntry", [], ["id"]))
            assert all(counted.acquire(timeout=20) for _entry in range(wanted))
    assert (len(slow.requests), len(quick.requests)) == (1, wanted)
    assert not [thread for thread in threading.enumerate() if thread.name == "sgextended-site-webhook"]


def test_the_queue_has_a_limit(site, sg, project, make_server, monkeypatch):
    """
    Events beyond the limit of a queue are dropped, and the deliveries say so.
    """
    release = threading.Event()
    monkeypatch.setattr(module, "MOST_WAITING", 2)

    def answer(request):
        assert release.wait(20)
        return http_reply()

    server = make_server(answer)
    site.webhooks.add(server.url, entity_types=["Shot"], actions=["create"])
    data = [{"code": f"q{number:03}", "project": project} for number in range(5)]
    sg.batch([{"request_type": "create", "entity_type": "Shot", "data": each} for each in data])
    release.set()
    assert site.webhooks.wait()

    assert sorted(each.status for each in site.webhooks.deliveries) == ["delivered"] * 2 + ["dropped"] * 3
    assert len(server.requests) == 2


def test_tests_and_changes_of_the_status_are_delivered(site, sg, project, receiver):
    """
    A test and each change of the status have the id 0 and no event. A webhook that is off delivers no events.
    """
    hook = site.webhooks.add(receiver.url, secret=SECRET)
    site.webhooks.send_test(hook)
    site.webhooks.set_active(hook, False)
    site.webhooks.set_active(hook, False)
    sg.create("Shot", {"code": "sh080", "project": project})
    site.webhooks.set_active(hook, True)
    assert site.webhooks.wait()
    found = parsed(receiver)

    assert [webhook.is_test for webhook in found] == [True] * 3
    assert [notice["meta"].get("new_value") for each in found for notice in each.notices] == [
        None,
        "disabled",
        "active",
    ]
    assert {(notice["id"], notice["event_log_entry_id"]) for each in found for notice in each.notices} == {("0", 0)}


def test_a_removed_webhook_receives_nothing(site, sg, project, receiver):
    """
    After the removal nothing is delivered, and a second removal does nothing.
    """
    hook = site.webhooks.add(receiver.url)
    site.webhooks.remove(hook)
    site.webhooks.remove(hook)
    sg.create("Shot", {"code": "sh090", "project": project})

    assert site.webhooks.wait()
    assert receiver.requests == []


def test_a_site_that_starts_again_still_delivers(make_server, make_sg, tmp_path):
    """
    Webhooks stay when a site stops, and deliver when it runs again.
    """
    server = make_server(lambda request: http_reply())
    site = LocalSite(db=tmp_path / "site.sqlite", api_key="k-webhooks")
    site.webhooks.add(server.url, entity_types=["Project"], actions=["create"])
    for name in ("First", "Second"):
        with site, make_sg(site) as sg:
            sg.create("Project", {"name": name})
            assert site.webhooks.wait()

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "http://10.0.0.1/"}, "loopback addresses only"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "loopback addresses only"),
        ({"url": "http://0.0.0.0:80/"}, "loopback addresses only"),
        ({"url": "http://host.invalid/"}, "is unknown"),
        ({"url": "ftp://127.0.0.1/"}, "not the address of a receiver"),
        ({"url": "http://user:word@127.0.0.1/"}, "not the address of a receiver"),
        ({"url": "http://127.0.0.1/ a"}, "not the address of a receiver"),
        ({"url": "http://127.0.0.1:99999/"}, "not the address of a receiver"),
        ({"entity_types": ["Shots"]}, "no entity type 'Shots'"),
        ({"entity_types": ["Shot"], "event_type": "Shotgun_Shot_New"}, "both were given"),
        ({"actions": ["retire"]}, "'retire' was given"),
        ({"actions": []}, "none was given"),
        ({"secret": ""}, "is empty"),
    ],
    ids=str,
)
def test_options_that_are_not_valid_are_refused(site, options, message):
    """
    Other machines, other addresses, unknown types and actions raise an error when the webhook is added.
    """
    with pytest.raises(ValueError, match=message):
        site.webhooks.add(**{"url": "http://127.0.0.1:9/", **options})
    assert not site.webhooks.is_needed


def test_a_name_that_leads_elsewhere_later_is_not_followed(monkeypatch, unused_port):
    """
    The address of a receiver is checked again for each request, so a name cannot be given another address afterwards.
    """
    parts = checked_address(f"http://localhost:{unused_port}/", allow_remote=False)
    place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [place])

    with pytest.raises(ValueError, match="loopback addresses only"):
        Sending(parts, allow_remote=False, timeout=1.0).post(b"{}", {})
    assert checked_address("http://elsewhere.example/", allow_remote=True).hostname == "elsewhere.example"
