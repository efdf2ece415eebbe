"""
Fields that callers make, change and delete.
"""

import datetime

import pytest
from shotgun_api3 import Fault

from sgextended.localsite import LocalSite


@pytest.fixture(scope="module")
def site():
    """
    A site of these tests' own, since what they do to the schema would be seen by others.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture(scope="module")
def sg(site, make_connection):
    """
    The official client, connected to that site.
    """
    sg = make_connection(site)
    yield sg
    sg.close()


def described(sg, entity_type, field, project=None):
    """
    Return the description of one field.
    """
    return sg.schema_field_read(entity_type, field, project)[field]


def read(sg, link, *fields):
    """
    Return fields of one row.
    """
    row = sg.find_one(link["type"], [["id", "is", link["id"]]], list(fields))
    return [row[field] for field in fields]


@pytest.fixture
def label(name):
    """
    A label that no other field has.
    """
    return f"Label of {name}"


@pytest.mark.parametrize(
    ("spelling", "start"),
    [("Bid (days) {}", "sg_bid__days__"), ("sg_thing {}", "sg_sg_thing_"), ("Größe {}", "sg_gr__e_")],
)
def test_name_follows_from_the_label(sg, name, spelling, start):
    """
    A field is named after its label: in lower case, with one underscore for each other character.
    """
    found = sg.schema_field_create("Asset", "text", spelling.format(name))

    assert found == start + name.replace(" ", "_")


def test_taken_names_are_numbered(sg, label):
    """
    A second field of the same label gets a number behind its name, a third the next one.
    """
    names = [sg.schema_field_create("Asset", "text", label) for _time in range(3)]

    assert names == [names[0], f"{names[0]}_1", f"{names[0]}_2"]
    assert sg.schema_field_create("Shot", "text", "Status List") == "sg_status_list_1"


def test_columns_of_a_link_are_taken_too(sg, label):
    """
    A label that would name a link's own columns gets another name.
    """
    link = sg.schema_field_create("Asset", "entity", label, {"valid_types": ["Shot"]})
    text = sg.schema_field_create("Asset", "text", f"{label}  id")

    assert text == f"{link}__id_1"


def test_new_field_is_described(sg, label):
    """
    A new field is described like any other, with the properties it was made with.
    """
    properties = {"description": "how hard", "summary_default": "count", "valid_values": ["a", "b"]}
    field = sg.schema_field_create("Asset", "list", label, {**properties, "default_value": "b"})
    found = described(sg, "Asset", field)

    assert found["name"] == {"value": label, "editable": True}
    assert found["data_type"]["value"] == "list"
    assert found["description"]["value"] == "how hard"
    assert (found["editable"]["value"], found["visible"]) == (True, {"value": True, "editable": True})
    assert found["properties"]["summary_default"]["value"] == "count"
    assert found["properties"]["valid_values"]["value"] == ["a", "b"]
    assert found["properties"]["default_value"] == {"value": "b", "editable": True}


@pytest.mark.parametrize(
    ("data_type", "value", "filters", "properties"),
    [
        ("text", "Hard", ["is", "hard"], {}),
        ("number", 42, ["greater_than", 41], {}),
        ("float", 1.5, ["between", 1.0, 2.0], {}),
        ("currency", 9.99, ["is", 9.99], {}),
        ("percent", 50, ["is", 50], {}),
        ("duration", 480, ["less_than", 481], {}),
        ("timecode", 1000, ["is", 1000], {}),
        ("footage", "1-02", ["is", "1-02"], {}),
        ("date", "2026-01-02", ["is", "2026-01-02"], {}),
        ("checkbox", True, ["is", True], {"default_value": False}),
        ("list", "b", ["in", ["b"]], {"valid_values": ["a", "b"]}),
        ("status_list", "ip", ["is", "ip"], {"valid_values": ["wtg", "ip"]}),
        ("tag_list", ["x", "y"], ["is", "x"], {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_field_holds_values_like_any_other(sg, make, label, data_type, value, filters, properties):
    """
    A custom field is written, read, searched and sorted by like a standard one.
    """
    field = sg.schema_field_create("Asset", data_type, label, properties)
    unset = make("Asset", code="a")
    asset = make("Asset", code="b", **{field: value})
    order = [{"field_name": field, "direction": "desc"}]
    project = sg.find_one("Asset", [["id", "is", asset["id"]]], ["project"])["project"]

    assert read(sg, asset, field) == [value]
    assert [row["id"] for row in sg.find("Asset", [[field, *filters]])] == [asset["id"]]
    assert (
        data_type == "tag_list" or sg.find("Asset", [["project", "is", project]], order=order)[0]["id"] == asset["id"]
    )
    assert read(sg, unset, field) == [{"checkbox": False, "tag_list": []}.get(data_type)]
    sg.update("Asset", unset["id"], {field: value})
    assert read(sg, unset, field) == [value]


def test_footage_is_feet_and_frames(sg, make, label):
    """
    A footage field takes feet and up to 15 frames, and nothing else.
    """
    field = sg.schema_field_create("Asset", "footage", label)
    asset = make("Asset", code="a")

    assert [sg.update("Asset", asset["id"], {field: text})[field] for text in ("10-05", "0-15", " 7-5 ", "")] == [
        *("10-05", "0-15", "7-5", None)
    ]
    for text in ("abc", "10-16", "10-99", "10", "10-5-1"):
        with pytest.raises(Fault, match="Invalid data for 'footage' data type"):
            sg.update("Asset", asset["id"], {field: text})


def test_status_labels_are_the_names_of_the_statuses(sg, label):
    """
    The schema names each status of a field by its row of type Status, also after it was renamed.
    """
    status = sg.create("Status", {"code": "lbl", "name": "First"})
    field = sg.schema_field_create("Asset", "status_list", label, {"valid_values": ["wtg", "lbl"]})

    def labels():
        return sg.schema_field_read("Asset", field)[field]["properties"]["display_values"]["value"]

    assert labels() == {"wtg": "Waiting to Start", "lbl": "First"}
    sg.update("Status", status["id"], {"name": "Second"})
    assert labels() == {"wtg": "Waiting to Start", "lbl": "Second"}


def test_every_valid_status_has_a_row(sg):
    """
    Each status that a field accepts has a row of type Status, and may be added to other fields.
    """
    codes = {row["code"] for row in sg.find("Status", [], ["code"])}
    fields = [each for described in sg.schema_read().values() for each in described.values()]
    lists = [each["properties"] for each in fields if each["data_type"]["value"] == "status_list"]
    valid = {code for each in lists for code in each["valid_values"]["value"]}

    assert {"rdy", "cbb"} < valid
    assert valid - codes == set()
    assert sg.schema_field_update("Task", "sg_status_list", {"valid_values": ["wtg", "rdy", "ip", "rev", "fin", "hld"]})


def test_date_time_field(sg, make, label):
    """
    A moment is kept as one.
    """
    field = sg.schema_field_create("Asset", "date_time", label)
    moment = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.timezone.utc)

    assert read(sg, make("Asset", **{field: moment}), field) == [moment]


def test_link_field(sg, make, label):
    """
    An entity field links to what it takes, is followed by paths, and its links read like others.
    """
    field = sg.schema_field_create("Asset", "entity", label, {"valid_types": ["Shot"]})
    shot = make("Shot", code="s", sg_status_list="ip")
    asset = make("Asset", **{field: shot})

    assert read(sg, asset, field, f"{field}.Shot.sg_status_list") == [{**shot, "name": "s"}, "ip"]
    assert [row["id"] for row in sg.find("Asset", [[f"{field}.Shot.code", "is", "s"], [field, "is", shot]])] == [
        asset["id"]
    ]


def test_url_field(sg, make, label):
    """
    A file field takes web links.
    """
    field = sg.schema_field_create("Asset", "url", label, {"open_in_new_window": False})
    asset = make("Asset", **{field: {"url": "https://example.com/", "name": "x"}})

    assert read(sg, asset, field)[0]["name"] == "x"
    assert described(sg, "Asset", field)["properties"]["open_in_new_window"]["value"] is False


def test_list_of_links_has_another_end(sg, make, name):
    """
    A field of lists comes with one on the other side and a connection type; all three show the same links.
    """
    label = f"Heroes {name}"
    field = sg.schema_field_create("Shot", "multi_entity", label, {"valid_types": ["Asset"]})
    reverse = f"shot_{field}_shots"
    connection = f"Shot_{field}_Connection"
    hero, other = make("Asset", code="hero"), make("Asset", code="other")
    shot = make("Shot", code="s", **{field: [hero]})
    sg.update("Asset", other["id"], {reverse: [shot]})

    assert [item["name"] for item in read(sg, shot, field)[0]] == ["hero", "other"]
    assert [item["name"] for item in read(sg, hero, reverse)[0]] == ["s"]
    assert described(sg, "Asset", reverse)["name"]["value"] == f"Shot <-> {label}"
    assert [row["asset"]["name"] for row in sg.find(connection, [["shot", "is", shot]], ["asset"])] == ["hero", "other"]
    assert [row["id"] for row in sg.find("Shot", [[f"{field}.Asset.code", "is", "hero"]])] == [shot["id"]]
    events = sg.find("EventLogEntry", [["entity", "is", shot], ["attribute_name", "is", field]], ["meta"])
    assert events[-1]["meta"]["actual_attribute_changed"] == f"Asset.{reverse}"
    assert sg.schema_field_delete("Asset", reverse)
    assert field not in sg.schema_field_read("Shot")
    assert connection not in sg.schema_entity_read()


def test_link_field_may_list_several_types(sg, make, label):
    """
    A new link field takes a row of each of its types. Only a list of links has one type.
    """
    field = sg.schema_field_create("Delivery", "entity", label, {"valid_types": ["Shot", "Asset"]})
    assert sg.schema_field_read("Delivery", field)[field]["properties"]["valid_types"]["value"] == ["Shot", "Asset"]

    for linked in (make("Shot"), make("Asset")):
        value = sg.find_one("Delivery", [["id", "is", make("Delivery", **{field: linked})["id"]]], [field])[field]
        assert (value["type"], value["id"]) == (linked["type"], linked["id"])


def test_list_of_links_to_its_own_type(sg, make, name):
    """
    Rows may be linked to rows of their own type; the two ends are told apart.
    """
    field = sg.schema_field_create("Delivery", "multi_entity", f"Parts {name}", {"valid_types": ["Delivery"]})
    whole, part = make("Delivery"), make("Delivery")
    sg.update("Delivery", whole["id"], {field: [part]})

    assert [item["id"] for item in read(sg, whole, field)[0]] == [part["id"]]
    assert [item["id"] for item in read(sg, part, f"delivery_{field}_deliveries")[0]] == [whole["id"]]
    assert read(sg, part, field) == [[]]


@pytest.mark.parametrize(
    ("data_type", "properties", "message"),
    [
        ("color", {}, "invalid data type"),
        ("image", {}, "invalid data type"),
        (None, {}, "invalid data type"),
        ("checkbox", {}, "Only true or false allowed in checkbox"),
        ("checkbox", {"default_value": 1}, "Only true or false allowed in checkbox"),
        ("entity", {}, "missing property 'valid_types'"),
        ("entity", {"valid_types": []}, "'valid_types' value expected Array with one element"),
        ("entity", {"valid_types": ["Bogus"]}, "unknown entity types"),
        ("entity", {"valid_types": ["Shot"], "default_value": 5}, "has no default value"),
        ("multi_entity", {"valid_types": ["Shot", "Asset"]}, "'valid_types' value expected Array with one element"),
        ("list", {"valid_values": "a"}, "'valid_values' value expected Array of String"),
        ("list", {"valid_values": ["a"], "default_value": "b"}, "'b' is not a valid list value"),
        ("status_list", {"valid_values": ["bogus"]}, "unknown statuses"),
        ("text", {"valid_values": ["a"]}, "invalid property 'valid_values'"),
        ("text", {"data_type": "number"}, "invalid property 'data_type'"),
        ("number", {"default_value": "x"}, "Invalid data for 'number'"),
    ],
)
def test_refused_field_says_why(sg, label, data_type, properties, message):
    """
    A field that cannot be made is refused with the reason, and nothing of it remains.
    """
    before = set(sg.schema_field_read("Asset"))
    with pytest.raises(Fault) as caught:
        sg.schema_field_create("Asset", data_type, label, properties)

    assert message in str(caught.value)
    assert set(sg.schema_field_read("Asset")) == before


@pytest.mark.parametrize("label", ["", "  ", None])
def test_field_needs_a_label(sg, label):
    """
    A field without a label is refused.
    """
    with pytest.raises(Fault, match="invalid/missing string property 'name'"):
        sg.schema_field_create("Asset", "text", label)


@pytest.mark.parametrize("properties", [[5], [{"value": 5}]])
def test_malformed_properties_fault(call, properties):
    """
    Properties that have no names are refused.
    """
    reply = call("schema_field_create", {"type": "Asset", "data_type": "text", "properties": properties})

    assert "invalid/missing 'property_name' in properties" in reply["message"]


def test_update_changes_properties(sg, make, label):
    """
    Label, description, values and default of a field may be changed; rows feel it at once.
    """
    field = sg.schema_field_create("Asset", "list", label, {"valid_values": ["a"]})
    changes = {"default_value": "c", "valid_values": ["a", "c"], "name": "Other", "custom_metadata": "m"}

    assert sg.schema_field_update("Asset", field, {**changes, "description": "d"}) is True
    found = described(sg, "Asset", field)
    assert (found["name"]["value"], found["description"]["value"]) == ("Other", "d")
    assert found["custom_metadata"]["value"] == "m"
    assert read(sg, make("Asset"), field) == ["c"]


def test_standard_field_may_be_adapted(sg, make):
    """
    The statuses and types of a standard field are changed like those of a custom one.
    """
    sg.schema_field_update("Delivery", "sg_status_list", {"valid_values": ["opn", "apr"], "description": "d"})
    sg.schema_field_update("Delivery", "sg_from", {"valid_types": ["HumanUser", "Group"]})
    found = described(sg, "Delivery", "sg_status_list")["properties"]

    assert found["display_values"]["value"] == {"opn": "Open", "apr": "Approved"}
    assert described(sg, "Delivery", "sg_from")["properties"]["valid_types"]["value"] == ["HumanUser", "Group"]
    assert read(sg, make("Delivery", sg_status_list="apr"), "sg_status_list") == ["apr"]
    with pytest.raises(Fault, match="'recd' is not a valid status"):
        make("Delivery", sg_status_list="recd")


@pytest.mark.parametrize(
    ("field", "properties", "message"),
    [
        ("code", {"data_type": "number"}, "invalid property 'data_type'"),
        ("code", {"name": ""}, "invalid/missing string property 'name'"),
        ("sg_asset_type", {"visible": False}, "property 'visible' requires a project"),
        ("shots", {"valid_types": ["Asset"]}, "links to Shot, which cannot be changed"),
        ("bogus", {"name": "x"}, "Asset.bogus doesn't exist"),
    ],
)
def test_refused_update_says_why(sg, field, properties, message):
    """
    A property that is not there, or does not take the value, is refused.
    """
    with pytest.raises(Fault) as caught:
        sg.schema_field_update("Asset", field, properties)

    assert message in str(caught.value)


def test_project_hides_fields_and_statuses(sg, project, label, name):
    """
    What a project hides is hidden there only.
    """
    other = sg.create("Project", {"name": f"other {name}"})
    field = sg.schema_field_create("Asset", "text", label)
    sg.schema_field_update("Asset", field, {"visible": False}, project)
    sg.schema_field_update("Asset", "sg_status_list", {"hidden_values": ["omt"]}, project)

    assert [described(sg, "Asset", field, where)["visible"]["value"] for where in (project, other, None)] == [
        False,
        True,
        True,
    ]
    assert sg.schema_read(project)["Asset"][field]["visible"]["value"] is False
    hidden = [
        described(sg, "Asset", "sg_status_list", where)["properties"]["hidden_values"]["value"]
        for where in (project, other, None)
    ]
    assert hidden == [["omt"], [], []]
    sg.schema_field_update("Asset", field, {"visible": True}, project)
    assert described(sg, "Asset", field, project)["visible"]["value"] is True
    with pytest.raises(Fault, match="'visible' expected"):
        sg.schema_field_update("Asset", field, {"visible": 0}, project)
    with pytest.raises(Fault, match="'hidden_values' expected Array of String"):
        sg.schema_field_update("Asset", "sg_status_list", {"hidden_values": "omt"}, project)


@pytest.mark.parametrize("field", ["code", "sg_asset_type", "sg_status_list"])
def test_standard_field_cannot_be_hidden(sg, project, field):
    """
    The schema says that a project cannot hide a standard field, and the site refuses it.
    """
    assert described(sg, "Asset", field)["visible"] == {"value": True, "editable": False}
    with pytest.raises(Fault, match=rf"Asset\.{field} cannot be hidden"):
        sg.schema_field_update("Asset", field, {"visible": False}, project)


def test_deleted_field_is_gone_and_its_name_reserved(sg, make, label):
    """
    A deleted field is neither described nor read nor searched; its name lies in the trash.
    """
    field = sg.schema_field_create("Asset", "text", label)
    asset = make("Asset", **{field: "x"})

    assert sg.schema_field_delete("Asset", field) is True
    assert field not in sg.schema_field_read("Asset")
    assert field not in sg.find_one("Asset", [["id", "is", asset["id"]]], [field])
    with pytest.raises(Fault, match="doesn't exist"):
        sg.find("Asset", [[field, "is", "x"]])
    with pytest.raises(Fault, match=f"there is a retired field with the same field_name: {field}. Delete the retired"):
        sg.schema_field_create("Asset", "text", label)


@pytest.mark.parametrize("field", ["code", "sg_asset_type"])
def test_system_fields_stay(sg, field):
    """
    Fields of the standard schema cannot be deleted.
    """
    with pytest.raises(Fault, match="system field"):
        sg.schema_field_delete("Asset", field)


def test_schema_changes_are_events(sg, label):
    """
    Making, changing and deleting a field are told in the log, about the same column.
    """
    field = sg.schema_field_create("Asset", "text", label)
    sg.schema_field_update("Asset", field, {"description": "d"})
    sg.schema_field_delete("Asset", field)
    filters = [["event_type", "starts_with", "Shotgun_DisplayColumn_"]]
    entries = sg.find("EventLogEntry", filters, ["event_type", "meta", "entity", "description"])[-3:]

    assert [entry["event_type"].rpartition("_")[2] for entry in entries] == ["New", "Change", "Retirement"]
    assert len({entry["meta"]["entity_id"] for entry in entries}) == 1
    assert {entry["entity"] for entry in entries} == {None}
    assert entries[0]["description"].endswith(f'created the new field "{label}" of Asset')


def test_fields_outlive_the_site(make_connection, tmp_path):
    """
    A file brings back custom fields, values, both ends of lists, changes and trash; other sites know nothing of them.
    """
    path = tmp_path / "site.db"
    with LocalSite(db=path) as site, LocalSite() as other:
        sg = make_connection(site)
        project = sg.create("Project", {"name": "p"})
        sg.schema_field_create("Shot", "text", "Mood")
        sg.schema_field_create("Shot", "number", "Gone")
        sg.schema_field_delete("Shot", "sg_gone")
        sg.schema_field_create("Shot", "multi_entity", "Heroes", {"valid_types": ["Asset"]})
        sg.schema_field_update("Shot", "code", {"name": "Shot Name"})
        asset = sg.create("Asset", {"project": project, "code": "hero"})
        sg.create("Shot", {"project": project, "code": "s", "sg_mood": "dark", "sg_heroes": [asset]})
        sg.close()
        stranger = make_connection(other)

        assert "sg_mood" not in stranger.schema_field_read("Shot")
        assert "Shot_sg_heroes_Connection" not in stranger.schema_entity_read()
        stranger.close()
    with LocalSite(db=path) as site:
        sg = make_connection(site)

        row = sg.find_one("Shot", [["sg_mood", "is", "Dark"]], ["sg_mood", "sg_heroes"])
        assert (row["sg_mood"], [item["name"] for item in row["sg_heroes"]]) == ("dark", ["hero"])
        assert sg.find_one("Shot_sg_heroes_Connection", [], ["asset"])["asset"]["name"] == "hero"
        assert described(sg, "Shot", "code")["name"]["value"] == "Shot Name"
        assert "sg_gone" not in sg.schema_field_read("Shot")
        with pytest.raises(Fault, match="retired field"):
            sg.schema_field_create("Shot", "number", "Gone")
        sg.close()


def test_custom_links_are_indexed(site, sg, label):
    """
    A custom link has an index, as standard ones have.
    """
    field = sg.schema_field_create("Asset", "entity", label, {"valid_types": ["Shot"]})
    with site.store.reading() as tx:
        found = tx.connection.exec_driver_sql(
            "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name = ?", (f"ix_Asset_{field}__id",)
        ).scalar()

    assert found == 1
