"""
The configuration of a client: with hidden secrets, and with a check of each value that is set on it.
"""

from typing import Any, Dict, Optional, Tuple
from urllib.parse import urlsplit
from urllib.request import ProxyHandler

from shotgun_api3.shotgun import _Config

from sgextended.client.protocol.config_checks import CHECKS
from sgextended.errors import ConfigurationError
from sgextended.http.proxy import Proxy, to_proxy
from sgextended.secret import Secret

_HIDDEN_PREFIX = "_hidden_"


class _Hidden:
    """
    An attribute of the configuration whose value can be read by name, but is not in ``vars()``.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = _HIDDEN_PREFIX + name

    def __get__(self, instance: Any, owner: type) -> Any:
        value = instance.__dict__.get(self._slot)
        return value.reveal() if isinstance(value, Secret) else value() if value is not None else None

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._slot] = _hidden(value)


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        value = Secret(value)
    return value if value is None or isinstance(value, Secret) else lambda: value


class RedactingConfig(_Config):
    """
    The native configuration with hidden secrets: they are not in its repr or ``vars()``.

    Each value is checked when it is set, and applies to the calls after it. `version` is another object after each
    change.
    """

    api_key: Any = _Hidden()
    user_password: Any = _Hidden()
    auth_token: Any = _Hidden()
    session_token: Any = _Hidden()
    authorization: Any = _Hidden()
    proxy_pass: Any = _Hidden()
    proxy_server: Optional[str]
    proxy_port: int
    proxy_user: Optional[str]

    def __init__(self, sg: Any) -> None:
        super().__init__(sg)
        self.__dict__["_version"] = object()  # from now on, values are checked

    def __setattr__(self, name: str, value: Any) -> None:
        is_ready = "_version" in self.__dict__
        super().__setattr__(name, self._checked(name, value) if is_ready else value)
        if is_ready:
            self.__dict__["_version"] = object()

    def _checked(self, name: str, value: Any) -> Any:
        if name == "_sg" and value is not self._sg:
            msg = "A configuration belongs to one client. Set its values on the configuration of the other client."
            raise ConfigurationError(msg)
        if name == "server" and value == (self.server or "").replace("[", "").replace("]", ""):
            return self.server  # the official client drops the brackets of an IPv6 address
        check = CHECKS.get(name)
        return value if check is None else check(name, value)

    @property
    def version(self) -> object:
        """
        An object that is another one after each change.
        """
        return self.__dict__["_version"]

    # --- The proxy, in its other two forms

    @property
    def proxy(self) -> Optional[Proxy]:
        """
        The proxy of all calls and transfers.
        """
        return proxy_of(self)

    @property
    def raw_http_proxy(self) -> Optional[str]:
        """
        The proxy as the argument *http_proxy* of ``Shotgun``. Setting it sets the proxy.
        """
        proxy = self.proxy if "_version" in self.__dict__ else None
        return proxy.native if proxy else None

    @raw_http_proxy.setter
    def raw_http_proxy(self, value: Any) -> None:
        if "_version" not in self.__dict__:
            return
        proxy = to_proxy(value)
        found = (proxy.host, proxy.port, proxy.user, proxy.password) if proxy else (None, 8080, None, None)
        self.proxy_server, self.proxy_port, self.proxy_user, self.proxy_pass = found

    @property
    def proxy_handler(self) -> Optional[ProxyHandler]:
        """
        The proxy for urllib, as the official client uses it for transfers.
        """
        proxy = self.proxy if "_version" in self.__dict__ else None
        if proxy is None or self.scheme is None:
            return None
        login = f"{proxy.user}:{proxy.password.reveal()}@" if proxy.user and proxy.password else ""
        return ProxyHandler({self.scheme: f"http://{login}{proxy.host}:{proxy.port}"})

    @proxy_handler.setter
    def proxy_handler(self, value: Any) -> None:
        now = self.proxy_handler
        if value is now or (now and getattr(value, "proxies", None) == getattr(now, "proxies", None)):
            return  # the constructor of the official client sets it
        msg = (
            "config.proxy_handler cannot be set: all calls and transfers use one proxy. Set config.proxy_server and "
            "config.proxy_port, or config.raw_http_proxy."
        )
        raise ConfigurationError(msg)

    # --- The whole

    def set_server_params(self, base_url: str) -> None:
        """
        Set scheme, server and path from an address. If the address is not valid, nothing changes.
        """
        new = _Config(None)  # type: ignore[arg-type]  # it has no client
        new.api_ver = self.api_ver
        new.set_server_params(base_url)
        self._set_together({name: getattr(new, name) for name in ("scheme", "server", "api_path")})

    def take_over(self, other: Any) -> None:
        """
        Take all settings from another configuration: that of an official client, or a copy of this one.

        If a value is not valid, nothing changes.
        """
        defaults = {} if isinstance(other, RedactingConfig) else _NATIVE_DEFAULTS
        unchanged = {name for name in _RETRIES if getattr(other, name) == defaults.get(name)}
        self._set_together(
            {name: value for name, value in values_of(other).items() if name not in unchanged | _DERIVED}
        )

    def _set_together(self, values: Dict[str, Any]) -> None:
        """
        Set several values in one step, so that no other thread sees only a part of them.
        """
        new = {}
        for name, value in values.items():
            checked = self._checked(name, value)
            is_hidden = name in HIDDEN_NAMES
            new[_HIDDEN_PREFIX + name if is_hidden else name] = _hidden(checked) if is_hidden else checked
        self.__dict__.update(new, _version=object())

    def secret(self, name: str) -> Optional[Secret]:
        """
        Return one of the hidden attributes as a `Secret`.
        """
        found: Optional[Secret] = self.__dict__.get(_HIDDEN_PREFIX + name)
        return found


#: The hidden attributes.
HIDDEN_NAMES = frozenset(name for name, value in vars(RedactingConfig).items() if isinstance(value, _Hidden))

_NATIVE_DEFAULTS = vars(_Config(None))  # type: ignore[arg-type]  # it has no client
_RETRIES = ("max_rpc_attempts", "rpc_attempt_interval")
_DERIVED = frozenset({"raw_http_proxy", "proxy_handler"})


def values_of(config: Any) -> Dict[str, Any]:
    """
    Return all values of a configuration by name, with the secrets as `Secret`. It may be that of an official client.
    """
    found = {}
    for stored, value in list(vars(config).items()):
        name = stored.removeprefix(_HIDDEN_PREFIX)
        if name in HIDDEN_NAMES and value is not None and not isinstance(value, Secret):
            value = value() if stored != name else value  # noqa: PLW2901 - see _hidden
            value = Secret(value) if isinstance(value, str) else value  # noqa: PLW2901
        if name not in ("_sg", "_version"):
            found[name] = value
    return found


def proxy_of(config: Any) -> Optional[Proxy]:
    """
    Return the proxy of a configuration, which may be that of an official client.
    """
    if not config.proxy_server:
        return None
    password = config.secret("proxy_pass") if isinstance(config, RedactingConfig) else config.proxy_pass
    return Proxy(host=config.proxy_server, port=config.proxy_port, user=config.proxy_user or None, password=password)


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
