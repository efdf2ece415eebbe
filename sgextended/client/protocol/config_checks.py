"""
The checks of the values that a caller sets on the configuration of a client.
"""

import math
import re
from typing import Any, Callable, Dict

from sgextended.errors import ConfigurationError
from sgextended.header_text import check_header_text
from sgextended.http.proxy import Proxy, to_proxy
from sgextended.secret import Secret
from sgextended.site_settings import check_url


def _fail(name: str, value: Any, advice: str) -> ConfigurationError:
    return ConfigurationError(f"config.{name} = {value!r:.80} is not valid. {advice}")


def _scheme(name: str, value: Any) -> Any:
    if not isinstance(value, str) or value.lower() not in ("http", "https"):
        raise _fail(name, value, "Set 'http' or 'https'.")
    return value.lower()


def _server(name: str, value: Any) -> Any:
    if isinstance(value, str) and "@" in value:
        msg = (
            "config.server cannot contain a user name. Set config.authorization, or create the client with "
            "Site(basic_auth='user:password')."
        )
        raise ConfigurationError(msg)
    advice = "Set a host or host:port; for a whole address call config.set_server_params('https://host')."
    if not isinstance(value, str) or re.search(r"[/?#\\]", value):
        raise _fail(name, value, advice)
    try:
        check_url(f"https://{value}")
    except ConfigurationError as error:
        raise _fail(name, value, advice) from error
    return value


def _api_path(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"/[!-~]*", value):
        raise _fail(name, value, "Set a path such as '/api3/json'.")
    return value


def _proxy_server(name: str, value: Any) -> Any:
    if not value:
        return None
    if isinstance(value, str):
        check_header_text(f"config.{name}", value)
    try:
        is_host = to_proxy(f"{value}:1") == Proxy(host=value, port=1)
    except ConfigurationError:
        is_host = False
    if not is_host:
        raise _fail(name, str(value).rpartition("@")[2], "Set a host, and set its port as config.proxy_port.")
    return value


def _proxy_port(name: str, value: Any) -> Any:
    if not re.fullmatch("[0-9]{1,5}", str(value)) or not 0 < int(value) < 65536:
        raise _fail(name, value, "Set a number from 1 to 65535.")
    return int(value)


def _authorization(name: str, value: Any) -> Any:
    text = value.reveal() if isinstance(value, Secret) else value
    if text is None or text == "":
        return None
    if isinstance(text, str) and text.startswith("Basic "):
        text = "Basic " + "".join(text[6:].split())  # in a long one, the official client leaves line breaks
    check_header_text(f"config.{name}", text)
    return value if isinstance(value, Secret) and value.reveal() == text else Secret(text)


def _header_part(name: str, value: Any) -> Any:
    text = value.reveal() if isinstance(value, Secret) else value
    if text:
        check_header_text(f"config.{name}", text)
    return value


def _text(name: str, value: Any) -> Any:
    # The message does not contain the value, as it may be a secret.
    if value and not isinstance(value, (str, Secret)):
        raise ConfigurationError(f"config.{name} is a {type(value).__name__}, which is not valid. Set a text, or None.")
    return value


def _seconds(name: str, value: Any) -> Any:
    if value is not None and not _is_number(value):
        raise _fail(name, value, "Set a finite number of seconds, or None for the limits of the site.")
    return value


def _attempts(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _fail(name, value, "Set a whole number; 1 means that no call is sent again.")
    return value


def _milliseconds(name: str, value: Any) -> Any:
    if not _is_number(value):
        raise _fail(name, value, "Set a number of milliseconds, 0 or more.")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _parameters(name: str, value: Any) -> Any:
    if value is not None and not isinstance(value, dict):
        raise ConfigurationError(f"config.{name} is a {type(value).__name__}. Set a dict, or None.")
    return value


#: The checks by the name of the value. Each returns the value to store, or raises `ConfigurationError`.
CHECKS: Dict[str, Callable[[str, Any], Any]] = {
    "scheme": _scheme,
    "server": _server,
    "api_path": _api_path,
    "proxy_server": _proxy_server,
    "proxy_port": _proxy_port,
    "authorization": _authorization,
    "session_token": _header_part,
    "proxy_user": _header_part,
    "proxy_pass": _header_part,
    **dict.fromkeys(("script_name", "api_key", "user_login", "user_password", "auth_token", "sudo_as_login"), _text),
    "timeout_secs": _seconds,
    "max_rpc_attempts": _attempts,
    "rpc_attempt_interval": _milliseconds,
    "extra_auth_params": _parameters,
}
