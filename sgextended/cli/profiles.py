"""
Profiles: sites and who asks, by a name, in a file that holds no key.

The file is an INI file with a section for each profile::

    [studio]
    url = https://studio.shotgrid.autodesk.com
    script_name = pipeline
    api_key = env:STUDIO_API_KEY

A key, password or token says where it is: ``env:VARIABLE``, or ``keyring`` for the system's keyring, which keeps it for
the service ``sgextended`` under the name of the profile.
"""

import configparser
import os
from pathlib import Path
from typing import Any, Callable, Dict, List

import typer

from sgextended import Secret, Site
from sgextended.cli.load_function import UsageError
from sgextended.schema.site_schema import did_you_mean

#: The variable that names another file than the usual one.
VARIABLE = "SGEXTENDED_CONFIG"
SERVICE = "sgextended"

_SECRETS = ("api_key", "password", "session_token")
_READ: Dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("url", "script_name", "login", "sudo_as_login", "proxy", "ca_file", *_SECRETS), str),
    **dict.fromkeys(("connect_timeout", "read_timeout", "call_timeout"), float),
    "connections": int,
}


def path() -> Path:
    """
    Return the file of the profiles, whether it is there or not.
    """
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path(typer.get_app_dir("sgextended")) / "config.ini"


def names() -> List[str]:
    """
    Return the names of all profiles; none where there is no file that can be read.
    """
    try:
        return _read().sections()
    except UsageError:
        return []


def load(name: str) -> Site:
    """
    Return the site of a profile, with its key from where the profile says that it is.

    Raises:
        UsageError: There is no such profile, it holds a key itself, or the key is not where it says.

        ConfigurationError: It describes a site that cannot be.
    """
    file = _read()
    if name not in file:
        hint = did_you_mean(name, file.sections()) or f" There are {', '.join(file.sections()) or 'none'}."
        raise UsageError(f"{path()} has no profile {name!r}.{hint}")
    settings: Dict[str, Any] = {}
    for option, text in file[name].items():
        if option not in _READ:
            raise UsageError(f"{path()}, [{name}]: there is no setting {option!r}.{did_you_mean(option, _READ)}")
        try:
            settings[option] = _secret(name, option, text) if option in _SECRETS else _READ[option](text)
        except ValueError as error:
            raise UsageError(f"{path()}, [{name}]: {option} is a number, and {text!r} is none.") from error
    if "url" not in settings:
        raise UsageError(f"{path()}, [{name}]: the url of the site is missing.")
    return Site(**settings)


def _read() -> configparser.ConfigParser:
    file = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        text = path().read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file of profiles {path()}: make one, as docs/cli.md shows.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path()} cannot be read: {error}.") from error
    try:
        file.read_string(text)
    except configparser.Error as error:
        # Not the error itself, which quotes the line: there may be a key in it.
        raise UsageError(f"{path()} cannot be understood{_line_of(error)}: sections and NAME = VALUE are.") from error
    return file


def _line_of(error: configparser.Error) -> str:
    numbers = [number for number, _line in getattr(error, "errors", ())] or [getattr(error, "lineno", None)]
    return f" (line {numbers[0]})" if numbers[0] else ""


def _secret(profile: str, option: str, text: str) -> Secret:
    where, _, variable = text.partition(":")
    if where == "env" and variable:
        value = os.environ.get(variable)
        if not value:
            raise UsageError(f"{variable} is not set, where the profile {profile!r} says that its {option} is.")
        return Secret(value, variable=variable)
    if text == "keyring":
        return Secret(_from_keyring(profile, option))
    # The text stays out of the message: it is likely to be the key.
    raise UsageError(
        f"{path()}, [{profile}]: a file is no place for a key. Write {option} = env:VARIABLE, or {option} = keyring "
        f"after 'keyring set {SERVICE} {profile}'."
    )


def _from_keyring(profile: str, option: str) -> str:
    import keyring  # noqa: PLC0415 - an extra
    import keyring.errors  # noqa: PLC0415

    try:
        value = keyring.get_password(SERVICE, profile)
    except keyring.errors.KeyringError as error:
        raise UsageError(f"The keyring of this system gives no {option}: {error}") from error
    if not value:
        raise UsageError(
            f"The keyring has no {option} of {profile!r}: enter it with 'keyring set {SERVICE} {profile}'."
        )
    return value
