"""Computing: blocks of a Dask graph become numbers, on this machine's cores or on a cluster."""

import importlib.metadata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import dask.array as da
import numpy as np
from dask.base import compute
from numpy.typing import NDArray

from ingest.compositing.grids import GridBlock

Work: TypeAlias = tuple[GridBlock, da.Array]
Done: TypeAlias = tuple[GridBlock, NDArray[np.uint16]]

BLOCKS_A_WORKER = 2
"""Under way on a cluster: one is computed while the next is read."""
CONNECT_TIMEOUT_S = 10
WORKERS_WITHIN_S = 60
"""How long a cluster may be without a worker before it is given up."""


class ClusterError(RuntimeError):
    """The cluster cannot do the work; the message says what is wrong with it."""


class BlockScheduler(Protocol):
    """Where a graph runs."""

    def blocks(self, work: Iterable[Work]) -> Iterator[Done]:
        """Compute blocks, a bounded number at a time, which come in any order."""
        ...

    def run(self, collection: Any) -> None:
        """Compute something for its effects."""
        ...


class Threads:
    """This process: one block at a time, on a thread a core.

    GDAL and NumPy release the interpreter, so that threads use all cores; processes would hold the same
    blocks twice and send them to one another.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def blocks(self, work: Iterable[Work]) -> Iterator[Done]:
        """See `BlockScheduler.blocks`."""
        for block, array in work:
            yield block, array.compute(scheduler="threads", num_workers=self.threads)

    def run(self, collection: Any) -> None:
        """See `BlockScheduler.run`."""
        compute(collection, scheduler="threads", num_workers=self.threads)


class Cluster:
    """Workers of a Dask cluster; a block whose worker dies is computed again by another."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def blocks(self, work: Iterable[Work]) -> Iterator[Done]:
        """See `BlockScheduler.blocks`."""
        from distributed import wait

        left = iter(work)
        under_way: dict[Any, GridBlock] = {}
        try:
            while True:
                for block, array in _first(left, self._room(len(under_way))):
                    under_way[self._client.compute(array)] = block
                if not under_way:
                    return
                with self._client.as_current(), self._watched():
                    wait(list(under_way), timeout=WORKERS_WITHIN_S, return_when="FIRST_COMPLETED")
                for future in [future for future in under_way if future.done()]:
                    yield under_way.pop(future), self._result(future)
        finally:
            self._client.cancel(list(under_way))

    def run(self, collection: Any) -> None:
        """See `BlockScheduler.run`."""
        self._result(self._client.compute(collection))

    def _room(self, under_way: int) -> int:
        return max(1, BLOCKS_A_WORKER * len(self._client.scheduler_info(n_workers=-1)["workers"])) - under_way

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Go on waiting while there are workers."""
        try:
            yield
        except TimeoutError as error:
            if not self._client.scheduler_info(n_workers=-1)["workers"]:
                raise ClusterError(
                    "the Dask cluster has no workers left; start some and try again."
                ) from error

    def _result(self, future: Any) -> Any:
        from distributed import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise ClusterError(
                "several workers of the Dask cluster died over the same block; they may be short of memory."
            ) from error


@contextmanager
def scheduler_at(
    address: str | None, threads: int, *, timeout_s: float = CONNECT_TIMEOUT_S
) -> Iterator[BlockScheduler]:
    """Yield where graphs run: the cluster at an address such as tcp://host:8786, else this machine.

    Args:
        address: Of the cluster's scheduler; None for this machine.
        threads: That compute at once on this machine.
        timeout_s: How long the cluster may take to answer.

    Raises:
        ClusterError: If no cluster answers, or its workers lack Tilewatch.
    """
    if address is None:
        yield Threads(threads)
        return
    from distributed import Client

    try:
        client = Client(address, timeout=timeout_s, set_as_default=False, asynchronous=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address}; see TILEWATCH_DASK_SCHEDULER, or leave it out."
        ) from error
    with client:
        _require_workers(client)
        yield Cluster(client)


def _require_workers(client: Any) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_WITHIN_S)
    except TimeoutError as error:
        raise ClusterError("the Dask cluster has no workers; start some: dask worker ADDRESS.") from error
    ours = importlib.metadata.version("tilewatch")
    others = {found for found in client.run(_version_there).values() if found != ours}
    if others:
        raise ClusterError(
            f"workers of the Dask cluster have Tilewatch {', '.join(sorted(others))} where this is {ours}; "
            "equal versions are needed."
        )


def _version_there() -> str:
    """Return the version of Tilewatch in the process this runs in."""
    import importlib.metadata

    try:
        return importlib.metadata.version("tilewatch")
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _first(work: Iterator[Work], count: int) -> Iterator[Work]:
    """Yield the next items of an iterator, up to a count."""
    for _, one in zip(range(count), work, strict=False):
        yield one
