"""
The demo production: seven shows of an invented studio, the same on every machine and every day.

All dates count from one fixed day, all random choices come from one seed, and every id is set here, so two demo sites
hold equal rows.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.demo import vocabulary as words
from sgextended.localsite.demo.demo_rows import TODAY, DemoRows, weekday
from sgextended.localsite.demo.media_files import add_media
from sgextended.localsite.demo.published_files import add_published_files
from sgextended.localsite.demo.saved_pages import insert_pages, insert_query_fields
from sgextended.localsite.demo.work_records import add_work_records
from sgextended.localsite.reading.navigation import default_tracking_settings
from sgextended.localsite.schedule.dependencies import DEPENDENCY_TYPES
from sgextended.localsite.storage.single_row_writes import link_columns
from sgextended.localsite.storage.transaction import MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sgextended.localsite.storage.transaction import Link, Transaction

_VERSIONS = 2200
_MINUTES_PER_DAY = 480
_ASSET_STEPS = ("ART", "MDL", "RIG", "SRF")
_SHOT_STEPS = ("LAY", "ANM", "FX", "LGT", "CMP")
_FIRST_FRAME = 1001
_HISTORY_DAYS = 14


def insert_demo(tx: Transaction) -> None:
    """
    Insert the demo production into a new site.
    """
    _Studio(tx).build()


class _Studio(DemoRows):
    """
    Builds the people, shows and work of the demo.
    """

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx)
        self._task_status: dict[int, str] = {}

    def build(self) -> None:
        self._add_departments()
        self._add_people()
        self._add_groups()
        for show in words.SHOWS:
            self._add_show(show)
        self._add_versions()
        self._add_playlists()
        self._add_notes()
        made_pages = self.moment(TODAY - dt.timedelta(days=100))
        add_published_files(self)
        add_work_records(self)
        add_media(self)
        self._add_history()
        self.write()
        insert_query_fields(self.tx)
        insert_pages(self.tx, made_pages.strftime(MOMENT))

    def _add_departments(self) -> None:
        began = self.moment(TODAY - dt.timedelta(days=900))
        steps = self.tx.tables["Step"]
        found = self.tx.connection.execute(sa.select(steps.c.short_name, steps.c.id)).all()
        numbers = {row.short_name: row.id for row in found}
        self.steps = {name: {"type": "Step", "id": number} for name, number in numbers.items()}
        for order, (code, name, color, step_names) in enumerate(words.DEPARTMENTS, start=1):
            department = self.add("Department", began, code=code, name=name, color=color, list_order=order)
            for step_name in step_names:
                columns = {"department__type": "Department", "department__id": department["id"]}
                self.tx.connection.execute(sa.update(steps).where(steps.c.id == numbers[step_name]), columns)

    def _add_people(self) -> None:
        codes = [code for code, *_rest in words.DEPARTMENTS]
        rules = {"admin": 1, "manager": 2, "artist": 3}
        for number, (first, last, code) in enumerate(words.PEOPLE):
            login = f"{first}.{last}".lower().translate(str.maketrans("áéčřž", "aecrz"))
            role = "admin" if number == 0 else "manager" if code == "PRD" else "artist"
            person = self.add(
                "HumanUser",
                self.moment(TODAY - dt.timedelta(days=880 - number)),
                login=login,
                email=f"{login}@studio.example",
                firstname=first,
                lastname=last,
                name=f"{first} {last}",
                department={"type": "Department", "id": codes.index(code) + 1},
                permission_rule_set={"type": "PermissionRuleSet", "id": rules[role]},
            )
            self.team.setdefault(code, []).append(person)
            if login == words.ME:
                self.me = person

    def _add_groups(self) -> None:
        began = self.moment(TODAY - dt.timedelta(days=870))
        for name, codes in words.GROUPS:
            group = self.add("Group", began, code=name)
            for person in itertools.chain.from_iterable(self.team[code] for code in codes):
                self.add("GroupUserConnection", began, group=group, user=person)

    def _add_show(self, show: words.Show) -> None:
        start = TODAY - dt.timedelta(days=show.days)
        self.author = self.random.choice(self.team["PRD"])
        project = self.add(
            "Project",
            self.moment(start),
            name=show.name,
            code=show.code,
            tank_name=show.code,
            sg_type=show.kind,
            sg_status=show.status,
            sg_description=show.description,
            archived=int(show.archived),
            tracking_settings=json.dumps(default_tracking_settings()),
        )
        for person in itertools.chain.from_iterable(self.team.values()):
            if self.random.random() < 0.6 or person["id"] <= 5:
                self.add("ProjectUserConnection", self.moment(start), project=project, user=person)
        assets = self._add_assets(show, project, start)
        self._add_shots(show, project, start, assets)

    def _add_assets(self, show: words.Show, project: Link, start: dt.date) -> list[Link]:
        names = list(_asset_names())
        # Every show has assets of each type, and its own choice of names.
        chosen = sorted(self.random.sample(range(len(names)), show.assets))
        assets = []
        for at in chosen:
            kind, code = names[at]
            day = start + dt.timedelta(days=self.random.randrange(1, 15))
            status = "fin" if show.archived else self.random.choice(("fin", "ip", "ip", "wtg", "rdy"))
            asset = self.add(
                "Asset",
                self.moment(day),
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
            self.add(
                "Episode",
                self.moment(start),
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
            sequence = self.add(
                "Sequence",
                self.moment(begins),
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
        frames = self.random.randrange(24, 240)
        status = "fin" if show.archived else self.random.choice(("ip", "ip", "ip", "wtg", "wtg", "fin", "hld", "rdy"))
        shot = self.add(
            "Shot",
            self.moment(begins),
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
        for asset in self.random.sample(assets, 3):
            self.add("AssetShotConnection", self.moment(begins), asset=asset, shot=shot)
        steps = [step for step in _SHOT_STEPS if step != "FX" or self.random.random() < 0.4]
        self._add_tasks(show, project, shot, steps, begins, status)

    def _add_tasks(
        self, show: words.Show, project: Link, entity: Link, steps: Any, begins: dt.date, entity_status: str
    ) -> None:
        start = weekday(begins + dt.timedelta(days=self.random.randrange(3, 20)))
        for order, step in enumerate(steps):
            days = self.random.randrange(2, 9)
            due = self.workday(start, days)
            status = self._status(start, due, entity_status, archived=show.archived)
            task = self.add(
                "Task",
                self.moment(begins),
                project=project,
                entity=entity,
                step=self.steps[step],
                content=_TASK_NAMES[step],
                sg_status_list=status,
                start_date=start.isoformat(),
                due_date=due.isoformat(),
                duration=days * _MINUTES_PER_DAY,
                est_in_mins=self.random.randrange(1, days + 2) * _MINUTES_PER_DAY,
                sg_sort_order=order,
                color="pipeline_step",
            )
            self._task_status[task["id"]] = status
            if order:
                self._add_dependency(task, {"type": "Task", "id": task["id"] - 1})
            department = next(code for code, _name, _color, short_names in words.DEPARTMENTS if step in short_names)
            people = self.random.sample(self.team[department], 1 + (self.random.random() < 0.15))
            self.assignees[task["id"]] = people[0]
            for person in people:
                self.link("Task.task_assignees", task, person)
            if self.random.random() < 0.08:
                group = 2 if step in _ASSET_STEPS else 3
                self.link("Task.task_assignees", task, {"type": "Group", "id": group})
            start = weekday(due + dt.timedelta(days=1))

    def _add_dependency(self, task: Link, other: Link) -> None:
        pairs = self.rows.setdefault("TaskDependency", [])
        pair = {"id": len(pairs) + 1, "dependency_type": DEPENDENCY_TYPES[0], "offset_days": 0}
        pairs.append({**pair, **link_columns("task", task), **link_columns("dependent_task", other)})

    def _status(self, start: dt.date, due: dt.date, entity_status: str, *, archived: bool) -> str:
        if archived or (entity_status == "fin" and due < TODAY):
            return "fin"
        if entity_status == "hld":
            return "hld"
        if due < TODAY:
            # Most tasks are finished by their due date; the others are late.
            return self.random.choice(("fin", "fin", "fin", "fin", "ip"))
        if start <= TODAY:
            return self.random.choice(("ip", "ip", "rdy"))
        return "wtg"

    def _add_versions(self) -> None:
        started = [task for task in self.rows["Task"] if self._task_status[task["id"]] in {"fin", "ip"}]
        takes: dict[int, int] = {}
        for _number in range(_VERSIONS):
            task = self.random.choice(started)
            take = takes[task["id"]] = takes.get(task["id"], 0) + 1
            entity = self.rows[task["entity__type"]][task["entity__id"] - 1]
            first, last = dt.date.fromisoformat(task["start_date"]), dt.date.fromisoformat(task["due_date"])
            day = min(first + (last - first) * take // 4, TODAY)
            assignee = self.assignees[task["id"]]
            self.author = assignee
            frames = entity.get("sg_cut_duration", 100)
            self.add(
                "Version",
                self.moment(day),
                project={"type": "Project", "id": task["project__id"]},
                entity={"type": task["entity__type"], "id": task["entity__id"]},
                sg_task={"type": "Task", "id": task["id"]},
                user=assignee,
                code=f"{entity['code']}_{task['content'].lower().replace(' ', '_')}_v{take:03d}",
                description=self.random.choice(words.VERSION_NOTES),
                sg_status_list=self.random.choice(("rev", "vwd", "vwd", "na")),
                sg_first_frame=_FIRST_FRAME,
                sg_last_frame=_FIRST_FRAME + frames - 1,
                frame_count=frames,
                frame_range=f"{_FIRST_FRAME}-{_FIRST_FRAME + frames - 1}",
            )

    def _add_playlists(self) -> None:
        versions = self.rows["Version"]
        for number in range(36):
            show = number % len(words.SHOWS) + 1
            day = weekday(TODAY - dt.timedelta(days=number))
            self.author = self.random.choice(self.team["PRD"])
            title = "Client review" if number % 5 == 0 else "Dailies"
            playlist = self.add(
                "Playlist",
                self.moment(day),
                project={"type": "Project", "id": show},
                code=f"{title} {day.isoformat()} {words.SHOWS[show - 1].code.upper()}",
                sg_status="opn" if day >= TODAY else "clsd",
                sg_date_and_time=self.moment(day).strftime(MOMENT),
                description=f"{title} in the screening room.",
            )
            own = [version for version in versions if version["project__id"] == show]
            for order, version in enumerate(self.random.sample(own, min(len(own), self.random.randrange(8, 20)))):
                link = {"type": "Version", "id": version["id"]}
                self.add(
                    "PlaylistVersionConnection", self.moment(day), playlist=playlist, version=link, sg_sort_order=order
                )

    def _add_notes(self) -> None:
        for _number in range(320):
            version = self.random.choice(self.rows["Version"])
            day = min(dt.date.fromisoformat(version["created_at"][:10]) + dt.timedelta(days=1), TODAY)
            subject, content = self.random.choice(words.NOTES)
            self.author = self.random.choice(self.team["PRD"] + self.team["ED"])
            note = self.add(
                "Note",
                self.moment(day),
                project={"type": "Project", "id": version["project__id"]},
                subject=f"{subject}: {version['code']}",
                content=content,
                user=self.author,
                sg_status_list="opn" if (TODAY - day).days < 10 else self.random.choice(("clsd", "clsd", "ip", "opn")),
                sg_note_type="Client" if subject == "Approved" else "Internal",
            )
            self.noted_versions.append(version)
            artist = {"type": "HumanUser", "id": version["user__id"]}
            self.link("Note.note_links", note, {"type": "Version", "id": version["id"]})
            self.link("Note.note_links", note, {"type": version["entity__type"], "id": version["entity__id"]})
            self.link("Note.tasks", note, {"type": "Task", "id": version["sg_task__id"]})
            self.link("Note.addressings_to", note, artist)
            for at in range(self.random.randrange(3)):
                person = artist if at % 2 == 0 else self.author
                moment = self.moment(min(day + dt.timedelta(days=at), TODAY))
                self.add("Reply", moment, entity=note, user=person, content=self.random.choice(words.REPLIES))

    def _add_history(self) -> None:
        """
        Add the events of the last days: created rows and viewed versions.
        """
        since = (TODAY - dt.timedelta(days=_HISTORY_DAYS)).isoformat()
        made = [
            (row["created_at"], entity_type, row)
            for entity_type in ("Note", "Playlist", "PublishedFile", "Ticket", "Version")
            for row in self.rows[entity_type]
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
        who, name = (
            self.rows["HumanUser"][user["id"] - 1]["name"],
            row.get("code") or row.get("subject") or row.get("title"),
        )
        self.add(
            "EventLogEntry",
            dt.datetime.strptime(moment, MOMENT).replace(tzinfo=dt.timezone.utc),
            event_type=f"Shotgun_{entity_type}_{'Change' if attribute else 'New'}",
            attribute_name=attribute,
            entity={"type": entity_type, "id": row["id"]},
            project={"type": "Project", "id": row["project__id"]},
            user=user,
            meta=json.dumps(meta),
            description=f"{who} {text} {self.tx.schema[entity_type].label} {name}",
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
