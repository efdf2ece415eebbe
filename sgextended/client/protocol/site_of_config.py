"""
The `Site` for a configuration, and the values of a configuration that no `Site` has.
"""

import base64
import binascii
import copy
from typing import Any, Callable, Dict, Optional, Tuple

import attrs

from sgextended.client.protocol.client_config import RedactingConfig, identity_of, proxy_of, server_of, values_of
from sgextended.errors import ConfigurationError
from sgextended.http.retry import RetryPolicy
from sgextended.secret import Secret
from sgextended.site_settings import Site, retry_policy

#: The attempts, and the milliseconds between them, of an official configuration that nobody has changed.
NATIVE_RETRIES = (3, 3000)

#: The values of a configuration that a `Site` has, too, by the field of the site. Credentials are not among them.
IN_SITE: Dict[str, Tuple[str, ...]] = {
    "url": ("scheme", "server", "api_path"),
    "proxy": ("proxy_server", "proxy_port", "proxy_user", "proxy_pass"),
    "basic_auth": ("authorization",),
    "retry": ("max_rpc_attempts", "rpc_attempt_interval"),
    "localized": ("localized",),
    "convert_datetimes_to_utc": ("convert_datetimes_to_utc",),
}

#: The names in the configuration of the credentials that a `Site` names differently.
_CREDENTIALS = {"login": "user_login", "password": "user_password"}


def grouped_values(config: Any) -> Dict[str, Tuple[Any, ...]]:
    """
    Return the values in `IN_SITE`, by the field of the site.
    """
    values = values_of(config)
    return {field: tuple(values.get(name) for name in names) for field, names in IN_SITE.items()}


def site_with_changes(first: Site, before: Dict[str, Tuple[Any, ...]], config: Any) -> Site:
    """
    Return the site of a client now.

    Args:
        first: The site for which the client was made.

        before: The `grouped_values` of its configuration at that time.

        config: Its configuration.
    """
    now = grouped_values(config)
    changed: Dict[str, Any] = {
        field: make(config, first) for field, make in _SITE_VALUES.items() if now[field] != before[field]
    }
    if changed.get("proxy"):
        changed["proxy_from_environment"] = False
    changed.update(identity_of(config), auth_token=None)
    changed = {name: value for name, value in changed.items() if value != getattr(first, name)}
    return attrs.evolve(first, **changed) if changed else first


def _url(config: Any, _first: Optional[Site] = None) -> str:
    return f"{config.scheme}://{server_of_config(config)}{_path_prefix(config) or ''}"


def _path_prefix(config: Any) -> Optional[str]:
    """
    Return the path of the site's address, from which the path of calls is made; None if there is no such path.
    """
    suffix = f"{config.api_ver}/json"
    if not config.api_path.endswith("/" + suffix):
        return None
    prefix = config.api_path[: -len(suffix)]
    return "" if prefix == "/" else str(prefix)


def server_of_config(config: Any) -> str:
    """
    Return the host and port of a configuration. An IPv6 address has brackets.
    """
    server: str = config.server
    if isinstance(config, RedactingConfig):
        return server
    base_url = getattr(config._sg, "base_url", "")  # noqa: SLF001 - there is no public attribute
    own = server_of(base_url)
    # The official client drops the brackets of an IPv6 address.
    return own if server.lower() == own.replace("[", "").replace("]", "") else server


def _basic_auth(config: Any, _first: Optional[Site] = None) -> Optional[Secret]:
    """
    Return user and password for the web server; None if the header has another form.
    """
    kind, _, coded = (config.authorization or "").partition(" ")
    if kind != "Basic":
        return None
    try:
        return Secret(base64.b64decode(coded).decode("utf-8"))
    except (binascii.Error, UnicodeDecodeError):
        return None


def _retry(config: Any, first: Site) -> RetryPolicy:
    return _policy_of(config, first.retry, (first.retry.attempts, 1000 * first.retry.first_wait))


def _policy_of(config: Any, policy: RetryPolicy, before: Tuple[float, float]) -> RetryPolicy:
    """
    Return a policy with the values of a configuration that differ from *before*.
    """
    changed: Dict[str, Any] = {}
    if config.max_rpc_attempts != before[0]:
        changed["attempts"] = max(1, config.max_rpc_attempts)
    if config.rpc_attempt_interval != before[1]:
        first_wait = config.rpc_attempt_interval / 1000
        changed.update(first_wait=first_wait, longest_wait=max(first_wait, policy.longest_wait))
    return attrs.evolve(policy, **changed)


_SITE_VALUES: Dict[str, Callable[[Any, Site], Any]] = {
    "url": _url,
    "proxy": lambda config, _first: proxy_of(config),
    "basic_auth": _basic_auth,
    "retry": _retry,
    "localized": lambda config, _first: config.localized is True,
    "convert_datetimes_to_utc": lambda config, _first: bool(config.convert_datetimes_to_utc),
}


def settings_beside_site(config: Any) -> Dict[str, Any]:
    """
    Return the values of a configuration that the `Site` of the same client does not have.

    Credentials are among them if the client has other credentials that it uses.
    """
    in_use = {_CREDENTIALS.get(name, name) for name, value in identity_of(config).items() if value is not None}
    elsewhere = {name for names in IN_SITE.values() for name in names} | {"raw_http_proxy", "proxy_handler"}
    if _path_prefix(config) is None:
        elsewhere.remove("api_path")
    if config.authorization and _basic_auth(config) is None:
        elsewhere.remove("authorization")
    return {
        name: copy.copy(value)
        for name, value in values_of(config).items()
        if value is not None and name not in in_use | elsewhere
    }


def site_of(shotgun: Any) -> Site:
    """
    Return the site and credentials of an official client.
    """
    if not hasattr(shotgun, "_Shotgun__ca_certs"):  # a Mockgun has an address, but no server
        msg = f"{shotgun!r} has no site and credentials: it is not a shotgun_api3.Shotgun. Create a Site instead."
        raise ConfigurationError(msg)
    config = shotgun.config
    return Site(
        url=_url(config),
        basic_auth=_basic_auth(config),
        proxy=proxy_of(config),
        ca_file=shotgun._Shotgun__ca_certs,  # noqa: SLF001 - there is no public attribute
        convert_datetimes_to_utc=bool(config.convert_datetimes_to_utc),
        localized=config.localized is True,
        retry=_policy_of(config, retry_policy(), NATIVE_RETRIES),
        **identity_of(config),
    )
