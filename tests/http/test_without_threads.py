"""
Where the process may start no more threads: a call needs none.
"""

import os
import threading
import time

import pytest
from fix_http import find_by_id, own_record, run_program
from fix_native import make_client
from fix_servers import GUARD, http_reply, page, results
from fix_transfers import client_of

from sgextended import RetryPolicy, SGExtended, SGExtendedError, SGPool, TransportTimeout

SHORT = 0.3
PAGES = 6


def read(request):
    """
    Return one page of one record, of six; or the record that is looked for by its id.
    """
    asked = request.payload["params"][1]
    if asked["filters"]["conditions"]:
        return own_record(request)
    number = asked["paging"]["current_page"]
    info = {"has_next_page": number < PAGES, "entity_count": PAGES, "page_count": PAGES, "current_page": number}
    return results({"entities": [{"type": "Shot", "id": number}], "paging_info": info})


def batch(request):
    rows = request.payload["params"][1]
    return results([{"type": "Shot", "id": number} for number, _row in enumerate(rows)])


@pytest.fixture
def server(make_site_server):
    """
    A site with six pages of shots, on which anything may be written.
    """
    shot = {"type": "Shot", "id": 7}
    return make_site_server(read=read, batch=batch, create=shot, update=shot)


@pytest.fixture
def sg(server):
    """
    A wrapper on the site, which has not been used yet.
    """
    with SGExtended(make_client(server)) as sg:
        yield sg


@pytest.fixture(autouse=True)
def no_threads(monkeypatch):
    """
    The test's own thread, and what it calls, may start no thread. The servers may: they would be other processes.
    """
    start, caller = threading.Thread.start, threading.current_thread()
    is_allowed = threading.Event()

    def refuse(thread):
        if threading.current_thread() is caller and not is_allowed.is_set():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    yield is_allowed
    is_allowed.set()


@pytest.fixture
def allow_threads(no_threads):
    """
    Lets the process start threads again.
    """
    return no_threads.set


@pytest.fixture
def make_server(no_threads, make_server):
    """
    Makes servers, whose own threads are allowed.
    """

    def make(*args, **options):
        no_threads.set()
        server = make_server(*args, **options)
        no_threads.clear()
        return server

    return make


PROGRAM = """
import sys, threading
from sgextended import SGExtended, Site
def refuse(thread):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
sg = SGExtended(site=Site(url=sys.argv[1], script_name="robot", api_key="key"))
print(sg.find_one("Shot", [["id", "is", 3]])["id"], sg.create("Shot", {"code": "a"})["id"], len(sg.find("Shot", [])))
with sg.deadline(30):
    print(sg.update("Shot", 7, {"code": "b"})["id"])
"""


def test_a_process_that_never_had_a_thread_needs_none(server, allow_threads):
    """
    The first calls of a process work without threads: no earlier call has started one that serves them.
    """
    allow_threads()  # to this process, which reads what the other one prints

    assert run_program("-c", PROGRAM, server.url) == "3 7 6\n7\n"


def test_a_read_needs_no_thread(sg):
    """
    A first find_one works, and so do later ones.
    """
    assert [find_by_id(sg, number) for number in (1, 2, 3)] == [1, 2, 3]


def test_pages_need_no_threads(sg, server):
    """
    A find over several pages returns all of them, each requested once: those that threads would prefetch as well.
    """
    assert [row["id"] for row in sg.find("Shot", [])] == [1, 2, 3, 4, 5, 6]
    asked = [request.payload["params"][1]["paging"]["current_page"] for request in server.sent("read")]
    assert sorted(number for number in asked if number <= PAGES) == [1, 2, 3, 4, 5, 6]


def test_an_iterator_needs_no_threads(sg):
    """
    find_iter yields all rows.
    """
    order = [{"field_name": "code", "direction": "asc"}]

    assert [row["id"] for row in sg.find_iter("Shot", [], order=order, page_size=1)] == [1, 2, 3, 4, 5, 6]


def test_writes_need_no_thread(sg, server):
    """
    Create, update and batch are done, each once.
    """
    shot = {"type": "Shot", "id": 7}

    assert sg.create("Shot", {"code": "a"}) == shot
    assert sg.update("Shot", 7, {"code": "b"})["id"] == 7
    assert len(sg.batch([{"request_type": "create", "entity_type": "Shot", "data": {"code": "c"}}])) == 1
    assert [len(server.sent(rpc)) for rpc in ("create", "update", "batch")] == [1, 1, 1]


def test_create_many_needs_no_threads(sg, server):
    """
    create_many creates all rows in several batches, or says that it cannot because of the threads.
    """
    try:
        report = sg.create_many("Shot", [{"code": str(number)} for number in range(10)], batch_size=3)
    except SGExtendedError as error:
        assert "thread" in str(error)  # noqa: PT017 - one of two right outcomes
        assert server.sent("batch") == []
    else:
        assert len(report.results) == 10
        assert len(server.sent("batch")) == 4


@pytest.mark.parametrize("ordered", [True, False])
def test_map_needs_no_threads(sg, ordered):
    """
    sg.map returns all results, or says that it cannot because of the threads.
    """
    try:
        found = list(sg.map(find_by_id, range(1, 9), ordered=ordered))
    except SGExtendedError as error:
        assert "thread" in str(error)  # noqa: PT017 - one of two right outcomes
    else:
        assert sorted(found) == list(range(1, 9))


def test_a_lease_needs_no_thread(server):
    """
    SGPool lends a wrapper, although it can start no thread that closes idle ones.
    """
    with SGPool(lambda: SGExtended(make_client(server))) as pool:
        for _ in range(2):
            with pool.lease() as sg:
                assert find_by_id(sg, 3) == 3


def test_a_form_needs_no_thread(form_site, make_file):
    """
    An upload by form is done.
    """
    assert client_of(form_site).upload("Version", 12, make_file()) == 77


def test_parts_need_no_threads(media_site, storage, small_parts, make_file):
    """
    A file that is uploaded in several parts arrives whole.
    """
    content = os.urandom(350_000)

    assert client_of(media_site).upload("Version", 12, make_file(content=content), "sg_uploaded_movie") == 80
    assert b"".join(storage.stored[f"/part{number}"] for number in range(1, 5)) == content


def test_a_download_needs_no_thread(form_site, tmp_path):
    """
    A download is done.
    """
    content = os.urandom(200_000)
    form_site.answers["7"] = lambda _request: http_reply(content)
    client_of(form_site).download_attachment(7, str(tmp_path / "take.mov"))

    assert (tmp_path / "take.mov").read_bytes() == content


@pytest.mark.parametrize("part", ["nothing", "head", "body"])
def test_a_deadline_needs_no_thread(make_site_server, part):
    """
    A deadline ends a call whose response does not come, or comes byte by byte in its head or body.
    """
    reply = http_reply(b'{"results": []}' + b" " * 100_000)
    whole = {"nothing": 0, "head": 20, "body": len(reply) - 90_000}[part]
    server = None

    def slowly(_request):
        yield reply[:whole]
        while not server.stopping.wait(0.02):
            if whole:
                yield b"x" if part == "head" else b" "

    server = make_site_server(read=slowly)
    sg = SGExtended(make_client(server, read_timeout=GUARD * 4, retry=RetryPolicy(attempts=1)))
    begin = time.monotonic()

    with pytest.raises(TransportTimeout, match=f"{SHORT} s"), sg.deadline(SHORT):
        find_by_id(sg, 1)

    assert time.monotonic() - begin < GUARD


def test_threads_are_used_again_when_they_can_be_started(sg, server, allow_threads):
    """
    What could start no thread tries again at the next call, and nothing has stayed half begun.
    """
    expected = [1, 2, 3, 4, 5, 6]
    before = [row["id"] for row in sg.find("Shot", [])]
    allow_threads()

    assert before == [row["id"] for row in sg.find("Shot", [])] == expected
    assert list(sg.map(find_by_id, range(1, 9))) == list(range(1, 9))
    server.answers["read"] = page()
    assert sg.find("Shot", []) == []
