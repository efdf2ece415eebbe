"""
The event log.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()


def entries(live, link, *filters):
    """
    Return the entries about a row, oldest first.
    """
    fields = ["event_type", "attribute_name", "meta", "user", "entity", "session_uuid", "description"]
    order = [{"field_name": "id", "direction": "asc"}]
    return live.sg.find("EventLogEntry", [["entity", "is", link], *filters], fields, order)


def attributes(live, link):
    """
    Return the attributes that the entries about a row name, sorted; an entry without one counts as "New" or the like.
    """
    return sorted(each["attribute_name"] or each["event_type"].rpartition("_")[2] for each in entries(live, link))


def change(live, link, attribute):
    """
    Return the meta of the newest change of a field.
    """
    return entries(live, link, ["attribute_name", "is", attribute])[-1]["meta"]


def newest(live, event_type, last=1):
    """
    Return the newest entries of a type, oldest first.
    """
    order = [{"field_name": "id", "direction": "desc"}]
    fields = ["event_type", "attribute_name", "meta", "entity"]
    return live.sg.find("EventLogEntry", [["event_type", "is", event_type]], fields, order, limit=last)[::-1]


def template(live):
    """
    Return a task template with two tasks, of which the second waits for the first.
    """
    made = live.make("TaskTemplate", code=live.name("template"))
    first, second = (live.make("Task", content=content, task_template=made) for content in ("a", "b"))
    live.make("TaskDependency", task=second, dependent_task=first)
    return made


def by_script(live, generate):
    """
    Return the entries about a shot that a script made whose generate_event_log_entries is set so, and what it reads.
    """
    me = {"type": "ApiUser", "id": live.sg.find_one("ApiUser", [["firstname", "is", live.site.script_name]])["id"]}
    live.update(me, generate_event_log_entries=generate)
    try:
        shot = live.make("Shot")
        return len(entries(live, shot)), live.get(me, "generate_event_log_entries")
    finally:
        live.update(me, generate_event_log_entries=True)


def own_entry(live, *fields):
    """
    Return fields of an EventLogEntry that was created with a project alone.
    """
    row = live.row(live.make("EventLogEntry"), *fields)
    return tuple(row[field] for field in fields)


def retired(live):
    """
    Return the entries about a shot that was deleted.
    """
    shot = live.make("Shot", code="gone")
    live.sg.delete("Shot", shot["id"])
    last = [*newest(live, "Shotgun_Shot_Change"), *newest(live, "Shotgun_Shot_Retirement")]
    return shot, [each["meta"] for each in last]


fact("F520", "049", "M S", "a new row's link to its project logs no change", lambda live: (attributes(live, live.make("Shot", code="a", description="d")), ["New", "code", "description", "sg_status_list"]))


@fact("F522", "025/049", "M S", "the meta of a change names field, row, data type and both values; an update's has no in_create")
def changes_are_described(live):
    """
    Compare the whole meta.
    """
    shot = live.make("Shot", code="a")
    live.update(shot, code="b")
    meta = {"type": "attribute_change", "attribute_name": "code", "entity_type": "Shot", "entity_id": shot["id"], "field_data_type": "text", "old_value": "a", "new_value": "b", "platform_id": None}
    return change(live, shot, "code"), meta


fact("F523", "025", "M S", "the meta of a change has platform_id null", lambda live: (change(live, live.make("Shot", code="a"), "code").get("platform_id", "absent"), None))


@fact("F524", "serializable", "M S", "the change of a list names the links added and removed")
def lists_are_described(live):
    """
    Compare what was added and removed.
    """
    asset, shot = live.make("Asset", code="rock"), live.make("Shot")
    live.update(shot, assets=[asset])
    meta = change(live, shot, "assets")
    found = [{key: each[key] for key in ("name", "type", "id", "status")} for each in meta["added"]]
    return (meta["field_data_type"], meta["removed"], found, len(meta["added"][0]["uuid"])), ("multi_entity", [], [{"name": "rock", "type": "Asset", "id": asset["id"], "status": "wtg"}], 36)


@fact("F525", "090", "M S", "the new value of a link has name, type, id, valid, status and uuid")
def links_are_described(live):
    """
    Compare the keys and all values but the uuid.
    """
    shot, sequence = live.make("Shot"), live.make("Sequence", code="sq")
    live.update(shot, sg_sequence=sequence)
    value = change(live, shot, "sg_sequence")["new_value"]
    return (value.pop("uuid") is not None, value), (True, {"name": "sq", "type": "Sequence", "id": sequence["id"], "valid": "valid", "status": "ip"})


fact("F526", "049", "M S", "the user of an entry is the script with its version; without a session, session_uuid is null", lambda live: ({(each["user"]["name"], each["session_uuid"]) for each in entries(live, live.make("Shot"))}, {(f"{live.site.script_name} 1.0", None)}))


@fact("F527", "049", "M S", "a delete logs a change of retirement_date and a retirement")
def deletes_are_described(live):
    """
    Compare the values that both have.
    """
    shot, (changed, retirement) = retired(live)
    moment = Says(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
    came = changed["attribute_name"], changed["old_value"], changed["new_value"], retirement
    return came, ("retirement_date", None, moment, {"class_name": "Shot", "display_name": "gone", "entity_id": shot["id"], "entity_type": "Shot", "id": shot["id"], "retirement_date": moment, "type": "entity_retirement"})


fact("F529", "049", "M S", "a script that logs nothing leaves no entry; it sets that itself; new scripts log nothing", lambda live: ((by_script(live, generate=False), live.get(live.make("ApiUser", firstname=live.name()), "generate_event_log_entries")), ((0, False), False)))
fact("F530", "025", "M S", "an EventLogEntry may be created with a project alone", lambda live: (own_entry(live, "description", "event_type", "attribute_name", "meta", "entity", "user"), ("New Event", None, None, None, None, None)))
fact("F531", "025", "M S", "an entry is not deleted, nor its meta changed", lambda live: ((live.fault(live.sg.delete, "EventLogEntry", newest(live, "Shotgun_Project_New")[0]["id"]), live.fault(live.sg.update, "EventLogEntry", newest(live, "Shotgun_Project_New")[0]["id"], {"meta": {"a": 1}})), (Says("Entity of type EventLogEntry can not be deleted by this user"), Says("EventLogEntry.meta"))))


@fact("F532", "025", "M S", "event_type takes starts_with and in; entity takes a dotted path and type_is; an order by meta is ignored")
def entries_are_found(live):
    """
    Compare the entries that each filter finds.
    """
    shot = live.make("Shot", code=live.name())
    code = live.get(shot, "code")
    both = sorted(each["id"] for each in entries(live, shot))
    new = entries(live, shot, ["event_type", "is", "Shotgun_Shot_New"])[0]["id"]
    by_meta = live.sg.find("EventLogEntry", [["entity", "is", shot]], [], [{"field_name": "meta", "direction": "desc"}])
    came = (
        live.ids("EventLogEntry", ["entity", "is", shot], ["event_type", "starts_with", "Shotgun_Shot_N"]),
        live.ids("EventLogEntry", ["entity", "is", shot], ["event_type", "in", ["Shotgun_Shot_New", "x"]]),
        sorted(live.ids("EventLogEntry", ["entity.Shot.code", "is", code])),
        live.ids("EventLogEntry", ["entity", "is", shot], ["entity", "type_is", "Asset"]),
        [each["id"] for each in by_meta],
    )
    return came, ([new], [new], both, [], both)


@fact("F535", "090", "M S", "a template set by an update: its own change has no in_create, the changes of the tasks have")
def templates_are_described(live):
    """
    Compare in_create of the changes of both fields.
    """
    made, shot = template(live), live.make("Shot")
    live.update(shot, task_template=made)
    tasks = entries(live, shot, ["attribute_name", "is", "tasks"])
    return (change(live, shot, "task_template").get("in_create"), [each["meta"].get("in_create") for each in tasks]), (None, [True, True])


fact("F536", "077", "M S", "PageSetting has no updated_at", lambda live: ("updated_at" in live.sg.schema_field_read("PageSetting"), False))


@fact("F537", "025", "M S", "ids are reserved and committed late, so a follower by the highest id skips entries; the gaps close later")
def entries_are_late(live):
    """
    Compare what a follower by the highest id and a later reader find of the entries about three shots.
    """
    last = max(live.ids("EventLogEntry"))
    with live.site.faults.during("late-events=3600:next=1"):
        shots = [live.make("Shot") for _number in range(3)]
    about = [["id", "greater_than", last], ["entity", "in", shots]]
    followed = live.ids("EventLogEntry", *about)
    live.site.show_late_events()
    after = live.ids("EventLogEntry", ["id", "greater_than", max(followed)], ["entity", "in", shots])
    return (len(followed), after, len(live.ids("EventLogEntry", *about))), (6, [], 9)


@fact("F538", "091", "M S", "a change of the statuses that a project excludes leaves a Shotgun_DisplayColumn_Change")
def excluded_statuses_are_logged(live):
    """
    Compare the newest entry about a field before and after.
    """
    before = newest(live, "Shotgun_DisplayColumn_Change")
    live.sg.schema_field_update("Shot", "sg_status_list", {"hidden_values": ["fin"]}, project_entity=live.project)
    try:
        (entry,) = newest(live, "Shotgun_DisplayColumn_Change")
        return ([entry] != before, entry["attribute_name"]), (True, "hidden_values")
    finally:
        live.sg.schema_field_update("Shot", "sg_status_list", {"hidden_values": []}, project_entity=live.project)


# Neighbours of these facts, from the same findings.


@fact("F520a", "049", "M S", "a new task logs what it got, without the counters that the site keeps; its shot's tasks change has in_create")
def new_tasks_are_described(live):
    """
    Compare the attributes about the task, and the change of the list of the shot.
    """
    shot = live.make("Shot")
    task = live.make("Task", content="t", entity=shot)
    return (attributes(live, task), change(live, shot, "tasks").get("in_create")), (["New", "color", "content", "entity", "sg_status_list"], True)


@fact("F535a", "090", "M S", "each copied dependency logs three entries, and a change on both of its tasks")
def copied_dependencies_are_described(live):
    """
    Compare the entries of the dependency and the changes of the two tasks.
    """
    shot = live.make("Shot", task_template=template(live))
    first, second = ({"type": "Task", "id": number} for number in live.ids("Task", ["entity", "is", shot]))
    pair = {"type": "TaskDependency", "id": live.ids("TaskDependency", ["task", "is", second])[0]}
    return (attributes(live, pair), "downstream_tasks" in attributes(live, first), "upstream_tasks" in attributes(live, second)), (["New", "dependent_task", "task"], True, True)
