"""
``sgextended whoami``: shows the current user and the site.
"""

from typing import Any, Dict

from sgextended import SGExtended
from sgextended.cli.shared import output
from sgextended.cli.shared.options import FormatOption
from sgextended.cli.shared.site_command import Connect, site_command


@site_command
def command(connect: Connect, *, output_format: FormatOption = output.Format.TABLE) -> int:
    """
    Show the current user or script, and the address and version of the site.
    """
    output.print_entity(user_and_site(connect()), output_format)
    return 0


def user_and_site(sg: SGExtended) -> Dict[str, Any]:
    """
    Return the current user or script (type, id, name and login, as far as the site reports them), and the address and
    version of the site.

    Args:
        sg: The client.
    """
    site = sg.site
    if site.session_token:  # the site does not report whose token it is
        user: Dict[str, Any] = {"type": "a session"}
        sg.find_one("Project", [])  # raises an error if the token is not valid
    else:
        user = sg.me()
    version = ".".join(map(str, sg.info()["version"]))
    return {**user, "site": site.url, "version": version}
