"""
Clients of scripted sites, and what their tests share.
"""

import threading

import pytest
from fix_servers import GUARD, ScriptedSite, results

from sgextended import (
    NativeClient,
    RetryPolicy,
    Site,
)

KEY = "k3y-that-must-not-show"


AT_ONCE = RetryPolicy(attempts=4, first_wait=0, longest_wait=0)


IDENTITY = {"script_name": "robot", "api_key": KEY}


@pytest.fixture
def make_site_server(make_server):
    """
    Makes a `ScriptedSite`.
    """
    return lambda **answers: make_server(kind=ScriptedSite, **answers)


@pytest.fixture
def server(make_site_server):
    """
    A site on which nothing is found.
    """
    return make_site_server()


def make_client(server, **settings):
    identity = {} if settings.keys() & {"login", "session_token"} else IDENTITY
    return NativeClient(Site(**{"url": server.url, "retry": AT_ONCE, **identity, **settings}))


def failing(*replies, then):
    """
    Return an answer that is each of *replies* once, and *then* after that.
    """
    left = list(replies)
    return lambda _request: left.pop(0) if left else results(then)


def meet(*targets):
    """
    Run each target in a thread of its own, and raise what one raises.
    """
    errors = []

    def guarded(target):
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]
