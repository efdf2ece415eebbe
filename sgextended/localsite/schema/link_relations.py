"""
How the site stores the links of its multi-entity fields.

Many pairs of fields are two views of one relation: the shots of a sequence *are* the shots whose ``sg_sequence`` links
to it. Each multi-entity field therefore has one of four kinds of relation. Two fields that show the same links have
the same place of storage:

- ``Reverse``: the far rows have an entity field that links to this row.
- ``Through``: each link is a row of a connection type, which callers can query too.
- ``Listed``: each link is a row in the site's own table of links, which has a left and a right end.
- ``Siblings``: no link is stored; rows are related because they link to the same row.
"""

from __future__ import annotations

import functools
from typing import Optional, Union

import attrs

from sgextended.localsite.schema.entity_types import Field, standard_schema


@attrs.frozen
class Reverse:
    """
    The far rows are the rows of *far_type* whose entity field *far_field* links to this row.
    """

    far_type: str
    far_field: str


@attrs.frozen
class Through:
    """
    Each link is a row of *connection*: *own_field* links to this row, *far_field* links to the far row.
    """

    connection: str
    own_field: str
    far_field: str
    far_type: str


@attrs.frozen
class Listed:
    """
    Each link is a row of the table of links, under the name *relation*.

    ``left`` is True if this row is the left end. The relation has the name of the field at its left end. ``far_type``
    is None if the far row may be of any type.
    """

    relation: str
    left: bool = True
    far_type: Optional[str] = None


@attrs.frozen
class Siblings:
    """
    The far rows are the other rows of the same type whose entity field *shared* links to the same row.
    """

    shared: str


Relation = Union[Reverse, Through, Listed, Siblings]

# The connection type; its field for one end, and the multi-entity field at that end; the same two for the other end.
# None: the rows at that end have no field for the relation.
_CONNECTIONS: tuple[tuple[str, str, Optional[str], str, Optional[str]], ...] = (
    ("ApiUserProjectConnection", "user", "ApiUser.projects", "project", None),
    ("AssetAssetConnection", "asset", "Asset.parents", "parent", "Asset.assets"),
    ("AssetElementConnection", "asset", "Asset.elements", "element", "Element.assets"),
    ("AssetEpisodeConnection", "asset", "Asset.episodes", "episode", "Episode.assets"),
    ("AssetLevelConnection", "asset", "Asset.levels", "level", "Level.assets"),
    ("AssetMocapTakeConnection", "asset", "Asset.mocap_takes", "mocap_take", "MocapTake.assets"),
    ("AssetSceneConnection", "asset", "Asset.scenes", "scene", "Scene.assets"),
    ("AssetSequenceConnection", "asset", "Asset.sequences", "sequence", "Sequence.assets"),
    ("AssetShootDayConnection", "asset", "Asset.shoot_days", "shoot_day", "ShootDay.assets"),
    ("AssetShotConnection", "asset", "Asset.shots", "shot", "Shot.assets"),
    ("CameraMocapTakeConnection", "camera", "Camera.mocap_takes", "mocap_take", "MocapTake.cameras"),
    ("ElementShotConnection", "element", "Element.shots", "shot", "Shot.elements"),
    ("GroupUserConnection", "group", "Group.users", "user", "HumanUser.groups"),
    ("LaunchSceneConnection", "launch", "Launch.scenes", "scene", None),
    ("LaunchShotConnection", "launch", "Launch.shots", "shot", None),
    ("MocapTakeRangeShotConnection", "mocap_take_range", "MocapTakeRange.shots", "shot", "Shot.mocap_take_ranges"),
    ("PerformerMocapTakeConnection", "performer", "Performer.mocap_takes", "mocap_take", "MocapTake.performers"),
    ("PerformerRoutineConnection", "performer", "Performer.routines", "routine", "Routine.performers"),
    ("PerformerShootDayConnection", "performer", None, "shoot_day", "ShootDay.performers"),
    (
        "PhysicalAssetMocapTakeConnection",
        "physical_asset",
        "PhysicalAsset.mocap_takes",
        "mocap_take",
        "MocapTake.physical_assets",
    ),
    (
        "PipelineConfigurationUserConnection",
        "pipeline_configuration",
        "PipelineConfiguration.users",
        "user",
        "HumanUser.pipeline_configurations",
    ),
    ("PlaylistVersionConnection", "playlist", "Playlist.versions", "version", "Version.playlists"),
    ("ProjectTaskTemplateConnection", "project", "Project.task_templates", "task_template", "TaskTemplate.projects"),
    ("ProjectUserConnection", "project", "Project.users", "user", "HumanUser.projects"),
    (
        "PublishedFileDependency",
        "published_file",
        "PublishedFile.upstream_published_files",
        "dependent_published_file",
        "PublishedFile.downstream_published_files",
    ),
    ("ReleaseTicketConnection", "release", "Release.tickets", "ticket", "Ticket.releases"),
    ("RevisionRevisionConnection", "source_revision", "Revision.revisions", "dest_revision", None),
    ("RevisionTicketConnection", "revision", "Revision.tickets", "ticket", "Ticket.revisions"),
    ("ShootDaySceneConnection", "shoot_day", None, "scene", "Scene.shoot_days"),
    ("ShotShotConnection", "shot", "Shot.parent_shots", "parent_shot", "Shot.shots"),
    (
        "TankDependency",
        "tank_published_file",
        "TankPublishedFile.upstream_tank_published_files",
        "dependent_tank_published_file",
        "TankPublishedFile.downstream_tank_published_files",
    ),
    # In a TaskDependency, `task` is the downstream task and `dependent_task` the upstream task, despite the names.
    ("TaskDependency", "task", "Task.upstream_tasks", "dependent_task", "Task.downstream_tasks"),
    ("TicketTicketConnection", "source_ticket", "Ticket.tickets", "dest_ticket", None),
    (
        "Version_sg_deliveries_Connection",
        "version",
        "Version.sg_deliveries",
        "delivery",
        "Delivery.version_sg_deliveries_versions",
    ),
)

# Each multi-entity field, and the entity field whose links it shows from the other end.
_REVERSES = {
    "Cut.cut_items": "CutItem.cut",
    "Department.steps": "Step.department",
    "Department.users": "HumanUser.department",
    "Episode.cuts": "Cut.entity",
    "Episode.sequences": "Sequence.episode",
    "HumanUser.bookings": "Booking.user",
    "HumanUser.contracts": "Contract.user",
    "Level.sub_levels": "Level.parent",
    "MocapTake.sg_mocap_take_ranges": "MocapTakeRange.sg_mocap_take",
    "Project.phases": "Phase.project",
    "Reel.cuts": "Cut.entity",
    "Scene.shots": "Shot.sg_scene",
    "Sequence.cuts": "Cut.entity",
    "Sequence.shots": "Shot.sg_sequence",
    "Task.sg_versions": "Version.sg_task",
    "Version.cuts": "Cut.version",
    "Version.published_files": "PublishedFile.version",
}

# The same for fields that many types have.
_REVERSES_OF_MANY = {
    "replies": "Reply.entity",
    "sg_published_files": "PublishedFile.entity",
    "sg_versions": "Version.entity",
    "tasks": "Task.entity",
}

# Each field that shows another field's listed links from their right end. The far type is the type of that other field.
_MIRRORS = {
    "Task.notes": "Note.tasks",
    "Task.open_notes": "Note.tasks",
}

# The same for fields that many types have.
_MIRRORS_OF_MANY = {
    "attachments": "Attachment.attachment_links",
    "notes": "Note.note_links",
    "open_notes": "Note.note_links",
}

# Fields with their own links, although other fields of the same name show the links of another field.
_LISTED = frozenset({"Delivery.sg_published_files", "Delivery.sg_versions", "Note.tasks"})


def _split(path: str) -> tuple[str, str]:
    entity_type, _, name = path.partition(".")
    return entity_type, name


@functools.cache
def _connected() -> dict[str, Through]:
    schema = standard_schema()
    found = {}
    for connection, one, shown_on_one, other, shown_on_other in _CONNECTIONS:
        for own_field, far_field, shown in ((one, other, shown_on_one), (other, one, shown_on_other)):
            if shown is not None:
                far = schema[connection].fields[far_field].valid_types[0]
                found[shown] = Through(connection, own_field, far_field, far)
    return found


@functools.cache
def relation_of(entity_type: str, name: str) -> Relation:
    """
    Return the relation that stores the links of a standard multi-entity field.
    """
    path = f"{entity_type}.{name}"
    through = _connected().get(path)
    if through is not None:
        return through
    if path == "Task.sibling_tasks":
        return Siblings("entity")
    reverse = None if path in _LISTED else _REVERSES.get(path) or _REVERSES_OF_MANY.get(name)
    if reverse is not None:
        return Reverse(*_split(reverse))
    mirrored = _MIRRORS.get(path) or _MIRRORS_OF_MANY.get(name)
    if mirrored is not None:
        return Listed(mirrored, left=False, far_type=_split(mirrored)[0])
    return Listed(path)


def relation_for(field: Field) -> Relation:
    """
    Return the relation that stores the links of a multi-entity field, standard or custom.
    """
    if field.connection is None:
        return relation_of(field.entity_type, field.name)
    connection, own_field, far_field = field.connection
    return Through(connection, own_field, far_field, field.valid_types[0])


def connection_ends(entity_type: str) -> Optional[tuple[str, str]]:
    """
    Return the names of the two link fields of a connection type, or None for other types.
    """
    found = (ends for ends in _CONNECTIONS if ends[0] == entity_type)
    return next(((one, other) for _type, one, _shown, other, _shown_there in found), None)


def is_open_notes(field: Field) -> bool:
    """
    Return whether the field shows open notes only.
    """
    return field.name == "open_notes"
