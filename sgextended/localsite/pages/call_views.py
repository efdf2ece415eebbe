"""
The views of the calls that the site has executed: the table of all calls, and the details of one.
"""

from __future__ import annotations

import collections
import statistics
import time
from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.errors import Fault
from sgextended.localsite.services.secret_values import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from sgextended.localsite.pages.record_table import Page
    from sgextended.localsite.services.ledger import Entry, Ledger
    from sgextended.localsite.storage.transaction import Transaction

_SHOWN_CALLS = 200
_SHOWN_VALUES = 50
_OPERATORS = {"and": "all of", "or": "any of"}


def calls(ledger: Ledger, tx: Transaction, request: Request) -> Page:
    """
    Return the view of the executed calls, the newest first.

    Files that a browser has loaded for a page are left out, unless the address asks for them.
    """
    del tx
    is_all = request.query_params.get("browser") == "1"
    entries = ledger.entries
    shown = [entry for entry in entries if is_all or not is_of_browser(entry)]
    return "calls.html", {
        "here": "calls",
        "calls": _call_values(shown[-_SHOWN_CALLS:]),
        "newest": entries[-1].number if entries else 0,
        "with_browser": is_all,
        "of_browser": sum(map(is_of_browser, entries)),
        **_sums(shown),
    }


def newer_calls(ledger: Ledger, tx: Transaction, request: Request) -> Page:
    """
    Return the view of the calls after the one of a number, which the page adds to its table, and of the sums.
    """
    del tx
    number = request.path_params["number"]
    is_all = request.query_params.get("browser") == "1"
    entries = ledger.entries
    newest = entries[-1].number if entries else 0
    if newest == number:  # nothing to add, which is the usual case while a page is open
        return "newer_calls.html", {"calls": [], "newest": newest, "counts": None}
    shown = [entry for entry in entries if is_all or not is_of_browser(entry)]
    newer = [entry for entry in shown[-_SHOWN_CALLS:] if entry.number > number or newest < number]
    return "newer_calls.html", {"calls": _call_values(newer), "newest": newest, **_sums(shown)}


def call(ledger: Ledger, tx: Transaction, request: Request) -> Page:
    """
    Return the view of one call: what was asked, and the fault.
    """
    del tx
    number = request.path_params["number"]
    entry = ledger.entry(number)
    if entry is None:
        raise Fault(f"There is no call {number}, or it is too old: the site keeps the newest ones.")
    payload = without_secrets(ledger.payload(number))
    (values,) = _call_values([entry])
    asked = payload if isinstance(payload, dict) else {}
    return "call.html", {
        "here": "calls",
        "call": {**values, "message": entry.message, "client": entry.client, "ids": entry.ids},
        "payload": payload,
        "filters": _filter_words(asked.get("filters")),
        "fields": _names(asked.get("return_fields") or asked.get("fields")),
        "data": _data(asked.get("fields")),
        "sorts": [
            f"{each.get('field_name')} {'descending' if each.get('direction') == 'desc' else 'ascending'}"
            for each in _list(asked.get("sorts"))
            if isinstance(each, dict)
        ],
    }


def is_of_browser(entry: Entry) -> bool:
    """
    Return whether a browser has sent a request for a page's own sake: for a picture or a file that it shows.
    """
    return entry.rpc == "download" and entry.user_agent.startswith("Mozilla/")


def _sums(entries: Iterable[Entry]) -> dict[str, Any]:
    shown = list(entries)
    seconds = sorted(entry.seconds for entry in shown)
    return {
        "total": len(shown),
        "faults": sum(not entry.ok for entry in shown),
        "rows": sum(entry.rows for entry in shown),
        "median": statistics.median(seconds) if seconds else 0.0,
        "slowest": seconds[-1] if seconds else 0.0,
        "counts": collections.Counter(entry.rpc for entry in shown).most_common(),
    }


def _call_values(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """
    Return the calls as values for the template, the newest first.
    """
    now, ticks = time.time(), time.monotonic()
    return [
        {
            "number": entry.number,
            "at": time.strftime("%H:%M:%S", time.localtime(now - (ticks - entry.started))),
            "who": entry.who or "nobody",
            "rpc": entry.rpc,
            "entity_type": entry.entity_type,
            "rows": entry.rows,
            "milliseconds": entry.seconds * 1000,
            "ok": entry.ok,
            "message": entry.message,
            "agent": entry.user_agent,
            "ids": entry.ids[:20],
        }
        for entry in reversed(list(entries))
    ]


# --- The payload of a call


def _filter_words(filters: Any) -> Optional[dict[str, Any]]:
    """
    Return a group of filters as words: how its parts are joined, and the parts, which may be groups again.
    """
    if not isinstance(filters, dict) or not isinstance(filters.get("conditions"), list):
        return None
    parts = []
    for each in filters["conditions"][:_SHOWN_VALUES]:
        group = _filter_words(each)
        if group is not None:
            parts.append(group)
        elif isinstance(each, dict):
            shown = ", ".join(_value_words(value) for value in _list(each.get("values"))[:_SHOWN_VALUES])
            parts.append({"path": each.get("path"), "relation": each.get("relation"), "values": shown})
    joined = _OPERATORS.get(str(filters.get("logical_operator")), str(filters.get("logical_operator")))
    return {"joined": joined, "parts": parts}


def _value_words(value: Any) -> str:
    if isinstance(value, dict) and "type" in value and "id" in value:
        return f"{value.get('name') or ''} {value['type']} {value['id']}".strip()
    return "nothing" if value is None else str(value)


def _names(fields: Any) -> list[str]:
    return [each for each in _list(fields) if isinstance(each, str)]


def _data(fields: Any) -> list[tuple[str, Any]]:
    """
    Return the names and values that a create or an update has sent.
    """
    written = [each for each in _list(fields) if isinstance(each, dict) and "field_name" in each]
    return [(str(each["field_name"]), each.get("value")) for each in written]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
