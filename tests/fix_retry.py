"""
Requests that fail as a script says, for the tests of retries and backoff.
"""

from sgextended import (
    HTTPStatusError,
    RetryPolicy,
    TransportError,
)
from sgextended.http.retry import send_with_retries


class Script:
    """
    A send whose outcomes are written down; it counts the waits in between.
    """

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.slept = []
        self.sends = 0

    def __call__(self):
        self.sends += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def send_with_retries(self, kind, **settings):
        policy = RetryPolicy(**{"attempts": 4, "first_wait": 1.0, **settings})
        return send_with_retries(
            self, rpc="some_call", kind=kind, policy=policy, sleep=self.slept.append, draw=lambda: 1.0
        )


def unsent():
    return TransportError("refused", sent=False)


def lost():
    return TransportError("lost", sent=True)


def status(code, retry_after=None):
    return HTTPStatusError(f"status {code}", errcode=code, retry_after=retry_after)
