"""
``sgextended site``: a local site in the foreground. ``sgextended site dump``: its records in a folder.
"""

import contextlib
import logging
import secrets
import sys
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence, Tuple

import typer
from attrs import frozen
from rich.console import Console

from sgextended.cli.output import plural
from sgextended.localsite import LocalSite, Store
from sgextended.localsite import serve as serve_site
from sgextended.localsite.demo.folder_dump import dump as dump_records

_ACCESS = "sgextended.localsite.access"


@frozen(kw_only=True)
class Accounts:
    """
    Who may ask a site, beside its first script, and how it is watched.

    Attributes:
        scripts: Names of scripts, each perhaps with ``=KEY``.

        users: Logins of persons, each perhaps with ``=PASSWORD``.

        access_log: The file to which every call adds a line; ``-`` is stderr.
    """

    scripts: Sequence[str] = ()
    users: Sequence[str] = ()
    access_log: Optional[str] = None


def serve(*, team: Accounts, **options: Any) -> None:
    """
    Serve a site until SIGINT or SIGTERM; print one line with its address once it accepts calls, and one for each of the
    team.

    Args:
        team: Who may ask.

        **options: As `LocalSite` takes them.
    """

    def announce(site: LocalSite) -> None:
        line = f"Local site at {site.url} script_name={site.script_name}"
        if options["api_key"] is None:  # the user does not know it yet
            line += f" api_key={site.api_key}"
        if site.ca_file:
            line += f" ca_file={site.ca_file}"
        for told in (line, *_admit(site, team)):
            typer.echo(told)
        if site.store.loaded is not None:
            for left in site.store.loaded.left_out:
                typer.echo(f"The folder has what a local site has no place for: {left}.", err=True)

    try:
        site = LocalSite(**options)
        with _access_log(team.access_log):
            serve_site(site, announce)
    except ValueError as error:  # a fault that is written wrongly, a file that is no site's, a login that is taken
        sys.exit(f"sgextended: the local site cannot be served: {error}")
    except OSError as error:
        sys.exit(f"sgextended: the local site cannot be served on port {options['port']}: {error}")


def _admit(site: LocalSite, team: Accounts) -> Iterator[str]:
    """
    Let the team ask, and yield what each of them is to be told. Who has a secret in the file already keeps it.
    """
    for kind, admit, words in (
        ("script_name", site.admit_script, team.scripts),
        ("login", site.admit_user, team.users),
    ):
        for word in words:
            name, given = _split(word)
            made = given or secrets.token_urlsafe(12)
            secret = "api_key" if kind == "script_name" else "password"
            is_new = admit(name, made, keep=given is None)
            yield f"{kind}={name}" + (f" {secret}={made}" if is_new and given is None else "")


def _split(word: str) -> Tuple[str, Optional[str]]:
    name, equals, secret = word.partition("=")
    if not name or (equals and not secret):
        raise ValueError(f"{word!r} is no NAME, nor NAME=SECRET.")
    return name, secret or None


@contextlib.contextmanager
def _access_log(place: Optional[str]) -> Iterator[None]:
    if place is None:
        yield
        return
    handler: logging.Handler = (
        logging.StreamHandler(sys.stderr) if place == "-" else logging.FileHandler(place, encoding="utf-8")
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger(_ACCESS)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


def dump(db: Path, folder: Path) -> None:
    """
    Write the records of a site's file into a folder; a site may serve the file meanwhile.
    """
    if not db.is_file():
        sys.exit(f"sgextended: there is no file {db}.")
    try:
        store = Store(db)
        with contextlib.closing(store), store.reading() as tx:
            counts = dump_records(tx, folder)
    except (OSError, ValueError) as error:
        sys.exit(f"sgextended: {db} cannot be dumped: {error}")
    console = Console(stderr=True, highlight=False)
    told = f"{plural(sum(counts.values()), 'record')} of {plural(len(counts), 'type')} are in {folder}."
    console.print(told, markup=False, soft_wrap=True)
