"""
Fixtures for a studio's tests, on local sites: the pytest plugin of sgextended.

It stands beside the package, and imports it inside fixtures only: an installed plugin is loaded in every run of pytest,
and before a measurement of coverage begins.
"""

import contextlib
from typing import TYPE_CHECKING, Any, Dict, Iterator

import pytest

if TYPE_CHECKING:
    from sgextended.localsite import Faults, Ledger, LocalSite
    from sgextended.pytest_plugin import Sites

_LOCAL = ("sg_site", "sg_demo_site")


def pytest_addoption(parser: pytest.Parser) -> None:
    """
    Add the options ``--sg-tls`` and ``--sg-live``, and the settings ``sg_class`` and ``sg_data``.
    """
    group = parser.getgroup("sgextended")
    group.addoption("--sg-tls", action="store_true", help="Serve the sites of tests over HTTPS.")
    group.addoption(
        "--sg-live",
        metavar="URL",
        help="Run tests on this site, each in a project of its own that is deleted after it; who asks comes from the "
        "environment. Tests that need a local site are skipped.",
    )
    parser.addini("sg_class", "What `sg` is made with, as MODULE:CLASS; else sgextended:SGExtended.")
    parser.addini("sg_data", "Folder of records that `sg_site` starts with, as `sgextended pull` writes it.", "paths")


@pytest.fixture(scope="session")
def _sg_sites(request: pytest.FixtureRequest) -> Iterator["Sites"]:
    try:
        from sgextended.pytest_plugin import Sites  # noqa: PLC0415 - as the module says
    except ModuleNotFoundError as error:
        pytest.fail(f"These fixtures need {error.name}: pip install 'sgextended[site]'", pytrace=False)
    with contextlib.closing(Sites(request.config)) as sites:
        yield sites


@pytest.fixture
def _sg_local(request: pytest.FixtureRequest, _sg_sites: "Sites") -> "LocalSite":
    """
    The local site of the test: the demo if it asks for that, else an empty one.
    """
    asked = [name for name in _LOCAL if name in request.fixturenames]
    if len(asked) > 1:
        pytest.fail("A test has one site: ask for sg_site or for sg_demo_site, not for both.", pytrace=False)
    if _sg_sites.live_url is not None:
        pytest.skip("needs a local site, and --sg-live names another")
    return _sg_sites.fresh(demo=asked == ["sg_demo_site"], spoils="sg_faults" in request.fixturenames)


@pytest.fixture
def _sg_environment(
    request: pytest.FixtureRequest, _sg_sites: "Sites", monkeypatch: pytest.MonkeyPatch
) -> Dict[str, str]:
    """
    The environment in which ``SGExtended()`` leads to the site of the test.
    """
    if _sg_sites.live_url is not None:
        variables = {"SHOTGUN_URL": _sg_sites.live_url}
    else:
        variables = request.getfixturevalue("_sg_local").environment()
        for name in _sg_sites.OTHER_VARIABLES:
            monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def sg_site(_sg_local: "LocalSite", _sg_environment: Dict[str, str]) -> "LocalSite":
    """
    A local site of this test's own: empty, or with the records of the setting ``sg_data``. The environment leads to it.
    """
    return _sg_local


@pytest.fixture
def sg_demo_site(_sg_local: "LocalSite", _sg_environment: Dict[str, str]) -> "LocalSite":
    """
    A local site of this test's own with the demo production. The environment leads to it.
    """
    return _sg_local


@pytest.fixture
def sg(_sg_sites: "Sites", _sg_environment: Dict[str, str]) -> Iterator[Any]:
    """
    An ``SGExtended``, or what the setting ``sg_class`` names, on the site of this test; it is ``current()`` too.
    """
    with _sg_sites.wrapper() as wrapper:
        yield wrapper


@pytest.fixture
def sg_project(
    request: pytest.FixtureRequest, _sg_sites: "Sites", _sg_environment: Dict[str, str]
) -> Iterator[Dict[str, Any]]:
    """
    A project of this test's own. On a live site, it and all that is in it are deleted after the test.
    """
    with _sg_sites.project(request.node.name) as project:
        yield project


@pytest.fixture
def sg_faults(_sg_local: "LocalSite") -> "Faults":
    """
    What goes wrong with the calls of this test: nothing, until it adds something.
    """
    return _sg_local.faults


@pytest.fixture
def sg_ledger(request: pytest.FixtureRequest, _sg_local: "LocalSite") -> "Ledger":
    """
    The calls that the site of this test has executed since the test began.
    """
    # These make calls that are none of the test's own: the project, and what the site says of itself, asked once.
    if "sg" in request.fixturenames:
        getattr(request.getfixturevalue("sg"), "server_caps", None)
    if "sg_project" in request.fixturenames:
        request.getfixturevalue("sg_project")
    _sg_local.ledger.clear()
    return _sg_local.ledger
