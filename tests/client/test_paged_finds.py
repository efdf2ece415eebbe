"""
`NativeClient.find` over several pages: same records and faults as native, read ahead.
"""

import itertools
import json
import threading

import pytest
import shotgun_api3
from fix_native import make_client, meet
from fix_servers import GUARD, Last, http_reply, results

from sgextended import HTTPStatusError, OutcomeUnknown
from sgextended.client.protocol import codec


def serve_pages(total, **odd):
    """
    Return an answer to ``read`` over *total* pages of one record; *odd* pages, such as ``page3``, are answered so.
    """

    def answer(request):
        number = request.payload["params"][1]["paging"]["current_page"]
        if f"page{number}" in odd:
            reply = odd[f"page{number}"]
            return reply(request) if callable(reply) else reply
        entities = [{"type": "Shot", "id": number, "created_at": "2026-01-02T03:04:05Z"}] if number <= total else []
        return results({"entities": entities, "paging_info": {"has_next_page": number < total}})

    return answer


def pages_asked(server):
    """
    Return the numbers of the pages that were asked for, in order.
    """
    return [request.payload["params"][1]["paging"]["current_page"] for request in server.sent("read")]


@pytest.fixture
def official(make_site_server):
    """
    Makes an official client of a site that answers so.
    """
    made = []

    def make(answer):
        client = shotgun_api3.Shotgun(make_site_server(read=answer).url, "robot", "key")
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def test_pages_are_what_the_official_client_finds(make_site_server, official):
    """
    Twelve pages give the same records, values and order.
    """
    client = make_client(make_site_server(read=serve_pages(12)))

    assert client.find("Shot", [], ["created_at"]) == official(serve_pages(12)).find("Shot", [], ["created_at"])


def test_one_page_is_one_request_and_no_thread(make_site_server, monkeypatch):
    """
    A find that fits one page asks once, in the caller's thread.
    """
    server = make_site_server(read=serve_pages(1))
    client = make_client(server)
    monkeypatch.setattr("sgextended.client.prefetch.Prefetcher.submit", lambda *_: pytest.fail("pages are read ahead"))

    assert len(client.find("Shot", [])) == 1
    assert len(client.find("Shot", [], limit=5)) == 1
    assert len(client.find("Shot", [], limit=5, page=1)) == 1
    assert len(pages_asked(server)) == 3


def test_pages_are_asked_for_once_each(make_site_server):
    """
    Every page is asked for once, and few beyond the last.
    """
    server = make_site_server(read=serve_pages(12))
    make_client(server, connections=4).find("Shot", [])
    asked = pages_asked(server)

    assert sorted(asked)[:12] == list(range(1, 13))
    assert len(asked) == len(set(asked))
    assert max(asked) <= 16


def test_pages_are_in_flight_together(make_site_server):
    """
    Pages 2 and 3 are both asked for before either is answered.
    """
    both = threading.Barrier(2)

    def meet(request):
        both.wait(GUARD)
        number = request.payload["params"][1]["paging"]["current_page"]
        entities = [{"type": "Shot", "id": number}]
        return results({"entities": entities, "paging_info": {"has_next_page": number < 3}})

    server = make_site_server(read=serve_pages(3, page2=meet, page3=meet))

    assert [row["id"] for row in make_client(server).find("Shot", [])] == [1, 2, 3]


def test_pages_are_asked_for_before_the_first_is_decoded(make_site_server, monkeypatch):
    """
    Page 2 is on its way while page 1 is decoded.
    """
    asked, decode = threading.Event(), codec.decode_page

    def answer(_request):
        asked.set()
        return results({"entities": [{"type": "Shot", "id": 2}], "paging_info": {"has_next_page": False}})

    def decode_once_asked(*args, **kwargs):
        assert asked.wait(GUARD)
        return decode(*args, **kwargs)

    monkeypatch.setattr(codec, "decode_page", decode_once_asked)
    server = make_site_server(read=serve_pages(2, page2=answer))

    assert len(make_client(server).find("Shot", [])) == 2


@pytest.mark.parametrize("limit", [501, 502, 503])
def test_a_limit_over_a_page_cuts_the_result(make_site_server, official, limit):
    """
    The limit is counted as the official client counts it.
    """
    rows = [{"type": "Shot", "id": number} for number in range(500)]

    def answer(request):
        number = request.payload["params"][1]["paging"]["current_page"]
        return results({"entities": rows if number < 4 else [], "paging_info": {"has_next_page": number < 4}})

    client = make_client(make_site_server(read=answer))

    assert client.find("Shot", [], limit=limit) == official(answer).find("Shot", [], limit=limit)
    assert client.find("Shot", [], None, None, None, limit) == client.find("Shot", [], limit=limit)


def test_a_fault_on_a_later_page_is_raised(make_site_server, official):
    """
    The site's refusal of page 3 is the result, as native.
    """
    refusal = http_reply(json.dumps({"exception": True, "message": "page 3 is gone", "error_code": 104}).encode())
    client = make_client(make_site_server(read=serve_pages(6, page3=refusal)))

    with pytest.raises(shotgun_api3.Fault, match="page 3 is gone") as ours:
        client.find("Shot", [])
    with pytest.raises(shotgun_api3.Fault) as theirs:
        official(serve_pages(6, page3=refusal)).find("Shot", [])

    assert type(ours.value) is type(theirs.value)


def test_a_page_that_fails_on_its_way_is_asked_for_again(make_site_server):
    """
    A reset, a 503 and a garbled page cost one more request each, and nothing of the result.
    """
    broken = {
        "page2": [Last(reset=True)],
        "page3": [http_reply(b"down", status=503)],
        "page5": [http_reply(b'{"results": {"enti', headers={"content-type": "application/json"})],
    }
    plain = serve_pages(6)

    def answer(request):
        number = request.payload["params"][1]["paging"]["current_page"]
        left = broken.get(f"page{number}")
        return left.pop() if left else plain(request)

    server = make_site_server(read=answer)

    assert [row["id"] for row in make_client(server).find("Shot", [])] == [1, 2, 3, 4, 5, 6]
    assert [pages_asked(server).count(number) for number in (2, 3, 5)] == [2, 2, 2]


def test_a_page_that_keeps_failing_ends_the_find(make_site_server):
    """
    When the attempts are used up, the failure is raised as for a single page.
    """
    server = make_site_server(read=serve_pages(6, page4=http_reply(b"down", status=503)))

    with pytest.raises(HTTPStatusError) as caught:
        make_client(server).find("Shot", [])

    assert caught.value.errcode == 503
    assert not isinstance(caught.value, OutcomeUnknown)


def test_ctrl_c_leaves_no_thread_and_no_connection_behind(make_site_server, monkeypatch):
    """
    An interrupt between two pages ends the reading; all connections are free for the next call.
    """
    client = make_client(make_site_server(read=serve_pages(30)), connections=3)
    decode, pages = codec.decode_page, itertools.count(1)

    def interrupted(*args, **kwargs):
        if next(pages) == 4:
            raise KeyboardInterrupt
        return decode(*args, **kwargs)

    monkeypatch.setattr(codec, "decode_page", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.find("Shot", [])
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("sgextended-page")]
    for thread in threads:
        thread.join(GUARD)

    assert not any(thread.is_alive() for thread in threads)
    meet(*[lambda: client.find("Shot", [], limit=1)] * 3)


def test_an_old_site_is_read_as_native(make_site_server):
    """
    A site before 7.4, which counts its pages, is read by the official client's own loop.
    """

    def answer(request):
        number = request.payload["params"][1]["paging"]["current_page"]
        return results({"entities": [{"type": "Shot", "id": number}], "paging_info": {"entity_count": 3}})

    server = make_site_server(info={"version": [7, 3, 0]}, read=answer)

    assert [row["id"] for row in make_client(server).find("Shot", [])] == [1, 2, 3]
    assert pages_asked(server) == [1, 2, 3]


def test_find_keeps_the_native_signature():
    """
    An editor sees the official parameters.
    """
    import inspect

    from sgextended import NativeClient

    assert inspect.signature(NativeClient.find) == inspect.signature(shotgun_api3.Shotgun.find)
