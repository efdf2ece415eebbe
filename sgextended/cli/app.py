"""
The command line: the list of commands, and how an error ends one. The options of a command are in its own module.
"""

import sys
from typing import Annotated

import typer

import sgextended
from sgextended.cli.commands import (
    assets,
    check,
    count,
    create_update,
    delete,
    demo,
    doctor,
    events,
    export,
    find,
    get,
    import_file,
    pull,
    schema,
    site,
    stubs,
    whoami,
)
from sgextended.cli.commands import map as map_command  # not "map", which would hide the builtin
from sgextended.cli.shared.usage_error import UsageError
from sgextended.errors import CallError, InvalidArgumentError

app = typer.Typer(
    name="sgextended",
    help="Query and change a Flow Production Tracking site, or serve a local one to try things on.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


def run() -> None:
    """
    Run the command line. Print an error that the user can fix as one message on stderr, without a traceback.
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
        return "\nThe site rejects these credentials. Check SHOTGUN_SCRIPT_NAME and SHOTGUN_API_KEY, or the profile."
    return ""


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"sgextended {sgextended.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """
    Query and change a Flow Production Tracking site, or serve a local one to try things on.
    """


# The commands, in the order in which --help lists them.
app.command("find")(find.command)
app.command("count")(count.command)
app.command("get")(get.command)
app.command("create")(create_update.create)
app.command("update")(create_update.update)
app.command("delete")(delete.command)
app.command("schema")(schema.command)
app.command("export")(export.command)
app.command("import")(import_file.command)
app.command("doctor")(doctor.command)
app.command("whoami")(whoami.command)
app.command("assets")(assets.command)
app.command("map")(map_command.command)
app.add_typer(events.app, name="events")
app.command("check")(check.command)
app.command("stubs")(stubs.command)
app.command("pull")(pull.command)
app.add_typer(site.app, name="site")
app.command("demo")(demo.command)
