"""
What a site makes from a new upload after the request: thumbnails, and versions of a movie that browsers play.

The local site has no transcoder. An uploaded MP4 file is its own transcode, and an image needs none. Of other movies
nothing is made, so their transcoding status stays null.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sgextended.localsite.storage.single_row_writes import update_row
from sgextended.localsite.storage.transaction import Later
from sgextended.localsite.writing.file_values import guessed_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from sgextended.localsite.storage.transaction import Transaction

#: The processing status of a file whose thumbnail is being made.
PENDING = "thumbnail_pending_us"

_STATUS = "sg_uploaded_movie_transcoding_status"
_DONE = 1
_MP4 = "video/mp4"


def begin_processing(tx: Transaction, attachment_id: int) -> None:
    """
    Mark an upload as being processed for the site's thumbnail delay. Without a delay, nothing is marked.
    """
    if tx.media.thumbnail_delay <= 0:
        return
    update_row(tx, "Attachment", attachment_id, {"processing_status": PENDING})

    def finish(later: Transaction) -> None:
        table = later.tables["Attachment"]
        query = sa.select(table.c.processing_status).where(table.c.id == attachment_id)
        if later.connection.execute(query).scalar() == PENDING:
            update_row(later, "Attachment", attachment_id, {"processing_status": None})

    _after_delay(tx, finish)


def transcode(
    tx: Transaction, version_id: int, attachment_id: int, filename: str, make: Callable[[Transaction, str], str]
) -> None:
    """
    Fill the fields of a version that a live site fills when it has transcoded the uploaded movie.

    Args:
        tx: The transaction of the upload.

        version_id: The id of the version.

        attachment_id: The id of the upload.

        filename: The name of the file.

        make: Makes a second attachment of the same bytes with the name that it gets, and returns its value.
    """
    kind = guessed_type(filename) or ""
    update_row(tx, "Version", version_id, {_STATUS: None, "sg_uploaded_movie_mp4": None})
    if kind != _MP4 and not kind.startswith("image/"):
        return
    actor = tx.actor

    def finish(later: Transaction) -> None:
        table = later.tables["Version"]
        movie = sa.func.json_extract(table.c.sg_uploaded_movie, "$.id")
        if later.connection.execute(sa.select(movie).where(table.c.id == version_id)).scalar() != attachment_id:
            return  # another movie was uploaded since
        later.actor = actor
        columns: dict[str, object] = {_STATUS: _DONE}
        if kind == _MP4:
            columns["sg_uploaded_movie_mp4"] = make(later, f"{posixpath.splitext(filename)[0]}.mp4")
        update_row(later, "Version", version_id, columns)

    _after_delay(tx, finish)


def _after_delay(tx: Transaction, work: Callable[[Transaction], None]) -> None:
    """
    Do work after the site's thumbnail delay, or at once if there is none.
    """
    if tx.media.thumbnail_delay <= 0:
        work(tx)
    else:
        tx.later.append(Later(tx.now.timestamp() + tx.media.thumbnail_delay, work))
