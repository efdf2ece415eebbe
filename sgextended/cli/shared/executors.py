"""
Where the functions of a command run: in threads, in processes or on a Dask cluster.
"""

import contextlib
import multiprocessing
import re
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Annotated, Any, Callable, Iterator, Optional, Sequence, Tuple

import typer
from attrs import frozen

from sgextended.cli.shared.load_function import file_to_upload
from sgextended.cli.usage_error import UsageError
from sgextended.errors import ConfigurationError

#: How many items are processed at the same time if the command does not say.
DEFAULT_WORKERS = 8
CLUSTER_TIMEOUT = 10.0  # seconds until a Dask scheduler must respond

_ADDRESS = re.compile(r"((tcp|tls|ucx|wss?)://)?[^/]+:\d+/?")

ProcessesOption = Annotated[
    bool, typer.Option("--processes", help="Use processes instead of threads: for a function that computes a lot.")
]
DaskOption = Annotated[
    Optional[str],
    typer.Option(metavar="ADDRESS", help="Use a Dask cluster: the address of its scheduler, such as tcp://farm:8786."),
]


@frozen(kw_only=True)
class ExecutorKind:
    """
    Where the function runs: in threads (the default), in processes, or on a Dask cluster.

    Attributes:
        workers: How many entities are processed at the same time. None: the default of the kind.

        processes: Whether to use processes.

        dask: The address of the scheduler of a Dask cluster, or None.
    """

    workers: Optional[int] = None
    processes: bool = False
    dask: Optional[str] = None

    def check(self) -> None:
        """
        Raise an error if the options contradict each other or are not valid.

        Raises:
            UsageError: Both processes and a cluster are given, or the address is not valid.
        """
        if self.processes and self.dask is not None:
            raise UsageError("--processes and --dask exclude each other. Give one of them.")
        if self.dask is not None and not _ADDRESS.fullmatch(self.dask):
            raise UsageError(
                f"--dask {self.dask!r} is not the address of a scheduler. Write it as HOST:PORT, such as tcp://farm:8786."
            )

    @contextlib.contextmanager
    def open(
        self, functions: Sequence[Callable[..., Any]], *, needed: bool = True
    ) -> Iterator[Tuple[Optional[Executor], int, str]]:
        """
        Yield an executor, or None for threads; the number of workers; and what one worker is called in messages.

        Args:
            functions: The functions that it will run. A cluster gets their files.

            needed: Whether there is work. If not, nothing is started.
        """
        workers = self.workers or DEFAULT_WORKERS
        if not needed:
            yield None, workers, "worker"
        elif self.dask is not None:
            with _cluster(self.dask, functions) as client:
                threads = sum(client.nthreads().values())
                with client.get_executor() as executor:
                    yield executor, self.workers or max(threads, 1), "Dask worker"
        elif self.processes:
            # spawn on all systems, because forking a process that has threads is not safe.
            context = multiprocessing.get_context("spawn")
            with _ProcessPool(workers, mp_context=context, initializer=_ignore_ctrl_c) as executor:
                yield executor, workers, "process"
        else:
            yield None, workers, "worker"


class _ProcessPool(ProcessPoolExecutor):
    """
    A process pool whose processes never receive Ctrl-C.

    A process inherits the blocked signals of its parent. SIGINT is blocked here while one starts, so that Ctrl-C cannot
    reach it before it ignores SIGINT.
    """

    def submit(self, *args: Any, **kwargs: Any) -> "Future[Any]":
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return super().submit(*args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ignore_ctrl_c() -> None:
    """
    Ignore SIGINT in this process. A terminal sends it to all processes, and the parent process handles it for all.
    """
    with contextlib.suppress(ValueError):  # not in the main thread, so no SIGINT arrives
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _cluster(address: str, functions: Sequence[Callable[..., Any]]) -> Iterator[Any]:
    import distributed  # noqa: PLC0415 - an extra

    try:
        client = distributed.Client(address, timeout=CLUSTER_TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        msg = f"No Dask scheduler responds at {address}: {error}. Check the address, and that the scheduler is running."
        raise ConfigurationError(msg) from error
    with client:
        for file in sorted({file for file in map(file_to_upload, functions) if file is not None}):
            client.upload_file(str(file))  # so that the workers can import it
        yield client
