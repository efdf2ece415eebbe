"""
The pytest plugin of sgextended: fixtures for a studio's tests, on local sites.

This module is outside the package, and imports the package only inside fixtures. An installed plugin is imported in
every run of pytest, before the measurement of coverage begins.
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
    Add the options ``--sg-tls`` and ``--sg-live``, and the settings ``sg_class``, ``sg_data`` and ``sg_strict``.
    """
    group = parser.getgroup("sgextended")
    group.addoption("--sg-tls", action="store_true", help="Serve the local sites of the tests over HTTPS.")
    group.addoption(
        "--sg-live",
        metavar="URL",
        help="Run the tests on this site, each in its own project, which is deleted afterwards. The credentials come "
        "from the environment. Tests that need a local site are skipped.",
    )
    parser.addini("sg_class", "The class of the fixture `sg`, as MODULE:CLASS. Default: sgextended:SGExtended.")
    parser.addini(
        "sg_data", "The folder with the initial records of `sg_site`, as `sgextended pull` writes it.", "paths"
    )
    parser.addini(
        "sg_strict", "Whether local sites refuse what a live site may refuse. Default: true.", "bool", default=True
    )


@pytest.fixture(scope="session")
def _sg_sites(request: pytest.FixtureRequest) -> Iterator["Sites"]:
    try:
        from sgextended.pytest_plugin import Sites  # noqa: PLC0415 - see the docstring of the module
    except ModuleNotFoundError as error:
        pytest.fail(f"These fixtures need {error.name}: pip install 'sgextended[site]'", pytrace=False)
    with contextlib.closing(Sites(request.config)) as sites:
        yield sites


@pytest.fixture
def _sg_local(request: pytest.FixtureRequest, _sg_sites: "Sites") -> "LocalSite":
    """
    Return the local site of the test: with the demo production for `sg_demo_site`, else without.
    """
    asked = [name for name in _LOCAL if name in request.fixturenames]
    if len(asked) > 1:
        pytest.fail("The test uses sg_site and sg_demo_site, but has only one site. Use one of them.", pytrace=False)
    if _sg_sites.live_url is not None:
        pytest.skip("The test needs a local site, but --sg-live names another site.")
    return _sg_sites.fresh(demo=asked == ["sg_demo_site"], faults="sg_faults" in request.fixturenames)


@pytest.fixture
def _sg_environment(
    request: pytest.FixtureRequest, _sg_sites: "Sites", monkeypatch: pytest.MonkeyPatch
) -> Dict[str, str]:
    """
    Set environment variables so that ``SGExtended()`` uses the site of the test, and return them.
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
    A local site for this test: empty, or with the records of the setting ``sg_data``. The environment names it.
    """
    return _sg_local


@pytest.fixture
def sg_demo_site(_sg_local: "LocalSite", _sg_environment: Dict[str, str]) -> "LocalSite":
    """
    A local site for this test, with the demo production. The environment names it.
    """
    return _sg_local


@pytest.fixture
def sg(_sg_sites: "Sites", _sg_environment: Dict[str, str]) -> Iterator[Any]:
    """
    An ``SGExtended``, or the class of the setting ``sg_class``, on the site of this test. ``current()`` returns it too.
    """
    with _sg_sites.wrapper() as wrapper:
        yield wrapper


@pytest.fixture
def sg_project(
    request: pytest.FixtureRequest, _sg_sites: "Sites", _sg_environment: Dict[str, str]
) -> Iterator[Dict[str, Any]]:
    """
    A project for this test. On a live site, the project and its content are deleted after the test.
    """
    with _sg_sites.project(request.node.name) as project:
        yield project


@pytest.fixture
def sg_faults(_sg_local: "LocalSite") -> "Faults":
    """
    The faults of the site of this test: none, until the test adds some.
    """
    return _sg_local.faults


@pytest.fixture
def sg_ledger(request: pytest.FixtureRequest, _sg_local: "LocalSite") -> "Ledger":
    """
    The ledger of the site of this test: the calls that it has executed since the test began.
    """
    # First make the calls that do not belong to the test: create the project, and read the site's version.
    if "sg" in request.fixturenames:
        getattr(request.getfixturevalue("sg"), "server_caps", None)
    if "sg_project" in request.fixturenames:
        request.getfixturevalue("sg_project")
    _sg_local.ledger.clear()
    return _sg_local.ledger
