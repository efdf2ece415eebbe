"""
``sgextended site`` and ``sgextended demo``, as processes.
"""

import contextlib
import itertools
import re
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
import shotgun_api3
from fix_servers import http_reply
from PIL import Image
from processes import ended

from sgextended import SGExtended, Webhook
from sgextended.cli.commands import site as site_command
from sgextended.localsite.server.certificates import Certificates

GUARD = 60  # seconds


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_site_accepts_calls_and_stops_cleanly(start, sent):
    """
    The first line has the address and the key, and stderr the lines for a shell and how to stop the site. A signal ends
    the site without further output, even with open connections.
    """
    process, fields = start("--tls")
    with SGExtended(fields["url"], fields["script_name"], fields["api_key"], ca_certs=fields["ca_file"]) as sg:
        sg.create("Project", {"name": "Served"})

        assert [project["name"] for project in sg.find_projects("served")] == ["Served"]
        status, out, err = ended(process, sent)
        assert (status, out) == (0, "")
        assert err.splitlines() == [
            "To use it in another shell:",
            f"  export SHOTGUN_URL={fields['url']}",
            f"  export SHOTGUN_SCRIPT_NAME={fields['script_name']}",
            f"  export SHOTGUN_API_KEY={fields['api_key']}",
            f"  export SHOTGUN_API_CACERTS={fields['ca_file']}",
            "To stop it, press Ctrl-C.",
        ]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_busy_site_stops_cleanly(start, tmp_path, sent):
    """
    A signal ends a site that is executing creates without output, and every create that was confirmed is in the file.
    """
    process, fields = start("--db", "site.sqlite")
    confirmed, begun = [], threading.Semaphore(0)

    def create(number):
        sg = shotgun_api3.Shotgun(fields["url"], fields["script_name"], fields["api_key"])
        sg.config.max_rpc_attempts, sg.BACKOFF = 1, 0
        with contextlib.suppress(Exception), contextlib.closing(sg):  # the end of the site interrupts the last one
            for count in itertools.count():
                confirmed.append(sg.create("Project", {"name": f"{number} {count}"})["id"])
                begun.release()

    threads = [threading.Thread(target=create, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _each in range(20):
        assert begun.acquire(timeout=GUARD)
    outcome = ended(process, sent)
    for thread in threads:
        thread.join(GUARD)

    assert outcome[:2] == (0, "")
    assert "Traceback" not in outcome[2]
    with contextlib.closing(sqlite3.connect(tmp_path / "site.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert {row[0] for row in connection.execute('SELECT id FROM "Project"')} >= set(confirmed)


def test_site_keeps_its_records_in_the_file(start, tmp_path):
    """
    A site that starts again with the same file has the same records. A given key is not printed.
    """
    words = ("--db", "site.sqlite", "--script-name", "pipeline", "--api-key", "k-1")
    process, fields = start(*words)
    created = SGExtended(fields["url"], "pipeline", "k-1").create("Project", {"name": "Kept"})
    ended(process, signal.SIGTERM)
    _process, again = start(*words)

    assert "api_key" not in fields
    assert SGExtended(again["url"], "pipeline", "k-1").find_projects("Kept")[0]["id"] == created["id"]


def test_a_port_that_is_taken_is_one_message(start):
    """
    A port in use ends in one message, and status 1.
    """
    _process, fields = start()
    port = fields["url"].rpartition(":")[2]
    command = [sys.executable, "-m", "sgextended", "site", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=False)

    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def test_faults_are_switched_on(start):
    """
    Each --fault simulates one fault, as often as its options say.
    """
    _process, fields = start("--fault", "status=500:rpc=create,next=1", "--fault", "latency=0.01:rpc=read")
    sg = SGExtended(fields["url"], fields["script_name"], fields["api_key"])

    with pytest.raises(Exception, match="500"):
        sg.create("Project", {"name": "Unlucky"})
    assert sg.create("Project", {"name": "Lucky"})["id"] == 1
    assert [project["name"] for project in sg.find_projects()] == ["Lucky"]


@pytest.mark.parametrize(("words", "accepts"), [((), False), (("--strict",), False), (("--lenient",), True)])
def test_mood_is_chosen(start, words, accepts):
    """
    A site is strict unless it is started with --lenient.
    """
    _process, fields = start(*words)
    sg = SGExtended(fields["url"], fields["script_name"], fields["api_key"])
    project = sg.create("Project", {"name": "Moods"})

    if accepts:
        assert sg.create("Shot", {"code": "A", "project": project, "smart_cut_in": 5})["smart_cut_in"] == 5
    else:
        with pytest.raises(Exception, match="This local site is strict"):
            sg.create("Shot", {"code": "A", "project": project, "smart_cut_in": 5})


def test_an_unknown_fault_ends_in_one_message():
    """
    An unknown fault ends in one message that lists the kinds.
    """
    command = [sys.executable, "-m", "sgextended", "site", "--fault", "explode:next=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=False)

    assert done.returncode == 1
    assert "'explode' is not a kind of mishap. Kinds: latency, reset-before" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_a_site_for_the_network_warns(start):
    """
    A site that listens on all addresses prints one warning on stderr.
    """
    process, fields = start("--host", "0.0.0.0", "--direct-uploads")
    with SGExtended(fields["url"], fields["script_name"], fields["api_key"]) as sg:
        assert sg.server_info["s3_direct_uploads_enabled"] is True

    status, _out, err = ended(process, signal.SIGTERM)
    assert status == 0
    assert (
        err.count("This local site listens on 0.0.0.0, so every machine that reaches that address can send requests")
        == 1
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_thumbnails_are_late(start, tmp_path):
    """
    With --thumbnail-delay, a new thumbnail reads as the placeholder.
    """
    picture = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(picture)
    process, fields = start("--thumbnail-delay", "600")
    with SGExtended(fields["url"], fields["script_name"], fields["api_key"]) as sg:
        project = sg.create("Project", {"name": "p"})
        sg.upload_thumbnail("Project", project["id"], str(picture))
        image = sg.find_one("Project", [["id", "is", project["id"]]], ["image"])["image"]

    assert image == f"{fields['url']}/images/status/transient/thumbnail_pending.png"
    assert ended(process, signal.SIGTERM)[0] == 0


def test_demo_prints_the_table_and_the_next_steps():
    """
    The demo prints the table, both times and what to try next.
    """
    command = [sys.executable, "-m", "sgextended", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=True)

    assert "Assets by project and status" in done.stdout
    assert "times as fast as one" in done.stdout
    assert "sgextended site --demo --port 8010" in done.stdout
    assert done.stderr == ""


def test_demo_with_trace_lists_its_requests():
    """
    With --trace, stderr has the table of requests and nothing else.
    """
    command = [sys.executable, "-m", "sgextended", "demo", "--trace"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=True)

    head, *rows, total = done.stderr.splitlines()
    assert head.split() == ["called", "calls", "seconds", "bytes", "call", "line"]
    assert {tuple(row.split()[5:7]) for row in rows} == {("summarize", "Asset"), ("read", "Project")}
    assert total.startswith("14 calls, ")


def test_site_serves_several_accounts(start, tmp_path, monkeypatch):
    """
    Several scripts and users can connect, with a given certificate. Each call is a line in the access log. A file that
    is served again keeps the keys and passwords.
    """
    certificates = Certificates("127.0.0.1")
    monkeypatch.setenv("SHOTGUN_API_CACERTS", str(certificates.ca_file))
    words = (
        "--certificate",
        str(certificates.chain_file),
        "--db",
        "team.sqlite",
        "--script",
        "lighting",
        "--user",
        "zoe=pa55",
        "--role",
        "zoe=manager",
    )
    process, fields = start(*words, "--access-log", "calls.log")
    script, person = process.stdout.readline().split(), process.stdout.readline().split()
    key = script[1].partition("=")[2]
    with SGExtended(fields["url"], "lighting", key) as sg:
        assert sg.find_projects() == []
    with SGExtended(fields["url"], login="zoe", password="pa55") as sg:
        sg.create("Project", {"name": "Ours"})
    ended(process, signal.SIGTERM)
    process, again = start(*words)
    kept = process.stdout.readline().split()

    assert fields["url"].startswith("https://")
    assert (script[0], person) == ("script_name=lighting", ["login=zoe"])
    assert kept == ["script_name=lighting"]
    with SGExtended(again["url"], "lighting", key) as sg:
        assert [project["name"] for project in sg.find_projects()] == ["Ours"]
    log = (tmp_path / "calls.log").read_text()
    assert re.search(
        r"^\d{4}-\d\d-\d\d \S+ 127\.0\.0\.1 lighting read Project 0 rows \d+\.\d ms ok$", log, re.MULTILINE
    )
    assert re.search(r" zoe create Project 1 rows ", log)
    assert key not in log
    certificates.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--private-key", "key.pem"], "without its certificate. Give the certificate"),
        (["--certificate", "none.pem"], "not a certificate and its private key"),
        (["--tls", "--certificate", "none.pem"], "another certificate were chosen"),
        (["--user", "=secret"], "Write --script and --user as NAME or NAME=SECRET"),
        (["--role", "zoe"], "Write NAME=ROLE"),
        (["--role", "zoe=manager"], "which --script and --user do not"),
        (["--user", "zoe", "--role", "zoe=boss"], "Roles: admin, manager, artist, read_only"),
        (["--secrets", "none"], "No such file"),
        (["--load", "nowhere"], "nowhere holds no records of a site"),
        (["--load", "nowhere", "--demo"], "filled from only one. Leave one out"),
        (["dump", "out", "--db", "none.sqlite"], "There is no file none.sqlite"),
        (["backup", "out", "--db", "none.sqlite"], "There is no such file"),
        (["upgrade", "--db", "none.sqlite"], "There is no such file"),
    ],
)
def test_options_that_cannot_work_are_one_message(command, tmp_path, monkeypatch, words, message):
    """
    Options that exclude each other or are not valid end in one message, and status 1.
    """
    monkeypatch.chdir(tmp_path)
    status, _out, err = command("site", *words)

    assert (status, message in err) == (1, True)


def test_dumped_site_is_served_again(start, command, tmp_path, monkeypatch):
    """
    The records of a file can be dumped to a folder while a site serves the file, and can be served from the folder.
    """
    process, fields = start("--db", "site.sqlite")
    SGExtended(fields["url"], fields["script_name"], fields["api_key"]).create("Project", {"name": "Dumped"})
    monkeypatch.chdir(tmp_path)
    status, _out, err = command("site", "dump", "data", "--db", "site.sqlite")
    ended(process, signal.SIGTERM)
    _process, again = start("--load", "data")

    assert (status, "to data." in err) == (0, True)
    sg = SGExtended(again["url"], again["script_name"], again["api_key"])
    assert [project["name"] for project in sg.find_projects()] == ["Dumped"]


def test_a_running_site_is_backed_up(start, command, tmp_path, monkeypatch):
    """
    The backup of a running site has all committed records, the uploads and the key. An existing file is refused.
    """
    process, fields = start("--db", "site.sqlite")
    sg = SGExtended(fields["url"], fields["script_name"], fields["api_key"])
    project = sg.create("Project", {"name": "Saved"})
    sg.create_many("Shot", [{"project": project, "code": str(number)} for number in range(60)])
    (tmp_path / "notes.txt").write_text("kept")
    file_id = sg.upload("Project", project["id"], str(tmp_path / "notes.txt"))
    monkeypatch.chdir(tmp_path)
    status, _out, err = command("site", "backup", "copy.sqlite", "--db", "site.sqlite")
    refused = command("site", "backup", "copy.sqlite", "--db", "site.sqlite")
    no_database = command("site", "backup", "other.sqlite", "--db", "notes.txt")
    upgraded = command("site", "upgrade", "--db", "copy.sqlite")
    second = command("site", "--db", "site.sqlite")

    assert (status, "Copied site.sqlite to copy.sqlite." in err) == (0, True)
    assert (refused[0], "exists already" in refused[2]) == (1, True)
    assert (no_database[0], (tmp_path / "other.sqlite").exists()) == (1, False)
    assert (upgraded[0], "copy.sqlite has the current layout already" in upgraded[2]) == (0, True)
    assert second[0] == 1
    assert f"site.sqlite is served already, by process {process.pid} at {fields['url']}." in second[2]
    assert "Traceback" not in second[2]
    _process, again = start("--db", "copy.sqlite")
    copied = SGExtended(again["url"], fields["script_name"], fields["api_key"])
    assert copied.count("Shot") == 60
    assert copied.download_attachment({"type": "Attachment", "id": file_id}) == b"kept"


def test_a_key_that_was_given_is_not_printed():
    """
    The lines for a shell have a new key, and no key that the user gave. A value with a space is quoted.
    """
    variables = {"SHOTGUN_URL": "http://localhost:1", "SHOTGUN_SCRIPT_NAME": "my script", "SHOTGUN_API_KEY": "secret-1"}
    new, given = (site_command.how_to_use(variables, key_is_known=known) for known in (False, True))

    assert "secret-1" in new
    assert "secret-1" not in given
    assert "'my script'" in new


def test_site_sends_webhooks(start, tmp_path, make_server):
    """
    ``--webhook`` sends the events to a receiver, signed with the secret of the file.
    """
    (tmp_path / "secret").write_text("a secret in a file\n")
    arrived = threading.Event()

    def accept(request):
        arrived.set()
        return http_reply()

    server = make_server(accept)
    process, fields = start("--webhook", server.url, "--webhook-secret-file", "secret")
    with SGExtended(fields["url"], fields["script_name"], fields["api_key"]) as sg:
        project = sg.create("Project", {"name": "Told"})
    assert arrived.wait(GUARD)
    request = server.requests[0]

    event = Webhook.parse(request.headers, request.body, "a secret in a file").events[0]
    assert event.entity == {"type": "Project", "id": project["id"]}
    assert ended(process, signal.SIGTERM)[:2] == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--webhook", "http://10.0.0.1/"], "loopback addresses only"),
        (["--webhook-secret-file", "secret"], "Name one with --webhook"),
        (["--webhook", "http://127.0.0.1:9/", "--webhook-secret-file", "missing"], "secret of the webhooks cannot be"),
        (["--webhook", "http://127.0.0.1:9/", "--webhook-secret-file", "empty"], "is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_webhooks_that_are_not_valid_are_one_message(command, tmp_path, monkeypatch, words, message):
    """
    A receiver on another machine, and a secret that cannot be used, end in one message that does not have the secret.
    """
    (tmp_path / "secret").write_text("a secret in a file")
    (tmp_path / "empty").write_text("\n")
    monkeypatch.chdir(tmp_path)
    status, out, err = command("site", *words)

    assert (status, out) == (1, "")
    assert re.fullmatch(rf"sgextended: [^\n]*{message}[^\n]*\n", err)
    assert "a secret in" not in err
