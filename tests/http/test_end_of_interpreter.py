"""
Calls at the end of the interpreter: in atexit handlers and in __del__, as the official client makes them.
"""

import itertools

import pytest
from fix_http import run_program
from fix_servers import ScriptedSite, page, results

#: What each program has in common: a client, and a guard that ends it with the stacks of its threads.
CLIENT = """
import faulthandler, os, sys
faulthandler.dump_traceback_later(10, exit=True)
whose, url, before = sys.argv[1:4]
if whose == "official":
    import shotgun_api3
    sg = shotgun_api3.Shotgun(url, "robot", "key", connect=False)
else:
    from sgextended import SGExtended, Site
    sg = SGExtended(site=Site(url=url, script_name="robot", api_key="key", ca_file=os.environ.get("CA_FILE"),
                              read_timeout=4, pool_timeout=4, connect_timeout=4))
def release():
    try:
        print("released", sg.update("Shot", 7, {"description": "free"})["id"], flush=True)
        print("found", len(sg.find("Shot", [])), flush=True)
    except BaseException as error:
        print(type(error).__name__, error, flush=True)
"""

PROGRAMS = {
    "atexit": CLIENT
    + """
import atexit
atexit.register(release)
""",
    "atexit registered first": """
import atexit
atexit.register(lambda: release())
"""
    + CLIENT,
    "__del__": CLIENT
    + """
class Lock:
    def __init__(self, release=release):
        self.release = release
    def __del__(self):
        self.release()
lock = Lock()
""",
}

BEFORE = """
if before == "after calls":
    for _ in range(3):
        sg.find_one("Shot", [])
elif before == "after pages":
    sg.find("Shot", [])
    if whose == "ours":
        list(sg.map(lambda sg, number: sg.find_one("Shot", []), range(4)))
elif before == "after a deadline":
    with sg.deadline(5):
        sg.find_one("Shot", [])
"""


def pages(request):
    asked = request.payload["params"][1]["paging"]
    if asked["entities_per_page"] == 1:
        return results(page({"type": "Shot", "id": 7}))
    number = asked["current_page"]
    info = {"has_next_page": number < 4, "entity_count": 4, "page_count": 4, "current_page": number}
    return results({"entities": [{"type": "Shot", "id": number}], "paging_info": info})


def make_site(make_server, **options):
    return make_server(kind=ScriptedSite, update={"type": "Shot", "id": 7}, read=pages, **options)


CASES = [
    *itertools.product(["atexit", "__del__"], ["at first", "after calls", "after pages", "after a deadline"]),
    ("atexit registered first", "after calls"),
]


@pytest.mark.parametrize(("when", "before"), CASES)
def test_calls_at_the_end_are_done(make_server, when, before):
    """
    A write and a read over several pages are done at the end, whatever the program has done before. Nothing is printed
    to stderr.
    """
    server = make_site(make_server)

    assert run_program("-c", PROGRAMS[when] + BEFORE, "ours", server.url, before) == "released 7\nfound 4\n"
    assert len(server.sent("update")) == 1


@pytest.mark.parametrize("when", ["atexit", "__del__"])
def test_the_official_client_makes_such_calls(make_server, when):
    """
    The official client makes the same calls at the end, so scripts rely on them.
    """
    server = make_site(make_server)

    assert run_program("-c", PROGRAMS[when] + BEFORE, "official", server.url, "after calls") == "released 7\nfound 4\n"


@pytest.mark.parametrize(("when", "before"), [("atexit", "after calls"), ("__del__", "at first")])
def test_calls_over_tls_at_the_end_are_done(make_server, authority, when, before):
    """
    The same holds over TLS.
    """
    server = make_site(make_server, tls=authority.server_context)
    program = PROGRAMS[when] + BEFORE

    assert run_program("-c", program, "ours", server.url, before, CA_FILE=authority.ca_file) == "released 7\nfound 4\n"


WORK = """
def release():
    print("mapped", list(sg.map(lambda sg, number: sg.find_one("Shot", [])["id"], range(3))), flush=True)
    print("made", len(sg.create_many("Shot", [{"code": code} for code in "ab"]).results), flush=True)
    with pool.lease() as leased:
        print("leased", leased.find_one("Shot", [])["id"], flush=True)
    async def look():
        return (await sg.aio.find_one("Shot", []))["id"]
    print("awaited", asyncio.run(look()), flush=True)
import asyncio
from sgextended import SGPool
pool = SGPool(sg.clone)
"""


@pytest.mark.parametrize("when", ["atexit", "a thread that goes on"])
def test_work_for_threads_is_done_at_the_end(make_server, when):
    """
    Once the main thread has ended, Python takes no more work for the threads of an executor: `map`, `create_many` and
    `aio` are done all the same.
    """
    server = make_site(make_server, batch=[{"type": "Shot", "id": 1}, {"type": "Shot", "id": 2}])
    if when == "atexit":
        last = "import atexit\natexit.register(release)\n"
    else:
        last = (
            "import threading\n"
            "def later():\n    threading.main_thread().join()\n    release()\n"
            "threading.Thread(target=later).start()\n"
        )

    told = run_program("-c", CLIENT + WORK + last, "ours", server.url, "at first")

    assert told == "mapped [7, 7, 7]\nmade 2\nleased 7\nawaited 7\n"


def test_a_lease_in_del_at_the_end_does_not_hang(make_server):
    """
    A pool starts no thread when the interpreter ends: Python would wait for ever for its beginning.
    """
    server = make_site(make_server)
    program = (
        CLIENT
        + """
from sgextended import SGPool
pool = SGPool(sg.clone)
class Lock:
    def __del__(self, pool=pool):
        with pool.lease() as leased:
            print("leased", leased.find_one("Shot", [])["id"], flush=True)
Lock.one = Lock()
"""
    )

    assert run_program("-c", program, "ours", server.url, "at first") == "leased 7\n"
