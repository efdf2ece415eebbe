"""
File, image, summary, calculated, password, uuid, pivot_column and JSON fields.
"""
# ruff: noqa: E501
# fmt: off

import base64
import tempfile
import uuid
from pathlib import Path

from live_facts.fact import Facts, Says

fact = Facts()

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
TEXTS = ("is", "contains", "in", "greater_than", "type_is")


def unfilterable(path, data_type):
    entity_type, field = path.split(".", 1)
    return lambda live: ([live.fault(live.ids, entity_type, [field, relation, "x"]) for relation in TEXTS], [Says(f"'{data_type}' data type cannot be used in a filter")] * len(TEXTS))


def pictured(live):
    """
    Return a version with a thumbnail and a filmstrip.
    """
    row = live.make("Version")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pixel.png")
        file.write_bytes(PIXEL)
        live.sg.upload_thumbnail("Version", row["id"], str(file))
        live.sg.upload_filmstrip_thumbnail("Version", row["id"], str(file))
    return row


def write(live, row, field, value):
    """
    Write a field without the client's update, which uploads images and leaves out a null filmstrip.
    """
    live.sg._call_rpc("update", {"type": row["type"], "id": row["id"], "fields": [{"field_name": field, "value": value}]})


def shows(live, row, *fields):
    return [live.get(row, field) is not None for field in fields]


def properties(live, path, name):
    """
    Return the names of the properties of a field, and the value of one.
    """
    entity_type, field = path.split(".")
    found = live.sg.schema_field_read(entity_type, field)[field]["properties"]
    return [sorted(found), found[name]["value"]]


def web(name="x"):
    return {"url": f"https://example.com/{name}.mov", "name": name}


fact("F235", "url", "M S", "a text is no file", lambda live: (live.refusal("Version.sg_uploaded_movie", "/a/b.mov"), Says(r"expected \[Hash, .*NilClass\].* got String")))
fact("F236", "url", "M S", "a file needs an address", lambda live: (live.refusal("Version.sg_uploaded_movie", {"name": "x"}), Says("invalid/missing url hash string 'url'")))


@fact("F237", "url", "M S", "an address and a name make a web link with an Attachment of its own")
def _(live):
    value = live.stored("Version.sg_uploaded_movie", {**web(), "type": "Attachment", "id": 99999})
    return ([value["link_type"], value["url"], value["name"], value["content_type"], value["type"], value["id"] == 99999, live.alive({"type": "Attachment", "id": value["id"]})],
            ["web", web()["url"], "x", None, "Attachment", False, True])


@fact("F238", "url", "M S", "clearing the movie clears nothing that was made of it")
def _(live):
    row = pictured(live)
    live.update(row, sg_uploaded_movie=web(), sg_uploaded_movie_mp4=web("mp4"), sg_uploaded_movie_image=web("frame"))
    live.update(row, sg_uploaded_movie=None)
    return shows(live, row, "sg_uploaded_movie", "sg_uploaded_movie_mp4", "sg_uploaded_movie_image", "image", "filmstrip_image"), [False, True, True, True, True]


fact("F239", "url", "M S", "a file field cannot be filtered", unfilterable("Version.sg_uploaded_movie", "url"))
fact("F240", "url", "M S", "no path leads through a file field", lambda live: ([sorted(live.row(live.make("Version", sg_uploaded_movie=web()), "code", "sg_uploaded_movie.Attachment.display_name")), live.fault(live.ids, "Version", ["sg_uploaded_movie.Attachment.display_name", "is", "x"])], [["code", "id", "type"], Says("doesn't exist")]))


@fact("F241", "url/026", "M S", "an order by a file, a summary or an unknown name is by ascending ids")
def _(live):
    rows = [live.make("Version", sg_uploaded_movie=file) for file in (web("b"), web("a"), None)]
    ids = [row["id"] for row in rows]
    orders = [live.ids("Version", ["id", "in", ids], order=[{"field_name": name, "direction": "desc"}]) for name in ("sg_uploaded_movie", "open_notes_count", "zz_none")]
    return orders, [ids] * 3


fact("F242", "Project", "M S", "landing_page_url is a path in a bare text", lambda live: ([live.get(live.project, "landing_page_url"), live.row(live.make("Shot"), "project.Project.landing_page_url")["project.Project.landing_page_url"]], [Says(rf"^/detail/Project/{live.project['id']}")] * 2))
fact("F244", "image", "M S", "an image takes no link", lambda live: ([live.fault(write, live, live.make("Version"), "image", value) for value in ({"id": 1}, {"type": "Attachment", "id": 1})], [Says("string 'type'"), Says("Write access of the 'image' data type .* not yet supported")]))


@fact("F245", "image", "M S", "clearing an image clears the filmstrip, not the other way round")
def _(live):
    one, two = pictured(live), pictured(live)
    live.update(one, image=None)
    write(live, two, "filmstrip_image", None)
    return [shows(live, row, "image", "filmstrip_image") for row in (one, two)], [[False, False], [True, False]]


fact("F246", "image", "M S", "an image is filtered by null alone", lambda live: ([live.found([pictured(live), live.make("Version")], ["image", "is_not", None]), live.fault(live.ids, "Version", ["image", "is", ""]), live.fault(live.ids, "Version", ["image", "contains", "x"])], [[0], Says("expects a nil value for 'image' data type"), Says("doesn't support 'contains' 'relation'")]))
fact("F248", "summary", "M S", "a summary cannot be filtered, through a link neither", lambda live: ([*unfilterable("Shot.open_notes_count", "summary")(live)[0], *unfilterable("Version.entity.Shot.open_notes_count", "summary")(live)[0]], [Says("'summary' data type cannot be used in a filter")] * 2 * len(TEXTS)))
fact("F250", "summary", "M S", "a summary can be neither grouped by nor summed", lambda live: ([live.fault(live.sg.summarize, "Shot", [], [{"field": "id", "type": "count"}], grouping=[{"field": "open_notes_count", "type": "exact", "direction": "asc"}]), live.sg.summarize("Shot", [], [{"field": "open_notes_count", "type": "sum"}])["summaries"]], [Says(r"Grouping is not allowed for field Shot\.open_notes_count\."), {}]))
fact("F251", "summary", "M S", "the schema describes the query of a summary", lambda live: (properties(live, "Shot.open_notes_count", "default_value"), [["default_value", "query", "summary_default", "summary_field", "summary_value"], None]))


@fact("F252", "calculated", "M S", "a calculated field takes no write and no filter, and has an order and a sum")
def _(live):
    rows = [live.make("Task", duration=minutes) for minutes in (960, 480)]
    mine = ["id", "in", [row["id"] for row in rows]]
    return ([live.refusal("Task.workload", 5), *unfilterable("Task.workload", "calculated")(live)[0], live.ids("Task", mine, order=[{"field_name": "workload", "direction": "asc"}]), live.sg.summarize("Task", [mine], [{"field": "workload", "type": "sum"}])["summaries"]["workload"]],
            [Says("Task.workload is read only"), *[Says("'calculated' data type cannot be used in a filter")] * len(TEXTS), [row["id"] for row in reversed(rows)], 1440])


fact("F253", "calculated", "M S", "the schema has the formula of a calculated field", lambda live: (properties(live, "Task.workload", "calculated_function"), [["calculated_function", "default_value", "renderer", "summary_default"], "{duration}"]))
fact("F254", "calculated", "M S", "a task's workload is its duration", lambda live: ([live.get(live.make("Task", duration=480), "workload"), live.get(live.make("Task", duration=None), "workload")], [480, None]))


@fact("F255", "password", "M S", "a password reads as stars and cannot be filtered")
def _(live):
    person = live.make("HumanUser", login=live.name("masked"), name="Masked")
    group = live.make("Version", user=person)
    return ([live.get(person, "password_proxy"), live.get(group, "user.HumanUser.password_proxy"), *unfilterable("HumanUser.password_proxy", "password")(live)[0]],
            ["*******", "*******", *[Says("'password' data type cannot be used in a filter")] * len(TEXTS)])


fact("F256", "password", "M S", "behind a link to no person there are no stars", lambda live: (live.get(live.make("Version"), "created_by.HumanUser.password_proxy"), None))
fact("F257", "uuid", "M S", "a uuid takes no write", lambda live: (live.refusal("LocalStorage.uuid", str(uuid.uuid4()), code=live.name("storage")), Says("LocalStorage.uuid is read only")))


def found_by_uuid(live, row, value, spelling):
    return live.found([row], ["uuid", "is", spelling(value)])


def identified(live):
    row = live.make("LocalStorage", code=live.name("storage"))
    return row, live.get(row, "uuid")


fact("F258", "uuid", "M S", "the site makes the uuids of storages and icons", lambda live: ([identified(live)[1], live.get({"type": "Icon", "id": live.sg.create("Icon", {})["id"]}, "uuid")], [Says(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")] * 2))
fact("F259", "uuid", "M S", "a uuid is not filtered by null; an empty text finds the unset", lambda live: ([live.fault(live.ids, "LocalStorage", ["uuid", "is", None]), live.found([identified(live)[0]], ["uuid", "is", ""]), live.found([identified(live)[0]], ["uuid", "is_not", ""])], [Says(r"LocalStorage.uuid expected \[String\] data type\(s\) but got NilClass"), [], [0]]))
fact("F260", "uuid", "M S", "a text that is no uuid is refused in a filter", lambda live: ([live.fault(live.ids, "LocalStorage", ["uuid", *condition]) for condition in (("is", "nope"), ("is_not", "nope"), ("in", [str(uuid.uuid4()), "nope"]))], [Says("invalid input syntax for type uuid")] * 3))
fact("F261", "uuid", "M S", "uuids are compared in any spelling", lambda live: ([found_by_uuid(live, *identified(live), spelling) for spelling in (str.lower, str.upper, lambda text: text.replace("-", ""))], [[0]] * 3))
fact("F262", "uuid", "M S", "a uuid has no order", lambda live: (live.fault(live.ids, "Icon", order=[{"field_name": "uuid", "direction": "asc"}]), Says(r"Read failed for entity type \[Icon\]")))
fact("F263", "pivot_column", "M S", "a pivot column is in the schema and reads null", lambda live: ([live.sg.schema_field_read("Shot", "step_0")["step_0"]["data_type"]["value"], live.get(live.make("Shot"), "step_0"), live.get(live.make("Version", entity=live.make("Shot")), "entity.Shot.step_0")], ["pivot_column", None, None]))
fact("F264", "pivot_column", "M S", "a pivot column takes no write", lambda live: ([live.refusal("Shot.step_0", "fin"), live.fault(live.make, "Shot", step_0="fin")], [Says(r"API update\(\) Shot.step_0 is read only"), Says(r"API create\(\) Shot.step_0 is read only")]))
fact("F266", "pivot_column", "M S", "a pivot column has no order", lambda live: (live.fault(live.ids, "Shot", order=[{"field_name": "step_0", "direction": "asc"}]), Says(r"Read failed for entity type \[Shot\]")))
fact("F267", "serializable", "M S", "a serializable field cannot be filtered", unfilterable("Task.splits", "serializable"))
fact("F268", "serializable", "M S", "null and empty containers clear the splits, no text and no number does", lambda live: ([live.stored("Task.splits", value) for value in (None, {}, [])] + [live.refusal("Task.splits", value) for value in ("", 5)], [None, None, None, Says("got String"), Says("got Integer")]))
fact("F269", "serializable", "M ?", "a list of one hash that is no split stores null", lambda live: ([live.stored("Task.splits", value) for value in ([{}], [{"foo": "bar"}])], [None, None]))
fact("F270", "serializable", "M S", "the splits take no hash and no list of numbers", lambda live: ([live.refusal("Task.splits", value) for value in ({"a": 1}, [1, 2])], [Says("no implicit conversion of String into Integer")] * 2))


@fact("F271", "jsonb", "M S", "Note.meta stores any container on create, and takes no update")
def _(live):
    came = [live.get(live.make("Note", meta=value), "meta") for value in ({"a": [1, {"b": None}]}, [1, "x"])]
    return [*came, live.refusal("Note.meta", {"a": 1})], [{"a": [1, {"b": None}]}, [1, "x"], Says("Note.meta is editable on create only")]


@fact("F273", "jsonb", "M S", "jsonb is compared as a whole, or by what it contains")
def _(live):
    rows = [live.make("Note", meta=value) for value in ({"a": 1, "b": 2}, {"a": 1}, [1, 2], None)]
    return ([live.found(rows, ["meta", *condition]) for condition in (("is", {"b": 2, "a": 1}), ("is_not", {"a": 1}), ("contains", {"a": 1}), ("not_contains", {"a": 1}), ("is", None))],
            [[0], [0, 2, 3], [0, 1], [2, 3], [3]])


@fact("F274", "jsonb", "M S", "EventLogEntry.audit_trail is not returned, and a filter on it is ignored")
def _(live):
    row = live.make("EventLogEntry")
    return [live.found([row], ["audit_trail", "is", {"a": 1}]), live.get(row, "audit_trail")], [[0], "absent"]


fact("F275", "jsonb", "M S", "keys of jsonb come by length, then by bytes", lambda live: (list(live.get(live.make("Note", meta={"bb": 1, "c": 2, "a": 3, "aaa": 4}), "meta")), ["a", "c", "bb", "aaa"]))
