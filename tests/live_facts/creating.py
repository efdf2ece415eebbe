"""
Creates: defaults, names, refusals.
"""
# ruff: noqa: E501
# fmt: off

import datetime

from live_facts.fact import Facts, Says

fact = Facts()

NAMED = {
    "F304": ("Version", "New Version"), "F305": ("Shot", "New Shot"), "F306": ("Asset", "New Asset"),
    "F307": ("Sequence", "New Sequence"), "F308": ("Playlist", "New Playlist"),
    "F309": ("PublishedFile", "New Published File"), "F310": ("Cut", "New Cut"), "F311": ("CutItem", "New Cut Item"),
}
IN_PROJECTS = {
    "F320": "Version", "F321": "Shot", "F322": "Asset", "F323": "Sequence", "F324": "Task", "F325": "Note",
    "F326": "TimeLog", "F327": "Playlist", "F328": "PublishedFile", "F329": "Delivery", "F331": "CutItem",
    "F332": "EventLogEntry",
}
NEVER_EMPTY = {"F333": "Shot", "F334": "Sequence", "F335": "Cut", "F336": "CutItem"}


def bare(live, entity_type, /, *fields, **data):
    """
    Return fields of a row that is created with a project and *data* alone, without its type and id.
    """
    row = live.row(live.make(entity_type, **data), *fields)
    return tuple(row[field] for field in fields)


def named_by_site(live, entity_type, start):
    """
    Return how a nameless row is named, and whether two rows may have one name.
    """
    link, name = live.make(entity_type), live.name()
    same = [live.get(live.make(entity_type, code=name), "code") for _ in range(2)]
    return (live.get(link, "code"), same), (f"{start} {link['id']}", [name, name])


def refused(live, entity_type, /, **data):
    """
    Return the fault of a create with *data* as it is.
    """
    return live.fault(live.sg.create, entity_type, data)


def emptied(entity_type):
    return Says(rf"Create failed for \[{entity_type}\]: Cannot set identifier field to empty\. \({entity_type}\)")


for number, (entity_type, start) in NAMED.items():
    fact(number, f"012/{entity_type}", "M S", f"a project alone makes a {entity_type}, named '{start} <id>'; a name may be taken twice", lambda live, kind=entity_type, start=start: named_by_site(live, kind, start))
for number, entity_type in IN_PROJECTS.items():
    fact(number, f"012/{entity_type}", "M S", f"a {entity_type} without a project is refused", lambda live, kind=entity_type: (refused(live, kind), Says(r"API create\(\) missing 'project' attribute: \{")))
for number, entity_type in NEVER_EMPTY.items():
    fact(number, f"012/{entity_type}", "M S", f"a {entity_type} with an empty name is refused", lambda live, kind=entity_type: (live.fault(live.make, kind, code=""), emptied(kind)))


@fact("F312", "012/Task", "M S", "a project alone makes a task, named 'New Task <id>'")
def _(live):
    task = live.make("Task")
    return live.get(task, "content"), f"New Task {task['id']}"


@fact("F313", "012/Delivery", "M S", "a project alone makes an open delivery, titled 'New Delivery <id>'")
def _(live):
    delivery = live.make("Delivery")
    return live.row(delivery, "title", "sg_status_list"), {**delivery, "title": f"New Delivery {delivery['id']}", "sg_status_list": "opn"}


@fact("F316", "Note/Reply", "M S", "a note is by the script that made it")
def _(live):
    user, created_by = bare(live, "Note", "user", "created_by")
    return (user["type"], user), ("ApiUser", created_by)


@fact("F319", "Task", "M S", "computed fields of a task are read only")
def _(live):
    sent = {"time_logs_sum": 1, "time_vs_est": 1, "time_percent_of_est": 1, "sibling_tasks": [], "dependency_violation": True}
    task = live.make("Task")
    return [live.fault(live.update, task, **{name: value}) for name, value in sent.items()], [Says(rf"Task\.{name} is read only") for name in sent]


@fact("F347", "Reply", "M S", "a reply needs nothing and may be empty; it is published")
def _(live):
    user, *others = bare(live, "Reply", "user", "entity", "content", "publish_status")
    return (user["type"], others), ("ApiUser", [None, None, "published"])


@fact("F350", "Delivery", "M S", "the replies of a delivery are those whose entity it is")
def _(live):
    delivery = live.make("Delivery")
    reply = live.make("Reply", entity=delivery)
    return [link["id"] for link in live.get(delivery, "replies")], [reply["id"]]


@fact("F352", "Attachment", "M S", "this_file is set on create only; an address makes a web link, with its name as the display name")
def _(live):
    file = {"url": "http://example.com/a", "name": "a file"}
    link = live.make("Attachment", this_file=file)
    came = live.row(link, "this_file", "display_name")
    return (came["this_file"]["link_type"], came["this_file"]["url"], came["display_name"], live.fault(live.update, link, this_file=file)), ("web", file["url"], "a file", Says("Attachment.this_file is editable on create only"))


@fact("F349", "Reply", "M S", "a reply may hang on a version or a delivery, and be moved to another row")
def _(live):
    version, delivery = live.make("Version"), live.make("Delivery")
    reply = live.make("Reply", entity=version)
    live.update(reply, entity=delivery)
    return (live.get(reply, "entity")["type"], live.get(delivery, "replies")[0]["id"]), ("Delivery", reply["id"])


@fact("F357", "HumanUser", "M S", "a new person has the default permissions and may be impersonated; neither may be set")
def _(live):
    person = live.make("HumanUser", login=live.name("p"), name="P")
    rules, impersonated = live.row(person, "permission_rule_set")["permission_rule_set"], live.get(person, "can_impersonate_this_user")
    sent = {"permission_rule_set": rules, "can_impersonate_this_user": False}
    faults = [live.fault(live.update, person, **{name: value}) for name, value in sent.items()]
    faults += [live.fault(live.make, "HumanUser", login=live.name("p"), name="P", **{name: value}) for name, value in sent.items()]
    return (rules and rules["type"], impersonated, faults), ("PermissionRuleSet", True, [Says(f"{name} is read only") for name in sent] * 2)


@fact("F343", "TaskTemplate", "M S", "the entity type of a task template may be updated, although the schema says it is not editable")
def _(live):
    described = live.sg.schema_field_read("TaskTemplate", "entity_type")["entity_type"]["editable"]["value"]
    template = live.make("TaskTemplate", code=live.name(), entity_type="Shot")
    return (live.fault(live.update, template, entity_type="Asset"), live.get(template, "entity_type"), described), (None, "Asset", False)


@fact("F345", "TaskTemplate", "M S", "the task of a template has no project and may not have one")
def _(live):
    template = live.make("TaskTemplate", code=live.name(), entity_type="Shot")
    task = live.make("Task", task_template=template)
    return (live.get(task, "project"), refused(live, "Task", task_template=template, project=live.project)), (None, Says("Invalid Task: a task template may not have a project"))


fact("F314", "012/Note", "M S", "a project alone makes an open, unread note without a subject", lambda live: (bare(live, "Note", "subject", "sg_status_list", "read_by_current_user"), (None, "opn", "unread")))
fact("F315", "Note", "M S", "a new note is published; its reply_content is a warning", lambda live: (bare(live, "Note", "publish_status", "reply_content"), ("published", Says(r"\w+ \w+ \w+"))))
fact("F317", "012/TimeLog", "M S", "a project alone makes a time log of no minutes, today, without a user", lambda live: (bare(live, "TimeLog", "duration", "date", "description", "user"), (0, datetime.datetime.now(datetime.timezone.utc).date().isoformat(), "New Time Log", None)))
fact("F337", "Sequence", "M S", "a null name is refused as an empty one is", lambda live: (live.fault(live.make, "Sequence", code=None), emptied("Sequence")))
fact("F338", "Shot", "M S", "a name cannot be emptied by an update", lambda live: ([live.refusal("Shot.code", value) for value in ("", None)], [Says(r"Cannot set identifier field to empty\. \(Shot\)")] * 2))
fact("F339", "Task", "M S", "the content of a task may be emptied; its display name is then '-'", lambda live: ([emptied_task(live, value) for value in (None, "")], [(None, "-")] * 2))
fact("F340", "011/Project", "M S", "a name makes a project; it is unique", lambda live: (twice(live, "name"), [None, Says("required to be unique")]))
fact("F341", "Project", "M S", "the code of a project is unique as well", lambda live: (twice(live, "code"), [None, Says("required to be unique")]))
fact("F353", "028/post", "M S", "an unknown field is a fault on create and on update", lambda live: ([live.fault(live.make, "Shot", nope=1), live.refusal("Shot.nope", 1)], [Says(r"API create\(\) Shot\.nope doesn't exist"), Says(r"API update\(\) Shot\.nope doesn't exist")]))
fact("F355", "HumanUser", "M X", "a person without names is called 'New' 'User <hash>'", lambda live: (bare(live, "HumanUser", "firstname", "lastname", "name", login=live.name("p")), ("New", Says(r"^User \w+$"), Says(r"^New User \w+$"))))
fact("F356", "HumanUser", "M X", "an active person cannot be created on a site with Autodesk Identity", lambda live: (live.fault(live.make, "HumanUser", login=live.name("p"), name="P"), Says("110|Identity")), differs="The local site does not use Autodesk Identity, so people are created through the API.")


def emptied_task(live, value):
    """
    Return content and display name of a task whose content was emptied.
    """
    task = live.make("Task", content="x")
    live.update(task, content=value)
    row = live.row(task, "content", "cached_display_name")
    return row["content"], row["cached_display_name"]


def twice(live, field):
    """
    Return the faults of creating two projects with one value in a field.
    """
    value = live.name()
    return [live.fault(live.make, "Project", **{"name": live.name("project"), field: value}) for _ in range(2)]
