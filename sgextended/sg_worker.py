"""
`SGWorker`: a wrapper whose ``__call__`` is the work of a thread, or of each worker of a map.
"""

import abc
import functools
import inspect
from typing import TYPE_CHECKING, Any, Dict, FrozenSet, Iterable, Iterator, Type

from attrs import fields

from sgextended.environment import environment_variable
from sgextended.errors import ConfigurationError
from sgextended.extended import SGExtended
from sgextended.lazy_import import lazy_module
from sgextended.site_address import recorded_site
from sgextended.site_settings import Site

if TYPE_CHECKING:
    from sgextended.workers import map as _workers
else:
    _workers = lazy_module("sgextended.workers.map")


class SGWorker(SGExtended, abc.ABC):
    """
    A wrapper that does the work itself, in its ``__call__``.

    ``threading.Thread(target=CountAssets(), args=(project,))`` runs one worker; `map` runs several over many items.
    """

    __module__ = "sgextended"

    @abc.abstractmethod
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Do the work. A subclass defines the arguments.
        """

    def setup(self) -> None:
        """
        Prepare this worker; called once, before its first item.
        """

    def teardown(self) -> None:
        """
        Clean up after this worker; called once, after its last item, also if an item failed.

        A worker in another process is kept for the next call of ``map``. There this is called when the process ends, or
        when the process has worked for several calls of ``map`` since.
        """

    @classmethod
    def map(cls, items: Iterable[Any], **options: Any) -> Iterator[Any]:  # type: ignore[override]
        """
        Return an iterator over the result of ``__call__`` for each item. Each worker is an instance of this class.

        Args:
            items: The items to process; each is the argument of ``__call__``.

            options: The options of `SGExtended.map`. Any others are arguments for each instance, such as ``site=``.

        Raises:
            ConfigurationError: Neither has an option of this name. No item was begun.

            WorkerError: While iterating: the work on one item failed; see `SGExtended.map`.
        """
        settings = {name: options.pop(name) for name in options.keys() - _map_options()}
        try:
            inspect.signature(cls).bind(**settings)
        except TypeError as error:
            known = ", ".join(sorted(_map_options()))
            msg = f"Neither map nor {cls.__name__} accepts these arguments: {error}. map takes {known}."
            raise ConfigurationError(msg) from error
        made = _InstanceFactory(cls, settings)
        site = settings.get("site")
        url = site.url if isinstance(site, Site) else settings.get("base_url") or environment_variable("SHOTGUN_URL")
        return _workers.run(_work, items, make=made, options=_workers.Options(**options), site=recorded_site(url))


class _InstanceFactory:
    """
    Makes the workers of a map: new instances of a class, after their ``setup``.
    """

    def __init__(self, owner: Type[SGWorker], settings: Dict[str, Any]) -> None:
        self.owner, self.settings = owner, settings

    def __call__(self) -> SGWorker:
        worker = self.owner(**self.settings)
        worker.setup()
        return worker


def _work(worker: SGWorker, item: Any) -> Any:
    return worker(item)


@functools.cache
def _map_options() -> FrozenSet[str]:
    return frozenset(each.name for each in fields(_workers.Options))
