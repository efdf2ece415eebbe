"""
A site's life: starting, stopping, TLS, HTTP at its edges, latency, the ledger, files, threads.
"""

import http.client
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import shotgun_api3

from sgextended.localsite import LocalSite, serve
from sgextended.localsite.server import listener
from sgextended.localsite.server.listener import Server

GUARD = 30  # seconds after which something that hangs fails its test


def test_site_starts_and_stops_as_often_as_asked():
    """
    Starting a running site and stopping a stopped one do nothing; a stopped site starts afresh.
    """
    site = LocalSite()
    before = threading.active_count()
    site.start()
    first = site.url
    site.start()

    assert site.url == first
    site.stop()
    site.stop()
    assert threading.active_count() == before
    with site, shotgun_api3.Shotgun(**_arguments(site)) as sg:
        assert sg.find("Project", []) == []


def _arguments(site):
    return {"base_url": site.url, "script_name": site.script_name, "api_key": site.api_key, "ca_certs": site.ca_file}


@pytest.fixture(autouse=True)
def shotgun_closes(monkeypatch):
    """
    The official client, closed at the end of a with block.
    """
    monkeypatch.setattr(shotgun_api3.Shotgun, "__enter__", lambda sg: sg, raising=False)
    monkeypatch.setattr(shotgun_api3.Shotgun, "__exit__", lambda sg, *_error: sg.close(), raising=False)


def test_stopped_site_says_so():
    """
    Attributes that only a running site has raise before it starts. The repr shows that it is stopped.
    """
    site = LocalSite(api_key="k3y")

    for name in ("url", "ca_file", "store"):
        with pytest.raises(RuntimeError, match=r"is not running. Use it as a context manager, or call start\(\)"):
            getattr(site, name)
    assert repr(site) == "<LocalSite stopped, memory>"
    assert repr(site.ledger) == "<Ledger: 0 requests>"


def test_environment_leads_to_the_site(site):
    """
    ``environment`` returns all variables that a program needs to connect to the site.
    """
    assert site.environment() == {
        "SHOTGUN_URL": site.url,
        "SHOTGUN_SCRIPT_NAME": site.script_name,
        "SHOTGUN_API_KEY": site.api_key,
    }


def test_port_that_is_taken_raises(site):
    """
    A port that another site listens on is refused, and nothing stays open.
    """
    port = int(site.url.rpartition(":")[2])

    with pytest.raises(OSError, match=r"in use"):
        LocalSite(port=port).start()


def test_server_that_cannot_start_raises(monkeypatch):
    """
    A failure inside the server's thread is reported where the site was started.
    """

    async def fail(_self, sockets=None):
        for sock in sockets:
            sock.close()

    monkeypatch.setattr(Server, "serve", fail)

    with pytest.raises(RuntimeError, match=r"could not serve http://127.0.0.1:"):
        LocalSite().start()


def test_tls_is_checked_against_the_sites_own_authority(monkeypatch):
    """
    Over TLS the client trusts the site with the authority's file, and not without it. Stopping removes the file.
    """
    monkeypatch.setenv("SHOTGUN_API_RETRY_INTERVAL", "0")
    with LocalSite(tls=True) as site:
        ca_file = site.ca_file
        assert site.url.startswith("https://127.0.0.1:")
        assert site.environment()["SHOTGUN_API_CACERTS"] == ca_file
        for host in ("127.0.0.1", "localhost"):
            arguments = {**_arguments(site), "base_url": site.url.replace("127.0.0.1", host)}
            with shotgun_api3.Shotgun(**arguments) as sg:
                assert sg.find("Project", []) == []
        with pytest.raises(Exception, match=r"(?i)certificate"):
            shotgun_api3.Shotgun(site.url, site.script_name, site.api_key).close()

    assert not Path(ca_file).exists()


@pytest.mark.parametrize("tls", [False, True])
def test_stopping_site_finishes_the_request_at_work(tls, monkeypatch):
    """
    A request in flight when the site stops receives its response, and then the site stops.
    """
    from sgextended.localsite.server import http_routes as app

    at_work, go_on, execute = threading.Event(), threading.Event(), app.execute

    def execute_when_told(*arguments):
        at_work.set()
        assert go_on.wait(GUARD)
        return execute(*arguments)

    site, answers = LocalSite(tls=tls), []
    with site, shotgun_api3.Shotgun(**_arguments(site)) as sg:
        monkeypatch.setattr(app, "execute", execute_when_told)
        asked = threading.Thread(target=lambda: answers.append(sg.schema_read()))
        asked.start()
        assert at_work.wait(GUARD)
        stopping = threading.Thread(target=site.stop)
        stopping.start()
        go_on.set()
        asked.join(GUARD)
        stopping.join(GUARD)

    assert len(answers[0]) == 114
    assert not stopping.is_alive()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("stays", [True, False], ids=["the client waits", "the client has left"])
def test_stopping_site_ends_a_request_that_takes_too_long(tls, stays, monkeypatch, caplog):
    """
    A response that takes longer than a stopping site waits is broken off, without a word in the log.
    """
    monkeypatch.setattr(listener, "GRACE", 0.1)
    site = LocalSite(tls=tls, faults=["trickle=600"])
    with site:
        tls_context = {"context": ssl.create_default_context(cafile=site.ca_file)} if tls else {}
        connect = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        connection = connect(site.url.partition("//")[2], timeout=GUARD, **tls_context)
        connection.request("GET", "/")
        with connection.getresponse() as response:  # its head is here
            if not stays:
                response.close()
                connection.close()
            site.stop()
            if stays:
                with pytest.raises((http.client.IncompleteRead, OSError)):
                    response.read()
        connection.close()

    assert [record.getMessage() for record in caplog.records if record.name.startswith(("uvicorn", "asyncio"))] == []


@pytest.mark.slow
def test_latency_holds_up_each_request_alone():
    """
    Latency delays a request, and several requests wait at the same time, not one after the other.
    """
    with LocalSite(latency=0.25) as site:
        clients = [shotgun_api3.Shotgun(**_arguments(site), connect=False) for _ in range(20)]
        started = time.monotonic()
        _in_threads([lambda sg=sg: sg.info() for sg in clients])
        seconds = time.monotonic() - started
        site.faults.latency = 0.0
        for sg in clients:
            sg.close()

    assert 0.25 <= seconds < 4  # one after the other would take 5


def test_negative_latency_is_refused():
    """
    A negative latency is refused.
    """
    with pytest.raises(ValueError, match=r"latency must be a number of seconds, 0 or more; got -1"):
        LocalSite(latency=-1)


def test_ledger_tells_what_was_executed():
    """
    The ledger holds each request with its type, outcome, rows and time, in order, until it is cleared.
    """
    with LocalSite() as site, shotgun_api3.Shotgun(**_arguments(site)) as sg:
        sg.find("Step", [])
        with pytest.raises(shotgun_api3.Fault):
            sg.create("Shot", {})
        entries = site.ledger.entries
        counts = [site.ledger.count(), site.ledger.count("create"), site.ledger.count("delete")]
        site.ledger.clear()
        sg.batch([{"request_type": "create", "entity_type": "Project", "data": {"name": "x"}}])

    assert [(entry.number, entry.rpc, entry.entity_type, entry.rows, entry.ok) for entry in entries] == [
        (1, "info", None, 1, True),
        (2, "read", "Step", 11, True),
        (3, "create", "Shot", 0, False),
    ]
    assert counts == [3, 1, 0]
    assert all(entry.user_agent.startswith("shotgun-json") and entry.seconds >= 0 for entry in entries)
    assert [(entry.number, entry.rows) for entry in site.ledger.entries] == [(1, 1)]


def test_ledger_names_the_rows_that_were_written_to():
    """
    A write's entry has the ids of its rows, a batch's in its order; reads and refused requests have none.
    """
    with LocalSite() as site, shotgun_api3.Shotgun(**_arguments(site)) as sg:
        user = site.add_user("jo", "secret")
        first = sg.create("Project", {"name": "a"})
        more = {"request_type": "create", "entity_type": "Project", "data": {"name": "b"}}
        less = {"request_type": "delete", "entity_type": "Project", "entity_id": first["id"]}
        second, _done = sg.batch([more, less])
        sg.revive("Project", first["id"])
        sg.update("Project", first["id"], {"sg_description": "c"})
        sg.follow(user, second)
        sg.find("Project", [])
        with pytest.raises(shotgun_api3.Fault):
            sg.delete("Project", 99_999)
        entries = [(entry.rpc, entry.ids) for entry in site.ledger.entries if entry.rpc != "info"]
    one, two = first["id"], second["id"]

    assert entries == [
        ("create", (one,)),
        ("batch", (two, one)),
        ("revive", (one,)),
        ("update", (one,)),
        ("follow", (two,)),
        ("read", ()),
        ("delete", ()),
    ]


def _in_threads(functions):
    """
    Run functions at the same time, and raise the first error of any.
    """
    errors, barrier = [], threading.Barrier(len(functions))

    def run(function):
        try:
            barrier.wait(GUARD)
            function()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_threads_write_and_read_at_once(tmp_path, kind):
    """
    Many clients, one in each thread, lose no write and never read a part of one.
    """
    path = None if kind == "memory" else tmp_path / "site.db"
    with LocalSite(db=path) as site:
        with shotgun_api3.Shotgun(**_arguments(site)) as sg:
            project = sg.create("Project", {"name": "x"})

        def work():
            with shotgun_api3.Shotgun(**_arguments(site)) as sg:
                for number in range(5):
                    pair = [
                        {
                            "request_type": "create",
                            "entity_type": "Shot",
                            "data": {"project": project, "code": f"{number}"},
                        }
                        for _ in range(2)
                    ]
                    sg.batch(pair)

                    assert len(sg.find("Shot", [["project", "is", project]])) % 2 == 0

        _in_threads([work] * 6)
        with shotgun_api3.Shotgun(**_arguments(site)) as sg:
            shots = sg.find("Shot", [["project", "is", project]])

    assert len({shot["id"] for shot in shots}) == 60


def test_readers_do_not_wait_for_a_writer(tmp_path):
    """
    While one transaction writes to a file, others read the earlier state.
    """
    with LocalSite(db=tmp_path / "site.db") as site, shotgun_api3.Shotgun(**_arguments(site)) as sg:
        project = sg.create("Project", {"name": "before"})
        with site.store.writing() as tx:
            projects = tx.tables["Project"]
            tx.connection.execute(projects.update().values(name="after"))
            during = sg.find_one("Project", [["id", "is", project["id"]]], ["name"])["name"]
        after = sg.find_one("Project", [["id", "is", project["id"]]], ["name"])["name"]

    assert (during, after) == ("before", "after")


def test_file_keeps_rows_over_a_restart(tmp_path):
    """
    A site on a file keeps its rows, users and ids over a restart. The earlier key and a new one are both valid.
    """
    path = tmp_path / "site.db"
    with LocalSite(db=path) as site, shotgun_api3.Shotgun(**_arguments(site)) as sg:
        old_key = site.api_key
        site.add_user("ada", "secret")
        project = sg.create("Project", {"name": "kept"})
        gone = sg.create("Shot", {"project": project, "code": "gone"})
        sg.delete("Shot", gone["id"])
        token = sg.get_session_token()
    with LocalSite(db=str(path), demo=True) as site:
        with shotgun_api3.Shotgun(**_arguments(site)) as sg:
            names = [row["name"] for row in sg.find("Project", [], ["name"])]
            scripts = sg.find("ApiUser", [])
            new = sg.create("Shot", {"project": project})
        with shotgun_api3.Shotgun(site.url, login="ada", password="secret") as ada:
            assert ada.find("Shot", []) == [{"type": "Shot", "id": new["id"]}]
        with shotgun_api3.Shotgun(site.url, session_token=token) as again:
            assert again.find_one("Project", [])["id"] == project["id"]
        with shotgun_api3.Shotgun(site.url, site.script_name, old_key) as old:
            assert old.find("Project", [], ["name"])[0]["name"] == "kept"
        assert site.api_key != old_key
        assert str(path) in repr(site)

    assert names == ["kept"]
    assert len(scripts) == 1
    assert new["id"] > gone["id"]


def test_given_key_stays_the_same(tmp_path):
    """
    A given key is valid after each start.
    """
    for _start in range(2):
        site = LocalSite(db=tmp_path / "site.db", script_name="tool", api_key="k")
        with site, shotgun_api3.Shotgun(site.url, "tool", "k") as sg:
            assert len(sg.find("ApiUser", [])) == 1


def test_file_of_something_else_is_refused(tmp_path):
    """
    A file that is not a database, or has another layout, is not changed, and the error names it.
    """
    text, other, future = tmp_path / "text.db", tmp_path / "other.db", tmp_path / "future.db"
    text.write_text("not a database, but long enough to look like one" * 100)
    for path, statement in ((other, "CREATE TABLE things (id)"), (future, "PRAGMA user_version = 99")):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.close()

    with pytest.raises(ValueError, match=r"text.db cannot hold a site's database: file is not a database."):
        LocalSite(db=text).start()
    with pytest.raises(ValueError, match=r"other.db has layout 0, but this version of the local site reads layout 2"):
        LocalSite(db=other).start()
    with pytest.raises(ValueError, match=r"site.db cannot hold a site's database: unable to open database file."):
        LocalSite(db=tmp_path / "no such folder" / "site.db").start()
    with pytest.raises(ValueError, match=r"future.db has layout 99"):
        LocalSite(db=future).start()


SERVE = """
import sys
from sgextended.localsite import LocalSite, serve
serve(LocalSite(tls=True), lambda site: print(site.url, site.api_key, site.ca_file, flush=True))
print("stopped", flush=True)
"""


def test_person_that_cannot_be_added_raises(site, name):
    """
    A user with a taken login or an invalid field is refused with the reason.
    """
    site.add_user(name, "secret")

    with pytest.raises(ValueError, match=rf"The user '{name}' cannot be added: .* required to be unique"):
        site.add_user(name, "secret")
    with pytest.raises(ValueError, match=r"HumanUser.nickname doesn't exist"):
        site.add_user("other", "secret", nickname="x")


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground_site_stops_at_a_signal(number):
    """
    A site in the foreground calls ``ready``, and stops cleanly while a client is still connected.
    """
    command = [sys.executable, "-W", "error", "-c", SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url, key, ca_file = process.stdout.readline().split()
        with shotgun_api3.Shotgun(url, "sgextended", key, ca_certs=ca_file) as sg:
            sg.find("Project", [])
            process.send_signal(number)
            output, errors = process.communicate(timeout=GUARD)

    assert (process.returncode, output, errors) == (0, "stopped\n", "")


def test_serving_restores_the_signals():
    """
    After serving in the foreground, the earlier signal handlers are back.
    """
    before = signal.getsignal(signal.SIGTERM)
    serve(LocalSite(), lambda _site: signal.raise_signal(signal.SIGTERM))

    assert signal.getsignal(signal.SIGTERM) is before


def test_serving_needs_no_callback():
    """
    ``serve`` works without a ``ready`` function.
    """

    class Asked(LocalSite):
        def start(self):
            super().start()
            signal.raise_signal(signal.SIGTERM)

    site = Asked()
    serve(site)

    assert repr(site) == "<LocalSite stopped, memory>"
