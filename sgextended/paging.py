"""
Reading many pages ahead: threads bring the bytes of the next pages while the caller decodes the ones before.

Threads carry bytes and one thread burns the CPU: decoding in several would only make them fight for the interpreter.
"""

import threading
from typing import Callable, Dict, Generic, Iterator, Optional, Tuple, TypeVar

Page = TypeVar("Page")
Sleep = Callable[[float], object]

#: Pages in flight when reading ahead begins; they double while the caller has to wait.
FIRST_IN_FLIGHT = 2


class Closed(Exception):
    """
    The page is not wanted any more.
    """


class ReadAhead(Generic[Page]):
    """
    The pages of one result, in order, fetched before they are asked for.

    Iterate over it, and `close` it when no more pages are wanted: nothing more is fetched then, and what is under way
    ends by itself. A failure is raised where its page would have come.

    Args:
        fetch: Returns a page by its number; called in threads. It waits between attempts with the function that it is
            given beside the number, which raises `Closed` when nobody wants the page any more.

        is_last: Tells whether a page is the last one, as far as that is easily seen: after it no more are fetched.

        first: Number of the first page.

        bound: How many pages are in flight at most. As many more may wait to be taken.

        may_grow: Tells whether one more may be in flight, for the sake of others that use the same connections.
    """

    def __init__(
        self,
        fetch: Callable[[int, Sleep], Page],
        *,
        is_last: Callable[[Page], bool],
        first: int,
        bound: int,
        may_grow: Callable[[], bool],
    ) -> None:
        self._fetch, self._is_last, self._bound, self._may_grow = fetch, is_last, bound, may_grow
        self._taken = self._next = first
        self._threads = 0
        self._ended = False
        self._closed = threading.Event()
        self._fetched: Dict[int, Tuple[Optional[Page], Optional[BaseException]]] = {}
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[Page]:
        in_flight = min(FIRST_IN_FLIGHT, self._bound)
        while True:
            with self._changed:
                has_to_wait = self._taken not in self._fetched
                self._start_threads(in_flight)
                while self._taken not in self._fetched:
                    self._changed.wait()
                page, error = self._fetched.pop(self._taken)
                self._taken += 1
                self._changed.notify_all()
            if error is not None:
                raise error
            if has_to_wait:
                in_flight = min(2 * in_flight, self._bound)
            yield page  # type: ignore[misc]  # there is one where there is no error

    def close(self) -> None:
        """
        Fetch nothing more. Who fetches a page now ends after it.
        """
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def _start_threads(self, wanted: int) -> None:
        while self._threads < wanted and (self._threads < FIRST_IN_FLIGHT or self._may_grow()):
            self._threads += 1
            threading.Thread(target=self._work, name=f"sgextended-page-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._next - self._taken >= 2 * self._bound and not self._is_over():
                    self._changed.wait()
                if self._is_over():
                    return
                number = self._next
                self._next += 1
            outcome: Tuple[Optional[Page], Optional[BaseException]]
            try:
                page = self._fetch(number, self._sleep)
                outcome = page, None
                ended = self._is_last(page)
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                outcome, ended = (None, error), True
            with self._changed:
                self._fetched[number] = outcome
                self._ended = self._ended or ended
                self._changed.notify_all()

    def _is_over(self) -> bool:
        return self._ended or self._closed.is_set()

    def _sleep(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise Closed
