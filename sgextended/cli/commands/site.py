"""
``sgextended site``: its options. What they do stands in ``site.py``, which needs the extra "site".
"""

from pathlib import Path
from typing import Annotated, List, Optional

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
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
    from sgextended.cli.site_server import Accounts, serve  # noqa: PLC0415 - needs the extra "site"

    serve(
        team=Accounts(scripts=script or [], users=user or [], access_log=access_log),
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


@app.command("dump")
def site_dump(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the records.", show_default=False)],
    db: Annotated[Path, typer.Option(help="SQLite file of the site.")],
) -> None:
    """
    Write the records and files of a site into a folder, which sgextended site --load serves.
    """
    from sgextended.cli.site_server import dump  # noqa: PLC0415 - needs the extra "site"

    dump(db, folder)
