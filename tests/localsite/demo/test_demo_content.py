"""
What the demo production has besides shots, assets, tasks and versions: files, pictures, movies, time, tickets.
"""

import io
import posixpath
import struct
import urllib.request

from PIL import Image

from sgextended.localsite import LocalSite
from sgextended.localsite.demo import vocabulary as words
from sgextended.localsite.demo.demo_rows import TODAY
from sgextended.localsite.demo.movie_writer import quicktime


def downloaded(url):
    """
    Return the bytes at an address.
    """
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read()


def atoms(movie, start=0, end=None):
    """
    Yield the name, the first byte and the last byte of the content of each atom of a QuickTime movie.
    """
    end = len(movie) if end is None else end
    while start < end:
        length, name = struct.unpack(">I4s", movie[start : start + 8])
        yield name, start + 8, start + length
        start += length
    assert start == end


def frames_of(movie):
    """
    Return the frames of a QuickTime movie as images, found by the tables of the movie.
    """
    first, last = 0, len(movie)
    for wanted in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        first, last = next((begin, end) for name, begin, end in atoms(movie, first, last) if name == wanted)
    tables = {name: movie[begin:end] for name, begin, end in atoms(movie, first, last)}
    (offset,) = struct.unpack(">I", tables[b"stco"][8:12])
    (count,) = struct.unpack(">I", tables[b"stsz"][8:12])
    frames = []
    for size in struct.unpack(f">{count}I", tables[b"stsz"][12:]):
        image = Image.open(io.BytesIO(movie[offset : offset + size]))
        image.load()
        frames.append(image)
        offset += size
    return frames


def test_pictures_are_served(demo):
    """
    Every project, sequence, shot, asset and version has a thumbnail, and the site serves it as a JPEG.
    """
    for entity_type in ("Project", "Sequence", "Shot", "Asset", "Version"):
        assert demo.find(entity_type, [["image", "is", None]]) == []
        row = demo.find_one(entity_type, [], ["image"], order=[{"field_name": "id", "direction": "desc"}])
        picture = Image.open(io.BytesIO(downloaded(row["image"])))
        picture.load()
        assert (picture.format, picture.size) == ("JPEG", (240, 135))


def test_pictures_differ(demo):
    """
    Records that show the same picture share one file. The others have different pictures.
    """
    rows = demo.find("Sequence", [], ["image"])
    shot = demo.find_one("Shot", [["sg_sequence", "is", rows[3]]], ["image", "image_source_entity"])

    assert len({downloaded(row["image"]) for row in rows}) == len(rows)
    assert shot["image"] == rows[3]["image"]
    assert shot["image_source_entity"]["id"] == rows[3]["id"]


def test_pictures_come_from_the_same_project(demo):
    """
    The record whose picture another record shows belongs to the same project.
    """
    for entity_type, source in (
        ("Shot", "Sequence"),
        ("Asset", "Asset"),
        ("Version", "Sequence"),
        ("Version", "Asset"),
    ):
        theirs = f"image_source_entity.{source}.project"
        rows = demo.find(entity_type, [["image_source_entity", "type_is", source]], ["project", theirs])
        assert rows
        assert [row for row in rows if row[theirs] != row["project"]] == []


def test_movies_can_be_played(demo):
    """
    A version's movie is a small QuickTime file, and all its frames are pictures of the same size.
    """
    fields = ["sg_uploaded_movie", "code", "sg_uploaded_movie_frame_rate", "uploaded_movie_duration"]
    versions = demo.find("Version", [["sg_uploaded_movie_frame_rate", "is_not", None]], fields)
    of_asset = demo.find(
        "Version", [["sg_uploaded_movie_frame_rate", "is_not", None], ["entity", "type_is", "Asset"]], fields
    )

    assert len(versions) > 100
    for version in (versions[0], versions[-1], of_asset[0]):
        assert version["sg_uploaded_movie"]["name"] == f"{version['code']}.mov"
        movie = downloaded(version["sg_uploaded_movie"]["url"])
        frames = frames_of(movie)
        assert len(movie) < 25_000
        assert [frame.size for frame in frames] == [(128, 72)] * 8
        assert len({frame.tobytes() for frame in frames}) == 8
        assert len(frames) == version["sg_uploaded_movie_frame_rate"] * version["uploaded_movie_duration"]


def test_frames_of_any_size_follow_each_other():
    """
    The tables of a movie have the place and the size of each frame, also of frames of different sizes.
    """
    frames = []
    for number in range(5):
        out = io.BytesIO()
        Image.effect_noise((32, 16), 60 * number).convert("RGB").save(out, "JPEG")
        frames.append(out.getvalue())
    movie = quicktime(frames, (32, 16), 25)

    assert len({len(frame) for frame in frames}) > 1
    shown = [Image.open(io.BytesIO(frame)).tobytes() for frame in frames]
    assert [frame.tobytes() for frame in frames_of(movie)] == shown


def test_published_files_have_their_path(demo):
    """
    Each published file has a type, and a path on the storage that ends with its code, for all three platforms.
    """
    files = demo.find(
        "PublishedFile",
        [["version_number", "is_not", None]],
        ["path", "code", "published_file_type", "path_cache_storage", "name", "version_number", "project.Project.code"],
    )

    assert len(files) > 1000
    for file in files:
        assert posixpath.basename(file["path"]["relative_path"]) == file["code"]
        assert file["path"]["relative_path"].startswith(file["project.Project.code"])
        assert file["path"]["local_path_linux"] == f"/mnt/projects/{file['path']['relative_path']}"
        assert file["path"]["local_path_windows"].startswith("P:\\projects\\")
        assert file["published_file_type"]["name"] in words.FILE_TYPES
        assert file["path_cache_storage"]["name"] == "projects"
        assert f".v{file['version_number']:03d}." in file["code"]


def test_published_files_are_made_from_older_ones(demo):
    """
    A file's upstream files belong to the same show and are not newer than the file.
    """
    fields = ["created_at", "project", "upstream_published_files"]
    files = {row["id"]: row for row in demo.find("PublishedFile", [], fields)}
    pairs = [(file, files[link["id"]]) for file in files.values() for link in file["upstream_published_files"]]

    assert len(pairs) > 500
    for file, source in pairs:
        assert source["project"] == file["project"]
        assert source["created_at"] <= file["created_at"]
        assert source["id"] < file["id"]


def test_two_publishes_are_unfinished(demo):
    """
    Two records have no version number and no path, as processes leave them that are killed while they publish.
    """
    rows = demo.find("PublishedFile", [["version_number", "is", None]], ["code", "path"])

    assert [row["path"] for row in rows] == [None, None]
    assert all(row["code"].startswith("(publishing ") for row in rows)


def test_time_logs_add_up(demo):
    """
    The logged time of a task is the sum of its time logs, each of a person who works on the task, on a working day.
    """
    logs = demo.find("TimeLog", [], ["entity", "duration", "user", "date", "entity.Task.time_logs_sum"])
    by_task = {}
    for log in logs:
        by_task.setdefault(log["entity"]["id"], []).append(log)
    tasks = demo.find("Task", [["id", "in", list(by_task)]], ["task_assignees", "start_date", "due_date"])

    assert len(by_task) > 300
    for task in tasks:
        own = by_task[task["id"]]
        assert sum(log["duration"] for log in own) == own[0]["entity.Task.time_logs_sum"]
        assert {log["user"]["id"] for log in own} <= {who["id"] for who in task["task_assignees"]}
        assert {task["start_date"] <= log["date"] <= task["due_date"] for log in own} == {True}


def test_the_examples_have_a_person(demo):
    """
    The person of the documentation's examples has tasks in progress, time logs, and a vacation in the present week.
    """
    person = demo.find_one("HumanUser", [["login", "is", words.ME]], ["name"])
    booking = demo.find_one("Booking", [["user", "is", person], ["vacation", "is", True]], ["start_date", "user"])

    assert demo.find("Task", [["task_assignees", "is", person], ["sg_status_list", "is", "ip"]]) != []
    assert demo.find("TimeLog", [["user", "is", person]]) != []
    assert booking["start_date"] == "2026-03-12"
    assert booking["user"]["name"] == person["name"]


def test_bookings_are_named_after_their_people(demo):
    """
    A booking's name is that of its person, as on sites where bookings are created one by one.
    """
    for booking in demo.find("Booking", [], ["cached_display_name", "user", "vacation"]):
        away = " (vacation)" if booking["vacation"] else ""
        assert booking["cached_display_name"] == f"{booking['user']['name']}{away}"


def test_tickets_and_deliveries_have_replies(demo):
    """
    Tickets are addressed to somebody, deliveries have versions and attachments, and some of both have replies.
    """
    tickets = demo.find("Ticket", [], ["addressings_to", "replies", "sg_priority"])
    deliveries = demo.find("Delivery", [], ["sg_versions", "replies", "attachments", "delivery_number"])

    assert all(ticket["addressings_to"] and ticket["sg_priority"] for ticket in tickets)
    assert all(delivery["sg_versions"] and delivery["attachments"] for delivery in deliveries)
    assert any(ticket["replies"] for ticket in tickets)
    assert any(delivery["replies"] for delivery in deliveries)


def test_tags_are_used(demo):
    """
    Every tag is used, and its usage is the number of records that have it.
    """
    for tag in demo.find("Tag", [], ["name", "usage"]):
        tagged = [demo.find(entity_type, [["tags", "is", tag]]) for entity_type in ("Asset", "Shot")]
        assert tag["usage"] == sum(map(len, tagged)) > 0


def test_notes_and_shots_have_attachments(demo):
    """
    Notes have drawn pictures, and shots have texts, which the site serves.
    """
    note = demo.find_one("Note", [["attachments", "is_not", None]], ["attachments"])
    shot = demo.find_one("Shot", [["code", "is", "BRG_0010"]])
    (report,) = demo.find("Attachment", [["attachment_links", "is", shot]], ["this_file"])
    drawing = demo.find_one("Attachment", [["id", "is", note["attachments"][0]["id"]]], ["this_file"])

    assert Image.open(io.BytesIO(downloaded(drawing["this_file"]["url"]))).format == "JPEG"
    assert downloaded(report["this_file"]["url"]).startswith(b"Camera report for BRG_0010")


def test_nothing_is_newer_than_the_demo(make_sg):
    """
    No record of any type was created after the demo's present day.
    """
    types = ["Attachment", "Booking", "Delivery", "EventLogEntry", "PublishedFile", "Reply", "Tag", "Ticket", "TimeLog"]
    with LocalSite(demo=True) as site:  # no other test has written to it
        demo = make_sg(site)
        for entity_type in types:
            assert demo.find(entity_type, [["created_at", "greater_than", f"{TODAY}T23:59:59Z"]]) == []
