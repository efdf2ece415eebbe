"""
`Site`: the address of a site, the credentials, and the limits of all calls.
"""

import os
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union
from urllib.parse import unquote, urlsplit

import attrs
from attrs import field, frozen

from sgextended.environment import environment_variable
from sgextended.errors import ConfigurationError
from sgextended.header_text import check_header_text
from sgextended.http.proxy import Proxy, environment_proxy, to_proxy
from sgextended.http.retry import RetryPolicy
from sgextended.http.socket_opener import SYSTEM_CERTIFICATES, system_context_class
from sgextended.secret import Secret, to_secret

_NEVER_IN_URL = r"[\s\x00-\x1f\x7f\ud800-\udfff]"
_LOOPBACK = r"localhost|0\.0\.0\.0|127(\.\d+){3}|::1?"


def check_url(value: Any, name: str = "url") -> None:
    """
    Raise `ConfigurationError` if a value is not the address of a site.

    Args:
        value: The value.

        name: The name of the argument or of the variable, for the message.
    """
    example = "write it like https://studio.shotgrid.autodesk.com"
    if not isinstance(value, str) or not value.strip():
        # The message does not quote the value, as it may contain a password.
        found = "empty" if isinstance(value, str) else "None" if value is None else f"a {type(value).__name__}"
        msg = f"{name} is {found}, which is not the address of a site: {example}, as text."
        raise ConfigurationError(msg)
    try:
        parts = urlsplit(value)
        bad_port = parts.port is not None and not 0 < parts.port < 65536
    except ValueError:
        bad_port, parts = True, urlsplit("")
    if "@" in value:  # before any message shows the address
        msg = "the site's address contains a user name. Give it as basic_auth='user:password' instead."
        raise ConfigurationError(msg)
    if (
        bad_port
        or parts.scheme.lower() not in ("http", "https")
        or not parts.hostname
        or re.search(_NEVER_IN_URL, value)
    ):
        msg = f"{value!r} is not the address of a site: {example}."
        raise ConfigurationError(msg)


def _to_url(value: Any) -> Any:
    # A line break at the end comes from a file or a variable. The official client ignores it.
    return value.strip() if isinstance(value, str) else value


def _to_path(value: "Union[str, os.PathLike[str], None]") -> Optional[str]:
    # os.fspath itself as a converter would cost milliseconds at import: attrs inspects its signature, which is in C.
    return (None if value is None else os.fspath(value)) or None  # an empty path counts as not set


def retry_policy(variable: str = "SHOTGUN_WAIT_FOR_SITE") -> RetryPolicy:
    """
    Return the policy of a site that is given none. The environment variable has its *wait_for_site*.

    Raises:
        ConfigurationError: The variable does not have a number of seconds.
    """
    text = environment_variable(variable)
    if text is None:
        return RetryPolicy()
    try:
        return RetryPolicy(wait_for_site=float(text))
    except ValueError:
        msg = f"{variable}={text!r:.80} is not valid. Set a finite number of seconds, 0 or more."
        raise ConfigurationError(msg) from None


#: Seconds for which a cached schema is used.
SCHEMA_MAX_AGE = 3600.0


@frozen(kw_only=True)
class Site:
    """
    One site, the credentials of one user or script on it, and the limits of all calls.

    Durations are in seconds. A value that is not valid raises an error here, before anything is sent.

    Args:
        url: The address, such as ``"https://studio.shotgrid.autodesk.com"``, without a user name.

        script_name: The name of a script (ApiUser). *api_key* is its key.

        login: The login of a person. It needs *password*, and *auth_token* if the site requires a second factor. The
            one-time code is exchanged for a session once per process.

        session_token: The token of an existing session. *login* says whose session it is, if that is known.

        sudo_as_login: The login of the person for whom a script writes.

        basic_auth: ``"user:password"`` for a web server in front of the site.

        proxy: ``"host:port"`` or ``"user:password@host:port"``. All calls and transfers go through it.

        proxy_from_environment: Whether calls and transfers go through the proxies in ``https_proxy``, ``http_proxy``
            and ``no_proxy``. They are read when a client first sends a request to a server.

        ca_file: The path of a PEM file with the trusted certificate authorities. ``"system"``: those of the operating
            system, which need the extra ``truststore``.
            None or empty: the file in ``SHOTGUN_API_CACERTS``, or if that is not set, the file of shotgun_api3.

        connect_timeout: The time limit for opening a connection.

        read_timeout: The time limit for each wait for bytes of a response.

        pool_timeout: The time limit for each wait for a free connection.

        call_timeout: The time limit for one request with all its attempts and waits, if the caller sets no deadline. It
            also ends a response that trickles in. File transfers have only *read_timeout* and the caller's deadline.

        connections: The highest number of connections from this process to the site.

        convert_datetimes_to_utc: As in shotgun_api3: datetimes are in local time in Python, and in UTC in requests.

        localized: Request display names and messages in the user's language.

        schema_max_age: The time for which a cached schema is used; see `SGExtended.site_schema`.

        schema_folder: A folder that also stores the schema, and to which no other user may write. None: there is none.

        retry: The number of attempts and the waits of calls that may be sent again. If it is not given, the variable
            ``SHOTGUN_WAIT_FOR_SITE`` has its *wait_for_site*.

        renew_session: Called with this `Site` when the site refuses *session_token* as expired. It returns a new token,
            or None. It is called once for all threads of the process that use the token. To be pickled, it must be a
            function at the top level of a module.

        allow_pickle_secrets: Whether pickles may contain literal keys and passwords, unencrypted.

    Raises:
        ConfigurationError: A value is not valid, or there are credentials of more than one kind.
    """

    __module__ = "sgextended"

    url: str = field(converter=_to_url)
    script_name: Optional[str] = field(default=None)
    api_key: Optional[Secret] = field(default=None, converter=to_secret)
    login: Optional[str] = field(default=None)
    password: Optional[Secret] = field(default=None, converter=to_secret)
    auth_token: Optional[Secret] = field(default=None, converter=to_secret)
    session_token: Optional[Secret] = field(default=None, converter=to_secret)
    sudo_as_login: Optional[str] = field(default=None)
    basic_auth: Optional[Secret] = field(default=None, converter=to_secret)
    proxy: Optional[Proxy] = field(default=None, converter=to_proxy)
    proxy_from_environment: bool = False
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
    retry: RetryPolicy = field(factory=retry_policy)
    renew_session: Optional[Callable[["Site"], Union[str, Secret, None]]] = None
    allow_pickle_secrets: bool = field(default=False)

    @url.validator
    def _validate_url(self, _attribute: Any, value: str) -> None:
        check_url(value)

    @script_name.validator
    @login.validator
    @sudo_as_login.validator
    def _validate_name(self, attribute: Any, value: Optional[str]) -> None:
        if value is not None and not isinstance(value, str):
            msg = f"{attribute.name} is a {type(value).__name__}, which is not valid. Give a text."
            raise ConfigurationError(msg)

    @session_token.validator
    @basic_auth.validator
    def _validate_header(self, attribute: Any, value: Optional[Secret]) -> None:
        if value is not None:
            check_header_text(attribute.name, value.reveal())

    @ca_file.validator
    def _validate_ca_file(self, _attribute: Any, value: Optional[str]) -> None:
        if value == SYSTEM_CERTIFICATES:
            system_context_class()

    @connect_timeout.validator
    @read_timeout.validator
    @pool_timeout.validator
    @call_timeout.validator
    @schema_max_age.validator
    def _validate_timeout(self, attribute: Any, value: float) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            msg = (
                f"{attribute.name}={value!r} is not valid, as no call may wait forever. Give a finite number of "
                "seconds above 0."
            )
            raise ConfigurationError(msg)

    @connections.validator
    def _validate_connections(self, _attribute: Any, value: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            msg = (
                f"connections={value!r} is not valid, as a call needs a connection. Give a whole number of at least 1."
            )
            raise ConfigurationError(msg)

    @allow_pickle_secrets.validator  # the last field, so that all others are set
    def _validate_identity(self, _attribute: Any, _value: bool) -> None:
        problems = _identity_problems(
            {name: getattr(self, name) for name in _IDENTITY}, {name: name for name in _IDENTITY}, needed=False
        )
        if self.proxy is not None and self.proxy_from_environment:
            problems.append("proxy and proxy_from_environment are both given: keep one")
        if problems:
            raise ConfigurationError("This site cannot be used: " + "; ".join(problems) + ".")

    @property
    def is_exposed(self) -> bool:
        """
        Whether secrets are sent unencrypted over a network.
        """
        parts = urlsplit(self.url)
        return parts.scheme.lower() == "http" and not re.fullmatch(_LOOPBACK, parts.hostname or "")

    def proxy_to(self, scheme: str, authority: str) -> Optional[Proxy]:
        """
        Return the proxy for requests to a server; None if they go there directly.

        Args:
            scheme: The scheme of the server, "http" or "https".

            authority: The host of the server, and its port if the address has one.

        Raises:
            ConfigurationError: The environment does not have a valid address of a proxy.
        """
        return environment_proxy(scheme, authority) if self.proxy_from_environment else self.proxy

    @classmethod
    def from_env(cls, prefix: str = "SHOTGUN_", **settings: Any) -> "Site":
        """
        Return a site from environment variables.

        It reads ``SHOTGUN_URL`` and credentials of one kind: ``SHOTGUN_SCRIPT_NAME`` and ``SHOTGUN_API_KEY``; or
        ``SHOTGUN_LOGIN``, ``SHOTGUN_PASSWORD`` and optionally ``SHOTGUN_AUTH_TOKEN``; or ``SHOTGUN_SESSION_TOKEN``. An
        empty variable counts as not set. ``SHOTGUN_WAIT_FOR_SITE`` is the *wait_for_site* of `RetryPolicy`. A
        pickle of the site contains the names of the variables, not the secrets.

        Args:
            prefix: The prefix of the variables.

            settings: Other arguments of `Site`, such as ``connections=24``.

        Raises:
            ConfigurationError: A variable is missing or not valid. The message names each of them.
        """
        variables = {name: prefix + name.upper() for name in ("url", *_IDENTITY)}
        values: Dict[str, Any] = {name: environment_variable(variable) for name, variable in variables.items()}
        url = values.pop("url")
        problems = []
        if url is None:
            problems.append(f"{variables['url']} is not set: the address, like https://studio.shotgrid.autodesk.com")
        else:
            try:
                check_url(_to_url(url), "its value")
            except ConfigurationError as error:
                problems.append(f"{variables['url']}: {str(error).rstrip('.')}")
        problems += _identity_problems(values, variables, needed=True)
        if "retry" not in settings:
            try:
                settings["retry"] = retry_policy(prefix + "WAIT_FOR_SITE")
            except ConfigurationError as error:
                problems.append(str(error).rstrip("."))
        if problems:
            lines = "".join(f"\n  - {problem}." for problem in problems)
            raise ConfigurationError(f"The environment variables do not describe a site and credentials:{lines}")
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
            # The converters of the class turn the texts into secrets again when the pickle is loaded.
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
    Return the problems of credentials, one sentence each.

    Args:
        values: The parts of the credentials.

        names: The name of each part for the sentences.

        needed: Whether missing credentials are a problem.
    """
    given = {part for part, value in values.items() if value}
    pairs = [pair for pair in (("script_name", "api_key"), ("login", "password")) if given & set(pair)]
    if "session_token" in given and "password" not in given:
        pairs = [pair for pair in pairs if pair[0] != "login"]  # a login says whose session it is
    problems = [
        f"{names[missing]} is not set, and {names[other]} needs it"
        for pair in pairs
        for missing, other in (pair, pair[::-1])
        if missing not in given
    ]
    if "auth_token" in given and "login" not in given:
        problems.append(f"{names['auth_token']} is a second factor and needs {names['login']}")
    if len(pairs) + ("session_token" in given) > 1:
        first = [names[part] for part in values if part in given and part != "auth_token"]
        problems.append(f"credentials of more than one kind are given ({', '.join(first)}): keep one kind")
    if needed and not given:
        problems.append(
            f"{names['script_name']} and {names['api_key']} are not set: the name and key of a script. Or set "
            f"{names['login']} and {names['password']}, or {names['session_token']}"
        )
    return problems


def split_basic_auth(url: str) -> Tuple[str, Optional[Secret]]:
    """
    Return an address without its ``user:password@``, and that part as a secret.

    shotgun_api3 allows addresses with this part.
    """
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, host = authority.rpartition("@")
    if not at:
        return url, None
    return f"{scheme}{separator}{host}{slash}{path}", Secret(unquote(login))
