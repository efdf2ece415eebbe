"""
List and status fields, and the rows of Status and Icon.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()

TYPE = "Asset.sg_asset_type"
SHIPPED = {"act", "apr", "clsd", "cmpt", "dis", "fin", "hld", "ip", "na", "omt", "opn", "res", "rev", "wtg", "vwd", "recd", "dlvr", "cfrm", "pndng"}
SYSTEM = {"act", "dis", "ip", "na", "cfrm", "pndng"}


def properties(live, path, **options):
    """
    Return the properties of a field that the schema describes, by name.
    """
    entity_type, field = path.split(".")
    described = live.sg.schema_field_read(entity_type, field, **options)[field]["properties"]
    return {name: each["value"] for name, each in described.items()}


def new_list(live, **options):
    """
    Return a new list field of versions, with the values "Type A" and "Type B".
    """
    name = live.sg.schema_field_create("Version", "list", live.name("list"), properties={"valid_values": ["Type A", "Type B"], **options})
    return f"Version.{name}"


def over(live, relation, value):
    """
    Return the places found, of a character (0) and an asset without a type (1).
    """
    rows = [live.make("Asset", sg_asset_type="Character"), live.make("Asset")]
    return live.found(rows, ["sg_asset_type", relation, value])


def with_default(live):
    """
    Return the value of a list of a new row, where the list has a default.
    """
    field = new_list(live, default_value="Type B").partition(".")[2]
    return live.get(live.make("Version"), field)


def hidden(live):
    """
    Hide statuses in a new project. Return what is written and read there, and what the schema says there and elsewhere.
    """
    project = live.make("Project", name=live.name("project"))
    live.sg.schema_field_update("Shot", "sg_status_list", {"hidden_values": ["hld", "gone"]}, project_entity=project)
    shots = [live.make("Shot", project=project, sg_status_list="hld"), live.make("Shot", project=project)]
    live.update(shots[1], sg_status_list="hld")
    there, elsewhere = properties(live, "Shot.sg_status_list", project_entity=project), properties(live, "Shot.sg_status_list")
    return [live.get(shot, "sg_status_list") for shot in shots], there, elsewhere


def rows_of_statuses(live, *fields):
    """
    Return the statuses that a site ships, by code.
    """
    return {row["code"]: row for row in live.sg.find("Status", [["code", "in", sorted(SHIPPED)]], ["code", *fields])}


@fact("F127", "list", "M S", "the fault of an update and that of a create have their own words")
def words_of_faults(live):
    field = new_list(live)
    update, create = live.refusal(field, "Type C"), live.fault(live.make, "Version", **{field.partition(".")[2]: "Type C"})
    return (update, create), (Says(rf"Update failed for \[{field}\]: "), Says(rf"Invalid field value, update failed \[5 - Update failed for \[{field}\]: "))


@fact("F136", "009", "M S", "hidden_values differ by project, valid_values do not")
def hidden_by_project(live):
    _shots, there, elsewhere = hidden(live)
    return (there["hidden_values"], elsewhere["hidden_values"], there["valid_values"] == elsewhere["valid_values"]), (["hld", "gone"], [], True)


@fact("F137", "005/status_list", "M S", "hidden_values may name codes that are not valid")
def hidden_and_not_valid(live):
    _shots, there, _elsewhere = hidden(live)
    return ("gone" in there["hidden_values"], "gone" in there["valid_values"]), (True, False)


@fact("F141", "009/010", "M S", "display_values are the names of the statuses")
def labels(live):
    names = {row["code"]: row["name"] for row in live.sg.find("Status", [], ["code", "name"])}
    shown = [properties(live, path) for path in ("Version.sg_status_list", "Task.sg_status_list", "Shot.sg_status_list", "Playlist.sg_status")]
    came = [each["display_values"] for each in shown], shown[0]["display_values"]["rev"], shown[1]["display_values"]["fin"]
    return came, ([{code: names[code] for code in each["valid_values"]} for each in shown], "Pending Review", "Final")


@fact("F143", "010", "M S", "Status.icon is a link; through it the kind and the key of the icon are read in the same call")
def icons(live):
    row = live.sg.find_one("Status", [["code", "is", "fin"]], ["icon", "icon.Icon.display_type", "icon.Icon.image_map_key"])
    return (row["icon"] and row["icon"]["type"], row["icon.Icon.display_type"], row["icon.Icon.image_map_key"]), ("Icon", "image_map", Says("^icon_"))


fact("F125", "list", "M S", "a list's default is what a create without the field gets", lambda live: (with_default(live), "Type B"))
fact("F126", "list", "M S", "a list takes its values exactly; others are refused and the valid ones named", lambda live: ([live.refusal(new_list(live), text) for text in ("type a", "Type A ")], [Says("is not a valid list value. Valid list values: 'Type A', 'Type B'")] * 2))
fact("F128", "list", "M S", "an array or an index for a list is refused", lambda live: ([live.refusal(TYPE, ["Prop"]), live.refusal(TYPE, 1)], [Says(r"expected \[String, NilClass\].* got Array"), Says(r"expected \[String, NilClass\].* got Integer")]))
fact("F129", "list", "M S", "'' clears a list; is '' finds what is null finds", lambda live: ((live.stored(TYPE, "", sg_asset_type="Prop"), over(live, "is", ""), over(live, "is", None)), (None, [1], [1])))
fact("F130", "list", "M S", "list filters ignore case; a value that is not valid finds nothing", lambda live: ([over(live, "is", "cHARACTER"), over(live, "in", ["CHARACTER"]), over(live, "is", "Bogus")], [[0], [0], []]))
fact("F131", "list", "M S", "a list has is, is_not, in and not_in", lambda live: ([live.fault(over, live, relation, "x") for relation in ("contains", "not_contains", "starts_with", "ends_with")], [Says(r'Valid relations: \["is", "is_not", "in", "not_in"\]')] * 4))
fact("F132", "Delivery/list", "M S", "a list without any valid value refuses every value", lambda live: ([live.refusal("Delivery.sg_delivery_type", "x", title="d"), live.refusal("Shot.sg_shot_type", "x")], [Says("Valid list values: ''")] * 2))
fact("F133", "status_list", "M S", "a status that is not valid is refused and the valid ones named; a label is no code", lambda live: ([live.refusal("Shot.sg_status_list", text) for text in ("zzz", "Final")], [Says("is not a valid status. Valid statuses: .*'fin'")] * 2))
fact("F134", "status_list", "M S", "'' and null clear a status", lambda live: ([live.stored("Shot.sg_status_list", value) for value in ("", None)], [None, None]))
fact("F135", "status_list/009", "M S", "a status hidden in the project is written and read all the same", lambda live: (hidden(live)[0], ["hld", "hld"]))
fact("F138", "status_list", "M S", "status filters know codes alone: a label finds nothing", lambda live: ([live.found([live.make("Shot", sg_status_list="fin")], ["sg_status_list", "is", text]) for text in ("Final", "fin")], [[], [0]]))
fact("F139", "status_list", "M S", "the properties of a status field", lambda live: (set(properties(live, "Shot.sg_status_list")), {"default_value", "display_values", "hidden_values", "summary_default", "valid_values"}))
fact("F140", "list", "M S", "the properties of a list", lambda live: (set(properties(live, TYPE)), {"default_value", "summary_default", "valid_values"}))
fact("F142", "status_list", "M S", "a path through a status is left out of the answer", lambda live: (live.get(live.make("Shot"), "sg_status_list.Status.name"), "absent"))
fact("F145", "061", "M S", "shipped statuses have no created_by, and six of them are the system's", lambda live: ({code: (row["created_by"], row["system"]) for code, row in rows_of_statuses(live, "created_by", "system").items()}, {code: (None, code in SYSTEM) for code in SHIPPED}))
fact("F146", "061", "M X", "the statuses that a site ships", lambda live: (set(rows_of_statuses(live)), SHIPPED))
