"""Full conformal ranks of a kernel density: a new row adds one kernel to each training row's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from .._validation import check_new_rows
from ..measures.blocks import slices
from ..measures.kernel_density import kernel_centre, log_kernel_sum
from ..measures.ties import tie_limits
from ..rows.place import is_stored
from ._full_conformal import RankCounts

_PAIRS = 1 << 22  # pairs of a new row and a training row that are compared at a time
_TOLERANCE = 1e-11  # largest error of an exponent by the product
_EPS = float(np.finfo(np.float64).eps)


class FullByKernels:
    """Full conformal ranks of a kernel density.

    The bandwidth is that of n + 1 rows. All n + 1 densities are means over n kernels, so that sums
    of kernels are compared.
    """

    def __init__(self, detector: Any) -> None:
        rows = detector.training_rows_
        if is_stored(rows):
            raise ValueError(
                f"method='full' needs all training rows of {type(detector).__name__} in memory. "
                "Read them into an array, or use method='split'."
            )
        self.detector = detector
        n, d = rows.shape
        itself = np.arange(n)
        self.training_scores = detector._log_density(rows, itself)
        self._bandwidth = detector._find_bandwidth(n + 1, d)
        self._centre = kernel_centre(rows)
        self._sums = log_kernel_sum(rows, rows, self._bandwidth, itself, self._centre)

    def counts(self, X: Any, codes: NDArray[np.intp] | None = None) -> RankCounts:
        """Ranks of new rows, as `FullByNeighbors.counts` gives them."""
        rows = self.detector.training_rows_
        X = check_new_rows(self.detector, X, rows.dtype)
        codes = np.zeros(len(rows), dtype=np.intp) if codes is None else codes
        order = np.argsort(codes, kind="stable")
        sizes = np.bincount(codes)
        starts = np.cumsum(sizes) - sizes
        rows, sums = self._in_bandwidths(rows[order]), self._sums[order]
        squares = 0.5 * np.einsum("ij,ij->i", rows, rows)
        parts = []
        for part in slices(len(X), _PAIRS, each=len(rows)):
            exponents = _exponents(self._in_bandwidths(X[part]), rows, squares)
            below, not_above = _compared(exponents, sums)
            in_classes = np.add.reduceat(below, starts, axis=1, dtype=np.intp)
            upper = np.add.reduceat(not_above, starts, axis=1, dtype=np.intp)
            parts.append(RankCounts(in_classes, upper - in_classes, sizes))
        return RankCounts(
            np.concatenate([counts.lower for counts in parts]),
            np.concatenate([counts.ties for counts in parts]),
            sizes,
        )

    def _in_bandwidths(self, X: NDArray) -> NDArray[np.float64]:
        return np.subtract(X, self._centre, dtype=np.float64) / self._bandwidth


def _exponents(
    Q: NDArray[np.float64], rows: NDArray[np.float64], half_squares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logarithms of the kernels, (m, n): by a product, or by differences where that may be off."""
    with np.errstate(over="ignore", invalid="ignore"):
        own = 0.5 * np.einsum("ij,ij->i", Q, Q)
        exponents = Q @ rows.T
        exponents -= half_squares
        exponents -= own[:, np.newaxis]
        error = (rows.shape[1] + 8) * _EPS * 4 * (own + half_squares.max())
        again = np.flatnonzero(~(error <= _TOLERANCE))
        if again.size:
            exponents[again] = -0.5 * cdist(Q[again], rows, "sqeuclidean")
    return np.maximum(exponents, np.finfo(np.float64).min, out=exponents)


def _compared(
    exponents: NDArray[np.float64], sums: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which training rows have a lower density than the new row, and which no higher one.

    A sum of two kernels' logarithms is at least the larger one and at most log(2) above it. Only
    where this leaves the answer open it is computed.
    """
    shift = exponents.max(axis=1)
    kernels = np.exp(np.maximum(exponents - shift[:, np.newaxis], -700.0))
    own = shift + np.log(kernels.sum(axis=1))
    low, high = tie_limits(own, 1.0)
    larger = np.maximum(exponents, sums)
    lower = larger < (low - np.log(2.0))[:, np.newaxis]
    not_above = lower.copy()
    queries, rows = np.nonzero(~lower & (larger <= high[:, np.newaxis]))
    both = np.logaddexp(exponents[queries, rows], sums[rows])
    lower[queries, rows] = both < low[queries]
    not_above[queries, rows] = both <= high[queries]
    return lower, not_above
