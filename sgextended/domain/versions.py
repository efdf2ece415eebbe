"""
Find versions, find the latest ones, create a version.
"""

import functools
from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.after_create import attach_files, run_followup
from sgextended.domain.arguments import (
    PEOPLE,
    Entity,
    FilePath,
    Links,
    LinksOrNames,
    Names,
    Order,
    Row,
    check_text,
    existing_file,
    fields_of,
    to_link,
)
from sgextended.domain.client_kinds import Finder
from sgextended.domain.concurrent_creates import create_own
from sgextended.domain.entities import get
from sgextended.domain.latest_selection import LatestSelector
from sgextended.domain.search import Query
from sgextended.errors import InvalidArgumentError
from sgextended.http.deadline import within

VERSION_FIELDS = ("code", "entity", "sg_task", "user", "sg_status_list", "description", "created_at", "project")

#: Fields that `create_version` may set, and that a site leaves empty otherwise.
_SET_BY_CREATE = ("description", "sg_task", "sg_path_to_frames", "sg_path_to_movie")

_LATEST = LatestSelector(
    group_fields={"task": "sg_task", "step": "sg_task.Task.step", "type": "sg_version_type", "name": "code"},
    number_field="code",
    number_in_name=True,
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
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return versions, oldest first.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the versions belong to, such as a shot.

        project: Links to projects.

        name: Names or globs.

        task: Links to tasks.

        step: Pipeline steps of the tasks, as links or by short code or name, such as ``"ANM"``.

        user: Links to artists.

        playlist: Links to playlists that contain the versions. Use `find_playlist_versions` for the order of a
            playlist.

        status: Short codes or names of statuses, such as ``"rev"``.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project, or an entity, task or playlist of one, is given.

        fields: Fields to return instead of `VERSION_FIELDS`: ``code``, ``entity``, ``sg_task``, ``user``,
            ``sg_status_list``, ``description``, ``created_at``, ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields; ``created_at`` is a datetime, as in ``find``.
    """
    with within(sg, timeout):
        query = _query(filters, archived, entity, project, name, task, step, user, playlist, status)
        return query.find(sg, "Version", VERSION_FIELDS, fields, extra_fields, ["id"], order=order, limit=limit)


def latest_versions(
    sg: Finder,
    entity: Links = None,
    *,
    group_by: Names = (),
    order_by: str = "date",
    project: Links = None,
    name: Names = None,
    task: Links = None,
    step: LinksOrNames = None,
    user: Links = None,
    playlist: Links = None,
    status: Names = None,
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the latest version of each entity, or of each group within an entity, from one query.

    The conditions apply first: ``status="apr"`` returns the latest approved versions. All matching versions are read,
    because the site's ``LATEST`` filter preset cannot group by name or task.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the versions belong to, such as a shot.

        group_by: Within each entity, return one version for each ``"task"``, ``"step"``, ``"type"`` or ``"name"`` (the
            name without its number: ``sh010_anim`` for ``sh010_anim_v003``), or for each combination of several. Empty:
            one version for each entity. A version with neither an entity nor a value to group by is left out.

        order_by: ``"date"``: the version that was created last. ``"number"``: the version with the highest number in
            its name, even if a lower number was created later.

        project: Links to projects.

        name: Names or globs.

        task: Links to tasks.

        step: Pipeline steps of the tasks, as links or by short code or name.

        user: Links to artists.

        playlist: Links to playlists that contain the versions.

        status: Short codes or names of statuses.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project, or an entity, task or playlist of one, is given.

        fields: Fields to return instead of `VERSION_FIELDS`: ``code``, ``entity``, ``sg_task``, ``user``,
            ``sg_status_list``, ``description``, ``created_at``, ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, oldest first.

    Raises:
        InvalidArgumentError: *group_by* or *order_by* is not one of these words. No request was sent.
    """
    with within(sg, timeout):
        query = _query(filters, archived, entity, project, name, task, step, user, playlist, status)
        wanted = fields_of(fields, extra_fields, VERSION_FIELDS)
        return _LATEST.find(sg, query, "Version", wanted, group_by, order_by, order=order, limit=limit)


def _query(
    filters: Sequence[Any],
    archived: Optional[bool],
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
    query.archived(archived)
    query.links("entity", entity)
    query.links("project", project, "Project")
    query.globs("code", name)
    query.links("sg_task", task, "Task")
    query.steps("sg_task.Task.step", step)
    query.links("user", user, *PEOPLE)
    query.links("playlists", playlist, "Playlist")
    query.statuses("Version", status)
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
    movie: Optional[FilePath] = None,
    thumbnail: Optional[FilePath] = None,
    task_status: Optional[str] = None,
    data: Optional[Row] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Create a version with its movie and thumbnail, then set the status of its task, and return the version.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Link to the entity that the version belongs to, such as a shot. Its project costs a request unless the
            dict has a ``project``.

        name: The ``code`` of the version.

        task: Link to the task for which the version was made.

        user: Link to the artist. None: the site sets the current user.

        description: Text that describes the version.

        status: Short code of the status. None: the site's default.

        frames: Path to the frames, for ``sg_path_to_frames``.

        movie: Path of a movie to upload for review. The path is also stored in ``sg_path_to_movie``.

        thumbnail: Path of an image to upload. None: the site makes a thumbnail from the movie.

        task_status: Short code of the status to set on the task when all files are uploaded.

        data: Further fields to set, by name.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.

    Raises:
        OutcomeUnknown: No response arrived, and a version on the site may be this one or that of another caller.

        PartialSuccessError: The version was created and a later step failed. ``entity`` is the version, and the message
            lists the steps that are left.

        InvalidArgumentError: A link or file is not valid, or *task_status* was passed without *task*. Nothing was sent.
    """
    check_text(name, "name")
    check_text(status, "status")
    link = to_link(entity)
    files = [
        (existing_file(path), field)
        for path, field in ((movie, "sg_uploaded_movie"), (thumbnail, "image"))
        if path is not None
    ]
    fields: Row = {"entity": link, "code": name}
    if task is not None:
        fields["sg_task"] = to_link(task, "task", ("Task",))
    elif task_status is not None:
        msg = (
            f"task_status={task_status!r} was passed without a task. Nothing was sent. Pass the link to the task as "
            "task=."
        )
        raise InvalidArgumentError(msg)
    if user is not None:
        fields["user"] = to_link(user, "user", PEOPLE)
    texts = {"description": description, "sg_status_list": status, "sg_path_to_frames": frames}
    texts["sg_path_to_movie"] = None if movie is None else str(existing_file(movie))
    fields.update({field: text for field, text in texts.items() if text is not None})
    with within(sg, timeout):
        fields["project"] = entity.get("project") or get(sg, link["type"], link, fields=["project"])["project"]
        made = create_own(sg, "Version", {**fields, **(data or {})}, _SET_BY_CREATE)
        remaining = [f"set_status({fields['sg_task']!r}, {task_status!r})"] if task_status is not None else []
        attach_files(sg, made, "The version was created", files, remaining)
        if task_status is not None:
            run_followup(
                made,
                "The version was created with its files",
                remaining,
                functools.partial(sg.update, "Task", fields["sg_task"]["id"], {"sg_status_list": task_status}),
            )
        return made
