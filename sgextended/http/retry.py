"""
What may be sent twice: every call by its name on the wire, and how long to wait between attempts.

All calls are POST requests, so HTTP tells nothing. A call that is not listed counts as one that must not be repeated.
"""

import enum
import math
import random
import time
from typing import Any, Callable, Optional, TypeVar

from attrs import field, frozen

from sgextended.errors import (
    ConfigurationError,
    OutcomeUnknown,
    PoolTimeout,
    StatusError,
    TransportError,
    TransportTimeout,
)
from sgextended.http import cancellation, deadline
from sgextended.http.elsewhere import raise_what_comes_from_a_signal_handler

Result = TypeVar("Result")

_DOUBLINGS = 500  # more would not fit into a float

#: HTTP statuses that say "not now" rather than "no".
BUSY = frozenset({429, 502, 503, 504})

#: Those by which a server asks all of its clients to ask less.
_TOO_BUSY = frozenset({429, 503})


class Kind(enum.Enum):
    """
    What a second execution of the same request would do.
    """

    READ = "read"  # nothing
    IDEMPOTENT = "idempotent"  # it leaves the site as the first left it
    STORE = "store"  # it puts the same bytes into the same place, which storage asks for after any failure of its own
    ONCE = "once"  # it does the work again


_WRITES = frozenset({Kind.IDEMPOTENT, Kind.ONCE})

_READS = (
    "info read summarize schema_read schema_entity_read schema_field_read query_display_name_cache activity_stream "
    "note_thread_contents nav_expand nav_search work_schedule_read followers following preferences_read "
    "user_subscriptions_read export_page get_session_token api_get_upload_link_info api_get_upload_link_for_part"
)
_IDEMPOTENT_WRITES = (
    "update delete revive follow unfollow schema_field_update schema_field_delete work_schedule_update "
    "update_project_last_accessed_by_current_user user_subscriptions_create share_thumbnail"
)
_KINDS = {**dict.fromkeys(_READS.split(), Kind.READ), **dict.fromkeys(_IDEMPOTENT_WRITES.split(), Kind.IDEMPOTENT)}


def kind_of(rpc: str, params: Any = None) -> Kind:
    """
    Return what repeating a call would do; a batch is as harmless as its worst request.
    """
    if rpc == "batch" and isinstance(params, (list, tuple)):
        kinds = {kind_of(str(request.get("request_type")), request) for request in params}
        return Kind.IDEMPOTENT if kinds <= {Kind.IDEMPOTENT} else Kind.ONCE
    return _KINDS.get(rpc, Kind.ONCE)


def is_known(rpc: str) -> bool:
    """
    Tell whether a call is one of those that the official client makes.
    """
    return rpc in _KINDS or rpc in ("batch", "create", "schema_field_create")


def is_write(rpc: str, params: Any = None) -> bool:
    """
    Tell whether a call changes the site.
    """
    return kind_of(rpc, params) in _WRITES


def _check_attempts(_instance: object, _attribute: Any, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        msg = f"RetryPolicy: attempts={value!r} must be a whole number of at least 1."
        raise ConfigurationError(msg)


def _check_wait(_instance: object, attribute: Any, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        msg = f"RetryPolicy: {attribute.name}={value!r} must be seconds, 0 or more. Nothing waits for ever."
        raise ConfigurationError(msg)


@frozen(kw_only=True)
class RetryPolicy:
    """
    How often a call is tried, and how long to wait before the next attempt.

    Before attempt ``n + 1`` the wait is a random part of ``first_wait * 2 ** (n - 1)`` seconds, at most
    *longest_wait*, and never shorter than the server asked for with ``Retry-After``.

    Args:
        attempts: Tries in all. 1 repeats nothing.

        first_wait: Longest wait after the first attempt, in seconds. 0 repeats at once.

        longest_wait: Bound of the waits that grow, in seconds.

        longest_asked: Longest ``Retry-After`` that is obeyed, in seconds. A call whose server asks for more fails at
            once, and its error says how much in ``retry_after``.
    """

    __module__ = "sgextended"

    attempts: int = field(default=4, validator=_check_attempts)
    first_wait: float = field(default=0.5, validator=_check_wait)
    longest_wait: float = field(default=20.0, validator=_check_wait)
    longest_asked: float = field(default=300.0, validator=_check_wait)

    def wait(self, attempt: int, draw: float, retry_after: float = 0.0) -> float:
        """
        Return the seconds to wait after *attempt* (from 1), for a *draw* between 0 and 1.
        """
        doublings = min(attempt - 1, _DOUBLINGS)
        grown = min(self.longest_wait, self.first_wait * 2.0**doublings)
        return max(draw * grown, retry_after)


def may_repeat(kind: Kind, error: TransportError) -> bool:
    """
    Tell whether a request that failed with *error* may be sent again without harm.
    """
    if error.lasting:
        return False
    if not error.sent:
        return True
    if isinstance(error, StatusError):
        if kind is Kind.STORE:
            return error.errcode in BUSY or error.errcode == 500
        return error.errcode in BUSY and (kind is not Kind.ONCE or _surely_refused(error))
    return kind is not Kind.ONCE


class Backoff:
    """
    Until when no client of a site sends anything: a server that is overloaded for one thread is so for all of them.

    Args:
        clock: Gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = 0.0

    def extend(self, seconds: float) -> None:
        """
        Let no client send anything for so long. A longer backoff that is in force stays.
        """
        until = self._clock() + seconds
        while self._ends_at < until:  # another thread may do the same
            self._ends_at = until

    def left(self) -> float:
        """
        Return the seconds until requests may be sent, 0 when they may be sent now.
        """
        return max(0.0, self._ends_at - self._clock()) if self._ends_at else 0.0


def persist(
    send: Callable[[], Result],
    *,
    rpc: str,
    kind: Kind,
    policy: RetryPolicy,
    backoff: Optional[Backoff] = None,
    again: Optional[Callable[[Result], Result]] = None,
    sleep: Callable[[float], object] = time.sleep,
    draw: Callable[[], float] = random.random,
) -> Result:
    """
    Return what *send* returns, repeating it as *kind* and *policy* allow and as long as the deadline lasts.

    Args:
        send: Sends the request once.

        rpc: Name of the call.

        kind: What a second execution would do.

        policy: How often, and after which waits.

        backoff: What all who ask the same site have in common.

        again: Makes the result of an answer to a repeated request, which an earlier attempt may have carried out.

        sleep: Waits so many seconds.

        draw: Gives a random number between 0 and 1.

    Raises:
        OutcomeUnknown: A write was sent, nothing tells whether it was executed, and it may not, or not any more, be
            repeated.

        TransportTimeout: The deadline leaves no time for another attempt.

        TransportError: The last attempt's failure, with the number of attempts.

        RequestCancelled: The call was taken back, and no attempt of it was carried out.
    """
    attempt, last = 0, None
    uncertain = False  # whether an attempt of a write may have been carried out
    while True:
        attempt += 1
        _wait_at(backoff, sleep, rpc, attempt, last, uncertain=uncertain)
        _fail_if_cancelled(uncertain=uncertain)
        try:
            result = _send(send, kind)
        except PoolTimeout as error:
            raise_what_comes_from_a_signal_handler(error)
            if uncertain:
                raise _unknown(rpc, kind, attempt, error) from error
            raise
        except TransportError as error:
            raise_what_comes_from_a_signal_handler(error)
            error.rpc, error.attempts, last = rpc, attempt, error
            if kind in _WRITES and error.sent and not _surely_refused(error):
                uncertain = True
            _fail_if_cancelled(uncertain=uncertain)  # that was the reason
            asked = getattr(error, "retry_after", None) or 0.0
            if attempt >= policy.attempts or not may_repeat(kind, error) or asked > policy.longest_asked:
                _all_wait(backoff, error, asked if asked <= policy.longest_asked else 0.0)
                if uncertain:
                    raise _unknown(rpc, kind, attempt, error) from error
                raise
            wait = policy.wait(attempt, draw(), asked)
            if not _all_wait(backoff, error, wait):
                _pause(wait, sleep, rpc, attempt, error, uncertain=uncertain)
        else:
            return again(result) if again is not None and uncertain else result


def _all_wait(backoff: Optional[Backoff], error: TransportError, seconds: float) -> bool:
    """
    Close the backoff if the site is too busy for all who ask it, and tell whether it is.
    """
    if backoff is None or not isinstance(error, StatusError) or error.errcode not in _TOO_BUSY:
        return False
    backoff.extend(seconds)
    return True


def _send(send: Callable[[], Result], kind: Kind) -> Result:
    token = cancellation.current()
    if token is None or kind not in _WRITES:
        return send()
    with cancellation.under(cancellation.ForWrite(token)):
        return send()


def _fail_if_cancelled(*, uncertain: bool) -> None:
    reach = cancellation.current()
    if reach is not None and not uncertain:
        reach.raise_if_cancelled()


def _unknown(rpc: str, kind: Kind, attempts: int, error: Exception) -> OutcomeUnknown:
    if kind is Kind.ONCE:
        msg = (
            f"'{rpc}' was sent, and then: {error} The site may or may not have done it. It was not sent "
            "again, because that could do it twice: look on the site first."
        )
    else:
        times = "once" if attempts == 1 else f"{attempts} times"
        msg = f"'{rpc}' was sent {times}, and then: {error} The site may or may not have done it. It may be sent again."
    return OutcomeUnknown(msg, rpc=rpc, attempts=attempts)


def _wait_at(
    backoff: Optional[Backoff],
    sleep: Callable[[float], object],
    rpc: str,
    attempt: int,
    last: Optional[TransportError],
    *,
    uncertain: bool,
) -> None:
    while backoff is not None and backoff.left():
        _pause(backoff.left(), sleep, rpc, attempt, last, uncertain=uncertain)


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
        reach = cancellation.current()
        (sleep if reach is None or uncertain else reach.wait)(seconds)
        _fail_if_cancelled(uncertain=uncertain)
        return
    why = f"the last attempt failed: {last}" if last else "the site has asked all its clients to wait."
    msg = f"'{rpc}' was not done within the {limit.seconds} s that the caller allows; {why}"
    if uncertain:
        raise OutcomeUnknown(f"{msg} The site may or may not have done it.", rpc=rpc, attempts=attempt) from last
    raise TransportTimeout(msg, sent=last.sent if last else False, rpc=rpc, attempts=attempt) from last


def _surely_refused(error: TransportError) -> bool:
    # A status below 500 was decided before the call was executed (blocked address, too many requests, no such path).
    return isinstance(error, StatusError) and error.errcode < 500
