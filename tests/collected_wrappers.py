"""
A program: wrappers, pools, leases, iterators and maps are made and dropped in threads, while the garbage collector runs
at many moments.

Usage: ``python collected_wrappers.py THRESHOLD SECONDS``. It writes one line of JSON: the number of rounds, and a list
of what went wrong, which is to be empty. It ends by itself with the stacks of all threads when something hangs.
"""

import faulthandler
import gc
import itertools
import json
import os
import random
import sys
import threading
import time
import warnings

from fix_http import find_by_id, own_record
from fix_servers import ScriptedSite, results

from sgextended import SGExtended, SGPool, Site

PATIENCE = 20.0  # seconds within which a thread of a few calls must be over
THREADS = 3

wrong = []
numbers = itertools.count(1)


def read(request):
    """
    Return the record that is looked for, or one page of two.
    """
    asked = request.payload["params"][1]
    if asked["filters"]["conditions"]:
        return own_record(request)
    number = asked["paging"]["current_page"]
    info = {"has_next_page": number < 5}
    return results({"entities": [{"type": "Shot", "id": number}], "paging_info": info})


server = ScriptedSite(read=read)
os.environ.update(SHOTGUN_URL=server.url, SHOTGUN_SCRIPT_NAME="robot", SHOTGUN_API_KEY="key")
BY_CODE = [{"field_name": "code", "direction": "asc"}]


def new_wrapper():
    return SGExtended(site=Site(url=server.url, script_name="robot", api_key="key", connections=4))


def check(sg):
    number = next(numbers)
    found = find_by_id(sg, number)
    if found != number:
        wrong.append(f"the request for {number} got the record of {found}")


class Broken(SGExtended):
    """
    A studio's class whose set-up fails.
    """

    def __init__(self):
        raise RuntimeError("the studio's own set-up failed")


class Tool:
    """
    Something that holds what it makes in cycles, so that only the collector finds it.
    """

    def __init__(self):
        self.me = self

    def use_current(self):
        self.sg = SGExtended.current()
        check(self.sg)
        try:
            Broken.current()
        except RuntimeError as error:
            self.error = error  # has the traceback, whose frame has self

    def use_wrapper(self):
        self.sg = new_wrapper()
        check(self.sg)

    def use_other_address(self):
        self.sg = SGExtended(
            site=Site(url=f"http://127.0.0.1:{10_000 + next(numbers) % 50_000}", script_name="a", api_key="b")
        )
        self.sg.requests_sent  # noqa: B018 - makes its transport, which connects to nothing
        if random.random() < 0.5:
            self.sg.close()

    def use_pool(self):
        self.pool = SGPool(new_wrapper, max_size=2, max_idle=random.choice([0, 60.0]))
        with self.pool.lease() as sg:
            check(sg)

    def drop_lease(self):
        self.pool = SGPool(new_wrapper, max_size=2)
        self.lease = self.pool.lease()
        check(self.lease.__enter__())

    def drop_iterator(self):
        self.sg = new_wrapper()
        self.rows = self.sg.find_iter("Shot", [], order=BY_CODE, page_size=1)
        next(self.rows)

    def drop_map(self):
        self.sg = new_wrapper()
        self.found = self.sg.map(find_by_id, range(20), workers=2)
        next(self.found)

    def run(self):
        kinds = [
            self.use_current, self.use_current, self.use_wrapper, self.use_other_address, self.use_other_address,
            self.use_pool, self.drop_lease, self.drop_iterator, self.drop_map,
        ]  # fmt: skip
        for kind in random.sample(kinds, 3):
            self.garbage = [[] for _ in range(random.randrange(300))]  # shifts the moment of the next collection
            kind()


def main():
    threshold, seconds = int(sys.argv[1]), float(sys.argv[2])
    faulthandler.dump_traceback_later(seconds + 20, exit=True)
    warnings.simplefilter("ignore", ResourceWarning)  # leases that were never ended, on purpose
    sys.unraisablehook = lambda unraisable: wrong.append(f"a finalizer failed: {unraisable.exc_value!r}")
    threading.excepthook = lambda failed: wrong.append(f"a thread failed: {failed.exc_value!r}")
    random.seed(threshold)
    gc.set_threshold(threshold)
    rounds, end = 0, time.monotonic() + seconds
    while time.monotonic() < end and not wrong:
        threads = [threading.Thread(target=Tool().run, daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        Tool().use_other_address()
        for thread in threads:
            thread.join(PATIENCE)
        hanging = sum(thread.is_alive() for thread in threads)
        if hanging:
            faulthandler.dump_traceback(all_threads=True)
            wrong.append(f"{hanging} of {THREADS} threads hang in round {rounds}")
        rounds += 1
    sys.stdout.write(json.dumps({"rounds": rounds, "wrong": wrong}))
    sys.stdout.flush()
    os._exit(0)  # whatever hangs


if __name__ == "__main__":
    main()
