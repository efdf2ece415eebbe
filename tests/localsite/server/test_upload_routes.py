"""
Uploading files, by form and to storage; each test runs for both.
"""

import datetime as dt
import inspect
import io
import re
import urllib.request

import pytest
import shotgun_api3

# The official client leaves the files that it sends open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

FIELDS = [
    *("attachment_links", "created_at", "created_by", "description", "display_name", "file_extension", "file_size"),
    *("filename", "image", "local_storage", "original_fname", "processing_status", "project", "sg_status_list"),
    *("tag_list", "this_file"),
]


@pytest.fixture
def document(tmp_path):
    """
    Makes files that are no images.
    """

    def make(filename="notes.txt", content=b"some text"):
        path = tmp_path / filename
        path.write_bytes(content)
        return str(path)

    return make


@pytest.fixture
def shot(media, show):
    """
    A link to a shot.
    """
    return {"type": "Shot", "id": media.create("Shot", {"project": show, "code": "s"})["id"]}


def attachment(media, number):
    """
    Return all that is to be known of an attachment.
    """
    return media.find_one("Attachment", [["id", "is", number]], FIELDS)


def test_upload_makes_an_attachment(media, show, shot, document):
    """
    A file without a field becomes an attachment that is linked to the row and says what the file is.
    """
    number = media.upload("Shot", shot["id"], document("Übung 1.TXT", b"12345"))
    row = attachment(media, number)

    assert row["attachment_links"] == [{**shot, "name": "s"}]
    assert row["project"]["id"] == show["id"]
    assert row["display_name"] == row["filename"] == row["original_fname"] == "Übung 1.TXT"
    assert (row["file_size"], row["file_extension"], row["sg_status_list"]) == (None, None, "na")
    assert row["created_by"]["type"] == "ApiUser"
    assert row["processing_status"] is row["local_storage"] is row["image"] is None
    this = row["this_file"]
    assert (this["name"], this["content_type"], this["link_type"], this["type"], this["id"]) == (
        *("Übung 1.TXT", "text/plain", "upload", "Attachment"),
        number,
    )
    assert media.download_attachment(this) == b"12345"


def test_upload_takes_its_senders_words(media, shot, document):
    """
    Display name, tags and, with clients that can say it, the moment of creation are the sender's.
    """
    moment = dt.datetime(2020, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)
    dated = {"created_at": moment} if "created_at" in inspect.signature(media.upload).parameters else {}
    number = media.upload("Shot", shot["id"], document(), display_name='the "best" one', tag_list="a, b", **dated)
    row = attachment(media, number)

    assert (row["display_name"], row["filename"]) == ('the "best" one', "notes.txt")
    assert row["this_file"]["name"] == 'the "best" one'
    assert row["tag_list"] == ["a", "b"]
    assert (row["created_at"] == moment) == bool(dated)


def test_file_field_holds_the_upload(media, show, document):
    """
    A file for a file field becomes its value, and is not linked otherwise.
    """
    version = media.create("Version", {"project": show})
    number = media.upload("Version", version["id"], document("take.mov"), field_name="sg_uploaded_movie")
    value = media.find_one("Version", [["id", "is", version["id"]]], ["sg_uploaded_movie"])["sg_uploaded_movie"]

    assert value["id"] == number
    assert (value["name"], value["link_type"], value["content_type"]) == ("take.mov", "upload", "video/quicktime")
    assert media.download_attachment(value) == b"some text"
    assert attachment(media, number)["attachment_links"] == []
    media.update("Version", version["id"], {"sg_uploaded_movie": None})
    assert media.find_one("Version", [["id", "is", version["id"]]], ["sg_uploaded_movie"])["sg_uploaded_movie"] is None
    assert media.download_attachment(number) == b"some text"


def test_files_of_notes_tickets_and_replies(media, show, document):
    """
    A file sent to a note or a ticket is among its attachments, one sent to a reply among those of its note.
    """
    note = media.create("Note", {"project": show, "subject": "n"})
    reply = media.create("Reply", {"entity": note, "content": "r"})
    ticket = media.create("Ticket", {"project": show, "title": "t"})
    sent = [
        media.upload("Note", note["id"], document("1.txt")),
        media.upload("Note", note["id"], document("2.txt"), field_name="attachments"),
        media.upload("Reply", reply["id"], document("3.txt")),
    ]
    on_ticket = media.upload("Ticket", ticket["id"], document("4.txt"))
    found = media.find_one("Note", [["id", "is", note["id"]]], ["attachments"])["attachments"]
    links = attachment(media, sent[2])

    assert [link["id"] for link in found] == sent
    assert [link["name"] for link in found] == ["1.txt", "2.txt", "3.txt"]
    assert {link["type"] for link in links["attachment_links"]} == {"Note", "Reply"}
    assert links["project"]["id"] == show["id"]
    tickets = media.find_one("Ticket", [["id", "is", ticket["id"]]], ["attachments"])["attachments"]
    assert [link["id"] for link in tickets] == [on_ticket]


def test_replies_to_nothing_and_to_replies_take_files(media, show, document):
    """
    A reply that answers nothing, or another reply, keeps its files to itself.
    """
    note = media.create("Note", {"project": show, "subject": "gone"})
    orphan = media.create("Reply", {"entity": note, "content": "r"})
    nested = media.create("Reply", {"entity": {"type": "Reply", "id": orphan["id"]}, "content": "r"})
    media.delete("Note", note["id"])
    numbers = [media.upload("Reply", row["id"], document()) for row in (orphan, nested)]

    assert [len(attachment(media, number)["attachment_links"]) for number in numbers] == [1, 2]
    assert [attachment(media, number)["project"] for number in numbers] == [None, None]


def test_files_of_rows_without_a_project(media, name, document):
    """
    A project's file belongs to it, a site-wide row's to none.
    """
    project = media.create("Project", {"name": f"{name} too"})
    group = media.create("Group", {"code": "g"})

    assert attachment(media, media.upload("Project", project["id"], document()))["project"]["id"] == project["id"]
    assert attachment(media, media.upload("Group", group["id"], document()))["project"] is None


def test_attachment_takes_a_file_of_its_own(media, show, document):
    """
    An attachment that has no file gets the one that is sent to it, and stays the same attachment.
    """
    empty = media.create("Attachment", {"project": show})
    number = media.upload("Attachment", empty["id"], document("own.txt"), field_name="this_file")

    assert number == empty["id"]
    assert attachment(media, number)["filename"] == "own.txt"
    assert media.download_attachment(number) == b"some text"


@pytest.mark.parametrize(
    ("entity_type", "number", "field", "message"),
    [
        ("Shot", 987654, None, r"Entity of type \[Shot\] with id=987654 does not exist"),
        ("Bogus", 1, None, 'upload_file|api_link_file: "Bogus_1" is not the type and id of an entity'),
        ("Shot", None, "code", "Shot.code of data type 'text' does not accept files"),
        ("Shot", None, "sg_bogus", "Shot.sg_bogus doesn't exist"),
        ("Shot", None, "assets", "Shot.assets of data type 'multi_entity' does not accept files"),
    ],
)
def test_refused_upload_says_why(media, shot, document, entity_type, number, field, message):
    """
    A file for a row or a field that is not there is refused with the reason, and leaves nothing behind.
    """
    before = media.summarize("Attachment", [], [{"field": "id", "type": "record_count"}])

    with pytest.raises(shotgun_api3.ShotgunError, match=message):
        media.upload(entity_type, number or shot["id"], document(), field_name=field)
    assert media.summarize("Attachment", [], [{"field": "id", "type": "record_count"}]) == before


def test_retired_row_takes_no_files(media, shot, document):
    """
    A row that was deleted takes no files until it comes back.
    """
    media.delete("Shot", shot["id"])
    with pytest.raises(shotgun_api3.ShotgunError, match="does not exist"):
        media.upload("Shot", shot["id"], document())
    media.revive("Shot", shot["id"])

    assert media.upload("Shot", shot["id"], document()) > 0


def test_wrong_credentials_upload_nothing(media_site, shot, document, make_connection):
    """
    A file from somebody who may not ask is refused by the site's words.
    """
    sg = make_connection(media_site, api_key="wrong")
    sg.BACKOFF = 0

    with pytest.raises(shotgun_api3.ShotgunError, match="Can't authenticate script"):
        sg.upload("Shot", shot["id"], document())
    sg.close()


def test_upload_is_its_senders(media_site, media, shot, document, make_connection, name):
    """
    A file sent by a person is theirs, also when a script acts for them.
    """
    user = media_site.add_user(name, "secret", role="manager")
    makers = []
    for options in ({"login": name, "password": "secret"}, {"sudo_as_login": name}):
        sg = make_connection(media_site, **options)
        makers.append(attachment(media, sg.upload("Shot", shot["id"], document()))["created_by"]["id"])
        sg.close()

    assert makers == [user["id"]] * 2


def test_large_file_arrives_whole(media_site, media, shot, document):
    """
    A file in many pieces, and for storage in many parts, comes back as it was, and is on the disk once only.
    """
    content = bytes(range(256)) * 12_000 + b"end"
    media._MULTIPART_UPLOAD_CHUNK_SIZE = 1_000_000
    before = media_site.ledger.count("put")
    number = media.upload("Shot", shot["id"], document("large.bin", content))
    target = io.BytesIO()
    url = attachment(media, number)["this_file"]["url"]
    context = None
    if media_site.ca_file:
        import ssl

        context = ssl.create_default_context(cafile=media_site.ca_file)
    with urllib.request.urlopen(url, context=context) as reply:
        target.write(reply.read())
        disposition = reply.headers["content-disposition"]

    assert target.getvalue() == content
    assert "large.bin" in disposition
    assert media_site.ledger.count("put") - before == (4 if media_site.store.media.direct_uploads else 0)


def test_names_cannot_lead_anywhere(media, shot, tmp_path):
    """
    What a file is called is never a path on the site: odd names are names.
    """
    import os

    source = tmp_path / "x"
    source.write_bytes(b"x")
    names = ["..%2f..%2fetc%2fpasswd", "a;b=c.txt", "con.txt", "%00.txt", "x" * 200 + ".txt", "#?&.txt", " .txt"]
    if os.name == "posix":
        names.append("..\\..\\windows.txt")
    for filename in names:
        odd = tmp_path / filename
        odd.write_bytes(b"odd")
        number = media.upload("Shot", shot["id"], str(odd))
        row = attachment(media, number)

        assert row["filename"] == filename.rpartition("\\")[2].strip()
        assert media.download_attachment(row["this_file"]) == b"odd"


def test_ledger_tells_of_uploads(media_site, media, shot, document):
    """
    Each form and each part of a file is a line in the ledger, under the name of its address.
    """
    media_site.ledger.clear()
    media.upload("Shot", shot["id"], document())
    with pytest.raises(shotgun_api3.ShotgunError):
        media.upload("Bogus", 1, document())
    told = [(entry.rpc, entry.entity_type, entry.ok) for entry in media_site.ledger.entries if entry.rpc != "info"]

    if media_site.store.media.direct_uploads:
        start = [("api_get_upload_link_info", None, True), ("put", None, True)]
        assert told == [*start, ("api_link_file", "Shot", True), *start, ("api_link_file", "Bogus", False)]
    else:
        assert told == [("upload_file", "Shot", True), ("upload_file", "Bogus", False)]


def test_info_chooses_how_files_go(make_connection, document):
    """
    A mapping says which files go to storage; all others go by form.
    """
    from sgextended.localsite import LocalSite

    with LocalSite(direct_uploads={"Version": ["sg_uploaded_movie"]}) as site:
        sg = make_connection(site)
        version = sg.create("Version", {"project": sg.create("Project", {"name": "p"})})
        sg.upload("Version", version["id"], document("1.mov"), field_name="sg_uploaded_movie")
        sg.upload("Version", version["id"], document("2.txt"))
        info = sg.server_info
        sg.close()

    assert info["s3_enabled_upload_types"] == {"Version": ["sg_uploaded_movie"]}
    assert [site.ledger.count(rpc) for rpc in ("put", "upload_file")] == [1, 1]


def test_files_outlive_the_site(make_connection, document, tmp_path):
    """
    Files lie in a folder beside the database, and are there again after a restart; those of a site in memory go.
    """
    from sgextended.localsite import LocalSite

    for _start in range(2):
        with LocalSite(db=tmp_path / "site.db", api_key="k") as site:
            sg = make_connection(site)
            found = sg.find_one("Attachment", [], ["this_file"])
            if found:
                assert sg.download_attachment(found["this_file"]) == b"some text"
            else:
                sg.upload("Project", sg.create("Project", {"name": "p"})["id"], document())
            sg.close()

    assert found is not None
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["site.db.media"]
    with LocalSite() as site:
        folder = site.store.media.scratch().parent.parent
        assert folder.exists()
    assert not folder.exists()


def test_upload_text_names_its_attachment(media_site, media, shot):
    """
    An answer begins with 1, a colon and the number, which ends its line.
    """
    url = f"{media_site.url}/upload/share_thumbnail"
    params = {"entities": f"Shot_{shot['id']}", "source_entity": f"Shot_{shot['id']}", "filmstrip_thumbnail": False}

    assert re.fullmatch(r"1:\d*\n", media._send_form(url, params))


def test_uploads_are_in_the_event_log(media, show, shot, document, picture):
    """
    A file and a thumbnail are news: their attachments, and the field that changed.
    """
    last = media.find_one("EventLogEntry", [], ["id"], order=[{"field_name": "id", "direction": "desc"}])["id"]
    media.upload("Shot", shot["id"], document())
    media.upload_thumbnail("Shot", shot["id"], picture())
    events = media.find("EventLogEntry", [["id", "greater_than", last]], ["event_type", "attribute_name"])
    told = {(event["event_type"], event["attribute_name"]) for event in events}

    assert ("Shotgun_Attachment_New", None) in told
    assert ("Shotgun_Shot_Change", "image") in told
