"""
The command line: which commands there are, and how a mistake is answered. The options of a command stand in its module.
"""

import sys
from typing import Annotated

import typer

import sgextended
from sgextended.cli.commands import (
    assets,
    check,
    demo,
    doctor,
    export,
    find,
    map,
    pull,
    stubs,
    whoami,
    write,
)
from sgextended.cli.commands import schema as describe
from sgextended.cli.commands import site as serving
from sgextended.cli.load_function import UsageError
from sgextended.errors import CallError, InvalidArgumentError

app = typer.Typer(
    name="sgextended",
    help="Ask a Flow Production Tracking site, or serve one of your own to try things on.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


def run() -> None:
    """
    Run the command line, with one message on stderr instead of a traceback for what a user can mend.
    """
    try:
        app(prog_name="sgextended")
    except (UsageError, InvalidArgumentError) as error:
        sys.stderr.write(f"sgextended: {error}\n")
        sys.exit(2)
    except CallError as error:
        sys.exit(f"sgextended: {error}{_advice(error)}")


def _advice(error: BaseException) -> str:
    if type(error).__name__ == "AuthenticationFault":
        return "\nThe site does not accept these credentials: check SHOTGUN_SCRIPT_NAME and SHOTGUN_API_KEY."
    return ""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sgextended {sgextended.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """
    Ask a Flow Production Tracking site, or serve one of your own to try things on.
    """


# The commands, in the order in which the help lists them.
app.command("find")(find.find)
app.command("count")(find.count)
app.command("get")(find.get)
app.command("create")(write.create)
app.command("update")(write.update)
app.command("delete")(write.delete)
app.command("schema")(describe.command)
app.command("export")(export.command)
app.command("doctor")(doctor.command)
app.command("whoami")(whoami.command)
app.command("assets")(assets.command)
app.command("map")(map.command)
app.command("check")(check.command)
app.command("stubs")(stubs.command)
app.command("pull")(pull.command)
app.add_typer(serving.app, name="site")
app.command("demo")(demo.command)
