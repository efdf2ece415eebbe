"""
Relations that two fields show from their two ends.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()


def ids(live, link, field):
    """
    Return the ids that a list of links or a single link of a row holds.
    """
    value = live.get(link, field)
    return [each["id"] for each in (value if isinstance(value, list) else [value] if value else [])]


def seen_from_both_ends(live, path, far_path):
    """
    Write a link at either end of a relation and return what the other end reads, and that both are to see it.
    """
    (entity_type, field), (far_type, far_field) = path.split("."), far_path.split(".")
    came, expected = [], []
    for own_type, own_field, other_type, other_field in ((entity_type, field, far_type, far_field), (far_type, far_field, entity_type, field)):
        own, other = live.make(own_type), live.make(other_type)
        single = live.sg.schema_field_read(own_type, own_field)[own_field]["data_type"]["value"] == "entity"
        live.update(own, **{own_field: other if single else [other]})
        came.append((ids(live, own, own_field), ids(live, other, other_field)))
        expected.append(([other["id"]], [own["id"]]))
    return came, expected


def one_relation(*pairs):
    """
    Return the check that each pair of fields shows one relation.
    """

    def check(live):
        both = [seen_from_both_ends(live, *pair) for pair in pairs]
        return [each[0] for each in both], [each[1] for each in both]

    return check


def connections(live, playlist, *fields):
    return live.sg.find("PlaylistVersionConnection", [["playlist", "is", playlist]], list(fields))


@fact("F393", "Sequence", "M S", "a shot that is added to a second sequence leaves the first")
def _(live):
    shot = live.make("Shot")
    first, second = live.make("Sequence", shots=[shot]), live.make("Sequence", shots=[shot])
    return (ids(live, first, "shots"), ids(live, second, "shots"), ids(live, shot, "sg_sequence")), ([], [shot["id"]], [second["id"]])


fact("F394", "Sequence", "M S", "Sequence.episode and Episode.sequences are one relation", one_relation(("Sequence.episode", "Episode.sequences")))
fact("F395", "Asset", "M S", "shots, sequences and parents of assets are one relation each with their other ends", one_relation(("Asset.shots", "Shot.assets"), ("Asset.sequences", "Sequence.assets"), ("Asset.parents", "Asset.assets")))
fact("F396", "Shot", "M S", "Shot.parent_shots and Shot.shots are one relation", one_relation(("Shot.parent_shots", "Shot.shots")))
fact("F397", "Version/Shot", "M S", "versions, tasks and published files of a shot are those whose entity it is", one_relation(("Shot.sg_versions", "Version.entity"), ("Shot.tasks", "Task.entity"), ("Shot.sg_published_files", "PublishedFile.entity")))
fact("F398", "PublishedFile", "M S", "PublishedFile.version and Version.published_files are one relation; upstream and downstream files too", one_relation(("PublishedFile.version", "Version.published_files"), ("PublishedFile.upstream_published_files", "PublishedFile.downstream_published_files")))
fact("F401", "Cut", "M S", "Cut.version and Version.cuts are one relation", one_relation(("Cut.version", "Version.cuts")))


@fact("F399", "Cut", "M S", "CutItem.cut and Cut.cut_items are one relation; adding an item of another cut moves it")
def _(live):
    item = live.make("CutItem")
    first, second = live.make("Cut", cut_items=[item]), live.make("Cut")
    live.sg.update("Cut", second["id"], {"cut_items": [item]}, multi_entity_update_modes={"cut_items": "add"})
    both, expected = seen_from_both_ends(live, "CutItem.cut", "Cut.cut_items")
    return (ids(live, first, "cut_items"), ids(live, item, "cut"), both), ([], [second["id"]], expected)


@fact("F400", "Cut", "M S", "cut_items come by name, not by cut_order; cuts and their items validate nothing")
def _(live):
    cut = live.make("Cut", duration=-5)
    rows = [live.make("CutItem", cut=cut, code=code, cut_order=order, edit_in=100, edit_out=1) for code, order in (("b", 1), ("a", 2))]
    timecode = live.stored("CutItem.timecode_edit_in_text", "banana")
    return (ids(live, cut, "cut_items"), timecode), ([rows[1]["id"], rows[0]["id"]], "banana")


@fact("F402", "Playlist", "M S", "a version in a playlist is a connection without an order; writing the same members keeps it, taking one out and in makes a new one")
def _(live):
    version = live.make("Version")
    playlist = live.make("Playlist", versions=[version])
    (first,) = connections(live, playlist, "sg_sort_order")
    live.update(playlist, versions=[version])
    kept = connections(live, playlist)[0]["id"] == first["id"]
    live.update(playlist, versions=[])
    none = connections(live, playlist)
    live.update(playlist, versions=[version])
    (second,) = connections(live, playlist)
    return (first["sg_sort_order"], kept, none, second["id"] > first["id"]), (None, True, [], True)


@fact("F404", "Playlist", "M S", "a connection may be created with its order; versions of other projects may be in a playlist")
def _(live):
    other = live.make("Project", name=live.name())
    playlist, version = live.make("Playlist"), live.make("Version", project=other)
    connection = live.make("PlaylistVersionConnection", playlist=playlist, version=version, sg_sort_order=3)
    return (ids(live, version, "playlists"), live.get(connection, "sg_sort_order"), ids(live, playlist, "versions")), ([playlist["id"]], 3, [version["id"]])


@fact("F405", "Delivery", "M S", "Version.sg_deliveries mirrors version_sg_deliveries_versions; sg_versions of a delivery is a list of its own")
def _(live):
    delivery, version = live.make("Delivery"), live.make("Version")
    live.update(delivery, sg_versions=[version])
    before = live.get(version, "sg_deliveries")
    live.update(version, sg_deliveries=[delivery])
    return (before, ids(live, delivery, "version_sg_deliveries_versions")), ([], [version["id"]])


@fact("F406", "Task", "M S", "upstream_tasks and downstream_tasks are two views of dependencies, named 'Task A dependent on Task B'")
def _(live):
    first, second = live.make("Task"), live.make("Task")
    live.update(second, upstream_tasks=[first])
    (row,) = live.sg.find("TaskDependency", [["task", "is", second]], ["cached_display_name", "dependent_task"])
    name = f"Task {second['id']} dependent on Task {first['id']}"
    return (ids(live, first, "downstream_tasks"), row["cached_display_name"], row["dependent_task"]["id"]), ([second["id"]], name, first["id"])


fact("F407", "Task", "M S", "a filter by sibling_tasks fails", lambda live: ([live.fault(live.ids, "Task", condition) for condition in (["sibling_tasks", "is", live.make("Task")], ["sibling_tasks", "is", None], ["sibling_tasks.Task.content", "is", "x"])], [Says(r"Read failed for entity type \[Task\]")] * 3))
