"""
``SGExtended.current()``: the wrapper of each thread and class, its closing, and the block that sets another one.
"""

import asyncio
import gc
import logging
import os
import subprocess
import sys
import threading

import pytest
from attrs import evolve
from fix_extended import Job, Studio
from fix_pool import FORK, FORK_WARNING, in_child
from fix_servers import GUARD

import sgextended
from sgextended import ClientClosed, SGExtended
from sgextended.localsite import LocalSite


class Layout(Studio):
    """
    A department's class, over the studio's.
    """


def in_thread(function):
    """
    Call a function in a new thread, wait for the end of the thread, and return the result.
    """
    outcome = []

    def work():
        try:
            outcome.append((function(), None))
        except BaseException as error:  # noqa: BLE001 - raised again below
            outcome.append((None, error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(GUARD)
    assert not thread.is_alive()
    ((result, error),) = outcome
    if error is not None:
        raise error
    return result


@pytest.fixture
def connections(shot_server):
    """
    One event for each connection to the site, set when the connection has ended.
    """
    ended, converse = [], shot_server.converse

    def note(sock, number):
        ended.append(threading.Event())
        mine = ended[-1]
        converse(sock, number)
        mine.set()

    shot_server.converse = note
    return ended


# --- Its end


def test_wrapper_is_closed_when_its_thread_ends(environment):
    """
    The current wrappers of a thread, one for each class, are closed after the thread has ended, and not before.
    """

    def work():
        made = [Studio.current(), sgextended.current()]
        gc.collect()
        assert not any(sg.is_closed for sg in made)
        return made

    studio, base = in_thread(work)

    assert (studio.is_closed, base.is_closed) == (True, True)
    with pytest.raises(ClientClosed):
        studio.find("Shot", [])


def test_connections_close_when_the_last_thread_ends(environment, connections):
    """
    The site sees the end of the connection: the first threads leave it to the others, the last one closes it.
    """
    first_is_gone = threading.Event()
    has_asked = threading.Barrier(2)

    def first():
        Studio.current().find("Shot", [])
        has_asked.wait(GUARD)

    def second():
        Studio.current().find("Shot", [])
        has_asked.wait(GUARD)
        assert first_is_gone.wait(GUARD)
        Studio.current().find("Shot", [])
        return [each.is_set() for each in connections]

    threads = [threading.Thread(target=first)]
    threads[0].start()
    seen = []
    threads.append(threading.Thread(target=lambda: seen.append(second())))
    threads[1].start()
    threads[0].join(GUARD)
    first_is_gone.set()
    threads[1].join(GUARD)

    assert not any(seen[0])
    assert all(each.wait(GUARD) for each in connections)


def test_wrapper_of_a_living_thread_stays_open(environment):
    """
    The end of one thread closes nothing of another.
    """

    def work():
        mine = Studio.current()
        other = in_thread(Studio.current)
        return mine is Studio.current(), mine.is_closed, other.is_closed

    assert in_thread(work) == (True, False, True)


def test_closed_wrapper_is_replaced(environment):
    """
    Who has closed the current one gets a new one at the next call.
    """

    def work():
        first = Studio.current()
        first.close()
        second = Studio.current()
        return first is second, second.is_closed, second is Studio.current()

    assert in_thread(work) == (False, False, True)


def test_failure_to_close_keeps_no_other_from_being_closed(environment, caplog):
    """
    A studio's close that raises is logged at the end of the thread, and the other classes' wrappers are closed.
    """

    class Stubborn(SGExtended):
        def close(self):
            raise ConnectionError("no")

    with caplog.at_level(logging.WARNING, "sgextended"):
        other = in_thread(lambda: (Stubborn.current(), Studio.current())[1])

    assert other.is_closed
    assert "A Stubborn could not be closed" in caplog.text


def test_end_of_the_process_is_quiet(environment):
    """
    The wrappers of the main thread and of a daemon are not closed at the end of the process.
    """
    script = """
import os, threading, sgextended
class Noted(sgextended.SGExtended):
    def close(self, write=os.write):
        write(1, b"closed")
ready, never = threading.Event(), threading.Event()
def daemon():
    Noted.current().find("Shot", [])
    ready.set()
    never.wait()
threading.Thread(target=daemon, daemon=True).start()
ready.wait(5)
print(Noted.current().find("Shot", [])[0]["id"])
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.stdout, done.stderr, done.returncode) == ("7\n", "", 0)


# --- Set for a block


def test_as_current_sets_each_class_between(environment, site):
    """
    In the block the wrapper is current for its class and those above it; for a class below it is not.
    """
    sg = Studio(site=site)

    def work():
        with sg.as_current() as entered:
            return entered, Studio.current(), SGExtended.current(), sgextended.current(), Layout.current()

    *inside, below = in_thread(work)

    assert inside == [sg, sg, sg, sg]
    assert type(below) is Layout


def test_as_current_restores_what_was(environment, site):
    """
    Nested blocks restore what was before them, exceptions too; outside of all it is the thread's own again.
    """
    outer, inner = Layout(site=site), SGExtended(site=site)

    def work():
        own = [Layout.current(), Studio.current(), SGExtended.current()]
        with outer.as_current():
            found = []
            with pytest.raises(KeyError), inner.as_current():
                raise KeyError(found.extend([Layout.current(), Studio.current(), SGExtended.current()]))
            assert found == [outer, outer, inner]
            assert [Layout.current(), Studio.current(), SGExtended.current()] == [outer, outer, outer]
            with outer.as_current():
                assert sgextended.current() is outer
            assert sgextended.current() is outer
        return own == [Layout.current(), Studio.current(), SGExtended.current()]

    assert in_thread(work)


def test_as_current_closes_nothing(environment, site):
    """
    A wrapper that was set is open after the block, and after the thread.
    """
    sg = Studio(site=site)

    def work():
        with sg.as_current():
            Studio.current().find("Shot", [])

    in_thread(work)

    assert not sg.is_closed
    assert sg.count("Shot") == 1


def test_as_current_holds_for_its_thread_alone(environment, site):
    """
    Another thread keeps its own wrapper.
    """
    sg = Studio(site=site)

    with sg.as_current():
        other = in_thread(Studio.current)

    assert other is not sg
    assert other.is_closed


def test_as_current_holds_for_its_task(environment, site):
    """
    Two asyncio tasks in one thread each have the wrapper that they set, also in the worker threads of their calls.
    """
    wrappers = [Studio(site=site), Studio(site=site)]

    async def task(sg, met):
        with sg.as_current():
            await met()
            return Studio.current(), await asyncio.get_running_loop().run_in_executor(None, Studio.current)

    async def both():
        inside, everyone = [], asyncio.Event()

        async def met():
            inside.append(None)
            if len(inside) == len(wrappers):
                everyone.set()
            await asyncio.wait_for(everyone.wait(), GUARD)

        return await asyncio.gather(*(task(sg, met) for sg in wrappers))

    results = in_thread(lambda: asyncio.run(both()))

    assert [mine for mine, _executor in results] == wrappers


def test_as_current_holds_for_the_work_of_map(environment, site):
    """
    The workers of a map in the block have the same current wrapper; after the block they have their own.
    """
    sg, items = Studio(site=site), range(4)

    with sg.as_current():
        inside = list(sg.map(lambda _sg, _item: sgextended.current(), items, workers=2))
    outside = list(sg.map(lambda _sg, _item: sgextended.current(), items, workers=2))

    assert inside == [sg] * 4
    assert sg not in outside


def test_as_current_does_not_replace_what_was_closed(environment, site):
    """
    A wrapper that is closed in its block is not replaced by one from the environment, whose credentials may differ.
    """
    sg = Studio(site=site)

    with sg.as_current():
        sg.close()
        with pytest.raises(ClientClosed):
            sgextended.current().find("Shot", [])


def test_as_current_needs_no_environment(site):
    """
    In the block no environment is needed; this applies to workers too.
    """
    job = Job(site=site)

    with job.as_current():
        assert sgextended.current()(3) == (3, 7)


def test_as_current_acts_for_somebody_else(make_sg):
    """
    With sudo_as_login, code that calls current() writes as another user.
    """
    with LocalSite() as local, make_sg(local) as sg:
        local.add_user("ada", "pw", role="manager")
        names = iter("abc")

        def creator():
            return sgextended.current().create("Project", {"name": next(names)}, ["created_by"])["created_by"]["type"]

        with sg.as_current():
            creators = [creator()]
            with SGExtended(site=evolve(sg.site, sudo_as_login="ada")).as_current():
                creators.append(creator())
            creators.append(creator())

    assert creators == ["ApiUser", "HumanUser", "ApiUser"]


# --- Forks


@FORK
@FORK_WARNING
def test_child_has_its_own(environment, shot_server):
    """
    A forked child creates its own wrapper with its own connection; that of the parent is not changed.
    """

    def work():
        mine = Studio.current()
        mine.find("Shot", [])
        before = id(mine), shot_server.connections

        def child():
            found = Studio.current().find("Shot", [])
            return found[0]["id"], id(Studio.current()), Studio.current() is Studio.current()

        of_child = in_child(child)
        connections = shot_server.connections
        mine.find("Shot", [])
        return before, of_child, connections, Studio.current() is mine, shot_server.connections

    before, of_child, connections, kept, at_last = in_thread(work)

    assert of_child is not None
    assert (of_child[0], of_child[2]) == (7, True)
    assert of_child[1] != before[0]
    assert (before[1], connections, at_last) == (1, 2, 2)
    assert kept


@FORK
@FORK_WARNING
def test_child_closes_nothing_of_the_parents_threads(environment, tmp_path):
    """
    A forked child does not close the wrappers of the parent's threads.
    """
    closed = tmp_path / "closed"

    class Noted(SGExtended):
        def close(self):
            with closed.open("a") as file:
                file.write(f"{os.getpid()}\n")
            super().close()

    ready, go = threading.Event(), threading.Event()

    def work():
        Noted.current()
        ready.set()
        go.wait(GUARD)

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(GUARD)

    def child():
        gc.collect()
        return closed.exists()

    in_the_child = in_child(child)
    go.set()
    thread.join(GUARD)

    assert in_the_child is False
    assert closed.read_text().split() == [str(os.getpid())]


@FORK
@FORK_WARNING
def test_child_keeps_what_a_block_has_set(environment, site):
    """
    A fork within the block of as_current finds the same wrapper set.
    """
    sg = Studio(site=site)

    with sg.as_current():
        answer = in_child(lambda: (sgextended.current() is sg, sg.find("Shot", [])[0]["id"]))

    assert answer == (True, 7)


@FORK
@FORK_WARNING
def test_thread_of_a_child_closes_its_own(environment):
    """
    The wrapper of a thread that a child starts is closed at the end of the thread.
    """

    def child():
        return in_thread(Studio.current).is_closed

    assert in_child(child) is True
