"""
Dates of creation and of change that callers send.
"""
# ruff: noqa: E501
# fmt: off

import datetime

from live_facts.fact import Facts, Says

fact = Facts()

PAST = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
LATER = PAST + datetime.timedelta(days=400)
AUTHORED = {"F358": "Note", "F359": "Reply", "F360": "Task", "F361": "Version"}
KINDS = ("Task", "Project", "HumanUser")


def authored(live, entity_type):
    """
    Return what a sent date of creation reads, the rows that a filter by it finds, and the fault of an update.
    """
    link = live.make(entity_type, created_at=PAST)
    found = live.found([link], ["created_at", "is", PAST])
    return live.get(link, "created_at"), found, live.fault(live.update, link, created_at=LATER)


def dates(live, **data):
    """
    Return the dates of a new task.
    """
    row = live.row(live.make("Task", **data), "created_at", "updated_at")
    return row["created_at"], row["updated_at"]


def changed(live, entity_type):
    """
    Return the fault of an update of updated_at.
    """
    data = {"Project": {"name": live.name()}, "HumanUser": {"name": "P", "login": live.name("p")}}
    return live.fault(live.update, live.make(entity_type, **data.get(entity_type, {})), updated_at=PAST)


for number, entity_type in AUTHORED.items():
    fact(number, "070", "M S", f"created_at of a {entity_type} may be sent on create, is found as sent and is not changed later", lambda live, kind=entity_type: (authored(live, kind), (PAST, [0], Says(rf"{kind}\.created_at is editable on create only\."))))

fact("F362", "070", "M S", "updated_at may be sent on create, alone or with created_at", lambda live: ([dates(live, updated_at=LATER)[1], dates(live, updated_at=LATER, created_at=PAST)], [LATER, (PAST, LATER)]))
fact("F363", "024/070", "M S", "an update of updated_at is refused", lambda live: ([changed(live, each) for each in KINDS], [Says(rf"API update\(\) {each}\.updated_at is editable on create only\.") for each in KINDS]))


@fact("F365", "070", "U S", "created_by may be sent on create")
def _(live):
    person = live.make("HumanUser", login=live.name("p"), name="P")
    return live.get(live.make("Version", created_by=person), "created_by"), {**person, "name": "P"}
