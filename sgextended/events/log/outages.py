"""
Which failures of a request are an outage of the site, that ends by itself.
"""

import logging
import math
import random
import time
from http.client import HTTPException
from typing import Optional
from xmlrpc.client import ProtocolError

from sgextended.errors import HTTPStatusError, PoolTimeout, SessionExpired, TransportError
from sgextended.http.retry import LOG_INTERVAL, RetryPolicy

LOG = logging.getLogger("sgextended")

#: HTTP statuses below 500 after which the same request may succeed later.
_BUSY = frozenset({408, 425, 429})


def is_outage(error: BaseException) -> bool:
    """
    Return whether a request of this package may succeed later without any change: a site or the network is down or
    overloaded.

    Refused credentials, a blocked address, a wrong certificate or a filter that the site does not accept are no outage.
    """
    if isinstance(error, SessionExpired):
        return False
    if isinstance(error, ProtocolError):
        return error.errcode >= 500 or error.errcode in _BUSY
    if isinstance(error, TransportError):
        return not error.lasting
    return isinstance(error, PoolTimeout)


def is_outage_of_request(error: BaseException) -> bool:
    """
    Return the same for a request that the caller has sent itself, also with a client of another library. Other code,
    such as a handler of events, may raise these exceptions because another service is down.
    """
    of_other_client = isinstance(error, (ConnectionError, TimeoutError, HTTPException))
    return is_outage(error) or (of_other_client and not isinstance(error, (TransportError, SessionExpired)))


class OutageWaits:
    """
    The waits between attempts while something is down: growing, with a random part, without an end.

    Args:
        first_wait: The longest wait after the first failure, in seconds.

        what: What fails, for the log.
    """

    def __init__(self, first_wait: float, what: str = "Reading the event log") -> None:
        self._what = what
        self._policy = RetryPolicy(first_wait=first_wait, longest_wait=30.0)
        self._failures = 0
        self._logged_at = -math.inf
        self.error: Optional[Exception] = None

    def failed(self, error: Exception) -> float:
        """
        Return the seconds to wait after a failure. A log line tells of the outage, at most once a minute.
        """
        self._failures += 1
        self.error = error
        asked = error.retry_after if isinstance(error, HTTPStatusError) else None
        part = random.uniform(0.5, 1.0)  # noqa: S311 - so that followers do not all come back at the same time
        seconds = self._policy.wait(self._failures, part, min(asked or 0.0, self._policy.longest_asked))
        now = time.monotonic()
        if now - self._logged_at >= LOG_INTERVAL:
            self._logged_at = now
            LOG.warning("%s fails. The follower tries again until it works: %s", self._what, error)
        return seconds

    def succeeded(self) -> None:
        """
        Note that it works.
        """
        if self._failures:
            LOG.info("%s works again, after %s failed attempts.", self._what, self._failures)
        self._failures, self.error = 0, None
