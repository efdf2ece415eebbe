"""
What one call is about, what it writes, and what to make of an answer that is none.
"""

import re
import time
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from sgextended.errors import HTTPStatusError, OutcomeUnknown, TransportError
from sgextended.http.retry import is_known
from sgextended.http.transport import page_title, retry_after
from sgextended.secret import without_secrets


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


def as_first(method: str, params: Any, reply: Any) -> Any:
    """
    Return the answer to a repeated request as its first execution would have been answered, where that is known.

    Raises:
        OutcomeUnknown: The site refuses the repeated request because something is gone, which the first one may have
            done.
    """
    if not isinstance(reply, dict):
        return reply
    results = reply.get("results")
    if method in _DONE_ONCE and results is False:
        return {**reply, "results": True}  # what is so now was done by the first
    if method == "batch" and isinstance(results, list):
        return {**reply, "results": [_as_first_of_batch(*pair) for pair in zip(params, results)]}
    if reply.get("exception") and _GONE.search(str(reply.get("message"))):
        if method == "schema_field_delete":
            return {"results": True}
        if method == "batch" and any(request.get("request_type") == "delete" for request in params):
            msg = (
                f"'batch' was sent more than once, and at last the site said: {str(reply['message']).strip()} Either "
                "that was so before, and nothing was done, or an earlier attempt did all of it: look on the site."
            )
            raise OutcomeUnknown(msg, rpc=method)
    return reply


_DONE_ONCE = frozenset({"delete", "revive"})
_GONE = re.compile(r"does(n't| not) exist")


def _as_first_of_batch(request: Any, result: Any) -> Any:
    return True if result is False and request.get("request_type") in _DONE_ONCE else result


def check_answer(method: str, params: Any, reply: Any) -> None:
    """
    See that an answer has what the official client takes from it without a look, and what says that a write was done.

    Raises:
        ValueError: It has not.
    """
    if isinstance(reply, bytes) or (isinstance(reply, dict) and reply.get("exception")):
        return  # not read yet, or a fault
    check = _CHECKS.get(method)
    if check is None:
        return
    results = reply.get("results") if isinstance(reply, dict) else None
    problem = check(results, params)
    if problem:
        raise ValueError(problem)


def _check_entity(results: Any, _params: Any) -> str:
    first = results[0] if isinstance(results, list) and results else results
    return "" if isinstance(first, dict) and "id" in first else "it has no results"


def _check_batch(results: Any, params: Any) -> str:
    whole = isinstance(results, list) and len(results) == len(params)
    return "" if whole else f"it does not have {len(params)} results"


def _check_done(results: Any, _params: Any) -> str:
    return "" if isinstance(results, bool) else "it does not say whether it was done"


def _check_some(results: Any, _params: Any) -> str:
    return "" if results and isinstance(results, (dict, list)) else "it has no results"


def _check_any(results: Any, _params: Any) -> str:
    return "it has no results" if results is None else ""


def _check_page(results: Any, params: Any) -> str:
    if not isinstance(results, dict):
        return "it has no page"
    if params.get("return_paging_info_without_counts") and not (
        isinstance(results.get("entities"), list) and "has_next_page" in (results.get("paging_info") or ())
    ):
        return "its page does not say whether another one follows"
    return ""


_CHECKS: Dict[str, Callable[[Any, Any], str]] = {
    "create": _check_entity,
    "update": _check_entity,
    "batch": _check_batch,
    "delete": _check_done,
    "revive": _check_done,
    "read": _check_page,
    "summarize": _check_any,
    "query_display_name_cache": _check_some,
    "activity_stream": _check_some,
    "update_project_last_accessed_by_current_user": _check_some,
}


def may_be_text(method: str) -> bool:
    """
    Tell whether an answer that is no JSON may be one: a page as a table is, and of calls that we do not know we cannot
    say.
    """
    return method == "export_page" or not is_known(method)


def status_error(server: str, status: Tuple[int, str], headers: Mapping[str, str], reply: bytes) -> HTTPStatusError:
    code, text = status
    if code == 403:
        # The page says why the site blocks this address.
        text += f": {reply.decode('utf-8', 'replace')}"
    elif code == 503:
        text = "the site is down for maintenance or too busy"
    return HTTPStatusError(
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


def value_of(
    server: str,
    status: Tuple[int, str],
    headers: Mapping[str, str],
    reply: bytes,
    read: Callable[[bytes], Any],
    *,
    may_be_text: bool,
) -> Any:
    """
    Return what *read* makes of an answer; one that may be text, and is, as it came.

    Raises:
        TransportError: It is no answer.
    """
    if status[0] >= 300:
        raise status_error(server, status, headers, reply)
    kind = headers.get("content-type", "application/json").lower()
    if kind.startswith("text/html"):
        raise web_page_error(server, reply)
    if not kind.startswith(("application/json", "text/javascript")):
        if may_be_text:
            return reply
        msg = f"What came from {server} is no answer but {kind.partition(';')[0]!r}, {len(reply)} bytes."
        raise TransportError(msg)
    try:
        return read(reply)
    except ValueError as error:
        msg = f"The answer of {server} is cut off or garbled ({len(reply)} bytes): {error}."
        raise TransportError(msg) from error
