"""
Updates, deletes, revivals and batches.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()


def batch(live, *requests):
    """
    Send a batch that first creates a shot; return the fault, and whether that shot is there.
    """
    code = live.name()
    fault = live.fault(live.sg.batch, [creating("Shot", code=code, project=live.project), *requests])
    return fault, bool(live.ids("Shot", ["code", "is", code]))


def creating(entity_type, **data):
    return {"request_type": "create", "entity_type": entity_type, "data": data}


def updating(link, **data):
    return {"request_type": "update", "entity_type": link["type"], "entity_id": link["id"], "data": data}


def deleting(link):
    return {"request_type": "delete", "entity_type": link["type"], "entity_id": link["id"]}


def delete(live, link):
    return live.sg.delete(link["type"], link["id"])


def refused(live, *requests, fault):
    """
    Return what a batch of bad requests gave, and that its fault was to match and nothing was to be made.
    """
    return batch(live, *requests), (Says(fault), False)


def states(live, *links):
    return ["live" if live.alive(link) else "retired" if live.retired(link) else "erased" for link in links]


def thread(live, *contents):
    """
    Create a note with replies, and return it and them.
    """
    note = live.make("Note")
    return note, [live.make("Reply", entity=note, content=content) for content in contents]


@fact("F366", "060", "M S", "deleting a shot retires the versions whose entity it is; a retired one reads entity null")
def _(live):
    shot = live.make("Shot")
    version, other = live.make("Version", entity=shot), live.make("Version")
    delete(live, shot)
    retired = live.row(version, "entity", retired_only=True)
    return (states(live, shot, version, other), retired["entity"]), (["retired", "retired", "live"], None)


@fact("F367", "060", "M S", "deleting a task or a playlist retires nothing that is linked to it")
def _(live):
    task = live.make("Task")
    versions = [live.make("Version", sg_task=task), live.make("Version")]
    log = live.make("TimeLog", entity=task)
    playlist = live.make("Playlist", versions=versions)
    delete(live, task)
    delete(live, playlist)
    return states(live, *versions, log), ["live"] * 3


@fact("F368", "Cut", "M S", "deleting a cut leaves its items without a cut")
def _(live):
    cut = live.make("Cut")
    item = live.make("CutItem", cut=cut)
    delete(live, cut)
    return live.get(item, "cut"), None


@fact("F369", "TaskTemplate", "M S", "deleting a task template retires its tasks")
def _(live):
    template = live.make("TaskTemplate", code=live.name())
    task = live.make("Task", task_template=template)
    delete(live, template)
    return states(live, task), ["retired"]


@fact("F370", "013r", "M S", "deleting a published file leaves the attachment of its path")
def _(live):
    file = live.make("PublishedFile", path={"url": "http://example.com/a", "name": "a"})
    attachment = {"type": "Attachment", "id": live.get(file, "path")["id"]}
    delete(live, file)
    return states(live, attachment), ["live"]


@fact("F372", "Note", "M S", "an empty list of replies removes the replies themselves")
def _(live):
    note, replies = thread(live, "a", "b")
    live.update(note, replies=[])
    return (live.get(note, "replies"), [live.alive(reply) for reply in replies]), ([], [False, False])


@fact("F373", "Note", "M ?", "a reply that went with an empty list of replies is erased")
def _(live):
    note, (reply,) = thread(live, "a")
    live.update(note, replies=[])
    return (states(live, reply), live.fault(delete, live, reply)), (["erased"], Says("does not exist"))


@fact("F374", "Note", "M S", "links and files of a note may be set on create; files show from the other side")
def _(live):
    shot, file = live.make("Shot"), live.make("Attachment", this_file={"url": "http://example.com/a", "name": "a"})
    note = live.make("Note", note_links=[shot], attachments=[file])
    came = (live.get(note, "note_links"), live.get(note, "attachments"), live.get(file, "attachment_links"))
    return [[(link["type"], link["id"]) for link in links] for links in came], [[tuple(each.values())] for each in (shot, file, note)]


fact("F375", "069", "M S", "client notes cannot be created, and client_note cannot be updated", lambda live: ([live.fault(live.make, "Note", client_note=True), *(live.refusal("Note.client_note", value) for value in (True, False))], [Says("Client Notes can not be created through the API"), Says("Note.client_note is editable on create only"), Says("Note.client_note is editable on create only")]))


@fact("F376", "069", "M S", "sg_note_type is an ordinary list that has Client")
def _(live):
    notes = [live.make("Note", sg_note_type=each) for each in ("Client", "Internal")]
    return (live.found(notes, ["sg_note_type", "is", "Client"]), live.refusal("Note.sg_note_type", "Nobody")), ([0], Says("not a valid"))


@fact("F378", "048", "M S", "revive brings all values back, is False for a live row, and logs one revival")
def _(live):
    shot = live.make("Shot", code="a", description="d", sg_status_list="fin")
    live_one = live.sg.revive("Shot", shot["id"])
    delete(live, shot)
    revived = live.sg.revive("Shot", shot["id"])
    logged = live.ids("EventLogEntry", ["entity", "is", shot], ["event_type", "is", "Shotgun_Shot_Revival"])
    row = live.row(shot, "code", "description", "sg_status_list")
    return (live_one, revived, len(logged), row), (False, True, 1, {**shot, "code": "a", "description": "d", "sg_status_list": "fin"})


@fact("F380", "002r", "M S", "a batch answers in the order of its requests; two creates of one name are two rows")
def _(live):
    shot, gone = live.make("Shot"), live.make("Shot")
    twin = creating("Sequence", code="twin", project=live.project)
    first, updated, deleted, second = live.sg.batch([twin, updating(shot, code="b"), deleting(gone), twin])
    return (first["code"], updated, deleted, second["code"], first["id"] != second["id"]), ("twin", {**shot, "code": "b"}, True, "twin", True)


NOWHERE = {"type": "Shot", "id": 99999999}
fact("F381", "002r", "M S", "an update of a missing row rolls a batch back", lambda live: refused(live, updating(NOWHERE, code="a"), fault="does not exist"))
fact("F382", "002r", "M S", "a delete of a missing row rolls a batch back", lambda live: refused(live, deleting(NOWHERE), fault="does not exist"))
fact("F383", "002r", "M S", "an unknown field rolls a batch back", lambda live: refused(live, creating("Shot", project=live.project, nope=1), fault=r"field \[Shot\.nope\] does not exist"))
fact("F384", "002r", "M S", "a status that the field does not have rolls a batch back", lambda live: refused(live, creating("Shot", project=live.project, sg_status_list="nope"), fault="not a valid status"))
fact("F385", "002r", "M S", "a batch cannot use an id that it makes", lambda live: ([batch(live, creating("Version", project=live.project, entity={"type": "Shot", "id": each})) for each in (-1, "$0", 0)], [(Says("."), False)] * 3))
fact("F386", "002r", "M ?", "the fault for such an id names the field", lambda live: ([batch(live, creating("Version", project=live.project, entity={"type": "Shot", "id": each}))[0] for each in (-1, "$0")], [Says(r"\[5 - Update failed for \[Version\.entity\]: Value is not legal\.\]$")] * 2))


@fact("F389", "002r/103", "M ?", "deleting in a batch what is deleted already rolls the batch back")
def _(live):
    shot = live.make("Shot")
    delete(live, shot)
    return refused(live, deleting(shot), fault="does not exist")


@fact("F391", "024", "M S", "create answers the fields that were sent, update those that were written, with the names of links")
def _(live):
    sequence = live.make("Sequence", code="sq")
    link = {**sequence, "name": "sq"}
    shot = live.sg.create("Shot", {"code": "a", "project": live.project, "sg_sequence": sequence})
    return (shot, live.update(shot, sg_sequence=sequence, description="d")), (
        {"type": "Shot", "id": shot["id"], "code": "a", "project": {**live.project, "name": "facts"}, "sg_sequence": link},
        {"type": "Shot", "id": shot["id"], "sg_sequence": link, "description": "d"},
    )
