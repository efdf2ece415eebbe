"""
The shared part of all commands that connect to a site: the options ``--profile`` and ``--trace``, and the connection.
"""

import contextlib
import functools
import inspect
import sys
from typing import Annotated, Any, Callable, Iterator, List, Optional

import typer

from sgextended import SGExtended, registered_class
from sgextended.cli.shared import profiles
from sgextended.observe.trace import trace

#: Returns the client. A command calls it after it has checked its arguments.
Connect = Callable[[], SGExtended]


def _complete_profile(incomplete: str) -> List[str]:
    return [name for name in profiles.names() if name.startswith(incomplete)]


_ProfileOption = Annotated[
    Optional[str],
    typer.Option(
        "--profile",
        metavar="NAME",
        autocompletion=_complete_profile,
        help="Profile with the site and the credentials. Default: the environment variables SHOTGUN_URL, "
        "SHOTGUN_SCRIPT_NAME and SHOTGUN_API_KEY.",
    ),
]


TraceOption = Annotated[
    bool, typer.Option("--trace", help="At the end, list the requests, the lines that sent them, and their cost.")
]


def _shared_options(*, profile: _ProfileOption = None, trace: TraceOption = False) -> None:
    """
    Declare the options that `site_command` adds to each command. Nothing calls this function.
    """


@contextlib.contextmanager
def print_trace(is_wanted: bool) -> Iterator[None]:
    """
    At the end of the block, print on stderr which requests it sent, if *is_wanted*.
    """
    if not is_wanted:
        yield
        return
    with trace() as report:
        try:
            yield
        finally:
            sys.stderr.write(f"{report}\n")


def site_command(command: Callable[..., int]) -> Callable[..., None]:
    """
    Return a function as a command that typer can run, with the shared options added.

    Args:
        command: The function. It gets a `Connect` as its first argument, then its own options, and returns the exit
            status.
    """

    @functools.wraps(command)
    def run_command(*, profile: Optional[str], trace: bool, **options: Any) -> None:
        def connect() -> SGExtended:
            make = registered_class()
            return make() if profile is None else make(site=profiles.load(profile))

        with print_trace(trace):
            raise typer.Exit(command(connect, **options))

    signature = inspect.signature(command)
    # typer reads the options from the signature. The first parameter, connect, is not an option.
    own, shared = list(signature.parameters.values())[1:], inspect.signature(_shared_options).parameters.values()
    run_command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*own, *shared], return_annotation=None
    )
    run_command.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
    return run_command
