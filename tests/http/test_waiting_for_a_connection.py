"""
Waiting for a free connection: who waits is served in order, and a deadline, a cancellation and a close end the wait.
"""

import asyncio
import contextlib
import os
import threading
import time

import pytest
from fix_aio import run
from fix_http import InThread, find_by_id, own_record, wanted_id
from fix_native import make_client
from fix_servers import GUARD, results

from sgextended import ClientClosed, PoolTimeout, SGExtended

LONG = 3.0 * GUARD  # seconds: the limit that must not be what ends a wait
SHORT = 0.2
HELD = 1_000_000  # ids from here on are held by the server


class Holding:
    """
    A site that holds the requests for ids from `HELD` on until each is let go, and notes the order of all ids.
    """

    def __init__(self, make_site_server, connections):
        self.ids, self.came, self._gates, self._lock = [], threading.Semaphore(0), {}, threading.Lock()
        self.server = make_site_server(read=self._read, create=lambda _request: results({"type": "Shot", "id": 1}))
        self.settings = {"connections": connections, "pool_timeout": LONG, "read_timeout": LONG}
        self.calls = []
        self.client().server_caps  # noqa: B018 - requested here, so that no test counts it

    def client(self, **settings):
        return make_client(self.server, **{**self.settings, **settings})

    def _read(self, request):
        number = wanted_id(request)
        with self._lock:
            self.ids.append(number)
        if number >= HELD:
            self.came.release()
            assert self._gate(number).wait(2 * LONG)
        return own_record(request)

    def _gate(self, number):
        with self._lock:
            return self._gates.setdefault(number, threading.Event())

    def hold(self, number=HELD, client=None):
        """
        Start a call that has a connection until it is let go.
        """
        client = client or self.client()
        call = InThread(lambda: find_by_id(client, number))
        self.calls.append((number, call))
        assert self.came.acquire(timeout=GUARD)
        return call

    def let_go(self, number=HELD):
        self._gate(number).set()

    def end(self):
        for number, call in self.calls:
            self.let_go(number)
            call.end()


@pytest.fixture
def make_holding(make_site_server):
    """
    Makes a site that holds requests, with so many connections to it.
    """
    made = []

    def make(connections=1):
        made.append(Holding(make_site_server, connections))
        return made[-1]

    yield make
    for holding in made:
        holding.end()


@pytest.fixture
def busy(make_holding):
    """
    A site whose only connection is in use.
    """
    holding = make_holding()
    holding.hold()
    return holding


@contextlib.contextmanager
def soon():
    """
    Check that the block ends well before `LONG` is over.
    """
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < GUARD


# --- What ends the wait


@pytest.mark.parametrize("call", ["find_one", "create"])
def test_the_deadline_ends_the_wait(busy, call):
    """
    A call that waits for a connection fails at its deadline. Nothing was sent, so a create has no unknown outcome.
    """
    sg = SGExtended(busy.client())

    with soon(), pytest.raises(PoolTimeout, match=rf"{SHORT} s"), sg.deadline(SHORT):
        getattr(sg, call)("Shot", [["id", "is", 1]] if call == "find_one" else {"code": "a"})

    assert (busy.ids, busy.server.sent("create")) == ([HELD], [])


def test_the_pool_timeout_ends_the_wait(busy):
    """
    Without a deadline pool_timeout ends the wait.
    """
    with soon(), pytest.raises(PoolTimeout):
        find_by_id(busy.client(pool_timeout=SHORT), 1)

    assert busy.ids == [HELD]


@pytest.mark.parametrize("call", ["find_one", "create"])
def test_a_cancelled_task_does_not_wait(busy, call):
    """
    asyncio.wait_for ends a call that waits for a connection. Nothing of it is sent later, and the next call works.
    """
    sg = SGExtended(busy.client())
    arguments = ("Shot", [["id", "is", 1]] if call == "find_one" else {"code": "a"})

    async def main():
        with soon(), pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(getattr(sg.aio, call)(*arguments), SHORT)
        busy.let_go()
        return await sg.aio.find_one("Shot", [["id", "is", 2]])

    assert run(main())["id"] == 2
    assert (busy.ids, busy.server.sent("create")) == ([HELD, 2], [])


def test_the_deadline_of_a_task_ends_the_wait(busy):
    """
    sg.aio.deadline ends a call that waits for a connection.
    """
    sg = SGExtended(busy.client())

    async def main():
        with soon(), pytest.raises(PoolTimeout), sg.aio.deadline(SHORT):
            await sg.aio.find_one("Shot", [["id", "is", 1]])

    run(main())

    assert busy.ids == [HELD]


def test_a_cancelled_call_of_a_window_does_not_wait(busy):
    """
    Qt: a call that waits for a connection is over once it is cancelled. Its thread ends, and nothing of it is sent.
    """
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed: pip install qtpy PySide6-Essentials")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_API"] = "pyside6"
    from qtpy.QtWidgets import QApplication

    from sgextended.qt import BackgroundCall

    application = QApplication.instance() or QApplication([])
    asker, client, ended = BackgroundCall(), busy.client(), []
    begun, over = threading.Event(), threading.Event()

    def call():
        begun.set()
        try:
            return find_by_id(client, 1)
        except BaseException as error:
            ended.append(error)
            raise
        finally:
            over.set()

    asker.run(call)
    assert begun.wait(GUARD)
    asker.cancel()
    is_over = over.wait(GUARD)
    busy.let_go()
    application.processEvents()

    assert is_over
    assert len(ended) == 1
    assert busy.ids == [HELD]


def test_closing_the_wrapper_ends_the_wait(busy):
    """
    A call that waits for a connection raises ClientClosed when its wrapper is closed. Other wrappers' calls wait on.
    """
    closed, other = SGExtended(busy.client()), SGExtended(busy.client())
    waiting = InThread(lambda: find_by_id(closed, 1))
    waiting.until_blocked()
    waiting_too = InThread(lambda: find_by_id(other, 2))
    waiting_too.until_blocked()
    closed.close()

    assert isinstance(waiting.end(), ClientClosed)
    busy.let_go()
    assert waiting_too.end() == 2
    assert busy.ids == [HELD, 2]


def test_a_wait_that_ends_takes_no_connection(make_holding):
    """
    Calls that gave up at their deadline leave their place: the connection goes to those who still wait.
    """
    busy = make_holding()
    busy.hold()
    sg = SGExtended(busy.client())
    for number in range(1, 4):
        with pytest.raises(PoolTimeout), sg.deadline(0.5):  # a busy machine needs a while to begin the wait
            find_by_id(sg, number)
    waiting = InThread(lambda: find_by_id(sg, 9))
    waiting.until_blocked()
    busy.let_go()

    assert waiting.end() == 9
    assert busy.ids == [HELD, 9]


# --- Who is served, and with which connection


def test_callers_are_served_in_order_of_arrival(busy):
    """
    The first to wait is the first to be served.
    """
    client, waiting = busy.client(), []
    for number in range(1, 6):
        waiting.append(InThread(lambda number=number: find_by_id(client, number)))
        waiting[-1].until_blocked()
    busy.let_go()

    assert [call.end() for call in waiting] == [1, 2, 3, 4, 5]
    assert busy.ids == [HELD, 1, 2, 3, 4, 5]
    assert busy.server.connections == 1


def test_a_caller_who_comes_back_does_not_overtake(make_holding):
    """
    A thread that gives its connection back and calls again at once comes after those who wait already.
    """
    holding = make_holding()
    client = holding.client()
    first = InThread(lambda: [find_by_id(client, number) for number in (HELD, 8, 9)])
    assert holding.came.acquire(timeout=GUARD)
    waiting = []
    for number in range(1, 4):
        waiting.append(InThread(lambda number=number: find_by_id(client, number)))
        waiting[-1].until_blocked()
    holding.let_go()
    first.end()
    for call in waiting:
        call.end()

    assert holding.ids == [HELD, 1, 2, 3, 8, 9]


def test_the_connection_that_came_back_last_is_used_first(make_holding):
    """
    Three connections are open. Calls one after the other all use the one that came back last.
    """
    holding = make_holding(connections=3)
    calls = [holding.hold(HELD + number) for number in range(3)]
    for number in (0, 2, 1):
        holding.let_go(HELD + number)
        calls[number].end()
    client = holding.client()
    for number in range(1, 6):
        find_by_id(client, number)

    used = {wanted_id(request): request.connection for request in holding.server.sent("read")}
    assert holding.server.connections == 3
    assert {used[number] for number in range(1, 6)} == {used[HELD + 1]}


def test_the_bound_is_never_exceeded(make_site_server):
    """
    Twelve threads share three connections: never are more than three requests in flight, also where some are lost.
    """
    lock, in_flight, most, total = threading.Lock(), set(), [0], [0]

    def read(request):
        with lock:
            in_flight.add(threading.get_ident())
            most[0] = max(most[0], len(in_flight))
            total[0] += 1
            is_lost = total[0] % 10 == 0
        with lock:
            in_flight.discard(threading.get_ident())
        return None if is_lost else own_record(request)

    client = make_client(make_site_server(read=read), connections=3, pool_timeout=LONG)
    calls = [
        InThread(lambda first=first: [find_by_id(client, first + turn) for turn in range(10)])
        for first in range(0, 1200, 100)
    ]

    assert [call.end() for call in calls] == [list(range(first, first + 10)) for first in range(0, 1200, 100)]
    assert most[0] <= 3


def test_all_connections_are_there_after_losses(make_site_server):
    """
    After many lost connections as many calls as there are connections run at the same time, and no more.
    """
    together = threading.Barrier(4)  # three requests, and the test
    losses = 20

    def read(request):
        nonlocal losses
        if wanted_id(request) < HELD:
            losses -= 1
            return None if losses >= 0 else own_record(request)
        together.wait(GUARD)
        together.wait(GUARD)
        return own_record(request)

    server = make_site_server(read=read)
    client = make_client(server, connections=3, pool_timeout=LONG)
    while losses > 0:
        with contextlib.suppress(ConnectionError):
            find_by_id(client, 1)
    calls = [InThread(lambda number=number: find_by_id(client, HELD + number)) for number in range(3)]
    together.wait(GUARD)
    with pytest.raises(PoolTimeout):
        find_by_id(make_client(server, connections=3, pool_timeout=SHORT), 1)
    together.wait(GUARD)

    assert [call.end() for call in calls] == [HELD, HELD + 1, HELD + 2]


def test_a_caller_that_was_taken_for_gone_gets_its_turn(busy):
    """
    The process stands still, so that each waiting call looks to the others as if it were gone, and loses its place.
    It takes a place again, and does not wait until there is no other call in the queue.
    """
    client = busy.client()
    waiters = client._transport._pool._waiters
    first = InThread(lambda: find_by_id(client, 1))
    first.until_blocked()
    second = InThread(lambda: find_by_id(client, 2))
    second.until_blocked()

    waiters.popleft()  # as the second call does when it has not seen the first one look for long
    with soon():
        while len(waiters) < 2:
            time.sleep(0.01)
    busy.let_go()

    assert (first.end(), second.end()) == (1, 2)
