"""
The names of rows, as rows and links to them show them.
"""

import pytest
from shotgun_api3 import Fault


def read(sg, link, *fields):
    """
    Return fields of one row.
    """
    row = sg.find_one(link["type"], [["id", "is", link["id"]]], list(fields))
    return [row[field] for field in fields]


def test_a_delivery_keeps_its_number_when_its_title_changes(sg, make):
    """
    The number of a delivery is its id. The display name and the names of links follow the title.
    """
    delivery = make("Delivery", title="first")
    reply = sg.create("Reply", {"entity": delivery})
    sg.update("Delivery", delivery["id"], {"title": "second"})
    name = f"#{delivery['id']}: second"

    assert read(sg, delivery, "delivery_number", "cached_display_name") == [str(delivery["id"]), name]
    assert read(sg, reply, "entity")[0]["name"] == name
    assert sg.find("Delivery", [["delivery_number", "is", str(delivery["id"])]]) == [delivery]
    with pytest.raises(Fault, match=r"Delivery\.delivery_number is read only"):
        sg.update("Delivery", delivery["id"], {"delivery_number": "7"})


def test_the_content_of_a_note_renames_links_to_it(sg, make):
    """
    A link to a note shows its subject and content, and follows a change of either.
    """
    note = make("Note", subject="s")
    reply = sg.create("Reply", {"entity": note})
    names = []
    for change in ({"content": "c"}, {"subject": "t"}, {"content": None}):
        sg.update("Note", note["id"], change)
        names.append(read(sg, reply, "entity")[0]["name"])

    assert names == ["s - c", "t - c", "t"]
