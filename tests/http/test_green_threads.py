"""
Under gevent and eventlet, which replace sockets and threads by cooperative ones: deadlines hold and calls do not block.
"""

from importlib.util import find_spec

import pytest
from fix_http import own_record, run_program, wanted_id
from fix_servers import http_reply

PATCH = {
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
    "eventlet": "import warnings; warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch()",
}

PROGRAM = """
import sys, threading, time
from sgextended import RetryPolicy, SGExtended, Site, TransportTimeout
sg = SGExtended(site=Site(url=sys.argv[1], script_name="robot", api_key="key", read_timeout=60, pool_timeout=60,
                          connections=2, retry=RetryPolicy(attempts=1)))
def find(number):
    return sg.find_one("Shot", [["id", "is", number]])["id"]
found = []
def note(number):
    found.append((number, find(number)))
threads = [threading.Thread(target=note, args=(number,)) for number in range(1, 9)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(found) == [(number, number) for number in range(1, 9)])
for number in (1000, 1001):
    begin = time.monotonic()
    try:
        with sg.deadline(0.5):
            find(number)
    except TransportTimeout as error:
        print("0.5 s" in str(error), time.monotonic() - begin < 5)
print(find(9))
"""


@pytest.mark.parametrize("kind", PATCH)
def test_deadlines_hold_under_green_threads(make_site_server, kind):
    """
    Several green threads share two connections. A response that does not come, or trickles, ends at its deadline.
    """
    if find_spec(kind) is None:  # after an import of eventlet, this process would warn at each fork
        pytest.skip(f"{kind} is not installed: pip install {kind}")
    reply = http_reply(b'{"results": []}' + b" " * 100_000)
    server = None

    def slowly(request):
        if request.payload["params"][1]["filters"]["conditions"][0]["values"][0] == 1001:
            yield reply[:-90_000]
        while not server.stopping.wait(0.02):
            yield b" " if wanted_id(request) == 1001 else b""

    server = make_site_server(
        read=lambda request: own_record(request) if wanted_id(request) < 1000 else slowly(request)
    )

    printed = run_program("-c", f"{PATCH[kind]}\n{PROGRAM}", server.url)

    assert printed == "True\nTrue True\nTrue True\n9\n"
