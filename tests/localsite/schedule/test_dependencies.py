"""
Tasks that wait for others: what moves them, what holds them, and what is refused.
"""

import pytest
from fix_schedule import DAY, day


@pytest.mark.parametrize(
    ("kind", "offset", "expected"),
    [
        ("finish-to-start-next-day", 0, (8, 9)),
        ("finish-to-start-next-day", 2, (10, 11)),
        ("finish-to-start-next-day", -1, (5, 8)),
        ("start-to-start", 0, (4, 5)),
        ("start-to-start", 1, (5, 8)),
        ("start-to-start", -3, (1, 2)),
        ("finish-to-finish", 0, (4, 5)),
        ("finish-to-finish", 1, (5, 8)),
        ("finish-to-finish", -2, (2, 3)),
        ("start-to-finish-next-day", 0, (2, 3)),
        ("start-to-finish-next-day", 5, (9, 10)),
    ],
)
def test_kind_and_offset_decide_when_a_task_may_be(make_task, wait, dates, kind, offset, expected):
    """
    Each kind of dependency ties another end to another end; the offset counts working days.

    The first task takes Thursday and Friday, the second two days.
    """
    first, second = make_task(4, 2), make_task(1, 2)
    wait(second, first, dependency_type=kind, offset_days=offset)

    assert dates(second) == expected
    assert dates(first) == (4, 5)


def test_new_dependency_is_of_the_ordinary_kind(sg, make_task, wait):
    """
    A dependency without a kind starts the day after. An offset that is not given is null, and filters find it so.
    """
    pair = wait(make_task(), make_task())
    fields = ["dependency_type", "offset_days", "cached_display_name"]
    row = sg.find_one("TaskDependency", [["id", "is", pair["id"]]], ["task_id", "dependent_task_id", *fields])

    assert row["dependency_type"] == "finish-to-start-next-day"
    assert row["offset_days"] is None
    mine = ["id", "is", pair["id"]]
    assert len(sg.find("TaskDependency", [mine, ["offset_days", "is", None]])) == 1
    assert sg.find("TaskDependency", [mine, ["offset_days", "is", 0]]) == []
    assert row["cached_display_name"] == f"Task {row['task_id']} dependent on Task {row['dependent_task_id']}"


@pytest.mark.parametrize("field", ["upstream_tasks", "downstream_tasks"])
@pytest.mark.parametrize("verb", ["create", "update"])
def test_either_end_may_tie_them(sg, make_task, dates, field, verb):
    """
    A link in either field makes the dependency's row, whose task is the one that waits, and moves that one.
    """
    first = make_task(1, 3)
    if field == "upstream_tasks":
        data = {field: [first]}
        second = make_task(None, 2, **(data if verb == "create" else {}))
        if verb == "update":
            sg.update("Task", second["id"], data)
    else:
        second, data = first, {field: [make_task(None, 2)]}
        first = make_task(1, 3, **(data if verb == "create" else {}))
        if verb == "update":
            sg.update("Task", first["id"], data)
        second = data[field][0]
    row = sg.find_one("TaskDependency", [["task_id", "is", second["id"]]], ["dependent_task.Task.id"])

    assert row["dependent_task.Task.id"] == first["id"]
    assert dates(second) == (4, 5)


def test_item_of_a_list_may_carry_the_kind(sg, make, make_task, dates, call):
    """
    The kind may stand in the link; later links with another kind change it.
    """
    first = make_task(3, 3)
    second = make_task(None, 1, upstream_tasks=[{**first, "dependency_type": "start-to-start"}])
    assert dates(second) == (3, 3)

    # The client takes the kind out of updates, but not of batches.
    link = {**first, "dependency_type": "finish-to-finish"}
    data = {"upstream_tasks": [link]}
    sg.batch([{"request_type": "update", "entity_type": "Task", "entity_id": second["id"], "data": data}])
    assert dates(second) == (5, 5)
    found = sg.find("TaskDependency", [["task", "is", second]], ["dependency_type"])
    assert [row["dependency_type"] for row in found] == ["finish-to-finish"]


def test_chain_moves_forth_and_back(sg, make_task, wait, dates):
    """
    All tasks behind one move with it, later and earlier, and keep their durations.
    """
    first, second, third = make_task(1), make_task(None, 2), make_task(None, 3)
    wait(second, first)
    wait(third, second)
    assert (dates(second), dates(third)) == ((2, 3), (4, 8))

    sg.update("Task", first["id"], {"due_date": day(5)})
    assert (dates(second), dates(third)) == ((8, 9), (10, 12))
    sg.update("Task", first["id"], {"duration": DAY})
    assert (dates(second), dates(third)) == ((2, 3), (4, 8))


def test_latest_of_several_counts(sg, make_task, wait, dates):
    """
    A task that waits for several starts after the last of them, whichever way round they end.
    """
    early, late, last = make_task(1), make_task(1, 3), make_task(None, 2)
    wait(last, early)
    wait(last, late)
    assert dates(last) == (4, 5)

    sg.update("Task", early["id"], {"start_date": day(9)})
    assert dates(last) == (10, 11)


def test_diamond_ends_where_its_longer_side_does(sg, make_task, wait, dates):
    """
    Two ways from one task to another move it once, to the end of the longer one.
    """
    top, left, right, bottom = make_task(1), make_task(None, 1), make_task(None, 4), make_task()
    for task, other in ((left, top), (right, top), (bottom, left), (bottom, right)):
        wait(task, other)
    assert dates(bottom) == (8, 8)

    sg.update("Task", top["id"], {"start_date": day(2)})
    assert dates(bottom) == (9, 9)


def test_own_dates_pin(sg, make_task, wait, dates, flags):
    """
    Writing dates to a task that waits pins it: it holds, and says when that is too early.
    """
    first, second = make_task(1), make_task()
    wait(second, first)
    sg.update("Task", second["id"], {"start_date": day(4)})
    assert (dates(second), flags(second)) == ((4, 4), (True, False))

    sg.update("Task", first["id"], {"start_date": day(8)})
    assert (dates(second), flags(second)) == ((4, 4), (True, True))
    sg.update("Task", first["id"], {"start_date": day(2)})
    assert flags(second) == (True, False)


@pytest.mark.parametrize(
    ("data", "pinned"),
    [
        ({"due_date": day(10)}, False),
        ({"due_date": None}, False),
        ({"start_date": None}, True),
        ({"start_date": day(10), "due_date": day(10)}, True),
        ({"splits": [{"start": day(2), "end": day(3)}, {"start": day(5), "end": day(5)}]}, True),
        ({"duration": 3 * DAY}, False),
        ({"content": "other"}, False),
        ({"start_date": day(9), "pinned": False}, False),
    ],
    ids=str,
)
def test_only_dates_pin(sg, make_task, wait, flags, data, pinned):
    """
    A start pins, even null; a due date alone, a duration and other fields do not.
    """
    first, second = make_task(1), make_task()
    wait(second, first)
    sg.update("Task", second["id"], data)

    assert flags(second)[0] is pinned


def test_task_that_waits_for_nothing_is_not_pinned(sg, make_task, flags):
    """
    Dates of a task without dependencies pin nothing.
    """
    task = make_task(1)
    sg.update("Task", task["id"], {"start_date": day(2)})

    assert flags(task) == (False, False)


def test_new_task_with_dates_follows_the_next_write(sg, make_task, dates, flags):
    """
    A task made with dates and with tasks to wait for keeps its dates, without a pin, until one of these moves.
    """
    first = make_task(1, 3)
    second = make_task(2, 1, upstream_tasks=[first])
    third = make_task(1, 1, upstream_tasks=[first], pinned=True)
    sg.update("Task", second["id"], {"sg_description": "x"})
    assert (dates(second), flags(second)) == ((2, 2), (False, False))
    assert (dates(third), flags(third)) == ((1, 1), (True, True))

    sg.update("Task", first["id"], {"due_date": day(4)})
    assert (dates(second), flags(second)) == ((5, 5), (False, False))
    assert dates(third) == (1, 1)


@pytest.mark.parametrize(("due", "expected"), [(9, (5, 12)), (None, (5, 5))])
def test_written_due_date_stays_until_the_next_write(sg, make_task, wait, dates, due, expected):
    """
    A due date on a waiting task is kept, also null, until a task moves that it waits for. Its followers move at once.
    """
    first, second, third = make_task(1), make_task(), make_task()
    wait(second, first)
    wait(third, second)
    sg.update("Task", second["id"], {"due_date": due and day(due)})
    assert dates(second) == (2, due)
    assert dates(third) == ((10, 10) if due else (3, 3))

    sg.update("Task", first["id"], {"due_date": day(4)})
    assert dates(second) == expected


def test_due_date_of_a_task_tied_by_its_end_stays(sg, make_task, wait, dates, flags):
    """
    A due date that is too early is kept too, and an unpinned task does not report it.
    """
    first, second = make_task(1, 5), make_task(1, 2)
    wait(second, first, dependency_type="finish-to-finish")
    assert dates(second) == (4, 5)
    sg.update("Task", second["id"], {"due_date": day(4)})

    assert (dates(second), flags(second)) == ((4, 4), (False, False))


def test_unpinned_task_moves_at_once(sg, make_task, wait, dates, flags):
    """
    Taking the pin out puts the task where it may be, and those behind it.
    """
    first, second, third = make_task(1, 2), make_task(), make_task()
    wait(second, first)
    wait(third, second)
    sg.update("Task", second["id"], {"start_date": day(1)})
    assert flags(second) == (True, True)

    sg.update("Task", second["id"], {"pinned": False})
    assert (dates(second), dates(third), flags(second)) == ((3, 3), (4, 4), (False, False))


def test_taking_dates_away_moves_nobody(sg, make_task, wait, dates):
    """
    A task without dates lets those behind it stay.
    """
    first, second = make_task(4), make_task()
    wait(second, first)
    sg.update("Task", first["id"], {"due_date": None, "start_date": None})

    assert dates(second) == (5, 5)


def test_offset_and_kind_move_at_once(sg, make_task, wait, dates):
    """
    Changes of the dependency itself count as changes of the date.
    """
    first, second = make_task(1, 2), make_task()
    pair = wait(second, first)
    sg.update("TaskDependency", pair["id"], {"offset_days": 2})
    assert dates(second) == (5, 5)

    sg.update("TaskDependency", pair["id"], {"dependency_type": "start-to-start", "offset_days": 0})
    assert dates(second) == (1, 1)


def test_dependency_may_change_hands(sg, make_task, wait, dates, flags):
    """
    A dependency that is given another task lets the former one go and moves the other.
    """
    first, second, third = make_task(1, 2), make_task(1, pinned=True), make_task(1)
    pair = wait(second, first)
    assert flags(second) == (True, True)
    sg.update("TaskDependency", pair["id"], {"task": third})

    assert (flags(second), dates(third)) == ((True, False), (3, 3))


def test_task_without_a_dependency_stays(sg, make_task, wait, dates, flags):
    """
    Parting, from whichever end, moves nobody, and ends a violation.
    """
    first, second, third = make_task(1, 2), make_task(), make_task(1, pinned=True)
    wait(second, first)
    wait(third, first)
    sg.update("Task", second["id"], {"upstream_tasks": []})
    assert dates(second) == (3, 3)

    assert flags(third) == (True, True)
    sg.update("Task", first["id"], {"downstream_tasks": []})
    assert (dates(third), flags(third)) == ((1, 1), (True, False))


def test_retired_task_lets_go_and_comes_back(sg, make_task, wait, dates):
    """
    A retired task takes its dependencies along and moves nobody; revived, it moves those behind it again.
    """
    first, second, third = make_task(1), make_task(None, 2), make_task()
    wait(second, first)
    wait(third, second)
    sg.delete("Task", second["id"])
    assert sg.find("TaskDependency", [["dependent_task_id", "in", [first["id"], second["id"]]]]) == []
    sg.update("Task", first["id"], {"start_date": day(3)})
    assert dates(third) == (4, 4)

    sg.revive("Task", second["id"])
    assert (dates(second), dates(third)) == ((4, 5), (8, 8))


def test_dependency_comes_back_with_its_second_end(sg, make_task, wait):
    """
    A dependency whose two tasks were retired is there again when both are, not before.
    """
    first, second = make_task(1), make_task()
    pair = wait(second, first)
    sg.delete("Task", first["id"])
    sg.delete("Task", second["id"])
    mine = [["id", "is", pair["id"]]]

    sg.revive("Task", first["id"])
    assert sg.find("TaskDependency", mine) == []
    sg.revive("Task", second["id"])
    assert sg.find("TaskDependency", mine) == [{"type": "TaskDependency", "id": pair["id"]}]


def test_retired_dependency_holds_nobody(sg, make_task, wait, dates, flags):
    """
    A dependency can be retired and revived like any row.
    """
    first, second = make_task(1, 2), make_task(1, pinned=True)
    pair = wait(second, first)
    sg.delete("TaskDependency", pair["id"])
    assert flags(second) == (True, False)

    sg.update("Task", second["id"], {"pinned": False})
    assert dates(second) == (1, 1)
    sg.revive("TaskDependency", pair["id"])
    assert dates(second) == (3, 3)


def test_both_ends_show_the_dependency(sg, make_task, wait):
    """
    A dependency's row shows in the lists of both tasks.
    """
    first, second = make_task(), make_task()
    wait(second, first)

    def links(task, field):
        return [link["id"] for link in sg.find_one("Task", [["id", "is", task["id"]]], [field])[field]]

    assert links(second, "upstream_tasks") == [first["id"]]
    assert links(first, "downstream_tasks") == [second["id"]]
    assert links(first, "upstream_tasks") == links(second, "downstream_tasks") == []


def test_milestones_and_pieces_move_whole(sg, make, make_task, wait, dates):
    """
    A milestone keeps its one day, a split task its pieces, a task without a duration what it has.
    """
    first = make_task(1)
    milestone = make("Task", milestone=True)
    pieces = [{"start": day(1), "end": day(1)}, {"start": day(3), "end": day(4)}]
    split, vague = make("Task", splits=pieces), make("Task")
    ending = make("Task")
    for task in (milestone, split, vague):
        wait(task, first)
    wait(ending, first, dependency_type="finish-to-finish")
    sg.update("Task", first["id"], {"start_date": day(2)})

    assert dates(milestone) == (3, 3)
    assert dates(split) == (3, 8)
    row = sg.find_one("Task", [["id", "is", split["id"]]], ["splits"])
    assert row["splits"] == [{"start": day(3), "end": day(3)}, {"start": day(5), "end": day(8)}]
    assert dates(vague) == (3, None)
    assert dates(ending) == (None, 2)


def test_pieces_and_milestones_move_by_their_end(sg, make, make_task, wait, dates):
    """
    A dependency on the end moves the last piece's end there.
    """
    first = make_task(9)
    pieces = [{"start": day(1), "end": day(1)}, {"start": day(3), "end": day(4)}]
    split, milestone = make("Task", splits=pieces), make("Task", milestone=True)
    for task in (split, milestone):
        wait(task, first, dependency_type="finish-to-finish")

    assert dates(split) == (4, 9)
    assert dates(milestone) == (9, 9)


def test_moved_task_is_noted_as_updated(site, sg, make_task, wait):
    """
    A task that was moved by another was updated by whoever moved that one.
    """
    first, second = make_task(1), make_task()
    wait(second, first)
    sg.update("Task", first["id"], {"start_date": day(2)})

    row = sg.find_one("Task", [["id", "is", second["id"]]], ["updated_by"])
    assert row["updated_by"]["name"] == f"{site.script_name} 1.0"


def test_half_a_dependency_moves_nobody(sg, make_task):
    """
    A dependency may lack an end; it gets it later. Several may lack the same end.
    """
    first, second = make_task(1), make_task()
    sg.create("TaskDependency", {"dependent_task": first})
    pair = sg.create("TaskDependency", {"dependent_task": first})
    sg.update("TaskDependency", pair["id"], {"offset_days": 1})
    sg.delete("TaskDependency", pair["id"])
    sg.revive("TaskDependency", pair["id"])
    row = sg.update("TaskDependency", pair["id"], {"task": second})

    assert row["task"]["id"] == second["id"]
