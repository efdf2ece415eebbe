"""
The targets of downloads: files, links, devices and folders.
"""

import errno
import os
import stat
from pathlib import Path

import pytest
from fix_transfers import CONTENT, FAILURES, OLD, client_of, left_in
from shotgun_api3 import ShotgunFileDownloadError

from sgextended import ClientClosed


@pytest.mark.parametrize("place", ["no folder/take.mov", "."])
def test_place_that_takes_no_file_is_found_out_first(site, target, place):
    """
    Where no file can be written, the native error comes before anything is asked.
    """
    with pytest.raises(OSError, match="Unable to write Attachment to disk using file_path") as caught:
        client_of(site).download_attachment(7, str(target.parent / place))

    assert type(caught.value) is OSError
    assert site.requests == []
    assert left_in(target) == {}


def test_file_that_may_not_be_written_is_not_replaced(site, target, monkeypatch):
    """
    A file that its owner protects is not replaced by the way of its folder.
    """
    target.write_bytes(OLD)
    monkeypatch.setattr(os, "access", lambda *_args: False)  # as anybody but root

    with pytest.raises(OSError, match="Unable to write Attachment to disk"):
        client_of(site).download_attachment(7, str(target))

    assert left_in(target) == {"take.mov": OLD}


def test_mode_and_links_stay(site, target):
    """
    The file has the mode of the one before, or the usual one; a link to it stays a link.
    """
    if os.name == "nt":
        pytest.skip("modes and links are others there")
    target.write_bytes(OLD)
    target.chmod(0o640)
    link = target.with_name("latest.mov")
    link.symlink_to(target.name)
    sg = client_of(site)
    sg.download_attachment(7, str(link))
    new = target.with_name("new.mov")
    before = os.umask(0o027)
    try:
        sg.download_attachment(7, str(new))
    finally:
        os.umask(before)

    assert link.is_symlink()
    assert set(left_in(target).values()) == {CONTENT}
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


@pytest.mark.parametrize("fails", [False, True])
def test_folder_that_takes_no_other_file(site, target, monkeypatch, fails):
    """
    Where nothing can be put beside the old file, all of the new one comes first, and then goes in.
    """
    target.write_bytes(OLD * 100_000)
    (target.parent / ".sgextended-taken.part").write_bytes(b"")
    monkeypatch.setattr("secrets.token_hex", lambda _size: "taken")
    if fails:
        site.answers["7"] = FAILURES["404"][0]
        with pytest.raises(ShotgunFileDownloadError):
            client_of(site).download_attachment(7, str(target))
    else:
        client_of(site).download_attachment(7, str(target))

    assert target.read_bytes() == (OLD * 100_000 if fails else CONTENT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there are no such devices here")
def test_devices_stay_devices(site):
    """
    A device is written to and not replaced; a full one raises its own error.
    """
    sg = client_of(site)

    assert sg.download_attachment(7, "/dev/null") == "/dev/null"
    with pytest.raises(OSError, match="No space left") as caught:
        sg.download_attachment(7, "/dev/full")
    assert caught.value.errno == errno.ENOSPC
    assert Path("/dev/null").is_char_device()


def test_full_disk_is_its_own_error(site, target, monkeypatch):
    """
    A disk that fails is no failing connection: its error comes out, nothing is repeated, and nothing stays.
    """
    real = Path.open

    def open_full(path, *args, **kwargs):
        return (
            real(Path("/dev/full"), "wb", buffering=0) if path.name.endswith(".part") else real(path, *args, **kwargs)
        )

    if not Path("/dev/full").exists():
        pytest.skip("there is no full disk here")
    monkeypatch.setattr(Path, "open", open_full)
    monkeypatch.setattr("sgextended.client.transfers.downloads._Receiver.start", lambda _self, _total: None)

    with pytest.raises(OSError, match="No space left") as caught:
        client_of(site).download_attachment(7, str(target))

    assert caught.value.errno == errno.ENOSPC
    assert len(site.sent("7")) == 1
    assert left_in(target) == {}


def test_closed_client_downloads_nothing(site, target):
    """
    A client that was closed says so, and touches no file.
    """
    sg = client_of(site)
    sg.close()

    with pytest.raises(ClientClosed):
        sg.download_attachment(7, str(target))

    assert left_in(target) == {}
    assert site.requests == []
