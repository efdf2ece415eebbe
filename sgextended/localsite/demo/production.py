"""
The demo production: seven shows of an invented studio, the same on every machine and every day.

All dates count from one fixed day, all random choices come from one seed, and every id is set here, so two demo sites
hold equal rows.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.demo import vocabulary as words
from sgextended.localsite.demo.saved_pages import insert_pages, insert_query_fields
from sgextended.localsite.reading.navigation import default_tracking_settings
from sgextended.localsite.schedule.dependencies import DEPENDENCY_TYPES
from sgextended.localsite.schedule.working_days import Calendar
from sgextended.localsite.storage.single_row_writes import insert_rows, link_columns
from sgextended.localsite.storage.transaction import MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sgextended.localsite.storage.transaction import Link, Transaction

#: The demo's present day, a Tuesday.
TODAY = dt.date(2026, 3, 10)
SEED = 20260310

_VERSIONS = 2200
_MINUTES_PER_DAY = 480
_ASSET_STEPS = ("ART", "MDL", "RIG", "SRF")
_SHOT_STEPS = ("LAY", "ANM", "FX", "LGT", "CMP")
_FIRST_FRAME = 1001
_HISTORY_DAYS = 14
_WORK = Calendar()


def insert_demo(tx: Transaction) -> None:
    """
    Insert the demo production into a new site.
    """
    _Studio(tx).build()


class _Studio:
    """
    Builds the demo: it collects rows by type and writes them in bulk at the end.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._random = random.Random(SEED)  # noqa: S311 - the demo must be the same every time
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._links: list[dict[str, Any]] = []
        self._team: dict[str, list[Link]] = {}
        self._step_of: dict[str, Link] = {}
        self._task_status: dict[int, str] = {}
        self._assignee: dict[int, Link] = {}
        self._author: Link = {"type": "HumanUser", "id": 1}

    def build(self) -> None:
        self._add_departments()
        self._add_people()
        self._add_groups()
        for show in words.SHOWS:
            self._add_show(show)
        self._add_versions()
        self._add_playlists()
        self._add_notes()
        self._add_history()
        for entity_type, rows in self._rows.items():
            insert_rows(self._tx, entity_type, rows)
        self._tx.connection.execute(sa.insert(self._tx.tables.links), self._links)
        insert_query_fields(self._tx)
        insert_pages(self._tx, self._moment(TODAY - dt.timedelta(days=100)).strftime(MOMENT))

    def _add(self, entity_type: str, when: dt.datetime, **columns: Any) -> Link:
        rows = self._rows.setdefault(entity_type, [])
        row: dict[str, Any] = {"id": len(rows) + 1}
        for name, value in columns.items():
            field = self._tx.schema[entity_type].fields[name]
            if field.data_type == "entity":
                row[f"{name}__type"] = value and value["type"]
                row[f"{name}__id"] = value and value["id"]
            else:
                row[name] = value
        moment = when.strftime(MOMENT)
        for name in ("created_at", "updated_at"):
            if name in self._tx.schema[entity_type].fields:
                row[name] = moment
        for name in ("created_by", "updated_by"):
            if name in self._tx.schema[entity_type].fields:
                row[f"{name}__type"], row[f"{name}__id"] = self._author["type"], self._author["id"]
        rows.append(row)
        return {"type": entity_type, "id": row["id"]}

    def _link(self, relation: str, left: Link, right: Link) -> None:
        self._links.append(
            {
                "relation": relation,
                "left_type": left["type"],
                "left_id": left["id"],
                "right_type": right["type"],
                "right_id": right["id"],
            }
        )

    def _moment(self, day: dt.date) -> dt.datetime:
        minutes = self._random.randrange(8 * 60, 18 * 60)
        return dt.datetime.combine(day, dt.time(), dt.timezone.utc) + dt.timedelta(minutes=minutes)

    def _add_departments(self) -> None:
        began = self._moment(TODAY - dt.timedelta(days=900))
        steps = self._tx.tables["Step"]
        found = self._tx.connection.execute(sa.select(steps.c.short_name, steps.c.id)).all()
        numbers = {row.short_name: row.id for row in found}
        self._step_of = {name: {"type": "Step", "id": number} for name, number in numbers.items()}
        for order, (code, name, color, step_names) in enumerate(words.DEPARTMENTS, start=1):
            department = self._add("Department", began, code=code, name=name, color=color, list_order=order)
            for step_name in step_names:
                columns = {"department__type": "Department", "department__id": department["id"]}
                self._tx.connection.execute(sa.update(steps).where(steps.c.id == numbers[step_name]), columns)

    def _add_people(self) -> None:
        codes = [code for code, *_rest in words.DEPARTMENTS]
        rules = {"admin": 1, "manager": 2, "artist": 3}
        for number, (first, last, code) in enumerate(words.PEOPLE):
            login = f"{first}.{last}".lower().translate(str.maketrans("áéčřž", "aecrz"))
            role = "admin" if number == 0 else "manager" if code == "PRD" else "artist"
            person = self._add(
                "HumanUser",
                self._moment(TODAY - dt.timedelta(days=880 - number)),
                login=login,
                email=f"{login}@studio.example",
                firstname=first,
                lastname=last,
                name=f"{first} {last}",
                department={"type": "Department", "id": codes.index(code) + 1},
                permission_rule_set={"type": "PermissionRuleSet", "id": rules[role]},
            )
            self._team.setdefault(code, []).append(person)

    def _add_groups(self) -> None:
        began = self._moment(TODAY - dt.timedelta(days=870))
        for name, codes in words.GROUPS:
            group = self._add("Group", began, code=name)
            for person in itertools.chain.from_iterable(self._team[code] for code in codes):
                self._add("GroupUserConnection", began, group=group, user=person)

    def _add_show(self, show: words.Show) -> None:
        start = TODAY - dt.timedelta(days=show.days)
        self._author = self._random.choice(self._team["PRD"])
        project = self._add(
            "Project",
            self._moment(start),
            name=show.name,
            code=show.code,
            tank_name=show.code,
            sg_type=show.kind,
            sg_status=show.status,
            sg_description=show.description,
            archived=int(show.archived),
            tracking_settings=json.dumps(default_tracking_settings()),
        )
        for person in itertools.chain.from_iterable(self._team.values()):
            if self._random.random() < 0.6 or person["id"] <= 5:
                self._add("ProjectUserConnection", self._moment(start), project=project, user=person)
        assets = self._add_assets(show, project, start)
        self._add_shots(show, project, start, assets)

    def _add_assets(self, show: words.Show, project: Link, start: dt.date) -> list[Link]:
        names = list(_asset_names())
        # Every show has assets of each type, and its own choice of names.
        chosen = sorted(self._random.sample(range(len(names)), show.assets))
        assets = []
        for at in chosen:
            kind, code = names[at]
            day = start + dt.timedelta(days=self._random.randrange(1, 15))
            status = "fin" if show.archived else self._random.choice(("fin", "ip", "ip", "wtg", "rdy"))
            asset = self._add(
                "Asset",
                self._moment(day),
                project=project,
                code=code,
                sg_asset_type=kind,
                sg_status_list=status,
                description=f"{code.partition('_')[2].replace('_', ' ').capitalize()} for {show.name}.",
            )
            assets.append(asset)
            if kind != "Matte Painting":
                self._add_tasks(show, project, asset, _ASSET_STEPS, day, status)
        return assets

    def _add_shots(self, show: words.Show, project: Link, start: dt.date, assets: list[Link]) -> None:
        episodes = [
            self._add(
                "Episode",
                self._moment(start),
                project=project,
                code=f"{show.code.upper()}_{101 + number}",
                description=f"Episode {number + 1} of {show.name}.",
                sg_status_list="fin" if number == 0 else "ip",
            )
            for number in range(show.episodes)
        ]
        count = len(show.sequences)
        for number, (code, title) in enumerate(show.sequences):
            begins = start + dt.timedelta(days=7 + number * max(1, show.days // (count + 2)))
            sequence = self._add(
                "Sequence",
                self._moment(begins),
                project=project,
                code=code,
                description=title,
                sg_status_list="fin" if show.archived else "ip",
                episode=episodes[number * len(episodes) // count] if episodes else None,
            )
            shots = show.shots // count + (number < show.shots % count)
            for at in range(shots):
                self._add_shot(show, project, sequence, f"{code}_{(at + 1) * 10:04d}", at, begins, assets)

    def _add_shot(
        self, show: words.Show, project: Link, sequence: Link, code: str, at: int, begins: dt.date, assets: list[Link]
    ) -> None:
        frames = self._random.randrange(24, 240)
        status = "fin" if show.archived else self._random.choice(("ip", "ip", "ip", "wtg", "wtg", "fin", "hld", "rdy"))
        shot = self._add(
            "Shot",
            self._moment(begins),
            project=project,
            code=code,
            sg_sequence=sequence,
            sg_status_list=status,
            sg_cut_order=at + 1,
            sg_cut_in=_FIRST_FRAME,
            sg_cut_out=_FIRST_FRAME + frames - 1,
            sg_cut_duration=frames,
            description=f"{words.NOTES[at % len(words.NOTES)][0]} in {code}.",
        )
        for asset in self._random.sample(assets, 3):
            self._add("AssetShotConnection", self._moment(begins), asset=asset, shot=shot)
        steps = [step for step in _SHOT_STEPS if step != "FX" or self._random.random() < 0.4]
        self._add_tasks(show, project, shot, steps, begins, status)

    def _add_tasks(
        self, show: words.Show, project: Link, entity: Link, steps: Any, begins: dt.date, entity_status: str
    ) -> None:
        start = _weekday(begins + dt.timedelta(days=self._random.randrange(3, 20)))
        for order, step in enumerate(steps):
            days = self._random.randrange(2, 9)
            due = _WORK.forward(start, days)
            status = self._status(start, due, entity_status, archived=show.archived)
            task = self._add(
                "Task",
                self._moment(begins),
                project=project,
                entity=entity,
                step=self._step_of[step],
                content=_TASK_NAMES[step],
                sg_status_list=status,
                start_date=start.isoformat(),
                due_date=due.isoformat(),
                duration=days * _MINUTES_PER_DAY,
                est_in_mins=self._random.randrange(1, days + 2) * _MINUTES_PER_DAY,
                sg_sort_order=order,
                color="pipeline_step",
            )
            self._task_status[task["id"]] = status
            if order:
                self._add_dependency(task, {"type": "Task", "id": task["id"] - 1})
            department = next(code for code, _name, _color, short_names in words.DEPARTMENTS if step in short_names)
            people = self._random.sample(self._team[department], 1 + (self._random.random() < 0.15))
            self._assignee[task["id"]] = people[0]
            for person in people:
                self._link("Task.task_assignees", task, person)
            if self._random.random() < 0.08:
                group = 2 if step in _ASSET_STEPS else 3
                self._link("Task.task_assignees", task, {"type": "Group", "id": group})
            start = _weekday(due + dt.timedelta(days=1))

    def _add_dependency(self, task: Link, other: Link) -> None:
        pairs = self._rows.setdefault("TaskDependency", [])
        pair = {"id": len(pairs) + 1, "dependency_type": DEPENDENCY_TYPES[0], "offset_days": 0}
        pairs.append({**pair, **link_columns("task", task), **link_columns("dependent_task", other)})

    def _status(self, start: dt.date, due: dt.date, entity_status: str, *, archived: bool) -> str:
        if archived or (entity_status == "fin" and due < TODAY):
            return "fin"
        if entity_status == "hld":
            return "hld"
        if due < TODAY:
            # Most tasks are finished by their due date; the others are late.
            return self._random.choice(("fin", "fin", "fin", "fin", "ip"))
        if start <= TODAY:
            return self._random.choice(("ip", "ip", "rdy"))
        return "wtg"

    def _add_versions(self) -> None:
        started = [task for task in self._rows["Task"] if self._task_status[task["id"]] in {"fin", "ip"}]
        takes: dict[int, int] = {}
        for _number in range(_VERSIONS):
            task = self._random.choice(started)
            take = takes[task["id"]] = takes.get(task["id"], 0) + 1
            entity = self._rows[task["entity__type"]][task["entity__id"] - 1]
            first, last = dt.date.fromisoformat(task["start_date"]), dt.date.fromisoformat(task["due_date"])
            day = min(first + (last - first) * take // 4, TODAY)
            assignee = self._assignee[task["id"]]
            self._author = assignee
            frames = entity.get("sg_cut_duration", 100)
            self._add(
                "Version",
                self._moment(day),
                project={"type": "Project", "id": task["project__id"]},
                entity={"type": task["entity__type"], "id": task["entity__id"]},
                sg_task={"type": "Task", "id": task["id"]},
                user=assignee,
                code=f"{entity['code']}_{task['content'].lower().replace(' ', '_')}_v{take:03d}",
                description=self._random.choice(words.VERSION_NOTES),
                sg_status_list=self._random.choice(("rev", "vwd", "vwd", "na")),
                sg_first_frame=_FIRST_FRAME,
                sg_last_frame=_FIRST_FRAME + frames - 1,
                frame_count=frames,
                frame_range=f"{_FIRST_FRAME}-{_FIRST_FRAME + frames - 1}",
            )

    def _add_playlists(self) -> None:
        versions = self._rows["Version"]
        for number in range(36):
            show = number % len(words.SHOWS) + 1
            day = _weekday(TODAY - dt.timedelta(days=number))
            self._author = self._random.choice(self._team["PRD"])
            title = "Client review" if number % 5 == 0 else "Dailies"
            playlist = self._add(
                "Playlist",
                self._moment(day),
                project={"type": "Project", "id": show},
                code=f"{title} {day.isoformat()} {words.SHOWS[show - 1].code.upper()}",
                sg_status="opn" if day >= TODAY else "clsd",
                sg_date_and_time=self._moment(day).strftime(MOMENT),
                description=f"{title} in the screening room.",
            )
            own = [version for version in versions if version["project__id"] == show]
            for order, version in enumerate(self._random.sample(own, min(len(own), self._random.randrange(8, 20)))):
                link = {"type": "Version", "id": version["id"]}
                self._add(
                    "PlaylistVersionConnection", self._moment(day), playlist=playlist, version=link, sg_sort_order=order
                )

    def _add_notes(self) -> None:
        for _number in range(320):
            version = self._random.choice(self._rows["Version"])
            day = min(dt.date.fromisoformat(version["created_at"][:10]) + dt.timedelta(days=1), TODAY)
            subject, content = self._random.choice(words.NOTES)
            self._author = self._random.choice(self._team["PRD"] + self._team["ED"])
            note = self._add(
                "Note",
                self._moment(day),
                project={"type": "Project", "id": version["project__id"]},
                subject=f"{subject}: {version['code']}",
                content=content,
                user=self._author,
                sg_status_list="opn" if (TODAY - day).days < 10 else self._random.choice(("clsd", "clsd", "ip", "opn")),
                sg_note_type="Client" if subject == "Approved" else "Internal",
            )
            artist = {"type": "HumanUser", "id": version["user__id"]}
            self._link("Note.note_links", note, {"type": "Version", "id": version["id"]})
            self._link("Note.note_links", note, {"type": version["entity__type"], "id": version["entity__id"]})
            self._link("Note.tasks", note, {"type": "Task", "id": version["sg_task__id"]})
            self._link("Note.addressings_to", note, artist)
            for at in range(self._random.randrange(3)):
                person = artist if at % 2 == 0 else self._author
                moment = self._moment(min(day + dt.timedelta(days=at), TODAY))
                self._add("Reply", moment, entity=note, user=person, content=self._random.choice(words.REPLIES))

    def _add_history(self) -> None:
        """
        Add the events of the last days: created rows and viewed versions.
        """
        since = (TODAY - dt.timedelta(days=_HISTORY_DAYS)).isoformat()
        made = [
            (row["created_at"], entity_type, row)
            for entity_type in ("Note", "Playlist", "Version")
            for row in self._rows[entity_type]
            if row["created_at"] >= since
        ]
        for moment, entity_type, row in sorted(made, key=lambda item: (item[0], item[1], item[2]["id"])):
            about = {"entity_type": entity_type, "entity_id": row["id"]}
            self._add_event(moment, entity_type, row, None, {"type": "new_entity", **about}, "created new")
            status = row.get("sg_status_list")
            if entity_type == "Version" and status == "vwd":
                meta = {
                    "type": "attribute_change",
                    "attribute_name": "sg_status_list",
                    **about,
                    "field_data_type": "status_list",
                    "old_value": "rev",
                    "new_value": status,
                }
                text = f'changed "Status" from "rev" to "{status}" on'
                self._add_event(moment, entity_type, row, "sg_status_list", meta, text)

    def _add_event(
        self, moment: str, entity_type: str, row: dict[str, Any], attribute: Optional[str], meta: Any, text: str
    ) -> None:
        user = {"type": "HumanUser", "id": row["created_by__id"]}
        who, name = self._rows["HumanUser"][user["id"] - 1]["name"], row.get("code") or row.get("subject")
        self._add(
            "EventLogEntry",
            dt.datetime.strptime(moment, MOMENT).replace(tzinfo=dt.timezone.utc),
            event_type=f"Shotgun_{entity_type}_{'Change' if attribute else 'New'}",
            attribute_name=attribute,
            entity={"type": entity_type, "id": row["id"]},
            project={"type": "Project", "id": row["project__id"]},
            user=user,
            meta=json.dumps(meta),
            description=f"{who} {text} {self._tx.schema[entity_type].label} {name}",
        )


_TASK_NAMES = {
    "ANM": "Animation",
    "ART": "Concept",
    "CMP": "Comp",
    "FX": "FX",
    "LAY": "Layout",
    "LGT": "Lighting",
    "MDL": "Model",
    "RIG": "Rig",
    "SRF": "Surfacing",
}


def _asset_names() -> Iterator[tuple[str, str]]:
    """
    Yield the type and code of every asset that the vocabulary provides.
    """
    for kind, prefix, nouns, adjectives in words.ASSETS:
        for noun, adjective in itertools.product(nouns, adjectives):
            yield kind, "_".join(filter(None, (prefix, noun, adjective)))


def _weekday(day: dt.date) -> dt.date:
    """
    Return *day*, or the Monday after it if it is on a weekend.
    """
    return day + dt.timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)
