"""
``sgextended doctor``: whether this machine reaches the site and may ask it, step by step, and what to do where not.
"""

import importlib.metadata
import importlib.util
import os
import platform
import socket
import ssl
import statistics
import time
from typing import Any, Callable, Iterator, List, Tuple
from urllib.parse import urlsplit

from attrs import asdict, define
from rich.console import Console
from rich.text import Text

import sgextended
from sgextended import SGExtended, Site
from sgextended.cli import output
from sgextended.cli.commands.whoami import identity
from sgextended.cli.load_function import UsageError
from sgextended.cli.options import FormatOption
from sgextended.cli.site_command import Connect, asks
from sgextended.errors import CallError, ConfigurationError, HTTPStatusError, TransportError
from sgextended.http.retry import BUSY

PATIENCE = 10.0  # seconds for a connection
LATE = 30.0  # seconds by which a clock may differ before it is told
ASKED = 5  # times, to see the latency
ROWS = 500  # to see the throughput; one page
OLDEST = (8, 0, 0)  # what sgextended is tried with
SOON = 14  # days in which a certificate ends
SLOW = 0.5  # seconds for a small question

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red"), "skipped": ("·", "dim")}


@define
class Finding:
    """
    What one step has found: how it is, and what to do about it.
    """

    step: str
    outcome: str
    found: str
    advice: str = ""


class CheckFailed(Exception):
    """
    A step has failed: what was found, and what to do about it.
    """

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found)
        self.advice = advice


@asks
def command(connect: Connect, *, output_format: FormatOption = output.Format.TABLE) -> int:
    """
    Check the way to the site and the right to ask, and say what to do about each thing that fails.

    DNS, proxy, TLS, clock, credentials, versions, latency and throughput. Exit status: 0 if nothing failed, else 1.
    """
    findings = []
    console = Console()
    for finding in examine(connect):
        findings.append(finding)
        if output_format is output.Format.TABLE:
            mark, color = _MARKS[finding.outcome]
            console.print(Text.assemble((f"{mark} {finding.step:<12}", color), finding.found), soft_wrap=True)
            if finding.advice:
                console.print(Text(f"  {'':<12}→ {finding.advice}"), soft_wrap=True)
    if output_format is output.Format.JSON:
        output.print_json([asdict(finding) for finding in findings])
    elif output_format is output.Format.CSV:
        output.print_csv(list(asdict(findings[0])), [list(asdict(finding).values()) for finding in findings])
    return 1 if any(finding.outcome == "failed" for finding in findings) else 0


def examine(connect: Connect) -> Iterator[Finding]:
    """
    Yield what each step finds; what cannot be looked at after a failure is skipped.
    """
    yield Finding("versions", "ok", _versions())
    try:
        sg = connect()
        site = sg.site
    except (ConfigurationError, UsageError) as error:
        yield Finding("settings", "failed", str(error), "Set these variables, or give --profile; see docs/cli.md.")
        return
    yield Finding("settings", "ok", f"{site.url}, as {site.script_name or site.login or 'a session'}")
    steps: List[Tuple[str, Callable[[], Tuple[str, str, str]]]] = [
        ("name", lambda: _name(site)),
        ("connection", lambda: _connection(site)),
        ("TLS", lambda: _tls(sg)),
        ("site", lambda: _site(sg)),
        ("clock", lambda: _clock(sg)),
        ("credentials", lambda: _credentials(sg)),
        ("latency", lambda: _latency(sg)),
        ("throughput", lambda: _throughput(sg)),
    ]
    failed = ""
    for step, look in steps:
        if failed:
            yield Finding(step, "skipped", f"not looked at, since {failed} failed")
            continue
        try:
            yield Finding(step, *look())
        except CheckFailed as ill:
            failed = step
            yield Finding(step, "failed", str(ill), ill.advice)
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


def _address(site: Site) -> Tuple[str, int]:
    """
    Return where connections go to: the site, or its proxy.
    """
    if site.proxy:
        return site.proxy.host, site.proxy.port
    parts = urlsplit(site.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme.lower() == "https" else 80)


def _name(site: Site) -> Tuple[str, str, str]:
    host, port = _address(site)
    what = "proxy" if site.proxy else "site"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CheckFailed(
            f"The name of the {what}, {host}, is unknown here ({error.strerror}).",
            "Check the spelling, this machine's DNS, and the VPN.",
        ) from error
    addresses = dict.fromkeys(str(each[4][0]) for each in found)
    return "ok", f"{host} is {', '.join(addresses)}", ""


def _connection(site: Site) -> Tuple[str, str, str]:
    host, port = _address(site)
    started = time.perf_counter()
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise CheckFailed(f"{host}:{port} takes no connection: {reason}.", _no_connection(site)) from error
    seconds = time.perf_counter() - started
    way = " (the proxy)" if site.proxy else ""
    return "ok", f"{host}:{port}{way} answers in {seconds * 1000:.0f} ms", ""


def _no_connection(site: Site) -> str:
    if site.proxy:
        return "Check the address of the proxy, and that it runs."
    named = [name for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY") if os.environ.get(name)]
    if named:
        return f"{named[0]} is set, which shotgun_api3 does not read: name it, proxy = host:port in a profile."
    return "Check the address and the firewall. If this network has a proxy, name it: proxy = host:port in a profile."


def _tls(sg: SGExtended) -> Tuple[str, str, str]:
    site = sg.site
    if urlsplit(site.url).scheme.lower() != "https":
        if site.is_exposed:
            return "warning", "plain http: keys travel in clear", "Write https:// if the site has it."
        return "ok", "none: plain http within this machine", ""
    if site.proxy:
        return "ok", "through the proxy: seen with the next step", ""
    host, port = _address(site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=_transport(sg).endpoint.ca_file)
    try:
        plain = socket.create_connection((host, port), PATIENCE)
        with plain, context.wrap_socket(plain, server_hostname=host) as sock:
            certificate: Any = sock.getpeercert()
            version = sock.version()
    except ssl.SSLError as error:
        raise CheckFailed(
            f"The handshake with {host}:{port} fails: {_reason(error)}.", _tls_advice(error, host, port)
        ) from error
    issuer = dict(pair for part in certificate["issuer"] for pair in part)
    name = issuer.get("organizationName") or issuer.get("commonName")
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86400
    found = f"{version}, certificate by {name}, valid for {days:.0f} days"
    if days < SOON:
        return "warning", found, "Have the certificate renewed before it ends."
    return "ok", found, ""


def _reason(error: ssl.SSLError) -> str:
    return str(getattr(error, "verify_message", "") or error.reason or error).replace("_", " ").lower()


def _tls_advice(error: ssl.SSLError, host: str, port: int) -> str:
    reason = _reason(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        if "expired" in reason or "not yet valid" in reason:
            return "Check this machine's date first; if it is right, the site's certificate must be renewed."
        if "hostname" in reason or "ip address" in reason:
            return "The certificate is for another name: write the address as the certificate has it."
        return (
            "Its certificate is not signed by an authority that is trusted here, as where a studio's firewall looks "
            "into TLS. Set SHOTGUN_API_CACERTS, or ca_file in the profile, to the PEM file of that authority."
        )
    if "wrong version number" in reason or "packet length" in reason or "unknown protocol" in reason:
        if _speaks_http(host, port):
            return f"{host}:{port} speaks plain http, not TLS: write http:// in the address, or the port of https."
        return (
            "What answers there does not speak TLS. Is it a proxy that must be named as such? If it happens now and "
            "then, in a program with threads, they share one shotgun_api3.Shotgun: use SGExtended there."
        )
    return "Check the address and the port, and what stands between here and the site."


def _speaks_http(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), PATIENCE) as plain:
            plain.settimeout(PATIENCE)
            plain.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return plain.recv(5) == b"HTTP/"
    except OSError:
        return False


def _transport(sg: SGExtended) -> Any:
    return sg._sg._transport  # noqa: SLF001 - the certificates that are used, and the clock of the site


def _site(sg: SGExtended) -> Tuple[str, str, str]:
    version = tuple(sg.info()["version"])
    told = ".".join(map(str, version))
    if version < OLDEST:
        return "warning", f"version {told}", f"sgextended is made for {'.'.join(map(str, OLDEST))} and later."
    return "ok", f"version {told}", ""


def _clock(sg: SGExtended) -> Tuple[str, str, str]:
    ahead = _transport(sg).clock_ahead()
    if abs(ahead) < LATE:
        return "ok", "the same here and there", ""
    which = "behind" if ahead > 0 else "ahead of"
    return (
        "warning",
        f"this machine is {abs(ahead):.0f} s {which} the site",
        "Set this machine's clock by NTP: certificates and one-time codes depend on it.",
    )


def _credentials(sg: SGExtended) -> Tuple[str, str, str]:
    me = identity(sg)
    name = me.get("name") or me.get("firstname") or ""
    sudo = f", for {sg.site.sudo_as_login}" if sg.site.sudo_as_login and sg.site.script_name else ""
    return "ok", f"{me['type']} {me.get('id', '')} {name}{sudo}".strip(), ""


def _latency(sg: SGExtended) -> Tuple[str, str, str]:
    seconds = []
    for _ in range(ASKED):
        started = time.perf_counter()
        sg.find_one("Project", [["id", "is", -1]])
        seconds.append(time.perf_counter() - started)
    found = f"{statistics.median(seconds) * 1000:.0f} ms for a small question (median of {ASKED})"
    if statistics.median(seconds) > SLOW:
        return "warning", found, "Each request waits so long: ask for much at once, or at the same time (sg.map)."
    return "ok", found, ""


def _throughput(sg: SGExtended) -> Tuple[str, str, str]:
    for entity_type in ("EventLogEntry", "Task", "Project"):  # the first that has enough of them
        started = time.perf_counter()
        rows = sg.find(entity_type, [], ["created_at", "project"], limit=ROWS)
        seconds = time.perf_counter() - started
        if len(rows) == ROWS:
            break
    found = f"{len(rows)} rows ({entity_type}) in {seconds * 1000:.0f} ms"
    if not importlib.util.find_spec("orjson"):
        return "ok", found, "pip install 'sgextended[fast]' reads large answers faster."
    return "ok", found, ""


def _advice(error: BaseException) -> str:
    if type(error).__name__ == "AuthenticationFault":
        return (
            "The site knows no such script or person, or the key is another: check them in the site's Admin, Scripts. "
            "A key that begins or ends with a space, or was renewed, is not the same key."
        )
    if isinstance(error, HTTPStatusError) and error.errcode in (401, 403):
        return "A web server before the site refuses it: an allow list of addresses, or basic_auth."
    if isinstance(error, HTTPStatusError) and error.errcode in BUSY:
        return "The site is too busy, or under maintenance: try again later, and see its status page."
    if isinstance(error, TransportError):
        return "Try again; if it stays so, ask whoever looks after the network."
    return "The message is the site's own."
