"""
Retries: which requests may be sent again, by their name in the protocol, and how long to wait between attempts.

All requests are POST requests, so the HTTP method does not show whether a retry is safe. A request that is not listed
here is not repeated.
"""

import enum
import logging
import math
import random
import time
from typing import Any, Callable, Optional, TypeVar

from attrs import field, frozen

from sgextended.errors import (
    ConfigurationError,
    HTTPStatusError,
    OutcomeUnknown,
    OutcomeUnknownStatus,
    PoolTimeout,
    TransportError,
    TransportTimeout,
)
from sgextended.http import cancellation, deadline
from sgextended.http.signal_errors import reraise_error_of_signal_handler

LOG = logging.getLogger("sgextended")

Result = TypeVar("Result")

#: The seconds between two log lines about a site that does not respond.
LOG_INTERVAL = 60.0

_DOUBLINGS = 500  # more would not fit into a float

#: The HTTP statuses of a temporary failure. After 408 and 429, the server has executed nothing.
BUSY = frozenset({408, 429, 502, 503, 504})

#: The HTTP statuses with which an overloaded server asks all of its clients to send fewer requests.
_TOO_BUSY = frozenset({429, 503})


class RequestKind(enum.Enum):
    """
    The kinds of requests, by the effect of executing the same request a second time.
    """

    READ = "read"  # it changes nothing
    IDEMPOTENT = "idempotent"  # the second execution leaves the site as the first one did
    STORE = "store"  # it stores the same bytes in the same place; storage asks for this after its own failures
    ONCE = "once"  # the second execution writes again, such as a second create


_WRITES = frozenset({RequestKind.IDEMPOTENT, RequestKind.ONCE})

_READS = (
    "info read summarize schema_read schema_entity_read schema_field_read query_display_name_cache activity_stream "
    "note_thread_contents nav_expand nav_search work_schedule_read followers following preferences_read "
    "user_subscriptions_read export_page get_session_token api_get_upload_link_info api_get_upload_link_for_part"
)
_IDEMPOTENT_WRITES = (
    "update delete revive follow unfollow schema_field_update schema_field_delete work_schedule_update "
    "update_project_last_accessed_by_current_user user_subscriptions_create share_thumbnail"
)
_REQUEST_KINDS = {
    **dict.fromkeys(_READS.split(), RequestKind.READ),
    **dict.fromkeys(_IDEMPOTENT_WRITES.split(), RequestKind.IDEMPOTENT),
}


def request_kind(rpc: str, params: Any = None) -> RequestKind:
    """
    Return the kind of a request. A batch is IDEMPOTENT if all of its requests are, else ONCE.
    """
    if rpc == "batch" and isinstance(params, (list, tuple)):
        kinds = {request_kind(str(request.get("request_type")), request) for request in params}
        return RequestKind.IDEMPOTENT if kinds <= {RequestKind.IDEMPOTENT} else RequestKind.ONCE
    return _REQUEST_KINDS.get(rpc, RequestKind.ONCE)


def is_known_rpc(rpc: str) -> bool:
    """
    Return whether a request is one that the official client sends.
    """
    return rpc in _REQUEST_KINDS or rpc in ("batch", "create", "schema_field_create")


def is_write(rpc: str, params: Any = None) -> bool:
    """
    Return whether a request changes the site.
    """
    return request_kind(rpc, params) in _WRITES


def _check_attempts(_instance: object, _attribute: Any, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        msg = f"RetryPolicy: attempts={value!r} is not valid. Give a whole number of at least 1."
        raise ConfigurationError(msg)


def _check_wait(_instance: object, attribute: Any, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        msg = (
            f"RetryPolicy: {attribute.name}={value!r} is not valid, as no call may wait forever. Give a finite number "
            "of seconds, 0 or more."
        )
        raise ConfigurationError(msg)


@frozen(kw_only=True)
class RetryPolicy:
    """
    The number of attempts of a call, and the wait before each further attempt.

    Before attempt ``n + 1`` the wait is a random part of ``first_wait * 2 ** (n - 1)`` seconds, at most
    *longest_wait*. It is never shorter than the server's ``Retry-After``.

    Args:
        attempts: The highest number of attempts. 1: no retries.

        first_wait: The longest wait after the first attempt, in seconds. 0: retry immediately.

        longest_wait: The upper limit of the growing waits, in seconds.

        longest_asked: The longest ``Retry-After`` that is obeyed, in seconds. If the server asks for a longer wait, the
            call fails immediately, and ``retry_after`` of the error is that wait.

        wait_for_site: The seconds for which a call waits for a site that is down, for daemons. Until then, failures
            that may be repeated are repeated, also after the last of *attempts*, and a warning is logged each minute.
            0: calls do not wait.
    """

    __module__ = "sgextended"

    attempts: int = field(default=4, validator=_check_attempts)
    first_wait: float = field(default=0.5, validator=_check_wait)
    longest_wait: float = field(default=20.0, validator=_check_wait)
    longest_asked: float = field(default=300.0, validator=_check_wait)
    wait_for_site: float = field(default=0.0, validator=_check_wait)

    def wait(self, attempt: int, draw: float, retry_after: float = 0.0) -> float:
        """
        Return the seconds to wait after *attempt* (the first is 1), for a random number *draw* between 0 and 1.
        """
        doublings = min(attempt - 1, _DOUBLINGS)
        grown = min(self.longest_wait, self.first_wait * 2.0**doublings)
        return max(draw * grown, retry_after)


def may_repeat(kind: RequestKind, error: TransportError) -> bool:
    """
    Return whether a request that failed with *error* may be sent again safely.
    """
    if error.lasting:
        return False
    if not error.sent:
        return True
    if isinstance(error, HTTPStatusError):
        if kind is RequestKind.STORE:
            return error.errcode in BUSY or error.errcode == 500
        return error.errcode in BUSY and (kind is not RequestKind.ONCE or _is_refused(error))
    return kind is not RequestKind.ONCE


class Backoff:
    """
    A pause of all clients of a site. If the server is overloaded for one thread, it is overloaded for all of them.

    Args:
        clock: Returns the seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = 0.0
        self._logged_at = -math.inf

    def is_log_due(self) -> bool:
        """
        Return whether to log that the site does not respond: once a minute for all threads.
        """
        now = self._clock()
        if now - self._logged_at < LOG_INTERVAL:
            return False
        self._logged_at = now
        return True

    def extend(self, seconds: float) -> None:
        """
        Pause all requests for a number of seconds. A longer pause that is active stays.
        """
        until = self._clock() + seconds
        while self._ends_at < until:  # another thread may set it at the same time
            self._ends_at = until

    def left(self) -> float:
        """
        Return the seconds until requests may be sent; 0: they may be sent now.
        """
        return max(0.0, self._ends_at - self._clock()) if self._ends_at else 0.0


def send_with_retries(
    send: Callable[[], Result],
    *,
    rpc: str,
    kind: RequestKind,
    policy: RetryPolicy,
    backoff: Optional[Backoff] = None,
    adapt_repeated: Optional[Callable[[Result], Result]] = None,
    sleep: Callable[[float], object] = time.sleep,
    draw: Callable[[], float] = random.random,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """
    Send a request and return its result. Retry as *kind* and *policy* allow, until the deadline.

    Args:
        send: Sends the request once and returns its result.

        rpc: The name of the request, for errors.

        kind: The kind of the request.

        policy: The number of attempts, and the waits.

        backoff: The backoff that all clients of the site share.

        adapt_repeated: Returns the result to use for the result of a repeated write, which an earlier attempt may have
            executed.

        sleep: Waits for a number of seconds.

        draw: Returns a random number between 0 and 1.

        clock: Returns the seconds of a monotonic clock.

    Raises:
        OutcomeUnknown: A write was sent, no response shows whether the site executed it, and no retry is allowed.

        TransportTimeout: The deadline leaves no time for another attempt.

        TransportError: The failure of the last attempt, with the number of attempts.

        RequestCancelled: The call was cancelled, and no attempt of it was executed.
    """
    attempt, last = 0, None
    uncertain = False  # whether the site may have executed an attempt of a write
    waiting = _Waiting(policy, rpc, backoff or Backoff(clock), clock)
    while True:
        attempt += 1
        _wait_for_backoff(backoff, waiting, sleep, rpc, attempt, last, uncertain=uncertain)
        _fail_if_cancelled(uncertain=uncertain)
        try:
            result = _send(send, kind)
        except PoolTimeout as error:
            reraise_error_of_signal_handler(error)
            if uncertain:
                raise _outcome_unknown(rpc, kind, attempt, error) from error
            raise
        except TransportError as error:
            reraise_error_of_signal_handler(error)
            error.rpc, error.attempts, last = rpc, attempt, error
            if kind in _WRITES and error.sent and not _is_refused(error):
                uncertain = True
            _fail_if_cancelled(uncertain=uncertain)  # the cancelling has caused the error
            asked = getattr(error, "retry_after", None) or 0.0
            if not may_repeat(kind, error) or not waiting.allows(attempt, asked):
                _extend_backoff(backoff, error, asked if asked <= policy.longest_asked else 0.0)
                if uncertain:
                    raise _outcome_unknown(rpc, kind, attempt, error) from error
                raise
            wait = waiting.pause(attempt, draw(), asked)
            waiting.log(attempt, error)
            if not _extend_backoff(backoff, error, wait):
                _pause(wait, sleep, rpc, attempt, error, uncertain=uncertain)
        else:
            return adapt_repeated(result) if adapt_repeated is not None and uncertain else result


def _extend_backoff(backoff: Optional[Backoff], error: TransportError, seconds: float) -> bool:
    """
    Extend the backoff if the site is overloaded. Return whether it is.
    """
    if backoff is None or not isinstance(error, HTTPStatusError) or error.errcode not in _TOO_BUSY:
        return False
    backoff.extend(seconds)
    return True


def _send(send: Callable[[], Result], kind: RequestKind) -> Result:
    token = cancellation.current()
    if token is None or kind not in _WRITES:
        return send()
    with cancellation.under(cancellation.ForWrite(token)):
        return send()


def _fail_if_cancelled(*, uncertain: bool) -> None:
    token = cancellation.current()
    if token is not None and not uncertain:
        token.raise_if_cancelled()


def _outcome_unknown(rpc: str, kind: RequestKind, attempts: int, error: Exception) -> OutcomeUnknown:
    if kind is RequestKind.ONCE:
        msg = (
            f"'{rpc}' was sent, and then: {error} The site may or may not have done it. It was not sent again, because "
            "that could do it twice. Check on the site whether it was done."
        )
    else:
        times = "once" if attempts == 1 else f"{attempts} times"
        msg = f"'{rpc}' was sent {times}, and then: {error} The site may or may not have done it. It may be sent again."
    if isinstance(error, HTTPStatusError):
        return OutcomeUnknownStatus(
            msg,
            url=error.url,
            errcode=error.errcode,
            errmsg=error.errmsg,
            headers=error.headers,
            retry_after=error.retry_after,
            rpc=rpc,
            attempts=attempts,
        )
    return OutcomeUnknown(msg, rpc=rpc, attempts=attempts)


class _Waiting:
    """
    The time for which one call waits for its site.
    """

    def __init__(self, policy: RetryPolicy, rpc: str, backoff: Backoff, clock: Callable[[], float]) -> None:
        self._policy, self._rpc, self._backoff, self._clock = policy, rpc, backoff, clock
        self._started = clock()
        self.longest_pause = LOG_INTERVAL if policy.wait_for_site else math.inf

    def _left(self) -> float:
        return max(0.0, self._policy.wait_for_site - (self._clock() - self._started))

    def allows(self, attempt: int, asked: float) -> bool:
        """
        Return whether another attempt may follow *attempt*, if the server asks to wait *asked* seconds.
        """
        if attempt < self._policy.attempts and asked <= self._policy.longest_asked:
            return True
        return self._left() > 0 and asked <= self._left()

    def pause(self, attempt: int, draw: float, asked: float) -> float:
        """
        Return the seconds to wait after *attempt*, for a random number *draw*.
        """
        wait = self._policy.wait(attempt, draw, asked)
        return wait if attempt < self._policy.attempts else min(wait, self._left())

    def log(self, attempt: int, error: Optional[TransportError]) -> None:
        """
        Log that the site does not respond, if the call waits for it and a minute has passed since the last line.
        """
        waited, limit = self._clock() - self._started, self._policy.wait_for_site
        is_outage = limit and error is not None and (attempt >= self._policy.attempts or waited >= LOG_INTERVAL)
        if is_outage and self._backoff.is_log_due():
            LOG.warning("'%s' has waited %.0f s of at most %.0f s for the site: %s", self._rpc, waited, limit, error)


def _wait_for_backoff(
    backoff: Optional[Backoff],
    waiting: _Waiting,
    sleep: Callable[[float], object],
    rpc: str,
    attempt: int,
    last: Optional[TransportError],
    *,
    uncertain: bool,
) -> None:
    while backoff is not None and backoff.left():
        _pause(min(backoff.left(), waiting.longest_pause), sleep, rpc, attempt, last, uncertain=uncertain)
        waiting.log(attempt - 1, last)


def _pause(
    seconds: float,
    sleep: Callable[[float], object],
    rpc: str,
    attempt: int,
    last: Optional[TransportError],
    *,
    uncertain: bool,
) -> None:
    limit = deadline.current()
    if limit is None or seconds < limit.left():
        token = cancellation.current()
        (sleep if token is None or uncertain else token.wait)(seconds)
        _fail_if_cancelled(uncertain=uncertain)
        return
    why = f"The last attempt failed: {last}" if last else "The site has asked all its clients to wait."
    msg = f"'{rpc}' was not done within the {limit.seconds} s that the caller allows. {why}"
    if uncertain:
        raise OutcomeUnknown(f"{msg} The site may or may not have done it.", rpc=rpc, attempts=attempt) from last
    raise TransportTimeout(msg, sent=last.sent if last else False, rpc=rpc, attempts=attempt) from last


def _is_refused(error: TransportError) -> bool:
    # The server responds with a status below 500 before it executes a request: blocked address, too many requests, no
    # such path.
    return isinstance(error, HTTPStatusError) and error.errcode < 500
