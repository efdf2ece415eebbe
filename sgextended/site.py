"""
Which site, and who asks: its address, credentials and limits.
"""

import os
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union
from urllib.parse import unquote, urlsplit

import attrs
from attrs import field, frozen

from sgextended.errors import ConfigurationError
from sgextended.http.proxy import Proxy, to_proxy
from sgextended.http.retry import RetryPolicy
from sgextended.secret import Secret, to_secret

_LOOPBACK = r"localhost|0\.0\.0\.0|127(\.\d+){3}"


def _check_url(value: str) -> None:
    """
    Refuse an address that no request could go to, with the reason.
    """
    example = "write it like https://studio.shotgrid.autodesk.com"
    if not isinstance(value, str) or not value.strip():
        msg = f"the site's address is empty: {example}."
        raise ConfigurationError(msg)
    try:
        parts = urlsplit(value)
        bad_port = parts.port is not None and not 0 < parts.port < 65536
    except ValueError:
        bad_port, parts = True, urlsplit("")
    if "@" in value:  # before any message shows the address
        msg = "the site's address holds a user name: give it as basic_auth='user:password' instead."
        raise ConfigurationError(msg)
    if bad_port or parts.scheme.lower() not in ("http", "https") or not parts.hostname or re.search(r"\s", value):
        msg = f"{value!r} is not the address of a site: {example}."
        raise ConfigurationError(msg)
    if ":" in parts.hostname:
        msg = f"{value!r}: shotgun_api3 knows no IPv6 addresses. Give a name or an IPv4 address."
        raise ConfigurationError(msg)


def _to_path(value: "Union[str, os.PathLike[str], None]") -> Optional[str]:
    # As a converter, os.fspath itself costs milliseconds at import: attrs asks for its signature, which is not Python.
    return None if value is None else os.fspath(value)


#: Seconds for which a schema is used.
SCHEMA_MAX_AGE = 3600.0


@frozen(kw_only=True)
class Site:
    """
    One site and one identity on it, with the limits that every call obeys.

    Durations are seconds. A value that cannot work is refused here, before anything is sent.

    Args:
        url: Address, such as ``"https://studio.shotgrid.autodesk.com"``, without user name.

        script_name: Name of the script (ApiUser) that asks; *api_key* is its key.

        login: Login of the person who asks; *password* goes with it, and *auth_token* where the site wants a second
            factor. The one-time code is exchanged for a session once per process.

        session_token: Token of a session that somebody else started.

        sudo_as_login: Login of the person in whose name a script writes.

        basic_auth: ``"user:password"`` for a web server that stands before the site.

        proxy: ``"host:port"`` or ``"user:password@host:port"``.

        ca_file: Path to a PEM file with the certificate authorities to trust.
            None: ``SHOTGUN_API_CACERTS``, else those that come with shotgun_api3.

        connect_timeout: Limit for making a connection.

        read_timeout: Limit for each wait for bytes of an answer.

        pool_timeout: Limit for waiting until one of the connections is free.

        call_timeout: Limit for one request with all its attempts and waits, where the caller sets no deadline; an
            answer that trickles ends there. Files in transfer have none but *read_timeout* and the caller's.

        connections: How many connections this process opens to the site at most.

        convert_datetimes_to_utc: As in shotgun_api3: datetimes are local here, UTC on the wire.

        localized: Ask for display names and messages in the user's language.

        schema_max_age: Seconds for which the schema that was read is used; see `SGExtended.site_schema`.

        schema_folder: Where the schema is kept on disk too, in a folder that nobody else may write to. None: nowhere.

        retry: How often and after which waits a call that may be repeated is repeated.

        renew_session: Called with this `Site` when the site refuses *session_token* as expired; returns a new token, or
            None. It is called once for all threads of the process that use the token. To go into pickles it must be
            a function of a module.

        allow_pickle_secrets: Let literal keys and passwords into pickles, in clear.

    Raises:
        ConfigurationError: A value that cannot work, or more than one identity.
    """

    __module__ = "sgextended"

    url: str = field()
    script_name: Optional[str] = None
    api_key: Optional[Secret] = field(default=None, converter=to_secret)
    login: Optional[str] = None
    password: Optional[Secret] = field(default=None, converter=to_secret)
    auth_token: Optional[Secret] = field(default=None, converter=to_secret)
    session_token: Optional[Secret] = field(default=None, converter=to_secret)
    sudo_as_login: Optional[str] = None
    basic_auth: Optional[Secret] = field(default=None, converter=to_secret)
    proxy: Optional[Proxy] = field(default=None, converter=to_proxy)
    ca_file: Optional[str] = field(default=None, converter=_to_path)
    connect_timeout: float = field(default=10.0)
    read_timeout: float = field(default=120.0)
    pool_timeout: float = field(default=60.0)
    call_timeout: float = field(default=600.0)
    connections: int = field(default=10)
    convert_datetimes_to_utc: bool = True
    localized: bool = False
    schema_max_age: float = field(default=SCHEMA_MAX_AGE)
    schema_folder: Optional[str] = field(default=None, converter=_to_path)
    retry: RetryPolicy = field(factory=RetryPolicy)
    renew_session: Optional[Callable[["Site"], Union[str, Secret, None]]] = None
    allow_pickle_secrets: bool = field(default=False)

    @url.validator
    def _validate_url(self, _attribute: Any, value: str) -> None:
        _check_url(value)

    @connect_timeout.validator
    @read_timeout.validator
    @pool_timeout.validator
    @call_timeout.validator
    @schema_max_age.validator
    def _validate_timeout(self, attribute: Any, value: float) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            msg = f"{attribute.name}={value!r}: a time limit is a number of seconds above 0. Nothing waits for ever."
            raise ConfigurationError(msg)

    @connections.validator
    def _validate_connections(self, _attribute: Any, value: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            msg = f"connections={value!r}: at least 1 connection is needed to ask anything."
            raise ConfigurationError(msg)

    @allow_pickle_secrets.validator  # the last field: all others are set
    def _validate_identity(self, _attribute: Any, _value: bool) -> None:
        problems = _identity_problems(
            {name: getattr(self, name) for name in _IDENTITY}, {name: name for name in _IDENTITY}, needed=False
        )
        if problems:
            raise ConfigurationError("This site cannot be used: " + "; ".join(problems) + ".")

    @property
    def is_exposed(self) -> bool:
        """
        Whether its secrets travel in clear over a network.
        """
        parts = urlsplit(self.url)
        return parts.scheme.lower() == "http" and not re.fullmatch(_LOOPBACK, parts.hostname or "")

    @classmethod
    def from_env(cls, prefix: str = "SHOTGUN_", **settings: Any) -> "Site":
        """
        Return the site that the environment describes.

        Reads ``SHOTGUN_URL`` and one identity: ``SHOTGUN_SCRIPT_NAME`` and ``SHOTGUN_API_KEY``; or ``SHOTGUN_LOGIN``,
        ``SHOTGUN_PASSWORD`` and perhaps ``SHOTGUN_AUTH_TOKEN``; or ``SHOTGUN_SESSION_TOKEN``. An empty variable
        counts as not set. Its secrets pickle as the names of their variables.

        Args:
            prefix: What the names start with, instead of ``SHOTGUN_``.

            settings: Any other argument of `Site`, such as ``connections=24``.

        Raises:
            ConfigurationError: Something is missing or malformed; the message names each variable.
        """
        variables = {name: prefix + name.upper() for name in ("url", *_IDENTITY)}
        values: Dict[str, Any] = {name: os.environ.get(variable) or None for name, variable in variables.items()}
        url = values.pop("url")
        problems = []
        if url is None:
            problems.append(f"{variables['url']} is not set: the address, like https://studio.shotgrid.autodesk.com")
        else:
            try:
                _check_url(url)
            except ConfigurationError as error:
                problems.append(f"{variables['url']}: {str(error).rstrip('.')}")
        problems += _identity_problems(values, variables, needed=True)
        if problems:
            lines = "".join(f"\n  - {problem}." for problem in problems)
            raise ConfigurationError(f"The environment does not say which site to use, or as whom:{lines}")
        for name in _SECRETS:
            if values[name] is not None:
                values[name] = Secret(values[name], variable=variables[name])
        return cls(url=url, **{**values, **settings})

    def __copy__(self) -> "Site":
        return self

    def __deepcopy__(self, memo: Dict[int, Any]) -> "Site":
        return self

    def __reduce__(self) -> Tuple[Any, Tuple[Dict[str, Any]]]:
        state = {attribute.name: getattr(self, attribute.name) for attribute in attrs.fields(Site)}
        if self.allow_pickle_secrets:
            # Converters make secrets of these again on the other side.
            state = {name: value.reveal() if isinstance(value, Secret) else value for name, value in state.items()}
            if self.proxy is not None:
                state["proxy"] = self.proxy.native
        return _site_from_state, (state,)


def _site_from_state(state: Dict[str, Any]) -> Site:
    return Site(**state)


_IDENTITY = ("script_name", "api_key", "login", "password", "auth_token", "session_token")
_SECRETS = ("api_key", "password", "auth_token", "session_token")


def _identity_problems(values: Mapping[str, Any], names: Mapping[str, str], *, needed: bool) -> List[str]:
    """
    Return what is wrong with an identity, one sentence each, in the caller's *names* for its parts.
    """
    given = {part for part, value in values.items() if value}
    forms = [form for form in (("script_name", "api_key"), ("login", "password")) if given & set(form)]
    problems = [
        f"{names[missing]} is not set, and {names[other]} is of no use without it"
        for form in forms
        for missing, other in (form, form[::-1])
        if missing not in given
    ]
    if "auth_token" in given and "login" not in given:
        problems.append(f"{names['auth_token']} is a second factor and goes with {names['login']}")
    if len(forms) + ("session_token" in given) > 1:
        first = [names[part] for part in values if part in given and part != "auth_token"]
        problems.append(f"more than one identity is given ({', '.join(first)}): keep one")
    if needed and not given:
        problems.append(
            f"{names['script_name']} and {names['api_key']} are not set: the name and key of a script. Or set "
            f"{names['login']} and {names['password']}, or {names['session_token']}"
        )
    return problems


def split_basic_auth(url: str) -> Tuple[str, Optional[Secret]]:
    """
    Return an address without its ``user:password@``, and that part as a secret, as shotgun_api3 allows to write it.
    """
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    who, at, where = authority.rpartition("@")
    if not at:
        return url, None
    return f"{scheme}{separator}{where}{slash}{path}", Secret(unquote(who))
