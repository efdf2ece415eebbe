"""
Fixtures and helpers of the asyncio tests: a studio's wrapper on a scripted site, and a function that runs a program.
"""

import asyncio
import threading

import pytest
from fix_native import make_client
from fix_servers import GUARD, results

from sgextended import SGExtended

SHOT = {"type": "Shot", "id": 7}
PAGE = results({"entities": [SHOT], "paging_info": {"has_next_page": False}})


class Studio(SGExtended):
    """
    A studio's own methods.
    """

    def count_all(self, entity_type):
        return self.count(entity_type) + 1000

    def ids_of(self, entity_type):
        for row in self.find(entity_type, []):
            yield row["id"]

    def hidden(self):
        return iter([1, 2])

    def create_two(self):
        return [self.create("Shot", {"code": "a"}), self.create("Shot", {"code": "b"})]

    def stop(self):
        raise StopIteration


def run(main):
    """
    Run a coroutine as a program does, and fail instead of hanging.
    """
    return asyncio.run(asyncio.wait_for(main, 4 * GUARD))


async def started(event):
    """
    Wait until a thread of a server has come to a point.
    """
    assert await asyncio.to_thread(event.wait, GUARD)


class Held:
    """
    A handler that keeps a request until the test lets it go.
    """

    def __init__(self, reply):
        self.reply = reply
        self.came, self.may_go = threading.Event(), threading.Event()

    def __call__(self, request):
        self.came.set()
        assert self.may_go.wait(GUARD)
        return self.reply


@pytest.fixture
def ask(make_site_server):
    """
    Makes a server with some handlers, and a studio's wrapper for it.
    """

    def make(owner=Studio, connections=4, **handlers):
        server = make_site_server(**handlers)
        client = make_client(server, connections=connections)
        client.server_caps  # noqa: B018 - asked here, so that no test waits for it
        return server, owner(client)

    return make
