"""
Multi-entity fields.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()


def listed_by(relation, value, expected):
    """
    Return the check of a filter on `assets` over four shots: with assets A and B, A alone, B alone, and none.
    """
    def check(live):
        one, two, other = (live.make("Asset", code=live.name(stem)) for stem in ("ash", "birch", "other"))
        shots = [live.make("Shot", assets=assets) for assets in ([one, two], [one], [two], [])]
        return live.found(shots, ["assets", relation, value(one, two, other) if callable(value) else value]), expected
    return check


def ids(links):
    return sorted(link["id"] for link in links)


def own_list(live, valid_type="Version"):
    """
    Return a new multi-entity field of versions that links to one type.
    """
    return live.sg.schema_field_create("Version", "multi_entity", live.name("From"), properties={"valid_types": [valid_type]})


@fact("F208", "multi_entity", "M S", "a list replaces all links, and counts each once")
def _(live):
    one, two = live.make("Asset"), live.make("Asset")
    shot = live.make("Shot", assets=[one])
    live.update(shot, assets=[two, two])
    return ids(live.get(shot, "assets")), [two["id"]]


@fact("F209", "multi_entity", "M S", "add doubles nothing, remove takes what is not linked, set replaces")
def _(live):
    one, two, three = (live.make("Asset") for _ in range(3))
    shot = live.make("Shot", assets=[one])
    came = []
    for mode, links in (("add", [one, two]), ("remove", [one, three]), ("set", [three])):
        live.sg.update("Shot", shot["id"], {"assets": links}, multi_entity_update_modes={"assets": mode})
        came.append(ids(live.get(shot, "assets")))
    return came, [[one["id"], two["id"]], [two["id"]], [three["id"]]]


fact("F211", "multi_entity", "M S", "an id alone is no link in a list", lambda live: (live.refusal("Shot.assets", [26332]), Says(r"invalid/missing entity hash: 26332")))
fact("F212", "multi_entity", "M S", "a link in a list needs a type, and the fault names the valid ones", lambda live: (live.refusal("Shot.assets", [{"id": 5}]), Says(r"string 'type'.*Valid entity types: \[.*\"Asset\"")))
fact("F213", "multi_entity", "M ?", "one link is no list", lambda live: (live.refusal("Shot.assets", live.make("Asset")), Says("invalid/missing string 'multi_entity_update_mode'")))


@fact("F214", "multi_entity", "M S", "a list takes no other type and no missing row")
def _(live):
    path = f"Version.{own_list(live)}"
    return ([live.refusal(path, [live.make("Task")]), live.refusal(path, [{"type": "Version", "id": 99999999}])],
            [Says(rf"Update failed for \[{path}\]: Value is not legal\.")] * 2)


fact("F215", "multi_entity", "M S", "is finds the lists that hold the row", listed_by("is", lambda one, two, other: one, [0, 1]))
fact("F216", "multi_entity", "M S", "is null finds the empty lists", listed_by("is", None, [3]))
fact("F217", "multi_entity", "M S", "is finds none where no list holds the row", listed_by("is", lambda one, two, other: other, []))
fact("F218", "multi_entity", "M S", "is_not finds the empty lists, too", listed_by("is_not", lambda one, two, other: one, [2, 3]))
fact("F219", "multi_entity", "M S", "is_not null finds what holds a row", listed_by("is_not", None, [0, 1, 2]))
fact("F220", "multi_entity", "M S", "in takes one link", listed_by("in", lambda one, two, other: [one, other], [0, 1]))
fact("F221", "multi_entity", "M S", "in finds the lists that hold any of several rows", listed_by("in", lambda one, two, other: [one, two], [0, 1, 2]))
fact("F223", "multi_entity", "M S", "not_in finds the lists that hold none of several rows", listed_by("not_in", lambda one, two, other: [one, two], [3]))
fact("F224", "multi_entity", "M S", "type_is finds the lists that hold a row of the type", listed_by("type_is", "Asset", [0, 1, 2]))
fact("F226", "multi_entity", "M S", "name_contains looks at the names of the rows in the list", listed_by("name_contains", "ash_", [0, 1]))
fact("F227", "multi_entity", "M S", "name_contains finds none where no name has the text", listed_by("name_contains", "zz_none", []))
fact("F228", "multi_entity", "M S", "in takes no empty list", lambda live: (live.fault(live.sg.find, "Shot", {"logical_operator": "and", "conditions": [{"path": "assets", "relation": "in", "values": []}]}), Says(r"expects at least a 1-element array: \[\]")))


@fact("F229", "multi_entity", "M S", "two conditions on one list may be met by two rows of it")
def _(live):
    one, two = live.make("Asset"), live.make("Asset")
    shots = [live.make("Shot", assets=assets) for assets in ([one, two], [one], [two])]
    return live.found(shots, ["assets", "is", one], ["assets", "is", two]), [0]


@fact("F230", "016", "M S", "a dotted filter goes through a list, a dotted read does not")
def _(live):
    sequence = live.make("Sequence", code=live.name("seq"))
    asset = live.make("Asset", code=live.name("via"), sequences=[sequence])
    shots = [live.make("Shot", assets=[asset]), live.make("Shot")]
    code, far = live.get(asset, "code"), live.get(sequence, "code")
    row = live.row(shots[0], "code", "assets.Asset.code")
    return ([live.found(shots, ["assets.Asset.code", "is", code]), live.found(shots, ["assets.Asset.sequences.Sequence.code", "is", far]), sorted(row)],
            [[0], [0], ["code", "id", "type"]])


@fact("F231", "071", "M S", "note_links filters by a field of what a note is about; contains is no relation of a list")
def _(live):
    shot = live.make("Shot", code=live.name("noted"))
    notes = [live.make("Note", note_links=[shot]), live.make("Note")]
    return ([live.found(notes, ["note_links.Shot.cached_display_name", "is", live.get(shot, "code")]), live.fault(live.ids, "Note", ["note_links", "contains", "x"])],
            [[0], Says("doesn't support 'contains' 'relation'")])


fact("F232", "071/017", "M S", "a path through note_links names a field that its type has", lambda live: (live.fault(live.ids, "Note", ["note_links.Booking.code", "is", "x"]), Says(r"note_links\.Booking\.code doesn't exist")))


@fact("F233", "Note", "M S", "note_links takes types that it does not list")
def _(live):
    person = live.make("HumanUser", login=live.name("noted"), name="Noted")
    note = live.make("Note", note_links=[live.project, person])
    return sorted(link["type"] for link in live.get(note, "note_links")), ["HumanUser", "Project"]
