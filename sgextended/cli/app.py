"""
The commands and their options: what is typed, and how a mistake is answered.
"""

import sys
from pathlib import Path
from typing import Annotated, List, Optional

import typer

import sgextended
from sgextended.cli import assets as assets_job
from sgextended.cli import map as map_job
from sgextended.cli.check import check
from sgextended.cli.functions import UsageError
from sgextended.cli.output import Format
from sgextended.cli.stubs import stubs
from sgextended.errors import CallError, FilterError

app = typer.Typer(
    name="sgextended",
    help="Ask a Flow Production Tracking site, or serve one of your own to try things on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(stubs)
app.command()(check)

Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="How many projects are worked on at once.")]


def run() -> None:
    """
    Run the command line, with one message on stderr instead of a traceback for what a user can mend.
    """
    try:
        app(prog_name="sgextended")
    except (UsageError, FilterError) as error:
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


@app.command()
def assets(
    workers: Workers = 4,
    project: Annotated[
        Optional[List[str]], typer.Option("--project", help="Name of a project; may be given several times.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print the result.")] = Format.TABLE,
) -> None:
    """
    Count the assets of projects, by status.

    The site and who asks come from the environment: SHOTGUN_URL, SHOTGUN_SCRIPT_NAME, SHOTGUN_API_KEY.
    """
    report = assets_job.count_assets(sgextended.registered_class()(), names=project or None, workers=workers)
    assets_job.show(report, output)
    raise typer.Exit(report.outcome.status)


@app.command("map")
def map_(
    function: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="What to call, with (sg, entity); also path/to/file.py:function. Modules of this folder are found.",
            show_default=False,
        ),
    ],
    entity_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="What to call it for, such as Shot.", show_default=False)
    ],
    filters: Annotated[
        Optional[List[str]],
        typer.Option(
            "--filter",
            metavar="FIELD OPERATOR VALUE",
            help="Which of them: 'sg_status_list in ip,fin', 'code contains \"my shot\"', 'entity is Shot:123', "
            "'created_at in_last 7 DAY'; all that are given hold.",
        ),
    ] = None,
    project: Annotated[
        Optional[List[str]],
        typer.Option("--project", metavar="NAME", help="Those of one project; may be given several times."),
    ] = None,
    fields: Annotated[
        Optional[str], typer.Option(metavar="FIELD,...", help="Fields that the function gets; else the names.")
    ] = None,
    limit: Annotated[Optional[int], typer.Option(min=1, help="How many of them at most.")] = None,
    workers: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            max=256,
            help="How many are worked on at once; else 8, or what the cluster has.",
            show_default=False,
        ),
    ] = None,
    processes: Annotated[
        bool, typer.Option("--processes", help="Work in processes: for a function that computes much itself.")
    ] = False,
    dask: Annotated[
        Optional[str], typer.Option(metavar="ADDRESS", help="Work on a Dask cluster, such as tcp://farm:8786.")
    ] = None,
    journal: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Keep what is done, with its result; the same command goes on from there.",
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print the results.")] = Format.TABLE,
) -> None:
    """
    Call a function of yours for each entity of a query, on several workers.

    Results go to stdout; what is done and what failed goes to stderr. Exit status: 0 if all is done, 1 if something
    failed, 2 if the command is wrong, 130 after Ctrl-C.
    """
    status = map_job.map_entities(
        sgextended.registered_class(),
        function,
        map_job.Query(
            entity_type=entity_type,
            filters=filters or [],
            projects=project or [],
            fields=None if fields is None else [field.strip() for field in fields.split(",") if field.strip()],
            limit=limit,
        ),
        where=map_job.Where(workers=workers, processes=processes, dask=dask),
        journal=journal,
        form=output,
    )
    raise typer.Exit(status)


@app.command()
def pull(
    project: Annotated[List[str], typer.Option("--project", help="Name of a project; may be given several times.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="Folder for the records.")
    ],
    entity: Annotated[
        Optional[List[str]],
        typer.Option(
            "--entity", metavar="TYPE", help="The only types to pull of the projects; may be given several times."
        ),
    ] = None,
    since: Annotated[
        Optional[str], typer.Option(metavar="DAY", help="Leave out what was not changed since, such as 2026-03-10.")
    ] = None,
    media: Annotated[bool, typer.Option("--media", help="Pull files and thumbnails too.")] = False,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Call persons by numbers instead of names.")] = False,
) -> None:
    """
    Copy the records of projects into a folder, which sgextended site --load serves.

    What they link to comes with them: people, steps, statuses. Passwords and keys stay on the site. A pull that was
    interrupted goes on when the same command is given again.
    """
    from sgextended.cli.pull import pull as pull_projects  # noqa: PLC0415 - seldom needed

    status = pull_projects(
        sgextended.SGExtended(),
        output,
        projects=project,
        entity_types=entity or None,
        since=since,
        media=media,
        anonymous=anonymous,
    )
    raise typer.Exit(status)


site_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.add_typer(site_app, name="site")


@site_app.callback(invoke_without_command=True)
def site(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    db: Annotated[Optional[Path], typer.Option(help="SQLite file that keeps the records; none: in memory.")] = None,
    script_name: Annotated[str, typer.Option(help="Name of the script that may ask.")] = "sgextended",
    api_key: Annotated[Optional[str], typer.Option(help="Its key; none: a new one, which is printed.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https, with a certificate authority of its own.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Fill a new site with the demo production.")] = False,
    load: Annotated[
        Optional[Path], typer.Option(metavar="DIR", help="Fill a new site with what pull or dump has written.")
    ] = None,
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
    certificate: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", dir_okay=False, help="Serve https with this certificate, and its chain, in PEM."),
    ] = None,
    private_key: Annotated[
        Optional[Path], typer.Option(metavar="FILE", dir_okay=False, help="The certificate's private key, in PEM.")
    ] = None,
    script: Annotated[
        Optional[List[str]],
        typer.Option(
            "--script", metavar="NAME[=KEY]", help="One more script that may ask; may be given several times."
        ),
    ] = None,
    user: Annotated[
        Optional[List[str]],
        typer.Option("--user", metavar="LOGIN[=PASSWORD]", help="A person who may ask; may be given several times."),
    ] = None,
    access_log: Annotated[
        Optional[str], typer.Option(metavar="FILE", help="File to which each call adds a line; - is stderr.")
    ] = None,
) -> None:
    """
    Serve a local site that speaks the protocol of a real one, until Ctrl-C; its address in a browser shows the records.
    """
    if context.invoked_subcommand is not None:
        return
    from sgextended.cli.site import Team, serve  # noqa: PLC0415 - needs the extra "site"

    serve(
        team=Team(scripts=script or [], users=user or [], access_log=access_log),
        port=port,
        db=db,
        data=load,
        script_name=script_name,
        api_key=api_key,
        tls=tls,
        certificate=certificate,
        private_key=private_key,
        demo=demo,
        latency=latency,
        faults=fault or [],
        direct_uploads=direct_uploads,
        host=host,
    )


@site_app.command("dump")
def site_dump(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the records.", show_default=False)],
    db: Annotated[Path, typer.Option(help="SQLite file of the site.")],
) -> None:
    """
    Write the records and files of a site into a folder, which sgextended site --load serves.
    """
    from sgextended.cli.site import dump  # noqa: PLC0415 - needs the extra "site"

    dump(db, folder)


@app.command()
def demo(workers: Workers = 4) -> None:
    """
    Show the main job on a local site with a small production: no account needed.
    """
    from sgextended.cli.demo import show_demo  # noqa: PLC0415 - needs the extra "site"

    show_demo(workers=workers)
