"""Where blocks are computed: in this process, in processes of this machine, or on a Dask cluster that runs already."""

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import torch

if TYPE_CHECKING:
    from distributed import Client

Item = TypeVar("Item")
Result = TypeVar("Result")

WAIT = 30  # seconds for a scheduler to answer and for a worker to be there
RETRIES = 3  # of a block, where a disk that is shared fails for a moment


class ClusterError(ValueError):
    """A cluster that is not there, cannot do the work or was lost; the message says what to do."""


@dataclass(frozen=True)
class Engine:
    """Something that computes.

    Attributes:
        executor: takes the tasks.
        threads: how many tasks it computes at the same time, just now.
        client: of a cluster.
    """

    executor: Executor
    threads: Callable[[], int]
    client: "Client | None" = None

    def run(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result]]:
        """Does the work for every item; items and results come as they are done.

        At most two tasks a thread are under way, so that nothing piles up and a stop is a stop.

        Raises:
            ClusterError: the cluster is gone, or its workers die of one item again and again.
            Exception: whatever ``work`` raises.
        """
        left = deque(items)
        running: dict[Future[Result], Item] = {}
        try:
            while left or running:
                while left and len(running) < 2 * max(1, self.threads()):
                    item = left.popleft()
                    running[self.executor.submit(work, item)] = item
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), _result(future)
        finally:
            for future in running:
                future.cancel()

    def ask(self, question: Callable[[], Result], scheduler: bool = False) -> dict[str, Result]:
        """The answers of the workers of a cluster by their addresses, or that of its scheduler; none of this process.

        Raises:
            ClusterError: the question cannot be put there, as where this package is missing.
        """
        if self.client is None:
            return {}
        try:
            if scheduler:
                return {"the scheduler": self.client.run_on_scheduler(question)}
            return dict(self.client.run(question))
        except Exception as error:  # whatever the other side raises, it comes back here
            raise ClusterError(
                f"expected this version of salt-unet on the scheduler and on every worker, got {error}; install it "
                "there: pip install 'salt-unet[seismic]'"
            ) from None


@contextlib.contextmanager
def this_process() -> Iterator[Engine]:
    """One thread of this process."""
    threads = torch.get_num_threads(), cv2.getNumThreads()
    try:
        with ThreadPoolExecutor(1) as executor:
            yield Engine(executor, lambda: 1)
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])


@contextlib.contextmanager
def processes(count: int) -> Iterator[Engine]:
    """Processes of this machine, of which one that dies is replaced."""
    from distributed import Client, LocalCluster

    options = {"silence_logs": logging.CRITICAL, "dashboard_address": None, "memory_limit": 0}
    with (
        _quiet(),
        LocalCluster(n_workers=count, threads_per_worker=1, **options) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield Engine(client.get_executor(pure=False, retries=RETRIES), lambda: count, client)


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Engine]:
    """A cluster whose scheduler listens at HOST:PORT.

    Raises:
        ClusterError: none answers, or it has no workers.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=WAIT, set_as_default=False)
    except (TimeoutError, OSError, ValueError) as error:
        raise ClusterError(f"expected a Dask scheduler at {address}, got none ({error or 'no answer'})") from None
    with _quiet(), client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError:
            raise ClusterError(
                f"expected workers of the scheduler at {address}, got none; start them: dask worker {address}"
            ) from None
        executor = client.get_executor(pure=False, retries=RETRIES)
        yield Engine(executor, lambda: sum(client.nthreads().values()), client)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps from the screen what Dask logs, tracebacks among it: what matters comes as an exception."""
    handlers = [(handler, handler.level) for handler in logging.getLogger("distributed").handlers]
    try:
        for handler, _ in handlers:
            handler.setLevel(logging.CRITICAL)
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)


def _result(future: "Future[Result]") -> Result:
    try:
        return future.result()
    except CancelledError:
        raise ClusterError("expected the cluster to stay, got cut off from it; --resume goes on from here") from None
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # whose module is of an extra
            raise ClusterError(
                "expected a worker to finish a block, got several that died of the same one, as for want of memory; "
                "take fewer workers, and --resume goes on from here"
            ) from None
        raise
