"""LCP of training rows that have a new row among their neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..measures.blocks import slices
from ..measures.lcp import lcp_distance
from ..measures.lengths import row_norms
from ..measures.perplexity import perplexity_weights
from ..neighbors import Neighbors

_GATHER_BYTES = 1 << 20  # of neighbours' rows at a time
_SHARED_BYTES = 1 << 28  # of neighbours' rows at a time, most of which are the same
_VALUES = 1 << 15  # of weights at a time: they and their reconstructions stay in the cache
_ROUNDING = 1e-10  # of an LCP: less than tells ties apart
_EPS = float(np.finfo(np.float64).eps)


def lcp_beside(
    detector: Any,
    rows: NDArray[np.intp],
    neighbors: Neighbors,
    X: NDArray,
    queries: NDArray[np.intp],
) -> NDArray[np.float64]:
    """LCP of these training rows, each with a row of X, at -1, among its neighbours.

    A training row is the neighbour of many. Of many rows, a product with a sparse matrix of weights
    is faster; where it may have lost digits, far from the centre, differences come first.
    """
    distances, new = detector._row_distances(neighbors), detector._unit_rows(X)
    m, k = distances.shape
    weights, lcp, error = np.empty((m, k)), np.zeros(m), np.full(m, np.inf)
    for part in slices(m, _VALUES, each=k):
        weights[part], _, _ = perplexity_weights(distances[part], detector.perplexity)
    if detector.variance_weight == 0 and m * k > len(detector.index_.training_rows_):
        for part in slices(m, _SHARED_BYTES, each=8 * X.shape[1] * (k + 1)):
            pairs = rows[part], neighbors.indices[part], weights[part], queries[part]
            lcp[part], error[part] = _by_product(detector, *pairs, new)
    lost = np.flatnonzero(~(error <= _ROUNDING * lcp))
    for part in slices(len(lost), _GATHER_BYTES, each=8 * X.shape[1] * k):
        chosen = lost[part]
        indices = neighbors.indices[chosen]
        around = detector._neighbor_rows(np.maximum(indices, 0))
        at, column = np.nonzero(indices < 0)
        around[at, column] = new[queries[chosen][at]]
        stored = detector._neighbor_rows(rows[chosen, np.newaxis])[:, 0]
        spread = detector.variance_weight
        lcp[chosen] = lcp_distance(stored, around, weights[chosen], variance_weight=spread)
    return lcp


def _by_product(
    detector: Any,
    rows: NDArray[np.intp],
    indices: NDArray[np.intp],
    weights: NDArray[np.float64],
    queries: NDArray[np.intp],
    new: NDArray,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """LCP, and a bound of its rounding error."""
    is_used = np.zeros(len(detector.index_.training_rows_), dtype=bool)
    is_used[rows] = is_used[indices] = True
    used, place = np.flatnonzero(is_used), np.cumsum(is_used) - 1
    stored = detector._neighbor_rows(used[:, np.newaxis])[:, 0]
    vectors = np.concatenate([stored, new], dtype=np.float64)
    vectors -= vectors[: len(used)].mean(axis=0)
    lengths, of_rows = row_norms(vectors), place[rows]
    columns = np.where(indices < 0, (len(used) + queries)[:, np.newaxis], place[indices])
    m, k = indices.shape
    lcp, error = np.empty(m), np.empty(m)
    for part in slices(m, _VALUES, each=k):
        some, starts = weights[part], np.arange(0, weights[part].size + 1, k)
        cells = some.ravel(), columns[part].ravel(), starts
        mixing = csr_matrix(cells, (len(some), len(vectors)))
        offset = mixing @ vectors
        offset -= vectors.take(of_rows[part], axis=0)
        lcp[part] = row_norms(offset)
        error[part] = (k + 8) * _EPS * (mixing @ lengths + lengths[of_rows[part]])
    return lcp, error
