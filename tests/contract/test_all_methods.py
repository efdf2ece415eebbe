"""
Every public method of the official client, unchanged, on a local site; and the same through `SGExtended`.

A case does with one client what a script would, and returns what it saw. It runs on two sites of the same kind, one
for each client, over HTTP and over HTTPS: the results must be equal, value by value and type by type.
"""

import ast
import copy
import datetime
import inspect
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import shotgun_api3
from syntax_trees import syntax_tree

# The official client leaves files and sockets of uploads and downloads to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

CASES: Dict[str, Callable[[Any, Path], Any]] = {}


def case(function: Callable[[Any, Path], Any]) -> Callable[[Any, Path], Any]:
    """
    Register a case under its name.
    """
    CASES[function.__name__] = function
    return function


def outcome(call: Callable[[], Any]) -> Any:
    """
    Return what a call returns, or the class and text of what it raises.
    """
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - compared by class and text
        return type(error).__name__, str(error)


def make_shot(sg: Any) -> Any:
    """
    Return a project and a shot in it, as links.
    """
    project = link(sg.create("Project", {"name": f"Project {len(sg.find('Project', []))}"}))
    return project, link(sg.create("Shot", {"code": "sh010", "project": project}))


def link(record: Any) -> Dict[str, Any]:
    """
    Return the link to a record.
    """
    return {"type": record["type"], "id": record["id"]}


def make_person(sg: Any, login: str) -> Dict[str, Any]:
    """
    Return the link to a person, made on first use.
    """
    found = sg.find_one("HumanUser", [["login", "is", login]])
    return link(found or sg.create("HumanUser", {"login": login, "firstname": "Ana", "lastname": login.title()}))


@case
def records(sg: Any, media: Path) -> Any:
    """
    create, update, find, find_one, delete, revive.
    """
    project, shot = make_shot(sg)
    due = datetime.date(2026, 3, 20)
    task = sg.create(
        "Task", {"content": "anim <b>", "entity": shot, "project": project, "due_date": due}, ["due_date", "entity"]
    )
    at = datetime.datetime(2026, 3, 1, 9, 30)
    return [
        task,
        sg.update("Shot", shot["id"], {"sg_status_list": "ip", "description": "größe", "sg_cut_in": 1001}),
        sg.create("Version", {"code": "v001", "project": project, "entity": shot, "created_at": at}, ["created_at"]),
        sg.find("Task", [["entity", "is", shot]], ["content", "due_date", "project", "step", "task_assignees"]),
        sg.find_one("Shot", [["id", "is", shot["id"]]], ["code", "tasks", "sg_versions", "created_by", "image"]),
        sg.find_one("Shot", [["id", "is", 10**8]]),
        [sg.delete("Task", task["id"]), sg.delete("Task", task["id"])],
        sg.find("Task", [["id", "is", task["id"]]], ["content", "entity"], retired_only=True),
        [sg.revive("Task", task["id"]), sg.revive("Task", task["id"])],
        outcome(lambda: sg.update("Shot", 10**8, {"code": "x"})),
        outcome(lambda: sg.create("Shot", {"code": "no project"})),
    ]


@case
def links_of_both_ends(sg: Any, media: Path) -> Any:
    """
    update with modes for lists of links, seen from both ends.
    """
    project, shot = make_shot(sg)
    made = [link(sg.create("Asset", {"code": code, "project": project})) for code in ("tree", "rock", "bird")]
    seen = [sg.update("Shot", shot["id"], {"assets": made[:2]})]
    for mode, members in (("add", made[1:]), ("remove", made[:1]), ("set", [])):
        seen.append(sg.update("Shot", shot["id"], {"assets": members}, multi_entity_update_modes={"assets": mode}))
        seen.append(sg.find("Asset", [["project", "is", project]], ["code", "shots"]))
    return seen


@case
def batch(sg: Any, media: Path) -> Any:
    """
    batch: all of it, in order, or nothing of it.
    """
    project, shot = make_shot(sg)
    good = {"request_type": "create", "entity_type": "Shot", "data": {"code": "sh020", "project": project}}
    bad = {"request_type": "update", "entity_type": "Shot", "entity_id": 10**8, "data": {"code": "x"}}
    return [
        sg.batch(
            [
                {**good, "return_fields": ["code", "project"]},
                {"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"code": "sh011"}},
                {"request_type": "delete", "entity_type": "Shot", "entity_id": shot["id"]},
            ]
        ),
        outcome(lambda: sg.batch([good, bad])),
        outcome(lambda: sg.batch([{"request_type": "explode", "entity_type": "Shot"}])),
        sg.find("Shot", [["project", "is", project]], ["code"]),
        sg.batch([]),
    ]


@case
def summarize(sg: Any, media: Path) -> Any:
    """
    summarize, with and without grouping.
    """
    project, shot = make_shot(sg)
    for minutes, status in ((60, "ip"), (600, "ip"), (None, "wtg")):
        sg.create(
            "Task",
            {"content": "t", "project": project, "entity": shot, "est_in_mins": minutes, "sg_status_list": status},
        )
    mine = [["project", "is", project]]
    by_status = [{"field": "sg_status_list", "type": "exact", "direction": "asc"}]
    fields = [
        {"field": "id", "type": "record_count"},
        {"field": "est_in_mins", "type": "sum"},
        {"field": "sg_status_list", "type": "status_list"},
    ]
    return [
        sg.summarize("Task", mine, fields, grouping=by_status),
        sg.summarize("Task", mine, [{"field": "est_in_mins", "type": "average"}]),
        sg.summarize("Task", [["id", "is", -1]], fields, "any"),
        outcome(lambda: sg.summarize("Task", mine, [{"field": "id", "type": "guess"}])),
    ]


@case
def schema(sg: Any, media: Path) -> Any:
    """
    The schema reads, for the site and for a project.
    """
    project, _shot = make_shot(sg)
    return [
        sg.schema_entity_read()["Shot"],
        sg.schema_read(project)["Shot"]["sg_status_list"],
        sg.schema_field_read("Shot", "code"),
        sg.schema_field_read("Task", None, project)["due_date"],
        outcome(lambda: sg.schema_field_read("Shoot")),
    ]


@case
def fields_of_ones_own(sg: Any, media: Path) -> Any:
    """
    schema_field_create, schema_field_update, schema_field_delete.
    """
    project, shot = make_shot(sg)
    name = sg.schema_field_create("Shot", "list", f"Weather (sky {project['id']})", {"valid_values": ["sun", "rain"]})
    sg.update("Shot", shot["id"], {name: "rain"})
    return [
        name,
        sg.find("Shot", [[name, "is", "rain"]], [name]),
        outcome(lambda: sg.update("Shot", shot["id"], {name: "snow"})),
        sg.schema_field_update("Shot", name, {"name": "Weather", "valid_values": ["sun", "rain", "snow"]}),
        sg.update("Shot", shot["id"], {name: "snow"}),
        sg.schema_field_read("Shot", name, project),
        sg.schema_field_delete("Shot", name),
        outcome(lambda: sg.find("Shot", [[name, "is", "rain"]], [name])),
        outcome(lambda: sg.schema_field_delete("Shot", "code")),
    ]


@case
def following(sg: Any, media: Path) -> Any:
    """
    follow, unfollow, followers, following.
    """
    project, shot = make_shot(sg)
    person = make_person(sg, "ana")
    return [
        sg.follow(person, shot),
        sg.follow(person, shot),
        sg.followers(shot),
        sg.following(person, project=project),
        sg.following(person, entity_type="Asset"),
        sg.unfollow(person, shot),
        sg.followers(shot),
    ]


@case
def notes(sg: Any, media: Path) -> Any:
    """
    note_thread_read, with a reply and an attachment.
    """
    project, shot = make_shot(sg)
    note = sg.create("Note", {"subject": "Review", "content": "Too dark", "project": project, "note_links": [shot]})
    sg.upload("Note", note["id"], str(media / "notes größe.txt"), field_name="attachments")
    sg.create("Reply", {"entity": link(note), "content": "Brighter now"})
    return [
        sg.note_thread_read(note["id"]),
        sg.note_thread_read(note["id"], {"Note": ["subject", "note_links"], "Attachment": ["this_file"]}),
        outcome(lambda: sg.note_thread_read(10**8)),
    ]


@case
def activity(sg: Any, media: Path) -> Any:
    """
    activity_stream_read of a shot that was changed.
    """
    project, shot = make_shot(sg)
    sg.update("Shot", shot["id"], {"sg_status_list": "ip"})
    sg.create("Task", {"content": "anim", "project": project, "entity": shot})
    whole = sg.activity_stream_read("Shot", shot["id"], {"Shot": ["code"], "Task": ["content"]})
    return [whole, sg.activity_stream_read("Shot", shot["id"], limit=1, max_id=whole["latest_update_id"])]


@case
def text_search(sg: Any, media: Path) -> Any:
    """
    text_search over types and projects.
    """
    project, _shot = make_shot(sg)
    sg.create("Asset", {"code": "search_bunny_010", "project": project})
    everything = {"Asset": [], "Shot": [["sg_status_list", "is_not", "fin"]]}
    return [
        sg.text_search("bunny 010", everything, project_ids=[project["id"]]),
        sg.text_search("sh0", everything, project_ids=[project["id"]], limit=1),
        outcome(lambda: sg.text_search("x", everything)),
        outcome(lambda: sg.text_search("bunny", ["Asset"])),
    ]


@case
def navigation(sg: Any, media: Path) -> Any:
    """
    nav_expand, nav_search_string, nav_search_entity.
    """
    project, shot = make_shot(sg)
    root = f"/Project/{project['id']}"
    return [
        sg.nav_expand("/"),
        sg.nav_expand(root, seed_entity_field="Version.entity"),
        sg.nav_expand(f"{root}/Shot"),
        sg.nav_search_string(root, "sh0", seed_entity_field="Version.entity"),
        sg.nav_search_entity(root, shot),
        outcome(lambda: sg.nav_expand("/Project/99999999")),
    ]


@case
def work_schedule(sg: Any, media: Path) -> Any:
    """
    work_schedule_read and work_schedule_update.
    """
    project, _shot = make_shot(sg)
    days = ("2026-12-23", "2026-12-28")
    return [
        sg.work_schedule_read(*days),
        sg.work_schedule_update("2026-12-24", False, "Christmas Eve", project=project),
        sg.work_schedule_read(*days, project=project),
        sg.work_schedule_read(*days, user=make_person(sg, "ana")),
    ]


@case
def preferences_and_subscriptions(sg: Any, media: Path) -> Any:
    """
    preferences_read, user_subscriptions_read, user_subscriptions_create.
    """
    person = make_person(sg, "ana")
    return [
        sg.preferences_read(["hours_per_day", "duration_units", "no_such_preference"]),
        sorted(sg.preferences_read()),
        sg.user_subscriptions_create([{"humanUserId": person["id"], "subscription": "rv"}]),
        sg.user_subscriptions_read(),
    ]


@case
def last_accessed(sg: Any, media: Path) -> Any:
    """
    update_project_last_accessed, for a person.
    """
    project, _shot = make_shot(sg)
    return [sg.update_project_last_accessed(project, make_person(sg, "ana"))]


@case
def pages(sg: Any, media: Path) -> Any:
    """
    export_page of a page that may not be exported, and of none.
    """
    if not hasattr(shotgun_api3.Shotgun, "export_page"):  # it came with 3.9.1
        return None
    page = sg.find_one("Page", [["name", "is", "Shots"]])
    return [
        outcome(lambda: sg.export_page(page["id"], "csv")),
        outcome(lambda: sg.export_page(10**8, "csv", layout_name="main")),
    ]


@case
def uploads(sg: Any, media: Path) -> Any:
    """
    upload, download_attachment, get_attachment_download_url, get_auth_cookie_handler.
    """
    project, shot = make_shot(sg)
    version = sg.create("Version", {"code": "v001", "project": project, "entity": shot})
    movie = sg.upload("Version", version["id"], str(media / "movie.mov"), "sg_uploaded_movie", "Take 1")
    text = sg.upload("Shot", shot["id"], str(media / "notes größe.txt"))
    found = sg.find_one("Version", [["id", "is", version["id"]]], ["sg_uploaded_movie"])["sg_uploaded_movie"]
    return [
        movie,
        found,
        sg.find_one("Attachment", [["id", "is", text]], ["this_file", "filename", "attachment_links", "file_size"]),
        sg.download_attachment(found) == (media / "movie.mov").read_bytes(),
        sg.download_attachment(text),
        sg.download_attachment(attachment_id=movie) == (media / "movie.mov").read_bytes(),
        sg.get_attachment_download_url({"type": "Attachment", "id": text}),
        type(sg.get_auth_cookie_handler()).__name__,
        outcome(lambda: sg.download_attachment(10**8)),
        outcome(lambda: sg.upload("Shot", shot["id"], str(media / "no such file"))).__class__.__name__,
    ]


@case
def thumbnails(sg: Any, media: Path) -> Any:
    """
    upload_thumbnail, upload_filmstrip_thumbnail, share_thumbnail, and an image given to create.
    """
    project, shot = make_shot(sg)
    other = link(sg.create("Shot", {"code": "sh020", "project": project}))
    frame = str(media / "frame.png")
    entities = [other]
    return [
        sg.upload_thumbnail("Shot", shot["id"], frame),
        sg.upload_filmstrip_thumbnail("Shot", shot["id"], frame),
        sg.share_thumbnail(entities, source_entity=shot),
        len(entities),
        [row["image"] is not None for row in sg.find("Shot", [["project", "is", project]], ["image"])],
        sg.create("Asset", {"code": "tree", "project": project, "image": frame})["image"] is not None,
        sg.update("Shot", other["id"], {"image": None}),
        sg.find_one("Shot", [["id", "is", other["id"]]], ["image", "filmstrip_image"]),
        outcome(lambda: sg.share_thumbnail([other])),
    ]


def close_a_copy(sg: Any) -> Any:
    sg = copy.deepcopy(sg)  # ours is closed for good, and the next case needs it
    return sg.close()


@case
def the_client_itself(sg: Any, media: Path) -> Any:
    """
    info, connect, server_info, add_user_agent, reset_user_agent, set_session_uuid, get_session_token, close.
    """
    sg.add_user_agent("contract 1.0")
    sg.set_session_uuid("5a1d49b0-0c69-11e0-a24c-003048d17544")
    _project, shot = make_shot(sg)
    event = sg.find_one(
        "EventLogEntry", [["event_type", "is", "Shotgun_Shot_New"], ["entity", "is", shot]], ["session_uuid", "user"]
    )
    sg.set_session_uuid(None)
    sg.reset_user_agent()
    return [
        sg.connect(),
        sg.info(),
        sg.server_info,
        event,
        type(sg.get_session_token()).__name__,
        close_a_copy(sg),
        sg.find_one("Shot", [["id", "is", shot["id"]]]) == shot,
    ]


@case
def people(sg: Any, media: Path) -> Any:
    """
    authenticate_human_user with a password that is wrong, and without one.
    """
    make_person(sg, "ana")
    return [
        outcome(lambda: sg.authenticate_human_user("ana", "wrong")),
        outcome(lambda: sg.authenticate_human_user("ana", "")),
        sg.find_one("HumanUser", [["login", "is", "ana"]], ["name", "login", "sg_status_list"]),
    ]


@case
def names_of_old(sg: Any, media: Path) -> Any:
    """
    schema and entity_types, which only raise.
    """
    return [outcome(lambda: sg.schema("Shot")), outcome(lambda: sg.entity_types())]  # noqa: PLW0108 - it is seen as called


@pytest.mark.parametrize("name", CASES)
def test_both_clients_see_the_same(pair, media, name):
    """
    What a script sees through the official client, it sees through ours; and it is served, since two refusals would
    be equal too.
    """
    official, ours = pair.run(CASES[name], media)

    assert ours == official
    assert "not served" not in repr(ours)
    assert "doesn't exist\\n" not in repr(ours)


def test_every_public_method_has_a_case():
    """
    The cases above call each public method of the installed client.
    """
    tree = syntax_tree(Path(__file__).read_text(encoding="utf-8"))
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and getattr(node.func.value, "id", "") == "sg"
    }
    public: List[str] = [
        name for name, _method in inspect.getmembers(shotgun_api3.Shotgun, inspect.isfunction) if name[0] != "_"
    ]

    assert set(public) - called == set()
    assert len(public) >= 47
