"""Detectors on the training rows, which the model holds.

Distances come from differences in float64. A matrix product would be faster for many new rows, and
loses the digits of rows that are near each other but far from the centre of the training rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation import parameter_error
from ..neighbors import ExactIndex, KDTreeIndex
from ._graph import Value, where
from ._inputs import COPY_SHARE, bounded, equality_limit, of_length_one, unit_of, without_nan
from ._lcp import local_conditional_probability

_SMALLEST_FLOAT = float(np.finfo(np.float64).min)


def knn_scores(detector: Any, x: Value, rounding: float) -> Value:
    """Scores by a `KNNOutlierDetector`."""
    x, rows, unit, bad = _compared(detector, x)
    squares, _ = _nearest(x, rows, detector.n_neighbors_, _limit(detector, unit, rounding))
    distances = squares * 0.5 if detector.metric == "cosine" else squares.sqrt() * unit
    if detector.aggregation == "max":
        score = -distances.largest()
    else:
        score = -(distances / float(detector.n_neighbors_)).sum()
    return where(bad, np.nan, score)


def lcp_scores(detector: Any, x: Value, rounding: float) -> Value:
    """Scores by an `LCPOutlierDetector`."""
    x, rows, unit, bad = _compared(detector, x)
    k, limit = detector.n_neighbors_, _limit(detector, unit, rounding)
    squares, indices = _nearest(x, rows, k, limit)
    differences = rows.taken(indices) - x.with_axis(1)
    score = local_conditional_probability(detector, differences, squares, indices, unit)
    return where(bad, np.nan, score)


def kernel_scores(detector: Any, x: Value, rounding: float) -> Value:
    """Scores by a `KernelDensityOutlierDetector`."""
    _check_exact(detector)
    training_rows, h = np.asarray(detector.training_rows_), float(detector.bandwidth_)
    n, d = training_rows.shape
    bad, x = without_nan(x)
    rows = x.graph.constant(training_rows).cast(np.float64) / h
    limit = min(equality_limit(training_rows, rounding) / h, COPY_SHARE)
    positions = x.graph.constant(np.arange(n))

    def write(row: Value) -> list[Value]:
        squares = (rows - row).squares()
        nearest = squares.graph.op("ArgMin", squares, axis=0, keepdims=0, dtype=np.int64)
        is_equal = squares.smallest() <= limit**2
        left_out = positions.equals(nearest) & is_equal
        exponents = where(left_out, -np.inf, squares * -0.5)
        largest = exponents.largest()
        log_sum = largest + (exponents - largest).exp().sum().log()
        return [log_sum - (float(n) - is_equal.cast(np.float64)).log()]

    (score,) = x.graph.over_rows(write, bounded(x / h), shapes=[()])
    scale = d * (np.log(h) + 0.5 * np.log(2.0 * np.pi))
    return where(bad, np.nan, (score - scale).most(_SMALLEST_FLOAT))


def _check_exact(detector: Any) -> None:
    index = getattr(detector, "index_", None)
    if index is not None and type(index) not in (ExactIndex, KDTreeIndex):
        allowed = "'auto', 'exact', ExactIndex or KDTreeIndex for to_onnx, which searches exactly"
        raise parameter_error(detector, "algorithm", allowed, detector.algorithm)


def _compared(detector: Any, x: Value) -> tuple[Value, Value, float, Value]:
    """New rows and training rows in float64 and in a common unit; which new rows hold NaN."""
    _check_exact(detector)
    training_rows = np.asarray(detector.index_.training_rows_)
    rows, unit = x.graph.constant(training_rows).cast(np.float64), unit_of(training_rows)
    if detector.metric == "cosine":
        rows, x, unit = of_length_one(rows), of_length_one(x), 1.0
    bad, x = without_nan(x)
    if unit != 1.0:
        rows, x = rows / unit, x / unit
    return bounded(x), rows, unit, bad


def _limit(detector: Any, unit: float, rounding: float) -> float:
    if detector.metric == "cosine":
        return rounding
    return equality_limit(np.asarray(detector.index_.training_rows_), rounding) / unit


def _nearest(x: Value, rows: Value, k: int, limit: float) -> tuple[Value, Value]:
    """Squared distances (m, k) and positions of the nearest, one equal copy left out."""

    def write(row: Value) -> list[Value]:
        squares = (rows - row).squares()
        dtypes = (np.float64, np.int64)
        return row.graph.ops(
            "TopK", squares, np.array([k + 1]), dtypes=dtypes, axis=0, largest=0, sorted=1
        )

    squares, indices = x.graph.over_rows(write, x, shapes=[(k + 1,), (k + 1,)])
    farthest = squares.columns(k, k + 1) * COPY_SHARE**2
    is_equal = squares.columns(0, 1) <= farthest.least(limit**2)
    nearest = [
        where(is_equal, both.columns(1, k + 1), both.columns(0, k)) for both in (squares, indices)
    ]
    return nearest[0], nearest[1]
