"""
`EventRunner`: runs the handlers of events, each with its own place in the log.
"""

from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Union

from attrs import field, frozen

from sgextended.concurrency.start_thread import start
from sgextended.concurrency.wake_up import LOOK_AGAIN
from sgextended.errors import ConfigurationError
from sgextended.events.handling.handler_loop import HandlerLoop
from sgextended.events.handling.handlers import Handler, handlers_of
from sgextended.events.handling.parked_events import Parked, ParkedEvents
from sgextended.events.log.checkpoint import CheckpointFile, read_checkpoint
from sgextended.events.log.log_follower import FollowOptions
from sgextended.events.log.start_position import After, check_after
from sgextended.workers.dask_executor import cluster_of
from sgextended.workers.map_options import check_executor

if TYPE_CHECKING:
    from os import PathLike

#: The ending of the files with the places of handlers.
_ENDING = ".checkpoint"


@frozen(kw_only=True)
class HandlerState:
    """
    The state of one handler, from its file.

    Attributes:
        name: The name of the handler.

        mark: The id up to which all events are handled or parked. None: it has not begun.

        parked: The events whose handling has failed, the lowest id first.
    """

    __module__ = "sgextended"

    name: str
    mark: Optional[int]
    parked: List[Parked] = field(factory=list)


class EventRunner:
    """
    Runs handlers of events until it is closed.

    Each handler follows the log in a thread of its own, so that none waits for another. It has a file in *folder* with
    its place in the log. An event whose handling raises is parked in that file and tried again, after 10 seconds and
    then after growing waits up to an hour, 12 times in total; the handler goes on with the next events meanwhile. With
    1000 parked events a handler takes no further ones.

    Args:
        sg: The wrapper. Each worker gets a clone; for methods of another class, an instance of that class.

        sources: Modules, classes or functions with handlers, marked by `sgextended.on`.

        folder: The folder for the files. It is created if it does not exist.

        after: Where a handler without a file begins; see `SGExtended.events`.

        gap_age: As for `SGExtended.events`.

        poll_seconds: As for `SGExtended.events`.

        executor: Handles the events, such as a ``ProcessPoolExecutor`` or the ``get_executor()`` of a Dask client. It
            is not shut down. None: threads of each handler.

    Raises:
        ConfigurationError: There are no handlers, two have the same name, or another runner uses the folder; or the
            executor uses other processes, and the wrapper or a handler cannot be sent to them.
    """

    __module__ = "sgextended"
    folder: Path

    def __init__(
        self,
        sg: Any,
        sources: Sequence[Any],
        folder: "Union[str, PathLike[str]]",
        *,
        after: After = "now",
        gap_age: float = 300.0,
        poll_seconds: float = 1.0,
        executor: Optional[Executor] = None,
    ) -> None:
        self._loops: List[HandlerLoop] = []
        self._is_running = False
        check_executor(executor)
        handlers = handlers_of(*sources)
        start_at = check_after(after)
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"The folder {self.folder} for the places of handlers cannot be created: {error.strerror}."
            raise ConfigurationError(msg) from error
        try:
            for handler in handlers:
                options = FollowOptions(
                    filter=handler.filter,
                    after=start_at,
                    in_order=handler.in_order,
                    gap_age=gap_age,
                    poll_seconds=poll_seconds,
                )
                # A cluster repeats the events of a worker that has died: each is handled at least once anyway.
                workers = cluster_of(executor, idempotent=True) or executor
                self._loops.append(HandlerLoop(handler, sg, path_of(self.folder, handler), options, workers))
        except BaseException:
            for loop in self._loops:
                loop.release()
            raise

    @property
    def handlers(self) -> List[Handler]:
        """
        The handlers.
        """
        return [loop.handler for loop in self._loops]

    @property
    def handled(self) -> Dict[str, int]:
        """
        The number of events that this run has handled, by the name of the handler.
        """
        return {loop.handler.name: loop.handled for loop in self._loops}

    def find_starts(self) -> None:
        """
        Find the places where handlers without a file begin, and store them. After it, no change is missed.

        `run` does it too, while the handlers begin. While the site is down, this waits for it, until `close`.

        Raises:
            Exception: The failure is no outage, such as refused credentials. The runner is closed.
        """
        self._is_running = True
        try:
            for loop in self._loops:
                loop.find_start()
        except BaseException:
            self._end()
            raise
        self._is_running = False
        if any(loop.is_closing for loop in self._loops):
            self.close()

    def run(self) -> None:
        """
        Run the handlers until `close`. The events that are handled then are finished first.

        If the loop of one handler fails, as with a filter that the site refuses, the others go on.

        Raises:
            Exception: The first error that has ended a handler; it is raised when all have ended.

            RuntimeError: No thread can be started.
        """
        threads = []
        self._is_running = True
        try:
            for loop in self._loops:
                thread = start(loop.run, f"sgextended-on-{loop.handler.name}")
                if thread is None:
                    raise RuntimeError("No further thread can be started. Run fewer handlers in this process.")
                threads.append(thread)
            for thread in threads:
                while thread.is_alive():
                    thread.join(LOOK_AGAIN)  # short, so that signal handlers run on all systems
        finally:
            self.close()
            for thread in threads:
                thread.join()
            self._end()
        for loop in self._loops:
            if loop.error is not None:
                raise loop.error

    def close(self) -> None:
        """
        End `run`: no further events are begun. Another thread or a signal handler may call it.
        """
        for loop in self._loops:
            loop.close()
            if not self._is_running:
                loop.release()

    def _end(self) -> None:
        self._is_running = False
        self.close()


def path_of(folder: Path, handler: Handler) -> Path:
    """
    Return the file of a handler.
    """
    return folder / f"{handler.name}{_ENDING}"


def states_in(folder: "Union[str, PathLike[str]]") -> List[HandlerState]:
    """
    Return the states of the handlers with files in a folder, also while a runner uses it.

    Raises:
        ConfigurationError: The folder does not exist, or a file cannot be read.
    """
    place = Path(folder)
    if not place.is_dir():
        msg = f"The folder {place} does not exist. Name the folder that the handlers were run with."
        raise ConfigurationError(msg)
    states = []
    for path in sorted(place.glob(f"*{_ENDING}")):
        content = read_checkpoint(path)
        position, parked = content.get("position") or {}, ParkedEvents(content.get("parked", ()))
        states.append(HandlerState(name=path.name[: -len(_ENDING)], mark=position.get("mark"), parked=list(parked)))
    return states


def retry_parked(folder: "Union[str, PathLike[str]]") -> int:
    """
    Have the next run try all parked events at once, and return their number.

    Raises:
        ConfigurationError: A runner uses the folder, or the folder does not exist.
    """
    count = 0
    for state in states_in(folder):
        file = CheckpointFile(Path(folder) / f"{state.name}{_ENDING}", None)
        try:
            parked = ParkedEvents(file.content.get("parked", ()))
            parked.retry_all()
            count += len(parked)
            if len(parked):
                file.save({**file.content, "parked": parked.to_json()})
        finally:
            file.release()
    return count
