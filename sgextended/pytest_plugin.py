"""
What the fixtures of ``pytest_sgextended`` do: sites that tests share one after another, each finding them fresh.
"""

import contextlib
import importlib
import os
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
from attrs import define, field

from sgextended import SGExtended
from sgextended.localsite import LocalSite, Snapshot

_SWEEPERS = 8
# Kept for good by every site, or made and removed by the site itself.
_NOT_DELETED = frozenset({"EventLogEntry", "PageHit", "ProjectUserConnection", "ApiUserProjectConnection"})


@define(eq=False)
class _Shared:
    """
    A local site, and what it held before the first test.
    """

    site: LocalSite
    at_first: Snapshot
    is_spoilt: bool = False


@define(eq=False)
class Sites:
    """
    The sites of one run of tests. Making one takes a moment, so it is made once and then put back as it was.

    Args:
        config: The run's options and settings.
    """

    #: Environment variables that lead to a site and that a local one does not set.
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
        The site that ``--sg-live`` names.
        """
        url: Optional[str] = self._config.getoption("--sg-live")
        return url

    def fresh(self, *, demo: bool, spoils: bool) -> LocalSite:
        """
        Return a local site that holds what it held at first, whatever tests did to it.

        Args:
            demo: Whether it has the demo production.

            spoils: Whether it will misbehave. Clients are wary of it for a while then, so the next test has another.
        """
        shared = self._shared.get(demo)
        if shared is None or shared.is_spoilt:
            if shared is not None:
                shared.site.stop()
            shared = self._shared[demo] = self._start(demo=demo)
        else:
            shared.site.store.restore(shared.at_first)
        shared.is_spoilt = spoils
        shared.site.faults.clear()
        shared.site.ledger.clear()
        return shared.site

    def _start(self, *, demo: bool) -> _Shared:
        data = self._config.getini("sg_data")
        if len(data) > 1:
            raise pytest.UsageError("sg_data names one folder.")
        site = LocalSite(demo=demo, data=data[0] if data and not demo else None, tls=self._config.getoption("--sg-tls"))
        site.start()
        return _Shared(site, site.store.snapshot())

    @contextlib.contextmanager
    def wrapper(self) -> Iterator[Any]:
        """
        Yield what tests call `sg`, made from the environment.
        """
        if self._studio is None:
            self._studio = _named(str(self._config.getini("sg_class")) or "sgextended:SGExtended")
        made = self._studio()
        with made.as_current() if isinstance(made, SGExtended) else contextlib.nullcontext():
            yield made
        made.close()

    @contextlib.contextmanager
    def project(self, name: str) -> Iterator[Dict[str, Any]]:
        """
        Yield a new project; on a live site, delete it and all that is in it afterwards.
        """
        with SGExtended() as sg:
            unique = f"{name} {os.urandom(4).hex()}"
            project = {"type": "Project", "id": sg.create("Project", {"name": unique})["id"], "name": unique}
            yield project
            if self.live_url is not None:
                _sweep(sg, project)


def _named(place: str) -> Callable[[], Any]:
    module, _, name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"sg_class = {place} cannot be used: {error}. Write MODULE:CLASS, of a module that tests can import."
        raise pytest.UsageError(message) from error
    if not callable(found):
        raise pytest.UsageError(f"sg_class = {place} is no class, nor a function that makes an object.")
    return found  # type: ignore[no-any-return]


def _sweep(sg: SGExtended, project: Dict[str, Any]) -> None:
    """
    Delete what is in a project, and then the project itself.
    """

    def found(sg: SGExtended, entity_type: str) -> List[Tuple[str, int]]:
        rows = sg.find(entity_type, [["project", "is", project]], [])
        return [(entity_type, row["id"]) for row in rows]

    schema = sg.schema_read()
    types = [name for name, fields in schema.items() if "project" in fields and name not in _NOT_DELETED]
    looked = sg.map(found, types, workers=_SWEEPERS, on_error="collect")
    left = [entity for answer in looked if isinstance(answer, list) for entity in answer]
    list(sg.map(lambda sg, entity: sg.delete(*entity), left, workers=_SWEEPERS))
    sg.delete("Project", project["id"])
