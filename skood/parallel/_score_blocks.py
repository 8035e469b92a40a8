"""What a worker does with one chunk of rows, and the Dask collections that are made of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from dask.delayed import Delayed
from numpy.typing import NDArray

from .._optional import import_optional
from ._rows import check_chunks, check_finite, check_partition, is_frame
from ._steps import call

# What a method gives for each row, and the name of the Series of it.
OUTPUTS = {
    "score_samples": (np.dtype(np.float64), "score"),
    "decision_function": (np.dtype(np.float64), "decision"),
    "predict": (np.dtype(np.int64), "prediction"),
    "p_values": (np.dtype(np.float64), "p_value"),
}


def map_rows(X: Any, state: Delayed, method: str, options: dict[str, Any]) -> Any:
    """Call a method of the estimator for each chunk, lazily.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame
        The rows.
    state : Delayed
        Node with the fitted estimator.
    method : str
        One of `OUTPUTS`.
    options : dict
        Keywords for the method.

    Returns
    -------
    dask.array.Array or dask.dataframe.Series
        One value for each row, with the chunks, or the index and divisions, of X.
    """
    dtype, name = OUTPUTS[method]
    if is_frame(X):
        pandas = import_optional("pandas", "dask", needed_by="A data frame of Dask")
        return X.map_partitions(
            _of_partition,
            state,
            method,
            options,
            columns=list(X.columns),
            meta=pandas.Series([], dtype=dtype, name=name, index=X._meta.index[:0]),
        )
    check_chunks(X)
    X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    return X.map_blocks(
        _of_chunk,
        state,
        method,
        options,
        dtype=dtype,
        drop_axis=list(range(1, X.ndim)),
        meta=np.empty(0, dtype=dtype),
    )


def _of_chunk(
    block: NDArray,
    estimator: Any,
    method: str,
    options: dict[str, Any],
    block_id: tuple[int, ...],
) -> NDArray:
    return _called(estimator, method, block, options, block_id[0])


def _of_partition(
    frame: Any,
    estimator: Any,
    method: str,
    options: dict[str, Any],
    columns: list[Any],
    partition_info: dict[str, Any] | None = None,
) -> Any:
    number = (partition_info or {}).get("number", 0)
    check_partition(frame, columns, number)
    values = _called(estimator, method, frame, options, number)
    pandas = import_optional("pandas", "dask")
    dtype, name = OUTPUTS[method]
    return pandas.Series(values, index=frame.index, name=name, dtype=dtype)


@contextmanager
def naming_partition(number: int) -> Iterator[None]:
    """Errors about rows say which partition these are."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"Partition {number} of X: {error}") from error


def _called(
    estimator: Any, method: str, rows: Any, options: dict[str, Any], number: int
) -> NDArray:
    values = np.asarray(rows)
    if values.dtype.kind == "f":
        check_finite(values.reshape(len(values), -1), number)
    with naming_partition(number):
        return call(estimator, method, rows, options)
