"""
What one call is about, what it writes, and what to make of an answer that is none.
"""

import time
from typing import Any, Mapping, Optional, Tuple

from sgextended.errors import StatusError, TransportError
from sgextended.identity import without_secrets
from sgextended.transport import page_title, retry_after


def entity_type(params: Any) -> Optional[str]:
    found = params.get("type") if isinstance(params, dict) else None
    return found if isinstance(found, str) else None


def written(method: str, params: Any) -> Any:
    """
    Return what a call was to write, in the words of the caller, without secrets: a dict of fields, or a batch's list of
    requests; None for calls that write no fields.
    """
    if method == "batch":
        return [_batched(request) for request in params]
    fields = params.get("fields") if isinstance(params, dict) else None
    if not isinstance(fields, list):
        return None
    return without_secrets({field["field_name"]: field.get("value") for field in fields})


def _batched(request: Any) -> Any:
    told = {"request_type": request.get("request_type"), "entity_type": request.get("type")}
    if "id" in request:
        told["entity_id"] = request["id"]
    data = written("create", request)
    return told if data is None else {**told, "data": data}


def as_first(method: str, reply: Any) -> Any:
    """
    Return the answer to a repeated request as its first execution would have been answered, where that is known.
    """
    if method in ("delete", "revive") and isinstance(reply, dict) and reply.get("results") is False:
        return {**reply, "results": True}  # what is so now was done by the first
    return reply


def check_answer(method: str, params: Any, reply: Any) -> None:
    """
    See that an answer has what the official client takes from it without a look.

    Raises:
        ValueError: It has not.
    """
    if not isinstance(reply, dict) or reply.get("exception"):
        return
    results = reply.get("results", reply)
    if method in _NEVER_EMPTY and not results:
        msg = "it has no results"
        raise ValueError(msg)
    if method == "read":
        if not isinstance(results, dict):
            msg = "it has no page"
            raise ValueError(msg)
        if params.get("return_paging_info_without_counts") and not (
            isinstance(results.get("entities"), list) and "has_next_page" in (results.get("paging_info") or ())
        ):
            msg = "its page does not say whether another one follows"
            raise ValueError(msg)


_NEVER_EMPTY = frozenset(
    {"create", "update", "query_display_name_cache", "activity_stream", "update_project_last_accessed_by_current_user"}
)


def status_error(server: str, status: Tuple[int, str], headers: Mapping[str, str], reply: bytes) -> StatusError:
    code, text = status
    if code == 403:
        # The page says why the site blocks this address.
        text += f": {reply.decode('utf-8', 'replace')}"
    elif code == 503:
        text = "the site is down for maintenance or too busy"
    return StatusError(
        f"{server} answered with HTTP status {code}: {text}.",
        url=server,
        errcode=code,
        errmsg=text,
        headers=headers,
        retry_after=retry_after(headers, time.time()),
    )


def web_page_error(server: str, reply: bytes) -> TransportError:
    """
    Return the error of an answer that is a web page.
    """
    msg = (
        f"A web page{page_title(reply)} came instead of an answer from {server}: a proxy, a "
        "sign-in portal or another server stands in its place. Check the address, and the network in a browser."
    )
    return TransportError(msg)
