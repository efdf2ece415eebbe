"""
Downloading files: by number, by value, by address, with a session and without.
"""

import datetime as dt
import http.client
import urllib.error
import urllib.request

import pytest
import shotgun_api3
from page_login import script_login

# The official client leaves files and refused answers open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore:Implicitly cleaning up:ResourceWarning"
)


@pytest.fixture
def number(media, show, tmp_path):
    """
    An uploaded file's attachment.
    """
    path = tmp_path / "page.html"
    path.write_bytes(b"<script>alert(1)</script>")
    return media.upload("Project", show["id"], str(path))


def refused(media, what):
    """
    Return what the client says of a download that fails.
    """
    with pytest.raises(shotgun_api3.ShotgunFileDownloadError) as caught:
        media.download_attachment(what)
    return str(caught.value)


def test_every_form_of_the_question_downloads(media, number, tmp_path):
    """
    A number, a link, a file field's value and a path to write to all give the same bytes.
    """
    value = media.find_one("Attachment", [["id", "is", number]], ["this_file"])["this_file"]
    target = tmp_path / "target"
    asked = [number, {"type": "Attachment", "id": number}, value]

    assert {media.download_attachment(what) for what in asked} == {b"<script>alert(1)</script>"}
    assert media.download_attachment(number, file_path=str(target)) == str(target)
    assert target.read_bytes() == b"<script>alert(1)</script>"
    assert media.download_attachment(None) is None


def test_uploaded_page_is_never_shown_as_one(media, number):
    """
    What somebody uploaded is handed out as a file to save, not as a page of the site.
    """
    url = media.find_one("Attachment", [["id", "is", number]], ["this_file"])["this_file"]["url"]
    opener = media._build_opener(urllib.request.HTTPHandler)
    with opener.open(url, timeout=10) as reply:
        headers = reply.headers

    assert headers["content-disposition"].startswith("attachment")
    assert headers["x-content-type-options"] == "nosniff"


def test_absent_and_local_files_are_status_400(media, show, number):
    """
    Attachments that do not exist, are retired, have no file or a local one cannot be downloaded.
    """
    empty = media.create("Attachment", {"project": show})
    storage = media.create("LocalStorage", {"code": show["name"], "linux_path": f"/mnt/{show['id']}"})
    local = media.create("Attachment", {"this_file": {"local_path": f"/mnt/{show['id']}/x"}, "project": show})
    media.delete("Attachment", number)

    for what in (98765, empty["id"], local["id"], number):
        assert "Attachment may not exist or is a local file?" in refused(media, what)
    assert "400" in refused(media, {"type": "Attachment", "id": "x"})
    media.delete("LocalStorage", storage["id"])


def test_web_link_leads_there(media, show, media_site):
    """
    The number of a web link leads to its page, if that is one of the web.
    """
    placeholder = f"{media_site.url}/images/status/transient/thumbnail_pending.png"
    page, other = (
        media.create("Attachment", {"project": show, "this_file": {"url": url}}) for url in (placeholder, "file:///etc")
    )

    assert media.download_attachment(page["id"]).startswith(b"\x89PNG")
    assert "400" in refused(media, other["id"])


@pytest.mark.parametrize(("status", "code"), [("unverified", 409), ("infected", 410)])
def test_scanned_file_is_held_back(media_site, media, number, status, code):
    """
    While a file is scanned, and after a scan that found something, it is held back.
    """
    media_site.set_scan(number, status)
    row = media.find_one("Attachment", [["id", "is", number]], ["processing_status", "this_file"])

    assert row["processing_status"] == status
    # The client fails on the text of such an answer, which it joins wrongly.
    with pytest.raises((TypeError, shotgun_api3.ShotgunFileDownloadError)):
        media.download_attachment(number)
    with pytest.raises(urllib.error.HTTPError, match=str(code)) as caught:
        media._build_opener(urllib.request.HTTPHandler).open(row["this_file"]["url"], timeout=10)
    caught.value.close()
    media_site.set_scan(number, "clean")
    assert media.download_attachment(number)


def test_lost_file_is_status_404(media_site, media, number):
    """
    A file that is gone from the disk is not found.
    """
    media_site.store.media.attachment(number).unlink()

    assert "404" in refused(media, number)


def test_address_of_storage_expires(media_site, media, number, monkeypatch):
    """
    A file's address holds for a while; by its number a client with a session can have it always.
    """
    now = dt.datetime.now(dt.timezone.utc)
    value = media.find_one("Attachment", [["id", "is", number]], ["this_file"])["this_file"]
    monkeypatch.setattr(media_site.store, "clock", lambda: now + dt.timedelta(hours=3))

    assert "403" in refused(media, value)
    assert media.download_attachment(number)


def get(site, path, **headers):
    """
    Return the status of a plain request.
    """
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        reply.read()
        return reply.status
    finally:
        connection.close()


def test_session_cookie_is_checked(site, sg, project, tmp_path, monkeypatch):
    """
    A request with a session's cookie is served while the session is good; one without a cookie is not.
    """
    (tmp_path / "x.txt").write_bytes(b"x")
    path = f"/file_serve/attachment/{sg.upload('Project', project['id'], str(tmp_path / 'x.txt'))}"
    token = sg.get_session_token()
    statuses = [
        get(site, path),
        get(site, path, Cookie=f"_session_id={token}"),
        get(site, path, Cookie="_session_id=x"),
    ]
    later = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=2)
    monkeypatch.setattr(site.store, "clock", lambda: later)

    assert statuses == [401, 200, 403]
    assert get(site, path, Cookie=f"_session_id={token}") == 403


@pytest.mark.parametrize(
    "path",
    [
        "/file_serve/attachment/../../../../etc/passwd",
        "/file_serve/attachment/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/file_serve/attachment/99999999999999999999",
        "/storage/thumbnail/..%2f..%2f..%2fetc%2fpasswd",
        "/storage/thumbnail/x.jpg",
        "/storage/attachment/1/x",
        "/storage/upload/x",
        "//evil.example/file_serve/attachment/1",
        "/thumbnail/full/Version/99999999999999999999",
        "/upload/get_thumbnail_url?entity_type=Version&entity_id=99999999999999999999",
    ],
)
def test_odd_paths_lead_nowhere(site, path):
    """
    No path leads out of the site's folder, and none makes it fail, neither for strangers nor for the script.
    """
    assert get(site, path) in {400, 401, 403, 404, 405}
    served = {200, 302} if path.startswith(("/upload/get_thumbnail_url", "/storage/attachment/1/")) else set()
    assert get(site, path, **script_login(site)) in {400, 403, 404, 405} | served


def test_address_is_the_callers(site, sg, project, tmp_path):
    """
    Addresses of files begin as the caller addressed the site.
    """
    import json

    (tmp_path / "x.txt").write_bytes(b"x")
    number = sg.upload("Project", project["id"], str(tmp_path / "x.txt"))
    filters = {"logical_operator": "and", "conditions": [{"path": "id", "relation": "is", "values": [number]}]}
    payload = {"type": "Attachment", "return_fields": ["this_file"], "filters": filters}
    auth = {"script_name": site.script_name, "script_key": site.api_key}
    body = json.dumps({"method_name": "read", "params": [auth, payload]})
    found = []
    for host in ("localhost:1234", "[::1]:80"):
        connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=10)
        connection.request("POST", "/api3/json", body, {"Host": host, "Content-Type": "application/json"})
        found.append(json.loads(connection.getresponse().read())["results"]["entities"][0]["this_file"]["url"])
        connection.close()

    path = f"/file_serve/attachment/{number}"
    assert [url.partition("?")[0] for url in found] == [f"http://localhost:1234{path}", f"http://[::1]:80{path}"]
