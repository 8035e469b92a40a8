"""How far each training row lies from the others, by a measure that a few odd rows do not rule."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures.knn import knn_distance
from ..neighbors import ExactIndex, KDTreeIndex
from ..neighbors.index_choice import is_for_a_tree

_WIDE = 50  # neighbours: more than there are odd rows of one kind
# Widths of a normal distribution of variance 1, by which quantiles become standard deviations.
_QUARTILES, _TWENTIETHS, _ABSOLUTE = 1.349, 3.290, 0.798


def least_typical(
    X: NDArray,
    share: float,
    labels: NDArray | None = None,
    *,
    n_neighbors: int | None = None,
    n_jobs: int | None = None,
) -> NDArray[np.intp]:
    """Positions of the rows that lie furthest from the others by `wide_distances`, ascending.

    They are at most this share of the rows, or of those of each label; of equally typical rows all
    or none. Without a number of neighbours it is 50, but at most half of the rows.
    """
    k = min(_WIDE, len(X) // 2) if n_neighbors is None else n_neighbors
    distances = wide_distances(X, k, n_jobs)
    if labels is None:
        return _largest(distances, share)
    parts = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.concatenate([part[_largest(distances[part], share)] for part in parts]))


def _largest(distances: NDArray[np.float64], share: float) -> NDArray[np.intp]:
    """Positions of at most this share of the distances, the largest; of equal ones all or none."""
    n_kept = len(distances) - int(share * len(distances))
    boundary = np.partition(distances, n_kept - 1)[n_kept - 1]
    return np.flatnonzero(distances > boundary)


def wide_distances(X: NDArray, n_neighbors: int, n_jobs: int | None) -> NDArray[np.float64]:
    """Distance of each row to its k-th nearest other row, on robustly scaled columns.

    With a large k, fewer odd rows than k are far from it, however close they are to each other.
    """
    make = KDTreeIndex if is_for_a_tree(X.shape[1]) else ExactIndex
    index = make(n_jobs=n_jobs).fit(robustly_scaled(X))
    return knn_distance(index.query_training(n_neighbors).distances, aggregation="max")


def robustly_scaled(X: NDArray) -> NDArray[np.float64]:
    """Columns about their median, in units of their middle half, with far values drawn near.

    The inverse hyperbolic sine is linear about 0 and grows as the logarithm further out: a value of
    1e12 among 20s is far off in its column, and the other columns of the row still count. All are
    finite.
    """
    X = np.asarray(X, dtype=np.float64)
    most = np.finfo(np.float64).max
    with np.errstate(over="ignore"):
        centred = np.clip(X - np.median(X, axis=0), -most, most)
        return np.ascontiguousarray(np.arcsinh(np.clip(centred / _spreads(centred), -most, most)))


def _spreads(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """The standard deviation of each column by its middle half, or by more of it if that is 0."""
    low, first, third, high = np.quantile(centred / 2, [0.05, 0.25, 0.75, 0.95], axis=0)
    deviation = np.abs(centred / len(centred)).sum(axis=0)
    spreads: Any = (third - first) / (_QUARTILES / 2)
    spreads = np.where(spreads > 0, spreads, (high - low) / (_TWENTIETHS / 2))
    spreads = np.where(spreads > 0, spreads, deviation / _ABSOLUTE)
    return np.where(spreads > 0, spreads, 1.0)
