"""Explanations of the detectors on nearest neighbours, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explanation import ExplainedNeighbors, Explanation, LinearMap
from ..explanation.expected import ExpectedValues, joined
from ..explanation.given_features import given_names, given_rows, given_shares
from ..measures.blocks import slices
from ..neighbors import NeighborIndex
from ..rows.rounded import restored

_BLOCK_BYTES = 1 << 25  # of the differences from neighbours at a time


def explain_by_neighbors(
    detector: Any, X: NDArray, rounded: bool, linear_map: LinearMap | None
) -> tuple[Explanation, int]:
    """Explain checked rows, and count those whose search for weights did not converge."""
    k, d = detector.n_neighbors_, X.shape[1]
    parts: list[Sequence[NDArray]] = []
    expected: list[ExpectedValues] = []
    n_failed = 0
    for part in slices(len(X), _BLOCK_BYTES, each=8 * k * d):
        block = X[part]
        equal = detector.index_.find_equal(block, rounded=rounded)
        block = restored(block, detector.index_.training_rows_, equal) if rounded else block
        neighbors = detector.index_.answer(block, k, equal)
        scores, failed = detector._score(block, neighbors)
        rows = detector.index_.training_rows_.take(neighbors.indices, axis=0)
        differences = _differences(detector.index_, block, rows, neighbors.indices)
        expected.append(ExpectedValues.of_rows(given_rows(rows, linear_map)))
        factors, weights, base = detector._share_factors(differences, neighbors, scores)
        shares = given_shares(factors, linear_map)
        parts.append((scores, shares, base, given_rows(block, linear_map), *neighbors, weights))
        n_failed += failed
    scores, shares, base, values, indices, distances, weights = map(
        np.concatenate, zip(*parts, strict=True)
    )
    labels = detector.training_labels_
    classes = None if labels is None else labels[indices]
    explained = ExplainedNeighbors(indices, distances, weights, classes)
    names = given_names(detector, shares.shape[1], linear_map)
    explanation = Explanation(
        scores, shares, names, base, explained, values=values, expected=joined(expected)
    )
    return explanation, n_failed


def _differences(
    index: NeighborIndex, X: NDArray, rows: NDArray, indices: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Each row minus its neighbours, all divided by their lengths for the cosine; (m, k, d)."""
    norms = index.row_norms_
    if norms is None:
        return np.subtract(X[:, np.newaxis], rows, dtype=np.float64)
    lengths = np.asarray(index.norms(X))
    return (X / lengths[:, np.newaxis])[:, np.newaxis] - rows / norms[indices][..., np.newaxis]
