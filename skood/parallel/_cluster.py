"""The active Dask cluster: its client, its memory, and the objects that it keeps."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import cloudpickle
import dask
from dask.base import get_scheduler
from dask.delayed import Delayed, delayed

# Objects that skood hands to the scheduler stay there, to build the part of a lost worker again. So
# their size is no mistake, and needs no warning.
_NO_SIZE_WARNING = {"distributed.admin.large-graph-warning-threshold": "1 PiB"}
_WAIT = "distributed.comm.timeouts.connect"


def active_client() -> Any:
    """The client of the cluster that would compute now; None if this process would compute."""
    owner = getattr(get_scheduler(), "__self__", None)
    return owner if hasattr(owner, "scheduler_info") else None


def worker_memory(client: Any) -> list[int]:
    """Bytes that each worker may use, 0 without a limit; waits for a first worker.

    A computation without workers would wait for ever, so it raises after Dask's timeout for
    connecting.
    """
    timeout = dask.config.get(_WAIT)
    if not client.nthreads():
        try:
            client.wait_for_workers(1, timeout=timeout)
        except TimeoutError as error:
            raise RuntimeError(
                f"The Dask cluster at {client.scheduler.address} has no workers, and none came "
                f"within {timeout}. Start workers, or close the client to compute in this process."
            ) from error
    # Newer versions list only some of the workers by default, older versions always list all.
    known = "n_workers" in inspect.signature(client.scheduler_info).parameters
    workers = client.scheduler_info(**({"n_workers": -1} if known else {}))["workers"]
    return [int(worker["memory_limit"] or 0) for worker in workers.values()]


def compute(collections: Sequence[Any]) -> tuple[Any, ...]:
    """Compute on the active cluster, or by threads of this process."""
    client = active_client()
    if client is not None:
        worker_memory(client)
    with dask.config.set(_NO_SIZE_WARNING):
        return dask.compute(*collections)


def persist(collections: Sequence[Any]) -> tuple[Any, ...]:
    """Compute, and keep the results on the workers or here; Dask can build lost parts again."""
    client = active_client()
    if client is not None:
        worker_memory(client)
    with dask.config.set(_NO_SIZE_WARNING):
        return dask.persist(*collections)


def inside_worker() -> bool:
    """Whether this code runs in a task on a worker of a cluster."""
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True


def is_alive(collection: Any) -> bool:
    """Whether a persisted collection still exists: its client is open."""
    from distributed import futures_of

    return all(future.client.status == "running" for future in futures_of(collection))


class SharedState:
    """An object that travels to each worker once a computation, for any number of tasks.

    On a cluster it is a task without input that unpickles the object on one worker. The other
    workers fetch the object from there, each once (twice, if Dask's memory manager has dropped a
    copy that only the last tasks wait for). The scheduler has the bytes, so the object outlives the
    workers.
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
