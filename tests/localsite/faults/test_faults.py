"""
Mishaps, and how the official client reacts to them. Every kind is tested over HTTP and over TLS.
"""

import contextlib
import http.client
import ssl
import time
import xmlrpc.client

import pytest
import shotgun_api3

from sgextended.localsite import LocalSite

# The official client leaves connections that broke, and the files that it sends, open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

BOTH = pytest.mark.parametrize("shaky", ["http", "https"], indirect=True)
# What the client raises when a connection is reset: under TLS its end may come as an error of TLS.
RESET = (ConnectionError, ssl.SSLError, http.client.HTTPException)


@pytest.fixture(scope="module")
def sites():
    """
    A site over HTTP and one over TLS.
    """
    with LocalSite() as plain, LocalSite(tls=True) as secure:
        yield {"http": plain, "https": secure}


@pytest.fixture
def shaky(sites, request):
    """
    A site that has mishaps during one test.
    """
    site = sites[getattr(request, "param", "http")]
    site.ledger.clear()
    yield site
    site.faults.clear()


@pytest.fixture
def caller(shaky, make_connection, monkeypatch):
    """
    The official client of that site, which does not sleep between attempts.
    """
    monkeypatch.setenv("SHOTGUN_API_RETRY_INTERVAL", "0")
    sg = make_connection(shaky)
    sg.BACKOFF = 0
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    sg.find("Project", [["id", "is", 0]])
    yield sg
    sg.close()


def write(sg, name):
    """
    Create a project of that name.
    """
    return sg.create("Project", {"name": name})


def count(site, name):
    """
    Return how many live projects have that name.
    """
    with site.store.reading() as tx:
        table = tx.tables["Project"]
        return len(list(tx.connection.execute(table.select().where(table.c.name == name))))


@BOTH
def test_reset_before_executes_nothing(shaky, caller, name):
    """
    A connection that is reset before the request is executed leaves no row.
    """
    mishap = shaky.faults.add("reset-before:rpc=create,next=2")
    # Over TLS Python takes a reset for the end of the connection, for which the client sends once more by itself.
    with pytest.raises(RESET):
        write(caller, name)

    assert (shaky.ledger.count("create"), count(shaky, name)) == (0, 0)
    shaky.faults.remove(mishap)
    assert write(caller, name)["id"]


def test_reset_before_may_choose_by_path(shaky, caller, name):
    """
    Chosen by path, the request is not even read.
    """
    shaky.faults.add("reset-before:path=/api3,next=1")
    with pytest.raises(RESET):
        write(caller, name)

    assert shaky.ledger.count("create") == 0


@BOTH
def test_reset_after_executes_once(shaky, caller, name):
    """
    A connection that is reset after the request was executed leaves one row, and the caller does not know.
    """
    shaky.faults.add("reset-after:rpc=create,next=1")
    error = None
    try:
        write(caller, name)
    except (*RESET, shotgun_api3.ShotgunError) as caught:
        error = caught

    # Over TLS the client sends once more by itself; the name is unique, which it is then told.
    assert error is not None
    assert count(shaky, name) == 1
    assert next(entry.ok for entry in shaky.ledger.entries if entry.rpc == "create") is True


@BOTH
def test_clean_close_makes_the_client_write_twice(shaky, caller, name):
    """
    A connection that is closed cleanly after execution makes the client's HTTP library send the write again.
    """
    project = write(caller, name)
    shaky.faults.add("close-after:rpc=create,next=1")
    shot = caller.create("Shot", {"project": project, "code": "twin"})
    twins = caller.find("Shot", [["project", "is", project]])

    assert [twin["id"] for twin in twins] == [shot["id"] - 1, shot["id"]]
    assert shaky.ledger.count("create") == 3


@BOTH
@pytest.mark.parametrize("kind", ["reset-during", "cut-off"])
def test_answer_that_breaks_off_raises(shaky, caller, name, kind):
    """
    Half a response raises a connection error; the request was executed.
    """
    project = write(caller, name)
    mishap = shaky.faults.add(f"{kind}:rpc=update,next=1")
    with pytest.raises((*RESET, OSError)):
        caller.update("Project", project["id"], {"sg_description": "x" * 100_000})

    assert mishap.happened == 1
    assert shaky.ledger.entries[-1].rpc == "update"
    caller.close()
    row = caller.find_one("Project", [["id", "is", project["id"]]], ["sg_description"])
    assert len(row["sg_description"]) == 100_000


@pytest.mark.parametrize("kind", ["truncated", "garbled"])
def test_answer_that_is_no_json_raises(shaky, caller, kind):
    """
    A complete response that is not JSON raises the decoder's error.
    """
    shaky.faults.add(f"{kind}:rpc=read,next=1")
    with pytest.raises(ValueError, match="line 1"):
        caller.find("Status", [])

    assert len(caller.find("Status", [])) == 21


def test_page_of_a_proxy_is_taken_for_an_answer(shaky, caller):
    """
    An HTML page with status 200, as of a captive portal, raises an internal error of the client.
    """
    shaky.faults.add("html:rpc=read,next=1")
    with pytest.raises(AttributeError):
        caller.find("Status", [])

    assert shaky.ledger.entries[-1].rpc == "read"
    assert shaky.ledger.count("read") == 1  # the fixture's own


@pytest.mark.parametrize("status", [429, 500, 503])
def test_status_is_raised_at_once(shaky, caller, status):
    """
    Most statuses are raised without a further attempt, and nothing is executed.
    """
    mishap = shaky.faults.add(f"status={status}:rpc=read,next=5,retry-after=2")
    with pytest.raises(xmlrpc.client.ProtocolError) as caught:
        caller.find("Status", [])

    assert caught.value.errcode == status
    assert mishap.happened == 1
    assert caught.value.headers["retry-after"] == "2"


@pytest.mark.parametrize("status", [502, 504])
def test_gateway_statuses_are_tried_again(shaky, caller, status):
    """
    The client tries three times for the statuses of gateways.
    """
    mishap = shaky.faults.add(f"status={status}:rpc=read,next=2")

    assert len(caller.find("Status", [])) == 21
    assert mishap.happened == 2
    with shaky.faults.during(f"status={status}:rpc=read") as always, pytest.raises(xmlrpc.client.ProtocolError):
        caller.find("Status", [])
    assert always.happened == 3
    assert len(caller.find("Status", [])) == 21


def test_status_after_execution_makes_duplicates(shaky, caller, name):
    """
    A gateway that gives up after the site has written makes the client write three times.
    """
    project = write(caller, name)
    with shaky.faults.during("status=504:when=after,rpc=create"), pytest.raises(xmlrpc.client.ProtocolError):
        caller.create("Shot", {"project": project})

    assert len(caller.find("Shot", [["project", "is", project]])) == 3


@BOTH
@pytest.mark.parametrize("kind", ["refused", "slammed"])
def test_nobody_can_connect_for_a_while(shaky, caller, make_connection, kind):
    """
    New connections are refused, or accepted and reset. Open connections continue. Afterwards the site accepts again.
    """
    shaky.faults.add(f"{kind}=0.8:rpc=create,next=1")
    other = make_connection(shaky)
    other.find("Status", [])
    other.config.max_rpc_attempts = 1
    with pytest.raises(RESET):
        write(other, "nobody")
    with pytest.raises(RESET) as caught:
        other.find("Status", [])
    during = len(caller.find("Status", []))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            after = other.info()
        except RESET:
            continue
        break
    other.close()

    assert during == 21
    assert isinstance(caught.value, ConnectionRefusedError) is (kind == "refused")
    assert after["version"]
    assert count(shaky, "nobody") == 0


def test_site_stops_while_nobody_can_connect(make_connection):
    """
    A site that refuses connections can be stopped, and its port is free then.
    """
    with LocalSite(faults=["refused=60:rpc=create"]) as site:
        sg, port = make_connection(site), int(site.url.rpartition(":")[2])
        with pytest.raises(RESET):
            write(sg, "nobody")
        sg.close()
    with LocalSite(port=port) as site:
        assert site.url.endswith(str(port))


@BOTH
def test_hang_up_leaves_a_dead_connection(shaky, caller):
    """
    After a whole response the kept connection is closed. The client notices with its next request, which may fail.
    """
    mishap = shaky.faults.add("hang-up:next=1")
    assert len(caller.find("Status", [])) == 21
    with contextlib.suppress(*RESET):
        caller.find("Status", [])

    assert mishap.happened == 1
    assert shaky.ledger.count("read") <= 3


def test_trickle_and_latency_take_their_time(shaky, make_connection):
    """
    A trickling response is complete at its end. Latency delays the execution. Both take the given number of seconds.
    """
    sg = make_connection(shaky)
    started = time.monotonic()
    with shaky.faults.during("trickle=0.1:rpc=read"):
        rows = sg.find("Status", [], ["code", "name"])
    trickled = time.monotonic() - started
    with shaky.faults.during("latency=0.05:rpc=read"), shaky.faults.during("latency=0.05"):
        sg.find("Status", [])
    waited = time.monotonic() - started - trickled
    sg.close()

    assert len(rows) == 21
    assert trickled >= 0.1
    assert waited >= 0.1


def test_timeouts_can_be_provoked(shaky, make_connection):
    """
    A latency beyond the client's timeout is a timeout.
    """
    sg = make_connection(shaky)
    sg.config.timeout_secs = 0.05
    sg.close()
    with shaky.faults.during("latency=0.3:rpc=read"), pytest.raises(OSError, match="timed out"):
        sg.find("Status", [])
    sg.close()


def test_rate_is_seeded(shaky, caller):
    """
    A rate affects the same calls in every run, and other calls with another seed.
    """

    def struck(spec):
        found = []
        with shaky.faults.during(spec):
            for _number in range(12):
                try:
                    caller.find("Status", [["id", "is", 1]])
                    found.append(False)
                except xmlrpc.client.ProtocolError:  # noqa: PERF203 - each call counts
                    found.append(True)
        return found

    first, again, other = (struck(f"status=500:rate=0.5,seed={seed}") for seed in (1, 1, 2))

    assert first == again != other
    assert 0 < sum(first) < 12
    assert struck("status=500:rate=0") == [False] * 12


def test_names_choose_among_requests(shaky, caller, name):
    """
    Several names choose any of their requests and no other.
    """
    mishap = shaky.faults.add("status=500:rpc=create+update")
    assert caller.find("Project", []) is not None
    for call in (lambda: write(caller, name), lambda: caller.update("Project", 1, {"name": "x"})):
        with pytest.raises(xmlrpc.client.ProtocolError):
            call()

    assert mishap.happened == 2


def test_transfers_go_wrong_by_their_names(make_connection, tmp_path, monkeypatch):
    """
    Forms, uploads to storage and downloads are chosen by name or path; links expire on demand.
    """
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    (tmp_path / "x.txt").write_bytes(b"0123456789" * 1000)
    path = str(tmp_path / "x.txt")
    with LocalSite(direct_uploads=True) as site:
        sg = make_connection(site)
        project = write(sg, "p")
        for spec in ("expired", "status=403:rpc=put", "status=400:path=/storage/upload"):
            with site.faults.during(spec) as mishap, pytest.raises(shotgun_api3.ShotgunError, match="40"):
                sg.upload("Project", project["id"], path)
            assert mishap.happened == 1
        with site.faults.during("status=503:rpc=api_link_file,when=after,next=1"):
            number = sg.upload("Project", project["id"], path)
        # A form that failed after its work is sent again, and so the file is there twice.
        assert len(sg.find("Attachment", [])) == 2
        value = sg.find_one("Attachment", [["id", "is", number]], ["this_file"])["this_file"]
        with site.faults.during("expired"), pytest.raises(shotgun_api3.ShotgunFileDownloadError, match="403"):
            sg.download_attachment(value)
        with site.faults.during("cut-off:rpc=download") as cut, pytest.raises(http.client.IncompleteRead):
            sg.download_attachment(value)
        with site.faults.during("reset-during:path=/storage/attachment"), pytest.raises(RESET):
            sg.download_attachment(value)
        with site.faults.during("truncated:rpc=download"):
            assert len(sg.download_attachment(value)) == 5000
        with site.faults.during("reset-after:rpc=upload_file"):
            assert sg.download_attachment(value) == b"0123456789" * 1000
        sg.close()

    assert cut.happened == 1


def test_first_mishap_that_strikes_counts(shaky, caller):
    """
    Of several mishaps one happens; the others keep their number of requests.
    """
    first, second = shaky.faults.add("status=500:next=1"), shaky.faults.add("status=503:next=1")
    statuses = []
    for _number in range(2):
        with pytest.raises(xmlrpc.client.ProtocolError) as caught:
            caller.find("Status", [])
        statuses.append(caught.value.errcode)

    assert statuses == [500, 503]
    assert (first.next, second.next) == (0, 0)
    assert shaky.faults.mishaps == (first, second)
    assert repr(shaky.faults) == "<Faults: latency 0.0 s, 2 mishaps>"


def test_bodies_without_a_name_pass(shaky):
    """
    A request without a name is not affected by a mishap that is limited to names.
    """
    shaky.faults.add("reset-before:rpc=read")
    statuses = []
    for body in (b"", b"[]", b"{", b'{"method_name": 5}', b"[" * 100_000):
        connection = http.client.HTTPConnection(shaky.url.partition("//")[2], timeout=10)
        connection.request("POST", "/api3/json", body)
        statuses.append(connection.getresponse().status)
        connection.close()

    assert statuses == [400] * 5


def test_site_may_start_with_mishaps(make_connection):
    """
    Mishaps given to the constructor are active from the first request.
    """
    with LocalSite(faults=["status=500:rpc=info,next=1"]) as site:
        sg = make_connection(site, connect=False)
        with pytest.raises(xmlrpc.client.ProtocolError):
            sg.info()
        assert sg.info()["version"]
        sg.close()


def test_concurrent_requests_are_told_apart(shaky, make_connection):
    """
    With several clients at once, exactly the given number of requests is affected, and each is executed once.
    """
    import threading

    shaky.faults.add("reset-after:rpc=update,next=3")
    made = make_connection(shaky)
    project = write(made, f"concurrent {shaky.url}")
    made.close()
    shaky.ledger.clear()
    failures = []

    def work():
        sg = make_connection(shaky)
        sg.config.max_rpc_attempts = 1
        for _number in range(4):
            try:
                sg.update("Project", project["id"], {"sg_description": "x"})
            except RESET as error:  # noqa: PERF203 - each call counts
                failures.append(error)
        sg.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(failures) == 3
    assert shaky.ledger.count("update") == 16


def test_ledger_has_what_was_executed(shaky, caller, name):
    """
    The ledger records a request whose response was lost, with its outcome.
    """
    shaky.faults.add("reset-after:rpc=create,next=1")
    with pytest.raises(RESET):
        write(caller, name)
    entry = shaky.ledger.entries[-1]

    assert (entry.rpc, entry.entity_type, entry.ok) == ("create", "Project", True)
