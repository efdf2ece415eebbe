"""
What all commands that ask a site have in common: who asks, and how the command ends.
"""

import functools
import inspect
from typing import Any, Callable

import typer

from sgextended import SGExtended

#: Makes who asks; a command calls it once nothing is wrong with what was typed.
Connect = Callable[[], SGExtended]


def asks(command: Callable[..., int]) -> Callable[..., None]:
    """
    Make a command of a function: it gets a `Connect` first, then its options, and returns the exit status.
    """

    @functools.wraps(command)
    def asking(**options: Any) -> None:
        raise typer.Exit(command(SGExtended, **options))

    signature = inspect.signature(command)
    # The first parameter is ours to give; the user types the others.
    asking.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=list(signature.parameters.values())[1:], return_annotation=None
    )
    return asking
