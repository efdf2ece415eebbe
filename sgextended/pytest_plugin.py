"""
The implementation of the fixtures in ``pytest_sgextended``: local sites that are reset before each test.
"""

import contextlib
import importlib
import os
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
from attrs import define, field

from sgextended import SGExtended
from sgextended.localsite import LocalSite, Snapshot

_DELETE_THREADS = 8
# Entity types that no site deletes, or that the site creates and removes itself.
_NOT_DELETED = frozenset({"EventLogEntry", "PageHit", "ProjectUserConnection", "ApiUserProjectConnection"})


@define(eq=False)
class _Shared:
    """
    A local site, and its content before the first test.
    """

    site: LocalSite
    initial: Snapshot
    had_faults: bool = False


@define(eq=False)
class Sites:
    """
    The sites of one test run. Starting a site is slow, so each is started once and reset before each test.

    Args:
        config: The options and settings of the run.
    """

    #: Environment variables that name a site or credentials, and that a local site does not set.
    OTHER_VARIABLES = (
        *("SHOTGUN_LOGIN", "SHOTGUN_PASSWORD", "SHOTGUN_AUTH_TOKEN", "SHOTGUN_SESSION_TOKEN"),
        "SHOTGUN_API_CACERTS",
    )

    _config: pytest.Config
    _shared: Dict[bool, _Shared] = field(factory=dict, init=False)
    _studio: Optional[Callable[[], Any]] = field(default=None, init=False)

    def close(self) -> None:
        """
        Stop the local sites.
        """
        while self._shared:
            self._shared.popitem()[1].site.stop()

    @property
    def live_url(self) -> Optional[str]:
        """
        The URL of the option ``--sg-live``, or None.
        """
        url: Optional[str] = self._config.getoption("--sg-live")
        return url

    def fresh(self, *, demo: bool, faults: bool) -> LocalSite:
        """
        Return a local site, reset to its initial content.

        Args:
            demo: Whether the site has the demo production.

            faults: Whether the test may inject faults. Clients back off from such a site for a while, so the next test
                receives a new one.
        """
        shared = self._shared.get(demo)
        if shared is None or shared.had_faults:
            if shared is not None:
                shared.site.stop()
            shared = self._shared[demo] = self._start(demo=demo)
        else:
            shared.site.webhooks.clear()  # before the rows of the next test, whose events have the same ids
            shared.site.store.restore(shared.initial)
        shared.had_faults = faults
        shared.site.faults.clear()
        shared.site.ledger.clear()
        return shared.site

    def _start(self, *, demo: bool) -> _Shared:
        data = self._config.getini("sg_data")
        if len(data) > 1:
            raise pytest.UsageError("sg_data names several folders. Name one.")
        site = LocalSite(
            demo=demo,
            data=data[0] if data and not demo else None,
            tls=self._config.getoption("--sg-tls"),
            strict=self._config.getini("sg_strict"),
        )
        site.start()
        return _Shared(site, site.store.snapshot())

    @contextlib.contextmanager
    def wrapper(self) -> Iterator[Any]:
        """
        Yield the value of the fixture `sg`, created from the environment.
        """
        if self._studio is None:
            self._studio = _load(str(self._config.getini("sg_class")) or "sgextended:SGExtended")
        made = self._studio()
        with made.as_current() if isinstance(made, SGExtended) else contextlib.nullcontext():
            yield made
        made.close()

    @contextlib.contextmanager
    def project(self, name: str) -> Iterator[Dict[str, Any]]:
        """
        Yield a new project. On a live site, delete the project and its content afterwards.

        Args:
            name: The beginning of the project's name.
        """
        with SGExtended() as sg:
            unique = f"{name} {os.urandom(4).hex()}"
            project = {"type": "Project", "id": sg.create("Project", {"name": unique})["id"], "name": unique}
            yield project
            if self.live_url is not None:
                _delete_project(sg, project)


def _load(place: str) -> Callable[[], Any]:
    module, _, name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        message = (
            f"sg_class = {place} cannot be imported: {error}. Write MODULE:CLASS, of a module that tests can import."
        )
        raise pytest.UsageError(message) from error
    if not callable(found):
        raise pytest.UsageError(
            f"sg_class = {place} is not callable. Name a class, or a function that returns an object."
        )
    return found  # type: ignore[no-any-return]


def _delete_project(sg: SGExtended, project: Dict[str, Any]) -> None:
    """
    Delete all entities of a project, then the project itself.
    """

    def found(sg: SGExtended, entity_type: str) -> List[Tuple[str, int]]:
        rows = sg.find(entity_type, [["project", "is", project]], [])
        return [(entity_type, row["id"]) for row in rows]

    schema = sg.schema_read()
    types = [name for name, fields in schema.items() if "project" in fields and name not in _NOT_DELETED]
    results = sg.map(found, types, workers=_DELETE_THREADS, on_error="collect")
    left = [entity for entities in results if isinstance(entities, list) for entity in entities]
    list(sg.map(lambda sg, entity: sg.delete(*entity), left, workers=_DELETE_THREADS))
    sg.delete("Project", project["id"])
