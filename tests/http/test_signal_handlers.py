"""
Exceptions of signal handlers that look like errors of a connection.
"""

import signal
import socket
import threading

import pytest
from fix_http import find_by_id, own_record
from fix_native import make_client
from fix_servers import GUARD, results
from shotgun_api3 import AuthenticationFault

from sgextended import PoolTimeout, TransportError
from sgextended.http.signal_errors import reraise_foreign_error

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that signal")


def from_another(_number, _frame):
    try:
        int("x")
    except ValueError as error:
        raise TimeoutError("the caller's limit") from error


def from_one_without_traceback(_number, _frame):
    raise TimeoutError("the caller's limit") from OSError("a reason")


def from_a_call_that_sent_nothing(_number, _frame):
    raise TransportError("the caller's limit", sent=False)


def from_a_pool(_number, _frame):
    raise PoolTimeout("the caller's limit", pool="of the caller", waited=1)


def from_a_call_that_was_refused(_number, _frame):
    raise AuthenticationFault("the caller's limit")


@pytest.fixture
def ring():
    """
    Sets a handler, whose signal comes soon.
    """
    old = signal.getsignal(signal.SIGALRM)

    def set_handler(handler):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.15)

    yield set_handler
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, old)


@pytest.mark.parametrize(
    "handler",
    [
        from_another,
        from_one_without_traceback,
        from_a_call_that_sent_nothing,
        from_a_pool,
        from_a_call_that_was_refused,
    ],
)
@pytest.mark.parametrize("call", ["find", "create"])
def test_a_handler_s_exception_reaches_the_caller(make_site_server, ring, handler, call):
    """
    The caller gets the exception itself, not what it was raised from, and nothing is sent again.

    A handler may call the site too, to release something for instance. The error of that call says that *it* was not
    sent, and nothing about the call that the signal has interrupted.
    """
    go_on = threading.Event()

    def slowly(answer):
        return lambda request: (go_on.wait(GUARD), answer(request))[1]

    shot = {"type": "Shot", "id": 1}
    server = make_site_server(read=slowly(own_record), create=slowly(lambda _request: results(shot)))
    client = make_client(server, session_token="old", renew_session=lambda _site: "new")
    client.server_caps  # noqa: B018 - requested before the signal comes
    calls = {"find": lambda: find_by_id(client, 1), "create": lambda: client.create("Shot", {"code": "a"})}

    ring(handler)
    with pytest.raises((OSError, TransportError, AuthenticationFault), match=r"^the caller's limit$") as caught:
        calls[call]()
    go_on.set()

    assert caught.type in (TimeoutError, TransportError, PoolTimeout, AuthenticationFault)
    assert len(server.requests) == 2  # with that for the version of the site


class TheirTimeout(OSError):
    """
    An error that is thrown into a thread with a text, as gevent does with an error that it is given.
    """


@pytest.mark.parametrize("error", [socket.timeout("the caller's limit"), TheirTimeout("timed out")])
def test_an_error_of_the_caller_is_no_error_of_a_socket(error):
    """
    gevent throws the error of its user's time limit where it throws its own: it is told from them by what it is.
    """
    gevent = {"__name__": "gevent._socket3"}
    exec("def wait(error): raise error", gevent)  # a function of that module

    for raised in (socket.timeout("timed out"), ConnectionResetError(104, "reset"), error):
        try:
            gevent["wait"](raised)
        except OSError as caught:
            found = caught
        if raised is not error:
            reraise_foreign_error(found)

    with pytest.raises(type(error)) as reached:
        reraise_foreign_error(found)
    assert reached.value is error
