"""
The part of a Dask map that runs in the scheduler: a table of the items that workers have claimed.
"""

import functools
from typing import Any, Dict, List, Optional, Tuple

#: Prefix of the calls that the scheduler learns, with a version: a scheduler can outlive the clients that use it.
NAME = "sgextended_1"

BEGUN, WITHDRAWN = 1, 2


class Claims:
    """
    The state of each item of each running map.

    Args:
        scheduler: The ``distributed.Scheduler``; the methods are registered as its handlers.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._runs: Dict[str, Tuple[str, bytearray]] = {}  # by run: the client, and the state of each number
        for call in (self.open, self.claim, self.withdraw, self.close):
            scheduler.handlers[f"{NAME}_{call.__name__}"] = call

    def open(self, run: str, client: str) -> None:
        """
        Register a map.
        """
        self._runs[run] = client, bytearray()

    def close(self, run: str) -> None:
        """
        Remove a map: no item of it is begun any more.
        """
        self._runs.pop(run, None)

    def forget(self, client: str) -> None:
        """
        Remove the maps of a client.
        """
        for run in [run for run, (owner, _marks) in self._runs.items() if owner == client]:
            self.close(run)

    def claim(self, run: str, number: int) -> Optional[str]:
        """
        Claim an item and return its state.

        Returns:
            ``"begin"`` for the first claim of a number; ``"begun"`` or ``"withdrawn"`` for later ones; None if the map
            is over.
        """
        return self._mark(run, number, BEGUN) if run in self._runs else None

    def withdraw(self, run: str, chunks: Dict[str, List[int]]) -> Dict[str, str]:
        """
        Mark items as withdrawn unless they have begun, and return the state of each Dask task.

        Args:
            run: The map.

            chunks: The numbers of the items in each task, by the key of the task.

        Returns:
            By key: ``"withdrawn"``; ``"begun"``; or ``"lost"`` if the task has begun and no worker has it now.
        """
        states = {}
        for key, numbers in chunks.items() if run in self._runs else ():
            begun = "begun" in [self._mark(run, number, WITHDRAWN) for number in numbers]
            task = self._scheduler.tasks.get(key)
            is_idle = task is not None and task.state in ("waiting", "queued", "no-worker")
            states[key] = ("lost" if is_idle else "begun") if begun else "withdrawn"
        return states

    def _mark(self, run: str, number: int, mark: int) -> str:
        marks = self._runs[run][1]
        if number >= len(marks):
            marks.extend(bytes(number + 1024 - len(marks)))
        before, marks[number] = marks[number], marks[number] or mark
        return ("begin", "begun", "withdrawn")[before]


@functools.cache
def claims_plugin() -> Any:
    """
    Return the class of the scheduler plugin that installs `Claims`.
    """
    from distributed.diagnostics.plugin import SchedulerPlugin  # noqa: PLC0415 - an extra

    class Plugin(SchedulerPlugin):
        name = NAME
        idempotent = True  # the plugin that was registered first stays

        async def start(self, scheduler: Any) -> None:
            self.claims = Claims(scheduler)

        def remove_client(self, scheduler: Any, client: str) -> None:  # noqa: ARG002 - the signature is Dask's
            self.claims.forget(client)

    return Plugin
