"""
Following, note threads, activity streams, and what each person keeps for themselves.
"""

import datetime

import pytest
from shotgun_api3 import Fault


@pytest.fixture
def user(site, name):
    """
    A person.
    """
    return site.add_user(name, "secret", role="manager")


@pytest.fixture
def person(make_client, user):
    """
    The client of that person.
    """
    return make_client(login=user["name"], password="secret")


def bare(link):
    """
    Return type and id of a link.
    """
    return {"type": link["type"], "id": link["id"]}


def test_follow_and_unfollow(sg, make, user):
    """
    Following and parting answer with who and what; doing either twice is no mistake.
    """
    shot = make("Shot")

    for _time in range(2):
        assert sg.follow(user, shot) == {"followed": True, "user": bare(user), "entity": shot}
    assert sg.followers(shot) == [
        {"status": "act", "valid": "valid", "type": "HumanUser", "name": user["name"], "id": user["id"]}
    ]
    for _time in range(2):
        assert sg.unfollow(user, shot) == {"unfollowed": True, "user": bare(user), "entity": shot}
    assert sg.followers(shot) == []


def test_following_may_be_narrowed(sg, make, user, project, name):
    """
    What a person follows is told whole, by project, by type, and by both.
    """
    other = sg.create("Project", {"name": f"other {name}"})
    shot, task = make("Shot"), make("Task")
    elsewhere = bare(sg.create("Shot", {"project": other}))
    group = bare(sg.create("Group", {"code": name}))
    for each in (shot, task, elsewhere, group):
        sg.follow(user, each)

    assert sg.following(user) == [shot, elsewhere, task, group]
    assert sg.following(user, project=project) == [shot, task]
    assert sg.following(user, entity_type="Shot") == [shot, elsewhere]
    assert sg.following(user, project=other, entity_type="Task") == []


def test_gone_ends_are_not_told(sg, make, user):
    """
    Retired rows are not followed, retired persons follow nothing; their revival brings both back.
    """
    shot = make("Shot")
    sg.follow(user, shot)
    sg.delete("Shot", shot["id"])

    assert sg.following(user) == []
    sg.revive("Shot", shot["id"])
    sg.delete("HumanUser", user["id"])
    assert sg.followers(shot) == []
    sg.revive("HumanUser", user["id"])
    assert [each["id"] for each in sg.followers(shot)] == [user["id"]]


def test_only_persons_follow(sg, make, user):
    """
    Scripts do not follow, and nobody follows what is not there.
    """
    script = sg.find_one("ApiUser", [])
    shot = make("Shot")
    with pytest.raises(Fault, match="'user' must be a HumanUser"):
        sg.follow(script, shot)
    with pytest.raises(Fault, match="Couldn't find Shot with id=100000000"):
        sg.follow(user, {"type": "Shot", "id": 10**8})
    with pytest.raises(Fault, match="is not an entity type"):
        sg.followers({"type": "Bogus", "id": 1})
    with pytest.raises(Fault, match="invalid/missing integer 'id'"):
        sg.followers({"type": "Shot", "id": "1"})


def test_thread_is_the_note_and_what_followed(sg, make, person, user):
    """
    A thread starts with the note; replies come after it, the oldest first. Their times are those that `find` returns.
    """
    note = make("Note", content="why?")
    replies = [person.create("Reply", {"entity": note, "content": text}) for text in ("because", "ah")]
    first, *rest = sg.note_thread_read(note["id"])

    assert set(first) == {"type", "id", "content", "created_at", "created_by"}
    assert (first["type"], first["content"]) == ("Note", "why?")
    assert first["created_at"] == sg.find_one("Note", [["id", "is", note["id"]]], ["created_at"])["created_at"]
    assert isinstance(rest[0]["created_at"], datetime.datetime)
    assert [(row["id"], row["content"]) for row in rest] == [(r["id"], r["content"]) for r in replies]
    assert rest[0]["user"] == {**user, "image": None}
    assert set(rest[0]) == {"type", "id", "content", "created_at", "user"}


def test_thread_shows_files_of_note_and_replies(sg, make):
    """
    Files of the note and of its replies are part of the thread.
    """
    note = make("Note")
    reply = sg.create("Reply", {"entity": note, "content": "see"})
    files = [
        make("Attachment", this_file={"url": "https://x.example"}, attachment_links=[bare(to)]) for to in (note, reply)
    ]
    rows = sg.note_thread_read(note["id"], {"Attachment": ["this_file"], "Note": ["subject"], "Reply": ["id"]})

    assert rows[0]["subject"] == f"New Note {note['id']}" or rows[0]["subject"] is None
    assert [bare(row) for row in rows if row["type"] == "Attachment"] == files
    assert rows[1]["type"] == "Attachment"
    assert rows[1]["this_file"]["url"] == "https://x.example"
    assert set(rows[1]) == {"type", "id", "created_at", "created_by", "this_file"}


@pytest.mark.parametrize(("note_id", "fields"), [(10**8, {}), (1, {"Note": 5})])
def test_thread_of_nothing_faults(call, note_id, fields):
    """
    A note that is not there, and fields that are none, are refused.
    """
    assert call("note_thread_contents", {"note_id": note_id, "entity_fields": fields})["exception"] is True


def test_stream_tells_of_a_row_and_its_children(sg, make, user, person, site):
    """
    A shot's stream holds what happened to it, its tasks, versions, files and notes, the newest first.
    """
    shot = make("Shot", code="s")
    task = make("Task", entity=shot, content="Anim")
    version = make("Version", entity=shot, sg_task=task, code="v")
    published = make("PublishedFile", entity=shot, code="f")
    note = make("Note", subject="n", content="c", note_links=[shot])
    person.create("Reply", {"entity": note, "content": "re"})
    sg.update("Task", task["id"], {"sg_status_list": "ip"})
    sg.delete("PublishedFile", published["id"])
    stream = sg.activity_stream_read("Shot", shot["id"], {"Task": ["step"], "HumanUser": ["login"]})
    told = [(each["update_type"], each["primary_entity"]["type"]) for each in stream["updates"]]

    assert told == [
        ("delete", "PublishedFile"),
        ("update", "Task"),
        ("create_reply", "Note"),
        ("create", "Note"),
        ("create", "PublishedFile"),
        ("create", "Version"),
        ("create", "Task"),
        ("create", "Shot"),
    ]
    update, reply = stream["updates"][1:3]
    assert update["primary_entity"] == {**task, "name": "Anim", "status": "ip", "step": None}
    assert (update["meta"]["old_value"], update["meta"]["new_value"]) == ("wtg", "ip")
    assert update["created_by"]["name"] == f"{site.script_name} 1.0"
    assert reply["primary_entity"] == {**note, "name": "n - c", "status": "opn"}
    assert (reply["meta"]["entity_type"], reply["meta"]["content"]) == ("Reply", "re")
    assert reply["created_by"] == {**user, "status": "act", "image": None, "login": user["name"]}
    assert isinstance(reply["created_at"], datetime.datetime)
    assert reply["read"] is False
    assert (stream["entity_type"], stream["entity_id"]) == ("Shot", shot["id"])
    assert (stream["latest_update_id"], stream["earliest_update_id"]) == (stream["updates"][0]["id"], 0)
    assert [each["update_type"] for each in sg.activity_stream_read("Note", note["id"])["updates"]] == [
        "create_reply",
        "create",
    ]
    assert [each["id"] for each in sg.activity_stream_read("Version", version["id"])["updates"]] == [
        stream["updates"][5]["id"]
    ]


def test_stream_is_read_in_pieces(sg, make):
    """
    Bounds are not part of a piece themselves, and an empty piece says that there is no more.
    """
    shot = make("Shot")
    for number in range(4):
        sg.update("Shot", shot["id"], {"sg_cut_in": number})
    ids = [each["id"] for each in sg.activity_stream_read("Shot", shot["id"])["updates"]]

    def piece(**options):
        return [each["id"] for each in sg.activity_stream_read("Shot", shot["id"], **options)["updates"]]

    assert len(ids) == 5
    assert piece(limit=2) == ids[:2]
    assert piece(max_id=ids[1], limit=2) == ids[2:4]
    assert piece(min_id=ids[1]) == ids[:1]
    assert sg.activity_stream_read("Shot", shot["id"], limit=4)["earliest_update_id"] == ids[3]
    assert sg.activity_stream_read("Shot", shot["id"], limit=5)["earliest_update_id"] == 0
    done = sg.activity_stream_read("Shot", shot["id"], max_id=ids[-1])
    assert (done["updates"], done["latest_update_id"], done["earliest_update_id"]) == ([], 0, 0)


def test_streams_of_projects_and_persons(sg, make, project, person, user, name):
    """
    A project's stream holds everything in it, replies too; a person's stream holds all that they did.
    """
    shot = make("Shot")
    sg.create("Reply", {"entity": make("Note"), "content": "seen"})
    made = person.create("Playlist", {"project": project, "code": name})
    group = person.create("Group", {"code": name})
    of_project = sg.activity_stream_read("Project", project["id"])["updates"]
    in_project = [(each["update_type"], each["primary_entity"]["type"]) for each in of_project]
    by_person = [bare(each["primary_entity"]) for each in sg.activity_stream_read("HumanUser", user["id"])["updates"]]

    assert in_project == [
        ("create", "Playlist"),
        ("create_reply", "Note"),
        ("create", "Note"),
        ("create", "Shot"),
        ("create", "Project"),
    ]
    assert by_person == [bare(group), bare(made)]
    assert shot not in by_person


@pytest.mark.parametrize(("entity_id", "options"), [(10**8, {}), (1, {"limit": 0}), (1, {"limit": 501})])
def test_refused_stream_faults(sg, make, entity_id, options):
    """
    A row that was never there, and more updates than the site gives, are refused.
    """
    shot = make("Shot")
    with pytest.raises(Fault):
        sg.activity_stream_read("Shot", entity_id if entity_id > 1 else shot["id"], **options)


def test_last_access_is_each_persons_own(sg, make_client, site, project, user, person, name):
    """
    When someone was in a project last is told to them only; scripts name the person and see none.
    """
    other = site.add_user(f"other {name}", "x")
    stranger = make_client(login=other["name"], password="x")
    filters, field = [["id", "is", project["id"]]], "last_accessed_by_current_user"
    person.update_project_last_accessed(project)

    assert isinstance(person.find_one("Project", filters, [field])[field], datetime.datetime)
    assert stranger.find_one("Project", filters, [field])[field] is None
    assert sg.find_one("Project", filters, [field])[field] is None
    sg.update_project_last_accessed(project, other)
    assert stranger.find_one("Project", filters, [field])[field] is not None
    order = [{"field_name": field, "direction": "desc"}]
    assert [row["id"] for row in person.find("Project", [[field, "is_not", None]], order=order)] == [project["id"]]
    as_user = make_client(script_name=site.script_name, api_key=site.api_key, sudo_as_login=user["name"])
    assert as_user.find("Project", [[field, "in_last", 1, "DAY"]]) == person.find("Project", [[field, "is_not", None]])


def test_script_names_the_person(sg, project, user):
    """
    A script that names nobody, and a person or project that is not there, are refused.
    """
    with pytest.raises(Fault, match="missing 'user_id'"):
        sg.update_project_last_accessed(project)
    with pytest.raises(Fault, match=r"\[HumanUser\] with id=100000000 does not exist"):
        sg.update_project_last_accessed(project, {"type": "HumanUser", "id": 10**8})
    with pytest.raises(Fault, match=r"\[Project\] with id=100000000 does not exist"):
        sg.update_project_last_accessed({"type": "Project", "id": 10**8}, user)


def test_favourites_are_each_persons_own(sg, project, person):
    """
    A favourite is one person's; a script keeps none.
    """
    find = [["id", "is", project["id"]], ["current_user_favorite", "is", True]]
    sg.update("Project", project["id"], {"current_user_favorite": True})

    assert sg.find("Project", find) == []
    assert person.update("Project", project["id"], {"current_user_favorite": True})["current_user_favorite"] is True
    assert len(person.find("Project", find)) == 1
    assert sg.find_one("Project", find[:1], ["current_user_favorite"])["current_user_favorite"] is False
    person.update("Project", project["id"], {"current_user_favorite": False})
    assert person.find("Project", find) == []


def test_versions_are_seen_by_persons(sg, make, person):
    """
    A version that a person has seen says so to them, and when; marking it is told in the log.
    """
    version = make("Version")
    fields = ["viewed_by_current_user", "viewed_by_current_user_at"]

    def seen(client):
        row = client.find_one("Version", [["id", "is", version["id"]]], fields)
        return [row[field] for field in fields]

    assert seen(person) == ["unread", None]
    person.update("Version", version["id"], {"viewed_by_current_user": "read"})
    assert seen(person)[0] == "read"
    assert isinstance(seen(person)[1], datetime.datetime)
    assert seen(sg) == ["unread", None]
    entry = sg.find_one("EventLogEntry", [["event_type", "is", "Shotgun_Reading_Change"], ["entity", "is", version]])
    assert entry is not None
    person.update("Version", version["id"], {"viewed_by_current_user": "unread"})
    assert seen(person) == ["unread", None]


def test_notes_are_read_by_persons(sg, make, person):
    """
    A note's hidden field tells a person's read notes from unread ones; no schema shows it.
    """
    notes = [make("Note") for _number in range(2)]
    own = [["id", "in", [note["id"] for note in notes]]]
    person.update("Note", notes[0]["id"], {"read_by_current_user": "read"})

    assert "read_by_current_user" not in sg.schema_field_read("Note")
    assert person.find("Note", [*own, ["read_by_current_user", "is", "read"]]) == [notes[0]]
    assert person.find("Note", [*own, ["read_by_current_user", "is", "unread"]]) == [notes[1]]
    assert person.find("Note", [*own, ["read_by_current_user", "is_not", "unread"]]) == [notes[0]]
    assert person.find("Note", [*own, ["read_by_current_user", "not_in", ["unread"]]]) == [notes[1]]
    assert sg.find("Note", [*own, ["read_by_current_user", "is", "unread"]]) == notes


def test_new_row_may_be_a_favourite(project, person):
    """
    A person may create a row as their favourite; what was never counted is none.
    """
    page = person.create("Page", {"project": project, "name": "p", "current_user_favorite": True})
    row = person.find_one("Page", [["id", "is", page["id"]]], ["current_user_favorite", "accesses_by_current_user"])

    assert (row["current_user_favorite"], row["accesses_by_current_user"]) == (True, 0)


def test_preferences(sg):
    """
    Preferences are told by name, or all; unknown ones are left out.
    """
    assert sg.preferences_read(["hours_per_day", "bogus"]) == {"hours_per_day": 8.0}
    found = sg.preferences_read()
    assert {"duration_units", "date_component_order", "support_local_storage", "view_master_settings"} <= set(found)
    assert {"format_float_fields", "format_float_fields_rounding"} <= set(found)
    assert len(found) == 17


def test_subscriptions(sg, call, user):
    """
    Subscriptions are given to persons and told with them.
    """

    def told():
        return {each["humanUserId"]: each["subscription"] for each in sg.user_subscriptions_read()}

    assert told()[user["id"]] is None
    for given in ("Yearly", ["a", "b"], None):
        assert sg.user_subscriptions_create([{"humanUserId": user["id"], "subscription": given}]) is True
        assert told()[user["id"]] == given
    for users, message in (
        (5, "'users' expected an Array"),
        ([{"humanUserId": 10**8}], "does not exist"),
        ([{"humanUserId": user["id"], "subscription": 5}], "'subscription' expected"),
    ):
        assert message in call("user_subscriptions_create", {"users": users})["message"]
