"""
A site for the tests of events.
"""

import itertools

import pytest

from sgextended import RetryPolicy, SGExtended, Site
from sgextended.localsite import LocalSite

NUMBERS = itertools.count()


def connect(site, owner=SGExtended):
    """
    Return a client of a local site that sends each call once, so that failures reach the follower.
    """
    retry = RetryPolicy(attempts=1)
    return owner(site=Site(url=site.url, script_name=site.script_name, api_key=site.api_key, retry=retry))


@pytest.fixture(scope="session")
def connect_to():
    """
    Makes clients of a local site that send each call once; whoever makes one closes it.
    """
    return connect


@pytest.fixture(scope="module")
def event_site():
    """
    A local site that the tests of a module share.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture
def studio(event_site):
    """
    A client of the site, and a project of this test's own.
    """
    sg = connect(event_site)
    yield sg, sg.create("Project", {"name": f"p{next(NUMBERS)}"})
    sg.close()
