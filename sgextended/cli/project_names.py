"""
Projects by the names that are typed.
"""

from typing import Any, Dict, List, Sequence

from sgextended import NotFoundError, SGExtended
from sgextended.cli.output import plural
from sgextended.schema.site_schema import did_you_mean


def find_named(sg: SGExtended, names: Sequence[str]) -> List[Dict[str, Any]]:
    """
    Return the projects of these names, in their order and each once, archived ones too.

    A name is a name here, not a glob; the case of its letters does not matter.

    Raises:
        NotFoundError: There is no project of one of the names.
    """
    known = sg.find_projects(archived=None, fields=["name"])
    by_name = {project["name"].lower(): project for project in known}
    missing = [name for name in names if name.lower() not in by_name]
    if missing:
        hint = did_you_mean(missing[0], [project["name"] for project in known])
        hint = hint or f" It has {plural(len(known), 'project')}."
        msg = f"There is no project {' or '.join(map(repr, missing))} on {sg.site.url}.{hint}"
        raise NotFoundError(msg)
    return [by_name[name] for name in dict.fromkeys(name.lower() for name in names)]
