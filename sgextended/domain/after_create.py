"""
Steps that follow a create, such as uploads; if one fails, the error names the steps that are left.
"""

import functools
from pathlib import Path
from typing import Any, Callable, Optional, Sequence, Tuple

from sgextended.domain.arguments import Row
from sgextended.errors import CallError, PartialSuccessError


def attach_files(
    sg: Any, created: Row, done: str, files: Sequence[Tuple[Path, str]], later_steps: Sequence[str] = ()
) -> None:
    """
    Upload files to an entity that was just created, one after the other.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        created: The entity.

        done: The completed step, for the error message, such as "The version was created".

        files: Pairs of a path and the field for the file.

        later_steps: Steps after the uploads, as calls, for the error message.

    Raises:
        PartialSuccessError: An upload failed. The message lists the steps that are left.
    """
    for number, (path, field) in enumerate(files):
        uploads = [_call_of(created, *each) for each in files[number:]]
        upload = functools.partial(upload_file, sg, created, str(path), field)
        run_followup(created, done, [*uploads, *later_steps], upload)


def _call_of(created: Row, path: Path, field: str) -> str:
    if field == "image":
        return f"upload_thumbnail({created['type']!r}, {created['id']}, {str(path)!r})"
    return f"upload({created['type']!r}, {created['id']}, {str(path)!r}, {field!r})"


def run_followup(created: Row, done: str, remaining: Sequence[str], step: Callable[[], object]) -> None:
    """
    Run one step that follows a create.

    Args:
        created: The entity that was created.

        done: The completed step, for the error message.

        remaining: This step and those after it, as calls, for the error message.

        step: The function to run.

    Raises:
        PartialSuccessError: The step failed. The message names the entity and the steps that are left.
    """
    try:
        step()
    except CallError as error:
        msg = (
            f"{done} (id {created['id']}), and a later step failed: {str(error).strip()} Do not create the entity "
            f"again: check it on the site, then run the steps that are left: {'; '.join(remaining)}."
        )
        raise PartialSuccessError(msg, entity=created) from error


def upload_file(sg: Any, link: Row, path: str, field: Optional[str]) -> int:
    """
    Upload one file to an entity, and return the id of its Attachment. The field ``"image"`` is the thumbnail.
    """
    number: int = (
        sg.upload_thumbnail(link["type"], link["id"], path)
        if field == "image"
        else sg.upload(link["type"], link["id"], path, field)
    )
    return number
