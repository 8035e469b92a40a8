"""Blocks of rows that are not one array or frame in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .._validation import count_rows, is_dict
from ..rows import StoredRows

_ROWS = 8_192  # at a time


def blocks_of(X: Any, timestamps: Any) -> Iterable[tuple[Any, Any]] | None:
    """Pairs of rows and their times; None if X is one block already."""
    if isinstance(X, StoredRows):
        return _with_times((rows for _, rows in X.blocks()), timestamps)
    if hasattr(X, "divisions"):  # a frame of Dask
        parts = (X.get_partition(i).compute() for i in range(X.npartitions))
        return _with_times((part for part in parts if len(part)), _computed(timestamps))
    if hasattr(X, "dask"):
        whole = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
        parts = (part.compute() for part in whole.to_delayed().ravel())
        return _with_times((part for part in parts if len(part)), _computed(timestamps))
    if is_dict(X) or not hasattr(X, "shape") or count_rows(X) <= _ROWS:
        return None
    starts = range(0, count_rows(X), _ROWS)
    rows = X.iloc if hasattr(X, "iloc") else X
    return _with_times((rows[start : start + _ROWS] for start in starts), timestamps)


def as_table(rows: Any) -> Any:
    """A list or a tensor of rows as an array; other inputs unchanged."""
    if hasattr(rows, "detach"):
        return rows.detach().cpu().numpy()
    return np.asarray(rows) if isinstance(rows, list | tuple) else rows


def _computed(timestamps: Any) -> Any:
    return timestamps.compute() if hasattr(timestamps, "dask") else timestamps


def _with_times(blocks: Iterable[Any], timestamps: Any) -> Iterator[tuple[Any, Any]]:
    start = 0
    times = getattr(timestamps, "iloc", timestamps)
    for rows in blocks:
        stop = start + count_rows(rows)
        yield rows, None if timestamps is None else times[start:stop]
        start = stop
