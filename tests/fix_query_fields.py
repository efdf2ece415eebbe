"""
A small production on which the answers of query fields can be counted by hand.
"""

import datetime as dt


def day(number):
    """
    Return a day of March.
    """
    return f"2026-03-{number:02d}"


def make_production(sg):
    """
    Return what was made, by name: shots a, b and c (empty) in one project, d in another, and what belongs to them.
    """
    rows = {}

    def make(key, kind, **data):
        rows[key] = sg.create(kind, data)

    make("ana", "HumanUser", firstname="Ana", lastname="A", login="ana", email="ana@x.example")
    make("ben", "HumanUser", firstname="Ben", lastname="B", login="ben", email="ben@x.example")
    make("film", "Project", name="Film")
    make("short", "Project", name="Short")
    film = rows["film"]
    make("seq", "Sequence", code="seq", project=film)
    make("hero", "Asset", code="hero", project=film, sg_asset_type="Character")
    make("cart", "Asset", code="cart", project=film, sg_asset_type="Vehicle")
    assets = {"a": ["hero"], "b": ["hero", "cart"], "c": []}
    for key in "abc":
        make(
            key,
            "Shot",
            code=key,
            project=film,
            sg_sequence=rows["seq"],
            assets=[rows[name] for name in assets[key]],
            sg_cut_duration={"a": 10, "b": 32, "c": None}[key],
        )
    make("d", "Shot", code="d", project=rows["short"])
    for shot, content, status, minutes, due, who, milestone in (
        # a: three tasks; due on the 5th, the 9th and none.
        ("a", "layout", "fin", 60, 5, "ana", False),
        ("a", "anim", "ip", 120, 9, "ben", True),
        ("a", "light", "wtg", None, None, None, False),
        # b: two tasks, both final, due on one day.
        ("b", "layout", "fin", 30, 7, "ana", False),
        ("b", "anim", "fin", 90, 7, "ana", False),
        # d: one, in the other project.
        ("d", "layout", "ip", 480, 1, "ana", True),
    ):
        make(
            f"{shot}.{content}",
            "Task",
            content=content,
            entity=rows[shot],
            project=rows["short"] if shot == "d" else film,
            sg_status_list=status,
            est_in_mins=minutes,
            due_date=due and day(due),
            task_assignees=[rows[who]] if who else [],
            milestone=milestone,
        )
    make("a.gone", "Task", content="gone", entity=rows["a"], project=film, sg_status_list="ip", est_in_mins=1000)
    sg.delete("Task", rows["a.gone"]["id"])
    for code, shot, user, task, when in (
        # Numbers and dates interleave: a_v2 is older than a_v1.
        ("a_v1", "a", "ana", "a.layout", 20),
        ("a_v2", "a", "ben", "a.anim", 10),
        ("b_v1", "b", "ben", "b.layout", 15),
        ("a_v3", "a", "ana", "a.anim", 12),
    ):
        made_at = dt.datetime(2026, 2, when, 12, tzinfo=dt.timezone.utc)
        make(
            code,
            "Version",
            code=code,
            project=film,
            entity=rows[shot],
            user=rows[user],
            sg_task=rows[task],
            created_at=made_at,
        )
    # n1 is about a and b at once, n2 about b alone, n3 about a task of a.
    make("n1", "Note", subject="n1", project=film, note_links=[rows["a"], rows["b"]], sg_status_list="opn")
    make("n2", "Note", subject="n2", project=film, note_links=[rows["b"]], sg_status_list="clsd")
    make("n3", "Note", subject="n3", project=film, tasks=[rows["a.anim"]], sg_status_list="opn")
    return rows
