"""
The pages of a site: their contents, their authentication, and that records cannot inject code into them.
"""

import html
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest
from page_login import script_login

from sgextended.localsite import LocalSite

NASTY = "<script>document.title='owned'</script>\"'&"


@pytest.fixture(scope="module")
def shown(make_connection):
    """
    A site with a few records, some of them made to break the page, and the client that made them.
    """
    with LocalSite() as site:
        sg = make_connection(site)
        project = sg.create("Project", {"name": NASTY})
        shots = [{"project": project, "code": f"BRG_{number:04d}", "sg_cut_in": number} for number in range(120)]
        sg.batch([{"request_type": "create", "entity_type": "Shot", "data": data} for data in shots])
        evil = {"url": "javascript:alert(1)", "name": "click me"}
        version = sg.create(
            "Version", {"project": project, "code": NASTY, "description": NASTY, "sg_uploaded_movie": evil}
        )
        note = {"project": project, "subject": NASTY, "content": "soft edge", "note_links": [{"type": "Shot", "id": 1}]}
        reply = {"entity": sg.create("Note", note), "content": f"fixed {NASTY}"}
        sg.create("Reply", reply)
        sg.update("Shot", 1, {"sg_status_list": "fin"})
        sg.delete("Shot", 120)
        yield site, sg, version
        sg.close()


@pytest.fixture
def page(shown):
    """
    Gets pages of that site with the key of its script: status, text, headers.
    """
    site, _sg, _version = shown

    def get(path, **headers):
        request = urllib.request.Request(site.url + path, headers={**script_login(site), **headers})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, reply.read().decode(), reply.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers

    return get


def ids_in(text):
    return [int(found) for found in re.findall(r'class="id" href="/detail/Shot/(\d+)"', text)]


def test_first_page_has_types_and_projects(page):
    """
    The address of the site shows its projects and how many records each type has.
    """
    status, text, _headers = page("/")

    assert status == 200
    assert re.search(r'href="/records/Shot"><span>Shot</span><b>119</b>', text)
    assert 'href="/detail/Project/1"' in text


def test_records_come_in_pages(page):
    """
    A page has fifty records, and links to the next and previous page that keep all other parameters.
    """
    _status, first, _headers = page("/records/Shot?q=BRG")
    _status, third, _headers = page("/records/Shot?q=BRG&page=3")

    assert ids_in(first) == list(range(1, 51))
    assert "1 to 50 of 119" in first
    assert 'rel="next" href="?q=BRG&amp;page=2"' in first
    assert 'rel="prev"' not in first
    assert ids_in(third) == list(range(101, 120))
    assert 'rel="next"' not in third


def test_records_are_sorted(page):
    """
    A column sorts ascending, and descending when chosen again, with ``aria-sort`` for screen readers.
    """
    _status, up, _headers = page("/records/Shot?sort=code")
    _status, down, _headers = page("/records/Shot?sort=code&order=down")

    assert ids_in(up)[:2] == [1, 2]
    assert ids_in(down)[:2] == [119, 118]
    assert 'aria-sort="ascending"' in up
    assert 'aria-sort="descending"' in down
    assert 'href="?sort=code&amp;order=down"' in up


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"field": "code", "is": "contains", "value": "0007"}, [8]),
        ({"field": "sg_cut_in", "is": "less_than", "value": "3"}, [1, 2, 3]),
        ({"field": "sg_status_list", "is": "is", "value": "fin"}, [1]),
        ({"field": "project", "is": "contains", "value": "owned", "q": "0119"}, []),
        ({"retired": "1"}, [120]),
    ],
    ids=str,
)
def test_records_are_filtered(page, query, ids):
    """
    A field, a condition and a value filter records. Links are compared by name. Retired records are shown on request.
    """
    assert ids_in(page(f"/records/Shot?{urllib.parse.urlencode(query)}")[1]) == ids


def test_filters_add_up_and_come_off(page):
    """
    Several conditions apply together, and each has a link that removes it.
    """
    query = "field=code&is=contains&value=BRG_00&field=sg_cut_in&is=greater_than&value=97"
    _status, text, _headers = page(f"/records/Shot?{query}")

    assert ids_in(text) == [99, 100]
    assert 'href="?field=sg_cut_in&amp;is=greater_than&amp;value=97" aria-label="Remove this filter"' in text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/records/Shot?field=sg_cut_in&is=is&value=x", "&#39;x&#39; is not"),
        ("/records/Shot?field=nothing&is=is&value=x", "Shot has no field &#39;nothing&#39;"),
        ("/records/Shot?field=project&is=greater_than&value=x", "Project is a link"),
        ("/records/Shot?field=code&is=eval&value=x", "is a text, which has no condition &#39;eval&#39;"),
        ("/records/Shot?sort=nothing", "cannot be sorted by &#39;nothing&#39;"),
        ("/records/Shot?page=99999", "No records"),
        ("/records/Shot?page=x", "1 to 50"),
    ],
)
def test_odd_questions_are_answered_on_the_page(page, path, said):
    """
    The message about an invalid condition is shown in place of the records.
    """
    status, text, _headers = page(path)

    assert status == 200
    assert said in text


@pytest.mark.parametrize("path", ["/records/Nope", "/detail/Nope/1", "/detail/Shot/9999"])
def test_what_is_not_there_is_told(page, path):
    """
    An unknown address has status 404 and a link back.
    """
    status, text, _headers = page(path)

    assert status == 404
    assert 'href="/"' in text


def test_record_shows_links_notes_and_events(page):
    """
    A record's page shows its fields with links, its notes with their replies, and its events.
    """
    _status, text, _headers = page("/detail/Shot/1")

    assert re.search(r"<h1[^>]*><bdi[^>]*>BRG_0000</bdi>\s*</h1>", text)
    assert 'href="/detail/Project/1"' in text
    assert "soft edge" in text
    assert "fixed" in text
    assert "Status" in text
    assert 's-fin">' in text
    assert text.count('href="/detail/EventLogEntry/') >= 2


def test_long_texts_are_folded_and_names_isolated(shown, page):
    """
    A long text shows its beginning and can be opened. A name from right to left does not turn the words around it.
    """
    _site, sg, version = shown
    name, text = "שלום (1)", "a long remark. " * 100
    shot = sg.create("Shot", {"project": version["project"], "code": name, "description": text})
    _status, detail, _headers = page(f"/detail/Shot/{shot['id']}")
    _status, table, _headers = page("/records/Shot?" + urllib.parse.urlencode({"q": name}))
    sg.delete("Shot", shot["id"])

    for found, most in ((detail, 700), (table, 160)):
        beginning, rest = re.search(
            r'<summary><bdi class="cut">(.*?)</bdi>.*?<div class="whole"[^>]*>(.*?)</div>', found, re.DOTALL
        ).groups()
        assert rest == text.strip()
        assert len(beginning) <= most + 1
        assert rest.startswith(beginning[:-1])
        assert re.search(rf"<bdi[^>]*>{re.escape(name)}</bdi>", found)
    assert f"<title>\u2068{name}\u2069 · local site</title>" in detail


def test_due_dates_are_among_the_columns_of_tasks(shown, page):
    """
    A table of tasks shows when they are due; a table without pictures has no column for them.
    """
    _site, sg, version = shown
    sg.create("Task", {"project": version["project"], "content": "comp", "due_date": "2026-12-24"})
    _status, text, _headers = page("/records/Task")
    _status, shots, _headers = page("/records/Shot")

    assert "Thumbnail" not in re.findall(r'<th scope="col">\s*(\w+)', shots)
    assert "2026-12-24" in text


def test_project_shows_its_records(shown, page):
    """
    A project's page has its shots, assets, tasks, versions and playlists, and links to all of each.
    """
    _site, _sg, version = shown
    _status, text, _headers = page(f"/detail/Project/{version['project']['id']}")
    (address,) = re.findall(r'href="(/records/Shot[^"]*)">All 119 shots', text)
    _status, shots, _headers = page(html.unescape(address))

    assert re.findall(r'<h2 id="(\w+)">', text) == ["Shot", "Asset", "Task", "Version", "Playlist", "fields"]
    assert "This project has no assets." in text
    assert "BRG_0000" in text
    assert "119</small>" in shots
    assert "Project</bdi> is <bdi>&lt;script&gt;" in shots


def test_every_record_of_the_demo_can_be_shown(demo_site):
    """
    The pages can show the records and tables of every type in the demo production.
    """
    query = "SELECT type, min(id) FROM directory WHERE retired = 0 GROUP BY type"
    with demo_site.store.reading() as tx:
        first = dict(tuple(row) for row in tx.connection.exec_driver_sql(query))
    for name, number in first.items():
        for path in (f"/records/{name}", f"/detail/{name}/{number}"):
            request = urllib.request.Request(demo_site.url + path, headers=script_login(demo_site))
            with urllib.request.urlopen(request, timeout=10) as reply:
                assert reply.status == 200


@pytest.mark.parametrize("path", ["/", "/records/Project", "/records/Version", "/detail/Version/1", "/detail/Shot/1"])
def test_records_are_text_and_nothing_else(page, path):
    """
    Values of records are escaped everywhere, and only web addresses in them become links.
    """
    _status, text, _headers = page(path)

    assert "<script>document" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r'(href|src)="\s*javascript:', html.unescape(text))


def test_question_is_text_and_nothing_else(page):
    """
    Parameters of the address are escaped too.
    """
    _status, text, _headers = page(
        "/records/Shot?" + urllib.parse.urlencode({"q": NASTY, "sort": NASTY, "value": NASTY})
    )

    assert "<script>document" not in text


def test_browser_is_told_to_run_the_pages_own_script_only(page):
    """
    The content security policy allows only the site's own scripts, frames, forms and addresses.
    """
    _status, _text, headers = page("/detail/Version/1")
    policy = headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_static_files_are_those_of_the_page(page):
    """
    Style and script are served by their names, and nothing else is.
    """
    assert page("/pages/style.css")[2]["content-type"].startswith("text/css")
    assert page("/pages/page.js")[0] == 200
    assert page("/pages/icon.svg")[2]["content-type"].startswith("image/svg")
    assert "rgb(" in page("/pages/statuses.css")[1]
    assert page("/pages/base.html")[0] == 404
    assert page("/pages/..%2fviews.py")[0] == 404
