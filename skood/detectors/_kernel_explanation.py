"""Explanations of a kernel density, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explanation import ExplainedNeighbors, Explanation, LinearMap
from ..explanation.expected import ExpectedValues, joined
from ..explanation.given_features import given_names, given_rows, given_shares
from ..measures.blocks import slices
from ..measures.kernel_weights import kernel_weights
from ..measures.lengths import pair_distances
from ..measures.shares import share_factors

_LEAST_WEIGHT = 1e-25  # a training row of less weight changes no digit of a share
_TERMS_BYTES = 1 << 25  # of differences at a time
_LARGEST = float(np.finfo(np.float64).max)


def explain_by_kernels(
    detector: Any,
    X: NDArray,
    exclude: NDArray[np.intp],
    scores: NDArray[np.float64],
    n_neighbors: int,
    linear_map: LinearMap | None,
) -> Explanation:
    """Explain checked rows, each with the training row at `exclude` left out."""
    rows, h = detector.training_rows_, detector.bandwidth_
    n, d = rows.shape
    k = min(n_neighbors, n - bool((exclude >= 0).any()))
    shares, base = [], np.empty(len(X))
    indices = np.empty((len(X), k), dtype=np.intp)
    distances, weights = np.empty((len(X), k)), np.empty((len(X), k))
    everything, first = np.arange(n), np.zeros(n, dtype=np.intp)
    for i, left_out in enumerate(exclude):
        row = X[i : i + 1]
        to_all = pair_distances(rows, row, everything, first)
        if left_out >= 0:
            to_all[left_out] = np.inf
        kernels = kernel_weights(to_all[np.newaxis], h)
        # scale of the kernel, and the mean over all rows but the one left out
        constants = d * (np.log(h) + 0.5 * np.log(2 * np.pi)) + np.log(n - (left_out >= 0))
        base[i] = kernels.entropy[0] - constants
        indices[i] = np.argsort(to_all, kind="stable")[:k]
        distances[i], weights[i] = to_all[indices[i]], kernels.weights[0, indices[i]]
        parts = _weighted(kernels.weights[0], kernels.exponents[0])
        shares.append(_row_shares(rows, row, parts, linear_map))
    labels = detector.training_labels_
    neighbors = ExplainedNeighbors(
        indices, distances, weights, None if labels is None else labels[indices]
    )
    all_shares = np.concatenate(shares)
    names = given_names(detector, all_shares.shape[1], linear_map)
    expected = [
        ExpectedValues.of_rows(given_rows(rows.take(indices[part], axis=0), linear_map))
        for part in slices(len(X), _TERMS_BYTES, each=8 * k * d)
    ]
    return Explanation(
        scores,
        all_shares,
        names,
        base,
        neighbors,
        values=given_rows(X, linear_map),
        expected=joined(expected),
    )


def _weighted(weights: NDArray[np.float64], exponents: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of each training row in minus the log density; 0 for a row without weight."""
    counts = weights > _LEAST_WEIGHT
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(counts, np.minimum(weights * exponents, _LARGEST / len(weights)), 0.0)


def _row_shares(
    rows: NDArray, row: NDArray, parts: NDArray[np.float64], linear_map: LinearMap | None
) -> NDArray[np.float64]:
    """Shares of one row, (1, n_features), in blocks of training rows."""
    weighing = np.flatnonzero(parts)
    n = max(len(weighing), 1)  # one empty block where all parts are 0
    total: Any = 0.0
    for part in slices(n, _TERMS_BYTES, each=8 * rows.shape[1]):
        block = weighing[part]
        differences = np.subtract(row, rows[block], dtype=np.float64)
        factors = share_factors(differences[np.newaxis], parts[np.newaxis, block])
        total = total + given_shares(factors, linear_map)
    return total
