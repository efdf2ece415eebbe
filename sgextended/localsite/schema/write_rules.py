"""
Which fields a caller may write: one table for the fields that a live site treats differently from the rest.

The schema's ``editable`` describes the form of the web application. A field that is not editable may still take a write
through the API, on create or always. So each such field has a rule here, with the reason. Fields without a rule can be
written, unless the schema of another site says that they are read only.
"""

from __future__ import annotations

import enum
import functools
from typing import TYPE_CHECKING, Optional

import attrs

if TYPE_CHECKING:
    from sgextended.localsite.schema.entity_types import Field


class Writes(enum.Enum):
    """
    The calls that may write a field.
    """

    ALWAYS = "create and update"
    ON_CREATE = "create alone"
    NEVER = "neither"


@attrs.frozen
class WriteRule:
    """
    The rule for writes of a field.

    Attributes:
        writes: The calls that may write the field.

        reason: A sentence that says why.

        sure: False if no measurement and no documentation decides. A strict site refuses every write then.
    """

    writes: Writes
    reason: str
    sure: bool = True


_AUTHORED = WriteRule(Writes.ON_CREATE, "Measured: a caller may send it when a row is created, for rows of an import.")
_COMPUTED = WriteRule(Writes.NEVER, "The site computes it.")
_COUNTED = WriteRule(Writes.NEVER, "The site counts it.")
_MEASURED_READ_ONLY = WriteRule(Writes.NEVER, "Measured: every write is refused as read only.")
_OTHER_END = WriteRule(Writes.NEVER, "It shows the links of another field, which can be written.")
_OF_THE_FILE = WriteRule(Writes.NEVER, "The site takes it from the uploaded file.")
_PERSONAL = WriteRule(Writes.NEVER, "The site records it when a person opens the row in the web application.")
_ADMINISTERED = WriteRule(Writes.NEVER, "It is set in the administration of the web application.")
_IDENTITY = WriteRule(Writes.NEVER, "The identity service sets it.")
_END = WriteRule(Writes.ON_CREATE, "An end of a connection. Measured: a connection is created with both ends.")
_ENTRY = WriteRule(Writes.ON_CREATE, "Measured: an event log entry may be created, but not changed.")
_SMART = WriteRule(
    Writes.ALWAYS, "The site computes it from the cut fields, although the schema says editable.", sure=False
)
_UNKNOWN = WriteRule(
    Writes.ALWAYS, "The schema says not editable. Whether the API takes a write is not known.", sure=False
)
_UNKNOWN_CREATE = WriteRule(
    Writes.ON_CREATE, "The schema says not editable. Whether the API takes it on create is not known.", sure=False
)

# The rules, each with its fields: ``Shot.code``, or a name alone for the field of that name in all types.
_RULES: tuple[tuple[WriteRule, tuple[str, ...]], ...] = (
    (_AUTHORED, ("created_at", "created_by", "updated_at")),
    (WriteRule(Writes.NEVER, "The site numbers its rows."), ("id",)),
    (WriteRule(Writes.NEVER, "Documented: the site sets the last author."), ("updated_by",)),
    (WriteRule(Writes.NEVER, "Measured: it names the row that a shared thumbnail is from."), ("image_source_entity",)),
    (WriteRule(Writes.NEVER, "The site makes it of the thumbnail."), ("image_blur_hash",)),
    (WriteRule(Writes.NEVER, "Measured: the site makes it, and every write is refused."), ("uuid", "session_uuid")),
    (WriteRule(Writes.NEVER, "Measured: no response has it."), ("EventLogEntry.audit_trail",)),
    (WriteRule(Writes.NEVER, "Measured: a column of the web application without a value of its own."), ("step_0",)),
    (_OTHER_END, ("open_notes", "HumanUser.bookings", "Task.sg_versions", "Task.sibling_tasks")),
    (
        _COMPUTED,
        (
            *("open_notes_count", "Task.workload", "Task.workload_per_day", "Task.workload_per_day_per_assignee"),
            *("Task.split_durations", "Task.time_vs_est", "Task.time_percent_of_est", "Task.dependency_violation"),
            *("Task.time_logs_sum", "Ticket.time_logs_sum", "Project.landing_page_url", "Delivery.delivery_number"),
            *("smart_cut_summary_display", "smart_duration_summary_display", "smart_working_duration"),
            *("TaskDependency.task_id", "TaskDependency.dependent_task_id"),
        ),
    ),
    (
        _SMART,
        (
            *("smart_cut_duration", "smart_cut_in", "smart_cut_out", "smart_head_duration", "smart_head_in"),
            *("smart_head_out", "smart_tail_duration", "smart_tail_in", "smart_tail_out"),
        ),
    ),
    (
        _COUNTED,
        (
            *("Page.accesses_by_current_user", "Page.hits_last_month", "Playlist.external_share_count"),
            *("Tag.usage", "Task.workload_assignee_count", "TaskTemplate.task_count"),
        ),
    ),
    (
        _PERSONAL,
        (
            *(
                "Page.last_accessed",
                "Page.last_accessed_by_current_user",
                "Playlist.media_center_viewed_by_current_user_at",
            ),
            *("Version.viewed_by_current_user_at", "PageHit.page", "PageHit.user", "PlaylistShare.last_accessed"),
        ),
    ),
    (
        _OF_THE_FILE,
        (
            *("Attachment.file_extension", "Attachment.file_size", "Attachment.filename", "Attachment.local_storage"),
            *("Attachment.processing_status", "Attachment.queue_for_s3_upload"),
        ),
    ),
    (
        _ADMINISTERED,
        (
            *("ApiUser.permission_rule_set", "ApiUser.salted_password", "PermissionRuleSet.cached_display_name"),
            *("PermissionRuleSet.code", "PermissionRuleSet.display_name", "PermissionRuleSet.entity_type"),
            *(
                "PermissionRuleSet.parent_set",
                "RvLicense.expires_at",
                "RvLicense.machine",
                "RvLicense.user",
                "Status.system",
            ),
            *("WorkDayRule.day_of_week", "WorkDayRule.description", "WorkDayRule.end_date", "WorkDayRule.precedence"),
            *("WorkDayRule.project", "WorkDayRule.start_date", "WorkDayRule.user", "WorkDayRule.working"),
        ),
    ),
    (
        _IDENTITY,
        (
            *("HumanUser.autodesk_account_status", "HumanUser.autodesk_identity_invite_expiry_date"),
            *("HumanUser.autodesk_pat_assigned", "HumanUser.merge_in_progress", "HumanUser.oxygen_user_id"),
        ),
    ),
    (_MEASURED_READ_ONLY, ("HumanUser.can_impersonate_this_user", "HumanUser.permission_rule_set", "Page.page_type")),
    (
        WriteRule(Writes.NEVER, "The web application sets it when it makes the page."),
        ("Page.admin", "Page.current_user_can_see", "Page.default_type", "Page.system_owned", "Page.ui_category"),
    ),
    (WriteRule(Writes.ON_CREATE, "Documented: a page keeps its entity type."), ("Page.entity_type",)),
    (WriteRule(Writes.ON_CREATE, "Measured, although the schema says editable."), ("Step.entity_type",)),
    (WriteRule(Writes.ALWAYS, "Measured: an update takes it."), ("TaskTemplate.entity_type",)),
    (WriteRule(Writes.ALWAYS, "Recent schemas say editable."), ("Task.template_task",)),
    (
        WriteRule(Writes.ALWAYS, "The vendor's own tests create people with a password, and log in with it."),
        ("HumanUser.password_proxy",),
    ),
    (WriteRule(Writes.ON_CREATE, "Documented: a project is made of a template project."), ("Project.layout_project",)),
    (WriteRule(Writes.ON_CREATE, "Measured: false alone on create, and no update."), ("Note.client_note",)),
    (WriteRule(Writes.ON_CREATE, "Measured: any container on create, and no update."), ("Note.meta",)),
    (WriteRule(Writes.ON_CREATE, "Measured: an Attachment keeps its file."), ("Attachment.this_file",)),
    (_END, ("TankDependency.dependent_tank_published_file", "TankDependency.tank_published_file")),
    (WriteRule(Writes.ON_CREATE, "A status keeps its code, because rows hold it."), ("Status.code",)),
    (
        _ENTRY,
        tuple(
            f"EventLogEntry.{name}"
            for name in ("attribute_name", "description", "entity", "event_type", "meta", "project", "user")
        ),
    ),
    (
        _UNKNOWN_CREATE,
        (
            *("Composition.content", "Note.suppress_email_notif", "PlaylistShare.access_key"),
            *("PlaylistShare.playlist", "PlaylistShare.user", "TankPublishedFile.entity", "TankPublishedFile.name"),
            *("TankPublishedFile.path", "TankPublishedFile.path_cache", "TankPublishedFile.path_cache_storage"),
            *("TankPublishedFile.tank_type", "TankPublishedFile.task", "TankPublishedFile.version_number"),
        ),
    ),
    (
        _UNKNOWN,
        (
            *("HumanUser.contracts", "HumanUser.email_all_security", "Icon.cached_display_name", "Icon.display_type"),
            *("Icon.html", "Icon.icon_type", "Icon.image_data", "Icon.image_map_key", "Icon.name", "Icon.url"),
            *("Note.otio_playable", "Version.otio_playable", "Playlist.locked_at", "Playlist.locked_by"),
            *("PlaylistShare.revoked_at", "PlaylistShare.revoked_by", "Project.duration", "Project.end_date"),
            *("Project.is_demo", "Project.is_template", "Project.is_template_project", "Project.start_date"),
            "Task.inventory_date",
        ),
    ),
)

_ALL = WriteRule(Writes.ALWAYS, "The schema says editable.")
_FOREIGN = WriteRule(Writes.NEVER, "The schema of the site that the field is from says not editable.")


@functools.cache
def decided() -> dict[str, WriteRule]:
    """
    Return the rules of the table by ``Type.field``, or by the name alone for a field of all types.
    """
    return {path: rule for rule, paths in _RULES for path in paths}


def decision(field: Field) -> Optional[WriteRule]:
    """
    Return the rule that the table has for *field*, or None.
    """
    found = decided().get(field.path) or decided().get(field.name)
    if found is None and field.entity_type.endswith("Connection") and field.data_type == "entity" and field.create_only:
        return _END
    return found


def write_rule(field: Field) -> WriteRule:
    """
    Return the rule for writes of *field*. For a field without a decision, the schema's ``editable`` counts.
    """
    found = decision(field)
    if found is not None:
        return found
    return _ALL if field.editable else _FOREIGN
