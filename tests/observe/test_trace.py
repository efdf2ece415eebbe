"""
``sg.trace()``: what a block asks, which lines do, and what it costs.
"""

import asyncio
import inspect
import json
import threading

import pytest
from fix_native import make_client
from fix_servers import results

from sgextended import SGExtended, Trace
from sgextended.observe.trace_report import OFTEN

PAGE = {"entities": [{"type": "Shot", "id": 7}], "paging_info": {"has_next_page": False}}


@pytest.fixture
def sg(make_site_server):
    """
    A wrapper on a site that has been asked for its version.
    """
    server = make_site_server(read=lambda _request: results(PAGE), create=lambda _request: results(PAGE["entities"][0]))
    client = make_client(server)
    client.server_caps  # noqa: B018 - asked here, so that no trace counts it
    return SGExtended(client)


def here(offset=0):
    """
    Return the line of the caller, as a trace has it.
    """
    frame = inspect.currentframe().f_back
    return frame.f_code.co_filename, frame.f_lineno + offset


def lines_of(trace):
    sums = trace.by_line_and_rpc().items()
    return {(line.file, line.number): (kind, cost.method_calls) for (line, kind), cost in sums}


def test_calls_are_counted_by_line_and_rpc(sg):
    """
    Each line of the program that asks is there with what it asks, domain methods by the line that calls them.
    """
    with sg.trace() as trace:
        find = here(1)
        sg.find("Shot", [])
        shots = here(1)
        sg.find_shots(None)
        create = here(1)
        sg.create("Shot", {"code": "a"})

    assert lines_of(trace) == {find: ("read Shot", 1), shots: ("read Shot", 1), create: ("create Shot", 1)}
    assert {kind: cost.calls for kind, cost in trace.by_rpc().items()} == {"read Shot": 2, "create Shot": 1}
    assert (trace.total.calls, trace.total.method_calls, trace.total.failures) == (3, 3, 0)
    assert trace.total.bytes > 300
    assert trace.total.seconds > 0


def test_outside_the_block_nothing_is_counted(sg):
    """
    What was asked before and after, or in a thread that the block did not start, is not there.
    """
    sg.find("Shot", [])
    with sg.trace() as trace:
        other = threading.Thread(target=sg.find, args=("Shot", []))
        other.start()
        other.join()
    sg.find("Shot", [])

    assert trace.total.calls == 0
    assert repr(trace) == "<Trace of 0 calls>"


def test_pages_are_one_question(demo_site, make_sg):
    """
    The pages of a find are fetched in threads. They belong to the line of the find, and to one method call.
    """
    sg = make_sg(demo_site)
    with sg.trace() as trace:
        line = here(1)
        rows = list(sg.find_iter("Shot", [], page_size=20))

    (((file, number), (kind, method_calls)),) = lines_of(trace).items()
    assert len(rows) > 500
    assert trace.total.calls > OFTEN
    assert ((file, number), kind, method_calls) == (line, "read Shot", 1)
    assert trace.advice() == []


def test_threads_of_a_map_are_traced_by_their_lines(sg):
    """
    What workers ask counts for the line of the function.
    """

    def ask(sg, _item):
        return sg.find("Shot", []), here()

    with sg.trace() as trace:
        results = list(sg.map(ask, range(5), workers=2))

    assert lines_of(trace) == {results[0][1]: ("read Shot", 5)}


def test_tasks_are_traced_by_their_lines(sg):
    """
    Under asyncio it is the line that awaits; two tasks with traces of their own do not see each other.
    """

    async def one(times):
        with sg.trace() as trace:
            for _ in range(times):
                await sg.aio.find("Shot", [])
            return trace, here(-1 - 1)

    async def main():
        return await asyncio.gather(one(1), one(2))

    traces = [(lines_of(trace), line) for trace, line in asyncio.run(main())]

    assert [list(lines.values()) for lines, _line in traces] == [[("read Shot", 1)], [("read Shot", 2)]]
    assert all(file == __file__ for lines, _line in traces for file, _number in lines)


def test_a_line_that_asks_too_often_is_named(sg):
    """
    A line that makes more than twenty calls of one kind gets advice.
    """
    with sg.trace() as trace:
        for _ in range(OFTEN):
            sg.find("Shot", [])
        for _ in range(OFTEN + 1):
            sg.create("Shot", {"code": "a"})

    (advice,) = trace.advice()
    assert "test_trace.py:" in advice
    assert "called 'create Shot' 21 times in " in advice
    assert advice.endswith("use one sg.batch")
    assert str(trace).endswith(advice)


def test_a_failure_counts(make_site_server):
    """
    A call that raises is counted as one that failed.
    """
    from shotgun_api3 import Fault

    from sgextended import HTTPStatusError

    server = make_site_server(read=lambda _request: b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
    client = make_client(server)
    client.server_caps  # noqa: B018 - as above
    sg = SGExtended(client)
    with sg.trace() as trace, pytest.raises((Fault, HTTPStatusError)):
        sg.find("Shot", [])

    assert trace.total.failures == 1
    assert ", 1 failed" in str(trace)


def test_the_dict_is_what_json_has(sg):
    """
    to_dict goes through JSON unchanged, and has the same sums.
    """
    with sg.trace() as trace:
        sg.find("Shot", [])
    told = trace.to_dict()

    assert json.loads(json.dumps(told)) == told
    assert told["total"]["calls"] == told["rpcs"]["read Shot"]["calls"] == told["lines"][0]["calls"] == 1
    assert told["lines"][0]["function"].endswith("test_the_dict_is_what_json_has")


def test_the_chrome_file_has_each_call(sg, tmp_path):
    """
    Each call is a complete event with its start, length and thread.
    """
    with sg.trace() as trace:
        sg.find("Shot", [])
        sg.create("Shot", {"code": "a"})
    trace.write_chrome(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]

    assert [(each["name"], each["ph"]) for each in events] == [("read Shot", "X"), ("create Shot", "X")]
    assert events[0]["ts"] == 0
    assert events[1]["ts"] >= events[0]["dur"] > 0
    assert {each["tid"] for each in events} == {threading.get_ident()}


def test_a_block_within_a_block_is_in_both(sg):
    """
    Both traces are told of what the inner block asks.
    """
    with sg.trace() as outer:
        sg.find("Shot", [])
        with sg.trace() as inner:
            sg.find("Shot", [])

    assert (outer.total.calls, inner.total.calls) == (2, 1)


def test_hooks_are_told_as_before(sg):
    """
    A studio's on_call goes on while a trace is on, and what a hook asks itself is traced too.
    """
    told = []

    class Studio(SGExtended):
        def on_call(self, call):
            told.append(call.rpc)
            self.find("Version", [])

    studio = Studio(sg)
    with studio.trace() as trace:
        studio.find("Shot", [])

    assert told == ["read"]
    assert set(trace.by_rpc()) == {"read Shot", "read Version"}


def test_a_client_that_was_handed_in_is_traced(make_mockgun):
    """
    A wrapper around a Mockgun is traced by its methods; nobody counts the bytes.
    """
    sg = SGExtended(make_mockgun())
    with sg.trace() as trace:
        sg.find("Shot", [])

    assert isinstance(trace, Trace)
    assert trace.to_dict()["rpcs"]["find Shot"]["bytes"] == 0
