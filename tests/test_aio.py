"""
asyncio: every method is awaited, and the limit of connections applies.
"""

import asyncio
import contextlib
import inspect
import re
import sys
import threading
from pathlib import Path

import pytest
from fix_aio import PAGE, SHOT, Studio, run
from fix_servers import GUARD, HANG

import sgextended
from sgextended import AsyncSGExtended, SGExtended, TransportTimeout, aio


@pytest.fixture
def sg(demo_site, make_sg):
    """
    A wrapper on the demo site.
    """
    return make_sg(demo_site)


# --- All methods


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("find", ("Shot", [["id", "less_than", 9]], ["code"])),  # a verb
        ("info", ()),  # forwarded
        ("schema_field_read", ("Shot", "code")),
        ("find_projects", ()),  # domain
        ("count", ("Shot",)),
        ("count_all", ("Shot",)),  # a studio's own
    ],
)
def test_an_awaited_method_gives_what_the_method_gives(sg, name, args):
    """
    Native, forwarded, domain and studio methods exist, and return the same as without asyncio.
    """
    studio = Studio(sg)

    assert run(getattr(studio.aio, name)(*args)) == getattr(studio, name)(*args)


def test_native_properties_that_ask_are_awaited_and_others_are_not(sg):
    """
    server_info sends a request, so it is awaited; site and config send none.
    """

    async def main():
        return (await sg.aio.server_info)["version"], (await sg.aio.server_caps).host

    assert run(main()) == (sg.server_info["version"], sg.server_caps.host)
    assert sg.aio.site is sg.site
    assert sg.aio.config is sg.config


def test_properties_that_ask_are_all_known():
    """
    Each property of the official client that sends a request is in the list of awaited properties.
    """
    from shotgun_api3.shotgun import Shotgun

    native = {name for name, value in vars(Shotgun).items() if isinstance(value, property)}

    assert native == set(aio.REQUEST_PROPERTIES)


def test_find_iter_is_looped_over(sg):
    """
    ``async for`` yields the same items as the ordinary loop, in the same order, with no more threads than connections.
    """

    async def main():
        return [row["id"] async for row in sg.aio.find_iter("Shot", [], page_size=20)]

    others = set(threading.enumerate())  # of other tests' sites
    found = run(main())
    threads = [each for each in set(threading.enumerate()) - others if each.name.startswith("sgextended-aio")]

    assert found == [row["id"] for row in sg.find_iter("Shot", [])]
    assert len(threads) <= sg.site.connections


def test_blocks_are_those_of_the_wrapper(sg):
    """
    Methods for a ``with`` statement work under asyncio: a dry run of the task applies in the threads.
    """

    async def main():
        with sg.aio.dry_run() as plan:
            made = await sg.aio.create("Shot", {"code": "planned", "project": {"type": "Project", "id": 1}})
        return plan, made, await sg.aio.find("Shot", [["code", "is", "planned"]])

    plan, made, found = run(main())

    assert [each.write.method for each in plan] == ["create"]
    assert made["id"] < 0
    assert found == []


def test_what_yields_is_looped_over_and_a_hidden_iterator_too(sg):
    """
    A studio's generator is looped over at once; a method without annotation is awaited, then its iterator looped over.
    """

    async def main():
        ids = [each async for each in Studio(sg).aio.ids_of("Project")]
        return ids, [each async for each in await Studio(sg).aio.hidden()]

    assert run(main()) == (list(Studio(sg).ids_of("Project")), [1, 2])


def test_map_is_looped_over(sg):
    """
    ``async for`` over sg.aio.map gives the results in order.
    """

    async def main():
        return [each async for each in sg.aio.map(lambda _sg, item: item * 2, range(9), workers=3)]

    assert run(main()) == [0, 2, 4, 6, 8, 10, 12, 14, 16]


def test_an_item_is_given_on_before_the_next_one_is_there(sg):
    """
    Who loops gets an item at once, though the iterator then waits.
    """
    may_go = threading.Event()

    def slowly(_sg):
        yield 1
        assert may_go.wait(GUARD)
        yield 2

    async def main():
        found = []
        async for item in await sg.aio.run(slowly):
            found.append(item)
            may_go.set()
        return found

    assert run(main()) == [1, 2]


def test_a_failure_comes_after_the_items_before_it(sg):
    """
    The items before a failure are not lost; the failure ends the loop.
    """
    found = []

    def failing(_sg):
        yield 1
        raise KeyError("gone")

    async def main():
        async for item in await sg.aio.run(failing):
            found.append(item)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(KeyError, match="gone"):
        run(main())
    assert found == [1]


def test_leaving_a_loop_ends_the_iterator(sg):
    """
    When the loop is left, the generator is closed, and its cleanup may still send requests.
    """
    ended = []

    def counting(sg):
        try:
            yield from range(10_000)
        finally:
            ended.append(sg.count("Project"))

    async def main():
        async with contextlib.aclosing(await sg.aio.run(counting)) as numbers:
            async for number in numbers:
                if number == 3:
                    break

    if not hasattr(contextlib, "aclosing"):
        pytest.skip("contextlib.aclosing came with Python 3.10")
    run(main())

    assert ended == [sg.count("Project")]


def test_run_calls_any_function_with_the_wrapper(sg):
    """
    A function that takes the wrapper first runs in a thread, with its arguments.
    """

    def where(given, word, *, times):
        return given, word * times, threading.current_thread().name

    given, words, thread = run(sg.aio.run(where, "ab", times=2))

    assert (given, words) == (sg, "abab")
    assert thread.startswith("sgextended-aio")


def test_a_mockgun_is_asked_one_call_at_a_time(make_mockgun):
    """
    A wrapper around a client that is not ours has the same methods, in one thread.
    """
    sg = SGExtended(make_mockgun())

    async def main():
        return await asyncio.gather(*(sg.aio.run(lambda sg: threading.get_ident()) for _ in range(5)))

    assert len(set(run(main()))) == 1
    assert run(sg.aio.find("Shot", [])) == sg.find("Shot", [])


def test_failures_are_those_of_the_methods(sg):
    """
    Faults of the site and programming errors are raised unchanged; StopIteration becomes RuntimeError.
    """
    from shotgun_api3 import Fault

    with pytest.raises(Fault):
        run(sg.aio.find("NoSuchType", []))
    with pytest.raises(TypeError):
        run(sg.aio.find())
    with pytest.raises(RuntimeError, match="StopIteration"):
        run(Studio(sg).aio.stop())
    with pytest.raises(AttributeError, match="no_such_method"):
        sg.aio.no_such_method  # noqa: B018 - reading is the point
    with pytest.raises(AttributeError, match="_private"):
        sg.aio._private  # noqa: B018


def test_names_are_completed_and_signatures_shown(sg):
    """
    ``dir`` has the wrapper's names, and a method keeps its signature and docstring.
    """
    assert {"find", "find_shots", "run", "follow", "count_all"} <= set(dir(Studio(sg).aio))
    assert inspect.signature(sg.aio.find) == inspect.signature(sg.find)
    assert inspect.getdoc(sg.aio.find_shots) == inspect.getdoc(sg.find_shots)
    assert repr(sg.aio) == f"{sg!r}.aio"


def test_the_stub_has_every_method():
    """
    Each public method of a wrapper, and each that it forwards, has a signature for type checkers; no other has.
    """
    from test_typing_stub import NATIVE, STUBBED

    text = (Path(aio.__file__).parent / "wrapper" / "async_methods.pyi").read_text(encoding="utf-8")
    names = {name for name in dir(SGExtended) if not name.startswith("_")} | set(NATIVE) | set(STUBBED)
    plain = {name for name in names if not callable(getattr(SGExtended, name, len))} - set(aio.REQUEST_PROPERTIES)
    made = {"from_shotgun", "from_toolkit", "validated", "clone", "connect", "current"}  # they make wrappers
    hooks = {"on_call", "before_write", "after_write", "raise_if_read_only"}  # the wrapper calls them
    values = {"MAX_ATTEMPTS", "BACKOFF", "base_url", "client_caps", "config"}
    missing = {name for name in names - plain - made - hooks - values if not _stands_in(text, name)}

    assert missing == set()
    assert set(re.findall(r"^    (\w+) = ", text, re.MULTILINE)) <= names


def _stands_in(text, name):
    return any(f"    {form}" in text for form in (f"{name} = ", f"def {name}(", f"async def {name}("))


# --- Bounds and limits


def test_no_more_requests_at_once_than_connections(ask):
    """
    Thirty calls with three connections: three at a time, none fails for want of one.
    """
    lock, now, most = threading.Lock(), [0], [0]
    third = threading.Barrier(3)

    def read(_request):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        third.wait(GUARD)
        with lock:
            now[0] -= 1
        return PAGE

    _server, sg = ask(connections=3, read=read)

    async def main():
        return await asyncio.gather(*(sg.aio.find("Shot", []) for _ in range(30)))

    assert run(main()) == [[SHOT]] * 30
    assert most == [3]


def test_a_deadline_of_the_task_holds_in_the_threads(ask):
    """
    Calls that a task awaits in a deadline's block end with it.
    """
    _server, sg = ask(read=lambda _request: HANG)

    async def main():
        with sg.aio.deadline(0.2):
            await sg.aio.find("Shot", [])

    with pytest.raises(TransportTimeout, match=r"within the 0\.2 s"):
        run(main())


# --- The object


def test_the_block_closes_the_wrapper(sg):
    """
    ``async with`` gives the methods, and closes the wrapper at its end.
    """
    mine = sg.clone()

    async def main():
        async with AsyncSGExtended(mine) as asking:
            return await asking.count("Project")

    assert run(main()) == sg.count("Project")
    assert mine.is_closed
    assert not sg.is_closed


def test_importing_the_package_does_not_import_asyncio():
    """
    The names are there, and asyncio comes with their first use.
    """
    import subprocess

    script = "import sys, sgextended; print('asyncio' in sys.modules, sgextended.AsyncSGExtended.__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "False AsyncSGExtended\n"
    assert {"AsyncSGExtended", "CallCancelled"} <= set(sgextended.__all__)
