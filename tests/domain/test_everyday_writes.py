"""
Notes, versions, playlists, time logs and files, over HTTPS with lost connections.
"""

import contextlib

import pytest
import shotgun_api3

from sgextended import Failure, InvalidArgumentError, NotFoundError, PartialSuccessError, RetryPolicy, WorkerError
from sgextended.domain.files import download_many, safe_name
from sgextended.localsite import LocalSite

#: Lost before anything was done, or where doing it again does no harm.
LOST = (
    "reset-before:rate=0.15",
    "reset-after:rpc=read+update+batch+put+download,rate=0.1",
    "truncated:rpc=read+update,rate=0.1",
)
#: The site takes no file.
REFUSED = "status=403:rpc=put+upload_file"


@pytest.fixture(scope="module")
def tls_site():
    """
    The demo production over HTTPS for these tests.
    """
    with LocalSite(demo=True, tls=True) as site:
        yield site


@pytest.fixture
def faults(tls_site):
    """
    The faults of that site; none after a test.
    """
    yield tls_site.faults
    tls_site.faults.clear()


@pytest.fixture
def sg(tls_site, make_sg, faults):
    """
    A client on that site, while connections are lost.
    """
    for mishap in LOST:
        faults.add(mishap)
    return make_sg(tls_site, retry=RetryPolicy(attempts=8, first_wait=0.001))


@pytest.fixture
def shot(sg):
    """
    A shot with tasks.
    """
    return sg.find_shots(sg.find_projects(tank_name="emb"))[0]


@pytest.fixture
def versions(sg):
    """
    Four versions.
    """
    return sg.find_versions(project=sg.find_projects(tank_name="emb"))[:4]


@pytest.fixture
def file(tmp_path):
    """
    A file with content.
    """
    path = tmp_path / "turntable.mov"
    path.write_bytes(b"movie" * 1000)
    return path


def ids(rows):
    return [row["id"] for row in rows]


# --- Tasks and time


def test_people_are_assigned_and_taken_off(sg, shot):
    """
    New assignees are added to the current ones. Only the named assignees are removed.
    """
    tasks, (zoe, other) = sg.find_tasks(shot)[:3], sg.find_users()[:2]
    before = [task["task_assignees"] for task in tasks]
    there = [sorted({*ids(people), zoe["id"], other["id"]}) for people in before]

    assert [sorted(ids(task["task_assignees"])) for task in sg.assign(tasks, [zoe, other])] == there
    after = sg.unassign(tasks[0], zoe)[0]["task_assignees"]
    assert sorted(ids(after)) == [number for number in there[0] if number != zoe["id"]]


def test_time_is_logged(sg, shot):
    """
    A time log has the day, the minutes, the person and the task's project.
    """
    task, zoe = sg.find_tasks(shot)[0], sg.find_users("zoe*")[0]
    log = sg.log_time({"type": "Task", "id": task["id"]}, 90, user=zoe, day="2026-03-02", description="blocking")

    (found,) = sg.find_time_logs(task, date_from="2026-03-02", date_to="2026-03-02")
    assert found["id"] == log["id"]
    assert (found["duration"], found["user"]["id"], found["description"]) == (90, zoe["id"], "blocking")
    assert found["project"]["id"] == task["project"]["id"]


# --- Playlists


def test_a_playlist_keeps_its_order(sg, versions):
    """
    Added versions come last, ordered versions come first, and removed versions are gone.
    """
    a, b, c, d = versions
    playlist = sg.create("Playlist", {"code": "dailies", "project": a["project"]})

    assert ids(sg.add_to_playlist(playlist, [b, a, c])) == ids([b, a, c])
    assert ids(sg.add_to_playlist(playlist, [d, a])) == ids([b, a, c, d])
    assert ids(sg.order_playlist(playlist, [d, b])) == ids([d, b, a, c])
    assert ids(sg.remove_from_playlist(playlist, [a])) == ids([d, b, c])
    assert ids(sg.find_playlist_versions(playlist)) == ids([d, b, c])
    with pytest.raises(NotFoundError, match=f"not on Playlist {playlist['id']}: {a['id']}"):
        sg.order_playlist(playlist, [a])


# --- Notes


@pytest.mark.parametrize("kind", ["Ticket", "Delivery"])
def test_reply_to_tickets_and_deliveries(sg, kind):
    """
    A ticket and a delivery have replies as a note has.
    """
    asked = sg.create(kind, {"title": "A question", "project": sg.find_projects(tank_name="emb")[0]})
    answer = sg.reply(asked, "An answer.")
    found = sg.find("Reply", [["entity", "is", asked]], ["content"])

    assert [(row["id"], row["content"]) for row in found] == [(answer["id"], "An answer.")]


def test_a_note_has_its_links_and_files(sg, versions, file):
    """
    A note has its versions, recipients and files. A reply is in its thread.
    """
    zoe = sg.find_users("zoe*")[0]
    note = sg.add_note(versions[:2], "Look at the shadow.", subject="Shadow", to=zoe, attachments=[file])
    sg.reply(note, "Done.")

    (found,) = [row for row in sg.find_notes(versions[0], include_replies=True) if row["id"] == note["id"]]
    assert (found["subject"], found["project"]["id"]) == ("Shadow", versions[0]["project"]["id"])
    assert ids(found["note_links"]) == ids(versions[:2])
    # The reply is first where both were made in the same second; a new second may begin between them.
    assert sorted(row["type"] for row in found["thread"]) == ["Attachment", "Reply"]
    assert found["thread"] == sorted(found["thread"], key=lambda row: (row["created_at"], row["type"] != "Reply"))


def test_a_note_whose_file_failed_says_so(sg, versions, file, faults):
    """
    If the second upload fails, the error has the note and names the file that is left.
    """
    faults.clear()
    other = file.with_name("second.txt")
    other.write_text("x")

    def on_call(call):
        if call.rpc in ("put", "upload_file"):
            faults.add(REFUSED)  # for the next one

    sg.on_call = on_call
    with pytest.raises(
        PartialSuccessError,
        match=r"(?s)The note was created \(id \d+\), and a later step failed: .*steps that are left: ",
    ) as caught:
        sg.add_note(versions[0], "Two files.", attachments=[file, other])

    assert "second.txt" in str(caught.value)
    assert "turntable" not in str(caught.value).partition("steps that are left: ")[2]
    assert sg.exists("Note", caught.value.entity)


# --- Versions


def test_a_version_has_its_movie_and_its_task_is_done(sg, shot, file):
    """
    The version has its links and its movie, and the task gets its status afterwards.
    """
    task = sg.find_tasks(shot)[0]
    made = sg.create_version(
        shot, "sh_v001", task=task, movie=file, frames="/frames/sh.%04d.exr", status="rev", task_status="fin"
    )

    (found,) = sg.find_versions(shot, name="sh_v001", extra_fields=["sg_uploaded_movie", "sg_path_to_frames"])
    assert found["id"] == made["id"]
    assert (found["sg_uploaded_movie"]["name"], found["sg_path_to_frames"]) == (file.name, "/frames/sh.%04d.exr")
    assert sg.get("Task", task, fields=["sg_status_list"])["sg_status_list"] == "fin"


def test_lost_response_creates_one_version(sg, shot, faults):
    """
    A create whose response was lost is searched for and not sent twice.
    """
    faults.add("reset-after:rpc=create,next=1")
    made = sg.create_version(shot, "lost_v001")

    assert ids(sg.find_versions(shot, name="lost_v001")) == [made["id"]]


def test_a_version_whose_movie_failed_says_how_to_go_on(sg, shot, file, faults):
    """
    The error has the version and the remaining steps, and the task keeps its status.
    """
    faults.clear()
    task = sg.find_tasks(shot)[1]
    faults.add(REFUSED)
    with pytest.raises(PartialSuccessError, match="Do not create the entity again") as caught:
        sg.create_version(shot, "half_v001", task=task, movie=file, task_status="fin")

    left = str(caught.value).partition("steps that are left: ")[2]
    faults.clear()
    for call in left.rstrip(".").split("; "):
        eval(f"sg.{call}", {"sg": sg})
    (found,) = sg.find_versions(shot, name="half_v001", extra_fields=["sg_uploaded_movie"])
    assert found["id"] == caught.value.entity["id"]
    assert found["sg_uploaded_movie"]["name"] == file.name
    assert sg.get("Task", task, fields=["sg_status_list"])["sg_status_list"] == "fin"


# --- Files


def test_files_go_up_and_come_down(sg, versions, file, tmp_path):
    """
    Files are uploaded, then downloaded unchanged under names from a template. Existing files are not downloaded again.
    """
    numbers = sg.upload_many([(version, file) for version in versions], field="sg_uploaded_movie")
    out = {"field": "sg_uploaded_movie", "name": "{entity}/{code}_{id:06d}{ext}"}
    paths = sg.download_many(versions, tmp_path / "out", **out)

    assert len(set(numbers)) == 4
    first = versions[0]
    assert paths[0] == str(tmp_path / "out" / first["entity"]["name"] / f"{first['code']}_{first['id']:06d}.mov")
    assert {(tmp_path / path).read_bytes() for path in paths} == {file.read_bytes()}
    sent = sg.requests_sent
    (tmp_path / paths[1]).unlink()
    assert sg.download_many(versions, tmp_path / "out", **out) == paths
    assert sg.requests_sent - sent < 12  # one page, and one file with what it takes


def test_an_upload_that_was_done_is_not_done_again(sg, versions, file, tmp_path):
    """
    The same call with its journal uploads only the remaining files. A changed file is uploaded again.
    """
    pairs = [(version, file) for version in versions[:2]]
    first = sg.upload_many(pairs, journal=tmp_path / "journal")

    assert sg.upload_many(pairs, journal=tmp_path / "journal") == first
    file.write_bytes(b"newer")
    assert set(sg.upload_many(pairs, journal=tmp_path / "journal")).isdisjoint(first)


def test_files_that_fail_are_named(sg, versions, file, faults):
    """
    A failure names its file, or is collected with its item.
    """
    faults.clear()
    faults.add(REFUSED)
    with pytest.raises(WorkerError, match=r"turntable\.mov for Version"):
        sg.upload_many([(versions[0], file)])
    (failure,) = sg.upload_many([(versions[0], file)], on_error="collect")

    assert isinstance(failure, Failure)
    assert failure.item[0]["id"] == versions[0]["id"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("..", "__"),
        ("", "_"),
        ("a/b\\c:d", "a_b_c_d"),
        ("con.mov", "_con.mov"),
        ("x" * 300 + ".mov", "x" * 196 + ".mov"),
        ("größe ", "größe"),
        ("a\x00b", "a_b"),
    ],
)
def test_safe_name_stays_in_the_folder(text, name):
    """
    Any field value becomes a name inside the folder.
    """
    assert safe_name(text) == name


def test_name_with_dots_stays_in_the_folder(sg, versions, file, tmp_path):
    """
    A version whose name contains ``..`` is written below the folder.
    """
    version = sg.create("Version", {"code": "../../evil", "project": versions[0]["project"]})
    sg.upload("Version", version["id"], str(file), "sg_uploaded_movie")
    (path,) = sg.download_many([version], tmp_path / "a" / "b", field="sg_uploaded_movie", name="{code}{ext}")

    assert path == str(tmp_path / "a" / "b" / ".._.._evil.mov")


@pytest.mark.parametrize("kind", ["SGExtended", "Shotgun"])
def test_file_address_of_a_web_link_is_not_followed(sg, tls_site, versions, tmp_path, faults, kind):
    """
    A web link that names a file of this machine is not copied, whichever client downloads it.
    """
    faults.clear()
    secret = tmp_path / "id_rsa"
    secret.write_text("PRIVATE KEY")
    link = {"url": secret.as_uri(), "name": "movie.mov"}
    version = sg.create("Version", {"code": "v", "project": versions[0]["project"], "sg_uploaded_movie": link})
    native = shotgun_api3.Shotgun(tls_site.url, tls_site.script_name, tls_site.api_key, ca_certs=tls_site.ca_file)
    with contextlib.closing(native):
        client = sg if kind == "SGExtended" else native
        (failed,) = download_many(client, [version], tmp_path / "out", field="sg_uploaded_movie", on_error="collect")

    assert isinstance(failed, Failure)
    assert "may not name a file of this machine" in str(failed.error)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda sg, shot, _file: sg.log_time({"type": "Task", "id": 1}, 0), "minutes=0"),
        (lambda sg, shot, _file: sg.log_time(shot, 5), "must be of the type Task or Ticket"),
        (lambda sg, shot, _file: sg.assign(shot, shot), "must be of the type Task"),
        (lambda sg, shot, _file: sg.add_note([], "x"), "A note needs at least one entity"),
        (lambda sg, shot, _file: sg.add_note(shot, "x", attachments="/no/such"), "is not an existing file"),
        (lambda sg, shot, _file: sg.create_version(shot, "x", task_status="fin"), "was passed without a task"),
        (lambda sg, shot, _file: sg.create_version(shot, "x", movie="/no/such"), "is not an existing file"),
        (lambda sg, shot, file: (file.write_bytes(b""), sg.upload_many([(shot, file)])), "is empty"),
        (lambda sg, shot, _file: sg.download_many([shot], "x", name="/{code}"), "would lead out of the folder"),
        (lambda sg, shot, _file: sg.download_many([shot], "x", name="../{code}"), "would lead out of the folder"),
        (lambda sg, shot, _file: sg.download_many([shot, {"type": "Task", "id": 1}], "x"), "of one type"),
        (lambda sg, shot, _file: sg.publish(shot, "x", code="{nothing}"), "Nothing was sent"),
        (lambda sg, shot, _file: sg.publish(shot, "x", data={"code": "y"}), "publish sets code itself"),
    ],
)
def test_wrong_arguments_are_refused(sg, shot, file, call, message):
    """
    Invalid arguments raise before a request is sent.
    """
    sent = sg.requests_sent
    with pytest.raises(InvalidArgumentError, match=message):
        call(sg, shot, file)
    assert sg.requests_sent == sent
