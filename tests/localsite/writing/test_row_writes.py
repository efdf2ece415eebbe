"""
Creating, updating, deleting and reviving rows, batches, and the faults that refuse them.
"""

import datetime

import pytest
from shotgun_api3 import Fault


def read(sg, link, *fields):
    """
    Return fields of one row.
    """
    row = sg.find_one(link["type"], [["id", "is", link["id"]]], list(fields))
    return [row[field] for field in fields]


def test_create_returns_what_was_written_and_asked_for(sg, project, name):
    """
    The reply to create holds the fields written, the fields asked for, type and id.
    """
    row = sg.create("Shot", {"project": project, "code": name}, ["sg_status_list", "bogus"])

    assert row == {
        "type": "Shot",
        "id": row["id"],
        "code": name,
        "sg_status_list": "wtg",
        "project": {"type": "Project", "id": project["id"], "name": project["name"]},
    }


def test_update_returns_what_was_written(sg, make, name):
    """
    The reply to update holds the fields written, type and id.
    """
    shot = make("Shot")

    assert sg.update("Shot", shot["id"], {"code": name}) == {**shot, "code": name}


@pytest.mark.parametrize(
    ("entity_type", "field", "start"),
    [
        ("Shot", "code", "New Shot"),
        ("Task", "content", "New Task"),
        ("PublishedFile", "code", "New Published File"),
        ("CutItem", "code", "New Cut Item"),
    ],
)
def test_nameless_row_is_named_by_the_site(sg, make, entity_type, field, start):
    """
    A row created without a name is called after its type and id.
    """
    link = make(entity_type)

    assert read(sg, link, field, "cached_display_name") == [f"{start} {link['id']}"] * 2


def test_note_without_subject_stays_without(sg, make):
    """
    The site makes up no subject for a note.
    """
    assert read(sg, make("Note"), "subject") == [None]


@pytest.mark.parametrize(
    ("entity_type", "data", "name"),
    [
        ("Cut", {"code": "edit", "revision_number": 7}, "edit v007"),
        ("Note", {"subject": "s", "content": "c"}, "s - c"),
        ("Note", {"content": "c"}, "c"),
        ("Ticket", {"title": "t"}, "t"),
        ("TimeLog", {"duration": 60}, "New Time Log"),
        ("Task", {"content": "Anim"}, "Anim"),
    ],
    ids=str,
)
def test_display_name_follows_the_type(sg, make, entity_type, data, name):
    """
    A row's display name is made of the fields that its type is known by.
    """
    assert read(sg, make(entity_type, **data), "cached_display_name") == [name]


def test_name_of_a_link_follows_its_row(sg, make):
    """
    Links show a row's new name at once; what is written to the display name itself is discarded.
    """
    sequence = make("Sequence", code="old")
    shot = make("Shot", sg_sequence=sequence)
    sg.update("Sequence", sequence["id"], {"code": "new", "cached_display_name": "other"})
    task = make("Task", content="x")
    sg.update("Task", task["id"], {"content": None})

    assert read(sg, shot, "sg_sequence")[0]["name"] == "new"
    assert read(sg, task, "content", "cached_display_name") == [None, "-"]


def test_defaults_fill_what_is_not_sent(sg, make):
    """
    A field that is not sent takes its default; one that is sent as null stays null.
    """
    assert read(sg, make("Task"), "sg_status_list", "pinned", "color") == ["wtg", False, "pipeline_step"]
    assert read(sg, make("Task", sg_status_list=None), "sg_status_list") == [None]
    assert read(sg, make("TimeLog"), "duration", "date") == [
        0,
        datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    ]


def test_writer_and_time_are_noted(site, sg, make, make_client, name):
    """
    A row knows who created and who last changed it, and when.
    """
    shot = make("Shot")
    user = site.add_user(name, "secret", role="manager", firstname="Ada", lastname="Byron")
    ada = make_client(login=name, password="secret")
    before = read(sg, shot, "created_by", "updated_by", "created_at", "updated_at")
    ada.update("Shot", shot["id"], {"code": "x"})
    after = read(sg, shot, "created_by", "updated_by")

    assert before[0]["type"] == before[1]["type"] == "ApiUser"
    assert abs(before[2] - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=1)
    assert after == [before[0], {**user, "name": "Ada Byron"}]


def test_author_is_the_caller(site, sg, make_client, project, name):
    """
    Notes and replies are by their caller, versions by the person who makes them, not by a script.
    """
    user = site.add_user(name, "secret")
    ada = make_client(login=name, password="secret")
    note = ada.create("Note", {"project": project, "subject": "x"}, ["user"])
    rows = [client.create("Version", {"project": project}, ["user"])["user"] for client in (ada, sg)]

    assert note["user"]["id"] == user["id"]
    assert rows[0]["id"] == user["id"]
    assert rows[1] is None


def test_created_at_is_set_in_create_only(sg, make):
    """
    The creation date may be given when a row is made, and never again.
    """
    moment = datetime.datetime(2020, 5, 1, 12, tzinfo=datetime.timezone.utc)
    shot = make("Shot", created_at=moment)

    assert read(sg, shot, "created_at") == [moment]
    with pytest.raises(Fault, match=r"API update\(\) Shot.created_at is editable on create only."):
        sg.update("Shot", shot["id"], {"created_at": moment})


def test_null_dates_of_creation_and_update_stay_null(sg, make):
    """
    A caller that sends null for a date gets a row without the date. A filter and a sort find it all the same.
    """
    sequence = make("Sequence")
    dated = make("Shot", sg_sequence=sequence)
    undated = make("Shot", sg_sequence=sequence, created_at=None, updated_at=None)
    order = [{"field_name": "created_at", "direction": "desc"}]

    assert read(sg, undated, "created_at", "updated_at") == [None, None]
    assert sg.find("Shot", [["sg_sequence", "is", sequence]], order=order) == [dated, undated]
    assert sg.find("Shot", [["sg_sequence", "is", sequence], ["created_at", "is", None]]) == [undated]


def test_layout_of_a_project_is_set_in_create_only(sg, project, name):
    """
    A new project may name the project whose layout it takes, and never again.
    """
    layout = {"type": "Project", "id": project["id"]}
    row = sg.create("Project", {"name": f"{name} copy", "layout_project": layout})

    assert row["layout_project"]["id"] == layout["id"]
    with pytest.raises(Fault, match=r"API update\(\) Project.layout_project is editable on create only."):
        sg.update("Project", row["id"], {"layout_project": layout})


def test_person_is_named_after_both_names(sg, name):
    """
    A person's name joins first and last name, and follows both.
    """
    user = sg.create("HumanUser", {"login": name, "firstname": "Ada", "lastname": "King"}, ["name"])
    sg.update("HumanUser", user["id"], {"lastname": "Byron"})

    assert user["name"] == "Ada King"
    assert read(sg, user, "name", "cached_display_name") == ["Ada Byron", "Ada Byron"]


def test_null_filmstrip_alone_makes_no_request(site, sg, make):
    """
    The client strips filmstrips from updates; one that holds nothing else changes nothing.
    """
    shot = make("Shot")
    before = site.ledger.count("update")
    sg.update("Shot", shot["id"], {"filmstrip_image": None})

    assert site.ledger.count("update") == before


@pytest.mark.parametrize(
    ("entity_type", "data", "message"),
    [
        ("Bogus", {}, "API create() invalid/missing string entity 'type'"),
        ("Shot", {"code": "x"}, 'API create() missing \'project\' attribute: {"code" => "x"}'),
        ("Shot", {"foo": 1}, 'API create() Shot.foo doesn\'t exist:\n{"value"=>1, "field_name"=>"foo"}'),
        ("Shot", {"id": 1}, 'API create() Shot.id is read only:\n{"value"=>1, "field_name"=>"id"}'),
        ("Task", {"dependency_violation": False}, "API create() Task.dependency_violation is read only:\n"),
        ("Shot", {"code": ""}, "Create failed for [Shot]: Cannot set identifier field to empty. (Shot)"),
        ("Shot", {"code": None}, "Cannot set identifier field to empty. (Shot)"),
        ("Shot", {"code": 5}, "API create() Shot.code expected [String, NilClass] data type(s) but got Integer: 5"),
        (
            "Shot",
            {"sg_status_list": "x"},
            (
                "Invalid field value, update failed [5 - Update failed for [Shot.sg_status_list]: 'x' is not a valid "
                "status. Valid statuses: 'cbb',"
            ),
        ),
        (
            "Asset",
            {"sg_asset_type": "prop"},
            "'prop' is not a valid list value. Valid list values: 'Character', 'Vehicle', 'Prop',",
        ),
        (
            "Shot",
            {"cut_in": 1.5},
            "API create() Shot.cut_in expected [String, Integer, NilClass] data type(s) but got Float: 1.5",
        ),
        ("Shot", {"cut_in": "x"}, "Invalid data for 'number' data type"),
        (
            "Shot",
            {"cut_in": 2**31},
            "Create failed for [Shot]: PG::NumericValueOutOfRange: ERROR:  integer out of range",
        ),
        ("Task", {"milestone": None}, "expected [String, FalseClass, TrueClass] data type(s) but got NilClass: nil"),
        ("Task", {"milestone": "yes"}, "Invalid data for 'checkbox' data type: \"yes\""),
        ("Task", {"due_date": "10/11/2026"}, "Invalid date format: 10/11/2026. Correct format is: 2011-01-21"),
        ("Task", {"due_date": 5}, "API create() Task.due_date expected [String, NilClass]"),
        ("Task", {"color": "white"}, "Value is not a valid color token: 'white'"),
        ("Task", {"color": "1,2,300"}, "At least one component value is out of range: '1,2,300'"),
        ("Task", {"color": "1,2"}, "The value is not a valid color expression: '1,2'"),
        ("Task", {"color": None}, "Value cannot be nil for Task.color"),
        ("Step", {"code": "s", "color": "pipeline_step"}, "Value is not a valid color token: 'pipeline_step'"),
        ("Shot", {"sg_shot_type": "x"}, "'x' is not a valid list value. Valid list values: ''."),
        ("Task", {"color": 5}, "expected [String, NilClass]"),
        ("Task", {"splits": "x"}, 'Array, NilClass] data type(s) but got String: "x"'),
        ("Asset", {"tag_list": {"a": 1}}, 'expected [Array, NilClass] data type(s) but got Hash: {"a" => 1}'),
        ("Version", {"sg_movie_aspect_ratio": "wide"}, "Invalid data for 'float' data type"),
        ("Version", {"sg_movie_aspect_ratio": [1]}, "but got Array: [1]"),
        ("Version", {"sg_movie_aspect_ratio": 2}, "but got Integer: 2"),
        ("Version", {"sg_movie_aspect_ratio": 1e9}, "PG::NumericValueOutOfRange: ERROR:  numeric field overflow"),
        ("Booking", {"percent_allocation": "50"}, 'expected [Integer, NilClass] data type(s) but got String: "50"'),
        ("Shot", {"sg_sequence": 1}, "API create() Shot.sg_sequence expected [Hash,"),
        (
            "Shot",
            {"sg_sequence": {"type": "Sequence", "id": 10**6}},
            "Update failed for [Shot.sg_sequence]: Value is not legal.",
        ),
        ("Shot", {"sg_sequence": {"type": "Sequence", "id": 10**12}}, "invalid/missing entity hash integer 'id'"),
        ("Cut", {"version": {"type": "Shot", "id": 1}}, "Update failed for [Cut.version]: Version expected, got Shot"),
        (
            "Shot",
            {"project": {"type": "Shot", "id": 1}},
            "Update failed for [Shot.project]: Project expected, got Shot",
        ),
        ("Project", {"name": None}, "Create failed for [Project]: Cannot set identifier field to empty. (Project)"),
        ("Project", {}, "Create failed for [Project]: Cannot set identifier field to empty. (Project)"),
        ("Step", {"entity_type": "shot"}, "'shot' is not a valid entity type. Valid entity types: 'ActionMenuItem',"),
        ("Step", {"entity_type": 5}, "expected [String, NilClass]"),
        ("Version", {"sg_uploaded_movie": "http://x"}, "API create() Version.sg_uploaded_movie expected [Hash,"),
        ("Version", {"sg_uploaded_movie": {"name": "x"}}, 'invalid/missing url hash string \'url\': {"name" => "x"}'),
        (
            "PublishedFile",
            {"path": {"local_path": "/a/b"}},
            "doesn't match any defined Local Storage.",
        ),
    ],
    ids=str,
)
def test_refused_create_faults_with_the_sites_words(sg, project, entity_type, data, message):
    """
    A row that may not be made so is refused, and the text says why.
    """
    if "project" not in data and "missing 'project'" not in message and entity_type not in {"Project", "Step", "Bogus"}:
        data = {"project": project, **data}
    with pytest.raises(Fault) as caught:
        sg.create(entity_type, data)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"foo": 1}, "API update() Shot.foo doesn't exist:\n{"),
        ({"updated_at": None}, "API update() Shot.updated_at is editable on create only."),
        ({"open_notes_count": 5}, "API update() Shot.open_notes_count is read only"),
        ({"code": ""}, "Update failed for [Shot]: Cannot set identifier field to empty. (Shot)"),
        (
            {"sg_status_list": "x"},
            "API update() CRUD ERROR #5: Update failed for [Shot.sg_status_list]: 'x' is not a valid status.",
        ),
        ({"cut_in": -(2**31) - 1}, "Update failed for [Shot.cut_in]: Invalid statement."),
    ],
    ids=str,
)
def test_refused_update_faults_with_the_sites_words(sg, make, data, message):
    """
    A change that may not be made is refused, and the row stays as it was.
    """
    shot = make("Shot", code="before")
    with pytest.raises(Fault) as caught:
        sg.update("Shot", shot["id"], data)

    assert message in str(caught.value)
    assert read(sg, shot, "code") == ["before"]


def test_image_takes_nothing_but_null(call, sg, make):
    """
    An image is set by upload; a write can only clear it.
    """
    shot = make("Shot")
    fields = [{"field_name": "image", "value": {"type": "Attachment", "id": 1}}]

    assert sg.update("Shot", shot["id"], {"image": None}) == {**shot, "image": None}
    assert call("update", {"type": "Shot", "id": shot["id"], "fields": fields})["message"] == (
        "Write access of the 'image' data type (Shot.image) not yet supported in API"
    )


@pytest.mark.parametrize("fields", [["x"], [{"value": 1}], "x"])
def test_fields_without_names_fault(call, make, fields):
    """
    Fields come as objects that name themselves.
    """
    reply = call("update", {"type": "Shot", "id": make("Shot")["id"], "fields": fields})

    assert "API update() invalid/missing 'field_name' in fields" in reply["message"]


@pytest.mark.parametrize("entity_id", [None, "1", True, -1])
def test_id_that_is_none_faults(call, entity_id):
    """
    A row is named by a whole number.
    """
    assert "API update() invalid/missing integer 'id'" in call("update", {"type": "Shot", "id": entity_id})["message"]


def test_row_that_is_not_there_faults(sg, make):
    """
    A row that never was, or is retired, cannot be changed; one that never was cannot be deleted or revived either.
    """
    shot = make("Shot")
    sg.delete("Shot", shot["id"])

    with pytest.raises(Fault, match=rf"Entity of type \[Shot\] with id={shot['id']} does not exist."):
        sg.update("Shot", shot["id"], {"code": "x"})
    for act in (sg.delete, sg.revive):
        with pytest.raises(Fault, match=r"Entity of type \[Shot\] with id=1000000 does not exist."):
            act("Shot", 10**6)


VALUES = [
    # field of a Version or Task, value written, value read
    ("Version", "description", "  padded  ", "padded"),
    ("Version", "description", "   ", None),
    ("Version", "description", "日本 🎬 &lt;", "日本 🎬 <"),
    ("Version", "frame_count", "42", 42),
    ("Version", "frame_count", -(2**31), -(2**31)),
    ("Version", "sg_movie_aspect_ratio", 1.7777777777, 1.777778),
    ("Version", "sg_movie_aspect_ratio", "2.35", 2.35),
    ("Version", "sg_movie_aspect_ratio", 2.0, 2.0),
    ("Version", "sg_movie_aspect_ratio", -999999999.999999, -999999999.999999),
    ("Version", "flagged", "true", True),
    ("Version", "client_approved_at", None, None),
    ("Version", "media_center_import_time", "2026-01-01", datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)),
    ("Version", "sg_status_list", "", None),
    ("Version", "tag_list", ["a", "b"], ["a", "b"]),
    ("Task", "duration", "90", 90),
    ("Task", "duration", 90.9, 90),
    ("Task", "due_date", "2026-02-28", "2026-02-28"),
    ("Task", "due_date", "", None),
    ("Task", "color", "Blue", "2,149,216"),
    ("Task", "color", "pINK", "254,125,179"),
    ("Task", "color", "1,2,3", "1,2,3"),
    ("Task", "splits", [{"start": "2026-01-01", "end": "2026-01-02"}], [{"start": "2026-01-01", "end": "2026-01-02"}]),
    ("Task", "splits", [], None),
    ("Phase", "color", None, None),
    ("Phase", "color", "", None),
    ("Booking", "percent_allocation", 50, 50),
]


@pytest.mark.parametrize(("entity_type", "field", "written", "value"), VALUES, ids=str)
def test_value_reads_as_the_data_type_keeps_it(sg, make, entity_type, field, written, value):
    """
    What is written reads back in the form of its data type.
    """
    link = make(entity_type, **{field: written})

    assert read(sg, link, field) == [value]


@pytest.mark.parametrize("value", ["", "2026-01-01 10:00:00 UTC", 5])
def test_bad_moment_faults(sg, make, value):
    """
    A moment is written in ISO 8601.
    """
    with pytest.raises(Fault, match=r"Invalid date time format|expected \[String, NilClass\]"):
        make("Version", media_center_import_time=value)


def test_web_link_makes_an_attachment(sg, make):
    """
    A web link reads as the site shows it, and is an Attachment that can be found.
    """
    version = make("Version", sg_uploaded_movie={"url": "https://example.com/a.mov", "name": "a"})
    (movie,) = read(sg, version, "sg_uploaded_movie")
    attachment = sg.find_one("Attachment", [["id", "is", movie["id"]]], ["this_file", "display_name"])
    unnamed = make("Version", sg_uploaded_movie={"url": "https://example.com/b.mov"})
    sg.update("Version", version["id"], {"sg_uploaded_movie": None})

    assert movie == {
        "url": "https://example.com/a.mov",
        "name": "a",
        "content_type": None,
        "link_type": "web",
        "type": "Attachment",
        "id": movie["id"],
    }
    assert attachment["this_file"] == movie
    assert attachment["display_name"] == "a"
    assert read(sg, unnamed, "sg_uploaded_movie")[0]["name"] == "https://example.com/b.mov"
    assert read(sg, version, "sg_uploaded_movie") == [None]


def test_template_task_has_no_project(sg, project, name):
    """
    A task of a template needs no project, and may not have one.
    """
    template = sg.create("TaskTemplate", {"code": name})
    task = sg.create("Task", {"task_template": template, "content": "Anim"}, ["project"])

    assert task["project"] is None
    with pytest.raises(Fault, match=r"API create\(\) Invalid Task: a task template may not have a project"):
        sg.create("Task", {"task_template": template, "project": project})


def test_unique_names_are_kept_unique_among_live_rows(sg, name):
    """
    Two live projects never share a name; the name of a retired one is free.
    """
    project = sg.create("Project", {"name": name})
    other = sg.create("Project", {"name": f"{name} 2"})

    with pytest.raises(
        Fault, match=r"Create failed for \[Project\]: The value for the Project Name field is required to be unique."
    ):
        sg.create("Project", {"name": name})
    with pytest.raises(Fault, match=r"Update failed for \[Project\]: The value for the Project Name field"):
        sg.update("Project", other["id"], {"name": name})
    assert sg.update("Project", project["id"], {"name": name})["name"] == name
    sg.delete("Project", project["id"])
    assert sg.create("Project", {"name": name})["name"] == name
