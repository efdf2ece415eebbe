"""
Activity streams, following, note threads and the read state.
"""
# fmt: off

import functools
from typing import Any, Dict, List

from shotgun_api3 import Shotgun

from live_facts.fact import Facts, Says

fact = Facts()


def updates(live: Any, link: Dict[str, Any], **options: Any) -> List[Dict[str, Any]]:
    """
    Return the updates of the stream of a row.
    """
    found: List[Dict[str, Any]] = live.sg.activity_stream_read(link["type"], link["id"], **options)["updates"]
    return found


def kinds(live: Any, link: Dict[str, Any], **options: Any) -> List[Any]:
    """
    Return the kind of each update of a stream, and the type of the row that it is about.
    """
    return [(each["update_type"], each["primary_entity"]["type"]) for each in updates(live, link, **options)]


def person(live: Any) -> Dict[str, Any]:
    """
    Make a person with the password "secret".
    """
    made: Dict[str, Any] = live.site.add_user(live.name("person"), "secret", role="manager")
    return made


def client(live: Any, user: Dict[str, Any]) -> Any:
    """
    Return the official client of a person.
    """
    return Shotgun(live.site.url, login=user["name"], password="secret")


def busy_shot(live: Any, updated: int) -> Dict[str, Any]:
    """
    Make a shot, and update it so many times.
    """
    shot: Dict[str, Any] = live.make("Shot")
    for number in range(updated):
        live.update(shot, sg_cut_in=number)
    return shot


fact("F539", "043/066", "M R", "the stream of a row that is not there is a fault",
     lambda live: (live.fault(live.sg.activity_stream_read, "Shot", 999999999), Says("999999999")))


@fact("F540", "043", "M S", "max_id and min_id are exclusive; earliest_update_id is 0 where the stream ran out")
def _bounds(live):
    shot = busy_shot(live, 5)
    ids = [each["id"] for each in updates(live, shot)]
    def part(**options):
        found = live.sg.activity_stream_read("Shot", shot["id"], **options)
        return [each["id"] for each in found["updates"]], found["earliest_update_id"], found["latest_update_id"]
    came = part(max_id=ids[2]), part(min_id=ids[2]), part(limit=2), part(limit=6), part(max_id=ids[-1])
    return came, ((ids[3:], 0, ids[3]), (ids[:2], 0, ids[0]), (ids[:2], ids[1], ids[0]), (ids, 0, ids[0]), ([], 0, 0))


@fact("F541", "043", "M S", "25 updates come without a limit; limit 501 is refused")
def _limits(live):
    shot = busy_shot(live, 30)
    refused = live.fault(live.sg.activity_stream_read, "Shot", shot["id"], limit=501)
    taken = live.sg.activity_stream_read("Shot", shot["id"], limit=500)
    return (len(updates(live, shot)), len(taken["updates"]), refused), (25, 31, Says("less than or equal to 500"))


@fact("F542", "067", "M S", "a reply is an update of its note, the reply is in meta; all streams have it under one id")
def _replies(live):
    project = live.make("Project", name=live.name("P"))
    shot = live.make("Shot", project=project)
    note = live.make("Note", subject="light", content="too dark", project=project, note_links=[shot])
    reply = live.sg.create("Reply", {"entity": note, "content": "looks fine"})
    came = [[each for each in updates(live, link) if each["update_type"] == "create_reply"]
            for link in (note, shot, project)]
    one = came[0][0]
    note, meta = one["primary_entity"], one["meta"]
    told = note["type"], note["name"], meta["entity_id"], meta["content"]
    wanted = "Note", "light - too dark", reply["id"], "looks fine"
    return ([[each["id"] for each in part] for part in came], told), ([[one["id"]]] * 3, wanted)


@fact("F543", "067", "M S", "a shot's stream has the creates of its tasks and versions; a task's has its versions'")
def _children(live):
    shot = live.make("Shot")
    task = live.make("Task", content="anm", entity=shot)
    live.make("Version", entity=shot, sg_task=task)
    made = [("create", "Version"), ("create", "Task"), ("create", "Shot")]
    return (kinds(live, shot), kinds(live, task)), (made, made[:2])


@fact("F544", "067", "M ?", "a note that a script made is on no stream as a create, nor are a script's status changes",
      differs="The record looked for seven minutes on one site. Scripts that read a stream expect these notes there.")
def _by_a_script(live):
    shot = live.make("Shot")
    live.make("Note", subject="n", note_links=[shot])
    live.update(shot, sg_status_list="ip")
    return kinds(live, shot), [("create", "Shot")]


@fact("F545", "066", "M S", "a person's stream is what that person did, not what they follow")
def _of_a_person(live):
    user = person(live)
    followed, sg = live.make("Shot"), client(live, user)
    live.sg.follow(user, followed)
    live.update(followed, sg_cut_in=5)
    done = sg.create("Shot", {"code": "x", "project": live.project})
    sg.close()
    came = [each["primary_entity"]["id"] for each in updates(live, user) if each["primary_entity"]["type"] == "Shot"]
    return came, [done["id"]]


fact("F547", "043", "M S", "following a row that is not there is a fault",
     lambda live: (live.fault(live.sg.follow, person(live), {"type": "Shot", "id": 999999999}),
                   Says("Couldn't find Shot with id=999999999")))
fact("F548", "043", "M S", "a script follows nothing",
     lambda live: (live.fault(live.sg.follow, live.sg.find_one("ApiUser", []), live.make("Shot")), Says("ApiUser")))


@fact("F549", "043", "M S", "a thread is note, files and replies by time; entity_fields widen the first two alone")
def _thread(live):
    note = live.make("Note", subject="n", content="c")
    address = {"url": "https://x.example"}
    live.sg.create("Attachment", {"project": live.project, "this_file": address, "attachment_links": [note]})
    live.sg.create("Reply", {"entity": note, "content": "r"})
    wider = {"Note": ["subject"], "Attachment": ["description"], "Reply": ["publish_status"]}
    rows = {row["type"]: row for row in live.sg.note_thread_read(note["id"], wider)}
    common = {"type", "id", "created_at"}
    came = {name: set(row) for name, row in rows.items()}, set(rows["Reply"]["user"]), next(iter(rows))
    wanted = {"Note": common | {"content", "created_by", "subject"},
              "Attachment": common | {"created_by", "description"}, "Reply": common | {"content", "user"}}
    return came, (wanted, {"type", "id", "name", "image"}, "Note")


@fact("F550", "068", "M S", "read_by_current_user is each person's own; a script's write is taken and stores nothing")
def _read_state(live):
    note, one, other = live.make("Note"), person(live), person(live)
    clients = client(live, one), client(live, other), live.sg
    clients[0].update("Note", note["id"], {"read_by_current_user": "read"})
    live.update(note, read_by_current_user="read")
    path = "read_by_current_user"
    came = [sg.find_one("Note", [["id", "is", note["id"]]], [path])[path] for sg in clients]
    for sg in clients[:2]:
        sg.close()
    return came, ["read", "unread", "unread"]


def by_read_state(live: Any, *condition: Any) -> List[int]:
    """
    Return which of two notes a person finds, of which the first is read.
    """
    notes, sg = [live.make("Note"), live.make("Note")], client(live, person(live))
    sg.update("Note", notes[0]["id"], {"read_by_current_user": "read"})
    ids = [note["id"] for note in notes]
    found = sg.find("Note", [["id", "in", ids], ["read_by_current_user", *condition]])
    sg.close()
    return [ids.index(row["id"]) for row in found]


@fact("F551", "068", "M S", "in and not_in on it, and an is of another word, find the caller's unread rows")
def _other_relations(live):
    asked = ("in", ["read"]), ("in", ["unread"]), ("not_in", ["read"]), ("not_in", ["unread"]), ("is", "other")
    return [by_read_state(live, *condition) for condition in asked], [[1]] * len(asked)


@fact("F552", "068", "M S", "is and is_not on it are evaluated: for a script all is unread")
def _is_and_is_not(live):
    asked = ("is", "read"), ("is", "unread"), ("is_not", "read"), ("is_not", "unread")
    note = live.make("Note")
    path, find = "read_by_current_user", functools.partial(live.ids, "Note", ["id", "is", note["id"]])
    by_script = find([path, "is", "unread"]), find([path, "is", "read"])
    return ([by_read_state(live, *each) for each in asked], by_script), ([[0], [1], [1], [0]], ([note["id"]], []))
