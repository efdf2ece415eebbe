"""
Addresses of sites: whether two addresses lead to the same site.
"""

from typing import Any, Optional
from urllib.parse import urlsplit

from sgextended.errors import ConfigurationError

#: The domains of the vendor. The sites were renamed: the same name in front leads to the same site.
_VENDOR_DOMAINS = (".shotgunstudio.com", ".shotgrid.autodesk.com")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = ("localhost", "127.", "0.0.0.0", "::1")  # noqa: S104 - compared, not bound


def host_of(url: str) -> str:
    """
    Return the host of an address, and its port unless it is a default port. It is equal for all addresses of one site.

    Letter case, http or https, and the vendor's former and present domain make no difference.

    Raises:
        ValueError: The text is not an address.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    for domain in _VENDOR_DOMAINS:
        if host.endswith(domain):
            host = host[: -len(domain)] + _VENDOR_DOMAINS[-1]
    # http and https on their default ports are one site.
    return host if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def recorded_site(url: Any) -> Optional[str]:
    """
    Return the site of an address for a file that other runs read: its host, or None if the site is unknown.

    It is None for a local site, which may have another port each time, and if there is no address.
    """
    try:
        host = host_of(url) if isinstance(url, str) else ""
    except ValueError:
        return None
    return None if not host or host.startswith(_LOOPBACK) else host


def check_recorded_site(file: str, recorded: Any, site: Optional[str]) -> None:
    """
    Raise `ConfigurationError` if a file was written for another site.

    Args:
        file: What the file is, for the message, such as ``"The journal run.jsonl"``.

        recorded: The `recorded_site` in the file. None: unknown.

        site: The `recorded_site` of the client. None: unknown.
    """
    if recorded is not None and site is not None and recorded != site:
        msg = (
            f"{file} was written for the site {recorded}, and this client is for {site}. The same id means another "
            f"entity there. Nothing was sent. Use a client for {recorded}, or another file."
        )
        raise ConfigurationError(msg)
