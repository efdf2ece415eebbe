"""
asyncio: a cancelled call has ended, and the outcome of its writes is known.
"""

import asyncio
import sys
import threading

import pytest
from fix_aio import PAGE, SHOT, Held, run, started
from fix_native import make_client
from fix_servers import HANG, INFO, Last, http_reply, results

from sgextended import CallCancelled, OutcomeUnknown, SGExtended


async def cancel(task):
    """
    Cancel a task, and return the exception that it raises.
    """
    task.cancel()
    try:
        await task
    except asyncio.CancelledError as error:
        return CallCancelled.from_exception(error) or error
    return None


def test_a_read_ends_where_it_stands_and_its_connection_with_it(ask):
    """
    A cancelled read does not wait for its response; its connection is closed, and the next call works.
    """
    came = threading.Event()

    def read(request):
        if request.payload["params"][1]["type"] == "Version":
            came.set()
            return HANG
        return PAGE

    server, sg = ask(read=read)

    async def main():
        task = asyncio.create_task(sg.aio.find("Version", []))
        await started(came)
        error = await cancel(task)
        return error, await sg.aio.find("Shot", [])

    error, found = run(main())

    assert (type(error), found) == (asyncio.CancelledError, [SHOT])
    assert server.requests[-1].connection != server.requests[-2].connection


def test_a_wait_between_attempts_ends(ask):
    """
    Cancelling ends the backoff of a call to a busy site at once.
    """
    came = threading.Event()

    def read(_request):
        came.set()
        return http_reply(status=503, headers={"retry-after": "200"})

    server, sg = ask(read=read)

    async def main():
        task = asyncio.create_task(sg.aio.find("Shot", []))
        await started(came)
        backoff = sg._client._transport.backoff
        while not backoff.left():  # noqa: ASYNC110 - until it waits; run() bounds the loop
            await asyncio.sleep(0)
        return await cancel(task)

    assert type(run(main())) is asyncio.CancelledError
    assert [request.rpc for request in server.requests].count("read") == 1


def test_a_write_is_finished_and_its_outcome_told(ask):
    """
    A cancelled create is finished, also if it is cancelled twice; the error has the result of the site.
    """
    create = Held(results(SHOT))
    server, sg = ask(create=create)

    async def main():
        task = asyncio.create_task(sg.aio.create("Shot", {"code": "a"}))
        await started(create.came)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        over = task.done()
        create.may_go.set()
        return over, await cancel(task)

    over, error = run(main())

    assert not over
    assert isinstance(error, CallCancelled)
    assert (error.written, error.result) == ((("create", SHOT),), SHOT)
    assert str(error) == "The call was cancelled; it finished. The site has done: create."
    assert [request.rpc for request in server.requests].count("create") == 1


def test_a_cancelled_scope_of_anyio_does_not_spin(ask, monkeypatch):
    """
    A scope of anyio that is cancelled while a write is finished lets the loop sleep until the write is done.
    """
    anyio = pytest.importorskip("anyio")
    create = Held(results(SHOT))
    _server, sg = ask(create=create)
    wakes = []

    async def main():
        with anyio.CancelScope() as scope:
            loop = asyncio.get_running_loop()

            def stop():
                if not create.came.is_set():
                    return loop.call_later(0.01, stop)
                scope.cancel()
                run_once = loop._run_once
                monkeypatch.setattr(loop, "_run_once", lambda: wakes.append(1) or run_once())
                return loop.call_later(0.2, create.may_go.set)

            stop()
            await sg.aio.create("Shot", {"code": "a"})
        return scope.cancelled_caught

    assert anyio.run(main)
    assert len(wakes) < 100  # a loop that spins turns thousands of times in 0.2 s


def test_a_write_whose_answer_is_lost_is_told_as_unknown(ask):
    """
    If the outcome of a cancelled create is unknown, the cause is an OutcomeUnknown, which sg.reconcile accepts.
    """
    create = Held(Last())
    _server, sg = ask(create=create)

    async def main():
        task = asyncio.create_task(sg.aio.create("Shot", {"code": "a"}))
        await started(create.came)
        task.cancel()
        await asyncio.sleep(0)
        create.may_go.set()
        return await cancel(task)

    error = run(main())

    assert isinstance(error, CallCancelled)
    assert isinstance(error.__cause__, OutcomeUnknown)
    assert error.__cause__.data == {"code": "a"}


def test_nothing_more_is_sent_after_the_write_under_way(ask):
    """
    A method of several writes stops after the write in flight; the error lists the writes that were done.
    """
    create = Held(results(SHOT))
    server, sg = ask(create=create)

    async def main():
        task = asyncio.create_task(sg.aio.create_two())
        await started(create.came)
        task.cancel()
        await asyncio.sleep(0)
        create.may_go.set()
        return await cancel(task)

    error = run(main())

    assert error.written == (("create", SHOT),)
    assert error.result is None
    assert [request.rpc for request in server.requests].count("create") == 1


def test_a_call_that_waits_for_its_turn_is_never_begun(ask):
    """
    With all threads busy, a cancelled call sends nothing.
    """
    read = Held(PAGE)
    server, sg = ask(connections=1, read=read, create=lambda _request: results(SHOT))

    async def main():
        first = asyncio.create_task(sg.aio.find("Shot", []))
        await started(read.came)
        second = asyncio.create_task(sg.aio.create("Shot", {"code": "a"}))
        await asyncio.sleep(0)
        error = await cancel(second)
        read.may_go.set()
        return error, await first

    error, found = run(main())

    assert (type(error), found) == (asyncio.CancelledError, [SHOT])
    assert "create" not in [request.rpc for request in server.requests]


def test_a_loop_that_is_cancelled_is_over(ask):
    """
    Cancelling a task that waits for an item ends the task and its request.
    """
    came = threading.Event()

    def read(_request):
        came.set()
        return HANG

    _server, sg = ask(read=read)

    async def loop():
        async for _row in sg.aio.find_iter("Shot", []):
            pass

    async def main():
        task = asyncio.create_task(loop())
        await started(came)
        return await cancel(task)

    assert type(run(main())) is asyncio.CancelledError


def test_a_timeout_keeps_the_outcome_as_its_cause(ask):
    """
    wait_for raises TimeoutError once the write is finished; what the site did is its cause.
    """
    create = Held(results(SHOT))
    _server, sg = ask(create=create)

    async def main():
        task = asyncio.create_task(sg.aio.create("Shot", {"code": "a"}))
        await started(create.came)
        asyncio.get_running_loop().call_later(0.05, create.may_go.set)
        await asyncio.wait_for(task, 0.01)

    with pytest.raises(asyncio.TimeoutError) as caught:
        run(main())
    assert CallCancelled.from_exception(caught.value).written == (("create", SHOT),)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with Python 3.11")
def test_a_block_with_a_timeout_raises_it_also_where_something_was_written(ask):
    """
    asyncio.timeout recognizes only a plain CancelledError; after a subclass it would not raise TimeoutError.
    """
    create = Held(results(SHOT))
    _server, sg = ask(create=create)

    async def end(block):
        await started(create.came)
        block.reschedule(asyncio.get_running_loop().time())
        asyncio.get_running_loop().call_later(0.05, create.may_go.set)

    async def main():
        async with asyncio.timeout(None) as block:
            ends = asyncio.create_task(end(block))
            await sg.aio.create("Shot", {"code": "a"})
        await ends

    with pytest.raises(TimeoutError) as caught:
        run(main())
    assert CallCancelled.from_exception(caught.value).written == (("create", SHOT),)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with Python 3.11")
def test_a_task_group_ends_its_reads_when_one_fails(ask):
    """
    A failure in a group cancels the others, which are over when the group is.
    """
    came = threading.Event()

    def read(_request):
        came.set()
        return HANG

    _server, sg = ask(read=read)

    async def fail():
        await started(came)
        raise LookupError("one failed")

    async def main():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sg.aio.find("Shot", [])) for _ in range(3)]
            group.create_task(fail())
        return tasks

    with pytest.raises(ExceptionGroup) as caught:  # noqa: F821 - see above
        run(main())
    assert [type(error) for error in caught.value.exceptions] == [LookupError]


def test_who_waits_for_the_same_thing_is_not_cancelled_with_it(make_site_server):
    """
    One call reads the information that all calls need first; if it is cancelled, another call reads it.
    """
    came, asked = threading.Event(), []

    def info(_request):
        asked.append(1)
        if len(asked) == 1:
            came.set()
            return HANG
        return results(INFO)

    sg = SGExtended(make_client(make_site_server(info=info, read=lambda _request: PAGE)))

    async def main():
        first = asyncio.create_task(sg.aio.find("Shot", []))
        await started(came)
        second = asyncio.create_task(sg.aio.find("Shot", []))
        await asyncio.sleep(0.05)  # it waits for the first, in a thread that nobody can see into
        return await cancel(first), await second

    error, found = run(main())

    assert (type(error), found) == (asyncio.CancelledError, [SHOT])
    assert len(asked) == 2
