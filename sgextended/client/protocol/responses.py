"""
The validation of responses: whether a response has the result of its call, and the error for a response that has not.
"""

import re
import time
from typing import Any, Callable, Dict, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from sgextended.client.protocol.error_page import page_title, readable_text
from sgextended.errors import HTTPStatusError, InvalidJSON, OutcomeUnknown, SessionExpired, TransportError
from sgextended.http.retry import is_known_rpc
from sgextended.http.transport import retry_after
from sgextended.secret import without_secrets


def entity_type(params: Any) -> Optional[str]:
    found = params.get("type") if isinstance(params, dict) else None
    return found if isinstance(found, str) else None


def intended_data(method: str, params: Any) -> Any:
    """
    Return the data that a call is to write, as the caller gave it, without secrets.

    It is a dict of fields, or a list of requests for a batch. Return None for calls that write no fields.
    """
    if method == "batch":
        return [_batched(request) for request in params]
    fields = params.get("fields") if isinstance(params, dict) else None
    if not isinstance(fields, list):
        return None
    return without_secrets({field["field_name"]: field.get("value") for field in fields})


def _batched(request: Any) -> Any:
    found = {"request_type": request.get("request_type"), "entity_type": request.get("type")}
    if "id" in request:
        found["entity_id"] = request["id"]
    data = intended_data("create", request)
    return found if data is None else {**found, "data": data}


def as_first_attempt(method: str, params: Any, reply: Any) -> Any:
    """
    Return the response to a repeated request as the first attempt would have received it, where that is known.

    The first attempt of a delete, for example, returns True. A second attempt returns False, as the entity is deleted.

    Raises:
        OutcomeUnknown: The site refuses the repeated batch because an entity does not exist. The first attempt may have
            deleted it.
    """
    if not isinstance(reply, dict):
        return reply
    results = reply.get("results")
    if method in _TRUE_ONLY_ONCE and results is False:
        return {**reply, "results": True}  # the first attempt has done it
    if method == "batch" and isinstance(results, list):
        return {**reply, "results": [_as_first_attempt_of_request(*pair) for pair in zip(params, results)]}
    if reply.get("exception") and re.search(_NOT_FOUND, str(reply.get("message"))):
        if method == "schema_field_delete":
            return {"results": True}
        if method == "batch" and any(request.get("request_type") == "delete" for request in params):
            msg = (
                f"'batch' was sent more than once, and the last response was: {str(reply['message']).strip()} Either "
                "an earlier attempt did all of it, or the entity did not exist before and nothing was done. Check "
                "which of these is true on the site."
            )
            raise OutcomeUnknown(msg, rpc=method)
    return reply


_TRUE_ONLY_ONCE = frozenset({"delete", "revive"})
_NOT_FOUND = r"does(n't| not) exist"


def _as_first_attempt_of_request(request: Any, result: Any) -> Any:
    return True if result is False and request.get("request_type") in _TRUE_ONLY_ONCE else result


def validate_response(method: str, params: Any, reply: Any) -> None:
    """
    Check that a response has the parts that the official client reads from it, and that it confirms a write.

    Raises:
        ValueError: A part is missing.
    """
    if isinstance(reply, bytes) or (isinstance(reply, dict) and reply.get("exception")):
        return  # the body is not decoded yet, or the response is a fault
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
    is_complete = isinstance(results, list) and len(results) == len(params)
    return "" if is_complete else f"it does not have {len(params)} results"


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


def may_be_non_json(method: str) -> bool:
    """
    Return whether a body that is not JSON is a valid response to this method.

    It is for export_page, which returns CSV, and for methods that sgextended does not know.
    """
    return method == "export_page" or not is_known_rpc(method)


REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: The paths of a site for calls and for the forms of uploads. What precedes them is part of the site's address.
_SITE_PATH = r"/(api3/json|upload/\w+)/?$"


#: The path to which a site with single sign-on redirects a call whose session has ended.
_SIGN_ON_PATH = "/saml/saml_login_request"


def is_sign_on(location: str) -> bool:
    """
    Return whether a redirect leads to the single sign-on of a site.
    """
    try:
        return urlsplit(location).path.rstrip("/").endswith(_SIGN_ON_PATH)
    except ValueError:
        return False


def session_expired_error(server: str, status: Tuple[int, str], headers: Mapping[str, str]) -> SessionExpired:
    """
    Return the error for a redirect to the single sign-on of a site.
    """
    msg = (
        f"{server} redirected the call to its single sign-on: the session has ended, and the site has not executed the "
        "call. Sign in again, and set config.session_token to the new session. A function that is given as "
        "Site(renew_session=...) returns a new session each time that one has ended."
    )
    return SessionExpired(msg, url=server, errcode=status[0], errmsg=status[1], headers=headers)


def http_status_error(
    server: str, status: Tuple[int, str], headers: Mapping[str, str], reply: bytes
) -> HTTPStatusError:
    code, text = status
    if code in REDIRECTS and is_sign_on(headers.get("location", "")):
        return session_expired_error(server, status, headers)
    advice = ""
    if code in REDIRECTS:
        advice = _redirect_advice(headers.get("location", ""))
    elif code == 403:
        # The body has the reason why the site blocks this address.
        text += f": {readable_text(reply)}"
    elif code == 404:
        advice = (
            " There is no site at this address. The address of a site is that of its start page, without the path of a "
            "page, such as https://studio.shotgrid.autodesk.com."
        )
    elif code == 503:
        text = "the site is down for maintenance or too busy"
    return HTTPStatusError(
        f"{server} responded with HTTP status {code}: {text}.{advice}",
        url=server,
        errcode=code,
        errmsg=text,
        headers=headers,
        retry_after=retry_after(headers, time.time()),
    )


def _redirect_advice(location: str) -> str:
    """
    Return where a response redirects to, and what to do. The parts of the address that may hold a secret are left out.
    """
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    where = f"{parts.scheme}://{host}{parts.path}" if host else parts.path
    found = re.search(_SITE_PATH, parts.path)
    if not host or not found:
        return f" It redirects to {where}. Open the address in a browser to see why." if where else ""
    address = f"{parts.scheme}://{host}{parts.path[: found.start()]}"
    return (
        f" It redirects to {address}, and calls do not follow, since they contain credentials. Use {address} as the "
        "address of the site."
    )


def web_page_error(server: str, reply: bytes) -> TransportError:
    """
    Return the error for a response that is a web page.
    """
    msg = (
        f"{server} responded with a web page{page_title(reply)} instead of JSON: a proxy, a sign-in portal or another "
        "server has responded in place of the site. Check the address, and open it in a browser."
    )
    return TransportError(msg)


def decode_response(
    server: str,
    status: Tuple[int, str],
    headers: Mapping[str, str],
    reply: bytes,
    read: Callable[[bytes], Any],
    *,
    may_be_non_json: bool,
) -> Any:
    """
    Return *read* of the body of a response. Return a body that is not JSON as it is, if *may_be_non_json*.

    Raises:
        TransportError: The response is not a valid response of the site.
    """
    if status[0] >= 300:
        raise http_status_error(server, status, headers, reply)
    kind = headers.get("content-type", "application/json").lower()
    if kind.startswith("text/html"):
        raise web_page_error(server, reply)
    if not kind.startswith(("application/json", "text/javascript")):
        if may_be_non_json:
            return reply
        msg = (
            f"{server} responded with {kind.partition(';')[0]!r} instead of JSON ({len(reply)} bytes): a proxy or "
            "another server may have responded in place of the site. Check the address."
        )
        raise TransportError(msg)
    try:
        return read(reply)
    except ValueError as error:
        msg = f"The response of {server} is cut off or garbled ({len(reply)} bytes): {error}."
        raise InvalidJSON(msg) from error
