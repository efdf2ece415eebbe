"""
Fixtures that all tests share.
"""

from typing import Callable, Iterator

import pytest

from sgextended import SGExtended, Site
from sgextended.localsite import LocalSite

pytest_plugins = [
    "fix_servers", "fix_transport", "fix_native", "fix_extended", "fix_pool", "fix_secrets", "fix_transfers",
    "fix_dask",
]  # fmt: skip


def pytest_collection_modifyitems(items) -> None:
    """
    What waits for real time begins first, so that no process has to wait for another at the end.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def demo_site() -> Iterator[LocalSite]:
    """
    A local site with the demo production; tests only read it.
    """
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture(params=["http", "https"], scope="session")
def any_site(request) -> Iterator[LocalSite]:
    """
    An empty local site, once over HTTP and once over HTTPS; tests write to it what they look for.
    """
    with LocalSite(tls=request.param == "https") as site:
        yield site


@pytest.fixture(scope="session")
def any_tls_site() -> Iterator[LocalSite]:
    """
    An empty local site over HTTPS.
    """
    with LocalSite(tls=True) as site:
        yield site


@pytest.fixture(scope="session")
def make_site() -> Callable[..., Site]:
    """
    Makes the `Site` that leads to a local site, with other settings where given.
    """

    def make(site: LocalSite, **settings) -> Site:
        return Site(url=site.url, script_name=site.script_name, api_key=site.api_key, ca_file=site.ca_file, **settings)

    return make


@pytest.fixture(scope="session")
def make_sg(make_site) -> Callable[..., SGExtended]:
    """
    Makes a wrapper on a local site.
    """
    return lambda site, **settings: SGExtended(site=make_site(site, **settings))
