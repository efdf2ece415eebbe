"""
Versions.
"""

import functools
from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.bulk_writes import create_once_by
from sgextended.domain.conditions import (
    PEOPLE,
    Entity,
    Finder,
    Links,
    LinksOrNames,
    Names,
    Query,
    Row,
    check_text,
    fields_of,
    to_link,
)
from sgextended.domain.entities import get
from sgextended.domain.files import File, attach, file_at, run_followups
from sgextended.domain.latest_selection import Newest, latest_of
from sgextended.errors import InvalidArgumentError
from sgextended.http.deadline import within

VERSION_FIELDS = ("code", "entity", "sg_task", "user", "sg_status_list", "description", "created_at", "project")

_NEWEST = Newest(
    parts={"task": "sg_task", "step": "sg_task.Task.step", "type": "sg_version_type", "name": "code"},
    number="code",
    names_hold_numbers=True,
)


def find_versions(
    sg: Finder,
    entity: Links = None,
    *,
    project: Links = None,
    name: Names = None,
    task: Links = None,
    step: LinksOrNames = None,
    user: Links = None,
    playlist: Links = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return versions, oldest first.

    Args:
        sg: Who is asked.

        entity: Links to what the versions are of, such as a shot.

        project: Links to projects.

        name: Names or globs.

        task: Links to tasks.

        step: Pipeline steps of their tasks, as links or by short code or name, such as ``"ANM"``.

        user: Links to the artists.

        playlist: Links to playlists that they are on; `find_playlist_versions` keeps the order of one.

        status: Short codes, such as ``"rev"``.

        fields: Fields to return instead of `VERSION_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields; ``created_at`` is a datetime, as native.
    """
    with within(sg, timeout):
        query = _query(filters, entity, project, name, task, step, user, playlist, status)
        return query.find(sg, "Version", VERSION_FIELDS, fields, extra_fields, ["id"])


def latest_versions(
    sg: Finder,
    entity: Links = None,
    *,
    per: Names = (),
    by: str = "date",
    project: Links = None,
    name: Names = None,
    task: Links = None,
    step: LinksOrNames = None,
    user: Links = None,
    playlist: Links = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the latest version of each entity, or of each part of it; one query, whatever their number.

    They are the latest of those that match: with ``status="apr"`` the latest approved ones. All that match are read, as
    the site's own ``LATEST`` can neither look at names and tasks nor obey other conditions.

    Args:
        sg: Who is asked.

        entity: Links to what the versions are of, such as a shot.

        per: What has a latest version of its own within each entity: ``"task"``, ``"step"``, ``"type"``, ``"name"``
            (what is left of ``sh010_anim_v003`` without the number), or several of these. Nothing: the entity. What
            belongs to neither an entity nor such a part is left out.

        by: ``"date"``: the one made last. ``"number"``: the one with the highest number in its name, however late a
            lower one was made.

        project: Links to projects.

        name: Names or globs.

        task: Links to tasks.

        step: Pipeline steps of their tasks, as links or by short code or name.

        user: Links to the artists.

        playlist: Links to playlists that they are on.

        status: Short codes.

        fields: Fields to return instead of `VERSION_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, oldest first.

    Raises:
        InvalidArgumentError: *per* or *by* is none of these words; nothing was asked.
    """
    with within(sg, timeout):
        query = _query(filters, entity, project, name, task, step, user, playlist, status)
        wanted = fields_of(fields, extra_fields, VERSION_FIELDS)
        return latest_of(_NEWEST, sg, query, "Version", wanted, per, by)


def _query(
    filters: Sequence[Any],
    entity: Links,
    project: Links,
    name: Names,
    task: Links,
    step: LinksOrNames,
    user: Links,
    playlist: Links,
    status: Names,
) -> Query:
    query = Query(filters)
    query.links("entity", entity)
    query.links("project", project, "Project")
    query.globs("code", name)
    query.links("sg_task", task, "Task")
    query.steps("sg_task.Task.step", step)
    query.links("user", user, *PEOPLE)
    query.links("playlists", playlist, "Playlist")
    query.names("sg_status_list", status)
    return query


def create_version(
    sg: Any,
    entity: Entity,
    name: str,
    *,
    task: Optional[Entity] = None,
    user: Optional[Entity] = None,
    description: Optional[str] = None,
    status: Optional[str] = None,
    frames: Optional[str] = None,
    movie: Optional[File] = None,
    thumbnail: Optional[File] = None,
    task_status: Optional[str] = None,
    data: Optional[Row] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Create a version with its movie and thumbnail, then set the status of its task, and return the version.

    Args:
        sg: Who is asked.

        entity: Link to what it is of, such as a shot; its project is looked up, unless it comes with it.

        name: Its ``code``.

        task: Link to the task that it was made for.

        user: Link to the artist. None: who asks, as the site sets it.

        description: What it is.

        status: Short code. None: what the site sets.

        frames: Path to the frames, for ``sg_path_to_frames``.

        movie: A file to upload, for review; its path is in ``sg_path_to_movie`` too.

        thumbnail: An image to upload. None: the site makes one of the movie.

        task_status: Short code that the task gets when all is uploaded.

        data: More fields.

        timeout: Seconds for all of it. None: the site's limits.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.

    Raises:
        PartialSuccessError: The version is there, and what came after it is not; ``entity`` is the version, and the message
            says what is left to do.

        InvalidArgumentError: A link or file is none, or there is a *task_status* and no task; nothing was sent.
    """
    check_text(name, "name")
    check_text(status, "status")
    link = to_link(entity)
    files = [
        (file_at(path), field)
        for path, field in ((movie, "sg_uploaded_movie"), (thumbnail, "image"))
        if path is not None
    ]
    fields: Row = {"entity": link, "code": name}
    if task is not None:
        fields["sg_task"] = to_link(task, "task", ("Task",))
    elif task_status is not None:
        msg = f"task_status={task_status!r} needs the task: give task=. Nothing was sent."
        raise InvalidArgumentError(msg)
    if user is not None:
        fields["user"] = to_link(user, "user", PEOPLE)
    texts = {"description": description, "sg_status_list": status, "sg_path_to_frames": frames}
    texts["sg_path_to_movie"] = None if movie is None else str(file_at(movie))
    fields.update({field: text for field, text in texts.items() if text is not None})
    with within(sg, timeout):
        fields["project"] = entity.get("project") or get(sg, link["type"], link, fields=["project"])["project"]
        made = create_once_by(sg, "Version", {**fields, **(data or {})}, ["code", "entity", "project"])
        left = [f"set_status({fields['sg_task']!r}, {task_status!r})"] if task_status is not None else []
        attach(sg, made, "Version was created", files, left)
        if task_status is not None:
            run_followups(
                made,
                "Version was created with its files",
                left,
                functools.partial(sg.update, "Task", fields["sg_task"]["id"], {"sg_status_list": task_status}),
            )
        return made
