"""
What all commands that ask a site have in common: who asks, the options for that, and how the command ends.
"""

import contextlib
import functools
import inspect
import sys
from typing import Annotated, Any, Callable, Iterator, List, Optional

import typer

from sgextended import SGExtended, registered_class
from sgextended.cli import profiles
from sgextended.observe.trace import trace as trace_block

#: Makes who asks; a command calls it once nothing is wrong with what was typed.
Connect = Callable[[], SGExtended]


def _complete(incomplete: str) -> List[str]:
    return [name for name in profiles.names() if name.startswith(incomplete)]


_Profile = Annotated[
    Optional[str],
    typer.Option(
        "--profile",
        metavar="NAME",
        autocompletion=_complete,
        help="Which site, and who asks, by the name of a profile; else SHOTGUN_URL and the like say it.",
    ),
]


Trace = Annotated[
    bool, typer.Option("--trace", help="Show at the end what was asked, by which lines, and what it cost.")
]


def _options_of_all(*, profile: _Profile = None, trace: Trace = False) -> None:
    """
    Stand for the options that each command has beside its own.
    """


@contextlib.contextmanager
def traced(wanted: bool) -> Iterator[None]:
    """
    Show on stderr what a block has asked of sites, if that is wanted.
    """
    if not wanted:
        yield
        return
    with trace_block() as what:
        try:
            yield
        finally:
            sys.stderr.write(f"{what}\n")


def asks(command: Callable[..., int]) -> Callable[..., None]:
    """
    Make a command of a function: it gets a `Connect` first, then its options, and returns the exit status.
    """

    @functools.wraps(command)
    def asking(*, profile: Optional[str], trace: bool, **options: Any) -> None:
        def connect() -> SGExtended:
            make = registered_class()
            return make() if profile is None else make(site=profiles.load(profile))

        with traced(trace):
            raise typer.Exit(command(connect, **options))

    signature = inspect.signature(command)
    # The first parameter is ours to give; the user types the others.
    own, ours = list(signature.parameters.values())[1:], inspect.signature(_options_of_all).parameters.values()
    asking.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*own, *ours], return_annotation=None
    )
    asking.__annotations__ = {each.name: each.annotation for each in (*own, *ours)}
    return asking
