"""
The rows that every new site has: statuses with their icons, permission rule sets, pipeline steps and global pages.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.storage.single_row_writes import insert_rows, link_columns

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Transaction

# code, name, color, whether it is a system status
_STATUSES = (
    ("wtg", "Waiting to Start", "200,200,200", False),
    ("ip", "In Progress", "202,225,202", True),
    ("rev", "Pending Review", "255,214,153", False),
    ("apr", "Approved", "170,221,170", False),
    ("fin", "Final", "139,200,139", False),
    ("hld", "On Hold", "230,200,230", False),
    ("omt", "Omit", "170,170,170", False),
    ("na", "N/A", "230,230,230", True),
    ("act", "Active", "170,221,170", True),
    ("dis", "Disabled", "170,170,170", True),
    ("opn", "Open", "255,214,153", False),
    ("res", "Resolved", "170,221,170", False),
    ("clsd", "Closed", "170,170,170", False),
    ("cmpt", "Complete", "139,200,139", False),
    ("vwd", "Viewed", "200,220,240", False),
    ("recd", "Received", "170,221,170", False),
    ("dlvr", "Delivered", "139,200,139", False),
    ("cfrm", "Confirmed", "170,221,170", True),
    ("pndng", "Pending", "255,214,153", True),
    ("rdy", "Ready to Start", "255,244,180", False),
    ("cbb", "Could Be Better", "230,230,170", False),
)
# The ids of icons are the same on every new site.
_ICONS = uuid.UUID("3c0b2f6e-8d57-5f0a-9a6e-5d1f4b7c2e91")

# code, name, type of the users that may have it
_RULE_SETS = (
    ("admin", "Admin", "HumanUser"),
    ("manager", "Manager", "HumanUser"),
    ("artist", "Artist", "HumanUser"),
    ("vendor", "Vendor", "HumanUser"),
    ("api_admin", "API Admin", "ApiUser"),
    ("client_user", "Client User", "ClientUser"),
)

# name, short code, entity type whose tasks it groups, color
_STEPS = (
    ("Art", "ART", "Asset", "183,144,218"),
    ("Model", "MDL", "Asset", "129,183,65"),
    ("Rig", "RIG", "Asset", "219,165,74"),
    ("Surfacing", "SRF", "Asset", "74,163,219"),
    ("Layout", "LAY", "Shot", "219,202,74"),
    ("Animation", "ANM", "Shot", "219,96,74"),
    ("FX", "FX", "Shot", "74,219,196"),
    ("Lighting", "LGT", "Shot", "240,180,60"),
    ("Comp", "CMP", "Shot", "110,120,220"),
    ("Tracking", "TRK", "Shot", "160,160,160"),
    ("Roto", "ROT", "Shot", "120,200,160"),
)

# name and entity type of the pages of no project
_PAGES = (("All Projects", "Project"), ("All Tasks", "Task"), ("People", "HumanUser"), ("All Versions", "Version"))
_PAGE_SETTINGS = {"type": "SG.Widget.Canvas", "settings": {}, "children": {}}
_FIRST_PAGE = 9001  # the demo production numbers its pages from 1


def insert_default_rows(tx: Transaction) -> None:
    """
    Insert the rows that every new site has.
    """
    for entity_type, rows in _default_rows(tx).items():
        insert_rows(tx, entity_type, rows)


def add_missing_default_rows(tx: Transaction) -> None:
    """
    Insert the statuses, icons and permission rule sets that the file of an earlier version lacks.

    Rows that users have deleted stay deleted, because their codes are still in the tables.
    """
    for entity_type, name in (("Icon", "image_map_key"), ("Status", "code"), ("PermissionRuleSet", "code")):
        table = tx.tables[entity_type]
        known = {row[0] for row in tx.connection.execute(sa.select(table.c[name]))}
        number = tx.connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
        missing = [row for row in _default_rows(tx)[entity_type] if row[name] not in known]
        no_icon = link_columns("icon", None) if entity_type == "Status" else {}
        rows = [{**row, **no_icon, "id": number + at} for at, row in enumerate(missing, start=1)]
        insert_rows(tx, entity_type, rows)
    icons, statuses = tx.tables["Icon"], tx.tables["Status"]
    own_icon = sa.select(icons.c.id).where(icons.c.image_map_key == "icon_" + statuses.c.code).limit(1)
    tx.connection.execute(
        sa.update(statuses)
        .where(statuses.c.icon__id.is_(None), own_icon.exists())
        .values(icon__type="Icon", icon__id=own_icon.scalar_subquery())
    )


def _default_rows(tx: Transaction) -> dict[str, list[dict[str, Any]]]:
    """
    Return the default rows by entity type, with the ids that they have on a new site.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    dates = {"created_at": tx.moment, "updated_at": tx.moment}
    found["Icon"] = [
        {
            "id": number,
            "name": name,
            "display_type": "image_map",
            "icon_type": "permanent_status",
            "image_map_key": f"icon_{code}",
            "uuid": str(uuid.uuid5(_ICONS, code)),
        }
        for number, (code, name, _color, _system) in enumerate(_STATUSES, start=1)
    ]
    found["Status"] = [
        {
            "id": number,
            "code": code,
            "name": name,
            "bg_color": color,
            "system": int(system),
            **link_columns("icon", {"type": "Icon", "id": number}),
            **dates,
        }
        for number, (code, name, color, system) in enumerate(_STATUSES, start=1)
    ]
    # Each rule set has a second row, from which the site restores its rules.
    defaults = [
        (f"{code}_system_default", f"{name} System Default", f"PermissionRuleSet.{entity_type}")
        for code, name, entity_type in _RULE_SETS
    ]
    found["PermissionRuleSet"] = [
        {"id": number, "code": code, "display_name": name, "entity_type": entity_type, **dates}
        for number, (code, name, entity_type) in enumerate([*_RULE_SETS, *defaults], start=1)
    ]
    found["Step"] = [
        {
            "id": number,
            "code": name,
            "short_name": short_name,
            "entity_type": entity_type,
            "color": color,
            "list_order": number,
            **dates,
        }
        for number, (name, short_name, entity_type, color) in enumerate(_STEPS, start=1)
    ]
    found["Page"] = [
        {
            "id": number,
            "name": name,
            "entity_type": entity_type,
            "page_type": "canvas",
            "shared": 1,
            "last_accessed": tx.moment,
            **dates,
        }
        for number, (name, entity_type) in enumerate(_PAGES, start=_FIRST_PAGE)
    ]
    found["PageSetting"] = [
        {
            "id": number,
            **link_columns("page", {"type": "Page", "id": number}),
            "settings_json": json.dumps(_PAGE_SETTINGS),
            "created_at": tx.moment,
        }
        for number in range(_FIRST_PAGE, _FIRST_PAGE + len(_PAGES))
    ]
    return found
