"""
Two addresses of the same site, and files that were written for another site.
"""

import pytest

from sgextended import ConfigurationError, InvalidArgumentError, SGExtended, SGWorker, Site, UndoLog
from sgextended.site_address import host_of, recorded_site


def client(host):
    """
    Return a wrapper for a site to which nothing is sent.
    """
    return SGExtended(site=Site(url=f"https://{host}", script_name="robot", api_key="key"))


def number_of(_sg, item):
    return item


class Numbers(SGWorker):
    """
    A worker that sends nothing.
    """

    def __call__(self, item):
        return item


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://studio.shotgrid.autodesk.com", "studio.shotgrid.autodesk.com"),
        ("http://Studio.shotgunstudio.com:80/", "studio.shotgrid.autodesk.com"),
        ("https://user:word@studio.shotgunstudio.com/detail/Shot/1", "studio.shotgrid.autodesk.com"),
        ("https://sg.studio.example:8443", "sg.studio.example:8443"),
        ("https://shotgunstudio.com", "shotgunstudio.com"),
        ("http://[::1]:3000", "::1:3000"),
    ],
)
def test_addresses_of_one_site_are_the_same(url, host):
    """
    Letter case, scheme, default port, path and the vendor's former domain do not matter.
    """
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url", [None, "", "http://localhost:3000", "http://127.0.0.1:41", "http://[::1]:3000", "x://[y"]
)
def test_a_local_site_is_not_recorded(url):
    """
    A local site may have another port each time, so its address identifies nothing.
    """
    assert recorded_site(url) is None


def test_a_url_with_the_former_domain_is_of_this_site():
    """
    `resolve` sends the request for a URL of the former domain. The error for another site names both.
    """
    sg = client("studio.shotgrid.autodesk.com")

    with sg.dry_run(), pytest.raises(InvalidArgumentError) as raised:
        sg.resolve("https://studio.shotgunstudio.com/nothing")
    assert "is not the URL of an entity" in str(raised.value)
    with pytest.raises(InvalidArgumentError) as raised:
        sg.resolve("https://other.shotgunstudio.com/detail/Shot/1")
    assert "of other.shotgrid.autodesk.com, and this client is for studio.shotgrid.autodesk.com" in str(raised.value)
    assert "Use a client for other.shotgrid.autodesk.com" in str(raised.value)


def test_the_journal_of_another_site_is_refused(tmp_path):
    """
    An item that is done on one site is not done on another. A journal is resumed on its own site only.
    """
    path = tmp_path / "run.jsonl"
    first, other = client("studio.shotgunstudio.com"), client("test.shotgunstudio.com")
    assert list(first.map(number_of, [1, 2], journal=path)) == [1, 2]

    with pytest.raises(ConfigurationError) as raised:
        list(other.map(number_of, [1, 2], journal=path))
    assert "was written for the site studio.shotgrid.autodesk.com" in str(raised.value)
    assert "this client is for test.shotgrid.autodesk.com" in str(raised.value)
    assert list(client("studio.shotgrid.autodesk.com").map(number_of, [1, 2, 3], journal=path)) == [1, 2, 3]


def test_the_journal_of_workers_of_another_site_is_refused(tmp_path, monkeypatch):
    """
    The workers of `SGWorker.map` have the site of their arguments, or of the environment.
    """
    path = tmp_path / "run.jsonl"
    assert list(Numbers.map([1], journal=path, site=client("a.example").site)) == [1]

    monkeypatch.setenv("SHOTGUN_URL", "https://b.example")
    with pytest.raises(ConfigurationError, match=r"written for the site a\.example, and this client is for b\.example"):
        list(Numbers.map([1], journal=path))


def test_the_undo_log_of_another_site_is_refused(tmp_path):
    """
    Undoing a log on another site would change other entities, so nothing is sent.
    """
    path = tmp_path / "block.undo"
    with client("a.example").undoable(path):
        pass

    with pytest.raises(ConfigurationError, match=r"This undo log was written for the site a\.example"):
        UndoLog.read(path).undo(client("b.example"))
    assert UndoLog.read(path).undo(client("a.example"))
