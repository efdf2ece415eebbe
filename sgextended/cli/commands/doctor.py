"""
``sgextended doctor``: checks step by step whether this machine reaches the site and can log in, with advice.
"""

import importlib.metadata
import importlib.util
import platform
import socket
import ssl
import statistics
import time
from typing import Any, Callable, Iterator, List, Optional, Tuple
from urllib.parse import urlsplit

from attrs import asdict, define
from rich.console import Console
from rich.text import Text

import sgextended
from sgextended import Proxy, SGExtended, Site
from sgextended.cli.commands.whoami import user_and_site
from sgextended.cli.printing.terminal import can_print, one_line
from sgextended.cli.shared import output
from sgextended.cli.shared.options import FormatOption
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.usage_error import UsageError
from sgextended.client.protocol.client_config import server_of
from sgextended.client.protocol.site_clock import site_clock_of, ticks
from sgextended.errors import CallError, ConfigurationError, HTTPStatusError, SessionExpired, TLSError, TransportError
from sgextended.events.log.start_position import silent_scripts
from sgextended.http.proxy import environment_proxies
from sgextended.http.retry import BUSY
from sgextended.http.socket_opener import tls_context

CONNECT_TIMEOUT = 10.0  # seconds
MAX_CLOCK_DIFFERENCE = 30.0  # seconds
LATENCY_SAMPLES = 5  # requests
THROUGHPUT_ROWS = 500  # one page
OLDEST_SITE_VERSION = (8, 0, 0)  # sgextended is tested with this version and later ones
MIN_CERTIFICATE_DAYS = 14  # a certificate that ends sooner is a warning
SLOW_LATENCY = 0.5  # seconds for a small request

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red"), "skipped": ("·", "dim")}


@define
class Finding:
    """
    The result of one step.

    Attributes:
        step: Name of the step.

        outcome: "ok", "warning", "failed" or "skipped".

        found: What the step found.

        advice: What to do about it. "" if nothing.
    """

    step: str
    outcome: str
    found: str
    advice: str = ""


class CheckFailed(Exception):
    """
    A step failed. The message says what it found, and *advice* what to do about it.
    """

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found)
        self.advice = advice


@site_command
def command(connect: Connect, *, output_format: FormatOption = output.Format.TABLE) -> int:
    """
    Check the connection to the site and the credentials, and say what to do about each failure.

    It checks DNS, proxy, TLS, clock, credentials, versions, latency and throughput.

    Exit status: 0 if no check failed, otherwise 1.
    """
    findings = []
    console = Console()
    for finding in examine(connect):
        findings.append(finding)
        if output_format is output.Format.TABLE:
            mark, color = _MARKS[finding.outcome]
            arrow = "→" if can_print("→") else "->"
            mark = mark if can_print(mark) else finding.outcome
            console.print(Text.assemble((f"{mark} {finding.step:<12}", color), one_line(finding.found)), soft_wrap=True)
            if finding.advice:
                console.print(Text(one_line(f"  {'':<12}{arrow} {finding.advice}")), soft_wrap=True)
    if output_format is output.Format.JSON:
        output.print_json([asdict(finding) for finding in findings])
    elif output_format is output.Format.CSV:
        output.print_csv(list(asdict(findings[0])), [list(asdict(finding).values()) for finding in findings])
    return 1 if any(finding.outcome == "failed" for finding in findings) else 0


def examine(connect: Connect) -> Iterator[Finding]:
    """
    Run the steps in order and yield a finding for each. After a failure, the later steps are skipped.
    """
    yield Finding("versions", "ok", _versions())
    try:
        sg = connect()
        site = sg.site
    except (ConfigurationError, UsageError) as error:
        yield Finding("settings", "failed", str(error), "Set these environment variables, or use --profile NAME.")
        return
    yield Finding("settings", "ok", f"{site.url}, as {site.script_name or site.login or 'a session'}")
    steps: List[Tuple[str, Callable[[], Tuple[str, str, str]]]] = [
        ("proxy", lambda: _check_proxy(site)),
        ("name", lambda: _check_name(site)),
        ("connection", lambda: _check_connection(site)),
        ("TLS", lambda: _check_tls(sg)),
        ("site", lambda: _check_site(sg)),
        ("clock", lambda: _check_clock(sg)),
        ("credentials", lambda: _check_credentials(sg)),
        ("events", lambda: _check_events(sg)),
        ("latency", lambda: _check_latency(sg)),
        ("throughput", lambda: _check_throughput(sg)),
    ]
    failed = ""
    for step, check in steps:
        if failed:
            yield Finding(step, "skipped", f"skipped, because the step {failed} failed")
            continue
        try:
            yield Finding(step, *check())
        except CheckFailed as error:
            failed = step
            yield Finding(step, "failed", str(error), error.advice)
        except (*CallError, OSError) as error:
            failed = step
            yield Finding(step, "failed", str(error), _advice(error))


# --- The steps


def _versions() -> str:
    fast = "with" if importlib.util.find_spec("orjson") else "without"
    native = importlib.metadata.version("shotgun_api3")
    return (
        f"sgextended {sgextended.__version__}, shotgun_api3 {native}, Python {platform.python_version()}, {fast} orjson"
    )


def _proxy(site: Site) -> Optional[Proxy]:
    """
    Return the proxy for calls to the site, and for transfers to it.
    """
    return site.proxy_to(urlsplit(site.url).scheme.lower(), server_of(site.url))


def _address(site: Site) -> Tuple[str, int]:
    """
    Return host and port that a connection goes to: those of the proxy if there is one, otherwise of the site.
    """
    proxy = _proxy(site)
    if proxy:
        return proxy.host.strip("[]"), proxy.port
    parts = urlsplit(site.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme.lower() == "https" else 80)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_proxy(site: Site) -> Tuple[str, str, str]:
    variables = environment_proxies()
    named = " and ".join(f"{name}_proxy" for name in ("https", "http") if name in variables)
    if site.proxy:
        return "ok", f"all calls and transfers go through {site.proxy.host}:{site.proxy.port}", ""
    if not site.proxy_from_environment:
        if not named:
            return "ok", "not used: all calls and transfers go directly", ""
        return (
            "ok",
            f"not used: all calls and transfers go directly, although {named} is in the environment",
            "To use it, set proxy_from_environment = yes in a profile, or Site(proxy_from_environment=True).",
        )
    try:
        proxy = _proxy(site)
    except ConfigurationError as error:
        raise CheckFailed(str(error), f"Correct or unset the environment variable {named}.") from error
    way = f"through {proxy.host}:{proxy.port}" if proxy else "directly"
    found = f"calls and transfers go to the site {way}, as the environment says"
    others = [
        f"{scheme} through {_without_login(variables[scheme])}" for scheme in ("https", "http") if scheme in variables
    ]
    if others:
        excluded = f", except for no_proxy={variables['no']}" if "no" in variables else ""
        found += f"; to other servers: {', '.join(others)}{excluded}"
    return "ok", found, ""


def _without_login(url: str) -> str:
    return url.rpartition("@")[2].rpartition("://")[2].rstrip("/")


def _check_name(site: Site) -> Tuple[str, str, str]:
    host, port = _address(site)
    target = "proxy" if _proxy(site) else "site"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CheckFailed(
            f"The host name of the {target}, {host}, cannot be resolved ({error.strerror}).",
            "Check the spelling, this machine's DNS settings, and the VPN.",
        ) from error
    addresses = dict.fromkeys(str(each[4][0]) for each in found)
    return "ok", f"{host} resolves to {', '.join(addresses)}", ""


def _check_connection(site: Site) -> Tuple[str, str, str]:
    host, port = _address(site)
    started = time.perf_counter()
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT).close()
    except OSError as error:
        reason = "no response" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise CheckFailed(
            f"{_shown(host, port)} does not accept connections: {reason}.", _connection_advice(site)
        ) from error
    seconds = time.perf_counter() - started
    note = " (the proxy)" if _proxy(site) else ""
    return "ok", f"{_shown(host, port)}{note} accepts a connection in {seconds * 1000:.0f} ms", ""


def _connection_advice(site: Site) -> str:
    if _proxy(site):
        return "Check the address of the proxy, and that the proxy is running."
    named = [] if site.proxy_from_environment else [f"{name}_proxy" for name in environment_proxies() if name != "no"]
    if named:
        return (
            f"{named[0]} is in the environment, but it is not used. To use it, set proxy_from_environment = yes in a "
            "profile."
        )
    return "Check the address and the firewall. If this network needs a proxy, set it in a profile: proxy = host:port."


def _check_tls(sg: SGExtended) -> Tuple[str, str, str]:
    site = sg.site
    if urlsplit(site.url).scheme.lower() != "https":
        if site.is_exposed:
            return (
                "warning",
                "not used: plain http sends keys unencrypted",
                "Use https:// in the address if the site has it.",
            )
        return "ok", "not used: plain http, within this machine", ""
    if _proxy(site):
        return "ok", "through the proxy: checked by the next step", ""
    host, port = _address(site)
    try:
        context = tls_context(_transport(sg).endpoint.ca_file)
    except TLSError as error:
        raise CheckFailed(str(error), "Correct the path: the file has the trusted certificate authorities.") from error
    try:
        plain = socket.create_connection((host, port), CONNECT_TIMEOUT)
        with plain, context.wrap_socket(plain, server_hostname=host) as sock:
            certificate: Any = sock.getpeercert()
            version = sock.version()
    except ssl.SSLError as error:
        raise CheckFailed(
            f"The TLS handshake with {_shown(host, port)} failed: {_reason(error)}.", _tls_advice(error, host, port)
        ) from error
    issuer = dict(pair for part in certificate["issuer"] for pair in part)
    name = issuer.get("organizationName") or issuer.get("commonName")
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86400
    found = f"{version}, certificate by {name}, valid for {days:.0f} days"
    if days < MIN_CERTIFICATE_DAYS:
        return "warning", found, "Have the certificate renewed before it expires."
    return "ok", found, ""


def _reason(error: ssl.SSLError) -> str:
    return str(getattr(error, "verify_message", "") or error.reason or error).replace("_", " ").lower()


def _tls_advice(error: ssl.SSLError, host: str, port: int) -> str:
    reason = _reason(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        if "expired" in reason or "not yet valid" in reason:
            return "Check this machine's date. If the date is right, the site's certificate must be renewed."
        if "hostname" in reason or "ip address" in reason:
            return "The certificate is for another host name. Use the host name of the certificate in the address."
        return (
            "No certificate authority that this machine trusts has signed the certificate. A firewall that inspects "
            "TLS can be the reason. Set SHOTGUN_API_CACERTS, or ca_file in the profile, to the PEM file of the "
            "authority, or to 'system' if this machine's browsers trust it."
        )
    if "wrong version number" in reason or "packet length" in reason or "unknown protocol" in reason:
        if _speaks_http(host, port):
            return (
                f"{_shown(host, port)} speaks plain http, not TLS. Use http:// in the address, or the port for https."
            )
        return (
            "The server at this address does not speak TLS. If it is a proxy, set it as proxy = host:port in a "
            "profile. If a program with threads gets this error now and then, its threads share one "
            "shotgun_api3.Shotgun. Use SGExtended there."
        )
    return "Check the address, the port, and any firewall or proxy between this machine and the site."


def _speaks_http(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), CONNECT_TIMEOUT) as plain:
            plain.settimeout(CONNECT_TIMEOUT)
            plain.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return plain.recv(5) == b"HTTP/"
    except OSError:
        return False


def _transport(sg: SGExtended) -> Any:
    return sg._sg._transport  # noqa: SLF001 - for its certificates and the site's clock


def _check_site(sg: SGExtended) -> Tuple[str, str, str]:
    version = tuple(sg.info()["version"])
    text = ".".join(map(str, version))
    if version < OLDEST_SITE_VERSION:
        return (
            "warning",
            f"version {text}",
            f"sgextended is tested with {'.'.join(map(str, OLDEST_SITE_VERSION))} and later.",
        )
    return "ok", f"version {text}", ""


def _check_clock(sg: SGExtended) -> Tuple[str, str, str]:
    now = site_clock_of(_transport(sg)).at(ticks())
    if now is None:
        return "ok", "not compared, because the site does not send its time", ""
    ahead = now - time.time()
    if abs(ahead) < MAX_CLOCK_DIFFERENCE:
        return "ok", f"differs from the site's by less than {MAX_CLOCK_DIFFERENCE:.0f} s", ""
    which = "behind" if ahead > 0 else "ahead of"
    return (
        "warning",
        f"this machine is {abs(ahead):.0f} s {which} the site",
        "Synchronize this machine's clock by NTP. Certificates and one-time codes depend on it.",
    )


def _check_credentials(sg: SGExtended) -> Tuple[str, str, str]:
    me = user_and_site(sg)
    name = me.get("name") or me.get("firstname") or ""
    sudo = f", acting as {sg.site.sudo_as_login}" if sg.site.sudo_as_login and sg.site.script_name else ""
    return "ok", f"{me['type']} {me.get('id', '')} {name}{sudo}".strip(), ""


def _check_events(sg: SGExtended) -> Tuple[str, str, str]:
    """
    Check whether the writes of the caller leave entries in the event log.
    """
    silent = silent_scripts(sg)
    script = sg.site.script_name
    if script in silent:
        return (
            "warning",
            "the writes of this script leave no events, so nobody can follow them",
            "Switch on 'Generate Events' (generate_event_log_entries) for it on the Scripts page of the site.",
        )
    found = "the writes of this caller leave events"
    return "ok", f"{found}; those of these scripts do not: {', '.join(silent)}" if silent else found, ""


def _check_latency(sg: SGExtended) -> Tuple[str, str, str]:
    seconds = []
    for _ in range(LATENCY_SAMPLES):
        started = time.perf_counter()
        sg.find_one("Project", [["id", "is", -1]])
        seconds.append(time.perf_counter() - started)
    found = f"{statistics.median(seconds) * 1000:.0f} ms for a small request (median of {LATENCY_SAMPLES})"
    if statistics.median(seconds) > SLOW_LATENCY:
        return "warning", found, "Send fewer and larger requests, or send requests in parallel (sg.map)."
    return "ok", found, ""


def _check_throughput(sg: SGExtended) -> Tuple[str, str, str]:
    for entity_type in ("EventLogEntry", "Task", "Project"):  # the first type with enough entities
        started = time.perf_counter()
        rows = sg.find(entity_type, [], ["created_at", "project"], limit=THROUGHPUT_ROWS)
        seconds = time.perf_counter() - started
        if len(rows) == THROUGHPUT_ROWS:
            break
    found = f"{len(rows)} rows ({entity_type}) in {seconds * 1000:.0f} ms"
    if not importlib.util.find_spec("orjson"):
        return "ok", found, "To parse large responses faster: pip install 'sgextended[fast]'."
    return "ok", found, ""


def _advice(error: BaseException) -> str:
    if type(error).__name__ == "AuthenticationFault":
        return (
            "The site has no such script or user, or the key is wrong. Check both on the Scripts page of the site's "
            "administration. Look for a space before or after the key, and for a newer key."
        )
    if isinstance(error, SessionExpired):
        return "Sign in again in a browser, and use the token of the new session."
    if isinstance(error, HTTPStatusError) and error.errcode in (401, 403):
        return (
            "A web server in front of the site rejects the request. Check whether it limits the addresses of clients, "
            "or needs basic_auth."
        )
    if isinstance(error, HTTPStatusError) and 300 <= error.errcode < 400:
        return "Set SHOTGUN_URL, or url in the profile, to the address that the site redirects to."
    if isinstance(error, HTTPStatusError) and error.errcode in BUSY:
        return "The site is overloaded or in maintenance. Check its status page, and try again later."
    if isinstance(error, TransportError):
        return "Try again. If the error stays, ask your network administrator."
    return "The site sent this message. Ask its administrator if it does not help."
