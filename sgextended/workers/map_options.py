"""
The options of a map, its executor, and the result of an item that failed.
"""

import contextlib
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Optional, Union

from attrs import frozen

from sgextended.errors import ConfigurationError
from sgextended.workers import thread_executor
from sgextended.workers.dask_executor import DaskCluster
from sgextended.workers.progress import Progress

if TYPE_CHECKING:
    from os import PathLike


@frozen
class Failure:
    """
    The result of a failed item with ``on_error="collect"``. It is false.

    Attributes:
        item: The item.

        error: The exception that the work raised.
    """

    __module__ = "sgextended"

    item: Any
    error: BaseException

    def __bool__(self) -> bool:
        return False


def check_executor(executor: Optional[Executor]) -> None:
    """
    Raise `ConfigurationError` if a value of the option ``executor`` is neither an executor nor None.
    """
    if executor is not None and not callable(getattr(executor, "submit", None)):
        msg = f"executor={executor!r:.80} is not valid. Pass a concurrent.futures.Executor, or None."
        raise ConfigurationError(msg)


def executor_for(given: Optional[Executor], workers: int, name: str) -> ContextManager[Executor]:
    """
    Return a context manager whose value is *given*, or an executor with up to *workers* threads if that is None.

    The end of the block shuts the threads down, and tells a Dask cluster that the run is over. Any other executor
    remains usable.
    """
    if given is None:
        return thread_executor.executor(workers, name)
    return given if isinstance(given, DaskCluster) else contextlib.nullcontext(given)


@frozen(kw_only=True)
class Options:
    """
    The options of ``sg.map``, which documents them.

    Raises:
        ConfigurationError: An option is not valid.
    """

    workers: int = 8
    executor: Optional[Executor] = None
    ordered: bool = True
    on_error: str = "raise"
    progress: Progress = None
    timeout: Optional[float] = None
    chunksize: Optional[int] = None
    journal: Union[str, "PathLike[str]", None] = None
    key: Optional[Callable[[Any], str]] = None

    def __attrs_post_init__(self) -> None:
        for name, value in (("workers", self.workers), ("chunksize", 1 if self.chunksize is None else self.chunksize)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                msg = f"{name}={value!r} is not valid. Pass a whole number of at least 1."
                raise ConfigurationError(msg)
        if self.on_error not in ("raise", "collect"):
            msg = (
                f"on_error={self.on_error!r} is not valid. Pass 'raise' to end at the first failure, or 'collect' to "
                "receive each one."
            )
            raise ConfigurationError(msg)
        check_executor(self.executor)
        if self.progress is not None and not isinstance(self.progress, bool) and not callable(self.progress):
            msg = (
                f"progress={self.progress!r:.80} is not valid. Pass True for a bar, or a function; it is called "
                "with (done, failed, total)."
            )
            raise ConfigurationError(msg)
