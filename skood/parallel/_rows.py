"""Dask arrays and frames as rows of one type, each chunk checked on its worker."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def is_frame(X: Any) -> bool:
    """Whether X is a Dask data frame."""
    return hasattr(X, "map_partitions") and hasattr(X, "divisions") and hasattr(X, "columns")


def is_array(X: Any) -> bool:
    """Whether X is a Dask array."""
    return isinstance(X, da.Array)


def row_chunks(X: da.Array) -> da.Array:
    """X in chunks of whole rows; an error unless the number of rows in each is known and not 0."""
    for number, size in enumerate(X.chunks[0]):
        if np.isnan(size):
            raise ValueError(
                f"Partition {number} of X has an unknown number of rows: call "
                "X.compute_chunk_sizes() first, or give the data frame behind X."
            )
        if size == 0:
            raise ValueError(
                f"Partition {number} of X is empty: leave it out, or join partitions with "
                "`rechunk` or `repartition`."
            )
    return X.rechunk(dict.fromkeys(range(1, X.ndim), -1))


def checked_rows(X: da.Array) -> da.Array:
    """Rows of float32 or float64, one chunk wide, each chunk checked when it is computed."""
    if X.ndim != 2:
        raise ValueError(
            f"X must be a Dask array of 2 dimensions, rows and columns. Got {X.ndim} instead."
        )
    X = row_chunks(X)
    dtype = X.dtype if X.dtype in FLOATS else np.dtype(np.float64)
    return X.map_blocks(_checked, to=dtype, dtype=dtype, meta=np.empty((0, 0), dtype=dtype))


def _checked(block: Any, to: np.dtype, block_id: tuple[int, ...]) -> NDArray:
    rows = np.ascontiguousarray(block, dtype=to)
    check_finite(rows, block_id[0])
    return rows


def check_part(rows: Any, columns: list[Any] | None, number: int) -> None:
    """Raise an error that names the partition, if a frame or array can't be rows of X."""
    if columns is not None:
        check_partition(rows, columns, number)
    values = np.asarray(rows)
    if values.dtype.kind == "f":
        check_finite(values.reshape(len(values), -1), number)


def check_finite(rows: NDArray, number: int) -> None:
    """Raise an error that names the partition, if a value is NaN or infinite."""
    finite = np.isfinite(rows)
    if finite.all():
        return
    if not finite.any():
        raise ValueError(f"Partition {number} of X holds only NaN or infinity.")
    row, column = np.argwhere(~finite)[0]
    raise ValueError(
        f"Partition {number} of X holds NaN or infinity, first in its row {row}, column {column}."
    )


def check_partition(frame: Any, columns: list[Any], number: int) -> None:
    """Raise an error that names the partition, unless it has rows and the frame's columns."""
    if list(frame.columns) != columns:
        raise ValueError(
            f"Partition {number} of X must have the columns {columns} of the data frame. "
            f"Got {list(frame.columns)} instead."
        )
    if not len(frame):
        raise ValueError(
            f"Partition {number} of X is empty: leave it out, or join partitions with "
            "`repartition`."
        )
