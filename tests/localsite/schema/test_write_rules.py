"""
The table of the fields that a live site lets callers write, or not, against what the schema says of the web form.
"""

import pytest
from shotgun_api3 import AuthenticationFault, Fault

from sgextended.localsite.schema.entity_types import standard_schema
from sgextended.localsite.schema.write_rules import Writes, decided, decision, write_rule

FIELDS = [field for facts in standard_schema().types.values() for field in facts.fields.values()]


def test_every_field_that_is_not_editable_has_a_decision():
    """
    The schema's ``editable`` never decides alone: the table has a rule with a reason for each such field.
    """
    fixed = [field for field in FIELDS if not field.editable]

    assert len(fixed) > 700
    assert [field.path for field in fixed if decision(field) is None] == []


def test_every_rule_is_of_a_field():
    """
    The table names no field that the schema lacks, and gives each rule a sentence.
    """
    known = {field.path for field in FIELDS} | {field.name for field in FIELDS}

    assert set(decided()) - known == set()
    assert all(rule.reason.endswith(".") for rule in decided().values())


@pytest.mark.parametrize(
    ("path", "writes"),
    [
        ("Shot.created_at", Writes.ON_CREATE),
        ("Shot.updated_at", Writes.ON_CREATE),
        ("Shot.updated_by", Writes.NEVER),
        ("TaskTemplate.entity_type", Writes.ALWAYS),
        ("Step.entity_type", Writes.ON_CREATE),
        ("HumanUser.password_proxy", Writes.ALWAYS),
        ("Project.layout_project", Writes.ON_CREATE),
        ("PlaylistVersionConnection.playlist", Writes.ON_CREATE),
        ("PlaylistVersionConnection.sg_sort_order", Writes.ALWAYS),
        ("Icon.uuid", Writes.NEVER),
        ("Shot.step_0", Writes.NEVER),
    ],
)
def test_rule_of_a_field(path, writes):
    """
    Where a measurement or the vendor decides, the rule is sure.
    """
    rule = write_rule(standard_schema().field(*path.split(".")))

    assert (rule.writes, rule.sure) == (writes, True)


WRITES = [
    ("TaskTemplate", {"entity_type": "Shot"}, {"entity_type": "Asset"}, None),
    (
        "Project",
        {"layout_project": None},
        {"layout_project": None},
        "Project.layout_project is editable on create only",
    ),
    ("Note", {}, {"meta": {"a": 1}}, "Note.meta is editable on create only"),
    ("Task", {}, {"template_task": None}, None),
]


@pytest.mark.parametrize(("entity_type", "data", "change", "refusal"), WRITES)
def test_writes_follow_the_rule(sg, project, name, entity_type, data, change, refusal):
    """
    A create and an update take what the rule says.
    """
    named = (
        {"name": f"{name} rules"}
        if entity_type == "Project"
        else {}
        if entity_type == "TaskTemplate"
        else {"project": project}
    )
    row = sg.create(entity_type, {**named, **data})

    if refusal is None:
        assert sg.update(entity_type, row["id"], change) == {"type": entity_type, "id": row["id"], **change}
    else:
        with pytest.raises(Fault, match=refusal):
            sg.update(entity_type, row["id"], change)


def test_password_can_be_set_and_changed(sg, make_client, name):
    """
    A person logs in with the password of the last write alone; no answer has it.
    """
    person = sg.create("HumanUser", {"name": name, "login": name, "password_proxy": "first Secret 1"})
    make_client(login=name, password="first Secret 1").find("Project", [])
    changed = sg.update("HumanUser", person["id"], {"password_proxy": "second Secret 2"})

    assert person["password_proxy"] == changed["password_proxy"] == "*******"
    make_client(login=name, password="second Secret 2").find("Project", [])
    with pytest.raises(AuthenticationFault):
        make_client(login=name, password="first Secret 1").find("Project", [])


def test_authored_moment_may_be_null(sg, make):
    """
    A row is undated if a caller sends null; without the field it has the moment of the request.
    """
    undated, dated = make("Version", created_at=None), make("Version")

    assert sg.find_one("Version", [["id", "is", undated["id"]]], ["created_at"])["created_at"] is None
    assert sg.find_one("Version", [["id", "is", dated["id"]]], ["created_at"])["created_at"] is not None


def test_client_note_is_false_on_create(sg, make):
    """
    A note for the client cannot be made through the API, and no note becomes one.
    """
    note = make("Note", client_note=False)

    with pytest.raises(Fault, match="Client Notes can not be created through the API"):
        make("Note", client_note=True)
    with pytest.raises(Fault, match=r"Note.client_note is editable on create only"):
        sg.update("Note", note["id"], {"client_note": False})


@pytest.mark.parametrize("value", [None, "", 5])
def test_password_is_a_text(sg, name, value):
    """
    A password that is no text, or an empty one, is refused and the person is not made.
    """
    with pytest.raises(Fault, match=r"HumanUser.password_proxy expected \[String\]"):
        sg.create("HumanUser", {"name": name, "login": name, "password_proxy": value})
    assert sg.find("HumanUser", [["login", "is", name]]) == []
