"""
Datetimes in other time zones and around each change of their clocks, held against the official client's transforms.

The official client reads the zone of the process once, when it is imported. Here its module is made anew in each
zone, so that all of them are compared in one process.
"""

import datetime
import importlib.util
import json
import time

import pytest
import strategies
from fix_codec import NATIVE, SteadyTime, native_page, outcome, typed
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from shotgun_api3 import shotgun
from shotgun_api3.lib import sgtimezone

from sgextended.client.protocol import codec

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")

MANY = settings(max_examples=25, deadline=None)

# By name, and how far they are from UTC in hours when no summer time holds.
ZONES = {
    "UTC": 0,
    "America/New_York": -5,
    "America/St_Johns": -3.5,  # it changed its clocks a minute after midnight
    "Europe/Berlin": 1,
    "Europe/Dublin": 0,  # where the winter is what is set apart
    "Africa/Casablanca": 1,  # and Ramadan
    "Asia/Jerusalem": 2,  # the hour that comes twice ends with the day in UTC
    "Asia/Kathmandu": 5.75,
    "Australia/Lord_Howe": 10.5,  # half an hour of summer time
    "Pacific/Apia": 13,  # without 30 December 2011
}
SKIPPED_DAY = 1_325_239_200  # its first second, which is that of the day after, in Apia
LAST = 2_145_916_800  # 2038
DAY = 86_400


def changes_of_clocks():
    """
    Return each moment since 1970 from which the process's clock is set otherwise, in seconds since the epoch.
    """

    def setting(moment):
        local = time.localtime(moment)
        return local.tm_gmtoff, local.tm_isdst

    found = []
    for start in range(0, LAST, 7 * DAY):
        before, after = start, start + 7 * DAY
        if setting(before) != setting(after):
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if setting(middle) == setting(before) else (before, middle)
            found.append(after)
    return found


class Zone:
    """
    A zone that the process is in.
    """

    def __init__(self, name, patch):
        self.name, self._patch = name, patch
        self.enter(name)
        self.changes = changes_of_clocks() or [SKIPPED_DAY]
        self.texts = st.one_of(
            strategies.near(self.changes), strategies.wire_datetimes, st.sampled_from(strategies.ODD_TEXTS)
        )
        # As the official client does it when it is imported.
        spec = importlib.util.spec_from_file_location("sgtimezone_anew", sgtimezone.__file__)
        anew = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(anew)
        anew._time = SteadyTime()
        self.official = anew.SgTimezone()
        patch.setattr(shotgun, "SG_TIMEZONE", self.official)

    def enter(self, name):
        self._patch.setenv("TZ", name)
        time.tzset()

    def local(self, *, utc):
        return self.official.local if utc else None


@pytest.fixture
def make_zone():
    """
    Puts the process into a zone, and back at the end.
    """
    with pytest.MonkeyPatch.context() as patch:
        yield lambda name: Zone(name, patch)
    time.tzset()


@pytest.fixture(scope="module", params=ZONES)
def zone(request):
    """
    Each zone of which this machine knows the rules.
    """
    with pytest.MonkeyPatch.context() as patch:
        entered = Zone(request.param, patch)
        if -time.timezone != ZONES[request.param] * 3600:
            pytest.skip(f"this machine does not know {request.param}")
        yield entered
    time.tzset()


def with_each_parser(function):
    """
    Return what a function gives with orjson, where it is installed, and with Python's own parser.
    """
    with pytest.MonkeyPatch.context() as patch:
        fast = outcome(function)
        patch.setattr(codec, "_fast_loads", lambda: None)
        return [fast, outcome(function)]


@MANY
@given(utc=st.sampled_from([True, True, False]), data=st.data())
def test_answers_are_read_as_native_in_each_zone(zone, utc, data):
    """
    A page, and the same as any other answer, is read as the official client reads it, whichever parser there is.
    """
    body = data.draw(strategies.page_bodies_with(zone.texts))
    client, local = NATIVE[utc], zone.local(utc=utc)
    field = client.client_caps.local_path_field
    page = with_each_parser(lambda: codec.decode_page(body, local=local, local_path_field=field))
    answer = with_each_parser(lambda: codec.decode(body, local=local))

    assert page == [outcome(native_page, client, body)] * 2
    assert answer == [outcome(lambda: client._transform_inbound(json.loads(body)))] * 2


@pytest.mark.parametrize("spelling", strategies.SPELLINGS)
@pytest.mark.parametrize("link", ['{"at": %s}', "[%s]", '[{"at": [%s]}]'])
def test_a_datetime_in_a_link_is_read_however_it_is_spelt(link, spelling):
    """
    The only datetime of a page is found below its record, with its last letter written in each way that JSON has.
    """
    text = link % f'"2024-01-01T00:00:00{spelling}"'
    body = f'{{"results": {{"entities": [{{"id": 1, "link": {text}}}]}}}}'.encode()

    read = codec.decode_page(body, local=None, local_path_field=None)

    assert typed(read) == typed(native_page(NATIVE[False], body))


STEPS = [0, 1, 1800, 3599, 3600, 7200]


@pytest.mark.parametrize("utc", [True, False])
def test_each_change_of_clocks_is_read_as_native(zone, utc):
    """
    Of each change since 1970 the seconds on both sides, and those an hour and two away, are read as native.
    """
    moments = [change + sign * step for change in zone.changes for sign in (-1, 1) for step in STEPS]
    texts = [strategies.to_wire(moment) for moment in moments]
    body = json.dumps(texts).encode()

    assert typed(codec.decode(body, local=zone.local(utc=utc))) == typed(NATIVE[utc]._transform_inbound(texts))


@pytest.mark.parametrize("utc", [True, False])
def test_each_change_of_clocks_is_sent_as_native(zone, utc):
    """
    What a clock shows around each change, hours that come twice or never included, is sent as native.
    """
    clocks = [
        datetime.datetime.fromisoformat(strategies.to_wire(change)[:19])
        + datetime.timedelta(hours=ZONES[zone.name], seconds=sign * step)
        for change in zone.changes
        for sign in (-1, 1)
        for step in STEPS
    ]

    expected = NATIVE[utc]._encode_payload(NATIVE[utc]._transform_outbound(clocks))

    assert codec.encode(clocks, local=zone.local(utc=utc)) == expected


def test_skipped_day_is_read_as_native(make_zone):
    """
    Every minute around the day that Apia left out is read as native.
    """
    apia = make_zone("Pacific/Apia")
    texts = [strategies.to_wire(SKIPPED_DAY + 60 * minute) for minute in range(-2000, 2000)]

    ours = codec.decode(json.dumps(texts).encode(), local=apia.local(utc=True))

    assert typed(ours) == typed(NATIVE[True]._transform_inbound(texts))


@pytest.mark.parametrize("then", ["CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0/0,M11.1.0/1"])
def test_process_that_changes_its_zone_reads_as_native(make_zone, then):
    """
    What was remembered of a day in one zone does not hold in the next, even where both have the same names.
    """
    zone = make_zone("EST5EDT,M3.2.0,M11.1.0")
    texts = [strategies.to_wire(1_710_000_000 + 3600 * hour) for hour in range(24 * 40)]
    body = json.dumps(texts).encode()
    first = typed(codec.decode(body, local=zone.local(utc=True)))
    zone.enter(then)
    second = typed(codec.decode(body, local=zone.local(utc=True)))

    assert second == typed(NATIVE[True]._transform_inbound(texts))
    assert second != first


# --- The strategies themselves


def test_zones_change_their_clocks(zone):
    """
    Each zone but UTC has changes, so that what is compared above are not mere days.
    """
    assert (len(zone.changes) > 1 or zone.changes != [SKIPPED_DAY]) is (zone.name != "UTC")


@given(strategies.near([1_000_000_000]))
def test_near_is_near(text):
    """
    A drawn moment is at most three hours away.
    """
    at = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")

    assert abs(at.timestamp() - 1_000_000_000) <= 3 * 3600


def found_body(test):
    quick = settings(max_examples=2000, deadline=None, phases=[Phase.generate])
    return find(strategies.page_bodies_with(strategies.near([0])), test, settings=quick)


@pytest.mark.parametrize("spelling", ["Z", "\\u005a"])
def test_page_bodies_hide_datetimes_in_links(spelling):
    """
    Datetimes stand in links below the records, with their last letter in each spelling.
    """

    def hidden(body):
        entities = json.loads(body)["results"]["entities"]
        inner = [each for record in entities for each in record.values() if isinstance(each, dict)]
        return any(isinstance(text, str) and len(text) == 20 for link in inner for text in link.values())

    assert found_body(lambda body: hidden(body) and f'{spelling}"'.encode() in body)


def test_page_bodies_hold_local_files():
    """
    Files with a path of this platform occur.
    """
    assert found_body(lambda body: b'"local"' in body and b"local_path_linux" in body)
