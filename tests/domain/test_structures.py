"""
Copies of a structure: rows, links, dependencies and dates, into a project or beside the original; interrupted copies.
"""

import pytest
from shotgun_api3 import ShotgunError

from sgextended import InvalidArgumentError, NotFoundError, PartialSuccessError, SGExtended
from sgextended.domain.structure_copy import StructureCopy


@pytest.fixture(scope="module")
def sg(own_sg):
    """
    A client of a site for these tests.
    """
    return own_sg


@pytest.fixture(scope="module")
def step(sg):
    """
    A pipeline step, which every copy keeps.
    """
    return sg.create("Step", {"code": "Animation", "short_name": "ANM", "entity_type": "Shot"})


@pytest.fixture(scope="module")
def rows(sg, ana, step):
    """
    A project with an episode, two sequences of one shot, two assets and five tasks, by their names.
    """
    made = {"show": sg.create("Project", {"name": "Source"})}

    def make(name, kind, **data):
        named = {"content" if kind == "Task" else "code": name, "project": made["show"]}
        made[name] = sg.create(kind, {**named, **data})
        return made[name]

    episode = make("ep", "Episode")
    for number in (1, 2):
        asset = make(
            f"chr{number}", "Asset", sg_asset_type="Character", **({"parents": [made["chr1"]]} if number > 1 else {})
        )
        sequence = make(f"sq{number}", "Sequence", episode=episode if number == 1 else None, assets=[asset])
        make(f"sh{number}", "Shot", sg_sequence=sequence, assets=[asset], sg_status_list="ip", sg_cut_in=1001)
    shot = made["sh1"]
    make("model", "Task", entity=made["chr1"], start_date="2026-03-02", due_date="2026-03-03")
    dates = {"start_date": "2026-03-04", "due_date": "2026-03-05"}
    make("layout", "Task", entity=shot, step=step, task_assignees=[ana], sg_status_list="ip", **dates)
    make("anim", "Task", entity=shot, step=step, start_date="2026-03-10", due_date="2026-03-11")
    make("light", "Task", entity=made["sh2"], pinned=True, start_date="2026-03-02", due_date="2026-03-02")
    make("meeting", "Task", entity=made["show"])
    for task, upstream, kind, offset in (
        ("layout", "model", "finish-to-start-next-day", 0),
        ("anim", "layout", "start-to-start", 2),
        ("light", "anim", "finish-to-finish", -1),
    ):
        edge = {"task": made[task], "dependent_task": made[upstream], "dependency_type": kind, "offset_days": offset}
        sg.create("TaskDependency", edge)
    return made


@pytest.fixture
def target(sg, request):
    """
    An empty project for one test.
    """
    return sg.create("Project", {"name": request.node.name})


def edges_of(sg, tasks):
    """
    Return the dependencies of tasks: both ends, type, offset.
    """
    wanted = ["task", "dependent_task", "dependency_type", "offset_days"]
    found = sg.find("TaskDependency", [["task", "in", tasks]], wanted)
    return {
        (row["task"]["id"], row["dependent_task"]["id"], row["dependency_type"], row["offset_days"]) for row in found
    }


def values(sg, link, *fields):
    """
    Return the values of some fields, with ids for links.
    """
    row = sg.get(link["type"], link, fields=fields)

    def short(value):
        if isinstance(value, list):
            return sorted(each["id"] for each in value)
        return value["id"] if isinstance(value, dict) else value

    return [short(row[name]) for name in fields]


def test_a_project_is_copied_with_its_links(sg, rows, target):
    """
    Links between copied rows lead to the copies, also links from a row to a later one of its type. Others stay.
    """
    before = {kind: sg.count(kind, [["project", "is", rows["show"]]]) for kind in ("Shot", "Asset", "Task")}

    copied = sg.copy_structure(rows["show"], project=target)
    of = {name: copied.of(row)["id"] for name, row in rows.items() if name != "show"}

    assert str(copied) == "1 Episode, 2 Asset, 2 Sequence, 2 Shot, 5 Task, 3 TaskDependency"
    assert values(sg, copied.of(rows["sq1"]), "code", "episode", "assets", "project") == [
        "sq1", of["ep"], [of["chr1"]], target["id"],
    ]  # fmt: skip
    assert values(sg, copied.of(rows["sh2"]), "sg_sequence", "assets", "sg_cut_in") == [of["sq2"], [of["chr2"]], 1001]
    assert values(sg, copied.of(rows["chr2"]), "parents", "sg_asset_type") == [[of["chr1"]], "Character"]
    assert values(sg, copied.of(rows["light"]), "entity", "pinned") == [of["sh2"], True]
    assert values(sg, copied.of(rows["meeting"]), "entity") == [target["id"]]
    assert {kind: sg.count(kind, [["project", "is", rows["show"]]]) for kind in before} == before
    assert {kind: sg.count(kind, [["project", "is", target]]) for kind in before} == before
    assert values(sg, rows["sh1"], "assets", "sg_sequence") == [[rows["chr1"]["id"]], rows["sq1"]["id"]]


def test_dependencies_are_copied_with_type_and_offset(sg, rows, target):
    """
    Each dependency is between the copies of its tasks, and the dates of the copies are those of the originals.
    """
    names = ("layout", "anim", "light")
    copied = sg.copy_structure(rows["show"], project=target)
    to_copy = {row["id"]: copied.of(row)["id"] for row in rows.values() if row["type"] == "Task"}

    expected = {(to_copy[task], to_copy[up], *how) for task, up, *how in edges_of(sg, [rows[name] for name in names])}
    assert edges_of(sg, [copied.of(rows[name]) for name in names]) == expected
    for name in names:
        days = ("start_date", "due_date", "duration")
        assert values(sg, copied.of(rows[name]), *days) == values(sg, rows[name], *days)


def test_dates_are_shifted(sg, rows, target):
    """
    All dates are shifted by the same number of days; durations stay.
    """
    copied = sg.copy_structure(rows["show"], project=target, shift_days=28)

    days = ("start_date", "due_date", "duration")
    assert values(sg, rows["anim"], *days) == ["2026-03-06", "2026-03-09", 960]  # the site follows the offset
    assert values(sg, copied.of(rows["anim"]), *days) == ["2026-04-03", "2026-04-06", 960]
    assert values(sg, copied.of(rows["layout"]), *days[:2]) == ["2026-04-01", "2026-04-02"]


@pytest.mark.parametrize("keeps", [False, True])
def test_statuses_and_people_are_options(sg, rows, target, ana, step, keeps):
    """
    By default the copies have the first status and no assignees. Steps are always kept.
    """
    copied = sg.copy_structure(rows["sh1"], project=target, keep_statuses=keeps, keep_people=keeps)

    kept = values(sg, copied.of(rows["layout"]), "sg_status_list", "task_assignees", "step")
    assert kept == [*(("ip", [ana["id"]]) if keeps else ("wtg", [])), step["id"]]
    assert values(sg, copied.of(rows["sh1"]), "sg_status_list", "sg_sequence") == ["ip" if keeps else "wtg", None]


def test_a_sequence_is_copied_beside_itself(sg, rows):
    """
    In the same project, assets that are not copied stay linked, and a copied task waits for the same one outside.
    """
    copied = sg.copy_structure(rows["sq1"], data={"code": "sq9"}, rename=lambda code: f"{code}_b")

    assert str(copied) == "1 Sequence, 1 Shot, 2 Task, 2 TaskDependency"
    shot = copied.of(rows["sh1"])
    assert values(sg, copied.of(rows["sq1"]), "code", "episode") == ["sq9", rows["ep"]["id"]]
    assert values(sg, shot, "code", "assets") == ["sh1_b", [rows["chr1"]["id"]]]
    assert (copied.of(rows["layout"])["id"], rows["model"]["id"], "finish-to-start-next-day", 0) in edges_of(
        sg, [copied.of(rows["layout"])]
    )
    assert copied.left_out == []
    with pytest.raises(NotFoundError, match=r"Asset \d+ was not copied"):
        copied.of(rows["chr1"])
    sg.delete_many(copied.copies.values())


def test_an_episode_is_copied_with_its_assets(sg, rows, target):
    """
    with_assets= copies the linked assets and their tasks too. In another project nothing waits for a task outside.
    """
    with_assets = sg.copy_structure(rows["ep"], project=target, with_assets=True, shift_days=None)
    assert str(with_assets) == "1 Episode, 1 Asset, 1 Sequence, 1 Shot, 3 Task, 2 TaskDependency"
    assert values(sg, with_assets.of(rows["model"]), "start_date", "duration") == [None, 960]
    sg.delete_many(with_assets.copies.values())

    alone = sg.copy_structure(rows["ep"], project=target)
    assert str(alone) == "1 Episode, 1 Sequence, 1 Shot, 2 Task, 1 TaskDependency"
    assert values(sg, alone.of(rows["sh1"]), "assets", "sg_sequence") == [[], alone.of(rows["sq1"])["id"]]
    assert alone.left_out[:2] == [
        f"{kind}.assets of 1 rows has links to rows that were not copied; the copies in another project do not have "
        "these links."
        for kind in ("Sequence", "Shot")
    ]
    assert "waits for task" in alone.left_out[2]


def test_a_dry_run_sends_nothing(sg, rows, target):
    """
    A dry run plans the whole copy, with the links between the planned rows. Its plan makes the copy.
    """
    with sg.dry_run() as plan:
        copied = sg.copy_structure(rows["show"], project=target)

    assert len(copied) == 12
    assert sg.count("Shot", [["project", "is", target]]) == 0
    plan.apply()
    made = sg.find("Shot", [["project", "is", target]], ["code", "sg_sequence.Sequence.project"])
    assert [(row["code"], row["sg_sequence.Sequence.project"]["id"]) for row in made] == [
        ("sh1", target["id"]), ("sh2", target["id"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": {"type": "Version", "id": 1}}, "source must be of the type"),
        ({"source": "show"}, "pass project="),
        ({"source": "show", "project": "show"}, "are the same project"),
        ({"source": "sq1"}, "1 Sequence with the code of a copy already: sq1"),
        ({"source": "sq1", "data": {"code": "new"}}, "1 Shot with the code of a copy already: sh1"),
        ({"source": "sh1", "shift_days": 1.5}, "is not a whole number of days"),
    ],
)
def test_what_cannot_be_copied_is_refused(sg, rows, options, message):
    """
    The error says why and what to do, and nothing is written.
    """
    options = {name: rows.get(value, value) if isinstance(value, str) else value for name, value in options.items()}
    last = sg.find_one("EventLogEntry", [], order=[{"field_name": "id", "direction": "desc"}])

    with pytest.raises(InvalidArgumentError, match=message):
        sg.copy_structure(**options)
    assert sg.find_one("EventLogEntry", [], order=[{"field_name": "id", "direction": "desc"}]) == last


class NoTasks(SGExtended):
    """
    A class that refuses the creation of tasks for as long as *allowed* is False.
    """

    allowed = False

    def before_write(self, write):
        if write.entity_type == "Task" and not type(self).allowed:
            raise ShotgunError("no tasks yet")
        return write


@pytest.mark.parametrize("has_journal", [False, True])
def test_an_interrupted_copy_names_what_was_made(sg, rows, target, tmp_path, monkeypatch, has_journal):
    """
    The error counts the copies and has the links to them. With a journal, the same call does the rest, nothing twice.
    """
    studio = NoTasks(site=sg.site)
    journal = tmp_path / "copy.jsonl" if has_journal else None

    with pytest.raises(PartialSuccessError) as raised:
        studio.copy_structure(rows["show"], project=target, journal=journal)
    error = raised.value
    assert "Made so far: 1 Episode, 2 Asset, 2 Sequence, 2 Shot." in str(error)
    assert ("with the same arguments and journal=" if has_journal else "sg.delete_many(") in str(error)
    assert isinstance(error.copy, StructureCopy)

    if not has_journal:
        assert sg.delete_many(error.copy.copies.values())
        assert sg.count("Shot", [["project", "is", target]]) == 0
        return
    monkeypatch.setattr(NoTasks, "allowed", True)
    for _ in range(2):  # the second call finds everything done
        copied = studio.copy_structure(rows["show"], project=target, journal=journal)
        assert {key: copied.copies[key] for key in error.copy.copies} == error.copy.copies
        assert str(copied) == "1 Episode, 2 Asset, 2 Sequence, 2 Shot, 5 Task, 3 TaskDependency"
    assert [sg.count(kind, [["project", "is", target]]) for kind in ("Asset", "Shot", "Task")] == [2, 2, 5]
    tasks = [copied.of(row) for row in rows.values() if row["type"] == "Task"]
    assert len(sg.find("TaskDependency", [["task", "in", tasks]])) == 3
