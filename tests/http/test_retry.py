"""
What may be sent twice, how long to wait, and when to stop.
"""

import re
from pathlib import Path

import pytest
import shotgun_api3.shotgun
from fix_retry import Script, lost, status, unsent
from hypothesis import given
from hypothesis import strategies as st

from sgextended import (
    ConfigurationError,
    HTTPStatusError,
    OutcomeUnknown,
    PoolTimeout,
    RetryPolicy,
    TransportError,
)
from sgextended.http.retry import BUSY, RequestKind, may_repeat, request_kind, send_with_retries

READS = [
    "info",
    "read",
    "summarize",
    "schema_read",
    "schema_entity_read",
    "schema_field_read",
    "query_display_name_cache",
    "activity_stream",
    "note_thread_contents",
    "nav_expand",
    "nav_search",
    "work_schedule_read",
    "followers",
    "following",
    "preferences_read",
    "user_subscriptions_read",
    "export_page",
    "get_session_token",
]
IDEMPOTENT = [
    "update",
    "delete",
    "revive",
    "follow",
    "unfollow",
    "schema_field_update",
    "schema_field_delete",
    "work_schedule_update",
    "update_project_last_accessed_by_current_user",
    "user_subscriptions_create",
]
ONCE = ["create", "schema_field_create", "a_studios_own", "upload", "batch", "nav_search_string", ""]
TABLE = [
    *((rpc, RequestKind.READ) for rpc in READS),
    *((rpc, RequestKind.IDEMPOTENT) for rpc in IDEMPOTENT),
    *((rpc, RequestKind.ONCE) for rpc in ONCE),
]


@pytest.mark.parametrize(("rpc", "kind"), TABLE)
def test_kind_is_as_studied(rpc, kind):
    """
    Each call has the kind that the study of shotgun_api3 gave it; an unknown one must not be repeated.
    """
    assert request_kind(rpc) is kind


def test_every_native_call_is_studied():
    """
    Every name that shotgun_api3 puts on the wire stands in the table above, so that a new one is not missed.
    """
    source = Path(shotgun_api3.shotgun.__file__).read_text(encoding="utf-8")
    called = set(re.findall(r"_call_rpc\(\s*\"(\w+)\"", source))

    assert len(called) > 20
    assert called - {rpc for rpc, _kind in TABLE} == set()


@pytest.mark.parametrize(
    ("requests", "kind"),
    [
        ([], RequestKind.IDEMPOTENT),
        (["update"], RequestKind.IDEMPOTENT),
        (["update", "delete", "update"], RequestKind.IDEMPOTENT),
        (["create"], RequestKind.ONCE),
        (["update", "create"], RequestKind.ONCE),
        (["update", "a_studios_own"], RequestKind.ONCE),
        ([None], RequestKind.ONCE),
    ],
)
def test_batch_is_as_harmless_as_its_worst_request(requests, kind):
    """
    A batch may be repeated only if each of its requests may.
    """
    assert request_kind("batch", [{"request_type": each} for each in requests]) is kind


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attempts": 0}, "attempts=0"),
        ({"attempts": 1.5}, "attempts=1.5"),
        ({"attempts": float("inf")}, "attempts=inf"),
        ({"attempts": True}, "attempts=True"),
        ({"first_wait": -0.1}, "first_wait=-0.1"),
        ({"first_wait": float("nan")}, "first_wait=nan"),
        ({"longest_wait": float("inf")}, "longest_wait=inf"),
        ({"longest_asked": "9"}, "longest_asked='9'"),
    ],
)
def test_policy_refuses_what_cannot_work(settings, message):
    """
    Numbers that would never send, or wait for ever, are refused by name.
    """
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        RetryPolicy(**settings)


waits = st.floats(min_value=0, max_value=1e6)


@given(
    first=waits,
    longest=waits,
    attempt=st.integers(min_value=1, max_value=100_000),
    draw=st.floats(min_value=0, max_value=1),
    asked=waits,
)
def test_wait_stays_between_its_bounds(first, longest, attempt, draw, asked):
    """
    A wait never undercuts Retry-After, and never exceeds both that and the policy's bound.
    """
    wait = RetryPolicy(first_wait=first, longest_wait=longest).wait(attempt, draw, asked)

    assert asked <= wait <= max(longest, asked)


@given(first=waits, longest=waits, attempt=st.integers(min_value=1, max_value=2000))
def test_wait_never_shrinks(first, longest, attempt):
    """
    With the same luck, a later wait is not shorter than an earlier one.
    """
    policy = RetryPolicy(first_wait=first, longest_wait=longest)

    assert policy.wait(attempt, 1.0) <= policy.wait(attempt + 1, 1.0)


def test_wait_doubles():
    """
    The bounds of the first waits are first_wait, twice and four times that.
    """
    policy = RetryPolicy(first_wait=0.5, longest_wait=1.5)

    assert [policy.wait(attempt, 1.0) for attempt in (1, 2, 3)] == [0.5, 1.0, 1.5]
    assert policy.wait(2, 0.5) == 0.5


# --- send_with_retries


def test_persist_returns_the_first_answer():
    """
    What succeeds is sent once, without a wait.
    """
    script = Script("answer")

    assert script.send_with_retries(RequestKind.ONCE) == "answer"
    assert (script.sends, script.slept) == (1, [])


@pytest.mark.parametrize("kind", RequestKind)
def test_persist_repeats_what_was_never_sent(kind):
    """
    Any call is tried again after a failure before it was sent, with growing waits.
    """
    script = Script(unsent(), unsent(), "answer")

    assert script.send_with_retries(kind) == "answer"
    assert script.slept == [1.0, 2.0]


@pytest.mark.parametrize("kind", [RequestKind.READ, RequestKind.IDEMPOTENT])
@pytest.mark.parametrize("failure", [lost, *(lambda code=code: status(code) for code in sorted(BUSY))])
def test_persist_repeats_what_is_harmless(kind, failure):
    """
    Reads and idempotent writes are tried again after a lost answer and after every status that says "not now".
    """
    script = Script(failure(), "answer")

    assert script.send_with_retries(kind) == "answer"


@pytest.mark.parametrize("kind", RequestKind)
def test_persist_repeats_what_was_turned_away(kind):
    """
    Too many requests: the server did nothing, so any call waits and comes again.
    """
    script = Script(status(429, retry_after=3.0), "answer")

    assert script.send_with_retries(kind) == "answer"
    assert script.slept == [3.0]


@pytest.mark.parametrize("kind", RequestKind)
@pytest.mark.parametrize("code", [301, 400, 401, 403, 404])
def test_persist_raises_a_refusal_at_once(kind, code):
    """
    A status that says "no" is raised as it is, for every kind of call.
    """
    script = Script(status(code))

    with pytest.raises(HTTPStatusError) as caught:
        script.send_with_retries(kind)

    assert caught.value.errcode == code
    assert not isinstance(caught.value, OutcomeUnknown)
    assert script.sends == 1


@pytest.mark.parametrize(
    ("kind", "error"), [(RequestKind.READ, HTTPStatusError), (RequestKind.IDEMPOTENT, OutcomeUnknown)]
)
def test_persist_raises_a_server_error_at_once(kind, error):
    """
    500 is the site's own mistake: the same question gives the same mistake; a write may have been done before it.
    """
    script = Script(status(500))

    with pytest.raises(error, match="500"):
        script.send_with_retries(kind)

    assert script.sends == 1


@pytest.mark.parametrize("last", [lost, lambda: status(429), unsent, lambda: PoolTimeout("all in use")])
def test_persist_says_when_a_write_may_be_done_in_the_end(last):
    """
    Once an attempt of a write may have been carried out, no later failure makes that certain.
    """
    script = Script(lost(), *[last() for _ in range(3)])

    with pytest.raises(OutcomeUnknown, match=r"may or may not have done it\. It may be sent again"):
        script.send_with_retries(RequestKind.IDEMPOTENT)


@pytest.mark.parametrize("last", [lambda: status(429), lambda: status(408), unsent])
def test_persist_says_when_a_write_is_surely_not_done(last):
    """
    Attempts that were all turned away or never sent leave no doubt.
    """
    script = Script(*[last() for _ in range(4)])

    with pytest.raises(TransportError) as caught:
        script.send_with_retries(RequestKind.IDEMPOTENT)
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("failure", [lost, *(lambda code=code: status(code) for code in (500, 502, 503, 504))])
def test_persist_never_repeats_an_uncertain_write(failure):
    """
    A write that may have been done is sent once; the error says that nobody knows, and has the cause.
    """
    script = Script(failure())

    with pytest.raises(OutcomeUnknown, match=r"'some_call' was sent, and then: .* Check on the site") as caught:
        script.send_with_retries(RequestKind.ONCE)

    assert (script.sends, script.slept) == (1, [])
    assert caught.value.rpc == "some_call"
    assert isinstance(caught.value.__cause__, TransportError)


def test_persist_tells_an_uncertain_write_after_an_unsent_one():
    """
    A write that failed unsent first and uncertain then counts both attempts.
    """
    script = Script(unsent(), lost())

    with pytest.raises(OutcomeUnknown) as caught:
        script.send_with_retries(RequestKind.ONCE)

    assert caught.value.attempts == 2


def test_persist_gives_up_after_its_attempts():
    """
    The last failure is raised, with the number of attempts and the name of the call, and no wait after it.
    """
    script = Script(*(lost() for _ in range(4)))

    with pytest.raises(TransportError) as caught:
        script.send_with_retries(RequestKind.READ)

    assert (caught.value.attempts, caught.value.rpc) == (4, "some_call")
    assert script.slept == [1.0, 2.0, 4.0]


def test_persist_stops_at_what_lasts():
    """
    A failure that the next attempt would meet again is raised at once.
    """
    script = Script(TransportError("not trusted", sent=False, lasting=True))

    with pytest.raises(TransportError):
        script.send_with_retries(RequestKind.READ)

    assert script.sends == 1


def test_persist_waits_as_asked():
    """
    Retry-After is the least wait.
    """
    script = Script(status(429, retry_after=7.5), "answer")

    script.send_with_retries(RequestKind.READ)

    assert script.slept == [7.5]


def test_persist_does_not_wait_for_hours():
    """
    A server that asks for more than the policy obeys is not waited for; the error says how much it asked for.
    """
    script = Script(status(503, retry_after=86_400.0))

    with pytest.raises(HTTPStatusError) as caught:
        script.send_with_retries(RequestKind.READ, longest_asked=60)

    assert caught.value.retry_after == 86_400.0
    assert script.slept == []


def test_persist_lets_other_errors_through():
    """
    A fault of the site, or a mistake in the code, is nothing to repeat.
    """
    script = Script(KeyError("x"))

    with pytest.raises(KeyError):
        script.send_with_retries(RequestKind.READ)

    assert script.sends == 1


@given(
    kind=st.sampled_from(RequestKind),
    sent=st.booleans(),
    code=st.sampled_from([None, 403, 408, 429, 500, 502, 503, 504]),
    lasting=st.booleans(),
)
def test_no_write_is_repeated_once_it_was_sent(kind, sent, code, lasting):
    """
    Whatever the failure: what must not be repeated is repeated only if it was not sent, or was turned away.
    """
    error = TransportError("x", sent=sent, lasting=lasting) if code is None else status(code)

    if may_repeat(kind, error) and kind is RequestKind.ONCE:
        assert not error.sent or code in (408, 429)


def test_response_to_a_repeated_write_is_adapted():
    """
    The response to a repeated write is adapted only if an earlier attempt may have been executed.
    """
    settings = {
        "rpc": "delete",
        "kind": RequestKind.IDEMPOTENT,
        "policy": RetryPolicy(first_wait=0),
        "adapt_repeated": "{}, again".format,
    }

    assert send_with_retries(Script("done"), **settings) == "done"
    assert send_with_retries(Script(unsent(), "done"), **settings) == "done"
    assert send_with_retries(Script(status(429), "done"), **settings) == "done"
    assert send_with_retries(Script(lost(), "done"), **settings) == "done, again"
    assert send_with_retries(Script(status(502), "done"), **settings) == "done, again"
