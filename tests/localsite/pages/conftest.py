"""
Fixtures for the tests of the pages.
"""

import base64
import urllib.request

import pytest


@pytest.fixture(scope="session")
def read_page():
    """
    Returns the text of a page, which is requested with the key of the site's script.
    """

    def read(site, path, **headers):
        login = base64.b64encode(f"{site.script_name}:{site.api_key}".encode()).decode()
        request = urllib.request.Request(site.url + path, headers={"Authorization": f"Basic {login}", **headers})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.read().decode()

    return read
