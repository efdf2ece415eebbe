"""
Task templates. 2026-03-02 is a Monday.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.dependencies import GONE, dates, flags, wait
from live_facts.fact import Facts, Says
from live_facts.task_dates import DAYS

fact = Facts()

MAY = {"start_date": "2026-05-04", "due_date": "2026-05-08"}


class Templated:
    """
    A template with tasks, and a shot without a template.
    """

    def __init__(self, live, *tasks):
        """
        Create the template with a task for each of *tasks*, dicts of fields.
        """
        self.live = live
        self.link = live.make("TaskTemplate", code=live.name("template"))
        self.origins = [live.make("Task", task_template=self.link, **data) for data in tasks]
        self.shot = live.make("Shot")

    def linked(self, number=0, **data):
        """
        Create a task of the shot that is linked to a task of the template.
        """
        return self.live.make("Task", entity=self.shot, template_task=self.origins[number], **data)

    def apply(self):
        """
        Set the template of the shot, also where it is set already.
        """
        self.live.update(self.shot, task_template=None)
        self.live.update(self.shot, task_template=self.link)

    def tasks(self, *fields, shot=None):
        """
        Return the tasks of the shot in the order of their creation.
        """
        return self.live.sg.find("Task", [["entity", "is", shot or self.shot]], [*fields], order=[{"field_name": "id", "direction": "asc"}])


def edges(live, *tasks):
    """
    Return the dependencies of tasks on others: pairs of ids with the type and the offset, lowest id first.
    """
    rows = live.sg.find("TaskDependency", [["task", "in", list(tasks)]], ["task", "dependent_task", "dependency_type", "offset_days"], order=[{"field_name": "id", "direction": "asc"}])
    return [(row["task"]["id"], row["dependent_task"]["id"], row["dependency_type"], row["offset_days"]) for row in rows]


def gone(live, edge):
    """
    Return whether a dependency is erased: it is neither alive nor retired, and cannot be revived.
    """
    return not live.alive(edge) and not live.retired(edge) and live.fault(live.sg.revive, "TaskDependency", edge["id"]) == GONE


@fact("F458", "083", "M S", "a create with a template makes its tasks in the same call, with their fields and dates as they are")
def _(live):
    step, person = live.sg.find_one("Step", []), live.make("HumanUser", login=live.name("login"), name="Ann")
    values = {"content": "lay", "sg_sort_order": 7, "sg_status_list": "rdy", "est_in_mins": 600, "sg_description": "Do it.", "milestone": False, "duration": 960, **DAYS}
    given = Templated(live, {**values, "step": step, "task_assignees": [person]}, {"content": "end", "milestone": True, **DAYS, "start_date": "2026-03-03"})
    shot = live.make("Shot", task_template=given.link)
    made = given.tasks(*values, "step", "task_assignees", "template_task", "task_template", shot=shot)
    came = {name: made[0][name] for name in values}, made[0]["step"]["id"], [link["id"] for link in made[0]["task_assignees"]]
    links = [(task["template_task"]["id"], task["task_template"], task["milestone"], task["duration"]) for task in made]
    return (came, links), ((values, step["id"], [person["id"]]), [(given.origins[0]["id"], None, False, 960), (given.origins[1]["id"], None, True, 0)])


@fact("F459", "102", "M S", "reviewers and custom fields are copied as well")
def _(live):
    text, other = (live.sg.schema_field_create("Task", kind, live.name("Extra"), properties) for kind, properties in (("text", None), ("multi_entity", {"valid_types": ["Shot"]})))
    group, shot = live.make("Group", code=live.name()), live.make("Shot")
    given = Templated(live, {"task_reviewers": [group], text: "x", other: [shot]})
    (task,) = given.tasks("task_reviewers", text, other, shot=live.make("Shot", task_template=given.link))
    return ([link["id"] for link in task["task_reviewers"]], task[text], [link["id"] for link in task[other]]), ([group["id"]], "x", [shot["id"]])


@fact("F460", "083/105", "M S", "dependencies come with type and offset; null and 0 stay what they are")
def _(live):
    given = Templated(live, *[{"content": name} for name in "abcd"])
    for at, data in enumerate([{"dependency_type": "start-to-start", "offset_days": 2}, {}, {"offset_days": 0}]):
        wait(live, given.origins[at + 1], given.origins[at], **data)
    made = given.tasks(shot=live.make("Shot", task_template=given.link))
    return [edge[2:] for edge in edges(live, *made)], [("start-to-start", 2), ("finish-to-start-next-day", None), ("finish-to-start-next-day", 0)]


@fact("F461", "083", "M S", "the entity type of a template does not matter; null makes no tasks; a batch makes them too")
def _(live):
    template = live.sg.create("TaskTemplate", {"code": live.name(), "entity_type": "Asset"})
    live.make("Task", task_template=template, content="a")
    data = {"project": live.project, "code": live.name(), "task_template": template}
    shots = [live.make("Shot", task_template=template), live.make("Shot", task_template=None), *live.sg.batch([{"request_type": "create", "entity_type": "Shot", "data": data}])]
    return [len(live.ids("Task", ["entity", "is", shot])) for shot in shots], [1, 0, 1]


@fact("F462", "084", "M S", "another template adds its tasks to the old ones, of the same name too; the same template again adds none")
def _(live):
    first, second = Templated(live, {"content": "a"}), Templated(live, {"content": "a"}, {"content": "b"})
    came = []
    for template in (first.link, second.link, second.link):
        live.update(first.shot, task_template=template)
        came.append([task["content"] for task in first.tasks("content")])
    return came, [["a"], ["a", "a", "b"], ["a", "a", "b"]]


@fact("F463", "084", "M S", "a deleted task comes again when the template is cleared and set, not when the same one is sent")
def _(live):
    given = Templated(live, {"content": "a"})
    given.apply()
    live.sg.delete("Task", given.tasks()[0]["id"])
    live.update(given.shot, task_template=given.link)
    again = len(given.tasks())
    given.apply()
    return (again, len(given.tasks())), (0, 1)


@fact("F466", "102", "M S", "a linked task keeps its dates and assignees, or gets them where it has none; the duration only without dates")
def _(live):
    people = [live.make("Group", code=live.name()) for _ in range(2)]
    dated, short = {**DAYS, "task_assignees": people[:1]}, {"duration": 1440}
    def result(template, **data):
        given = Templated(live, {"content": "a", **template})
        task = given.linked(**data)
        given.apply()
        return dates(live, task), live.get(task, "duration"), [link["id"] for link in live.get(task, "task_assignees")]
    came = result(dated, **MAY, task_assignees=people[1:]), result(dated), result(short, **MAY), result(short, duration=480)
    return came, (("05-04..05-08", 2400, [people[1]["id"]]), ("03-02..03-03", 960, [people[0]["id"]]), ("05-04..05-08", 2400, []), ("None..None", 1440, []))


@fact("F467", "099/092", "M S", "the template adds its dependencies between linked tasks and moves those that are not pinned")
def _(live):
    given = Templated(live, *[{"content": name} for name in "abc"])
    for task in given.origins[1:]:
        wait(live, task, given.origins[0])
    first, second, held = given.linked(0, **DAYS), given.linked(1, **DAYS), given.linked(2, **DAYS, pinned=True)
    given.apply()
    return (edges(live, second, held), dates(live, second, held), flags(live, held)), (
        [(task["id"], first["id"], "finish-to-start-next-day", None) for task in (second, held)], ["03-04..03-05", "03-02..03-03"], (True, True),
    )


@fact("F468", "101/102", "M S", "a dependency of linked tasks that is not as the template has it is erased, not retired")
def _(live):
    given = Templated(live, *[{"content": name} for name in "abc"])
    wait(live, given.origins[1], given.origins[0])
    first, second, third = (given.linked(at) for at in range(3))
    wrong, more = wait(live, second, first, dependency_type="start-to-start"), wait(live, third, first)
    given.apply()
    return (edges(live, second, third), gone(live, wrong), gone(live, more)), ([(second["id"], first["id"], "finish-to-start-next-day", None)], True, True)


@fact("F469", "107/109", "M S", "a dependency of a linked task on one outside the template is erased; the other way round it stays")
def _(live):
    given = Templated(live, {"content": "a"})
    task, before, behind = given.linked(), live.make("Task", entity=given.shot), live.make("Task", entity=given.shot)
    erased, kept = wait(live, task, before), wait(live, behind, task)
    given.apply()
    return (gone(live, erased), live.alive(kept)), (True, True)


@fact("F470", "106", "M S", "of two tasks that are linked to one task of the template, one is written to")
def _(live):
    given = Templated(live, {"content": "a", "sg_description": "template"})
    for _ in range(2):
        given.linked(sg_description="hand")
    given.apply()
    return sorted(task["sg_description"] for task in given.tasks("sg_description")), ["hand", "template"]


@fact("F471", "110", "M S", "a retired task does not count as linked; revived, it is the second one")
def _(live):
    given = Templated(live, {"content": "a"})
    task = given.linked()
    live.sg.delete("Task", task["id"])
    given.apply()
    live.sg.revive("Task", task["id"])
    return [each["template_task"]["id"] for each in given.tasks("template_task")], [given.origins[0]["id"]] * 2


@fact("F472", "098", "M S", "a batch that links a task, clears the template and sets it works in this order")
def _(live):
    given = Templated(live, {"content": "a"})
    task = live.make("Task", entity=given.shot, content="b")
    writes = [(task, {"template_task": given.origins[0]}), (given.shot, {"task_template": None}), (given.shot, {"task_template": given.link})]
    live.sg.batch([{"request_type": "update", "entity_type": link["type"], "entity_id": link["id"], "data": data} for link, data in writes])
    return [each["id"] for each in given.tasks()], [task["id"]]


@fact("F473", "113", "M S", "a batch with a template that fails leaves no task and no event")
def _(live):
    given = Templated(live, {"content": "a"})
    def events():
        return live.sg.find_one("EventLogEntry", [], order=[{"field_name": "id", "direction": "desc"}])
    before = events()
    set_template = {"request_type": "update", "entity_type": "Shot", "entity_id": given.shot["id"], "data": {"task_template": given.link}}
    fault = live.fault(live.sg.batch, [set_template, {"request_type": "delete", "entity_type": "Shot", "entity_id": 10**8}])
    return (fault, given.tasks(), events()), (Says("does not exist"), [], before)
