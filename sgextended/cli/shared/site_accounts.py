"""
The accounts that ``sgextended site`` adds, with their roles, and where their keys and passwords come from.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, Tuple

import typer
from attrs import Factory, frozen

from sgextended.environment import environment_variable

#: The environment variable with lines of the form NAME=SECRET.
SECRETS_VARIABLE = "SGEXTENDED_SITE_SECRETS"
#: Written in place of a secret, it lets the command ask for the secret.
PROMPT = "?"


@frozen(kw_only=True)
class Accounts:
    """
    The accounts of a site, in addition to its first script.

    Attributes:
        scripts: Names of scripts, each as ``NAME`` or ``NAME=KEY``.

        users: Logins of users, each as ``LOGIN`` or ``LOGIN=PASSWORD``.

        roles: Roles by the name of a script or user.

        secrets: Keys and passwords by the name of a script or user. They are used where none is given with the name.
    """

    scripts: Sequence[str] = ()
    users: Sequence[str] = ()
    roles: Mapping[str, str] = Factory(dict)
    secrets: Mapping[str, str] = Factory(dict)

    def add_to(self, site: Any) -> Iterator[str]:
        """
        Add the accounts to a site, and yield the line to print for each.

        The line has the key or password only if this call generated it. An account that the file already has keeps its
        secret, unless the user gives a new one.

        Args:
            site: The local site.
        """
        names = [*map(_name, self.scripts), *map(_name, self.users)]
        for name in self.roles:
            if name not in names:
                raise ValueError(f"--role names {name!r}, which --script and --user do not. Add the account, too.")
        for name_option, secret_option, add, texts in (
            ("script_name", "api_key", site.admit_script, self.scripts),
            ("login", "password", site.admit_user, self.users),
        ):
            for text in texts:
                name, given = _split(text)
                given = asked(given, f"Secret of {name}") or self.secrets.get(name)
                made = None if given else _new_secret()
                is_current = add(name, given or made or "", keep=given is None, role=self.roles.get(name))
                yield f"{name_option}={name}" + (f" {secret_option}={made}" if is_current and made else "")


def read_secrets(file: Optional[Path]) -> Dict[str, str]:
    """
    Return the keys and passwords of the environment and of a file, by name. The file takes precedence.

    Raises:
        ValueError: A line has another form.
        OSError: The file cannot be read.
    """
    found = _parsed(environment_variable(SECRETS_VARIABLE) or "", SECRETS_VARIABLE)
    if file is not None:
        if os.name == "posix" and file.stat().st_mode & 0o077:
            sys.stderr.write(f"Other users of this machine can read {file}. Run: chmod 600 {file}\n")
        found.update(_parsed(file.read_text(encoding="utf-8"), str(file)))
    return found


def split_roles(texts: Sequence[str]) -> Dict[str, str]:
    """
    Return roles by the name of a script or user, from texts of the form ``NAME=ROLE``.

    Raises:
        ValueError: A text has another form.
    """
    found = {}
    for text in texts:
        name, _, role = text.rpartition("=")
        if not name or not role:
            raise ValueError(f"--role {text} has no role. Write NAME=ROLE, such as zoe=manager.")
        found[name] = role
    return found


def asked(secret: Optional[str], what: str) -> Optional[str]:
    """
    Return *secret*, or what the user enters if *secret* is a question mark.
    """
    return str(typer.prompt(what, hide_input=True, err=True)) if secret == PROMPT else secret


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """
    Within the block, only this user can read the files that the process creates.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _new_secret() -> str:
    import secrets  # noqa: PLC0415 - most commands need no secret

    return secrets.token_urlsafe(18)


def _parsed(text: str, where: str) -> Dict[str, str]:
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, secret = line.strip().partition("=")
        if not name or not equals or not secret:
            raise ValueError(f"Line {number} of {where} is not NAME=SECRET.")
        found[name.strip()] = secret.strip()
    return found


def _name(text: str) -> str:
    return _split(text)[0]


def _split(text: str) -> Tuple[str, Optional[str]]:
    name, equals, secret = text.partition("=")
    if not name or (equals and not secret):
        raise ValueError("An account lacks its name or its secret. Write --script and --user as NAME or NAME=SECRET.")
    return name, secret or None
