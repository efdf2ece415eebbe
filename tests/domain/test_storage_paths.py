"""
Paths translated between platforms.
"""

import pytest
import shotgun_api3

from sgextended import InvalidArgumentError, NotFoundError
from sgextended.domain import storage_paths
from sgextended.domain.storage_paths import translate_path
from sgextended.localsite import LocalSite


@pytest.fixture(scope="module")
def site():
    """
    A site for these tests, because they create storages.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client of the site, with storages within each other.
    """
    sg = make_sg(site)
    for code, linux, mac, windows in (
        ("all", "/mnt/projects", "/Volumes/projects/", "P:\\"),
        ("film", "/mnt/projects/film", "/Volumes/film", "\\\\server\\Film"),
        ("linux", "/scratch", None, None),
    ):
        sg.create("LocalStorage", {"code": code, "linux_path": linux, "mac_path": mac, "windows_path": windows})
    return sg


@pytest.mark.parametrize(
    ("path", "platform", "expected"),
    [
        ("/mnt/projects/a/b.ma", "windows", "P:\\a\\b.ma"),
        ("/mnt/projects/a/b.ma", "mac", "/Volumes/projects/a/b.ma"),
        ("/mnt/projects/a/b.ma", "linux", "/mnt/projects/a/b.ma"),
        ("P:\\a\\b.ma", "linux", "/mnt/projects/a/b.ma"),
        ("p:/a/B.ma", "mac", "/Volumes/projects/a/B.ma"),
        ("/mnt/projects/film/a", "windows", "\\\\server\\Film\\a"),
        ("\\\\SERVER\\film\\A", "linux", "/mnt/projects/film/A"),
        ("/Volumes/film", "linux", "/mnt/projects/film"),
        ("/mnt/projects/films/a", "windows", "P:\\films\\a"),
        ("/Volumes/projects", "windows", "P:\\"),
        ("/scratch/a", "linux", "/scratch/a"),
    ],
)
def test_translated(sg, path, platform, expected):
    """
    The deepest root that contains the path is replaced. Only whole folder names count; Windows ignores letter case.
    """
    assert sg.translate_path(path, platform) == expected


def test_this_machine(sg, monkeypatch):
    """
    Without a platform, the path is that of the machine.
    """
    for name, expected in (("win32", "P:\\a"), ("darwin", "/Volumes/projects/a"), ("linux", "/mnt/projects/a")):
        monkeypatch.setattr(storage_paths.sys, "platform", name)

        assert sg.translate_path("P:\\a") == expected


def test_the_same_root_twice(sg):
    """
    Of storages with equal roots, the newest is used. A storage that is new is known when no other has the path.
    """
    for number in (1, 2):
        roots = {"linux_path": "/twice", "windows_path": f"T:\\{number}"}
        sg.create("LocalStorage", {"code": f"twice {number}", **roots})

    assert sg.translate_path("/twice/a", "windows") == "T:\\2\\a"


def test_errors(sg):
    """
    A path outside all storages, a storage without a root for the platform, and an unknown platform raise.
    """
    with pytest.raises(NotFoundError, match="No local storage of the site contains '/elsewhere/a'"):
        sg.translate_path("/elsewhere/a", "windows")
    with pytest.raises(NotFoundError, match="local storage 'linux', which has no root for windows"):
        sg.translate_path("/scratch/a", "windows")
    with pytest.raises(InvalidArgumentError, match="'amiga' is not a known platform"):
        sg.translate_path("/scratch/a", "amiga")
    with pytest.raises(InvalidArgumentError, match="path must be text or a path, not 5"):
        sg.translate_path(5)


def test_requests(sg, site):
    """
    The storages are read once, also by a plain client.
    """
    sg.translate_path("/scratch/a", "linux")
    before = sg.requests_sent
    sg.translate_path("/mnt/projects/a", "linux")
    assert sg.requests_sent == before

    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    assert translate_path(official, "P:\\a", "linux") == "/mnt/projects/a"
    official.close()
