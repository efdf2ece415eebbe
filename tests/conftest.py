"""
Fixtures that all tests share.
"""

import signal
import sys
import threading
from typing import Callable, Iterator

import hypothesis
import pytest

from sgextended import SGExtended, Site
from sgextended.localsite import LocalSite
from sgextended.wrapper import current as thread_current

pytest_plugins = [
    "fix_servers", "fix_transport", "fix_native", "fix_extended", "fix_pool", "fix_secrets", "fix_transfers",
    "fix_dask", "fix_aio", "fix_docs", "pytester",
]  # fmt: skip

# A loaded machine may take long for one example.
hypothesis.settings.register_profile("sgextended", deadline=None)
hypothesis.settings.load_profile("sgextended")

# A shell that starts the tests in the background ignores Ctrl-C for them, and the processes of tests inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SITES = {"measured": True}
GUARD = 20.0  # seconds after which a thread is left behind


def pytest_collection_modifyitems(items) -> None:
    """
    What waits for real time begins first, so that no process has to wait for another at the end.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_runtest_setup(item) -> None:
    """
    Note whether the test that begins is about local sites, or starts one as a user does.
    """
    SITES["measured"] = not {"localsite", "cli"}.isdisjoint(item.path.parts)


@pytest.fixture(scope="session", autouse=True)
def sites_are_measured_by_their_own_tests() -> Iterator[None]:
    """
    Coverage makes a local site less than half as fast, so elsewhere only what talks to the site is measured.
    """
    measure = threading.gettrace() if sys.version_info >= (3, 10) else None
    if not type(getattr(measure, "__self__", None)).__module__.startswith("coverage."):
        yield
        return

    def begin(frame, event, arg):
        if SITES["measured"] or not threading.current_thread().name.startswith("sgextended-site"):
            return measure(frame, event, arg)
        sys.settrace(None)
        return None

    threading.settrace(begin)
    yield
    threading.settrace(measure)


@pytest.fixture(autouse=True)
def nothing_stays_current() -> Iterator[None]:
    """
    What ``current()`` has made from a test's environment is not there for the next test.
    """
    yield
    for wrapper in thread_current._thread_state.made.wrappers.values():
        wrapper.close()


@pytest.fixture(autouse=True)
def no_page_comes_late() -> Iterator[None]:
    """
    Pages that a test has asked for ahead and does not want any more are not counted by the next test.
    """
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("sgextended-page"):
            thread.join(GUARD)


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
