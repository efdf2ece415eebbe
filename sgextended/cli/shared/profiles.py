"""
Profiles: named sites with their credentials, from an INI file that must not contain a key itself.

The file has a section for each profile::

    [studio]
    url = https://studio.shotgrid.autodesk.com
    script_name = pipeline
    api_key = env:STUDIO_API_KEY

A key, password or token setting names the place of the secret: ``env:VARIABLE``, or ``keyring`` for the keyring of the
operating system. The keyring stores it for the service ``sgextended`` and the name of the profile as user name.
"""

import configparser
from pathlib import Path
from typing import Any, Callable, Dict, List

import typer

from sgextended import Secret, Site
from sgextended.cli.usage_error import UsageError
from sgextended.environment import environment_variable
from sgextended.schema.site_schema import did_you_mean

#: The environment variable with the path of another profile file.
PATH_VARIABLE = "SGEXTENDED_CONFIG"
KEYRING_SERVICE = "sgextended"

_SECRET_SETTINGS = ("api_key", "password", "session_token")
_CONVERTERS: Dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("url", "script_name", "login", "sudo_as_login", "proxy", "ca_file", *_SECRET_SETTINGS), str),
    **dict.fromkeys(("connect_timeout", "read_timeout", "call_timeout"), float),
    "connections": int,
    "proxy_from_environment": lambda text: configparser.ConfigParser.BOOLEAN_STATES[text.lower()],
}


def path() -> Path:
    """
    Return the path of the profile file. The file may not exist.
    """
    named = environment_variable(PATH_VARIABLE)
    return Path(named) if named else Path(typer.get_app_dir("sgextended")) / "config.ini"


def names() -> List[str]:
    """
    Return the names of all profiles. Return an empty list if the file cannot be read.
    """
    try:
        return _read().sections()
    except UsageError:
        return []


def load(name: str) -> Site:
    """
    Return the site of a profile, with its key read from the environment or the keyring.

    Raises:
        UsageError: There is no such profile, the file contains a key itself, or the key is not in the place that the
            profile names.

        ConfigurationError: A setting of the site is not valid.
    """
    file = _read()
    if name not in file:
        hint = did_you_mean(name, file.sections()) or f" Its profiles: {', '.join(file.sections()) or 'none'}."
        raise UsageError(f"{path()} has no profile {name!r}.{hint}")
    settings: Dict[str, Any] = {}
    for option, text in file[name].items():
        if option not in _CONVERTERS:
            raise UsageError(
                f"{path()}, [{name}]: {option!r} is not a setting of a profile.{did_you_mean(option, _CONVERTERS)}"
            )
        try:
            settings[option] = (
                _load_secret(name, option, text) if option in _SECRET_SETTINGS else _CONVERTERS[option](text)
            )
        except ValueError as error:
            raise UsageError(f"{path()}, [{name}]: {option} must be a number, and {text!r} is not a number.") from error
        except KeyError as error:
            raise UsageError(f"{path()}, [{name}]: {option} must be yes or no, and {text!r} is neither.") from error
    if "url" not in settings:
        raise UsageError(f"{path()}, [{name}]: the setting url is missing. Add url = https://SITE.")
    return Site(**settings)


def _read() -> configparser.ConfigParser:
    file = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        text = path().read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no profile file {path()}. Create it, with a section [NAME] for each profile. Give each section "
            "the settings url, script_name and api_key."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The profile file {path()} cannot be read: {error}.") from error
    try:
        file.read_string(text)
    except configparser.Error as error:
        # The message leaves out the error itself, because it quotes the line, and the line may contain a key.
        raise UsageError(
            f"{path()}{_line_number(error)} is not a valid INI file. Write [PROFILE] and NAME = VALUE lines."
        ) from error
    return file


def _line_number(error: configparser.Error) -> str:
    numbers = [number for number, _line in getattr(error, "errors", ())] or [getattr(error, "lineno", None)]
    return f", line {numbers[0]}," if numbers[0] else ""


def _load_secret(profile: str, option: str, text: str) -> Secret:
    where, _, variable = text.partition(":")
    if where == "env" and variable:
        value = environment_variable(variable)
        if not value:
            raise UsageError(
                f"The environment variable {variable} is not set, and the profile {profile!r} reads {option} from it. "
                "Set the variable."
            )
        return Secret(value, variable=variable)
    if text == "keyring":
        return Secret(_from_keyring(profile, option))
    # The message leaves out the text, because it is likely to be the key.
    raise UsageError(
        f"{path()}, [{profile}]: {option} must not be in the file itself, because others may read the file. "
        f"Write {option} = env:VARIABLE; or write {option} = keyring, and run "
        f"'keyring set {KEYRING_SERVICE} {profile}'."
    )


def _from_keyring(profile: str, option: str) -> str:
    import keyring  # noqa: PLC0415 - an extra
    import keyring.errors  # noqa: PLC0415

    try:
        value = keyring.get_password(KEYRING_SERVICE, profile)
    except keyring.errors.KeyringError as error:
        raise UsageError(
            f"The {option} of the profile {profile!r} cannot be read from the keyring of this system: {error}"
        ) from error
    if not value:
        raise UsageError(
            f"The keyring has no {option} for the profile {profile!r}. "
            f"Store it with 'keyring set {KEYRING_SERVICE} {profile}'."
        )
    return value
