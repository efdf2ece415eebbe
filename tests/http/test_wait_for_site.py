"""
Daemons: a call waits for a site that restarts, for a limited time, and says so each minute.
"""

import logging
import pickle

import pytest
import shotgun_api3
from fix_native import IDENTITY, failing
from fix_retry import lost, status, unsent
from fix_servers import http_reply, page, results

from sgextended import (
    ConfigurationError,
    NativeClient,
    OutcomeUnknown,
    RetryPolicy,
    SGExtended,
    Site,
    TLSError,
    TransportError,
    TransportTimeout,
)
from sgextended.http.deadline import deadline
from sgextended.http.retry import Backoff, RequestKind, send_with_retries

READ, ONCE = RequestKind.READ, RequestKind.ONCE


class Outage:
    """
    A site that is down until a point in time, and a clock that the waits of a call move.
    """

    def __init__(self, until, failure=unsent):
        self.now, self.until, self.failure = 0.0, until, failure
        self.sends = 0
        self.backoff = Backoff(lambda: self.now)

    def sleep(self, seconds):
        self.now += seconds

    def __call__(self):
        self.sends += 1
        if self.now < self.until:
            raise self.failure()
        return "done"

    def call(self, kind=READ, **settings):
        return send_with_retries(
            self,
            rpc="read",
            kind=kind,
            policy=RetryPolicy(**{"wait_for_site": 3600, **settings}),
            backoff=self.backoff,
            sleep=self.sleep,
            draw=lambda: 1.0,
            clock=lambda: self.now,
        )


FAILURES = {
    "refused": unsent,
    "lost": lost,
    "maintenance": lambda: status(503),
    "maintenance, come later": lambda: status(503, retry_after=900),
    "gateway": lambda: status(502),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_waits_until_the_site_is_back(failure):
    """
    Half an hour of failures of any kind that may be repeated ends with the result.
    """
    site = Outage(1800, FAILURES[failure])

    assert site.call() == "done"
    assert 1800 <= site.now < 1800 + 900
    assert site.sends > 2


@pytest.mark.parametrize("failure", FAILURES)
def test_the_wait_ends_at_its_limit(failure):
    """
    A site that stays down is waited for as long as the policy says, and the last failure is raised.
    """
    site = Outage(1e9, FAILURES[failure])

    with pytest.raises(TransportError) as caught:
        site.call()
    assert 3600 - 900 < site.now <= 3600
    assert caught.value.attempts == site.sends


def test_without_it_calls_do_not_wait():
    """
    The default is the number of attempts.
    """
    site = Outage(1800)

    with pytest.raises(TransportError):
        site.call(wait_for_site=0)
    assert (site.sends, site.now < 10) == (4, True)


def test_a_wait_that_is_asked_for_beyond_the_limit_ends_the_call():
    """
    A site that says it will be down for longer is not waited for.
    """
    site = Outage(1e9, lambda: status(503, retry_after=7200))

    with pytest.raises(TransportError) as caught:
        site.call()
    assert (site.sends, site.now, caught.value.retry_after) == (1, 0, 7200)


def test_errors_that_stay_are_raised_at_once():
    """
    A certificate does not become valid by waiting.
    """
    site = Outage(1800, lambda: TLSError("no", sent=False, lasting=True))

    with pytest.raises(TLSError):
        site.call()
    assert site.sends == 1


@pytest.mark.parametrize("failure", ["lost", "maintenance", "gateway"])
def test_a_create_is_not_repeated_after_a_503(failure):
    """
    A create that the site may have executed is reported at once.
    """
    site = Outage(1800, FAILURES[failure])

    with pytest.raises(OutcomeUnknown):
        site.call(ONCE)
    assert site.sends == 1


def test_a_create_that_could_not_be_sent_waits():
    """
    A create is waited for while no connection can be opened.
    """
    assert Outage(1800).call(ONCE) == "done"


@pytest.mark.parametrize("failure", FAILURES)
def test_a_warning_is_logged_each_minute(caplog, failure):
    """
    It has the call, the time that has passed, the limit and the reason. Also one long wait has a line each minute.
    """
    site = Outage(1800, FAILURES[failure])
    with caplog.at_level(logging.WARNING, "sgextended"):
        site.call()
    lines = [record.getMessage() for record in caplog.records]

    assert 25 <= len(lines) <= 31
    assert "'read' has waited" in lines[0]
    assert "of at most 3600 s" in lines[0]
    assert str(FAILURES[failure]()) in lines[0]


def test_threads_of_one_site_log_once(caplog):
    """
    The minute is that of the site, so that many threads do not fill the log.
    """
    site = Outage(30)
    with caplog.at_level(logging.WARNING, "sgextended"):
        site.call()
        site.until = site.now + 20
        site.call()

    assert len(caplog.records) == 1


def test_a_deadline_of_the_caller_ends_the_wait():
    """
    A deadline is shorter than the policy.
    """
    site = Outage(1800)

    with deadline(5), pytest.raises(TransportTimeout, match="5 s that the caller allows"):
        site.call()


# --- The setting


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan"), "60", True])
def test_only_a_finite_time_is_valid(value):
    """
    No call may wait forever.
    """
    with pytest.raises(ConfigurationError, match="wait_for_site"):
        RetryPolicy(wait_for_site=value)


def test_the_environment_has_the_limit(monkeypatch):
    """
    The variable holds for every site without a policy of its own: made by hand, from the environment, or of a Shotgun.
    """
    url = "https://studio.example"
    monkeypatch.setenv("SHOTGUN_WAIT_FOR_SITE", "1800")
    monkeypatch.setenv("SHOTGUN_URL", url)
    monkeypatch.setenv("SHOTGUN_SCRIPT_NAME", "robot")
    monkeypatch.setenv("SHOTGUN_API_KEY", "key")
    sites = [
        Site(url=url),
        Site.from_env(),
        SGExtended(url, "robot", "key", connect=False).site,
        SGExtended.from_shotgun(shotgun_api3.Shotgun(url, "robot", "key", connect=False)).site,
        pickle.loads(pickle.dumps(Site.from_env())),
    ]

    assert {site.retry.wait_for_site for site in sites} == {1800.0}
    assert Site(url=url, retry=RetryPolicy()).retry.wait_for_site == 0


@pytest.mark.parametrize("text", ["an hour", "-1", "inf", "nan"])
def test_a_wrong_variable_is_named(monkeypatch, text):
    """
    The error names the variable, also with a prefix of the studio.
    """
    monkeypatch.setenv("SHOTGUN_WAIT_FOR_SITE", text)
    monkeypatch.setenv("STUDIO_WAIT_FOR_SITE", text)

    with pytest.raises(ConfigurationError, match="SHOTGUN_WAIT_FOR_SITE"):
        Site(url="https://studio.example")
    with pytest.raises(ConfigurationError, match="STUDIO_WAIT_FOR_SITE"):
        Site.from_env("STUDIO_")


def test_a_client_waits(make_site_server):
    """
    A client goes on after its attempts, beyond *call_timeout*.
    """
    down = http_reply(b"down", status=503)
    server = make_site_server(read=failing(*[down] * 9, then=page()))
    policy = RetryPolicy(attempts=2, first_wait=0.02, longest_wait=0.02, wait_for_site=60)
    client = NativeClient(Site(url=server.url, retry=policy, call_timeout=0.01, **IDENTITY))

    assert client.find("Shot", []) == []
    assert len(server.sent("read")) == 10


def test_a_login_is_not_repeated(make_site_server):
    """
    A password is checked once, since a site locks an account after some failures.
    """
    server = make_site_server(read=lambda _request: http_reply(status=503))
    client = NativeClient(Site(url=server.url, retry=RetryPolicy(wait_for_site=60), **IDENTITY))
    assert results(page())

    with pytest.raises(TransportError):
        client.authenticate_human_user("ada", "pw")
    assert len(server.sent("read")) == 1
