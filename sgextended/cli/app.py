"""
The command line: the list of commands, and how an error ends one. The options of a command are in its own module.
"""

import sys
from typing import Annotated, Any, List

import typer
import typer.core

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
    files,
    find,
    get,
    import_file,
    note,
    publish,
    pull,
    schema,
    site,
    stubs,
    whoami,
)
from sgextended.cli.commands import map as map_command  # not "map", which would hide the builtin
from sgextended.cli.printing.terminal import prepare_streams
from sgextended.cli.shared.output import say
from sgextended.cli.usage_error import UsageError
from sgextended.errors import AmbiguousError, CallError, InvalidArgumentError, SchemaError
from sgextended.schema.site_schema import did_you_mean


class _Commands(typer.core.TyperGroup):
    """
    The commands, with a suggestion for a misspelt one. Newer versions of typer have it themselves.
    """

    def resolve_command(self, ctx: Any, args: List[str]) -> Any:
        """
        Return the name, the command and the arguments that follow it.
        """
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self.list_commands(ctx))
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


app: typer.Typer = typer.Typer(
    name="sgextended",
    cls=_Commands,
    help="Query and change a Flow Production Tracking site, or serve a local one to try things on.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> None:
    """
    Run the command line. Print an error that the user can fix as one message on stderr, without a traceback.
    """
    prepare_streams()
    try:
        app(prog_name="sgextended")
    except (UsageError, InvalidArgumentError, AmbiguousError, SchemaError) as error:
        say(f"sgextended: {error}")
        sys.exit(2)
    except CallError as error:
        say(f"sgextended: {error}{_advice(error)}")
        sys.exit(1)


def _advice(error: BaseException) -> str:
    if type(error).__name__ == "AuthenticationFault":
        return "\nThe site rejects these credentials. Check SHOTGUN_SCRIPT_NAME and SHOTGUN_API_KEY, or the profile."
    if "missing 'project' attribute" in str(error):
        return "\nAdd the project, such as project='My Show'."
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
app.command("delete")(delete.delete)
app.command("revive")(delete.revive)
app.command("upload")(files.upload)
app.command("download")(files.download)
app.command("note")(note.command)
app.command("publish")(publish.command)
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
