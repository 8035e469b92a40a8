"""Distances of given pairs of rows, to the last digits of float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_PAIR_BYTES = 1 << 18  # of differences at a time: stays in the second-level cache
_SMALLEST_SQUARE = 1e-280  # below this a square may have lost digits to the smallest float


def row_norms(X: NDArray) -> NDArray[np.float64]:
    """Length of each row in float64, also where squares would overflow or vanish."""
    return _lengths(lambda part: X[part].astype(np.float64), *X.shape)


def pair_distances(
    X: NDArray,
    Q: NDArray,
    x_rows: NDArray[np.intp],
    q_rows: NDArray[np.intp],
    norms: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """Euclidean distance of ``X[x_rows[i]]`` and ``Q[q_rows[i]]`` for each i, in float64.

    With `norms` (of the rows of X and of Q) the rows are divided by their length first. The
    distance of a pair does not depend on the other pairs of the call, to the last bit.
    """

    def differences(part: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        x_part, q_part = x_rows[part], q_rows[part]
        x, q = X.take(x_part, axis=0), Q.take(q_part, axis=0)  # faster than indexing
        if norms is None:
            difference = x.astype(np.float64)
            difference -= q
        else:
            difference = x / norms[0][x_part, np.newaxis]
            difference -= q / norms[1][q_part, np.newaxis]
        return difference

    return _lengths(differences, len(x_rows), X.shape[1])


def _lengths(
    vectors: Callable[[slice | NDArray[np.intp]], NDArray[np.float64]], n: int, d: int
) -> NDArray[np.float64]:
    """Lengths of n vectors, of which few are in memory at a time."""
    lengths = np.empty(n)
    step = max(1, _PAIR_BYTES // (8 * d))
    for start in range(0, n, step):
        part = slice(start, start + step)
        some = vectors(part)
        with np.errstate(over="ignore", under="ignore"):
            lengths[part] = np.einsum("ij,ij->i", some, some)
    odd = np.flatnonzero(~((lengths > _SMALLEST_SQUARE) & (lengths < np.inf)))
    np.sqrt(lengths, out=lengths)
    for start in range(0, len(odd), step):
        few = odd[start : start + step]
        some = vectors(few)
        largest = np.abs(some).max(axis=1)
        unit = np.where(largest > 0, largest, 1.0)
        some /= unit[:, np.newaxis]
        lengths[few] = unit * np.sqrt(np.einsum("ij,ij->i", some, some))
    return lengths


def nearest_of_pairs(
    q_rows: NDArray[np.intp],
    x_rows: NDArray[np.intp],
    distances: NDArray[np.float64],
    n_queries: int,
    k: int,
) -> NDArray[np.intp]:
    """Which pairs are the k nearest of each query, (n_queries, k), ascending.

    Ties stand in the order of training. Every query must have at least k pairs.
    """
    order = np.lexsort((x_rows, distances, q_rows))
    counts = np.bincount(q_rows, minlength=n_queries)
    first = np.cumsum(counts) - counts
    return order[first[:, np.newaxis] + np.arange(k)]
