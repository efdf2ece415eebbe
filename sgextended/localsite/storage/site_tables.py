"""
SQL tables that belong to no entity type: follows, personal values, custom fields, project settings, subscriptions.
"""

from __future__ import annotations

import attrs
import sqlalchemy as sa


@attrs.frozen(eq=False)
class SiteTables:
    """
    The tables that belong to no entity type.

    Attributes:
        follows: Which persons follow which rows. The number is the order in which they began.

        personal: Each person's values of rows: favourites, and which rows the person has read or viewed.

        fields:
            Changes of the schema. There is one row per custom field, with all its attributes, and one per changed
            standard field, with the changed attributes only.

        shown: Which fields a project shows or hides, and which statuses of a field it hides.

        subscriptions: The subscriptions of persons.
    """

    follows: sa.Table
    personal: sa.Table
    fields: sa.Table
    shown: sa.Table
    subscriptions: sa.Table


def site_tables(metadata: sa.MetaData) -> SiteTables:
    """
    Create the tables in *metadata* and return them.
    """
    follows = sa.Table(
        "follows",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.UniqueConstraint("user_id", "type", "id"),
        sa.Index("ix_follows_row", "type", "id"),
    )
    personal = sa.Table(
        "personal",
        metadata,
        sa.Column("user_id", sa.Integer, primary_key=True),
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("value", sa.Text),
        sqlite_with_rowid=False,
    )
    fields = sa.Table(
        "fields",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("custom", sa.Integer, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("retired_at", sa.Text),
        sa.UniqueConstraint("type", "name"),
        sqlite_autoincrement=True,
    )
    shown = sa.Table(
        "shown_fields",
        metadata,
        sa.Column("project_id", sa.Integer, primary_key=True),
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("visible", sa.Integer, nullable=False, server_default="1"),
        sa.Column("hidden_values", sa.Text, nullable=False, server_default="[]"),
        sqlite_with_rowid=False,
    )
    subscriptions = sa.Table(
        "subscriptions",
        metadata,
        sa.Column("user_id", sa.Integer, primary_key=True),
        sa.Column("subscription", sa.Text),
    )
    return SiteTables(follows, personal, fields, shown, subscriptions)
