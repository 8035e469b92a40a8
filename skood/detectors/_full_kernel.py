"""Full conformal ranks of a kernel density: a new row adds a kernel to each training row's sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_new_rows
from ..measures.kernel_density import LargeKernels, log_kernel_sum
from ..measures.lengths import pair_distances
from ..measures.ties import tie_limits
from ..rows.place import is_stored
from ._full_conformal import RankCounts, ScoreRanks, counts_by_blocks

_MOST_ROWS = 4096  # new rows at a time
_FEW_VALUES = 1 << 17  # of training rows
_LEAST = float(np.finfo(np.float64).min)
_SHARE = 1 / 64  # a kernel is looked at if it is at least this share of a new row's sum
_TOLERANCE = 1e-10  # of sums of kernels: less than tells ties apart


class FullByKernels:
    """Full conformal ranks of a kernel density.

    The bandwidth is that of n + 1 rows. All n + 1 densities are means over n kernels, so that sums
    of kernels are compared. A new row adds a kernel to the sum of each training row. The kernel can
    change the rank only if it is large, or if the sum is just below that of the new row: only then
    it is added.
    """

    def __init__(self, detector: Any) -> None:
        rows = detector.training_rows_
        if is_stored(rows):
            raise ValueError(
                f"method='full' needs all training rows of {type(detector).__name__} in memory. "
                "Read them into an array, or use method='split'."
            )
        self.detector = detector
        itself = np.arange(len(rows))
        self.training_scores = detector._log_density(rows, itself)
        self._how: dict[str, Any] = {
            "bandwidth": detector._find_bandwidth(len(rows) + 1, rows.shape[1]),
            "tolerance": _TOLERANCE,
        }
        self._sums = detector._log_sums(rows, rows, itself, **self._how)
        self._order = np.argsort(self._sums)

    def counts(self, X: Any, codes: NDArray[np.intp] | None = None) -> RankCounts:
        """Ranks of new rows, as `FullByNeighbors.counts` gives them."""
        rows = self.detector.training_rows_
        X = check_new_rows(self.detector, X, rows.dtype)
        ranks = ScoreRanks(self._sums, codes, 1.0)

        def count(block: NDArray) -> RankCounts:
            if len(block) == 1 and rows.size <= _FEW_VALUES:
                return self._counts_of_one(ranks, block)
            large, none = LargeKernels(_SHARE), np.full(len(block), -1)
            centre = self.detector._centre
            own = log_kernel_sum(block, rows, exclude=none, centre=centre, large=large, **self._how)
            queries, positions = self._open_pairs(own, large)
            d = pair_distances(rows, block, positions, queries) / self._how["bandwidth"]
            with np.errstate(over="ignore"):
                sums = np.logaddexp(-0.5 * d**2, self._sums[positions])
            return ranks.counts(own, queries, positions, sums)

        return counts_by_blocks(count, X, _MOST_ROWS, self.detector.n_jobs)

    def _counts_of_one(self, ranks: ScoreRanks, row: NDArray) -> RankCounts:
        """Counts for one row among few, by all kernels: to find the open pairs takes longer."""
        every = np.arange(len(self._sums))
        none = np.zeros_like(every)
        d = pair_distances(self.detector.training_rows_, row, every, none)
        with np.errstate(over="ignore", divide="ignore"):
            kernels = -0.5 * (d / self._how["bandwidth"]) ** 2
            largest = max(float(kernels.max()), _LEAST)
            own = largest + np.log(np.exp(kernels - largest).sum(keepdims=True))
        return ranks.counts(own, none, every, np.logaddexp(kernels, self._sums))

    def _open_pairs(
        self, own: NDArray[np.float64], large: LargeKernels
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of new and training row where the kernel may decide, each once."""
        low, high = tie_limits(own, 1.0)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            # without a large kernel, a sum below this stays below that of the new row
            least = low + np.log(np.maximum(1.0 - 1.1 * _SHARE * np.exp(own - low), 0.0))
        least[np.isnan(least)] = -np.inf
        ordered = self._sums[self._order]
        first = np.searchsorted(ordered, least, side="left")
        sizes = np.maximum(np.searchsorted(ordered, high, side="right") - first, 0)
        queries = np.repeat(np.arange(len(own)), sizes)
        within = np.arange(len(queries)) - (np.cumsum(sizes) - sizes)[queries]
        close = self._order[first[queries] + within]
        n, (others, rows) = len(ordered), large.pairs()
        pairs = np.unique(np.append(queries * n + close, others * n + rows))
        return np.divmod(pairs, n)
