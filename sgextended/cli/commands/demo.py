"""
``sgextended demo``: counts assets on a local demo site, with several workers and with one.
"""

import os
import shutil
import sys

from rich.console import Console

from sgextended import SGExtended
from sgextended.cli.commands import assets
from sgextended.cli.shared import output
from sgextended.cli.shared.options import WorkersOption
from sgextended.cli.shared.site_command import TraceOption, print_trace

#: Seconds by which the site delays each response, as a site on the internet does.
LATENCY = 0.1

_NEXT_STEPS = """\
To keep such a site running:
  [bold]{command} site --demo --port 8010 --script-name demo --api-key demo[/bold]
Then try in Python ({python}):
  [bold]from sgextended import SGExtended[/bold]
  [bold]sg = SGExtended("http://127.0.0.1:8010", "demo", "demo")[/bold]
  [bold]print(sg.find_tasks(sg.find_shots()\\[0]))[/bold]"""


def command(workers: WorkersOption = 4, *, trace: TraceOption = False) -> None:
    """
    Count the assets of a demo production on a local site, with several workers and with one. This needs no account.
    """
    from sgextended.localsite import LocalSite  # noqa: PLC0415 - needs the extra "site"

    console = Console()
    console.print("Creating a small production on a local site ...", highlight=False)
    with LocalSite(demo=True, latency=LATENCY) as site, print_trace(trace):
        console.print(
            f"The site is running at {site.url}. It delays each response by {LATENCY} s, as a site on the internet "
            "does.\n",
            highlight=False,
        )
        sg = SGExtended(site.url, site.script_name, site.api_key)
        report = assets.count_assets(sg, names=None, workers=workers)
        assets.show(report, output.Format.TABLE)
        with_one = assets.count_assets(sg, names=None, workers=1)
        console.print(f"{with_one.outcome.cost}, for the same counts", highlight=False)
        ratio = with_one.outcome.seconds / report.outcome.seconds
        console.print(f"{workers} workers are {ratio:.1f} times as fast as one.\n", highlight=False)
    python = min(sys.executable, os.path.relpath(sys.executable), key=len)
    sgextended = "sgextended" if shutil.which("sgextended") else f"{python} -m sgextended"
    next_steps = _NEXT_STEPS.format(command=sgextended, python=python)
    console.print(next_steps, highlight=False, soft_wrap=True)  # soft_wrap, so that the commands can be copied
