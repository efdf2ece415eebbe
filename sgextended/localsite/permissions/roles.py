"""
The roles, as plain values: what each may create, change and delete.

The roles are a simplification of those of a live site, whose rules an administrator can change. Every role may read all
rows.
"""

from __future__ import annotations

from typing import Optional

import attrs

ADMIN = "admin"
MANAGER = "manager"
ARTIST = "artist"
READ_ONLY = "read_only"

#: The roles, with their names.
ROLES = {ADMIN: "Admin", MANAGER: "Manager", ARTIST: "Artist", READ_ONLY: "Read Only"}

#: The role that a permission rule set gives to its people and scripts, by its code.
_OF_RULE_SETS = {
    "admin": ADMIN,
    "api_admin": ADMIN,
    "manager": MANAGER,
    "artist": ARTIST,
    "vendor": ARTIST,
    "read_only": READ_ONLY,
}

# Only administrators change who may log in, and where files are.
_ADMINISTERED = frozenset({"ApiUser", "ClientUser", "HumanUser", "LocalStorage", "PermissionRuleSet"})
# What people may change about themselves. The login is not part of it: it would make them somebody else.
_OWN_PERSON = frozenset({"email", "firstname", "image", "lastname", "name", "password_proxy"})
# What managers may not change about other people.
_IDENTITY = frozenset({"email", "login", "password_proxy", "permission_rule_set", "sg_status_list"})
_MADE_BY_ARTISTS = frozenset(
    {
        *("Attachment", "EventLogEntry", "Note", "Page", "PageSetting", "Playlist", "PublishedFile"),
        *("PublishedFileDependency", "Reply", "Tag", "TankDependency", "TankPublishedFile", "TimeLog", "Version"),
    }
)
#: Fields that say who made a row, in addition to ``created_by``.
_AUTHORS = frozenset({("EventLogEntry", "user"), ("Reply", "user")})
_OF_ASSIGNED_TASKS = frozenset({"attachments", "due_date", "duration", "image", "sg_status_list", "start_date"})


@attrs.frozen
class Rule:
    """
    What a role may do with rows of a type.

    Attributes:
        allowed: Whether it may do it at all.

        condition: The condition on the row; None if there is none.
    """

    allowed: bool
    condition: Optional[str] = None


#: The conditions, each with its text.
OWN = "created_by is the current user"
ASSIGNED = "task_assignees contains the current user"
SELF = "the row is the current user"

_YES, _NO = Rule(True), Rule(False)


def role_of_rule_set(code: Optional[str], entity_type: str) -> str:
    """
    Return the role of a person or script.

    Args:
        code: The code of its permission rule set. None: it has none, as a script to which no role was given.

        entity_type: ``"HumanUser"`` or ``"ApiUser"``.
    """
    if code is None:
        return ADMIN if entity_type == "ApiUser" else ARTIST
    # A rule set of another site says here only that somebody wanted to limit what it may do.
    return _OF_RULE_SETS.get(code, READ_ONLY)


def may_create(role: str, entity_type: str) -> bool:
    """
    Return whether a role may create rows of a type.
    """
    if role == MANAGER:
        return entity_type not in _ADMINISTERED
    return role == ADMIN or (role == ARTIST and entity_type in _MADE_BY_ARTISTS)


def names_author(role: str, entity_type: str, field: str) -> bool:
    """
    Return whether a field of a new row says who made it, which a role may not say of somebody else.
    """
    return role == ARTIST and (field == "created_by" or (entity_type, field) in _AUTHORS)


def may_update(role: str, entity_type: str, field: str) -> Rule:
    """
    Return whether a role may change a field.
    """
    if role in (ADMIN, READ_ONLY):
        return _YES if role == ADMIN else _NO
    if entity_type == "HumanUser":
        if field in _OWN_PERSON:
            return Rule(True, SELF) if role == ARTIST or field in _IDENTITY else _YES
        return _YES if role == MANAGER and field not in _IDENTITY else _NO
    if role == MANAGER:
        return _NO if entity_type in _ADMINISTERED else _YES
    if entity_type == "Task":
        return Rule(True, ASSIGNED) if field in _OF_ASSIGNED_TASKS else _NO
    is_own = entity_type in _MADE_BY_ARTISTS and (entity_type, field) not in _AUTHORS
    return Rule(True, OWN) if is_own else _NO


def may_delete(role: str, entity_type: str) -> Rule:
    """
    Return whether a role may delete and revive rows of a type.
    """
    if role == ARTIST:
        return Rule(True, OWN) if entity_type in _MADE_BY_ARTISTS else _NO
    return Rule(may_create(role, entity_type))


def may_administer(role: str) -> bool:
    """
    Return whether a role may change fields, working days and subscriptions.
    """
    return role == ADMIN
