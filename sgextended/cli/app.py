"""
The commands and their options: what is typed, and how a mistake is answered.
"""

import sys
from pathlib import Path
from typing import Annotated, List, Optional

import typer

import sgextended
from sgextended.cli import assets as assets_job
from sgextended.errors import CallError

app = typer.Typer(
    name="sgextended",
    help="Ask a Flow Production Tracking site, or serve one of your own to try things on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="How many projects are worked on at once.")]


def run() -> None:
    """
    Run the command line, with one message on stderr instead of a traceback for what a user can mend.
    """
    try:
        app(prog_name="sgextended")
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


@app.command()
def assets(
    workers: Workers = 4,
    project: Annotated[
        Optional[List[str]], typer.Option("--project", help="Name of a project; may be given several times.")
    ] = None,
    output: Annotated[assets_job.Format, typer.Option("--format", help="How to print the result.")] = (
        assets_job.Format.TABLE
    ),
) -> None:
    """
    Count the assets of projects, by status.

    The site and who asks come from the environment: SHOTGUN_URL, SHOTGUN_SCRIPT_NAME, SHOTGUN_API_KEY.
    """
    report = assets_job.count_assets(sgextended.SGExtended(), names=project or None, workers=workers)
    assets_job.show(report, output)


@app.command()
def site(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    db: Annotated[Optional[Path], typer.Option(help="SQLite file that keeps the records; none: in memory.")] = None,
    script_name: Annotated[str, typer.Option(help="Name of the script that may ask.")] = "sgextended",
    api_key: Annotated[Optional[str], typer.Option(help="Its key; none: a new one, which is printed.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https, with a certificate authority of its own.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Fill a new site with the demo production.")] = False,
    latency: Annotated[float, typer.Option(min=0, help="Seconds that each answer is held back.")] = 0.0,
    fault: Annotated[
        Optional[List[str]],
        typer.Option(
            "--fault",
            metavar="KIND[=VALUE][:OPTION=VALUE,...]",
            help="What goes wrong on purpose, such as status=503:next=3 or reset-after:rpc=create,rate=0.1; may be "
            "given several times.",
        ),
    ] = None,
    direct_uploads: Annotated[
        bool, typer.Option("--direct-uploads", help="Let clients upload files straight to storage, in parts.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this one let the network in.")] = (
        "127.0.0.1"
    ),
) -> None:
    """
    Serve a local site that speaks the protocol of a real one, until Ctrl-C.
    """
    from sgextended.cli.site import serve  # noqa: PLC0415 - needs the extra "site"

    serve(
        port=port,
        db=db,
        script_name=script_name,
        api_key=api_key,
        tls=tls,
        demo=demo,
        latency=latency,
        faults=fault or [],
        direct_uploads=direct_uploads,
        host=host,
    )


@app.command()
def demo(workers: Workers = 4) -> None:
    """
    Show the main job on a local site with a small production: no account needed.
    """
    from sgextended.cli.demo import show_demo  # noqa: PLC0415 - needs the extra "site"

    show_demo(workers=workers)
