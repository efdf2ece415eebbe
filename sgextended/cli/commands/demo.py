"""
``sgextended demo``: the main job, shown on a local site with a small production.
"""

import os
import shutil
import sys

from rich.console import Console

from sgextended import SGExtended
from sgextended.cli import output
from sgextended.cli import site_command as asking
from sgextended.cli.commands import assets
from sgextended.cli.options import WorkersOption

#: Seconds that the site holds each answer back, so that it answers as one on the internet does.
LATENCY = 0.1

_GO_ON = """\
Keep such a site up:
  [bold]{command} site --demo --port 8010 --script-name demo --api-key demo[/bold]
and try in Python ({python}):
  [bold]from sgextended import SGExtended[/bold]
  [bold]sg = SGExtended.connect("http://127.0.0.1:8010", "demo", "demo")[/bold]
  [bold]print(sg.find_tasks(sg.find_shots()\\[0]))[/bold]"""


def command(workers: WorkersOption = 4, *, trace: asking.Trace = False) -> None:
    """
    Show the main job on a local site with a small production: no account needed.
    """
    from sgextended.localsite import LocalSite  # noqa: PLC0415 - needs the extra "site"

    console = Console()
    console.print("Making a small production on a local site ...", highlight=False)
    with LocalSite(demo=True, latency=LATENCY) as site, asking.traced(trace):
        console.print(
            f"The site is up at {site.url} and holds each answer back for {LATENCY} s, as the internet would.\n",
            highlight=False,
        )
        sg = SGExtended.connect(site.url, site.script_name, site.api_key)
        report = assets.count_assets(sg, names=None, workers=workers)
        assets.show(report, output.Format.TABLE)
        alone = assets.count_assets(sg, names=None, workers=1)
        console.print(f"{alone.outcome.cost}: the same job", highlight=False)
        ratio = alone.outcome.seconds / report.outcome.seconds
        console.print(f"{workers} workers are {ratio:.1f} times as fast as one.\n", highlight=False)
    python = min(sys.executable, os.path.relpath(sys.executable), key=len)
    started = "sgextended" if shutil.which("sgextended") else f"{python} -m sgextended"
    go_on = _GO_ON.format(command=started, python=python)
    console.print(go_on, highlight=False, soft_wrap=True)  # a line that is broken cannot be copied
