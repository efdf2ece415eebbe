"""
Schema calls, stock fields and types.
"""
# fmt: off

from typing import Any, Dict, List

from live_facts.fact import Facts, Says

fact = Facts()


def described(live: Any, path: str) -> Dict[str, Any]:
    """
    Return the description of a field, such as `"Shot.code"`.
    """
    entity_type, name = path.split(".")
    found: Dict[str, Any] = live.sg.schema_field_read(entity_type, name)[name]
    return found


def told(live: Any, attribute: str, *paths: str) -> List[Any]:
    """
    Return the value of one attribute of the descriptions of fields.
    """
    return [described(live, path)[attribute]["value"] for path in paths]


def labels_made(live: Any, *labels: str) -> List[str]:
    """
    Create text fields of versions and return their names.
    """
    return [live.sg.schema_field_create("Version", "text", label) for label in labels]


def with_value(live: Any, entity_type: str, attribute: str) -> List[str]:
    """
    Return the fields of a type whose description has true for an attribute, without `id`.
    """
    found = live.sg.schema_field_read(entity_type)
    return sorted(name for name, facts in found.items() if facts[attribute]["value"] and name != "id")


def missing(live: Any, **wanted: str) -> Dict[str, List[str]]:
    """
    Return the fields, by type, that the schema does not have.
    """
    found = {name: [each for each in names.split() if each not in live.sg.schema_field_read(name)]
             for name, names in wanted.items()}
    return {name: names for name, names in found.items() if names}


fact("F495", "019", "M S", "color, image and calculated cannot be made",
     lambda live: ([live.fault(live.sg.schema_field_create, "Shot", each, "no")
                    for each in ("color", "image", "calculated")], [Says("invalid data type")] * 3))
fact("F498", "019", "M S", "the name follows from the label: sg_ before, lower case, all else to _",
     lambda live: (labels_made(live, "Bid (days) F498", "sg_f498", "F498-x.Y"),
                   ["sg_bid__days__f498", "sg_sg_f498", "sg_f498_x_y"]))


@fact("F499", "019", "M S", "the same label again makes <name>_1, then _2, without a fault; all are labelled alike")
def _same_label(live):
    names = labels_made(live, "Twin F499", "Twin F499", "Twin F499")
    labels = told(live, "name", *(f"Version.{name}" for name in names))
    return (names, labels), (["sg_twin_f499", "sg_twin_f499_1", "sg_twin_f499_2"], ["Twin F499"] * 3)


@fact("F500", "019/040", "M S", "a deleted field's name is not free, of whatever type")
def _reserved(live):
    (name,) = labels_made(live, "Gone F500")
    live.sg.schema_field_delete("Version", name)
    came = [live.fault(live.sg.schema_field_create, "Version", each, "Gone F500") for each in ("text", "number")]
    return came, [Says(r"failed, there is a retired field with the same field_name: sg_gone_f500")] * 2


fact("F501", "040/091", "M S", "an unknown property names those that there are",
     lambda live: (live.fault(live.sg.schema_field_update, "Shot", "sg_status_list", {"status_list_exclude": 1}),
                   Says(r"API schema_field_update\(\) invalid property 'status_list_exclude': .*Valid property names: "
                        r'\["name", "visible", "description", "summary_default", "default_value"')))
fact("F502", "040", "M S", "data_type is no property that an update takes",
     lambda live: (live.fault(live.sg.schema_field_update, "Shot", "code", {"data_type": "number"}),
                   Says("invalid property 'data_type'")))

@fact("F503", "056", "M S", "each field says ten things and has properties, each {value, editable}")
def _attributes(live):
    came = described(live, "Shot.code")
    facts = [*came.pop("properties").values(), *came.values()]
    names = ("name description entity_type data_type editable mandatory unique visible custom_metadata "
             "ui_value_displayable")
    return (set(came), {frozenset(each) for each in facts}), (set(names.split()), {frozenset({"value", "editable"})})


@fact("F504", "056", "M S", "visible.editable is false on stock fields, sg_ ones among them, true on custom ones")
def _visible(live):
    (name,) = labels_made(live, "Custom F504")
    stock = "sg_status_list", "sg_uploaded_movie", "sg_task", "sg_first_frame", "sg_path_to_frames", "code", "user"
    came = [described(live, f"Version.{each}")["visible"] for each in (*stock, name)]
    return ([each["editable"] for each in came], {each["value"] for each in came}), ([False] * 7 + [True], {True})


fact("F505", "012", "M S", "code of a Version is mandatory in the schema, project is not; nothing is unique on it",
     lambda live: ((told(live, "mandatory", "Version.code", "Version.project"), with_value(live, "Version", "unique")),
                   ([True, False], [])))
fact("F506", "Project", "M S", "Project.name is mandatory and unique, code unique",
     lambda live: ((with_value(live, "Project", "mandatory"), with_value(live, "Project", "unique")),
                   (["name"], ["code", "name"])))


@fact("F507", "HumanUser", "M S", "login is the one unique field of people; LocalStorage.code is not, yet kept unique")
def _unique(live):
    code = live.name("storage")
    live.make("LocalStorage", code=code)
    refused = live.fault(live.make, "LocalStorage", code=code)
    came = with_value(live, "HumanUser", "unique"), with_value(live, "LocalStorage", "unique"), refused is not None
    return came, (["login"], [], True)


fact("F508", "012", "M S", "mandatory in the schema: names of seven types, and of deliveries the title",
     lambda live: (told(live, "mandatory", "Shot.code", "Asset.code", "Sequence.code", "Playlist.code",
                        "PublishedFile.code", "Task.content", "Note.subject", "Delivery.title"), [True] * 8))
fact("F509", "image", "M S", "Version.image is editable true in the schema",
     lambda live: (told(live, "editable", "Version.image"), [True]))
fact("F510", "070", "M S", "created_at and updated_at are editable false",
     lambda live: (told(live, "editable", "Shot.created_at", "Shot.updated_at"), [False, False]))


@fact("F511", "068", "M S", "Note.read_by_current_user is in no listing, yet is read, filtered and validated")
def _undeclared(live):
    note = live.make("Note")
    listed = "read_by_current_user" in live.sg.schema_field_read("Note")
    refused = live.fault(live.update, note, read_by_current_user="nope")
    unknown = live.fault(live.sg.schema_field_read, "Note", "zz_nope")
    found = live.found([note], ["read_by_current_user", "is", "unread"])
    return ((listed, live.get(note, "read_by_current_user"), found, refused, unknown),
            (False, "unread", [0], Says("'nope' is not a valid list value"), Says("Note.zz_nope doesn't exist")))


fact("F512", "068", "M ?", "the description of read_by_current_user alone is answered, and empty",
     lambda live: (live.sg.schema_field_read("Note", "read_by_current_user"), {}))


@fact("F513", "duration", "M S", "a duration has two properties; TimeLog.duration's default is 0; Task.duration sums")
def _durations(live):
    of_log, of_task = described(live, "TimeLog.duration")["properties"], described(live, "Task.duration")["properties"]
    values = of_log["default_value"]["value"], of_task["default_value"]["value"], of_task["summary_default"]["value"]
    return (set(of_log), set(of_task), values), ({"default_value", "summary_default"},) * 2 + ((0, None, "sum"),)


fact("F514", "008", "M S", "a custom entity type that is not enabled is in no schema and is a fault to ask for",
     lambda live: (("CustomEntity77" in live.sg.schema_entity_read(), live.fault(live.sg.find, "CustomEntity77", [])),
                   (False, Says("CustomEntity77"))))
fact("F517", "Task/Note/others", "M S", "stock fields that a live site has",
     lambda live: (missing(live, Task="task_reviewers sibling_tasks template_task split_durations pinned",
                           Note="meta publish_status reply_content composition notes_app_context client_note",
                           Sequence="sg_timecode sg_slates", Cut="sg_scene sg_cut_type",
                           Delivery="sg_delivery_progress", Attachment="attachment_reference_links",
                           Project="phases layout_project billboard", EventLogEntry="audit_trail"), {}))
fact("F518", "schema", "M X", "types of a live site; DisplayColumn and Banner are none",
     lambda live: (sorted({"Slate", "SourceClip", "Launch", "Reel", "Contract", "SavedFilter", "RvLicense",
                           "DisplayColumn", "Banner"} - set(live.sg.schema_entity_read())),
                   ["Banner", "DisplayColumn"]))
