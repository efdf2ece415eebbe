"""
Backoff: after a response of an overloaded site, all of its clients wait.
"""

import pytest
from fix_retry import Script, status

from sgextended import (
    HTTPStatusError,
    RetryPolicy,
    TransportTimeout,
)
from sgextended.http.deadline import deadline
from sgextended.http.retry import Backoff, RequestKind, send_with_retries


class Clock:
    """
    A clock that advances only when `sleep` is called.
    """

    def __init__(self):
        self.now, self.slept = 100.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def through(backoff, clock, script):
    policy = RetryPolicy(attempts=4, first_wait=1.0)
    return send_with_retries(
        script, rpc="read", kind=RequestKind.READ, policy=policy, backoff=backoff, sleep=clock.sleep, draw=lambda: 1.0
    )


def test_what_one_is_asked_to_wait_all_wait():
    """
    A Retry-After also delays later calls of other clients of the same site.
    """
    clock = Clock()
    backoff = Backoff(clock)
    backoff.extend(7.0)
    through(backoff, clock, Script("answer"))

    assert clock.slept == [7.0]
    assert clock.now == 107.0


@pytest.mark.parametrize(("code", "closed"), [(429, 9.0), (503, 9.0), (408, 0.0), (502, 0.0), (504, 0.0)])
def test_a_site_that_is_too_busy_closes_the_backoff(code, closed):
    """
    429 and 503 are about the site and hold for all; a backoffway's failure is about one request.
    """
    clock = Clock()
    backoff = Backoff(clock)
    left = []

    class HookProxy(Script):
        def __call__(self):
            left.append(backoff.left())
            return super().__call__()

    def sleep(seconds):
        left.append(backoff.left())
        clock.sleep(seconds)

    policy = RetryPolicy(attempts=2, first_wait=1.0)
    send_with_retries(
        HookProxy(status(code, retry_after=9.0), "answer"),
        rpc="read", kind=RequestKind.READ, policy=policy, backoff=backoff, sleep=sleep, draw=lambda: 1.0,
    )  # fmt: skip

    assert left == [0.0, closed, 0.0]
    assert clock.slept == [9.0]


@pytest.mark.parametrize(("asked", "closed"), [(9.0, 9.0), (301.0, 0.0), (None, 0.0)])
def test_who_gives_up_leaves_the_backoff_closed(asked, closed):
    """
    The Retry-After of a last attempt also pauses the other clients, unless it is longer than the policy obeys.
    """
    backoff = Backoff(Clock())

    with pytest.raises(HTTPStatusError):
        send_with_retries(
            Script(status(429, retry_after=asked)),
            rpc="read", kind=RequestKind.READ, policy=RetryPolicy(attempts=1), backoff=backoff,
        )  # fmt: skip
    assert backoff.left() == closed


def test_a_backoff_that_is_closed_for_longer_stays_so():
    """
    A short pause does not shorten a longer one.
    """
    clock = Clock()
    backoff = Backoff(clock)
    backoff.extend(60.0)
    backoff.extend(1.0)

    assert backoff.left() == 60.0


def test_a_wait_at_the_backoff_ends_with_the_deadline():
    """
    A call whose deadline is before the end of the pause fails immediately, and nothing is sent.
    """
    clock, script = Clock(), Script("answer")
    backoff = Backoff(clock)
    backoff.extend(60.0)

    with pytest.raises(TransportTimeout, match=r"within the 30 s .* asked all its clients to wait"), deadline(30):
        through(backoff, clock, script)
    assert script.sends == 0
    assert clock.slept == []
