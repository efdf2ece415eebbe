"""
Fixtures for uploads and downloads.
"""

import pytest
import shotgun_api3
from fix_native import KEY
from fix_transfers import CONTENT, MediaSite, data


@pytest.fixture
def site(make_server):
    """
    A site with the file 7.
    """
    return make_server(kind=MediaSite, **{"7": lambda _request: data(CONTENT)})


@pytest.fixture
def target(tmp_path):
    """
    Where to download to, in a folder of its own.
    """
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder / "take.mov"


@pytest.fixture
def official_of():
    """
    Makes official clients that do not wait between attempts.
    """
    made = []

    def make(server):
        client = shotgun_api3.Shotgun(server.url, "robot", KEY)
        client.BACKOFF = 0
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
