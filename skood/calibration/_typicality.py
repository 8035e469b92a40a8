"""The distance of each training row from the others, which odd rows hardly change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..neighbors import ExactIndex, KDTreeIndex
from ..neighbors.index_choice import is_for_a_tree
from ..rows.sampling import uniform_sample

# Neighbours: more than there are odd rows of one kind.
_WIDE, _FEWEST_WIDE = 10, 20  # one of so many rows, and so many at least
_MOST_COMPARED, _SEED = 2_000, 0  # rows among which they are, else drawn
_BLOCK_BYTES = 1 << 24  # of neighbours at a time
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
    """Positions of the rows with the largest `wide_distances`, ascending.

    At most this share of the rows, or of each label; of equally typical rows all or none. The
    default number of neighbours is `wide_neighborhood`, among 2,000 rows.
    """
    compared = np.arange(len(X))
    if n_neighbors is None:
        compared = uniform_sample(len(X), _MOST_COMPARED, _SEED)
        n_neighbors = wide_neighborhood(len(X))
    distances = wide_distances(X, compared, n_neighbors, n_jobs)
    if labels is None:
        return _largest(distances, share)
    parts = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(np.concatenate([part[_largest(distances[part], share)] for part in parts]))


def _largest(distances: NDArray[np.float64], share: float) -> NDArray[np.intp]:
    """Positions of at most this share of the distances, the largest; of equal ones all or none."""
    n_kept = len(distances) - int(share * len(distances))
    boundary = np.partition(distances, n_kept - 1)[n_kept - 1]
    return np.flatnonzero(distances > boundary)


def wide_neighborhood(n_samples: int) -> int:
    """A tenth of the rows that are compared, but at least 20 and at most half of them."""
    n_compared = min(n_samples, _MOST_COMPARED)
    return min(max(n_compared // _WIDE, _FEWEST_WIDE), n_compared // 2)


def wide_distances(
    X: NDArray, compared: NDArray[np.intp], n_neighbors: int, n_jobs: int | None
) -> NDArray[np.float64]:
    """Distance of each row to its k-th nearest among the compared others, robustly scaled.

    A group of fewer than k odd rows has large distances, however tight it is.
    """
    make = KDTreeIndex if is_for_a_tree(X.shape[1]) else ExactIndex
    rows, itself = robustly_scaled(X), np.full(len(X), -1)
    itself[compared] = np.arange(len(compared))
    index, distances = make(n_jobs=n_jobs).fit(rows[compared]), np.empty(len(X))
    for part in slices(len(X), _BLOCK_BYTES, each=16 * n_neighbors):
        found = index.query(rows[part], n_neighbors, exclude=itself[part])
        distances[part] = found.distances[:, -1]
    return distances


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
