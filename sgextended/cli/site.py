"""
``sgextended site``: a local site in the foreground.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, List, Optional

import typer

if TYPE_CHECKING:
    from sgextended.localsite import LocalSite


def command(
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
    # One line with the address is printed once it accepts calls.
    from sgextended.localsite import LocalSite, serve  # noqa: PLC0415 - needs the extra "site"

    try:
        local = LocalSite(
            db=db,
            host=host,
            port=port,
            script_name=script_name,
            api_key=api_key,
            tls=tls,
            demo=demo,
            latency=latency,
            faults=fault or [],
            direct_uploads=direct_uploads,
        )
    except ValueError as error:  # a fault that is written wrongly
        sys.exit(f"sgextended: {error}")

    def announce(site: "LocalSite") -> None:
        line = f"Local site at {site.url} script_name={site.script_name}"
        if api_key is None:  # the user does not know it yet
            line += f" api_key={site.api_key}"
        if site.ca_file:
            line += f" ca_file={site.ca_file}"
        typer.echo(line)

    try:
        serve(local, announce)
    except (OSError, ValueError) as error:  # the port is taken, the file is no site's
        sys.exit(f"sgextended: the local site cannot be served on port {port}: {error}")
