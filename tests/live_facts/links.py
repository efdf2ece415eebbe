"""
Entity fields.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()


def linked_by(relation, value, expected):
    """
    Return the check of a filter on `entity` over four versions: of two shots, of an asset, and without a link.
    """
    def check(live):
        ends = live.make("Shot", code=live.name("first")), live.make("Shot", code=live.name("second")), live.make("Asset", code=live.name("prop"))
        rows = [live.make("Version", entity=end) for end in (*ends, None)]
        return live.found(rows, ["entity", relation, value(*ends) if callable(value) else value]), expected
    return check


def takes(path, far_type, **data):
    """
    Return the check that a link to a type that the field does not list is stored.
    """
    def check(live):
        target = live.project if far_type == "Project" else live.make(far_type)
        link = live.stored(path, target, **data)
        return link and {"type": link["type"], "id": link["id"]}, target
    return check


def binds(path, far_type, only):
    """
    Return the check that a link to another type is refused, and which type the fault names.
    """
    return lambda live: (live.refusal(path, live.make(far_type)), Says(rf"Update failed for \[{path}\]: {only} expected, got {far_type}"))


def script(live):
    return {"type": "ApiUser", "id": live.sg.find_one("ApiUser", [])["id"]}


def null_refused(relation):
    return lambda live: (live.fault(live.ids, "Version", ["entity", relation, None]), Says(r"Version.entity expected \[String\].* got NilClass: nil"))


fact("F162", "entity", "M S", "an id alone is no link", lambda live: (live.refusal("Version.entity", 5), Says(r"API update\(\) Version.entity expected \[Hash, .* got Integer: 5")))
fact("F163", "entity", "M S", "a link needs a type", lambda live: (live.refusal("Version.entity", {"id": 5}), Says(r"invalid/missing entity hash string 'type'.*Valid entity types")))
fact("F164", "entity", "M S", "a link needs an id", lambda live: (live.refusal("Version.entity", {"type": "Shot"}), Says(r"invalid/missing entity hash integer 'id'")))


@fact("F165", "entity", "M S", "an empty text or list does not clear a link, null does")
def _(live):
    row = live.make("Version", entity=live.make("Shot"))
    refused = [live.fault(live.update, row, entity=value) for value in ("", [])]
    live.update(row, entity=None)
    return ([*refused, live.get(row, "entity"), live.found([row], ["entity", "is", None])],
            [Says("got String"), Says("got Array"), None, [0]])


fact("F166", "entity", "M S", "a link to a missing row is not legal", lambda live: (live.refusal("Version.entity", {"type": "Shot", "id": 99999999}), Says(r"Update failed for \[Version.entity\]: Value is not legal\.")))


@fact("F167", "entity", "M S", "a link may lead into another project")
def _(live):
    shot = live.make("Shot", project=live.make("Project", name=live.name()))
    return live.stored("Version.entity", shot)["id"], shot["id"]


fact("F168", "entity", "M S", "Version.client_approved_by takes a Shot", takes("Version.client_approved_by", "Shot"))
fact("F170", "entity", "M S", "Version.sg_task takes a Shot", takes("Version.sg_task", "Shot"))
fact("F172", "entity", "M S", "Version.user takes a Shot", takes("Version.user", "Shot"))
fact("F173", "entity", "M S", "Shot.sg_sequence takes a Shot", takes("Shot.sg_sequence", "Shot"))
fact("F174", "entity", "M S", "Task.entity takes a Task", takes("Task.entity", "Task"))
fact("F175", "entity", "M S", "TimeLog.entity takes a Shot", takes("TimeLog.entity", "Shot"))
fact("F176", "entity", "M S", "TimeLog.entity takes a Project", takes("TimeLog.entity", "Project"))
fact("F177", "entity", "M S", "Cut.entity takes a Shot", takes("Cut.entity", "Shot"))
fact("F178", "entity", "M S", "Cut.sg_scene takes a Shot", takes("Cut.sg_scene", "Shot"))
fact("F179", "entity", "M S", "Version.project binds", binds("Version.project", "Shot", "Project"))
fact("F180", "entity", "M S", "Version.task_template binds", binds("Version.task_template", "Shot", "TaskTemplate"))
fact("F181", "entity", "M S", "Sequence.episode binds", binds("Sequence.episode", "Sequence", "Episode"))
fact("F182", "entity", "M S", "Cut.version binds", binds("Cut.version", "Shot", "Version"))
fact("F183", "entity", "M S", "CutItem.cut binds", binds("CutItem.cut", "Shot", "Cut"))
fact("F185", "entity", "M S", "CutItem.version binds", binds("CutItem.version", "Shot", "Version"))
fact("F186", "entity/TimeLog", "M S", "TimeLog.user takes people alone", lambda live: (live.refusal("TimeLog.user", script(live)), Says(r"HumanUser expected, got ApiUser")))
fact("F187", "entity", "M S", "created_by may be sent on create alone, image_source_entity never", lambda live: ([live.refusal("Version.created_by", script(live)), live.refusal("Version.image_source_entity", live.make("Shot"))], [Says("Version.created_by is editable on create only"), Says("Version.image_source_entity is read only")]))

fact("F188", "entity", "M S", "is finds what links to the row", linked_by("is", lambda one, two, asset: one, [0]))
fact("F190", "entity", "M S", "is null finds what has no link", linked_by("is", None, [3]))
fact("F191", "entity", "M S", "is_not null finds what has a link", linked_by("is_not", None, [0, 1, 2]))
fact("F192", "entity", "M S", "in finds the rows of each link", linked_by("in", lambda one, two, asset: [one, asset], [0, 2]))
fact("F193", "entity", "M S", "not_in finds the rows without a link, too", linked_by("not_in", lambda one, two, asset: [one], [1, 2, 3]))
fact("F194", "entity", "M S", "type_is finds links to the type", linked_by("type_is", "Shot", [0, 1]))
fact("F195", "entity", "M S", "type_is of another type finds none", linked_by("type_is", "Sequence", []))
fact("F198", "entity", "M S", "name_contains looks at the linked row's name", linked_by("name_contains", "FIRST", [0]))
fact("F199", "entity", "M S", "name_not_contains finds the rows without a link, too", linked_by("name_not_contains", "first", [1, 2, 3]))
fact("F200", "entity", "M S", "type_is null finds no row that is linked", lambda live: (live.found([live.make("Version", entity=live.make("Shot")) for _ in range(3)], ["entity", "type_is", None]), []))
fact("F201", "entity", "M S", "a null name is refused", lambda live: ([null_refused(relation)(live)[0] for relation in ("name_is", "name_contains", "name_not_contains")], [Says(r"expected \[String\].* got NilClass")] * 3))
fact("F202", "entity", "M S", "is takes one link", lambda live: (live.fault(live.ids, "Version", ["entity", "is", [live.make("Shot"), live.make("Shot")]]), Says(r"'is' 'relation' expects a 1-element array")))
fact("F203", "017/entity", "M S", "ids alone are no links in a filter", lambda live: ([live.fault(live.ids, "Version", ["entity", "is", value]) for value in (5, {"id": 5})], [Says(r"expected \[Hash"), Says("string 'type'")]))


@fact("F204", "entity", "M S", "a dotted filter compares a field of the linked row")
def _(live):
    name = live.name("dotted")
    rows = [live.make("Version", entity=live.make("Shot", code=name)), live.make("Version", entity=live.make("Shot"))]
    return ([live.found(rows, ["entity.Shot.code", *condition]) for condition in (("is", name), ("in", [name, "zz"]), ("contains", name[:6]), ("is", "zz_none"))],
            [[0], [0], [0], []])


fact("F205", "Step", "M S", "type_is_not finds the rows without a link, too", linked_by("type_is_not", "Shot", [2, 3]))
fact("F206", "017/Reply", "M S", "a link to a type that the site lacks cannot be filtered by, its name can", lambda live: ([live.fault(live.ids, "Reply", ["entity", "is", {"type": "Banner", "id": 1}]), live.ids("Reply", ["entity", "type_is", "Banner"])], [Says("invalid/missing entity hash string 'type'"), []]))
