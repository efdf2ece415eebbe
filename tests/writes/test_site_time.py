"""
The search for what a lost create has made counts from the site's time. The site runs in another process, so that its
clock is right while the clock of the client is wrong.
"""

import datetime
import pickle
import subprocess
import sys
import time
from email.utils import formatdate

import pytest

from sgextended import OutcomeUnknown, RetryPolicy, SGExtended, Site
from sgextended.client.protocol.site_clock import SiteClock, ticks
from sgextended.http.response import Response
from sgextended.http.transport import Transport

#: Every create is executed, and its response is lost. Batches are not affected.
SITE = """
import sys
from sgextended.localsite import LocalSite

with LocalSite(script_name="demo", api_key="demo", faults=["reset-after:rpc=create"]) as site:
    print(site.url, flush=True)
    sys.stdin.read()
"""
HOUR = 3600.0
AT_ONCE = RetryPolicy(attempts=4, first_wait=0, longest_wait=0)


@pytest.fixture(scope="module")
def settings():
    """
    The settings of a site in another process.
    """
    with subprocess.Popen(
        [sys.executable, "-c", SITE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip()
        yield Site(url=url, script_name="demo", api_key="demo", retry=AT_ONCE)
        process.stdin.close()


@pytest.fixture
def sg(settings):
    """
    A wrapper for that site.
    """
    return SGExtended(site=settings)


def created(sg, entity_type, data):
    """
    Create an entity by a batch, whose response arrives.
    """
    request = {"request_type": "create", "entity_type": entity_type, "data": data}
    return sg.batch([request])[0]


@pytest.fixture
def project(sg, request):
    """
    A project of the test's own.
    """
    made = created(sg, "Project", {"name": request.node.name, "tank_name": request.node.name})
    return {"type": "Project", "id": made["id"]}


@pytest.fixture
def set_clock(monkeypatch):
    """
    A function that sets the wall clock of this process ahead by some seconds.
    """
    right = time.time

    def set_ahead(seconds):
        monkeypatch.setattr(time, "time", lambda: right() + seconds)

    return set_ahead


def lost(sg, data):
    """
    Return the error of a create that the site has executed.
    """
    with pytest.raises(OutcomeUnknown) as caught:
        sg.create("Version", data)
    return caught.value


@pytest.mark.parametrize("ahead", [-HOUR, -60.0, 0.0, 60.0, HOUR])
@pytest.mark.parametrize("when", ["always", "after the first response", "while the create is sent"])
def test_a_wrong_clock_creates_once(sg, project, set_clock, monkeypatch, ahead, when):
    """
    With a clock that is ahead, behind, or set in the meantime, the lost create is found and not sent again.
    """
    if when == "always":
        set_clock(ahead)
    sg.find_one("Project", [])
    if when == "after the first response":
        set_clock(ahead)
    if when == "while the create is sent":
        send = Transport.send

        def send_and_set(self, *args, **options):
            set_clock(ahead)
            return send(self, *args, **options)

        monkeypatch.setattr(Transport, "send", send_and_set)
    made = sg.create("Version", {"code": "v001", "project": project}, unique_by=("code", "project"))

    assert sg.find("Version", [["project", "is", project]]) == [{"type": "Version", "id": made["id"]}]


@pytest.mark.parametrize("ahead", [-HOUR, 0.0, HOUR])
@pytest.mark.parametrize("copied", [False, True])
def test_reconcile_leaves_out_what_is_two_minutes_older(sg, project, set_clock, ahead, copied):
    """
    An equal version of two minutes before is not taken for the lost one, also if the error was pickled.
    """
    data = {"code": "v001", "project": project}
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    older = created(sg, "Version", {**data, "created_at": before})
    set_clock(ahead)
    error = lost(sg, data)
    if copied:
        error = pickle.loads(pickle.dumps(error))

    assert (error.sent_tick is None) == copied
    assert [row["id"] > older["id"] for row in sg.reconcile(error)] == [True]


def test_many_equal_records_are_searched_by_the_sites_time(sg, project, set_clock):
    """
    If a page is full of equal records of before, a second search by the site's time finds the lost one alone.
    """
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    old = {"request_type": "create", "entity_type": "Version"}
    data = {"code": "v001", "project": project}
    sg.batch([{**old, "data": {**data, "created_at": before}}] * 500)
    set_clock(HOUR)

    assert len(sg.reconcile(lost(sg, data))) == 1


def test_the_date_of_an_error_page_does_not_count(sg, project, monkeypatch):
    """
    A proxy that answers the search with HTML pages of another time does not change what is found.
    """
    wrong = {"date": formatdate(time.time() + HOUR, usegmt=True), "content-type": "text/html"}
    pages = [
        Response(status=502, reason="Bad Gateway", headers=wrong, body=b"<html></html>"),
        Response(status=200, reason="OK", headers=wrong, body=b"<html></html>"),
    ]
    data, send = {"code": "v001", "project": project}, Transport.send
    error = lost(sg, data)

    def send_through_proxy(self, *args, **options):
        return pages.pop() if pages else send(self, *args, **options)

    monkeypatch.setattr(Transport, "send", send_through_proxy)
    found = sg.reconcile(error)

    assert (len(found), pages) == (1, [])


def test_times_that_are_not_converted_are_compared_in_utc(settings, project):
    """
    A client that returns times in UTC without a zone finds the lost create.
    """
    sg = SGExtended(site=Site(**{**SETTINGS, "url": settings.url, "convert_datetimes_to_utc": False}))
    data = {"code": "v001", "project": project}
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    created(sg, "Version", {**data, "created_at": before})

    assert len(sg.reconcile(lost(sg, data))) == 1


SETTINGS = {"script_name": "demo", "api_key": "demo", "retry": AT_ONCE}


def test_a_clock_reads_dates_only():
    """
    The site's time at a moment is counted by ticks from the last date; without a valid date it is unknown.
    """
    clock = SiteClock()
    clock.note({})
    clock.note({"date": "yesterday"})
    assert clock.at(ticks()) is None

    clock.note({"date": "Tue, 14 Nov 2023 22:13:20 GMT"})
    clock.note({})
    assert clock.at(ticks() - 20) == pytest.approx(1_700_000_000 - 20, abs=5)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs tzset")
@pytest.mark.parametrize("zone", ["", " -0000", " +0000", " GMT"])
def test_a_date_without_a_zone_is_utc(monkeypatch, zone):
    """
    It is not in the zone of this machine.
    """
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        clock = SiteClock()
        clock.note({"date": f"Tue, 14 Nov 2023 22:13:20{zone}"})
        assert clock.at(ticks()) == pytest.approx(1_700_000_000, abs=5)
    finally:
        monkeypatch.undo()
        time.tzset()
