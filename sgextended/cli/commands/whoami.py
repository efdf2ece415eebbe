"""
``sgextended whoami``: which site answers, and as whom.
"""

from typing import Any, Dict

from sgextended import SGExtended
from sgextended.cli import output
from sgextended.cli.commands.find import show_entity
from sgextended.cli.options import FormatOption
from sgextended.cli.site_command import Connect, asks


@asks
def command(connect: Connect, *, output_format: FormatOption = output.Format.TABLE) -> int:
    """
    Show which site is asked, and as whom.
    """
    show_entity(identity(connect()), output_format)
    return 0


def identity(sg: SGExtended) -> Dict[str, Any]:
    """
    Return who asks: type, id, name and login as far as the site tells, its address and version.
    """
    site = sg.site
    if site.session_token:  # it does not say whose it is
        me: Dict[str, Any] = {"type": "a session"}
        sg.find_one("Project", [])  # whether it holds
    else:
        me = sg.me()
    version = ".".join(map(str, sg.info()["version"]))
    return {**me, "site": site.url, "version": version}
