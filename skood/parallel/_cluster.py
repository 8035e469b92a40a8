"""The Dask cluster at hand: who computes, what is kept there, and how much it holds."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import cloudpickle
import dask
from dask.base import get_scheduler
from dask.delayed import Delayed, delayed

# What skood hands to the scheduler is to stay there: it is what a lost worker's part is made of
# again. So its size is no mistake to warn of.
_NO_SIZE_WARNING = {"distributed.admin.large-graph-warning-threshold": "1 PiB"}
_WAIT = "distributed.comm.timeouts.connect"


def active_client() -> Any:
    """The client of the distributed cluster that would compute now; None for this process."""
    owner = getattr(get_scheduler(), "__self__", None)
    return owner if hasattr(owner, "scheduler_info") else None


def worker_memory(client: Any) -> list[int]:
    """Bytes that each worker may use, 0 where there is no limit; waits for a first worker.

    Raises
    ------
    RuntimeError
        If there is no worker after the time that Dask's setting for connecting allows. A
        computation without workers would wait for ever.
    """
    timeout = dask.config.get(_WAIT)
    if not client.nthreads():
        try:
            client.wait_for_workers(1, timeout=timeout)
        except TimeoutError as error:
            raise RuntimeError(
                f"The Dask cluster at {client.scheduler.address} has no workers, and none came "
                f"within {timeout}. Start some, or close the client to compute in this process."
            ) from error
    # Newer versions may give only some of the workers, older ones always give all.
    known = "n_workers" in inspect.signature(client.scheduler_info).parameters
    workers = client.scheduler_info(**({"n_workers": -1} if known else {}))["workers"]
    return [int(worker["memory_limit"] or 0) for worker in workers.values()]


def compute(collections: Sequence[Any]) -> tuple[Any, ...]:
    """Compute by the cluster at hand, or else by threads of this process."""
    client = active_client()
    if client is not None:
        worker_memory(client)
    with dask.config.set(_NO_SIZE_WARNING):
        return dask.compute(*collections)


def persist(collections: Sequence[Any]) -> tuple[Any, ...]:
    """Compute and keep on the workers (or here), with what it takes to make lost parts again."""
    client = active_client()
    if client is not None:
        worker_memory(client)
    with dask.config.set(_NO_SIZE_WARNING):
        return dask.persist(*collections)


def inside_worker() -> bool:
    """Whether this is a task on a worker of a cluster."""
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True


def is_alive(collection: Any) -> bool:
    """Whether what was persisted can still be had: the client that keeps it is open."""
    from distributed import futures_of

    return all(future.client.status == "running" for future in futures_of(collection))


class SharedState:
    """An object that travels to each worker once a computation, however many tasks need it.

    On a cluster it is a task without input that unpickles the object on one worker; the others
    fetch it from there, each once (once more, if Dask's memory manager has dropped a copy that only
    the last tasks wait for). The scheduler has the bytes, so that it outlives its workers.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self._kept: tuple[Any, Delayed] | None = None

    def delayed(self) -> Delayed:
        """The object as a node of a graph."""
        client = active_client()
        if self._kept is None or self._kept[0] is not client or not is_alive(self._kept[1]):
            self._kept = client, self._sent(client)
        return self._kept[1]

    def _sent(self, client: Any) -> Delayed:
        if client is None:
            return delayed(self.value, traverse=False)
        load = delayed(cloudpickle.loads, pure=False)(cloudpickle.dumps(self.value))
        return persist([load])[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"value": self.value, "_kept": None}
