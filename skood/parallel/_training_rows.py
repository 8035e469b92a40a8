"""Training rows of a neighbour detector as a Dask array whose chunks become shards."""

from __future__ import annotations

from typing import Any

import dask.array as da
from dask.tokenize import tokenize
from sklearn.base import BaseEstimator

from .._validation import check_training_rows, forget_columns
from ..rows.threads import n_threads
from ._cluster import active_client, worker_memory
from ._parts import Parts
from ._rows import checked_rows, is_array, is_frame


def training_rows(
    owner: BaseEstimator, X: Any, *, n_shards: int | None, min_samples: int
) -> da.Array:
    """Rows as a Dask array of floats; the owner learns their width and names.

    Equal Dask collections become arrays of the same name. Rows in memory get `n_shards` chunks;
    None: one for each worker.
    """
    if is_frame(X):
        parts = Parts.of(X)
        check_training_rows(owner, parts.head, min_samples=1)
        return _enough(owner, parts.array(f"skood-rows-{tokenize(X)}"), min_samples)
    if is_array(X):
        rows = checked_rows(X)
        forget_columns(owner)
        owner.n_features_in_ = rows.shape[1]
        return _enough(owner, rows, min_samples)
    X = check_training_rows(owner, X, min_samples=min_samples, stored=True)
    return da.from_array(X, chunks=(-(-len(X) // (n_shards or _n_places())), -1))


def _enough(owner: BaseEstimator, rows: da.Array, min_samples: int) -> da.Array:
    if rows.shape[0] < min_samples:
        raise ValueError(
            f"Found array with {rows.shape[0]} sample(s) while a minimum of {min_samples} is "
            f"required by {type(owner).__name__}."
        )
    return rows


def check_memory(rows: da.Array) -> None:
    """Raise unless all workers together can hold the rows, and one worker the largest shard."""
    client = active_client()
    limits = [] if client is None else worker_memory(client)
    if not limits or not all(limits):
        return
    row_bytes = rows.dtype.itemsize * rows.shape[1]
    total = row_bytes * rows.shape[0]
    if total > sum(limits):
        raise MemoryError(
            f"The {rows.shape[0]} training rows of ShardedIndex take {_gb(total)}, but the "
            f"{len(limits)} worker(s) may use only {_gb(sum(limits))} together: add workers."
        )
    sizes = rows.chunks[0]
    largest = max(range(len(sizes)), key=sizes.__getitem__)
    if row_bytes * sizes[largest] > max(limits):
        raise MemoryError(
            f"Shard {largest} of ShardedIndex has {sizes[largest]} rows, which take "
            f"{_gb(row_bytes * sizes[largest])}, but a worker may use only {_gb(max(limits))}: "
            "raise n_shards."
        )


def _n_places() -> int:
    client = active_client()
    return n_threads(-1) if client is None else len(worker_memory(client))


def _gb(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.3g} GB"
