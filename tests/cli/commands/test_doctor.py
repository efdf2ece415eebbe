"""
``sgextended doctor`` on working sites and on failing ones.
"""

import json
import socket
import time

import pytest
from fix_servers import http_reply

from sgextended import SGExtended
from sgextended.cli.commands import doctor
from sgextended.localsite import LocalSite

STEPS = [
    "versions", "settings", "proxy", "name", "connection", "TLS", "site", "clock", "credentials", "events", "latency",
    "throughput",
]  # fmt: skip


@pytest.fixture
def examined(command):
    """
    Return a function that runs ``doctor`` and returns the exit status and the findings by step.
    """

    def run():
        status, out, _err = command("doctor", "--format", "json")
        return status, {finding["step"]: finding for finding in json.loads(out)}

    return run


def point_to(monkeypatch, url):
    monkeypatch.setenv("SHOTGUN_URL", url)


def test_a_working_site(examined, environment):
    """
    Every step is ok, and the status is 0.
    """
    status, findings = examined()

    assert status == 0
    assert list(findings) == STEPS
    assert {finding["outcome"] for finding in findings.values()} == {"ok"}


def test_the_table_has_a_line_for_each_step(command, environment):
    """
    Each step is a line with its mark.
    """
    _status, out, _err = command("doctor")

    assert [line.split()[1] for line in out.splitlines() if line.startswith("✓")] == STEPS


def test_scripts_without_events_are_named(examined, monkeypatch):
    """
    A script whose writes leave no events gets a warning; other such scripts are named.
    """
    with LocalSite() as site, SGExtended(site.url, site.script_name, site.api_key) as sg:
        for name, value in site.environment().items():
            monkeypatch.setenv(name, value)
        sg.create("ApiUser", {"firstname": "silent", "generate_event_log_entries": False})
        _status, others = examined()
        own = sg.find_one("ApiUser", [["firstname", "is", site.script_name]])
        sg.update("ApiUser", own["id"], {"generate_event_log_entries": False})
        status, warned = examined()

    assert others["events"]["outcome"] == "ok"
    assert others["events"]["found"].endswith("those of these scripts do not: silent")
    assert (status, warned["events"]["outcome"]) == (0, "warning")
    assert "'Generate Events'" in warned["events"]["advice"]


def test_tls_shows_the_certificate(examined, any_tls_site, monkeypatch):
    """
    For https the TLS version and the validity of the certificate are shown.
    """
    for name, value in any_tls_site.environment().items():
        monkeypatch.setenv(name, value)
    status, findings = examined()

    assert status == 0
    assert findings["TLS"]["found"].startswith("TLSv1")
    assert "valid for" in findings["TLS"]["found"]


def test_a_missing_file_of_certificates(examined, any_tls_site, monkeypatch, tmp_path):
    """
    The advice is to correct the path.
    """
    for name, value in any_tls_site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHOTGUN_API_CACERTS", str(tmp_path / "missing.pem"))
    _status, findings = examined()

    assert "missing.pem" in findings["TLS"]["found"]
    assert findings["TLS"]["advice"].startswith("Correct the path")


def test_an_authority_that_is_not_trusted(examined, any_tls_site, monkeypatch):
    """
    The advice names the environment variable; later steps are skipped; the status is 1.
    """
    for name, value in any_tls_site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SHOTGUN_API_CACERTS")
    status, findings = examined()

    assert status == 1
    assert findings["TLS"]["outcome"] == "failed"
    assert "SHOTGUN_API_CACERTS" in findings["TLS"]["advice"]
    assert findings["credentials"]["outcome"] == "skipped"


def test_wrong_version_number_is_plain_http(examined, environment, demo_site, monkeypatch):
    """
    For https on an http port, the advice explains the error "wrong version number".
    """
    point_to(monkeypatch, demo_site.url.replace("http:", "https:"))
    _status, findings = examined()

    assert "wrong version number" in findings["TLS"]["found"]
    assert "speaks plain http, not TLS. Use http:// in the address" in findings["TLS"]["advice"]


def test_wrong_version_number_is_something_else(make_server, examined, environment, monkeypatch):
    """
    For a server that speaks neither http nor TLS, the advice names a proxy and threads that share a Shotgun.
    """
    server = make_server(lambda _request: None)
    server.converse = lambda sock, _number: sock.sendall(b"220 mail.example\r\n" * 4)
    point_to(monkeypatch, server.url.replace("http:", "https:"))
    _status, findings = examined()

    assert findings["TLS"]["outcome"] == "failed"
    assert "its threads share one shotgun_api3.Shotgun" in findings["TLS"]["advice"]


def test_an_unknown_host_name(examined, environment, monkeypatch):
    """
    The advice names DNS.
    """

    def unknown(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(doctor.socket, "getaddrinfo", unknown)
    point_to(monkeypatch, "https://studio.invalid")
    _status, findings = examined()

    assert "studio.invalid, cannot be resolved" in findings["name"]["found"]
    assert "DNS" in findings["name"]["advice"]


@pytest.mark.parametrize("variable", ["https_proxy", None])
def test_a_refused_connection(examined, environment, monkeypatch, variable):
    """
    The advice names a proxy in the environment, because the client does not read it.
    """
    without_proxies(monkeypatch)
    if variable:
        monkeypatch.setenv(variable.upper(), "http://proxy:3128")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        point_to(monkeypatch, f"http://127.0.0.1:{taken.getsockname()[1]}")
        _status, findings = examined()

    assert "does not accept connections: Connection refused." in findings["connection"]["found"]
    assert (variable or "firewall") in findings["connection"]["advice"]


def without_proxies(monkeypatch):
    for name in ("https_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


PROFILE = """[studio]
url = {url}
script_name = {name}
api_key = env:SHOTGUN_API_KEY
"""


@pytest.mark.parametrize(
    ("setting", "variables", "found", "advice"),
    [
        ("", {}, "not used: all calls and transfers go directly", ""),
        ("", {"http_proxy": "http://ada:pw@proxy:3128/", "https_proxy": ""},
         "not used: all calls and transfers go directly, although http_proxy is in the environment",
         "proxy_from_environment = yes"),
        ("proxy = p:3128", {}, "all calls and transfers go through p:3128", ""),
        ("proxy_from_environment = yes", {"http_proxy": "http://ada:pw@p:3128/", "no_proxy": "farm"},
         "as the environment says; to other servers: http through p:3128, except for no_proxy=farm", ""),
        ("proxy_from_environment = yes", {"http_proxy": "http://p:3128"},
         "calls and transfers go to the site through p:3128", ""),
        ("proxy_from_environment = yes", {"http_proxy": "p:3128", "no_proxy": "127.0.0.1"},
         "calls and transfers go to the site directly, as the environment says", ""),
        ("proxy_from_environment = yes", {"http_proxy": "socks5://ada:pw@p:3128"},
         "http_proxy has no valid address of an HTTP proxy", "Correct or unset"),
    ],
)  # fmt: skip
def test_the_proxy_that_is_used(
    command, environment, demo_site, monkeypatch, tmp_path, setting, variables, found, advice
):
    """
    The step "proxy" says which way calls and transfers go, and never shows a password.
    """
    without_proxies(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "config.ini"
    file.write_text(PROFILE.format(url=demo_site.url, name=demo_site.script_name) + setting)
    monkeypatch.setenv("SGEXTENDED_CONFIG", str(file))
    _status, out, _err = command("doctor", "--profile", "studio", "--format", "json")

    step = next(finding for finding in json.loads(out) if finding["step"] == "proxy")
    assert found in step["found"]
    assert advice in step["advice"]
    assert "pw" not in out


def test_a_redirect_to_the_new_address(make_server, examined, environment, monkeypatch):
    """
    For a site that redirects, the new address is named, and the advice says where to set it.
    """
    reply = http_reply(status=301, headers={"location": "https://studio.example/api3/json"})
    point_to(monkeypatch, make_server(lambda _request: reply).url)
    _status, findings = examined()

    assert "Use https://studio.example as the address" in findings["site"]["found"]
    assert "SHOTGUN_URL" in findings["site"]["advice"]


def test_a_wrong_key(examined, environment, monkeypatch):
    """
    For a rejected key the advice says so, and the key is not shown.
    """
    monkeypatch.setenv("SHOTGUN_API_KEY", "not-the-key")
    status, findings = examined()

    assert status == 1
    assert "Can't authenticate script" in findings["credentials"]["found"]
    assert "the key is wrong" in findings["credentials"]["advice"]
    assert "not-the-key" not in str(findings)


def test_no_settings(examined, nobody):
    """
    Without environment variables or a profile, no other step runs.
    """
    status, findings = examined()

    assert status == 1
    assert list(findings) == ["versions", "settings"]
    assert "SHOTGUN_URL is not set" in findings["settings"]["found"]


def test_a_wrong_clock_is_a_warning(examined, environment, monkeypatch):
    """
    A difference of a minute is a warning that says whether this machine is ahead or behind.
    """
    from sgextended.client.protocol.site_clock import SiteClock

    monkeypatch.setattr(SiteClock, "at", lambda _self, _moment: time.time() + 60.0)
    status, findings = examined()

    assert status == 0
    assert findings["clock"]["outcome"] == "warning"
    assert findings["clock"]["found"] == "this machine is 60 s behind the site"
