"""
Order, groups of filters, paging, names and dotted paths.
"""
# ruff: noqa: E501
# fmt: off

import json
import urllib.request

from live_facts.fact import Facts, Says

fact = Facts()


def shots(live, *codes):
    """
    Create a sequence with a shot of each code, and return the sequence and the shots.
    """
    sequence = live.make("Sequence")
    return sequence, [live.make("Shot", sg_sequence=sequence, code=code) for code in codes]


def places(live, codes, *sorts):
    """
    Return the places in `codes` of shots with these codes, in the order of an answer that is sorted.
    """
    sequence, rows = shots(live, *codes)
    order = [{"field_name": name, "direction": direction} for name, direction in sorts]
    ids = [row["id"] for row in rows]
    return [ids.index(each) for each in live.ids("Shot", ["sg_sequence", "is", sequence], order=order)]


def read(live, entity_type, filters, paging=None):
    """
    Send a read with filters as they are, past what the client makes of them, and return the answer or the fault's text.
    """
    payload = {"type": entity_type, "return_fields": ["id"], "filters": filters, "paging": paging or {"entities_per_page": 5, "current_page": 1}}
    answer = []
    fault = live.fault(lambda: answer.append(live.sg._call_rpc("read", payload)))
    return fault or answer[0]["entities"]


def nested(depth):
    """
    Return a group of filters that holds groups down to a depth.
    """
    group = {"logical_operator": "and", "conditions": [{"path": "id", "relation": "is", "values": [1]}]}
    for _ in range(depth - 1):
        group = {"logical_operator": "and", "conditions": [group]}
    return group


def read_nested(live, depth):
    """
    Return the ids that groups within groups find, or the fault's text. The client cannot send as many, so this does.
    """
    script = {"script_name": live.site.script_name, "script_key": live.site.api_key}
    params = [script, {"type": "Status", "return_fields": ["id"], "filters": nested(depth)}]
    body = json.dumps({"method_name": "read", "params": params}).encode()
    with urllib.request.urlopen(f"{live.site.url}/api3/json", body, timeout=10) as response:
        answer = json.load(response)
    return answer["message"] if answer.get("exception") else [row["id"] for row in answer["results"]["entities"]]


def link_names(live, entity_type, **data):
    """
    Return the display name of a new row, and the name that a link to it has, in a note's list and in a single link.
    """
    link = live.make(entity_type, **data)
    note, reply = live.make("Note", note_links=[link]), live.make("Reply", entity=link)
    return live.get(link, "cached_display_name"), live.get(note, "note_links")[0]["name"], live.get(reply, "entity")["name"]


@fact("F276", "026", "M S", "rows come by id without an order; [id, in] does not keep the order of its list")
def _(live):
    _sequence, rows = shots(live, "b", "a", "c")
    ids = [row["id"] for row in rows]
    return live.ids("Shot", ["id", "in", ids[::-1]]), ids


fact("F277", "026", "M S", "several sorts apply in turn, and the id decides between equals", lambda live: (places(live, "baab", ("code", "desc"), ("description", "asc")), [0, 3, 1, 2]))


@fact("F279", "CutItem/Step", "M S", "rows without a value sort last, both ways")
def _(live):
    cut = live.make("Cut")
    rows = [live.make("CutItem", cut=cut, cut_order=order) for order in (None, 2, 1)]
    ids = [row["id"] for row in rows]
    orders = [[{"field_name": "cut_order", "direction": direction}] for direction in ("asc", "desc")]
    came = [[ids.index(each) for each in live.ids("CutItem", ["cut", "is", cut], order=order)] for order in orders]
    return came, [[2, 1, 0], [1, 2, 0]]


@fact("F280", "004/028", "M S", "an unknown field is left out of an answer and is a fault in a filter")
def _(live):
    shot = live.make("Shot")
    return (live.row(shot, "nope"), live.fault(live.ids, "Shot", ["nope", "is", 1])), (shot, Says(r"Shot\.nope doesn't exist"))


@fact("F281", "059", "M S", "a path through a wrong or unknown type, or to an unknown leaf, is left out; through a type that is not linked it is null")
def _(live):
    version = live.make("Version", entity=live.make("Shot"))
    paths = ("entity.Task.content", "entity.Nope.code", "entity.Shot.nope", "entity.Asset.code")
    return live.row(version, *paths), {**version, "entity.Asset.code": None}


fact("F283", "030", "M S", "groups nest 265 deep; the 266th is a fault", lambda live: ([read_nested(live, depth) for depth in (265, 266)], [[1], Says("265")]))
fact("F284", "030", "M S", "one flat or of 5000 conditions is answered", lambda live: (read(live, "Status", {"logical_operator": "or", "conditions": [{"path": "id", "relation": "is", "values": [number]} for number in range(3, 5003)]})[0]["id"], 3))
fact("F285", "030", "M S", "logical operators are and, or, in lower case", lambda live: ([read(live, "Status", {"logical_operator": each, "conditions": []}) for each in ("AND", "not", "xor")], [Says("Invalid logical operator")] * 3))
fact("F286", "030", "M S", "a group without conditions finds all rows; an operator or conditions that are missing are a fault", lambda live: ([len(read(live, "Status", {"logical_operator": "and", "conditions": []})), read(live, "Status", {"conditions": []}), read(live, "Status", {"logical_operator": "or"})], [5, Says("Missing logical operator"), Says("Missing conditions parameter")]))
fact("F287", "030", "M S", "other keys of a group are tolerated", lambda live: (read(live, "Status", {**nested(1), "filter_name": "x", "filter_id": 7}), [{"type": "Status", "id": 1}]))
fact("F288", "082/006", "M ?", "a page has 1 to 5000 rows", lambda live: ([read(live, "Status", nested(1), {"entities_per_page": size, "current_page": 1}) for size in (1, 5000, 5001, 0)], [[{"type": "Status", "id": 1}]] * 2 + [Says("size must be less than 5000"), Says("greater than 0")]))


@fact("F289", "006", "M S", "pages of 10 give every row once, in the order of the unpaged query")
def _(live):
    sequence, rows = shots(live, *"abcabcabcabcabcabcabcabc")
    conditions, order = ["sg_sequence", "is", sequence], [{"field_name": "code", "direction": "asc"}]
    pages = [live.ids("Shot", conditions, order=order, limit=10, page=page) for page in (1, 2, 3)]
    walked = [row for page in pages for row in page]
    return ([len(page) for page in pages], walked, len(set(walked))), ([10, 10, 4], live.ids("Shot", conditions, order=order), len(rows))


@fact("F290", "060", "M S", "the name of a link is the display name of its row, in single links and in lists")
def _(live):
    (row, in_list, single), name = link_names(live, "Cut", code="c", revision_number=3), "c v003"
    return (row, in_list, single), (name, name, name)


@fact("F291", "060/Delivery", "M S", "a delivery is named '#<id>: <title>', in links too; its number is the id as a text")
def _(live):
    delivery = live.make("Delivery", title="parcel")
    reply, name = live.make("Reply", entity=delivery), f"#{delivery['id']}: parcel"
    row = live.row(delivery, "cached_display_name", "delivery_number")
    return (row, live.get(reply, "entity")["name"]), ({**delivery, "cached_display_name": name, "delivery_number": str(delivery["id"])}, name)


fact("F292", "Note/067", "M ?", "a note is named '<subject> - <content>', in links too; without a content by its subject", lambda live: ([link_names(live, "Note", subject="s", content="b"), link_names(live, "Note", subject="s")], [("s - b",) * 3, ("s",) * 3]))
fact("F293", "Cut", "M S", "a cut is named '<code> v001', without a revision number by its code", lambda live: ([live.get(live.make("Cut", code="e", revision_number=number), "cached_display_name") for number in (1, None)], ["e v001", "e"]))
fact("F294", "Step/PublishedFileType", "M X", "the display name of steps and of types of published files is null; links have the code", lambda live: ([link_names(live, "Step", code=code) for code in ("x",)] + [link_names(live, "PublishedFileType", code=code) for code in (live.name("type"),)], [(None, "x", "x"), (None, Says("type_"), Says("type_"))]))


@fact("F295", "060/081", "M S", "a dotted path reads the image and the other fields of a linked row in one call")
def _(live):
    version = live.make("Version", entity=live.make("Shot", code="a", description="d"))
    paths = ("entity.Shot.image", "entity.Shot.code", "entity.Shot.description")
    return live.row(version, *paths), {**version, "entity.Shot.image": None, "entity.Shot.code": "a", "entity.Shot.description": "d"}


@fact("F297", "Cut/Playlist/009r", "M S", "lists of links come by name, whatever order was written")
def _(live):
    versions = [live.make("Version", code=code) for code in "cab"]
    return [link["name"] for link in live.get(live.make("Playlist", versions=versions), "versions")], ["a", "b", "c"]


@fact("F298", "Reply", "M S", "the replies of a note come oldest first, by id")
def _(live):
    note = live.make("Note")
    replies = [live.make("Reply", entity=note, content=content)["id"] for content in "cab"]
    return [link["id"] for link in live.get(note, "replies")], replies


@fact("F299", "018", "M S", "is_template, is_demo and archived say what kind of project it is; a new one has no status")
def _(live):
    project = live.make("Project", name=live.name())
    fields = ("is_template", "is_demo", "archived", "sg_status")
    return live.row(project, *fields), {**project, "is_template": False, "is_demo": False, "archived": False, "sg_status": None}


fact("F301", "Project", "M S", "the dates and the duration of a project are read only and null", lambda live: ([(live.get(live.project, name), live.fault(live.update, live.project, **{name: value})) for name, value in (("start_date", "2020-01-01"), ("end_date", "2020-01-01"), ("duration", 1))], [(None, Says("is read only"))] * 3))
fact("F303", "028", "M S", "a type that does not exist is a fault that quotes its name", lambda live: (live.fault(live.ids, "Nope"), Says('"?Nope"?')))
