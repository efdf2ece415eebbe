"""
The rows of the demo production while it is made: they are collected by type, and written in bulk at the end.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

from sgextended.localsite.schedule.working_days import Calendar
from sgextended.localsite.storage.single_row_writes import insert_links, insert_rows

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Link, Transaction

#: The demo's present day, a Tuesday.
TODAY = dt.date(2026, 3, 10)
SEED = 20260310
_CALENDAR = Calendar()


class DemoRows:
    """
    Collects the rows of the demo.

    Args:
        tx: The transaction in which the rows are written.

    Attributes:
        rows: The rows by type, as columns and stored values, lowest id first. They may be changed until ``write``.

        author: The person who creates the next rows.

        random: Makes all random choices.

        me: The person for whom the examples of the documentation are written.

        team: Links to people, by the code of their department.

        steps: Links to the pipeline steps, by short name.

        assignees: The person who works on each task, by its id.

        noted_versions: The row of the version that each note is about, in the order of the notes.
    """

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.author: Link = {"type": "HumanUser", "id": 1}
        self.random = random.Random(SEED)  # noqa: S311 - the demo must be the same every time
        self.me: Link = {"type": "HumanUser", "id": 1}
        self.team: dict[str, list[Link]] = {}
        self.steps: dict[str, Link] = {}
        self.assignees: dict[int, Link] = {}
        self.noted_versions: list[dict[str, Any]] = []
        self._links: list[tuple[str, Link, Link]] = []
        self._entity_fields: dict[str, frozenset[str]] = {}
        self._stamps: dict[str, tuple[list[str], list[str]]] = {}
        self._workdays: dict[tuple[dt.date, int], dt.date] = {}

    def begin_part(self, name: str) -> None:
        """
        Begin a part of the demo whose random choices depend on its name only.

        So a change of one part does not change the others.
        """
        self.random = random.Random(f"{SEED} {name}")  # noqa: S311 - as above

    def add(self, entity_type: str, when: dt.datetime, **columns: Any) -> Link:
        """
        Add a row with the next id of its type, created by the current author, and return a link to it.

        Args:
            entity_type: The row's type.

            when: The time at which the row was created.

            **columns: Stored values by field. An entity field takes a link or None.
        """
        rows = self.rows.setdefault(entity_type, [])
        number = len(rows) + 1
        row: dict[str, Any] = {"id": number}
        entity_fields = self._entity_fields.get(entity_type)
        if entity_fields is None:
            entity_fields = self._learn(entity_type)
        for name, value in columns.items():
            if name in entity_fields:
                row[f"{name}__type"] = value and value["type"]
                row[f"{name}__id"] = value and value["id"]
            else:
                row[name] = value
        dates, people = self._stamps[entity_type]
        stamp = f"{when.isoformat()[:19]}Z"  # as MOMENT, in a fifth of the time
        for name in dates:
            row[name] = stamp
        for name in people:
            row[f"{name}__type"], row[f"{name}__id"] = self.author["type"], self.author["id"]
        rows.append(row)
        return {"type": entity_type, "id": number}

    def row(self, link: Link) -> dict[str, Any]:
        """
        Return the row that a link leads to.
        """
        number: int = link["id"]
        return self.rows[link["type"]][number - 1]

    def link(self, relation: str, left: Link, right: Link) -> None:
        """
        Add a pair of a list of links that has no connection type.
        """
        self._links.append((relation, left, right))

    def moment(self, day: dt.date) -> dt.datetime:
        """
        Return a random time within the working hours of a day.
        """
        minutes = self.random.randrange(8 * 60, 18 * 60)
        return dt.datetime(day.year, day.month, day.day, *divmod(minutes, 60), tzinfo=dt.timezone.utc)

    def workday(self, first: dt.date, number: int) -> dt.date:
        """
        Return the *number*-th working day on or after *first*.
        """
        found = self._workdays.get((first, number))
        if found is None:
            found = self._workdays[first, number] = _CALENDAR.forward(first, number)
        return found

    def write(self) -> None:
        """
        Insert all rows and links.
        """
        for entity_type, rows in self.rows.items():
            insert_rows(self.tx, entity_type, rows)
        # A trigger counts the uses of a tag in the whole table of links, so tags come first, into the small table.
        self._links.sort(key=lambda pair: pair[2]["type"] != "Tag")
        insert_links(self.tx, self._links)

    def _learn(self, entity_type: str) -> frozenset[str]:
        fields = self.tx.schema[entity_type].fields
        self._stamps[entity_type] = (
            [name for name in ("created_at", "updated_at") if name in fields],
            [name for name in ("created_by", "updated_by") if name in fields],
        )
        found = frozenset(field.name for field in fields.values() if field.data_type == "entity")
        self._entity_fields[entity_type] = found
        return found


def weekday(day: dt.date) -> dt.date:
    """
    Return *day*, or the Monday after it if it is on a weekend.
    """
    return day + dt.timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)


def time_of(moment: str) -> dt.datetime:
    """
    Return a stored time as a datetime.
    """
    return dt.datetime.fromisoformat(f"{moment[:-1]}+00:00")
