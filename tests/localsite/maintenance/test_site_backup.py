"""
Backups of a running site, with files and keys.
"""

import contextlib
import os
import threading

import pytest
import shotgun_api3

from sgextended.localsite import LocalSite
from sgextended.localsite.maintenance.site_backup import back_up_site

# The official client leaves the files that it sends open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def test_backup_of_a_busy_site_is_whole(tmp_path):
    """
    A backup that is made while rows and files are written has one state of the rows, all their files, and the keys.
    """
    path, copy, file = tmp_path / "site.db", tmp_path / "copy.db", tmp_path / "f.txt"
    file.write_text("bytes")
    ended = threading.Event()

    def write(site):
        with contextlib.closing(shotgun_api3.Shotgun(site.url, "tool", "k")) as sg:
            while not ended.is_set():
                sg.upload("Project", project["id"], str(file))

    with LocalSite(db=path, script_name="tool", api_key="k") as site:
        with contextlib.closing(shotgun_api3.Shotgun(site.url, "tool", "k")) as sg:
            project = sg.create("Project", {"name": "p"})
            first = sg.upload("Project", project["id"], str(file))
        (tmp_path / "site.db.tls").mkdir()
        (tmp_path / "site.db.tls" / "ca.key").write_text("key of the authority")
        (tmp_path / "site.db.ca.pem").write_text("its certificate")
        writer = threading.Thread(target=write, args=(site,))
        writer.start()
        try:
            for number in range(3):
                back_up_site(path, tmp_path / f"copy{number or ''}.db")
        finally:
            ended.set()
            writer.join()
        kept = sorted(each.name for each in (tmp_path / "copy.db.media" / "attachments").iterdir())

    assert os.name == "nt" or (copy.stat().st_mode | (tmp_path / "copy.db.media").stat().st_mode) & 0o077 == 0
    assert (tmp_path / "copy.db.tls" / "ca.key").read_text() == "key of the authority"
    assert (tmp_path / "copy.db.ca.pem").read_text() == "its certificate"
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(LocalSite(db=copy, script_name="other"))
        sg = stack.enter_context(contextlib.closing(shotgun_api3.Shotgun(site.url, "tool", "k")))
        rows = sg.find("Attachment", [])
        assert {str(row["id"]) for row in rows} <= set(kept)
        assert sg.download_attachment({"type": "Attachment", "id": first}) == b"bytes"


@pytest.mark.parametrize("name", ["copy.db", "copy.db.media", "copy.db.tls", "copy.db.ca.pem"])
def test_backup_overwrites_nothing(tmp_path, name):
    """
    If the copy, or anything that belongs to it, exists already, nothing is written.
    """
    path = tmp_path / "site.db"
    with LocalSite(db=path):
        pass
    (tmp_path / name).write_text("mine")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ValueError, match=rf"{name} exists already"):
        back_up_site(path, tmp_path / "copy.db")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / name).read_text() == "mine"
