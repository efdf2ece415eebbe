"""
``sgextended site`` and ``sgextended demo``, started as processes.
"""

import re
import signal
import subprocess
import sys

import pytest

from sgextended import SGExtended
from sgextended.localsite.server.certificates import Certificates

GUARD = 60  # seconds


@pytest.fixture
def start(tmp_path):
    """
    Starts ``sgextended site`` with more words, and gives the process and the fields of its line.
    """
    started = []

    def run(*words):
        command = [sys.executable, "-m", "sgextended", "site", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        started.append(process)
        line = process.stdout.readline().split()
        return process, {"url": line[3], **dict(word.split("=", 1) for word in line[4:])}

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=GUARD)


def ended(process, sent):
    """
    Return the exit status of a process that was sent a signal, and what it still printed.
    """
    process.send_signal(sent)
    out, err = process.communicate(timeout=GUARD)
    return process.returncode, out, err


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_site_accepts_calls_once_it_says_so_and_stops_cleanly(start, sent):
    """
    The one line has the address and the key; a signal ends it without a word, with connections still open.
    """
    process, told = start("--tls")
    with SGExtended.connect(told["url"], told["script_name"], told["api_key"], ca_certs=told["ca_file"]) as sg:
        sg.create("Project", {"name": "Served"})

        assert [project["name"] for project in sg.find_projects("served")] == ["Served"]
        assert ended(process, sent) == (0, "", "")


def test_site_keeps_its_file_and_the_given_key(start, tmp_path):
    """
    Records are there again when a site with the same file starts again; a given key is not printed.
    """
    words = ("--db", "site.sqlite", "--script-name", "pipeline", "--api-key", "k-1")
    process, told = start(*words)
    created = SGExtended.connect(told["url"], "pipeline", "k-1").create("Project", {"name": "Kept"})
    ended(process, signal.SIGTERM)
    _process, again = start(*words)

    assert "api_key" not in told
    assert SGExtended.connect(again["url"], "pipeline", "k-1").find_projects("Kept")[0]["id"] == created["id"]


def test_a_port_that_is_taken_is_one_message(start):
    """
    A port in use ends in one message, status 1.
    """
    _process, told = start()
    port = told["url"].rpartition(":")[2]
    command = [sys.executable, "-m", "sgextended", "site", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=False)

    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def test_faults_are_switched_on(start):
    """
    Each --fault is one thing that goes wrong, as often as it says.
    """
    _process, told = start("--fault", "status=500:rpc=create,next=1", "--fault", "latency=0.01:rpc=read")
    sg = SGExtended.connect(told["url"], told["script_name"], told["api_key"])

    with pytest.raises(Exception, match="500"):
        sg.create("Project", {"name": "Unlucky"})
    assert sg.create("Project", {"name": "Lucky"})["id"] == 1
    assert [project["name"] for project in sg.find_projects()] == ["Lucky"]


def test_a_fault_that_is_no_fault_is_one_message():
    """
    A fault that is written wrongly ends in one message that names the kinds.
    """
    command = [sys.executable, "-m", "sgextended", "site", "--fault", "explode:next=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=False)

    assert done.returncode == 1
    assert "'explode' is no kind of mishap. Kinds: latency, reset-before" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_a_site_for_the_network_warns(start):
    """
    A site that listens on all addresses says so on stderr, once.
    """
    process, told = start("--host", "0.0.0.0", "--direct-uploads")
    with SGExtended.connect(told["url"], told["script_name"], told["api_key"]) as sg:
        assert sg.server_info["s3_direct_uploads_enabled"] is True

    status, _out, err = ended(process, signal.SIGTERM)
    assert status == 0
    assert err.count("This local site listens on 0.0.0.0, so whoever reaches that address may send requests") == 1


def test_demo_shows_the_job_and_how_to_go_on():
    """
    The demo ends with the table, both times and what to try next.
    """
    command = [sys.executable, "-m", "sgextended", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=True)

    assert "Assets by project and status" in done.stdout
    assert "times as fast as one" in done.stdout
    assert "sgextended site --demo --port 8010" in done.stdout
    assert done.stderr == ""


def test_demo_tells_on_stderr_what_it_has_asked():
    """
    With --trace the table of calls stands there, and nothing else.
    """
    command = [sys.executable, "-m", "sgextended", "demo", "--trace"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=True)

    head, *rows, total = done.stderr.splitlines()
    assert head.split() == ["called", "calls", "seconds", "bytes", "call", "line"]
    assert {tuple(row.split()[5:7]) for row in rows} == {("summarize", "Asset"), ("read", "Project")}
    assert total.startswith("14 calls, ")


def test_site_serves_a_team(start, tmp_path, monkeypatch):
    """
    With a certificate of the studio's own, several scripts and persons ask, each call is a line of the log, and a file
    that is served again keeps everybody's keys.
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
    )
    process, told = start(*words, "--access-log", "calls.log")
    script, person = process.stdout.readline().split(), process.stdout.readline().split()
    key = script[1].partition("=")[2]
    with SGExtended.connect(told["url"], "lighting", key) as sg:
        assert sg.find_projects() == []
    with SGExtended.connect(told["url"], login="zoe", password="pa55") as sg:
        sg.create("Project", {"name": "Ours"})
    ended(process, signal.SIGTERM)
    process, again = start(*words)
    kept = process.stdout.readline().split()

    assert told["url"].startswith("https://")
    assert (script[0], person) == ("script_name=lighting", ["login=zoe"])
    assert kept == ["script_name=lighting"]
    with SGExtended.connect(again["url"], "lighting", key) as sg:
        assert [project["name"] for project in sg.find_projects()] == ["Ours"]
    log = (tmp_path / "calls.log").read_text()
    assert re.search(
        r"^\d{4}-\d\d-\d\d \S+ 127\.0\.0\.1 lighting read Project 0 rows \d+\.\d ms ok$", log, re.MULTILINE
    )
    assert re.search(r" zoe create Project 1 rows ", log)
    assert key not in log
    certificates.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--private-key", "key.pem"], "of no use without its certificate"),
        (["--certificate", "none.pem"], "no certificate and its private key"),
        (["--tls", "--certificate", "none.pem"], "not both"),
        (["--user", "=secret"], "is no NAME, nor NAME=SECRET"),
        (["--load", "nowhere"], "nowhere holds no records of a site"),
        (["--load", "nowhere", "--demo"], "not with both"),
        (["dump", "out", "--db", "none.sqlite"], "there is no file none.sqlite"),
    ],
)
def test_options_that_cannot_work_are_one_message(command, tmp_path, monkeypatch, words, said):
    """
    What cannot be served ends in one message, status 1.
    """
    monkeypatch.chdir(tmp_path)
    status, _out, err = command("site", *words)

    assert (status, said in err) == (1, True)


def test_dumped_site_is_served_again(start, command, tmp_path, monkeypatch):
    """
    What a file holds is dumped into a folder, while it is served, and served from there.
    """
    process, told = start("--db", "site.sqlite")
    SGExtended.connect(told["url"], told["script_name"], told["api_key"]).create("Project", {"name": "Dumped"})
    monkeypatch.chdir(tmp_path)
    status, _out, err = command("site", "dump", "data", "--db", "site.sqlite")
    ended(process, signal.SIGTERM)
    _process, again = start("--load", "data")

    assert (status, "are in data." in err) == (0, True)
    sg = SGExtended.connect(again["url"], again["script_name"], again["api_key"])
    assert [project["name"] for project in sg.find_projects()] == ["Dumped"]
