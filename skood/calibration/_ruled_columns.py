"""Columns whose standard deviation comes from a few values."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rows import as_stored_rows
from ._calibration_rows import last_inputs

_RULED = 100.0  # a standard deviation so many times that of the column's other values
_MOST_NAMES = 5


def warn_of_ruled_columns(pipeline: Any, X: Any) -> None:
    """Warn of columns with a few extreme values, beside which scaling makes all others equal.

    A few values rule a column if the spread falls to less than a hundredth without the furthest 1 %
    of the values (at least one), and the other values differ. The warning needs such a column among
    the inputs of the last step, with other values 100 times closer together than those of another
    column.

    Parameters
    ----------
    pipeline : OutlierPipeline
        Fitted to these rows.
    X : array-like of shape (n_samples, n_features), or whatever the first step takes
        The training rows. Rows on disk are not looked at.
    """
    if as_stored_rows(X) is not None:
        return
    pairs = [(name, *_spreads(values)) for name, values in _columns(X)]
    ruled = [name for name, spread, others in pairs if 0.0 < others < spread / _RULED]
    if not ruled:
        return
    scaled = _columns(last_inputs(pipeline, X))
    spreads = np.array([_spreads(values) for _, values in scaled]).reshape(-1, 2)
    # rounded to float32, the others may even be equal
    if (_RULED * spreads[:, 1] < np.minimum(spreads[:, 0], spreads[:, 1].max(initial=0))).any():
        more = f" and {len(ruled) - _MOST_NAMES} more" if len(ruled) > _MOST_NAMES else ""
        warnings.warn(
            f"A few values rule the column(s) {', '.join(ruled[:_MOST_NAMES])}{more}: beside them "
            "all other values look alike, and odd rows pass. Correct these values, or leave such "
            "rows out with robust=True of make_outlier_detector, trim=0.05 of OutlierPipeline, or "
            "--robust.",
            UserWarning,
            stacklevel=4,
        )


def _columns(X: Any) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Name and finite values of each column of numbers."""
    if hasattr(X, "columns"):
        names = getattr(X, "column_names", X.columns)  # of Arrow, whose columns are arrays
        named = [(repr(name), np.asarray(X[name])) for name in names]
    else:
        rows = np.asarray(X if hasattr(X, "dtype") else None)  # others may be slow to read
        named = [(str(j), rows[:, j]) for j in range(rows.shape[1])] if rows.ndim == 2 else []
    for name, values in named:
        if values.ndim == 1 and values.dtype.kind in "fiu":
            numbers = values.astype(np.float64)
            yield name, numbers[np.isfinite(numbers)]


def _spreads(values: NDArray[np.float64]) -> tuple[float, float]:
    """Root of the mean square about the median: of all values, and of all but the furthest."""
    if len(values) < 2:
        return 0.0, 0.0
    # halves do not overflow
    distances = np.sort(np.abs(values / 2 - np.median(values) / 2))
    return _root_mean_square(distances), _root_mean_square(distances[: -max(1, len(values) // 100)])


def _root_mean_square(distances: NDArray[np.float64]) -> float:
    """Of ascending numbers, which may be as large as their type allows."""
    largest = distances[-1]
    return float(largest * np.sqrt(np.mean((distances / largest) ** 2))) if largest > 0 else 0.0
