"""
The pages of the calls: the table with its sums, one call with its filters and fault, and what is not shown.
"""

import re
import urllib.error

import pytest

from sgextended.localsite import LocalSite

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156"
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def called(make_connection):
    """
    A site that has executed a search, a create, a fault and a request of another program, and its client.
    """
    with LocalSite() as site:
        sg = make_connection(site)
        project = sg.create("Project", {"name": "River"})
        either = {
            "filter_operator": "any",
            "filters": [["sg_status_list", "in", ["ip", "fin"]], ["project", "is", project]],
        }
        sg.find(
            "Shot",
            [["code", "contains", NASTY], either],
            ["code", "sg_cut_in"],
            [{"field_name": "code", "direction": "desc"}],
        )
        with pytest.raises(Exception, match="nothing"):
            sg.find("Shot", [["nothing", "is", 1]])
        yield site, sg
        sg.close()


@pytest.fixture
def page(called, read_page):
    """
    Returns the text of a page of that site.
    """
    site, _sg = called

    return lambda path, **headers: read_page(site, path, **headers)


def number_of(site, rpc, *, ok=True):
    return next(entry.number for entry in reversed(site.ledger.entries) if entry.rpc == rpc and entry.ok == ok)


def test_calls_are_shown(called, page):
    """
    The page shows caller, RPC, rows, time and failure, newest first, and returns the calls after a number.
    """
    site, _sg = called
    last = number_of(site, "read", ok=False)
    text, newer = page("/calls"), page(f"/calls/after/{last - 1}?browser=0")
    table = text[text.index("<tbody") :]

    assert table.index(f'data-number="{last}"') < table.index(f'data-number="{last - 1}"')
    assert site.script_name in table
    assert '<span class="fault">fault</span>' in newer
    assert newer.count("<tr") == 1
    assert "Shot.nothing doesn&#39;t exist" in newer
    assert f'data-newest="{last}"' in newer


def test_sums_are_sent_with_newer_calls_only(called, page):
    """
    Without a newer call the response is empty, so that an open page costs nothing.
    """
    site, _sg = called
    last = site.ledger.entries[-1].number
    newer, none = page(f"/calls/after/{last - 1}"), page(f"/calls/after/{last}")

    assert re.search(r"<dt>Faults</dt><dd>1</dd>", newer)
    assert re.search(rf"<dt>Calls</dt><dd>{last}</dd>", newer)
    assert "<dl" not in none
    assert "<tr" not in none


def test_one_call_shows_what_was_asked(called, page):
    """
    Filters, fields and order are shown in words, and values are escaped. Credentials are nowhere.
    """
    site, _sg = called
    text = page(f"/calls/{number_of(site, 'read')}")
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())

    assert "code contains &lt;img src=x onerror=alert(1)&gt;" in words
    assert "any of sg_status_list in ip, fin project is River Project 1" in words
    assert "code descending" in words
    assert "<img" not in text
    assert site.api_key not in text
    assert "script_key" not in text


def test_one_call_shows_its_fault_or_values(called, page):
    """
    A refused call has the message of the site; a create has the values that were sent, and a link to the record.
    """
    site, _sg = called

    assert re.search(r'role="alert">.*doesn&#39;t exist', page(f"/calls/{number_of(site, 'read', ok=False)}"))
    created = page(f"/calls/{number_of(site, 'create')}")
    assert "River" in created
    assert 'href="/detail/Project/' in created


def test_secret_values_are_hidden(called, page):
    """
    A password that a call sets is not shown.
    """
    site, sg = called
    sg.create("HumanUser", {"login": "ann", "firstname": "Ann", "lastname": "Lee", "password_proxy": "pa55word"})
    text = page(f"/calls/{number_of(site, 'create')}")

    assert "password_proxy" in text
    assert "pa55word" not in text
    assert "(hidden)" in text
    with pytest.raises(Exception, match="pa55"):
        sg.create("HumanUser", {"login": "bo", "password_proxy": ["pa55word"]})
    text = page(f"/calls/{number_of(site, 'create', ok=False)}") + page("/calls")
    assert "pa55word" not in text


def test_files_for_pages_are_not_among_the_calls_of_tools(page):
    """
    A browser that loads a picture for a page makes no call of a tool. A link shows its requests too.
    """
    before = re.search(r"<dt>Calls</dt><dd>(\d+)", page("/calls")).group(1)
    with pytest.raises(urllib.error.HTTPError) as caught:
        page("/storage/thumbnail/none.png", **{"User-Agent": BROWSER})
    caught.value.close()
    text = page("/calls")

    assert re.search(r"<dt>Calls</dt><dd>(\d+)", text).group(1) == before
    assert "Include the 1 files" in text
    assert "Mozilla" not in text
    assert "Mozilla" in page("/calls?browser=1")


def test_large_requests_and_unknown_numbers(called, page):
    """
    A large request is not kept. A number that does not exist is explained with status 404.
    """
    site, sg = called
    sg.batch([{"request_type": "create", "entity_type": "Project", "data": {"name": "x" * 20_000}}])

    assert "too large to be kept" in page(f"/calls/{number_of(site, 'batch')}")
    with pytest.raises(urllib.error.HTTPError) as caught:
        page("/calls/999999")
    with caught.value as error:
        assert (error.code, "There is no call 999999" in error.read().decode()) == (404, True)


def test_cleared_calls_leave_the_page(make_connection, read_page):
    """
    After the ledger was cleared, the page of newer calls reports a lower number.
    """
    with LocalSite() as site:
        sg = make_connection(site)
        sg.find("Project", [])
        sg.find("Project", [])
        site.ledger.clear()
        sg.find("Project", [])
        text = read_page(site, "/calls/after/5")
        sg.close()

    assert 'data-newest="1"' in text
    assert text.count("<tr") == 1
    assert site.ledger.payload(5) is None
