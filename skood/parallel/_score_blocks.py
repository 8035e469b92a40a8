"""The method calls on one chunk of rows, and the Dask collections of their results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from .._optional import import_optional
from .._validation import pipeline_steps
from ._rows import check_part, is_frame, row_chunks

# The type of a method's result for each row, and the name of its Series.
OUTPUTS = {
    "score_samples": (np.dtype(np.float64), "score"),
    "decision_function": (np.dtype(np.float64), "decision"),
    "predict": (np.dtype(np.int64), "prediction"),
    "p_values": (np.dtype(np.float64), "p_value"),
}


def map_rows(X: Any, state: Delayed, method: str, options: dict[str, Any]) -> Any:
    """Call a method of the estimator, a key of `OUTPUTS`, for each chunk, lazily.

    The result has the chunks, or the index and divisions, of X.
    """
    dtype, _ = OUTPUTS[method]
    if is_frame(X):
        score, columns = delayed(_of_partition, pure=True), list(X.columns)
        parts = enumerate(X.to_delayed())
        nodes = [score(part, state, method, options, columns, number) for number, part in parts]
        return series_of(nodes, X, method)
    X = row_chunks(X)
    return X.map_blocks(
        _of_chunk,
        state,
        method,
        options,
        dtype=dtype,
        drop_axis=list(range(1, X.ndim)),
        meta=np.empty(0, dtype=dtype),
    )


def series_of(nodes: list[Delayed], X: Any, method: str) -> Any:
    """A Dask Series from nodes with its partitions, with the index and divisions of X."""
    dd = import_optional("dask.dataframe", "dask")
    dtype, name = OUTPUTS[method]
    pandas = import_optional("pandas", "dask")
    meta = pandas.Series([], dtype=dtype, name=name, index=X._meta.index[:0])
    return dd.from_delayed(nodes, meta=meta, divisions=X.divisions)


def series(values: NDArray, rows: Any, method: str) -> Any:
    """The values of one partition, with the index of its rows."""
    dtype, name = OUTPUTS[method]
    return import_optional("pandas", "dask").Series(
        values, index=rows.index, name=name, dtype=dtype
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
    number: int,
) -> Any:
    return series(_called(estimator, method, frame, options, number, columns), frame, method)


def call(estimator: Any, method: str, rows: Any, options: dict[str, Any]) -> Any:
    """Call a method of a detector, or of the last step of a Pipeline after its transformers.

    A Pipeline has no `p_values` of its own.
    """
    if hasattr(estimator, method):
        return getattr(estimator, method)(rows, **options)
    transformers, detector = pipeline_steps(estimator)
    for transformer in transformers:
        rows = transformer.transform(rows)
    return getattr(detector, method)(rows, **options)


@contextmanager
def naming_partition(number: int) -> Iterator[None]:
    """Let errors about rows name the partition."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"Partition {number} of X: {error}") from error


def _called(
    estimator: Any,
    method: str,
    rows: Any,
    options: dict[str, Any],
    number: int,
    columns: list[Any] | None = None,
) -> NDArray:
    check_part(rows, columns, number)
    with naming_partition(number):
        return call(estimator, method, rows, options)
