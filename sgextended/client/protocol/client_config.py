"""
The credentials of an official client: its configuration with hidden secrets, and the `Site` for that configuration.
"""

import base64
from typing import Any, Dict, Optional, Tuple
from urllib.parse import urlsplit

from shotgun_api3.shotgun import _Config

from sgextended.errors import ConfigurationError
from sgextended.header_text import check_header_text
from sgextended.secret import Secret
from sgextended.site_settings import Site

_IN_HEADERS = frozenset({"_hidden_authorization", "_hidden_session_token"})


class _Hidden:
    """
    An attribute of the configuration whose value can be read by name, but is not in ``vars()``.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_hidden_{name}"

    def __get__(self, instance: Any, owner: type) -> Any:
        value = instance.__dict__.get(self._slot)
        return value.reveal() if isinstance(value, Secret) else value() if value is not None else None

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(value, str):
            if self._slot in _IN_HEADERS:
                check_header_text(self._slot[len("_hidden_") :], value)
            value = Secret(value)
        instance.__dict__[self._slot] = value if value is None or isinstance(value, Secret) else lambda: value


class RedactingConfig(_Config):
    """
    The native configuration with hidden secrets: they are not in its repr or ``vars()``.
    """

    api_key = _Hidden()
    user_password = _Hidden()
    auth_token = _Hidden()
    session_token = _Hidden()
    authorization = _Hidden()
    raw_http_proxy = _Hidden()
    proxy_pass = _Hidden()
    proxy_handler = _Hidden()  # it contains the password of the proxy

    def take_over(self, other: Any) -> None:
        """
        Take all settings from another configuration: that of an official client, or a copy of this one.
        """
        for name, value in vars(other).items():
            if name.startswith("_hidden_"):
                self.__dict__[name] = value
            elif name != "_sg":
                setattr(self, name, value)

    def secret(self, name: str) -> Optional[Secret]:
        """
        Return one of the hidden attributes as a `Secret`.
        """
        found: Optional[Secret] = self.__dict__.get(f"_hidden_{name}")
        return found


def site_of(shotgun: Any) -> Site:
    """
    Return the site and credentials of an official client.
    """
    if not hasattr(shotgun, "_Shotgun__ca_certs"):  # a Mockgun has an address, but no server
        msg = f"{shotgun!r} has no site and credentials: it is not a shotgun_api3.Shotgun. Create a Site instead."
        raise ConfigurationError(msg)
    config = shotgun.config
    address = urlsplit(shotgun.base_url)
    basic_auth = None
    if config.authorization:
        basic_auth = base64.b64decode(config.authorization.partition(" ")[2]).decode("utf-8")
    # The official client drops the brackets of an IPv6 address.
    is_unchanged = config.server == server_of(shotgun.base_url).replace("[", "").replace("]", "")
    server = server_of(shotgun.base_url) if is_unchanged else config.server
    return Site(
        url=f"{address.scheme}://{server}{address.path}",
        basic_auth=basic_auth,
        proxy=config.raw_http_proxy,
        ca_file=shotgun._Shotgun__ca_certs,  # noqa: SLF001 - there is no public attribute
        convert_datetimes_to_utc=config.convert_datetimes_to_utc,
        localized=config.localized,
        **identity_of(config),
    )


def server_of(url: str) -> str:
    """
    Return the host of a URL, and its port if the URL has one, as ``config.server`` has them: ``"[::1]:8080"``.

    The official client drops the brackets of an IPv6 address, so that host and port cannot be told apart.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    return (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")


def split_server(server: str) -> Tuple[str, Optional[int]]:
    """
    Return the host in ``config.server`` and its port; None if it has none. An IPv6 host keeps its brackets.
    """
    host, separator, port = server.rpartition(":")
    if not separator or port.endswith("]"):
        return server, None
    return host, int(port) if port else None


def identity_of(config: Any) -> Dict[str, Any]:
    """
    Return the credentials of a configuration as arguments of `Site`.

    If it has several, the result is those that shotgun_api3 uses: login and password, then script, then session.
    """
    secret = config.secret if isinstance(config, RedactingConfig) else lambda name: getattr(config, name)
    found = dict.fromkeys(("login", "password", "script_name", "api_key", "session_token"))
    if config.user_login and config.user_password:
        found.update(login=config.user_login, password=secret("user_password"))
    elif config.script_name and config.api_key:
        found.update(script_name=config.script_name, api_key=secret("api_key"))
    elif config.session_token:
        found.update(session_token=secret("session_token"), login=config.user_login)
    return {**found, "sudo_as_login": config.sudo_as_login}
