"""
``sgextended site``: a local site in the foreground.
"""

import sys
from pathlib import Path
from typing import List, Optional

import typer

from sgextended.localsite import LocalSite
from sgextended.localsite import serve as serve_site


def serve(
    *,
    port: int,
    db: Optional[Path],
    script_name: str,
    api_key: Optional[str],
    tls: bool,
    demo: bool,
    latency: float,
    faults: List[str],
    direct_uploads: bool,
    host: str,
) -> None:
    """
    Serve a site until SIGINT or SIGTERM; print one line with its address once it accepts calls.
    """
    try:
        site = LocalSite(
            db=db,
            host=host,
            port=port,
            script_name=script_name,
            api_key=api_key,
            tls=tls,
            demo=demo,
            latency=latency,
            faults=faults,
            direct_uploads=direct_uploads,
        )
    except ValueError as error:  # a fault that is written wrongly
        sys.exit(f"sgextended: {error}")

    def announce(site: LocalSite) -> None:
        line = f"Local site at {site.url} script_name={site.script_name}"
        if api_key is None:  # the user does not know it yet
            line += f" api_key={site.api_key}"
        if site.ca_file:
            line += f" ca_file={site.ca_file}"
        typer.echo(line)

    try:
        serve_site(site, announce)
    except (OSError, ValueError) as error:  # the port is taken, the file is no site's
        sys.exit(f"sgextended: the local site cannot be served on port {port}: {error}")
