"""
``sgextended pull``: what it copies, what it never copies, and how it resumes.
"""

import datetime as dt
import json

import pytest
from attrs import evolve
from shotgun_api3 import Fault

from sgextended import SGExtended
from sgextended.cli.commands.pull_plan import PullPlan, RecordSerializer, Selection
from sgextended.domain import thumbnails
from sgextended.localsite import LocalSite
from sgextended.localsite.custom_fields.field_storage import add_fields
from sgextended.localsite.schema.entity_types import Field

PROJECT = "Paper Lanterns"
#: Fields with URLs of files, which differ between sites.
ADDRESSES = {"image", "filmstrip_image"}


@pytest.fixture(scope="module")
def pulled_site():
    """
    Return a site that these tests fill and pull from.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture
def source(pulled_site, make_sg, monkeypatch, tmp_path):
    """
    Return a client, the name of a new project with a file, a thumbnail, a custom field and a person, and the file.
    """
    for name, value in pulled_site.environment().items():
        monkeypatch.setenv(name, value)
    sg = make_sg(pulled_site)
    name = f"Pulled {tmp_path.name}"
    project = sg.create("Project", {"name": name})
    person = sg.create(
        "HumanUser", {"name": "Zoe Quist", "login": f"zoe-{tmp_path.name}", "email": "zoe@studio.example"}
    )
    if "sg_mood" not in sg.schema_field_read("Shot"):
        sg.schema_field_create("Shot", "text", "Mood")
    shot = sg.create("Shot", {"project": project, "code": "A", "sg_mood": "grim"})
    task = sg.create("Task", {"project": project, "content": "a", "entity": shot, "task_assignees": [person]})
    sg.create("Note", {"project": project, "subject": "s", "note_links": [shot], "tasks": [task], "user": person})
    from PIL import Image

    picture = tmp_path / "picture.png"
    Image.new("RGB", (32, 32), (200, 10, 10)).save(picture)
    sg.upload_thumbnail("Shot", shot["id"], str(picture))
    version = sg.create("Version", {"project": project, "entity": shot, "code": "v", "user": person})
    sg.upload("Version", version["id"], str(picture), "sg_uploaded_movie")
    return sg, name, picture


def ids_and_values(sg, entity_type, filters, fields):
    """
    Return entities by id, without the URLs of the site.
    """
    found = {}
    for entity in sg.find(entity_type, filters, fields):
        for value in entity.values():
            if isinstance(value, dict) and value.get("link_type") == "upload":
                value.pop("url")
        found[entity["id"]] = {name: value for name, value in entity.items() if name not in ADDRESSES}
    return found


def test_pulled_project_equals_its_source(command, environment, sg, tmp_path, make_sg):
    """
    A local site with the pulled records returns the same records and fields as the source.
    """
    status, out, err = command("pull", "--project", PROJECT, "-o", str(tmp_path / "p"))
    schema = sg.schema_read()
    about = json.loads((tmp_path / "p" / "about.json").read_text())

    assert (status, out) == (0, "")
    assert f"of {PROJECT} to " in err
    assert about["projects"] == [{"id": sg.find_projects(PROJECT)[0]["id"], "name": PROJECT}]
    with LocalSite(data=tmp_path / "p") as copy:
        copied = make_sg(copy)
        mine = [["project.Project.name", "is", PROJECT]]
        for entity_type in ("Asset", "Shot", "Sequence", "Task", "Version", "Note", "Playlist"):
            fields = list(schema[entity_type])
            wanted = ids_and_values(sg, entity_type, mine, fields)
            assert wanted
            assert ids_and_values(copied, entity_type, mine, fields) == wanted
        for entity_type in ("Status", "Step"):
            fields = list(schema[entity_type])
            assert ids_and_values(copied, entity_type, [], fields) == ids_and_values(sg, entity_type, [], fields)
        assert copied.count("Project") == 1
        assert copied.count("TaskDependency") > 0
        assert copy.store.loaded.left_out == []


def test_media_pulls_files(command, source, tmp_path, make_sg):
    """
    With --media the copy has files and thumbnails, byte for byte.
    """
    _sg, name, picture = source
    assert command("pull", "--project", name, "-o", str(tmp_path / "p"), "--media")[0] == 0

    with LocalSite(data=tmp_path / "p") as copy:
        copied = make_sg(copy)
        shot = copied.find_one("Shot", [["code", "is", "A"]], ["image", "sg_mood"])
        version = copied.find_one("Version", [], ["sg_uploaded_movie"])
        assert shot["sg_mood"] == "grim"
        assert copied.download_attachment(version["sg_uploaded_movie"]) == picture.read_bytes()
        assert copied.download_attachment({"url": shot["image"]})[:2] == b"\xff\xd8"


def test_media_never_holds_a_placeholder(command, pulled_site, source, tmp_path, monkeypatch):
    """
    A thumbnail that the site is still making is a failure that is named. The same command fetches it when it is made.
    """
    sg, name, picture = source
    now = dt.datetime.now(dt.timezone.utc)
    monkeypatch.setattr(pulled_site.store, "clock", lambda: now)
    monkeypatch.setattr(pulled_site.store.media, "thumbnail_delay", 60)
    shot = sg.find_one("Shot", [["project.Project.name", "is", name]])
    sg.upload_thumbnail("Shot", shot["id"], str(picture))
    monkeypatch.setattr(thumbnails, "WAIT_LIMIT", 0.0)
    words = "pull", "--project", name, "-o", str(tmp_path / "p"), "--media"
    status, _out, err = command(*words)

    assert status == 1
    assert "still making the thumbnail in image of Shot" in err
    assert not [path for path in tmp_path.glob("p/media/thumbnails/*") if path.read_bytes()[:2] != b"\xff\xd8"]
    later = now + dt.timedelta(seconds=61)
    monkeypatch.setattr(pulled_site.store, "clock", lambda: later)
    assert command(*words)[0] == 0


def test_fields_of_the_copy_do_what_those_of_the_source_do(command, pulled_site, source, tmp_path, make_sg):
    """
    The copy describes its fields as the source does, new records have the same defaults, and a project hides the same.
    """
    sg, name, _picture = source
    project = sg.find_projects(name)[0]
    label = f"of {tmp_path.name}"
    kinds = {
        "checkbox": {"default_value": True, "description": "Keep me"},
        "list": {"valid_values": ["a", "b"], "default_value": "b"},
        "number": {"default_value": 24, "summary_default": "average"},
        "text": {"default_value": "grim", "regex_validation": "^g", "custom_metadata": "{}"},
        "url": {"open_in_new_window": False},
    }
    fields = [sg.schema_field_create("Shot", kind, f"{kind} {label}", given) for kind, given in kinds.items()]
    sg.schema_field_update("Shot", "sg_status_list", {"default_value": "ip", "description": "Of the shot"})
    sg.schema_field_update("Shot", "sg_status_list", {"hidden_values": ["fin"]}, project_entity=project)
    sg.schema_field_update("Shot", fields[0], {"visible": False}, project_entity=project)
    friends = sg.schema_field_create("Shot", "multi_entity", f"friends {label}", {"valid_types": ["Asset"]})
    asset = sg.create("Asset", {"project": project, "code": "a"})
    shot = sg.create("Shot", {"project": project, "code": "old", friends: [asset]})
    (far,) = (field for field in sg.schema_field_read("Asset") if field.endswith(f"{friends}_shots"))
    with pulled_site.store.writing() as tx:
        formula = {"calculated_function": "{sg_a} / 2", "renderer": "number"}
        draft = Field(entity_type="Shot", name="sg_half", data_type="calculated", label="Half", custom=True)
        once = Field(entity_type="Shot", name="sg_once", data_type="text", label="Once", custom=True, unique=True)
        made = [evolve(draft, remarks=formula), once]
        add_fields(tx, [field for field in made if tx.schema.field("Shot", field.name) is None])

    assert command("pull", "--project", name, "-o", str(tmp_path / "p"))[0] == 0
    made = sg.create("Shot", {"project": project, "code": "new"}, [*fields, "sg_status_list"])
    with LocalSite(data=tmp_path / "p") as copy:
        copied = make_sg(copy)
        assert copied.schema_read() == sg.schema_read()
        assert copied.schema_read(project) == sg.schema_read(project)
        assert copied.schema_read(project) != sg.schema_read()
        new = copied.create("Shot", {"project": project, "code": "new"}, [*fields, "sg_status_list"])
        assert {**new, "id": made["id"]} == made
        assert [made[field] for field in fields] == [True, "b", 24, "grim", None]
        assert copied.find_one("Asset", [["id", "is", asset["id"]]], [far])[far][0]["id"] == shot["id"]
        copied.update("Asset", asset["id"], {far: [new]})
        assert copied.find_one("Shot", [["id", "is", shot["id"]]], [friends])[friends] == []
        assert copied.find_one("Shot", [["id", "is", new["id"]]], [friends])[friends][0]["id"] == asset["id"]
        copied.create("Shot", {"project": project, "code": "x", "sg_once": "x"})
        with pytest.raises(Fault, match="unique"):
            copied.create("Shot", {"project": project, "code": "y", "sg_once": "x"})


def test_replies_are_pulled_with_what_they_reply_to(command, source, tmp_path):
    """
    Replies to notes, tickets and deliveries are pulled, and those of other projects are not.
    """
    sg, name, _picture = source
    project = sg.find_projects(name)[0]
    other = sg.create("Project", {"name": f"Other {tmp_path.name}"})
    wanted = set()
    for about, title in (("Note", "subject"), ("Ticket", "title"), ("Delivery", "title")):
        wanted.add(sg.reply(sg.create(about, {"project": project, title: "t"}), f"About a {about}")["id"])
        sg.reply(sg.create(about, {"project": other, title: "t"}), "Elsewhere")

    assert command("pull", "--project", name, "-o", str(tmp_path / "p"))[0] == 0
    lines = (tmp_path / "p" / "records" / "Reply.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"] for line in lines} == wanted


def test_replies_to_notes_are_pulled_if_the_site_refuses_the_other_types(command, source, tmp_path, monkeypatch):
    """
    A site may refuse a path through a type that its schema does not list. Then the replies to listed types are pulled.
    """
    sg, name, _picture = source
    note = sg.create("Note", {"project": sg.find_projects(name)[0], "subject": "s"})
    reply = sg.reply(note, "Done.")
    count = SGExtended.count

    def refuse(sg, entity_type, filters):
        if "entity.Ticket.project" in str(filters):
            raise Fault("API summarize() Reply.entity.Ticket.project doesn't exist")
        return count(sg, entity_type, filters)

    monkeypatch.setattr(SGExtended, "count", refuse)
    assert command("pull", "--project", name, "-o", str(tmp_path / "p"))[0] == 0
    assert json.loads((tmp_path / "p" / "records" / "Reply.jsonl").read_text())["id"] == reply["id"]


def test_tasks_of_templates_are_pulled(command, source, tmp_path, make_sg):
    """
    Task templates keep their tasks, so that the copy applies them to new shots.
    """
    sg, name, _picture = source
    project = sg.find_projects(name)[0]
    template = sg.create("TaskTemplate", {"code": f"t {tmp_path.name}", "entity_type": "Shot"})
    first, second = (sg.create("Task", {"content": content, "task_template": template}) for content in "ab")
    sg.update("Task", second["id"], {"upstream_tasks": [first]})

    assert command("pull", "--project", name, "-o", str(tmp_path / "p"))[0] == 0
    with LocalSite(data=tmp_path / "p") as copy:
        copied = make_sg(copy)
        shot = copied.create("Shot", {"project": project, "code": "new", "task_template": template})
        made = copied.find("Task", [["entity", "is", shot]], ["content", "upstream_tasks"])
        assert [(task["content"], [up["name"] for up in task["upstream_tasks"]]) for task in made] == [
            ("a", []),
            ("b", ["a"]),
        ]


def test_records_without_a_project_come_with_those_that_link_to_them(command, source, tmp_path, make_sg):
    """
    The Attachment of a web link, the calendar of the studio and vacations are pulled, each once, also by a second run.
    """
    sg, name, _picture = source
    shot = sg.find_one("Shot", [["project.Project.name", "is", name]])
    version = sg.find_one("Version", [["project.Project.name", "is", name]])
    sg.update("Version", version["id"], {"sg_uploaded_movie": {"url": "https://studio.example/movie", "name": "movie"}})
    file_id = sg.find_one("Version", [["id", "is", version["id"]]], ["sg_uploaded_movie"])["sg_uploaded_movie"]["id"]
    assert sg.find_one("Attachment", [["id", "is", file_id]], ["project"])["project"] is None
    holiday = {"date": "2026-12-24", "working": False, "description": f"Holiday {tmp_path.name}"}
    sg.work_schedule_update(**holiday)
    vacation = sg.create("Booking", {"vacation": True, "start_date": "2026-07-01", "end_date": "2026-07-20"})

    words = ("pull", "--project", name, "-o", str(tmp_path / "p"))
    assert command(*words)[0] == 0
    once = {path.name: path.read_bytes() for path in (tmp_path / "p" / "records").iterdir()}
    (tmp_path / "p" / "about.json").replace(tmp_path / "p" / "pull.json")  # as if the pull had been interrupted
    options = json.loads((tmp_path / "p" / "pull.json").read_text())
    options.pop("format"), options.pop("by")
    (tmp_path / "p" / "pull.json").write_text(json.dumps(options))
    assert command(*words)[0] == 0

    assert {path.name: path.read_bytes() for path in (tmp_path / "p" / "records").iterdir()} == once
    with LocalSite(data=tmp_path / "p") as copy:
        copied = make_sg(copy)
        assert copied.find_one("Attachment", [["id", "is", file_id]])
        assert copied.find_one("Booking", [["id", "is", vacation["id"]]])
        day = copied.work_schedule_read("2026-12-24", "2026-12-24")["2026-12-24"]
        assert (day["working"], day["description"]) == (False, holiday["description"])
        assert copied.find_one("Shot", [["id", "is", shot["id"]]])


def test_retired_records_followers_and_events_are_pulled_on_request(command, source, tmp_path, make_sg):
    """
    The options add deleted records, followers and the event log. Without them, the pull has none of the three.
    """
    sg, name, _picture = source
    project = sg.find_projects(name)[0]
    shot = sg.find_one("Shot", [["project", "is", project]])
    gone = sg.create("Shot", {"project": project, "code": "gone"})
    sg.delete("Shot", gone["id"])
    fan = sg.create("HumanUser", {"name": "A Fan", "login": f"fan-{tmp_path.name}"})
    sg.follow(fan, shot)
    words = ("pull", "--project", name)
    assert command(*words, "-o", str(tmp_path / "few"))[0] == 0
    assert command(*words, "-o", str(tmp_path / "all"), "--retired", "--followers", "--events")[0] == 0

    with LocalSite(data=tmp_path / "few") as copy:
        copied = make_sg(copy)
        assert copied.find("Shot", [], retired_only=True) == []
        assert (copied.count("EventLogEntry"), copied.followers(shot)) == (0, [])
    with LocalSite(data=tmp_path / "all") as copy:
        copied = make_sg(copy)
        assert [each["id"] for each in copied.find("Shot", [], retired_only=True)] == [gone["id"]]
        assert [each["id"] for each in copied.followers(shot)] == [fan["id"]]
        mine = [["project", "is", project]]
        assert copied.count("EventLogEntry") == sg.count("EventLogEntry", mine) > 0
        assert copied.revive("Shot", gone["id"])
        assert copied.find_one("Shot", [["id", "is", gone["id"]]], ["code"])["code"] == "gone"


def test_the_whole_site_is_pulled(command, source, tmp_path, make_sg):
    """
    With --whole-site, the copy has the records of every type, of all projects and of none.
    """
    sg, _name, _picture = source
    sg.create("HumanUser", {"name": "On no project", "login": f"idle-{tmp_path.name}"})
    sg.create("Project", {"name": f"Empty {tmp_path.name}"})
    status, _out, err = command("pull", "--whole-site", "-o", str(tmp_path / "p"))

    assert (status, "of the whole site to" in err) == (0, True)
    with LocalSite(data=tmp_path / "p") as copy:
        copied = make_sg(copy)
        for entity_type in set(sg.schema_read()) - {"EventLogEntry", "PageHit"}:
            assert ids_of(copied, entity_type) == ids_of(sg, entity_type), entity_type
        assert len(copied.find_projects()) > 1


def ids_of(sg, entity_type):
    """
    Return the ids of all records of a type.
    """
    return [row["id"] for row in sg.find(entity_type, [], [], [{"field_name": "id", "direction": "asc"}])]


def test_anonymous_replaces_names(command, source, tmp_path):
    """
    With --anonymous no file contains the name, login or email address of a person.
    """
    _sg, name, _picture = source
    assert command("pull", "--project", name, "-o", str(tmp_path / "p"), "--anonymous")[0] == 0
    text = "".join(path.read_text() for path in (tmp_path / "p").rglob("*.json*"))

    assert "Zoe" not in text
    assert "zoe" not in text.replace(tmp_path.name, "")
    assert '"name":"Person ' in text


def test_a_type_that_the_site_refuses_is_skipped(command, source, tmp_path, monkeypatch):
    """
    A type that the site refuses to return is reported and skipped. It is an error if --entity names it.
    """
    _sg, name, _picture = source
    schema_read = SGExtended.schema_read
    hidden = {"project": {"data_type": {"value": "entity"}}}
    monkeypatch.setattr(SGExtended, "schema_read", lambda sg, *project: {**schema_read(sg, *project), "Hidden": hidden})
    words = ("pull", "--project", name)
    status, _out, err = command(*words, "-o", str(tmp_path / "p"))

    assert (status, "Hidden was skipped. The site refused it: " in err) == (0, True)
    assert command(*words, "--entity", "Hidden", "-o", str(tmp_path / "q"))[0] == 1


def test_secrets_are_not_requested():
    """
    Fields for keys and passwords are not pulled, whatever their exact names.
    """
    kinds = {
        "firstname": "text",
        "salted_password": "text",
        "sg_api_key": "text",
        "secret_token": "text",
        "pw": "password",
    }
    schema = {"ApiUser": {name: {"data_type": {"value": kind}} for name, kind in kinds.items()}}

    assert list(PullPlan(schema=schema, projects=[]).fields("ApiUser")) == ["firstname"]


def test_signed_urls_are_not_written():
    """
    Records contain no signed URLs, which give access to anyone; datetimes are written in UTC.
    """
    selection = Selection("Shot", [], {"image": "image", "sg_file": "url", "sg_page": "url", "at": "date_time"})
    zone = dt.timezone(dt.timedelta(hours=2))
    line = RecordSerializer(selection).serialize(
        {
            "id": 3,
            "image": "https://storage.example/a.jpg?signature=s3cret",
            "sg_file": {
                "link_type": "upload",
                "id": 9,
                "name": "a",
                "url": "https://storage.example/a?signature=s3cret",
            },
            "sg_page": {"link_type": "web", "url": "https://wiki.example"},
            "at": dt.datetime(2026, 3, 10, 12, tzinfo=zone),
        }
    )

    assert "s3cret" not in json.dumps(line)
    assert line["sg_page"]["url"] == "https://wiki.example"
    assert line["at"] == "2026-03-10T10:00:00Z"
    assert line["image"]["thumbnail"] < 0


def test_an_interrupted_pull_is_resumed(command, source, pulled_site, tmp_path, monkeypatch):
    """
    Complete types are not fetched again; a partial type resumes after its last complete line.
    """
    sg, name, _picture = source
    project = sg.find_projects(name)[0]
    shots = [
        {"request_type": "create", "entity_type": "Shot", "data": {"project": project, "code": code}} for code in "BC"
    ]
    sg.batch(shots)
    words = ("pull", "--project", name, "-o", str(tmp_path / "p"))
    serialize = RecordSerializer.serialize

    def fill_the_disk(self, entity):
        if entity.get("code") == "B":
            raise OSError("no space left")
        return serialize(self, entity)

    monkeypatch.setattr(RecordSerializer, "serialize", fill_the_disk)
    status, _out, err = command(*words)
    assert (status, "no space left" in err, "Traceback" in err) == (1, True, False)
    monkeypatch.setattr(RecordSerializer, "serialize", serialize)
    begun = tmp_path / "p" / "records" / "Shot.part"
    assert [json.loads(each)["code"] for each in begun.read_text().splitlines()] == ["A"]
    begun.write_text(begun.read_text() + '{"type":"Sho')  # as after a power cut
    pulled_site.ledger.clear()
    assert command(*words)[0] == 0
    calls = pulled_site.ledger.entries
    assert [call.rows for call in calls if (call.rpc, call.entity_type) == ("read", "Shot")] == [2]

    lines = (tmp_path / "p" / "records" / "Shot.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["code"] for line in lines) == ["A", "B", "C"]
    assert not list((tmp_path / "p").rglob("*.part"))


def test_since_and_entity_limit_the_records(command, source, tmp_path):
    """
    --since pulls only records with later changes, --entity only those types; linked records are pulled too.
    """
    _sg, name, _picture = source
    assert command("pull", "--project", name, "-o", str(tmp_path / "new"), "--since", "2099-01-01")[0] == 0
    assert command("pull", "--project", name, "-o", str(tmp_path / "tasks"), "--entity", "Task")[0] == 0

    assert not (tmp_path / "new" / "records" / "Shot.jsonl").exists()
    assert (tmp_path / "new" / "records" / "Project.jsonl").exists()
    assert not (tmp_path / "tasks" / "records" / "Shot.jsonl").exists()
    assert (tmp_path / "tasks" / "records" / "HumanUser.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--entity", "Shoot"], "The site has no entity type 'Shoot', given by --entity. Did you mean 'Shot'"),
        (["--entity", "HumanUser"], "HumanUser does not belong to a project"),
        (["--since", "someday"], "'someday' is not a day"),
        (["--whole-site"], "Name the projects to pull with --project, or give --whole-site, not both"),
    ],
)
def test_wrong_arguments_are_refused(command, source, tmp_path, words, message):
    """
    A wrong type or day ends in one message, and nothing is written.
    """
    _sg, name, _picture = source
    status, _out, err = command("pull", "--project", name, "-o", str(tmp_path / "p"), *words)

    assert status == 2
    assert message in err
    assert not (tmp_path / "p").exists()


def test_a_folder_with_other_contents_is_refused(command, source, tmp_path):
    """
    A folder with other files, or with a part of another pull, is not changed.
    """
    _sg, name, _picture = source
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pull.json").write_text("{}")

    assert "is not empty" in command("pull", "--project", name, "-o", str(tmp_path / "full"))[2]
    assert "part of another pull" in command("pull", "--project", name, "-o", str(tmp_path / "other"))[2]


def test_pull_needs_a_site(command, monkeypatch, tmp_path):
    """
    Without a site in the environment the status is 1.
    """
    monkeypatch.delenv("SHOTGUN_URL", raising=False)

    assert command("pull", "--project", "A", "-o", str(tmp_path / "p"))[0] == 1
