"""One local cluster of two worker processes for all tests that need one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster

# The cluster notices a killed worker and replaces it within a second.
_SETTINGS = {
    "distributed.scheduler.worker-ttl": None,
    "distributed.worker.memory.terminate": False,
    "distributed.comm.timeouts.connect": "10s",
}


@contextmanager
def opened(n_workers: int = 2, **options: Any) -> Iterator[Client]:
    """A client of a new cluster, closed with it."""
    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            **options,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
