"""
JSON to Python and back, compared with the official client's own transforms, value by value and type by type.
"""

import copy
import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import strategies
from fix_codec import LOCAL, NATIVE, SteadyTime, native_page, outcome, typed
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from processes import unmeasured
from shotgun_api3.lib import sgtimezone
from shotgun_api3.shotgun import SG_TIMEZONE

from sgextended.client.protocol import codec

GUARD = 120  # seconds after which a process that hangs fails its test
MORE = settings(max_examples=int(os.environ.get("CODEC_EXAMPLES", "300")), deadline=None)

# As POSIX rules, so that no zone files are needed: west with DST, half an hour off, half an hour of DST in the
# south, and none.
ZONES = [
    "PST8PDT,M3.2.0,M11.1.0",
    "IST-5:30",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "UTC0",
]


@pytest.fixture(autouse=True, scope="module")
def steady_time():
    """
    Local time that does not depend on what was asked before.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sgtimezone, "_time", SteadyTime())
        yield


@MORE
@given(st.booleans(), strategies.answer_bodies)
def test_decode_is_as_native(utc, body):
    """
    An answer is read as the official client reads it.
    """
    expected = outcome(lambda: NATIVE[utc]._transform_inbound(json.loads(body)))

    assert outcome(lambda: codec.decode(body, local=LOCAL[utc])) == expected


@pytest.fixture(params=["orjson", "json"])
def parser(request, monkeypatch):
    """
    The parser that reads JSON: what the extra ``fast`` brings, and what Python has.
    """
    if request.param == "json":
        monkeypatch.setattr(codec, "_fast_loads", lambda: None)
    else:
        pytest.importorskip("orjson")


@settings(MORE, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), strategies.page_bodies)
@example(False, b'{"results": {"entities": [{"code": "Z", "a": {"b": "2024-01-01T00:00:00Z"}}]}}')
@example(True, b'{"results": {"entities": [{"code": "2024-01-01T00:00:00\\u005a", "b": ["2024-01-01T00:00:00z"]}]}}')
@example(True, b'{"results": {"entities": ["2024-01-01T00:00:00Z", null, {"a": "jazz", "Z": "Zz"}]}}')
@example(True, b'{"results": {"entities": null}}')
@example(True, b'{"exception": true, "message": "2024-01-01T00:00:00Z"}')
@example(True, b"[1, NaN, 123456789012345678901234567890]")
def test_decode_page_is_as_native(parser, utc, body):
    """
    A page is read, and its records finished, as the official client does both, whichever parser there is.
    """
    client = NATIVE[utc]
    expected = outcome(native_page, client, body)
    field = client.client_caps.local_path_field

    assert outcome(lambda: codec.decode_page(body, local=LOCAL[utc], local_path_field=field)) == expected


@pytest.mark.parametrize("text", [*strategies.ODD_TEXTS, *strategies.EDGES])
@pytest.mark.parametrize("utc", [True, False])
def test_decode_reads_odd_texts_as_native(utc, text):
    """
    What only looks like a datetime stays text, and what the official client takes for one is one.
    """
    body = json.dumps({"results": [{"at": text}]}).encode()
    expected = outcome(lambda: NATIVE[utc]._transform_inbound(json.loads(body)))

    assert outcome(lambda: codec.decode(body, local=LOCAL[utc])) == expected


@MORE
@given(st.booleans(), strategies.arguments)
def test_encode_is_as_native(utc, value):
    """
    What is sent is what the official client would send, byte by byte.
    """
    expected = outcome(lambda: NATIVE[utc]._encode_payload(NATIVE[utc]._transform_outbound(value)))

    assert outcome(lambda: codec.encode(value, local=LOCAL[utc])) == expected


@pytest.mark.parametrize("utc", [True, False])
@pytest.mark.parametrize(
    "at", [datetime.time(0), datetime.time(23, 59, 59), datetime.time(2, 30), datetime.time(12, 0, 0, 999_999)]
)
def test_encode_sends_times_as_native(utc, at):
    """
    A time is sent as today at that time.
    """
    before = NATIVE[utc]._encode_payload(NATIVE[utc]._transform_outbound([at]))
    ours = codec.encode([at], local=LOCAL[utc])
    after = NATIVE[utc]._encode_payload(NATIVE[utc]._transform_outbound([at]))

    assert ours in {before, after}  # midnight may come in between


@MORE
@given(strategies.arguments)
def test_encode_leaves_its_argument_alone(value):
    """
    What the caller gave is not written into.
    """
    given_ = copy.deepcopy(value)

    outcome(lambda: codec.encode(value, local=SG_TIMEZONE.local))

    assert typed(value) == typed(given_)


@settings(deadline=None)
@given(strategies.datetimes)
def test_a_datetime_comes_back_as_it_went(at):
    """
    A local datetime of whole seconds that exists once survives the way to the site and back.
    """
    sent = at.replace(microsecond=0, tzinfo=datetime.timezone.utc).astimezone(SG_TIMEZONE.local)

    (back,) = codec.decode(codec.encode([sent], local=SG_TIMEZONE.local), local=SG_TIMEZONE.local)

    assert back == sent


@MORE
@given(strategies.returned_records)
@example([{"sg_path": {"link_type": "local", "local_path_linux": None}}])
@example({"code": "a &lt; b"})
def test_clean_records_is_as_native(records):
    """
    Returned records are finished as the official client finishes them.
    """
    expected = outcome(NATIVE[True]._parse_records, copy.deepcopy(records))
    field = NATIVE[True].client_caps.local_path_field

    assert outcome(lambda: codec.clean_records(copy.deepcopy(records), local_path_field=field)) == expected


def test_clean_records_without_a_platform():
    """
    On a platform that shotgun_api3 does not know, no path is filled in.
    """
    record = {"sg_path": {"link_type": "local", "local_path_linux": "/a"}}

    assert codec.clean_records([copy.deepcopy(record)], local_path_field=None) == [record]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_encode_refuses_what_is_no_number(value):
    """
    NaN and infinity are no JSON: they are refused here instead of by the site.
    """
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.encode({"data": [value]}, local=None)


@pytest.mark.parametrize("value", [{1, 2}, b"abc", object(), 1j])
def test_encode_refuses_what_json_cannot_carry(value):
    """
    A value of another type is named with its type and the value.
    """
    with pytest.raises(TypeError, match=f"A {type(value).__name__} cannot be sent to the site, ") as caught:
        codec.encode({"data": [value]}, local=None)

    assert repr(value)[:80] in str(caught.value)


def test_encode_does_not_quote_long_values():
    """
    A value that is refused is quoted by its beginning only.
    """
    with pytest.raises(TypeError) as caught:
        codec.encode(b"x" * 100_000, local=None)

    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("body", [b"", b"{", b'{"results": [1, 2', b"<html>", b"\xff\xfe\xff"])
def test_decode_refuses_what_is_no_json(body):
    """
    A body that is cut off or no JSON is a ValueError.
    """
    with pytest.raises(ValueError):
        codec.decode(body, local=None)


def test_decode_reads_deep_answers():
    """
    An answer of 500 levels is read: no recursion of ours stands in the way.
    """
    body = b"[" * 500 + b'"2024-01-01T00:00:00Z"' + b"]" * 500

    value = codec.decode(body, local=None)
    for _ in range(500):
        (value,) = value

    assert value == datetime.datetime(2024, 1, 1)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")
def test_all_zones_are_as_native():
    """
    All of the above holds in other zones too; shotgun_api3 reads the zone once, so each needs a process.
    """
    script = (
        "import test_codec, strategies\n"
        "test_codec.sgtimezone._time = test_codec.SteadyTime()\n"
        "for text in [*strategies.ODD_TEXTS, *strategies.EDGES]:\n"
        "    test_codec.test_decode_reads_odd_texts_as_native(True, text)\n"
        "test_codec.test_decode_is_as_native()\n"
        "test_codec.test_encode_is_as_native()\n"
        "test_codec.test_a_datetime_comes_back_as_it_went()\n"
        "print(test_codec.SG_TIMEZONE.local.utcoffset(test_codec.datetime.datetime(2024, 7, 1)))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script],
            cwd=Path(__file__).parent,
            env=unmeasured(TZ=zone, CODEC_EXAMPLES="50", PYTHONPATH=os.pathsep.join(sys.path)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for zone in ZONES
    ]
    outputs = [process.communicate(timeout=GUARD) for process in processes]

    assert [errors for _output, errors in outputs] == [""] * len(ZONES)
    assert [output.strip() for output, _errors in outputs] == [
        "-1 day, 17:00:00",
        "5:30:00",
        "10:30:00",
        "2:00:00",
        "0:00:00",
    ]
