"""
Official clients as the reference of the codec, and functions that compare its results with theirs.
"""

import datetime
import json
import time

from shotgun_api3.shotgun import SG_TIMEZONE, ServerCapabilities, Shotgun

NATIVE = {
    utc: Shotgun("https://x.example", "robot", "key", connect=False, convert_datetimes_to_utc=utc)
    for utc in (True, False)
}
for native in NATIVE.values():
    native._server_caps = ServerCapabilities(native.config.server, {"version": [8, 60, 0]})
LOCAL = {True: SG_TIMEZONE.local, False: None}


class SteadyTime:
    """
    The time module with an mktime that does not depend on earlier calls.

    For the hour that a clock shows twice, the result of the C library depends on the call before. The official client
    and the codec call mktime in another order, so a comparison needs an mktime that always returns the same result.
    """

    def __getattr__(self, name):
        return getattr(time, name)

    def mktime(self, parts):
        time.mktime((2024, 1, 1, 12, 0, 0, 0, 0, -1))
        return time.mktime(parts)


def typed(value):
    """
    Return a value with the type of each part, so that 1, 1.0 and True differ, as do equal times in two zones.
    """
    if isinstance(value, dict):
        return ("dict", [(key, typed(inner)) for key, inner in value.items()])
    if isinstance(value, (list, tuple)):
        return (type(value), [typed(inner) for inner in value])
    if isinstance(value, datetime.datetime):
        return (type(value), value.isoformat(), type(value.tzinfo), value.fold)
    return (type(value), repr(value))


def outcome(function, *args):
    """
    Return the result of a function with the types of its parts, or the type of its exception.
    """
    try:
        return typed(function(*args))
    except Exception as error:  # noqa: BLE001 - whatever it is, both must raise it
        return type(error)


def native_page(client, body):
    """
    Return the page that the official client decodes from a body.
    """
    reply = client._transform_inbound(json.loads(body))
    if isinstance(reply, dict) and isinstance(reply.get("results"), dict):
        client._parse_records(reply["results"].get("entities"))
    return reply
