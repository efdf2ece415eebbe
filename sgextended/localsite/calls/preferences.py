"""
The site's preferences, and the subscriptions of its people.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.calls import payload
from sgextended.localsite.errors import DATABASE, Fault, inspect
from sgextended.localsite.permissions.checks import check_acts_for, check_administration
from sgextended.localsite.reading.row_reads import show
from sgextended.localsite.storage.personal_values import keep
from sgextended.localsite.storage.single_row_writes import is_retired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.storage.transaction import Transaction

#: The preferences of the site. API3 has no call that changes them.
PREFERENCES: Mapping[str, Any] = {
    "creative_review_settings": "{}",
    "date_component_order": "month_day",
    "duration_units": "days",
    "enable_rv_integration": True,
    "enable_shotgun_review_for_rv": False,
    "format_currency_fields_decimal_options": "$1,000.99",
    "format_currency_fields_display_dollar_sign": False,
    "format_currency_fields_negative_options": "- $1,000",
    "format_date_fields": "08/04/22 OR 04/08/22 (depending on the Month order preference)",
    "format_float_fields": "9,999.99",
    "format_float_fields_rounding": "9.999999",
    "format_footage_fields": "10-05",
    "format_number_fields": "1,000",
    "format_time_hour_fields": "12 hour",
    "hours_per_day": 8.0,
    "support_local_storage": True,
    "view_master_settings": "{}",
}


def preferences_read(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Return the preferences that the request names, or all of them. Unknown names are left out of the response.
    """
    wanted = payload.names(tx, payload.mapping(tx, request or {}), "prefs") or list(PREFERENCES)
    return {name: PREFERENCES[name] for name in wanted if name in PREFERENCES}


def user_subscriptions_read(tx: Transaction, request: Any) -> list[dict[str, Any]]:
    """
    Return the id and the subscription of every live person.
    """
    del request  # this call has no parameters
    people, kept = tx.tables["HumanUser"], tx.tables.own.subscriptions
    query = (
        sa.select(people.c.id, kept.c.subscription)
        .select_from(people.outerjoin(kept, kept.c.user_id == people.c.id))
        .where(people.c.retired_at.is_(None))
    )
    return [
        {"humanUserId": row[0], "subscription": None if row[1] is None else json.loads(row[1])}
        for row in tx.connection.execute(query.order_by(people.c.id))
    ]


def user_subscriptions_create(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Set the subscriptions of persons. A person may have one, several or none.
    """
    users = payload.mapping(tx, request).get("users")
    if not isinstance(users, list):
        raise Fault(f"API {tx.rpc}() 'users' expected an Array of Hash but got: {inspect(users)}")
    check_administration(tx)
    kept = tx.tables.own.subscriptions
    for item in users:
        user_id = payload.integer(tx, payload.mapping(tx, item), "humanUserId")
        subscription = item.get("subscription")
        several = subscription if isinstance(subscription, list) else [subscription]
        if subscription is not None and not all(isinstance(name, str) for name in several):
            raise Fault(
                f"API {tx.rpc}() 'subscription' expected [String, Array, NilClass] but got: {inspect(subscription)}"
            )
        if is_retired(tx, "HumanUser", user_id) is not False:
            raise Fault(f"Entity of type [HumanUser] with id={user_id} does not exist.", DATABASE)
        tx.connection.execute(sa.delete(kept).where(kept.c.user_id == user_id))
        text = None if subscription is None else json.dumps(subscription)
        tx.connection.execute(sa.insert(kept), {"user_id": user_id, "subscription": text})
    return {"status": "success"}


def update_project_last_accessed(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Record that a person has just opened a project. If the request names no person, the current user is meant.
    """
    request = payload.mapping(tx, request)
    project_id = payload.integer(tx, request, "project_id")
    user_id = payload.optional_integer(tx, request, "user_id")
    if user_id is None and (tx.actor is None or tx.actor.type != "HumanUser"):
        raise Fault(f"API {tx.rpc}() a script must name the person: missing 'user_id'.")
    for entity_type, entity_id in (("Project", project_id), ("HumanUser", user_id)):
        if entity_id is not None and is_retired(tx, entity_type, entity_id) is not False:
            raise Fault(f"Entity of type [{entity_type}] with id={entity_id} does not exist.", DATABASE)
    if user_id is not None:
        check_acts_for(tx, user_id)
    field = "last_accessed_by_current_user"
    keep(tx, "Project", project_id, {field: tx.moment}, user_id=user_id)
    return {**show(tx, "Project", [project_id], ["name"])[0], field: tx.moment}
