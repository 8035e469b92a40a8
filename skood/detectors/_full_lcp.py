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
_PRODUCT_BYTES = 1 << 25  # of reconstructions at a time
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

    A training row is the neighbour of many, so a product with a sparse matrix of weights reads it
    once. Where that may have lost digits, far from the centre, differences come first.
    """
    weights, _, _ = perplexity_weights(detector._row_distances(neighbors), detector.perplexity)
    lcp, error = np.zeros(len(rows)), np.full(len(rows), np.inf)
    new = detector._unit_rows(X)
    if detector.variance_weight == 0:
        for part in slices(len(rows), _PRODUCT_BYTES, each=8 * X.shape[1]):
            pairs = rows[part], neighbors.indices[part], weights[part], queries[part]
            lcp[part], error[part] = _by_product(detector, *pairs, new)
    lost = np.flatnonzero(~(error <= _ROUNDING * lcp))
    for part in slices(len(lost), _GATHER_BYTES, each=8 * X.shape[1] * weights.shape[1]):
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
    stored = detector._neighbor_rows(used[:, np.newaxis])[:, 0].astype(np.float64, copy=False)
    centre = stored.mean(axis=0)
    vectors = np.vstack([stored - centre, new - centre])
    m, k = indices.shape
    columns = np.where(indices < 0, (len(used) + queries)[:, np.newaxis], place[indices])
    starts = np.arange(0, m * k + 1, k)
    mixing = csr_matrix((weights.ravel(), columns.ravel(), starts), (m, len(vectors)))
    offset = mixing @ vectors
    offset -= vectors[place[rows]]
    lengths = row_norms(vectors)
    return row_norms(offset), (k + 8) * _EPS * (mixing @ lengths + lengths[place[rows]])
