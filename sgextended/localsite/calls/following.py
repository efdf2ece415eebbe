"""
Following: which people follow which rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.calls import payload
from sgextended.localsite.permissions.checks import check_acts_for
from sgextended.localsite.reading.row_reads import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.storage.transaction import Link, Transaction


def follow(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Record that a person follows a row. A second call for the same row changes nothing.
    """
    user, entity = _user_and_entity(tx, request)
    follows = tx.tables.own.follows
    row = {"user_id": user["id"], "type": entity["type"], "id": entity["id"]}
    same = sa.select(follows.c.number).where(*(follows.c[name] == value for name, value in row.items()))
    if tx.connection.execute(same).first() is None:
        tx.connection.execute(sa.insert(follows), row)
    return {"followed": True, "user": user, "entity": entity}


def unfollow(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Delete the record that a person follows a row, if there is one.
    """
    user, entity = _user_and_entity(tx, request)
    follows = tx.tables.own.follows
    tx.connection.execute(
        sa.delete(follows).where(
            follows.c.user_id == user["id"], follows.c.type == entity["type"], follows.c.id == entity["id"]
        )
    )
    return {"unfollowed": True, "user": user, "entity": entity}


def followers(tx: Transaction, request: Any) -> list[dict[str, Any]]:
    """
    Return the live persons who follow a row, in the order in which they began.
    """
    entity = _link(tx, payload.mapping(tx, request), "entity")
    follows = tx.tables.own.follows
    query = sa.select(follows.c.user_id).where(follows.c.type == entity["type"], follows.c.id == entity["id"])
    ids = list(tx.connection.execute(query.order_by(follows.c.number)).scalars())
    alive = tx.names({"HumanUser": ids})
    people = show(tx, "HumanUser", [user_id for user_id in ids if ("HumanUser", user_id) in alive], ["sg_status_list"])
    return [
        {
            "status": person["sg_status_list"],
            "valid": "valid",
            "type": "HumanUser",
            "name": alive["HumanUser", person["id"]],
            "id": person["id"],
        }
        for person in people
    ]


def following(tx: Transaction, request: Any) -> list[dict[str, Any]]:
    """
    Return the live rows that a person follows, limited to the project and the type of the request, if it names them.
    """
    request = payload.mapping(tx, request)
    user = _link(tx, request, "user", only="HumanUser")
    follows = tx.tables.own.follows
    query = sa.select(follows.c.type, follows.c.id).where(follows.c.user_id == user["id"])
    if request.get("entity_type") is not None:
        query = query.where(follows.c.type == payload.entity_type(tx, request, "entity_type").name)
    wanted: dict[str, list[int]] = {}
    for entity_type, entity_id in tx.connection.execute(query.order_by(follows.c.number)):
        wanted.setdefault(entity_type, []).append(entity_id)
    alive = tx.names(wanted)
    if request.get("project") is not None:
        project_id = payload.link(tx, request, "project", only="Project")["id"]
        wanted = {name: _in_project(tx, name, ids, project_id) for name, ids in wanted.items()}
    return [{"id": each, "type": name} for name, ids in wanted.items() for each in ids if (name, each) in alive]


def _link(tx: Transaction, request: Mapping[str, Any], key: str, *, only: Optional[str] = None) -> Link:
    return payload.link(tx, request, key, only=only, missing="Couldn't find {type} with id={id}")


def _in_project(tx: Transaction, entity_type: str, ids: list[int], project_id: int) -> list[int]:
    if "project" not in tx.schema[entity_type].fields:
        return []
    rows = show(tx, entity_type, ids, ["project"])
    return [row["id"] for row in rows if row["project"] is not None and row["project"]["id"] == project_id]


def _user_and_entity(tx: Transaction, request: Any) -> tuple[Link, Link]:
    request = payload.mapping(tx, request)
    user, entity = _link(tx, request, "user", only="HumanUser"), _link(tx, request, "entity")
    check_acts_for(tx, user["id"])
    return user, entity
