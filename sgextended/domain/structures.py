"""
Copy the structure of a production: episodes, sequences, shots, assets and tasks, with the links between them.
"""

from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from sgextended.domain.arguments import Entity, Names, Row
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from os import PathLike

    from sgextended.domain import structure_copy
    from sgextended.domain.structure_copy import StructureCopy
else:
    structure_copy = lazy_module("sgextended.domain.structure_copy")


def copy_structure(
    sg: Any,
    source: Entity,
    *,
    project: Optional[Entity] = None,
    data: Optional[Row] = None,
    rename: Optional[Callable[[str], str]] = None,
    with_assets: bool = False,
    keep_statuses: bool = False,
    keep_people: bool = False,
    shift_days: Optional[int] = 0,
    list_fields: Names = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> "StructureCopy":
    """
    Copy a project, episode, sequence, shot or asset with all that is below it, and return which row became which.

    Below a project are its episodes, assets, sequences, shots and tasks; below an episode its sequences; below a
    sequence its shots; and below each of them its tasks. A link from one copied row to another leads to the copy. Other
    links, such as those to steps and tags, stay. Dependencies between copied tasks are copied with their type and
    offset. Links to assets, sequences and tasks that are not copied stay within the same project. In another project
    they are left out, and the result names them.

    Files, images, versions, notes and query fields are not copied, and neither is the ``task_template`` of a shot,
    which would make its tasks a second time. The site schedules the copies as it does all tasks: it moves dates that
    fall on days off, and a copy that waits for a task outside follows that task, unless it is pinned.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        source: Link to the project, episode, sequence, shot or asset.

        project: Link to the project of the copies, which must exist. None: the project of *source*.

        data: Fields of the copy of *source* that differ from the original, such as ``{"code": "SEQ_020"}``. A project
            itself is not copied, so it has none.

        rename: Returns the ``code`` of a copy for the ``code`` of the original. None: the same, unless *data* has it.

        with_assets: Whether to copy the assets that are linked to the copied episodes, sequences and shots. False: the
            copies are linked to the same assets, if the project is the same. A project is always copied with its
            assets.

        keep_statuses: Whether the copies have the statuses of the originals. False: the default of the site.

        keep_people: Whether the copies have the assignees and reviewers of the tasks, and the people in cc.

        shift_days: Number of days by which all dates are shifted. None: dates are not copied, durations are.

        list_fields: Further fields with lists of links to copy. Setting such a list may remove links from the
            originals.

        journal: Path of a file that records the copies, so that the same call resumes after an interruption.

        timeout: Seconds for the whole call. None: the limits of the `Site` for each request.

    Returns:
        A `StructureCopy`: ``copies`` has the link to each copy, and ``of(row)`` returns the copy of one row.

    Raises:
        InvalidArgumentError: *source* is of another type, a code exists in the project already, or with *journal* two
            rows cannot be told apart. Nothing was sent.

        NotFoundError: *source* or *project* does not exist.

        PartialSuccessError: The copy ended halfway. The message counts what was made, and ``copy`` of the error is the
            `StructureCopy` so far. With *journal*, calling again does the rest.
    """
    options = structure_copy.CopyOptions(
        data=dict(data or {}),
        rename=rename,
        with_assets=with_assets,
        keep_statuses=keep_statuses,
        keep_people=keep_people,
        shift_days=shift_days,
        list_fields=list_fields,
        journal=journal,
    )
    with within(sg, timeout):
        return structure_copy.Copying(sg, source, project, options).run()
