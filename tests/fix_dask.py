"""
A Dask cluster of processes, a door to which workers report and where they may be killed, and the functions they run.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from fix_extended import KEY
from fix_servers import ScriptedSite, page

from sgextended.localsite import LocalSite

WORKERS = 2
PATIENCE = 60  # seconds after which a test that hangs fails: several processes may share a core here
KILLED = set()  # processes


class Door:
    """
    A server to which a worker reports its item; the worker waits for the response.

    Each call is answered by *answer*, which is given the item and the process; what it returns is sent to the worker,
    unless it has killed it.
    """

    def __init__(self, answer):
        self.calls = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _address = self._listener.accept()
                threading.Thread(target=self._hear, args=(sock,), daemon=True).start()

    def _hear(self, sock):
        with sock, contextlib.suppress(OSError):
            item, pid = sock.recv(100).decode().split()
            self.calls.append((item, int(pid)))
            sock.sendall((self._answer(item, int(pid)) or "gone").encode())

    def close(self):
        # Ends the thread that accepts, which closing alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def call(address, item):
    """
    Report the current item to the door, and return the response.
    """
    with socket.create_connection(address, PATIENCE) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(f"{item} {os.getpid()}".encode())
        return sock.recv(100).decode()


def call_for_victims(_sg, item, *, address, victims):
    """
    Report the item to the door if it is one of the victims, and return it.
    """
    if item in victims:
        call(address, item)
    return item


def kill(_item, pid):
    """
    End a worker as the system does when memory is short.
    """
    KILLED.add(pid)
    os.kill(pid, signal.SIGKILL)


def work_with_notes(sg, item, *, notes, door, victims):
    """
    Note that an item has begun, report to the door if the item is one of the victims, and return its id and its code.
    """
    note(notes, item)
    if item["id"] in victims:
        call(door, item["id"])
    return item["id"], sg.find_one("Shot", [["id", "is", item["id"]]], ["code"])["code"]


def note(notes, item):
    """
    Append a line for an item and this process, whole whatever other processes write.
    """
    file = os.open(notes, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(file, f"{item['id'] if isinstance(item, dict) else item} {os.getpid()}\n".encode())
    os.close(file)


def noted(notes, pid=None):
    """
    Return the items that have begun, or those that have in one process, sorted.
    """
    lines = [line.split() for line in Path(notes).read_text(encoding="utf-8").splitlines()]
    return sorted(int(item) for item, by in lines if pid is None or by == str(pid))


class Unloadable:
    """
    An item that can be sent, and cannot be read.
    """

    def __reduce__(self):
        return int, ("no number",)


@pytest.fixture(scope="module")
def dask_site():
    """
    A local site, empty at first.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture(scope="module")
def slow_site():
    """
    A site whose responses the test defines.
    """
    server = ScriptedSite(read=page())
    yield server
    server.close()


@pytest.fixture(scope="module")
def dask_cluster(dask_site, slow_site):
    """
    Two Dask workers, processes of one thread, that know the sites from their environment.

    A cluster works as long as it is there, even if it has nothing to do; so it goes with the file that needs it.
    """
    import dask
    from distributed import LocalCluster

    # Where many share a core, a worker that was killed needs more than 15 s to start again, and Dask would forget it.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": 10 * PATIENCE}),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in ("LOGIN", "PASSWORD", "AUTH_TOKEN", "SESSION_TOKEN"):
            patch.delenv(f"SHOTGUN_{name}", raising=False)
        for prefix, values in (
            ("SHOTGUN", (dask_site.url, dask_site.script_name, dask_site.api_key)),
            ("SLOW", (slow_site.url, "robot", KEY)),
        ):
            for name, value in zip(("URL", "SCRIPT_NAME", "API_KEY"), values):
                patch.setenv(f"{prefix}_{name}", value)
        with (
            dask.config.set({"distributed.worker.profile.enabled": False}),
            LocalCluster(
                n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs="CRITICAL"
            ) as cluster,
        ):
            yield cluster


@pytest.fixture(scope="module")
def dask_client(dask_cluster):
    """
    A client of the cluster.
    """
    from distributed import Client

    with Client(dask_cluster) as client:
        yield client


def wait_until(client, is_so):
    """
    Run the event loops of a cluster until a condition is true.
    """
    end, pause = time.monotonic() + PATIENCE, threading.Event()
    while not is_so():
        assert time.monotonic() < end
        client.run_on_scheduler(int)
        pause.wait(0.02)


@pytest.fixture
def whole_cluster(dask_cluster, dask_client):
    """
    The cluster, once it has all its workers again: Dask does not replace one that is killed while it starts.

    On a machine with too much to do a nanny may give its worker up, and goes; then the cluster is told to have another.
    """

    def is_whole():
        nannies = list(dask_cluster.workers.values())
        if len(nannies) < WORKERS:
            dask_cluster.scale(WORKERS)
        return len(nannies) == WORKERS == len(dask_cluster.scheduler.workers) and all(
            nanny.status.name == "running" and nanny.pid not in KILLED for nanny in nannies
        )

    wait_until(dask_client, is_whole)
    return dask_cluster


@pytest.fixture
def make_door():
    """
    Makes a `Door`.
    """
    doors = []

    def make(answer):
        doors.append(Door(answer))
        return doors[-1]

    yield make
    for door in doors:
        door.close()
